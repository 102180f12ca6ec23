"""Does a written file do what the module does? Every trial is compared, and the first difference beyond rounding is an error."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from ..capture.trials import Trial
from ..contract.dtypes import name_of
from ..contract.structure import Named
from ..contract.tolerance import difference, worst
from ..errors import CheckError, CrashError, VerifyError, option
from ..report import Check, passed

#: TorchScript profiles the first two calls and optimizes from the third on, so three calls see both forms.
_CALLS = 3


#: From inputs to outputs with their names.
Call = Callable[[Sequence[torch.Tensor]], Named]


def compare(
    call: Call,
    found: Sequence[Trial],
    made_by: str | Callable[[], str],
    why: str = "",
    precision: str | None = None,
    tolerance: float | None = None,
) -> None:
    """Insist that the reloaded model agrees with the module in every trial.

    Parameters
    ----------
    call
        Runs the reloaded model.
    found
        What the module does.
    made_by
        How the model was made, for messages; or a function that says after a call what ran.
    why
        Why it was made that way; may be empty.
    precision
        What the network computes in; as the outputs by default.
    tolerance
        The largest absolute difference allowed, where the user has said one.
    """
    for number, trial in enumerate(found):
        rows: list[tuple[str, float, float]] = []
        for _ in range(_CALLS):
            problem = _disagreement(call, trial, precision, tolerance, rows)
            if problem and number == 0:
                raise CheckError(f"the exported file disagrees with the module on {trial.text()}: {problem}", why or _hint(problem))
            if problem:
                raise CheckError(
                    f"the exported file is right for {found[0].text()} only; with {trial.text()} {problem}",
                    _baked_hint(_words(made_by), why),
                )
        if rows:
            passed(Check(_words(made_by), trial.text(), *max(rows, key=lambda row: row[1] / row[2] if row[2] else 0.0)))
        for name in _all_nan(trial):
            passed(Check(_words(made_by), trial.text(), name, 0.0, None, "not compared: NaN on both sides"))


#: Between a difference and its limit.
_WHERE = " where "


def _hint(problem: str) -> str:
    return f"if a difference of that size does not matter, say so: {option('tolerance')}" if _WHERE in problem else ""


def _words(made_by: str | Callable[[], str]) -> str:
    return made_by if isinstance(made_by, str) else made_by()


def _all_nan(trial: Trial) -> list[str]:
    """Return the outputs of which no number can be compared with anything."""
    return [name for name, tensor in trial.outputs if tensor.numel() and bool(tensor.isnan().all())]


def _baked_hint(made_by: str, why: str) -> str:
    if made_by == "trace":
        reason = f" (it was traced because {why})" if why else ""
        return (
            f"the trace froze a size{reason}: take sizes from the tensors (x.shape[0], -1 in reshape) instead of Python numbers, "
            f"make forward scriptable, or pass {option('dynamic_batch', False)}"
        )
    return f"a size is stored in the module: take it from the tensors, or pass {option('dynamic_batch', False)}"


def _disagreement(
    call: Call, trial: Trial, precision: str | None, tolerance: float | None, rows: list[tuple[str, float, float]]
) -> str:
    """Return how a model disagrees, in words; add name, difference and limit of its outputs to ``rows``."""
    try:
        outputs = call(trial.inputs)
    except CrashError as error:
        raise CheckError(f"the exported file ends the program, with {trial.text()}: {error.message}", error.marked) from error
    except (RuntimeError, VerifyError) as error:
        return f"it fails: {(getattr(error, 'message', str(error)).strip().splitlines() or ['no message'])[-1]}"
    if len(outputs) != len(trial.outputs):
        return f"it gives {len(outputs)} outputs, not {len(trial.outputs)}"
    nothing = _all_nan(trial)
    for number, ((name, want), have) in enumerate(zip(trial.outputs, in_order(trial.outputs, outputs), strict=True)):
        if want.shape != have.shape or want.dtype != have.dtype:
            wanted, got = f"{name_of(want)} {list(want.shape)}", f"{name_of(have)} {list(have.shape)}"
            return f"output '{name}' is {got}, not {wanted}"
        gap, allowed = worst(want, have, precision, trial.rounding[number] if trial.rounding else None)
        if tolerance is not None:
            gap, allowed = difference(want, have), tolerance
        if gap > allowed:
            limit = f"rounding explains {allowed:.3g}" if tolerance is None else f"tolerance is {tolerance:.3g}"
            return f"output '{name}' differs by {gap:.3g}{_WHERE}{limit}"
        if name not in nothing:
            rows.append((name, gap, allowed))
    return ""


def in_order(wanted: Named, found: Named) -> list[torch.Tensor]:
    """Return results in the order of ``wanted``: by name where the names are the same ones, otherwise as they come."""
    names = [name for name, _ in wanted]
    if sorted(names) == sorted(name for name, _ in found) and len(set(names)) == len(names):
        values = dict(found)
        return [values[name] for name in names]
    return [tensor for _, tensor in found]
