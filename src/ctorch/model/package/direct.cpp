#include "model/package/direct.h"

#include "tensor/conversion.h"
#include "tensor/memory.h"

namespace ctorch {
namespace {

// The dimensions of an array in the order of its tensor.
class ArrayDims {
 public:
  explicit ArrayDims(const ctorch_array& array) : array_(array) {}
  bool usable() const {
    if (array_.order == CTORCH_ORDER_INDEX) return array_.rank >= 0 && array_.rank <= CTORCH_MAX_RANK;
    if (array_.order != CTORCH_ORDER_PERMUTE || array_.rank < 0 || array_.rank > CTORCH_MAX_RANK ||
        array_.order_count != array_.rank)
      return false;
    uint32_t seen = 0;
    for (int32_t d = 0; d < array_.rank; ++d) {
      const auto dim = static_cast<uint32_t>(array_.order_dims[d] - 1);
      if (dim >= static_cast<uint32_t>(array_.rank)) return false;
      seen |= 1u << dim;
    }
    return seen == (1u << array_.rank) - 1;
  }
  bool is(int32_t dtype, c10::ScalarType) const { return array_.dtype == dtype; }
  size_t rank() const { return static_cast<size_t>(array_.rank); }
  const void* data() const { return array_.data; }
  int64_t size(size_t d) const { return array_.shape[place(d)]; }
  int64_t byte_stride(size_t d, int64_t) const { return array_.byte_strides[place(d)]; }

 private:
  size_t place(size_t d) const {
    return array_.order == CTORCH_ORDER_INDEX ? d : static_cast<size_t>(array_.order_dims[d] - 1);
  }
  const ctorch_array& array_;
};

class TensorDims {
 public:
  explicit TensorDims(const at::Tensor& tensor) : tensor_(tensor) {}
  bool usable() const { return tensor_.defined() && tensor_.is_cpu() && plain(tensor_); }
  bool is(int32_t, c10::ScalarType scalar) const { return tensor_.scalar_type() == scalar; }
  size_t rank() const { return static_cast<size_t>(tensor_.dim()); }
  const void* data() const { return tensor_.const_data_ptr(); }
  int64_t size(size_t d) const { return tensor_.sizes()[d]; }
  int64_t byte_stride(size_t d, int64_t element_bytes) const { return tensor_.strides()[d] * element_bytes; }

 private:
  const at::Tensor& tensor_;
};

}  // namespace

DirectPorts::Port DirectPorts::port_of(const TensorSpec& tensor) {
  return {dtype_code(tensor.dtype), tensor.dtype, static_cast<int64_t>(c10::elementSize(tensor.dtype)), tensor.fortran_layout,
          tensor.dims};
}

DirectPorts::DirectPorts(const Spec& spec) : symbols_(spec.symbols) {
  for (const auto& tensor : spec.inputs) inputs_.push_back(port_of(tensor));
  for (const auto& tensor : spec.outputs) {
    outputs_.push_back(port_of(tensor));
    outputs_.back().fortran_layout = false;  // results are always in PyTorch's order
  }
  const auto rank = [](const TensorSpec& tensor) { return static_cast<int64_t>(tensor.dims.size()); };
  single_sample_ = inputs_.size() == 1 && outputs_.size() == 1 &&
                   Spec::is_single_sample(spec.inputs[0], rank(spec.inputs[0]) - 1, symbols_) &&
                   Spec::is_single_sample(spec.outputs[0], rank(spec.outputs[0]) - 1, symbols_);
}

template <class View>
bool DirectPorts::fits(const Port& port, const View& view, size_t missing, Bindings& bindings, Span& span) const {
  const size_t rank = port.dims.size();
  if (!view.usable() || !view.is(port.dtype, port.scalar) || view.rank() + missing != rank) return false;
  int64_t expected = port.element_bytes;  // stride of the next dimension
  for (size_t i = 0; i < rank; ++i) {
    const size_t d = port.fortran_layout ? i : rank - 1 - i;
    const SpecDim& dim = port.dims[d];
    const int64_t size = d < missing ? 1 : view.size(d - missing);
    if (dim.symbol < 0) {
      if (size != dim.size) return false;
    } else {
      int64_t& bound = bindings[static_cast<size_t>(dim.symbol)];
      const Symbol& symbol = symbols_[static_cast<size_t>(dim.symbol)];
      if (size != bound && (bound >= 0 || size < symbol.min || size > symbol.max)) return false;
      bound = size;
    }
    if (size <= 0) return false;
    if (size != 1) {
      if (view.byte_stride(d - missing, port.element_bytes) != expected) return false;
      expected *= size;
    }
  }
  span.first = reinterpret_cast<uintptr_t>(view.data());
  span.last = span.first + static_cast<uintptr_t>(expected);
  return span.first != 0 && span.first % static_cast<uintptr_t>(port.element_bytes) == 0;
}

bool DirectPorts::fit(const ctorch_array& x, const ctorch_array& y, DirectCall& call) const {
  if (inputs_.size() != 1 || outputs_.size() != 1) return false;
  for (size_t i = 0; i < symbols_.size(); ++i) call.bindings[i] = -1;
  const auto rank = static_cast<int32_t>(inputs_[0].dims.size());
  const size_t missing = single_sample_ && x.rank == rank - 1 ? 1 : 0;
  Span in, out;
  if (!fits(inputs_[0], ArrayDims(x), missing, call.bindings, in) ||
      !fits(outputs_[0], ArrayDims(y), missing, call.bindings, out) || (in.first < out.last && out.first < in.last))
    return false;
  call.inputs[0] = x.data;
  call.outputs[0] = y.data;
  return true;
}

bool DirectPorts::fit(std::span<const at::Tensor* const> inputs, std::span<const at::Tensor* const> outputs,
                      DirectCall& call) const {
  if (inputs.size() != inputs_.size() || outputs.size() != outputs_.size() || inputs.size() > max_direct_ports ||
      outputs.size() > max_direct_ports)
    return false;
  for (size_t i = 0; i < symbols_.size(); ++i) call.bindings[i] = -1;
  std::array<Span, 2 * max_direct_ports> spans;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!fits(inputs_[i], TensorDims(*inputs[i]), 0, call.bindings, spans[i])) return false;
    call.inputs[i] = inputs[i]->const_data_ptr();
  }
  for (size_t i = 0; i < outputs.size(); ++i) {
    const size_t place = inputs.size() + i;
    if (!fits(outputs_[i], TensorDims(*outputs[i]), 0, call.bindings, spans[place])) return false;
    for (size_t other = 0; other < place; ++other)
      if (spans[other].first < spans[place].last && spans[place].first < spans[other].last) return false;
    call.outputs[i] = const_cast<void*>(outputs[i]->const_data_ptr());
  }
  return true;
}

}  // namespace ctorch
