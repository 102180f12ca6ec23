"""A fake device shows where things are placed, what crosses to it and back, and whether somebody waits who must.

Its work runs when it is waited for and not before, its memory has an end, and it counts.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import pt2ts

from ..support import BuildFortran
from .library import flags_for_fake_device

HERE = Path(__file__).resolve().parent
NEEDS_GRAPHS = pytest.mark.skipif(not hasattr(torch.accelerator, "Graph"), reason="PyTorch has graphs of any device from 2.12 on")

#: Programs and their scenarios.
SCENARIOS = {
    "placement": ["devices", "arrays", "memory", "results", "mixed", "models", "second"],
    "current": ["tensors", "models", "waiting", "generators"],
    "addresses": ["found", "named", "host", "pinned", "nothing"],
    "streams": [
        "nobody_waits", "to_the_host", "to_the_device", "before_pytorch", "after_pytorch", "one_stream", "of_a_thread", "mistakes",
    ],
    "pinned": ["tensors", "calls", "layouts", "refusals", "own_memory", "several", "blocks", "threads"],
    "resident": ["whole", "mixed", "layouts", "several", "ordered", "elsewhere"],
    "requests": [
        "later", "several", "resident", "many_arrays", "mistakes", "given_up", "failures", "on_the_cpu", "threads",
    ],
    "events": ["between_streams", "between_devices", "of_the_host", "mistakes"],
    "graphs": [
        "of_the_host", "resident", "shapes", "tensors", "refusals", "weights", "requests", "threads", "elsewhere", "second",
        "mistakes",
    ],
    "memory": ["exhausted", "repeated", "numbers", "loading", "states", "checkpoints_adam", "checkpoints_lbfgs"],
    "checkpoints": ["another_index", "from_the_cpu", "to_the_cpu", "more"],
}  # fmt: skip

Outcome = subprocess.CompletedProcess[str]
RunScenario = Callable[[str, str], Outcome]


class Linear(torch.nn.Module):
    """y[i] = sum_j (i + 1) * (j + 1) * x[j] + i, exact."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(5, 3)
        with torch.no_grad():
            rows = torch.arange(1.0, 4.0)
            self.layer.weight.copy_(rows[:, None] * torch.arange(1.0, 6.0)[None, :])
            self.layer.bias.copy_(rows - 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.layer(x)
        return y


class Steps(Linear):
    """The same by three operations."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.neg(torch.neg(super().forward(x)))


class Pair(torch.nn.Module):
    """The sum, and the first input as it is."""

    def forward(self, a: torch.Tensor, b: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return a + b, a


class Choosing(torch.nn.Module):
    """Looks at its numbers, for which a device has to be waited for."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if bool(x.sum() > 0):
            return 2 * x
        return x - 1


class Counting(torch.nn.Module):
    """Counts its calls, in a number of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return x + self.calls


class Drawing(torch.nn.Module):
    """Draws random numbers."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + torch.rand_like(x)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("fake_device")
    pt2ts.export(Linear(), torch.arange(10.0).reshape(2, 5), made / "linear.pt")
    pt2ts.export(Steps(), torch.arange(10.0).reshape(2, 5), made / "steps.pt")
    pt2ts.export(Pair(), (torch.ones(2, 3), torch.ones(2, 3)), made / "pair.pt")
    for module in (Choosing(), Counting(), Drawing()):
        torch.jit.save(torch.jit.script(module), made / f"{type(module).__name__.lower()}.pt")
    torch.manual_seed(0)
    pt2ts.export(torch.nn.Linear(200, 200), torch.ones(1, 200), made / "wide.pt")
    return made


@pytest.fixture
def scenario(fc: str, build_fortran: BuildFortran, folder: Path) -> RunScenario:
    """Run a scenario of a program, which is linked to the fake device so that it is there before the first call."""

    def run(program: str, name: str) -> Outcome:
        sources = (HERE / "fake_runtime.f90", HERE / f"{program}.f90")
        built = build_fortran(*sources, compiler=fc, flags=("-g", "-fopenmp", *flags_for_fake_device()))
        return subprocess.run([built, name], cwd=folder, capture_output=True, text=True, timeout=600, check=False)

    return run


@pytest.mark.parametrize(
    ("program", "name"),
    [
        pytest.param(program, name, marks=NEEDS_GRAPHS if program == "graphs" else ())
        for program, names in SCENARIOS.items()
        for name in names
    ],
)
def test_scenario(scenario: RunScenario, program: str, name: str) -> None:
    done = scenario(program, name)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout == "placed right\n"


def test_operators_refuse_mixed_devices(scenario: RunScenario) -> None:
    done = scenario("placement", "mixed_sum")
    assert done.returncode == 1
    assert "Expected all tensors to be on the same device" in done.stderr


def test_a_checkpoint_that_names_the_device_with_its_index(scenario: RunScenario, folder: Path) -> None:
    """Files of before: the generator of the one device is that of the other now."""
    saved = scenario("checkpoints", "save")
    assert saved.returncode == 0, saved.stderr
    content = torch.load(folder / "file.ckpt", weights_only=True)
    assert "random/privateuseone" in content
    content["random/privateuseone:1"] = content.pop("random/privateuseone")
    torch.save(content, folder / "file.ckpt")
    loaded = scenario("checkpoints", "load")
    assert loaded.returncode == 0, loaded.stderr
    assert loaded.stdout == saved.stdout


def test_a_checkpoint_without_random_numbers(scenario: RunScenario, folder: Path) -> None:
    assert scenario("checkpoints", "save").returncode == 0
    content = torch.load(folder / "file.ckpt", weights_only=True)
    del content["random/cpu"]
    torch.save(content, folder / "file.ckpt")
    loaded = scenario("checkpoints", "load")
    assert loaded.returncode == 1
    assert "'file.ckpt' is damaged: it has no state of the random generator of the cpu" in loaded.stderr
