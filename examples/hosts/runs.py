"""Run a host model, read what it wrote, say what was found."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
from numpy.typing import NDArray

Fields = dict[str, NDArray[np.float64]]
Setting = str | int | float | bool | Path | tuple[int, ...]


def training_options(about: str | None, host: str = "the program without a network") -> argparse.Namespace:
    """Read what a training by samples of a host is told: the host's program, ``--output`` and ``--long``."""
    parser = argparse.ArgumentParser(description=(about or "").partition("\n")[0])
    parser.add_argument("host", type=Path, help=host)
    parser.add_argument("--output", type=Path, default=Path("build"), help="folder for the results (default: build)")
    parser.add_argument("--long", action="store_true", help="the full experiment")
    return parser.parse_args()


@dataclass(frozen=True)
class Host:
    """A host model: its program, and the folder of its runs. One that trains says how far it is, and ``shown`` lets it.

    One for many ranks has a ``launcher``: ``("mpirun", "-n", "4")``.
    """

    program: Path
    folder: Path
    shown: bool = False
    launcher: tuple[str, ...] = ()

    def run(self, name: str, **settings: Setting) -> Fields:
        """Run once and return what it wrote; see `start`."""
        return read(self.start(name, **settings))

    def run_all(self, runs: Mapping[str, Mapping[str, Setting]], at_once: int = 2) -> dict[str, Fields]:
        """Run several, ``at_once`` side by side: the settings of each by its name."""
        with ThreadPoolExecutor(at_once) as pool:
            waiting = {name: pool.submit(self.start, name, **settings) for name, settings in runs.items()}
        return {name: read(one.result()) for name, one in waiting.items()}  # here, because netCDF is for one thread

    def start(self, name: str, **settings: Setting) -> Path:
        """Run once, with ``settings`` in the namelist &run; NAME.nml, NAME.nc and NAME.log stay in the folder.

        Parameters
        ----------
        name
            Of the run and its files.
        settings
            Keys of &run. ``output`` is NAME.nc.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        namelist, output = self.folder / f"{name}.nml", self.folder / f"{name}.nc"
        words = {"output": output, **settings}
        namelist.write_text("&run\n" + "".join(f"  {key} = {_word(value)}\n" for key, value in words.items()) + "/\n")
        # One thread: networks this small have no work for two, and runs go side by side.
        alone = {**os.environ, "OMP_NUM_THREADS": "1"}
        done = subprocess.run(
            [*self.launcher, self.program, namelist],
            cwd=self.folder,
            env=alone,
            text=True,
            stdout=None if self.shown else subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        said = done.stdout or ""
        (self.folder / f"{name}.log").write_text(said)
        if done.returncode:
            sys.exit(f"{self.program} {namelist} failed:\n{said}")
        return output


def read(path: Path) -> Fields:
    """Return all variables of a NetCDF file."""
    with netCDF4.Dataset(path) as file:
        file.set_auto_mask(False)
        return {name: np.asarray(variable[...], np.float64) for name, variable in file.variables.items()}


def _word(value: Setting) -> str:
    if isinstance(value, bool):
        return ".true." if value else ".false."
    if isinstance(value, tuple):
        return ", ".join(map(repr, value))
    return f"'{value}'" if isinstance(value, str | Path) else repr(value)


@dataclass
class Verdicts:
    """Checks that were made: each is printed at once, and one that failed makes the program fail."""

    title: str
    failed: list[str] = field(default_factory=list)

    def check(self, good: bool | np.bool_, sentence: str) -> None:
        """Print a verdict. A comparison with NaN is false, so NaN fails."""
        print(f"  {'ok  ' if good else 'FAIL'}  {sentence}", flush=True)
        if not good:
            self.failed.append(sentence)

    def finish(self) -> int:
        """Print the last line; return the exit status."""
        print(f"{self.title}: {'FAILED' if self.failed else 'PASSED'}")
        return 1 if self.failed else 0


def table(heads: list[str], rows: list[list[Any]]) -> None:
    """Print a table: words to the left, numbers to the right."""
    cells = [heads, *[[str(cell) for cell in row] for row in rows]]
    widths = [max(len(row[column]) for row in cells) for column in range(len(heads))]
    for row in cells:
        first, *others = [
            cell.ljust(width) if n == 0 else cell.rjust(width) for n, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        print("  ".join([first, *others]))
