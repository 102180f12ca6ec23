// Entries that run models: on tensors (forward) and on arrays (infer).
#include <ATen/core/grad_mode.h>
#include <c10/core/InferenceMode.h>

#include <array>
#include <optional>

#include "core/text.h"
#include "ctorch_model.h"
#include "model/call.h"
#include "model/handle.h"

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

// The long way between arrays, with all checks.
void infer(const Model& network, Arrays inputs, Arrays outputs, bool convert, ArrayCall::Names names) {
  const HostEnvironment host;
  const c10::InferenceMode values_only;
  ArrayCall(network, inputs, outputs, convert, names).finish();
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
