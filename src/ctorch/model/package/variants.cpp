#include "model/package/variants.h"

#include <ATen/core/grad_mode.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>

#include "core/error.h"
#include "model/package/runs_here.h"

namespace ctorch {
namespace {

std::set<std::string> names_of(const State& weights) {
  std::set<std::string> names;
  for (const auto& [name, value] : weights) names.insert(name);
  return names;
}

// A tensor of several names is known when one of them is.
void forget_second_names(std::set<std::string>& unknown, const State& weights) {
  std::set<const void*> known;
  for (const auto& [name, value] : weights)
    if (!unknown.contains(name)) known.insert(value.const_data_ptr());
  for (const auto& [name, value] : weights)
    if (known.contains(value.const_data_ptr())) unknown.erase(name);
}

}  // namespace

Variants::Variants(const Package& package, std::shared_ptr<const PackageInfo> info, Weights& weights, c10::Device device)
    : info_(std::move(info)), weights_(weights), device_(device), symbols_(info_->spec ? info_->spec->symbols.size() : 0) {
  for (const Variant& variant : info_->variants) {
    if (!is_for(variant, device)) continue;
    if (const std::string words = why_not(variant, device_); !words.empty()) {
      left_out_ += (left_out_.empty() ? "variant '" : "; variant '") + variant.name + "' " + words;
      continue;
    }
    if (is_never_chosen(variant)) continue;
    auto loaded = std::make_unique<LoadedVariant>();
    loaded->variant = &variant;
    switch (variant.kind) {
      case VariantKind::aoti: load_aoti(*loaded, Library::of(package, variant.member)); break;
      case VariantKind::kernel:
        take_kernel(*loaded,
                    std::make_shared<KernelLibrary>(Library::of(package, variant.member), variant, words_for(variant)));
        break;
      case VariantKind::torchscript: {
        Extras extras;
        const auto bytes = package.bytes_of(variant.member);
        loaded->code = load_torchscript(package.archive().adapter(bytes), info_->path + "/" + variant.member, device_, false,
                                        false, extras);
        loaded->built_in = loaded->script()->use_weights(weights_.tensors());
        break;
      }
    }
    forget_second_names(loaded->built_in, weights_.tensors());
    for (const PackedWeight& weight : info_->weights)
      if (!weight.used) loaded->built_in.erase(weight.name);
    weights_.remember(loaded->built_in);
    loaded_.push_back(std::move(loaded));
  }
  if (loaded_.empty()) nothing_runs_here();
}

void Variants::nothing_runs_here() const {
  if (device_.is_cpu())
    fail(CTORCH_ERROR_DEVICE, "'", info_->path, "' cannot run on this processor, ", cpu_words(), ": ", left_out_,
         "; export it for an older processor (pt2ts export --isa) or with a variant for all of them (--with-fallback)");
  fail(CTORCH_ERROR_DEVICE, "'", info_->path, "' has no code for ", device_.str(), ", which argument 'device_type' asks for: ",
       left_out_.empty() ? "it has code for " + devices_of(info_->variants) : left_out_,
       "; export it for this device (pt2ts export --device), or with a form for all of them (--with-fallback)");
}

Variants::Variants(const Variants& other, Weights& weights)
    : info_(other.info_),
      weights_(weights),
      device_(other.device_),
      symbols_(other.symbols_),
      left_out_(other.left_out_),
      judged_version_(UINT64_MAX) {
  for (const auto& theirs : other.loaded_) {
    auto loaded = std::make_unique<LoadedVariant>();
    loaded->variant = theirs->variant;
    if (theirs->kernel()) take_kernel(*loaded, theirs->kernel()->library());
    if (theirs->aoti()) load_aoti(*loaded, theirs->aoti()->library());
    if (theirs->script()) {
      loaded->code.emplace<2>(static_cast<TorchScriptBackend*>(theirs->script()->clone().release()));
      loaded->script()->use_weights(weights_.tensors());
    }
    loaded->built_in = theirs->built_in;
    loaded_.push_back(std::move(loaded));
  }
}

std::string Variants::words_for(const Variant& variant) const {
  return "'" + info_->path + "', variant '" + variant.name + "',";
}

void Variants::load_aoti(LoadedVariant& loaded, const std::shared_ptr<const Library>& library) {
  const std::string words = words_for(*loaded.variant);
  try {
    loaded.code = std::make_unique<AotiModel>(library, device_);
  } catch (const Error&) {
    throw;
  } catch (const std::exception&) {
    record_exception();
    fail(CTORCH_ERROR_FILE, words, " cannot be loaded: ", last_error());
  }
  if (loaded.variant->shares_weights)
    loaded.built_in = loaded.aoti()->use_weights(weights_.tensors(), words);
  else
    loaded.built_in = names_of(weights_.tensors());
}

void Variants::take_kernel(LoadedVariant& loaded, std::shared_ptr<const KernelLibrary> library) {
  loaded.code = std::make_unique<Kernel>(std::move(library), *loaded.variant, weights_);
  if (!loaded.variant->shares_weights) loaded.built_in = names_of(weights_.tensors());
}

// Whether one before it, which weights cannot outdate, takes all that it admits: code for an older processor, or for any.
bool Variants::is_never_chosen(const Variant& variant) const {
  return std::any_of(loaded_.begin(), loaded_.end(), [&](const auto& before) {
    if (!before->built_in.empty()) return false;
    for (size_t i = 0; i < symbols_; ++i) {
      const SizeRange &theirs = before->variant->sizes[i], &wanted = variant.sizes[i];
      const auto& possible = info_->spec->symbols[i];
      if (theirs.min > std::max(wanted.min, possible.min) || theirs.max < std::min(wanted.max, possible.max)) return false;
    }
    return true;
  });
}

// Weights were written: who has the old values built in is left out from now on.
void Variants::judge(uint64_t version) const {
  std::lock_guard lock(mutex_);
  if (version == judged_version_.load(std::memory_order_relaxed)) return;
  std::set<std::string> changed;
  for (const size_t i : weights_.changed()) changed.insert(weights_.tensors()[i].first);
  for (const auto& loaded : loaded_) {
    bool outdated = false;
    for (const auto& name : loaded->built_in) outdated |= changed.contains(name);
    loaded->outdated.store(outdated, std::memory_order_relaxed);
  }
  judged_version_.store(version, std::memory_order_release);
}

}  // namespace ctorch
