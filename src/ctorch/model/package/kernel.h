// Kernels: compiled code that depends on the C library only and computes on plain addresses (docs/package-format.md).
#pragma once
#include <atomic>
#include <memory>
#include <mutex>
#include <string>

#include "core/reclaim.h"
#include "host/float_call.h"
#include "model/package/library.h"
#include "model/package/package.h"
#include "model/package/weights.h"

namespace ctorch {

// Memory at a multiple of 64 bytes, as kernels expect it.
class AlignedBytes {
 public:
  void* at_least(size_t size) {
    if (size > size_) [[unlikely]]
      grow(size);
    return bytes_.get();
  }

 private:
  struct Free {
    void operator()(char* bytes) const { ::operator delete(bytes, std::align_val_t{64}); }
  };
  void grow(size_t size);
  std::unique_ptr<char, Free> bytes_;
  size_t size_ = 0;
};

// An array as kernels know it; the dtype is the contract's, or the other one of float32 and float64.
struct KernelArray {
  void* data;
  const int64_t* byte_strides;
  int64_t dtype;
};

// The code, which all models of a package share.
class KernelLibrary {
 public:
  // Refuses code of another interface, and code that needs other memory than the contract says.
  KernelLibrary(std::shared_ptr<const Library> library, const Variant& variant, const std::string& what);

  using Pack = void (*)(const void* const* weights, void* packed);
  using Run = void (*)(const KernelArray* inputs, const KernelArray* outputs, const void* packed, void* workspace,
                       int64_t first, int64_t last);
  Pack pack;
  Run run;

 private:
  std::shared_ptr<const Library> library_;
};

// The code with the weights of one model.
class Kernel {
 public:
  Kernel(std::shared_ptr<const KernelLibrary> library, const Variant& variant, const Weights& weights);

  // Several threads at once. `samples` is 1 for a kernel of fixed sizes; `version` is that of the weights.
  void run(const KernelArray* inputs, const KernelArray* outputs, int64_t samples, uint64_t version) const {
    if (version != packed_version_.load(std::memory_order_acquire)) [[unlikely]]
      pack_again(version);
    void* room = workspace_ ? workspace_of_thread().at_least(workspace_) : nullptr;
    if (version >= Weights::any_version) [[unlikely]]
      return run_unpacked(inputs, outputs, room, samples);
    run_(inputs, outputs, packed_.load(std::memory_order_acquire)->data, room, 0, samples);
  }

  // Whether there are samples enough, and threads, to share the work out.
  bool is_worth_sharing(int64_t samples, uint64_t version) const {
    return grain_ > 0 && samples >= 2 * grain_ && version < Weights::any_version && may_start_team();
  }

  // The same by a team of threads, each with some of the samples.
  void run_shared(const KernelArray* inputs, const KernelArray* outputs, int64_t samples, uint64_t version,
                  FloatCall& call) const;

  ~Kernel() { delete packed_.load(); }
  Kernel(const Kernel&) = delete;
  Kernel& operator=(const Kernel&) = delete;

  const std::shared_ptr<const KernelLibrary>& library() const { return library_; }

 private:
  struct Packed : Retired {
    AlignedBytes memory;
    const void* data;
  };
  // Small kernels need none, and looking up what belongs to a thread would be a part of their time.
  static AlignedBytes& workspace_of_thread() {
    thread_local AlignedBytes workspace;
    return workspace;
  }
  Packed* pack() const;
  void pack_again(uint64_t version) const;
  void run_unpacked(const KernelArray* inputs, const KernelArray* outputs, void* workspace, int64_t samples) const;
  static bool may_start_team();

  std::shared_ptr<const KernelLibrary> library_;
  KernelLibrary::Run run_;
  const Weights& weights_;
  size_t workspace_, packed_size_;
  int64_t grain_;
  mutable std::atomic<Packed*> packed_;  // replaced as a whole: another thread may be computing with it
  mutable std::atomic<uint64_t> packed_version_;
  mutable std::mutex mutex_;
};

}  // namespace ctorch
