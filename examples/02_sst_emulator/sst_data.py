"""The observations, and the simple forecasts that a network has to beat.

The last 12 months are held out: neither the climatology nor the network ever sees them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import netCDF4
import numpy as np
from numpy.typing import NDArray

FILE = Path(__file__).parent / "data" / "ostia_monthly.nc"
HELD_OUT = 12

Floats = NDArray[np.floating]


@dataclass(frozen=True)
class Observations:
    """Monthly sea surface temperature.

    Attributes
    ----------
    sst
        Temperature in kelvin, float32 [time, latitude, longitude]; land holds the file's fill value, 1e20.
    ocean
        True on ocean points, [latitude, longitude].
    month
        Calendar month of each field, 1 = January.
    year
        Year of each field.
    latitude, longitude
        Coordinates in degrees.
    """

    sst: NDArray[np.float32]
    ocean: NDArray[np.bool_]
    month: NDArray[np.int64]
    year: NDArray[np.int64]
    latitude: NDArray[np.float32]
    longitude: NDArray[np.float32]

    @property
    def first_held_out(self) -> int:
        """Index of the first held-out month; everything before it is training data."""
        return len(self.month) - HELD_OUT


def load(path: Path | str = FILE) -> Observations:
    """Read the observations."""
    with netCDF4.Dataset(path) as file:
        file.set_auto_mask(False)
        temperature = file["surface_temperature"]
        sst = temperature[:]
        dates = np.asarray(netCDF4.num2date(file["time"][:], file["time"].units, file["time"].calendar))
        return Observations(
            sst=sst,
            ocean=(sst != temperature._FillValue).all(axis=0),
            month=np.array([date.month for date in dates]),
            year=np.array([date.year for date in dates]),
            latitude=file["latitude"][:],
            longitude=file["longitude"][:],
        )


def climatology(observations: Observations) -> NDArray[np.float32]:
    """Return the mean field of each calendar month over the training months, [12, latitude, longitude]; land is 0."""
    train = slice(0, observations.first_held_out)
    sst = np.where(observations.ocean, observations.sst[train], 0.0).astype(np.float64)
    return np.stack([sst[observations.month[train] == month].mean(axis=0) for month in range(1, 13)]).astype(np.float32)


def rmse(field: Floats, truth: Floats, ocean: NDArray[np.bool_]) -> float:
    """Return the root of the plain mean squared error over all ocean points of one or more fields.

    Plain means that every grid point counts the same; so near the equator the area weight, the cosine of the latitude, is never
    below 0.996.
    """
    error = field[..., ocean].astype(np.float64) - truth[..., ocean].astype(np.float64)
    return float(np.sqrt(np.mean(error**2)))


@dataclass(frozen=True)
class Baselines:
    """One-month-ahead errors in kelvin of forecasts that need no network, over all held-out months.

    Attributes
    ----------
    persistence
        Next month is like this month.
    anomaly_persistence
        The departure from the climatology stays what it is.
    damped_persistence
        The departure shrinks by one factor, fitted to the training months.
    climatology
        Root mean square error of the climatology itself.
    """

    persistence: float
    anomaly_persistence: float
    damped_persistence: float
    climatology: float


def baselines(observations: Observations) -> Baselines:
    """Compute the errors of the simple forecasts."""
    ocean, first = observations.ocean, observations.first_held_out
    sst = np.where(ocean, observations.sst, 0.0).astype(np.float64)
    anomaly = sst - climatology(observations)[observations.month - 1]
    before, after = anomaly[: first - 1][:, ocean], anomaly[1:first][:, ocean]
    damping = float((before * after).sum() / (before**2).sum())
    now, future = slice(first - 1, -1), slice(first, None)
    return Baselines(
        persistence=rmse(sst[now], sst[future], ocean),
        anomaly_persistence=rmse(anomaly[now], anomaly[future], ocean),
        damped_persistence=rmse(damping * anomaly[now], anomaly[future], ocean),
        climatology=rmse(np.zeros_like(anomaly[future]), anomaly[future], ocean),
    )
