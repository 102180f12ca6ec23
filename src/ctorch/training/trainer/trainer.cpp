#include "training/trainer/trainer.h"

#include <ATen/Functions.h>
#include <ATen/core/grad_mode.h>
#include <c10/core/DeviceGuard.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <optional>

#include "core/error.h"
#include "core/text.h"
#include "ctorch_trainer.h"
#include "device/products.h"
#include "host/environment.h"
#include "model/package/runs_here.h"
#include "tensor/conversion.h"
#include "tensor/handle.h"
#include "tensor/memory.h"

namespace ctorch {
namespace {

constexpr FileWords package_words{"no training package", "; expected one made by pt2ts export-training",
                                  ": it is a pickle of Python; make a training package with pt2ts export-training",
                                  "copy or export it again"};

Package open_package(const FileSource& source, const std::string& sha256) {
  Archive archive(source, package_words, sha256);
  if (!Package::recognizes(archive))
    fail(CTORCH_ERROR_FILE, "'", source.path, "' is no training package; make one with pt2ts export-training");
  return Package(std::move(archive), PackageKind::training, false);
}

constexpr const char* input_noun = "input";

// The contract calls everything that it checks an input.
template <class Check>
void check_as(const char* noun, Check&& check) {
  try {
    check();
  } catch (const Error& error) {
    const std::string message = error.what();
    fail(error.status(), message.starts_with(input_noun) ? noun + message.substr(std::strlen(input_noun)) : message);
  }
}

// The weights for a model: all of them, or those of a part that has its names behind a prefix, as a network in a host's time
// step has. Where nothing fits all are returned, and `match` tells what is missing.
State weights_for(const State& model, const State& trained) {
  const std::map<std::string, at::Tensor> known(trained.begin(), trained.end());
  const auto has_all_behind = [&](const std::string& prefix) {
    return std::all_of(model.begin(), model.end(), [&](const auto& mine) { return known.contains(prefix + mine.first); });
  };
  if (model.empty() || has_all_behind("")) return trained;
  const std::string end = "." + model.front().first;
  std::vector<std::string> prefixes;
  for (const auto& [name, value] : known) {
    if (!name.ends_with(end)) continue;
    const std::string prefix = name.substr(0, name.size() - end.size() + 1);
    if (has_all_behind(prefix)) prefixes.push_back(prefix);
  }
  if (prefixes.empty()) return trained;
  if (prefixes.size() > 1)
    fail(CTORCH_ERROR_ARGUMENT, "several parts of what the trainer trains have the model's weights: '", prefixes[0], "', '",
         prefixes[1], "'; take them by name, with torch_trainer_get_tensor and torch_model_set_parameter");
  State part;
  for (const auto& [name, value] : model) part.emplace_back(name, known.at(prefixes.front() + name));
  return part;
}

double number_of(const at::Tensor& tensor) {
  if (tensor.is_cpu() && tensor.scalar_type() == at::kFloat) return *tensor.const_data_ptr<float>();
  if (tensor.is_cpu() && tensor.scalar_type() == at::kDouble) return *tensor.const_data_ptr<double>();
  return tensor.item<double>();  // asks the dispatcher
}

}  // namespace

Trainer::Trainer(const FileSource& source, c10::Device device, const std::string& sha256) : device_(device) {
  const Package package = open_package(source, sha256);
  require_code(package.info());
  file_ = TrainerFile::read(package, device_);
  const size_t tensors = file_.inputs.inputs.size() + file_.targets.inputs.size();
  step_ = load(package, "step", tensors);
  evaluate_ = load(package, "evaluate", tensors);
  if (!file_.exchange.empty()) {
    gradients_ = load(package, "gradients", tensors);
    apply_ = load(package, "apply", 0);
  }
  package.keep_only_weights();
}

// Whether there is code for the device, and all of it can run there, before any is loaded.
void Trainer::require_code(const PackageInfo& info) const {
  bool found = false;
  for (const Variant& variant : info.variants) {
    if (variant.kind != VariantKind::aoti)
      fail(CTORCH_ERROR_FILE, "'", info.path, "': '", variant.name, "' is no compiled step; export it again");
    if (!is_for(variant, device_)) continue;
    found = true;
    const std::string words = why_not(variant, device_);
    if (!words.empty() && device_.is_cpu())
      fail(CTORCH_ERROR_LIBRARY, "'", info.path, "' cannot run here: '", variant.name, "' ", words,
           "; export it on this machine, or with --isa for a processor like this one");
    if (!words.empty())
      fail(CTORCH_ERROR_DEVICE, "'", info.path, "' cannot run on ", device_.str(), ": '", variant.name, "' ", words,
           "; export it for this device (pt2ts export-training --device)");
  }
  if (!found)
    fail(CTORCH_ERROR_DEVICE, "'", info.path, "' has no code for ", device_.str(),
         ", which argument 'device_type' asks for: it has code for ", devices_of(info.variants),
         "; export it for this device (pt2ts export-training --device)");
}

Trainer::Forms Trainer::load(const Package& package, const char* function, size_t tensors) const {
  Forms forms{function, {}};
  for (const Variant& variant : package.info().variants)
    if (is_for(variant, device_) && is_form_of(variant, function))
      forms.list.push_back({variant, load(package, variant, tensors)});
  if (forms.list.empty())
    fail(CTORCH_ERROR_FILE, "'", package.info().path, "' has no compiled '", function, "'; export it again");
  return forms;
}

std::unique_ptr<AotiModel> Trainer::load(const Package& package, const Variant& variant, size_t tensors) const {
  const std::string& path = package.info().path;
  auto code = std::make_unique<AotiModel>(Library::of(package, variant.member), device_);
  if (code->count_inputs() != tensors)
    fail(CTORCH_ERROR_FILE, "'", path, "': '", variant.name, "' takes ", code->count_inputs(), " tensors, its contract names ",
         tensors, "; export it again");
  State state = file_.values();
  for (const Exchange::Flat& flat : file_.exchange.flats()) state.emplace_back(flat.name, flat.value);
  code->use_weights(state, "'" + path + "'");
  return code;
}

const Trainer::Form& Trainer::choose(const Forms& forms, const Bindings& bindings) const {
  const std::vector<Symbol>& symbols = file_.inputs.symbols;
  for (const Form& form : forms.list)
    if (form.variant.admits(bindings, symbols.size())) return form;
  std::string sizes;
  for (size_t i = 0; i < symbols.size(); ++i) sizes += (i ? ", " : "") + symbols[i].name + "=" + std::to_string(bindings[i]);
  fail(CTORCH_ERROR_MODEL, "no compiled form of '", forms.function, "' is for ", sizes, "; export the package again");
}

const Trainer::Forms& Trainer::forms_of(int32_t function) const {
  switch (function) {
    case CTORCH_RUN_EVALUATE: return evaluate_;
    case CTORCH_RUN_STEP: return step_;
    case CTORCH_RUN_GRADIENTS: need_halves(); return gradients_;
    default: fail(CTORCH_ERROR_ARGUMENT, "argument 'function': expected one of CTORCH_RUN_*, 0 to 2, got ", function);
  }
}

void Trainer::need_halves() const {
  if (file_.exchange.empty())
    fail(CTORCH_ERROR_MODEL,
         "the package has whole steps only, not their two halves; export it with halves=True (pt2ts export-training --halves)");
}

void Trainer::check(const Spec& spec, const char* noun, Tensors& tensors, bool convert, bool of_arrays,
                    Bindings& bindings) const {
  if (tensors.size() != spec.inputs.size()) [[unlikely]]
    fail(CTORCH_ERROR_ARGUMENT, "the trainer takes ", spec.inputs.size(), " ", noun, spec.inputs.size() == 1 ? "" : "s",
         ", got ", tensors.size());
  for (size_t i = 0; i < tensors.size(); ++i) {
    at::Tensor& tensor = tensors[i];
    if (tensor.device() != device_ && !(of_arrays && tensor.is_cpu())) [[unlikely]]
      fail(CTORCH_ERROR_DEVICE, port_words(noun, i, &spec.inputs[i]), " is on ", tensor.device().str(), ", the trainer on ",
           device_.str(), "; make the tensor there");
    check_as(noun, [&] { spec.check_input(i, tensor, convert, bindings); });
  }
  for (size_t i = 0; i < tensors.size(); ++i) {
    at::Tensor& tensor = tensors[i];
    check_as(noun, [&] { spec.check_values(i, tensor, bindings); });
    const auto wanted = spec.inputs[i].dtype;
    if (tensor.scalar_type() != wanted) {
      if (!at::canCast(tensor.scalar_type(), wanted))
        fail(CTORCH_ERROR_ARGUMENT, port_words(noun, i, &spec.inputs[i]), ": ", label(tensor.scalar_type()),
             " cannot be converted to ", label(wanted), " without losing what it means");
      tensor = tensor.to(wanted);
    }
    make_plain(tensor);
    // Compiled code believes that the last index is the fastest; an array that lies otherwise is copied once.
    if (!tensor.is_contiguous()) tensor = tensor.contiguous();
  }
}

void Trainer::run(int32_t function, Tensors inputs, Tensors targets, bool convert, bool of_arrays, double* loss) {
  const Forms& forms = forms_of(function);
  c10::InferenceMode mode;
  Bindings bindings;
  bindings.fill(-1);
  check(file_.inputs, input_noun, inputs, convert, of_arrays, bindings);
  check(file_.targets, "target", targets, convert, of_arrays, bindings);
  std::vector<at::Tensor> given;
  given.reserve(inputs.size() + targets.size());
  for (at::Tensor& tensor : inputs) given.push_back(std::move(tensor));
  for (at::Tensor& tensor : targets) given.push_back(std::move(tensor));
  std::lock_guard alone(turn_);
  const Form& form = choose(forms, bindings);
  if (function != CTORCH_RUN_EVALUATE) is_whole_ = false;  // a step makes gradients those of other weights
  compute_loss(form, std::move(given), loss);
  if (function != CTORCH_RUN_GRADIENTS) return;
  file_.exchange.fetch();
  is_whole_ = true;
}

void Trainer::compute_loss(const Form& form, std::vector<at::Tensor>&& given, double* loss) {
  const ThreadLimit limit(form.variant.threads);
  const c10::OptionalDeviceGuard here(device_.is_cpu() ? std::nullopt : std::optional(device_));
  std::optional<StagingPool::Lease> staging;
  if (!device_.is_cpu()) staging.emplace(staging_, device_);
  for (at::Tensor& tensor : given)
    if (tensor.device() != device_) tensor = (*staging)->send(tensor);
  const auto results = [&] {
    const Products in_float32(device_, false);
    return form.code->run(std::move(given));
  }();
  if (results.size() != 1) [[unlikely]]
    fail(CTORCH_ERROR_MODEL, "the compiled step returned ", results.size(), " tensors instead of the loss; export it again");
  if (!loss) return;
  if (!staging) {
    *loss = number_of(results.front());
    return;
  }
  const at::Tensor fetched = (*staging)->fetch(results.front());
  (*staging)->wait();
  *loss = number_of(fetched);
}

double Trainer::apply() {
  need_halves();
  c10::InferenceMode mode;
  std::lock_guard alone(turn_);
  if (!is_whole_)
    fail(CTORCH_ERROR_ARGUMENT,
         "there are no gradients to apply: call gradients before, for each apply; those that were there have been used up by "
         "apply, step or restore, or their exchange among ranks has failed");
  is_whole_ = false;
  file_.exchange.send();
  double loss = 0;
  compute_loss(apply_.list.front(), {}, &loss);
  return loss;
}

void Trainer::pass_on_nothing() {
  need_halves();
  std::lock_guard alone(turn_);
  file_.exchange.clear();
  file_.exchange.fetch();
  is_whole_ = true;
}

void Trainer::mark(bool is_whole) {
  need_halves();
  std::lock_guard alone(turn_);
  if (!is_whole && !is_whole_)
    fail(CTORCH_ERROR_ARGUMENT, "there are no gradients to exchange: call gradients before, each time");
  is_whole_ = is_whole;
}

const std::vector<Exchange::Flat>& Trainer::exchanged() {
  need_halves();
  std::lock_guard alone(turn_);
  file_.exchange.show();
  return file_.exchange.flats();
}

at::Tensor Trainer::find(const std::string& name) const {
  for (const StateTensor& tensor : file_.state)
    if (tensor.name == name) return tensor.value;
  file_.exchange.send();
  if (const auto found = file_.exchange.find(name)) return *found;
  std::string known = names();
  std::replace(known.begin(), known.end(), '\n', ' ');
  fail(CTORCH_ERROR_ARGUMENT, "argument 'name': the trainer has no tensor '", name, "'; it has: ", known);
}

double Trainer::learning_rate(bool last) const {
  std::lock_guard alone(turn_);
  return number_of(find(last ? trainer_last_rate : trainer_rate));
}

void Trainer::set_learning_rate(double rate) {
  if (!(rate >= 0) || std::isinf(rate))
    fail(CTORCH_ERROR_ARGUMENT, "argument 'learning_rate': expected a number, 0 or more, got ", rate);
  std::lock_guard alone(turn_);
  find(trainer_rate).fill_(rate);
}

void Trainer::set_seed(int64_t seed) {
  std::lock_guard alone(turn_);
  find(trainer_seed).fill_(seed);
}

int64_t Trainer::count() const {
  std::lock_guard alone(turn_);
  return find(trainer_step).item<int64_t>();
}

std::string Trainer::names() const {
  return joined(file_.state, "\n", [](const StateTensor& tensor) { return tensor.name; });
}

at::Tensor Trainer::tensor(const std::string& name) const {
  std::lock_guard alone(turn_);
  return find(name).clone();
}

void Trainer::set_tensor(const std::string& name, const at::Tensor& values, bool convert) {
  at::NoGradGuard values_only;
  std::lock_guard alone(turn_);
  const at::Tensor target = find(name);
  if (values.sizes() != target.sizes() || (!convert && values.scalar_type() != target.scalar_type()) ||
      !at::canCast(values.scalar_type(), target.scalar_type()))
    fail(CTORCH_ERROR_ARGUMENT, "'", name, "': expected ", describe(target), ", got ", describe(values),
         values.sizes() == target.sizes() && !convert ? "; pass convert=.true. or values of that dtype" : "");
  target.copy_(values);
  file_.exchange.fetch();
}

void Trainer::save(const std::string& path) const {
  std::lock_guard alone(turn_);
  State state;
  for (const StateTensor& tensor : file_.state)
    if (tensor.role != Role::constant) state.emplace_back(tensor.name, tensor.value);
  write_state(path, state);
}

void Trainer::restore(const std::string& path) {
  at::NoGradGuard values_only;
  State saved = read_state(path);
  std::lock_guard alone(turn_);
  std::vector<std::pair<at::Tensor, at::Tensor>> match;
  std::string wrong;
  for (const StateTensor& tensor : file_.state) {
    if (tensor.role == Role::constant) continue;
    const auto found = std::find_if(saved.begin(), saved.end(), [&](const auto& entry) { return entry.first == tensor.name; });
    if (found == saved.end()) {
      wrong += (wrong.empty() ? "'" : "; '") + tensor.name + "' is missing there";
      continue;
    }
    if (found->second.sizes() != tensor.value.sizes() || found->second.scalar_type() != tensor.value.scalar_type())
      wrong += (wrong.empty() ? "'" : "; '") + tensor.name + "' is " + describe(tensor.value) + " in the trainer and " +
               describe(found->second) + " there";
    match.emplace_back(tensor.value, found->second);
    saved.erase(found);
  }
  for (const auto& [name, value] : saved) wrong += (wrong.empty() ? "'" : "; '") + name + "' is unknown to the trainer";
  if (!wrong.empty())
    fail(CTORCH_ERROR_ARGUMENT, "the state in '", path, "' is not one of this trainer: ", wrong,
         "; restore it into a trainer of the package that it was saved from");
  for (const auto& [target, source] : match) target.copy_(source);
  is_whole_ = false;
}

void Trainer::give_weights(const Model& model) const {
  std::lock_guard alone(turn_);
  State weights;
  for (const StateTensor& tensor : file_.state)
    if (tensor.role == Role::parameter || tensor.role == Role::buffer) weights.emplace_back(tensor.name, tensor.value);
  copy_matched(model.match(weights_for(model.backend().state(), weights), true, "the trainer"));
}

}  // namespace ctorch
