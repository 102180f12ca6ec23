// Entries about what a model keeps: parameters, buffers, their gradients and the files they go into.
#include <ATen/Functions.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>

#include "core/text.h"
#include "ctorch_parameters.h"
#include "model/handle.h"
#include "tensor/handle.h"

using namespace ctorch;

namespace {

const char* noun_of(int32_t kind) { return kind == CTORCH_PARAMETER ? "parameter" : "buffer"; }

State tensors_of(const Model& model, int32_t kind) {
  switch (kind) {
    case CTORCH_PARAMETER: return model.backend().parameters();
    case CTORCH_BUFFER: return model.backend().buffers();
    default: fail(CTORCH_ERROR_ARGUMENT, "argument 'kind': ", kind, " is neither CTORCH_PARAMETER nor CTORCH_BUFFER");
  }
}

std::string names_of(const State& state, const char* separator) {
  return joined(state, separator, [](const auto& entry) { return entry.first; });
}

at::Tensor tensor_named(const Model& model, int32_t kind, const std::string& wanted) {
  const State state = tensors_of(model, kind);
  for (const auto& [name, value] : state)
    if (name == wanted) return value;
  const int32_t other = kind == CTORCH_PARAMETER ? CTORCH_BUFFER : CTORCH_PARAMETER;
  for (const auto& [name, value] : tensors_of(model, other))
    if (name == wanted)
      fail(CTORCH_ERROR_ARGUMENT, "argument 'name': '", wanted, "' is a ", noun_of(other), "; call torch_model_get_",
           noun_of(other), " or torch_model_set_", noun_of(other));
  fail(CTORCH_ERROR_ARGUMENT, "argument 'name': the model has no ", noun_of(kind), " '", wanted,
       "'; it has: ", state.empty() ? "none" : names_of(state, ", "));
}

// Whether a name matches: * stands for any characters, ? for one.
bool matches(const char* name, const char* pattern) {
  if (*pattern == '*') return matches(name, pattern + 1) || (*name && matches(name + 1, pattern));
  if (!*name || !*pattern) return *name == *pattern;
  return (*pattern == '?' || *pattern == *name) && matches(name + 1, pattern + 1);
}

int64_t flat_size(const State& state) {
  int64_t size = 0;
  for (const auto& [name, value] : state) size += value.numel();
  return size;
}

// The array as a tensor, after checking that all parameters fit into it.
at::Tensor flat_array(const State& state, void* values, int64_t size, int32_t dtype, bool convert) {
  const int64_t expected = flat_size(state);
  if (size != expected)
    fail(CTORCH_ERROR_ARGUMENT, "argument 'values': expected ", expected, " elements (torch_model_flat_size), got ", size);
  if (size) require(values, "values");
  const auto type = scalar_type(dtype);
  for (const auto& [name, value] : state) {
    if (value.is_complex()) fail(CTORCH_ERROR_ARGUMENT, "parameter '", name, "' is complex and does not fit into a real array");
    if (value.scalar_type() != type && !convert)
      fail(CTORCH_ERROR_ARGUMENT, "argument 'values': parameter '", name, "' is ", label(value.scalar_type()),
           ", the array is ", label(type), "; pass convert=.true. or an array of that dtype");
  }
  return at::from_blob(values, {size}, at::TensorOptions(type));
}

// Calls f(parameter, its part of the array in the parameter's shape).
template <class Function>
void for_each_part(const State& state, const at::Tensor& flat, Function&& f) {
  int64_t offset = 0;
  for (const auto& [name, value] : state) {
    f(value, flat.narrow(0, offset, value.numel()).view(value.sizes()));
    offset += value.numel();
  }
}

}  // namespace

extern "C" {

int32_t ctorch_model_names(const ctorch_model* model, int32_t kind, const char** text, int64_t* length) {
  return guard([&] { return_text(names_of(tensors_of(object_of(model), kind), "\n"), text, length); });
}

int32_t ctorch_model_count(const ctorch_model* model, int32_t kind, int32_t* count) {
  return answer_with(count, "count", [&] { return tensors_of(object_of(model), kind).size(); });
}

int32_t ctorch_model_get_tensor(const ctorch_model* model, int32_t kind, const char* name, int64_t name_length,
                                ctorch_tensor* tensor) {
  return guard([&] {
    require(tensor, "tensor");
    store(tensor, tensor_named(object_of(model), kind, read_text(name, name_length, "name")));
  });
}

int32_t ctorch_model_set_tensor(const ctorch_model* model, int32_t kind, const char* name, int64_t name_length,
                                const ctorch_tensor* values, int32_t convert) {
  return compute([&] {
    at::NoGradGuard values_only;
    const std::string wanted = read_text(name, name_length, "name");
    const at::Tensor own = tensor_named(object_of(model), kind, wanted);
    Input given(values, "values");
    const auto words = [&] {
      return std::string(noun_of(kind)) + " '" + wanted + "' is " + describe(own) + ", the values are " + describe(*given);
    };
    if (own.sizes() != given->sizes())
      fail(CTORCH_ERROR_ARGUMENT, words(),
           "; pass exactly that shape, permute_dims of torch_tensor_from_array reorders dimensions");
    if (own.scalar_type() != given->scalar_type() && !convert)
      fail(CTORCH_ERROR_ARGUMENT, words(), "; pass convert=.true. or values of that dtype");
    if (!at::canCast(given->scalar_type(), own.scalar_type()))
      fail(CTORCH_ERROR_ARGUMENT, words(), ", which cannot be converted without losing what they mean");
    own.copy_(*given);
  });
}

int32_t ctorch_model_flat_size(const ctorch_model* model, int64_t* size) {
  return answer_with(size, "size", [&] { return flat_size(object_of(model).backend().parameters()); });
}

int32_t ctorch_model_flatten(const ctorch_model* model, int32_t gradients, void* values, int64_t size, int32_t dtype,
                             int32_t convert) {
  return compute([&] {
    at::NoGradGuard values_only;
    const State state = object_of(model).backend().parameters();
    const at::Tensor flat = flat_array(state, values, size, dtype, convert != 0);
    for_each_part(state, flat, [&](const at::Tensor& parameter, const at::Tensor& part) {
      const at::Tensor source = gradients ? parameter.grad() : parameter;
      if (source.defined())
        part.copy_(source);
      else
        part.zero_();
    });
  });
}

int32_t ctorch_model_unflatten(const ctorch_model* model, int32_t gradients, void* values, int64_t size, int32_t dtype,
                               int32_t convert) {
  return compute([&] {
    at::NoGradGuard values_only;
    const State state = object_of(model).backend().parameters();
    const at::Tensor flat = flat_array(state, values, size, dtype, convert != 0);
    for_each_part(state, flat, [&](const at::Tensor& parameter, const at::Tensor& part) {
      if (!gradients) {
        parameter.copy_(part);
      } else if (parameter.requires_grad()) {
        if (!parameter.grad().defined()) parameter.mutable_grad() = at::empty_like(parameter);
        parameter.mutable_grad().copy_(part);
      }
    });
  });
}

int32_t ctorch_model_gradients(const ctorch_model* model, const int64_t* wanted, ctorch_tensor* gradients,
                               int32_t n_gradients) {
  return guard([&] {
    at::NoGradGuard values_only;
    const State state = object_of(model).backend().parameters();
    if (state.size() != static_cast<size_t>(n_gradients))
      fail(CTORCH_ERROR_ARGUMENT, "the model has ", state.size(), " parameters, got an array of ", n_gradients, " tensors");
    if (n_gradients) require(gradients, "gradients");
    for (size_t i = 0; i < state.size(); ++i) {
      const at::Tensor& parameter = state[i].second;
      if (wanted && wanted[i] && !parameter.grad().defined() && parameter.requires_grad())
        parameter.mutable_grad() = at::zeros_like(parameter);
      if (parameter.grad().defined()) store(&gradients[i], parameter.grad());
    }
  });
}

int32_t ctorch_model_set_requires_grad(const ctorch_model* model, int32_t requires_grad, const char* pattern,
                                       int64_t pattern_length) {
  return guard([&] {
    const std::string wanted = read_text(pattern, pattern_length, "name");
    const State state = object_of(model).backend().parameters();
    bool any = false;
    for (const auto& [name, value] : state) {
      if (!matches(name.c_str(), wanted.c_str())) continue;
      any = true;
      if (differentiable(value.scalar_type())) at::Tensor(value).set_requires_grad(requires_grad != 0);
    }
    if (!any && !(state.empty() && wanted == "*"))
      fail(CTORCH_ERROR_ARGUMENT, "argument 'pattern': '", wanted,
           "' matches no parameter; the model has: ", state.empty() ? "none" : names_of(state, ", "));
  });
}

int32_t ctorch_model_set_training(const ctorch_model* model, int32_t on) {
  return guard([&] { object_of(model).set_training(on != 0); });
}

int32_t ctorch_model_zero_grad(const ctorch_model* model) {
  return guard([&] {
    for (const auto& [name, value] : object_of(model).backend().parameters()) value.mutable_grad() = at::Tensor();
  });
}

int32_t ctorch_model_copy(const ctorch_model* source, ctorch_model* target) {
  return compute([&] {
    require(target, "target");
    store(target, object_of(source).copy());
  });
}

int32_t ctorch_model_to(const ctorch_model* model, int32_t device_type, int32_t device_index, int32_t dtype) {
  return compute([&] {
    Model& network = object_of(model);
    const auto where = device_type == CTORCH_DEVICE_SAME ? network.device() : device(device_type, device_index);
    network.to(where, dtype == CTORCH_DTYPE_DEFAULT ? std::nullopt : std::optional<at::ScalarType>(scalar_type(dtype)));
  });
}

int32_t ctorch_model_save_state(const ctorch_model* model, const char* path, int64_t path_length) {
  return compute([&] { write_state(read_path(path, path_length), object_of(model).backend().state()); });
}

int32_t ctorch_model_load_state(const ctorch_model* model, const char* path, int64_t path_length, int32_t strict) {
  return compute([&] {
    const Model& network = object_of(model);
    const std::string file = read_path(path, path_length);
    copy_matched(network.match(read_state(file), strict != 0, "'" + file + "'"));
  });
}

}  // extern "C"
