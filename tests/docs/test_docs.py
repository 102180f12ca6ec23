"""The documentation tells the truth: its programs compile and run, its links resolve, its tables are those of the sources.

A comment right before a ``fortran`` block says how it is tested. ``<!-- given ... -->`` holds declarations for a fragment, which
is put into a subroutine with ``use ftorch``. ``<!-- runs -->`` marks a program that is also run; a ``text`` block right after it
is what it prints.
"""

from __future__ import annotations

import functools
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from .pages import PAGES, ROOT, Block, blocks, page_folder, without_blocks

_LINK = re.compile(r"\[[^\]\[]*\]\(([^)\s]+)\)")


def links(page: Path) -> list[str]:
    """Return the targets of all links that stay within the repository."""
    text = re.sub(r"`[^`\n]*`", "", without_blocks(page))
    return [target for target in _LINK.findall(text) if "://" not in target]


def anchors(page: Path) -> set[str]:
    """Return the anchors that the headings of a page make."""
    headings = re.findall(r"^#+ (.*)$", without_blocks(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def prose() -> str:
    """Return the text of all pages."""
    return "\n".join(page.read_text() for page in PAGES)


FORTRAN = blocks("fortran")
# The one procedure of MPI that a page calls; the machine need not have MPI.
MPI = """
module mpi
  implicit none (type, external)
  integer, parameter :: mpi_comm_world = 0
contains
  subroutine mpi_abort(comm, code, ierror)
    integer, intent(in) :: comm, code
    integer, intent(out) :: ierror
    ierror = comm + code
  end subroutine mpi_abort
end module mpi
"""


@pytest.fixture(scope="session")
def compiler(fc: str) -> str:
    """Name of a Fortran compiler; every test that needs one runs with each."""
    return fc


@pytest.fixture(scope="module")
def models() -> Path:
    """Folder with the model file that the programs of all pages load; the README makes it."""
    return page_folder(ROOT / "README.md")


@functools.cache
def flags(compiler: str, *options: str) -> list[str]:
    """Flags that are printed for users of a compiler."""
    command = [sys.executable, "-m", "ftorch", "--compiler", compiler, *options]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()


def compile_source(compiler: str, source: str, folder: Path, *, link: bool = False) -> Path:
    """Compile a source file, and link it to a program if wanted."""
    file = folder / "source.f90"
    file.write_text(source)
    if "use mpi" in source:
        file.write_text(MPI + source)
    last = ["-o", "program", *flags(compiler, "--ldflags")] if link else ["-c"]
    wanted = ["--fflags", "--mpi", "mpifort.openmpi"] if "use ftorch_mpi" in source else ["--fflags"]
    command = [compiler, "-std=f2018", *flags(compiler, *wanted), file.name, *last]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder / "program"


def run(program: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a program where the model files are."""
    return subprocess.run([program], cwd=folder, capture_output=True, text=True, timeout=60, check=False)


def numbers_and_words(text: str) -> list[str]:
    """Return the words of a text; compilers print different blanks."""
    return text.split()


def test_there_are_programs() -> None:
    """The pattern for blocks still finds them."""
    assert len(FORTRAN) >= 19
    assert sum(block.runs for block in FORTRAN) >= 4


@pytest.mark.parametrize("block", FORTRAN, ids=lambda block: block.name)
def test_fortran_compiles(block: Block, compiler: str, tmp_path: Path) -> None:
    """Every block of Fortran is valid, with every compiler."""
    compile_source(compiler, block.fortran(), tmp_path)


@pytest.mark.parametrize("block", [block for block in FORTRAN if block.runs], ids=lambda block: block.name)
def test_program_runs(block: Block, compiler: str, models: Path, tmp_path: Path) -> None:
    """Marked programs run and print what the page says."""
    done = run(compile_source(compiler, block.fortran(), tmp_path, link=True), models)
    assert done.returncode == 0, done.stderr
    if block.output:
        assert numbers_and_words(done.stdout) == numbers_and_words(block.output)


def test_readme_message(compiler: str, models: Path, tmp_path: Path) -> None:
    """The mistake that the README describes gives the message that it shows."""
    block = next(block for block in FORTRAN if block.page.name == "README.md")
    mistake = block.text.replace(", permute_dims=[2, 1], output_permute_dims=[2, 1]", "")
    assert mistake != block.text
    done = run(compile_source(compiler, mistake, tmp_path, link=True), models)
    assert done.returncode == 1
    message = next(block.text.strip() for block in blocks("text") if block.page.name == "README.md")
    assert message in done.stderr


@pytest.mark.parametrize("page", [*PAGES, *sorted((ROOT / "examples").glob("*/README.md"))], ids=lambda page: page.stem)
def test_links_resolve(page: Path) -> None:
    """Every relative link leads to a file, and to a heading if it names one."""
    for target in links(page):
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        assert file.exists(), f"{page.name}: {target}"
        assert not anchor or anchor in anchors(file), f"{page.name}: {target}"


def test_statuses() -> None:
    """The table of statuses is the one of the sources."""
    rows = re.findall(r"\('(\w+)', +(\d+), '([^']*)'\)", (ROOT / "src/types/constants.fypp").read_text())
    statuses = [(f"torch_{name}", value, meaning) for name, value, meaning in rows if " " in meaning]
    shown = re.findall(r"^\| `(torch_\w+)` \| (\d+) \| (.*) \|$", (ROOT / "docs/errors.md").read_text(), re.MULTILINE)
    assert len(statuses) == 9
    assert shown == statuses


def test_dtypes() -> None:
    """The page about arrays has every dtype."""
    names = re.findall(r"dict\(name='(\w+)'", (ROOT / "src/types/dtypes.fypp").read_text())
    page = (ROOT / "docs/arrays-and-layout.md").read_text()
    assert len(names) > 11
    ranged = {"Int16", "Int32"}  # "int8 to int64"
    assert [name for name in names if f"torch_k{name}`" not in page and name not in ranged] == []


def test_procedures_exist() -> None:
    """Every procedure that a page names is in the sources."""
    sources = "".join(file.read_text() for folder in ("ftorch", "mpi") for file in (ROOT / "src" / folder).rglob("*.f*"))
    handles = re.search(r"HANDLES = \[(.*?)\]", (ROOT / "src/types/constants.fypp").read_text())
    assert handles is not None
    known = set(re.findall(r"\btorch_\w+", sources)) | {f"torch_handle_{kind}" for kind in re.findall(r"'(\w+)'", handles[1])}
    table = (ROOT / "src/types/ops.fypp").read_text()
    known |= {f"torch_{name}" for name in re.findall(r"dict\(name='(\w+)'", table)}
    known |= {f"torch_tensor_{name}" for name in re.findall(r"dict\(name='(\w+)'[^\n]*in_place=True", table)}
    future = re.compile(r"torch_(k[A-Z]|error_|success|optim_|loss_|asinh\b|operator)")
    named = set(re.findall(r"(?<![\w/.])torch_\w+", prose()))
    assert sorted(name for name in named - known if not future.match(name)) == []


def test_build_requirements() -> None:
    """The line that installs what the build needs has all of it."""
    needed = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]
    names = {re.split(r"[<>=]", item)[0] for item in needed} | {"cmake", "ninja"}
    for page in ("README.md", "docs/install.md"):
        line = re.search(r"^pip install (.*)\npip install --no-build-isolation \.$", (ROOT / page).read_text(), re.MULTILINE)
        assert line is not None, page
        assert set(line[1].split()) == names


@pytest.mark.parametrize(
    ("argument", "warned"),
    [
        ("field(index, :)", True),
        ("field + 1", True),
        ("reshape(field, [4, 2])", True),
        ("cells%t", True),
        ("field", False),
        ("field(::2, :)", False),
        ("transpose(field)", False),
        ("cells(1)%q", False),
    ],
)
def test_temporaries_are_marked(argument: str, warned: bool, tmp_path: Path) -> None:
    """The option of gfortran that the pages recommend marks the arguments that become temporaries, and no others."""
    source = f"""
subroutine snippet()
  use ftorch
  implicit none (type, external)
  type :: cell_t
    real :: t = 280, q(3) = 0
  end type cell_t
  type(cell_t), target :: cells(10)
  real, target :: field(2, 4)
  integer :: index(2) = [2, 1]
  type(torch_tensor) :: tensor
  call torch_tensor_from_array(tensor, {argument})
end subroutine snippet
"""
    (tmp_path / "source.f90").write_text(source)
    command = ["gfortran", "-c", "-Warray-temporaries", *flags("gfortran", "--fflags"), "source.f90"]
    done = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True)
    marks = re.findall(r"^source.f90:(\d+):(\d+):$", done.stderr, re.MULTILINE)
    line, before = source.partition(argument)[0].count("\n") + 1, len("  call torch_tensor_from_array(tensor, ")
    assert marks == ([(str(line), str(before))] if warned else [])
