"""``export_training``: a whole step of training, compiled into one file that a Fortran program trains with."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..capture.draft import Draft, prepare
from ..capture.examples import collect, input_specs
from ..capture.program import export_program, weights_of
from ..compile.aoti import Compiled, Recipe, start_program
from ..compile.options import PackageOptions, package_options
from ..container.filetype import StrPath
from ..container.package import CODE, WEIGHTS, Content, pack_weights, read_training_spec, save
from ..container.writing import Job, replace_files
from ..contract.declare import Bounds, Declaration, Declared, as_declaration
from ..contract.samples import Sizes, make, resize, symbol_sizes
from ..contract.spec import Symbol, TensorSpec
from ..contract.training import EVALUATE, MODEL, STEP, StateEntry, TrainingSpec
from ..contract.variants import Variant
from ..errors import DeclarationError, ExportError
from ..explain import explain_run
from ..report import Note, Progress, ignore
from ..runtime.fresh import start
from .comparison import check_training
from .groups import Given
from .losses import Loss, make_loss
from .options import check_option, whole
from .plan import Rules, make_rules
from .state import Entry, StateTensor
from .step import Step, first_run
from .trace import trace

Tensors = Sequence[Tensor]

#: A step has many numbers between its parts. Asking PyTorch for memory for each of them took a quarter of a small network's step.
_COMPILER = {"aot_inductor.allow_stack_allocation": True}


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
    tolerance: float | None = None,
    progress: Progress | None = None,
    note: Note = ignore,
) -> TrainingSpec:
    """Compile forward, loss, backward, clipping, optimizer and schedule into one file, with the weights to start from.

    The file holds three compiled functions: a step, an evaluation (loss without a step, in evaluation mode) and the model itself.
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
    tolerance
        Part of the largest movement of a tensor in a step by which each of its numbers may move otherwise than by ``torch.optim``;
        1e-4 (float32) or 1e-9 (float64), and what rounding of the gradients explains.
    progress
        Called with a line of text before each step that takes long.
    note
        Called with every comparison of the compiled step with the module, as a `Check`.

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
    tell: Progress = progress or (lambda _: None)
    options = package_options("torch", isa, threads, None, (), fallback=False)
    rules = make_rules(optimizer, learning_rate, schedule, groups, clip_norm, clip_value, skip_nonfinite=skip_nonfinite)
    function, loss_text = make_loss(loss)
    seed = check_option("seed", seed, whole(0))

    tell("reading the module")
    start()
    draft = prepare(
        module,
        example_inputs,
        None if inputs is None else [as_declaration(item) for item in inputs],
        None if outputs is None else [as_declaration(item) for item in outputs],
        {key: item if isinstance(item, Symbol) else Symbol(*item) for key, item in (symbols or {}).items()},
        dynamic_batch=dynamic_batch, dtype=None, golden=False, name=name or file.stem, description=description,
        normalization="inside",
    )  # fmt: skip
    job = _Job(draft, options, tell)
    job.add_targets(example_targets, targets, dynamic_batch=dynamic_batch)
    step = Step(draft.module, function, rules, len(draft.spec.inputs))
    state = first_run(step, job.tensors, seed)
    trials = job.trials(step, state)
    members, spec = job.compile(step, state)
    spec = replace(spec, training=_facts(loss_text, rules))
    tell("checking the steps")
    replace_files(
        [Job(file, lambda out: save(out, members, spec), lambda made: check_training(made, step, trials, note, tolerance))]
    )
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

    def __init__(self, draft: Draft, options: PackageOptions, tell: Progress) -> None:
        self.draft, self.options, self.tell = draft, options, tell
        self.targets: tuple[TensorSpec, ...] = ()
        self.specs: tuple[TensorSpec, ...] = ()
        self.tensors: list[Tensor] = []
        self.sizes: Sizes = {}
        self.symbols: dict[str, Symbol] = {}

    def add_targets(self, given: Any, declared: Declared | None, *, dynamic_batch: bool) -> None:
        """Take the targets, declared or as they come."""
        items = None if declared is None else [as_declaration(item) for item in declared]
        bounds = dict(self.draft.spec.symbols)
        if given is not None:
            examples = collect(_Targets(), given, [item.name for item in items or ()])
        elif items is not None:
            examples = make(items, bounds)
        else:
            raise DeclarationError("neither example targets nor their declarations are given", "pass one of them")
        if items is None:
            names = ["target"] if len(examples) == 1 else [f"target{n}" for n in range(1, len(examples) + 1)]
            items = [Declaration(name) for name in names]
        self.targets = input_specs(_Targets(), examples, items, dynamic_batch=dynamic_batch)
        self.specs = (*self.draft.spec.inputs, *self.targets)
        self.tensors = [*self.draft.examples, *examples]
        self.sizes = symbol_sizes(self.specs, self.tensors)
        self.symbols = {name: bounds.get(name, Symbol()) for name in self.sizes}
        names = [spec.name for spec in self.specs]
        for name in names:
            if names.count(name) > 1:
                raise DeclarationError(f"two inputs or targets are called '{name}'", "name them by inputs=[...] and targets=[...]")

    def trials(self, step: Step, state: Sequence[StateTensor]) -> list[Tensors]:
        """Return examples of several sizes on which a step works in Python."""
        values = {item.name: item.value for item in state}
        found: list[Tensors] = [self.tensors]
        larger = {name: size + 3 if self.symbols[name].admits(size + 3) else size for name, size in self.sizes.items()}
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

    def _open_sizes(self) -> Sizes:
        """Return sizes to compile with: all different and at least 2, since PyTorch takes 0 and 1 for fixed ones."""
        taken = {size for spec in self.specs for size in spec.shape if isinstance(size, int)}
        chosen: Sizes = {}
        for name, size in self.sizes.items():
            bounds = self.symbols[name]
            free = next(n for n in itertools.count(max(2, bounds.min, min(size, bounds.max or size))) if n not in taken)
            chosen[name] = free if bounds.admits(free) else bounds.max or free
            taken.add(chosen[name])
        return chosen

    def compile(self, step: Step, state: Sequence[StateTensor]) -> tuple[dict[str, Content], TrainingSpec]:
        """Return the members of the package and its contract."""
        values = {item.name: item.value for item in state}
        tensors = [tensor.contiguous() for tensor in resize(self.specs, self.tensors, self._open_sizes())]
        written = list(step.step(values, tensors)[1])
        network = [*step.parameters, *step.buffers]
        entries = {
            STEP: (list(values), written, lambda state, given: _step_results(step, written, state, given)),
            EVALUATE: (network, [], lambda state, given: [step.evaluate(state, given)]),
            MODEL: (network, [], lambda state, given: step.outputs(state, given)),
        }
        members: dict[str, Content] = {}
        everything = list(state)
        variants = []
        started: dict[str, Callable[[], Compiled]] = {}
        for name, (reads, writes, function) in entries.items():
            self.tell(f"compiling '{name}'")
            given, specs = (tensors, self.specs) if name != MODEL else (tensors[: step.n_inputs], self.draft.spec.inputs)

            def flat(*all_of_them: Tensor, reads: list[str] = reads, function: Any = function) -> list[Tensor]:
                found: list[Tensor] = function(dict(zip(reads, all_of_them, strict=False)), all_of_them[len(reads) :])
                return found

            graph = trace(flat, values, reads, given, specs)
            symbols = {key: self.symbols[key] for spec in specs for key in spec.shape if isinstance(key, str)}
            program = export_program(Entry(name, graph, values, reads, writes), specs, given, symbols, stateful=True)
            constants = [item for item in weights_of(program) if item[0] not in values]
            everything += [StateTensor(key, "constant", value.clone()) for key, value in constants]
            started[name] = start_program(program, self.options.isa, self.options.threads, Recipe(), _COMPILER)
        self.tell("waiting for the C++ compiler")
        for name, finish in started.items():
            compiled = finish()
            if compiled.weights != "shared":
                raise ExportError(f"the compiler keeps tensors of its own in '{name}'", "please report the module")
            members |= {f"{CODE}{name}/{key}": content for key, content in compiled.files.items()}
            variants.append(Variant(name, "aoti", {}, self.options.isa.to_dict(), "shared", self.options.threads))
        blob, places = pack_weights([(item.name, item.value) for item in everything], frozenset(step.parameters))
        members[WEIGHTS] = blob
        entries_of_state = tuple(StateEntry(place, item.role) for place, item in zip(places, everything, strict=True))
        spec = TrainingSpec(**{
            **vars(self.draft.spec),
            "kind": "training",
            "isa": self.options.isa.name,
            "symbols": {**self.draft.spec.symbols, **self.symbols},
            "weights": tuple(entry.place for entry in entries_of_state if entry.role in ("parameter", "buffer", "constant")),
            "variants": tuple(variants),
            "targets": self.targets,
            "state": entries_of_state,
        })  # fmt: skip
        return members, spec


def _step_results(step: Step, written: Sequence[str], state: Mapping[str, Tensor], given: Tensors) -> list[Tensor]:
    loss, new = step.step(state, given)
    return [loss, *(new[name] for name in written)]
