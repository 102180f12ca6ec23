// Entries that say whether computations are recorded. All of it belongs to the calling thread.
#include <ATen/core/grad_mode.h>
#include <c10/core/InferenceMode.h>

#include <atomic>
#include <list>
#include <optional>

#include "compat/anomaly_mode.h"
#include "core/error.h"
#include "ctorch_autograd.h"

using namespace ctorch;

namespace {

// An open scope; its end restores what was before.
class Scope {
 public:
  Scope(int32_t mode, int64_t ticket) : mode_(mode), ticket_(ticket), before_(mode != CTORCH_GRAD_MODE_INFERENCE) {
    if (mode == CTORCH_GRAD_MODE_INFERENCE) inference_.emplace(true);
    if (mode != CTORCH_GRAD_MODE_INFERENCE) at::GradMode::set_enabled(mode == CTORCH_GRAD_MODE_RECORD);
  }
  int32_t mode() const { return mode_; }
  int64_t ticket() const { return ticket_; }

 private:
  // Keeps recording as it is, to put it back at the end.
  struct Before {
    explicit Before(bool restores) : restores(restores), enabled(at::GradMode::is_enabled()) {}
    Before(const Before&) = delete;
    Before& operator=(const Before&) = delete;
    ~Before() {
      if (restores) at::GradMode::set_enabled(enabled);
    }
    bool restores, enabled;
  };
  int32_t mode_;
  int64_t ticket_;
  Before before_;
  std::optional<c10::InferenceMode> inference_;
};

// Scopes that a thread leaves open end with it, the last one first.
struct Scopes {
  Scopes() = default;
  Scopes(const Scopes&) = delete;
  Scopes& operator=(const Scopes&) = delete;
  ~Scopes() {
    while (!open.empty()) open.pop_back();
  }
  std::list<Scope> open;
};

std::list<Scope>& scopes() {
  thread_local Scopes mine;
  return mine.open;
}

const char* name(int32_t mode) { return mode == CTORCH_GRAD_MODE_INFERENCE ? "inference" : "no-grad"; }

}  // namespace

extern "C" {

int32_t ctorch_grad_mode_begin(int32_t mode, int64_t* ticket) {
  return guard([&] {
    require(ticket, "ticket");
    if (mode < CTORCH_GRAD_MODE_RECORD || mode > CTORCH_GRAD_MODE_INFERENCE)
      fail(CTORCH_ERROR_ARGUMENT, "argument 'mode': ", mode, " is no CTORCH_GRAD_MODE_* constant");
    static std::atomic<int64_t> last{0};
    *ticket = ++last;
    scopes().emplace_back(mode, *ticket);
  });
}

int32_t ctorch_grad_mode_end(int32_t mode) {
  return guard([&] {
    auto& open = scopes();
    if (open.empty()) fail(CTORCH_ERROR_ARGUMENT, "no scope is open on this thread: every end needs a begin before it");
    if (open.back().mode() != mode)
      fail(CTORCH_ERROR_ARGUMENT, "the innermost open scope is of another kind, ",
           open.back().mode() == CTORCH_GRAD_MODE_RECORD ? "recording" : name(open.back().mode()), "; end that one first");
    open.pop_back();
  });
}

int32_t ctorch_grad_mode_leave(int64_t ticket) {
  return guard([&] {
    auto& open = scopes();
    for (const Scope& scope : open) {
      if (scope.ticket() != ticket) continue;
      while (open.back().ticket() != ticket) open.pop_back();
      open.pop_back();
      return;
    }
  });
}

int32_t ctorch_grad_mode_set(int32_t enabled) {
  return guard([&] { at::GradMode::set_enabled(enabled != 0); });
}

int32_t ctorch_grad_mode_is_enabled(int32_t* answer) {
  return answer_with(answer, "the answer", [&] { return at::GradMode::is_enabled(); });
}

int32_t ctorch_grad_mode_detect_anomaly(int32_t enabled, int32_t check_nan) {
  return guard([&] { compat::set_anomaly_mode(enabled != 0, check_nan != 0); });
}

}  // extern "C"
