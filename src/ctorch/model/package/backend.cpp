#include "model/package/backend.h"

#include <ATen/Functions.h>
#include <ATen/core/grad_mode.h>
#include <c10/core/DeviceGuard.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <exception>
#include <iterator>

#include "compat/tensor_impl.h"
#include "host/environment.h"
#include "model/package/direct.h"
#include "model/package/save.h"
#include "model/package/variants.h"
#include "tensor/conversion.h"
#include "tensor/memory.h"

namespace ctorch {
namespace {

[[noreturn]] void only_inference(const std::string& path) {
  fail(
      CTORCH_ERROR_MODEL, "'", path,
      "' is a compiled package, which computes results only: there are no gradients through it and no training mode; train with "
      "a torch_trainer (pt2ts export-training), or export the module as TorchScript (pt2ts export --format torchscript)");
}

std::shared_ptr<WeightMemory> weight_memory(const Package& package) {
  const Archive::Member* blob = package.archive().find(package_weights_member);
  if (!blob) return std::make_shared<WeightMemory>(std::span<const char>());
  return std::make_shared<WeightMemory>(package.archive().content(), blob->bytes);
}

// Where a call finds the size of a symbol.
struct SymbolPlace {
  size_t symbol, input;
  int64_t dim;
};

class PackageBackend final : public Backend {
 public:
  PackageBackend(const Package& package, c10::Device device)
      : info_(package.shared_info()), file_(package.archive().file()), device_(device) {
    weights_ = std::make_unique<Weights>(info_, weight_memory(package), device);
    variants_ = std::make_unique<Variants>(package, info_, *weights_, device);
    prepare();
  }

  PackageBackend(const PackageBackend& other)
      : info_(other.info_), file_(other.file_), device_(other.device_), weights_(std::make_unique<Weights>(*other.weights_)) {
    variants_ = std::make_unique<Variants>(*other.variants_, *weights_);
    prepare();
    if (info_->spec) return;
    at::NoGradGuard values_only;
    const State mine = only_aoti().constants(), theirs = other.only_aoti().constants();
    for (size_t i = 0; i < mine.size(); ++i) mine[i].second.copy_(theirs[i].second);
  }

  PackageBackend& operator=(const PackageBackend&) = delete;
  ~PackageBackend() override = default;

  bool can_run_directly() const override { return direct_.has_value(); }

  Direct run_directly(Arrays inputs, Arrays outputs, bool convert, FloatCall* team) const override {
    DirectCall call;
    return direct_ && direct_->fit(inputs, outputs, convert, call) ? run_kernel(call, team) : Direct::unfit;
  }

  Direct run_directly(Tensors inputs, Tensors outputs, bool convert, FloatCall* team) const override {
    DirectCall call;
    if (!direct_ || !direct_->fit(inputs, outputs, convert, call)) return Direct::unfit;
    const Direct outcome = run_kernel(call, team);
    if (outcome == Direct::done)
      for (const at::Tensor* output : outputs) compat::note_written(*output);
    return outcome;
  }

  void run(std::span<at::Tensor> inputs, Results& results) override {
    if (at::GradMode::is_enabled() && !c10::InferenceMode::is_enabled()) only_inference(info_->path);
    Bindings bindings{};  // sizes of results alone are those of no input, and any will do
    for (const auto& [symbol, input, dim] : places_) bindings[symbol] = inputs[input].sizes()[static_cast<size_t>(dim)];
    const uint64_t version = weights_->version();
    const LoadedVariant* chosen = variants_->choose(bindings, version);
    if (!chosen) nothing_fits(bindings);
    remember(*chosen);
    run_variant(*chosen, inputs, bindings, version, results);
    if (!results.want_names) return;
    for (size_t i = 0; i < results.values.size(); ++i) results.names.push_back(std::to_string(i + 1));
  }

  Results warm_up(const std::vector<at::Tensor>& inputs) override {
    constexpr int calls = 2;
    Results results;
    std::exception_ptr failure;  // of one variant, which keeps no other from its first calls
    const auto buffers = weights_->buffer_values();
    for (const auto& loaded : variants_->all()) try {
        Bindings bindings{};
        for (const auto& [symbol, input, dim] : places_) bindings[symbol] = inputs[input].sizes()[static_cast<size_t>(dim)];
        std::vector<at::Tensor> given = inputs;
        if (!loaded->variant->admits(bindings, info_->spec->symbols.size()))
          given = smallest_inputs(inputs, *loaded->variant, bindings);
        for (int call = 0; call < calls; ++call) {
          results.values.clear();
          std::vector<at::Tensor> consumed = given;
          run_variant(*loaded, consumed, bindings, weights_->version(), results);
        }
      } catch (const std::exception&) {
        failure = std::current_exception();
      }
    weights_->restore_buffers(buffers);
    copies_ = 0;
    if (failure) std::rethrow_exception(failure);
    return results;
  }

  std::unique_ptr<Backend> clone() const override { return std::make_unique<PackageBackend>(*this); }

  std::pair<size_t, size_t> input_counts() const override {
    const size_t count = info_->spec ? info_->spec->inputs.size() : only_aoti().count_inputs();
    return {count, count};
  }

  State parameters() const override {
    return info_->spec ? without_second_names(weights_->parameters()) : only_aoti().constants();
  }
  State buffers() const override { return info_->spec ? without_second_names(weights_->buffers()) : State(); }
  State state() const override { return info_->spec ? weights_->all() : only_aoti().constants(); }
  State values() const override { return info_->spec ? weights_->tensors() : only_aoti().constants(); }

  int64_t input_copies() const override { return copies_.load(std::memory_order_relaxed); }
  std::string last_variant() const override {
    const LoadedVariant* last = last_.load(std::memory_order_relaxed);
    return last ? last->variant->name : "";
  }

  std::string random_operator() const override {
    for (const auto& loaded : variants_->all()) {
      if (loaded->script() && !loaded->script()->random_operator().empty()) return loaded->script()->random_operator();
      if (loaded->aoti() && !loaded->aoti()->random_operator().empty()) return loaded->aoti()->random_operator();
    }
    return {};
  }

  uint64_t weights_version() const override { return weights_->version(); }
  bool changes_host_state() const override {
    const auto& all = variants_->all();
    return std::any_of(all.begin(), all.end(),
                       [](const auto& loaded) { return loaded->script() && loaded->script()->changes_host_state(); });
  }

  bool is_training() const override { return false; }
  void set_training(bool on) override {
    if (on) only_inference(info_->path);
  }

  void to(c10::Device device, std::optional<at::ScalarType> dtype) override {
    if (device == device_ && !dtype) return;
    fail(
        CTORCH_ERROR_MODEL, "'", info_->path, "' was loaded for ", device_.str(),
        ", which cannot be changed afterwards, nor can the dtypes of its contract; load it again for another device, or export it "
        "again with pt2ts export --dtype");
  }

  void save(const Writer& write, const Extras& extras) const override {
    save_package(write, *info_, file_, *weights_, *variants_, extras);
  }

 private:
  const AotiModel& only_aoti() const { return *variants_->all().front()->aoti(); }

  void prepare() {
    if (!info_->spec) return;
    const Spec& spec = *info_->spec;
    std::vector<bool> found(spec.symbols.size(), false);
    for (size_t i = 0; i < spec.inputs.size(); ++i)
      for (size_t d = 0; d < spec.inputs[i].dims.size(); ++d) {
        const int32_t symbol = spec.inputs[i].dims[d].symbol;
        if (symbol < 0 || found[static_cast<size_t>(symbol)]) continue;
        found[static_cast<size_t>(symbol)] = true;
        places_.push_back({static_cast<size_t>(symbol), i, static_cast<int64_t>(d)});
      }
    bool any_kernel = false;
    for (const auto& loaded : variants_->all()) any_kernel |= loaded->kernel() != nullptr;
    if (!any_kernel) return;
    for (const auto& output : spec.outputs)
      for (const auto& dim : output.dims)
        if (dim.symbol >= 0 && !found[static_cast<size_t>(dim.symbol)])
          fail(CTORCH_ERROR_FILE, "'", info_->path, "' has a kernel, but the size '",
               spec.symbols[static_cast<size_t>(dim.symbol)].name,
               "' of an output is that of no input; export the model again");
    if (std::count(found.begin(), found.end(), false) == 0) direct_.emplace(spec);
  }

  void remember(const LoadedVariant& chosen) const {
    if (last_.load(std::memory_order_relaxed) != &chosen) last_.store(&chosen, std::memory_order_relaxed);
  }

  // A kernel disturbs nothing but the flags of floating-point arithmetic, which the model has saved.
  Direct run_kernel(const DirectCall& call, FloatCall* team) const {
    const uint64_t version = weights_->version();
    const LoadedVariant* chosen = variants_->choose(call.bindings, version);
    if (!chosen || !chosen->kernel()) return Direct::unfit;
    const Kernel& kernel = *chosen->kernel();
    const int64_t samples = chosen->variant->samples_of(call.bindings);
    const bool shared = kernel.is_worth_sharing(samples, version);
    if (shared && !team) [[unlikely]]
      return Direct::shareable;
    remember(*chosen);
    if (shared)
      kernel.run_shared(call.inputs.data(), call.outputs.data(), samples, version, *team);
    else
      kernel.run(call.inputs.data(), call.outputs.data(), samples, version);
    return Direct::done;
  }

  void run_variant(const LoadedVariant& chosen, std::span<at::Tensor> inputs, const Bindings& bindings, uint64_t version,
                   Results& results) {
    if (chosen.script()) return chosen.script()->run(inputs, results);
    for (size_t i = 0; info_->spec && i < inputs.size(); ++i)
      arrange(inputs[i], info_->spec->inputs[i].fortran_layout, chosen.kernel() != nullptr);
    if (chosen.aoti()) {
      const ThreadLimit limit(chosen.variant->threads);
      const c10::OptionalDeviceGuard here(device_.is_cpu() ? std::nullopt : std::optional(device_));
      std::vector<at::Tensor> given(std::make_move_iterator(inputs.begin()), std::make_move_iterator(inputs.end()));
      for (at::Tensor& output : chosen.aoti()->run(std::move(given))) results.values.push_back(std::move(output));
      return;
    }
    for (const auto& output : info_->spec->outputs) {
      c10::SmallVector<int64_t, CTORCH_MAX_RANK> shape;
      for (const auto& dim : output.dims)
        shape.push_back(dim.symbol < 0 ? dim.size : bindings[static_cast<size_t>(dim.symbol)]);
      results.values.push_back(at::empty(shape, at::TensorOptions(output.dtype)));
    }
    std::vector<std::vector<int64_t>> byte_strides;
    const auto described = [&](std::span<const at::Tensor> tensors) {
      std::vector<KernelArray> arrays;
      for (const at::Tensor& tensor : tensors) {
        const int64_t bytes = tensor.element_size();
        auto& strides = byte_strides.emplace_back();
        for (const int64_t stride : tensor.strides()) strides.push_back(stride * bytes);
        arrays.push_back({const_cast<void*>(tensor.const_data_ptr()), strides.data(), dtype_code(tensor.scalar_type())});
      }
      return arrays;
    };
    const std::vector<KernelArray> from = described(inputs);
    const std::vector<KernelArray> into = described({results.values.data(), results.values.size()});
    chosen.kernel()->run(from.data(), into.data(), chosen.variant->samples_of(bindings), version);
  }

  // Compiled code reads plain memory: what does not lie as it expects is copied, once, and counted. Kernels read any strides.
  void arrange(at::Tensor& input, bool fortran_layout, bool any_strides) {
    const auto sizes = input.sizes();
    const bool right =
        input.numel() == 0 || (plain(input) && (any_strides || fills_memory(sizes, input.strides(), 1, fortran_layout)));
    if (right && (!input.is_cpu() || reinterpret_cast<uintptr_t>(input.const_data_ptr()) % input.element_size() == 0))
        [[likely]]
      return;
    input = copy_in_order(input, fortran_layout);
    copies_.fetch_add(1, std::memory_order_relaxed);
  }

  // These inputs brought to the smallest sizes that a variant is for; `bindings` receives them.
  std::vector<at::Tensor> smallest_inputs(const std::vector<at::Tensor>& of, const Variant& variant, Bindings& bindings) const {
    const Spec& spec = *info_->spec;
    for (size_t i = 0; i < spec.symbols.size(); ++i) bindings[i] = std::max(spec.symbols[i].min, variant.sizes[i].min);
    std::vector<at::Tensor> inputs;
    inputs.reserve(spec.inputs.size());
    for (size_t i = 0; i < spec.inputs.size(); ++i) inputs.push_back(spec.resize_input(i, of[i], bindings));
    return inputs;
  }

  [[noreturn]] [[gnu::cold, gnu::noinline]] void nothing_fits(const Bindings& bindings) const {
    std::string sizes;
    for (const auto& [symbol, input, dim] : places_)
      sizes += (sizes.empty() ? "" : ", ") + info_->spec->symbols[symbol].name + " = " + std::to_string(bindings[symbol]);
    bool outdated = false;
    for (const auto& loaded : variants_->all()) outdated |= loaded->outdated;
    fail(CTORCH_ERROR_MODEL, "'", info_->path, "' has no variant for ", sizes.empty() ? "this call" : sizes,
         outdated ? " that can compute with the weights that were put in: the others have the old values compiled in" : "",
         variants_->why_not_others().empty() ? "" : " (" + variants_->why_not_others() + ")",
         outdated ? "; export it again with the new weights, or with --with-fallback"
                  : "; export it with this size among --batch, or with --with-fallback");
  }

  std::shared_ptr<const PackageInfo> info_;
  std::shared_ptr<const OpenFile> file_;
  c10::Device device_;
  std::unique_ptr<Weights> weights_;
  std::unique_ptr<Variants> variants_;
  std::vector<SymbolPlace> places_;
  std::optional<DirectPorts> direct_;  // there are kernels
  mutable std::atomic<const LoadedVariant*> last_{nullptr};
  std::atomic<int64_t> copies_{0};
};

}  // namespace

std::unique_ptr<Backend> load_package(Archive archive, c10::Device device, bool requires_grad, bool is_training, bool trust,
                                      Extras& extras) {
  const Package package(std::move(archive), PackageKind::inference, trust);
  const std::string& path = package.info().path;
  if (requires_grad || is_training) only_inference(path);
  extras = {package.info().spec, package.text_of(package_golden_member)};
  auto backend = std::make_unique<PackageBackend>(package, device);
  package.keep_only_weights();
  return backend;
}

}  // namespace ctorch
