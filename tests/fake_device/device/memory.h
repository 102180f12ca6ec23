// Memory of the devices and pinned memory of the host: ordinary memory that knows whose it is, is counted, and can run out.
#pragma once
#include <c10/core/Allocator.h>
#include <c10/core/Device.h>

#include <cstddef>
#include <cstdint>

namespace fake {

constexpr c10::DeviceIndex n_devices = 2;
constexpr auto type = c10::DeviceType::PrivateUse1;

c10::DeviceIndex current_device();
void set_current_device(c10::DeviceIndex index);

// A block that an address lies in. Addresses are given out again, serial numbers are not.
struct Block {
  char* first = nullptr;
  size_t bytes = 0;
  int64_t serial = 0;            // 0: no block
  c10::DeviceIndex device = -1;  // -1: pinned memory of the host
  const void* stream = nullptr;  // of a tensor: the one that it was made on
  explicit operator bool() const { return serial != 0; }
};

Block block_at(const void* address);
bool is_alive(const Block& block);

void* obtain(size_t bytes, c10::DeviceIndex device);  // beyond the limit: out of memory
void release(void* block);
bool is_pinned(const void* address);

void set_limit(int64_t bytes);  // of each device; negative: none
int64_t last_serial();

struct Counts {
  int64_t blocks = 0, bytes = 0, peak = 0, made = 0;
};
Counts device_memory();  // of all devices together
Counts pinned_memory();
void reset_peak();

c10::Allocator& allocator();  // of the current device
c10::Allocator& pinned_allocator();

}  // namespace fake
