#include "device/architecture.h"

#include <dlfcn.h>

#include <algorithm>
#include <charconv>
#include <optional>

namespace ctorch {
namespace {

struct Generation {
  bool translated = false;
  int number = 0;  // 90 for 9.0
};

std::optional<Generation> parse(std::string_view name) {
  Generation found;
  for (const auto& [prefix, translated] : {std::pair("sm_", false), std::pair("compute_", true)}) {
    if (!name.starts_with(prefix)) continue;
    found.translated = translated;
    const char* first = name.data() + std::string_view(prefix).size();
    if (std::from_chars(first, name.data() + name.size(), found.number).ec == std::errc()) return found;
  }
  return std::nullopt;
}

// CUDA's run time comes with PyTorch's build for it; it is asked by name, so that one build of this library serves all of them.
int cuda_attribute(int attribute, int device) {
  using Get = int (*)(int* value, int attribute, int device);
  static const auto get = [] {
    void* found = ::dlsym(RTLD_DEFAULT, "cudaDeviceGetAttribute");
    for (const char* library : {"libcudart.so.13", "libcudart.so.12"}) {
      if (found) break;
      if (void* loaded = ::dlopen(library, RTLD_LAZY | RTLD_NOLOAD)) found = ::dlsym(loaded, "cudaDeviceGetAttribute");
    }
    return reinterpret_cast<Get>(found);
  }();
  int value = 0;
  return get && get(&value, attribute, device) == 0 ? value : 0;
}

}  // namespace

std::string architecture_of(c10::Device device) {
  constexpr int major_attribute = 75, minor_attribute = 76;  // cudaDevAttrComputeCapabilityMajor, ...Minor
  if (!device.is_cuda() && !device.is_privateuseone()) return {};
  const int index = std::max<int>(device.index(), 0);
  const int major = cuda_attribute(major_attribute, index);
  return major == 0 ? std::string() : "sm_" + std::to_string(10 * major + cuda_attribute(minor_attribute, index));
}

bool runs_on(const std::string& here, const std::vector<std::string>& built_for) {
  const auto mine = parse(here);
  if (!mine) return true;
  return std::any_of(built_for.begin(), built_for.end(), [&](const std::string& name) {
    const auto code = parse(name);
    if (!code) return true;
    return code->number <= mine->number && (code->translated || code->number / 10 == mine->number / 10);
  });
}

}  // namespace ctorch
