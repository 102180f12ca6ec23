"""``pt2ts verify`` and the bridge: models run by the Fortran library give the golden numbers, and a fault is found."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import pt2ts
from pt2ts.container import reading, writing
from pt2ts.contract.dtypes import DTYPES
from pt2ts.contract.golden import to_bytes
from pt2ts.contract.spec import GOLDEN_FILE, SPEC_FILE
from pt2ts.pytorch import torchscript
from pt2ts.runtime.bridge import FortranModel, live_handles
from pt2ts.verification.golden import verify

from .. import user_modules as modules
from ..cli.test_cli import in_process_of_its_own, pt2ts_command


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.pt"


@pytest.fixture(autouse=True)
def nothing_is_left() -> object:
    """Compare the library's live handles before and after each test."""
    before = live_handles()
    yield
    assert live_handles() == before


def rewrite(path: Path, script: torchscript.ScriptModule, golden: bytes | None = None) -> None:
    """Write another module into a file that keeps its contract and golden sample."""
    kept, sample = pt2ts.read_spec(path), pt2ts.read_golden(path)
    assert sample is not None
    writing.write_script(script, path, {SPEC_FILE: kept.to_json(), GOLDEN_FILE: golden or to_bytes(sample)}, lambda _: None)


def test_good_file_passes(path: Path) -> None:
    pt2ts.export(modules.Column(), torch.randn(4, 5), path)
    (found,) = verify(path)
    assert found.passed
    assert found.name == "output"
    assert found.shape == (4, 3)
    done = pt2ts_command("verify", path)
    assert (done.code, done.err) == (0, "")
    assert "reproduces the golden sample" in done.out


def test_changed_weight_is_found(path: Path) -> None:
    pt2ts.export(modules.Column(), torch.randn(4, 5), path)
    script = reading.load_script(path)
    with torch.no_grad():
        next(script.parameters())[0, 0] += 0.01
    rewrite(path, script)
    (found,) = verify(path)
    assert not found.passed
    assert 1e-6 < found.difference < 0.1
    done = in_process_of_its_own("verify", path)
    assert done.code == 1
    assert "DIFFERS" in done.out
    assert done.err.startswith("pt2ts: ")
    assert "does not reproduce its golden sample" in done.err
    assert verify(path, tolerance=0.1)[0].passed
    assert pt2ts_command("verify", path, "--tolerance", "0.1").code == 0


def test_changed_golden_sample_is_found(path: Path) -> None:
    pt2ts.export(modules.Thresholds(), torch.randn(4, 5), path)
    golden = pt2ts.read_golden(path)
    assert golden is not None
    golden.outputs[1][0, 0] += 1
    rewrite(path, reading.load_script(path), to_bytes(golden))
    assert [item.passed for item in verify(path)] == [True, False]


def test_several_inputs_and_outputs(path: Path) -> None:
    pt2ts.export(modules.Gather(), (torch.randn(6, 4), torch.arange(6), torch.tensor(2.0)), path)
    assert [(item.name, item.passed) for item in verify(path)] == [("output1", True), ("output2", True)]


@pytest.mark.parametrize("module", [modules.Named(), modules.Nested(), modules.Fields(), modules.Numbers()])
def test_flattening_is_the_librarys(path: Path, module: torch.nn.Module) -> None:
    pt2ts.export(module, torch.randn(3, 4), path)
    assert all(item.passed for item in verify(path))


@pytest.mark.parametrize("name", DTYPES)
@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (0, 3), (4, 1, 3, 2), (1,) * 13 + (2, 3)])
def test_every_dtype_crosses_the_bridge_bit_for_bit(path: Path, name: str, shape: tuple[int, ...]) -> None:
    x = (torch.rand(shape) * 5).to(DTYPES[name])
    pt2ts.export(modules.Alias(), x, path, dynamic_batch=False)
    with FortranModel(path) as model:
        (y,) = model.forward([x], 1)
    assert y.dtype == x.dtype
    assert torch.equal(x, y)


def test_strided_values_cross_in_their_own_order(path: Path) -> None:
    x = torch.arange(24.0).reshape(4, 6)[:, ::2].T
    pt2ts.export(modules.Alias(), x, path)
    with FortranModel(path) as model:
        assert torch.equal(model.forward([x], 1)[0], x)


def test_the_librarys_own_self_test_agrees(path: Path) -> None:
    pt2ts.export(modules.Column(), torch.randn(4, 5), path)
    with FortranModel(path) as model:
        assert model.self_test() < 1e-6
    script = reading.load_script(path)
    with torch.no_grad():
        next(script.parameters())[0, 0] += 0.01
    rewrite(path, script)
    (found,) = verify(path)
    with FortranModel(path) as model:
        assert model.self_test() == pytest.approx(found.difference, rel=1e-3)


def test_one_model_after_the_other(path: Path) -> None:
    for module in (modules.Alias(), modules.Doubles()):
        pt2ts.export(module, torch.ones(2, 3), path)
        with FortranModel(path) as model:
            for rows in (1, 2, 7):
                assert model.forward([torch.ones(rows, 3)], 1)[0].shape[0] in (rows, 2 * rows)


def test_the_librarys_messages_arrive(path: Path) -> None:
    pt2ts.export(modules.Column(), torch.randn(4, 5), path, inputs=["column[batch,5] float32 K"])
    with (
        FortranModel(path) as model,
        pytest.raises(pt2ts.VerifyError, match=r"input 1 'column' \(K\): expected float32 \[batch, 5\]"),
    ):
        model.forward([torch.ones(4, 6)], 1)
    with pytest.raises(pt2ts.VerifyError, match="cannot open"):
        FortranModel(path.parent / "größe.pt")


def test_file_without_golden_sample_or_contract(path: Path) -> None:
    pt2ts.export(modules.Alias(), torch.ones(2, 3), path, golden=False)
    with pytest.raises(pt2ts.VerifyError, match="has no golden sample"):
        verify(path)
    writing.write_script(torchscript.script(modules.Alias()), path, {}, lambda _: None)
    with pytest.raises(pt2ts.SpecError, match="carries no spec"):
        verify(path)
    done = pt2ts_command("verify", path)
    assert done.code == 1
    assert "carries no spec" in done.err


def test_missing_bridge_is_explained(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    pt2ts.export(modules.Alias(), torch.ones(2, 3), path)
    monkeypatch.setattr("pt2ts.runtime.bridge._MODULE", "ftorch._nothing")
    with pytest.raises(pt2ts.VerifyError, match="Fortran bridge cannot be loaded"):
        FortranModel(path)
    monkeypatch.undo()
