#include "model.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Functions.h>
#include <c10/core/InferenceMode.h>
#include <torch/csrc/jit/serialization/pickle.h>

#include <algorithm>
#include <cstring>

#include "model_file.h"

namespace ctorch {
namespace {

// Random numbers drawn inside are taken back.
class KeepRandomState {
 public:
  KeepRandomState() : generator_(at::detail::getDefaultCPUGenerator()), state_(generator_.get_state()) {}
  ~KeepRandomState() { generator_.set_state(state_); }
  KeepRandomState(const KeepRandomState&) = delete;
  KeepRandomState& operator=(const KeepRandomState&) = delete;

 private:
  at::Generator generator_;
  at::Tensor state_;
};

bool plain(const at::Tensor& tensor) {
  return tensor.is_cpu() && tensor.is_contiguous() && !tensor.is_conj() && !tensor.is_neg();
}

}  // namespace

Model::Model(const std::string& path, c10::Device device, bool requires_grad, bool is_training) : device_(device) {
  switch (inspect_model_file(path)) {
    case ModelFormat::torchscript: backend_ = load_torchscript(path, device, requires_grad, is_training, extras_); break;
  }
  if (!extras_.spec.empty()) spec_ = Spec::parse(extras_.spec);
  std::tie(fewest_inputs_, most_inputs_) = backend_->input_counts();
  for (const auto& [name, parameter] : backend_->parameters())
    if (parameter.is_floating_point()) {
      float_type_ = parameter.scalar_type();
      break;
    }
  if (spec_ && !is_training) warm_up();
}

const TensorSpec* Model::output_spec(size_t index) const {
  return spec_ && index < spec_->outputs.size() ? &spec_->outputs[index] : nullptr;
}

void Model::check_inputs(c10::SmallVectorImpl<at::Tensor>& inputs, bool convert) const {
  const size_t fewest = spec_ ? spec_->inputs.size() : fewest_inputs_;
  const size_t most = spec_ ? spec_->inputs.size() : most_inputs_;
  if (inputs.size() < fewest || inputs.size() > most) [[unlikely]]
    fail(CTORCH_ERROR_ARGUMENT, "the model takes ", fewest, fewest == most ? "" : " to " + std::to_string(most),
         most == 1 ? " input" : " inputs", ", got ", inputs.size());
  Bindings bindings;
  if (spec_) bindings.fill(-1);
  for (size_t i = 0; i < inputs.size(); ++i) {
    at::Tensor& input = inputs[i];
    if (input.device() != device_) [[unlikely]]
      fail(CTORCH_ERROR_DEVICE, port_words("input", i, spec_ ? &spec_->inputs[i] : nullptr), " is on ", input.device().str(),
           ", the model is on ", device_.str(), "; make the tensor with the model's device_type and device_index");
    if (spec_) spec_->check_input(i, input, convert, bindings);
    if (convert) {
      const auto wanted = spec_ ? spec_->inputs[i].dtype : input.is_floating_point() ? float_type_ : input.scalar_type();
      if (input.scalar_type() != wanted) {
        if (!at::canCast(input.scalar_type(), wanted))
          fail(CTORCH_ERROR_ARGUMENT, port_words("input", i, spec_ ? &spec_->inputs[i] : nullptr), ": ",
               label(input.scalar_type()), " cannot be converted to ", label(wanted), " without losing what it means");
        input = input.to(wanted);
      }
    }
  }
}

void Model::run(c10::SmallVectorImpl<at::Tensor>& inputs, bool convert, Results& results) const {
  check_inputs(inputs, convert);
  if (spec_) [[likely]]
    return backend_->run(inputs, results);
  // Without a contract it is the network itself that finds a mistake: say what it was given.
  const c10::SmallVector<at::Tensor, 8> given_inputs(inputs);
  try {
    backend_->run(inputs, results);
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
  if (result.scalar_type() == target.scalar_type() && plain(result) && plain(target)) [[likely]]
    std::memmove(target.mutable_data_ptr(), result.const_data_ptr(), result.nbytes());
  else
    write_into(target, result);
}

std::pair<std::vector<at::Tensor>, std::vector<at::Tensor>> Model::golden_sample() const {
  const std::vector<char> bytes(extras_.golden.begin(), extras_.golden.end());
  const auto sample = torch::jit::pickle_load(bytes).toGenericDict();
  const auto list = [&](const char* key) {
    std::vector<at::Tensor> tensors;
    const c10::IValue entry = sample.at(key);
    for (const c10::IValue& item : entry.toListRef()) tensors.push_back(item.toTensor().to(device_));
    return tensors;
  };
  return {list("inputs"), list("outputs")};
}

// The executor optimizes itself during the first calls. They happen here, on a copy, so that neither the model's state nor
// the random numbers of the program notice.
void Model::warm_up() const {
  constexpr int calls = 3;
  HostEnvironment host;
  c10::InferenceMode mode;
  KeepRandomState random;
  std::vector<at::Tensor> inputs;
  if (!extras_.golden.empty()) {
    inputs = golden_sample().first;
  } else {
    for (const auto& input : spec_->inputs) {
      c10::SmallVector<int64_t, CTORCH_MAX_RANK> shape;
      for (const auto& dim : input.dims)
        shape.push_back(dim.symbol < 0 ? dim.size : spec_->symbols[static_cast<size_t>(dim.symbol)].min);
      inputs.push_back(at::zeros(shape, at::TensorOptions(input.dtype).device(device_)));
    }
  }
  const auto copy = backend_->clone();
  for (int call = 0; call < calls; ++call) {
    Results results;
    std::vector<at::Tensor> consumed = inputs;
    copy->run(consumed, results);
  }
}

double Model::self_test() const {
  if (extras_.golden.empty())
    fail(CTORCH_ERROR_ARGUMENT, "the model carries no sample to test itself with; export it with pt2ts export");
  KeepRandomState random;
  c10::InferenceMode mode;
  auto [inputs, expected] = golden_sample();
  Results results;
  backend_->clone()->run(inputs, results);
  check_output_count(results.values.size(), expected.size());
  double largest = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    const at::Tensor& got = results.values[i];
    if (got.sizes() != expected[i].sizes() || got.scalar_type() != expected[i].scalar_type())
      fail(CTORCH_ERROR_MODEL, port_words("output", i, output_spec(i)), ": the sample has ", describe(expected[i]),
           ", the model returned ", describe(got));
    if (got.numel() == 0) continue;
    const auto wide = got.is_complex() ? c10::kComplexDouble : c10::kDouble;
    // Equal values, NaN and infinity among them, differ by nothing.
    const at::Tensor same = got.eq(expected[i]).logical_or(got.ne(got).logical_and(expected[i].ne(expected[i])));
    const at::Tensor difference = at::sub(got.to(wide), expected[i].to(wide)).abs();
    largest =
        std::max(largest, at::where(same, at::zeros_like(difference), difference).nan_to_num(INFINITY).max().item<double>());
  }
  return largest;
}

void Model::save(const std::string& path) const {
  write_file(path, [&](const Writer& write) { backend_->save(write, extras_); });
}

}  // namespace ctorch
