"""What a user says about a model beside the module itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..contract.declare import Bounds, Declaration, Declared, as_declaration, checked_symbol
from ..contract.spec import Symbol


@dataclass(frozen=True)
class Request:
    """What is asked for; the attributes are the arguments of `pt2ts.export`, declarations and bounds as objects."""

    name: str
    inputs: Sequence[Declaration] | None = None
    outputs: Sequence[Declaration] | None = None
    symbols: Mapping[str, Symbol] = field(default_factory=dict)
    dynamic_batch: bool = True
    dtype: str | None = None
    golden: bool = True
    description: str = ""
    normalization: str = "inside"
    flush_denormals: bool | None = None
    provenance: Mapping[str, str] = field(default_factory=dict)

    @property
    def converted_to(self) -> str | None:
        """The dtype that the module is converted to; what is computed in bfloat16 takes and gives what it did."""
        return None if self.dtype == "bfloat16" else self.dtype


def declarations(given: Declared | None) -> list[Declaration] | None:
    """Return declarations in any of their forms as objects."""
    return None if given is None else [as_declaration(item) for item in given]


def as_bounds(given: Mapping[str, Bounds] | None) -> dict[str, Symbol]:
    """Return bounds in any of their forms as objects."""
    return {name: item if isinstance(item, Symbol) else checked_symbol(name, *item) for name, item in (given or {}).items()}
