#include "model/package/direct.h"

#include <algorithm>

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
  int64_t byte_stride(size_t d) const { return array_.byte_strides[place(d)]; }

 private:
  size_t place(size_t d) const {
    return array_.order == CTORCH_ORDER_INDEX ? d : static_cast<size_t>(array_.order_dims[d] - 1);
  }
  const ctorch_array& array_;
};

class TensorDims {
 public:
  explicit TensorDims(const at::Tensor* tensor) : tensor_(*tensor) {}
  bool usable() const { return tensor_.defined() && tensor_.is_cpu() && plain(tensor_); }
  bool is(int32_t, c10::ScalarType scalar) const { return tensor_.scalar_type() == scalar; }
  size_t rank() const { return static_cast<size_t>(tensor_.dim()); }
  const void* data() const { return tensor_.const_data_ptr(); }
  int64_t size(size_t d) const { return tensor_.sizes()[d]; }
  int64_t byte_stride(size_t d) const { return tensor_.strides()[d] * tensor_.element_size(); }

 private:
  const at::Tensor& tensor_;
};

// Of the two kinds of real numbers of 4 and 8 bytes the other one.
int32_t other_real(int32_t dtype) { return dtype == CTORCH_DTYPE_FLOAT32 ? CTORCH_DTYPE_FLOAT64 : CTORCH_DTYPE_FLOAT32; }
c10::ScalarType other_real(c10::ScalarType type) { return type == at::kFloat ? at::kDouble : at::kFloat; }

// Whether no two elements lie at one place: each dimension, from the first or from the last on, steps over those before it.
bool lies_apart(std::span<const int64_t> sizes, const int64_t* byte_strides, int64_t element_bytes) {
  for (const bool first_fastest : {false, true}) {
    int64_t over = element_bytes;
    bool apart = true;
    for (size_t i = 0; i < sizes.size() && apart; ++i) {
      const size_t d = first_fastest ? i : sizes.size() - 1 - i;
      if (sizes[d] == 1) continue;
      apart = byte_strides[d] >= over;
      over = byte_strides[d] * sizes[d];
    }
    if (apart) return true;
  }
  return false;
}

}  // namespace

DirectPorts::Port DirectPorts::port_of(const TensorSpec& tensor) {
  const bool real = tensor.dtype == at::kFloat || tensor.dtype == at::kDouble;
  return {dtype_code(tensor.dtype),
          tensor.dtype,
          static_cast<int64_t>(c10::elementSize(tensor.dtype)),
          real,
          false,
          tensor.dims,
          tensor.range};
}

DirectPorts::DirectPorts(const Spec& spec) : symbols_(spec.symbols) {
  for (const auto& tensor : spec.inputs) inputs_.push_back(port_of(tensor));
  for (const auto& tensor : spec.outputs) {
    outputs_.push_back(port_of(tensor));
    outputs_.back().output = true;
  }
  const auto is_batch = [&](const TensorSpec& tensor) {
    return Spec::is_single_sample(tensor, static_cast<int64_t>(tensor.dims.size()) - 1, symbols_);
  };
  single_sample_ = std::all_of(spec.inputs.begin(), spec.inputs.end(), is_batch) &&
                   std::all_of(spec.outputs.begin(), spec.outputs.end(), is_batch);
}

template <class View>
bool DirectPorts::fits(const Port& port, const View& view, size_t missing, bool convert, Bindings& bindings, KernelArray& array,
                       int64_t* byte_strides, Span& span) const {
  const size_t rank = port.dims.size();
  if (!view.usable() || view.rank() + missing != rank) return false;
  array.dtype = port.dtype;
  int64_t element_bytes = port.element_bytes;
  if (!view.is(port.dtype, port.scalar)) {
    if (!convert || !port.real || !view.is(other_real(port.dtype), other_real(port.scalar))) return false;
    array.dtype = other_real(port.dtype);
    element_bytes = 12 - element_bytes;
  }
  std::array<int64_t, CTORCH_MAX_RANK> sizes;
  int64_t reach = 0;
  uintptr_t places = reinterpret_cast<uintptr_t>(view.data());
  for (size_t d = 0; d < rank; ++d) {
    const SpecDim& dim = port.dims[d];
    const int64_t size = d < missing ? 1 : view.size(d - missing);
    if (dim.symbol < 0) {
      if (size != dim.size) return false;
    } else {
      int64_t& bound = bindings[static_cast<size_t>(dim.symbol)];
      const Symbol& symbol = symbols_[static_cast<size_t>(dim.symbol)];
      if (size != bound && (bound >= 0 || ((size < symbol.surely_from || size > symbol.surely_to) && !symbol.admits(size))))
        return false;
      bound = size;
    }
    if (size <= 0) return false;
    sizes[d] = size;
    byte_strides[d] = size == 1 ? 0 : view.byte_stride(d - missing);
    if (byte_strides[d] < 0) return false;
    reach += (size - 1) * byte_strides[d];
    places |= static_cast<uintptr_t>(byte_strides[d]);
  }
  if (view.data() == nullptr || places % static_cast<uintptr_t>(element_bytes) != 0) return false;
  if (port.output && !lies_apart(std::span<const int64_t>(sizes.data(), rank), byte_strides, element_bytes)) return false;
  array.data = const_cast<void*>(view.data());
  array.byte_strides = byte_strides;
  span.first = reinterpret_cast<uintptr_t>(view.data());
  span.last = span.first + static_cast<uintptr_t>(reach + element_bytes);
  return true;
}

bool DirectPorts::in_range(const Port& port, const KernelArray& array, const Bindings& bindings) const {
  std::array<int64_t, CTORCH_MAX_RANK> sizes;
  const size_t rank = port.dims.size();
  for (size_t d = 0; d < rank; ++d)
    sizes[d] = port.dims[d].symbol < 0 ? port.dims[d].size : bindings[static_cast<size_t>(port.dims[d].symbol)];
  const auto [low, high] = port.range->at(bindings);
  return !find_out_of_range(array.data, port.scalar, std::span(sizes.data(), rank), std::span(array.byte_strides, rank), low,
                            high);
}

template <class View, class Views>
bool DirectPorts::fit_all(const Views& inputs, const Views& outputs, bool one_sample, bool convert, DirectCall& call) const {
  if (inputs.size() != inputs_.size() || outputs.size() != outputs_.size() || inputs.size() > max_direct_ports ||
      outputs.size() > max_direct_ports)
    return false;
  for (size_t i = 0; i < symbols_.size(); ++i) call.bindings[i] = -1;
  const size_t missing = one_sample && single_sample_ && View(inputs[0]).rank() + 1 == inputs_[0].dims.size() ? 1 : 0;
  std::array<Span, 2 * max_direct_ports> spans;
  for (size_t i = 0; i < inputs.size(); ++i)
    if (!fits(inputs_[i], View(inputs[i]), missing, convert, call.bindings, call.inputs[i], call.byte_strides[i].data(),
              spans[i]))
      return false;
  for (size_t i = 0; i < inputs.size(); ++i)
    if (inputs_[i].range && !in_range(inputs_[i], call.inputs[i], call.bindings)) return false;
  for (size_t i = 0; i < outputs.size(); ++i) {
    const size_t place = inputs.size() + i;
    if (!fits(outputs_[i], View(outputs[i]), missing, convert, call.bindings, call.outputs[i], call.byte_strides[place].data(),
              spans[place]))
      return false;
    for (size_t other = 0; other < place; ++other)
      if (spans[other].first < spans[place].last && spans[place].first < spans[other].last) return false;
  }
  return true;
}

bool DirectPorts::fit(Arrays inputs, Arrays outputs, bool convert, DirectCall& call) const {
  return fit_all<ArrayDims>(inputs, outputs, true, convert, call);
}

bool DirectPorts::fit(Tensors inputs, Tensors outputs, bool convert, DirectCall& call) const {
  return fit_all<TensorDims>(inputs, outputs, false, convert, call);
}

}  // namespace ctorch
