"""Examples with a host model: the hosts without a network, the judgement of runs, and planted faults that it must see."""

from __future__ import annotations

import importlib
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from hosts.runs import Fields, Host, Setting, Verdicts, read

from ..support import run
from .conftest import EXAMPLES, SST, CMake, command

HOSTS = {
    "10_qbo": "qbo",
    "11_rain": "rain",
    "12_radiation": "radiation",
    "13_ocean": "ocean",
    "14_stability": "stability",
    "15_forecast": "forecast",
    "16_downscaling": "downscaling",
    "17_elsewhere": "elsewhere",
}
#: Lengths of a run and of its parts, in the words of the namelist. The parts end between two draws of random numbers.
PARTS: dict[str, tuple[dict[str, Setting], ...]] = {
    "10_qbo": ({"days": 20}, {"days": 8}, {"days": 12}),
    "11_rain": ({"steps": 30}, {"steps": 13}, {"steps": 17}),
    "12_radiation": ({"steps": 12}, {"steps": 5}, {"steps": 7}),
    "13_ocean": ({"days": 10}, {"days": 4}, {"days": 6}),
    "14_stability": ({"time": 20}, {"time": 8}, {"time": 12}),
    "15_forecast": ({"last": 20}, {"last": 8}, {"last": 20}),
    "16_downscaling": ({"hours": 20}, {"hours": 8}, {"hours": 12}),
    "17_elsewhere": tuple({"n_storms": 20, "steps": steps} for steps in (50, 20, 30)),
}
#: What a host reads.
FILES: dict[str, dict[str, Setting]] = {"15_forecast": {"observations": SST / "data" / "ostia_monthly.nc"}}


@contextmanager
def script(example: str, name: str) -> Iterator[ModuleType]:
    """Import a script of an example, whose modules have names that others have too."""
    mine = ("check", "plot", "emulators", "train", "ranks")
    others = {module: sys.modules.pop(module) for module in mine if module in sys.modules}
    sys.path.insert(0, str(EXAMPLES / example))
    try:
        yield importlib.import_module(name)
    finally:
        sys.path.remove(str(EXAMPLES / example))
        for module in mine:
            sys.modules.pop(module, None)
        sys.modules.update(others)


@pytest.fixture(scope="module", params=HOSTS)
def plain(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, configure: CMake) -> tuple[str, Host]:
    """A host without a network: nothing has to be trained."""
    folder = tmp_path_factory.mktemp(request.param)
    done = configure(request.param, folder, "gfortran")
    assert done.returncode == 0, done.stdout + done.stderr
    run("cmake", "--build", folder, "--target", f"{HOSTS[request.param]}_plain")
    return request.param, Host(folder / f"{HOSTS[request.param]}_plain", folder / "runs")


def test_a_run_in_parts_has_the_bits_of_a_whole_one(plain: tuple[str, Host]) -> None:
    example, host = plain
    whole, first, second = ({**part, **FILES.get(example, {})} for part in PARTS[example])
    host.run("whole", **whole, restart="whole_end.nc")
    host.run("first", **first, restart="half.nc")
    host.run("second", **second, start="half.nc", restart="parts_end.nc")
    ends = [read(host.folder / f"{name}_end.nc") for name in ("whole", "parts")]
    assert ends[0].keys() == ends[1].keys()
    assert all(np.array_equal(ends[0][name], ends[1][name]) for name in ends[0])


#: Wrong namelists, and what is said of them.
WRONG = (
    ("speed = 3", "speed"),
    ("start = 'nothing.nc'", "nothing.nc"),
    ("network = 'some.pt'", "without a network"),
    ("output = 'no/such/folder.nc'", "no/such/folder.nc"),
)
WRONG_IN = {
    "10_qbo": ("scheme = 'magic'", "scheme is none of"),
    "11_rain": ("scheme = 'magic'", "scheme is none of"),
    "12_radiation": ("levels = 3", "levels is 3; there must be five"),
    "13_ocean": ("n = 40", "n is 40; it can be a multiple of 32"),
    "14_stability": ("scheme = 'magic'", "scheme is none of"),
    "15_forecast": ("members = 99", "members is 99; it can be 1 to 50"),
    "16_downscaling": ("members = 0", "members is 0; it can be 1 to 100"),
    "17_elsewhere": ("layers = 2", "layers of 3 or more"),
}


def test_what_is_wrong_is_said(plain: tuple[str, Host]) -> None:
    example, host = plain
    host.folder.mkdir(exist_ok=True)
    files = "".join(f", {key} = '{path}'" for key, path in FILES.get(example, {}).items())
    for words, message in (*WRONG, WRONG_IN[example]):
        scheme = ", scheme = 'network'" if "some.pt" in words and example != "15_forecast" else ""
        (host.folder / "wrong.nml").write_text(f"&run {words}{scheme}{files} /\n")
        done = command(host.program, "wrong.nml", cwd=host.folder)
        assert done.returncode == 1, words + done.stdout
        assert message in done.stderr, done.stderr
        assert "Backtrace" not in done.stderr
    done = command(host.program, "missing.nml", cwd=host.folder)
    assert done.returncode == 1
    assert "missing.nml" in done.stderr


def oscillation(months: float, amplitude: float) -> Fields:
    """Return 30 years of a wind that turns as it should, at all heights."""
    time = 5 * np.arange(30 * 73, dtype=np.float64)
    height = 17_125 + 250 * np.arange(72, dtype=np.float64)
    wind = np.asarray(amplitude * np.sin(2 * np.pi * time / (months * 365 / 12)), np.float64)
    return {"time": time, "height": height, "u": np.tile(wind[:, None], (1, 72))}


#: Period and amplitude of a network, and with stronger waves; what is wrong with them beside the scheme's (28, 25), (24, 28).
WINDS = {
    "right": ((28.5, 25.5), (24.3, 28.4), ""),
    "slow": ((29.6, 25.0), (25.6, 28.0), "period online"),
    "strong": ((28.0, 26.5), (24.0, 29.5), "amplitude online"),
    "no faster": ((28.0, 25.0), (27.0, 28.0), "response of the period"),
    "no stronger": ((28.0, 25.0), (24.0, 24.0), "response of the amplitude"),
    "none": ((1e6, 25.0), (24.0, 28.0), "period online, amplitude online, response of the period, response of the amplitude"),
}


@pytest.mark.parametrize("case", WINDS)
def test_the_judgement_of_an_oscillation(case: str, capsys: pytest.CaptureFixture[str]) -> None:
    usual, strong, wrong = WINDS[case]
    with script("10_qbo", "check") as check:
        assert check.climate(oscillation(28.0, 25.0)).period == pytest.approx(28.0, abs=1e-3)
        assert check.climate(oscillation(28.0, 25.0)).amplitude == pytest.approx(25.0, rel=0.02)
        asked = {"emulated": np.ones((3, 72)), "drag": np.random.default_rng(0).normal(size=(3, 72))}
        found = {"waves_1.0": oscillation(28.0, 25.0), "waves_1.3": oscillation(24.0, 28.0)}
        for name in check.NETWORKS:
            found |= {f"{name}_1.0": oscillation(*usual), f"{name}_1.3": oscillation(*strong), f"{name}_offline": asked}
        verdicts = Verdicts("test")
        check.judge_networks(found, verdicts)
    said = capsys.readouterr().out
    failed = [sentence.partition(": ")[2] for sentence in verdicts.failed if sentence.startswith("layered_usual")]
    expected = [part for part in wrong.split(", ") if part]
    assert len(failed) == len(expected), said
    assert all(any(sentence.startswith(part) for sentence in failed) for part in expected), said
    assert verdicts.finish() == (1 if wrong else 0)


def storms(factor: float, rarest: float = 1.0, left: float = 0.0) -> Fields:
    """Return 2000 storms whose rain is that of the scheme times a factor, the rarest times another one."""
    rain = factor * np.linspace(0.1, 1.0, 2000) ** 8
    rain[-10:] *= rarest
    return {"rained": rain[None], "asked": np.ones((1, 2000, 3)), "fallbacks": np.full((1, 2000, 3), left)}


#: Storms of the weighted network in a warmer climate, with guard and without, and at home without; and what is wrong with them.
RARE = {
    "right": (storms(1.01, left=0.5), storms(1.02), storms(1.005), ""),
    "rare": (storms(1.0, 0.94, left=0.5), storms(1.2), storms(1.005), "warmer, weighted and guarded"),
    "no help": (storms(1.028, left=0.5), storms(1.01), storms(1.005), "warmer, weighted: a storm is off"),
    "no guard": (storms(1.01, left=0.1), storms(1.02), storms(1.005), "warmer: the guard leaves"),
    "no weights": (storms(1.01, left=0.5), storms(1.02), storms(1.005, 1.2), "importance weights"),
    "NaN": (storms(1.01, left=0.5), storms(1.02), storms(1.005, np.nan), "importance weights"),
}


@pytest.mark.parametrize("case", RARE)
def test_the_judgement_of_rare_storms(case: str, capsys: pytest.CaptureFixture[str]) -> None:
    guarded, alone, home, wrong = RARE[case]
    with script("17_elsewhere", "check") as check:
        found = {
            f"{place}, {name}": storms(1.0 if name == "scheme" else 1.02 if "guarded" in name else 1.05)
            for place in check.PLACES
            for name in ("scheme", *(network + guard for network in check.NETWORKS for guard in ("", ", guarded")))
        }
        found |= {"warmer, weighted, guarded": guarded, "warmer, weighted": alone, "home, weighted": home}
        verdicts = Verdicts("test")
        check.judge_rain(found, verdicts)
    assert len(verdicts.failed) == bool(wrong), capsys.readouterr().out
    assert all(sentence.startswith(wrong) for sentence in verdicts.failed)


def asked_beside(passes: float) -> Fields:
    """Return an error of 7 %, of whose squares a guard that leaves half of the air to the scheme lets so many pass."""
    error = 0.07**2 * np.array([passes, (1 - passes) / 2, (1 - passes) / 2])
    errors = np.array([[[50, 30, 20], [0.5, 0.3, 0.2], error, [error[0], 0, 0]]])
    return {"errors": errors, "below": np.zeros((1, 5)), "above": np.zeros((1, 5))}


@pytest.mark.parametrize(("passes", "wrong"), [(0.2, 0), (0.6, 1), (float("nan"), 1)])
def test_the_judgement_of_a_guard(passes: float, wrong: int) -> None:
    with script("17_elsewhere", "check") as check:
        found = {f"{place}, {run}": asked_beside(0.2) for place in check.PLACES for run in ("scheme", "weighted, guarded")}
        found["warmer, scheme"] = asked_beside(passes)
        verdicts = Verdicts("test")
        check.judge_answers(found, verdicts)
    assert len(verdicts.failed) == wrong
    assert all(sentence.startswith("warmer: the error") for sentence in verdicts.failed)


def two_gyres(strength: float) -> Fields:
    """Return days of a basin-wide gyre, with a wave of six half waves in y that comes and goes."""
    x, y = np.meshgrid(np.arange(1, 33) / 32, (np.arange(32) + 0.5) / 32)
    u = [strength * np.sin(np.pi * x) * (np.cos(np.pi * y) + sign * np.cos(6 * np.pi * y)) for sign in (1, -1)]
    return {"u": np.stack(u), "v": np.zeros((2, 32, 32)), "h": np.full((2, 32, 32), 500.0 * strength)}


@pytest.mark.parametrize(("network", "failed"), [(1.1, 0), (2.0, 3), (float("nan"), 3)])
def test_the_judgement_of_two_gyres(network: float, failed: int) -> None:
    with script("13_ocean", "check") as check:
        found = {name: two_gyres(2.0) for name in check.NAMES}
        found |= {"fine": two_gyres(1.0), "fine_other": two_gyres(1.02), "network": two_gyres(network)}
        energy = check.climate(found["fine"]).spectrum
        assert energy.sum() == pytest.approx(check.climate(found["fine"]).energy, rel=0.02)
        assert set(np.flatnonzero(energy > 0.01 * energy.max()) + 1) == {1, 6}
        verdicts = Verdicts("test")
        check.judge_climates(found, verdicts)
    assert len(verdicts.failed) == failed


def showers(number: int, members: int, deviation: float = 1.0) -> np.ndarray:
    """Return fine rain [8, members, 64, 64] at random, of which each coarse cell has one on average."""
    fine = np.exp(deviation * np.random.default_rng(number).normal(size=(8, members, 8, 8, 8, 8)))
    return np.asarray((fine / fine.mean(axis=(3, 5), keepdims=True)).reshape(8, members, 64, 64))


#: What is wrong with the members of a generator, and the verdicts that fail then.
RAIN: dict[str, tuple[np.ndarray, tuple[str, ...]]] = {
    "right": (showers(1, 6), ()),
    "wet": (showers(1, 6) * (1 + 1e-13), ("generator: rain of a coarse cell",)),
    "negative": (showers(1, 6) - 0.02, ("generator: rain of a coarse cell", "generator: ")),
    "smooth": (showers(1, 6, 0.01), ("spectrum",)),
    "one": (np.repeat(showers(1, 1), 6, axis=1), ("CRPS",)),
    "NaN": (np.full((8, 6, 64, 64), np.nan), ("CRPS", "spectrum", "generator: rain of a coarse cell", "generator: ")),
}


@pytest.mark.parametrize("case", RAIN)
def test_the_judgement_of_fine_rain(case: str, capsys: pytest.CaptureFixture[str]) -> None:
    generated, wrong = RAIN[case]
    with script("16_downscaling", "check") as check:
        members = np.array([1.0, 3.0])[None, :, None, None] * np.ones((1, 2, 64, 64))
        assert check.crps(members, np.full((1, 64, 64), 2.0)) == pytest.approx(0.5)  # 1 on average, less a quarter of 2
        wave = np.cos(2 * np.pi * 5 / 64 * np.arange(64)) * np.ones((64, 1))
        assert check.spectrum(wave).argmax() == 4
        assert check.spectrum(wave).sum() == pytest.approx(0.5)
        truth, coarse = showers(0, 1)[:, 0], np.ones((8, 8, 8))
        fields = {"bilinear": showers(3, 1, 0.1), "deterministic": showers(2, 1, 0.2), "generator": generated}
        verdicts = Verdicts("test")
        check.judge_rain({name: check.Judged.of(field, truth) for name, field in fields.items()}, truth, coarse, verdicts)
    said = capsys.readouterr().out
    assert {word for word in wrong if any(line.startswith(word) for line in verdicts.failed)} == set(wrong), said
    assert all(line.startswith(wrong) for line in verdicts.failed), said


#: Faults planted in a host: what is written instead of what, and the verdict that must fail.
FAULTS = {
    "10_qbo": (
        ("drag = emulated", "drag = 0.9_real64 * emulated", "layered_usual: period online"),
        ("call read_last(trim(start), 'random_state', state)", "state = seed", "stopped on day 103"),
    ),
    "11_rain": (
        ("vapour = reshape(after(:, 2), [nx, nz])", "vapour = reshape(after(:, 2), [nx, nz]) * (1 + 1e-12_real64)", "built: water"),
        ("accounts%negative_rain = kept(6)", "accounts%negative_rain = 1", "stopped in step 210"),
    ),
    "12_radiation": (
        ("net(levels + 1, :) / slab", "net(levels + 1, :) / slab * 1.001_real64", "solver: heating is the divergence"),
        ("call read_last(trim(start), 't', t)", "t = t + 1", "stopped in step 93"),
    ),
    "13_ocean": (
        ("call step(o, g, du, dv, dh)", "call step(o, g, du, dv, dh + 1e-12_real64)", "of the water comes from nowhere"),
        ("o%dh(:, :, :2) = strip(:, :, 4:5)", "o%dh = 0", "stopped on day 10"),
    ),
    "14_stability": (
        ("call advance(u, damping, flux)", "call advance(u, damping, 0.5_real64 * flux)", "ten steps:"),
        ("call read_last(trim(start), 'state', u)", "call read_last(trim(start), 'state', u); u = real(u)", "stopped after"),
    ),
    "15_forecast": (
        (" + 104729 * member,", ",", "the mean of the ensemble"),
        ("call read_last(trim(start), 'state', state(:, 1))", "state = 0", "stopped after month 31"),
    ),
    "16_downscaling": (
        ("member=member, step=now", "member=1, step=now", "CRPS at 4 km"),
        ("call read_last(trim(start), 'random_state', above%state)", "above%state = seed", "stopped after hour 96"),
    ),
    "17_elsewhere": (
        ("call ask_guarded(after, fell)", "call ask_network(after)", "warmer, weighted: a storm is off"),
        ("call read_last(trim(start), 'fallbacks', fallbacks)", "fallbacks = 0", "stopped in step 80"),
    ),
}


@pytest.mark.long
@pytest.mark.parametrize("example", FAULTS)
def test_a_planted_fault_is_seen(example: str, configure: CMake, tmp_path: Path) -> None:
    name, trained = HOSTS[example], tmp_path / "trained"
    done = configure(example, trained, "gfortran")
    assert done.returncode == 0, done.stdout + done.stderr
    run("cmake", "--build", trained, "--target", "demo")
    for folder in ("hosts", "course", SST.name, "11_rain"):
        shutil.copytree(EXAMPLES / folder, tmp_path / "examples" / folder)
    for number, (right, wrong, verdict) in enumerate(FAULTS[example]):
        source, build = tmp_path / "examples" / example, tmp_path / f"build_{number}"
        shutil.copytree(EXAMPLES / example, source, dirs_exist_ok=True)
        text = (source / "main.f90").read_text()
        assert right in text
        (source / "main.f90").write_text(text.replace(right, wrong))
        assert configure(str(source), build, "gfortran").returncode == 0
        teacher = f"{name}_learn" if (source / "learn.f90").exists() else f"{name}_plain"
        run("cmake", "--build", build, "--target", teacher)
        for file in (*trained.glob("*.pt*"), *trained.glob("*.json"), *trained.glob("trainings/*.nc")):
            copy = build / file.relative_to(trained)
            copy.parent.mkdir(exist_ok=True)
            copy.write_bytes(file.read_bytes())  # newer than the program that makes samples: not trained again
        run("cmake", "--build", build, "--target", name)
        done = command("cmake", "--build", build, "--target", "demo")
        assert done.returncode != 0
        failed = [line for line in done.stdout.splitlines() if line.startswith("  FAIL")]
        assert any(verdict in line for line in failed), done.stdout
