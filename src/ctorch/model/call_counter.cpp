#include "model/call_counter.h"

namespace ctorch {
namespace {

std::atomic<uint32_t> taken{0};  // one bit per place

struct Ticket {
  explicit Ticket(uint32_t shared) : place(shared) {
    uint32_t now = taken.load();
    while (now != UINT32_MAX) {
      const auto free = static_cast<uint32_t>(__builtin_ctz(~now));
      if (taken.compare_exchange_weak(now, now | 1u << free)) {
        place = free;
        owned = true;
        return;
      }
    }
  }
  ~Ticket() {
    if (owned) taken.fetch_and(~(1u << place));
  }
  Ticket(const Ticket&) = delete;
  Ticket& operator=(const Ticket&) = delete;
  uint32_t place;
  bool owned = false;
};

}  // namespace

uint32_t CallCounter::my_place() noexcept {
  thread_local uint32_t place = UINT32_MAX;  // without a destructor it is found faster than the ticket
  if (place != UINT32_MAX) [[likely]]
    return place;
  thread_local const Ticket ticket(shared_place);
  return place = ticket.place;
}

}  // namespace ctorch
