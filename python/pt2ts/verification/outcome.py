"""What became of a check of ``verify``, in one case."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Status(StrEnum):
    """What became of a check."""

    OK = "ok"
    FAULT = "fault"
    NOT_COMPARED = "not compared"  # something should have been, and could not
    NOT_APPLICABLE = "not applicable"  # nothing of the kind is in the file
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Outcome:
    """What one check found in one case.

    Attributes
    ----------
    check, case
        Which check, and with what.
    difference, allowed
        The largest difference, and how large it may be there; None where nothing was compared.
    fault
        What is wrong, in a sentence; empty where nothing is.
    hint
        What to do about it.
    remark
        What should be known and is no fault; the reason where a check was not made.
    unmade
        What became of a check that was not made; None where it was.
    """

    check: str
    case: str
    difference: float | None = None
    allowed: float | None = None
    fault: str = ""
    hint: str = ""
    remark: str = ""
    unmade: Status | None = None

    @property
    def passed(self) -> bool:
        """Whether no fault was found."""
        return not self.fault

    @property
    def status(self) -> Status:
        """What became of the check."""
        return Status.FAULT if self.fault else self.unmade or Status.OK

    def row(self) -> tuple[str, ...]:
        """Return the cells of the table."""
        numbers = ["" if value is None else f"{value:.3g}" for value in (self.difference, self.allowed)]
        differs = self.difference is not None and self.allowed is not None and self.difference > self.allowed
        word = "DIFFERS" if differs else "FAULT" if self.fault else str(self.status)
        return (self.check, self.case, *numbers, word + (f", {self.remark}" if self.remark else ""))

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object."""
        facts = {name: value for name, value in self.__dict__.items() if name != "unmade"}
        return {**facts, "status": str(self.status), "passed": self.passed}


#: Headings of `Outcome.row`.
COLUMNS = ("check", "case", "largest difference", "allowed", "")
