// A model format: what a new one has to provide. Everything else (contract, checks, copies, handles) is format-independent.
#pragma once
#include <ATen/core/Tensor.h>
#include <c10/util/SmallVector.h>

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "file.h"
#include "state.h"

namespace ctorch {

// The flattened results of one run. Names are filled in only when asked for, and only for dictionaries.
struct Results {
  c10::SmallVector<at::Tensor, 4> values;
  std::vector<std::string> names;
  bool want_names = false;
};

// What a file of this format contained besides the model itself.
struct Extras {
  std::string spec;    // JSON text of the contract, empty if there is none
  std::string golden;  // serialized sample of inputs and outputs, empty if there is none
};

class Backend {
 public:
  Backend() = default;
  Backend(const Backend&) = delete;
  Backend& operator=(const Backend&) = delete;
  virtual ~Backend() = default;

  // Runs the model once on inputs that live on its device and takes them over. The caller has set the gradient mode.
  virtual void run(std::span<at::Tensor> inputs, Results& results) = 0;

  // The same model with state of its own.
  virtual std::unique_ptr<Backend> clone() const = 0;

  virtual std::pair<size_t, size_t> input_counts() const = 0;  // fewest and most inputs

  // The weights, each once even if the network uses it in several places, and the tensors that it keeps beside them. They are
  // the backend's own: who writes into one changes the model.
  virtual State parameters() const = 0;
  virtual State buffers() const = 0;
  // Both, under every name that Python's state_dict has for them.
  virtual State state() const = 0;

  virtual bool is_training() const = 0;
  virtual void set_training(bool on) = 0;
  virtual void to(c10::Device device, std::optional<at::ScalarType> dtype) = 0;  // dtype: of the floating-point ones
  virtual void save(const Writer& write, const Extras& extras) const = 0;
};

std::unique_ptr<Backend> load_torchscript(const std::string& path, c10::Device device, bool requires_grad, bool is_training,
                                          Extras& extras);

}  // namespace ctorch
