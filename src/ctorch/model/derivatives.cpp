// Entries for the derivatives of models, straight between host arrays.
#include <ATen/Functions.h>
#include <ATen/core/grad_mode.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>

#include "autograd/derivative.h"
#include "compat/tensor_impl.h"
#include "ctorch_model.h"
#include "model/handle.h"

using namespace ctorch;

namespace {

// What a network keeps between calls: another value in the same place has another version.
std::vector<std::pair<const void*, uint32_t>> kept_by(const Model& network) {
  std::vector<std::pair<const void*, uint32_t>> kept;
  for (const auto& [name, buffer] : network.backend().buffers())
    kept.emplace_back(compat::identity(buffer), buffer.is_inference() ? 0 : compat::version_of(buffer));
  return kept;
}

// One recorded run of a model of one input and one output.
class Run {
 public:
  Run(const ctorch_model* handle, const ctorch_array& x, bool convert) : network_(object_of(handle)) {
    const int32_t type = array_dtype(x, CTORCH_DTYPE_DEFAULT, "x");
    if (!at::isFloatingType(scalar_type(type)))
      fail(CTORCH_ERROR_ARGUMENT, "x: expected a real array, got ", label(type), ", which has no derivatives");
    const auto& spec = network_.spec();
    one_sample_ =
        spec && spec->inputs.size() == 1 && spec->outputs.size() == 1 &&
        Spec::is_single_sample(spec->inputs[0], x.rank, spec->symbols) &&
        Spec::is_single_sample(spec->outputs[0], static_cast<int64_t>(spec->outputs[0].dims.size()) - 1, spec->symbols);
    x_ = array_tensor(x, array_view(x, "x"), type).to(network_.device()).set_requires_grad(true);
    const auto before = kept_by(network_);
    const at::Tensor result = run(one_sample_ ? x_.unsqueeze(0) : x_, convert);
    y_ = one_sample_ ? result.squeeze(0) : result;
    repeatable_ = before == kept_by(network_) && !network_.backend().is_training();
    if (!y_.requires_grad())
      fail(CTORCH_ERROR_MODEL, "the network's output does not depend on its input in a way that can be differentiated");
  }

  const at::Tensor& x() const { return x_; }
  const at::Tensor& y() const { return y_; }

  at::Tensor jacobian(bool convert) const {
    at::Tensor all;
    try {
      all = in_one_pass(convert);
    } catch (const std::exception&) {  // too large for the memory, or no network for a batch
      all.reset();
    }
    return all.defined() ? all : ctorch::jacobian(y_, x_, {});
  }

  void give_output(const ctorch_array* array, bool convert) const {
    if (array) write(*array, y_, "y", "the model's output", convert);
  }

  // Into an array of exactly this shape.
  void write(const ctorch_array& array, const at::Tensor& values, const char* noun, const char* what, bool convert) const {
    const at::Tensor target = checked(array, values.scalar_type(), values.sizes(), noun, what, convert);
    write_into(target, values.detach());
  }

  static at::Tensor checked(const ctorch_array& array, c10::ScalarType type, c10::IntArrayRef shape, const char* noun,
                            const char* what, bool convert) {
    const int32_t dtype = array_dtype(array, CTORCH_DTYPE_DEFAULT, noun);
    at::Tensor target = array_tensor(array, array_view(array, noun), dtype);
    if (target.sizes() != shape || (target.scalar_type() != type && !convert))
      fail(CTORCH_ERROR_ARGUMENT, "argument '", noun, "': expected ", label(type), " ", shape_text(shape), ", ", what, ", got ",
           describe(target), target.sizes() == shape ? "; pass convert=.true. or an array of that dtype" : "");
    return target;
  }

 private:
  at::Tensor run(const at::Tensor& x, bool convert) const {
    c10::SmallVector<at::Tensor, 1> inputs{x};
    Results results;
    network_.run(inputs, convert, results);
    network_.check_output_count(results.values.size(), 1);
    return results.values[0];
  }

  // Several rows of the matrix by one pass: each element of the output gets a copy of the sample, all copies are one batch.
  // That is right where the samples of a batch do not see each other, as its contract says; whether that is true here is looked
  // at. An undefined tensor says that it is not, or that the network is not the same the second time.
  at::Tensor in_one_pass(bool convert) const {
    const int64_t count = y_.numel();
    if (!one_sample_ || !repeatable_ || count < 2 || x_.numel() == 0) return {};
    const auto& spec = *network_.spec();
    constexpr int64_t room = 1 << 20;  // elements of the input; a network holds some times more in between
    const Symbol& batch = spec.symbols[static_cast<size_t>(spec.inputs[0].dims[0].symbol)];
    if (batch.multiple > 1) return {};
    const int64_t largest = batch.max;
    const int64_t chunk = std::clamp(std::min(room / x_.numel(), largest), int64_t{1}, count);
    std::vector<at::Tensor> parts;
    for (int64_t first = 0; first < count; first += chunk) {
      const int64_t rows = std::min(chunk, count - first);
      const at::Tensor copies = at::stack(std::vector<at::Tensor>(static_cast<size_t>(rows), x_.detach())).requires_grad_(true);
      const at::Tensor results = run(copies, convert);
      at::Tensor units = at::zeros({rows, count}, y_.options());
      units.narrow(1, first, rows).fill_diagonal_(1);
      if (results.numel() != units.numel() || !results.requires_grad()) return {};
      parts.push_back(gradients({results}, {copies}, {units.reshape(results.sizes())}, {})[0]);
      if (!parts.back().defined()) return {};
    }
    at::Tensor all = at::cat(parts).reshape({count, -1});
    if (!consistent(all)) return {};
    return all.reshape(joined_shapes(y_.sizes(), x_.sizes()));
  }

  // A weighted sum of the rows is the gradient of the same sum of the one sample's own outputs.
  bool consistent(const at::Tensor& matrix) const {
    const at::Tensor weights = at::linspace(1, 2, y_.numel(), y_.options()).reshape(y_.sizes());
    const at::Tensor direct = gradients({y_}, {x_}, {weights}, {.retain = true})[0];
    if (!direct.defined()) return false;
    const at::Tensor row = weights.reshape({1, -1}).to(matrix.scalar_type());
    const double difference = at::sub(at::matmul(row, matrix), direct.reshape({1, -1})).abs().max().item<double>();
    const double scale = at::matmul(row, matrix.abs()).max().item<double>();
    const bool single = y_.scalar_type() != c10::kDouble || x_.scalar_type() != c10::kDouble;
    return difference <= (single ? 1e-4 : 1e-12) * scale;
  }

  const Model& network_;
  bool one_sample_ = false, repeatable_ = false;
  at::Tensor x_, y_;
};

// All shapes are checked before the passes backwards, which are the expensive part, and before anything is written.
template <class Derivative>
int32_t derive(const ctorch_model* model, const ctorch_array* x, const ctorch_array* y, const ctorch_array* into,
               const char* noun, const char* what, bool square, bool convert, Derivative&& derivative) {
  return compute([&] {
    require(model, "model");
    require(x, "x");
    require(into, noun);
    c10::InferenceMode ordinary(false);  // whatever scope the program is in
    at::AutoGradMode record(true);
    const Run run(model, *x, convert);
    const auto shape = joined_shapes((square ? run.x() : run.y()).sizes(), run.x().sizes());
    if (square && run.y().numel() != 1)
      fail(CTORCH_ERROR_ARGUMENT, "only a model whose output is a single number has a Hessian matrix, this one returns ",
           describe(run.y()));
    Run::checked(*into, run.x().scalar_type(), shape, noun, what, convert);
    run.give_output(y, convert);
    run.write(*into, derivative(run), noun, what, convert);
  });
}

}  // namespace

extern "C" {

int32_t ctorch_model_jacobian(const ctorch_model* model, const ctorch_array* x, const ctorch_array* y,
                              const ctorch_array* derivative, int32_t convert) {
  return derive(model, x, y, derivative, "jac", "the output's shape and then the input's", false, convert != 0,
                [&](const Run& run) { return run.jacobian(convert != 0); });
}

int32_t ctorch_model_hessian(const ctorch_model* model, const ctorch_array* x, const ctorch_array* y,
                             const ctorch_array* derivative, int32_t convert) {
  return derive(model, x, y, derivative, "hess", "the input's shape twice", true, convert != 0,
                [](const Run& run) { return hessian(run.y(), run.x(), {}); });
}

}  // extern "C"
