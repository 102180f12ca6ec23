"""What subnormal inputs cost: four layers of 128, 64 columns, TorchScript and a kernel, with and without flushing them to zero.

Run as ``python benchmarks/subnormals/run.py``.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from torch import nn

import pt2ts

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from benchmarks.shared.build import COMPILER, interface_flags

HERE = Path(__file__).resolve().parent
WIDTH, COLUMNS = 128, 64


def network() -> nn.Module:
    """Layers without bias, so that what goes in small stays so."""
    torch.manual_seed(0)
    layers = [layer for _ in range(4) for layer in (nn.Linear(WIDTH, WIDTH, bias=False), nn.ReLU())]
    return nn.Sequential(*layers[:-1])


def main() -> None:
    """Print a table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        program = folder / "subnormals"
        flags, libraries = interface_flags("--fflags"), interface_flags("--ldflags")
        command = [COMPILER["fortran"], "-O2", *flags, f"-J{folder}", str(HERE / "calls.f90"), *libraries, "-o", str(program)]
        subprocess.run(command, check=True)
        print("| file | ordinary | subnormal | flushed | subnormal / ordinary | flushed / ordinary |")
        print("| --- | ---: | ---: | ---: | ---: | ---: |")
        for suffix in sys.argv[1:] or ("pt", "pt2"):
            file = folder / f"layers.{suffix}"
            form = pt2ts.Package(batch=(COLUMNS,)) if suffix == "pt2" else None
            pt2ts.export(network(), torch.ones(COLUMNS, WIDTH), file, inputs=[f"x[batch,{WIDTH}] float32"], format=form)
            words = [str(program), str(file), str(COLUMNS), str(WIDTH)]
            ordinary, small, flushed = map(float, subprocess.run(words, check=True, capture_output=True, text=True).stdout.split())
            ratios = f"{small / ordinary:.0f} | {flushed / ordinary:.2f}"
            print(f"| {file.name} | {ordinary:.0f} | {small:.0f} | {flushed:.0f} | {ratios} |", flush=True)


if __name__ == "__main__":
    main()
