"""Kernels: small networks as plain C++ that needs no PyTorch at run time; nothing here knows packages or contracts.

A call of a compiled PyTorch model costs half a microsecond before it computes anything. A network with few weights is done by then.
For graphs of operations that this package knows, it writes one C++ file with everything known at compile time, and compiles it.
"""

from __future__ import annotations

from .build import Kernel, Started, build_kernel, explain_kernel, kernel_source, start_kernel

__all__ = ["Kernel", "Started", "build_kernel", "explain_kernel", "kernel_source", "start_kernel"]
