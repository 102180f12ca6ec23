// What the test programs ask and do beside the library: the run time of the device, as a program of its own would use it.
#include "copies.h"
#include "memory.h"
#include "streams.h"

using namespace fake;

extern "C" {

int64_t fake_copies_in() { return crossings().in; }
int64_t fake_copies_out() { return crossings().out; }
int64_t fake_pageable_copies() { return crossings().pageable; }
int64_t fake_launches() { return launches(); }
int64_t fake_waits() { return waits(); }
int64_t fake_live_blocks() { return device_memory().blocks; }
int64_t fake_live_bytes() { return device_memory().bytes; }
int64_t fake_peak_bytes() { return device_memory().peak; }
void fake_reset_peak() { reset_peak(); }
void fake_set_limit(int64_t bytes) { set_limit(bytes); }
int64_t fake_pinned_blocks() { return pinned_memory().blocks; }
int64_t fake_pinned_made() { return pinned_memory().made; }

void fake_set_device(int32_t index) { set_current_device(static_cast<c10::DeviceIndex>(index)); }
void* fake_allocate(int64_t bytes) { return obtain(static_cast<size_t>(bytes), current_device()); }
void* fake_allocate_pinned(int64_t bytes) { return obtain(static_cast<size_t>(bytes), -1); }
void fake_release(void* block) { release(block); }

void* fake_stream_create() { return make_queue(current_device()); }
void fake_stream_synchronize(void* stream) { static_cast<Queue*>(stream)->finish(); }

// A kernel of the program's own: adds to each number, when the stream gets there.
void fake_add(void* stream, float* numbers, int64_t count, float value) {
  static_cast<Queue*>(stream)->add([=] {
    for (int64_t i = 0; i < count; ++i) numbers[i] += value;
  });
}

// A kernel that fails, when the stream gets there.
void fake_fail(void* stream) {
  Queue& queue = stream ? *static_cast<Queue*>(stream) : current_queue(current_device());
  queue.add([] { TORCH_CHECK(false, "the fake device has met an illegal instruction"); });
}

}  // extern "C"
