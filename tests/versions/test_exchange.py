"""A file that one PyTorch made, in another: it gives the same numbers, or a sentence says why not."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import pt2ts
from ftorch import Installation

from ..fortran.misuse.table import FILE
from ..support import BUILD, BuildFortran, run

HERE = Path(__file__).resolve().parent
FOLDER = Path(os.environ.get("FTORCH_FILES_OF_VERSIONS", BUILD / "versions"))
X = torch.tensor([7 * i % 11 / 8 - 0.5 for i in range(1, 41)]).reshape(5, 8)
TARGET = torch.full((5, 4), 0.25)


def release(version: str) -> tuple[int, ...]:
    """Return major and minor number."""
    return tuple(map(int, version.split(".")[:2]))


OWN = ".".join(map(str, release(torch.__version__)))


def settled(network: nn.Module) -> nn.Module:
    """Give a network weights that depend on no version."""
    with torch.no_grad():
        for weight in network.parameters():
            weight.copy_(torch.cos(torch.arange(weight.numel()) * 1.3).reshape(weight.shape) / 2)
    return network.eval()


def dense() -> nn.Module:
    """Return a network that becomes a kernel."""
    return settled(nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 4)))


class Mixed(nn.Module):
    """Layers that only PyTorch's compiler takes: some become its own code, others calls of PyTorch."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm, self.last = nn.Conv1d(1, 3, 3, padding=1), nn.LayerNorm(24), nn.Linear(24, 4)

    def forward(self, x: Tensor) -> Tensor:
        """Compute [batch, 4] from [batch, 8]."""
        wide = nn.functional.gelu(self.conv(x[:, None, :])).flatten(1)
        y: Tensor = self.last(self.norm(wide).sort(dim=1).values).softmax(dim=1).cumsum(dim=1)
        return y


def mixed() -> nn.Module:
    """Return a network for PyTorch's compiler."""
    return settled(Mixed())


def _model(network: Callable[[], nn.Module], form: pt2ts.Package | pt2ts.TorchScript) -> Callable[[Path], object]:
    return lambda path: pt2ts.export(network(), X, path, inputs=["x[batch,8] float32"], outputs=["y"], format=form)


def _training(path: Path) -> object:
    return pt2ts.export_training(
        dense(), "mse", "adam", X, TARGET, path,
        inputs=["x[batch,8] float32"], targets=["y[batch,4] float32"], learning_rate=0.1,
    )  # fmt: skip


PACKAGE = pt2ts.Package(batch=())
WRITERS: dict[str, Callable[[Path], object]] = {
    "script.pt": _model(mixed, pt2ts.TorchScript()),
    "kernel.pt2": _model(dense, PACKAGE),
    "compiled.pt2": _model(mixed, PACKAGE),
    "training.pt2": _training,
}


def losses() -> list[float]:
    """Return the losses before the first step and before the second."""
    network = dense().train()
    optimizer = torch.optim.Adam(network.parameters(), lr=0.1)
    found = []
    for _ in range(2):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(network(X), TARGET)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        found.append(loss.item())
    return found


#: By what the program is to do: the numbers that eager PyTorch gives here.
EXPECTED: dict[str, Callable[[], list[float]]] = {
    "script.pt": lambda: mixed()(X).flatten().tolist(),
    "kernel.pt2": lambda: dense()(X).flatten().tolist(),
    "compiled.pt2": lambda: mixed()(X).flatten().tolist(),
    "training.pt2": losses,
}

#: Files of this version, and all that others have left.
FILES = sorted({(OWN, name) for name in WRITERS} | {(file.parent.name, file.name) for file in FOLDER.glob("*.*/*.pt*")})


@pytest.fixture(scope="module")
def written() -> Path:
    """Write the files of this version."""
    folder = FOLDER / OWN
    folder.mkdir(parents=True, exist_ok=True)
    for name, write in WRITERS.items():
        write(folder / name)
    return folder


@pytest.mark.parametrize("name", WRITERS)
def test_written_files_say_what_made_them(written: Path, name: str) -> None:
    assert pt2ts.read_spec(written / name).torch == Installation().torch_version()


@pytest.mark.usefixtures("written")
@pytest.mark.parametrize(("made", "name"), FILES, ids=[f"{name} of {made}" for made, name in FILES])
def test_read_file(fc: str, build_fortran: BuildFortran, made: str, name: str) -> None:
    program = build_fortran(HERE / "exchange.f90", compiler=fc)
    what = "trainer" if name == "training.pt2" else "model"
    numbers, message = run(program, what, FOLDER / made / name).splitlines()
    status, *values = numbers.split()
    with torch.no_grad() if what == "model" else torch.enable_grad():
        expected = EXPECTED[name]()
    if release(made) > release(OWN) and name in ("compiled.pt2", "training.pt2"):
        assert int(status) == FILE
        assert f"was compiled with PyTorch {made}" in message
        assert f", this is PyTorch {OWN}" in message
    else:
        assert int(status) == 0, message
        torch.testing.assert_close([float(value) for value in values[: len(expected)]], expected, rtol=1e-5, atol=1e-6)
