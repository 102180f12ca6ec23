"""pt2ts: from a PyTorch module to a model file that a Fortran program can trust.

>>> import pt2ts
>>> pt2ts.export(net, example, "model.pt", inputs=["column[batch,124] float32 K"])  # doctest: +SKIP
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ._version import __version__
from .errors import CheckError, DeclarationError, ExportError, LoadError, Pt2tsError, SpecError, UnexportableError, VerifyError

if TYPE_CHECKING:
    from .container.reading import read_golden, read_spec
    from .contract.declare import Declaration
    from .contract.spec import Spec, Symbol, TensorSpec
    from .exporting.export import export
    from .fortran.render import fortran_module
    from .training.export import export_training
    from .tuning.tune import tune
    from .verification.golden import verify
    from .verification.inspect import inspect

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
    "export_training",
    "fortran_module",
    "inspect",
    "read_golden",
    "read_spec",
    "tune",
    "verify",
]

#: Where the names live that need torch. Importing torch takes seconds, which `pt2ts --help` must not wait for.
_HOMES = {
    "Declaration": "contract.declare",
    "Spec": "contract.spec",
    "Symbol": "contract.spec",
    "TensorSpec": "contract.spec",
    "export": "exporting.export",
    "export_training": "training.export",
    "fortran_module": "fortran.render",
    "inspect": "verification.inspect",
    "read_golden": "container.reading",
    "read_spec": "container.reading",
    "tune": "tuning.tune",
    "verify": "verification.golden",
}


def __getattr__(name: str) -> Any:
    """Import what needs torch at its first use."""
    if name not in _HOMES:
        raise AttributeError(f"module 'pt2ts' has no attribute '{name}'")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)
