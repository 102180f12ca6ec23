"""pt2ts: from a PyTorch module to a model file that a Fortran program can trust.

>>> import pt2ts
>>> pt2ts.export(net, example, "model.pt", inputs=["column[batch,124] float32 K"])  # doctest: +SKIP
"""

from ._version import __version__
from .archive import read_golden, read_spec
from .declare import Declaration
from .errors import (
    CheckError,
    DeclarationError,
    ExportError,
    LoadError,
    Pt2tsError,
    SpecError,
    UnexportableError,
    VerifyError,
)
from .export import export
from .spec import Spec, Symbol, TensorSpec

__all__ = [
    "CheckError",
    "Declaration",
    "DeclarationError",
    "ExportError",
    "LoadError",
    "Pt2tsError",
    "Spec",
    "SpecError",
    "Symbol",
    "TensorSpec",
    "UnexportableError",
    "VerifyError",
    "__version__",
    "export",
    "read_golden",
    "read_spec",
]
