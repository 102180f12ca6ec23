"""Generated modules leave samples to a scheme of the program, one by one, where the network was not trained."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Literal

import pytest
import torch

import pt2ts

from ..support import BuildFortran
from .misuse.table import ARGUMENT, HANDLE
from .test_generated_modules import strict

HERE = Path(__file__).resolve().parent

AIR = ((280, 281), (290, 291), (300, 301), (282, 283), (292, 293), (302, 303))
NETWORK = [2 * value + 3 for sample in AIR for value in sample]


class Weather(torch.nn.Module):
    """Rain from air and month; and for which samples it is not made, which their range does not tell."""

    def forward(self, air: torch.Tensor, month: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return 2 * air + month.reshape(-1, 1), (air > 304).any(dim=1) & (air < 309).all(dim=1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with a file and a module for either order of dimensions."""
    place = tmp_path_factory.mktemp("guarded")
    air = torch.tensor([[280.0, 281.0], [290.0, 291.0]], dtype=torch.float32)
    orders: tuple[tuple[str, Literal["torch", "fortran"], torch.Tensor, str], ...] = (
        ("reversed_order", "torch", torch.tensor([3, 4]), "month[batch]"), ("same_order", "fortran", torch.tensor(3), "month[]"),
    )  # fmt: skip
    for name, layout, month, declared in orders:
        pt2ts.export(
            Weather(), [air, month], place / f"{name}.pt", inputs=["air[batch,2] K 270..310", f"{declared} int64 1..12"],
            outputs=["rain mm 0..620", "outside"], format=pt2ts.TorchScript(layout=layout),
        )  # fmt: skip
        (place / f"{name}.f90").write_text(pt2ts.fortran_module(place / f"{name}.pt", name, kind="real64", guard=True))
    return place


def refused(name: str, have: str, want: str) -> str:
    """The message of an array that does not fit."""
    return f"{ARGUMENT} reversed_order run_guarded: '{name}': expected an array ({want}), got ({have}); samples are counted by air"


def only(*samples: int) -> str:
    """What comes out when the scheme has these samples, counted from 1."""
    numbers = [-(n // 2 + 1) if n // 2 + 1 in samples else value for n, value in enumerate(NETWORK)]
    return " ".join(map(str, numbers))


def test_the_scheme_gets_what_the_network_must_not(fc: str, build_fortran: BuildFortran, folder: Path) -> None:
    sources = (folder / "reversed_order.f90", folder / "same_order.f90", HERE / "guarded.f90")
    program = build_fortran(*sources, compiler=fc, flags=strict(fc))
    done = subprocess.run(
        [program, "reversed_order.pt", "same_order.pt"], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    lines = [line.rstrip() for line in done.stdout.splitlines()]
    reports = [line for line in lines if line.startswith("reversed_order: ")]
    *first, last = (line for line in lines if line not in reports)
    first, others = first[:12], first[12:]
    assert first == [
        f"network {only()}",
        f"all inside {only()}",
        "calls 0 0 0 0 0 0 0",
        f"some outside {only(2, 3, 5, 6)}",
        "calls 1 0 1 1 0 1 1",
        f"wrong result {only(2, 3, 4, 5, 6)}",
        "calls 2 0 2 2 1 2 2",
        # Values of air and months: outside, below, above. NaN lies on neither side.
        "counts 6 2 2 0 0 2",
        # 4 is left for its rain, 6 twice because the network says so.
        "samples 18 6 3",
        f"all outside {only(1, 2, 3, 4, 5, 6)}",
        "samples 0 0 0",
        f"fewer fallbacks {refused('fallbacks', '4', '6')}",
    ]
    assert others == [
        f"fewer results {refused('rain', '2, 5', '2, 6')}",
        f"fewer variables {refused('air', '1, 6', '2, 6')}",
        f"in rows {only(2, 3, 6)}".replace("567 569", "583 569"),
        f"all rows {only(1, 2, 3, 4, 5, 6)}",
        "calls 5 1 2 2 1 1 2",
    ]
    assert last.startswith(f"finalized {HANDLE} torch_model_infer_arrays: model is not initialised")
    assert reports[-1] == "reversed_order: 9 of 18 samples left to the scheme, 3 of them for their results"


def test_a_verdict_alone_is_enough(folder: Path) -> None:
    """`RangeGuard` has the ranges inside the network; without them and without a verdict there is nothing to leave."""
    example = [torch.full((2, 2), 290.0), torch.tensor([3, 4])]
    for name, outputs, guarded in (("verdict", ["rain", "outside"], True), ("none", ["rain", "other"], False)):
        pt2ts.export(Weather(), example, folder / f"{name}.pt", inputs=["air[batch,2]", "month[batch]"], outputs=outputs)
        text = pt2ts.fortran_module(folder / f"{name}.pt", guard=True)
        assert ("subroutine run_guarded(" in text) == guarded
        assert "run_guarded" not in pt2ts.fortran_module(folder / f"{name}.pt")
