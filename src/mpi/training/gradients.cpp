#include "training/gradients.h"

#include <ctorch_tensor.h>
#include <ctorch_types.h>

#include <algorithm>
#include <functional>

#include "core/device_memory.h"
#include "training/weighted_sum.h"

namespace ftorch {

void Gradients::take_own() {
  gradients_.take_gradients(nullptr);
  for (size_t i = 0; i < has_.size(); ++i) has_[i] = gradients_.all[i].id != 0;
  find_parts();
}

void Gradients::forget() {
  for (Part& part : parts_)
    if (part.is_copy) ctorch_tensor_delete(&part.host);
  parts_.clear();
  on_device_.clear();
  has_copies_ = false;
}

int64_t Gradients::digest() const {
  int64_t value = static_cast<int64_t>(has_.size());
  for (const int64_t has : has_) value = value * 31 + has;
  for (const Part& part : parts_) value = (value * 31 + part.count) * 31 + part.dtype;
  return value;
}

std::string Gradients::parameters() const {
  std::string words;
  Handles parameters(model_);
  parameters.take_parameters();
  for (const ctorch_tensor& parameter : parameters.all) {
    int64_t numbers = 0;
    int32_t dtype = 0;
    need(ctorch_tensor_numel(&parameter, &numbers));
    need(ctorch_tensor_dtype(&parameter, &dtype));
    words += std::to_string(numbers) + ':' + std::to_string(dtype) + ' ';
  }
  return std::to_string(std::hash<std::string>{}(words));
}

void Gradients::take_those_of_all(const std::vector<int64_t>& wanted) {
  gradients_.take_gradients(wanted.data());
  find_parts();
}

void Gradients::find_parts() {
  forget();
  chunk_memory();  // now, when it may still fail
  for (size_t i = 0; i < has_.size(); ++i)
    if (gradients_.all[i].id != 0) add(i);
  on_device_.join();
  const bool all_are = std::all_of(parts_.begin(), parts_.end(), [](const Part& part) { return part.is_on_device; });
  const int32_t device = all_are ? device_of_model() : CTORCH_DEVICE_CPU;
  mpi_takes_all_ = device != CTORCH_DEVICE_CPU && mpi_takes_memory_of(device);
}

// That of a gradient, or where there is none yet, of a parameter.
int32_t Gradients::device_of_model() const {
  int32_t device = CTORCH_DEVICE_CPU, index = 0;
  if (!parts_.empty()) {
    need(ctorch_tensor_device(&parts_.front().gradient, &device, &index));
  } else if (!has_.empty()) {
    Handles parameters(model_);
    parameters.take_parameters();
    need(ctorch_tensor_device(&parameters.all.front(), &device, &index));
  }
  return device;
}

void Gradients::add(size_t parameter) {
  const ctorch_tensor& gradient = gradients_.all[parameter];
  Part part;
  part.parameter = parameter;
  part.gradient = part.host = gradient;
  part.before = parts_.empty() ? 0 : parts_.back().before + parts_.back().count;
  int32_t device = 0, index = 0;
  need(ctorch_tensor_device(&gradient, &device, &index));
  need(ctorch_tensor_dtype(&gradient, &part.dtype));
  const bool is_real = part.dtype == CTORCH_DTYPE_FLOAT32 || part.dtype == CTORCH_DTYPE_FLOAT64;
  part.is_on_device = device != CTORCH_DEVICE_CPU;
  if (!is_real) part.dtype = CTORCH_DTYPE_FLOAT32;
  need(ctorch_tensor_numel(&gradient, &part.count));
  if (part.is_on_device) {
    on_device_.add(gradient, part.dtype, part.count, part.before);
  } else if (is_real) {
    need(ctorch_tensor_data(&gradient, &part.data));
  } else {
    part.host = {};
    part.is_copy = has_copies_ = true;
  }
  parts_.push_back(part);
  if (!part.is_copy) return;
  ctorch_tensor& host = parts_.back().host;
  need(ctorch_tensor_to(&gradient, part.dtype, CTORCH_DEVICE_CPU, -1, 0, &host));
  need(ctorch_tensor_data(&host, &parts_.back().data));
}

void Gradients::fetch() {
  on_device_.fetch();
  for (Part& part : parts_)
    if (part.is_on_device) part.data = on_device_.place_of(part.before);
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
  const bool speaks = has_copies_ || !on_device_.empty() || sum.strange >= 0;
  sum.somebody_speaks |= under_way.finish(speaks ? Number{1} : Number{0}) > 0;
}

Gradients::Sum Gradients::add_up(const Group& all, double weight, const EarlySums* early) {
  Sum sum;
  add_up_all_of<float>(CTORCH_DTYPE_FLOAT32, all, weight, early, sum);
  add_up_all_of<double>(CTORCH_DTYPE_FLOAT64, all, weight, early, sum);
  return sum;
}

Gradients::Sum Gradients::add_up_on_devices(const Group& all, double weight) const {
  Sum sum;
  sum.somebody_speaks = true;
  all.together([&] { sum.strange = on_device_.weigh(weight); });
  on_device_.add_up(all);
  return sum;
}

void Gradients::give_back() {
  on_device_.give_back();
  for (const Part& part : parts_)
    if (part.is_copy) need(ctorch_tensor_copy(&part.host, &part.gradient, 0));
}

}  // namespace ftorch
