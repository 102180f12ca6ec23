#include "model/package/kernel.h"

#include <dlfcn.h>
#include <omp.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <new>

#include "core/error.h"
#include "host/environment.h"

namespace ctorch {
namespace {

constexpr int32_t known_abi = 2;

template <class Function>
Function function_of(void* library, const char* name, const std::string& what) {
  void* address = ::dlsym(library, name);
  if (!address) fail(CTORCH_ERROR_FILE, what, " has no function ", name, "; export the model again");
  return reinterpret_cast<Function>(address);
}

}  // namespace

void AlignedBytes::grow(size_t size) {
  bytes_.reset(static_cast<char*>(::operator new(size, std::align_val_t{64})));
  size_ = size;
}

KernelLibrary::KernelLibrary(std::shared_ptr<const Library> library, const Variant& variant, const std::string& what)
    : library_(std::move(library)) {
  void* handle = library_->handle();
  const int32_t abi = function_of<int32_t (*)()>(handle, "ftorch_kernel_abi", what)();
  if (abi != known_abi)
    fail(CTORCH_ERROR_FILE, what, " has interface ", abi, ", this library knows ", known_abi,
         abi < known_abi ? "; export the model again" : "; install a newer version of it");
  std::array<int64_t, 3> needs{};
  function_of<void (*)(int64_t*)>(handle, "ftorch_kernel_needs", what)(needs.data());
  if (needs[0] != static_cast<int64_t>(variant.workspace) || needs[1] != static_cast<int64_t>(variant.packed) ||
      (needs[2] != 0) != (variant.samples >= 0) || variant.grain < 0)
    fail(CTORCH_ERROR_FILE, what, " is not what the contract says of it; export the model again");
  pack = function_of<Pack>(handle, "ftorch_kernel_pack", what);
  run = function_of<Run>(handle, "ftorch_kernel_run", what);
}

Kernel::Kernel(std::shared_ptr<const KernelLibrary> library, const Variant& variant, const Weights& weights)
    : library_(std::move(library)),
      run_(library_->run),
      weights_(weights),
      workspace_(variant.workspace),
      packed_size_(variant.packed),
      grain_(variant.grain),
      packed_(nullptr),
      packed_version_(weights_.version()) {
  packed_ = pack();
}

Kernel::Packed* Kernel::pack() const {
  auto packed = std::make_unique<Packed>();
  void* data = packed->memory.at_least(packed_size_);
  library_->pack(weights_.addresses().data(), data);
  packed->data = data;
  packed->destroy = [](Retired& old) noexcept { delete &static_cast<Packed&>(old); };
  return packed.release();
}

// Weights were replaced since the last call.
void Kernel::pack_again(uint64_t version) const {
  std::lock_guard lock(mutex_);
  if (version == packed_version_.load(std::memory_order_relaxed)) return;
  destroy_later(*packed_.exchange(pack()));
  packed_version_.store(version, std::memory_order_release);
}

// The program holds the address of a weight (a Fortran pointer, say) and may have written there: nobody can tell, so the
// weights are packed for this call alone.
void Kernel::run_unpacked(const KernelArray* inputs, const KernelArray* outputs, void* workspace, int64_t samples) const {
  thread_local AlignedBytes packed;
  void* mine = packed.at_least(packed_size_);
  library_->pack(weights_.addresses().data(), mine);
  run_(inputs, outputs, mine, workspace, 0, samples);
}

bool Kernel::may_start_team() { return get_threads() > 1 && omp_in_parallel() == 0; }

void Kernel::run_shared(const KernelArray* inputs, const KernelArray* outputs, int64_t samples, uint64_t version,
                        FloatCall& call) const {
  if (version != packed_version_.load(std::memory_order_acquire)) pack_again(version);
  const void* packed = packed_.load(std::memory_order_acquire)->data;
  std::atomic<bool> no_memory{false};
  // A region of the same size as all others: PyTorch's own way sets the number of threads at its first use, and GNU's run time
  // ends those that a smaller team leaves over, with the host's floating-point state.
  call.fork([&] {
#pragma omp parallel
    {
      const int64_t parts = std::min<int64_t>(omp_get_num_threads(), samples / grain_);
      const int64_t share = (samples + parts - 1) / parts;
      const int64_t first = omp_get_thread_num() * share;
      if (first < samples) try {
          const FloatCall part(&call);
          run_(inputs, outputs, packed, workspace_of_thread().at_least(workspace_), first, std::min(first + share, samples));
        } catch (const std::bad_alloc&) {
          no_memory = true;
        }
    }
  });
  if (no_memory) throw std::bad_alloc();
}

}  // namespace ctorch
