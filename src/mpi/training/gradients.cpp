#include "training/gradients.h"

#include <ctorch_tensor.h>
#include <ctorch_types.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <tuple>

#include "core/waiting.h"

namespace ftorch {
namespace {

// Smaller gradients travel together.
constexpr int64_t large = 1 << 14;
// MPI counts in int.
constexpr int64_t piece = int64_t{1} << 28;

template <class Visit>
void as_numbers(int32_t dtype, Visit&& visit) {
  if (dtype == CTORCH_DTYPE_FLOAT64)
    visit(double{}, MPI_DOUBLE);
  else
    visit(float{}, MPI_FLOAT);
}

// Sums of all ranks that have been begun, with the memory that small gradients travel in.
class UnderWay {
 public:
  explicit UnderWay(MPI_Comm comm) : comm_(comm) {}

  template <class Number>
  std::vector<Number>& bucket() {
    return std::get<std::vector<Number>>(buckets_);
  }

  template <class Number>
  void add(Number* data, int64_t count, MPI_Datatype type) {
    for (int64_t at = 0; at < count; at += piece) {
      requests_.push_back(MPI_REQUEST_NULL);
      const int some = static_cast<int>(std::min(piece, count - at));
      check(MPI_Iallreduce(MPI_IN_PLACE, data + at, some, type, MPI_SUM, comm_, &requests_.back()), "MPI_Iallreduce");
    }
  }

  void add_buckets() {
    add(bucket<float>().data(), static_cast<int64_t>(bucket<float>().size()), MPI_FLOAT);
    add(bucket<double>().data(), static_cast<int64_t>(bucket<double>().size()), MPI_DOUBLE);
  }

  bool finish() { return requests_.empty() || wait_for(requests_.data(), static_cast<int>(requests_.size())); }

 private:
  MPI_Comm comm_;
  std::tuple<std::vector<float>, std::vector<double>> buckets_;
  std::vector<MPI_Request> requests_;
};

}  // namespace

Gradients::Gradients(const ctorch_model* model) : model_(model) {
  int32_t count = 0;
  need(ctorch_model_count_parameters(model, &count));
  all_.resize(static_cast<size_t>(count));
  has_.resize(all_.size());
  need(ctorch_model_parameters(model, all_.data(), count));
  for (ctorch_tensor& parameter : all_) {
    int64_t numbers = 0;
    int32_t dtype = 0;
    need(ctorch_tensor_numel(&parameter, &numbers));
    need(ctorch_tensor_dtype(&parameter, &dtype));
    digest_ = (digest_ * 31 + numbers) * 31 + dtype;
    need(ctorch_tensor_delete(&parameter));
  }
  need(ctorch_model_gradients(model, nullptr, all_.data(), count));
  for (size_t i = 0; i < all_.size(); ++i) has_[i] = all_[i].id != 0;
}

Gradients::~Gradients() { release(); }

void Gradients::release() {
  for (Part& part : parts_)
    if (part.is_copy) ctorch_tensor_delete(&part.host);
  parts_.clear();
  for (ctorch_tensor& gradient : all_) ctorch_tensor_delete(&gradient);
}

void Gradients::take(const std::vector<int64_t>& wanted) {
  need(ctorch_model_gradients(model_, wanted.data(), all_.data(), static_cast<int32_t>(all_.size())));
  for (const ctorch_tensor& gradient : all_) {
    if (gradient.id == 0) continue;
    Part part;
    part.gradient = part.host = gradient;
    int32_t device = 0, index = 0;
    need(ctorch_tensor_device(&gradient, &device, &index));
    need(ctorch_tensor_dtype(&gradient, &part.dtype));
    const bool is_real = part.dtype == CTORCH_DTYPE_FLOAT32 || part.dtype == CTORCH_DTYPE_FLOAT64;
    if (device != CTORCH_DEVICE_CPU || !is_real) {
      const int32_t dtype = is_real ? part.dtype : CTORCH_DTYPE_FLOAT32;
      part.host = {};
      need(ctorch_tensor_to(&gradient, dtype, CTORCH_DEVICE_CPU, -1, 0, &part.host));
      part.dtype = dtype;
      part.is_copy = true;
    }
    parts_.push_back(part);
    need(ctorch_tensor_numel(&part.host, &parts_.back().count));
    need(ctorch_tensor_data(&part.host, &parts_.back().data));
  }
}

void Gradients::check_finite() const {
  int64_t before = 0;
  for (const Part& part : parts_) {
    as_numbers(part.dtype, [&](auto number, MPI_Datatype) {
      const auto* values = static_cast<const decltype(number)*>(part.data);
      bool is_finite = true;
      for (int64_t i = 0; i < part.count; ++i) is_finite &= values[i] - values[i] == 0;
      if (is_finite) return;
      const auto* found = std::find_if(values, values + part.count, [](auto value) { return !std::isfinite(value); });
      fail(CTORCH_ERROR_MODEL, "number ", before + (found - values) + 1, " of the gradients is ", static_cast<double>(*found),
           " (in the order of torch_model_flatten_gradients)");
    });
    before += part.count;
  }
}

void Gradients::add_up(const Group& all, double weight) {
  auto under_way = std::make_unique<UnderWay>(all.comm());
  for (const Part& part : parts_)
    as_numbers(part.dtype, [&](auto number, MPI_Datatype type) {
      using Number = decltype(number);
      auto* values = static_cast<Number*>(part.data);
      const auto factor = static_cast<Number>(weight);
      for (int64_t i = 0; i < part.count; ++i) values[i] = weight == 0 ? 0 : values[i] * factor;
      if (part.count >= large)
        under_way->add(values, part.count, type);
      else
        under_way->bucket<Number>().insert(under_way->bucket<Number>().end(), values, values + part.count);
    });
  under_way->add_buckets();
  if (!under_way->finish()) {
    // MPI may still write into the gradients and the buckets: they are given up.
    parts_.clear();
    all_.clear();
    static_cast<void>(under_way.release());
    fail_waiting();
  }
  size_t done[2] = {0, 0};  // of the buckets of float and double
  for (const Part& part : parts_) {
    if (part.count >= large) continue;
    as_numbers(part.dtype, [&](auto number, MPI_Datatype) {
      using Number = decltype(number);
      size_t& first = done[sizeof(Number) == sizeof(double)];
      std::copy_n(under_way->bucket<Number>().data() + first, part.count, static_cast<Number*>(part.data));
      first += static_cast<size_t>(part.count);
    });
  }
}

void Gradients::give_back() {
  for (const Part& part : parts_)
    if (part.is_copy) need(ctorch_tensor_copy(&part.host, &part.gradient, 0));
}

}  // namespace ftorch
