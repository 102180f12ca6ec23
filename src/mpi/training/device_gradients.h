// Gradients that lie on a device, one after another there: one copy, or one message, takes all of them.
#pragma once
#include <ctorch_tensor.h>

#include <cstdint>
#include <vector>

#include "core/group.h"

namespace ftorch {

class DeviceGradients {
 public:
  DeviceGradients() = default;
  DeviceGradients(const DeviceGradients&) = delete;
  DeviceGradients& operator=(const DeviceGradients&) = delete;
  ~DeviceGradients() { clear(); }

  // The numbers of a gradient, `before` of the model's numbers before it. The handle stays the caller's.
  void add(const ctorch_tensor& gradient, int32_t dtype, int64_t count, int64_t before);
  void join();  // after the last one
  void clear();

  bool empty() const { return flats_.empty(); }

  // One way: copies all to the host; then `place_of` knows where the numbers of a gradient are there.
  void fetch();
  void* place_of(int64_t before) const;

  // The other way: gives them their weight, where they are, and returns the number that was not finite, -1 if all were; then
  // MPI adds up what lies on the devices of all ranks.
  int64_t weigh(double weight) const;
  void add_up(const Group& all) const;

  // Brings the sums to where the gradients are.
  void give_back() const;

 private:
  // All of one dtype, which is that of the sum: 16 bits are added up in 32.
  struct Flat {
    int32_t dtype = 0, index = 0;
    ctorch_tensor numbers{}, host{};
    std::vector<ctorch_tensor> gradients{};
    std::vector<int64_t> before{}, start{};  // of each gradient: numbers of the model before it, and of this array
    int64_t count = 0;
  };
  int64_t number_of(const Flat& flat, int64_t place) const;
  template <class Number>
  static void sum(const Flat& flat, MPI_Comm comm);

  std::vector<Flat> flats_;
};

}  // namespace ftorch
