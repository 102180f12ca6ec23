// Entries of pinned memory: memory of the host that devices read and write by themselves.
#include <ATen/Functions.h>

#include "compat/device_memory.h"
#include "ctorch_tensor.h"
#include "tensor/handle.h"

using namespace ctorch;

extern "C" {

int32_t ctorch_tensor_pin(const ctorch_tensor* source, ctorch_tensor* target) {
  return compute([&] {
    require(target, "target");
    Input from(source, "source");
    if (!from->is_cpu())
      fail(CTORCH_ERROR_DEVICE, "argument 'source': expected a tensor on the cpu, whose memory can be pinned, got one on ",
           from->device().str());
    const auto reader = compat::accelerator();
    if (!reader || !compat::pinned_allocator(*reader))
      fail(CTORCH_ERROR_DEVICE, "pinned memory needs a device that reads it; present here: ", devices_present());
    store(target, at::empty_like(*from, from->options().pinned_memory(true)).copy_(*from));
  });
}

int32_t ctorch_tensor_is_pinned(const ctorch_tensor* tensor, int32_t* answer) {
  return answer_with(answer, "the answer", [&] {
    Input input(tensor, "tensor");
    const auto reader = compat::accelerator();
    return input->is_cpu() && reader && compat::is_pinned(input->const_data_ptr(), *reader);
  });
}

}  // extern "C"
