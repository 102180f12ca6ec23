"""Networks with everything that training touches, as model files and as eager modules to compare with."""

from __future__ import annotations

import warnings
from pathlib import Path

import torch

import pt2ts


class Network(torch.nn.Module):
    """Weights, buffers of two dtypes, and two layers that know a training mode."""

    def __init__(self, drop: float = 0.0) -> None:
        super().__init__()
        self.encoder = torch.nn.Linear(5, 8)
        self.norm = torch.nn.BatchNorm1d(8)
        self.drop = torch.nn.Dropout(drop)
        self.head = torch.nn.Linear(8, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.head(self.drop(torch.tanh(self.norm(self.encoder(x)))))
        return y


class Tied(torch.nn.Module):
    """One weight under two names, and a buffer that Python's state_dict does not have."""

    def __init__(self) -> None:
        super().__init__()
        self.a = torch.nn.Linear(2, 2)
        self.b = torch.nn.Linear(2, 2)
        self.b.weight = self.a.weight
        self.register_buffer("scale", torch.ones(1), persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.b(self.a(x)) * self.scale
        return y


class Wide(torch.nn.Module):
    """Buffers of all dtypes, some of them views with gaps, one empty, one a scalar."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(2, 3, dtype=torch.float64))
        for dtype in DTYPES:
            self.register_buffer(f"of_{dtype}".replace("torch.", ""), torch.zeros(3, 2).to(dtype))
        self.register_buffer("empty", torch.zeros(0, 4))
        self.register_buffer("scalar", torch.tensor(0, dtype=torch.int64))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.weight


DTYPES = [
    *(torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.bool),
    *(torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.complex64, torch.complex128),
]


def network(drop: float = 0.0) -> Network:
    """Return the network as it is in the files, in evaluation mode, with statistics that are not those of a new one."""
    torch.manual_seed(1)
    made = Network(drop)
    for _ in range(3):
        made(torch.randn(16, 5) + 1)
    return made.eval()


def input_values() -> torch.Tensor:
    """Return the batch that the programs use, in Fortran's memory order: sums are rounded in the order of the memory."""
    rows, columns = torch.arange(1.0, 5.0)[None, :], torch.arange(1.0, 6.0)[:, None]
    return ((rows - columns) / (rows + columns)).t()


def write_all(folder: Path) -> None:
    """Write the files that the programs load."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for drop, name in [(0.0, "network"), (0.3, "dropping")]:
            pt2ts.export(
                network(drop),
                input_values(),
                folder / f"{name}.pt",
                inputs=["x[batch,5] float32"],
                outputs=["y"],
                format=pt2ts.TorchScript(method="script"),
            )
        pt2ts.export(network(), input_values(), folder / "traced.pt", format=pt2ts.TorchScript(method="trace"))
        torch.jit.save(torch.jit.script(Tied()), folder / "tied.pt")
        torch.jit.save(torch.jit.script(Wide()), folder / "wide.pt")
    torch.save(network().state_dict(), folder / "network.state")
    torch.save(python_state(), folder / "python.state")
    torch.save({"head.bias": torch.tensor([7.0, 8.0, 9.0]), "other": torch.ones(2)}, folder / "partial.state")
    torch.save(tied_state(), folder / "tied.state")
    torch.save(wide_state(), folder / "wide.state")
    _bad_states(folder)


def python_state() -> dict[str, torch.Tensor]:
    """Return a state of the network that Python could have made: an OrderedDict with metadata."""
    torch.manual_seed(2)
    made = Network()
    made(torch.randn(16, 5))
    state: dict[str, torch.Tensor] = made.state_dict()
    return state


def tied_state() -> dict[str, torch.Tensor]:
    """Return a state with one weight under two names."""
    torch.manual_seed(4)
    state: dict[str, torch.Tensor] = Tied().state_dict()
    return state


def wide_state() -> dict[str, torch.Tensor]:
    """Return values of all dtypes; half of them are views of something larger."""
    torch.manual_seed(5)
    state: dict[str, torch.Tensor] = {"weight": torch.randn(3, 2, dtype=torch.float64).t()}
    for number, dtype in enumerate(DTYPES):
        large = (torch.rand(6, 4) * 100 - (0 if dtype is torch.uint8 else 50)).to(dtype)
        state[f"of_{dtype}".replace("torch.", "")] = large[::2, 1:3] if number % 2 else large[:3, :2].contiguous()
    return {**state, "empty": torch.zeros(0, 4), "scalar": torch.tensor(-(2**60))}


def _bad_states(folder: Path) -> None:
    good = python_state()
    torch.save({k: v for k, v in good.items() if k != "norm.weight"}, folder / "missing.state")
    torch.save({**good, "extra": torch.ones(1)}, folder / "unexpected.state")
    torch.save({**good, "head.bias": torch.ones(4)}, folder / "shape.state")
    torch.save({**good, "head.bias": torch.ones(3, dtype=torch.float64)}, folder / "dtype.state")
    torch.save({"model": good, "epoch": 3}, folder / "nested.state")
    torch.save(torch.ones(3), folder / "tensor.state")
    torch.save(Network(), folder / "module.state")
    torch.save(good, folder / "old.state", _use_new_zipfile_serialization=False)
    data = (folder / "python.state").read_bytes()
    (folder / "truncated.state").write_bytes(data[: len(data) // 2])
    middle = data.index(good["encoder.weight"].numpy().tobytes()) + 6
    (folder / "corrupt.state").write_bytes(data[:middle] + bytes([data[middle] ^ 4]) + data[middle + 1 :])
