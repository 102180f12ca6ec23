"""Random numbers by place: the known answers of Philox, the same bits from an implementation in Python, and statistics."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from ..support import BuildFortran, run

HERE = Path(__file__).resolve().parent
#: Published with the paper, for philox4x32 of 10 rounds: zeros, ones, digits of pi. The third counter has more than 32 bits.
KNOWN = (
    "6627E8D5 E169C58D BC57AC4C 9B00DBD8",
    "408F276D 41C83B0E A20BC7C6 6D5451FD",
    "408F276D 41C83B0E A20BC7C6 6D5451FD",
    "D16CFE09 94FDCCEB 5001E420 24126EA1",
)
NUMBERS, COLUMNS = 7, 40000


def philox(counter: np.ndarray, key: tuple[int, int]) -> np.ndarray:
    """Return the words of many counters (n, 4), in unsigned numbers of 64 bits, which hold whole products."""
    word = np.uint64(0xFFFFFFFF)
    a, b, c, d = (counter[:, i].astype(np.uint64) & word for i in range(4))
    k = [np.uint64(key[0] & 0xFFFFFFFF), np.uint64(key[1] & 0xFFFFFFFF)]
    for _ in range(10):
        first, second = a * np.uint64(0xD2511F53), c * np.uint64(0xCD9E8D57)
        a, b, c, d = (second >> np.uint64(32)) ^ b ^ k[0], second & word, (first >> np.uint64(32)) ^ d ^ k[1], first & word
        k = [(k[0] + np.uint64(0x9E3779B9)) & word, (k[1] + np.uint64(0xBB67AE85)) & word]
    return np.stack([a, b, c, d], axis=1)


def uniform(seed: int, member: int, step: int) -> np.ndarray:
    """Return (column, number) as the library must give it."""
    places = [(block, column, step, member) for column, block in itertools.product(range(1, COLUMNS + 1), range(2))]
    words = philox(np.array(places, np.int64), (seed, seed >> 32))
    numbers: np.ndarray = ((words + 0.5) / 2.0**32).reshape(COLUMNS, 8)
    return numbers


@pytest.fixture(scope="module")
def said(fc: str, build_fortran: BuildFortran, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], bytes]:
    """What the program prints and writes."""
    folder = tmp_path_factory.mktemp("noise")
    program = build_fortran(HERE / "noise.f90", compiler=fc, flags=("-fopenmp",))
    return run(program, cwd=folder).splitlines(), (folder / "noise.bin").read_bytes()


def test_known_answers(said: tuple[list[str], bytes]) -> None:
    lines, _ = said
    assert tuple(line.strip() for line in lines[:4]) == KNOWN
    assert lines[4] == (
        "torch_noise_normal: noise has 3 columns, and columns names 2: one number for each, such as its global index"
    )
    assert lines[5] == "done"


def test_numbers(said: tuple[list[str], bytes]) -> None:
    """Uniform ones to the bit, normal ones to the rounding of logarithm and cosine."""
    doubles, size = np.frombuffer(said[1], np.float64, 2 * NUMBERS * COLUMNS), (COLUMNS, NUMBERS)
    assert np.array_equal(doubles[: NUMBERS * COLUMNS].reshape(size), uniform(2**31 + 5, 3, -7)[:, :NUMBERS])
    u = uniform(-9, 3, 7).reshape(COLUMNS, 4, 2)
    distance, angle = np.sqrt(-2 * np.log(u[..., 0])), 2 * np.pi * u[..., 1]
    normal = np.stack([distance * np.cos(angle), distance * np.sin(angle)], axis=-1).reshape(COLUMNS, 8)[:, :NUMBERS]
    assert np.allclose(doubles[NUMBERS * COLUMNS :].reshape(size), normal, rtol=1e-12, atol=1e-14)


def test_statistics(said: tuple[list[str], bytes]) -> None:
    """Moments of a normal distribution, and no correlation with the next number, column, step, member or seed."""
    n = NUMBERS * COLUMNS
    content = np.frombuffer(said[1], np.float64, offset=8 * n)
    x = content[:n].reshape(COLUMNS, NUMBERS)
    later, other, seeded = (content[n + n // 2 + i * n :][:n].reshape(COLUMNS, NUMBERS) for i in range(3))
    limit = 5 / np.sqrt(n)
    assert abs(x.mean()) < limit
    assert abs((x**2).mean() - 1) < 1.5 * limit
    assert abs((x**3).mean()) < 4 * limit
    assert abs((x**4).mean() - 3) < 10 * limit
    for a, b in ((x[1:], x[:-1]), (x[:, 1:], x[:, :-1]), (x, later), (x, other), (x, seeded)):
        assert not np.array_equal(a, b)
        assert abs((a * b).mean()) < 1.2 * limit
        assert abs(((a**2 - 1) * (b**2 - 1)).mean()) < 3 * limit
