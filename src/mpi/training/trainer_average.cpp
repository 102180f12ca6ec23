// Entries of compiled training on many ranks: what the first half of a step has found is averaged, each rank counting by its
// samples.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "core/group.h"
#include "core/waiting.h"
#include "ctorch_mpi.h"
#include "training/weighted_sum.h"

using namespace ftorch;

namespace {

// Of one message: MPI counts with an int.
constexpr int64_t most_bytes = 1 << 30;

struct Flat {
  int32_t role = 0, dtype = 0;
  int64_t elements = 0, bytes = 0;
  void* data = nullptr;

  bool is_real() const { return dtype == CTORCH_DTYPE_FLOAT32 || dtype == CTORCH_DTYPE_FLOAT64; }

  // Calls something with the address of real elements as what they are.
  template <class Use>
  auto with(Use&& use) const {
    return dtype == CTORCH_DTYPE_FLOAT32 ? use(static_cast<float*>(data)) : use(static_cast<double*>(data));
  }
};

// What a trainer passes on from the first half of a step, and the small numbers that ranks exchange before. It holds the
// trainer: where a rank waits in vain it is given up, because MPI may still write into this memory.
class Passed {
 public:
  Passed() = default;
  Passed(const Passed&) = delete;
  Passed& operator=(const Passed&) = delete;
  ~Passed() { ctorch_trainer_delete(&trainer_); }

  void take(const ctorch_trainer* trainer) {
    chunk_memory();  // now, when it may still fail
    need(ctorch_trainer_share(trainer, &trainer_));
    int32_t count = 0;
    need(ctorch_trainer_exchange_count(&trainer_, &count));
    flats_.resize(static_cast<size_t>(count));
    for (int32_t i = 0; i < count; ++i) {
      Flat& flat = flats_[static_cast<size_t>(i)];
      need(ctorch_trainer_exchange(&trainer_, i, &flat.role, &flat.dtype, &flat.elements, &flat.bytes, &flat.data));
    }
  }

  // Whether MPI may still read and write here.
  bool is_under_way() const { return !requests_.empty(); }

  const ctorch_trainer* trainer() const { return &trainer_; }

  void need_finite() const {
    for (const Flat& flat : flats_) {
      if (flat.role == CTORCH_EXCHANGE_BUFFERS) continue;
      const int64_t bad = flat.with([&](const auto* values) {
        return std::count_if(values, values + flat.elements, [](auto value) { return !std::isfinite(value); });
      });
      if (bad == 0) continue;
      if (flat.role == CTORCH_EXCHANGE_LOSS) fail(CTORCH_ERROR_ARGUMENT, "the loss is infinite or not a number");
      fail(CTORCH_ERROR_ARGUMENT, bad, " of ", flat.elements, " gradients are infinite or not numbers");
    }
  }

  // What is to be the same on all ranks.
  std::string words() const {
    std::string text;
    for (const Flat& flat : flats_)
      text += (text.empty() ? "" : ", ") + std::to_string(flat.elements) + " of dtype " + std::to_string(flat.dtype);
    return text;
  }

  // Leaves the mean of all ranks in place of what each of them has.
  void average(const Group& all, int64_t samples) {
    samples_ = samples;
    const auto same = static_cast<int64_t>(std::hash<std::string>()(words()) >> 1);
    least_[0] = samples > 0 ? all.rank() : all.size();
    least_[1] = same;
    least_[2] = -same;
    requests_.assign(2, MPI_REQUEST_NULL);
    check(MPI_Iallreduce(MPI_IN_PLACE, &samples_, 1, MPI_INT64_T, MPI_SUM, all.comm(), &requests_[0]), "MPI_Iallreduce");
    check(MPI_Iallreduce(MPI_IN_PLACE, least_, 3, MPI_INT64_T, MPI_MIN, all.comm(), &requests_[1]), "MPI_Iallreduce");
    wait();
    if (least_[1] != -least_[2]) {
      const std::string first = all.of_first(words());
      all.together([&] {
        if (words() != first)
          fail(CTORCH_ERROR_ARGUMENT, "argument 'trainer': the ranks have different ones: it exchanges ", words(), " here, ",
               first, " on rank 0; load the same file everywhere");
      });
    }
    if (samples_ == 0) {  // as of an empty batch on one rank
      for (const Flat& flat : flats_)
        if (flat.role == CTORCH_EXCHANGE_LOSS) *static_cast<double*>(flat.data) = std::numeric_limits<double>::quiet_NaN();
      return;
    }
    const double share = static_cast<double>(samples) / static_cast<double>(samples_);
    add_up_all_of<float>(CTORCH_DTYPE_FLOAT32, all.comm(), share);
    add_up_all_of<double>(CTORCH_DTYPE_FLOAT64, all.comm(), share);
    for (const Flat& flat : flats_)
      if (!flat.is_real()) take_from_first(flat, all, all.rank() == least_[0]);
  }

 private:
  template <class Number>
  void add_up_all_of(int32_t dtype, MPI_Comm comm, double share) const {
    WeightedSum<Number> sum(comm, share);
    for (const Flat& flat : flats_)
      if (flat.dtype == dtype) sum.add(static_cast<Number*>(flat.data), flat.elements);
    sum.finish(0);
  }

  // Of what is no real number there is no mean: all take what the first rank that has samples has.
  static void take_from_first(const Flat& flat, const Group& all, bool is_first) {
    if (!is_first) std::memset(flat.data, 0, static_cast<size_t>(flat.bytes));
    for (int64_t at = 0; at < flat.bytes; at += most_bytes) {
      const auto some = static_cast<int>(std::min(most_bytes, flat.bytes - at));
      check(MPI_Allreduce(MPI_IN_PLACE, static_cast<char*>(flat.data) + at, some, MPI_BYTE, MPI_BOR, all.comm()),
            "MPI_Allreduce");
    }
  }

  void wait() {
    if (!wait_for(requests_.data(), static_cast<int>(requests_.size()))) fail_waiting();
    requests_.clear();
  }

  ctorch_trainer trainer_{};
  std::vector<Flat> flats_;
  int64_t samples_ = 0;           // of all ranks
  int64_t least_[3] = {0, 0, 0};  // the first rank that has samples; whether all have the same
  std::vector<MPI_Request> requests_;
};

// The error that a rank has had before it came here counts as its own.
struct Before {
  int32_t status;
  const char* message;
  int64_t length;
};

void average(const Group& all, const ctorch_trainer* trainer, int64_t samples, bool finite, const Before& before) {
  auto passed = std::make_unique<Passed>();
  all.together([&] {
    passed->take(trainer);
    if (samples == 0) need(ctorch_trainer_no_gradients(passed->trainer()));
    const int32_t begun = ctorch_trainer_mark_gradients(passed->trainer(), 0);  // whatever goes wrong: nothing can be applied
    if (before.status != CTORCH_SUCCESS)
      throw Error(before.status, std::string(before.message, static_cast<size_t>(before.length)));
    if (samples < 0) fail(CTORCH_ERROR_ARGUMENT, "argument 'samples': expected 0 or more, got ", samples);
    need(begun);
    if (finite) passed->need_finite();
  });
  try {
    passed->average(all, samples);
  } catch (...) {
    if (passed->is_under_way()) static_cast<void>(passed.release());
    throw;
  }
  need(ctorch_trainer_mark_gradients(passed->trainer(), 1));
}

}  // namespace

int32_t ctorch_mpi_trainer_average(int32_t comm, const ctorch_trainer* trainer, int64_t samples, int32_t finite) {
  return guard([&] { average(group_of(comm), trainer, samples, finite != 0, {CTORCH_SUCCESS, nullptr, 0}); });
}

int32_t ctorch_mpi_trainer_step(int32_t comm, const ctorch_trainer* trainer, int64_t samples, int32_t finite, int32_t mine,
                                const char* message, int64_t length, double* loss) {
  return guard([&] {
    const Group all = group_of(comm);
    average(all, trainer, samples, finite != 0, {mine, message, length});
    all.together([&] { need(ctorch_trainer_apply(trainer, loss)); });
  });
}
