// Devices of any kind through the one interface that PyTorch's own code has for them.
#pragma once
#include <c10/core/Device.h>
#include <c10/core/Event.h>
#include <c10/core/Stream.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <cstdint>

namespace ctorch::compat {

// 0 where this PyTorch has no support for the kind.
inline int32_t count_devices(c10::DeviceType type) {
  return c10::impl::hasDeviceGuardImpl(type) ? c10::impl::VirtualGuardImpl(type).deviceCount() : 0;
}

// The one that the program has chosen on this thread (cudaSetDevice, acc_set_device_num).
inline c10::DeviceIndex current_device(c10::DeviceType type) { return c10::impl::VirtualGuardImpl(type).getDevice().index(); }

inline void synchronize(c10::Device device) { c10::impl::VirtualGuardImpl(device.type()).synchronizeDevice(device.index()); }

// Waits for the stream on which this thread's work goes to the device, and for no other.
inline void synchronize_stream(c10::Device device) {
  const c10::impl::VirtualGuardImpl guard(device.type());
  guard.synchronizeStream(guard.getStream(device));
}

inline c10::Stream current_stream(c10::Device device) { return c10::impl::VirtualGuardImpl(device.type()).getStream(device); }

// The place that this thread's stream has come to.
inline c10::Event record_event(c10::Device device) {
  c10::Event event(device.type());
  event.record(current_stream(device));
  return event;
}

// Within its life this thread's work goes to another stream, one of PyTorch's own.
class OtherStream {
 public:
  explicit OtherStream(c10::Device device)
      : guard_(device.type()),
        before_(guard_.exchangeStream(guard_.getStreamFromGlobalPool(device, /*isHighPriority=*/false))) {}
  ~OtherStream() { guard_.exchangeStream(before_); }
  OtherStream(const OtherStream&) = delete;
  OtherStream& operator=(const OtherStream&) = delete;

 private:
  c10::impl::VirtualGuardImpl guard_;
  c10::Stream before_;
};

// Makes a stream of the program this thread's one; null is the default one. CUDA, HIP and XPU number streams that are not
// PyTorch's own by their handles. False, with nothing changed, where a backend does not.
inline bool use_stream(c10::Device device, void* handle) {
  const c10::impl::VirtualGuardImpl guard(device.type());
  const c10::Stream wanted(c10::Stream::UNSAFE, device, reinterpret_cast<c10::StreamId>(handle));
  const c10::Stream before = guard.exchangeStream(wanted);
  if (guard.getStream(device) == wanted) return true;
  guard.exchangeStream(before);
  return false;
}

}  // namespace ctorch::compat
