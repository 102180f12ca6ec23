// Memory of tensors on the CPU with a fence behind every block, for looking whether code writes or reads where it may not.
#pragma once

namespace ctorch {

// Whether FTORCH_GUARD_MEMORY asks for it; then it is PyTorch's allocator on the CPU from now on.
bool use_guarded_memory() noexcept;

}  // namespace ctorch
