"""How large the libraries are, what of it is training, and how long a small program takes to link with that and without.

Run as ``python benchmarks/libraries/run.py [BUILD]``. It looks at the object files of a build by gfortran, that of ``make install``
in ``build/wheel`` unless another one is named.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from benchmarks.shared.build import interface_flags
from benchmarks.shared.report import first_line, processor

ROOT = Path(__file__).resolve().parents[2]
LINKS = 30
PROGRAM = """program small
  use :: ftorch, only: torch_model, torch_model_load
  implicit none (type, external)
  type(torch_model), save :: model
  call torch_model_load(model, 'model.pt')
end program small
"""


def code_of(objects: Sequence[Path]) -> float:
    """Return kilobytes of code and constants."""
    lines = subprocess.run(["size", *map(str, objects)], check=True, capture_output=True, text=True).stdout.splitlines()
    return sum(int(line.split()[0]) for line in lines[1:]) / 1000


def link_times(folder: Path, libraries: Sequence[Path]) -> list[float]:
    """Return the least milliseconds of linking a small program with each of the libraries, in turns."""
    source, program = folder / "small.f90", folder / "small"
    source.write_text(PROGRAM)
    subprocess.run(["gfortran", *interface_flags("--fflags"), "-c", str(source), "-o", f"{source}.o"], check=True, cwd=folder)
    rest = [word for word in interface_flags("--ldflags") if word != "-lftorch"]
    best = [float("inf")] * len(libraries)
    for _ in range(LINKS):
        for i, library in enumerate(libraries):
            start = time.perf_counter()
            subprocess.run(["gfortran", f"{source}.o", str(library), *rest, "-o", str(program)], check=True)
            best[i] = min(best[i], 1000 * (time.perf_counter() - start))
    return best


def main() -> None:
    """Print what was found."""
    build = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else ROOT / "build" / "wheel"
    for name in ("ftorch", "ctorch_torch"):
        objects = sorted((build / "src" / name.removesuffix("_torch") / "CMakeFiles" / f"{name}.dir").rglob("*.o"))
        training = [path for path in objects if "training" in str(path.relative_to(build))]
        print(f"lib{name}: {code_of(objects):.0f} kB of code in {len(objects)} object files, training {code_of(training):.0f} kB")
        if name == "ftorch":
            umbrellas = {"ftorch.f90.o", "ftorch1.f90.o", "generics.f90.o"}
            others = [path for path in objects if path not in training and path.name not in umbrellas]
            with tempfile.TemporaryDirectory() as made:
                libraries = [Path(made) / "libwhole.so", Path(made) / "libothers.so"]
                for library, parts in zip(libraries, (objects, others), strict=True):
                    subprocess.run(["gfortran", "-shared", *map(str, parts), "-o", str(library)], check=True)
                whole, without = link_times(Path(made), libraries)
            print(f"linking a small program: {whole:.0f} ms, without training {without:.0f} ms, the least of {LINKS}")
    print(f"{first_line('gfortran')}; {processor()}")


if __name__ == "__main__":
    main()
