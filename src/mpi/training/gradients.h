// The gradients of a model as memory that MPI can add up.
#pragma once
#include <ctorch_model.h>

#include <cstdint>
#include <vector>

#include "core/group.h"

namespace ftorch {

// Gradients of all parameters that have one on any rank; where this one has none, zeros. What is on a device, or of 16 bits, is
// brought into memory of the host, and back.
class Gradients {
 public:
  // Not collective. `has` tells which parameters have a gradient here.
  explicit Gradients(const ctorch_model* model);
  Gradients(const Gradients&) = delete;
  Gradients& operator=(const Gradients&) = delete;
  ~Gradients();

  const std::vector<int64_t>& has() const { return has_; }
  int64_t digest() const { return digest_; }  // of the sizes and dtypes of all parameters

  // Not collective. Takes those that somebody has.
  void take(const std::vector<int64_t>& wanted);

  // Not collective. Throws if one is not finite.
  void check_finite() const;

  // Collective. Each is multiplied by the rank's weight, and all are added up.
  void add_up(const Group& all, double weight);

  // Not collective. Brings back what was brought into the host's memory.
  void give_back();

 private:
  struct Part {
    ctorch_tensor gradient{}, host{};  // the same, where no copy was needed
    int32_t dtype = 0;
    bool is_copy = false;
    void* data = nullptr;
    int64_t count = 0;
  };
  void release();

  const ctorch_model* model_;
  std::vector<ctorch_tensor> all_;
  std::vector<int64_t> has_;
  int64_t digest_ = 0;
  std::vector<Part> parts_;
};

}  // namespace ftorch
