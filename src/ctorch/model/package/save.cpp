#include "model/package/save.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "io/zip_writer.h"

namespace ctorch {
namespace {

// The TorchScript variant as a file, with the present weights; empty if it is not loaded or lacks some of them.
std::string script_with_new_weights(const Variants& variants) {
  for (const auto& loaded : variants.all()) {
    if (!loaded->script() || !loaded->built_in.empty()) continue;
    std::string bytes;
    loaded->script()->save(
        [&](const void* part, size_t size) {
          bytes.append(static_cast<const char*>(part), size);
          return size;
        },
        Extras());
    return bytes;
  }
  return {};
}

}  // namespace

void save_package(const Writer& write, const PackageInfo& info, const std::shared_ptr<const OpenFile>& file,
                  const Weights& weights, const Variants& variants, const Extras& extras) {
  if (!info.spec)
    fail(CTORCH_ERROR_FILE, "'", info.path, "' has no contract of pt2ts, so it cannot be written again; copy the file");
  const Archive archive(file);
  std::vector<DigestPart> parts;
  for (const auto& member : archive.members())
    if (member.name != package_spec_member) parts.push_back({member.name, member.bytes});
  if (package_digest(parts) != info.digest)
    fail(CTORCH_ERROR_FILE, "the file '", info.path,
         "' that the model was loaded from has been written over since, and its compiled code is needed for saving");

  std::set<std::string> changed;
  for (const size_t i : weights.changed()) changed.insert(weights.tensors()[i].first);
  const auto outdated = [&](const Variant& variant) {
    for (const auto& loaded : variants.all())
      if (loaded->variant->name == variant.name) {
        for (const auto& name : loaded->built_in)
          if (changed.contains(name)) return true;
        return false;
      }
    return !changed.empty() && !variant.shares_weights;  // not loaded here
  };

  auto contract = nlohmann::ordered_json::parse(extras.spec->json);
  auto& listed = contract.at("variants");
  std::set<std::string> dropped;  // members, or folders of them
  const std::string script = changed.empty() ? std::string() : script_with_new_weights(variants);
  for (const Variant& variant : info.variants) {
    const bool is_script = variant.kind == VariantKind::torchscript;
    if (changed.empty() || (is_script ? !script.empty() : !outdated(variant))) continue;
    dropped.insert(variant.kind == VariantKind::aoti ? package_compiled_folder + variant.name + "/" : variant.member);
    listed.erase(
        std::remove_if(listed.begin(), listed.end(), [&](const auto& entry) { return entry.at("name") == variant.name; }),
        listed.end());
  }
  if (listed.empty())
    fail(
        CTORCH_ERROR_MODEL, "'", info.path,
        "' has no variant that could be saved with the weights that were put in: all have the old values compiled in; save the "
        "weights with torch_model_save_state and export the model again with them");

  std::vector<DigestPart> kept;
  for (auto& [name, bytes] : parts) {
    const bool drop = std::any_of(dropped.begin(), dropped.end(), [&, &member = name](const std::string& start) {
      return start.back() == '/' ? member.starts_with(start) : member == start;
    });
    if (drop) continue;
    if (name == package_weights_member) bytes = weights.bytes();
    if (name == package_golden_member && extras.golden.empty()) continue;
    if (name == package_golden_member) bytes = extras.golden;
    if (name == package_fallback_member && !script.empty()) bytes = script;
    kept.push_back({name, bytes});
  }
  if (extras.golden.empty()) contract["golden"] = false;
  contract["digest"] = package_digest(kept);
  const std::string text = contract.dump(1);
  ZipWriter zip(write);
  for (const auto& [name, bytes] : kept) zip.add("model/" + name, bytes);
  zip.add(std::string("model/") + package_spec_member, text);
  zip.finish();
}

}  // namespace ctorch
