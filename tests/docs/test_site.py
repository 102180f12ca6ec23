"""The documentation site: `make site` puts every page into it, and finds links that lead nowhere."""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from ..support import ROOT

NAVIGATION = (ROOT / "mkdocs.yml").read_text()


Script = Callable[[str], Any]


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Script:
    """Import a script as the others import it."""
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    return import_module


def test_the_navigation_has_every_page_once() -> None:
    listed = re.findall(r"^ +- .*: (\S+\.md)$", NAVIGATION, re.MULTILINE)
    docs = {f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md")} - {"docs/ford.md"}
    examples = {str(page.relative_to(ROOT)) for page in (ROOT / "examples").glob("*/README.md")}
    made = {"index.md", "reference/fortran.md", "reference/pt2ts.md", "reference/ftorch.md"}
    assert len(docs) >= 25
    assert sorted(listed) == sorted(docs | examples | made | {"CONTRIBUTING.md", "CHANGELOG.md"})


def test_pages_keep_their_links(script: Script) -> None:
    """Those between pages, those to source files, which become pages, and those that are none."""
    build_site = script("build_site")

    places = build_site.pages()
    first = ROOT / "docs" / "site" / "index.md"
    assert build_site.in_the_site("[a](../install.md#b) [c](https://d.e) [](int i)", first, places) == (
        "[a](docs/install.md#b) [c](https://d.e) [](int i)"
    )
    example = ROOT / "examples" / "04_line" / "README.md"
    assert build_site.in_the_site("[x](main.f90) [y](../../docs/training.md)", example, places) == (
        "[x](main.f90.md) [y](../../docs/training.md)"
    )
    assert places[example.with_name("main.f90")] == Path("examples/04_line/main.f90.md")
    assert build_site.in_the_site("[z](../hosts)", example, places) == "[z](../hosts/files.md)"
    assert "[draws.f90](draws.f90.md)" in build_site.text_of(ROOT / "examples" / "hosts", places)
    assert build_site.with_wide_lists("- a\n  - b\n```\n  c\n```\n") == "- a\n    - b\n```\n  c\n```\n"


def test_wrong_links_are_found(script: Script, tmp_path: Path) -> None:
    check_site = script("check_site")

    right = '<h2 id="b">B</h2><a href="sub/c.html#d">c</a><a href="#b">b</a><a href="https://x.y">x</a><img src="data:,">'
    wrong = {
        '<a href="sub/no.html">n</a>': "there is no such file",
        '<a href="sub/c.html#e">n</a>': "there is no such heading",
        '<a href="#e">n</a>': "there is no such heading",
        '<a href="/sub/c.html">n</a>': "there is no such file",
        '<script src="https://x.y/z.js"></script>': "from a foreign host",
        '<link href="//x.y/z.css">': "from a foreign host",
    }
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "c.html").write_text('<p id="d">D</p>')
    for number, text in enumerate(["", *wrong]):
        (tmp_path / f"{number}.html").write_text(right + text)
    found = list(check_site.findings(tmp_path))
    assert [line.rpartition(": ")[2] for line in found] == list(wrong.values())


def test_numbers_of_the_first_page() -> None:
    """How fast it is stands on the page that it leads to, in one row of a table with a date."""
    page = (ROOT / "docs" / "site" / "index.md").read_text()
    shown = re.search(r"^\| microseconds (\|.*)$", page, re.MULTILINE)
    assert shown is not None
    numbers = re.findall(r"\d+", shown[1])
    results = (ROOT / "docs" / "benchmark-host.md").read_text()
    row = re.search(r"^\| 4608 columns, levels first  .*$", results, re.MULTILINE)
    assert row is not None
    assert len(numbers) == 4
    assert set(numbers) <= set(row[0].replace("|", " ").split())


@pytest.mark.parametrize("page", ["benchmarks", "performance", "benchmark-host"])
def test_measurements_have_a_date(page: str) -> None:
    """Each table of times says when it was measured."""
    text = (ROOT / "docs" / f"{page}.md").read_text()
    said = re.findall(r"^.*[Mm]icroseconds per .*?date: (\S+),", text, re.MULTILINE)
    assert said
    assert all(re.fullmatch(r"20\d\d-\d\d-\d\d", date) for date in said)


def test_the_reference_expands_all_templates() -> None:
    """FORD's preprocessor knows the modules of Python that the build's knows; without one it leaves templates as they are."""
    build = set(re.findall(r"-m (\w+)", (ROOT / "cmake" / "FTorchFypp.cmake").read_text())) - {"pip"}
    reference = (ROOT / "docs" / "ford.md").read_text()
    assert len(build) >= 2
    assert set(re.findall(r"-m (\w+)", reference)) == build
    sources = "".join(file.read_text() for folder in ("ftorch", "mpi") for file in (ROOT / "src" / folder).rglob("*.f*"))
    modules = set(re.findall(r"^module (\w+)", sources, re.MULTILINE))
    assert [name for name in re.findall(r"\[\[(\w+)\]\]", reference) if name not in modules] == []
