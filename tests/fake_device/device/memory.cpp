#include "memory.h"

#include <c10/util/Exception.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>

namespace fake {
namespace {

thread_local c10::DeviceIndex current = 0;

struct Memory {
  std::mutex mutex;
  std::map<const char*, Block> blocks;  // by their first byte
  std::array<Counts, n_devices> devices;
  Counts pinned, all;
  int64_t limit = -1, serial = 0;

  Counts& counts(c10::DeviceIndex device) { return device < 0 ? pinned : devices[static_cast<size_t>(device)]; }
};

Memory& memory() {
  static auto& kept = *new Memory;  // outlives whatever frees memory at the end of the process
  return kept;
}

void count(Counts& counts, int64_t bytes, int64_t blocks) {
  counts.bytes += bytes;
  counts.blocks += blocks;
  counts.made += std::max<int64_t>(blocks, 0);
  counts.peak = std::max(counts.peak, counts.bytes);
}

Block find(const void* address) {
  auto& blocks = memory().blocks;
  const auto* wanted = static_cast<const char*>(address);
  auto next = blocks.upper_bound(wanted);
  if (next == blocks.begin()) return {};
  const Block& block = std::prev(next)->second;
  return wanted < block.first + block.bytes ? block : Block{};
}

struct DeviceAllocator final : c10::Allocator {
  c10::DataPtr allocate(size_t bytes) override {
    void* block = bytes ? obtain(bytes, current) : nullptr;
    return {block, block, &release, c10::Device(type, current)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &release; }
  void copy_data(void* to, const void* from, std::size_t count) const override { default_copy_data(to, from, count); }
};

struct PinnedAllocator final : c10::Allocator {
  c10::DataPtr allocate(size_t bytes) override {
    void* block = bytes ? obtain(bytes, -1) : nullptr;
    return {block, block, &release, c10::Device(c10::kCPU)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &release; }
  void copy_data(void* to, const void* from, std::size_t count) const override { default_copy_data(to, from, count); }
};

DeviceAllocator the_allocator;
PinnedAllocator the_pinned_allocator;
REGISTER_ALLOCATOR(type, &the_allocator)

}  // namespace

c10::DeviceIndex current_device() { return current; }
void set_current_device(c10::DeviceIndex index) { current = index; }

Block block_at(const void* address) {
  const std::lock_guard lock(memory().mutex);
  return find(address);
}

bool is_alive(const Block& block) { return block && block_at(block.first).serial == block.serial; }

void* obtain(size_t bytes, c10::DeviceIndex device) {
  Memory& all = memory();
  const std::lock_guard lock(all.mutex);
  Counts& counts = all.counts(device);
  TORCH_CHECK_WITH(OutOfMemoryError, device < 0 || all.limit < 0 || counts.bytes + static_cast<int64_t>(bytes) <= all.limit,
                   "the fake device ", device, " is out of memory: ", bytes, " bytes beside ", counts.bytes, " of ", all.limit);
  auto* block = static_cast<char*>(std::aligned_alloc(64, (bytes + 63) / 64 * 64));
  if (!block) throw std::bad_alloc();
  std::memset(block, 0xff, bytes);  // not a number: what nobody has written shows
  all.blocks[block] = {block, bytes, ++all.serial, device};
  count(counts, static_cast<int64_t>(bytes), 1);
  if (device >= 0) count(all.all, static_cast<int64_t>(bytes), 1);
  return block;
}

void release(void* block) {
  if (!block) return;
  Memory& all = memory();
  const std::lock_guard lock(all.mutex);
  const Block known = find(block);
  TORCH_INTERNAL_ASSERT(known.first == block);
  count(all.counts(known.device), -static_cast<int64_t>(known.bytes), -1);
  if (known.device >= 0) count(all.all, -static_cast<int64_t>(known.bytes), -1);
  all.blocks.erase(known.first);
  std::free(block);
}

bool is_pinned(const void* address) {
  const Block block = block_at(address);
  return block && block.device < 0;
}

void set_limit(int64_t bytes) {
  const std::lock_guard lock(memory().mutex);
  memory().limit = bytes;
}

Counts device_memory() {
  const std::lock_guard lock(memory().mutex);
  return memory().all;
}

Counts pinned_memory() {
  const std::lock_guard lock(memory().mutex);
  return memory().pinned;
}

void reset_peak() {
  const std::lock_guard lock(memory().mutex);
  memory().all.peak = memory().all.bytes;
}

c10::Allocator& allocator() { return the_allocator; }
c10::Allocator& pinned_allocator() { return the_pinned_allocator; }

}  // namespace fake
