// What PyTorch asks of a device: which one is current, its streams and events, whose memory an address is, its generators.
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/detail/PrivateUse1HooksInterface.h>
#include <c10/core/DeviceType.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>

#include <algorithm>
#include <vector>

#include "memory.h"
#include "streams.h"

namespace fake {
namespace {

// A place in a queue.
struct Event {
  Queue* queue;
  int64_t position;
};

struct Guard final : c10::impl::DeviceGuardImplInterface {
  c10::DeviceType type() const override { return fake::type; }
  c10::Device exchangeDevice(c10::Device device) const override {
    const c10::Device old = getDevice();
    setDevice(device);
    return old;
  }
  c10::Device getDevice() const override { return c10::Device(fake::type, current_device()); }
  void setDevice(c10::Device device) const override {
    if (device.index() >= 0) set_current_device(device.index());
  }
  void uncheckedSetDevice(c10::Device device) const noexcept override { setDevice(device); }
  c10::DeviceIndex deviceCount() const noexcept override { return n_devices; }

  c10::Stream getStream(c10::Device device) const override { return current_stream(device); }
  c10::Stream getDefaultStream(c10::Device device) const override { return c10::Stream(c10::Stream::DEFAULT, device); }
  c10::Stream getStreamFromGlobalPool(c10::Device device, bool) const override {
    const auto index = device.index() < 0 ? current_device() : device.index();
    return c10::Stream(c10::Stream::UNSAFE, c10::Device(fake::type, index),
                       reinterpret_cast<c10::StreamId>(pooled_queue(index)));
  }
  c10::Stream exchangeStream(c10::Stream stream) const override { return exchange_stream(stream); }
  bool queryStream(const c10::Stream& stream) const override { return queue_of(stream).idle(); }
  void synchronizeStream(const c10::Stream& stream) const override {
    count_wait();
    queue_of(stream).finish();
  }
  void synchronizeDevice(c10::DeviceIndex index) const override {
    count_wait();
    finish_device(index < 0 ? current_device() : index);
  }

  void record(void** event, const c10::Stream& stream, c10::DeviceIndex, c10::EventFlag) const override {
    if (!*event) *event = new Event;
    Queue& queue = queue_of(stream);
    *static_cast<Event*>(*event) = {&queue, queue.position()};
  }
  void block(void* event, const c10::Stream& stream) const override {
    if (!event) return;
    const Event known = *static_cast<Event*>(event);
    queue_of(stream).add([known] { known.queue->finish(known.position); });
  }
  bool queryEvent(void* event) const override {
    return !event || static_cast<Event*>(event)->queue->has_done(static_cast<Event*>(event)->position);
  }
  void synchronizeEvent(void* event) const override {
    count_wait();
    if (event) static_cast<Event*>(event)->queue->finish(static_cast<Event*>(event)->position);
  }
  void destroyEvent(void* event, c10::DeviceIndex) const noexcept override { delete static_cast<Event*>(event); }
};

struct Hooks final : at::PrivateUse1HooksInterface {
  bool isBuilt() const override { return true; }
  bool isAvailable() const override { return true; }
  bool hasPrimaryContext(c10::DeviceIndex) const override { return true; }
  c10::DeviceIndex deviceCount() const override { return n_devices; }
  c10::DeviceIndex getCurrentDevice() const override { return current_device(); }
  void setCurrentDevice(c10::DeviceIndex index) const override { set_current_device(index); }
  c10::DeviceIndex exchangeDevice(c10::DeviceIndex index) const override {
    const auto old = current_device();
    set_current_device(index);
    return old;
  }
  c10::DeviceIndex maybeExchangeDevice(c10::DeviceIndex index) const override { return exchangeDevice(index); }

  bool isPinnedPtr(const void* address) const override { return is_pinned(address); }
  c10::Allocator* getPinnedMemoryAllocator() const override { return &pinned_allocator(); }
  at::Device getDeviceFromPtr(void* address) const override {
    const Block block = block_at(address);
    TORCH_CHECK(block, "the address lies in no memory that a fake device knows");
    return c10::Device(type, std::max<c10::DeviceIndex>(block.device, 0));  // pinned memory is some device's, as for CUDA
  }

  // A generator of its own for each device, which the CPU's kernels can draw from.
  const at::Generator& getDefaultGenerator(c10::DeviceIndex index) const override {
    static auto& generators =
        *new std::vector<at::Generator>{at::detail::createCPUGenerator(1), at::detail::createCPUGenerator(2)};
    return generators[static_cast<size_t>(index < 0 ? current_device() : index)];
  }
  void resizePrivateUse1Bytes(const c10::Storage&, size_t) const override {}
};

const bool registered = [] {
  at::RegisterPrivateUse1HooksInterface(new Hooks);
  c10::register_privateuse1_backend("privateuseone");  // a device with a name is one that PyTorch looks for
  return true;
}();

}  // namespace

C10_REGISTER_GUARD_IMPL(PrivateUse1, Guard)

}  // namespace fake
