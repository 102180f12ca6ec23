"""The SST network: months, land, the ring of longitudes, and that the exported file is the trained module."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import sst_data
import torch
import train
from sst_data import Observations
from sst_model import AnomalyCNN, SSTEmulator
from torch import Tensor

import pt2ts

SHAPE = (18, 432)


@pytest.fixture(scope="module")
def observations() -> Observations:
    return sst_data.load()


def emulator(observations: Observations, network: AnomalyCNN | None = None) -> SSTEmulator:
    normal = torch.from_numpy(sst_data.climatology(observations))
    return SSTEmulator(restless() if network is None else network, normal, 0.5).eval()


def restless() -> AnomalyCNN:
    """Make a network whose head is not zero, so that every part of it counts."""
    torch.manual_seed(1)
    network = AnomalyCNN()
    torch.nn.init.normal_(network.head.conv.weight, std=0.05)
    return network.eval()


@pytest.mark.parametrize("month", range(1, 13))
def test_a_network_that_forgets_gives_the_climatology_of_the_next_month(observations: Observations, month: int) -> None:
    forgetful = AnomalyCNN()
    torch.nn.init.zeros_(forgetful.damping)
    sst, ocean = torch.from_numpy(observations.sst[20]), observations.ocean
    got = emulator(observations, forgetful)(sst, torch.from_numpy(ocean).float(), torch.tensor(month, dtype=torch.int32))
    following = month % 12 + 1
    training = observations.sst[: observations.first_held_out][observations.month[: observations.first_held_out] == following]
    assert np.allclose(got.detach().numpy()[ocean], training.astype(np.float64).mean(axis=0)[ocean], atol=1e-4)


@pytest.mark.parametrize("land", [1e20, 0.0, -273.0, float("inf"), float("nan")])
def test_land_comes_back_untouched_and_changes_nothing(observations: Observations, land: float) -> None:
    model, mask, month = emulator(observations), torch.from_numpy(observations.ocean).float(), torch.tensor(9)
    sst = torch.from_numpy(observations.sst[30])
    expected = model(sst, mask, month)
    got = model(torch.where(mask > 0.5, sst, land), mask, month)
    ocean = mask > 0.5
    assert torch.equal(got[ocean], expected[ocean])
    assert torch.equal(got[~ocean].nan_to_num(7.0), torch.full((2055,), land).nan_to_num(7.0))


def test_the_network_does_not_know_where_the_map_is_cut(observations: Observations) -> None:
    network, mask = restless(), torch.from_numpy(observations.ocean).float()
    anomaly, month = torch.randn(1, *SHAPE) * mask, torch.tensor([3])
    with torch.no_grad():
        plain = network(anomaly, mask, month)
        turned = network(anomaly.roll(100, -1), mask.roll(100, -1), month)
    assert torch.allclose(turned, plain.roll(100, -1), atol=1e-5)


@pytest.mark.filterwarnings("ignore:.*torch.jit.load:DeprecationWarning")
def test_the_exported_file_is_the_module(observations: Observations, tmp_path: Path) -> None:
    model = emulator(observations)
    train.export(model, observations, tmp_path / "sst.pt")
    loaded = torch.jit.load(tmp_path / "sst.pt")  # type: ignore[no-untyped-call]
    mask = torch.from_numpy(observations.ocean).float()
    for index in range(0, 54, 7):
        inputs: list[Tensor] = [torch.from_numpy(observations.sst[index]), mask, torch.tensor(observations.month[index]).int()]
        with torch.no_grad():
            assert torch.allclose(loaded(*inputs), model(*inputs), rtol=0, atol=1e-4)


def test_the_exported_file_says_what_it_wants(trained: Path) -> None:
    spec = pt2ts.read_spec(trained / "sst_emulator.pt")
    assert [(i.name, i.dtype, i.shape, i.units) for i in spec.inputs] == [
        ("sst", "float32", SHAPE, "K"),
        ("mask", "float32", SHAPE, "1"),
        ("month", "int32", (), "1"),
    ]
    assert [(o.name, o.dtype, o.shape, o.units) for o in spec.outputs] == [("sst_next", "float32", SHAPE, "K")]
    assert spec.golden
    golden = pt2ts.read_golden(trained / "sst_emulator.pt")
    assert golden is not None
    assert max(float(tensor.abs().max()) for tensor in golden.outputs) < 310  # no fill value, which would excuse any difference
    assert spec.normalization == "inside"


@pytest.mark.usefixtures("reproducible")
def test_training_is_reproducible_and_blind_to_the_held_out_months(observations: Observations) -> None:
    torch.set_num_threads(2)
    later = observations.sst.copy()
    later[observations.first_held_out :] += 10
    changed = Observations(**{**vars(observations), "sst": later})
    first, second = (train.train(data, epochs=1, seed=5).state_dict() for data in (observations, changed))
    assert all(torch.equal(first[name], second[name]) for name in first)
