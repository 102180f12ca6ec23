"""`pt2ts stats`: numpy's weighted means are the oracle, on files such as other people have."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import xarray

import pt2ts
from pt2ts.errors import DeclarationError, LoadError, Pt2tsError
from pt2ts.nn import Standardize
from pt2ts.nn.statistics import Statistics
from pt2ts.statistics import measure

from ..cli.test_cli import pt2ts_command

LAT = np.linspace(-87.5, 87.5, 8)
LEVELS = np.array([1000.0, 850.0, 500.0])
#: How most archives store fields.
PACKED = {"t": {"dtype": "i2", "scale_factor": 0.01, "add_offset": 250.0, "_FillValue": -32767}}
#: The mask is land where it is 1.
LAND = np.random.default_rng(1).integers(0, 2, (8, 10)).astype("f4")


def field(seed: int, times: int, **attributes: str) -> xarray.Dataset:
    """Return temperatures as an archive has them, with a hole."""
    source = np.random.default_rng(seed)
    values = (
        280 + source.normal(size=(times, 3, 8, 10)) - 20.0 * np.arange(3)[:, None, None] + 10 * np.cos(np.deg2rad(LAT))[:, None]
    )
    values[0, 1, 2, 3] = np.nan
    return xarray.Dataset(
        {"t": (("time", "lev", "lat", "lon"), values, {"units": "K", "long_name": "temperature"} | attributes)},
        coords={
            "time": ("time", np.arange(times), {"units": "months since 1-1-1", "calendar": "360_day"}),
            "lev": ("lev", LEVELS, {"units": "hPa", "positive": "down"}),
            "lat": ("lat", LAT, {"units": "degrees_north"}),
            "lon": ("lon", np.arange(0.0, 360.0, 36.0), {"units": "degrees_east"}),
        },
    )


def write(data: xarray.Dataset, path: Path, encoding: Any = None) -> Path:
    data.to_netcdf(path, encoding=encoding)
    return path


def expected(paths: list[Path], weights: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return means and deviations of the levels by numpy."""
    values = np.concatenate([xarray.open_dataset(path, decode_times=False)["t"].values.astype(float) for path in paths])
    means, deviations = [], []
    for level in range(values.shape[1]):
        one = values[:, level]
        shares = np.broadcast_to(weights, one.shape)[np.isfinite(one)]
        mean = np.average(one[np.isfinite(one)], weights=shares)
        means.append(mean)
        deviations.append(np.sqrt(np.average((one[np.isfinite(one)] - mean) ** 2, weights=shares)))
    return np.array(means), np.array(deviations)


@pytest.fixture
def packed(tmp_path: Path) -> list[Path]:
    """Two files of packed numbers with missing values."""
    return [write(field(seed, times), tmp_path / f"t{seed}.nc", PACKED) for seed, times in ((0, 4), (1, 7))]


@pytest.mark.parametrize("block", [measure._BLOCK, 100])
def test_means_and_deviations(packed: list[Path], tmp_path: Path, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "_BLOCK", block)
    found = pt2ts.stats(packed, tmp_path / "s.json")
    t = found["t"]
    mean, std = expected(packed, np.cos(np.deg2rad(LAT))[:, None])
    assert np.allclose(np.array(t.mean, float), mean, rtol=1e-12)
    assert np.allclose(np.array(t.std, float), std, rtol=1e-10)
    assert (t.units, t.description, t.level, t.weights, t.count) == ("K", "temperature", "lev", "cos(lat)", 11 * 240 - 2)
    assert (t.minimum, t.maximum) == pytest.approx((235, 295), abs=8)
    assert Statistics.read(tmp_path / "s.json") == found


def test_digits_are_not_lost(tmp_path: Path) -> None:
    """Sums of squares would have none left of a deviation of 1 beside a mean of 1e9."""
    values = 1e9 + np.random.default_rng(0).normal(size=(50, 40))
    path = write(xarray.Dataset({"p": (("time", "column"), values)}), tmp_path / "p.nc")
    p = pt2ts.stats(path)["p"]
    assert (p.mean[0], p.std[0]) == pytest.approx((values.mean(), values.std()), rel=1e-9)
    assert p.weights == "equal"


@pytest.mark.parametrize("where", ["lsm<0.5", "lsm == 1"])
def test_masks_and_areas_of_another_file(packed: list[Path], tmp_path: Path, where: str) -> None:
    """The file with the grid has coordinates in float32 and a time of its own, as they do."""
    cells = np.random.default_rng(2).uniform(1e9, 2e9, (8, 10))
    grid = xarray.Dataset(
        {"lsm": (("time", "lat", "lon"), LAND[None], {"units": "1"}), "areacella": (("lat", "lon"), cells, {"units": "m2"})},
        coords={"lat": ("lat", LAT.astype("f4")), "time": ("time", [0.0])},
    )
    write(grid, tmp_path / "grid.nc")
    measured = [write(field(seed, 5, cell_measures="area: areacella"), tmp_path / f"m{seed}.nc", PACKED) for seed in (0, 1)]
    counts = (LAND < 0.5) if "<" in where else (LAND == 1)
    for files, area, weights, called in (
        (measured, None, cells, "areacella"),
        (packed, "areacella", cells, "areacella"),
        (packed, None, np.cos(np.deg2rad(LAT))[:, None], "cos(lat)"),
        (packed, "none", np.ones((8, 10)), "equal"),
    ):
        found = pt2ts.stats(files, where=where, grid=tmp_path / "grid.nc", area=area)
        mean, std = expected(files, weights * counts)
        assert np.allclose(np.array(found["t"].mean, float), mean, rtol=1e-12)
        assert np.allclose(np.array(found["t"].std, float), std, rtol=1e-10)
        assert found["t"].weights == called
        assert found.where == where


def test_levels(tmp_path: Path) -> None:
    """By their attributes, by their name alone, by a word of the user, or none."""
    data = field(0, 3).drop_vars("lev")
    path = write(data, tmp_path / "a.nc")
    assert pt2ts.stats(path)["t"].level == "lev"
    path = write(data.rename(lev="k"), tmp_path / "b.nc")
    assert pt2ts.stats(path)["t"].level is None
    assert len(pt2ts.stats(path, level="k")["t"].mean) == 3
    path = write(field(0, 3), tmp_path / "c.nc")
    assert pt2ts.stats(path, level="none")["t"].level is None
    assert len(pt2ts.stats(path, level="none")["t"].mean) == 1


def test_what_is_no_variable_of_the_network(tmp_path: Path) -> None:
    """Bounds, areas, masks, whole numbers and scalars are left out unless they are named."""
    data = field(0, 3, cell_measures="area: cells")
    data["cells"] = (("lat", "lon"), np.ones((8, 10)))
    data["lsm"] = (("lat", "lon"), LAND)
    data["month"] = ("time", np.arange(3, dtype="i4"))
    data["lat"].attrs["bounds"] = "lat_bnds"
    data["lat_bnds"] = (("lat", "two"), np.ones((8, 2)))
    data["height"] = 2.0
    path = write(data, tmp_path / "a.nc")
    assert list(pt2ts.stats(path, where="lsm<0.5").variables) == ["t"]
    found = pt2ts.stats(path, variables=["temperature=t", "month"])
    assert (list(found.variables), found["month"].mean) == (["temperature", "month"], (1.0,))


def test_units_that_mean_the_same(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    files = [write(field(0, 2, units=units), tmp_path / f"{n}.nc") for n, units in enumerate(("K", "kelvin", "degK"))]
    assert pt2ts.stats(files)["t"].units == "K"
    assert not [item for item in recwarn if "UDUNITS" in str(item.message)]
    odd = [write(field(0, 2, units="m of water"), tmp_path / f"odd{n}.nc") for n in range(2)]
    with pytest.warns(UserWarning, match="UDUNITS does not know 'm of water'"):
        assert pt2ts.stats(odd)["t"].units == "m of water"


def test_values_that_stand_for_missing_ones(tmp_path: Path) -> None:
    data = field(0, 2)
    data["t"] = data["t"].fillna(-9999.0)
    with pytest.warns(UserWarning, match="'t' goes from -9999 to .* a missing value without a _FillValue"):
        pt2ts.stats(write(data, tmp_path / "a.nc"))


def test_levels_without_values(tmp_path: Path) -> None:
    data = field(0, 2)
    data["t"][:, 2] = np.nan
    path = write(data, tmp_path / "a.nc")
    with pytest.warns(UserWarning, match="'t' has no values at 1 of 3 levels"):
        found = pt2ts.stats(path, tmp_path / "s.json")
    assert found["t"].mean[2] is found["t"].std[2] is None
    with pytest.raises(DeclarationError, match="'t' has no values at level 3 in"):
        Standardize.from_stats(tmp_path / "s.json", "t")


def flipped(data: xarray.Dataset) -> xarray.Dataset:
    return data.isel(lat=slice(None, None, -1))


#: Files that do not fit together, and what is said.
MISUSE: dict[str, tuple[Callable[[Path], object], str]] = {
    "units": (
        lambda at: pt2ts.stats([write(field(0, 2), at / "a.nc"), write(field(0, 2, units="degC"), at / "b.nc")]),
        r"'t' is in 'K' in '.*a.nc' and in 'degC' in '.*b.nc'\n.*1 K is -272.15 degC: convert the data",
    ),
    "other quantity": (
        lambda at: pt2ts.stats([write(field(0, 2), at / "a.nc"), write(field(0, 2, units="Pa"), at / "b.nc")]),
        r"'K' in '.*' and in 'Pa' in '.*'\n.*one of the two is not this variable",
    ),
    "levels": (
        lambda at: pt2ts.stats([write(field(0, 2), at / "a.nc"), write(field(0, 2).isel(lev=slice(2)), at / "b.nc")]),
        r"'t' has 2 levels \('lev'\) in '.*b.nc' and 3 levels \('lev'\) in the files before",
    ),
    "several levels": (
        lambda at: pt2ts.stats(write(field(0, 2).rename(lon="depth"), at / "a.nc")),
        "several dimensions of levels: lev, depth\n.*level='lev'",
    ),
    "no such level": (lambda at: pt2ts.stats(write(field(0, 2), at / "a.nc"), level="k"), "no variable has a dimension 'k'"),
    "no such variable": (
        lambda at: pt2ts.stats(write(field(0, 2), at / "a.nc"), variables=["q"]),
        r"there is no variable 'q' in '.*a.nc'\n.*it has t",
    ),
    "no variables": (
        lambda at: pt2ts.stats(write(xarray.Dataset({"n": ("x", [1, 2])}), at / "a.nc")),
        "has no variables of floating point",
    ),
    "no numbers": (
        lambda at: pt2ts.stats(write(xarray.Dataset({"n": ("x", ["a", "b"])}), at / "a.nc"), variables=["n"]),
        "'n' in '.*' holds no numbers",
    ),
    "curvilinear": (
        lambda at: pt2ts.stats(
            write(
                field(0, 2)
                .rename(lat="y", lon="x")
                .drop_vars(["x", "y"])
                .assign_coords(lat=(("y", "x"), np.ones((8, 10)), {"units": "degrees_north"})),
                at / "a.nc",
            )
        ),
        "its grid has no axis of latitudes\n.*area=.*grid=.*area='none'",
    ),
    "no mask": (
        lambda at: pt2ts.stats(write(field(0, 2), at / "a.nc"), where="lsm<1"),
        r"there is no variable 'lsm' in '.*a.nc'\n.*grid=",
    ),
    "condition": (lambda at: pt2ts.stats(at / "a.nc", where="lsm"), "cannot read the condition 'lsm'\n.*lsm<0.5"),
    "condition without a number": (lambda at: pt2ts.stats(at / "a.nc", where="lsm<-e"), "cannot read the condition 'lsm<-e'"),
    "turned grid": (
        lambda at: pt2ts.stats(
            write(field(0, 2), at / "a.nc"),
            where="lsm<1",
            grid=write(flipped(field(0, 2).assign(lsm=(("lat", "lon"), LAND))), at / "grid.nc"),
        ),
        "the grids of 'lsm' and 't' differ in 'lat'\n.*one goes from 87.5 to -87.5, the other from -87.5 to 87.5",
    ),
    "coarser grid": (
        lambda at: pt2ts.stats(
            write(field(0, 2), at / "a.nc"),
            where="lsm<1",
            grid=write(xarray.Dataset({"lsm": (("lat", "lon"), LAND[::2])}), at / "grid.nc"),
        ),
        "differ in 'lat'\n.*4 and 8 points",
    ),
    "another dimension": (
        lambda at: pt2ts.stats(
            write(field(0, 2), at / "a.nc"),
            where="lsm<1",
            grid=write(xarray.Dataset({"lsm": (("y", "lon"), LAND)}), at / "grid.nc"),
        ),
        "'lsm' has a dimension 'y' that 't' has not",
    ),
    "nothing left": (
        lambda at: pt2ts.stats(write(field(0, 2).assign(lsm=(("lat", "lon"), LAND)), at / "a.nc"), where="lsm>1"),
        "'t' has no values that count",
    ),
    "no files": (lambda _: pt2ts.stats([]), "no files are given"),
    "missing file": (lambda at: pt2ts.stats(at / "a.nc"), "there is no file '.*a.nc'"),
    "another file": (lambda _: pt2ts.stats(__file__), "xarray cannot read '.*test_stats.py'"),
    "no folder": (
        lambda at: pt2ts.stats(write(field(0, 2), at / "a.nc"), at / "no" / "s.json"),
        "cannot write .*s.json: No such file or directory",
    ),
}


@pytest.mark.parametrize("case", MISUSE)
def test_what_does_not_fit_is_said(case: str, tmp_path: Path) -> None:
    call, message = MISUSE[case]
    with pytest.raises(Pt2tsError) as raised:
        call(tmp_path)
    assert re.search(message, str(raised.value)), str(raised.value)


@pytest.mark.parametrize("missing", ["xarray", "cf_xarray", "cf_units"])
def test_packages_that_are_not_installed(missing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(field(0, 2), tmp_path / "a.nc")
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(LoadError, match=r"not installed\n.*pip install 'ftorch\[data\]'"):
        pt2ts.stats(path)


# ------------------------------------------------------------------------------------------------ into networks and contracts


@pytest.fixture
def statistics(packed: list[Path], tmp_path: Path) -> Path:
    pt2ts.stats(packed, tmp_path / "s.json")
    return tmp_path / "s.json"


def test_standardize(packed: list[Path], statistics: Path) -> None:
    found = Statistics.read(statistics)["t"]
    scale = Standardize.from_stats(statistics, "t").double()
    assert scale.mean.tolist() == list(found.mean)
    assert scale.std.tolist() == list(found.std)
    twice = Standardize.from_stats(statistics, "t", "t", smallest=1e3)
    assert twice.mean.shape == (6,)
    assert twice.std.tolist() == [1e3] * 6
    images = Standardize.from_stats(statistics, "t", dim=-3)
    assert images.mean.shape == (3, 1, 1)
    values = torch.from_numpy(xarray.open_dataset(packed[1], decode_times=False)["t"].values).double()
    scaled = images.double()(values)
    weights = np.cos(np.deg2rad(LAT))[:, None] * np.isfinite(scaled[:, 0].numpy())
    assert abs(np.average(np.nan_to_num(scaled[:, 0].numpy()), weights=weights)) < 0.1


def test_names_of_a_file_of_statistics(statistics: Path) -> None:
    with pytest.raises(DeclarationError, match=r"has no variable 'q'\n.*it has t"):
        Standardize.from_stats(statistics, "q")
    with pytest.raises(DeclarationError, match="no variable is named"):
        Standardize.from_stats(statistics)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot read '.*': No such file"),
        ("{}", "holds no statistics"),
        ("[1]", "holds no statistics"),
        ("\x89HDF", "holds no statistics"),
        ('{"format": 2}', "has format 2, this pt2ts reads 1"),
        ('{"format": 1, "producer": "", "files": [], "where": "", "variables": {"t": {}}}', "holds no statistics"),
    ],
)
def test_files_that_hold_no_statistics(content: str | None, message: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "s.json").write_text(content)
    with pytest.raises(LoadError, match=message):
        Statistics.read(tmp_path / "s.json")


class Column(torch.nn.Module):
    """Scaled by the statistics."""

    def __init__(self, statistics: Path) -> None:
        super().__init__()
        self.scale = Standardize.from_stats(statistics, "t")

    def forward(self, t: torch.Tensor) -> torch.Tensor:
        """Return the scaled temperatures."""
        scaled: torch.Tensor = self.scale(t)
        return scaled


def test_the_contract_has_units_and_ranges_of_the_data(statistics: Path, tmp_path: Path) -> None:
    file = tmp_path / "a.pt"
    spec = pt2ts.export(Column(statistics), None, file, inputs=["t[batch,3] float32"], outputs=["scaled 1"], stats=statistics)
    t, found = spec.inputs[0], Statistics.read(statistics)["t"]
    assert (t.units, t.range, t.description) == ("K", (found.minimum, found.maximum), "temperature")
    assert spec.outputs[0].units == "1"
    spec = pt2ts.export(
        Column(statistics), None, file, inputs=["t[batch,3] float32 kelvin 200..320 -- mine"], outputs=["t"], stats=statistics
    )
    t = spec.inputs[0]
    assert (t.units, t.range, t.description) == ("kelvin", (200, 320), "mine")
    assert spec.outputs[0].units == "K"


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ("t[batch,3] float32 degC", r"input 't' is in 'degC' in its declaration and in 'K' in '.*s.json'\n.*1 degC is 274.15 K"),
        ("t[batch,3] float32 m/s", r"is in 'm/s' in its declaration and in 'K' in '.*'\n.*one of the two is not this variable"),
        ("t[batch,3] float32 cold", r"is in 'cold' in its declaration and in 'K' in '.*'\n.*only where they are the same text"),
        ("t[batch,4] float32 K", r"input 't' is declared \[batch,4\], and '.*s.json' has 3 levels of it \('lev'\)"),
        ("column[batch,3] float32 K", r"none of what is declared \(column\) is in '.*s.json' \(t\)"),
    ],
)
def test_declarations_that_contradict_the_data(declared: str, message: str, statistics: Path, tmp_path: Path) -> None:
    with pytest.raises(DeclarationError, match=message):
        pt2ts.export(torch.nn.Identity(), None, tmp_path / "a.pt", inputs=[declared], stats=statistics)
    assert not (tmp_path / "a.pt").exists()


def test_the_command_line(packed: list[Path], tmp_path: Path) -> None:
    done = pt2ts_command("stats", *packed, "-o", tmp_path / "s.json", "--variable", "column=t")
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines()[2].split()[:4] == ["column", "K", "lev", "(3)"]
    done = pt2ts_command("stats", *packed, "-o", tmp_path / "s.json", "--variable", "column=t", "--level", "none", "--json")
    assert json.loads(done.out) == json.loads((tmp_path / "s.json").read_text())
    words = ("--input", "column[batch,5] float32", "--stats", tmp_path / "s.json", "-o", tmp_path / "m.pt")
    done = pt2ts_command("export", "user_modules:make_column", *words)
    assert done.code == 0, done.err
    assert pt2ts.read_spec(tmp_path / "m.pt").inputs[0].units == "K"
    done = pt2ts_command("stats", packed[0], "-o", tmp_path / "s.json", "--where", "lsm<1")
    assert done.code == 1
    assert "--grid" in done.err.splitlines()[-1]
