// A model format: what a new one has to provide. Everything else (contract, checks, copies, handles) is format-independent.
#pragma once
#include <ATen/core/Tensor.h>
#include <c10/util/SmallVector.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "contract/spec.h"
#include "ctorch_array.h"
#include "host/float_call.h"
#include "io/atomic_file.h"
#include "io/state.h"

namespace ctorch {

// The flattened results of one run. Names are filled in only when asked for, and only for dictionaries.
struct Results {
  c10::SmallVector<at::Tensor, 4> values;
  std::vector<std::string> names;
  bool want_names = false;
};

// What a file of this format contained besides the model itself.
struct Extras {
  std::optional<Spec> spec;
  std::string golden;  // serialized sample of inputs and outputs, empty if there is none
};

// What became of the attempt to run without tensors in between: done; not for this call, nothing was done, and `run` is to be
// called after all checks; or nothing was done yet, since a team of threads would be worth its start.
enum class Direct { done, unfit, shareable };
using Arrays = std::span<const ctorch_array>;
using Tensors = std::span<const at::Tensor* const>;

class Backend {
 public:
  Backend() = default;
  Backend(const Backend&) = delete;
  Backend& operator=(const Backend&) = delete;
  virtual ~Backend() = default;

  // Runs the model without tensors in between, for compiled code that reads and writes the caller's memory. `convert` admits
  // real numbers of the other kind; `call` is there when threads may be started.
  virtual bool can_run_directly() const { return false; }
  virtual Direct run_directly(Arrays inputs, Arrays outputs, bool convert, FloatCall* call) const {
    static_cast<void>(inputs), static_cast<void>(outputs), static_cast<void>(convert), static_cast<void>(call);
    return Direct::unfit;
  }
  virtual Direct run_directly(Tensors inputs, Tensors outputs, bool convert, FloatCall* call) const {
    static_cast<void>(inputs), static_cast<void>(outputs), static_cast<void>(convert), static_cast<void>(call);
    return Direct::unfit;
  }

  // Runs the model once on inputs that live on its device and takes them over. The caller has set the gradient mode.
  virtual void run(std::span<at::Tensor> inputs, Results& results) = 0;

  // The same model with state of its own.
  virtual std::unique_ptr<Backend> clone() const = 0;

  virtual std::pair<size_t, size_t> input_counts() const = 0;  // fewest and most inputs

  // Runs it a few times, on these inputs and others that it knows to matter, leaving everything as it was: the first calls are
  // the slow ones. Returns what the last of them gave.
  virtual Results warm_up(const std::vector<at::Tensor>& inputs);

  // The weights, each once even if the network uses it in several places, and the tensors that it keeps beside them. They are
  // the backend's own: who writes into one changes the model.
  virtual State parameters() const = 0;
  virtual State buffers() const = 0;
  // Both, under every name that Python's state_dict has for them.
  virtual State state() const = 0;

  // The same for looking at only.
  virtual State values() const { return state(); }

  // How often an input had to be copied into the strides that compiled code wants, and which of the file's variants ran last.
  virtual int64_t input_copies() const { return 0; }
  virtual std::string last_variant() const = 0;

  // The operation by which the model draws random numbers in evaluation mode, empty if it draws none.
  virtual std::string random_operator() const = 0;

  // Counts the changes of weights after which another code may run; and whether a call changes anything that is not the
  // device's, as an attribute that counts the calls.
  virtual uint64_t weights_version() const { return 0; }
  virtual bool changes_host_state() const { return false; }

  virtual bool is_training() const = 0;
  virtual void set_training(bool on) = 0;
  virtual void to(c10::Device device, std::optional<at::ScalarType> dtype) = 0;  // dtype: of the floating-point ones
  virtual void save(const Writer& write, const Extras& extras) const = 0;
};

}  // namespace ctorch
