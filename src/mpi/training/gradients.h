// The gradients of a model as memory that MPI can add up.
#pragma once
#include <ctorch_model.h>

#include <cstdint>
#include <string>
#include <vector>

#include "core/group.h"
#include "training/device_gradients.h"
#include "training/early_sums.h"
#include "training/handles.h"

namespace ftorch {

// Gradients of all parameters that have one on any rank; where this one has none, zeros. What is of 16 bits is brought into
// memory of the host, and back; what is on a device too, unless MPI takes the memory of the devices of all ranks. Nothing here
// is collective but the two ways to add up.
class Gradients {
 public:
  explicit Gradients(const ctorch_model* model) : model_(model), gradients_(model), has_(gradients_.all.size()) {}
  Gradients(const Gradients&) = delete;
  Gradients& operator=(const Gradients&) = delete;
  ~Gradients() { forget(); }

  const std::vector<ctorch_tensor>& handles() const { return gradients_.all; }  // of all parameters; 0 where there is none
  const std::vector<int64_t>& has() const { return has_; }
  int64_t digest() const;          // of which parameters have a gradient here, and of their sizes and dtypes
  std::string parameters() const;  // the same of all parameters

  bool empty() const { return parts_.empty(); }
  bool some_are_on_a_device() const { return !on_device_.empty(); }
  bool mpi_takes_all() const { return mpi_takes_all_; }  // where they are: on a device

  // Takes those that are here; later, where ranks differ, those that somebody has.
  void take_own();
  void take_those_of_all(const std::vector<int64_t>& wanted);

  struct Sum {
    int64_t strange = -1;          // the number here that was not finite, counted from 0; -1 if all were
    bool somebody_speaks = false;  // there is such a number on some rank, or something to be brought back
  };

  // Each is multiplied by the rank's weight, and all are added up on the devices.
  Sum add_up_on_devices(const Group& all, double weight) const;

  // The same on the host, to where `fetch` brings those of a device before, but for those that were added up early.
  void fetch();
  Sum add_up(const Group& all, double weight, const EarlySums* early);

  // Brings back what was brought into the host's memory.
  void give_back();

 private:
  struct Part {
    size_t parameter = 0;
    ctorch_tensor gradient{}, host{};  // the same, where no copy was needed
    int32_t dtype = 0;
    bool is_copy = false, is_on_device = false;
    void* data = nullptr;
    int64_t count = 0, before = 0;  // numbers, and numbers of the parts before it
  };
  void add(size_t parameter);
  void forget();
  void find_parts();
  int32_t device_of_model() const;
  template <class Number>
  void add_up_all_of(int32_t dtype, const Group& all, double weight, const EarlySums* early, Sum& sum);

  const ctorch_model* model_;
  Handles gradients_;
  std::vector<int64_t> has_;
  std::vector<Part> parts_;
  DeviceGradients on_device_;
  bool has_copies_ = false, mpi_takes_all_ = false;
};

}  // namespace ftorch
