"""Ten faults that a check must find, each planted: in the step that is compiled, in the file, or in what it runs in."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import pt2ts
from pt2ts import archive, exporter, package_check, torchscript, training_rules
from pt2ts.check import Check, Trial, compare
from pt2ts.draft import Draft, prepare
from pt2ts.fresh import FreshModel
from pt2ts.golden import to_bytes
from pt2ts.package import FALLBACK, PROGRAM, WEIGHTS, pack_weights, save
from pt2ts.packager import Package
from pt2ts.spec import GOLDEN_FILE, SPEC_FILE
from pt2ts.step_check import StepCheck, check_training
from pt2ts.training_losses import make_loss
from pt2ts.training_plan import make_rules
from pt2ts.training_run import Trainer
from pt2ts.training_step import Step, first_run
from pt2ts.variants import Variant

from .. import training_files
from . import faulty_modules as modules
from .test_cli import pt2ts_command

State = dict[str, Tensor]
Fault = Callable[[State, State], State]

INPUT = ["x[batch,4] float32 -2..3"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.pt"


# ------------------------------------------------------------------------------------------------------------ training


class Imitation:
    """Stands for a compiled step: the functions that would be compiled, run as they are; a fault may change what they leave."""

    def __init__(self, step: Step, state: State, fault: Fault = lambda _old, new: new) -> None:
        self.made_of, self.values, self.fault = step, state, fault

    def step(self, tensors: Sequence[Tensor], n_inputs: int) -> float:
        assert n_inputs == self.made_of.n_inputs
        loss, new = self.made_of.step(self.values, tensors)
        old, whole = self.values, self.values | {name: value.detach().clone() for name, value in new.items()}
        self.values = self.fault(old, whole)
        return float(loss)

    def evaluate(self, tensors: Sequence[Tensor], n_inputs: int) -> float:
        assert n_inputs == self.made_of.n_inputs
        return float(self.made_of.evaluate(self.values, tensors))

    def state(self) -> State:
        return dict(self.values)

    def set_state(self, values: Mapping[str, Tensor]) -> None:
        self.values = {name: value.clone() for name, value in values.items()}


def data(dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    source = torch.Generator().manual_seed(7)
    x = torch.randn(16, 5, generator=source, dtype=torch.float64)
    return x.to(dtype), torch.sin(x[:, :3]).to(dtype)


def step_of(optimizer: str, size: float = 1.0, dtype: torch.dtype = torch.float32, schedule: str = "constant") -> Step:
    """Return a step of a network with all that a step can change, whose gradients are of a given size."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(5, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Dropout(0.2), nn.Linear(8, 3)).to(dtype)

    def loss(output: Any, target: Any) -> Tensor:
        return ((output - target) ** 2).mean() * size

    return Step(net, loss, make_rules(optimizer, None, schedule, None, None, None, skip_nonfinite=True), 1)


def examine_step(step: Step, dtype: torch.dtype = torch.float32, fault: Fault = lambda _old, new: new) -> list[Check]:
    x, y = data(dtype)
    notes: list[Check] = []
    state = {item.name: item.value for item in first_run(step, (x, y), 0)}
    StepCheck(Imitation(step, state, fault), step, notes.append).check([(x, y), (x[:7], y[:7])])
    return notes


@pytest.mark.parametrize("size", [1.0, 1e-10])
@pytest.mark.parametrize(
    ("optimizer", "dtype"),
    [
        ("sgd", torch.float32),
        ("sgd momentum=0.9 nesterov=true weight_decay=0.01", torch.float32),
        ("sgd momentum=0.9 dampening=0.5", torch.float64),
        ("adam", torch.float32),
        ("adam weight_decay=0.1", torch.float64),
        ("adamw amsgrad=true", torch.float32),
    ],
)
def test_a_right_step_passes(optimizer: str, dtype: torch.dtype, size: float) -> None:
    schedule = "cosine schedule_steps=50 warmup_steps=5"
    notes = examine_step(step_of(optimizer, size, dtype, schedule), dtype)
    near = max((note.difference / note.allowed, note.form, note.output) for note in notes if note.allowed)
    assert near[0] < 0.5, near  # with room: other processors round otherwise


def weights_of(state: State) -> list[str]:
    return [name for name in state if name.endswith((".weight", ".bias")) and name[0].isdigit()]


def same_weights(old: State, new: State) -> State:
    return new | {name: old[name] for name in weights_of(new)}


def opposite_step(old: State, new: State) -> State:
    return new | {name: 2 * old[name] - new[name] for name in weights_of(new)}


def one_weight_kept(old: State, new: State) -> State:
    value = new["4.weight"].clone()
    value[1, 2] = old["4.weight"][1, 2]
    return new | {"4.weight": value}


def stale_buffer(old: State, new: State) -> State:
    return new | {"1.running_mean": old["1.running_mean"]}


def not_a_number(_: State, new: State) -> State:
    value = new["4.bias"].clone()
    value[1] = torch.nan
    return new | {"4.bias": value}


@pytest.mark.parametrize("size", [1.0, 1e-10])
@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw"])
@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (same_weights, r"'\d\.\w+' differs by .*: it is not moved at all"),
        (opposite_step, r"'\d\.\w+' differs by .*: it is moved in the opposite direction"),
        (one_weight_kept, r"'4\.weight' differs by"),
        (stale_buffer, r"'1\.running_mean' differs by .*: it is not moved at all"),
        (not_a_number, r"'4\.bias' differs: 1 of 3 numbers are NaN or infinite on one side only"),
    ],
)
def test_a_wrong_step_is_found_whatever_the_size_of_the_gradients(fault: Fault, words: str, optimizer: str, size: float) -> None:
    with pytest.raises(pt2ts.CheckError, match=words):
        examine_step(step_of(optimizer, size), fault=fault)


def plant_rule(monkeypatch: pytest.MonkeyPatch, name: str, **changed: Any) -> None:
    """Change the source of a rule of optimization."""
    monkeypatch.setitem(training_rules.OPTIMIZERS, name, training_rules.OPTIMIZERS[name]._replace(**changed))


@pytest.mark.parametrize("size", [1.0, 1e-10])
@pytest.mark.parametrize("optimizer", ["adam", "adamw"])
@pytest.mark.parametrize("number", ["size", "root"])
def test_a_wrong_bias_correction_is_found(monkeypatch: pytest.MonkeyPatch, optimizer: str, number: str, size: float) -> None:
    right = training_rules.OPTIMIZERS[optimizer]

    def numbers(*arguments: Any) -> dict[str, Tensor]:
        found = right.numbers(*arguments)
        return found | {number: found["rate"] if number == "size" else torch.ones_like(found["root"])}

    plant_rule(monkeypatch, optimizer, numbers=numbers)
    with pytest.raises(pt2ts.CheckError, match=r"disagrees with torch\.optim .* differs by"):
        examine_step(step_of(optimizer, size))


@pytest.mark.parametrize("optimizer", ["sgd weight_decay=1e-4", "adam weight_decay=1e-4", "adamw weight_decay=1e-4"])
def test_a_forgotten_weight_decay_is_found(monkeypatch: pytest.MonkeyPatch, optimizer: str) -> None:
    name = optimizer.split()[0]
    right = training_rules.OPTIMIZERS[name]

    def update(choice: Any, *arguments: Any) -> Any:
        return right.update(replace(choice, options={**choice.options, "weight_decay": 0.0}), *arguments)

    plant_rule(monkeypatch, name, update=update)
    with pytest.raises(pt2ts.CheckError, match=r"disagrees with torch\.optim .* differs by"):
        examine_step(step_of(optimizer))


def test_a_step_of_which_nothing_can_be_seen_does_not_pass() -> None:
    with pytest.raises(pt2ts.CheckError, match="no weight is moved further than rounding"):
        examine_step(step_of("sgd", 0.0))


def test_the_steps_of_a_file_run_in_a_fresh_process() -> None:
    """A file is compared with a module that learns in another way than what was compiled."""
    file = training_files.training_file("line")
    step = Step(training_files.Line(), make_loss("mse")[0], make_rules("adam", 0.01, "constant"), 1)
    examples = training_files.line_data()
    first_run(step, examples, 0)
    notes: list[Check] = []
    assert "trainer.exp_avg.net.0.weight" in Trainer(file).state
    check_training(file, step, [examples], notes.append)
    assert {"step 1", "state after step 3", "a large step", "model"} <= {note.form for note in notes}
    other = Step(training_files.Line(), make_loss("mse")[0], make_rules("adam beta_2=0.99", 0.01, "constant"), 1)
    first_run(other, examples, 0)
    with pytest.raises(pt2ts.CheckError, match=r"disagrees with torch\.optim on \[32, 1\], \[32, 1\]: after step 1"):
        check_training(file, other, [examples])
    with pytest.raises(pt2ts.CheckError, match="no weight is moved further than rounding"):
        check_training(file, step, [(examples[0] * torch.nan, examples[1])])


@pytest.mark.long
def test_a_step_that_is_compiled_wrong_is_not_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    right = training_rules.OPTIMIZERS["adam"]

    def update(choice: Any, weight: Tensor, *arguments: Any) -> Any:
        new, kept = right.update(choice, weight, *arguments)
        return 2 * weight - new, kept

    plant_rule(monkeypatch, "adam", update=update)
    x, y = training_files.line_data()

    def small(output: Any, target: Any) -> Tensor:
        return ((output - target) ** 2).mean() * 1e-12

    with pytest.raises(pt2ts.CheckError, match="it is moved in the opposite direction"):
        pt2ts.export_training(training_files.Line(), small, "adam", x, y, tmp_path / "train.pt2")
    assert not list(tmp_path.iterdir())


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


def test_rounding_that_the_networks_own_copy_in_float64_explains_is_no_fault(path: Path) -> None:
    module = modules.Cancelling()
    x = torch.rand(16, 64, generator=torch.Generator().manual_seed(1))
    exact = module.double()(x.double())
    apart = float((module.float()(x) - exact).abs().max() / exact.abs().median())
    assert apart > 1e-4  # far more than float32 is allowed otherwise
    pt2ts.export(module, x, path)


def test_nan_on_one_side_is_a_fault_and_on_both_sides_no_comparison() -> None:
    good, bad = torch.tensor([[1.0, 2.0]]), torch.tensor([[1.0, torch.nan]])
    inputs = [torch.zeros(1, 1)]
    for want, have in ((good, bad), (bad, good)):
        with pytest.raises(pt2ts.CheckError, match="output 'y' differs by inf"):
            compare(lambda _, have=have: [("y", have)], [Trial({}, inputs, [("y", want)])], "script")
    notes: list[Check] = []
    nothing = torch.full((1, 2), torch.nan)
    compare(lambda _: [("y", nothing)], [Trial({}, inputs, [("y", nothing)])], "script", note=notes.append)
    assert [note.remark for note in notes] == ["not compared: NaN on both sides"]


def test_bfloat16_is_compared_with_the_module_in_float32() -> None:
    net = modules.Layers()
    x = torch.randn(16, 4, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        want = net(x)
        have = modules.Layers().bfloat16()(x.bfloat16()).float()
    trial = Trial({}, [x], [("y", want)])
    compare(lambda _: [("y", have)], [trial], "variant model", precision="bfloat16")
    with pytest.raises(pt2ts.CheckError, match="differs"):
        compare(lambda _: [("y", have * 1.2)], [trial], "variant model", precision="bfloat16")


def test_a_custom_operator_that_only_python_has(path: Path) -> None:
    library = torch.library.Library("pt2ts_planted", "DEF")
    library.define("twice(Tensor x) -> Tensor")
    library.impl("twice", lambda x: 2 * x, "CompositeExplicitAutograd")
    with pytest.raises(
        pt2ts.CheckError, match=r"a program without Python cannot load the exported file: .*pt2ts_planted::twice"
    ) as e:
        pt2ts.export(modules.Foreign(), torch.randn(8, 4), path)
    assert "operator that only this Python process has" in e.value.hint
    assert not path.exists()
    archive.write(torchscript.script(modules.Foreign()), path, {SPEC_FILE: plain_spec(path)}, lambda _: None)
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
        extra = {SPEC_FILE: swapped(spec).to_json(), GOLDEN_FILE: to_bytes(golden)}
        archive.write(archive.load_script(path), path, extra, lambda _: None)
        done = pt2ts_command("verify", path, "--against", "faulty_modules:TwoNamed")
        assert done.code == 1
        assert "the outputs are in another order" in done.err
        return

    def prepare_swapped(*arguments: Any, **options: Any) -> Draft:
        draft = prepare(*arguments, **options)
        return replace(draft, spec=swapped(draft.spec))

    monkeypatch.setattr(exporter, "prepare", prepare_swapped)
    with pytest.raises(pt2ts.CheckError, match="output 'drag' differs"):
        pt2ts.export(modules.TwoNamed(), x, path)


def swapped(spec: pt2ts.Spec) -> pt2ts.Spec:
    """Return a contract whose outputs have each other's names."""
    first, second = spec.outputs
    return replace(spec, outputs=(replace(first, name=second.name), replace(second, name=first.name)))


def fallback_package(path: Path, script: torch.nn.Module, module: torch.nn.Module, *, torch_version: str = "") -> Package:
    """Write a package that holds TorchScript alone, and a program that nobody can read."""
    draft = prepare(
        module, torch.randn(8, 4), None, None, {}, dynamic_batch=True, dtype=None, golden=True, name="m", description="",
        normalization="inside",
    )  # fmt: skip
    parameters = frozenset(name for name, _ in module.named_parameters())
    blob, weights = pack_weights(list(module.state_dict().items()), parameters)
    variant = Variant("fallback", "torchscript", weights="shared")
    spec = replace(
        draft.spec, kind="inference", weights=weights, variants=(variant,), torch=torch_version or draft.spec.torch
    )  # fmt: skip
    file = path.with_suffix(".script")
    torchscript.save(torchscript.trace(script.eval(), [torch.randn(8, 4)]), file)
    assert draft.golden is not None
    members = {
        WEIGHTS: blob, FALLBACK: file.read_bytes(), PROGRAM: b"no program", f"extra/{GOLDEN_FILE}": to_bytes(draft.golden)
    }  # fmt: skip
    with path.open("wb") as out:
        spec = save(out, members, spec)
    return Package(members, spec, draft.found, draft.module)


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
    names = ("golden", "random", "repeat", "batch", "nan", "edges", "layout", "mode")
    done = pt2ts_command("verify", path, *(word for name in names for word in ("--skip", name)))
    assert done.code == 3
    assert "not compared: nothing, since every check was skipped" in done.err
    assert "stands every check" not in done.out
    assert done.out.count("skipped") == len(names)
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
