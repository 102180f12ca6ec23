"""What the compiler makes for: sizes of vectors, and how linear layers are cut into registers."""

from __future__ import annotations

import math
import tempfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from ..toolchain.compiler import run
from ..toolchain.isa import Isa

#: Samples that are computed at once at least: what is left of a batch is computed in blocks of so many, the last of them filled up.
PART = 4

HERE = Path(__file__).resolve().parent

#: No option that assumes there is no NaN, and none that reorders sums. Vectors are written by hand; the vectorizer would gain
#: nothing, and that of GCC 12 was seen to get a loop wrong in which one of two sources is a null pointer.
OPTIONS = (
    "-std=c++20",
    "-O3",
    "-fno-tree-vectorize",
    "-fno-math-errno",
    "-ffp-contract=fast",
    "-fno-trapping-math",
    "-Wno-psabi",
    "-w",
)
#: A library without the C++ runtime, with nothing visible but the three entries.
LIBRARY = ("-shared", "-fPIC", "-fno-exceptions", "-fno-rtti", "-fno-plt", "-fvisibility=hidden", "-nodefaultlibs", "-s")
LINKED = ("-lm", "-lc", "-lgcc", "-Wl,--no-undefined", "-Wl,-z,noexecstack")


@dataclass(frozen=True)
class Machine:
    """An instruction set and the size of its numbers.

    Attributes
    ----------
    lanes
        Numbers in a vector.
    registers
        Vectors that the CPU holds.
    """

    isa: Isa
    itemsize: int
    lanes: int
    registers: int

    def vectors(self, size: int) -> int:
        """Return how many vectors hold that many numbers."""
        return -(-size // self.lanes)

    def tile(self, n_in: int, n_out: int, rows: int, neighbours: bool) -> int:
        """Return how many vectors of outputs a linear layer computes at once; 0 if its lanes are better inputs.

        Parameters
        ----------
        n_in, n_out
            Its size.
        rows
            To how many vectors it is applied.
        neighbours
            Whether the inputs are neighbours in memory.
        """
        vectors = self.vectors(n_out)
        across = int(math.log2(self.lanes)) + 2
        if neighbours and n_out * (self.vectors(n_in) + across) < n_in * vectors:
            return 0
        if rows == 1:
            tiles = -(-vectors // (self.registers // 2))
            return -(-vectors // tiles)
        return 3 if vectors % 3 == 0 and vectors % 2 else min(vectors, 2)

    def row_tile(self, tile: int, rows: int, part: bool) -> int:
        """Return to how many rows a tile is applied at once.

        ``part`` says that there may be as few as `PART` rows, for which the inputs are summed in as many phases as these need.
        """
        scale = self.registers // 16
        if part and tile * PART < 8:
            return min(rows, 4 * scale)  # with two phases and more, others would not fit into the registers
        fitting = {1: (8, 7, 6, 5), 2: (6, 5, 4), 3: (4,)}.get(tile, (max(1, 12 // tile),))
        most = max(fitting) * scale
        if rows <= most:
            return rows
        return max((size for size in range(min(fitting) * scale, most + 1) if rows % size == 0), default=most)

    def packed_dense(self, n_in: int, n_out: int, tile: int) -> int:
        """Return the size of a packed linear layer; see dense.h."""
        if tile == 0:
            return n_out * (self.vectors(n_in) * self.lanes + 1)
        return self.vectors(n_out) * self.lanes * (n_in + 1)

    def recurrent_tile(self, hidden: int, rows: int) -> int:
        """Return how many vectors of hidden units a recurrent layer computes at once, for that many samples."""
        return min(2, self.vectors(hidden)) if rows == 1 else 1

    def recurrent_rows(self, rows: int) -> int:
        """Return for how many samples it does so at once."""
        return min(rows, 4 * (self.registers // 16))

    def packed_recurrent(self, gates: int, n_in: int, hidden: int) -> int:
        """Return the size of a packed recurrent layer; see recurrent.h."""
        return self.vectors(hidden) * self.lanes * (4 + gates * (n_in + hidden))


@lru_cache
def machine_of(isa: Isa, itemsize: int, cxx: tuple[str, ...]) -> Machine:
    """Ask the compiler what an instruction set has."""
    macros = run([*cxx, f"-march={isa.march}", "-dM", "-E", "-x", "c++", "/dev/null"])
    size = 64 if "__AVX512F__" in macros else 32 if "__AVX__" in macros else 16
    registers = 32 if size == 64 or "__aarch64__" in macros else 16
    return Machine(isa, itemsize, size // itemsize, registers)


def compile_source(source: str, isa: Isa, cxx: tuple[str, ...]) -> bytes:
    """Return the shared library made of a kernel's text."""
    with tempfile.TemporaryDirectory(prefix="pt2ts_kernel_") as folder:
        text, library = Path(folder, "kernel.cpp"), Path(folder, "kernel.so")
        text.write_text(source)
        run([*cxx, *OPTIONS, f"-march={isa.march}", *LIBRARY, f"-I{HERE}", text, "-o", library, *LINKED])
        return library.read_bytes()
