// Entries that make, release, assign and ask about tensors.
#include <ATen/Functions.h>
#include <ATen/core/Formatting.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <sstream>

#include "compat/tensor_impl.h"
#include "core/shared_handle.h"
#include "core/text.h"
#include "ctorch_tensor.h"
#include "tensor/handle.h"
#include "tensor/memory.h"

using namespace ctorch;

namespace ctorch {

void write_into(const at::Tensor& target, const at::Tensor& source) {
  if (target.sizes() != source.sizes())
    fail(CTORCH_ERROR_ARGUMENT, "shapes differ: the target is ", describe(target), ", the values are ", describe(source));
  if (!at::canCast(source.scalar_type(), target.scalar_type()))
    fail(CTORCH_ERROR_ARGUMENT, label(source.scalar_type()), " values cannot go into a ", label(target.scalar_type()),
         " tensor without losing what they mean; convert with torch_tensor_to first");
  const at::Tensor values =
      copy_if_overlapping(source, target);  // as in Fortran, the right side is read before the left one is written
  if (target.requires_grad() && !target.is_leaf()) target.detach_();  // the history of the values that go
  if (target.requires_grad() && at::GradMode::is_enabled()) {
    if (source.requires_grad())
      fail(
          CTORCH_ERROR_ARGUMENT,
          "a tensor that requires gradients itself cannot become the result of a computation; make it without requires_grad, or "
          "write to it between torch_no_grad_begin and torch_no_grad_end");
    at::NoGradGuard values_only;
    target.copy_(values);
    return;
  }
  target.copy_(values);
}

void write_result(const at::Tensor& target, const at::Tensor& source) {
  if (c10::promoteTypes(target.scalar_type(), source.scalar_type()) != target.scalar_type())
    fail(CTORCH_ERROR_ARGUMENT, label(source.scalar_type()), " values do not all fit into the ", label(target.scalar_type()),
         " tensor they are assigned to; convert them with torch_tensor_to first");
  write_into(target, source);
}

void store_result(ctorch_tensor* out, at::Tensor result, bool scalar) {
  require(out, "result");
  TensorObject* held = out->id ? &tensors().get(out->id, "result") : nullptr;
  if (!held || !held->wraps) return store(out, std::move(result));
  if (scalar && held->value.dim() == 1 && held->value.size(0) == 1 && result.dim() == 0) result = result.reshape({1});
  write_result(held->value, result);
}

namespace {

c10::IntArrayRef checked_shape(int32_t rank, const int64_t* shape) {
  if (rank < 0 || rank > CTORCH_MAX_RANK)
    fail(CTORCH_ERROR_ARGUMENT, "argument 'ndims': expected 0 to ", CTORCH_MAX_RANK, ", got ", rank);
  if (rank > 0) require(shape, "tensor_shape");
  c10::IntArrayRef sizes(shape, static_cast<size_t>(rank));
  for (int64_t extent : sizes)
    if (extent < 0) fail(CTORCH_ERROR_ARGUMENT, "argument 'tensor_shape': negative extent in ", shape_text(sizes));
  return sizes;
}

at::TensorOptions options(int32_t dtype, int32_t device_type, int32_t device_index) {
  return at::TensorOptions().dtype(scalar_type(dtype)).device(device(device_type, device_index));
}

void set_requires_grad(at::Tensor& tensor, int32_t requires_grad) {
  if (!requires_grad) return;
  if (!differentiable(tensor.scalar_type()))
    fail(CTORCH_ERROR_ARGUMENT, "argument 'requires_grad': only real and complex tensors have gradients, got ",
         label(tensor.scalar_type()));
  tensor.set_requires_grad(true);
}

void give_full(const at::Scalar& value, int32_t rank, const int64_t* shape, int32_t dtype, int32_t device_type,
               int32_t device_index, int32_t requires_grad, ctorch_tensor* tensor) {
  require(tensor, "tensor");
  at::Tensor made = at::full(checked_shape(rank, shape), value, options(dtype, device_type, device_index));
  set_requires_grad(made, requires_grad);
  store(tensor, std::move(made));
}

// Where a tensor over memory of the program lives.
c10::Device place_of(void* data, int32_t device_type, int32_t device_index, bool on_device) {
  if (!on_device || device_type == CTORCH_DEVICE_CPU) return device(device_type, device_index);
  const HostEnvironment host;
  return device_holding(data, device_type, device_index);
}

// Memory of shape and strides stays within reach of the caller: no negative strides, which libtorch cannot have.
void check_strides(c10::IntArrayRef strides) {
  for (int64_t stride : strides)
    if (stride < 0)
      fail(CTORCH_ERROR_ARGUMENT, "argument 'strides': PyTorch has no negative strides, got ", shape_text(strides));
}

// The program may read what is on the host as soon as the call has returned, so a copy to there has arrived by then.
bool may_return_early(int32_t non_blocking, c10::Device to) { return non_blocking && !to.is_cpu(); }

template <class Answer, class Question>
int32_t query(const ctorch_tensor* tensor, Answer* answer, Question&& question) noexcept {
  return answer_with(answer, "the answer", [&] { return question(*Input(tensor, "tensor")); });
}

// Extents and strides lie in the tensor's own memory, so there must be somebody who keeps it.
const at::Tensor& variable(const Input& tensor) {
  if (tensor.object().temporary)
    fail(CTORCH_ERROR_HANDLE, "the shape of an expression would vanish with it; assign it to a variable first");
  return *tensor;
}

}  // namespace
}  // namespace ctorch

extern "C" {

int32_t ctorch_tensor_from_blob(void* data, int32_t rank, const int64_t shape[], const int64_t strides[], int32_t dtype,
                                int32_t device_type, int32_t device_index, int32_t requires_grad, int32_t on_device,
                                ctorch_tensor* tensor) {
  return guard([&] {
    require(tensor, "tensor");
    const auto sizes = checked_shape(rank, shape);
    const bool empty = std::find(sizes.begin(), sizes.end(), 0) != sizes.end();
    const c10::Device where = place_of(empty ? nullptr : data, device_type, device_index, on_device != 0);
    if (!data && !empty) fail(CTORCH_ERROR_ARGUMENT, "argument 'data' is a null pointer");
    if (rank > 0) require(strides, "strides");
    const c10::IntArrayRef steps(strides, static_cast<size_t>(rank));
    const auto element_bytes = static_cast<int64_t>(c10::elementSize(scalar_type(dtype)));
    check_extent(sizes, steps, element_bytes, element_bytes,
                 "argument 'tensor_shape'");  // first: strides made of it wrap around
    check_strides(steps);
    const bool wraps = where.is_cpu() || on_device;
    at::Tensor made = wraps && !where.is_cpu() ? at::for_blob(data, sizes)
                                                     .strides(steps)
                                                     .options(at::TensorOptions(scalar_type(dtype)).device(where))
                                                     .target_device(where)
                                                     .make_tensor()
                                               : compat::wrap(data, sizes, steps, scalar_type(dtype));
    if (!wraps) {
      HostEnvironment host;
      made = made.to(where);
    }
    set_requires_grad(made, requires_grad);
    store(tensor, std::move(made), wraps);
  });
}

int32_t ctorch_tensor_empty(int32_t rank, const int64_t shape[], int32_t dtype, int32_t device_type, int32_t device_index,
                            int32_t requires_grad, ctorch_tensor* tensor) {
  return guard([&] {
    require(tensor, "tensor");
    at::Tensor made = at::empty(checked_shape(rank, shape), options(dtype, device_type, device_index));
    set_requires_grad(made, requires_grad);
    store(tensor, std::move(made));
  });
}

int32_t ctorch_tensor_full_real(double value, int32_t rank, const int64_t shape[], int32_t dtype, int32_t device_type,
                                int32_t device_index, int32_t requires_grad, ctorch_tensor* tensor) {
  return compute([&] { give_full(value, rank, shape, dtype, device_type, device_index, requires_grad, tensor); });
}

int32_t ctorch_tensor_full_integer(int64_t value, int32_t rank, const int64_t shape[], int32_t dtype, int32_t device_type,
                                   int32_t device_index, int32_t requires_grad, ctorch_tensor* tensor) {
  return compute([&] { give_full(value, rank, shape, dtype, device_type, device_index, requires_grad, tensor); });
}

int32_t ctorch_tensor_clone(const ctorch_tensor* source, ctorch_tensor* target) {
  return compute([&] {
    require(target, "target");
    store(target, Input(source, "source")->clone());
  });
}

int32_t ctorch_tensor_to(const ctorch_tensor* source, int32_t dtype, int32_t device_type, int32_t device_index,
                         int32_t non_blocking, ctorch_tensor* target) {
  return compute([&] {
    require(target, "target");
    Input from(source, "source");
    const auto type = dtype == CTORCH_DTYPE_DEFAULT ? from->scalar_type() : scalar_type(dtype);
    if (!at::canCast(from->scalar_type(), type) && from->is_complex())
      fail(CTORCH_ERROR_ARGUMENT, "argument 'dtype': ", label(from->scalar_type()), " has no ", label(type), " counterpart");
    const auto where = device_type == CTORCH_DEVICE_SAME ? from->device() : device(device_type, device_index);
    store(target, from->to(where, type, may_return_early(non_blocking, where), /*copy=*/true));
  });
}

int32_t ctorch_tensor_copy(const ctorch_tensor* source, const ctorch_tensor* target, int32_t non_blocking) {
  return compute([&] {
    Input from(source, "source"), into(target, "target");
    if (from->sizes() != into->sizes())
      fail(CTORCH_ERROR_ARGUMENT, "shapes differ: the target is ", describe(*into), ", the source is ", describe(*from));
    into->copy_(*from, may_return_early(non_blocking, into->device()));
  });
}

int32_t ctorch_tensor_delete(ctorch_tensor* tensor) { return delete_handle(tensors(), tensor); }

int32_t ctorch_tensor_assign(ctorch_tensor* left, const ctorch_tensor* right) {
  return guard([&] {
    if (!left) fail(CTORCH_ERROR_ARGUMENT, "the left side of the assignment is not allocated; allocate it first");
    if (!right) fail(CTORCH_ERROR_ARGUMENT, "the right side of the assignment is not allocated");
    if (left->id && left->id == right->id) return;
    if (right->id == 0) {
      ctorch_tensor_delete(left);
      return;
    }
    TensorObject& from = tensors().get(right->id, "the right side of the assignment");
    TensorObject* into = left->id ? tensors().find(left->id) : nullptr;
    const bool temporary = from.temporary;
    if (into && into->wraps && !(temporary && from.wraps)) {  // a new wrapper rebinds, values are written through
      HostEnvironment host;
      if (into->value.sizes() != from.value.sizes())
        fail(CTORCH_ERROR_ARGUMENT, "the left side shows an array of the program, which keeps its shape: it is ",
             describe(into->value), ", the values are ", describe(from.value),
             "; assign to another tensor, or delete this one first");
      write_result(into->value, from.value);
      if (temporary) tensors().release(right->id, true);
    } else if (const bool moves = temporary && !from.shares;
               const uint64_t renamed = moves && from.one_shot && plain(from.value) ? tensors().rename(right->id) : 0) {
      from.temporary = from.one_shot = false;  // nobody else will release it: its place goes over
      const uint64_t old = left->id;
      left->id = renamed;
      if (old) tensors().release(old);
    } else if (temporary && !from.shares) {
      const bool wraps = from.wraps;
      const uint64_t consumed = right->id;  // released last, so that a second use is recognized as one
      store(left, std::move(from.value), wraps);
      tensors().release(consumed, true);
    } else {
      HostEnvironment host;
      store(left, from.value.clone());
      if (temporary) tensors().release(right->id, true);
    }
  });
}

int32_t ctorch_tensor_yield(const ctorch_tensor* tensor, int32_t one_shot) {
  return guard([&] {
    require(tensor, "tensor");
    TensorObject& object = tensors().get(tensor->id, "tensor");
    object.temporary = true;
    object.one_shot = one_shot != 0;
  });
}

int32_t ctorch_tensor_rank(const ctorch_tensor* tensor, int32_t* rank) {
  return query(tensor, rank, [](const at::Tensor& t) { return t.dim(); });
}

int32_t ctorch_tensor_shape(const ctorch_tensor* tensor, const int64_t** shape, int32_t* rank) {
  return guard([&] {
    require(shape, "shape");
    require(rank, "rank");
    Input input(tensor, "tensor");
    const auto sizes = variable(input).sizes();
    *shape = sizes.data();
    *rank = static_cast<int32_t>(sizes.size());
  });
}

int32_t ctorch_tensor_strides(const ctorch_tensor* tensor, const int64_t** strides, int32_t* rank) {
  return guard([&] {
    require(strides, "strides");
    require(rank, "rank");
    Input input(tensor, "tensor");
    const auto steps = variable(input).strides();
    *strides = steps.data();
    *rank = static_cast<int32_t>(steps.size());
  });
}

int32_t ctorch_tensor_dtype(const ctorch_tensor* tensor, int32_t* dtype) {
  return query(tensor, dtype, [](const at::Tensor& t) { return dtype_code(t.scalar_type()); });
}

int32_t ctorch_tensor_device(const ctorch_tensor* tensor, int32_t* device_type, int32_t* device_index) {
  return guard([&] {
    require(device_type, "device_type");
    require(device_index, "device_index");
    const c10::Device where = Input(tensor, "tensor")->device();
    *device_type = static_cast<int32_t>(where.type());
    *device_index = where.is_cpu() ? -1 : where.index();
  });
}

int32_t ctorch_tensor_numel(const ctorch_tensor* tensor, int64_t* count) {
  return query(tensor, count, [](const at::Tensor& t) { return t.numel(); });
}

int32_t ctorch_tensor_is_contiguous(const ctorch_tensor* tensor, int32_t* answer) {
  return query(tensor, answer, [](const at::Tensor& t) { return t.is_contiguous(); });
}

int32_t ctorch_tensor_data(const ctorch_tensor* tensor, void** data) {
  return query(tensor, data, [](const at::Tensor& t) {
    check_plain(t);
    note_address_given(t);
    return t.data_ptr();
  });
}

int32_t ctorch_tensor_requires_grad(const ctorch_tensor* tensor, int32_t* answer) {
  return query(tensor, answer, [](const at::Tensor& t) { return t.requires_grad(); });
}

int32_t ctorch_tensor_to_string(const ctorch_tensor* tensor, const char** text, int64_t* length) {
  return compute([&] {
    std::ostringstream stream;
    stream << *Input(tensor, "tensor");
    return_text(stream.str(), text, length);
  });
}

int32_t ctorch_tensor_zero(const ctorch_tensor* tensor) {
  return compute([&] {
    Input input(tensor, "tensor");
    const at::AutoGradMode recorded(at::GradMode::is_enabled() && !input->is_leaf());  // a weight has no history to add to
    input->zero_();
  });
}

}  // extern "C"
