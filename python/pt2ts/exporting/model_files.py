"""The two kinds of model files on their way to the disk: each is captured, written and verified in its own manner."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING

from ..capture.draft import Draft
from ..capture.script import Converted, convert_draft
from ..capture.trials import try_in_order
from ..contract.formats import Package, TorchScript
from ..contract.golden import to_bytes
from ..contract.layout import in_order, laid
from ..contract.spec import GOLDEN_FILE, SPEC_FILE, Spec
from ..pytorch import torchscript
from ..report import step
from ..runtime.fresh import loaded
from ..verification.compare import compare

if TYPE_CHECKING:
    from ..compile.assemble import Assembled


@dataclass(frozen=True)
class ScriptFile:
    """A TorchScript file."""

    draft: Draft
    converted: Converted

    def write(self, file: IO[bytes]) -> Spec:
        """Write it with its contract and its golden sample; return the contract."""
        extra: dict[str, str | bytes] = {SPEC_FILE: self.draft.spec.to_json()}
        if self.draft.golden is not None:
            extra[GOLDEN_FILE] = to_bytes(self.draft.golden)
        torchscript.save(self.converted.script, file, extra)
        return self.draft.spec

    def verify(self, path: Path, tolerance: float | None) -> None:
        """Compare the file with the module."""
        why = self.converted.why_traced
        reason = "" if why is None else f"{why.reason}{f' at {why.where}' if why.where else ''}"
        inputs = self.draft.spec.inputs
        with loaded(path) as model:
            compare(
                lambda given: model.named(in_order(inputs, given)), self.draft.found, self.converted.method, reason,
                tolerance=tolerance,
            )  # fmt: skip


@dataclass(frozen=True)
class PackageFile:
    """A compiled package."""

    assembled: Assembled

    def write(self, file: IO[bytes]) -> Spec:
        """Write it; return the contract."""
        from ..container.package import save

        return save(file, self.assembled.members, self.assembled.spec)

    def verify(self, path: Path, tolerance: float | None) -> None:
        """Compare every variant in the file with the module."""
        from ..verification.package import check_package

        step("checking the package")
        check_package(path, self.assembled, tolerance)


def capture(draft: Draft, wanted: TorchScript | Package, dtype: str | None) -> ScriptFile | PackageFile:
    """Return the model in a format: as TorchScript, or compiled."""
    draft = _laid_out(draft, wanted.order)
    if isinstance(wanted, TorchScript):
        return ScriptFile(draft, convert_draft(draft, wanted.method))
    from ..compile.assemble import assemble  # the compiler takes seconds to import, which TorchScript files need not wait for

    return PackageFile(assemble(draft, wanted, dtype))


def _laid_out(draft: Draft, order: str) -> Draft:
    """Return the draft for arrays of a memory order, with examples that lie so; the module must take them."""
    inputs, outputs = (tuple(laid(spec, order) for spec in specs) for specs in (draft.spec.inputs, draft.spec.outputs))
    examples = in_order(inputs, draft.examples)
    if inputs != draft.spec.inputs:
        try_in_order(draft.module, examples, order)
    return replace(draft, spec=replace(draft.spec, inputs=inputs, outputs=outputs), examples=examples)
