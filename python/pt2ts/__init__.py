"""pt2ts: from a PyTorch module to a model file that a Fortran program can trust.

>>> import pt2ts
>>> pt2ts.export(net, example, "model.pt", inputs=["column[batch,124] float32 K"])  # doctest: +SKIP
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ._version import __version__
from .errors import (
    CheckError,
    DeclarationError,
    ExportError,
    LoadError,
    Pt2tsError,
    SpecError,
    UnexportableError,
    UnsupportedTorchError,
    VerifyError,
)

if TYPE_CHECKING:
    from . import nn
    from .container.reading import read_golden, read_spec
    from .contract.declare import Declaration
    from .contract.formats import Package, TorchScript
    from .contract.spec import Spec, Symbol, TensorSpec
    from .exporting.convert import convert
    from .exporting.export import export
    from .fortran.render import fortran_module
    from .inspection.inspect import inspect
    from .statistics.measure import stats
    from .timing.bench import bench
    from .training.export import export_training
    from .tuning.tune import tune
    from .verification.diff import diff
    from .verification.verify import verify

__all__ = [
    "CheckError",
    "Declaration",
    "DeclarationError",
    "ExportError",
    "LoadError",
    "Package",
    "Pt2tsError",
    "Spec",
    "SpecError",
    "Symbol",
    "TensorSpec",
    "TorchScript",
    "UnexportableError",
    "UnsupportedTorchError",
    "VerifyError",
    "__version__",
    "bench",
    "convert",
    "diff",
    "export",
    "export_training",
    "fortran_module",
    "inspect",
    "nn",
    "read_golden",
    "read_spec",
    "stats",
    "tune",
    "verify",
]

#: Where the names live that need torch. Importing torch takes seconds, which `pt2ts --help` must not wait for.
_HOMES = {
    "bench": "timing.bench",
    "convert": "exporting.convert",
    "diff": "verification.diff",
    "Package": "contract.formats",
    "TorchScript": "contract.formats",
    "Declaration": "contract.declare",
    "Spec": "contract.spec",
    "Symbol": "contract.spec",
    "TensorSpec": "contract.spec",
    "export": "exporting.export",
    "export_training": "training.export",
    "fortran_module": "fortran.render",
    "inspect": "inspection.inspect",
    "read_golden": "container.reading",
    "read_spec": "container.reading",
    "stats": "statistics.measure",
    "tune": "tuning.tune",
    "verify": "verification.verify",
}


def __getattr__(name: str) -> Any:
    """Import what needs torch at its first use."""
    if name == "nn":
        return import_module(".nn", __name__)
    if name not in _HOMES:
        raise AttributeError(f"module 'pt2ts' has no attribute '{name}'")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)
