#include "device/event.h"

#include "compat/device_guard.h"
#include "core/shared_handle.h"
#include "ctorch_event.h"
#include "device/device.h"

using namespace ctorch;

namespace ctorch {

template <>
struct Named<ctorch_event> {
  using Object = Event;
  static constexpr int32_t kind = CTORCH_HANDLE_EVENT;
  static constexpr const char *argument = "event", *noun = "event";
};

Event::Event(c10::Device device) : device_(device) {
  if (!device.is_cpu()) event_ = compat::record_event(device);
}

void Event::wait() const {
  if (event_) event_->synchronize();
}

void Event::hold_stream(c10::Device device) const {
  if (event_) event_->block(compat::current_stream(device));
}

}  // namespace ctorch

extern "C" {

int32_t ctorch_event_record(ctorch_event* event, int32_t device_type, int32_t device_index) {
  return guard([&] { store(event, std::make_shared<Event>(device(device_type, device_index))); });
}

int32_t ctorch_event_hold_stream(const ctorch_event* event, int32_t device_index) {
  return guard([&] {
    const Event& recorded = object_of(event);
    recorded.hold_stream(device_index < 0 ? recorded.device()
                                          : device(static_cast<int32_t>(recorded.device().type()), device_index));
  });
}

int32_t ctorch_event_synchronize(const ctorch_event* event) {
  return guard([&] { object_of(event).wait(); });
}

int32_t ctorch_event_done(const ctorch_event* event, int32_t* answer) {
  return answer_with(answer, "answer", [&] { return object_of(event).done(); });
}

int32_t ctorch_event_share(const ctorch_event* source, ctorch_event* target) { return share_handle(source, target); }

int32_t ctorch_event_delete(ctorch_event* event) { return delete_handle(table_of<ctorch_event>(), event); }

}  // extern "C"
