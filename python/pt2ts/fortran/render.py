"""Filling the templates of a module."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ..container.filetype import StrPath
from .fold import fold
from .kinds import check_kind
from .names import check_module_name, module_name
from .text import clean
from .view import ModuleView, module_view

TEMPLATES = Path(__file__).with_name("templates")


def fortran_module(path: StrPath, module: str | None = None, *, kind: str | None = None, guard: bool = False) -> str:
    """Return the source of a Fortran module for a model file.

    Parameters
    ----------
    path
        A model file with its contract: TorchScript, a package, or a training package, of which the network is meant.
    module
        Name of the module; otherwise made from the name of the file.
    kind
        ``real64`` or ``real32``: kind of all real and complex arguments, converted in each call where the model has another one.
        None gives each argument the kind that the model has.
    guard
        Whether values outside the ranges of the contract are counted, and `run_guarded` can leave their samples to a scheme.

    Returns
    -------
    str
        The same text for the same file and arguments.

    Raises
    ------
    SpecError
        When the file has no contract.
    DeclarationError
        When the name or kind is none.
    """
    name = module_name(Path(path).stem) if module is None else check_module_name(module)
    return render_module(module_view(path, name, check_kind(kind), guard=guard))


def render_module(view: ModuleView) -> str:
    """Return the source of a module."""
    template = environment().get_template("dummies.jinja")

    def dummies(sample: bool) -> str:
        return template.render(view=view, sample=sample).rstrip("\n")

    return fold(environment().get_template("module.f90.jinja").render(view=view, uses=_uses(view), dummies=dummies))


def _uses(view: ModuleView) -> list[str]:
    """Return what the module takes from the library."""
    trainer = ["torch_trainer"] if view.is_trained else []
    common = [
        "torch_error_file", "torch_model", "torch_model_delete", "torch_model_input_names", "torch_model_load",
        "torch_model_output_names", "torch_model_self_test", "torch_success", *trainer,
    ]  # fmt: skip
    if view.falls_back:
        common.append("torch_error_argument")
    if view.direct:
        return sorted(common)
    storages = {port.elements.storage for port in view.ports} - {""}
    return sorted([*common, "torch_array", "torch_describe_array", "torch_model_infer_arrays", *storages])


@cache
def environment() -> Environment:
    """Return the templates; they make source code, where nothing is escaped."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701 - Fortran is no HTML
    )
    made.filters["clean"] = clean
    return made
