#include "model/package/weights.h"

#include <ATen/Functions.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <new>

#include "compat/tensor_impl.h"
#include "core/error.h"
#include "io/sha256.h"
#include "tensor/memory.h"

namespace ctorch {
namespace {

constexpr std::align_val_t alignment{64};

}  // namespace

WeightMemory::WeightMemory(std::span<const char> bytes) : size_(bytes.size()) {
  allocate();
  std::memcpy(data_, bytes.data(), size_);
}

WeightMemory::WeightMemory(std::shared_ptr<const Content> content, std::span<const char> part) : size_(part.size()) {
  const auto offset = static_cast<size_t>(part.data() - content->bytes().data());
  if (offset % static_cast<size_t>(alignment) == 0) {
    data_ = content->bytes().data() + offset;
    content_ = std::move(content);
    return;
  }
  allocate();
  move_bytes(data_, *content, part);
}

void WeightMemory::allocate() { data_ = static_cast<char*>(::operator new(std::max<size_t>(size_, 1), alignment)); }

WeightMemory::~WeightMemory() {
  if (!content_) ::operator delete(data_, alignment);
}

Weights::Weights(std::shared_ptr<const PackageInfo> info, std::shared_ptr<WeightMemory> memory, c10::Device device)
    : info_(std::move(info)), memory_(std::move(memory)), device_(device) {
  std::map<uint64_t, at::Tensor> at_offset;
  for (const PackedWeight& weight : list_) {
    char* address = memory_->data() + weight.offset;
    at::Tensor& tensor = at_offset[weight.offset];
    const bool second_name =
        tensor.defined() && tensor.sizes() == c10::IntArrayRef(weight.shape) && tensor.scalar_type() == weight.dtype;
    if (!second_name) tensor = tensor_in(memory_, address, weight.shape, weight.dtype).to(device);
    tensors_.emplace_back(weight.name, tensor);
    addresses_.push_back(address);
    first_versions_.push_back(compat::version_of(tensor));
  }
}

Weights::Weights(const Weights& other) : Weights(other.info_, std::make_shared<WeightMemory>(other.bytes()), other.device_) {
  remembered_ = other.remembered_;
  for (const size_t i : other.changed()) {  // variants with weights of their own must know
    compat::note_written(tensors_[i].second);
    handed_out_ = true;
  }
  for (size_t i = 0; i < tensors_.size(); ++i)
    if (other.tensors_[i].second.requires_grad()) tensors_[i].second.set_requires_grad(true);
}

State Weights::hand_out(bool parameters, bool buffers) const {
  State state;
  for (size_t i = 0; i < tensors_.size(); ++i)
    if (list_[i].parameter ? parameters : buffers) state.push_back(tensors_[i]);
  if (!state.empty()) handed_out_.store(true, std::memory_order_release);
  return state;
}

uint64_t Weights::count_changes() const {
  uint64_t count = address_given() ? any_version : 0;
  for (size_t i = 0; i < tensors_.size(); ++i) count += compat::version_of(tensors_[i].second) - first_versions_[i];
  return count;
}

std::span<const char> Weights::bytes() const {
  at::NoGradGuard values_only;
  for (size_t i = 0; !device_.is_cpu() && i < tensors_.size(); ++i)
    std::memcpy(memory_->data() + list_[i].offset, tensors_[i].second.cpu().const_data_ptr(), list_[i].bytes);
  return {memory_->data(), memory_->size()};
}

std::string Weights::digest_of(size_t index) const {
  at::NoGradGuard values_only;
  return sha256_of(tensors_[index].second.cpu().const_data_ptr(), list_[index].bytes);
}

void Weights::remember(const std::set<std::string>& names) {
  for (size_t i = 0; i < list_.size(); ++i)
    if (names.contains(list_[i].name) && !remembered_.contains(i)) remembered_[i] = digest_of(i);
}

std::vector<size_t> Weights::changed() const {
  std::vector<size_t> indices;
  for (size_t i = 0; i < tensors_.size(); ++i) {
    if (compat::version_of(tensors_[i].second) == first_versions_[i] && !address_given()) continue;
    const auto known = remembered_.find(i);
    if (address_given() || known == remembered_.end() || known->second != digest_of(i)) indices.push_back(i);
  }
  return indices;
}

std::vector<at::Tensor> Weights::buffer_values() const {
  std::vector<at::Tensor> values;
  for (size_t i = 0; i < tensors_.size(); ++i)
    if (!list_[i].parameter) values.push_back(tensors_[i].second.clone());
  return values;
}

void Weights::restore_buffers(const std::vector<at::Tensor>& values) {
  auto value = values.begin();
  for (size_t i = 0; i < tensors_.size(); ++i) {
    if (list_[i].parameter) continue;
    const at::Tensor &mine = tensors_[i].second, &kept = *value++;
    if (device_.is_cpu()) {  // not through PyTorch, which would count it as a change
      std::memcpy(memory_->data() + list_[i].offset, kept.const_data_ptr(), mine.nbytes());
    } else {
      at::NoGradGuard values_only;
      mine.copy_(kept);
      first_versions_[i] = compat::version_of(mine);
    }
  }
}

}  // namespace ctorch
