"""Draw the rain of storms by how rare it is, and where the guard let the scheme take over."""

from __future__ import annotations

from pathlib import Path

from hosts.runs import Fields


def draw(found: dict[str, Fields], path: Path) -> None:
    pass
