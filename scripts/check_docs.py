"""Compares what the pages in docs/ name with the code: commands, options, files, variables, entries, counts, exit codes.

Prints what is not there and ends with 1 if there is any; the tests run it.
"""

from __future__ import annotations

import ast
import atexit
import fnmatch
import importlib.util
import re
import runpy
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pt2ts

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "examples"))  # for `course`
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]

#: Options of other programs that the pages name by themselves.
FOREIGN = {"--no-build-isolation", "--no-deps", "--break-system-packages", "--target", "--help", "--install-option"}
NUMBERS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]

_FENCED = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`([^`\n]+)`")
_OPTION = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]*")


class Code(NamedTuple):
    """One piece of code on a page: a span in a sentence, or a line of a block that is no Fortran."""

    page: str
    line: int
    text: str
    inline: bool

    def __str__(self) -> str:
        return f"{self.page}:{self.line}: `{self.text}`"


def pieces(page: Path) -> Iterator[Code]:
    """Yield the code of a page; lines that go on after a backslash are one."""
    name, text = str(page.relative_to(ROOT)), page.read_text()
    for block in _FENCED.finditer(text):
        if block[1] == "fortran":
            continue
        for line in re.sub(r"\\\n *", " ", block[2]).splitlines():
            yield Code(name, text[: block.start()].count("\n") + 1, line.strip(), inline=False)
    without = _FENCED.sub(lambda block: "\n" * block[0].count("\n"), text)
    for span in _INLINE.finditer(without):
        yield Code(name, without[: span.start()].count("\n") + 1, span[1], inline=True)


@cache
def files() -> list[str]:
    """Return the files of the repository, also new ones."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [name for name in listed.stdout.splitlines() if (ROOT / name).exists()]


@cache
def sources() -> str:
    """Return the text of the code, without its tests."""
    wanted = (".py", ".cpp", ".c", ".h", ".fypp", ".f90", ".cmake", ".in", ".txt", ".jinja", ".toml")
    chosen = [name for name in files() if name.endswith(wanted) or name in ("Makefile", "scripts/setup", "scripts/lint")]
    return "\n".join((ROOT / name).read_text() for name in chosen if not name.startswith("tests/"))


@cache
def words() -> set[str]:
    """Return the words of the code."""
    return set(re.findall(r"\w+", sources()))


@cache
def commands() -> dict[str, set[str]]:
    """Return the commands of pt2ts with their options."""
    script = runpy.run_path(str(ROOT / "scripts" / "document_commands.py"))
    return {name: {*_OPTION.findall(script["table"](name)), "--help"} for name in script["commands"]()}


@cache
def options_of(script: str) -> set[str]:
    """Return the options that an argument parser is given in a source file."""
    called = [node for node in ast.walk(ast.parse((ROOT / script).read_text())) if isinstance(node, ast.Call)]
    added = [call.args for call in called if isinstance(call.func, ast.Attribute) and call.func.attr == "add_argument"]
    return {str(word.value) for words in added for word in words if isinstance(word, ast.Constant)} | {"--help"}


def wrong_commands(code: Code) -> Iterator[str]:
    """Compare commands and their options."""
    for name, rest in re.findall(r"\bpt2ts (?!--)([a-z][a-z-]*)([^;&|]*)", code.text):
        if re.search(r"(import|from) pt2ts", code.text):
            continue
        if name not in commands():
            yield f"pt2ts has no command {name}"
        else:
            yield from (f"pt2ts {name} has no option {word}" for word in _OPTION.findall(rest) if word not in commands()[name])
    for rest in re.findall(r"python -m ftorch\b([^;&|)]*)", code.text):
        known = options_of("python/ftorch/__main__.py")
        yield from (f"python -m ftorch has no option {word}" for word in _OPTION.findall(rest) if word not in known)
    for script, rest in re.findall(r"\b((?:examples|benchmarks|scripts)/[\w/]+\.py)\b([^;&|]*)", code.text):
        if (ROOT / script).exists():
            yield from (f"{script} has no option {word}" for word in _OPTION.findall(rest) if word not in options_of(script))
    if code.inline and code.text.startswith("--"):
        known = set().union(FOREIGN, options_of("python/ftorch/__main__.py"), options_of("examples/run.py"), *commands().values())
        yield from (f"no command has the option {word}" for word in _OPTION.findall(code.text) if word not in known)


def wrong_targets(code: Code) -> Iterator[str]:
    """Compare what make can make."""
    targets = set(re.findall(r"^([a-z][\w-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for target in re.findall(r"(?:^|&& |; )make ([a-z][\w-]*)", code.text):
        if target not in targets:
            yield f"the Makefile has no target {target}"


def wrong_files(code: Code) -> Iterator[str]:
    """Compare names of files and folders: those with a folder of ours everywhere, others where the pages speak of sources."""
    folders = {name.partition("/")[0] for name in files() if "/" in name}
    bare = {name.rpartition("/")[2] for name in files()}
    for word in re.findall(r"[\w.*-]+(?:/[\w.*-]+)*/?", code.text):
        if "/" in word and word.partition("/")[0] in folders and not word.startswith("build/"):
            if not list(ROOT.glob(word.rstrip("/"))):
                yield f"there is no {word}"
        elif code.page in ("docs/architecture.md", "CONTRIBUTING.md") and code.inline and code.text == word:
            source = re.search(r"\.(cpp|c|h|f90|fypp|py|cmake)$", word)
            inside = "/" in word and any(name.endswith((f"/{word}", f"/{word}.fypp")) for name in files())
            there = (
                inside or f"{word}.fypp" in bare or fnmatch.filter(bare, word) or re.search(rf'[/"]{re.escape(word)}"', sources())
            )
            if source and not there:
                yield f"there is no {word}"


def wrong_names(code: Code) -> Iterator[str]:
    """Compare variables of the environment and of CMake, and names of the C interface and of pt2ts."""
    for name in re.findall(r"(?<![\w./-])pt2ts\.([A-Za-z_]+)(?![\w.-]*/)", code.text):
        if not hasattr(pt2ts, name) and importlib.util.find_spec(f"pt2ts.{name}") is None:
            yield f"there is no pt2ts.{name}"
    for name in re.findall(r"\b(?:FTORCH|PT2TS|CTORCH|FTorch)_[A-Za-z0-9_]*\w", code.text):
        if name not in words() and not name.startswith(("CTORCH_ERROR", "CTORCH_DTYPE", "CTORCH_DEVICE")):
            yield f"nothing reads {name}"
    for name in re.findall(r"\bctorch_[a-z0-9_]+\b", code.text):
        if name not in words() and not name.startswith("ctorch_op_"):
            yield f"there is no {name}"


@cache
def counts() -> list[tuple[str, str, int]]:
    """Return what is counted on the pages: page, words around the number, the count."""
    from course import LESSONS

    backend = len(re.findall(r"virtual [^;]* = 0;", (ROOT / "src" / "ctorch" / "contract" / "backend.h").read_text()))
    libraries = len(re.findall(r"^lib\w+\.so  ", (ROOT / "docs" / "architecture.md").read_text(), re.MULTILINE))
    return [
        ("README.md", r"(\w+) models from raw data", len(LESSONS)),
        ("docs/index.md", r"(\w+) models from raw data", len(LESSONS)),
        ("docs/course.md", r"A course in (\w+) models", len(LESSONS)),
        ("docs/architecture.md", r"derived from `Backend` \(its (\w+) pure functions", backend),
        ("docs/architecture.md", r"## (\w+) libraries", libraries),
    ]


def wrong_counts() -> Iterator[str]:
    """Compare counts."""
    for page, words, count in counts():
        found = re.search(words, (ROOT / page).read_text())
        if found is None:
            yield f"{page}: does not say any more '{words}'"
        elif found[1].lower() != NUMBERS[count]:
            yield f"{page}: '{found[0]}', and there are {NUMBERS[count]}"


@cache
def nothing_compared() -> list[str]:
    """Return the words of a `verify` that is left nothing to compare; its file stays until the process ends."""
    import torch

    from pt2ts.verification.verify import CHECKS

    folder = tempfile.TemporaryDirectory()
    atexit.register(folder.cleanup)
    file = Path(folder.name) / "model.pt"
    pt2ts.export(torch.nn.Linear(2, 2), torch.ones(1, 2), file)
    return ["verify", str(file), *(word for check in CHECKS for word in ("--skip", check))]


def wrong_exit_codes() -> Iterator[str]:
    """Compare the table of exit codes with what the commands do."""
    import torch
    from typer.testing import CliRunner

    from pt2ts.cli.app import app, exit_code
    from pt2ts.errors import Pt2tsError

    compared = nothing_compared()
    absent = "xpu" if torch.cuda.is_available() else "cuda"
    tried = {
        0: ["--version"],
        1: ["inspect", str(ROOT / "Makefile")],
        2: ["inspect", "--no-such-option"],
        3: compared,
        4: [*compared[:2], "--device", absent],
    }
    page = (ROOT / "docs" / "command-line.md").read_text()
    table = page[page.index("| exit code |") :].partition("\n\n")[0]
    named = {int(code) for code in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)}
    if named != set(tried):
        yield f"docs/command-line.md: names the exit codes {sorted(named)}, expected {sorted(tried)}"
    for code, words in tried.items():
        done = CliRunner().invoke(app, words)
        found = exit_code(done.exception) if isinstance(done.exception, Pt2tsError) else done.exit_code
        if found != code:
            yield f"docs/command-line.md: `pt2ts {' '.join(words)}` ends with {found}, not {code}"


CHECKS: tuple[Callable[[Code], Iterator[str]], ...] = (wrong_commands, wrong_targets, wrong_files, wrong_names)


def findings(code: Iterable[Code]) -> Iterator[str]:
    """Yield what is wrong in pieces of code."""
    for piece in code:
        for check in CHECKS:
            yield from (f"{piece}: {text}" for text in check(piece))


def main() -> int:
    """Print what is wrong on all pages."""
    found = [*findings(piece for page in PAGES for piece in pieces(page)), *wrong_counts(), *wrong_exit_codes()]
    print("\n".join(dict.fromkeys(found)) or "all names are those of the code")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
