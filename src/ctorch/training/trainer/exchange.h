// What passes from the first half of a step to the second: gradients, new values of buffers and the loss, in few flat tensors,
// so that ranks can average them in between.
#pragma once
#include <ATen/core/Tensor.h>

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "io/state.h"

namespace ctorch {

class Exchange {
 public:
  struct Flat {
    std::string name;
    int32_t role;      // CTORCH_EXCHANGE_*
    at::Tensor value;  // where compiled code reads and writes
    at::Tensor shown;  // what programs see: the same, or in the host's memory what is on a device
  };

  // That of a package without halves.
  Exchange() = default;

  // Reads the contract; throws std::invalid_argument for one that contradicts itself. The state's tensors keep their memory.
  Exchange(const nlohmann::json& json, const State& state);

  bool empty() const { return flats_.empty(); }
  const std::vector<Flat>& flats() const { return flats_; }

  // The flat tensor of this name, or the gradient of one weight, in its shape: "trainer.gradient.0.weight".
  std::optional<at::Tensor> find(const std::string& name) const;

  // The host's part, of a device: it is there from the first `show` on, and as the device has it after `fetch`, or the device
  // as it is after `send`. On the CPU there is nothing to do.
  void show();
  void fetch() const;
  void send() const;

  // What a batch without samples passes on: no gradients, no loss, and the buffers as they are.
  void clear() const;

 private:
  struct Part {
    std::string name;
    int32_t role;
    at::Tensor value;  // a view of the flat tensor
    at::Tensor state;  // the weight or buffer itself
  };

  std::vector<Flat> flats_;
  std::vector<Part> parts_;
};

}  // namespace ctorch
