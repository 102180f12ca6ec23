"""The page about the command line has every command, with the options of today."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

from typer.testing import CliRunner

from pt2ts.cli.app import app

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "command-line.md"
SCRIPT = runpy.run_path(str(ROOT / "scripts" / "document_commands.py"))


def test_tables_are_up_to_date() -> None:
    assert SCRIPT["updated"](PAGE.read_text()) == PAGE.read_text(), "run: python scripts/document_commands.py"


def test_every_command_has_a_table() -> None:
    page = PAGE.read_text()
    names = list(SCRIPT["commands"]())
    assert {"export", "inspect", "verify", "bench", "diff", "convert", "doctor", "tune"} <= set(names)
    assert [name for name in names if f"<!-- options of {name} -->" not in page or f"## pt2ts {name}" not in page] == []


def test_the_tables_name_what_the_commands_take() -> None:
    runner = CliRunner()
    for name in SCRIPT["commands"]():
        named = set(re.findall(r"`(--?[a-z-]+)`", SCRIPT["table"](name)))
        offered = set(re.findall(r"(?<![\w-])(--?[a-z][a-z-]*)(?=[\s,]|$)", runner.invoke(app, [name, "--help"]).output)) - {
            "--help"
        }
        assert named <= offered, name
        assert {word for word in offered if word.startswith("--")} - named == set(), name


def test_an_old_table_is_noticed() -> None:
    page = PAGE.read_text()
    assert "`--tolerance`" in page
    old = page.replace("| `--tolerance`", "| `--tolerated`")
    assert SCRIPT["updated"](old) == page
