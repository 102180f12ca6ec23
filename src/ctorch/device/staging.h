// The way of arrays to a device and back. What a device reads and writes by itself is pinned memory, so arrays go through
// pinned buffers, which a model keeps: pinning memory takes longer than copying it.
#pragma once
#include <ATen/core/Tensor.h>

#include <memory>
#include <mutex>
#include <vector>

namespace ctorch {

// The buffers of one call: one for each array, as large as the largest that came by.
class Staging {
 public:
  // A tensor on the host for `send` to fill in. Its elements lie as those of a tensor with these strides would, if they leave
  // no gaps, and otherwise one after another.
  at::Tensor room(c10::IntArrayRef sizes, c10::IntArrayRef strides, at::ScalarType dtype);
  at::Tensor send(const at::Tensor& host);  // of any memory; under way until `wait`

  // Copies a result to the host, where it is after `wait`, until the next call.
  at::Tensor fetch(const at::Tensor& result);
  void wait();
  void has_waited() { under_way_ = false; }  // somebody else has

 private:
  friend class StagingPool;
  void begin(c10::Device device);
  void end() noexcept;

  c10::Device device_{c10::kCPU};
  c10::Allocator* allocator_ = nullptr;  // null: the device has no pinned memory, and copies take their time
  std::vector<std::pair<c10::DataPtr, size_t>> buffers_;
  size_t used_ = 0;
  bool under_way_ = false;
};

// The buffers of a model: a set for each thread that calls it at the same time.
class StagingPool {
 public:
  // A set of buffers as long as a call lasts. Whatever becomes of the call, they rest only when nothing is under way.
  class Lease {
   public:
    Lease(StagingPool& pool, c10::Device device);
    ~Lease();
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    Staging* operator->() const { return set_.get(); }

   private:
    StagingPool& pool_;
    std::unique_ptr<Staging> set_;
  };

 private:
  std::mutex mutex_;
  std::vector<std::unique_ptr<Staging>> resting_;
};

}  // namespace ctorch
