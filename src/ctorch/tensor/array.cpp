// Entries between host arrays and tensors.
#include "tensor/array.h"

#include <ATen/Functions.h>

#include <algorithm>
#include <vector>

#include "compat/tensor_impl.h"
#include "ctorch_tensor.h"
#include "tensor/memory.h"

using namespace ctorch;

namespace ctorch {
namespace {

// The array's order of dimensions, checked to be a permutation of 1..rank.
void check_order(const ctorch_array& array, const char* noun) {
  const char* argument = array.order == CTORCH_ORDER_LAYOUT ? "layout" : "permute_dims";
  if (array.order_count != array.rank)
    fail(CTORCH_ERROR_ARGUMENT, "argument '", argument, "' of ", noun, ": expected ", array.rank, " dimensions, got ",
         array.order_count);
  uint32_t seen = 0;
  for (int32_t d = 0; d < array.rank; ++d) {
    const int32_t dim = array.order_dims[d];
    if (dim < 1 || dim > array.rank || (seen >> dim & 1)) {
      const std::vector<int64_t> given(array.order_dims, array.order_dims + array.rank);
      fail(CTORCH_ERROR_ARGUMENT, "argument '", argument, "' of ", noun, ": expected each of 1 to ", array.rank, " once, got ",
           shape_text(given));
    }
    seen |= 1u << dim;
  }
}

// The meaning `layout` has in existing codes: the shape stays and the memory is read in another order.
void apply_layout(const ctorch_array& array, ArrayView& view, const char* noun) {
  const bool identity = std::is_sorted(array.order_dims, array.order_dims + array.rank);
  if (identity) return;
  const auto rank = static_cast<size_t>(array.rank);
  if (!fills_memory({array.shape, rank}, {array.byte_strides, rank}, array.element_bytes, /*first_fastest=*/true))
    fail(
        CTORCH_ERROR_ARGUMENT, "argument 'layout' of ", noun,
        ": only a contiguous array can be read in another memory order; permute_dims= gives the transposed view of any section");
  int64_t stride = 1;
  for (int32_t d = 0; d < array.rank; ++d) {
    const auto dim = static_cast<size_t>(array.order_dims[d] - 1);
    view.strides[dim] = stride;
    stride *= view.shape[dim];
  }
}

int64_t element_stride(const ctorch_array& array, int32_t d, const char* noun) {
  const int64_t bytes = array.byte_strides[d];
  if (array.shape[d] <= 1) return bytes > 0 && bytes % array.element_bytes == 0 ? bytes / array.element_bytes : 1;
  if (bytes < 0)
    fail(CTORCH_ERROR_ARGUMENT, noun, ": dimension ", d + 1, " runs backwards (byte stride ", bytes,
         "), which a PyTorch view cannot; give an array in forward order, or copy=.true. in torch_tensor_from_array");
  if (bytes % array.element_bytes != 0)
    fail(CTORCH_ERROR_ARGUMENT, noun, ": dimension ", d + 1, " has a byte stride of ", bytes,
         ", no multiple of the element size ", array.element_bytes,
         "; give a plain array, or copy=.true. in torch_tensor_from_array");
  return bytes / array.element_bytes;
}

// Elements of an array of any byte strides, negative ones included, in PyTorch's order.
at::Tensor gathered(const ctorch_array& array, int32_t dtype) {
  c10::IntArrayRef shape(array.shape, static_cast<size_t>(array.rank));
  at::Tensor copy = at::empty(shape, at::TensorOptions(scalar_type(dtype)));
  auto* out = static_cast<char*>(copy.data_ptr());
  const int64_t count = copy.numel();
  c10::SmallVector<int64_t, CTORCH_MAX_RANK> index(static_cast<size_t>(array.rank), 0);
  const bool logical = array.dtype == CTORCH_ARRAY_LOGICAL;
  const auto size = static_cast<size_t>(array.element_bytes);
  for (int64_t n = 0; n < count; ++n) {
    const char* from = static_cast<const char*>(array.data);
    for (int32_t d = 0; d < array.rank; ++d) from += index[static_cast<size_t>(d)] * array.byte_strides[d];
    if (logical)
      *out++ = std::any_of(from, from + size, [](char byte) { return byte != 0; });
    else
      out = std::copy_n(from, size, out);
    for (int32_t d = array.rank; d-- > 0;) {
      if (++index[static_cast<size_t>(d)] < array.shape[d]) break;
      index[static_cast<size_t>(d)] = 0;
    }
  }
  return copy;
}

at::Tensor copied(const ctorch_array& array, int32_t dtype) {
  at::Tensor copy = gathered(array, dtype);
  if (array.order != CTORCH_ORDER_PERMUTE) return copy;
  c10::SmallVector<int64_t, CTORCH_MAX_RANK> dims(array.order_dims, array.order_dims + array.rank);
  for (int64_t& dim : dims) --dim;
  return copy.permute(dims).contiguous();
}

// Inverse of the array's order, for going from tensor dimensions back to array dimensions.
at::Tensor in_array_order(const at::Tensor& tensor, const ctorch_array& array) {
  if (array.order != CTORCH_ORDER_PERMUTE) return tensor;
  check_order(array, "the array");
  c10::SmallVector<int64_t, CTORCH_MAX_RANK> dims(static_cast<size_t>(array.rank), 0);
  for (int32_t d = 0; d < array.rank; ++d) dims[static_cast<size_t>(array.order_dims[d] - 1)] = d;
  return tensor.permute(dims);
}

// Descriptions that no Fortran compiler makes, but a C program may.
void check_description(const ctorch_array& array, const char* noun) {
  if (array.rank < 0 || array.rank > CTORCH_MAX_RANK)
    fail(CTORCH_ERROR_ARGUMENT, noun, ": expected a rank of 0 to ", CTORCH_MAX_RANK, ", got ", array.rank);
  if (array.element_bytes <= 0) fail(CTORCH_ERROR_ARGUMENT, noun, ": element_bytes is ", array.element_bytes);
  if (array.order < CTORCH_ORDER_INDEX || array.order > CTORCH_ORDER_LAYOUT)
    fail(CTORCH_ERROR_ARGUMENT, noun, ": order ", array.order, " is no CTORCH_ORDER_* constant");
}

void check_rank(const at::Tensor& tensor, const ctorch_array& array) {
  if (tensor.dim() != array.rank)
    fail(CTORCH_ERROR_ARGUMENT, "the array has rank ", array.rank, ", the tensor has rank ", tensor.dim(), " (",
         describe(tensor), ")");
}

}  // namespace

int32_t array_dtype(const ctorch_array& array, int32_t dtype, const char* noun, bool copies) {
  check_description(array, noun);
  switch (array.dtype) {
    case CTORCH_ARRAY_CHARACTER: fail(CTORCH_ERROR_ARGUMENT, noun, " is of type character; tensors hold numbers and logicals");
    case CTORCH_ARRAY_DERIVED: fail(CTORCH_ERROR_ARGUMENT, noun, " is of a derived type; pass one of its numeric components");
    case CTORCH_ARRAY_LOGICAL:
      if (copies) break;
      fail(CTORCH_ERROR_ARGUMENT, noun, " is a logical of ", array.element_bytes,
           " bytes, which no tensor can share; use logical(c_bool), or copy=.true. in torch_tensor_from_array");
    case CTORCH_ARRAY_UNKNOWN:
      fail(CTORCH_ERROR_ARGUMENT, noun, " is of a type of ", array.element_bytes, " bytes that has no PyTorch dtype");
    default: break;
  }
  // The address first: an array that is not there has extents left over from anything.
  if (!array.data) fail(CTORCH_ERROR_ARGUMENT, noun, " is not allocated or not associated");
  for (int32_t d = 0; d < array.rank; ++d)
    if (array.shape[d] < 0)
      fail(CTORCH_ERROR_ARGUMENT, noun,
           " is an assumed-size array (declared with *), whose size nobody knows; pass a section "
           "with bounds, like a(1:n)");
  if (array.dtype == CTORCH_ARRAY_LOGICAL) return CTORCH_DTYPE_BOOL;
  if (const auto bytes = c10::elementSize(scalar_type(array.dtype)); static_cast<int64_t>(bytes) != array.element_bytes)
    fail(CTORCH_ERROR_ARGUMENT, noun, ": element_bytes is ", array.element_bytes, ", a ", label(array.dtype), " has ", bytes);
  if (dtype == CTORCH_DTYPE_DEFAULT) return array.dtype;
  if (dtype != array.dtype && storage_dtype(dtype) != array.dtype)
    fail(CTORCH_ERROR_ARGUMENT, "argument 'dtype': an array of ", label(array.dtype), " cannot hold ", label(dtype),
         "; pass an array of ", label(storage_dtype(dtype)));
  return dtype;
}

ArrayView array_view(const ctorch_array& array, const char* noun) {
  const auto rank = static_cast<size_t>(array.rank);
  check_extent({array.shape, rank}, {array.byte_strides, rank}, 1, array.element_bytes, noun);
  ArrayView view;
  for (int32_t d = 0; d < array.rank; ++d) {
    view.shape.push_back(array.shape[d]);
    view.strides.push_back(element_stride(array, d, noun));
  }
  if (array.order == CTORCH_ORDER_INDEX) return view;
  check_order(array, noun);
  if (array.order == CTORCH_ORDER_LAYOUT) {
    apply_layout(array, view, noun);
    return view;
  }
  ArrayView permuted;
  for (int32_t d = 0; d < array.rank; ++d) {
    const auto dim = static_cast<size_t>(array.order_dims[d] - 1);
    permuted.shape.push_back(view.shape[dim]);
    permuted.strides.push_back(view.strides[dim]);
  }
  return permuted;
}

bool lies_on_device(const ctorch_array& array, c10::Device where, const std::string& word, const char* noun) {
  if (where.is_cpu()) return false;
  const auto found = device_of_memory(array.data, where.type());
  if (found && *found != where)
    fail(CTORCH_ERROR_DEVICE, "argument '", word, "' lies on ", found->str(), ", the ", noun, " is on ", where.str());
  return found.has_value();
}

at::Tensor array_tensor(const ctorch_array& array, const ArrayView& view, int32_t dtype, c10::Device where) {
  if (where.is_cpu()) return compat::wrap(array.data, view.shape, view.strides, scalar_type(dtype));
  const auto options = at::TensorOptions(scalar_type(dtype)).device(where);
  return at::for_blob(array.data, view.shape).strides(view.strides).options(options).target_device(where).make_tensor();
}

}  // namespace ctorch

extern "C" {

int32_t ctorch_tensor_from_array(const ctorch_array* array, int32_t dtype, int32_t device_type, int32_t device_index,
                                 int32_t requires_grad, int32_t copy, ctorch_tensor* tensor) {
  return guard([&] {
    require(array, "data_in");
    require(tensor, "tensor");
    const int32_t type = array_dtype(*array, dtype, "data_in", copy != 0);
    const c10::Device where = device(device_type, device_index);
    if (requires_grad && !differentiable(scalar_type(type)))
      fail(CTORCH_ERROR_ARGUMENT, "argument 'requires_grad': only real and complex tensors have gradients, got ", label(type));
    if (!copy && where.is_cpu()) [[likely]] {
      at::Tensor made = array_tensor(*array, array_view(*array, "data_in"), type);
      if (requires_grad) made.set_requires_grad(true);
      return store(tensor, std::move(made), /*wraps=*/true);
    }
    HostEnvironment host;
    at::Tensor made = copy ? copied(*array, type) : array_tensor(*array, array_view(*array, "data_in"), type);
    if (!where.is_cpu()) made = made.to(where);
    if (requires_grad) made.set_requires_grad(true);
    store(tensor, std::move(made));
  });
}

int32_t ctorch_tensor_copy_to_array(const ctorch_tensor* tensor, const ctorch_array* array, int32_t dtype, int32_t convert) {
  return compute([&] {
    require(array, "data_out");
    Input from(tensor, "tensor");
    const int32_t type = array_dtype(*array, dtype, "data_out");
    check_rank(*from, *array);
    if (!convert && from->scalar_type() != scalar_type(type))
      fail(CTORCH_ERROR_ARGUMENT, "data_out is ", label(type), ", the tensor is ", describe(*from),
           "; pass convert=.true. or an array of the tensor's dtype");
    at::Tensor into = array_tensor(*array, array_view(*array, "data_out"), type);
    write_into(into, from->detach());
  });
}

int32_t ctorch_tensor_view_array(const ctorch_tensor* tensor, ctorch_array* array) {
  return guard([&] {
    require(array, "data_out");
    Input from(tensor, "tensor");
    if (from.object().temporary)
      fail(CTORCH_ERROR_HANDLE, "an array cannot point into an expression, which vanishes; assign it to a variable first");
    if (!from->is_cpu())
      fail(CTORCH_ERROR_DEVICE, "the tensor is on ", from->device().str(),
           "; copy it with torch_tensor_copy_to or move it with torch_tensor_to first");
    if (storage_dtype(dtype_code(from->scalar_type())) != array->dtype)
      fail(CTORCH_ERROR_ARGUMENT, "data_out is ", label(array->dtype), ", the tensor is ", describe(*from),
           "; declare data_out as ", label(storage_dtype(dtype_code(from->scalar_type()))), " or convert with torch_tensor_to");
    check_rank(*from, *array);
    check_plain(*from);
    const at::Tensor view = in_array_order(*from, *array);
    alignas(16) static char nothing;  // where an empty array lies: a null address would mean "not associated"
    note_address_given(view);
    array->data = view.numel() ? view.data_ptr() : &nothing;
    array->dtype = dtype_code(from->scalar_type());
    for (int32_t d = 0; d < array->rank; ++d) {
      array->shape[d] = view.size(d);
      array->byte_strides[d] = view.stride(d) * array->element_bytes;
    }
  });
}

}  // extern "C"
