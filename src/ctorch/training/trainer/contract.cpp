#include "training/trainer/contract.h"

#include <ATen/Functions.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "core/error.h"
#include "model/package/weights.h"
#include "tensor/conversion.h"

namespace ctorch {
namespace {

Role role_named(const std::string& word) {
  constexpr std::pair<const char*, Role> roles[] = {{"parameter", Role::parameter}, {"buffer", Role::buffer},
                                                    {"moment", Role::moment},       {"counter", Role::counter},
                                                    {"setting", Role::setting},     {"constant", Role::constant}};
  for (const auto& [name, role] : roles)
    if (word == name) return role;
  throw std::invalid_argument("a tensor of its state has the unknown role '" + word + "'");
}

constexpr uint64_t state_alignment = 64;

// A tensor over its part of the values, which it keeps.
StateTensor read_tensor(const nlohmann::json& entry, const std::shared_ptr<WeightMemory>& values,
                        std::map<uint64_t, uint64_t>& places) {
  StateTensor tensor{entry.at("name").get<std::string>(), role_named(entry.at("role").get<std::string>()), {}};
  const auto dtype = scalar_type_named(entry.at("dtype").get<std::string>());
  const auto shape = entry.at("shape").get<std::vector<int64_t>>();
  const auto offset = entry.at("offset").get<uint64_t>();
  uint64_t bytes = c10::elementSize(dtype);
  for (const int64_t size : shape)
    if (size < 0 || __builtin_mul_overflow(bytes, static_cast<uint64_t>(size), &bytes))
      throw std::invalid_argument("the shape of '" + tensor.name + "' is impossible");
  if (offset % state_alignment != 0 || offset > values->size() || bytes > values->size() - offset)
    throw std::invalid_argument("'" + tensor.name + "' does not lie in " + package_weights_member);
  if (bytes && !places.emplace(offset, bytes).second)
    throw std::invalid_argument("'" + tensor.name + "' lies where another tensor of its state does");
  tensor.value = tensor_in(values, values->data() + offset, shape, dtype);
  return tensor;
}

void require_own(const std::vector<StateTensor>& state, const char* name, c10::ScalarType dtype) {
  for (const StateTensor& tensor : state)
    if (tensor.name == name && tensor.value.scalar_type() == dtype && tensor.value.dim() == 0) return;
  throw std::invalid_argument("its state has no number '" + std::string(name) + "'");
}

}  // namespace

State TrainerFile::values() const {
  State values;
  for (const StateTensor& tensor : state) values.emplace_back(tensor.name, tensor.value);
  return values;
}

TrainerFile TrainerFile::read(const Package& package, c10::Device device) {
  TrainerFile file;
  file.contract = package.info().contract;
  try {
    auto json = parse_contract(file.contract);
    file.inputs = Spec::read(json, file.contract);
    json.at("inputs") = json.at("targets");  // the symbols are listed, so they have the same numbers in both
    file.targets = Spec::read(json, {});
    std::set<std::string> names;
    std::map<uint64_t, uint64_t> places;
    const auto values = std::make_shared<WeightMemory>(package.archive().content(), package.bytes_of(package_weights_member));
    for (const auto& entry : json.at("state")) {
      file.state.push_back(read_tensor(entry, values, places));
      if (!names.insert(file.state.back().name).second)
        throw std::invalid_argument("it has two tensors '" + file.state.back().name + "'");
    }
    uint64_t end = 0;
    for (const auto& [offset, bytes] : places) {
      if (offset < end) throw std::invalid_argument("two tensors of its state overlap");
      end = offset + bytes;
    }
    if (!device.is_cpu())
      for (StateTensor& tensor : file.state) tensor.value = tensor.value.to(device);
    if (const auto found = json.find("exchange"); found != json.end()) file.exchange = Exchange(*found, file.values());
    require_own(file.state, trainer_step, at::kLong);
    require_own(file.state, trainer_seed, at::kLong);
    require_own(file.state, trainer_rate, at::kDouble);
    require_own(file.state, trainer_last_rate, at::kDouble);
  } catch (const nlohmann::json::exception& error) {
    fail(CTORCH_ERROR_FILE, "'", package.info().path, "': its contract is damaged (", error.what(), "); export it again");
  } catch (const std::invalid_argument& error) {
    fail(CTORCH_ERROR_FILE, "'", package.info().path, "': its contract is damaged (", error.what(), "); export it again");
  }
  return file;
}

}  // namespace ctorch
