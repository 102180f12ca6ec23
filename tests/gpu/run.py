"""Everything that a machine with a GPU can show: ``make test-gpu``. It needs no network, and writes a report.

Programs are built for the device that PyTorch finds, and what it computes is held against the host: placement, TorchScript,
packages, tensors that stay, training, checkpoints, all devices of the kind, memory, requests, events, graphs, OpenACC and OpenMP;
some of it under compute-sanitizer, and copies counted by Nsight Systems, where these are; then calls are timed beside PyTorch's own
in Python. The report is ``build/gpu/report.md``. Exits with 1 where a check fails, and with 3, saying what it
would do, where there is no device.
"""

from __future__ import annotations

import argparse
import csv
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

import pt2ts

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
PROGRAMS = ROOT / "tests" / "device_programs"
NO_DEVICE = 3

#: What is checked, and what for.
CHECKS = {
    "placement": "tensors to the device and back, also by pinned memory",
    "script": "a TorchScript file on the device, from arrays of the host",
    "package": "a package: code for the device, or its TorchScript form",
    "image": "convolutions and batch normalization, arrays of four dimensions",
    "resident": "tensors that stay on the device, in and out",
    "training": "twenty steps of Adam",
    "trainer": "twenty compiled steps of Adam, against those of the host",
    "checkpoint": "a run that was saved on the device goes on there and on the host",
    "devices": "each device of the kind",
    "memory": "memory of the device: counted, given back, limited",
    "requests": "calls that are under way at the same time",
    "events": "events, for the host and, where there are two devices, between them",
    "graphs": "calls that are recorded and done again",
}
#: Checks under compute-sanitizer, which looks at each access to memory of the device.
SANITIZED = ("resident", "requests", "events", "graphs")
TOOLS = {
    "compute-sanitizer": f"no wrong access to memory of the device in {', '.join(SANITIZED)}",
    "nsys": "calls on tensors of the device copy nothing to the host or from it",
}
TIMINGS = {"timing": "what a call takes"}


@dataclass(frozen=True)
class Result:
    """What one check gave."""

    name: str
    what: str
    passed: bool
    words: str


def network() -> nn.Module:
    """Return the network of the checks."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(40, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 8)).eval()


def write_models(folder: Path, kind: str) -> None:
    """Export the network in both formats, with code for the device where PyTorch's compiler has some."""
    example, declared = torch.randn(4, 40), ["x[batch,40]"]
    pt2ts.export(network(), example, folder / "model.pt", inputs=declared)
    image = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 4, 3, padding=1)).eval()
    pt2ts.export(image, torch.rand(2, 3, 16, 16), folder / "image.pt", inputs=["x[batch,3,16,16]"])
    columns = nn.Sequential(nn.Linear(5, 16), nn.Tanh(), nn.Linear(16, 3))
    pt2ts.export(columns, torch.randn(2, 5), folder / "columns.pt", inputs=["x[batch,5]"])
    compiled_for = kind if kind in ("cuda", "xpu", "mps") else None
    package = pt2ts.Package(fallback=True, device=compiled_for)
    pt2ts.export(network(), example, folder / "model.pt2", inputs=declared, format=package)
    if compiled_for is not None:
        targets = ["y[batch,8]"]
        pt2ts.export_training(
            network(), "mse", "adam", None, None, folder / "train.pt2", inputs=declared, targets=targets, device=compiled_for
        )


def directive_flags(compiler: str) -> dict[str, tuple[str, ...]]:
    """Return the flags for OpenACC and OpenMP, as far as a compiler translates them."""
    if "flang" in compiler:  # OpenACC not yet; and by itself it reads a version of OpenMP without use_device_addr
        return {"openmp": ("-fopenmp", "-fopenmp-version=52")}
    return {"openacc": ("-fopenacc",), "openmp": ("-fopenmp",)}


def flags(compiler: str, option: str) -> list[str]:
    """Ask the installed library what a program needs."""
    line = [sys.executable, "-m", "ftorch", "--compiler", compiler, option]
    return subprocess.run(line, check=True, capture_output=True, text=True).stdout.split()


def build(folder: Path, compiler: str, source: Path, more: Sequence[str]) -> Path:
    """Compile a program."""
    program = folder / source.stem
    line = [compiler, "-O2", *more, *flags(compiler, "--fflags"), source, *flags(compiler, "--ldflags"), "-o", program]
    subprocess.run(list(map(str, line)), check=True, cwd=folder)
    return program


def run_check(folder: Path, name: str, what: str, words: Sequence[str | Path]) -> Result:
    """Run one check."""
    done = subprocess.run(list(map(str, words)), cwd=folder, capture_output=True, text=True, check=False, timeout=3600)
    lines = (done.stdout if done.returncode == 0 else done.stderr or done.stdout).strip().splitlines()
    result = Result(name, what, done.returncode == 0, "; ".join(line.strip() for line in lines[:3]))
    print(f"{'ok    ' if result.passed else 'FAILED'} {name}: {result.words}", flush=True)
    return result


def sanitized(folder: Path, program: Path, kind: str) -> list[Result]:
    """Run checks under compute-sanitizer."""
    tool, what = "compute-sanitizer", TOOLS["compute-sanitizer"]
    if not shutil.which(tool):
        return [Result(tool, what, True, "not run: it is not on this machine")]
    return [run_check(folder, f"{tool} {name}", what, [tool, "--error-exitcode", "9", program, name, kind]) for name in SANITIZED]


def copies_in(summary: str) -> int:
    """Return how many copies between host and device a summary of Nsight Systems counts."""
    lines = summary.splitlines()
    first = next((number for number, line in enumerate(lines) if "Operation" in line and "Count" in line), len(lines))
    rows = csv.DictReader(lines[first:])
    words = ("Host-to-Device", "Device-to-Host", "HtoD", "DtoH")
    return sum(int(row["Count"]) for row in rows if any(word in (row["Operation"] or "") for word in words))


def counted(folder: Path, program: Path, kind: str) -> Result:
    """Let a profiler count the copies of few calls and of many: they are those before the first call."""
    tool, what = "nsys", TOOLS["nsys"]
    if not shutil.which(tool):
        return Result(tool, what, True, "not run: it is not on this machine")
    numbers = []
    for calls in ("10", "110"):
        trace = folder / f"copies-{calls}"
        line = [tool, "profile", "--trace=cuda", "--force-overwrite=true", f"--output={trace}", program, "copies", kind, calls]
        done = subprocess.run(list(map(str, line)), cwd=folder, capture_output=True, text=True, check=False, timeout=3600)
        if done.returncode != 0:
            return Result(tool, what, False, (done.stderr or done.stdout).strip().splitlines()[-1])
        line = [tool, "stats", "--report=cuda_gpu_mem_size_sum", "--format=csv", f"{trace}.nsys-rep"]
        summary = subprocess.run(list(map(str, line)), cwd=folder, capture_output=True, text=True, check=False, timeout=3600)
        numbers.append(copies_in(summary.stdout))
    few, many = numbers
    return Result(tool, what, 0 < few == many, f"{few} copies with 10 calls, {many} with 110")


def eager(kind: str) -> str:
    """Time the same network in Python, on tensors of the device."""
    module, x = network().to(kind), torch.randn(512, 40, device=kind)
    best = float("inf")
    with torch.inference_mode():
        for _ in range(20):
            start = time.perf_counter()
            for _ in range(100):
                module(x)
            torch.accelerator.synchronize()
            best = min(best, (time.perf_counter() - start) * 1e4)
    return f"us per call in Python: {best:.2f}"


def surroundings(kind: str, compiler: str) -> list[tuple[str, str]]:
    """Return what the report is about."""
    name = torch.cuda.get_device_name() if kind == "cuda" else kind
    version = subprocess.run([compiler, "--version"], check=True, capture_output=True, text=True).stdout.splitlines()[0]
    return [("date", time.strftime("%Y-%m-%d")), ("device", name), ("PyTorch", torch.__version__), ("compiler", version)]


def report(path: Path, facts: Sequence[tuple[str, str]], results: Sequence[Result]) -> None:
    """Write the report in one piece."""
    lines = ["# What this device has shown", "", *(f"- {name}: {value}" for name, value in facts), "", "| check | what | result |"]
    lines += [
        "|---|---|---|",
        *(f"| {item.name} | {item.what} | {'' if item.passed else 'FAILED: '}{item.words} |" for item in results),
    ]
    part = path.with_suffix(".part")
    part.write_text("\n".join(lines) + "\n")
    part.rename(path)


def run_all(folder: Path, kind: str, compiler: str, link: Sequence[str], timings: Callable[[], list[Result]]) -> list[Result]:
    """Run all checks of a device; ``link`` are flags that programs need for it."""
    folder.mkdir(parents=True, exist_ok=True)
    write_models(folder, kind)
    program = build(folder, compiler, HERE / "checks.f90", link)
    results = [run_check(folder, name, what, [program, name, kind]) for name, what in CHECKS.items()]
    for name, directives in directive_flags(compiler).items():
        offload = os.environ.get("OFFLOAD_FLAGS", "").split()
        columns = build(folder, compiler, PROGRAMS / f"{name}.f90", [*directives, *offload, *link])
        results.append(run_check(folder, name, f"columns that live on the device by {name}", [columns, folder / "columns.pt"]))
    return [*results, *sanitized(folder, program, kind), counted(folder, program, kind), *timings()]


def main() -> int:
    """Find the device, check, time, report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--compiler", default=os.environ.get("FC", "gfortran"))
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "gpu")
    options = parser.parse_args()
    found = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    if found is None:
        print(f"PyTorch {torch.__version__} finds no device here. With one, this would check:")
        for name, what in {**CHECKS, **TOOLS, **TIMINGS}.items():
            print(f"  {name}: {what}")
        return NO_DEVICE
    kind, folder = found.type, options.folder

    def timings() -> list[Result]:
        program = folder / "checks"
        mine = run_check(folder, "timing", TIMINGS["timing"], [program, "timing", kind])
        return [mine, Result("timing", "the same in Python", True, eager(kind))]

    results = run_all(folder, kind, options.compiler, (), timings)
    report(folder / "report.md", surroundings(kind, options.compiler), results)
    print(f"report: {folder / 'report.md'}")
    return 0 if all(result.passed for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
