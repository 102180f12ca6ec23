// Memory of tensors on the CPU, kept for the next call.
//
// A network allocates the same blocks at every call. The C library cuts each to its alignment, and when the last one is freed
// it may hand the top of the heap back to the system, which then has to clear every page anew: for a batch of a thousand
// columns that is more than a tenth of the network's time. So freed blocks wait here, sorted by size. Each thread has blocks of
// its own: there is nothing to lock, and memory stays near the processor that uses it.
//
// PyTorch has one allocator for the whole process. Where PyTorch is the host's as well, it stays the host's choice.
#include "host/memory_pool.h"

#include <c10/util/Exception.h>

#include <array>
#include <bit>
#include <cstdlib>
#include <new>
#include <utility>

#include "compat/cpu_allocator.h"
#include "host/guarded_memory.h"

namespace ctorch {
namespace {

constexpr size_t smallest = 64, largest = size_t{1} << 24;
constexpr size_t n_sizes = 4 * static_cast<size_t>(std::countr_zero(largest) - std::countr_zero(smallest)) + 1;
constexpr int64_t default_limit_mb = 32;

// Most bytes that may wait in a thread.
int64_t limit = 0;

// A block that waits holds this; there is nothing of ours in one that is in use, and any of them may be freed in the ordinary
// way.
struct Block {
  Block* next;
};
static_assert(sizeof(Block) <= smallest);

// Four sizes from each power of two to the next.
struct SizeClass {
  size_t index, bytes;
  constexpr explicit SizeClass(size_t wanted) : index(0), bytes(smallest) {
    if (wanted > smallest) {
      const auto step = static_cast<size_t>(std::bit_width(wanted - 1)) - 3;  // 2**step: a quarter of the power of two below
      const size_t quarters = ((wanted - 1) >> step) + 1;                     // 5 to 8
      bytes = quarters << step;
      index = 4 * (step + 2 - static_cast<size_t>(std::countr_zero(smallest))) + quarters - 4;
    }
  }
};

constexpr size_t bytes_of(size_t size_class) {
  const size_t quarters = (size_class - 1) % 4 + 5, octave = (size_class - 1) / 4;
  return size_class == 0 ? smallest : quarters * (smallest >> 2) << octave;
}

constexpr bool all_agree() {
  for (size_t n = 0; n < n_sizes; ++n)
    if (SizeClass(bytes_of(n)).index != n || SizeClass(bytes_of(n)).bytes != bytes_of(n)) return false;
  return true;
}
static_assert(all_agree());

class Pool {
 public:
  Pool() = default;
  ~Pool() { empty(); }
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  Block* take(const SizeClass& size) noexcept {
    Block*& first = waiting_[size.index];
    Block* block = first;
    if (!block) return nullptr;
    first = block->next;
    bytes_ -= static_cast<int64_t>(size.bytes);
    return block;
  }

  // When it is full, what waits is mostly of sizes that nobody wants any more: all goes, and what is in use comes back.
  void keep(void* data, size_t size_class, int64_t bytes) noexcept {
    if (bytes > limit) return compat::free_cpu(data);
    if (bytes_ + bytes > limit) empty();
    bytes_ += bytes;
    Block*& first = waiting_[size_class];
    first = new (data) Block{first};
  }

  void empty() noexcept {
    for (Block*& first : waiting_)
      while (first) {
        Block* block = first;
        first = block->next;
        compat::free_cpu(block);
      }
    bytes_ = 0;
  }

 private:
  std::array<Block*, n_sizes> waiting_{};
  int64_t bytes_ = 0;
};

thread_local Pool* mine = nullptr;
thread_local bool ended = false;  // tensors may outlive their thread's pool

struct Owner {
  Owner() = default;
  ~Owner() {
    delete mine;
    mine = nullptr;
    ended = true;
  }
  Owner(const Owner&) = delete;
  Owner& operator=(const Owner&) = delete;
};

Pool* pool() noexcept {
  if (mine || ended) [[likely]]
    return mine;
  static thread_local const Owner owner;
  static_cast<void>(owner);
  return mine = new (std::nothrow) Pool;
}

template <size_t size_class>
void give_back(void* data) {
  if (Pool* pool_here = pool()) [[likely]]
    pool_here->keep(data, size_class, bytes_of(size_class));
  else
    compat::free_cpu(data);
}

// How a block goes back says how large it is.
template <size_t... size_classes>
constexpr std::array<c10::DeleterFnPtr, n_sizes> deleters(std::index_sequence<size_classes...>) {
  return {&give_back<size_classes>...};
}
constexpr auto give_back_as = deleters(std::make_index_sequence<n_sizes>());

void* fresh_block(size_t bytes) {
  try {
    return compat::alloc_cpu(bytes);
  } catch (const c10::Error&) {
    if (!mine) throw;
    mine->empty();  // perhaps what waits here is what is wanted there
    return compat::alloc_cpu(bytes);
  }
}

class PoolAllocator final : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t bytes) override {
    if (bytes == 0 || bytes > largest) [[unlikely]]
      return compat::default_cpu_allocator().allocate(bytes);
    const SizeClass size(bytes);
    void* data = nullptr;
    if (Pool* pool_here = pool()) [[likely]]
      data = pool_here->take(size);
    if (!data) data = fresh_block(size.bytes);
    return {data, data, give_back_as[size.index], c10::Device(c10::kCPU)};
  }
  // For oneDNN, which keeps addresses alone, also some that it got before the pool was there.
  c10::DeleterFnPtr raw_deleter() const override { return &compat::free_cpu; }
  void copy_data(void* target, const void* source, size_t bytes) const override { default_copy_data(target, source, bytes); }
};

}  // namespace

void use_memory_pool([[maybe_unused]] bool shared_with_host) noexcept {
#if !defined(__SANITIZE_ADDRESS__)  // there every block must come from the sanitizer and go back to it
  if (use_guarded_memory()) return;
  const char* given = std::getenv("FTORCH_POOL_MB");
  if (shared_with_host && !given) return;
  char* end = nullptr;
  const int64_t megabytes = given ? std::strtoll(given, &end, 10) : default_limit_mb;
  limit = (end == given || megabytes > 1 << 20 ? default_limit_mb : megabytes) << 20;
  if (limit <= 0) return;
  static auto* const allocator = new (std::nothrow) PoolAllocator;  // for ever: tensors are freed after main, too
  if (allocator) compat::replace_cpu_allocator(allocator);
#endif
}

}  // namespace ctorch
