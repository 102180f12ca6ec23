// The memory of tensors on the CPU.
#pragma once

namespace ctorch {

// Makes the pool PyTorch's allocator on the CPU. Where the host uses PyTorch too, only if FTORCH_POOL_MB asks for it.
void use_memory_pool(bool shared_with_host) noexcept;

}  // namespace ctorch
