// Entries about the process: versions, threads, subnormal numbers, seeds, live handles.
#include <ATen/Context.h>
#include <ATen/core/Generator.h>

#include "compat/version.h"
#include "core/handle_table.h"
#include "core/text.h"
#include "ctorch_runtime.h"
#include "host/environment.h"
#include "host/ranks.h"

using namespace ctorch;

extern "C" {

// Read by the loader.
__attribute__((visibility("default"))) const char* ctorch_implementation_torch_version() {
  return compat::torch_version().c_str();
}

int32_t ctorch_runtime_version(const char** text, int64_t* length) {
  return guard([&] { return_text(FTORCH_VERSION, text, length); });
}

int32_t ctorch_runtime_torch_version(const char** text, int64_t* length) {
  return guard([&] { return_text(ctorch_implementation_torch_version(), text, length); });
}

int32_t ctorch_live_handles(int32_t kind, int64_t* count) {
  return guard([&] {
    require(count, "count");
    if (kind < CTORCH_HANDLE_ANY || kind > CTORCH_HANDLE_REQUEST)
      fail(CTORCH_ERROR_ARGUMENT, "argument 'kind': ", kind, " is no torch_handle_* constant");
    *count = 0;
    for (int32_t k = CTORCH_HANDLE_TENSOR; k <= CTORCH_HANDLE_REQUEST; ++k)
      if (const auto* live = live_counts[static_cast<size_t>(k)].load(); live && (kind == CTORCH_HANDLE_ANY || kind == k))
        *count += live->load(std::memory_order_relaxed);
  });
}

int32_t ctorch_runtime_set_threads(int32_t count) {
  return guard([&] { set_threads(count); });
}

int32_t ctorch_runtime_get_threads(int32_t* count) {
  return answer_with(count, "count", [&] { return get_threads(); });
}

int32_t ctorch_runtime_set_core_share(int32_t cores) {
  return guard([&] { set_share_of_cores(cores); });
}

int32_t ctorch_runtime_set_flush_denormals(int32_t mode) {
  return guard([&] {
    if (mode < -1 || mode > 1)
      fail(CTORCH_ERROR_ARGUMENT, "argument 'mode': expected 1 (flush), 0 (do not) or -1 (as the contract or the host), got ",
           mode);
    flush_setting.store(static_cast<Flush>(mode), std::memory_order_relaxed);
  });
}

int32_t ctorch_runtime_seed(int64_t seed) {
  return guard([&] { at::manual_seed(static_cast<uint64_t>(seed)); });
}

}  // extern "C"
