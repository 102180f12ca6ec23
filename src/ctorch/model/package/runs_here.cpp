#include "model/package/runs_here.h"

#include <set>

#include "device/architecture.h"

namespace ctorch {
namespace {

template <class Names>
std::string words_of(const Names& names) {
  std::string words;
  for (const auto& name : names) words += (words.empty() ? "" : ", ") + name;
  return words;
}

}  // namespace

bool is_for(const Variant& variant, c10::Device device) {
  return variant.device.empty() || variant.device == c10::DeviceTypeName(device.type(), /*lower_case=*/true);
}

std::string why_not(const Variant& variant, c10::Device device) {
  if (variant.isa)
    if (const std::string missing = isa_missing(*variant.isa); !missing.empty())
      return "needs " + isa_words(*variant.isa) + " and lacks " + missing;
  if (!variant.architectures.empty())
    if (const std::string found = architecture_of(device); !runs_on(found, variant.architectures))
      return "is for " + words_of(variant.architectures) + ", and the device is " + found;
  return {};
}

std::string devices_of(const std::vector<Variant>& variants) {
  std::set<std::string> devices;
  for (const Variant& variant : variants) devices.insert(variant.device);
  return words_of(devices);
}

}  // namespace ctorch
