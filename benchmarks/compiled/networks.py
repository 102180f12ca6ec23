"""The networks on which compiled packages are measured, and the files that the contestants read."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

import pt2ts

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from benchmarks.shared.networks import COLUMNS, NETWORKS, ROWS, perceptron, write_weights
from tests.python.kernels.networks import Column, GravityWaves

#: Where the Fortran program has the output among its tensors, after at most two inputs.
OUTPUT = 3


class OceanClosure(nn.Sequential):
    """Momentum forcing of an ocean model from its surface currents (Guillaumin & Zanna 2021)."""

    def __init__(self) -> None:
        widths, kernels = (2, 128, 64, 32, 32, 32, 32, 32), (5, 5, 3, 3, 3, 3, 3)
        layers: list[nn.Module] = []
        for n_in, n_out, kernel in zip(widths, widths[1:], kernels, strict=False):
            layers += [nn.Conv2d(n_in, n_out, kernel, padding="same"), nn.ReLU()]
        super().__init__(*layers, nn.Conv2d(widths[-1], 4, 3, padding="same"))


@dataclass(frozen=True)
class Compiled:
    """A network, the shapes of its inputs and of its output without the batch, and the batches it is timed with."""

    label: str
    make: Callable[[], nn.Module]
    inputs: tuple[tuple[int, ...], ...]
    output: tuple[int, ...]
    batches: tuple[int, ...]
    dtype: torch.dtype = torch.float32

    def module(self) -> nn.Module:
        """Return the module, with the same weights every time."""
        torch.manual_seed(1)
        return self.make().to(self.dtype).eval()

    def samples(self, batch: int) -> tuple[Tensor, ...]:
        """Return inputs, the same every time."""
        source = torch.Generator().manual_seed(2)
        return tuple(torch.randn((batch, *shape), generator=source, dtype=self.dtype) for shape in self.inputs)

    def work(self, batch: int) -> tuple[float, float]:
        """Return the floating-point operations of a call, and the bytes that it must at least read or write."""
        module, inputs = self.module(), self.samples(batch)
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            result = module(*inputs)
        tensors = (*module.parameters(), *inputs, result)
        return float(counter.get_total_flops()), float(sum(t.numel() * t.element_size() for t in tensors))


COMPILED = {
    "mlp_small": Compiled("MLP 5-16-16-5", lambda: NETWORKS["mlp_small"].module("mlp_small"), ((5,),), (5,), (1, 32, 1024, 8192)),
    "mlp_large": Compiled(
        "MLP 124-128x4-112", lambda: NETWORKS["mlp_large"].module("mlp_large"), ((124,),), (112,), (1, 32, 1024, 8192)
    ),
    "convection": Compiled(
        "MLP 61-128x4-148", lambda: perceptron([61, 128, 128, 128, 128, 148], nn.ReLU), ((61,),), (148,), (1, 32, 1024, 8192)
    ),
    "waves64": Compiled("gravity waves, float64", GravityWaves, ((42,),), (40,), (1, 32, 1024), torch.float64),
    "waves32": Compiled("gravity waves, float32", GravityWaves, ((42,),), (40,), (1, 32, 1024)),
    "column": Compiled("BiGRU column", Column, ((60, 10), (1,)), (61, 2), (1, 32, 1024)),
    "sst_cnn": Compiled("SST CNN", lambda: NETWORKS["sst_cnn"].module("sst_cnn"), ((ROWS * COLUMNS,),), (ROWS * COLUMNS,), (1, 32)),
    "ocean": Compiled("ocean closure 64x64", OceanClosure, ((2, 64, 64),), (4, 64, 64), (1, 8)),
}


def write(name: str, folder: Path) -> None:
    """Write a network as tuned package, as TorchScript and as PyTorch's own package; nothing that is there is made again."""
    network = COMPILED[name]
    module, example = network.module(), network.samples(8)
    dtype = str(network.dtype).removeprefix("torch.")
    ports = [f"x{n}[batch,{','.join(map(str, shape))}] {dtype}" for n, shape in enumerate(network.inputs, 1)]
    script, package, plain = (folder / f"{name}{suffix}" for suffix in (".pt", ".pt2", "_plain.pt2"))
    if not script.exists():
        pt2ts.export(module, example, script, inputs=ports)
    if not package.exists():
        made = package.with_suffix(".making.pt2")
        pt2ts.export(module, example, made, inputs=ports, format=pt2ts.Package(isa="native", threads=1, batch=()))
        rows = pt2ts.tune(made, network.batches)
        (folder / f"{name}.tuning").write_text("\n".join(map(str, rows)) + "\n")
        made.replace(package)
    if not plain.exists():
        batch = torch.export.Dim("batch", min=2, max=2**20)
        program = torch.export.export(module, example, dynamic_shapes=tuple({0: batch} for _ in example))
        torch._inductor.aoti_compile_and_package(program, package_path=str(plain))
    if isinstance(module, nn.Sequential) and isinstance(module[0], nn.Linear):
        write_weights(module, folder / f"{name}.weights")


def write_case(name: str, batch: int, block_us: float, folder: Path) -> Path:
    """Write what the Fortran program has to know about one case and return the file."""
    network = COMPILED[name]
    case = f"{name}_{batch}"
    samples = network.samples(batch)
    (folder / f"{case}.in").write_bytes(b"".join(sample.numpy().tobytes() for sample in samples))
    weights = f"{name}.weights" if (folder / f"{name}.weights").exists() else ""
    # A package for any number of samples has no code for a single one.
    plain = f"{name}_plain.pt2" if batch > 1 else ""
    ports = dict(zip((*range(1, len(samples) + 1), OUTPUT), (*network.inputs, network.output), strict=True))
    lines = [
        f"package = '{name}.pt2', script = '{name}.pt', plain_package = '{plain}', weights = '{weights}'",
        f"inputs = '{case}.in', outputs = '{case}.out'",
        f"n_inputs = {len(network.inputs)}, element_bytes = {network.dtype.itemsize}",
        *(
            f"rank({place}) = {len(shape) + 1}, shapes(1:{len(shape) + 1}, {place}) = {', '.join(map(str, (batch, *shape)))}"
            for place, shape in ports.items()
        ),
        f"block_us = {block_us}",
    ]
    path = folder / f"{case}.nml"
    path.write_text("&case\n  " + ",\n  ".join(lines) + "\n/\n")
    return path
