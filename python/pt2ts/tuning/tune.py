"""``tune``: measure on this machine what runs a package fastest at each size, and keep that."""

from __future__ import annotations

import math
import platform
import statistics
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any

import torch
from torch.export import ExportedProgram

from ..capture.forms import Forms
from ..capture.program import from_bytes
from ..capture.retrace import script_of
from ..capture.trials import Trial, run
from ..compile.variants import Built
from ..compile.work import usual_sizes
from ..container.filetype import Kind, StrPath, kind_of
from ..container.package import FALLBACK, PROGRAM, SPEC, WEIGHTS, members_of, read_members, read_spec_of, save, unpack_weights
from ..container.writing import replacing
from ..contract import golden as golden_sample
from ..contract.batch import check_batch
from ..contract.former import takes_callbacks
from ..contract.layout import in_order, with_layout
from ..contract.samples import Sizes, make_from_specs, symbol_sizes
from ..contract.spec import GOLDEN_FILE, Spec, Symbol
from ..contract.structure import Named
from ..contract.variants import Variant, choose
from ..errors import CheckError, DeclarationError, LoadError, VerifyError
from ..report import step
from ..runtime.fresh import FreshModel, loaded
from ..runtime.library import LibraryModel
from ..runtime.measure import Call, beyond, samples
from ..runtime.runner import PackageRunner
from ..toolchain.devices import find_device
from ..toolchain.isa import Isa, best_here, find_isa, flags_of, missing_flags
from ..verification.compare import compare
from ..verification.package import check_variants
from .candidates import TUNED, Candidate, candidates, renamed
from .on_device import ANY_SIZE, AS_IN_FILE, device_candidates

_ROUNDS = 25

#: A variant whose weights cannot be replaced must be faster than one whose can by more than this.
_MARGIN = 1.03

_CANDIDATE = "candidate"


@dataclass(frozen=True)
class Row:
    """What was measured of one candidate at one size.

    Attributes
    ----------
    sizes
        ``batch=32``.
    candidate
        Which form of the model.
    seconds
        Of one call; None where its numbers were wrong.
    chosen
        Whether the file takes it for this size now.
    """

    sizes: str
    candidate: str
    seconds: float | None
    chosen: bool

    def to_dict(self, cpu: str, threads: int) -> dict[str, Any]:
        """Return the JSON object of the contract."""
        return {
            "sizes": self.sizes, "candidate": self.candidate, "seconds": self.seconds, "chosen": self.chosen, "cpu": cpu,
            "threads": threads,
        }  # fmt: skip


#: Headings of `table`.
COLUMNS = ("sizes", "candidate", "microseconds", "ratio", "")


def table(rows: Sequence[Row]) -> list[tuple[str, ...]]:
    """Return the rows as text; the ratio is to the fastest of the same size."""
    lines: list[tuple[str, ...]] = []
    for row in rows:
        best = min(other.seconds for other in rows if other.sizes == row.sizes and other.seconds is not None)
        time = ("wrong numbers", "") if row.seconds is None else (f"{row.seconds * 1e6:.2f}", f"{row.seconds / best:.2f}")
        lines.append((row.sizes, row.candidate, *time, "chosen" if row.chosen else ""))
    return lines


@dataclass(frozen=True)
class _Opened:
    """A package with all that is needed to compile more variants of it."""

    members: Mapping[str, bytes]
    spec: Spec
    weights: Mapping[str, torch.Tensor]
    forms: Forms
    program: ExportedProgram

    def trial(self, sizes: Sizes, arguments: Sequence[torch.Tensor]) -> Trial:
        """Return what the program itself does, in Python."""
        with torch.no_grad():
            results = self.forms.module(*(tensor.clone() for tensor in arguments))
        names = [spec.name for spec in self.spec.outputs]
        return Trial(sizes, list(arguments), [(name, tensor.clone()) for name, tensor in zip(names, results, strict=True)])


@takes_callbacks
def tune(
    path: StrPath,
    batch: Sequence[int] | None = None,
    *,
    isa: str | None = None,
    limit: float | None = None,
    device: str | None = None,
) -> list[Row]:
    """Find out what runs a package fastest at each batch size on this machine, and rewrite it with that.

    Parameters
    ----------
    path
        A package that `pt2ts.export` wrote. It is replaced in one step, at the end.
    batch
        Batch sizes; 1, 32 and 1024 by default, as far as the bounds admit them.
    isa
        Instruction set of what is compiled; by default the best one that variants of the file have and this CPU can run.
    limit
        Seconds after which nothing further is begun to be compiled, and what there is is measured; none by default.
    device
        Tune for a kind of device of this machine, ``cuda``, ``hip``, ``xpu`` or ``mps``, instead of for the CPU: what the file has
        for it, code for each size, TorchScript. What the file has for the CPU stays as it is.

    Returns
    -------
    list of Row
        What was measured, size by size. TorchScript is among the candidates, so the file is at none of these sizes slower than
        that.

    Raises
    ------
    LoadError
        When the file is no package, or holds no program to compile.
    DeclarationError
        When the sizes or the instruction set are not possible.
    """
    place = torch.device("cpu") if device is None else find_device(device)
    opened = _open(Path(path))
    file_isa = opened.spec.isa or ""
    found_isa = find_isa(isa) if isa else best_here((item.isa for item in opened.spec.variants), file_isa)
    suffix = "" if found_isa.name == file_isa else found_isa.suffix
    symbol = opened.forms.batch
    sizes: Sequence[int | None] = [None]
    if symbol is not None:
        sizes = asked = check_batch(batch, symbol, opened.spec.symbols[symbol])
        if batch is None and asked:
            smallest = max(min(asked), opened.forms.symbols[symbol].min)
            sizes = usual_sizes(asked, opened.forms.fixed(smallest), smallest)
    elif batch:
        raise DeclarationError("batch sizes are given, but no input has a symbolic batch dimension", "leave them out")

    script = opened.members.get(FALLBACK) or script_of(opened.forms)
    enough = _Limit(limit)
    rows: list[Row] = []
    winners: list[Built] = []
    for size in sizes:
        if place.type == "cpu":
            entrants = _entrants(opened, size, script, found_isa, suffix, enough)
        else:
            at = (opened.spec, opened.forms, opened.members)
            entrants = list(device_candidates(*at, size, script, place, found_isa, stop=enough.is_reached))
        measured, winner = _tune_size(opened, size, entrants, place.type)
        rows += measured
        if winner is not None:
            winners.append(winner)
    step("writing the file")
    members, spec = _rewritten(opened, sizes, winners, rows, place.type)
    with replacing(path) as (file,):
        with file.open() as content:
            save(content, members, spec)
        _check(file.path, opened, sizes, place.type)
    return rows


class _Limit:
    """Ends the compiling after some seconds, and says so once."""

    def __init__(self, seconds: float | None) -> None:
        if seconds is not None and not (math.isfinite(seconds) and seconds >= 0):
            raise DeclarationError(f"limit is {seconds}", "give seconds, such as 60")
        self.seconds, self.start, self.said = seconds, monotonic(), False

    def is_reached(self) -> bool:
        reached = self.seconds is not None and monotonic() - self.start >= self.seconds
        if reached and not self.said:
            step(f"{self.seconds:g} seconds are over: further forms are left out")
            self.said = True
        return reached


def _open(path: Path) -> _Opened:
    if not path.is_file():
        raise LoadError(f"there is no file {path}")
    if kind_of(path) is not Kind.PACKAGE:
        raise LoadError(f"{path} is no compiled package", "only those can be tuned: pt2ts export --format pt2")
    members = read_members(path)
    spec = Spec.from_json(members[SPEC])
    if spec.kind != "inference" or PROGRAM not in members:
        what = f"is of the kind '{spec.kind}'" if spec.kind != "inference" else "holds no program to compile"
        raise LoadError(f"{path} {what}", "export the module again by this version of pt2ts")
    weights = unpack_weights(members[WEIGHTS], spec.weights)
    program = from_bytes(members[PROGRAM], weights)
    bounds = {size: spec.symbols[size] for item in spec.inputs for size in item.shape if isinstance(size, str)}
    for variant in spec.variants:
        # The program has the limits of the variant for any size.
        if variant.kind == "aoti" and all(low != high for low, high in variant.sizes.values()):
            bounds |= {name: Symbol(low, bounds[name].max) for name, (low, _) in variant.sizes.items()}
    sample = members.get(f"extra/{GOLDEN_FILE}")
    examples = make_from_specs(spec.inputs, bounds) if sample is None else golden_sample.from_bytes(sample).inputs
    sizes = symbol_sizes(spec.inputs, examples)
    module = program.module(check_guards=False)
    return _Opened(members, spec, weights, Forms(module, True, spec.inputs, examples, sizes, bounds, spec.outputs), program)


def _entrants(opened: _Opened, size: int | None, script: bytes | None, isa: Isa, suffix: str, enough: _Limit) -> list[Candidate]:
    """Return everything that may run one size: what the file has for this CPU, what can be compiled, TorchScript."""
    forms, symbol = opened.forms, str(opened.forms.batch)
    at = {**forms.sizes} if size is None else {**forms.sizes, symbol: size}
    compiled = [item for item in opened.spec.variants if item.kind != "torchscript" and not missing_flags(item.isa)]
    fixed = [item for item in compiled if size is None or item.sizes.get(symbol) == (size, size)]
    found = []
    for label, group in ((ANY_SIZE, [item for item in compiled if item not in fixed]), (AS_IN_FILE, fixed)):
        chosen = choose(group, at)
        # A fixed size that was not asked for is no variant for any size, but it does not admit this one either.
        if chosen is not None:
            found.append(Candidate(label, Built(chosen, members_of(chosen, opened.members))))
    if (size is None or forms.symbols[symbol].admits(size)) and not enough.is_reached():
        program = forms.general()[0] if size is None else forms.fixed(size)
        for item in candidates(forms, size, program, program if size is None else opened.program, opened.weights, isa):
            found.append(Candidate(item.label, renamed(item.built, item.built.variant.name + suffix)))
            if enough.is_reached():
                break
    if script is not None:
        limits = {} if size is None else {symbol: (size, size)}
        name = "torchscript" if size is None else f"torchscript_b{size}"
        found.append(Candidate("TorchScript", Built(Variant(name, "torchscript", limits, weights="own"), {FALLBACK: script})))
    return found


def _tune_size(opened: _Opened, size: int | None, entrants: Sequence[Candidate], place: str) -> tuple[list[Row], Built | None]:
    """Measure the candidates of one size; return the rows, and the winner unless that is the variant for any size."""
    forms = opened.forms
    fixed: Sizes = {} if size is None else {str(forms.batch): size}
    label = ", ".join(f"{name}={value}" for name, value in fixed.items()) or "fixed sizes"
    step(f"{label}: measuring {len(entrants)} candidates")
    arguments = forms.arguments(fixed)
    trial = opened.trial(fixed, arguments)
    # Each candidate gets a name of its own, so that all of them fit into one file.
    numbered = [renamed(item.built, f"{_CANDIDATE}{number}") for number, item in enumerate(entrants)]
    with tempfile.TemporaryDirectory() as folder:
        files = [_alone(opened, item, Path(folder) / f"{number}.pt2") for number, item in enumerate(numbered)]
        good = [number for number, file in enumerate(files) if _agrees(file, trial, opened.spec, place)]
        seconds = dict(zip(good, _measured(opened, [files[number] for number in good], trial, place), strict=True))
    if not seconds:
        raise CheckError(f"no candidate gives the right numbers for {label}")
    best = _best(entrants, seconds)
    rows = [Row(label, item.label, seconds.get(number), number == best) for number, item in enumerate(entrants)]
    winner = entrants[best]
    return rows, None if winner.label == ANY_SIZE else winner.built


def _alone(opened: _Opened, item: Built, path: Path) -> Path:
    """Write a file in which nothing else can be chosen."""
    with path.open("wb") as content:
        save(
            content,
            {WEIGHTS: opened.members[WEIGHTS], **item.members},
            replace(opened.spec, variants=(item.variant,), golden=False),
        )
    return path


def _measured(opened: _Opened, files: Sequence[Path], trial: Trial, place: str) -> list[float]:
    """Return the seconds of a call of each, as the library calls it."""
    inputs = [with_layout(tensor, spec.layout) for tensor, spec in zip(trial.inputs, opened.spec.inputs, strict=True)]
    outputs = [tensor.clone() for _, tensor in trial.outputs]
    calls: list[Call] = []
    with ExitStack() as stack:
        for file in files:
            call, empty = stack.enter_context(LibraryModel(file, place)).calls(inputs, outputs)
            calls += [call] if calls else [empty, call]
        nothing, *others = samples(calls, _ROUNDS) if calls else [[]]
    return [statistics.median(beyond(nothing, times)) for times in others]


def _best(entrants: Sequence[Candidate], seconds: Mapping[int, float]) -> int:
    """Return the fastest; or one almost as fast whose weights can be replaced, when it is not slower than TorchScript."""
    fastest = min(seconds, key=lambda number: seconds[number])
    script = min((s for n, s in seconds.items() if entrants[n].built.variant.kind == "torchscript"), default=float("inf"))
    limit = min(_MARGIN * seconds[fastest], script)
    shared = [n for n, s in seconds.items() if entrants[n].built.variant.weights == "shared" and s <= limit]
    return min(shared, key=lambda number: seconds[number]) if shared else fastest


def _agrees(file: Path, trial: Trial, spec: Spec, place: str) -> bool:
    """Return whether a file with one candidate gives the right numbers."""
    try:
        if place != "cpu":
            with loaded(file, place) as model:
                call = partial(_named, model, spec)
                compare(call, [trial], "candidate", precision=spec.precision_on(place))
            return True
        runner = PackageRunner(file)
        compare(partial(run, runner.call(runner.spec.variants[0])), [trial], "candidate", precision=spec.precision)
    except (CheckError, LoadError, VerifyError):
        return False
    return True


def _named(model: FreshModel, spec: Spec, inputs: Sequence[torch.Tensor]) -> Named:
    return model.named(in_order(spec.inputs, inputs))


def _rewritten(
    opened: _Opened, sizes: Sequence[int | None], winners: Sequence[Built], rows: Sequence[Row], place: str
) -> tuple[dict[str, bytes], Spec]:
    """Return the members and the contract of the tuned file."""
    symbol = str(opened.forms.batch)
    measured = [(size, size) for size in sizes]
    taken = {item.variant.name for item in winners} | (
        {TUNED if place == "cpu" else f"{TUNED}_{place}"} if None in sizes else set()
    )
    kept = [
        item
        for item in opened.spec.variants
        if item.name not in taken
        and ((item.device or "cpu") != place or item.sizes.get(symbol) not in measured or _is_for_older_ones(item, winners))
    ]
    members = {name: content for name, content in opened.members.items() if name in (WEIGHTS, PROGRAM, f"extra/{GOLDEN_FILE}")}
    variants = [item.variant for item in winners] + kept
    for item in winners:
        members |= item.members
    for variant in kept:
        members |= members_of(variant, opened.members)
    cpu, threads = _cpu_name(), torch.get_num_threads()
    others = [row for row in opened.spec.tuning if row.get("device", "cpu") != place]
    on = {} if place == "cpu" else {"device": place}
    tuning = (*others, *(row.to_dict(cpu, threads) | on for row in rows))
    return members, replace(opened.spec, variants=tuple(variants), tuning=tuning)


def _is_for_older_ones(item: Variant, winners: Sequence[Built]) -> bool:
    """Return whether a variant runs on processors that lack what the winner for its sizes needs."""
    needed = [set(flags_of(winner.variant.isa)) for winner in winners if winner.variant.sizes == item.sizes]
    return any(set(flags_of(item.isa)) < flags for flags in needed)


def _check(file: Path, opened: _Opened, sizes: Sequence[int | None], place: str) -> None:
    """Compare the written file on every measured size with the program that it was compiled from: what was tuned of it."""
    forms, trials, spec = opened.forms, [], read_spec_of(file)
    for size in sizes:
        arguments = forms.arguments({} if size is None else {str(forms.batch): size})
        trials.append(opened.trial(symbol_sizes(opened.spec.inputs, arguments), arguments))
    tuned = tuple(item for item in spec.variants if (item.device or place) == place)
    check_variants(file, replace(spec, variants=tuned), trials)


def _cpu_name() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
