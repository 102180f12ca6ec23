// Entries for the derivatives of models, straight between host arrays.
#include <ATen/core/grad_mode.h>
#include <c10/core/InferenceMode.h>

#include "ctorch_autograd.h"
#include "derivative.h"
#include "model_handle.h"

using namespace ctorch;

namespace {

// One recorded run of a model of one input and one output.
class Run {
 public:
  Run(const ctorch_model* handle, const ctorch_array& x, bool convert) : network_(*models().get(handle->id, "model").model) {
    const int32_t type = array_dtype(x, CTORCH_DTYPE_DEFAULT, "x");
    if (!at::isFloatingType(scalar_type(type)))
      fail(CTORCH_ERROR_ARGUMENT, "x: expected a real array, got ", label(type), ", which has no derivatives");
    const auto& spec = network_.spec();
    one_sample_ =
        spec && spec->inputs.size() == 1 && spec->outputs.size() == 1 &&
        Spec::is_single_sample(spec->inputs[0], x.rank, spec->symbols) &&
        Spec::is_single_sample(spec->outputs[0], static_cast<int64_t>(spec->outputs[0].dims.size()) - 1, spec->symbols);
    x_ = array_tensor(x, array_view(x, "x"), type).to(network_.device()).set_requires_grad(true);
    c10::SmallVector<at::Tensor, 1> inputs{one_sample_ ? x_.unsqueeze(0) : x_};
    Results results;
    network_.run(inputs, convert, results);
    network_.check_output_count(results.values.size(), 1);
    y_ = one_sample_ ? results.values[0].squeeze(0) : results.values[0];
    if (!y_.requires_grad())
      fail(CTORCH_ERROR_MODEL, "the network's output does not depend on its input in a way that can be differentiated");
  }

  const at::Tensor& x() const { return x_; }
  const at::Tensor& y() const { return y_; }

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
  const Model& network_;
  bool one_sample_ = false;
  at::Tensor x_, y_;
};

std::vector<int64_t> joined(c10::IntArrayRef first, c10::IntArrayRef second) {
  std::vector<int64_t> shape(first.begin(), first.end());
  shape.insert(shape.end(), second.begin(), second.end());
  return shape;
}

// All shapes are checked before the passes backwards, which are the expensive part, and before anything is written.
template <class Derivative>
int32_t derive(const ctorch_model* model, const ctorch_array* x, const ctorch_array* y, const ctorch_array* into,
               const char* noun, const char* what, bool square, bool convert, Derivative&& derivative) {
  return guard([&] {
    HostEnvironment host;
    require(model, "model");
    require(x, "x");
    require(into, noun);
    c10::InferenceMode ordinary(false);  // whatever scope the program is in
    at::AutoGradMode record(true);
    const Run run(model, *x, convert);
    const auto shape = joined((square ? run.x() : run.y()).sizes(), run.x().sizes());
    if (square && run.y().numel() != 1)
      fail(CTORCH_ERROR_ARGUMENT, "only a model whose output is a single number has a Hessian matrix, this one returns ",
           describe(run.y()));
    Run::checked(*into, run.x().scalar_type(), shape, noun, what, convert);
    run.give_output(y, convert);
    run.write(*into, derivative(run.y(), run.x()), noun, what, convert);
  });
}

}  // namespace

extern "C" {

int32_t ctorch_model_jacobian(const ctorch_model* model, const ctorch_array* x, const ctorch_array* y,
                              const ctorch_array* derivative, int32_t convert) {
  return derive(model, x, y, derivative, "jac", "the output's shape and then the input's", false, convert != 0,
                [](const at::Tensor& of, const at::Tensor& by) { return jacobian(of, by, {}); });
}

int32_t ctorch_model_hessian(const ctorch_model* model, const ctorch_array* x, const ctorch_array* y,
                             const ctorch_array* derivative, int32_t convert) {
  return derive(model, x, y, derivative, "hess", "the input's shape twice", true, convert != 0,
                [](const at::Tensor& of, const at::Tensor& by) { return hessian(of, by, {}); });
}

}  // extern "C"
