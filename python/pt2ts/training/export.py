"""``export_training``: a whole step of training, compiled into one file that a Fortran program trains with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.export import ExportedProgram

from .. import report
from ..capture.arguments import arrange, call_of
from ..capture.draft import Draft, make_draft
from ..capture.examples import check_ranges, input_specs, make_examples
from ..capture.module_copy import model_copy
from ..capture.program import export_program, weights_of
from ..capture.request import Request, as_bounds, declarations
from ..capture.trials import trials
from ..compile.aoti import Compiled, Recipe, start_program
from ..compile.device import compile_for_device
from ..container.filetype import StrPath
from ..container.package import CODE, EXTRA, WEIGHTS, Content, pack_weights, read_training_spec, save
from ..container.writing import replacing
from ..contract import golden as golden_sample
from ..contract.batch import batch_sizes, batch_symbol
from ..contract.declare import Bounds, Declaration, Declared, as_declaration
from ..contract.formats import Package
from ..contract.former import takes_callbacks
from ..contract.samples import Sizes, make, resize, symbol_sizes
from ..contract.spec import GOLDEN_FILE, Symbol, TensorSpec
from ..contract.training import APPLY, GRADIENTS, MODEL, STEP, StateEntry, TrainingSpec
from ..contract.variants import Variant
from ..errors import DeclarationError, ExportError
from ..explain import explain_run
from ..pytorch.inductor import ON_THE_STACK
from ..runtime.fresh import start
from ..toolchain.devices import find_device
from .comparison import check_training
from .forms import Form, fixed_forms, general_form, serial_form, small_form, uncovered
from .functions import Function, functions_of
from .groups import Given
from .halves import Halves
from .losses import Loss, make_loss
from .options import check_option, whole
from .pieces import Pieces
from .plan import Rules, make_rules
from .state import Entry, StateTensor
from .step import Step, first_run
from .trace import trace

Tensors = Sequence[Tensor]


@takes_callbacks
def export_training(
    module: torch.nn.Module,
    loss: str | Loss,
    optimizer: str,
    example_inputs: Any,
    example_targets: Any,
    path: StrPath,
    *,
    inputs: Declared | None = None,
    targets: Declared | None = None,
    outputs: Declared | None = None,
    symbols: Mapping[str, Bounds] | None = None,
    dynamic_batch: bool = True,
    learning_rate: float | None = None,
    schedule: str = "constant",
    groups: Given | None = None,
    clip_norm: float | None = None,
    clip_value: float | None = None,
    skip_nonfinite: bool = True,
    seed: int = 0,
    name: str | None = None,
    description: str = "",
    isa: str | None = None,
    threads: int = 0,
    batch: Sequence[int] = (),
    tolerance: float | None = None,
    halves: bool = False,
    device: str | None = None,
) -> TrainingSpec:
    """Compile forward, loss, backward, clipping, optimizer and schedule into one file, with the weights to start from.

    The file holds three compiled functions: a step, an evaluation (loss without a step, in evaluation mode) and the model itself;
    with ``halves`` also the two halves of a step.
    Before it takes its final name it runs in a fresh process, and its steps are compared with those of the module and
    ``torch.optim``.

    Parameters
    ----------
    module
        The network with its first weights. It is copied; weights with ``requires_grad=False`` stay as they are.
    loss
        A name with options, such as ``"mse"`` or ``"huber delta=0.5"``, or a function ``loss(outputs, targets)`` of what forward
        returns and the target (a tuple where there are several), which returns one number.
    optimizer
        A name with options, such as ``"adam"`` or ``"sgd momentum=0.9 nesterov=true"``.
    example_inputs, example_targets
        Typical inputs and targets; None makes some from full declarations.
    path
        The file to write, ``*.pt2``.
    inputs, targets, outputs, symbols, dynamic_batch, name, description
        As in `export`; targets are declared like inputs.
    learning_rate
        The base rate; that of the optimizer unless given.
    schedule
        How the rate changes from step to step, such as ``"cosine schedule_steps=5900 warmup_steps=100"``.
    groups
        For weights whose names fit a pattern, a ``learning_rate`` or ``weight_decay`` of their own:
        ``{"encoder.*": {"learning_rate": 1e-4}, "*bias": {"weight_decay": 0.0}}``. In a pattern ``*`` stands for any characters
        and ``?`` for one. The rates keep their proportion to the base rate when that is set.
    clip_norm
        Largest norm of all gradients together.
    clip_value
        Largest element of a gradient.
    skip_nonfinite
        A step whose loss or gradients are infinite or not numbers changes nothing, and its loss is NaN.
    seed
        Where the random numbers of dropout start; the Fortran program may set another.
    isa, threads
        As in `export`.
    batch
        Sizes of the batch with code of their own, a few per cent faster. Every other size is computed as well: there is code for
        small ones and for large ones, whatever the size of the examples.
    tolerance
        Part of the largest movement of a tensor in a step by which each of its numbers may move otherwise than by ``torch.optim``;
        1e-4 (float32) or 1e-9 (float64), and what rounding of the gradients explains.
    halves
        Compile the two halves of a step too: the gradients of a batch, and the update by gradients that a program may have
        averaged over its ranks in between.
    device
        Code for a kind of device beside that for the CPU: ``cuda``, ``hip``, ``xpu`` or ``mps``. It is compiled where such a
        device is, and its steps are compared there too. The program that loads the file chooses by its ``device_type``.

    Returns
    -------
    TrainingSpec
        The contract that was written.

    Raises
    ------
    UnexportableError
        The module or the loss cannot be compiled; says why, where, and what to do.
    CheckError
        The file does not do what the module does.
    ExportError
        Anything else about module, loss or file.
    DeclarationError
        A declaration or an option is wrong.

    Examples
    --------
    >>> pt2ts.export_training(net, "mse", "adam", x, y, "train.pt2", learning_rate=3e-3)  # doctest: +SKIP
    """
    file = Path(path)
    if file.suffix != ".pt2":
        raise DeclarationError(f"the file {file.name} does not end in .pt2", "a training package is a .pt2 file: train.pt2")
    if file.is_dir() or not file.parent.is_dir():
        raise ExportError(f"cannot write {file}: " + ("it is a folder" if file.is_dir() else f"there is no folder {file.parent}"))
    options = Package(isa=isa, threads=threads, batch=())
    place = None if device is None else find_device(device)
    rules = make_rules(optimizer, learning_rate, schedule, groups, clip_norm, clip_value, skip_nonfinite=skip_nonfinite)
    function, loss_text = make_loss(loss)
    seed = check_option("seed", seed, whole(0))

    report.step("reading the module")
    start()
    request = Request(
        name=name or file.stem, inputs=declarations(inputs), outputs=declarations(outputs), symbols=as_bounds(symbols),
        dynamic_batch=dynamic_batch, golden=True, description=description,
    )  # fmt: skip
    examples = make_examples(model_copy(module, None), example_inputs, request)
    draft = make_draft(examples, trials(examples), request)
    job = _Job(draft, options, place)
    job.add_targets(example_targets, targets, dynamic_batch=dynamic_batch)
    job.own_batches = batch_sizes(tuple(batch), job.batch, job.symbols)
    learning = Step(draft.module, function, rules, len(draft.spec.inputs))
    state = first_run(learning, job.tensors, seed)
    tried = job.trials(learning, state)
    split = Halves(learning, {item.name: item.value for item in state}, job.tensors) if halves else None
    members, spec = job.compile(learning, state, split)
    spec = replace(spec, training=_facts(loss_text, rules))
    report.step("checking the steps")
    with replacing(file) as (new,):
        with new.open() as content:
            save(content, members, spec)
        check_training(new.path, learning, [*tried, *job.further_trials(tried)], tolerance, halves=halves)
        if place is not None:
            report.step(f"checking the steps on {place.type}")
            check_training(new.path, learning, tried, tolerance, halves=halves, device=place.type)
    return read_training_spec(file)


def _facts(loss: str, rules: Rules) -> dict[str, Any]:
    return {
        "loss": loss,
        "optimizer": rules.optimizer.text(),
        "schedule": rules.schedule.text(),
        "groups": [group.text() for group in rules.groups],
        "clip_norm": rules.clip_norm,
        "clip_value": rules.clip_value,
        "skip_nonfinite": rules.skip_nonfinite,
    }


class _Targets(torch.nn.Module):
    """Stands for the loss where a module is asked for the names of its arguments: it has none."""

    def forward(self) -> None:
        """Take nothing."""


class _Job:
    """What is compiled for one file."""

    def __init__(self, draft: Draft, options: Package, place: torch.device | None) -> None:
        self.draft, self.threads, self.isa, self.place = draft, options.threads, options.instruction_set(), place
        self.targets: tuple[TensorSpec, ...] = ()
        self.specs: tuple[TensorSpec, ...] = ()
        self.tensors: list[Tensor] = []
        self.sizes: Sizes = {}
        self.symbols: dict[str, Symbol] = {}
        self.batch: str | None = None
        self.own_batches: Sequence[int] = ()
        self.forms: dict[str, list[Form]] = {}

    def add_targets(self, given: Any, declared: Declared | None, *, dynamic_batch: bool) -> None:
        """Take the targets, declared or as they come."""
        items = None if declared is None else [as_declaration(item) for item in declared]
        bounds = dict(self.draft.spec.symbols)
        if given is not None:
            found, _ = arrange(_Targets(), call_of(_Targets(), given, [item.name for item in items or ()]))
            examples = [tensor for _, tensor in found]
        elif items is not None:
            examples = make(items, bounds)
        else:
            raise DeclarationError("neither example targets nor their declarations are given", "pass one of them")
        if items is None:
            names = ["target"] if len(examples) == 1 else [f"target{n}" for n in range(1, len(examples) + 1)]
            items = [Declaration(name) for name in names]
        self.targets = input_specs([], examples, items, dynamic_batch=dynamic_batch)
        check_ranges(self.targets, symbol_sizes(self.targets, examples))
        self.specs = (*self.draft.spec.inputs, *self.targets)
        self.tensors = [*self.draft.examples, *examples]
        self.sizes = symbol_sizes(self.specs, self.tensors)
        self.symbols = {name: bounds.get(name, Symbol()) for name in self.sizes}
        self.batch = batch_symbol(self.specs, self.symbols)
        if self.batch is not None and self.symbols[self.batch].multiple > 1:
            raise DeclarationError(
                f"the size '{self.batch}' is {self.symbols[self.batch].text()}", "a batch to train with has samples of any number"
            )
        names = [spec.name for spec in self.specs]
        for name in names:
            if names.count(name) > 1:
                raise DeclarationError(f"two inputs or targets are called '{name}'", "name them by inputs=[...] and targets=[...]")

    def trials(self, step: Step, state: Sequence[StateTensor]) -> list[Tensors]:
        """Return examples of several sizes on which a step works in Python."""
        values = {item.name: item.value for item in state}
        found: list[Tensors] = [self.tensors]
        larger = {name: self.symbols[name].nearest(size + 3) for name, size in self.sizes.items()}
        for sizes in (larger, {name: bounds.min for name, bounds in self.symbols.items()}):
            tensors = resize(self.specs, self.tensors, sizes)
            try:
                step.step(values, tensors)
            except Exception as error:  # whatever the user's own code raises
                why = explain_run(error)
                text = ", ".join(f"{name}={size}" for name, size in sizes.items())
                hint = f"say which sizes it can be trained with: symbols={{'{next(iter(sizes))}': (2, None)}}"
                raise ExportError(f"a step fails with {text}: {why.reason}", hint) from error
            found.append(tensors)
        return found

    def _sizes(self, form: Form) -> Sizes:
        """Return sizes to record with: those left open are all different and at least 2, since PyTorch takes 0 and 1 for fixed."""
        taken = {size for spec in self.specs for size in spec.shape if isinstance(size, int)}
        chosen: Sizes = {}
        for name, size in self.sizes.items():
            bounds = self.symbols[name]
            if name == self.batch and form.size is not None:
                below = () if form.fixed else (n for n in range(form.size, 1, -1) if n not in taken)
                chosen[name] = next(iter(below), form.size)
            else:
                free = next(n for n in bounds.from_on(max(2, bounds.nearest(size))) if n not in taken)
                chosen[name] = free if bounds.admits(free) else bounds.max or free
            taken.add(chosen[name])
        return chosen

    def _record(self, name: str, function: Function, values: Mapping[str, Tensor], form: Form, pieces: Pieces) -> ExportedProgram:
        """Record one function in one form."""
        tensors = [tensor.contiguous() for tensor in resize(self.specs, self.tensors, self._sizes(form))]
        count = {MODEL: len(self.draft.spec.inputs), APPLY: 0}.get(name, len(tensors))
        given, specs = tensors[:count], form.specs(self.batch, self.specs[:count])
        graph = trace(function.flat, values, function.reads, given, specs, pieces)
        symbols = {key: self.symbols[key] for spec in specs for key in spec.shape if isinstance(key, str)}
        entry = Entry(name, graph, values, function.reads, function.writes)
        return export_program(entry, specs, given, symbols, stateful=True)

    def _general(self, name: str) -> Form:
        """Return the form of a function for any size."""
        if self.batch is None or name == APPLY:
            return Form(threads=self.threads)
        return general_form(self.batch, self.tensors, self.sizes, self.symbols[self.batch], self.threads)

    def _programs(self, name: str, function: Function, values: Mapping[str, Tensor]) -> Iterator[tuple[Form, ExportedProgram]]:
        """Record one function in all its forms; the first that admits a size is the best one for it."""

        def record(form: Form, pieces: Pieces) -> ExportedProgram:
            return self._record(name, function, values, form, pieces)

        general, met = self._general(name), Pieces()
        if self.batch is None or name == APPLY:
            yield general, record(general, met)
            return
        symbol = self.symbols[self.batch]
        of_general = record(general, met)
        small = small_form(general, symbol, met)
        for form in (*fixed_forms(self.own_batches, self.threads), *([small] if small else [])):
            yield form, record(form, Pieces())
        # A step has the most loops. Weights that are longer than the loops over a batch want the threads at every size.
        if name in (STEP, GRADIENTS) and (serial := serial_form(general, symbol, of_general, small)) is not None:
            program = record(serial, Pieces())
            if serial.loop_threads(program, symbol) == 1:
                yield serial, program
        yield general, of_general

    def compile(self, step: Step, state: Sequence[StateTensor], halves: Halves | None) -> tuple[dict[str, Content], TrainingSpec]:
        """Return the members of the package and its contract."""
        functions, values = functions_of(step, {item.name: item.value for item in state}, self.tensors, halves)
        members: dict[str, Content] = {}
        constants: dict[str, StateTensor] = {}
        variants = []
        started: dict[str, Callable[[], Compiled]] = {}
        for function_name, function in functions.items():
            for form, program in self._programs(function_name, function, values):
                name = function_name + form.suffix
                report.step(f"compiling '{name}'")
                constants |= _constants(program, values)
                # Asking PyTorch for memory for each number between the parts of a step took a quarter of a small network's step.
                of_batch = None if self.batch is None or function_name == APPLY else self.symbols[self.batch]
                loop_threads = form.loop_threads(program, of_batch)
                started[name] = start_program(program, self.isa, loop_threads, Recipe(), ON_THE_STACK)
                variants.append(Variant(name, "aoti", form.sizes(self.batch), self.isa.to_dict(), "shared", form.threads))
                self.forms.setdefault(function_name, []).append(form)
        report.step("waiting for the C++ compiler")
        for name, finish in started.items():
            compiled = finish()
            _require_shared(name, compiled.weights)
            members |= {f"{CODE}{name}/{key}": content for key, content in compiled.files.items()}
        if self.place is not None:
            for function_name, function in functions.items():
                program = self._record(function_name, function, values, self._general(function_name), Pieces(products=False))
                constants |= _constants(program, values)
                name = f"{function_name}_{self.place.type}"
                built = compile_for_device(name, program, self.place, self.isa, {}, tf32=False)
                _require_shared(name, built.variant.weights)
                members |= built.members
                variants.append(built.variant)
        everything = [*state, *constants.values()]
        blob, places = pack_weights([(item.name, item.value) for item in everything], frozenset(step.parameters))
        members[WEIGHTS] = blob
        if self.draft.golden is not None:
            members[EXTRA + GOLDEN_FILE] = golden_sample.to_bytes(self.draft.golden)
        entries_of_state = tuple(StateEntry(place, item.role) for place, item in zip(places, everything, strict=True))
        spec = TrainingSpec(**{
            **vars(self.draft.spec),
            "kind": "training",
            "isa": self.isa.name,
            "symbols": {**self.draft.spec.symbols, **self.symbols},
            "weights": tuple(entry.place for entry in entries_of_state if entry.role in ("parameter", "buffer", "constant")),
            "variants": tuple(variants),
            "targets": self.targets,
            "state": entries_of_state,
            "exchange": None if halves is None else halves.layout,
        })  # fmt: skip
        return members, spec

    def further_trials(self, tried: Sequence[Tensors]) -> list[Tensors]:
        """Return examples of the sizes that the forms of a step or its half are for and that no trial has."""
        if self.batch is None:
            return []
        sizes = [symbol_sizes(self.specs, tensors)[self.batch] for tensors in tried]
        missing: list[int] = []
        for function in (STEP, GRADIENTS):
            missing += uncovered(self.forms.get(function, []), self.symbols[self.batch], [*sizes, *missing])
        return [resize(self.specs, self.tensors, {**self.sizes, self.batch: size}) for size in missing]


def _constants(program: ExportedProgram, values: Mapping[str, Tensor]) -> dict[str, StateTensor]:
    """Return the tensors that a program has beside the state."""
    return {key: StateTensor(key, "constant", value.clone()) for key, value in weights_of(program) if key not in values}


def _require_shared(name: str, weights: str) -> None:
    if weights != "shared":
        raise ExportError(f"the compiler keeps tensors of its own in '{name}'", "please report the module")
