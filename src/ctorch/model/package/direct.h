// The shortest way into a kernel: whether a call's arrays or tensors lie in memory exactly as it wants them, found out without
// making anything.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "contract/spec.h"
#include "ctorch_array.h"

namespace ctorch {

constexpr size_t max_direct_ports = 8;

// What a call brings: addresses in the order of the contract, and the sizes of its symbols.
struct DirectCall {
  std::array<const void*, max_direct_ports> inputs;
  std::array<void*, max_direct_ports> outputs;
  Bindings bindings;
};

class DirectPorts {
 public:
  explicit DirectPorts(const Spec& spec);

  // False for everything that is not exactly right, also for what is wrong: the long way has the messages.
  bool fit(const ctorch_array& x, const ctorch_array& y, DirectCall& call) const;
  bool fit(std::span<const at::Tensor* const> inputs, std::span<const at::Tensor* const> outputs, DirectCall& call) const;

  size_t inputs() const { return inputs_.size(); }
  size_t outputs() const { return outputs_.size(); }

 private:
  struct Port {
    int32_t dtype = 0;  // as in the C interface
    c10::ScalarType scalar = c10::ScalarType::Undefined;
    int64_t element_bytes = 0;
    bool fortran_layout = false;
    std::vector<SpecDim> dims;
  };
  struct Span {
    uintptr_t first, last;
  };
  template <class View>
  bool fits(const Port& port, const View& view, size_t missing, Bindings& bindings, Span& span) const;
  static Port port_of(const TensorSpec& tensor);

  std::vector<Port> inputs_, outputs_;
  std::vector<Symbol> symbols_;
  bool single_sample_ = false;  // one input, one output, and both may come without their batch dimension
};

}  // namespace ctorch
