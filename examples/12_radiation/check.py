"""Put the emulators into the host and judge them: ``check.py HOST --models build``. Exits with 1 on failure."""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from emulators import FLUXES
from numpy.typing import NDArray
from plot import draw, heating

from hosts.runs import Fields, Host, Setting, Verdicts, table

Numbers = NDArray[np.float64]

NETWORKS = ("plain", "recurrent")
LEVELS = (27, 40, 60, 100)
STEPS = 2400
#: Columns of a run that is only asked, and of one that goes through time.
ASKED, CLIMATES = 1000, 12
#: The one of the latter, from 0, whose derivatives are drawn.
SHOWN = 1
#: What a recurrent network may be off by: heating at other levels (a factor, of K a day), ground of the climates (K), its answer to
#: more carbon dioxide (a share).
OTHER_LEVELS, GROUND, RESPONSE = 1.5, 1.0, 0.2


@dataclass(frozen=True)
class Score:
    """Root mean square errors of a network.

    Attributes
    ----------
    fluxes
        Of the five fluxes, W/m2.
    heating
        Of the heating by longwave and by sunlight, K a day. Each layer counts as much as it has air.
    shares
        The latter as shares of the heating's own root mean square.
    """

    fluxes: tuple[float, ...]
    heating: tuple[float, ...]
    shares: tuple[float, ...]


def rms(values: Numbers, weights: Numbers | None = None) -> float:
    """Return the root of the mean of the squares."""
    return float(np.sqrt(np.average(values**2, weights=weights)))


def score(fields: Fields) -> Score:
    """Compare a network with the solver that was asked beside it."""
    air = fields["thickness"][0]
    right = {name: fields[name][0] for name in FLUXES}
    off = {name: fields[f"network_{name}"][0] - right[name] for name in FLUXES}
    pairs = (("long_down", "long_up"), ("short_down", "short_up"))
    wrong, own = ([rms(heating(its[down], its[up], air), air) for down, up in pairs] for its in (off, right))
    shares = tuple(mine / size for mine, size in zip(wrong, own, strict=True))
    return Score(tuple(rms(off[name]) for name in FLUXES), tuple(wrong), shares)


def unexplained(fields: Fields) -> float:
    """Return the heat that columns have gained and that did not come from space, as a share of all they have."""
    gained = fields["heat"] - fields["heat"][0]
    came = fields["books"] - fields["books"][0]
    return float(np.abs(gained - came).max() / fields["heat"].max())


def forbidden(matrix: Numbers, above: bool) -> float:
    """Return the largest derivative by layers that the flux cannot know of, as a share of the largest.

    Parameters
    ----------
    matrix
        [half level, layer], both from the top.
    above
        Whether the flux knows only what is above, and not what is below.
    """
    half, layer = np.indices(matrix.shape)
    below = layer >= half
    return float(np.abs(matrix[below if above else ~below]).max() / np.abs(matrix).max())


def run_all(host: Host, models: Path) -> dict[str, Fields]:
    """Run the host in all ways that are not timed."""
    start: dict[str, Setting] = {"columns": CLIMATES, "steps": STEPS}
    runs: dict[str, dict[str, Setting]] = {"solver": start, "solver_co2": {**start, "more_co2": 2}}
    for name in NETWORKS:
        networked: dict[str, Setting] = {**start, "scheme": "network", "network": models / f"{name}.pt2"}
        runs[name] = networked
        runs[f"{name}_co2"] = {**networked, "more_co2": 2}
    short: dict[str, Setting] = {**start, "scheme": "network", "network": models / "recurrent.pt2", "steps_between_records": 20}
    runs["whole"] = {**short, "steps": 200}
    runs["first_half"] = {**short, "steps": 93, "restart": "half.nc"}
    runs["torchscript"] = {**short, "steps": 200, "network": models / "recurrent.pt"}
    found = host.run_all(runs)
    found["second_half"] = host.run("second_half", **{**short, "steps": 107, "start": "half.nc"})
    return found


def ask(host: Host, models: Path) -> dict[str, Fields]:
    """Ask networks beside the solver, one run after the other, because they are timed."""
    usual: dict[str, Setting] = {
        "scheme": "both", "columns_from": "anything", "columns": ASKED, "steps": 4, "step_days": 0.0, "steps_between_records": 1,
        "seed": 3,
    }  # fmt: skip
    files = {"plain": "plain.pt2", "plain_torchscript": "plain.pt", "recurrent_torchscript": "recurrent.pt",
             "recurrent_fixed": "recurrent_40.pt2"}  # fmt: skip
    found = {name: host.run(f"asked_{name}", **usual, network=models / file) for name, file in files.items()}
    for levels in LEVELS:
        found[f"recurrent_{levels}"] = host.run(f"asked_{levels}", **usual, network=models / "recurrent.pt2", levels=levels)
    return found


def judge_solver(known: dict[int, Fields], found: dict[str, Fields], verdicts: Verdicts) -> None:
    """Compare the solver with what is known without it."""
    off = {levels: float(np.abs(fields["grey"] - fields["grey_known"]).max()) for levels, fields in known.items()}
    verdicts.check(off[40] < 0.5, f"solver, grey air in equilibrium: off by at most {off[40]:.3f} K, 40 layers (allowed 0.5)")
    order = off[40] / off[80]
    verdicts.check(abs(order - 4) < 0.4, f"solver, grey air: half the layers' size, error {order:.2f} times smaller (needed 4)")
    one = known[40]
    differ = float(np.abs(one["reflected"] - one["reflected_known"]).max())
    verdicts.check(
        differ < 1e-8, f"solver, air that only scatters: reflectivity off by {differ:.1e} (Meador and Weaver; allowed 1e-08)"
    )
    verdicts.check(one["lost"].max() < 1e-8, f"solver, air that only scatters: light lost {one['lost'].max():.1e} (allowed 1e-08)")
    warmer = (found["solver_co2"]["ground"][-1] - found["solver"]["ground"][-1]).mean()
    print(f"        twice the carbon dioxide warms the ground by {warmer:.2f} K (Manabe and Wetherald 1967: 2.36)")


def judge_offline(asked: dict[str, Fields], weights: dict[str, int], verdicts: Verdicts) -> None:
    """Compare errors of fluxes and heating in columns that no network has seen."""
    scores = {"plain": score(asked["plain"]), **{f"recurrent_{levels}": score(asked[f"recurrent_{levels}"]) for levels in LEVELS}}
    print("Errors: longwave down and up, direct beam, sunlight down and up (W/m2); heating by longwave and by sunlight (K a day),")
    print("and as shares of the heating")
    rows = []
    for name, one in scores.items():
        network, _, levels = name.partition("_")
        numbers = [f"{x:.2f}" for x in one.fluxes], [f"{x:.3f}" for x in one.heating], [f"{x:.1%}" for x in one.shares]
        rows.append([network, levels or 40, weights[network], *[cell for cells in numbers for cell in cells]])
    table(["network", "levels", "weights", "down", "up", "direct", "down", "up", "long", "short", "", ""], rows)
    plain, recurrent = scores["plain"], scores["recurrent_40"]
    factors = [a / b for a, b in zip(plain.fluxes + plain.heating, recurrent.fluxes + recurrent.heating, strict=True)]
    fewer = weights["plain"] / weights["recurrent"]
    verdicts.check(
        min(factors) > 1 and fewer > 1,
        f"recurrent: {fewer:.0f} times fewer weights, errors {min(factors):.1f} to {max(factors):.0f} times smaller",
    )
    worst = {
        what: max(
            mine / own
            for levels in LEVELS
            for mine, own in zip(getattr(scores[f"recurrent_{levels}"], what), getattr(recurrent, what), strict=True)
        )
        for what in ("fluxes", "heating", "shares")
    }
    others = ", ".join(str(levels) for levels in LEVELS if levels != 40)
    verdicts.check(
        worst["heating"] <= OTHER_LEVELS,
        f"recurrent, trained on 40 levels, with {others}: heating off up to {worst['heating']:.2f} times as much"
        f" (allowed {OTHER_LEVELS}; as a share {worst['shares']:.2f})",
    )
    least = min(a / b for levels in LEVELS for a, b in zip(plain.fluxes, scores[f"recurrent_{levels}"].fluxes, strict=True))
    verdicts.check(
        least > 1,
        f"recurrent, with {others}: fluxes off up to {worst['fluxes']:.2f} times as much, and {least:.1f} times less than plain's",
    )


def judge_online(found: dict[str, Fields], verdicts: Verdicts) -> None:
    """Compare climates."""
    own = found["solver"]["ground"][-1]
    own_response = found["solver_co2"]["ground"][-1] - own
    print(
        "Climates: ground, off by (K, root mean square), air, off by (K), warming by twice the carbon dioxide (K), heat unexplained"
    )
    rows = []
    for name in ("solver", *NETWORKS):
        ground, air = found[name]["ground"][-1] - own, found[name]["t"][-1] - found["solver"]["t"][-1]
        response = (found[f"{name}_co2"]["ground"][-1] - found[name]["ground"][-1]).mean()
        rows.append([name, f"{rms(ground):.2f}", f"{rms(air):.2f}", f"{response:.2f}", f"{unexplained(found[name]):.0e}"])
    table(["", "ground", "air", "response", "heat"], rows)
    for name in ("solver", *NETWORKS):
        left = unexplained(found[name])
        verdicts.check(
            left < 1e-11, f"{name}: heating is the divergence of the flux: heat out of nothing {left:.0e} (allowed 1e-11)"
        )
    mine = found["recurrent"]["ground"][-1]
    worst = float(np.abs(mine - own).max())
    verdicts.check(worst < GROUND, f"recurrent: ground of {CLIMATES} climates off by at most {worst:.2f} K (allowed {GROUND})")
    ratio = float((found["recurrent_co2"]["ground"][-1] - mine).mean() / own_response.mean())
    verdicts.check(
        abs(ratio - 1) < RESPONSE, f"recurrent: answer to more carbon dioxide {ratio:.2f} of the solver's (allowed 1 +- {RESPONSE})"
    )


def judge_jacobians(found: dict[str, Fields], verdicts: Verdicts) -> None:
    """Look whether a flux reacts to layers that it cannot know of."""
    fluxes = {"long_down": True, "direct": True, "long_up": False}
    matrices = {"solver": {name: found["plain"][f"solver_{name}"].swapaxes(1, 2) for name in fluxes}}
    matrices |= {network: {name: found[network][f"network_{name}"].swapaxes(1, 2) for name in fluxes} for network in NETWORKS}
    print(f"Derivatives in {CLIMATES} columns, of longwave by temperature and of the direct beam by the logarithm of vapour: the")
    print("largest by a layer that the flux cannot know of, as a share of the largest in its column; and the relative error of all")
    rows, shares = [], {}
    for whose, its in matrices.items():
        shares[whose] = [[forbidden(matrix, above) for matrix in its[name]] for name, above in fluxes.items()]
        off = [rms(its[name] - matrices["solver"][name]) / rms(matrices["solver"][name]) for name in fluxes]
        rows.append([whose, *[f"{max(share):.3f}" for share in shares[whose]], *[f"{one:.2f}" for one in off]])
    table(["", "down", "direct", "up", "error: down", "direct", "up"], rows)
    least, most = ({whose: end(map(end, share)) for whose, share in shares.items()} for end in (min, max))
    for whose in ("solver", "recurrent"):
        verdicts.check(most[whose] == 0, f"{whose}: derivatives by layers that physics forbids: {most[whose]} (needed 0)")
    verdicts.check(
        least["plain"] > 0.01, f"the same check fails for 'plain' in each column: {least['plain']:.2f} to {most['plain']:.2f}"
    )


def show_times(asked: dict[str, Fields]) -> None:
    """Print what a column costs."""
    solver = float(
        np.median([fields["microseconds"][-1, 0] for name, fields in asked.items() if name[-3:] not in ("_27", "_60", "100")])
    )
    names = {
        "plain": "plain, package", "plain_torchscript": "plain, TorchScript", "recurrent_fixed": "recurrent, package for 40 levels",
        "recurrent_40": "recurrent, package", "recurrent_torchscript": "recurrent, TorchScript",
    }  # fmt: skip
    print(f"Microseconds for a column of 40 levels, {ASKED} at once, one thread")
    rows = [["solver", f"{solver:.1f}", ""]]
    for name, words in names.items():
        took = asked[name]["microseconds"][-1, 1]
        rows.append([words, f"{took:.1f}", f"{solver / took:.1f}"])
    table(["", "time", "times faster"], rows)


def judge_program(found: dict[str, Fields], asked: dict[str, Fields], verdicts: Verdicts) -> None:
    """Check what the program promises: formats alike, and a restart that nothing can be seen of."""
    differ = float(np.abs(found["torchscript"]["t"] - found["whole"]["t"]).max())
    verdicts.check(differ < 1e-2, f"TorchScript and package: temperature after 200 steps differs by {differ:.0e} K (allowed 1e-02)")
    differ = max(
        float(np.abs(asked["recurrent_fixed"][f"network_{name}"] - asked["recurrent_40"][f"network_{name}"]).max())
        for name in FLUXES
    )
    verdicts.check(differ < 0.05, f"packages for 40 and for any levels: fluxes differ by {differ:.0e} W/m2 (allowed 5e-02)")
    whole = found["whole"]["t"][found["whole"]["step"] > 93]
    same = np.array_equal(whole, found["second_half"]["t"])
    verdicts.check(same, f"stopped in step 93 and resumed: the same bits in {len(whole)} records")


def main() -> int:
    """Run, judge, draw; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("host", type=Path, help="the program with a network")
    parser.add_argument("--models", type=Path, default=Path("build"), help="folder of the networks, and of the results")
    options = parser.parse_args()
    host, verdicts = Host(options.host, options.models / "runs"), Verdicts("radiation")
    beside = {name: Host(options.host.with_name(f"radiation_{name}"), host.folder) for name in ("known", "jacobian")}
    asked = ask(host, options.models)
    found = run_all(host, options.models)
    known = {levels: beside["known"].run(f"known_{levels}", levels=levels) for levels in (40, 80)}
    jacobians = {
        name: beside["jacobian"].run(f"jacobian_{name}", network=options.models / f"{name}.pt", start="solver.nc", columns=CLIMATES)
        for name in NETWORKS
    }
    weights = {
        name: sum(weight.numel() for weight in torch.jit.load(options.models / f"{name}.pt").parameters()) for name in NETWORKS
    }
    judge_solver(known, found, verdicts)
    judge_offline(asked, weights, verdicts)
    judge_online(found, verdicts)
    judge_jacobians(jacobians, verdicts)
    show_times(asked)
    judge_program(found, asked, verdicts)
    shown = {"solver": jacobians["plain"]["solver_long_down"], **{name: jacobians[name]["network_long_down"] for name in NETWORKS}}
    draw({name: matrix[SHOWN].T for name, matrix in shown.items()}, {"plain": asked["plain"], "recurrent": asked["recurrent_40"]},
         {name: found[name]["t"][-1] for name in ("solver", *NETWORKS)}, found["solver"]["pressure"][0, 0],
         options.models / "radiation.png")  # fmt: skip
    return verdicts.finish()


if __name__ == "__main__":
    sys.exit(main())
