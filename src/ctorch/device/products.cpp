#include "device/products.h"

#include <condition_variable>
#include <mutex>
#include <optional>

#include "compat/tf32.h"

namespace ctorch {
namespace {

std::mutex mutex;
std::condition_variable changed;
std::optional<compat::Tf32> before;  // what the program had set, while calls are inside
int inside = 0;
bool current = false;
int waiting[2] = {0, 0};  // for full float32 and for TF32: nobody overtakes those who want the other

}  // namespace

Products::Products(c10::Device device, bool tf32) : inside_(!device.is_cpu()) {
  if (!inside_) return;
  std::unique_lock lock(mutex);
  ++waiting[tf32];
  changed.wait(lock, [&] { return inside == 0 || (current == tf32 && waiting[!tf32] == 0); });
  --waiting[tf32];
  if (inside == 0) {
    before.emplace(tf32);
    current = tf32;
  }
  ++inside;
}

Products::~Products() {
  if (!inside_) return;
  const std::lock_guard lock(mutex);
  if (--inside > 0) return;
  before.reset();
  changed.notify_all();
}

}  // namespace ctorch
