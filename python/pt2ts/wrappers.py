"""The former name of `pt2ts.nn`, for programs that import it."""

from .nn import *  # noqa: F403 - whatever is there
from .nn import __all__ as __all__
