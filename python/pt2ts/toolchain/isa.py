"""Instruction sets: what compiled code may use, and what the CPU that runs it must therefore have."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import DeclarationError

_CPUINFO = Path("/proc/cpuinfo")

#: The levels of the x86-64 psABI, each with what it adds to the one before; names as in /proc/cpuinfo ("pni" is SSE3, "abm" LZCNT).
_LEVELS: dict[str, tuple[str, ...]] = {
    "x86-64-v2": ("cx16", "lahf_lm", "popcnt", "pni", "sse4_1", "sse4_2", "ssse3"),
    "x86-64-v3": ("abm", "avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "movbe", "xsave"),
    "x86-64-v4": ("avx512bw", "avx512cd", "avx512dq", "avx512f", "avx512vl"),
}

#: Bits of the vector registers that PyTorch's code generator may use; it knows none below 256, and writes plain loops then.
_SIMDLEN = {"x86-64-v2": 1, "x86-64-v3": 256, "x86-64-v4": 512}

#: What else a compiler uses when it is told "native" and finds it; other flags of a CPU are the operating system's business.
_NATIVE = (
    *(flag for added in _LEVELS.values() for flag in added),
    "3dnowprefetch", "adx", "aes", "amx_bf16", "amx_int8", "amx_tile", "avx512_4fmaps", "avx512_4vnniw", "avx512_bf16",
    "avx512_bitalg", "avx512_fp16", "avx512_vbmi2", "avx512_vnni", "avx512_vp2intersect", "avx512_vpopcntdq", "avx512er",
    "avx512ifma", "avx512pf", "avx512vbmi", "avx_vnni", "fma4", "gfni", "lwp", "pclmulqdq", "rdrand", "rdseed", "sha_ni", "sse4a",
    "tbm", "vaes", "vpclmulqdq", "xop",
)  # fmt: skip

DEFAULT = "x86-64-v3"
NATIVE = "native"
NAMES = (*_LEVELS, NATIVE)


@dataclass(frozen=True)
class Isa:
    """One instruction set.

    Attributes
    ----------
    name
        What the user asked for: ``x86-64-v3``, ``native``.
    march
        The compiler's option.
    simdlen
        Bits of a vector register for PyTorch's code generator; 1 where it shall write plain loops, None where it may choose.
    flags
        Names of ``/proc/cpuinfo``, all of which the CPU that runs the code must have.
    machine
        The architecture, as ``uname -m`` says it.
    """

    name: str
    march: str
    simdlen: int | None
    flags: tuple[str, ...]
    machine: str = "x86_64"

    @property
    def suffix(self) -> str:
        """What the name of a variant ends in that is there for this instruction set beside another: ``_v4``."""
        return f"_{self.name.rpartition('-')[2]}"

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object of the contract."""
        return {"name": self.name, "machine": self.machine, "flags": list(self.flags)}

    def missing(self) -> tuple[str, ...]:
        """Return the flags that this CPU lacks."""
        return missing_flags(self.to_dict())


def find_isa(name: str) -> Isa:
    """Return the instruction set that ``name`` means on this machine.

    Raises
    ------
    DeclarationError
        When there is none of that name, or this CPU cannot run it: a compiled file is run before it is written.
    """
    machine = platform.machine()
    if name == NATIVE:
        have = cpu_flags()
        # The flags of other architectures have no list here: all of them are asked for.
        flags = tuple(sorted(set(_NATIVE) & have if machine == "x86_64" else have))
        return Isa(NATIVE, "native", None, flags, machine)
    if name not in _LEVELS:
        raise DeclarationError(f"isa is '{name}', which is no known instruction set", f"one of {', '.join(NAMES)}")
    if machine != "x86_64":
        raise DeclarationError(f"isa is '{name}', but this machine is {machine}", f"'{NATIVE}' compiles for this machine")
    isa = _level(name)
    if missing := isa.missing():
        raise DeclarationError(
            f"isa is '{name}', but this CPU lacks {', '.join(missing)}, so that the result could not be checked here",
            f"export on a machine like the one that will run it, or take '{NATIVE}'",
        )
    return isa


def _level(name: str) -> Isa:
    names = list(_LEVELS)
    flags = tuple(sorted(flag for level in names[: names.index(name) + 1] for flag in _LEVELS[level]))
    return Isa(name, name, _SIMDLEN[name], flags)


def default_isa() -> str:
    """Return the instruction set that is taken where none is named: a common one where there is one."""
    return DEFAULT if platform.machine() == "x86_64" else NATIVE


def wider_isas(isa: Isa) -> tuple[Isa, ...]:
    """Return the levels above ``isa`` that this CPU can run, the highest first; none above ``native``."""
    names = list(_LEVELS)
    above = map(_level, reversed(names[names.index(isa.name) + 1 :] if isa.name in names else []))
    return tuple(level for level in above if not level.missing())


def best_here(found: Iterable[Mapping[str, Any] | None], default: str) -> Isa:
    """Return the highest level among those that variants of a file ask for and that this CPU can run, else ``default``."""
    wanted = {str(isa["name"]) for isa in found if isa and isa.get("name")}
    base = find_isa(default)
    return next((isa for isa in wider_isas(base) if isa.name in wanted), base)


def flags_of(isa: Mapping[str, Any] | None) -> tuple[str, ...]:
    """Return what the JSON object of an instruction set asks for; None is for all CPUs."""
    return () if isa is None else tuple(isa["flags"])


def missing_flags(isa: Mapping[str, Any] | None) -> tuple[str, ...]:
    """Return the flags that this CPU lacks."""
    wanted = flags_of(isa)
    return tuple(sorted(set(wanted) - cpu_flags())) if wanted else ()


def cpu_flags() -> frozenset[str]:
    """Return what ``/proc/cpuinfo`` says that this CPU can do."""
    for line in _CPUINFO.read_text().splitlines():
        key, _, value = line.partition(":")
        if key.strip() in ("flags", "Features"):
            return frozenset(value.split())
    raise DeclarationError(f"{_CPUINFO} does not list what this CPU can do", "compiled models need Linux on x86_64 or aarch64")
