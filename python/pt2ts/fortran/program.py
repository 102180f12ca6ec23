"""A complete small program around a module: it tests the model on this machine, runs it once and prints results."""

from __future__ import annotations

from ..errors import DeclarationError
from .fold import fold
from .names import Namer
from .render import environment
from .samples import samples
from .view import ModuleView

#: Files of a program, and the templates they are made from.
FILES = {"main.f90": "main.f90.jinja", "CMakeLists.txt": "CMakeLists.txt.jinja"}


def render_program(view: ModuleView, source: str) -> dict[str, str]:
    """Return the files of a program by name; ``source`` is the file of the module, in the same folder."""
    if source.lower() == "main.f90":
        raise DeclarationError("the module and the program cannot both be in main.f90", "give the module another file by -o")
    namer = Namer([view.name, "main", "demonstrate", "command_argument_count", "get_command_argument", "self_test_tolerance"])
    names = {port.name: namer.name(port.name, port.name) for port in view.ports}
    inputs, outputs = samples(view, names)
    texts = {
        name: environment().get_template(template).render(view=view, source=source, inputs=inputs, outputs=outputs)
        for name, template in FILES.items()
    }
    return {name: fold(text) if name.endswith(".f90") else text for name, text in texts.items()}
