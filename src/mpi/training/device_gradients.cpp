#include "training/device_gradients.h"

#include <ctorch_types.h>

#include <algorithm>

#include "training/weigh.h"
#include "training/weighted_sum.h"

namespace ftorch {

void DeviceGradients::add(const ctorch_tensor& gradient, int32_t dtype, int64_t count, int64_t before) {
  int32_t type = 0, index = 0;
  need(ctorch_tensor_device(&gradient, &type, &index));
  auto flat = std::find_if(flats_.begin(), flats_.end(), [&](const Flat& f) { return f.dtype == dtype && f.index == index; });
  if (flat == flats_.end()) flat = flats_.insert(flat, Flat{dtype, index});
  flat->gradients.push_back(gradient);
  flat->before.push_back(before);
  flat->start.push_back(flat->count);
  flat->count += count;
}

void DeviceGradients::join() {
  for (Flat& flat : flats_)
    need(ctorch_tensor_join(flat.gradients.data(), static_cast<int32_t>(flat.gradients.size()), flat.dtype, &flat.numbers));
}

void DeviceGradients::clear() {
  for (Flat& flat : flats_) {
    ctorch_tensor_delete(&flat.numbers);
    ctorch_tensor_delete(&flat.host);
  }
  flats_.clear();
}

void DeviceGradients::fetch() {
  for (Flat& flat : flats_) need(ctorch_tensor_fetch(&flat.numbers, &flat.host));
}

void* DeviceGradients::place_of(int64_t before) const {
  for (const Flat& flat : flats_) {
    const auto found = std::lower_bound(flat.before.begin(), flat.before.end(), before);
    if (found == flat.before.end() || *found != before) continue;
    const int64_t start = flat.start[static_cast<size_t>(found - flat.before.begin())];
    const int64_t bytes = flat.dtype == CTORCH_DTYPE_FLOAT64 ? sizeof(double) : sizeof(float);
    void* data = nullptr;
    need(ctorch_tensor_data(&flat.host, &data));
    return static_cast<char*>(data) + start * bytes;
  }
  fail(CTORCH_ERROR_INTERNAL, "a gradient of the device is not known");
}

int64_t DeviceGradients::number_of(const Flat& flat, int64_t place) const {
  const auto next = std::upper_bound(flat.start.begin(), flat.start.end(), place);
  const auto gradient = static_cast<size_t>(next - flat.start.begin()) - 1;
  return flat.before[gradient] + place - flat.start[gradient];
}

template <class Number>
void DeviceGradients::sum(const Flat& flat, MPI_Comm comm) {
  void* data = nullptr;
  need(ctorch_tensor_data(&flat.numbers, &data));
  for (int64_t at = 0; at < flat.count; at += most_in_a_message) {
    const int some = static_cast<int>(std::min(most_in_a_message, flat.count - at));
    check(MPI_Allreduce(MPI_IN_PLACE, static_cast<Number*>(data) + at, some, type_of<Number>(), MPI_SUM, comm),
          "MPI_Allreduce");
  }
}

int64_t DeviceGradients::weigh(double weight) const {
  int64_t strange = -1;
  for (const Flat& flat : flats_) {
    int64_t place = -1;
    need(ctorch_tensor_weigh(&flat.numbers, weight, &place));
    if (place >= 0) place = number_of(flat, place);
    if (place >= 0 && (strange < 0 || place < strange)) strange = place;
  }
  return strange;
}

void DeviceGradients::add_up(const Group& all) const {
  for (const Flat& flat : flats_)
    flat.dtype == CTORCH_DTYPE_FLOAT64 ? sum<double>(flat, all.comm()) : sum<float>(flat, all.comm());
}

void DeviceGradients::give_back() const {
  for (const Flat& flat : flats_) {
    if (flat.host.id != 0) need(ctorch_tensor_copy(&flat.host, &flat.numbers, 0));
    need(ctorch_tensor_part(&flat.numbers, flat.gradients.data(), static_cast<int32_t>(flat.gradients.size())));
  }
}

}  // namespace ftorch
