// The sample that a model carries, of inputs and outputs, and other calls that nobody but the library makes.
#include <ATen/Functions.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "compat/serialization.h"
#include "compat/tensor_impl.h"
#include "model/model.h"
#include "tensor/memory.h"

namespace ctorch {
namespace {

// What a test call is given lies in memory as what the program will give.
at::Tensor in_callers_order(const at::Tensor& tensor, const TensorSpec& spec) {
  return spec.fortran_layout ? copy_in_order(tensor, true) : tensor;
}

}  // namespace

Model::Sample Model::golden_sample() const {
  const std::vector<char> bytes(extras_.golden.begin(), extras_.golden.end());
  const auto sample = compat::unpickle(bytes).toGenericDict();
  const auto list = [&](const char* key) {
    std::vector<at::Tensor> tensors;
    const c10::IValue entry = sample.at(key);
    for (const c10::IValue& item : entry.toListRef()) tensors.push_back(item.toTensor().to(device_));
    return tensors;
  };
  Sample golden{list("inputs"), list("outputs")};
  if (extras_.spec && golden.first.size() != extras_.spec->inputs.size())
    fail(CTORCH_ERROR_FILE, "the model's sample is damaged: it has ", golden.first.size(), " inputs, the contract ",
         extras_.spec->inputs.size(), "; export the model again");
  for (size_t i = 0; extras_.spec && i < golden.first.size(); ++i) {
    const TensorSpec& expected = extras_.spec->inputs.at(i);
    golden.first[i] = in_callers_order(golden.first[i].to(expected.dtype), expected);
  }
  return golden;
}

// A number that tells these weights from others.
uint64_t Model::fingerprint() const {
  uint64_t mark = 0;
  for (const auto& [name, value] : backend_->values()) {
    const at::Tensor plain = plain_copy(value);
    const auto* bytes = static_cast<const char*>(plain.const_data_ptr());
    for (size_t left = plain.nbytes(); left > 0;) {
      uint64_t word = 0;
      const size_t length = std::min(left, sizeof word);
      std::memcpy(&word, bytes, length);
      mark = (std::rotl(mark, 23) ^ word) * 0x9E3779B97F4A7C15u;
      bytes += length;
      left -= length;
    }
  }
  return mark;
}

// What the present weights give for the sample's inputs, as the content of the extra file; empty if they cannot run on them, or
// if it would be chance.
std::string Model::new_sample() const try {
  if (!backend_->random_operator().empty()) return {};
  c10::impl::GenericList inputs(c10::AnyType::get()), outputs(c10::AnyType::get());
  {
    c10::InferenceMode mode;
    const auto twin = backend_->clone();
    twin->set_training(false);
    Results results;
    std::vector<at::Tensor> given = golden_sample().first;
    for (const at::Tensor& tensor : given) inputs.push_back(plain_copy(tensor));
    const Products as_in_contract = products();
    twin->run(given, results);
    for (const at::Tensor& tensor : results.values) outputs.push_back(plain_copy(tensor));
  }
  c10::impl::GenericDict sample(c10::StringType::get(), c10::AnyType::get());
  sample.insert("inputs", inputs);
  sample.insert("outputs", outputs);
  std::string bytes;
  write_archive(
      [&](const void* data, size_t size) {
        bytes.append(static_cast<const char*>(data), size);
        return size;
      },
      sample);
  return bytes;
} catch (const c10::Error&) {
  return {};
} catch (const Error&) {
  return {};
}

// The first calls are the slow ones. They happen here, for models that draw no random numbers: those are the program's. A
// network may take none of the inputs that are made up for it, which says nothing about those of the program.
std::optional<Results> Model::warm_up() const {
  HostEnvironment host;
  c10::InferenceMode mode;
  std::vector<at::Tensor> inputs;
  if (!extras_.golden.empty()) {
    inputs = golden_sample().first;
  } else if (!extras_.spec->can_make_inputs()) {
    return std::nullopt;
  } else {
    const Spec& spec = *extras_.spec;
    Bindings sizes;
    for (size_t i = 0; i < spec.symbols.size(); ++i)
      sizes[i] = std::clamp<int64_t>(1, spec.symbols[i].min, spec.symbols[i].max);
    for (size_t i = 0; i < spec.inputs.size(); ++i)
      inputs.push_back(in_callers_order(spec.make_input(i, sizes, device_), spec.inputs[i]));
  }
  const Products as_in_contract = products();
  try {
    return backend_->warm_up(inputs);
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

// On a copy, for networks that change themselves.
Results Backend::warm_up(const std::vector<at::Tensor>& inputs) {
  constexpr int calls = 3;
  const auto copy = clone();
  Results results;
  for (int call = 0; call < calls; ++call) {
    results.values.clear();
    std::vector<at::Tensor> consumed = inputs;
    copy->run(consumed, results);
  }
  return results;
}

double Model::self_test() const {
  if (extras_.golden.empty())
    fail(CTORCH_ERROR_ARGUMENT, "the model carries no sample to test itself with; export it with pt2ts export");
  if (fingerprint() != sampled_)
    fail(CTORCH_ERROR_ARGUMENT,
         "the weights have changed since the model was loaded, so its sample is not theirs; torch_model_save writes the file "
         "with a new one");
  if (const std::string drawn = backend_->random_operator(); !drawn.empty())
    fail(CTORCH_ERROR_ARGUMENT, "the model draws random numbers (", drawn, "): there is no answer to compare its sample with");
  c10::InferenceMode mode;
  auto [inputs, expected] = golden_sample();
  Results results;
  const auto twin = backend_->clone();
  twin->set_training(false);
  const Products as_in_contract = products();
  twin->run(inputs, results);
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

}  // namespace ctorch
