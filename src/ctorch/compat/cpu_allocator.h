// The process's allocator of memory for tensors on the CPU: how it is replaced, and what it stands on.
#pragma once
#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>
#include <c10/core/impl/alloc_cpu.h>

namespace ctorch::compat {

using c10::alloc_cpu;
using c10::free_cpu;

inline c10::Allocator& default_cpu_allocator() { return *c10::GetDefaultCPUAllocator(); }

// The allocator must live for ever: tensors are freed after main, too.
inline void replace_cpu_allocator(c10::Allocator* allocator) { c10::SetCPUAllocator(allocator, /*priority=*/1); }

}  // namespace ctorch::compat
