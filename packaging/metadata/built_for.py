"""A wheel requires the minor version of PyTorch that it was built for: another one does not load its libraries.

`[[tool.dynamic-metadata]]` in pyproject.toml adds it to the range that the sources take.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any


class BuiltFor:
    """Provider of the requirement, for build backends that know dynamic metadata."""

    def __init__(self) -> None:
        self.is_source = False

    def build_state(self, state: str) -> None:
        """Hear what is built: sources serve every version in the range."""
        self.is_source = state == "sdist"

    def dynamic_metadata(self, settings: Mapping[str, Any], project: Mapping[str, Any]) -> dict[str, list[str]]:
        """Return ``torch==2.13.*`` where that is installed, and nothing where none is: then CMake says so, in words."""
        del settings, project
        try:
            major, minor = version("torch").split(".")[:2]
        except PackageNotFoundError:
            return {"dependencies": []}
        return {"dependencies": [] if self.is_source else [f"torch=={major}.{minor}.*"]}

    def dynamic_wheel(self, settings: Mapping[str, Any]) -> dict[str, bool]:
        """Say that a wheel requires more than the sources it is built from."""
        del settings
        return {"dependencies": True}
