// Entries that run models: on tensors (forward) and on arrays (infer).
#include <ATen/core/grad_mode.h>
#include <c10/core/InferenceMode.h>

#include <array>
#include <cstring>
#include <optional>

#include "core/text.h"
#include "ctorch_model.h"
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
                      int32_t n_outputs) {
  constexpr int32_t room = 8;
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
  return shared->object->run_directly(std::span<const at::Tensor* const>(in.data(), static_cast<size_t>(n_inputs)),
                                      std::span<const at::Tensor* const>(out.data(), static_cast<size_t>(n_outputs)));
}

}  // namespace

extern "C" {

int32_t ctorch_model_forward(const ctorch_model* model, const ctorch_tensor inputs[], int32_t n_inputs, ctorch_tensor outputs[],
                             int32_t n_outputs, int32_t requires_grad, int32_t convert, const char* output_names,
                             int64_t names_width) {
  return guard([&] {
    if (names_width == 0 && !requires_grad && forward_directly(model, inputs, n_inputs, outputs, n_outputs)) return;
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
      const bool given = outputs[i].id != 0 && !requires_grad;
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
      if (targets[i])
        write_output(result, *targets[i]);
      else
        store(&outputs[i], !requires_grad && shared(result) ? result.clone() : std::move(result));
    }
  });
}

int32_t ctorch_model_infer(const ctorch_model* model, const ctorch_array* x, const ctorch_array* y, int32_t convert) {
  return guard([&] {
    const auto* shared = model && x && y ? table_of<ctorch_model>().find(model->id) : nullptr;
    if (shared && shared->object->can_run_directly() && shared->object->run_directly(*x, *y)) return;
    HostEnvironment host;
    const Model& network = object_of(model);
    require(x, "x");
    require(y, "y");
    const int32_t x_type = array_dtype(*x, CTORCH_DTYPE_DEFAULT, "x");
    const int32_t y_type = array_dtype(*y, CTORCH_DTYPE_DEFAULT, "y");
    ArrayView x_view = array_view(*x, "x");
    ArrayView y_view = array_view(*y, "y");
    if (const auto& spec = network.spec(); spec && spec->inputs.size() == 1 && spec->outputs.size() == 1 &&
                                           Spec::is_single_sample(spec->inputs[0], x->rank, spec->symbols) &&
                                           Spec::is_single_sample(spec->outputs[0], y->rank, spec->symbols)) {
      as_batch_of_one(x_view);
      as_batch_of_one(y_view);
    }

    GradientMode mode(false, false);
    const at::Tensor source = array_tensor(*x, x_view, x_type);  // kept: a result that is the input itself is recognized by it
    c10::SmallVector<at::Tensor, 1> in{source};
    const c10::Device where = network.device();
    if (!where.is_cpu()) in[0] = in[0].to(where);
    Results results;
    network.run(in, convert != 0, results);
    network.check_output_count(results.values.size(), 1);
    at::Tensor& result = results.values[0];
    if (!where.is_cpu()) result = result.to(c10::kCPU);
    if (plain(result) && result.is_contiguous() && result.scalar_type() == scalar_type(y_type) &&
        fills_memory(y_view.shape, y_view.strides, 1, /*first_fastest=*/false) &&
        result.sizes() == c10::IntArrayRef(y_view.shape)) [[likely]] {
      std::memmove(y->data, result.const_data_ptr(), result.nbytes());  // right for an overlap, too
      return;
    }
    const at::Tensor target = array_tensor(*y, y_view, y_type);
    detach_aliases(results, &target);
    network.check_output(0, 0, result, target, convert != 0);
    write_output(result, target);
  });
}

}  // extern "C"
