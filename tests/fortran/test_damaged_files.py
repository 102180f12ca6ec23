"""Thousands of damaged model files: each is refused, or gives the numbers of the undamaged one. None crashes, none lies."""

from __future__ import annotations

import random
import subprocess
from pathlib import Path

import pytest

from .conftest import Build
from .misuse.table import FILE

FILES = 5000


def damaged(good: bytes, chance: random.Random) -> bytes:
    """A copy with a few bits flipped, a stretch overwritten or left out, or cut short."""
    data = bytearray(good)
    first = chance.randrange(len(data))
    length = chance.choice([1, 4, 64, 1000])
    match chance.randrange(5):
        case 0 | 1:
            for _ in range(chance.choice([1, 1, 2, 8])):
                data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        case 2:
            data[first : first + length] = chance.randbytes(len(data[first : first + length]))
        case 3:
            del data[first : first + length]
        case _:
            del data[first:]
    return bytes(data)


@pytest.mark.long
@pytest.mark.parametrize("name", ["linear", "linear_plain"])
def test_damaged_files(build: Build, models: Path, tmp_path: Path, name: str) -> None:
    good = (models / f"{name}.pt").read_bytes()
    chance = random.Random(name)  # noqa: S311
    changed = []
    for n in range(FILES):
        data = damaged(good, chance)
        if data != good:
            (tmp_path / f"{n}.pt").write_bytes(data)
            changed.append(f"{n}.pt")
    (tmp_path / "good.pt").write_bytes(good)
    names = ["good.pt", *changed]
    program = build("damaged_files.f90")
    done = subprocess.run(
        [program], cwd=tmp_path, input="\n".join(names) + "\n", capture_output=True, text=True, timeout=1200, check=False
    )
    assert done.returncode == 0, done.stdout[-500:] + done.stderr[-2000:]
    *lines, live = (line.split() for line in done.stdout.splitlines())
    assert live == ["live", "0"]
    assert [line[0] for line in lines] == names
    right = lines[0][1:]
    assert right[0] == "0"
    for _, status, *values in lines[1:]:
        assert int(status) == FILE or [status, *values] == right
    refused = sum(line[1] == str(FILE) for line in lines)
    assert refused > FILES / 2, "most damage is noticed"
