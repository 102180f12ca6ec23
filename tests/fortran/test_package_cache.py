"""The folder into which packages are unpacked: private, shared, and whole whatever happens to it."""

from __future__ import annotations

import os
import random
import resource
import subprocess
from pathlib import Path

import pytest

from .conftest import Build
from .misuse_table import FILE
from .package_runs import run_package


def entries(cache: Path) -> list[Path]:
    return sorted(path for path in cache.iterdir() if path.is_dir())


def test_cache_is_private_and_used_again(build: Build, packages: Path, tmp_path: Path) -> None:
    place = tmp_path / "deep" / "cache"
    assert run_package(build, packages, place, "linear.pt2") == "stat 0 model b1"
    (entry,) = entries(place)
    assert len(entry.name) == 64
    for path in (place, entry, *entry.rglob("*")):
        assert path.stat().st_mode & 0o777 == 0o700
    library = next(entry.rglob("*.wrapper.so"))
    before = library.stat().st_ino
    os.utime(entry, (0, 0))
    assert run_package(build, packages, place, "linear.pt2") == "stat 0 model b1"
    assert library.stat().st_ino == before
    assert entry.stat().st_mtime > 1e9, "using it makes it young"


@pytest.mark.parametrize("damage", ["changed", "shorter", "missing", "link", "mode"])
def test_damaged_cache_is_replaced(build: Build, packages: Path, tmp_path: Path, damage: str) -> None:
    place = tmp_path / "cache"
    run_package(build, packages, place, "compiled.pt2")
    (entry,) = entries(place)
    library = next(entry.rglob("*.wrapper.so"))
    content = library.read_bytes()
    match damage:
        case "changed":
            library.write_bytes(content[:5000] + b"evil" + content[5004:])
        case "shorter":
            library.write_bytes(content[:-1])
        case "missing":
            library.unlink()
        case "link":
            library.rename(tmp_path / "elsewhere.so")
            library.symlink_to(tmp_path / "elsewhere.so")
        case _:
            entry.chmod(0o777)
    assert run_package(build, packages, place, "compiled.pt2") == "stat 0 model b1"
    (entry,) = entries(place)
    library = next(entry.rglob("*.wrapper.so"))
    assert library.read_bytes() == content
    assert not library.is_symlink()


def test_leftovers_and_old_entries_go(build: Build, packages: Path, tmp_path: Path) -> None:
    place = tmp_path / "cache"
    run_package(build, packages, place, "kernel.pt2")
    (used,) = entries(place)
    left = place / ".part-999999-1" / "deep"
    left.mkdir(parents=True)
    (left / "half.so").write_bytes(b"half")
    old, foreign = place / ("a" * 64), place / "notes"
    for folder in (old, foreign):
        folder.mkdir()
        (folder / "file").write_text("")
        os.utime(folder, (0, 0))
    run_package(build, packages, place, "kernel.pt2")
    assert entries(place) == sorted([used, foreign])


def test_many_processes_at_once(build: Build, packages: Path, tmp_path: Path) -> None:
    program, place = build("run_package.f90"), tmp_path / "cache"
    environment = {**os.environ, "FTORCH_CACHE_DIR": str(place)}
    running = [
        subprocess.Popen([program, "linear.pt2"], cwd=packages, env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(6)
    ]
    for process in running:
        printed, _ = process.communicate(timeout=300)
        assert printed.splitlines()[0].rstrip() == "stat 0 model b1"
    assert len(entries(place)) == 1


def test_killed_while_unpacking(build: Build, packages: Path, tmp_path: Path) -> None:
    program, place = build("run_package.f90"), tmp_path / "cache"
    environment = {**os.environ, "FTORCH_CACHE_DIR": str(place)}
    chance = random.Random(20)  # noqa: S311
    for _ in range(20):
        process = subprocess.Popen([program, "linear.pt2"], cwd=packages, env=environment, stdout=subprocess.DEVNULL)
        try:
            process.wait(chance.uniform(0.01, 0.4))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    assert run_package(build, packages, place, "linear.pt2") == "stat 0 model b1"
    assert len(entries(place)) == 1


def test_places_that_cannot_be_trusted(build: Build, packages: Path, tmp_path: Path) -> None:
    real = tmp_path / "real"
    real.mkdir()
    link = tmp_path / "link"
    link.symlink_to(real)
    open_to_all = tmp_path / "open"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    file = tmp_path / "file"
    file.write_text("")
    for place, reason in {
        str(link): "it is a symbolic link",
        str(open_to_all): "others can write into it and exchange files",
        str(file): "it cannot be opened: Not a directory",
        "relative": "its path is not absolute",
        "/proc/nothing": "it cannot be opened: No such file or directory",
    }.items():
        found = run_package(build, packages, place, "kernel.pt2")
        assert found.startswith(f"stat {FILE} ")
        assert f"the folder '{place}' cannot take the compiled code of packages: {reason}" in found
        assert "FTORCH_CACHE_DIR" in found
    if os.geteuid() == 0:
        other = tmp_path / "other"
        other.mkdir()
        os.chown(other, 12345, 12345)
        assert "it belongs to another user" in run_package(build, packages, other, "kernel.pt2")


def test_entry_of_another_user(build: Build, packages: Path, tmp_path: Path) -> None:
    place = tmp_path / "cache"
    run_package(build, packages, place, "kernel.pt2")
    (entry,) = entries(place)
    moved = tmp_path / "moved"
    entry.rename(moved)
    entry.symlink_to(moved)
    assert "is a link or a file that somebody has put there" in run_package(build, packages, place, "kernel.pt2")
    if os.geteuid() == 0:
        entry.unlink()
        moved.rename(entry)
        os.chown(entry, 12345, 12345)
        assert f"its entry '{entry.name}' belongs to another user" in run_package(build, packages, place, "kernel.pt2")


def test_full_disk(build: Build, packages: Path, tmp_path: Path) -> None:
    """A limit on the size of files stands for the disk."""
    program, place = build("run_package.f90"), tmp_path / "cache"
    environment = {**os.environ, "FTORCH_CACHE_DIR": str(place)}

    def small() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    done = subprocess.run(
        [program, "aoti.pt2"], cwd=packages, env=environment, preexec_fn=small, capture_output=True, text=True, check=False
    )
    assert f"stat {FILE} " in done.stdout
    assert "nothing can be written: File too large" in done.stdout
    assert not entries(place), "no half of an entry is left"
    assert run_package(build, packages, place, "aoti.pt2") == "stat 0 model model"


def test_full_file_system(build: Build, packages: Path, tmp_path: Path) -> None:
    """A real one, of 100 kB, that only the process sees; it is full when a part of the package is in it."""
    program, place = build("run_package.f90"), tmp_path / "small"
    place.mkdir()
    script = 'mount -t tmpfs -o size=100k,mode=700 none "$1" && "$2" aoti.pt2; ls -A "$1"'
    line = ["unshare", "--map-root-user", "--mount", "sh", "-c", script, "sh", str(place), str(program)]
    environment = {**os.environ, "FTORCH_CACHE_DIR": str(place)}
    done = subprocess.run(line, cwd=packages, env=environment, capture_output=True, text=True, check=False)
    if "live" not in done.stdout:
        pytest.skip(f"no file system can be mounted here, test_full_disk must do: {done.stderr}")
    assert f"stat {FILE} " in done.stdout
    assert "nothing can be written: No space left on device" in done.stdout
    assert done.stdout.endswith("live 0\n.lock\n"), "more is left in the folder than the empty lock"


def test_default_places(build: Build, packages: Path, tmp_path: Path) -> None:
    program = build("run_package.f90")
    plain = {key: value for key, value in os.environ.items() if key not in ("FTORCH_CACHE_DIR", "XDG_CACHE_HOME", "HOME")}
    for settings, place in (
        ({"XDG_CACHE_HOME": str(tmp_path / "xdg"), "HOME": str(tmp_path)}, tmp_path / "xdg" / "ftorch"),
        ({"HOME": str(tmp_path)}, tmp_path / ".cache" / "ftorch"),
    ):
        done = subprocess.run(
            [program, "kernel.pt2"], cwd=packages, env={**plain, **settings}, capture_output=True, text=True, check=True
        )
        assert done.stdout.startswith("stat 0 any any"), done.stdout
        assert len(entries(place)) == 1
