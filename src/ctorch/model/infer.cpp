// Entries that run models: on tensors (forward) and on arrays (infer).
#include <ATen/core/grad_mode.h>
#include <ATen/ops/from_blob.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

#include "core/text.h"
#include "ctorch_model.h"
#include "device/staging.h"
#include "model/handle.h"
#include "tensor/memory.h"

using namespace ctorch;

namespace {

// Gradient mode of one call. Results that are handed over must not be inference tensors: autograd could never use them.
class GradientMode {
 public:
  GradientMode(bool requires_grad, bool hands_over) {
    if (requires_grad)
      grad_.emplace(true);
    else if (hands_over)
      grad_.emplace(false);
    else
      inference_.emplace(true);
  }

 private:
  std::optional<at::AutoGradMode> grad_;
  std::optional<c10::InferenceMode> inference_;
};

// Whether somebody else holds this tensor or its memory: an input or a weight that the network returns as it is, or a view.
bool shared(const at::Tensor& result) { return result.use_count() > 1 || result.storage().use_count() > 1; }

// A result may be a view of an input, of a weight or of another result. Written while its memory is being overwritten it would
// change underneath, so such results are copied first. A result nobody else holds cannot be one.
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

// Whether what is written into one is written into the other.
bool same_place(const at::Tensor& a, const at::Tensor& b) {
  return a.numel() > 0 && b.numel() > 0 && a.device() == b.device() && a.const_data_ptr() == b.const_data_ptr();
}

// Puts results in the order of the wanted names and tells where each stood.
void select(const Model& model, Results& results, const char* names, int64_t width, c10::SmallVectorImpl<size_t>& places) {
  c10::SmallVector<at::Tensor, 4> chosen;
  for (size_t i = 0; i < places.size(); ++i) {
    const std::string name = read_trimmed(names + static_cast<int64_t>(i) * width, width, "output_names");
    places[i] = model.output_named(name, results);
    chosen.push_back(results.values[places[i]]);
  }
  results.values = std::move(chosen);
}

// Adds the batch dimension that one sample lacks.
void as_batch_of_one(ArrayView& view) {
  view.shape.insert(view.shape.begin(), 1);
  view.strides.insert(view.strides.begin(), 1);
}

// Tensors that exist and fit exactly go straight into compiled code.
bool forward_directly(const ctorch_model* model, const ctorch_tensor inputs[], int32_t n_inputs, const ctorch_tensor outputs[],
                      int32_t n_outputs, bool convert) {
  constexpr int32_t room = 32;
  if (!model || !inputs || !outputs || n_inputs < 1 || n_outputs < 1 || n_inputs > room || n_outputs > room) return false;
  const auto* shared = table_of<ctorch_model>().find(model->id);
  if (!shared || !shared->object->can_run_directly()) return false;
  std::array<const at::Tensor*, room> in, out;
  for (int32_t i = 0; i < n_inputs; ++i) {
    const TensorObject* tensor = tensors().find(inputs[i].id);
    if (!tensor || tensor->one_shot) return false;
    in[static_cast<size_t>(i)] = &tensor->value;
  }
  for (int32_t i = 0; i < n_outputs; ++i) {
    const TensorObject* tensor = tensors().find(outputs[i].id);
    if (!tensor || tensor->one_shot) return false;
    out[static_cast<size_t>(i)] = &tensor->value;
  }
  return shared->object->run_directly(Tensors(in.data(), static_cast<size_t>(n_inputs)),
                                      Tensors(out.data(), static_cast<size_t>(n_outputs)), convert);
}

// What an argument is called in messages: of several arrays, with its number.
std::string word_for(const char* argument, size_t i, size_t count) {
  return count == 1 ? argument : argument + ("(" + std::to_string(i + 1) + ")");
}

// An array may lie in the memory of the model's device: between host_data or use_device_addr and their end its address is one
// of the device.
bool lies_on_device(const ctorch_array& array, c10::Device where, const std::string& word) {
  if (where.is_cpu()) return false;
  const auto found = device_of_memory(array.data, where.type());
  if (found && *found != where)
    fail(CTORCH_ERROR_DEVICE, "argument '", word, "' lies on ", found->str(), ", the model is on ", where.str());
  return found.has_value();
}

at::Tensor device_tensor(const ctorch_array& array, const ArrayView& view, int32_t dtype, c10::Device where) {
  const auto options = at::TensorOptions(scalar_type(dtype)).device(where);
  return at::for_blob(array.data, view.shape).strides(view.strides).options(options).target_device(where).make_tensor();
}

// The long way between arrays, with all checks.
void infer(const Model& network, Arrays inputs, Arrays outputs, bool convert, std::pair<const char*, const char*> names) {
  const HostEnvironment host;
  c10::SmallVector<int32_t, 4> types;
  c10::SmallVector<ArrayView, 4> views;
  c10::SmallVector<bool, 4> on_device;
  const c10::Device where = network.device();
  for (const auto& [arrays, name] : {std::pair(inputs, names.first), std::pair(outputs, names.second)})
    for (size_t i = 0; i < arrays.size(); ++i) {
      const std::string word = word_for(name, i, arrays.size());
      types.push_back(array_dtype(arrays[i], CTORCH_DTYPE_DEFAULT, word.c_str()));
      views.push_back(array_view(arrays[i], word.c_str()));
      on_device.push_back(lies_on_device(arrays[i], where, word));
    }
  const auto& spec = network.spec();
  bool one_sample = spec && spec->inputs.size() == inputs.size() && spec->outputs.size() == outputs.size();
  for (size_t i = 0; one_sample && i < inputs.size(); ++i)
    one_sample = Spec::is_single_sample(spec->inputs[i], inputs[i].rank, spec->symbols);
  for (size_t i = 0; one_sample && i < outputs.size(); ++i)
    one_sample = Spec::is_single_sample(spec->outputs[i], outputs[i].rank, spec->symbols);
  if (one_sample)
    for (ArrayView& view : views) as_batch_of_one(view);

  GradientMode mode(false, false);
  const auto tensor_of = [&](const ctorch_array& array, size_t i) {
    return on_device[i] ? device_tensor(array, views[i], types[i], where) : array_tensor(array, views[i], types[i]);
  };
  c10::SmallVector<at::Tensor, 4> sources;  // kept: a result that is an input itself is recognized by them
  for (size_t i = 0; i < inputs.size(); ++i) sources.push_back(tensor_of(inputs[i], i));
  c10::SmallVector<at::Tensor, 4> in(sources);
  std::optional<StagingPool::Lease> staging;  // not where all arrays are on the device: then nobody waits
  if (!where.is_cpu() && std::find(on_device.begin(), on_device.end(), false) != on_device.end())
    staging.emplace(network.staging(), where);
  for (size_t i = 0; staging && i < in.size(); ++i)
    if (!on_device[i]) in[i] = (*staging)->send(in[i]);
  Results results;
  network.run(in, convert, results);
  network.check_output_count(results.values.size(), outputs.size());
  const size_t first = inputs.size();
  if (staging) {
    for (size_t i = 0; i < outputs.size(); ++i)
      if (!on_device[first + i]) results.values[i] = (*staging)->fetch(results.values[i]);
    (*staging)->wait();
  }
  if (at::Tensor& result = results.values[0];
      outputs.size() == 1 && !on_device[first] && plain(result) && result.is_contiguous() &&
      result.scalar_type() == scalar_type(types[first]) &&
      fills_memory(views[first].shape, views[first].strides, 1, /*first_fastest=*/false) &&
      result.sizes() == c10::IntArrayRef(views[first].shape)) [[likely]] {
    std::memmove(outputs[0].data, result.const_data_ptr(), result.nbytes());  // right for an overlap, too
    return;
  }
  c10::SmallVector<at::Tensor, 4> targets;
  c10::SmallVector<const at::Tensor*, 4> addresses;
  for (size_t i = 0; i < outputs.size(); ++i) targets.push_back(tensor_of(outputs[i], first + i));
  for (size_t i = 0; i < outputs.size(); ++i) {
    for (size_t j = 0; j < i; ++j)
      if (overlaps(targets[i], targets[j]))
        fail(CTORCH_ERROR_ARGUMENT, "outputs ", j + 1, " and ", i + 1, " have memory in common");
    // All are checked before the first is written: a refused call leaves every output as it was.
    network.check_output(i, i, results.values[i], targets[i], convert);
    addresses.push_back(&targets[i]);
  }
  detach_aliases(results, addresses);
  for (size_t i = 0; i < outputs.size(); ++i) write_output(results.values[i], targets[i]);
}

}  // namespace

extern "C" {

int32_t ctorch_model_forward(const ctorch_model* model, const ctorch_tensor inputs[], int32_t n_inputs, ctorch_tensor outputs[],
                             int32_t n_outputs, int32_t requires_grad, int32_t convert, const char* output_names,
                             int64_t names_width) {
  return guard([&] {
    if (names_width == 0 && !requires_grad && forward_directly(model, inputs, n_inputs, outputs, n_outputs, convert != 0))
      return;
    HostEnvironment host;
    const Model& network = object_of(model);
    if (n_inputs < 0 || n_outputs < 0) fail(CTORCH_ERROR_ARGUMENT, "negative number of inputs or outputs");
    if (n_inputs) require(inputs, "inputs");
    if (n_outputs) require(outputs, "outputs");

    c10::SmallVector<at::Tensor, 8> in;
    for (int32_t i = 0; i < n_inputs; ++i) in.push_back(*Input(&inputs[i], "input", i + 1));
    c10::SmallVector<const at::Tensor*, 4> targets;
    bool hands_over = false;
    for (int32_t i = 0; i < n_outputs; ++i) {
      // A result with a history takes the place of what was given; if that showed memory of the host, it gets the values too.
      const TensorObject* held = requires_grad ? tensors().find(outputs[i].id) : nullptr;
      const bool given = requires_grad ? held && held->wraps : outputs[i].id != 0;
      targets.push_back(given ? &tensors().get(outputs[i].id, "output", i + 1).value : nullptr);
      for (int32_t j = 0; given && j < i; ++j)
        if (targets[static_cast<size_t>(j)] && same_place(*targets.back(), *targets[static_cast<size_t>(j)]))
          fail(CTORCH_ERROR_ARGUMENT, "outputs ", j + 1, " and ", i + 1, " are the same tensor or lie at the same address");
      hands_over |= !given;
    }

    GradientMode mode(requires_grad != 0, hands_over);
    Results results;
    results.want_names = names_width > 0;
    network.run(in, convert != 0, results);
    c10::SmallVector<size_t, 4> places;  // of the results in the contract, when names have reordered them
    if (names_width > 0) {
      require(output_names, "output_names");
      places.resize(static_cast<size_t>(n_outputs));
      select(network, results, output_names, names_width, places);
    }
    const size_t count = results.values.size();
    network.check_output_count(count, static_cast<size_t>(n_outputs));
    in.clear();
    // All are checked before the first is written: a refused call leaves every output as it was.
    for (size_t i = 0; i < count; ++i)
      if (targets[i]) network.check_output(i, places.empty() ? i : places[i], results.values[i], *targets[i], convert != 0);
    detach_aliases(results, targets);
    for (size_t i = 0; i < count; ++i) {
      at::Tensor& result = results.values[i];
      if (targets[i]) {
        at::NoGradGuard values_only;
        write_output(requires_grad ? result.detach() : result, *targets[i]);
      }
      if (requires_grad)
        rebind(&outputs[i], std::move(result));
      else if (!targets[i])
        store(&outputs[i], shared(result) ? result.clone() : std::move(result));
    }
  });
}

int32_t ctorch_model_infer(const ctorch_model* model, const ctorch_array* x, const ctorch_array* y, int32_t convert) {
  return guard([&] {
    const auto* shared = model && x && y ? table_of<ctorch_model>().find(model->id) : nullptr;
    if (shared && shared->object->can_run_directly() && shared->object->run_directly(Arrays(x, 1), Arrays(y, 1), convert != 0))
      return;
    require(x, "x");
    require(y, "y");
    infer(object_of(model), Arrays(x, 1), Arrays(y, 1), convert != 0, {"x", "y"});
  });
}

int32_t ctorch_model_infer_arrays(const ctorch_model* model, const ctorch_array inputs[], int32_t n_inputs,
                                  const ctorch_array outputs[], int32_t n_outputs, int32_t convert) {
  return guard([&] {
    if (n_inputs < 1 || n_outputs < 1) fail(CTORCH_ERROR_ARGUMENT, "no inputs or no outputs are given");
    require(inputs, "inputs");
    require(outputs, "outputs");
    const Arrays in(inputs, static_cast<size_t>(n_inputs)), out(outputs, static_cast<size_t>(n_outputs));
    const auto* shared = model ? table_of<ctorch_model>().find(model->id) : nullptr;
    if (shared && shared->object->can_run_directly() && shared->object->run_directly(in, out, convert != 0)) return;
    infer(object_of(model), in, out, convert != 0, {"inputs", "outputs"});
  });
}

}  // extern "C"
