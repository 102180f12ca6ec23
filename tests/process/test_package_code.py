"""Code of packages is loaded from files without a name: what happens to folders, disks, other processes does not reach it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from ..fortran import model_files, package_files
from ..fortran.misuse.table import FILE
from ..support import BuildFortran

HERE = Path(__file__).resolve().parent
FORTRAN = HERE.parent / "fortran"

#: Every variable that names a folder for files of programs.
PLACES = ("FTORCH_CACHE_DIR", "TMPDIR", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR", "HOME")
RIGHT = "stat 0 model b1"

#: Where the system refuses to make files in memory.
NO_MEMORY = "--inject=memfd_create:error=EPERM"


class Described(torch.nn.Module):
    """Calls an operation that AOTInductor does not compile but describes, in a file beside the library."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        square = torch.diag_embed(x[:, :3])
        y: torch.Tensor = torch.linalg.matrix_exp(square).diagonal(dim1=1, dim2=2).contiguous()
        return y


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("packages")
    models = tmp_path_factory.mktemp("models")
    model_files.write_all(models)
    package_files.write_all(folder, models)
    members, spec = package_files.read(folder / "aoti.pt2")
    x = torch.rand(2, 5)
    batch = torch.export.Dim("batch", min=2, max=1024)
    code = package_files.compiled("described", Described(), (x,), {"x": {0: batch}})
    assert any(name.endswith(".wrapper.json") for name in code), sorted(code)
    kept = {package_files.WEIGHTS: members[package_files.WEIGHTS], **code}
    described = {**spec, "golden": False, "variants": [package_files.variant("described", "aoti")]}
    package_files.write(folder / "described.pt2", kept, described)
    return folder


@pytest.fixture(scope="module")
def program(fc: str, build_fortran: BuildFortran) -> Path:
    return build_fortran(FORTRAN / "run_package.f90", compiler=fc, flags=("-g",))


@pytest.fixture(scope="module")
def loads(fc: str, build_fortran: BuildFortran) -> Path:
    return build_fortran(HERE / "loads.f90", compiler=fc, flags=("-g",))


def places(folder: Path) -> dict[str, str]:
    """Return an environment in which all places for files are in one folder."""
    plain = {key: value for key, value in os.environ.items() if key not in PLACES}
    return {**plain, **{name: str(folder) for name in PLACES[1:]}}


def traced(*injections: str, calls: str = "memfd_create") -> list[str]:
    """Return the beginning of a command line under which calls of the system fail or are the last."""
    return ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={calls}", *injections]


def run(line: Sequence[str | Path], folder: Path, env: dict[str, str]) -> str:
    done = subprocess.run(line, cwd=folder, env=env, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("live 0\n")
    return done.stdout.splitlines()[0].rstrip()


@contextmanager
def nothing_is_left(folder: Path) -> Iterator[None]:
    yield
    assert not list(folder.iterdir())


@pytest.mark.parametrize("injections", [(), (NO_MEMORY,)], ids=["memory", "disk"])
def test_nothing_is_written_for_others_to_find(packages: Path, program: Path, tmp_path: Path, injections: tuple[str, ...]) -> None:
    with nothing_is_left(tmp_path):
        line: list[str | Path] = [*traced(*injections), program] if injections else [program]
        assert run([*line, "linear.pt2"], packages, places(tmp_path)) == RIGHT


@pytest.mark.parametrize("processes", [16, pytest.param(64, marks=pytest.mark.long)])
def test_many_processes_start_at_once(packages: Path, program: Path, tmp_path: Path, processes: int) -> None:
    """All with the same folders, all for the first time, again and again: 3 times daily, 20 times when there is time."""
    with nothing_is_left(tmp_path):
        for _ in range(3 if processes < 64 else 20):
            line: list[str | Path] = [program, "linear.pt2"]
            running = [
                subprocess.Popen(line, cwd=packages, env=places(tmp_path), stdout=subprocess.PIPE, text=True)
                for _ in range(processes)
            ]
            said = [process.communicate(timeout=600)[0] for process in running]
            assert [text.splitlines()[0].rstrip() for text in said] == [RIGHT] * processes


def test_killed_at_every_step(packages: Path, program: Path, tmp_path: Path) -> None:
    """At each call that makes, links or removes a file: what is left is nothing that takes room, and the next one does not care."""
    killed = []
    for call in ("memfd_create", "mkdir", "symlinkat", "unlinkat", "rmdir"):
        for count in range(1, 9):
            line: list[str | Path] = [*traced(f"--inject={call}:signal=SIGKILL:when={count}", calls=call), program, "described.pt2"]
            done = subprocess.run(
                line, cwd=packages, env=places(tmp_path), capture_output=True, text=True, check=False, timeout=600
            )
            assert not [path for path in tmp_path.rglob("*") if path.is_file() and not path.is_symlink()]
            if done.returncode == 0:
                break
            killed.append((call, count))
    assert {call for call, _ in killed} == {"memfd_create", "mkdir", "symlinkat", "unlinkat", "rmdir"}
    for folder in tmp_path.iterdir():
        shutil.rmtree(folder)
    with nothing_is_left(tmp_path):
        run([program, "described.pt2"], packages, places(tmp_path))


@pytest.mark.parametrize("injections", [(), (NO_MEMORY,)], ids=["memory", "disk"])
@pytest.mark.parametrize("name", ["linear.pt2", "linear.pt"])
def test_everything_vanishes_under_a_running_model(
    packages: Path, loads: Path, tmp_path: Path, name: str, injections: tuple[str, ...]
) -> None:
    """The folders go, and the model file is written over where it lies and then cut off: the numbers stay."""
    here = tmp_path / "here"
    here.mkdir()
    source = packages / name if name.endswith("2") else _script(tmp_path)
    shutil.copy(source, here / name)
    line: list[str | Path] = [*traced(*injections), loads] if injections else [loads]
    with subprocess.Popen(
        [*line, "hold", name], cwd=here, env=places(here), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "loaded\n"
        with (here / name).open("r+b") as file:
            file.write(bytes((here / name).stat().st_size))
            file.flush()
            file.truncate(10)
        shutil.rmtree(here)
        said, _ = process.communicate("go\n", timeout=600)
    assert process.returncode == 0
    one, two = ([float(number) for number in text.split()] for text in said.splitlines())
    x = torch.arange(1.0, 11.0).reshape(2, 5)
    assert one == two == model_files.Linear()(x).reshape(-1).tolist()


def _script(folder: Path) -> Path:
    path = folder / "script.pt"
    torch.jit.save(torch.jit.script(model_files.Linear()), path)
    return path


def test_described_operations(packages: Path, program: Path, tmp_path: Path) -> None:
    """PyTorch wants a description beside the library: two links are there while it loads."""
    with nothing_is_left(tmp_path):
        assert run([program, "described.pt2"], packages, places(tmp_path)).startswith("stat -1 described")  # another network
    nowhere = {**places(Path("/proc")), "FTORCH_CACHE_DIR": str(tmp_path)}
    assert run([program, "described.pt2"], packages, nowhere).startswith("stat -1 described")


def test_homes_and_disks_that_take_nothing(packages: Path, program: Path, tmp_path: Path) -> None:
    """A home that is read-only, a disk that is full: neither is asked."""
    assert run([program, "linear.pt2"], packages, places(Path("/proc"))) == RIGHT
    script = 'mount -t tmpfs -o size=4k,mode=700 none "$1" && head -c 4096 /dev/zero > "$1/full" && exec "$2" linear.pt2'
    line: list[str | Path] = ["unshare", "--map-root-user", "--mount", "sh", "-c", script, "sh", tmp_path, program]
    assert run(line, packages, places(tmp_path)) == RIGHT


def test_places_that_do_not_run_code(packages: Path, program: Path, tmp_path: Path) -> None:
    """Without files in memory the next place is taken; the message about the last says what each lacks."""
    full, plain = tmp_path / "full", tmp_path / "plain"
    full.mkdir()
    plain.mkdir()
    mounts = 'mount -t tmpfs -o size=8k none "$1" && mount -t tmpfs -o noexec none "$2" && shift 2 && exec "$@"'
    line: list[str | Path] = ["unshare", "--map-root-user", "--mount", "sh", "-c", mounts, "sh", full, plain]
    line += [*traced(NO_MEMORY), program, "linear.pt2"]
    environment = {**places(plain), "FTORCH_CACHE_DIR": str(full)}
    assert run(line, packages, environment) == RIGHT, "after both, /tmp was found"
    refused = run([*traced(NO_MEMORY), program, "linear.pt2"], packages, {**environment, "FTORCH_CACHE_DIR": "memory"})
    assert refused.startswith(f"stat {FILE} ")
    assert "this process gets no file for it (in memory: Operation not permitted)" in refused
    assert "FTORCH_CACHE_DIR" in refused
