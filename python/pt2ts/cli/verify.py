"""The command ``pt2ts verify``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..contract.words import CHECKS
from ..errors import VerifyError
from . import console

#: Exit code where nothing wrong was found, and something could not be looked at.
NOT_COMPARED = 3


def verify(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A model file with a contract.")],
    against: Annotated[
        str | None, typer.Option(metavar="SOURCE", help="What it was made from: package.module:factory, or a saved module.")
    ] = None,
    arg: Annotated[
        list[str] | None, typer.Option("--arg", metavar="KEY=VALUE", help="Argument of the factory; repeat for more.")
    ] = None,
    weights: Annotated[str | None, typer.Option(metavar="FILE", help="state_dict to load into that module.")] = None,
    tolerance: Annotated[
        float | None, typer.Option(min=0.0, help="Largest absolute difference allowed; by dtype otherwise.")
    ] = None,
    skip: Annotated[
        list[str] | None,
        typer.Option(metavar="CHECK", help=f"Leave out {', '.join(CHECKS[:-1])} or {CHECKS[-1]}; repeat for more."),
    ] = None,
    device: Annotated[
        str | None, typer.Option(metavar="NAME", help="Run the file on cuda, hip, xpu or mps; exit 4 where there is none.")
    ] = None,
    trust_pickle: Annotated[bool, typer.Option("--trust-pickle", help="Allow a pickled module, which runs code.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """Try a model file in a fresh process in every way its contract admits; exit 1 for a fault, 3 where something was not compared.

    Its golden sample, random inputs and the edges of what may come, batches of several sizes, both memory orders. The numbers
    are compared with those of the module (--against), or of what lies in the file.
    """
    from ..sources.load import load_complete
    from ..verification import verify as verifying
    from ..verification.outcome import COLUMNS, Status

    if against is None and (arg or weights or trust_pickle):
        raise VerifyError("--arg, --weights and --trust-pickle are for the module of --against", "name it, or leave them out")
    module = None if against is None else load_complete(against, arg, weights, trust_pickle=trust_pickle)
    found = verifying.verify(file, module, tolerance=tolerance, skip=skip or (), device=device)
    faults = {item.fault: item for item in found if item.fault}
    missing = {(item.check, item.remark): item for item in found if item.status is Status.NOT_COMPARED}
    made = any(item.status is Status.OK for item in found)
    if as_json:
        facts = {"file": str(file), "passed": not faults, "compared": made and not missing}
        console.as_json({**facts, "checks": [item.to_dict() for item in found]})
    else:
        console.table(COLUMNS, [item.row() for item in found])
    for item in faults.values():
        console.failure(VerifyError(item.fault, item.hint))
    for check, why in missing:
        console.failure(VerifyError(f"not compared: {check}: {why}"))
    if not made and not faults and not missing:
        console.failure(VerifyError("not compared: nothing, since every check was skipped or does not apply"))
    if faults:
        raise typer.Exit(1)
    if missing or not made:
        raise typer.Exit(NOT_COMPARED)
    if not as_json:
        golden = any(item.check == "golden" and item.difference is not None for item in found)
        done = "reproduces the golden sample and " if golden else ""
        skipped = ", ".join(item.check for item in found if item.status is Status.SKIPPED)
        but = f" but what was skipped: {skipped}" if skipped else ""
        console.success(f"{file}: the library, in a fresh process, {done}stands every check{but}")
