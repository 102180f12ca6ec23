"""The version, which is that of the installed package: pyproject.toml is the one place where it is written."""

from importlib.metadata import version

__version__ = version("ftorch")
