// The weights of a package: tensors over one block of memory that all its compiled variants read, or copies on a device.
#pragma once
#include <ATen/core/Tensor.h>

#include <atomic>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "io/state.h"
#include "model/package/package.h"
#include "tensor/memory.h"

namespace ctorch {

// A block of bytes that frees itself: memory of its own, or a part of a file's content.
class WeightMemory : public WatchedMemory {
 public:
  explicit WeightMemory(std::span<const char> bytes);  // a copy
  // That part itself where it is aligned; else it is moved. Nobody else may look at it from now on.
  WeightMemory(std::shared_ptr<const Content> content, std::span<const char> part);
  ~WeightMemory();
  WeightMemory(const WeightMemory&) = delete;
  WeightMemory& operator=(const WeightMemory&) = delete;
  char* data() const { return data_; }
  size_t size() const { return size_; }

 private:
  void allocate();

  std::shared_ptr<const Content> content_;
  char* data_ = nullptr;
  size_t size_;
};

class Weights {
 public:
  Weights(std::shared_ptr<const PackageInfo> info, std::shared_ptr<WeightMemory> memory, c10::Device device);
  Weights(const Weights& other);  // a copy of the values
  Weights& operator=(const Weights&) = delete;
  ~Weights() = default;

  // Handing tensors out means that they can be written from now on: only then are changes looked for.
  State parameters() const { return hand_out(true, false); }
  State buffers() const { return hand_out(false, true); }
  State all() const { return hand_out(true, true); }

  // For the package's own code, which does not write.
  const State& tensors() const { return tensors_; }
  const std::vector<const void*>& addresses() const { return addresses_; }
  std::span<const char> bytes() const;  // as in the file

  // Counts the changes of all weights. Nothing is counted as long as nobody could have changed any; from any_version on they
  // may change at any time without being counted.
  static constexpr uint64_t any_version = uint64_t{1} << 62;
  uint64_t version() const { return handed_out_.load(std::memory_order_acquire) ? count_changes() : 0; }
  bool address_given() const { return memory_->address_given.load(std::memory_order_acquire); }
  // The numbers of weights whose values may not be those of the file any more.
  std::vector<size_t> changed() const;
  void remember(const std::set<std::string>& names);  // values to compare with, for those that are written and yet the same

  // The values of the buffers, which the network itself may change.
  std::vector<at::Tensor> buffer_values() const;
  void restore_buffers(const std::vector<at::Tensor>& values);

 private:
  std::string digest_of(size_t index) const;
  State hand_out(bool parameters, bool buffers) const;
  uint64_t count_changes() const;

  std::shared_ptr<const PackageInfo> info_;
  const std::vector<PackedWeight>& list_ = info_->weights;
  std::shared_ptr<WeightMemory> memory_;
  c10::Device device_;
  State tensors_;
  std::vector<const void*> addresses_;  // in the host's memory
  std::vector<uint64_t> first_versions_;
  std::map<size_t, std::string> remembered_;  // digests of values
  mutable std::atomic<bool> handed_out_{false};
};

}  // namespace ctorch
