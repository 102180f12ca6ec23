#!/usr/bin/env python3
"""Holds the order of the folders of src/ctorch, src/ftorch and src/mpi, which docs/architecture.md has in three tables.

A folder includes (or uses) itself and the folders that its row names, which stand above it. Private headers of PyTorch are for
compat alone; MPI's are for src/mpi, which takes ctorch.h and the modules of src/ftorch from an installation. Every source is in the
list of its folder. Prints what is wrong and ends with 1 if there is anything.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = "docs/architecture.md"

#: What PyTorch's documentation of C++ names; the rest below these prefixes may change with every version.
PUBLIC = {
    "torch/csrc/autograd/autograd.h",
    "torch/csrc/jit/api/module.h",
    "torch/csrc/jit/serialization/export.h",
    "torch/csrc/jit/serialization/import.h",
}
PRIVATE = ("torch/csrc/", "caffe2/", "c10/core/impl/", "c10/core/CPUAllocator.h", "ATen/core/dispatch/", "ATen/ops/_")

Table = dict[str, list[str]]


def table(root: Path, tree: str) -> Table:
    """Return the folders of a tree from bottom to top, and what each may use."""
    page = (root / PAGE).read_text().partition(f"### Folders of `src/{tree}`")[2].partition("\n#")[0]
    rows = re.findall(r"^\| `([\w/.]+)` \| .* \|([^|]*)\|$", page, re.MULTILINE)
    return {folder: re.findall(r"`([\w/.]+)`", allowed) for folder, allowed in rows}


def wrong_rows(tree: str, rows: Table) -> Iterator[str]:
    """Compare a table with itself: what a folder may use stands above it."""
    above: set[str] = set()
    for folder, allowed in rows.items():
        yield from (f"{PAGE}: {tree}/{folder} may use {name}, which is not above it" for name in allowed if name not in above)
        above.add(folder)


def folder_of(file: Path, tree: Path) -> str:
    """Return the folder of a file as the tables name it."""
    return str(file.parent.relative_to(tree))


def cxx_uses(root: Path, name: str) -> Iterator[tuple[Path, int, str, str]]:
    """Yield file, line, the folder that is included, and the words for it."""
    tree = root / "src" / name
    for file in sorted(path for path in tree.rglob("*") if path.suffix in (".c", ".cpp", ".h", ".fypp")):
        for number, line in enumerate(file.read_text().splitlines(), 1):
            if found := re.match(r'#include "([\w./]+\.h)"', line):
                yield file, number, str(Path(found[1]).parent) if "/" in found[1] else "include", f"includes {found[1]}"
            elif (found := re.match(r"#include <([\w./]+)>", line)) and found[1].startswith(PRIVATE) and found[1] not in PUBLIC:
                yield file, number, "(private)", f"includes {found[1]}, which is no public header of PyTorch"
            elif found and re.match(r"(mpi|mpi-ext)\.h$", found[1]):
                yield file, number, "(MPI)", f"includes {found[1]}"
            elif found and name == "mpi" and re.match(r"(torch|c10|ATen|caffe2)/", found[1]):
                yield file, number, "(PyTorch)", f"includes {found[1]}"


def fortran_uses(root: Path, name: str) -> Iterator[tuple[Path, int, str, str]]:
    """Yield file, line, the folder whose module is used, and the words for it."""
    tree = root / "src" / name
    texts = {file: file.read_text().splitlines() for file in sorted(tree.rglob("*.f*")) if file.suffix in (".f90", ".fypp")}
    home = {}
    for file, lines in texts.items():
        home |= {line.split()[1]: folder_of(file, tree) for line in lines if re.match(r"module \w+$", line)}
    for file, lines in texts.items():
        for number, line in enumerate(lines, 1):
            found = re.match(r" *use(?:, intrinsic)? *:: *(\w+)", line)
            if found and found[1] in home:
                yield file, number, home[found[1]], f"uses {found[1]}"
            elif found and re.match(r"(mpi|mpi_f08|ftorch_mpi\w*)$", found[1], re.IGNORECASE):
                yield file, number, "(MPI)", f"uses {found[1]}"


def wrong_uses(root: Path) -> Iterator[str]:
    """Compare what is included and used with the tables."""
    for tree, uses in (
        ("ctorch", cxx_uses(root, "ctorch")),
        ("ftorch", fortran_uses(root, "ftorch")),
        ("mpi", [*cxx_uses(root, "mpi"), *fortran_uses(root, "mpi")]),
    ):
        rows = table(root, tree)
        yield from wrong_rows(tree, rows)
        for file, line, used, words in uses:
            folder = folder_of(file, root / "src" / tree)
            where = f"{file.relative_to(root)}:{line}"
            if folder not in rows:
                yield f"{where}: {PAGE} has no row for {folder}"
            elif used == "(private)":
                if folder != "compat":
                    yield f"{where}: {words}; only src/ctorch/compat may"
            elif used == "(MPI)":
                if tree != "mpi":
                    yield f"{where}: {words}; only src/mpi may"
                elif words.startswith("includes") and file.name != "header.h":
                    yield f"{where}: {words}; only src/mpi/core/header.h may"
            elif used == "(PyTorch)":
                yield f"{where}: {words}; src/mpi knows ctorch.h alone"
            elif used != folder and used not in rows[folder]:
                yield f"{where}: {words}, and {folder} may not use {used}"


def unlisted(root: Path) -> Iterator[str]:
    """Compare the sources of each folder with its list."""
    for tree, suffixes in (("ctorch", (".c", ".cpp", ".fypp")), ("ftorch", (".f90", ".fypp")), ("mpi", (".cpp", ".f90", ".fypp"))):
        top = root / "src" / tree
        for file in sorted(path for path in top.rglob("*") if path.suffix in suffixes):
            lists = [path for path in (file.parent / "sources.cmake", top / "CMakeLists.txt") if path.exists()]
            name = re.escape(file.name.removesuffix(".fypp"))
            if not any(re.search(rf"(?<![\w.]){name}", path.read_text()) for path in lists):
                yield f"{file.relative_to(root)}: not in the list of its folder, {lists[0].relative_to(root)}"


def main(root: Path = ROOT) -> int:
    """Print what is wrong."""
    wrong = [*wrong_uses(root), *unlisted(root)]
    print(*wrong, sep="\n", end="\n" if wrong else "")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT))
