// The contract a model file carries: what goes in, what comes out. Read once at load, checked at each call in constant time.
#pragma once
#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "contract/values.h"
#include "ctorch_array.h"
#include "host/float_state.h"

namespace ctorch {

constexpr int32_t max_symbols = 16;

// One dimension: a fixed size, or a symbol whose size the call decides.
struct SpecDim {
  int64_t size = -1;
  int32_t symbol = -1;
};

// An end of a range: a number, or the size of a symbol and what is added to it.
struct RangeBound {
  int64_t number = 0;
  int32_t symbol = -1;
};

// Sizes of the symbols in one call.
using Bindings = std::array<int64_t, max_symbols>;

struct SpecRange {
  RangeBound low, high;
  ValueRange at(const Bindings& bindings) const;
};

struct TensorSpec {
  std::string name;
  std::string units;
  c10::ScalarType dtype;
  std::vector<SpecDim> dims;
  std::optional<SpecRange> range;  // of whole numbers: what else comes is refused. That of others is for people
  bool fortran_layout = false;  // callers have it with the first index fastest; compiled code reads no other, TorchScript any
};

struct Symbol {
  std::string name;
  int64_t min = 1;
  int64_t max = INT64_MAX;
  int64_t multiple = 1;
  // Sizes between these are admitted without another look: none where they must be multiples. So others pay nothing for it.
  int64_t surely_from = 1;
  int64_t surely_to = INT64_MAX;

  bool admits(int64_t size) const { return size >= min && size <= max && size % multiple == 0; }
  std::string words() const;  // "ny may be 4 or more, a multiple of 4"
};

struct Spec {
  std::vector<TensorSpec> inputs;
  std::vector<TensorSpec> outputs;
  std::vector<Symbol> symbols;
  Flush flush = Flush::as_host;
  bool tf32 = false;  // devices may multiply float32 matrices in TensorFloat-32
  std::string json;

  // Reads the JSON text; throws with the reason for text that is no contract of a known format.
  static Spec parse(const std::string& text);
  static Spec read(const nlohmann::json& json, std::string text);

  // The contract after the weights went from one dtype to another: inputs and outputs of the old dtype are of the new one.
  Spec with_dtype(c10::ScalarType from, c10::ScalarType to) const;

  // The contract with outputs of the dtypes that the network was seen to return.
  Spec with_output_dtypes(c10::ArrayRef<at::Tensor> results) const;

  // Whether a file's contract and its network agree: number, rank and dtype of what forward returned.
  void check_outputs(c10::ArrayRef<at::Tensor> results) const;

  // Checks one input against its declaration, binding symbols; dtype is left to the caller when it converts.
  void check_input(size_t index, const at::Tensor& tensor, bool any_dtype, Bindings& bindings) const;

  // Checks the whole numbers of an input, which has passed the other checks.
  void check_values(size_t index, const at::Tensor& tensor, const Bindings& bindings) const;

  // An input made up for trying the network: zeros, or what the contract admits that is next to zero.
  at::Tensor make_input(size_t index, const Bindings& bindings, c10::Device device) const;

  // The same of other sizes: what an input has is cut, or repeated, so that its numbers stay those that the network takes.
  at::Tensor resize_input(size_t index, const at::Tensor& tensor, const Bindings& bindings) const;

  // Whether inputs can be made up: zero is no index of everything.
  bool can_make_inputs() const;

  // Whether an array of this rank is one sample of the tensor, given without its batch dimension.
  static bool is_single_sample(const TensorSpec& tensor, int64_t rank, const std::vector<Symbol>& symbols);

  std::string shape_words(const TensorSpec& tensor) const;  // "[batch, 18, 432]"

 private:
  void require_sizes_of_ranges() const;
};

// The JSON text of a contract as a value; throws for text that is none.
nlohmann::json parse_contract(const std::string& text);

// "input 1 'sst' (K)" with what is known about it.
std::string port_words(const char* direction, size_t index, const TensorSpec* tensor);

}  // namespace ctorch
