// What the loader asks for once, by one thread, when it has loaded this library.
#define CTORCH_IS_THE_LIBRARY
#include <ATen/Functions.h>
#include <c10/core/InferenceMode.h>
#include <dlfcn.h>

#include "compat/version.h"
#include "ctorch_version.h"
#include "host/environment.h"
#include "host/memory_pool.h"

extern "C" __attribute__((visibility("default"))) void ctorch_implementation_start(int32_t shared);

namespace ctorch {
namespace {

void lead_teams_of_library_with(const void* address) {
  Dl_info info;
  if (!::dladdr(address, &info)) return;
  if (void* library = ::dlopen(info.dli_fname, RTLD_NOW | RTLD_NOLOAD)) {
    lead_teams_of(library);
    ::dlclose(library);
  }
}

// The vector mathematics that PyTorch contains finds the code for this processor at the first call of each function. Where
// several threads make that call at once, one of them may compute with code of low accuracy.
void touch_vector_mathematics() {
  using Function = at::Tensor (*)(const at::Tensor&);
  static constexpr Function functions[] = {at::acos, at::asin,  at::atan, at::cos, at::erf,  at::erfc, at::erfinv, at::exp,
                                           at::log,  at::log10, at::log2, at::sin, at::sqrt, at::tan,  at::tanh,   at::trunc};
  const c10::InferenceMode mode;
  for (const auto dtype : {c10::kFloat, c10::kDouble}) {
    const at::Tensor half = at::full({1}, 0.5, dtype);
    for (const Function function : functions) function(half);
  }
}

void prepare_first_call() noexcept {
  const HostEnvironment host;
  try {
    lead_teams_of_library_with(reinterpret_cast<const void*>(&ctorch_implementation_start));
    lead_teams_of_library_with(compat::address_in_libtorch_cpu());
    touch_vector_mathematics();
  } catch (...) {  // NOLINT(bugprone-empty-catch) - then the first computation reports what is wrong
  }
}

}  // namespace
}  // namespace ctorch

extern "C" {

__attribute__((visibility("default"))) void ctorch_implementation_interface(int32_t* major, int32_t* minor) {
  *major = CTORCH_INTERFACE_MAJOR;
  *minor = CTORCH_INTERFACE_MINOR;
}

// With `shared` the host uses PyTorch too, or is Python, which may: its allocator and its log are then not ours to change.
void ctorch_implementation_start(int32_t shared) {
  ctorch::use_memory_pool(shared != 0);
  if (!shared) ctorch::compat::silence_log();
  ctorch::prepare_first_call();
}

}  // extern "C"
