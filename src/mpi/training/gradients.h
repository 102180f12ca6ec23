// The gradients of a model as memory that MPI can add up.
#pragma once
#include <ctorch_model.h>

#include <cstdint>
#include <string>
#include <vector>

#include "core/group.h"
#include "training/early_sums.h"

namespace ftorch {

// Gradients of all parameters that have one on any rank; where this one has none, zeros. What is on a device, or of 16 bits, is
// brought into memory of the host, and back. Nothing here is collective but `add_up`.
class Gradients {
 public:
  explicit Gradients(const ctorch_model* model);
  Gradients(const Gradients&) = delete;
  Gradients& operator=(const Gradients&) = delete;
  ~Gradients();

  const std::vector<ctorch_tensor>& handles() const { return all_; }  // of all parameters; 0 where there is none
  const std::vector<int64_t>& has() const { return has_; }
  int64_t digest() const;          // of which parameters have a gradient here, and of their sizes and dtypes
  std::string parameters() const;  // the same of all parameters

  bool empty() const { return parts_.empty(); }

  // Takes those that somebody has. Before this, those that are here are taken.
  void take(const std::vector<int64_t>& wanted);

  struct Sum {
    int64_t strange = -1;          // the number here that was not finite, counted from 0; -1 if all were
    bool somebody_speaks = false;  // there is such a number on some rank, or something to be brought back
  };

  // Each is multiplied by the rank's weight, and all are added up, but for those that were added up early.
  Sum add_up(const Group& all, double weight, const EarlySums* early);

  // Brings back what was brought into the host's memory.
  void give_back();

 private:
  struct Part {
    size_t parameter = 0;
    ctorch_tensor gradient{}, host{};  // the same, where no copy was needed
    int32_t dtype = 0;
    bool is_copy = false;
    void* data = nullptr;
    int64_t count = 0, before = 0;  // numbers, and numbers of the parts before it
  };
  void add(size_t parameter);
  void forget();
  void find_parts();
  template <class Number>
  void add_up_all_of(int32_t dtype, const Group& all, double weight, const EarlySums* early, Sum& sum);

  const ctorch_model* model_;
  std::vector<ctorch_tensor> all_;
  std::vector<int64_t> has_;
  std::vector<Part> parts_;
  bool has_copies_ = false;
};

}  // namespace ftorch
