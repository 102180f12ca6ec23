// What is done once, by one thread, when libtorch has just been loaded.
#include "runtime/prepare.h"

#include <ATen/Functions.h>
#include <c10/core/InferenceMode.h>
#include <dlfcn.h>

#include "host/environment.h"

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

}  // namespace

void prepare() noexcept {
  const HostEnvironment host;
  try {
    lead_teams_of_library_with(reinterpret_cast<const void*>(&prepare));
    lead_teams_of_library_with(reinterpret_cast<const void*>(&at::_ops::exp::call));
    touch_vector_mathematics();
  } catch (...) {  // then the first computation reports what is wrong
  }
}

}  // namespace ctorch
