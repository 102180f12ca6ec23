// The variants of a package that this machine can run, loaded, and the choice between them.
#pragma once
#include <atomic>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "model/package/aoti.h"
#include "model/package/kernel.h"
#include "model/package/library.h"
#include "model/package/package.h"
#include "model/package/weights.h"
#include "model/torchscript/backend.h"

namespace ctorch {

struct LoadedVariant {
  const Variant* variant = nullptr;
  std::variant<std::unique_ptr<Kernel>, std::unique_ptr<AotiModel>, std::unique_ptr<TorchScriptBackend>> code;
  std::set<std::string> built_in;  // weights whose values are compiled in: when they change, it is wrong
  std::atomic<bool> outdated{false};

  // The code as what it is, null if it is something else.
  Kernel* kernel() const { return as<Kernel>(); }
  AotiModel* aoti() const { return as<AotiModel>(); }
  TorchScriptBackend* script() const { return as<TorchScriptBackend>(); }

 private:
  template <class Code>
  Code* as() const {
    const auto* held = std::get_if<std::unique_ptr<Code>>(&code);
    return held ? held->get() : nullptr;
  }
};

class Variants {
 public:
  Variants(const Package& package, std::shared_ptr<const PackageInfo> info, Weights& weights, c10::Device device);
  Variants(const Variants& other, Weights& weights);  // the same code with other weights

  // The first one that admits the sizes and knows the weights of this version; null if none does.
  const LoadedVariant* choose(const Bindings& bindings, uint64_t version) const {
    if (version != judged_version_.load(std::memory_order_acquire)) [[unlikely]]
      judge(version);
    for (const auto& loaded : loaded_)
      if (!loaded->outdated.load(std::memory_order_relaxed) && loaded->variant->admits(bindings, symbols_)) return loaded.get();
    return nullptr;
  }

  const std::vector<std::unique_ptr<LoadedVariant>>& all() const { return loaded_; }
  const std::string& why_not_others() const { return left_out_; }  // in words; empty if all can run here

 private:
  void load_aoti(LoadedVariant& loaded, const std::shared_ptr<const Library>& library);
  void take_kernel(LoadedVariant& loaded, std::shared_ptr<const KernelLibrary> library);
  void judge(uint64_t version) const;
  bool is_never_chosen(const Variant& variant) const;
  [[noreturn]] void nothing_runs_here() const;
  std::string words_for(const Variant& variant) const;

  std::shared_ptr<const PackageInfo> info_;
  Weights& weights_;
  c10::Device device_;
  size_t symbols_;
  std::vector<std::unique_ptr<LoadedVariant>> loaded_;
  std::string left_out_;
  mutable std::atomic<uint64_t> judged_version_{0};
  mutable std::mutex mutex_;
};

}  // namespace ctorch
