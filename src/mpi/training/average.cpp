// Entry that averages the gradients of a model over ranks.
#include <memory>
#include <optional>
#include <vector>

#include "core/group.h"
#include "core/waiting.h"
#include "ctorch_mpi.h"
#include "training/gradients.h"

using namespace ftorch;

namespace {

// The sum over all ranks, number by number.
std::vector<int64_t> sum_of(const Group& all, const std::vector<int64_t>& mine) {
  auto sum = std::make_unique<std::vector<int64_t>>(mine);
  MPI_Request request = MPI_REQUEST_NULL;
  check(MPI_Iallreduce(MPI_IN_PLACE, sum->data(), static_cast<int>(sum->size()), MPI_INT64_T, MPI_SUM, all.comm(), &request),
        "MPI_Iallreduce");
  wait_for_all(request, sum);
  return std::move(*sum);
}

}  // namespace

int32_t ctorch_mpi_average_gradients(int32_t comm, const ctorch_model* model, int64_t samples, int32_t check_finite) {
  return guard([&] {
    const Group all = group_of(comm);
    std::optional<Gradients> gradients;
    std::string parameters;
    all.together([&] {
      if (samples < 0) fail(CTORCH_ERROR_ARGUMENT, "argument 'samples': expected the samples of this rank, got ", samples);
      gradients.emplace(model);
      parameters = std::to_string(gradients->digest());
    });
    const std::string first = all.of_first(parameters);
    std::vector<int64_t> mine = gradients->has();
    mine.push_back(samples);
    all.together([&] {
      if (parameters != first)
        fail(CTORCH_ERROR_ARGUMENT, "argument 'model': its parameters are not those of the model of rank 0");
    });
    std::vector<int64_t> sum = sum_of(all, mine);
    const int64_t total = sum.back();
    sum.pop_back();
    all.together([&] {
      if (total == 0) fail(CTORCH_ERROR_ARGUMENT, "argument 'samples' is 0 on all ranks: there is nothing to average");
      gradients->take(sum);
      if (check_finite && samples > 0) gradients->check_finite();
    });
    gradients->add_up(all, static_cast<double>(samples) / static_cast<double>(total));
    all.together([&] { gradients->give_back(); });
  });
}
