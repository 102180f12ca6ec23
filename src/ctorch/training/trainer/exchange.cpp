#include "training/trainer/exchange.h"

#include <ATen/Functions.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "ctorch_trainer.h"
#include "tensor/conversion.h"

namespace ctorch {
namespace {

constexpr const char* of_gradients = "trainer.gradient.";

int32_t exchange_role(const std::string& word) {
  if (word == "gradient") return CTORCH_EXCHANGE_GRADIENTS;
  if (word == "buffer") return CTORCH_EXCHANGE_BUFFERS;
  if (word == "loss") return CTORCH_EXCHANGE_LOSS;
  throw std::invalid_argument("what its halves exchange has the unknown role '" + word + "'");
}

const Exchange::Flat& flat_named(const std::vector<Exchange::Flat>& flats, const std::string& name) {
  for (const Exchange::Flat& flat : flats)
    if (flat.name == name) return flat;
  throw std::invalid_argument("its halves exchange nothing called '" + name + "'");
}

}  // namespace

Exchange::Exchange(const nlohmann::json& json, const State& state) {
  for (const auto& entry : json.at("tensors")) {
    const auto elements = entry.at("elements").get<int64_t>();
    if (elements < 0) throw std::invalid_argument("what its halves exchange has an impossible size");
    const auto dtype = scalar_type_named(entry.at("dtype").get<std::string>());
    const c10::Device device = state.empty() ? c10::Device(c10::kCPU) : state.front().second.device();
    const auto value = at::zeros({elements}, at::TensorOptions(dtype).device(device));
    flats_.push_back({entry.at("name").get<std::string>(), exchange_role(entry.at("role").get<std::string>()), value,
                      device.is_cpu() ? value : at::Tensor()});
  }
  for (const auto& entry : json.at("parts")) {
    const auto name = entry.at("name").get<std::string>();
    const Flat& flat = flat_named(flats_, entry.at("tensor").get<std::string>());
    const auto offset = entry.at("offset").get<int64_t>();
    const auto own = std::find_if(state.begin(), state.end(), [&](const auto& item) { return item.first == name; });
    if (own == state.end()) throw std::invalid_argument("its halves exchange '" + name + "', which its state has not");
    const at::Tensor& value = own->second;
    if (offset < 0 || offset > flat.value.numel() || value.numel() > flat.value.numel() - offset)
      throw std::invalid_argument("the part '" + name + "' does not lie in '" + flat.name + "'");
    parts_.push_back({name, flat.role, flat.value.narrow(0, offset, value.numel()).view(value.sizes()), value});
  }
}

std::optional<at::Tensor> Exchange::find(const std::string& name) const {
  for (const Flat& flat : flats_)
    if (flat.name == name) return flat.value;
  for (const Part& part : parts_)
    if (part.role == CTORCH_EXCHANGE_GRADIENTS && of_gradients + part.name == name) return part.value;
  return std::nullopt;
}

void Exchange::show() {
  for (Flat& flat : flats_)
    if (!flat.shown.defined()) flat.shown = flat.value.to(c10::kCPU);
}

void Exchange::fetch() const {
  for (const Flat& flat : flats_)
    if (flat.shown.defined() && !flat.value.is_cpu()) flat.shown.copy_(flat.value);
}

void Exchange::send() const {
  for (const Flat& flat : flats_)
    if (flat.shown.defined() && !flat.value.is_cpu()) flat.value.copy_(flat.shown);
}

void Exchange::clear() const {
  const at::NoGradGuard values_only;
  for (const Flat& flat : flats_) flat.value.zero_();
  for (const Part& part : parts_)
    if (part.role == CTORCH_EXCHANGE_BUFFERS) part.value.copy_(part.state);
}

}  // namespace ctorch
