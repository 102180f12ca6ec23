#include "training/early_sums.h"

#include <ctorch_parameters.h>
#include <ctorch_tensor.h>

#include <algorithm>
#include <utility>

#include "core/communicator.h"
#include "core/waiting.h"
#include "training/handles.h"
#include "training/weigh.h"
#include "training/weighted_sum.h"

namespace ftorch {
namespace {

// Whether the gradient is still the one that was sent.
Outcome still_there(const EarlySums::Sum& sum, const ctorch_tensor& now) {
  void* data = nullptr;
  if (now.id == 0 || ctorch_tensor_data(&now, &data) != CTORCH_SUCCESS || data != sum.data)
    return {-1, CTORCH_ERROR_ARGUMENT,
            "gradients were replaced or forgotten between start and finish, while they were under way"};
  return {};
}

}  // namespace

void EarlySums::choose(const ctorch_model* model) {
  Handles parameters(model);
  parameters.take_parameters();
  model_ = *model;
  place_.assign(parameters.all.size(), -1);
  for (size_t i = parameters.all.size(); i-- > 0;) {
    const ctorch_tensor& parameter = parameters.all[i];
    Sum sum;
    int32_t device = 0, index = 0, learns = 0;
    need(ctorch_tensor_requires_grad(&parameter, &learns));
    need(ctorch_tensor_device(&parameter, &device, &index));
    need(ctorch_tensor_dtype(&parameter, &sum.dtype));
    need(ctorch_tensor_numel(&parameter, &sum.count));
    if (!learns || device != CTORCH_DEVICE_CPU || sum.count < enough_alone) continue;
    if (sum.dtype != CTORCH_DTYPE_FLOAT32 && sum.dtype != CTORCH_DTYPE_FLOAT64) continue;
    sum.parameter = static_cast<int32_t>(i);
    place_[i] = static_cast<int32_t>(sums_.size());
    sums_.push_back(std::move(sum));
  }
}

int64_t EarlySums::digest() const {
  auto value = static_cast<uint64_t>(place_.size());
  for (const Sum& sum : sums_)
    for (const auto part : {static_cast<int64_t>(sum.parameter), static_cast<int64_t>(sum.dtype), sum.count})
      value = value * 31 + static_cast<uint64_t>(part);
  return static_cast<int64_t>(value);
}

void EarlySums::watch(double weight) {
  weight_ = weight;
  need(ctorch_model_watch_gradients(&model_, &tell, this));
  is_watching_ = true;
}

EarlySums::~EarlySums() {
  stop_watching();
  for (Sum& sum : sums_) ctorch_tensor_delete(&sum.gradient);
}

void EarlySums::stop_watching() {
  // A model that is no more has taken its watchers with it.
  if (std::exchange(is_watching_, false)) static_cast<void>(ctorch_model_watch_gradients(&model_, nullptr, nullptr));
}

void EarlySums::tell(void* self, int32_t parameter, ctorch_tensor gradient) noexcept {
  auto& early = *static_cast<EarlySums*>(self);
  const int32_t place = early.place_[static_cast<size_t>(parameter)];
  try {
    if (place < 0)
      ctorch_tensor_delete(&gradient);
    else
      early.take(early.sums_[static_cast<size_t>(place)], gradient);
    if (!may_call_mpi()) return;  // another thread than MPI's: finish does it
    early.begin_those_that_are_there();
    int done = 0;  // many an MPI moves data only while it is called
    check(MPI_Testall(static_cast<int>(early.requests_.size()), early.requests_.data(), &done, MPI_STATUSES_IGNORE),
          "MPI_Testall");
  } catch (...) {
    if (early.failed_.status == CTORCH_SUCCESS) early.failed_ = outcome_in_flight();
  }
}

void EarlySums::take(Sum& sum, ctorch_tensor gradient) {
  if (sum.data) {  // and MPI is at work in it
    ctorch_tensor_delete(&gradient);
    fail(CTORCH_ERROR_ARGUMENT, "torch_tensor_backward was called twice between start and finish; start before the last one");
  }
  sum.gradient = gradient;
  need(ctorch_tensor_data(&sum.gradient, &sum.data));
}

void EarlySums::begin_those_that_are_there() {
  while (begun_ < sums_.size() && sums_[begun_].data) begin(sums_[begun_++]);
}

void EarlySums::begin(Sum& sum) { sum.dtype == CTORCH_DTYPE_FLOAT64 ? begin_with<double>(sum) : begin_with<float>(sum); }

template <class Number>
void EarlySums::begin_with(Sum& sum) {
  auto* const values = static_cast<Number*>(sum.data);
  sum.strange = weigh<true>(values, values, sum.count, static_cast<Number>(weight_));
  for (int64_t at = 0; at < sum.count; at += most_in_a_message) {
    const int some = static_cast<int>(std::min(most_in_a_message, sum.count - at));
    requests_.push_back(MPI_REQUEST_NULL);
    check(MPI_Iallreduce(MPI_IN_PLACE, values + at, some, type_of<Number>(), MPI_SUM, all_.comm(), &requests_.back()),
          "MPI_Iallreduce");
  }
}

Outcome EarlySums::finish(const std::vector<ctorch_tensor>& gradients) {
  stop_watching();
  for (Sum& sum : sums_) {
    const auto parameter = static_cast<size_t>(sum.parameter);
    if (sum.data) {
      if (failed_.status == CTORCH_SUCCESS && parameter < gradients.size()) failed_ = still_there(sum, gradients[parameter]);
      continue;
    }
    if (parameter < gradients.size() && gradients[parameter].id != 0) {
      need(ctorch_tensor_data(&gradients[parameter], &sum.data));
    } else {
      sum.zeros.resize(static_cast<size_t>(sum.count));
      sum.data = sum.zeros.data();
    }
  }
  begin_those_that_are_there();
  if (!wait_for(requests_.data(), static_cast<int>(requests_.size()))) {
    // Somebody never comes, and MPI may write at any later time: the memory is given up.
    static_cast<void>(new std::vector<Sum>(std::exchange(sums_, {})));
    fail_waiting();
  }
  return failed_;
}

const EarlySums::Sum* EarlySums::of(size_t parameter) const {
  const int32_t place = place_[parameter];
  return place < 0 ? nullptr : &sums_[static_cast<size_t>(place)];
}

}  // namespace ftorch
