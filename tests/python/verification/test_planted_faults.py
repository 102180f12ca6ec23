"""Faults in the file, or in what it runs in, that a check must find; and what cannot be compared (steps: test_planted_steps)."""

from __future__ import annotations

import io
import json
import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import pt2ts
from pt2ts.capture.draft import Draft, make_draft
from pt2ts.capture.examples import make_examples
from pt2ts.capture.module_copy import model_copy
from pt2ts.capture.request import Request
from pt2ts.capture.rounding import Yardstick
from pt2ts.capture.trials import Trial, trials
from pt2ts.compile.assemble import Assembled
from pt2ts.container import reading
from pt2ts.container.package import FALLBACK, PROGRAM, WEIGHTS, Content, pack_weights, save
from pt2ts.contract.golden import to_bytes
from pt2ts.contract.spec import GOLDEN_FILE, SPEC_FILE
from pt2ts.contract.structure import Named
from pt2ts.contract.tolerance import worst
from pt2ts.contract.variants import Variant
from pt2ts.contract.words import CHECKS
from pt2ts.exporting import export as exporter
from pt2ts.pytorch import torchscript
from pt2ts.report import Check, listening
from pt2ts.runtime import fresh
from pt2ts.runtime.fresh import FreshModel
from pt2ts.verification import package as package_check
from pt2ts.verification.compare import Call, compare

from ...support import write_script
from .. import faulty_modules as modules
from ..cli.test_cli import pt2ts_command

INPUT = ["x[batch,4] float32 -2..3"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.pt"


# ----------------------------------------------------------------------------------------------------------- inference


def test_one_weight_changed_between_module_and_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = torchscript.save

    def save_changed(script: Any, *arguments: Any) -> None:
        with torch.no_grad():
            script.two.weight[2, 5] += 1e-3
        written(script, *arguments)

    monkeypatch.setattr(torchscript, "save", save_changed)
    with pytest.raises(pt2ts.CheckError, match="disagrees with the module on batch=8: output 'output' differs"):
        pt2ts.export(modules.Layers(), torch.randn(8, 4), path)
    assert not path.exists()


def test_a_weight_of_a_small_column_beside_large_ones(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = torchscript.save

    def save_changed(script: Any, *arguments: Any) -> None:
        with torch.no_grad():
            script.net.two.weight[2] *= 1.001
            script.net.two.bias[2] *= 1.001
        written(script, *arguments)

    example = torch.randn(16, 4, generator=torch.Generator().manual_seed(1))
    pt2ts.export(modules.Decades(), example, path)
    monkeypatch.setattr(torchscript, "save", save_changed)
    with pytest.raises(pt2ts.CheckError, match="output 'output' differs"):
        pt2ts.export(modules.Decades(), example, path)
    pt2ts.export(modules.Decades(), example, path, tolerance=1e-3)


def test_rounding_that_the_networks_own_copy_in_float64_explains_is_no_fault() -> None:
    module = modules.Cancelling()
    source = torch.Generator().manual_seed(1)
    x = torch.rand(16, 64, generator=source)
    order = torch.cat([torch.tensor([0]), 1 + torch.randperm(63, generator=source)])
    with torch.no_grad():
        want, have = module(x), module(x[:, order])  # the same sums in another order
    (rounding,) = Yardstick(module).measure([x], [want])
    gap, allowed = worst(want, have)
    assert gap > 3 * allowed
    gap, allowed = worst(want, have, rounding=rounding)
    assert gap <= allowed
    trial = Trial({}, [x], [("y", want)], (rounding,))
    compare(gives(have), [trial], "script")
    with pytest.raises(pt2ts.CheckError, match="differs by"):
        compare(gives(have + 5.0), [trial], "script")


@pytest.mark.parametrize("samples", [1, 2, 5, 64])
def test_each_place_of_an_output_that_spans_decades_has_its_own_scale(samples: int) -> None:
    """Float32 itself, adding in another order, passes; a hundredth of the weights of any column does not."""
    module = modules.Convection()
    x = torch.randn(samples, 61, generator=torch.Generator().manual_seed(samples))
    order = torch.randperm(128, generator=torch.Generator().manual_seed(9))
    other = modules.Convection()
    with torch.no_grad():
        other.first.weight.copy_(module.first.weight[order])
        other.first.bias.copy_(module.first.bias[order])
        other.second.weight.copy_(module.second.weight[:, order])
        want, have = module(x), other(x)
    trial = Trial({}, [x], [("y", want)], Yardstick(module).measure([x], [want]))
    assert not torch.equal(want, have)
    compare(gives(have), [trial], "script")
    for place in (0, 74, 147):
        broken = modules.Convection()
        with torch.no_grad():
            broken.last.weight[place] *= 1.01
            wrong = broken(x)
        with pytest.raises(pt2ts.CheckError, match=r"output 'y' differs by \S+ where rounding explains \S+") as error:
            compare(gives(wrong), [trial], "script")
        assert "tolerance=..." in error.value.hint


def gives(value: torch.Tensor) -> Call:
    """Return a model of one output."""

    def call(_: object) -> Named:
        return [("y", value)]

    return call


def test_nan_on_one_side_is_a_fault_and_on_both_sides_no_comparison() -> None:
    good, bad = torch.tensor([[1.0, 2.0]]), torch.tensor([[1.0, torch.nan]])
    inputs = [torch.zeros(1, 1)]
    for want, have in ((good, bad), (bad, good)):
        with pytest.raises(pt2ts.CheckError, match="output 'y' differs by inf"):
            compare(gives(have), [Trial({}, inputs, [("y", want)])], "script")
    notes: list[Check] = []
    nothing = torch.full((1, 2), torch.nan)
    with listening(lambda _: None, notes.append):
        compare(gives(nothing), [Trial({}, inputs, [("y", nothing)])], "script")
    assert [note.remark for note in notes] == ["not compared: NaN on both sides"]


def test_bfloat16_is_compared_with_the_module_in_float32() -> None:
    net = modules.Layers()
    x = torch.randn(16, 4, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        want = net(x)
        have = modules.Layers().bfloat16()(x.bfloat16()).float()
    trial = Trial({}, [x], [("y", want)])
    compare(gives(have), [trial], "variant model", precision="bfloat16")
    with pytest.raises(pt2ts.CheckError, match="differs"):
        compare(gives(have * 1.2), [trial], "variant model", precision="bfloat16")


def test_a_custom_operator_that_only_python_has(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pt2ts.capture.script.check_script", lambda _: None)  # it looks for such operators by their names
    library: Any = torch.library.Library("pt2ts_planted", "DEF")  # type: ignore[no-untyped-call]
    library.define("twice(Tensor x) -> Tensor")
    library.impl("twice", lambda x: 2 * x, "CompositeExplicitAutograd")
    with pytest.raises(
        pt2ts.CheckError, match=r"a program without Python cannot load the exported file: .*pt2ts_planted::twice"
    ) as e:
        pt2ts.export(modules.Foreign(), torch.randn(8, 4), path)
    assert "operator that only this Python process has" in e.value.hint
    assert not path.exists()
    write_script(torchscript.script(modules.Foreign()), path, {SPEC_FILE: plain_spec(path)})
    done = pt2ts_command("verify", path)
    assert done.code == 1
    assert "Unknown builtin op: pt2ts_planted::twice" in done.err


def plain_spec(path: Path) -> str:
    pt2ts.export(nn.Identity(), torch.randn(8, 4), path)
    return pt2ts.read_spec(path).to_json()


@pytest.mark.parametrize("command", [False, True])
def test_swapped_outputs(path: Path, monkeypatch: pytest.MonkeyPatch, command: bool) -> None:
    """The names in the contract are exchanged; both outputs have one shape."""
    x = torch.randn(8, 4)
    if command:
        pt2ts.export(modules.TwoNamed(), x, path)
        spec, golden = pt2ts.read_spec(path), pt2ts.read_golden(path)
        assert golden is not None
        extra: dict[str, str | bytes] = {SPEC_FILE: swapped(spec).to_json(), GOLDEN_FILE: to_bytes(golden)}
        write_script(reading.load_script(path), path, extra)
        done = pt2ts_command("verify", path, "--against", "faulty_modules:TwoNamed")
        assert done.code == 1
        assert "the outputs are in another order" in done.err
        return

    def swapped_draft(*arguments: Any) -> Draft:
        draft = make_draft(*arguments)
        return replace(draft, spec=swapped(draft.spec))

    monkeypatch.setattr(exporter, "make_draft", swapped_draft)
    with pytest.raises(pt2ts.CheckError, match="output 'drag' differs"):
        pt2ts.export(modules.TwoNamed(), x, path)


def swapped(spec: pt2ts.Spec) -> pt2ts.Spec:
    """Return a contract whose outputs have each other's names."""
    first, second = spec.outputs
    return replace(spec, outputs=(replace(first, name=second.name), replace(second, name=first.name)))


def fallback_package(path: Path, script: torch.nn.Module, module: torch.nn.Module, *, torch_version: str = "") -> Assembled:
    """Write a package that holds TorchScript alone, and a program that nobody can read."""
    request = Request("m")
    examples = make_examples(model_copy(module, None), torch.randn(8, 4), request)
    draft = make_draft(examples, trials(examples), request)
    parameters = frozenset(name for name, _ in module.named_parameters())
    blob, weights = pack_weights(list(module.state_dict().items()), parameters)
    variant = Variant("fallback", "torchscript", weights="shared")
    spec = replace(
        draft.spec, kind="inference", weights=weights, variants=(variant,), torch=torch_version or draft.spec.torch
    )  # fmt: skip
    inside = io.BytesIO()
    torchscript.save(torchscript.trace(script.eval(), [torch.randn(8, 4)]), inside)
    assert draft.golden is not None
    members: dict[str, Content] = {
        WEIGHTS: blob, FALLBACK: inside.getvalue(), PROGRAM: b"no program", f"extra/{GOLDEN_FILE}": to_bytes(draft.golden)
    }  # fmt: skip
    with path.open("wb") as out:
        spec = save(out, members, spec)
    return Assembled(members, spec, draft.found, draft.module)


def test_a_stale_buffer_is_found_when_weights_are_replaced(tmp_path: Path) -> None:
    path = tmp_path / "model.pt2"
    package_check.check_package(path, fallback_package(path, modules.Centred(), modules.Centred()))
    stale = fallback_package(path, modules.CentredByCopy(), modules.Centred())
    with pytest.raises(pt2ts.CheckError, match="output 'output' differs"):
        package_check.check_package(path, stale)


# -------------------------------------------------------------------------------------------------------- not compared


def test_a_program_of_another_version_of_torch_is_not_compared(tmp_path: Path) -> None:
    path = tmp_path / "model.pt2"
    fallback_package(path, modules.Layers(), modules.Layers(), torch_version="1.13.0")
    done = pt2ts_command("verify", path)
    assert done.code == 3
    here = torch.__version__.split("+")[0]
    assert f"not compared: random: the program in the file was made by PyTorch 1.13.0, here is {here}: give --against" in done.err
    assert "stands every check" not in done.out
    found = json.loads(pt2ts_command("verify", path, "--json").out)
    assert (found["passed"], found["compared"]) == (True, False)
    assert {item["check"] for item in found["checks"] if item["status"] == "not compared"} == {"random", "edges"}
    assert pt2ts_command("verify", path, "--against", "faulty_modules:Layers").code == 0


def test_skipping_everything_is_no_success(path: Path) -> None:
    pt2ts.export(modules.Layers(), torch.randn(4, 4), path, inputs=INPUT)
    done = pt2ts_command("verify", path, *(word for name in CHECKS for word in ("--skip", name)))
    assert done.code == 3
    assert "not compared: nothing, since every check was skipped" in done.err
    assert "stands every check" not in done.out
    assert done.out.count("skipped") == len(CHECKS)
    done = pt2ts_command("verify", path, "--skip", "nan", "--skip", "batch")
    assert done.code == 0
    assert "stands every check but what was skipped: batch, nan" in done.out


def test_numbers_that_are_nan_on_both_sides_are_not_compared(path: Path) -> None:
    with pytest.warns(UserWarning, match="contains NaN"):
        pt2ts.export(modules.OnlyNaN(), torch.randn(4, 4), path)
    done = pt2ts_command("verify", path, "--skip", "edges", "--skip", "nan")
    assert done.code == 3
    assert "not compared: random: NaN on both sides" in done.err


# --------------------------------------------------------------------------------------------------- the fresh process


def test_the_process_has_the_library_and_nothing_of_python_in_it(path: Path) -> None:
    pt2ts.export(modules.Layers(), torch.randn(4, 4), path)
    with FreshModel(path) as model:
        maps = Path(f"/proc/{model._pid}/maps").read_text()
        assert "libtorch_cpu" in maps
        assert not any(name in maps for name in ("libtorch_python", "numpy", "_bridge"))


def test_a_library_that_is_not_there_is_explained(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pt2ts.export(modules.Layers(), torch.randn(4, 4), path)
    missing = str(path.with_name("libctorch.so"))
    with monkeypatch.context() as patch:
        patch.setattr(fresh, "_surroundings", lambda: (missing, os.getpid(), {}))
        with pytest.raises(pt2ts.VerifyError, match=r"no process with the library can be started .*libctorch\.so"):
            FreshModel(path)
    with FreshModel(path) as model:
        assert model.self_test() < 1e-5


def test_a_file_that_ends_the_process_is_an_error_here(path: Path) -> None:
    pt2ts.export(modules.Layers(), torch.randn(4, 4), path)
    with FreshModel(path) as model:
        os.kill(model._pid, signal.SIGSEGV)
        with pytest.raises(pt2ts.VerifyError, match="was ended by SIGSEGV"):
            model.forward([torch.randn(4, 4)])
        with pytest.raises(pt2ts.VerifyError, match="has ended"):
            model.forward([torch.randn(4, 4)])
    with FreshModel(path) as model:
        assert model.forward([torch.randn(4, 4)])[0].shape == (4, 3)
