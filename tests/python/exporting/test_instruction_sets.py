"""Kernels in a package for several instruction sets: every processor takes the best that it can run, and all are checked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import pt2ts
from pt2ts.container.package import kernel_member, read_members, save
from pt2ts.contract import formats
from pt2ts.contract.spec import Spec
from pt2ts.runtime.fresh import loaded
from pt2ts.runtime.library import LibraryModel
from pt2ts.toolchain.isa import find_isa, wider_isas
from pt2ts.tuning import tune as tuner
from pt2ts.verification import package as verification

#: What all processors have that can run these tests, so that each has at least one set above it.
LOWEST = "x86-64-v2"
X = torch.randn(4, 5)


@pytest.fixture(scope="module")
def nets() -> list[nn.Module]:
    torch.manual_seed(3)
    return [nn.Sequential(nn.Linear(5, 8), activation, nn.Linear(8, 2)).eval() for activation in (nn.Tanh(), nn.ReLU())]


@pytest.fixture(scope="module")
def files(nets: list[nn.Module], tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two networks for the lowest set and all above it that this processor has."""
    folder = tmp_path_factory.mktemp("sets")
    paths = [folder / "tanh.pt2", folder / "relu.pt2"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(formats, "default_isa", lambda: LOWEST)
        for net, path in zip(nets, paths, strict=True):
            pt2ts.export(net, X, path, format=pt2ts.Package(batch=[1]))
    return paths


def suffixes() -> list[str]:
    return [*(isa.suffix for isa in wider_isas(find_isa(LOWEST))), ""]


def test_each_set_has_its_kernels(files: list[Path]) -> None:
    spec = pt2ts.read_spec(files[0])
    assert [item.name for item in spec.variants] == [f"{name}{end}" for end in suffixes() for name in ("b1", "model")]
    assert {item.kind for item in spec.variants} == {"kernel"}
    assert spec.isa == LOWEST
    for item in spec.variants:
        assert item.isa == find_isa("x86-64-" + (item.name.partition("_")[2] or "v2")).to_dict()


def test_a_named_set_is_the_only_one(nets: list[nn.Module], tmp_path: Path) -> None:
    spec = pt2ts.export(nets[0], X, tmp_path / "m.pt2", format=pt2ts.Package(batch=(), isa=LOWEST))
    assert [item.name for item in spec.variants] == ["model"]


@pytest.mark.parametrize(
    ("taken_away", "expected"), [("", None), ("-avx512f", "_v3"), ("-avx512vl,-avx2", ""), ("-popcnt", "cannot run")]
)
def test_a_processor_takes_the_best_it_can_run(
    files: list[Path], nets: list[nn.Module], taken_away: str, expected: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FTORCH_CPU_FLAGS", taken_away)
    if expected == "cannot run":
        with pytest.raises(pt2ts.CheckError, match="lacks popcnt"), loaded(files[0]):
            pass
        return
    end = suffixes()[0] if expected is None else expected
    for rows in (1, 7):
        x = torch.randn(rows, 5)
        with loaded(files[0]) as model:
            ((_, result),) = model.named([x])
            assert model.variant == ("b1" if rows == 1 else "model") + end
        assert torch.allclose(result, nets[0](x), atol=1e-6)


def test_code_for_other_processors_is_not_loaded(files: list[Path]) -> None:
    def loaded_libraries() -> set[str]:
        lines = Path("/proc/self/maps").read_text().splitlines()
        return {line.split()[4] for line in lines if "r-xp" in line and "memfd:ftorch" in line}

    before = loaded_libraries()
    with LibraryModel(files[0]):
        assert len(loaded_libraries() - before) == 2  # one for a single sample, one for any number


def test_a_kernel_that_this_processor_does_not_take_is_checked_too(files: list[Path], tmp_path: Path) -> None:
    """Planted: the kernel for the lowest set is that of another network."""
    members, other = read_members(files[0]), read_members(files[1])
    spec = Spec.from_json(members["extra/ftorch_spec.json"])
    trial = tuner._open(files[0]).trial({"batch": 4}, [X])
    verification.check_variants(files[0], spec, [trial])
    changed = {**members, kernel_member("model"): other[kernel_member("model")]}
    del changed["extra/ftorch_spec.json"]
    path = tmp_path / "m.pt2"
    with path.open("wb") as file:
        save(file, changed, spec)
    with pytest.raises(pt2ts.CheckError, match="disagrees with the module on batch=4"):
        verification.check_variants(path, spec, [trial])


def test_replaced_weights_reach_all_kernels(nets: list[nn.Module], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[set[str], bool]] = []
    check = verification._check_file

    def recorded(path: Path, spec: Spec, trials: Any, tolerance: Any, weights: Any = None, *place: str) -> set[str]:
        taken = check(path, spec, trials, tolerance, weights, *place)
        seen.append((taken, weights is not None))
        return taken

    monkeypatch.setattr(verification, "_check_file", recorded)
    monkeypatch.setattr(formats, "default_isa", lambda: LOWEST)
    spec = pt2ts.export(nets[0], X, tmp_path / "m.pt2", format=pt2ts.Package(batch=[1]))
    for replaced in (False, True):
        assert set().union(*(taken for taken, weights in seen if weights is replaced)) == {item.name for item in spec.variants}


def test_tuning_keeps_the_kernels_for_older_processors(files: list[Path], tmp_path: Path) -> None:
    path = tmp_path / "m.pt2"
    path.write_bytes(files[0].read_bytes())
    rows = pt2ts.tune(path, (1, 40))
    assert {"any size", "as in the file", "kernel", "TorchScript"} <= {row.candidate for row in rows}
    before, spec = pt2ts.read_spec(files[0]), pt2ts.read_spec(path)
    assert {item.name for item in before.variants if item.name in ("b1", "model")} <= {item.name for item in spec.variants}
    assert len({item.name for item in spec.variants}) == len(spec.variants)
    new = [item for item in spec.variants if item not in before.variants]
    assert all(item.isa == find_isa(f"x86-64-{suffixes()[0][1:]}").to_dict() for item in new)
    verification.check_variants(path, spec, [tuner._open(path).trial({"batch": 1}, [X[:1]])])
