"""The site as a browser shows it from a folder, without a server: nothing from elsewhere, and a search that finds."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ..browser import chromium, requested
from ..support import ROOT, run

pytestmark = pytest.mark.long

#: A page of each kind, and words that it shows.
SHOWN = {
    "index.html": "How fast, against whom?",
    "docs/install.html": "Requirements",
    "docs/benchmark-host.html": "Median microseconds per call. date: 20",
    "examples/02_sst_emulator/index.html": "Figures",
    "examples/04_line/main.f90.html": "program line",
    "reference/fortran.html": "what use ftorch gives",
    "reference/fortran/interface/torch_model_load.html": "torch_model_load",
    "reference/pt2ts.html": "pt2ts.export",
    "reference/ftorch.html": "ftorch.find_compiler",
}


@pytest.fixture(scope="module")
def site() -> Path:
    """Folder of the site, as `make site` makes it."""
    said = run(sys.executable, ROOT / "scripts" / "build_site.py")
    assert "all links lead somewhere" in said
    return ROOT / "build" / "site" / "html"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with chromium(tmp_path_factory.mktemp("browser")) as chrome:
        yield chrome


@pytest.mark.parametrize("page", SHOWN)
def test_a_page(browser: Any, site: Path, page: str) -> None:
    for log in ("browser", "performance"):
        browser.get_log(log)  # what came before
    browser.get((site / page).as_uri())
    assert SHOWN[page] in browser.execute_script("return document.body.innerText")
    assert [address for address in requested(browser) if not address.startswith(("file:", "data:", "blob:"))] == []
    assert [entry["message"] for entry in browser.get_log("browser")] == []
    images = browser.execute_script("return [...document.images].filter(i => i.complete && !i.naturalWidth).map(i => i.src)")
    assert images == []


def test_the_first_page_is_one_screen(browser: Any, site: Path) -> None:
    browser.set_window_size(1920, 1200)
    browser.get((site / "index.html").as_uri())
    assert browser.execute_script("return document.querySelector('article').getBoundingClientRect().bottom - innerHeight") < 0


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("torch_tensor_from_array", "reference/fortran/interface/torch_tensor_from_array.html"),
        ("find_compiler", "reference/ftorch.html#ftorch.find_compiler"),
        ("subnormal numbers host", "docs/host-process.html"),
    ],
)
def test_the_search_finds(browser: Any, site: Path, words: str, found: str) -> None:
    from selenium.webdriver.support.wait import WebDriverWait

    browser.get((site / "docs" / "errors.html").as_uri())
    box = browser.find_element("css selector", "input[name=query]")
    browser.execute_script("arguments[0].focus(); arguments[0].value = arguments[1];", box, words)
    browser.execute_script("arguments[0].dispatchEvent(new Event('keyup', {bubbles: true}));", box)

    def results(chrome: Any) -> list[str]:
        links = chrome.execute_script("return [...document.querySelectorAll('.md-search-result__link')].map(a => a.href)")
        return [link.partition("?")[0].removeprefix(f"{site.as_uri()}/") for link in links]

    WebDriverWait(browser, 300).until(results)
    assert any(link.startswith(found.partition("#")[0]) for link in results(browser)), results(browser)
