"""How heavy is this penguin? Grams from its sex and three lengths."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import torch
from torch import nn

from pt2ts.nn import Standardize

from . import figures
from .datasets import penguins
from .learning import Recipe, answers, fit
from .lesson import Measure, Outcome, Plan

FEATURES = ("sex", "bill_length_mm", "bill_depth_mm", "flipper_length_mm")
RECIPE = Recipe(epochs=300, batch=16, rate=1e-3)


def network() -> nn.Sequential:
    """Make the network, untrained: measurements to the mass, as a multiple of the mean one."""
    layers: list[nn.Module] = [nn.BatchNorm1d(len(FEATURES)), nn.Dropout(0.1)]
    for before, after in ((len(FEATURES), 16), (16, 8), (8, 4)):
        layers += [nn.Linear(before, after), nn.BatchNorm1d(after), nn.Dropout(0.1), nn.LeakyReLU(0.1)]
    return nn.Sequential(*layers, nn.Linear(4, 1))


def learn(plan: Plan) -> Outcome:
    """Train and judge."""
    data = penguins()
    x, grams = torch.from_numpy(data.columns(*FEATURES)), torch.from_numpy(data.columns("body_mass_g"))
    out = torch.from_numpy(data.held_out)
    mean = float(grams[~out].mean())
    y = grams / mean
    net = network()
    recipe = replace(RECIPE, epochs=plan.epochs or RECIPE.epochs)
    history = fit(net, (x[~out], y[~out]), (x[out], y[out]), nn.functional.mse_loss, recipe)
    found = answers(net, x[out])
    squares, simple = float((found - y[out]).square().mean()), float((1.0 - y[out]).square().mean())
    return Outcome(
        measures=[
            Measure("mean squared error (mean mass = 1)", squares, 0.0083, simple, "<= 0.012"),
            Measure("root mean squared error", mean * squares**0.5, mean * 0.0083**0.5, mean * simple**0.5, unit="g"),
        ],
        figures={
            "loss": partial(figures.losses, history, "mean squared error (mean mass = 1)"),
            "scatter": partial(figures.scatter, grams[out].numpy(), mean * found.numpy(), ("body mass",), "g"),
        },
        module=nn.Sequential(net, Standardize(0.0, mean).inverse()),
        example=(x[out][::6],),
        inputs=["penguin[batch,4] float32 -- " + ", ".join(FEATURES) + " (male 1, female 0)"],
        outputs=["mass g"],
        files={"penguins.csv": data.table()},
        note=history.ended,
    )
