// The shortest way into a kernel: whether it can compute with a call's arrays or tensors where they lie, found out without
// making anything.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "contract/backend.h"
#include "contract/spec.h"
#include "ctorch_array.h"
#include "model/package/kernel.h"

namespace ctorch {

constexpr size_t max_direct_ports = 32;

// What a call brings: arrays in the order of the contract, and the sizes of its symbols.
struct DirectCall {
  std::array<KernelArray, max_direct_ports> inputs, outputs;
  Bindings bindings;
  std::array<std::array<int64_t, CTORCH_MAX_RANK>, 2 * max_direct_ports> byte_strides;
};

class DirectPorts {
 public:
  explicit DirectPorts(const Spec& spec);

  // False for everything that is not right: the long way has the messages.
  bool fit(Arrays inputs, Arrays outputs, bool convert, DirectCall& call) const;
  bool fit(Tensors inputs, Tensors outputs, bool convert, DirectCall& call) const;

 private:
  struct Port {
    int32_t dtype = 0;  // as in the C interface
    c10::ScalarType scalar = c10::ScalarType::Undefined;
    int64_t element_bytes = 0;
    bool real = false;    // of a kind that can be converted on the way
    bool output = false;  // written, so that no two of its elements may lie at one place
    std::vector<SpecDim> dims;
    std::optional<SpecRange> range;
  };
  struct Span {
    uintptr_t first, last;
  };
  bool in_range(const Port& port, const KernelArray& array, const Bindings& bindings) const;
  template <class View, class Views>
  bool fit_all(const Views& inputs, const Views& outputs, bool one_sample, bool convert, DirectCall& call) const;
  template <class View>
  bool fits(const Port& port, const View& view, size_t missing, bool convert, Bindings& bindings, KernelArray& array,
            int64_t* byte_strides, Span& span) const;
  static Port port_of(const TensorSpec& tensor);

  std::vector<Port> inputs_, outputs_;
  std::vector<Symbol> symbols_;
  bool single_sample_ = false;  // all arrays (not tensors) may come without their batch dimension
};

}  // namespace ctorch
