// Entries about the random generators.
#include "tensor/random.h"

#include <ATen/Context.h>
#include <ATen/core/Generator.h>

#include <mutex>

#include "ctorch_random.h"
#include "tensor/handle.h"

using namespace ctorch;

namespace ctorch {

at::Tensor random_state(c10::Device device) {
  at::Generator generator = at::globalContext().defaultGenerator(device);
  const std::lock_guard lock(generator.mutex());
  return generator.get_state();
}

void check_random_state(c10::Device device, const at::Tensor& state) {
  at::Generator generator = at::globalContext().defaultGenerator(device);
  std::unique_lock lock(generator.mutex());
  at::Generator twin = generator.clone();
  lock.unlock();
  try {
    twin.set_state(state);
  } catch (const c10::Error&) {
    fail(CTORCH_ERROR_ARGUMENT, "expected the state of the random generator of ", device.str(),
         " as torch_get_rng_state gives it, got ", describe(state));
  }
}

void set_random_state(c10::Device device, const at::Tensor& state) {
  check_random_state(device, state);
  at::Generator generator = at::globalContext().defaultGenerator(device);
  const std::lock_guard lock(generator.mutex());
  generator.set_state(state);
}

}  // namespace ctorch

extern "C" {

int32_t ctorch_random_get_state(int32_t device_type, int32_t device_index, ctorch_tensor* state) {
  return guard([&] {
    require(state, "state");
    store(state, random_state(device(device_type, device_index)));
  });
}

int32_t ctorch_random_set_state(int32_t device_type, int32_t device_index, const ctorch_tensor* state) {
  return guard([&] {
    Input given(state, "state");
    set_random_state(device(device_type, device_index), given->to(c10::kCPU));
  });
}

}  // extern "C"
