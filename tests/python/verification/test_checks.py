"""``pt2ts verify`` finds planted faults, says which they are, and leaves good files alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import pt2ts
from pt2ts.container import package, reading
from pt2ts.contract.golden import Golden, to_bytes
from pt2ts.contract.spec import GOLDEN_FILE, SPEC_FILE, Spec
from pt2ts.contract.words import CHECKS
from pt2ts.pytorch import torchscript
from pt2ts.runtime.bridge import live_handles
from pt2ts.verification.outcome import Outcome
from pt2ts.verification.verify import verify

from ...support import write_script
from .. import faulty_modules as modules
from ..cli.test_cli import pt2ts_command
from ..exporting.test_package import module_of

INPUT = ["x[batch,4] float32 -2..3"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.pt"


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    """Compare the library's live handles before and after each test."""
    before = live_handles()
    yield
    assert live_handles() == before


def faults(found: list[Outcome]) -> set[str]:
    """Return the checks that found something."""
    return {item.check for item in found if item.fault}


def plant(path: Path, script: torchscript.ScriptModule, *, golden: bool = False) -> None:
    """Write a file as a careless program would: any TorchScript, and a contract that fits it."""
    pt2ts.export(modules.Layers() if golden else torch.nn.Identity(), torch.rand(4, 4), path, inputs=INPUT)
    spec, sample = pt2ts.read_spec(path), pt2ts.read_golden(path)
    assert sample is not None
    if not golden:
        with torch.no_grad():
            sample = Golden(sample.inputs, [script(*sample.inputs)])
    write_script(script, path, {SPEC_FILE: spec.to_json(), GOLDEN_FILE: to_bytes(sample)})


def test_a_good_file_stands_every_check(path: Path) -> None:
    pt2ts.export(modules.Layers(), torch.randn(4, 4), path, inputs=INPUT)
    found = verify(path, modules.Layers())
    assert faults(found) == set()
    assert list(dict.fromkeys(item.check for item in found)) == list(CHECKS)
    assert max(item.difference or 0.0 for item in found) < 1e-5
    assert {item.case for item in found if item.check == "edges"} == {
        "zeros", "lowest of the range", "highest of the range", "very large",
    }  # fmt: skip
    done = pt2ts_command("verify", path)
    assert (done.code, done.err) == (0, "")
    assert "stands every check" in done.out


@pytest.mark.parametrize("name", ["column", "mixed", "narrow"])
def test_good_packages_stand_every_check(request: pytest.FixtureRequest, name: str) -> None:
    path = request.getfixturevalue(name)
    assert faults(verify(path)) == set()
    assert faults(verify(path, module_of(name), skip=["mode"])) == set()


def test_weights_changed_after_the_export(path: Path) -> None:
    changed = modules.Layers()
    with torch.no_grad():
        changed.two.bias[1] += 0.02
    plant(path, torchscript.script(changed.eval()), golden=True)
    assert faults(verify(path)) == {"golden"}
    found = verify(path, modules.Layers())
    assert faults(found) == {"golden", "random", "edges"}
    done = pt2ts_command("verify", path, "--against", "faulty_modules:Layers")
    assert done.code == 1
    assert "does not reproduce its golden sample" in done.err
    assert "the weights in the file are not those of the module: 'two.bias' differs by 0.02" in done.err
    assert "hint: export the file again from these weights" in done.err


def test_weights_for_the_module_to_compare_with(path: Path, tmp_path: Path) -> None:
    trained = modules.Layers()
    torch.nn.init.ones_(trained.two.bias)
    pt2ts.export(trained, torch.randn(4, 4), path, inputs=INPUT)
    torch.save(trained.state_dict(), tmp_path / "w.pt")
    assert pt2ts_command("verify", path, "--against", "faulty_modules:Layers").code == 1
    assert pt2ts_command("verify", path, "--against", "faulty_modules:Layers", "--weights", tmp_path / "w.pt").code == 0


def test_weights_of_a_package_changed(column: Path, own_copy: Callable[[Path], Path]) -> None:
    path = own_copy(column)
    members, spec = package.read_members(path), pt2ts.read_spec(path)
    blob = bytearray(members[package.WEIGHTS])
    at = next(weight.offset for weight in spec.weights if weight.name == "net.4.weight")
    blob[at + 2 : at + 4] = b"\x80\x3f"  # the upper half of a float32 1
    rewrite_package(path, {**members, package.WEIGHTS: bytes(blob)}, spec)
    assert "golden" in faults(verify(path))
    found = verify(path, module_of("column"))
    assert "the weights in the file are not those of the module" in next(x.fault for x in found if x.check == "random")


def rewrite_package(path: Path, members: dict[str, bytes], spec: Spec) -> None:
    """Write a package with a digest that fits."""
    kept = {name: content for name, content in members.items() if name.startswith(("extra/", "data/")) and name != package.SPEC}
    with path.open("wb") as file:
        package.save(file, kept, spec)


def test_layout_of_a_package_swapped(mixed: Path, own_copy: Callable[[Path], Path]) -> None:
    path = own_copy(mixed)
    spec = pt2ts.read_spec(path)
    assert spec.inputs[0].layout == "torch"
    swapped = replace(spec, inputs=(replace(spec.inputs[0], layout="fortran"), *spec.inputs[1:]))
    rewrite_package(path, package.read_members(path), swapped)
    done = pt2ts_command("verify", path)
    assert done.code == 1
    assert "the memory of input 'field' is read in the other order than its contract says ('fortran')" in done.err
    assert "random" in faults(verify(path))


def test_training_mode_baked_in(path: Path) -> None:
    plant(path, torchscript.trace(modules.Dropout().train(), [torch.ones(4, 4)]))
    found = verify(path)
    assert "repeat" in faults(found)
    assert "made in training mode (dropout)" in next(item.hint for item in found if item.check == "repeat")

    traced = torchscript.trace(modules.Norm().train(), [torch.randn(4, 4)])
    plant(path, traced)
    assert "batch" in faults(verify(path))
    done = pt2ts_command("verify", path)
    assert done.code == 1
    assert "a sample gives other numbers in a batch than alone" in done.err
    assert "batch norm in training mode does that" in done.err


@pytest.mark.parametrize("module", [modules.Dropout(), modules.Norm()])
def test_saved_in_training_mode(path: Path, module: torch.nn.Module) -> None:
    script = torchscript.script(module.train())
    torch.manual_seed(0)
    plant(path, script.eval())
    plain = reading.load_script(path)
    write_script(script.train(), path, {SPEC_FILE: pt2ts.read_spec(path).to_json()})
    assert plain.training is False
    found = verify(path)
    assert faults(found) == {"mode"}
    done = pt2ts_command("verify", path)
    assert done.code == 1
    assert "the file was saved in training mode, where its numbers are others" in done.err


def test_training_mode_that_changes_nothing_is_no_fault(path: Path) -> None:
    pt2ts.export(modules.Layers(), torch.randn(4, 4), path, inputs=INPUT)
    spec = pt2ts.read_spec(path)
    write_script(torchscript.script(modules.Layers().train()), path, {SPEC_FILE: spec.to_json()})
    assert faults(verify(path)) == set()


@pytest.mark.parametrize(
    ("given", "right", "words"),
    [
        (modules.OutputOrder, "Layers", "the channels of output 'output' are in another order: along dimension 2"),
        (modules.InputOrder, "Layers", "the channels of input 'x' are in another order: along dimension 2"),
        (modules.Misread, "Layers", "the memory of input 'x' is read in the other order"),
    ],
)
def test_wrong_order_of_channels_and_layout(path: Path, given: type[torch.nn.Module], right: str, words: str) -> None:
    # A batch as wide as the channels, so that even the misreading module exports for every size.
    pt2ts.export(given(), torch.randn(4, 4), path, inputs=INPUT)
    skip = ("--skip", "batch", "--skip", "nan")
    assert pt2ts_command("verify", path, *skip).code == 0
    done = pt2ts_command("verify", path, "--against", f"faulty_modules:{right}", *skip)
    assert done.code == 1
    assert words in done.err
    assert "hint: " in done.err


@pytest.mark.parametrize(
    ("given", "right", "words"),
    [
        (modules.PairsReversed, "Pairs", "the outputs are in another order"),
        (modules.PairsExchanged, "Pairs", "the inputs 'a' and 'b' are exchanged"),
    ],
)
def test_exchanged_tensors(path: Path, given: type[torch.nn.Module], right: str, words: str) -> None:
    pt2ts.export(given(), (torch.randn(4, 3), torch.randn(4, 3)), path, inputs=["a", "b"])
    done = pt2ts_command("verify", path, "--against", f"faulty_modules:{right}")
    assert done.code == 1
    assert words in done.err


def test_exchanged_dimensions(path: Path) -> None:
    pt2ts.export(modules.SquareTurned(), torch.randn(2, 5, 5), path, inputs=["x[batch,5,5] float32"])
    done = pt2ts_command("verify", path, "--against", "faulty_modules:Square")
    assert done.code == 1
    assert "dimensions 2 and 3 of input 'x' are exchanged" in done.err


def test_dependence_on_the_batch(path: Path) -> None:
    pt2ts.export(modules.MinusMean(), torch.rand(4, 4), path, inputs=INPUT)
    found = verify(path)
    assert faults(found) == {"batch", "nan"}
    assert faults(verify(path, skip=["batch", "nan"])) == set()


def test_nan_that_leaks(path: Path) -> None:
    pt2ts.export(modules.Leak(), torch.rand(4, 4), path, inputs=INPUT)
    found = verify(path)
    assert faults(found) == {"nan"}
    assert "reaches the others" in next(item.fault for item in found if item.fault)


def test_nan_for_ordinary_inputs(path: Path) -> None:
    pt2ts.export(modules.Normalized(), torch.randn(4, 4), path, inputs=INPUT)
    done = pt2ts_command("verify", path)
    assert done.code == 1
    assert "output 'output' is NaN for inputs inside their ranges (zeros)" in done.err
    assert "guard it in forward, or declare a narrower range" in done.err


def test_nan_outside_the_range_is_a_remark(path: Path) -> None:
    # Zeros are fine here; one end of the range is not, and outside of it anything may happen.
    for declared, expected in (("x[batch,4] float32 1..2", set()), ("x[batch,4] float32 -1..2", {"edges"})):
        pt2ts.export(modules.Root(), torch.rand(4, 4) + 1, path, inputs=[declared])
        assert faults(verify(path)) == expected


def test_several_inputs_without_a_batch(path: Path) -> None:
    pt2ts.export(modules.Pairs(), (torch.randn(3), torch.randn(3)), path, dynamic_batch=False)
    found = verify(path)
    assert faults(found) == set()
    assert "no batch dimension" in next(item.remark for item in found if item.check == "batch")
    assert "one order" in next(item.remark for item in found if item.check == "layout")


def test_no_golden_sample_is_said(path: Path) -> None:
    pt2ts.export(modules.Layers(), torch.randn(4, 4), path, inputs=INPUT, golden=False)
    done = pt2ts_command("verify", path)
    assert done.code == 3
    assert "no golden sample in the file" in done.out
    assert "not compared: golden: no golden sample in the file" in done.err
    assert "reproduces the golden sample" not in done.out
    done = pt2ts_command("verify", path, "--skip", "golden")
    assert done.code == 0
    assert "reproduces the golden sample" not in done.out


def test_json(path: Path) -> None:
    pt2ts.export(modules.MinusMean(), torch.rand(4, 4), path, inputs=INPUT)
    done = pt2ts_command("verify", path, "--json")
    assert done.code == 1
    data = json.loads(done.out)
    assert data["passed"] is False
    assert {item["check"] for item in data["checks"]} == set(CHECKS)
    assert {item["check"] for item in data["checks"] if not item["passed"]} == {"batch", "nan"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--against", "nowhere:f"], "there is no Python module 'nowhere'"),
        (["--against", "faulty_modules:Nothing"], "'faulty_modules' has no 'Nothing'"),
        (["--against", "faulty_modules:Layers", "--arg", "width=3"], "unexpected keyword argument 'width'"),
        (["--against", "faulty_modules:Layers", "--weights", "missing.pt"], "there is no file 'missing.pt' with weights"),
        (["--against", "missing.pt"], "there is no file 'missing.pt'"),
        (["--against", "faulty_modules:Pairs"], "the Python module fails on inputs of the contract"),
        (["--arg", "width=3"], "are for the module of --against"),
        (["--skip", "everything"], "there is no check 'everything'"),
    ],
)
def test_mistakes(path: Path, options: list[str], words: str) -> None:
    pt2ts.export(modules.Layers(), torch.randn(4, 4), path, inputs=INPUT)
    done = pt2ts_command("verify", path, *options)
    assert done.code == 1
    assert words in done.err
    assert "Traceback" not in done.err


def test_missing_file() -> None:
    done = pt2ts_command("verify", "missing.pt")
    assert done.code == 1
    assert done.err == "pt2ts: there is no file missing.pt\n"
