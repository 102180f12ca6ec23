"""Every command, option, file, variable, count and exit code that the pages name is the code's; what is planted is found."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("check_docs", ROOT / "scripts" / "check_docs.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_pages_name_what_is_there(script: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert script.main() == 0, capsys.readouterr().out


PLANTED = {
    "pt2ts exprt net.py": "pt2ts has no command exprt",
    "pt2ts export net.py --devize cpu": "pt2ts export has no option --devize",
    "python -m ftorch --fflag": "python -m ftorch has no option --fflag",
    "--devize": "no command has the option --devize",
    "make tests": "the Makefile has no target tests",
    "src/ctorch/loadr.c": "there is no src/ctorch/loadr.c",
    "loadr.c": "there is no loadr.c",
    "FTORCH_POOL_GB": "nothing reads FTORCH_POOL_GB",
    "ctorch_model_laod": "there is no ctorch_model_laod",
    "pt2ts.exprt(net)": "there is no pt2ts.exprt",
    "benchmarks/call/run.py --longer": "benchmarks/call/run.py has no option --longer",
}


@pytest.mark.parametrize("text", PLANTED)
def test_what_is_not_there_is_found(script: ModuleType, text: str) -> None:
    code = script.Code("docs/architecture.md", 1, text, inline=True)
    assert list(script.findings([code])) == [f"docs/architecture.md:1: `{text}`: {PLANTED[text]}"]


def test_a_wrong_count_is_found(script: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    (page, words, count), *_ = script.counts()
    monkeypatch.setattr(script, "counts", lambda: [(page, words, count + 1)])
    assert len(list(script.wrong_counts())) == 1
