"""The page of ``make examples`` as a browser shows it: the numbers of the table, every figure, and nothing from elsewhere."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ..browser import chromium, requested

pytestmark = pytest.mark.long

SCRIPT = Path(__file__).resolve().parents[2] / "examples" / "run.py"
FIGURES = {
    "02_sst_emulator: sst_forecast.png",
    "05_train_mlp: loss.png",
    "06_penguins: penguins.png",
    "07_mnist: mnist.png",
    "08_ellipse: ellipse.png",
    "09_parallel_columns: scaling.png",
    "10_qbo: qbo.png",
    "11_rain: rain.png",
    "12_radiation: radiation.png",
    "13_ocean: ocean.png",
    "14_stability: stability.png",
    "15_forecast: forecast.png",
    "16_downscaling: downscaling.png",
    "17_elsewhere: elsewhere.png",
}


@dataclass(frozen=True)
class Seen:
    """What a browser has of a page.

    Attributes
    ----------
    rows
        Text of the cells of the table, without its head.
    widths
        Pixels in a row of each image, by its description; 0 where it did not load.
    said
        Messages in the console.
    requested
        What it fetched for the page beside the page itself and what lies in it.
    """

    rows: list[list[str]]
    widths: dict[str, int]
    said: list[str]
    requested: list[str]


Browser = Callable[[Path], Seen]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Open files in a headless Chromium. Without one the tests fail: `make test-long` sets it up."""
    with chromium(tmp_path_factory.mktemp("browser")) as chrome:

        def look(page: Path) -> Seen:
            for log in ("browser", "performance"):
                chrome.get_log(log)  # what came before
            chrome.get(page.as_uri())
            rows = chrome.execute_script("return [...document.querySelectorAll('tr')].map(r => [...r.cells].map(c => c.innerText))")
            widths = chrome.execute_script("return [...document.images].map(i => [i.alt, i.complete ? i.naturalWidth : 0])")
            addresses = requested(chrome)
            assert page.as_uri() in addresses  # events do come
            return Seen(
                rows[1:],
                dict(widths),
                [entry["message"] for entry in chrome.get_log("browser")],
                [address for address in addresses if address != page.as_uri() and not address.startswith("data:")],
            )

        yield look


def rows_of(table: str) -> list[list[str]]:
    """Return the rows of a printed table, with the words that it says once for several rows in each of them."""
    rows: list[list[str]] = []
    for line in table.splitlines():
        if line.startswith("│"):
            row = [cell.strip() for cell in line.strip("│").split("│")]
            above = rows[-1] if rows else row
            rows.append([row[0] or above[0], *row[1:4], row[4] or above[4]])
    return rows


def test_the_page_of_all_examples(browser: Browser, tmp_path: Path) -> None:
    """As `make examples` does it: two dozen networks are trained."""
    done = subprocess.run([sys.executable, SCRIPT, "--build", tmp_path], capture_output=True, text=True, check=False, timeout=14000)
    assert done.returncode == 0, done.stdout + done.stderr
    seen = browser(tmp_path / "index.html")
    assert seen.rows == rows_of(done.stdout)
    assert {row[0] for row in seen.rows} == {folder.parent.name for folder in SCRIPT.parent.glob("*/CMakeLists.txt")}
    assert {row[4] for row in seen.rows} == {"passed"}
    assert set(seen.widths) == FIGURES
    assert all(width > 100 for width in seen.widths.values()), seen.widths
    assert (seen.said, seen.requested) == ([], [])


@pytest.fixture
def page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> tuple[str, str]:
    """Table and page of two examples, one of which failed."""
    spec = importlib.util.spec_from_file_location("examples_run_for_browser", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    script: Any = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = script  # dataclasses look there
    spec.loader.exec_module(script)
    picture = tmp_path / "a.png"
    Image.fromarray(np.zeros((3, 40, 3), np.uint8)).save(picture)
    results = [
        script.Result("06_penguins", True, (("accuracy", "0.983", "0.984"), ("a < b & c", "1e-7", "")), (picture,)),
        script.Result("04_line", False, (("slope", "", "2.05"),), ()),
    ]
    script.show(results)
    return capsys.readouterr().out, script.page(results)


#: What may be wrong with a page, and what a browser then has otherwise.
FAULTS = {
    "number": (("0.983", "0.938"), "rows"),
    "verdict": (("FAILED", "passed"), "rows"),
    "row": (("</table>", "<tr><td>09</td></tr></table>"), "rows"),
    "damaged": (("data:image/png;base64,", "data:image/png;base64,AAAA"), "widths"),
    "missing": (('src="data:', 'src="other.png" data-was="data:'), "widths said requested"),
    "console": (("</body>", "<script>nothing.at.all</script></body>"), "said"),
    "network": (("</body>", '<link rel="stylesheet" href="http://127.0.0.1:9/a.css"></body>'), "said requested"),
}


@pytest.mark.parametrize("fault", [None, *FAULTS])
def test_what_is_wrong_with_a_page_is_seen(browser: Browser, page: tuple[str, str], tmp_path: Path, fault: str | None) -> None:
    (table, text), (change, others) = page, FAULTS[fault] if fault else (("", ""), "")
    assert change[0] in text
    (tmp_path / "index.html").write_text(text.replace(*change))
    seen = browser(tmp_path / "index.html")
    right = Seen(rows_of(table), {"06_penguins: a.png": 40}, [], [])
    assert len(right.rows) == 3
    assert {name for name in vars(right) if getattr(seen, name) != getattr(right, name)} == set(others.split())
