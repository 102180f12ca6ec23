"""The SST data are the published ones, and the simple forecasts have the errors the README states."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import sst_data
from sst_data import Observations


@pytest.fixture(scope="module")
def observations() -> Observations:
    return sst_data.load()


def test_the_file_is_the_published_one() -> None:
    digest, name = sst_data.FILE.with_suffix(".nc.sha256").read_text().split()
    assert name == sst_data.FILE.name
    assert hashlib.sha256(sst_data.FILE.read_bytes()).hexdigest() == digest
    assert digest in (sst_data.FILE.parent / "README.md").read_text()


def test_shape_time_and_land(observations: Observations) -> None:
    assert observations.sst.shape == (54, 18, 432)
    assert observations.sst.dtype == np.float32
    assert (observations.year[0], observations.month[0]) == (2006, 4)
    assert (observations.year[-1], observations.month[-1]) == (2010, 9)
    assert np.array_equal(np.diff(12 * observations.year + observations.month), np.ones(53))
    assert observations.ocean.sum() == 5721
    assert np.abs(observations.latitude).max() < 5
    ocean = observations.sst[:, observations.ocean]
    assert 289 < ocean.min() < ocean.max() < 305
    assert (observations.sst[:, ~observations.ocean] == np.float32(1e20)).all()


def test_climatology_uses_the_training_months_only(observations: Observations) -> None:
    before = sst_data.climatology(observations)
    later = observations.sst.copy()
    later[observations.first_held_out :] += 10
    changed = Observations(**{**vars(observations), "sst": later})
    assert np.array_equal(sst_data.climatology(changed), before)


def test_simple_forecasts_have_the_stated_errors(observations: Observations) -> None:
    simple = sst_data.baselines(observations)
    assert simple.persistence == pytest.approx(0.715, abs=5e-4)
    assert simple.anomaly_persistence == pytest.approx(0.511, abs=5e-4)
    assert simple.damped_persistence == pytest.approx(0.506, abs=5e-4)
    assert simple.climatology == pytest.approx(1.015, abs=5e-4)
