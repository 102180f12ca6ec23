"""A headless Chromium that opens pages, and tells what it fetched and said."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def chromium(folder: Path) -> Iterator[Any]:
    """Start one that keeps its files in a folder. Without one the tests fail: `make test-long` sets it up."""
    from selenium import webdriver

    found = [place for name in ("chromium", "chromium-browser", "google-chrome") if (place := shutil.which(name))]
    driver = shutil.which("chromedriver")
    assert found, "chromium is missing: scripts/setup long"
    assert driver, "chromedriver is missing: scripts/setup long"
    options = webdriver.ChromeOptions()
    options.binary_location = found[0]
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    for word in (
        "headless=new",
        "no-sandbox",  # Chromium has none in many containers and for root; the pages are ours
        "disable-dev-shm-usage",
        "disable-gpu",
        f"user-data-dir={folder}",
    ):
        options.add_argument(f"--{word}")
    with webdriver.Chrome(options, webdriver.ChromeService(driver)) as chrome:
        chrome.set_page_load_timeout(3600)
        yield chrome


def requested(chrome: Any) -> list[str]:
    """Return the addresses that it has asked for since the last time."""
    events = [json.loads(entry["message"])["message"] for entry in chrome.get_log("performance")]
    return [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]
