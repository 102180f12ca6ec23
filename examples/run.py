"""Build and run the examples, print one table of their checks, and leave their figures in one page.

``python examples/run.py`` runs all of them, ``python examples/run.py 04 06`` some, ``--long`` the full experiments of those that
have a fast one too. The page is ``build/examples/index.html`` and needs no other file. Exits with 1 when an example fails.
"""

from __future__ import annotations

import argparse
import base64
import html
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Check:
    """A number or verdict that an example prints.

    Attributes
    ----------
    what
        What it is.
    pattern
        Finds it in the output.
    beside
        What the course, a paper or the allowed bound says; or ``from`` and a pattern that finds the host model's own value in the
        output.
    """

    what: str
    pattern: str
    beside: str = ""


@dataclass(frozen=True)
class Example:
    """How an example is run: a target of its CMake project, and then perhaps a command in the build folder.

    Those with a host model (`has_long`) have a fast experiment and a full one, -DLONG=ON.
    """

    folder: str
    checks: tuple[Check, ...]
    target: str = "demo"
    command: tuple[str, ...] = ()
    pictures: tuple[str, ...] = ()
    has_long: bool = False


#: What begins a pattern in `Check.beside`.
FOUND = "from "

EXAMPLES = (
    Example("01_hello_tensor", (Check("tensors", r"^hello_tensor: (.*)"),), "all", ("hello_tensor",)),
    Example(
        "02_sst_emulator",
        (
            Check("RMSE one month ahead (K)", r"RMSE (\S+) K, \d+% below", "0.48"),
            Check("persistence (K)", r"below persistence, (\S+) K", "0.715"),
            Check("Fortran and Python differ by (K)", r"Fortran equals Python: largest difference (\S+) K"),
        ),
        pictures=("sst_forecast.png",),
    ),
    Example("03_autograd", (Check("derivatives", r"^tangent: (.*)"),), "all", ("tangent", "material.pt")),
    Example(
        "04_line",
        (Check("slope", r"steps: m = (\S+),", "2.05"), Check("intercept", r"steps: m = \S+, c = +(\S+),", "-0.0333")),
        "all",
        ("line",),
    ),
    Example("05_train_mlp", (Check("variance explained (%)", r"explains +(\S+) %"),), pictures=("loss.png",)),
    Example(
        "06_penguins",
        (
            Check("species accuracy", r"species accuracy: (\S+)", "0.984"),
            Check("mass, mean squared error", r"mass, mean squared error: (\S+)", "0.0083"),
            Check("batch and single calls differ by", r"one by one: largest difference (\S+)"),
        ),
        pictures=("penguins.png",),
    ),
    Example(
        "07_mnist",
        (
            Check("accuracy", r"ok +accuracy: (\S+)", "0.983"),
            Check("accuracy with rows and columns exchanged", r"exchanged: (\S+)"),
        ),
        pictures=("mnist.png",),
    ),
    Example(
        "08_ellipse",
        (
            Check("mean squared error", r"mean squared error: (\S+) \(needed", "5.4E-04"),
            Check("images equal to Python's, bit for bit", r"(\d+) images drawn by Fortran equal"),
        ),
        pictures=("ellipse.png",),
    ),
    Example(
        "09_parallel_columns",
        (Check("runs with the same bits", r"PASSED, the same bits in (\d+) runs"),),
        pictures=("scaling.png",),
    ),
    Example(
        "10_qbo",
        (
            Check("period of the host (months)", r"period of the host: (\S+) months", "28 (observed)"),
            Check("period x, waves and diffusion x 1.3", r"diffusion: period x +(\S+)", "0.769 (Plumb 1977)"),
            Check("period with the network (months)", r"^layered, usual +\S+ +(\S+)", r"from ^the scheme +(\S+)"),
            Check("amplitude with the network (m/s)", r"^layered, usual(?: +\S+){2} +(\S+)", r"from ^the scheme +\S+ +(\S+)"),
            Check("period, waves 30 % stronger", r"^layered, usual(?: +\S+){3} +(\S+)", r"from ^the scheme(?: +\S+){2} +(\S+)"),
        ),
        pictures=("qbo.png",),
        has_long=True,
    ),
    Example(
        "11_rain",
        (
            Check("cloud base of the host (m)", r"cloud base of the host: (\S+) m", r"from Bolton's \(1980\) formula (\S+) m"),
            Check(
                "pieces of air with negative rain", r"ok +built: pieces of air with negative rain: (\d+)", r"from ^kessler +(\d+)"
            ),
            Check("water out of nothing", r"ok +built: water out of nothing: (\S+)", r"from ^kessler +\d+ +\d+ +(\S+)"),
            Check("heat out of nothing", r"ok +built: heat out of nothing: (\S+)", r"from ^kessler +\d+ +\d+ +\S+ +(\S+)"),
            Check("rain on the ground (mm)", r"^built +.* (\S+)$", r"from ^kessler +.* (\S+)$"),
        ),
        pictures=("rain.png",),
        has_long=True,
    ),
    Example(
        "12_radiation",
        (
            Check("grey air, off by (K)", r"grey air in equilibrium: off by at most (\S+) K", "0.5 (allowed)"),
            Check(
                "heating by longwave, error (K a day)", r"^recurrent +40(?: +\S+){6} +(\S+)", r"from ^plain +40(?: +\S+){6} +(\S+)"
            ),
            Check("weights", r"^recurrent +40 +(\d+)", r"from ^plain +40 +(\d+)"),
            Check(
                "derivatives that physics forbids",
                r"recurrent: derivatives .* forbids: (\S+)",
                r"from solver: derivatives .* forbids: (\S+)",
            ),
            Check("warming by twice the CO2 (K)", r"^recurrent(?: +\d\.\d\d){2} +(\S+)", r"from ^solver(?: +\d\.\d\d){2} +(\S+)"),
            Check("a column (microseconds)", r"^recurrent, package for 40 levels +(\S+)", r"from ^solver +(\S+) *$"),
        ),
        pictures=("radiation.png",),
        has_long=True,
    ),
    Example(
        "13_ocean",
        (
            Check("transport of the host (Sv)", r"gentle wind: (\S+) Sv", r"from Sverdrup's \(1947\) balance (\S+) Sv"),
            Check("mean flow with the network is off by", r"mean flow: off by (\S+) with", r"from mean flow: .* and (\S+) without"),
            Check("warm water with the network is off by (m)", r"water: off by (\S+) m with", r"from water: .* and (\S+) without"),
            Check("spectrum with the network is off by", r"energy: off by (\S+) with", r"from energy: .* and (\S+) without"),
            Check("mean flow, 30 m2/s and no network", r"^coarse, 30 m2/s(?: +\d+){3} +(\S+)", r"from ^network(?: +\d+){3} +(\S+)"),
            Check("momentum out of nothing", r"ok +network: (\S+) of the momentum"),
        ),
        pictures=("ocean.png",),
        has_long=True,
    ),
    Example(
        "14_stability",
        (
            Check("errors of the host grow by exp(x t)", r"errors grow by exp\((\S+) t\)", "0.089 (Edson et al. 2019)"),
            Check("derivative through the loop, off by", r"derivative by all weights differs by (\S+)", "1e-05"),
            Check("one step: offline score", r"^one step +(\S+)", "0.99"),
            Check("one step: blows up after", r"^one step +\S+ +\d+ +(\S+)", r"from ^own scheme +\d+ +(\S+)"),
            Check("ten steps: blows up after", r"^ten steps +\S+ +\d+ +(\S+)", r"from ^own scheme +\d+ +(\S+)"),
            Check("ten steps: standard deviation x", r"^ten steps +(?:\S+ +){4}(\S+)", r"from ^own scheme +(?:\S+ +){2}(\S+)"),
        ),
        pictures=("stability.png",),
        has_long=True,
    ),
    Example(
        "15_forecast",
        (
            Check("error 6 months ahead (K)", r"^network(?: +\d\.\d+){5} +(\S+)", r"from ^persistence(?: +\d\.\d+){5} +(\S+)"),
            Check("as a share of persistence's, limits", r"network, 6 months: .*, limits (\S+ to \S+)"),
            Check("linear inverse model, share", r"linear inverse model, 6 months: (\S+) of", "below 1 (Penland 1995)"),
            Check("resumed: forecasts with the same bits", r"state of the network: the same bits in (\d+)"),
        ),
        pictures=("forecast.png",),
        has_long=True,
    ),
    Example(
        "16_downscaling",
        (
            Check("rain of ridges, off by", r"rain of ridges, .*: (\S+) from Smith", "1e-12 (allowed; Smith and Barstad 2004)"),
            Check("CRPS (mm/h)", r"^generator +(\S+)", r"from ^bilinear +(\S+)"),
            Check("spectrum off by (powers of ten)", r"^generator(?: +\S+){3} +(\S+)", r"from ^bilinear(?: +\S+){3} +(\S+)"),
            Check("rain once in 1000 (mm/h)", r"^generator(?: +\S+){4} +(\S+)", r"from ^truth +(\S+)"),
            Check("rain of a coarse cell, off by", r"generator: rain .* is off by at most (\S+) of", "1e-14 (allowed)"),
        ),
        pictures=("downscaling.png",),
        has_long=True,
    ),
    Example(
        "17_elsewhere",
        (
            Check("cloud base of the host (m)", r"cloud base of the host: (\S+) m", r"from Bolton's \(1980\) formula (\S+) m"),
            Check(
                "rain once in 1000 storms (mm)",
                r"^home, weighted, guarded(?: +\S+){2} +(\S+)",
                r"from ^home, scheme(?: +\S+){2} +(\S+)",
            ),
            Check("4 K warmer", r"^warmer, weighted, guarded(?: +\S+){2} +(\S+)", r"from ^warmer, scheme(?: +\S+){2} +(\S+)"),
            Check("4 K warmer: error with guard", r"^warmer +\S+% +(\S+)%", r"from ^warmer +(\S+)%"),
            Check("4 K warmer: air left to the scheme", r"warmer: the guard leaves (\S+)", "30% or more"),
        ),
        pictures=("elsewhere.png",),
        has_long=True,
    ),
    Example(
        "skeleton",
        (
            Check("tests of the host", r"(\d+% tests passed, \d+ tests failed) out of"),
            Check("network minus scheme at the ground, rms (K/day)", r"^ +1 +\S+ +(\S+)$"),
        ),
    ),
)


@dataclass(frozen=True)
class Result:
    """What an example gave: rows (check, result, what stands beside it), its pictures, and whether it passed."""

    example: str
    passed: bool
    rows: tuple[tuple[str, str, str], ...]
    pictures: tuple[Path, ...]


def run(example: Example, build: Path, options: Sequence[str], long: bool = False) -> Result:
    """Configure, build and run one example; what it prints goes into ``build``/NAME.log."""
    folder = build / example.folder
    folder.mkdir(parents=True, exist_ok=True)
    place = subprocess.run(
        [sys.executable, "-m", "ftorch", "--cmake-dir"], capture_output=True, text=True, check=True
    ).stdout.strip()
    given = (f"-DCMAKE_PREFIX_PATH={place}", f"-DPython3_EXECUTABLE={sys.executable}", *options)
    if example.has_long:
        given += (f"-DLONG={'ON' if long else 'OFF'}",)
    commands = [
        ["cmake", "-S", str(HERE / example.folder), "-B", str(folder), *given],
        ["cmake", "--build", str(folder), "--target", example.target],
    ]
    if example.command:
        commands.append([str(folder / example.command[0]), *example.command[1:]])
    said, passed = "", True
    for command in commands:
        quiet = {**os.environ, "OMP_WAIT_POLICY": "passive"}
        done = subprocess.run(
            command, cwd=folder, env=quiet, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        said += done.stdout
        passed = passed and done.returncode == 0
        if not passed:
            break
    (build / f"{example.folder}.log").write_text(said)
    rows = tuple((check.what, find(check.pattern, said), beside(check, said)) for check in example.checks)
    pictures = tuple(folder / name for name in example.pictures if (folder / name).exists())
    # A program that stopped saying what it said before is no success.
    complete = all(result for _, result, _ in rows) and len(pictures) == len(example.pictures)
    return Result(example.folder, passed and complete, rows, pictures)


def beside(check: Check, said: str) -> str:
    """Return what a result is to be compared with."""
    return find(check.beside.removeprefix(FOUND), said) if check.beside.startswith(FOUND) else check.beside


def find(pattern: str, text: str) -> str:
    """Return what a pattern finds last: its group where it has one."""
    found = list(re.finditer(pattern, text, re.MULTILINE))
    if not found:
        return ""
    return found[-1][1] if found[-1].re.groups else found[-1][0]


def show(results: Sequence[Result]) -> None:
    """Print the table."""
    table = Table("example", "check", "result", "course, published or host", "")
    for result in results:
        for number, (what, value, other) in enumerate(result.rows):
            first = number == 0
            table.add_row(result.example if first else "", what, value or "none", other, verdict(result) if first else "")
    Console(width=None if sys.stdout.isatty() else 132).print(table)


def verdict(result: Result) -> str:
    """Return the word for the last column."""
    return "passed" if result.passed else "FAILED"


def page(results: Sequence[Result]) -> str:
    """Return a page with the same table and all figures inside."""
    rows, figures = [], []
    for result in results:
        for what, value, other in result.rows:
            cells = (result.example, what, value or "none", other, verdict(result))
            rows.append("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in cells) + "</tr>")
        for picture in result.pictures:
            data = base64.b64encode(picture.read_bytes()).decode()
            name = html.escape(f"{result.example}: {picture.name}")
            figures.append(f'<h2>{name}</h2>\n<img alt="{name}" src="data:image/png;base64,{data}">')
    heads = "".join(f"<th>{name}</th>" for name in ("example", "check", "result", "course, published or host", "verdict"))
    return "\n".join(
        [
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>Examples</title>',
            "<style>body{font-family:sans-serif;max-width:75rem;margin:2rem auto;padding:0 1rem}img{max-width:100%}",
            "td,th{text-align:left;padding:.2rem .8rem;border-bottom:1px solid #ddd}</style>\n</head>\n<body>",
            "<h1>Examples</h1>\n<table>",
            f"<tr>{heads}</tr>",
            *rows,
            "</table>",
            *figures,
            "</body>\n</html>\n",
        ]
    )


def main(words: Sequence[str] | None = None) -> int:
    """Run, print, write the page; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("numbers", nargs="*", help="examples to run, such as 04 06; all otherwise")
    parser.add_argument(
        "--build", type=Path, default=HERE.parent / "build" / "examples", help="where to build (default: %(default)s)"
    )
    parser.add_argument(
        "--cmake", action="append", default=[], metavar="-DNAME=VALUE", help="for all CMake projects: --cmake=-DNAME=VALUE"
    )
    parser.add_argument("--long", action="store_true", help="the full experiments, where there are fast ones")
    options = parser.parse_args(words)
    unknown = [word for word in options.numbers if not any(example.folder.startswith(word) for example in EXAMPLES)]
    if unknown:
        parser.error(f"there is no example {unknown[0]}")
    chosen = [item for item in EXAMPLES if not options.numbers or any(item.folder.startswith(word) for word in options.numbers)]
    build, results = options.build.resolve(), []
    for example in chosen:
        print(f"[examples] {example.folder}", file=sys.stderr, flush=True)
        results.append(run(example, build, options.cmake, options.long))
        if not results[-1].passed:
            print(f"[examples] {example.folder} failed: see {build / example.folder}.log", file=sys.stderr, flush=True)
    show(results)
    (build / "index.html").write_text(page(results))
    print(f"Figures: {build / 'index.html'}")
    return 0 if all(result.passed for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
