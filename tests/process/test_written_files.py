"""Files that the library writes: under their name only as a whole, and to others what the replaced ones were."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
import torch

from pt2ts.pytorch import torchscript

from ..fortran.misuse.table import FILE
from ..support import BuildFortran, write_script

HERE = Path(__file__).resolve().parent


@pytest.fixture(scope="module")
def loads(fc: str, build_fortran: BuildFortran) -> Path:
    return build_fortran(HERE / "loads.f90", compiler=fc, flags=("-g",))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_script(torchscript.script(torch.nn.Linear(5, 3)), tmp_path / "model.pt", {})
    (tmp_path / "out").mkdir()
    return tmp_path


def save(loads: Path, folder: Path, path: str = "out/saved.pt", *before: str) -> str:
    line: list[str | Path] = [*before, loads, "save", "model.pt", path]
    done = subprocess.run(line, cwd=folder, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


def traced(*options: str) -> list[str]:
    return ["strace", "-f", "-qq", "-o", "/dev/null", *options]


def test_planted_links_lead_nowhere(loads: Path, folder: Path) -> None:
    """The names that were once taken on the way, and every name that anybody could have foreseen."""
    victim = folder / "victim"
    victim.write_text("precious")
    (folder / "out" / "saved.pt.part").symlink_to(victim)
    assert save(loads, folder) == "stat 0"
    assert victim.read_text() == "precious"
    assert sorted(path.name for path in (folder / "out").iterdir()) == ["saved.pt", "saved.pt.part"]


@pytest.mark.parametrize("nameless", [True, False])
def test_a_replaced_file_keeps_what_it_was_to_others(loads: Path, folder: Path, nameless: bool) -> None:
    """On file systems with files that have no name yet, and on those without."""
    path, link = folder / "out" / "saved.pt", folder / "link.pt"
    path.write_text("old")
    os.setxattr(path, "user.note", b"mine")
    owner = (12345, 54321) if os.geteuid() == 0 else (os.getuid(), os.getgid())
    os.chown(path, *owner)
    path.chmod(0o640)
    link.symlink_to(path)
    before = (
        [] if nameless else traced("-e", "trace=faccessat,faccessat2,access", "--inject=access,faccessat,faccessat2:error=ENOENT")
    )
    assert save(loads, folder, "link.pt", *before) == "stat 0"
    assert link.is_symlink()
    torchscript.load(path)
    found = path.stat()
    assert (found.st_mode & 0o7777, found.st_uid, found.st_gid) == (0o640, *owner)
    assert os.getxattr(path, "user.note") == b"mine"
    assert [item.name for item in path.parent.iterdir()] == ["saved.pt"]


def test_a_new_file_has_ordinary_permissions(loads: Path, folder: Path) -> None:
    (folder / "plain").touch()
    assert save(loads, folder) == "stat 0"
    assert (folder / "out" / "saved.pt").stat().st_mode == (folder / "plain").stat().st_mode


def test_killed_at_every_step(loads: Path, folder: Path) -> None:
    """The file is the old one or the new one. Before it has a name it leaves nothing; after that, a whole one."""
    path = folder / "out" / "saved.pt"
    killed = []
    for call in ("fchmod", "fsync", "linkat", "renameat,renameat2"):
        for count in (1, 2):
            path.write_text("old")
            before = traced("-e", f"trace={call}", f"--inject={call}:signal=SIGKILL:when={count}")
            line: list[str | Path] = [*before, loads, "save", "model.pt", str(path)]
            done = subprocess.run(line, cwd=folder, capture_output=True, text=True, check=False, timeout=300)
            if path.read_bytes() != b"old":
                torchscript.load(path)
            for left in path.parent.iterdir():
                if left != path:
                    torchscript.load(left)
                    left.unlink()
            if done.returncode != 0:
                killed.append((call, count))
    assert killed == [("fchmod", 1), ("fsync", 1), ("fsync", 2), ("linkat", 1), ("renameat,renameat2", 1)]


def test_leftovers_of_a_day_ago_go(loads: Path, folder: Path) -> None:
    """Where files cannot be without a name, the temporary one of a killed process stays; young ones may be in use."""
    young, old, foreign = (folder / "out" / name for name in (".ftorch-1.part", ".ftorch-2.part", ".other-3.part"))
    for path in (young, old, foreign):
        path.write_text("half")
    for path in (old, foreign):
        os.utime(path, (0, 0))
    before = traced("-e", "trace=faccessat,faccessat2,access", "--inject=access,faccessat,faccessat2:error=ENOENT")
    assert save(loads, folder, "out/saved.pt", *before) == "stat 0"
    assert sorted(path.name for path in (folder / "out").iterdir()) == sorted([young.name, foreign.name, "saved.pt"])


def test_many_write_one_name(loads: Path, folder: Path) -> None:
    line: list[str | Path] = [loads, "save", "model.pt", "out/saved.pt"]
    running = [subprocess.Popen(line, cwd=folder, stdout=subprocess.PIPE, text=True) for _ in range(8)]
    assert [process.communicate(timeout=600)[0].strip() for process in running] == ["stat 0"] * 8
    torchscript.load(folder / "out" / "saved.pt")
    assert [item.name for item in (folder / "out").iterdir()] == ["saved.pt"]


class Rank(torch.nn.Module):
    """A file of its own size, which gives 6 times its rank for ones."""

    def __init__(self, rank: int) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(5, 3)
        torch.nn.init.constant_(self.layer.weight, rank)
        torch.nn.init.constant_(self.layer.bias, rank)
        self.register_buffer("more", torch.full((rank * 100_000,), float(rank)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.layer(x)
        return y


@pytest.mark.parametrize("nameless", [True, False])
def test_ranks_that_save_one_file_give_a_whole_one_of_one_of_them(loads: Path, folder: Path, nameless: bool) -> None:
    """Whoever looks meanwhile finds the file of one rank, never a mixture of two and never a part."""
    ranks = range(1, 5)
    for rank in ranks:
        write_script(torchscript.script(Rank(rank)), folder / f"rank{rank}.pt", {})
    before = (
        [] if nameless else traced("-e", "trace=faccessat,faccessat2,access", "--inject=access,faccessat,faccessat2:error=ENOENT")
    )
    before_all = len(ranks) + 1
    write_script(torchscript.script(Rank(before_all)), folder / "out" / "saved.pt", {})

    def start(*words: str) -> subprocess.Popen[str]:
        return subprocess.Popen([*before, str(loads), *words], cwd=folder, stdout=subprocess.PIPE, text=True)

    looking = subprocess.Popen([loads, "look", "out/saved.pt", "end"], cwd=folder, stdout=subprocess.PIPE, text=True)
    assert looking.stdout is not None
    seen = {looking.stdout.readline().strip("\n")}
    saving = [start("save", f"rank{rank}.pt", "out/saved.pt", "20") for rank in ranks]
    assert [process.communicate(timeout=600)[0].strip() for process in saving] == ["stat 0"] * len(ranks)
    (folder / "end").touch()
    seen |= set(looking.communicate(timeout=600)[0].splitlines())
    assert looking.returncode == 0
    assert seen <= {f" {6 * rank}.0" * 3 for rank in (*ranks, before_all)}
    assert len(seen) > 1
    assert [item.name for item in (folder / "out").iterdir()] == ["saved.pt"]


def test_a_failing_disk_leaves_the_old_file(loads: Path, folder: Path) -> None:
    path = folder / "out" / "saved.pt"
    path.write_text("old")
    said = save(loads, folder, "out/saved.pt", *traced("-e", "trace=fsync", "--inject=fsync:error=EIO:when=1"))
    assert said.startswith(f"stat {FILE} ")
    assert "Input/output error" in said
    assert path.read_text() == "old"
    assert [item.name for item in path.parent.iterdir()] == ["saved.pt"]
