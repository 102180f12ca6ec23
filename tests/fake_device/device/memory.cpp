#include "memory.h"

#include <c10/core/CachingDeviceAllocator.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <tuple>
#include <utility>
#include <vector>

#include "graphs.h"
#include "streams.h"

namespace fake {
namespace {

thread_local c10::DeviceIndex current = 0;

struct Memory {
  std::mutex mutex;
  std::map<const char*, Block> blocks;  // by their first byte
  std::array<Counts, n_devices> devices;
  Counts pinned, all;
  std::array<Counts, n_devices> tensors;  // of PyTorch, among them
  // What PyTorch has no tensor in, for the next ones of the same stream: its work may not have come to the last one yet.
  std::map<std::tuple<c10::DeviceIndex, const void*, size_t>, std::vector<char*>> kept;
  std::array<int64_t, n_devices> kept_bytes{};
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

char* fresh(size_t bytes) {
  auto* block = static_cast<char*>(std::aligned_alloc(64, (bytes + 63) / 64 * 64));
  if (!block) throw std::bad_alloc();
  return block;
}

void give_back_kept(c10::DeviceIndex device) {
  for (auto& [key, blocks] : memory().kept) {
    if (std::get<0>(key) != device) continue;
    for (char* block : blocks) std::free(block);
    blocks.clear();
  }
  memory().kept_bytes[static_cast<size_t>(device)] = 0;
}

// Room for more on a device: what is kept has to go before memory has run out.
void make_room(c10::DeviceIndex device, int64_t bytes) {
  const Memory& all = memory();
  const auto index = static_cast<size_t>(device);
  if (all.limit < 0 || all.devices[index].bytes + all.kept_bytes[index] + bytes <= all.limit) return;
  give_back_kept(device);
  TORCH_CHECK_WITH(OutOfMemoryError, all.devices[index].bytes + bytes <= all.limit, "the fake device ", device,
                   " is out of memory: ", bytes, " bytes beside ", all.devices[index].bytes, " of ", all.limit);
}

// Not a number: what nobody has written shows.
void spoil(char* block, size_t bytes) { std::memset(block, 0xff, bytes); }

void* enter(char* block, size_t bytes, c10::DeviceIndex device, const void* stream = nullptr) {
  Memory& all = memory();
  all.blocks[block] = {block, bytes, ++all.serial, device, stream};
  count(all.counts(device), static_cast<int64_t>(bytes), 1);
  if (device >= 0) count(all.all, static_cast<int64_t>(bytes), 1);
  return block;
}

Block leave(void* block) {
  Memory& all = memory();
  const Block known = find(block);
  TORCH_INTERNAL_ASSERT(known.first == block);
  count(all.counts(known.device), -static_cast<int64_t>(known.bytes), -1);
  if (known.device >= 0) count(all.all, -static_cast<int64_t>(known.bytes), -1);
  all.blocks.erase(known.first);
  return known;
}

void* obtain_for_tensor(size_t bytes, c10::DeviceIndex device) {
  Queue& stream = current_queue(device);
  Memory& all = memory();
  char* block = nullptr;
  bool used_before = false;
  {
    const std::lock_guard lock(all.mutex);
    auto& kept = all.kept[{device, &stream, bytes}];
    used_before = !kept.empty();
    if (used_before) {
      block = kept.back();
      kept.pop_back();
      all.kept_bytes[static_cast<size_t>(device)] -= static_cast<int64_t>(bytes);
    } else {
      make_room(device, static_cast<int64_t>(bytes));
      block = fresh(bytes);
    }
    count(all.tensors[static_cast<size_t>(device)], static_cast<int64_t>(bytes), 1);
    enter(block, bytes, device, &stream);
  }
  // In its turn, after what the stream still does with the tensor before.
  if (used_before && !recording() && !stream.idle())
    stream.add([block, bytes] { spoil(block, bytes); });
  else
    spoil(block, bytes);
  return block;
}

void keep(void* block) {
  if (!block) return;
  Memory& all = memory();
  const std::lock_guard lock(all.mutex);
  const Block known = leave(block);
  count(all.tensors[static_cast<size_t>(known.device)], -static_cast<int64_t>(known.bytes), -1);
  all.kept[{known.device, known.stream, known.bytes}].push_back(known.first);
  all.kept_bytes[static_cast<size_t>(known.device)] += static_cast<int64_t>(known.bytes);
}

struct DeviceAllocator final : c10::DeviceAllocator {
  c10::DataPtr allocate(size_t bytes) override {
    void* block = bytes ? obtain_for_tensor(bytes, current) : nullptr;
    return {block, block, &keep, c10::Device(type, current)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &keep; }
  bool initialized() override { return true; }
  void emptyCache(c10::MempoolId_t) override {
    for (c10::DeviceIndex device = 0; device < n_devices; ++device) finish_device(device);
    const std::lock_guard lock(memory().mutex);
    for (c10::DeviceIndex device = 0; device < n_devices; ++device) give_back_kept(device);
  }
  void recordStream(const c10::DataPtr&, c10::Stream) override {}
  c10::CachingDeviceAllocator::DeviceStats getDeviceStats(c10::DeviceIndex device) override {
    const std::lock_guard lock(memory().mutex);
    const auto all = static_cast<size_t>(c10::CachingAllocator::StatType::AGGREGATE);
    const Counts& tensors = memory().tensors[static_cast<size_t>(device)];
    c10::CachingDeviceAllocator::DeviceStats stats;
    stats.allocated_bytes[all].current = tensors.bytes;
    stats.allocated_bytes[all].peak = tensors.peak;
    stats.reserved_bytes[all].current = tensors.bytes + memory().kept_bytes[static_cast<size_t>(device)];
    return stats;
  }
  void resetAccumulatedStats(c10::DeviceIndex) override {}
  void resetPeakStats(c10::DeviceIndex) override {}
  std::pair<size_t, size_t> getMemoryInfo(c10::DeviceIndex device) override {
    const std::lock_guard lock(memory().mutex);
    const auto index = static_cast<size_t>(device);
    const int64_t total = memory().limit < 0 ? int64_t{1} << 30 : memory().limit;
    const int64_t free = total - memory().devices[index].bytes - memory().kept_bytes[index];
    return {static_cast<size_t>(free), static_cast<size_t>(total)};
  }
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
  const std::lock_guard lock(memory().mutex);
  if (device >= 0) make_room(device, static_cast<int64_t>(bytes));
  char* const block = fresh(bytes);
  spoil(block, bytes);
  return enter(block, bytes, device);
}

void release(void* block) {
  if (!block) return;
  const std::lock_guard lock(memory().mutex);
  std::free(leave(block).first);
}

int64_t last_serial() {
  const std::lock_guard lock(memory().mutex);
  return memory().serial;
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
