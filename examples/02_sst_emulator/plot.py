"""Draw the forecast: truth, network and errors as maps, and the errors month by month.

Usage: ``python plot.py build/forecast.nc build/sst_forecast.png``
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from check import read_forecast
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from numpy.typing import NDArray
from sst_data import Observations, climatology, load, rmse

Fields = NDArray[np.float32]

MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
INK = "#333333"
LAND = "#c9c5bd"
#: Held-out month on the maps: June 2010, when El Niño turns into La Niña, one of the hardest to forecast.
SHOWN = 8
LINES: dict[str, dict[str, Any]] = {
    "network (in Fortran)": {"color": "#0b6e99", "marker": "o", "linewidth": 2.2, "zorder": 3},
    "persistence": {"color": "#c7522a", "marker": "s", "linestyle": "--"},
    "anomaly persistence": {"color": "#e5a23d", "marker": "^", "linestyle": "--"},
    "climatology": {"color": "#7f7f7f", "linestyle": ":", "linewidth": 2.2},
}


def month_name(observations: Observations, index: int) -> str:
    """Return a month as people write it, ``Jun 2010``."""
    return f"{MONTHS[observations.month[index] - 1]} {observations.year[index]}"


def draw(forecast: dict[str, Fields], observations: Observations) -> Figure:
    """Draw everything.

    Parameters
    ----------
    forecast
        ``one_month`` and ``free_run``, [month, latitude, longitude] in kelvin.
    observations
        The truth.
    """
    figure = plt.figure(figsize=(12, 10), layout="constrained")
    (top,), (bottom,) = figure.subfigures(2, 1, squeeze=False, height_ratios=[1.55, 1.0])
    draw_maps(top, forecast["one_month"][SHOWN], observations)
    draw_curves(bottom, forecast, observations)
    credit = "Observations: OSTIA, Met Office, © British Crown copyright, Open Government Licence"
    bottom.supxlabel(credit, x=0.995, ha="right", fontsize=7.5, color="#777777")
    return figure


def draw_maps(figure: SubFigure, network: Fields, observations: Observations) -> None:
    """Draw one held-out month: observed, forecast, and the errors of network and persistence."""
    index = observations.first_held_out + SHOWN
    truth, before, ocean = observations.sst[index], observations.sst[index - 1], observations.ocean
    figure.suptitle(f"Sea surface temperature in {month_name(observations, index)}", color=INK, fontsize=14)
    axes = [figure.add_subplot(4, 1, row) for row in (1, 2, 3, 4)]
    low, high = np.floor(truth[ocean].min()), np.ceil(truth[ocean].max())
    limit = 2.5
    temperature = draw_map(axes[0], "observed", truth, observations, (low, high), "inferno")
    draw_map(axes[1], "forecast of the network, one month ahead", network, observations, (low, high), "inferno")
    errors = {"network": network, "persistence": before}
    for panel, (name, field) in zip(axes[2:], errors.items(), strict=True):
        title = f"error of {'the network' if name == 'network' else name}: RMSE {rmse(field, truth, ocean):.2f} K"
        difference = draw_map(panel, title, field - truth, observations, (-limit, limit), "RdBu_r")
    axes[-1].set_xlabel("longitude (degrees east)", color=INK)
    figure.colorbar(temperature, ax=axes[:2], pad=0.01, aspect=12, label="K")
    figure.colorbar(difference, ax=axes[2:], pad=0.01, aspect=12, extend="both", label="K")


def draw_map(
    axes: Axes, title: str, field: Fields, observations: Observations, limits: tuple[float, float], colors: str
) -> mpl.collections.QuadMesh:
    """Draw one map with land in grey."""
    ocean_only = np.ma.masked_where(~observations.ocean, field)
    mesh = axes.pcolormesh(
        observations.longitude, observations.latitude, ocean_only, cmap=colors, vmin=limits[0], vmax=limits[1], rasterized=True
    )
    axes.set_facecolor(LAND)
    axes.set_title(title, loc="left", fontsize=10.5, color=INK)
    axes.set_yticks([-4, 0, 4], ["4°S", "0°", "4°N"])
    axes.set_xticks(range(0, 361, 60))
    axes.tick_params(colors=INK, labelsize=9)
    axes.label_outer()
    return mesh


def draw_curves(figure: SubFigure, forecast: dict[str, Fields], observations: Observations) -> None:
    """Draw the errors of every held-out month beside those of the simple forecasts."""
    first, ocean = observations.first_held_out, observations.ocean
    truth, sst, month = observations.sst[first:], observations.sst, observations.month - 1
    normal = climatology(observations)
    usual, start = normal[month[first:]], first - 1
    kept_anomaly = sst[start:-1] - normal[month[start:-1]] + usual

    def errors(fields: Fields) -> list[float]:
        return [rmse(field, now, ocean) for field, now in zip(fields, truth, strict=True)]

    panels = figure.add_subplot(1, 2, 1), figure.add_subplot(1, 2, 2)
    one_month = (forecast["one_month"], sst[start:-1], kept_anomaly)
    free_run = (forecast["free_run"], np.broadcast_to(sst[start], truth.shape), usual)
    titles = "One month ahead", f"Free run: nothing observed after {month_name(observations, start)}"
    names = ("network (in Fortran)", "persistence", "anomaly persistence"), ("network (in Fortran)", "persistence", "climatology")
    for axes, title, fields, lines in zip(panels, titles, (one_month, free_run), names, strict=True):
        for line, field in zip(lines, fields, strict=True):
            axes.plot(errors(field), label=line, **LINES[line])
        axes.set_title(title, loc="left", fontsize=12, color=INK)
        label_months(axes, [month_name(observations, index) for index in range(first, len(month))])
        axes.set_ylim(bottom=0)
        axes.set_ylabel("RMSE over the ocean (K)", color=INK)
        axes.legend(frameon=False, fontsize=9.5, loc="upper left")
        axes.grid(axis="y", color="#e6e6e6")
        axes.spines[["top", "right"]].set_visible(False)


def label_months(axes: Axes, names: Sequence[str]) -> None:
    """Write the months below the axis, the year only where it begins."""
    short = [name.replace(" ", "\n") if i == 0 or name.startswith("Jan") else name[:3] for i, name in enumerate(names)]
    axes.set_xticks(range(len(names)), short)
    axes.tick_params(colors=INK, labelsize=9)


def main() -> None:
    """Draw the picture."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("forecast", type=Path, help="what the Fortran program wrote")
    parser.add_argument("picture", type=Path, help="PNG file to write")
    options = parser.parse_args()
    mpl.use("Agg")
    draw(read_forecast(options.forecast), load()).savefig(options.picture, dpi=110)


if __name__ == "__main__":
    main()
