// Each block ends a few vectors before a page that nobody may touch: who goes further is stopped by the system at that
// instruction. What lies between holds a pattern, which is looked at when the block is freed: written there must not be. It may
// be read, as libraries do that load a whole vector and use a part of it. So is what lies before the first byte. New memory
// holds 0xff, NaN for real numbers: a result that depends on what was never written shows it.
#include "host/guarded_memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>

#include "compat/cpu_allocator.h"

namespace ctorch {
namespace {

constexpr size_t alignment = 64, between = 256;
constexpr uint64_t mark = 0x676f657366656e63;
constexpr unsigned char pattern = 0xa5, unwritten = 0xff;
constexpr int64_t most_blocks = 20000;  // a process may have 65,530 parts of its memory with rights of their own

struct Header {
  uint64_t first_mark;
  char* region;
  size_t region_bytes, bytes;
  uint64_t last_marks[4];
};

std::atomic<int64_t> blocks{0};

size_t page() {
  static const auto size = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  return size;
}

constexpr size_t rounded(size_t bytes, size_t to) { return (bytes + to - 1) / to * to; }

static_assert(sizeof(Header) == alignment);

// Bytes from the end of a block to the page behind it.
constexpr size_t behind(size_t bytes) { return rounded(bytes, alignment) + between - bytes; }

Header* header_of(void* data) { return std::launder(reinterpret_cast<Header*>(static_cast<char*>(data) - sizeof(Header))); }

[[noreturn]] void broken(size_t bytes, const char* where) {
  std::fprintf(stderr, "memory was written %s a tensor of %zu bytes\n", where, bytes);
  std::abort();
}

void release(void* data) {
  if (!data) return;
  const Header header = *header_of(data);
  if (header.first_mark != mark) return compat::free_cpu(data);  // one that came before, or when there were too many
  if (std::any_of(header.last_marks, header.last_marks + 4, [](uint64_t one) { return one != mark; }))
    broken(header.bytes, "before");
  const auto* rest = static_cast<const unsigned char*>(data) + header.bytes;
  if (std::any_of(rest, rest + behind(header.bytes), [](unsigned char one) { return one != pattern; }))
    broken(header.bytes, "behind");
  ::munmap(header.region, header.region_bytes);
  blocks.fetch_sub(1, std::memory_order_relaxed);
}

class GuardedAllocator final : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t bytes) override {
    if (bytes == 0 || blocks.load(std::memory_order_relaxed) >= most_blocks)
      return compat::default_cpu_allocator().allocate(bytes);
    const size_t used = bytes + behind(bytes), inside = rounded(used + sizeof(Header), page());
    void* region = ::mmap(nullptr, inside + page(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (region == MAP_FAILED) return compat::default_cpu_allocator().allocate(bytes);  // which says that there is no memory
    char* end = static_cast<char*>(region) + inside;
    ::mprotect(end, page(), PROT_NONE);
    char* data = end - used;
    new (data - sizeof(Header)) Header{mark, static_cast<char*>(region), inside + page(), bytes, {mark, mark, mark, mark}};
    std::memset(data, unwritten, bytes);
    std::memset(data + bytes, pattern, used - bytes);
    blocks.fetch_add(1, std::memory_order_relaxed);
    return {data, data, &release, c10::Device(c10::kCPU)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &release; }
  void copy_data(void* target, const void* source, size_t bytes) const override { default_copy_data(target, source, bytes); }
};

}  // namespace

bool use_guarded_memory() noexcept {
  const char* given = std::getenv("FTORCH_GUARD_MEMORY");
  if (!given || *given == '\0' || *given == '0') return false;
  static auto* const allocator = new (std::nothrow) GuardedAllocator;  // for ever: tensors are freed after main, too
  if (allocator) compat::replace_cpu_allocator(allocator);
  return allocator != nullptr;
}

}  // namespace ctorch
