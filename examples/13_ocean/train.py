"""Let fine oceans make samples and train networks for a coarse one: ``train.py HOST --output build``.

Writes closure.pt, the mean of the networks, the same as a compiled package, and closure.json with scores and what the check is to
run.
"""

from __future__ import annotations

import json

import torch
from emulators import INPUTS, OUTPUTS, Closure, seen
from torch import Tensor, nn
from torch.nn import functional

import pt2ts
from course.learning import Recipe, answers, fit, repeatable
from hosts.runs import Fields, Host, Setting, training_options
from pt2ts.nn import Ensemble

#: Cells of the fine grid; days of the runs that are learned from, and of those that are compared, fast and full.
FINE, DAYS, LONG_DAYS, CLIMATE, LONG_CLIMATE = 64, 1800, 3600, 1825, 3650
#: What is learned from: the ocean of the experiment, and one that is unlike it.
OCEANS: dict[str, dict[str, Setting]] = {"usual": {}, "windy": {"wind": 0.12, "drag": 2.5e-7}}
#: Random numbers of the networks, which are trained alike: the closure is their mean.
MEMBERS = (1, 2, 3)
#: m, of the coarse grid.
CELL = 40_000.0


class Shores(nn.Module):
    """What a stress does to the water of the coarse grid: as stress.f90 has it, for water as thick everywhere."""

    def __init__(self, wet: Tensor) -> None:
        super().__init__()
        west, east, south, north = (functional.pad(wet, edges) for edges in ((0, 0, 1, 0), (0, 0, 0, 1), (1, 0), (0, 1)))
        west, east, south, north = west[:-1], east[1:], south[:, :-1], north[:, 1:]
        self.wet, self.open_x, self.open_y = wet, wet * west * east, wet * south * north
        self.face_u, self.face_v = wet * east, wet * north
        self.corner = self.face_u * functional.pad(self.face_u, (0, 1))[:, 1:]

    def force(self, stress: Tensor) -> Tensor:
        """Return the force [sample, 2, x, y] (m/s2) on the eastern and northern faces, of stress [sample, 3, x, y]."""
        xx, xy, yy = stress[:, 0] * self.open_x, functional.pad(stress[:, 1] * self.wet, (0, 1, 0, 1)), stress[:, 2] * self.open_y
        corner = (xy[:, 1:, 1:] + xy[:, :-1, 1:] + xy[:, 1:, :-1] + xy[:, :-1, :-1]) / 4 * self.corner
        before_x, before_y = functional.pad(corner, (0, 0, 1, 0))[:, :-1], functional.pad(corner, (1, 0))[:, :, :-1]
        east = functional.pad(xx, (0, 0, 0, 1))[:, 1:] - xx + corner - before_y
        north = functional.pad(yy, (0, 1))[:, :, 1:] - yy + corner - before_x
        return torch.stack((east * self.face_u, north * self.face_v), 1) / CELL

    def flow(self, flux: Tensor) -> Tensor:
        """Return what a flux [sample, 2, x, y] of thickness (m2/s, in the middle of cells) makes of it: [sample, x, y] (m/s)."""
        east = functional.pad(flux[:, 0], (0, 0, 0, 1))
        north = functional.pad(flux[:, 1], (0, 1))
        east, north = (east[:, 1:] + east[:, :-1]) / 2 * self.face_u, (north[:, :, 1:] + north[:, :, :-1]) / 2 * self.face_v
        before_x, before_y = functional.pad(east, (0, 0, 1, 0))[:, :-1], functional.pad(north, (1, 0))[:, :, :-1]
        return -(east - before_x + north - before_y) / CELL

    def effect(self, found: Tensor) -> Tensor:
        """Return what stress and flux [sample, 5, x, y] do to u, v and h: [sample, 3, x, y]."""
        return torch.cat((self.force(found[:, :3]), self.flow(found[:, 3:])[:, None]), 1)


class Batch(nn.Module):
    """The closure as `fit` wants it: one tensor in, and what it does to u, v and h out, in units of what they usually lack."""

    def __init__(self, closure: Closure, shores: Shores, usual: Tensor) -> None:
        super().__init__()
        self.closure, self.shores, self.usual = closure, shores, usual[:, None, None]

    def forward(self, seen: Tensor) -> Tensor:
        """Return the effect, and behind it the stress and the flux in units of their own."""
        found = self.closure.layers(seen)
        effect = self.shores.effect(found * self.closure.scale[:, None, None]) / self.usual
        return torch.cat((effect, found), 1)


def mean_error(found: Tensor, lacking: Tensor) -> Tensor:
    """Return the loss. Stress without an effect is not wanted either."""
    return (found[:, :3] - lacking).square().mean() + 1e-4 * found[:, 3:].square().mean()


def middle(fields: Fields) -> tuple[Tensor, Tensor]:
    """Return the velocities [day, x, y] in the middle of the coarse cells."""
    u, v = (torch.tensor(fields[name]).transpose(1, 2) for name in ("u", "v"))
    return (u + functional.pad(u, (0, 0, 1, 0))[:, :-1]) / 2, (v + functional.pad(v, (1, 0))[:, :, :-1]) / 2


def samples(fields: Fields, shores: Shores) -> tuple[Tensor, Tensor]:
    """Return what the network sees [day, 4, x, y], and what the coarse ocean lacks in a day: u, v and h [day, 3, x, y]."""
    u, v = middle(fields)
    h = torch.tensor(fields["h"]).transpose(1, 2)
    lacking = torch.stack([torch.tensor(fields[name]).transpose(1, 2) for name in ("du", "dv", "dh")], 1)
    there = torch.stack((shores.face_u, shores.face_v, shores.wet))
    return seen(u, v, h, shores.wet.double().expand_as(u)).float(), lacking.float() * there


def last_tenth(values: Tensor) -> tuple[Tensor, Tensor]:
    """Return what is learned of an ocean, and its end, which is not: eddies live for weeks, and days between others are easy."""
    end = 9 * len(values) // 10
    return values[:end], values[end:]


def score(found: Tensor, lacking: Tensor) -> float:
    """Return the share of what lacks that was found, a mean of u, v and h."""
    return float((1 - (found - lacking).square().sum((0, 2, 3)) / lacking.square().sum((0, 2, 3))).mean())


def main() -> None:
    """Make samples, train, write."""
    options = training_options(__doc__)
    torch.set_num_threads(2)
    host = Host(options.host, options.output / "samples")
    common: dict[str, Setting] = {"n": FINE, "samples": True, "days": LONG_DAYS if options.long else DAYS, "first_record": 30}
    made = host.run_all({name: {**common, "days_between_records": 5, "seed": 7, **ocean} for name, ocean in OCEANS.items()})
    shores = Shores((torch.tensor(made["usual"]["h"][0]).T > 0).float())
    oceans = zip(*(samples(fields, shores) for fields in made.values()), strict=True)
    # Of all oceans one after the other: what is seen and what is lacking, each learned and held out.
    x, y = (tuple(map(torch.cat, zip(*map(last_tenth, values), strict=True))) for values in oceans)
    usual = y[0].std((0, 2, 3))
    usual[:2] = usual[:2].max()
    scale = 2 * CELL * torch.cat((usual[0].expand(3), usual[2].expand(2)))

    print(f"Training {len(MEMBERS)} networks on {len(x[0])} days of two fine oceans", flush=True)
    learned, held_out = ((before, lacking / usual[:, None, None]) for before, lacking in zip(x, y, strict=True))
    recipe = Recipe(epochs=30 if options.long else 10, batch=8, rate=5e-3, one_cycle=True)
    members = []
    for member in MEMBERS:
        with repeatable(member):
            members.append(Batch(Closure(scale), shores, usual))
            fit(members[-1], learned, held_out, mean_error, recipe)
    # What a stress does is linear in it: the mean of the effects is the effect of the mean.
    effects = torch.stack([answers(member, held_out[0])[:, :3] for member in members])
    ensemble = Ensemble([member.closure for member in members], "mean").eval()
    example = (x[0][0, 0], x[0][0, 1], 100 * x[0][0, 2] + 500, shores.wet)
    pt2ts.export(ensemble, example, options.output / "closure.pt", format="both", inputs=list(INPUTS), outputs=list(OUTPUTS))
    found = {
        "score": score(effects.mean(0), held_out[1]),
        "alone": [score(effect, held_out[1]) for effect in effects],
        "fine": FINE,
        "days": LONG_CLIMATE if options.long else CLIMATE,
    }
    (options.output / "closure.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main()
