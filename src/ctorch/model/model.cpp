#include "model/model.h"

#include <ATen/Functions.h>
#include <ATen/core/grad_mode.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <tuple>

#include "compat/device_graph.h"
#include "compat/tensor_impl.h"
#include "model/file.h"
#include "model/package/backend.h"
#include "model/torchscript/backend.h"
#include "tensor/memory.h"

namespace ctorch {
namespace {

bool one_block(const at::Tensor& tensor) { return tensor.is_cpu() && plain(tensor) && tensor.is_contiguous(); }

}  // namespace

Model::Model(const FileSource& source, const LoadOptions& options)
    : device_(options.device), allow_random_(options.allow_random), name_(source.path) {
  Archive archive = open_model_file(source, options.sha256);
  switch (format_of(archive)) {
    case ModelFormat::torchscript:
      backend_ = load_torchscript(archive.adapter(), name_, device_, options.requires_grad, options.is_training, extras_);
      break;
    case ModelFormat::package:
      backend_ = load_package(std::move(archive), device_, options.requires_grad.value_or(false), options.is_training,
                              options.trust, extras_);
      break;
  }
  if (!options.is_training) refuse_random();
  std::tie(fewest_inputs_, most_inputs_) = backend_->input_counts();
  if (extras_.spec && (extras_.spec->inputs.size() < fewest_inputs_ || extras_.spec->inputs.size() > most_inputs_))
    fail(CTORCH_ERROR_FILE, "the model's contract is damaged: it has ", extras_.spec->inputs.size(), " inputs, forward takes ",
         most_inputs_, "; export the model again");
  find_float_type();
  if (!extras_.golden.empty()) sampled_ = fingerprint();
  if (!extras_.spec || options.is_training || !backend_->random_operator().empty()) return;
  if (const auto results = warm_up()) extras_.spec->check_outputs(results->values);
}

// In evaluation mode a network gives one answer, unless the program has said that it expects others.
void Model::refuse_random() const {
  if (allow_random_) return;
  if (const std::string drawn = backend_->random_operator(); !drawn.empty())
    fail(CTORCH_ERROR_MODEL, "'", name_, "' draws random numbers in evaluation mode (", drawn,
         "), so that each call answers differently: call model.eval() before tracing and give functional dropout "
         "training=self.training; if the numbers are meant, load it with allow_random=.true.");
}

void Model::set_training(bool on) {
  if (!on) refuse_random();
  graphs_.forget();
  backend_->set_training(on);
}

void Model::use_graphs(bool on) {
  if (on && !device_.is_cpu()) {
    if (!compat::has_graphs(device_.type()))
      fail(CTORCH_ERROR_DEVICE, "this library and PyTorch record no graphs on ", device_.str(),
           "; they do on cuda where the library was built with CUDA's headers, and from PyTorch 2.12 on for xpu");
    if (const std::string drawn = backend_->random_operator(); !drawn.empty())
      fail(CTORCH_ERROR_MODEL, "'", name_, "' draws random numbers (", drawn, "), so that its calls cannot be recorded");
    if (backend_->changes_host_state())
      fail(CTORCH_ERROR_MODEL, "'", name_,
           "' does more with its attributes than read them, which a recorded call would not do");
  }
  graphs_.switch_to(on);
}

Model::Model(const Model& other)
    : backend_(other.backend_->clone()),
      extras_(other.extras_),
      sampled_(other.sampled_),
      fewest_inputs_(other.fewest_inputs_),
      most_inputs_(other.most_inputs_),
      float_type_(other.float_type_),
      device_(other.device_),
      allow_random_(other.allow_random_),
      name_(other.name_) {}

std::shared_ptr<Model> Model::copy() const { return std::shared_ptr<Model>(new Model(*this)); }

void Model::find_float_type() {
  for (const auto& [name, parameter] : backend_->values())
    if (parameter.is_floating_point()) {
      float_type_ = parameter.scalar_type();
      return;
    }
}

void Model::to(c10::Device device, std::optional<at::ScalarType> dtype) {
  if (dtype && !at::isFloatingType(*dtype))
    fail(CTORCH_ERROR_ARGUMENT, "argument 'dtype': weights can be float16, bfloat16, float32 or float64, got ", label(*dtype));
  graphs_.forget();
  backend_->to(device, dtype);
  device_ = device;
  if (dtype && extras_.spec) {
    extras_.spec = extras_.spec->with_dtype(float_type_, *dtype);
  }
  find_float_type();
  if (!extras_.spec || backend_->is_training() || !backend_->random_operator().empty()) return;
  const auto results = warm_up();
  if (!dtype || !results || results->values.size() != extras_.spec->outputs.size()) return;
  extras_.spec =
      extras_.spec->with_output_dtypes(results->values);  // some networks return what they do whatever their weights are
}

const TensorSpec* Model::output_spec(size_t index) const {
  return extras_.spec && index < extras_.spec->outputs.size() ? &extras_.spec->outputs[index] : nullptr;
}

void Model::check_inputs(c10::SmallVectorImpl<at::Tensor>& inputs, bool convert) const {
  const size_t fewest = extras_.spec ? extras_.spec->inputs.size() : fewest_inputs_;
  const size_t most = extras_.spec ? extras_.spec->inputs.size() : most_inputs_;
  if (inputs.size() < fewest || inputs.size() > most) [[unlikely]]
    fail(CTORCH_ERROR_ARGUMENT, "the model takes ", fewest, fewest == most ? "" : " to " + std::to_string(most),
         most == 1 ? " input" : " inputs", ", got ", inputs.size());
  Bindings bindings;
  if (extras_.spec) bindings.fill(-1);
  for (size_t i = 0; i < inputs.size(); ++i) {
    at::Tensor& input = inputs[i];
    if (input.device() != device_) [[unlikely]]
      fail(CTORCH_ERROR_DEVICE, port_words("input", i, extras_.spec ? &extras_.spec->inputs[i] : nullptr), " is on ",
           input.device().str(), ", the model is on ", device_.str(),
           "; make the tensor with the model's device_type and device_index");
    if (extras_.spec) extras_.spec->check_input(i, input, convert, bindings);
  }
  for (size_t i = 0; i < inputs.size(); ++i) {
    at::Tensor& input = inputs[i];
    if (extras_.spec) extras_.spec->check_values(i, input, bindings);  // as they came: a conversion could bring them into range
    if (convert) {
      const auto wanted = extras_.spec                ? extras_.spec->inputs[i].dtype
                          : input.is_floating_point() ? float_type_
                                                      : input.scalar_type();
      if (input.scalar_type() != wanted) {
        if (!at::canCast(input.scalar_type(), wanted))
          fail(CTORCH_ERROR_ARGUMENT, port_words("input", i, extras_.spec ? &extras_.spec->inputs[i] : nullptr), ": ",
               label(input.scalar_type()), " cannot be converted to ", label(wanted), " without losing what it means");
        input = input.to(wanted);
      }
    }
  }
}

// What the contract admits and the network does not is mostly an index: say what the whole numbers were.
[[gnu::cold, gnu::noinline]] void Model::fail_on(c10::ArrayRef<std::pair<size_t, at::Tensor>> whole_numbers) const {
  const int32_t status = record_exception();
  const std::string& cause = last_error();
  std::string given;
  for (const auto& [index, tensor] : whole_numbers) {
    if (tensor.numel() == 0 || !tensor.is_cpu()) continue;
    const auto [least, most] = at::aminmax(tensor);
    given += (given.empty() ? "" : ", ") + port_words("input", index, &extras_.spec->inputs[index]) + " goes from " +
             std::to_string(least.item<int64_t>()) + " to " + std::to_string(most.item<int64_t>());
  }
  fail(status, given, given.empty() ? "the network fails on its inputs: " : ", and the network fails on it: ", cause,
       given.empty() ? "" : "; numbers out of range are refused in time where the model's declaration has a range");
}

void Model::compute(c10::SmallVectorImpl<at::Tensor>& inputs, Results& results) const {
  const bool records = at::GradMode::is_enabled() && !c10::InferenceMode::is_enabled();
  if (!graphs_.on() || device_.is_cpu() || records || backend_->is_training()) [[likely]]
    return backend_->run(inputs, results);
  graphs_.run(device_, backend_->weights_version(), inputs, results,
              [this](std::span<at::Tensor> given, Results& into) { backend_->run(given, into); });
}

void Model::run(c10::SmallVectorImpl<at::Tensor>& inputs, bool convert, Results& results) const {
  check_inputs(inputs, convert);
  const FloatCall arithmetic(flush());
  const Products as_in_contract = products();
  if (extras_.spec) [[likely]] {
    c10::SmallVector<std::pair<size_t, at::Tensor>, 2> whole_numbers;
    for (size_t i = 0; i < inputs.size(); ++i)
      if (c10::isIntegralType(inputs[i].scalar_type(), /*includeBool=*/false)) whole_numbers.emplace_back(i, inputs[i]);
    try {
      compute(inputs, results);
    } catch (const Error&) {
      throw;
    } catch (const c10::OutOfMemoryError&) {
      throw;
    } catch (const std::exception&) {
      fail_on(whole_numbers);
    }
    return count_call(arithmetic.met_subnormals());
  }
  // Without a contract it is the network itself that finds a mistake: say what it was given.
  const c10::SmallVector<at::Tensor, 8> given_inputs(inputs);
  try {
    compute(inputs, results);
    count_call(arithmetic.met_subnormals());
  } catch (const c10::OutOfMemoryError&) {
    throw;
  } catch (const std::exception& error) {
    record_exception();
    std::ostringstream given;
    bool other_float = false;
    for (const auto& input : given_inputs) {
      given << (given.tellp() ? ", " : "") << describe(input);
      other_float |= input.is_floating_point() && input.scalar_type() != float_type_;
    }
    fail(CTORCH_ERROR_MODEL, last_error(), " (inputs were ", given.str(), ")",
         other_float ? "; the weights are " + label(float_type_) + ": pass convert=.true. or arrays of that dtype" : "");
  }
}

void Model::check_output_count(size_t returned, size_t asked) const {
  if (returned != asked) [[unlikely]]
    fail(CTORCH_ERROR_ARGUMENT, "the model returns ", returned, returned == 1 ? " output" : " outputs", ", got ", asked,
         " output tensors");
}

size_t Model::output_named(const std::string& name, const Results& results) const {
  std::string known;
  for (size_t i = 0; i < results.values.size(); ++i) {
    const TensorSpec* declared = output_spec(i);
    const std::string& own = declared ? declared->name : results.names[i];
    if (own == name) return i;
    known += (known.empty() ? "" : ", ") + own;
  }
  fail(CTORCH_ERROR_ARGUMENT, "argument 'output_names': the model has no output '", name, "'; it has: ", known);
}

void Model::check_output(size_t number, size_t index, const at::Tensor& result, const at::Tensor& target, bool convert) const {
  const bool same_dtype = result.scalar_type() == target.scalar_type();
  const bool convertible = convert && at::canCast(result.scalar_type(), target.scalar_type());
  if (result.sizes() == target.sizes() && (same_dtype || convertible) && result.device() == target.device()) [[likely]]
    return;
  const auto words = port_words("output", number, output_spec(index));
  if (result.device() != target.device())
    fail(CTORCH_ERROR_DEVICE, words, ": the result is on ", result.device().str(), ", the tensor given for it on ",
         target.device().str());
  std::string advice;
  const auto sorted = [](c10::IntArrayRef sizes) {
    c10::SmallVector<int64_t, 8> list(sizes.begin(), sizes.end());
    std::sort(list.begin(), list.end());
    return list;
  };
  if (result.sizes() != target.sizes() && sorted(result.sizes()) == sorted(target.sizes()))
    advice = "; if the dimensions are only in another order, permute_dims, of infer output_permute_dims, gives the view";
  if (result.sizes() == target.sizes())
    advice = convert ? "; " + label(result.scalar_type()) + " values cannot go into a " + label(target.scalar_type()) +
                           " tensor without losing what they mean"
                     : "; pass convert=.true. or an array of the model's dtype";
  fail(CTORCH_ERROR_ARGUMENT, words, ": the model returns ", describe(result), ", the tensor given for it is ",
       describe(target), advice);
}

void write_output(const at::Tensor& result, const at::Tensor& target) {
  if (result.scalar_type() == target.scalar_type() && one_block(result) && one_block(target)) [[likely]] {
    std::memmove(target.mutable_data_ptr(), result.const_data_ptr(), result.nbytes());
    compat::note_written(target);  // it may be somebody's weight
  } else {
    write_into(target, result);
  }
}

void Model::save(const std::string& path) const {
  Extras extras = extras_;
  if (!extras.golden.empty() && fingerprint() != sampled_) extras.golden = new_sample();
  write_file(path, [&](const Writer& write) { backend_->save(write, extras); });
}

Model::Match Model::match(const State& state, bool strict, const std::string& origin) const {
  static constexpr size_t most_names = 10;
  const auto listed = [](const std::vector<std::string>& names) {
    std::string text;
    for (size_t i = 0; i < std::min(names.size(), most_names); ++i) text += (i ? ", " : "") + names[i];
    return text + (names.size() > most_names ? ", and " + std::to_string(names.size() - most_names) + " more" : "");
  };
  std::map<std::string, at::Tensor> given(state.begin(), state.end());
  Match match;
  std::vector<std::string> missing, unlike, unexpected;
  for (const auto& [name, mine] : backend_->state()) {
    const auto found = given.find(name);
    if (found == given.end()) {
      missing.push_back(name);
      continue;
    }
    if (mine.sizes() != found->second.sizes() || mine.scalar_type() != found->second.scalar_type())
      unlike.push_back(name + " (" + describe(mine) + " in the model, " + describe(found->second) + " there)");
    match.emplace_back(mine, found->second);
    given.erase(found);
  }
  for (const auto& [name, value] : given) unexpected.push_back(name);
  if (unlike.empty() && (!strict || (missing.empty() && unexpected.empty()))) return match;
  std::string reason;
  const auto add = [&](const char* what, const std::vector<std::string>& names) {
    if (!names.empty()) reason += (reason.empty() ? "" : "; ") + std::string(what) + listed(names);
  };
  add("of another dtype or shape: ", unlike);
  if (strict) add("missing there: ", missing);
  if (strict) add("unknown to the model: ", unexpected);
  fail(CTORCH_ERROR_ARGUMENT, origin, " does not fit the model: ", reason);
}

void copy_matched(const Model::Match& match) {
  at::NoGradGuard values_only;
  for (const auto& [target, source] : match) target.copy_(source);
}

}  // namespace ctorch
