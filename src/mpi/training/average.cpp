// Entries that average the gradients of a model over ranks: after backward, or while it computes.
#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/group.h"
#include "core/numbered.h"
#include "core/waiting.h"
#include "ctorch_mpi.h"
#include "training/early_sums.h"
#include "training/gradients.h"

using namespace ftorch;

namespace {

// What ranks have to know of each other before they add up: one message tells it.
struct Said {
  int64_t failed = 0;  // the lowest rank that has failed
  int64_t least_digest = 0, most_digest = 0;
  int64_t samples = 0;
  int64_t some_on_a_device = 0;  // on any rank
  int64_t mpi_takes_all = 0;     // on all
};

void combine(void* in, void* inout, int* length, MPI_Datatype*) {
  const auto* theirs = static_cast<const Said*>(in);
  auto* ours = static_cast<Said*>(inout);
  for (int i = 0; i < *length; ++i) {
    ours[i].failed = std::min(ours[i].failed, theirs[i].failed);
    ours[i].least_digest = std::min(ours[i].least_digest, theirs[i].least_digest);
    ours[i].most_digest = std::max(ours[i].most_digest, theirs[i].most_digest);
    ours[i].samples += theirs[i].samples;
    ours[i].some_on_a_device = std::max(ours[i].some_on_a_device, theirs[i].some_on_a_device);
    ours[i].mpi_takes_all = std::min(ours[i].mpi_takes_all, theirs[i].mpi_takes_all);
  }
}

Said of_all(const Group& all, const Said& mine) {
  static const auto [type, sum] = [] {
    MPI_Datatype made = MPI_DATATYPE_NULL;
    check(MPI_Type_contiguous(sizeof(Said) / sizeof(int64_t), MPI_INT64_T, &made), "MPI_Type_contiguous");
    check(MPI_Type_commit(&made), "MPI_Type_commit");
    MPI_Op op = MPI_OP_NULL;
    check(MPI_Op_create(&combine, 1, &op), "MPI_Op_create");
    return std::pair(made, op);
  }();
  auto said = std::make_unique<Said>(mine);
  MPI_Request request = MPI_REQUEST_NULL;
  check(MPI_Iallreduce(MPI_IN_PLACE, said.get(), 1, type, sum, all.comm(), &request), "MPI_Iallreduce");
  wait_for_all(request, said);
  return *said;
}

// Ranks have gradients of different parameters, or different models.
void take_those_of_all(const Group& all, Gradients& gradients) {
  std::string mine;
  all.together([&] { mine = gradients.parameters(); });
  const std::string first = all.of_first(mine);
  all.together([&] {
    if (mine != first) fail(CTORCH_ERROR_ARGUMENT, "argument 'model': its parameters are not those of the model of rank 0");
  });
  std::vector<int64_t> has = gradients.has();
  check(MPI_Allreduce(MPI_IN_PLACE, has.data(), static_cast<int>(has.size()), MPI_INT64_T, MPI_MAX, all.comm()),
        "MPI_Allreduce");
  all.together([&] { gradients.take_those_of_all(has); });
}

template <class Part>
Outcome outcome_of(Part&& part) {
  try {
    part();
    return {};
  } catch (...) {
    return outcome_in_flight();
  }
}

// What each rank has found before anything is added up, and what all have; throws where one has failed.
Said agree(const Group& all, const Said& mine, const Outcome& outcome) {
  const Said said = of_all(all, mine);
  all.throw_if_failed(static_cast<int>(said.failed), outcome);
  if (said.samples == 0)
    throw AgreedError(0, CTORCH_ERROR_ARGUMENT, "argument 'samples' is 0 on all ranks: there is nothing to average");
  return said;
}

void need_samples(int64_t samples) {
  if (samples < 0) fail(CTORCH_ERROR_ARGUMENT, "argument 'samples': expected the samples of this rank, got ", samples);
}

void average(const Group& all, const ctorch_model* model, int64_t samples, bool check_finite, EarlySums* early) {
  std::optional<Gradients> gradients;
  Outcome outcome = outcome_of([&] {
    need_samples(samples);
    gradients.emplace(model);
    gradients->take_own();
  });
  if (early) {  // the others wait for this, whatever has failed here
    const Outcome too = early->finish(gradients ? gradients->handles() : std::vector<ctorch_tensor>());
    if (outcome.status == CTORCH_SUCCESS) outcome = too;
  }
  Said mine{.failed = all.first_failed(outcome), .samples = samples};
  if (gradients) {
    mine.least_digest = mine.most_digest = gradients->digest();
    mine.some_on_a_device = gradients->some_are_on_a_device();
    mine.mpi_takes_all = gradients->mpi_takes_all();
  }
  const Said said = agree(all, mine, outcome);
  if (said.least_digest != said.most_digest) take_those_of_all(all, *gradients);
  if (gradients->empty())
    throw AgreedError(0, CTORCH_ERROR_ARGUMENT,
                      "argument 'model': no parameter has a gradient on any rank; load it with requires_grad=.true. and call "
                      "torch_tensor_backward before");
  const double weight = static_cast<double>(samples) / static_cast<double>(said.samples);
  if (said.some_on_a_device && !said.mpi_takes_all) all.together([&] { gradients->fetch(); });
  const auto sum = said.mpi_takes_all ? gradients->add_up_on_devices(all, weight) : gradients->add_up(all, weight, early);
  if (!sum.somebody_speaks) return;
  all.together([&] {
    gradients->give_back();
    if (check_finite && sum.strange >= 0)
      fail(CTORCH_ERROR_MODEL, "number ", sum.strange + 1, " of the gradients is infinite or not a number (in the order of ",
           "torch_model_flatten_gradients, without parameters that have none)");
  });
}

// An average that has been started, and what finishes it.
struct Started {
  Group all;
  ctorch_model model;
  int64_t samples;
  std::unique_ptr<EarlySums> early;
};

// Never destroyed: what a program has not finished at its end belongs to an MPI that is no more.
Numbered<Started>& started_averages() {
  static auto* const all = new Numbered<Started>("average");
  return *all;
}

}  // namespace

int32_t ctorch_mpi_average_gradients(int32_t comm, const ctorch_model* model, int64_t samples, int32_t check_finite) {
  return guard([&] { average(group_of(comm), model, samples, check_finite != 0, nullptr); });
}

int32_t ctorch_mpi_average_start(int32_t comm, const ctorch_model* model, int64_t samples, int64_t* average) {
  return guard([&] {
    const Group all = group_of(comm);
    auto early = std::make_unique<EarlySums>(all);
    const Outcome outcome = outcome_of([&] {
      if (*average != 0) fail(CTORCH_ERROR_ARGUMENT, "it has been started already; finish it first");
      need_samples(samples);
      early->choose(model);
    });
    const int64_t digest = early->digest();
    const Said said = agree(all, {all.first_failed(outcome), digest, digest, samples}, outcome);
    if (said.least_digest != said.most_digest)
      throw AgreedError(0, CTORCH_ERROR_ARGUMENT, "argument 'model': its parameters are not the same on all ranks");
    all.together([&] { early->watch(static_cast<double>(samples) / static_cast<double>(said.samples)); });
    *average = started_averages().add(std::make_shared<Started>(Started{all, *model, samples, std::move(early)}));
  });
}

int32_t ctorch_mpi_average_finish(int64_t* number, int32_t check_finite) {
  return guard([&] {
    const auto started = started_averages().at(*number);
    started_averages().remove(std::exchange(*number, 0));
    average(started->all, &started->model, started->samples, check_finite != 0, started->early.get());
  });
}
