// Recorded work: between the two ends of a capture nothing is done, and replays do it again with the memory of then. Memory
// that was there before belongs to others; what was made meanwhile is kept with the graph.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>

namespace fake {

bool recording();  // whether this thread does
void record(std::function<void()> work);
void refuse_while_recording(const char* what);

at::Tensor as_recorded(const at::Tensor& tensor);  // without holding memory of others

}  // namespace fake
