#include "model/package/package.h"

#include <c10/core/ScalarType.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <set>

#include "compat/version.h"
#include "io/sha256.h"
#include "tensor/conversion.h"

namespace ctorch {
namespace {

constexpr uint64_t weight_alignment = 64;

// Whether something in the package was compiled by PyTorch's own compiler. Kernels are plain C++, which needs no PyTorch.
bool needs_torch_of_compiler(const nlohmann::json& variants) {
  return std::any_of(variants.begin(), variants.end(), [](const auto& entry) { return entry.value("kind", "aoti") == "aoti"; });
}

// Major and minor number of "2.13.0+cpu".
std::pair<int, int> release_of(const std::string& version) {
  int major = 0, minor = 0;
  const char* const end = version.data() + version.size();
  const char* const dot = std::from_chars(version.data(), end, major).ptr;
  if (dot != end && *dot == '.') std::from_chars(dot + 1, end, minor);
  return {major, minor};
}

Isa parse_isa(const nlohmann::json& entry) {
  Isa isa;
  isa.machine = entry.value("machine", std::string());
  if (auto flags = entry.find("flags"); flags != entry.end()) isa.flags = flags->get<std::vector<std::string>>();
  return isa;
}

PackedWeight parse_weight(const nlohmann::json& entry) {
  PackedWeight weight;
  weight.name = entry.at("name").get<std::string>();
  weight.dtype = scalar_type_named(entry.at("dtype").get<std::string>());
  weight.shape = entry.at("shape").get<std::vector<int64_t>>();
  weight.offset = entry.at("offset").get<uint64_t>();
  weight.parameter = entry.value("parameter", true);
  // Where a file does not say it: BatchNorm counts the batches of its training, and never reads the count when it computes.
  weight.used = entry.value("used", !weight.name.ends_with("num_batches_tracked"));
  weight.bytes = c10::elementSize(weight.dtype);
  for (const int64_t size : weight.shape)
    if (size < 0 || __builtin_mul_overflow(weight.bytes, static_cast<uint64_t>(size), &weight.bytes))
      throw std::invalid_argument("the shape of weight '" + weight.name + "' is impossible");
  return weight;
}

VariantKind parse_kind(const std::string& word) {
  constexpr std::pair<const char*, VariantKind> kinds[] = {
      {"kernel", VariantKind::kernel}, {"aoti", VariantKind::aoti}, {"torchscript", VariantKind::torchscript}};
  for (const auto& [name, kind] : kinds)
    if (word == name) return kind;
  throw std::invalid_argument("it has a variant of the unknown kind '" + word + "'");
}

size_t symbol_named(const std::string& name, const Variant& variant, const Spec& spec) {
  const auto symbol = std::find_if(spec.symbols.begin(), spec.symbols.end(), [&](const Symbol& s) { return s.name == name; });
  if (symbol == spec.symbols.end())
    throw std::invalid_argument("variant '" + variant.name + "' has sizes of the unknown symbol '" + name + "'");
  return static_cast<size_t>(symbol - spec.symbols.begin());
}

Variant parse_variant(const nlohmann::json& entry, const Spec& spec) {
  Variant variant;
  variant.name = entry.at("name").get<std::string>();
  if (variant.name.empty() || variant.name.find('/') != std::string::npos)
    throw std::invalid_argument("a variant is called '" + variant.name + "'");
  variant.kind = parse_kind(entry.at("kind").get<std::string>());
  const auto sizes_by_symbol = entry.value("sizes", nlohmann::json::object());
  for (const auto& [name, range] : sizes_by_symbol.items()) {
    SizeRange& sizes = variant.sizes[symbol_named(name, variant, spec)];
    sizes.min = range.at(0).get<int64_t>();
    if (!range.at(1).is_null()) sizes.max = range.at(1).get<int64_t>();
  }
  if (auto isa = entry.find("isa"); isa != entry.end() && !isa->is_null()) variant.isa = parse_isa(*isa);
  variant.device = entry.value("device", std::string(variant.kind == VariantKind::torchscript ? "" : "cpu"));
  if (variant.kind == VariantKind::kernel && variant.device != "cpu")
    throw std::invalid_argument("the kernel '" + variant.name + "' is said to run on '" + variant.device + "'");
  variant.architectures = entry.value("architectures", std::vector<std::string>());
  variant.shares_weights = entry.at("weights").get<std::string>() == "shared";
  variant.threads = entry.value("threads", 0);
  variant.workspace = entry.value("workspace", uint64_t{0});
  variant.packed = entry.value("packed", uint64_t{0});
  if (auto samples = entry.find("samples"); samples != entry.end() && !samples->is_null())
    variant.samples = static_cast<int32_t>(symbol_named(samples->get<std::string>(), variant, spec));
  variant.grain = entry.value("grain", int64_t{0});
  for (size_t i = 0; variant.kind == VariantKind::kernel && i < spec.symbols.size(); ++i)
    if (static_cast<int32_t>(i) != variant.samples && variant.sizes[i].min != variant.sizes[i].max)
      throw std::invalid_argument("the kernel '" + variant.name + "' is said to compute other sizes than one");
  return variant;
}

}  // namespace

std::string package_digest(std::vector<DigestPart> parts) {
  std::sort(parts.begin(), parts.end(), [](const DigestPart& a, const DigestPart& b) { return a.name < b.name; });
  Sha256 sum;
  for (const auto& [name, bytes] : parts) {
    sum.update_length(name.size());
    sum.update(name.data(), name.size());
    sum.update_length(bytes.size());
    sum.update(bytes.data(), bytes.size());
  }
  return sum.finish();
}

bool Package::recognizes(const Archive& archive) {
  return std::any_of(archive.members().begin(), archive.members().end(), [](const Archive::Member& member) {
    return member.name.starts_with(package_compiled_folder) || member.name == package_spec_member;
  });
}

Package::Package(Archive archive, PackageKind wanted, bool trust) : archive_(std::move(archive)) {
  info_->path = archive_.path();
  // A TorchScript file, say, is not damaged because it is no package.
  const bool compiled = std::any_of(archive_.members().begin(), archive_.members().end(), [](const Archive::Member& member) {
    return member.name.starts_with(package_compiled_folder);
  });
  if (wanted == PackageKind::training && !compiled)
    fail(CTORCH_ERROR_FILE, "'", info_->path, "' is no training package; make one with pt2ts export-training");
  archive_.require_one_folder();
  std::vector<DigestPart> parts;
  for (const auto& member : archive_.members()) {
    if (!member.stored) archive_.corrupt("its member '" + member.full_name + "' is compressed, which no package is");
    if (member.name != package_spec_member) parts.push_back({member.name, member.bytes});
  }
  archive_.verify_checksums();
  info_->digest = package_digest(std::move(parts));
  info_->contract = text_of(package_spec_member);
  if (!info_->contract.empty()) {
    read_contract(info_->contract, wanted);
    return;
  }
  if (wanted == PackageKind::training)
    fail(CTORCH_ERROR_FILE, "'", info_->path, "' is no training package; make one with pt2ts export-training");
  if (!trust)
    fail(CTORCH_ERROR_FILE, "'", info_->path,
         "' is a compiled package without a contract of pt2ts: its calls cannot be checked, and its machine code runs with all "
         "rights of this program. Export the module with pt2ts export --format pt2; or pass trust=.true. if you know who made "
         "the file");
  trust_variants();
}

std::string Package::text_of(const char* member) const {
  const Archive::Member* found = archive_.find(member);
  return found ? std::string(found->text()) : std::string();
}

std::span<const char> Package::bytes_of(const std::string& member) const {
  const Archive::Member* found = archive_.find(member);
  if (!found) damaged("it names the member '" + member + "', which is not there");
  return found->bytes;
}

void Package::keep_only_weights() const {
  const Archive::Member* weights = archive_.find(package_weights_member);
  if (!weights) return;
  const std::span<const char> all = archive_.bytes();
  const auto start = static_cast<size_t>(weights->bytes.data() - all.data());
  archive_.content()->release(all.first(start));
  archive_.content()->release(all.subspan(start + weights->bytes.size()));
}

void Package::damaged(const std::string& reason) const {
  fail(CTORCH_ERROR_FILE, "'", info_->path, "': the package's contract is damaged (", reason, "); export the model again");
}

void Package::read_contract(const std::string& text, PackageKind wanted) {
  const nlohmann::json json = parse_contract(text);
  info_->spec = Spec::read(json, text);
  try {
    if (json.at("digest").get<std::string>() != info_->digest)
      archive_.corrupt("the digest of its members is not the one that its contract has");
    const std::string made_with = json.at("torch").get<std::string>();
    const std::string& here = compat::torch_version();
    if (release_of(made_with) > release_of(here) && needs_torch_of_compiler(json.at("variants")))
      fail(CTORCH_ERROR_FILE, "'", info_->path, "' was compiled with PyTorch ", made_with, ", this is PyTorch ", here,
           ", and compiled code runs with the same or a newer one only; export it with PyTorch ", here, " or install ",
           made_with);
    const std::string kind = json.at("kind").get<std::string>();
    if (kind != "inference" && kind != "training") damaged("its kind is '" + kind + "'");
    if (wanted == PackageKind::training && kind == "inference")
      fail(CTORCH_ERROR_FILE, "'", info_->path,
           "' is a model for inference, not a training step; make one with pt2ts export-training, or load it with "
           "torch_model_load");

    const Archive::Member* blob = archive_.find(package_weights_member);
    std::vector<std::pair<uint64_t, uint64_t>> ranges;
    for (const auto& entry : json.at("weights")) {
      info_->weights.push_back(parse_weight(entry));
      const PackedWeight& weight = info_->weights.back();
      if (weight.offset % weight_alignment != 0 || !blob || weight.offset > blob->bytes.size() ||
          weight.bytes > blob->bytes.size() - weight.offset)
        damaged("weight '" + weight.name + "' does not lie in " + package_weights_member);
      ranges.emplace_back(weight.offset, weight.offset + weight.bytes);
    }
    std::sort(ranges.begin(), ranges.end());
    for (size_t i = 1; i < ranges.size(); ++i)  // equal ones are two names of one tensor
      if (ranges[i] != ranges[i - 1] && ranges[i].first < ranges[i - 1].second) damaged("two of its weights overlap");

    std::set<std::string> names;
    for (const auto& entry : json.at("variants")) {
      info_->variants.push_back(parse_variant(entry, *info_->spec));
      find_members(info_->variants.back());
      if (!names.insert(info_->variants.back().name).second)
        damaged("it has two variants '" + info_->variants.back().name + "'");
    }
    // A training package holds its network, too.
    if (wanted == PackageKind::inference && kind == "training") {
      std::erase_if(info_->variants, [](const Variant& variant) { return !is_form_of(variant, "model"); });
      if (info_->variants.empty())
        fail(CTORCH_ERROR_FILE, "'", info_->path, "' is a compiled training step, not a model; load it into a torch_trainer");
    }
    if (info_->variants.empty()) damaged("it has no variants");
  } catch (const nlohmann::json::exception& error) {
    damaged(error.what());
  } catch (const std::invalid_argument& error) {
    damaged(error.what());
  }
}

// Where the code of a variant is. AOTInductor makes one library, beside sources and descriptions.
void Package::find_members(Variant& variant) const {
  if (variant.kind == VariantKind::kernel) variant.member = "extra/ftorch_kernel_" + variant.name + ".so";
  if (variant.kind == VariantKind::torchscript) variant.member = package_fallback_member;
  if (variant.kind == VariantKind::aoti) {
    const std::string folder = package_compiled_folder + variant.name + "/";
    for (const auto& member : archive_.members()) {
      if (!member.name.starts_with(folder) || !member.name.ends_with(".so")) continue;
      if (!variant.member.empty()) damaged("there are several libraries in " + folder);
      variant.member = member.name;
    }
    if (variant.member.empty()) damaged("there is no library in " + folder);
  }
  bytes_of(variant.member);
}

// A package of PyTorch's own: one model, usually called "model", about which only its metadata tells something.
void Package::trust_variants() {
  for (const auto& member : archive_.members()) {
    const size_t start = std::string_view(package_compiled_folder).size();
    if (!member.name.starts_with(package_compiled_folder)) continue;
    const auto slash = member.name.find('/', start);
    if (slash == std::string::npos || !member.name.ends_with(".so")) continue;
    Variant variant;
    variant.name = member.name.substr(start, slash - start);
    if (!info_->variants.empty())
      fail(CTORCH_ERROR_FILE, "'", info_->path, "' holds several models ('", info_->variants.front().name, "', '", variant.name,
           "') and no contract that says which to run; export it with pt2ts export --format pt2");
    find_members(variant);
    info_->variants.push_back(std::move(variant));
  }
  if (info_->variants.empty()) fail(CTORCH_ERROR_FILE, "'", info_->path, "' is a package without compiled code");
  // The flags that AOTInductor means by a name. (It may have compiled for more: nothing in the file tells.)
  static const std::pair<const char*, std::vector<std::string>> known[] = {
      {"AVX2", {"avx2", "fma"}},
      {"AVX512", {"avx512f", "avx512bw", "avx512dq", "avx512vl"}},
      {"VNNI", {"avx512f", "avx512_vnni"}},
      {"AMX", {"amx_tile"}},
  };
  for (const auto& member : archive_.members()) {
    if (!member.name.starts_with(package_compiled_folder) || !member.name.ends_with("wrapper_metadata.json")) continue;
    const auto json = nlohmann::json::parse(member.text(), nullptr, false);
    if (!json.is_object()) continue;
    Isa isa;
    const auto word = [&](const char* key) {
      const auto found = json.find(key);
      return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
    };
    isa.machine = word("AOTI_MACHINE");
    for (const auto& [name, flags] : known)
      if (word("AOTI_CPU_ISA").find(name) != std::string::npos) isa.flags.insert(isa.flags.end(), flags.begin(), flags.end());
    info_->variants.front().isa = isa;
  }
}

}  // namespace ctorch
