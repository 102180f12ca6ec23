"""The networks whose calls are timed, and the files the contestants read them from."""

from __future__ import annotations

import itertools
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

import pt2ts

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "examples" / "02_sst_emulator"))
from sst_model import AnomalyCNN

ROWS, COLUMNS = 18, 432


class SSTStep(nn.Module):
    """The network of example 02 with mask and month held fixed: one input, one output, samples as plain vectors."""

    mask: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.network = AnomalyCNN()
        nn.init.normal_(self.network.head.conv.weight, std=0.1)  # an untrained head is zero, which would prove nothing
        self.register_buffer("mask", (torch.rand(ROWS, COLUMNS) > 0.3).float())

    def forward(self, x: Tensor) -> Tensor:
        """Step ``x`` [batch, 18 * 432] by a month."""
        field = x.view(-1, ROWS, COLUMNS)
        month = torch.full([x.shape[0]], 7)
        following: Tensor = self.network(field, self.mask, month)
        return following.flatten(1)


def perceptron(widths: list[int], activation: type[nn.Module]) -> nn.Sequential:
    """Return linear layers of these widths with the activation between them."""
    layers: list[nn.Module] = []
    for n_in, n_out in itertools.pairwise(widths):
        layers += [nn.Linear(n_in, n_out), activation()]
    return nn.Sequential(*layers[:-1])


@dataclass(frozen=True)
class Network:
    """A network and the batch sizes it is timed with."""

    label: str
    n_in: int
    n_out: int
    batches: tuple[int, ...]
    long: tuple[int, ...] = ()  # those that take half an hour, measured when asked for

    def module(self, name: str) -> nn.Module:
        """Return the module, with the same weights every time."""
        torch.manual_seed(1)
        made: nn.Module
        if name == "mlp_small":
            made = perceptron([5, 16, 16, 5], nn.Tanh)
        elif name == "mlp_large":
            made = perceptron([124, 128, 128, 128, 128, 112], nn.ReLU)
        else:
            made = SSTStep()
        return made.eval()


NETWORKS = {
    "mlp_small": Network("MLP 5-16-16-5", 5, 5, (1, 32, 1024)),
    "mlp_large": Network("MLP 124-128x4-112", 124, 112, (1, 32, 1024)),
    "sst_cnn": Network("SST CNN", ROWS * COLUMNS, ROWS * COLUMNS, (1, 32), long=(1024,)),
}


def batches_of(network: Network, *, long: bool) -> tuple[int, ...]:
    """Return the batch sizes that a run measures."""
    return network.batches + (network.long if long else ())


def sample(network: Network, batch: int) -> Tensor:
    """Return the input of one case, the same every time."""
    return torch.randn(batch, network.n_in, generator=torch.Generator().manual_seed(2))


def write_weights(module: nn.Sequential, path: Path) -> None:
    """Write a perceptron for ``loops.f90``: count, kind of activation, then sizes, weights and biases layer by layer."""
    layers = [layer for layer in module if isinstance(layer, nn.Linear)]
    with path.open("wb") as file:
        file.write(np.array([len(layers), isinstance(module[1], nn.ReLU)], np.int32).tobytes())
        for layer in layers:
            file.write(np.array([layer.in_features, layer.out_features], np.int32).tobytes())
            file.write(layer.weight.detach().numpy().T.tobytes())
            file.write(layer.bias.detach().numpy().tobytes())


def write(name: str, folder: Path) -> None:
    """Write a network with and without its contract, and the weights if Fortran loops can use them."""
    network = NETWORKS[name]
    module = network.module(name)
    pt2ts.export(module, sample(network, 8), folder / f"{name}.pt", inputs=[f"x[batch,{network.n_in}] float32"])
    script = torch.jit.load(str(folder / f"{name}.pt"))  # type: ignore[no-untyped-call]
    script.save(str(folder / f"{name}_bare.pt"))
    if isinstance(module, nn.Sequential):
        write_weights(module, folder / f"{name}.weights")


def write_case(name: str, batch: int, block_us: float, folder: Path) -> Path:
    """Write what the Fortran program has to know about one case and return the file."""
    network = NETWORKS[name]
    case = f"{name}_{batch}"
    sample(network, batch).numpy().tofile(folder / f"{case}.in")
    weights = f"{name}.weights" if (folder / f"{name}.weights").exists() else ""
    path = folder / f"{case}.nml"
    path.write_text(
        f"&case\n  model = '{name}.pt', bare_model = '{name}_bare.pt', weights = '{weights}',\n"
        f"  inputs = '{case}.in', outputs = '{case}.out',\n"
        f"  n_in = {network.n_in}, n_out = {network.n_out}, batch = {batch}, block_us = {block_us}\n/\n"
    )
    return path
