#include "training/optimizer/arguments.h"

#include <algorithm>
#include <sstream>

#include "core/text.h"
#include "tensor/handle.h"

namespace ctorch {

std::vector<at::Tensor> tensor_list(const ctorch_tensor list[], int32_t count, const char* name) {
  if (count < 1) fail(CTORCH_ERROR_ARGUMENT, "argument '", name, "': expected at least one tensor, got none");
  require(list, name);
  std::vector<at::Tensor> tensors;
  tensors.reserve(static_cast<size_t>(count));
  for (int32_t i = 0; i < count; ++i) tensors.push_back(*Input(&list[i], name));
  return tensors;
}

std::vector<at::Tensor> parameter_list(const ctorch_tensor parameters[], int32_t count, bool whole_model) {
  if (count > 0) require(parameters, "parameters");
  std::vector<at::Tensor> list;
  for (int32_t i = 0; i < count; ++i) {
    const at::Tensor& parameter = *Input(&parameters[i], "a tensor of argument 'parameters'");
    if (!whole_model && !parameter.requires_grad())
      fail(CTORCH_ERROR_ARGUMENT, "argument 'parameters': tensor ", i + 1,
           " does not require gradients; make it with requires_grad=.true., or load its model so");
    list.push_back(parameter);
  }
  if (whole_model && std::none_of(list.begin(), list.end(), [](const auto& p) { return p.requires_grad(); }))
    fail(CTORCH_ERROR_ARGUMENT, "the model has no parameter that requires gradients; load it with requires_grad=.true.");
  return list;
}

std::string option_name(const char* name, int64_t length) {
  if (!name || length < 1) fail(CTORCH_ERROR_ARGUMENT, "argument 'name' is empty");
  return read_text(name, length, "name");
}

std::vector<std::pair<std::string, double>> options_by_name(const char* names, int64_t length, const double values[],
                                                            int32_t count) {
  std::vector<std::pair<std::string, double>> options;
  if (count <= 0) return options;
  require(values, "values");
  std::istringstream text(option_name(names, length));
  std::string name;
  for (int32_t i = 0; i < count; ++i) {
    if (!std::getline(text, name, ',')) fail(CTORCH_ERROR_ARGUMENT, "argument 'names': expected ", count, " names, got ", i);
    options.emplace_back(name, values[i]);
  }
  return options;
}

}  // namespace ctorch
