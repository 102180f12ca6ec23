// How a device multiplies matrices of float32: with all their digits, or in TensorFloat-32, which keeps ten bits of each factor
// and is faster. PyTorch has one setting for the whole process; here it is each model's own, as long as a call of it lasts.
#pragma once
#include <c10/core/Device.h>

namespace ctorch {

// Calls that want the same run side by side, the others wait for their turn: a call is over when its work is queued. What the
// program has set is there again when nobody is inside. On the CPU nothing is done: its products are those of float32.
class Products {
 public:
  Products(c10::Device device, bool tf32);
  ~Products();
  Products(const Products&) = delete;
  Products& operator=(const Products&) = delete;

 private:
  bool inside_;
};

}  // namespace ctorch
