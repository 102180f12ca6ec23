"""What is told while a file is being made."""

from __future__ import annotations

import logging
import threading

import pytest

from pt2ts.report import Check, listening, passed, step

CHECK = Check("script", "batch=4", "y", 0.0, 1e-5)


def test_listeners_hear_their_thread_only() -> None:
    mine: list[object] = []
    theirs: list[object] = []

    def other() -> None:
        with listening(theirs.append, theirs.append):
            step("there")

    with listening(mine.append, mine.append):
        step("here")
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        passed(CHECK)
    step("later")
    assert mine == ["here", CHECK]
    assert theirs == ["there"]


def test_listening_leaves_the_logger_to_the_user(caplog: pytest.LogCaptureFixture) -> None:
    """A program that logs warnings is not told of every comparison because a command shows its progress."""
    logger = logging.getLogger("pt2ts")
    assert logger.level == logging.NOTSET
    caplog.set_level(logging.WARNING)
    with listening(lambda _: None):
        assert logger.level == logging.NOTSET
        step("compiling")
        passed(CHECK)
    assert caplog.records == []
    caplog.set_level(logging.DEBUG)
    step("compiling")
    passed(CHECK)
    assert [record.levelname for record in caplog.records] == ["INFO", "DEBUG"]


def test_the_end_of_one_is_not_the_end_of_the_other() -> None:
    outer: list[str] = []
    with listening(outer.append):
        with pytest.raises(ZeroDivisionError), listening(outer.append):
            raise ZeroDivisionError
        step("still heard")
    assert outer == ["still heard"]
