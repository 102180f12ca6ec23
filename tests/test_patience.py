"""Limits in processor time: what is slow ends, what never ends is stopped."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from . import patience
from .patience import Watch, processor_seconds

BUSY = "while True: pass"


def test_a_limit_is_processor_time() -> None:
    """A process that waits longer than its limit by the clock ends as it would."""
    line = [sys.executable, "-c", "import time; time.sleep(1.5); print(input())"]
    done = subprocess.run(line, input="heard", timeout=0.1, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "heard"


def test_an_endless_loop_is_stopped() -> None:
    """Also one in a process that the first one started."""
    line = [sys.executable, "-c", f"import subprocess, sys; subprocess.run([sys.executable, '-c', {BUSY!r}])"]
    process = subprocess.Popen(line, start_new_session=True)
    with pytest.raises(subprocess.TimeoutExpired):
        process.communicate(timeout=0.1)
    assert processor_seconds(process.pid) > patience.CORES * 0.1
    subprocess.run(["kill", "--", f"-{process.pid}"], check=True)
    process.wait()


def test_a_process_that_does_nothing() -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    watch = Watch(process.pid, 60, idle=0.5)
    assert not watch.is_over()
    waited = time.monotonic()
    while not watch.is_over():
        time.sleep(0.05)
        assert time.monotonic() - waited < 600
    process.communicate(b"\n")
    assert process.returncode == 0
