#include "host/float_call.h"

#include <cstdarg>
#include <cstddef>
#include <mutex>
#include <optional>
#include <utility>

#include "loader/rebind.h"

namespace ctorch {
namespace {

thread_local FloatCall* innermost = nullptr;

// GCC's regions: one function and its data.
using Body = void (*)(void*);
using Parallel = void (*)(Body, void*, unsigned, unsigned);

struct Region {
  FloatCall* leader;
  Body body;
  void* data;
};

void take_part(void* region) {
  const auto& [leader, body, data] = *static_cast<const Region*>(region);
  FloatCall part(leader);
  body(data);
}

// Two libraries can be bound to different OpenMP run times, so each run time has a function of its own in front of it.
template <size_t>
struct GnuTeams {
  static inline Parallel start = nullptr;
  static void lead(Body body, void* data, unsigned threads, unsigned flags) {
    FloatCall* call = innermost;
    if (!call) return start(body, data, threads, flags);
    Region region{call, body, data};
    call->fork([&] { start(take_part, &region, threads, flags); });
  }
};

// Clang's regions: a function with an argument per variable, given one by one.
using Outlined = void (*)(int32_t*, int32_t*, ...);
using Fork = void (*)(void*, int32_t, Outlined, ...);
constexpr size_t few = 32, most = 1024;

struct OutlinedRegion {
  FloatCall* leader;
  Outlined body;
  size_t room;  // few or most
  void* arguments[most];
};

// A function that is given more arguments than it takes ignores the others, on the processors that we know.
template <size_t... I>
void call_outlined(const OutlinedRegion& region, int32_t* thread, int32_t* bound, std::index_sequence<I...>) {
  using Full = void (*)(int32_t*, int32_t*, decltype(static_cast<void>(I), static_cast<void*>(nullptr))...);
  reinterpret_cast<Full>(region.body)(thread, bound, region.arguments[I]...);
}

void take_part_outlined(int32_t* thread, int32_t* bound, const OutlinedRegion* region) {
  std::optional<FloatCall> part;
  if (region->leader) part.emplace(region->leader);
  if (region->room == few)
    call_outlined(*region, thread, bound, std::make_index_sequence<few>());
  else
    call_outlined(*region, thread, bound, std::make_index_sequence<most>());
}

template <size_t>
struct LlvmTeams {
  static inline Fork start = nullptr;
  static void lead(void* place, int32_t count, Outlined body, ...) {
    const auto given = static_cast<size_t>(count);
    OutlinedRegion region;
    region.leader = innermost;
    region.body = body;
    region.room = given <= few ? few : most;
    va_list list;
    va_start(list, body);
    for (size_t i = 0; i < region.room; ++i) region.arguments[i] = i < given ? va_arg(list, void*) : nullptr;
    va_end(list);
    const auto run = [&] { start(place, 1, reinterpret_cast<Outlined>(&take_part_outlined), &region); };
    if (region.leader)
      region.leader->fork(run);
    else
      run();
  }
};

struct Seat {
  void** start;
  void* lead;
};

template <template <size_t> class Teams, size_t... I>
bool lead_teams(void* library, const char* name, std::index_sequence<I...>) {
  static std::mutex one_by_one;
  std::lock_guard lock(one_by_one);
  void* before = ctorch_rebind(library, name, nullptr);  // changes nothing: where do the calls go now?
  if (!before) return false;
  const Seat seats[] = {{reinterpret_cast<void**>(&Teams<I>::start), reinterpret_cast<void*>(&Teams<I>::lead)}...};
  for (const Seat& seat : seats)
    if (seat.lead == before) return true;
  for (const Seat& seat : seats)
    if (!*seat.start || *seat.start == before) {
      *seat.start = before;
      ctorch_rebind(library, name, seat.lead);
      break;
    }
  return true;
}

}  // namespace

FloatCall::FloatCall(Flush model) noexcept
    : before_(FloatState::current()),
      outer_(innermost),
      host_(outer_ ? outer_->host_ : before_),
      inside_(host_.for_call(flush_for(model))) {
  inside_.load(before_);
  innermost = this;
}

FloatCall::FloatCall(FloatCall* leader) noexcept
    : before_(FloatState::current()), outer_(innermost), leader_(leader), host_(before_), inside_(leader->inside_) {
  inside_.load(before_);
  innermost = this;
}

FloatCall::~FloatCall() {
  const FloatState now = FloatState::current();
  if (leader_ && (now.met_subnormals() || subnormals_.load(std::memory_order_relaxed)))
    leader_->subnormals_.store(true, std::memory_order_relaxed);
  before_.load(now);
  innermost = outer_;
}

void lead_teams_of(void* library) {
  constexpr std::make_index_sequence<4> run_times;
  // One compiler has made it; looking through a large library takes milliseconds.
  if (!lead_teams<GnuTeams>(library, "GOMP_parallel", run_times)) lead_teams<LlvmTeams>(library, "__kmpc_fork_call", run_times);
}

}  // namespace ctorch
