#include "tensor/wrap.h"

#include <ATen/EmptyTensor.h>
#include <ATen/Functions.h>
#include <c10/core/TensorImpl.h>

#include <utility>

namespace ctorch {

// The last steps of at::for_blob, which a host may take thousands of times in each of its own: what comes before them there finds
// the device and switches the dispatcher off and on, which a tensor on the CPU does not need.
at::Tensor wrap(void* data, c10::IntArrayRef shape, c10::IntArrayRef strides, at::ScalarType type, c10::Device device) {
  if (!device.is_cpu())
    return at::for_blob(data, shape)
        .strides(strides)
        .options(at::TensorOptions(type).device(device))
        .target_device(device)
        .make_tensor();
  const caffe2::TypeMeta meta = c10::scalarTypeToTypeMeta(type);
  c10::Storage memory(c10::Storage::use_byte_size_t(), at::detail::computeStorageNbytes(shape, strides, meta.itemsize()),
                      c10::DataPtr(data, c10::kCPU), nullptr, false);
  at::Tensor tensor =
      at::detail::make_tensor<c10::TensorImpl>(std::move(memory), c10::DispatchKeySet(c10::DispatchKey::CPU), meta);
  tensor.unsafeGetTensorImpl()->set_sizes_and_strides(shape, strides);
  return tensor;
}

}  // namespace ctorch
