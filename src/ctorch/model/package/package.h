// Compiled packages (docs/package-format.md): what is in one, and whether this machine can use it.
#pragma once
#include <ATen/core/Tensor.h>

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "contract/spec.h"
#include "io/archive.h"
#include "model/package/isa.h"

namespace ctorch {

// Names of members.
constexpr const char* package_spec_member = "extra/ftorch_spec.json";
constexpr const char* package_golden_member = "extra/ftorch_golden.pt";
constexpr const char* package_weights_member = "extra/ftorch_weights.bin";
constexpr const char* package_fallback_member = "extra/ftorch_fallback.pt";
constexpr const char* package_compiled_folder = "data/aotinductor/";

enum class PackageKind { inference, training };
enum class VariantKind { kernel, aoti, torchscript };

// One weight or buffer in the weights' member.
struct PackedWeight {
  std::string name;  // as in state_dict
  c10::ScalarType dtype;
  std::vector<int64_t> shape;
  uint64_t offset = 0;
  uint64_t bytes = 0;
  bool parameter = true;
  bool used = true;  // an answer depends on it
};

struct SizeRange {
  int64_t min = 0;
  int64_t max = INT64_MAX;
};

// One way to compute the model.
struct Variant {
  std::string name;
  VariantKind kind = VariantKind::aoti;
  std::array<SizeRange, max_symbols> sizes{};  // by symbol of the contract
  std::optional<Isa> isa;                      // none: runs everywhere
  std::string device;                          // PyTorch's name for its kind; empty: any
  std::vector<std::string> architectures;      // of the device that the code is for; none: any
  bool shares_weights = false;                 // computes with the package's weights; or has its own inside
  int32_t threads = 0;                         // compiled in; 0: as many as the host allows
  uint64_t workspace = 0, packed = 0;          // bytes, of kernels
  int32_t samples = -1;                        // of kernels: the symbol that counts samples, any number of which it computes
  int64_t grain = 0;                           // samples that are worth a thread; 0: all on one
  std::string member;                          // the library, or the TorchScript file

  // What a kernel is told to compute: samples of any number, or one call.
  int64_t samples_of(const Bindings& bindings) const { return samples < 0 ? 1 : bindings[static_cast<size_t>(samples)]; }

  bool admits(const Bindings& bindings, size_t symbols) const {
    for (size_t i = 0; i < symbols; ++i)
      if (bindings[i] < sizes[i].min || bindings[i] > sizes[i].max) return false;
    return true;
  }
};

// Whether a variant is one of the compiled forms of a function of a training package: "step", "step_small", ...
inline bool is_form_of(const Variant& variant, const std::string& function) {
  return variant.name == function || variant.name.starts_with(function + "_");
}

// What a package says about itself; lives longer than its bytes.
struct PackageInfo {
  std::string path;
  std::string digest;    // over all members but the contract
  std::string contract;  // JSON text; empty for a package that was trusted without one
  std::optional<Spec> spec;
  std::vector<PackedWeight> weights;
  std::vector<Variant> variants;
};

class Package {
 public:
  // Reads and verifies everything: checksums, the digest over all members, the contract, whether this PyTorch is new enough.
  // Throws with the reason and the way on. `trust` admits a package without our contract.
  Package(Archive archive, PackageKind wanted, bool trust);

  // Whether an archive is a compiled package at all.
  static bool recognizes(const Archive& archive);

  const Archive& archive() const { return archive_; }
  const PackageInfo& info() const { return *info_; }
  std::shared_ptr<const PackageInfo> shared_info() const { return info_; }

  std::string text_of(const char* member) const;  // empty if there is none
  std::span<const char> bytes_of(const std::string& member) const;

  // Gives the memory of all members but the weights back; only they are used when everything is loaded.
  void keep_only_weights() const;

 private:
  void read_contract(const std::string& text, PackageKind wanted);
  void trust_variants();
  void find_members(Variant& variant) const;
  [[noreturn]] void damaged(const std::string& reason) const;

  Archive archive_;
  std::shared_ptr<PackageInfo> info_ = std::make_shared<PackageInfo>();
};

// The digest over members, as the contract has it.
struct DigestPart {
  std::string name;
  std::span<const char> bytes;
};
std::string package_digest(std::vector<DigestPart> parts);

}  // namespace ctorch
