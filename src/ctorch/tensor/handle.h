// What a tensor handle names, and how entries take tensors in and give them out.
#pragma once
#include <ATen/core/Tensor.h>

#include "core/handle_table.h"
#include "ctorch_tensor.h"
#include "host/environment.h"
#include "tensor/conversion.h"
#include "tensor/memory.h"

namespace ctorch {

struct TensorObject {
  at::Tensor value;
  bool wraps = false;      // shows memory of the host program: assignment writes through
  bool temporary = false;  // result of a function: assignment may move it
  bool one_shot = false;   // ... and nobody will finalize it: the first reader releases it
  bool shares = false;     // lies in the memory of a variable: assignment copies instead of moving
};

using TensorTable = HandleTable<TensorObject, CTORCH_HANDLE_TENSOR>;

inline TensorTable& tensors() {
  static TensorTable& table = TensorTable::instance();
  return table;
}

// A tensor argument that an entry reads. Releases a one-shot temporary when the entry is done with it.
class Input {
 public:
  Input(const ctorch_tensor* handle, const char* noun, int32_t number = 0) {
    require(handle, noun);
    id_ = handle->id;
    object_ = &tensors().get(id_, noun, number);
  }
  ~Input() {
    if (object_->one_shot) [[unlikely]]
      tensors().release(id_, true);
  }
  Input(const Input&) = delete;
  Input& operator=(const Input&) = delete;

  const at::Tensor& operator*() const { return object_->value; }
  const at::Tensor* operator->() const { return &object_->value; }
  const TensorObject& object() const { return *object_; }
  uint64_t id() const { return id_; }

 private:
  uint64_t id_;
  TensorObject* object_;
};

// Replaces what the caller's variable held by a new handle. What is in a variable has an address where its values lie.
inline void store(ctorch_tensor* out, at::Tensor value, bool wraps = false) {
  const uint64_t old = out->id;
  make_plain(value);
  out->id = tensors().create(TensorObject{std::move(value), wraps});
  if (old) tensors().release(old);
}

// The same under the handle that the variable has already, if it has one and other threads do not know it: codes hand the
// outputs of a network over as intent(in), and what is in such a variable must not change.
inline void rebind(ctorch_tensor* out, at::Tensor value) {
  make_plain(value);
  TensorObject fresh{std::move(value)};
  if (!tensors().replace(out->id, fresh)) store(out, std::move(fresh.value));
}

// Delivers the result of an operation: written through into a tensor that wraps a host array, otherwise given. Where one
// element is one element, `scalar` lets shape [1] take a result without dimensions.
void store_result(ctorch_tensor* out, at::Tensor result, bool scalar = false);

// Copies values, converting dtype and device, with exactly equal shapes; complex never silently becomes real.
void write_into(const at::Tensor& target, const at::Tensor& source);

// The same where nobody asked for a conversion: the target's dtype must be able to hold the source's.
void write_result(const at::Tensor& target, const at::Tensor& source);

}  // namespace ctorch
