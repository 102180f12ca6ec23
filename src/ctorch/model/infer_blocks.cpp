// Entry that runs a model once for blocks of samples that lie in arrays of their own.
#include <ATen/Functions.h>
#include <c10/core/InferenceMode.h>
#include <c10/util/strides.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/text.h"
#include "ctorch_model.h"
#include "device/staging.h"
#include "model/handle.h"
#include "tensor/array.h"

using namespace ctorch;

namespace {

// One argument of the model: its arrays, block by block.
struct Argument {
  std::vector<at::Tensor> blocks;

  Argument(const ctorch_array* arrays, size_t stride, size_t count, const std::string& name) {
    std::vector<std::pair<const void*, size_t>> places;
    for (size_t b = 0; b < count; ++b) {
      const ctorch_array& array = arrays[b * stride];
      const std::string word = name + " of block " + std::to_string(b + 1);
      if (array.rank == 0) fail(CTORCH_ERROR_ARGUMENT, word, ": it has not been set");
      const int32_t dtype = array_dtype(array, CTORCH_DTYPE_DEFAULT, word.c_str());
      blocks.push_back(array_tensor(array, array_view(array, word.c_str()), dtype));
      const at::Tensor &first = blocks.front(), &mine = blocks.back();
      if (mine.dim() < 1 || mine.dim() != first.dim() || mine.scalar_type() != first.scalar_type() ||
          mine.sizes().slice(1) != first.sizes().slice(1))
        fail(CTORCH_ERROR_ARGUMENT, word, ": ", describe(mine), " does not go with ", describe(first), " of block 1; only the ",
             "first dimension, which counts the samples, may differ");
      if (mine.numel() > 0) places.emplace_back(mine.const_data_ptr(), b);
    }
    // A variable that is private to a thread and used for one block after the other: its last values would count for all.
    std::sort(places.begin(), places.end());
    for (size_t i = 1; i < places.size(); ++i)
      if (places[i].first == places[i - 1].first)
        fail(CTORCH_ERROR_ARGUMENT, name, ": blocks ", places[i - 1].second + 1, " and ", places[i].second + 1,
             " are the same array; each needs one of its own until the model has run");
  }
};

// The samples of all blocks in memory that the device reads by itself.
at::Tensor all_of(const Argument& argument, const StagingPool::Lease& staging) {
  c10::SmallVector<int64_t, CTORCH_MAX_RANK> sizes(argument.blocks.front().sizes());
  sizes[0] = 0;
  for (const at::Tensor& block : argument.blocks) sizes[0] += block.size(0);
  at::Tensor all = staging->room(sizes, c10::contiguous_strides(sizes), argument.blocks.front().scalar_type());
  at::cat_out(all, argument.blocks);
  return all;
}

std::vector<Argument> arguments(const ctorch_array* arrays, int32_t n, size_t blocks, const char* name) {
  std::vector<Argument> made;
  made.reserve(static_cast<size_t>(n));
  for (int32_t i = 0; i < n; ++i)
    made.emplace_back(arrays + i, static_cast<size_t>(n), blocks, n == 1 ? name : name + (" " + std::to_string(i + 1)));
  return made;
}

void check_counts(const std::vector<Argument>& all, const std::vector<Argument>& others, const char* noun) {
  for (const Argument& one : others)
    for (size_t b = 0; b < one.blocks.size(); ++b)
      if (one.blocks[b].size(0) != all.front().blocks[b].size(0))
        fail(CTORCH_ERROR_ARGUMENT, "block ", b + 1, " has ", all.front().blocks[b].size(0),
             " samples in the first input, and ", one.blocks[b].size(0), " in one of the ", noun);
}

}  // namespace

int32_t ctorch_model_infer_blocks(const ctorch_model* model, const ctorch_array inputs[], int32_t n_inputs,
                                  const ctorch_array outputs[], int32_t n_outputs, int32_t n_blocks, int32_t convert) {
  return guard([&] {
    if (n_inputs < 1 || n_outputs < 1 || n_blocks < 1) fail(CTORCH_ERROR_ARGUMENT, "there are no blocks, inputs or outputs");
    require(inputs, "inputs");
    require(outputs, "outputs");
    const HostEnvironment host;
    const Model& network = object_of(model);
    const auto blocks = static_cast<size_t>(n_blocks);
    const auto in = arguments(inputs, n_inputs, blocks, "input"), out = arguments(outputs, n_outputs, blocks, "output");
    check_counts(in, in, "inputs");
    check_counts(in, out, "outputs");

    const c10::InferenceMode values_only;
    c10::SmallVector<at::Tensor, 4> gathered;
    std::optional<StagingPool::Lease> staging;
    if (!network.device().is_cpu()) staging.emplace(network.staging(), network.device());
    for (const Argument& argument : in)
      gathered.push_back(staging ? (*staging)->send(all_of(argument, *staging)) : at::cat(argument.blocks));
    if (gathered.front().size(0) == 0) return;
    Results results;
    network.run(gathered, convert != 0, results);
    network.check_output_count(results.values.size(), out.size());
    if (staging) {
      for (at::Tensor& result : results.values) result = (*staging)->fetch(result);
      (*staging)->wait();
    }
    // All are checked before the first is written: a refused call leaves every output as it was.
    for (const bool write : {false, true})
      for (size_t i = 0; i < out.size(); ++i) {
        int64_t first = 0;
        for (const at::Tensor& target : out[i].blocks) {
          const int64_t count = target.size(0), left = results.values[i].dim() > 0 ? results.values[i].size(0) - first : 0;
          const at::Tensor part = left >= count ? results.values[i].narrow(0, first, count) : results.values[i];
          if (write)
            write_output(part, target);
          else
            network.check_output(i, i, part, target, convert != 0);
          first += count;
        }
      }
  });
}
