"""What the two networks for handwritten digits share: data, judgement and the pipeline around them."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pt2ts.nn import FromBytes

from . import datasets, figures
from .learning import Recipe, answers, fit
from .lesson import Measure, Outcome, Plan

#: Two pixels of 28, where the image is 2 wide.
_SHIFT = 4 / 28

NAMES = tuple(str(digit) for digit in range(10))


def learn(plan: Plan, network: nn.Module, recipe: Recipe, course: float, goal: str) -> Outcome:
    """Train and judge a network that turns images [n, 1, 28, 28] into ten scores."""
    training, held_out = datasets.digits()
    # From bytes [n, 28, 28]: the way in is a part of what is trained and exported.
    net = nn.Sequential(FromBytes(), nn.Unflatten(1, (1, 28)), network)
    recipe = replace(recipe, epochs=plan.epochs or recipe.epochs)
    history = fit(net, _tensors(training), _tensors(held_out), nn.functional.cross_entropy, recipe, wobble)
    images, labels = _tensors(held_out)
    found = answers(net, images).argmax(1)
    simple = nearest_mean(training, held_out)
    return Outcome(
        measures=[
            Measure("accuracy", float((found == labels).double().mean()), course, float((simple == held_out.labels).mean()), goal)
        ],
        figures={
            "loss": partial(figures.losses, history, "cross entropy"),
            "confusion": partial(figures.confusion, held_out.labels, found.numpy(), NAMES),
            "mistakes": partial(figures.mistakes, held_out.images, held_out.labels, found.numpy()),
        },
        module=nn.Sequential(net, nn.Softmax(dim=1)),
        example=(images[::200],),
        inputs=["image[batch,28,28] uint8 0..255 -- [row, column]; 0 is paper, 255 ink"],
        outputs=["probability -- of the digits 0 to 9"],
        files={"digits_held_out.bin": held_out.to_bytes()},
        note=history.ended,
    )


def wobble(images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Move, turn and stretch each image a little: 8,000 digits are few, and none of this makes another digit of one."""
    n = len(images)
    angle, stretch = 0.2 * _between(n), 1.0 + 0.1 * _between(n)
    rows = torch.stack(
        [stretch * angle.cos(), -angle.sin(), _SHIFT * _between(n), angle.sin(), stretch * angle.cos(), _SHIFT * _between(n)], 1
    )
    grid = nn.functional.affine_grid(rows.reshape(n, 2, 3), [n, 1, 28, 28], align_corners=False)
    moved = nn.functional.grid_sample(images[:, None].float(), grid, align_corners=False)
    return moved[:, 0].round().to(torch.uint8), labels


def _between(n: int) -> Tensor:
    """Return n random numbers between -1 and 1."""
    return 2 * torch.rand(n) - 1


def nearest_mean(training: datasets.Digits, held_out: datasets.Digits) -> NDArray[np.int64]:
    """Answer without a network: the digit whose mean image is nearest."""
    means = np.stack([training.images[training.labels == digit].mean(axis=0).ravel() for digit in range(10)])
    flat = held_out.images.reshape(len(held_out.images), -1).astype(np.float64)
    distance = (means**2).sum(1) - 2 * flat @ means.T
    nearest: NDArray[np.int64] = distance.argmin(1)
    return nearest


def _tensors(digits: datasets.Digits) -> tuple[Tensor, Tensor]:
    return torch.from_numpy(digits.images), torch.from_numpy(digits.labels).long()
