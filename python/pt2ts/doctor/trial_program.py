"""A short Fortran program, compiled and run with each compiler, shows whether the whole chain works."""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ftorch.compilers import Compiler, present_compilers
from ftorch.doctor import Finding
from ftorch.flags import fflags, ldflags
from ftorch.layout import Installation

_PROGRAM = """program doctor
  use ftorch
  real, target :: x(3) = [1., 2., 3.], y(1)
  type(torch_tensor) :: t, total
  call torch_tensor_from_array(t, x)
  call torch_tensor_from_array(total, y)
  total = torch_sum(t, [1], keepdim=.true.)
  if (abs(y(1) - 6) > 1e-6) error stop 'wrong sum'
  print '(a)', 'the sum is right'
end program doctor
"""
_SAYS = "the sum is right"
#: Seconds after which a compiler or the program hangs; also on a machine that has much else to do.
_TIMEOUT = 1200
_TOPIC = "trial program"


def trials(place: Installation) -> Iterator[Finding]:
    """Yield what became of the program, for each compiler that has an interface."""
    for compiler in present_compilers():
        if compiler.tag in place.tags():
            yield _trial(compiler, place)


def _trial(compiler: Compiler, place: Installation) -> Finding:
    name = compiler.command.name
    try:
        with tempfile.TemporaryDirectory(prefix="pt2ts-doctor-") as folder:
            source, program = Path(folder) / "doctor.f90", Path(folder) / "doctor"
            source.write_text(_PROGRAM)
            line = [str(compiler.command), *fflags(compiler, installation=place), source.name]
            made = _run([*line, *ldflags(compiler, place), "-o", program.name], folder)
            if made.returncode != 0:
                remedy = f"compile the interface again: python -m ftorch --add-compiler {compiler.command}"
                return Finding(_TOPIC, f"{name} cannot compile it: {_last(made)}", remedy)
            done = _run([str(program)], folder)
            if done.returncode == 0 and _SAYS in done.stdout:
                return Finding(_TOPIC, f"{name}: compiled, linked and run")
            return Finding(_TOPIC, f"{name}: it was linked and fails: {_last(done)}", _remedy(done, program))
    except (OSError, subprocess.TimeoutExpired) as error:
        return Finding(_TOPIC, f"{name}: {error}", "is the temporary folder (TMPDIR) full, read-only or mounted noexec?")


def _run(words: list[str], folder: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False, timeout=_TIMEOUT)


def _last(done: subprocess.CompletedProcess[str]) -> str:
    lines = [line.strip() for line in (done.stderr + done.stdout).splitlines() if line.strip()]
    wrong = [line for line in lines if re.search(r"error|cannot|not found|undefined", line, re.IGNORECASE)]
    return (wrong or lines or [f"status {done.returncode}"])[0]


def _remedy(done: subprocess.CompletedProcess[str], program: Path) -> str:
    """Say what to do about a program that does not run."""
    said = done.stderr + done.stdout
    if "cannot open shared object file" in said:
        missing = [
            line.split()[0] for line in _run(["ldd", str(program)], str(program.parent)).stdout.splitlines() if "not found" in line
        ]
        return f"no path of the program leads to {', '.join(missing) or 'a library'}: is the installation's file system mounted?"
    if "version `" in said or "symbol lookup error" in said or "undefined symbol" in said:
        return "another library of the same name is found first: look at LD_LIBRARY_PATH and LD_PRELOAD"
    return "python -m ftorch --info shows whether PyTorch and the library fit"
