// What the entries of optimizers take: lists of tensors, names of options.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "ctorch_tensor.h"

namespace ctorch {

// At least one tensor.
std::vector<at::Tensor> tensor_list(const ctorch_tensor list[], int32_t count, const char* name);

// What an optimizer is made for. Of a whole model some may be frozen, in a list each must require gradients.
std::vector<at::Tensor> parameter_list(const ctorch_tensor parameters[], int32_t count, bool whole_model);

std::string option_name(const char* name, int64_t length);

// Values of options whose names are in one text, separated by commas.
std::vector<std::pair<std::string, double>> options_by_name(const char* names, int64_t length, const double values[],
                                                            int32_t count);

}  // namespace ctorch
