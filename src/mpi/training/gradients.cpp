#include "training/gradients.h"

#include <ctorch_tensor.h>
#include <ctorch_types.h>

#include <algorithm>
#include <functional>

#include "training/weighted_sum.h"

namespace ftorch {

Gradients::Gradients(const ctorch_model* model) : model_(model) {
  int32_t count = 0;
  need(ctorch_model_count_parameters(model, &count));
  all_.resize(static_cast<size_t>(count));
  has_.resize(all_.size());
  need(ctorch_model_gradients(model, nullptr, all_.data(), count));
  for (size_t i = 0; i < all_.size(); ++i) has_[i] = all_[i].id != 0;
  find_parts();
}

Gradients::~Gradients() {
  forget();
  for (ctorch_tensor& gradient : all_) ctorch_tensor_delete(&gradient);
}

void Gradients::forget() {
  for (Part& part : parts_)
    if (part.is_copy) ctorch_tensor_delete(&part.host);
  parts_.clear();
  has_copies_ = false;
}

int64_t Gradients::digest() const {
  int64_t value = static_cast<int64_t>(all_.size());
  for (const int64_t has : has_) value = value * 31 + has;
  for (const Part& part : parts_) value = (value * 31 + part.count) * 31 + part.dtype;
  return value;
}

std::string Gradients::parameters() const {
  std::string words;
  std::vector<ctorch_tensor> parameters(all_.size());
  need(ctorch_model_parameters(model_, parameters.data(), static_cast<int32_t>(parameters.size())));
  for (ctorch_tensor& parameter : parameters) {
    int64_t numbers = 0;
    int32_t dtype = 0;
    need(ctorch_tensor_numel(&parameter, &numbers));
    need(ctorch_tensor_dtype(&parameter, &dtype));
    need(ctorch_tensor_delete(&parameter));
    words += std::to_string(numbers) + ':' + std::to_string(dtype) + ' ';
  }
  return std::to_string(std::hash<std::string>{}(words));
}

void Gradients::take(const std::vector<int64_t>& wanted) {
  need(ctorch_model_gradients(model_, wanted.data(), all_.data(), static_cast<int32_t>(all_.size())));
  find_parts();
}

void Gradients::find_parts() {
  forget();
  chunk_memory();  // now, when it may still fail
  for (size_t i = 0; i < all_.size(); ++i)
    if (all_[i].id != 0) add(i);
}

void Gradients::add(size_t parameter) {
  const ctorch_tensor& gradient = all_[parameter];
  Part part;
  part.parameter = parameter;
  part.gradient = part.host = gradient;
  part.before = parts_.empty() ? 0 : parts_.back().before + parts_.back().count;
  int32_t device = 0, index = 0;
  need(ctorch_tensor_device(&gradient, &device, &index));
  need(ctorch_tensor_dtype(&gradient, &part.dtype));
  const bool is_real = part.dtype == CTORCH_DTYPE_FLOAT32 || part.dtype == CTORCH_DTYPE_FLOAT64;
  if (device != CTORCH_DEVICE_CPU || !is_real) {
    if (!is_real) part.dtype = CTORCH_DTYPE_FLOAT32;
    part.host = {};
    need(ctorch_tensor_to(&gradient, part.dtype, CTORCH_DEVICE_CPU, -1, 0, &part.host));
    part.is_copy = has_copies_ = true;
  }
  parts_.push_back(part);
  need(ctorch_tensor_numel(&part.host, &parts_.back().count));
  need(ctorch_tensor_data(&part.host, &parts_.back().data));
}

template <class Number>
void Gradients::add_up_all_of(int32_t dtype, const Group& all, double weight, const EarlySums* early, Sum& sum) {
  WeightedSum<Number> under_way(all.comm(), weight);
  bool some_of_it = false;
  for (const Part& part : parts_) {
    if (part.dtype != dtype) continue;
    some_of_it = true;
    auto* const values = static_cast<Number*>(part.data);
    const EarlySums::Sum* const known = early ? early->of(part.parameter) : nullptr;
    if (known && known->data != part.data) std::copy_n(static_cast<const Number*>(known->data), part.count, values);
    const int64_t place = known ? known->strange : under_way.add(values, part.count);
    if (place >= 0 && sum.strange < 0) sum.strange = part.before + place;
  }
  if (!some_of_it) return;
  const bool speaks = has_copies_ || sum.strange >= 0;
  sum.somebody_speaks |= under_way.finish(speaks ? Number{1} : Number{0}) > 0;
}

Gradients::Sum Gradients::add_up(const Group& all, double weight, const EarlySums* early) {
  Sum sum;
  add_up_all_of<float>(CTORCH_DTYPE_FLOAT32, all, weight, early, sum);
  add_up_all_of<double>(CTORCH_DTYPE_FLOAT64, all, weight, early, sum);
  return sum;
}

void Gradients::give_back() {
  for (const Part& part : parts_)
    if (part.is_copy) need(ctorch_tensor_copy(&part.host, &part.gradient, 0));
}

}  // namespace ftorch
