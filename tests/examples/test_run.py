"""``make examples``: one table, one page that says the same and holds its figures, and failures that are seen."""

from __future__ import annotations

import base64
import importlib.util
import io
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

SCRIPT = Path(__file__).resolve().parents[2] / "examples" / "run.py"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("examples_run", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look there
    spec.loader.exec_module(module)
    return module


class Page(HTMLParser):
    """Cells of the table row by row, and sources of the images."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.images: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "img":
            self.images.append(dict(attrs)["src"] or "")
        elif tag not in ("meta", "br"):
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag == "td":
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "td":
            self.rows[-1][-1] += data


def test_the_page_has_the_numbers_of_the_table_and_its_images_load(
    script: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    results = [
        script.Result("06_penguins", True, (("accuracy", "0.983", "0.984"), ("a < b & c", "1e-7", "")), (tmp_path / "a.png",)),
        script.Result("04_line", False, (("slope", "", "2.05"),), ()),
    ]
    script.show(results)
    table = capsys.readouterr().out
    shown = Page(script.page(results))
    assert shown.open == []
    assert shown.rows[1:] == [
        ["06_penguins", "accuracy", "0.983", "0.984", "passed"],
        ["06_penguins", "a < b & c", "1e-7", "", "passed"],
        ["04_line", "slope", "none", "2.05", "FAILED"],
    ]
    for row in shown.rows[1:]:
        assert any(row[1] in line and row[2] in line and row[3] in line for line in table.splitlines())
    (source,) = shown.images
    head, _, data = source.partition(",")
    assert head == "data:image/png;base64"
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(base64.b64decode(data)))), pixels)


def test_every_example_is_run(script: ModuleType) -> None:
    folders = {path.parent.name for path in SCRIPT.parent.glob("*/CMakeLists.txt")}
    assert {example.folder for example in script.EXAMPLES} == folders


def test_patterns_find_what_the_readmes_show(script: ModuleType) -> None:
    for example in script.EXAMPLES:
        readme = (SCRIPT.parent / example.folder / "README.md").read_text()
        for check in example.checks:
            assert script.find(check.pattern, readme), f"{example.folder}: {check.what}"
            if check.beside:
                assert script.beside(check, readme), f"{example.folder}: {check.what}, what stands beside it"


def test_one_example_from_the_command_line(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, SCRIPT, "04", "--build", tmp_path], capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    rows = Page((tmp_path / "index.html").read_text()).rows[1:]
    assert [float(row[2]) for row in rows] == pytest.approx([2.05, -1 / 30], abs=1e-5)
    assert all(row[2] in done.stdout for row in rows)
    assert re.search("slope +│ 2.05", done.stdout)


def test_a_failing_example_is_said(script: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert script.main(["04", "--build", str(tmp_path), "--cmake=-DCMAKE_Fortran_COMPILER=no-such-compiler"]) == 1
    said = capsys.readouterr()
    assert "FAILED" in said.out
    assert f"04_line failed: see {tmp_path / '04_line.log'}" in said.err
    assert "no-such-compiler" in (tmp_path / "04_line.log").read_text()
    assert Page((tmp_path / "index.html").read_text()).rows[1][4] == "FAILED"
    with pytest.raises(SystemExit):
        script.main(["99"])
