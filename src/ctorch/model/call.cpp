#include "model/call.h"

#include <algorithm>
#include <cstring>

#include "core/text.h"
#include "tensor/memory.h"

namespace ctorch {
namespace {

// Adds the batch dimension that one sample lacks.
void as_batch_of_one(ArrayView& view) {
  view.shape.insert(view.shape.begin(), 1);
  view.strides.insert(view.strides.begin(), 1);
}

// What an argument is called in messages: of several arrays, with its number.
std::string word_for(const char* argument, size_t i, size_t count) {
  return count == 1 ? argument : argument + ("(" + std::to_string(i + 1) + ")");
}

}  // namespace

bool shared(const at::Tensor& result) { return result.use_count() > 1 || result.storage().use_count() > 1; }

// A result nobody else holds shares no memory.
void detach_aliases(Results& results, c10::ArrayRef<const at::Tensor*> targets) {
  for (at::Tensor& result : results.values) {
    if (!shared(result)) continue;
    for (const at::Tensor* target : targets)
      if (target && overlaps(result, *target)) {
        result = result.clone();
        break;
      }
  }
}

bool ArrayCall::fits_as_it_lies(const ArrayView& view, int32_t type) const {
  const at::Tensor& result = results_.values[0];
  return plain(result) && result.is_contiguous() && result.scalar_type() == scalar_type(type) &&
         fills_memory(view.shape, view.strides, 1, /*first_fastest=*/false) && result.sizes() == c10::IntArrayRef(view.shape);
}

ArrayCall::ArrayCall(const Model& network, Arrays inputs, Arrays outputs, bool convert, Names names) {
  c10::SmallVector<int32_t, 4> types;
  c10::SmallVector<ArrayView, 4> views;
  c10::SmallVector<bool, 4> on_device;
  const c10::Device where = network.device();
  for (const auto& [arrays, name] : {std::pair(inputs, names.first), std::pair(outputs, names.second)})
    for (size_t i = 0; i < arrays.size(); ++i) {
      const std::string word = word_for(name, i, arrays.size());
      types.push_back(array_dtype(arrays[i], CTORCH_DTYPE_DEFAULT, word.c_str()));
      views.push_back(array_view(arrays[i], word.c_str()));
      on_device.push_back(lies_on_device(arrays[i], where, word, "model"));
    }
  const auto& spec = network.spec();
  bool one_sample = spec && spec->inputs.size() == inputs.size() && spec->outputs.size() == outputs.size();
  for (size_t i = 0; one_sample && i < inputs.size(); ++i)
    one_sample = Spec::is_single_sample(spec->inputs[i], inputs[i].rank, spec->symbols);
  for (size_t i = 0; one_sample && i < outputs.size(); ++i)
    one_sample = Spec::is_single_sample(spec->outputs[i], outputs[i].rank, spec->symbols);
  if (one_sample)
    for (ArrayView& view : views) as_batch_of_one(view);

  const auto tensor_of = [&](const ctorch_array& array, size_t i) {
    return array_tensor(array, views[i], types[i], on_device[i] ? where : c10::Device(c10::kCPU));
  };
  for (size_t i = 0; i < inputs.size(); ++i) sources_.push_back(tensor_of(inputs[i], i));
  c10::SmallVector<at::Tensor, 4> in(sources_);
  if (!where.is_cpu() && std::find(on_device.begin(), on_device.end(), false) != on_device.end())
    staging_.emplace(network.staging(), where);
  for (size_t i = 0; staging_ && i < in.size(); ++i)
    if (!on_device[i]) in[i] = (*staging_)->send(in[i]);
  network.run(in, convert, results_);
  network.check_output_count(results_.values.size(), outputs.size());
  const size_t first = inputs.size();
  for (size_t i = 0; staging_ && i < outputs.size(); ++i)
    if (!on_device[first + i]) results_.values[i] = (*staging_)->fetch(results_.values[i]);
  if (outputs.size() == 1 && !on_device[first] && fits_as_it_lies(views[first], types[first])) [[likely]] {
    place_ = outputs[0].data;
    return;
  }
  c10::SmallVector<const at::Tensor*, 4> addresses;
  for (size_t i = 0; i < outputs.size(); ++i) targets_.push_back(tensor_of(outputs[i], first + i));
  for (size_t i = 0; i < outputs.size(); ++i) {
    for (size_t j = 0; j < i; ++j)
      if (overlaps(targets_[i], targets_[j]))
        fail(CTORCH_ERROR_ARGUMENT, "outputs ", j + 1, " and ", i + 1, " have memory in common");
    // All are checked before the first is written: a refused call leaves every output as it was.
    network.check_output(i, i, results_.values[i], targets_[i], convert);
    addresses.push_back(&targets_[i]);
  }
  detach_aliases(results_, addresses);
  for (size_t i = 0; i < outputs.size(); ++i)
    if (on_device[first + i]) {
      write_output(results_.values[i], targets_[i]);
      targets_[i].reset();
    }
}

void ArrayCall::finish(bool waited) {
  if (waited) has_waited();
  if (staging_) (*staging_)->wait();
  if (place_) [[likely]] {
    const at::Tensor& result = results_.values[0];
    std::memmove(place_, result.const_data_ptr(), result.nbytes());  // right for an overlap, too
  }
  for (size_t i = 0; i < targets_.size(); ++i)
    if (targets_[i].defined()) write_output(results_.values[i], targets_[i]);
}

}  // namespace ctorch
