"""Derive the loader's entries and the Fortran interfaces from the C header, so that the three cannot disagree.

The header is the one source of the C interface. This script reads its prototypes and writes

* the bodies of the entries that `loader.c` exports (each forwards to the implementation it has loaded),
* those of `stub.c`, which all fail, and
* the Fortran module `ftorch_capi` with one `bind(C)` interface per entry.

Entries that take a `ctorch_array` are called from `descriptor.c` only and get no Fortran interface. An argument whose name ends in
`_or_null` is optional in Fortran.
"""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass
from pathlib import Path

PROTOTYPE = re.compile(r"^int32_t (ctorch_\w+)\(([^;{]*)\);", re.MULTILINE | re.DOTALL)
ARGUMENT = re.compile(r"^(?P<type>.*?[\s*])(?P<name>\w+)(?P<array>\[\])?$")

# C type (with [] for arrays) -> Fortran declaration of the dummy argument. Nothing is intent(out): an entry that fails leaves its
# results as they were, and what the caller put there first must be there still; with intent(out) compilers drop it.
FORTRAN = {
    "int32_t": "integer(c_int32_t), value",
    "int64_t": "integer(c_int64_t), value",
    "double": "real(c_double), value",
    "void *": "type(c_ptr), value",
    "const void *": "type(c_ptr), value",
    "void **": "type(c_ptr), intent(inout)",
    "int32_t *": "integer(c_int32_t), intent(inout)",
    "int64_t *": "integer(c_int64_t), intent(inout)",
    "double *": "real(c_double), intent(inout)",
    "const int64_t **": "type(c_ptr), intent(inout)",
    "const char **": "type(c_ptr), intent(inout)",
    "const char *": "character(kind=c_char), intent(in) :: {}(*)",
    "const double []": "real(c_double), intent(in) :: {}(*)",
    "double []": "real(c_double), intent(inout) :: {}(*)",
    "const int64_t []": "integer(c_int64_t), intent(in) :: {}(*)",
    "const ctorch_tensor *": "type(c_ptr), intent(in)",
    "ctorch_tensor *": "type(c_ptr), intent(inout)",
    "const ctorch_tensor []": "type(c_ptr), intent(in) :: {}(*)",
    "ctorch_tensor []": "type(c_ptr), intent(inout) :: {}(*)",
    "const ctorch_operand *": "type(ctorch_operand), intent(in)",
    "ctorch_operand *": "type(ctorch_operand), intent(inout)",
    "const ctorch_model *": "type(c_ptr), intent(in)",
    "ctorch_model *": "type(c_ptr), intent(inout)",
    "const ctorch_optim *": "type(c_ptr), intent(in)",
    "ctorch_optim *": "type(c_ptr), intent(inout)",
    "const ctorch_trainer *": "type(c_ptr), intent(in)",
    "ctorch_trainer *": "type(c_ptr), intent(inout)",
    "const ctorch_event *": "type(c_ptr), intent(in)",
    "ctorch_event *": "type(c_ptr), intent(inout)",
    "const ctorch_request *": "type(c_ptr), intent(in)",
    "ctorch_request *": "type(c_ptr), intent(inout)",
    "ctorch_closure": "type(c_funptr), value",
    "ctorch_gradient_watcher": "type(c_funptr), value",
}


@dataclass(frozen=True)
class Argument:
    """One argument of a prototype: its C type, with [] for arrays, and its name."""

    ctype: str
    name: str

    def fortran(self) -> str:
        """Declaration as a Fortran dummy argument."""
        declaration = FORTRAN[self.ctype]
        if self.name.endswith("_or_null"):
            declaration = declaration.replace(", ", ", optional, ", 1)
        return declaration.format(self.name) if "::" in declaration else f"{declaration} :: {self.name}"


@dataclass(frozen=True)
class Entry:
    """One prototype of the header."""

    name: str
    arguments: tuple[Argument, ...]
    parameters: str

    @property
    def for_fortran(self) -> bool:
        """Whether Fortran can call the entry (no host-array description among its arguments)."""
        return all("ctorch_array" not in a.ctype for a in self.arguments)


def parse(header: str) -> list[Entry]:
    """Read all prototypes of a header.

    Raises
    ------
    ValueError
        If an argument has a form for which there is no Fortran declaration.
    """
    text = re.sub(r"/\*.*?\*/", "", header, flags=re.DOTALL)
    entries = []
    for name, parameters in PROTOTYPE.findall(text):
        arguments = []
        parameters = " ".join(parameters.split())
        for part in parameters.split(","):
            match = ARGUMENT.match(part.strip())
            if match is None:
                raise ValueError(f"{name}: cannot read the argument '{part.strip()}'")
            ctype = match["type"].strip() + (" []" if match["array"] else "")
            if ctype not in FORTRAN and "ctorch_array" not in ctype:
                raise ValueError(f"{name}: no Fortran declaration for '{ctype}'; add one to {Path(__file__).name}")
            arguments.append(Argument(ctype, match["name"]))
        entries.append(Entry(name, tuple(arguments), parameters))
    return entries


def loader_entries(entries: list[Entry]) -> str:
    """Bodies of the exported entries of the loader, as C."""
    lines = ["/* Generated from the C header by generate.py. */"]
    for index, entry in enumerate(entries):
        names = ", ".join(a.name for a in entry.arguments)
        signature = f"int32_t (*)({entry.parameters})"
        lines.append(f"int32_t {entry.name}({entry.parameters}) {{")
        lines.append(
            f"  if (!ready()) return not_loaded_{entry.name}({names});"
            if entry.name == "ctorch_last_error"
            else "  if (!ready()) return CTORCH_ERROR_LIBRARY;"
        )
        lines.append(f"  return (({signature})implementation[{index}])({names});")
        lines.append("}")
    return "\n".join(lines) + "\n"


def stub_entries(entries: list[Entry]) -> str:
    """Bodies of the entries of the stub, as C: errors, but for the one that hands out the message, and those that release."""
    lines = ["/* Generated from the C header by generate.py. */"]
    for entry in entries:
        lines.append(f"int32_t {entry.name}({entry.parameters}) {{")
        if entry.name == "ctorch_last_error":
            lines.append(f"  return stub_{entry.name}({', '.join(a.name for a in entry.arguments)});")
        else:
            lines += [f"  (void){a.name};" for a in entry.arguments]
            lines.append(f"  return {'CTORCH_SUCCESS' if entry.name.endswith('_delete') else 'CTORCH_ERROR_LIBRARY'};")
        lines.append("}")
    return "\n".join(lines) + "\n"


def loader_names(entries: list[Entry]) -> str:
    """Names of the entries, in the order of the loader's table."""
    return "".join(f'  "{e.name}",\n' for e in entries)


def fortran_module(entries: list[Entry], module: str) -> str:
    """Source of the Fortran module of interfaces."""
    lines = [
        "! Generated from the C header by generate.py.",
        f"module {module}",
        "  !! The C interface as Fortran sees it: one bind(C) interface per entry of the C headers, documented there.",
        "  use, intrinsic :: iso_c_binding, only: c_char, c_double, c_funptr, c_int32_t, c_int64_t, c_null_ptr, c_ptr",
        "  implicit none (type, external)",
        "  public",
        "  type, bind(C) :: ctorch_operand",
        "    type(c_ptr) :: tensor = c_null_ptr",
        "    integer(c_int64_t) :: integer = 0",
        "    real(c_double) :: real = 0",
        "    real(c_double) :: imaginary = 0",
        "    integer(c_int32_t) :: kind = 0",
        "  end type ctorch_operand",
        "  interface",
    ]
    for entry in (e for e in entries if e.for_fortran):
        head = f"    function {entry.name}({', '.join(a.name for a in entry.arguments)}) result(status) bind(C)"
        lines += fold(head)
        lines.append("      import :: c_char, c_double, c_funptr, c_int32_t, c_int64_t, c_ptr, ctorch_operand")
        lines += [f"      {a.fortran()}" for a in entry.arguments]
        lines.append("      integer(c_int32_t) :: status")
        lines.append(f"    end function {entry.name}")
    lines += ["  end interface", f"end module {module}"]
    return "\n".join(lines) + "\n"


def fold(line: str, width: int = 120) -> list[str]:
    """Break one Fortran statement into continued lines at its commas."""
    folded = []
    while len(line) > width:
        cut = line.rindex(", ", 0, width) + 1
        folded.append(line[:cut] + " &")
        line = "      &" + line[cut:]
    return [*folded, line]


def main() -> None:
    """Command line of the build."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("headers", type=Path, nargs="+", help="C headers with prototypes")
    parser.add_argument("--loader", type=Path, help="write the loader's entries here")
    parser.add_argument("--stub", type=Path, help="write the entries of the stub here")
    parser.add_argument("--names", type=Path, help="write the names of the entries here, as C strings")
    parser.add_argument("--fortran", type=Path, help="write the Fortran module here; its name is the file's")
    options = parser.parse_args()
    entries = [entry for header in sorted(options.headers) for entry in parse(header.read_text())]
    for path, text in ((options.loader, loader_entries), (options.stub, stub_entries), (options.names, loader_names)):
        if path is not None:
            path.write_text(text(entries))
    if options.fortran is not None:
        options.fortran.write_text(fortran_module(entries, options.fortran.stem))


if __name__ == "__main__":
    main()
