"""Times kernels against loops by hand in Fortran, in turns, and beside TorchScript.

Run as ``python benchmarks/kernels/run.py [name ...]``. The kernel and the Fortran loops take turns inside one program;
TorchScript is called from Python, which adds a few microseconds to each of its calls.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from benchmarks.shared.build import SHARED
from benchmarks.shared.networks import NETWORKS, write_weights
from tests.python.kernels.host import Host, eager, host_of
from tests.python.kernels.networks import Column, GravityWaves

HERE = Path(__file__).resolve().parent
PAIRS = 60
#: As the interface of kernels counts them.
DTYPE_CODES = {torch.float32: 6, torch.float64: 7}
#: TorchScript is called so often or for so many seconds, whichever ends first.
PATIENCE = 3.0


@dataclass(frozen=True)
class Case:
    """A network, the shapes of its inputs without the batch, and the batches."""

    label: str
    module: Callable[[], nn.Module]
    shapes: tuple[tuple[int, ...], ...]
    batches: tuple[int, ...]
    dtype: torch.dtype = torch.float32


CASES = {
    "mlp_small": Case("MLP 5-16-16-5", lambda: NETWORKS["mlp_small"].module("mlp_small"), ((5,),), (1, 32, 1024)),
    "mlp_large": Case("MLP 124-128x4-112", lambda: NETWORKS["mlp_large"].module("mlp_large"), ((124,),), (1, 32, 1024)),
    "waves": Case("gravity waves, float32", GravityWaves, ((42,),), (1, 32)),
    "waves_double": Case("gravity waves, float64", lambda: GravityWaves().double(), ((42,),), (1, 32), torch.float64),
    "column": Case("BiGRU column", Column, ((60, 10), (1,)), (1, 32, 1024)),
}


def build(folder: Path) -> tuple[Path, Path]:
    """Compile the driver and the loops."""
    driver, loops = folder / "driver", folder / "loops.so"
    subprocess.run(["gcc", "-O2", str(HERE / "driver.c"), "-o", str(driver), "-ldl"], check=True)
    sources = [str(SHARED / "loops.f90"), str(HERE / "c_loops.f90")]
    flags = ["-O3", "-march=native", "-ffast-math", "-shared", "-fPIC", f"-J{folder}"]
    subprocess.run(["gfortran", *flags, *sources, "-o", str(loops)], check=True)
    return driver, loops


def times(
    host: Host, inputs: list[Tensor], outputs: list[Tensor], extra: list[str], driver: Path, folder: Path
) -> list[list[float]]:
    """Return microseconds of kernel and loops, pair by pair."""
    library, packed, given = folder / "kernel.so", folder / "packed.bin", folder / "inputs.bin"
    library.write_bytes(host.kernel.library)
    host.packed.tofile(packed)
    given.write_bytes(b"".join(x.numpy().tobytes() for x in inputs))
    shapes = [",".join("x".join(map(str, t.shape)) for t in tensors) for tensors in (inputs, outputs)]
    files = [str(path) for path in (driver, library, packed)]
    samples = inputs[0].shape[0] if host.any_size else 1
    dtype = DTYPE_CODES[inputs[0].dtype]
    command = [*files, str(host.kernel.workspace), str(given), *shapes, str(PAIRS), str(dtype), str(samples), *extra]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    return [[float(word) for word in line.split()] for line in lines]


def torchscript(module: nn.Module, inputs: list[Tensor]) -> float:
    """Return the median microseconds of single calls."""
    script = torch.jit.trace(module, tuple(inputs), check_trace=False)  # type: ignore[no-untyped-call]
    found: list[float] = []
    with torch.inference_mode():
        begin = time.perf_counter()
        while len(found) < PAIRS and time.perf_counter() - begin < PATIENCE:
            start = time.perf_counter()
            script(*inputs)
            found.append((time.perf_counter() - start) * 1e6)
    return statistics.median(found)


def main(names: list[str]) -> None:
    """Print a table."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    print("| case | kernel [us] | Fortran loops | kernel / loops | TorchScript (Python) | difference |\n|---|--:|--:|--:|--:|--:|")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        driver, loops = build(folder)
        for key in names or list(CASES):
            case = CASES[key]
            torch.manual_seed(1)
            module = case.module().eval()
            extra: list[str] = []
            if isinstance(module, nn.Sequential):
                write_weights(module, folder / "loops.weights")
                extra = [str(loops), str(folder / "loops.weights")]
            example = [torch.randn((8, *shape), dtype=case.dtype) for shape in case.shapes]
            for batch in case.batches:
                inputs = [torch.randn((batch, *shape), dtype=case.dtype) for shape in case.shapes]
                host = host_of(module, example, {"batch": 1 if batch == 1 else None})
                expected = eager(module, inputs)
                got = host.run(inputs, expected)
                error = max(((a - b).abs().max() / b.abs().max()).item() for a, b in zip(got, expected, strict=True))
                pairs = times(host, inputs, expected, [*extra, str(batch)] if extra else [], driver, folder)
                kernel = statistics.median(k for k, _ in pairs)
                by_hand = statistics.median(f for _, f in pairs)
                ratio = statistics.median(k / f for k, f in pairs) if extra else float("nan")
                hand = f"{by_hand:.3g} | {ratio:.2f}" if extra else " | "
                row = f"| {case.label}, batch {batch} | {kernel:.3g} | {hand} | {torchscript(module, inputs):.4g} | {error:.0e} |"
                print(row, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
