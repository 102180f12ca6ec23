"""Which species is this penguin? Three probabilities from five measurements."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from . import figures
from .datasets import SPECIES, penguins
from .learning import Recipe, answers, fit
from .lesson import Measure, Outcome, Plan

FEATURES = ("bill_length_mm", "bill_depth_mm", "body_mass_g", "flipper_length_mm", "sex")
RECIPE = Recipe(epochs=200, batch=16, rate=1e-3)

#: Two penguins of the lecture, and what they are.
SLIDES = (([42.9, 13.1, 5000.0, 215.0, 0.0], "Gentoo"), ([33.6, 11.3, 2000.0, 211.0, 1.0], "Adelie"))


def network() -> nn.Sequential:
    """Make the network, untrained: measurements to scores. Batch normalization at the front does the scaling."""
    layers: list[nn.Module] = [nn.BatchNorm1d(len(FEATURES))]
    for before, after in ((len(FEATURES), 16), (16, 16)):
        layers += [nn.Linear(before, after), nn.BatchNorm1d(after), nn.Dropout(0.1), nn.LeakyReLU(0.1)]
    return nn.Sequential(*layers, nn.Linear(16, len(SPECIES)))


def samples() -> tuple[Tensor, Tensor, Tensor]:
    """Return measurements, species, and which penguins are held out."""
    data = penguins()
    return torch.from_numpy(data.columns(*FEATURES)), torch.from_numpy(data.species()), torch.from_numpy(data.held_out)


def learn(plan: Plan) -> Outcome:
    """Train and judge."""
    x, y, out = samples()
    net = network()
    recipe = replace(RECIPE, epochs=plan.epochs or RECIPE.epochs)
    history = fit(net, (x[~out], y[~out]), (x[out], y[out]), nn.functional.cross_entropy, recipe)
    found, truth = answers(net, x[out]).argmax(1), y[out]
    commonest = y[~out].bincount().argmax()
    slides = answers(net, torch.tensor([numbers for numbers, _ in SLIDES])).argmax(1)
    named = sum(SPECIES[number] == name for number, (_, name) in zip(slides.tolist(), SLIDES, strict=True))
    return Outcome(
        measures=[
            Measure("accuracy", _mean(found == truth), 0.984, _mean(commonest == truth), ">= 0.95"),
            Measure("penguins of the lecture named right", float(named), 2.0, None, ">= 2"),
        ],
        figures={
            "loss": partial(figures.losses, history, "cross entropy"),
            "confusion": partial(figures.confusion, truth.numpy(), found.numpy(), SPECIES),
        },
        module=nn.Sequential(net, nn.Softmax(dim=1)),
        example=(x[out][::6],),
        inputs=["penguin[batch,5] float32 -- " + ", ".join(FEATURES) + " (male 1, female 0)"],
        outputs=["probability -- of " + ", ".join(SPECIES)],
        files={"penguins.csv": penguins().table()},
        note=history.ended,
    )


def _mean(right: Tensor) -> float:
    return float(np.mean(right.numpy()))
