"""Radiation in a column: the recurrences of the network beside a loop, what each flux may depend on, and what the check sees."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType

import numpy as np
import pytest
import torch
from torch import Tensor

from .test_hosts import script


@pytest.fixture
def emulators() -> Iterator[ModuleType]:
    """The networks of the example, without weights that were learnt."""
    with script("12_radiation", "emulators") as module:
        yield module


def test_doubling_does_what_a_loop_does(emulators: ModuleType) -> None:
    keep, add, state = torch.rand(2, 37, 3), torch.rand(2, 37, 3), torch.rand(2, 1, 3)
    found, expected = emulators.run_down(keep, add, state), [state]
    for layer in range(37):
        expected.append(keep[:, layer : layer + 1] * expected[-1] + add[:, layer : layer + 1])
    torch.testing.assert_close(found, torch.cat(expected, 1))
    reflect, through = keep / 2, add / 2
    found, below = emulators.reflectivity(reflect, through, state), [state]
    for layer in reversed(range(37)):
        r, t = reflect[:, layer : layer + 1], through[:, layer : layer + 1]
        below.insert(0, r + t**2 * below[0] / (1 - r * below[0]))
    torch.testing.assert_close(found, torch.cat(below, 1))


def a_column(levels: int) -> list[Tensor]:
    """Return inputs that may be: warm and wet below, with a cloud, the sun halfway up."""
    share = (torch.arange(levels) + 0.5)[None] / levels
    layers = (
        200 + 90 * share,
        1e-2 * share**4 + 3e-6,
        1e-6 + 0 * share,
        1e-5 * (share > 0.8),
        1e5 * share,
        1e5 / levels + 0 * share,
    )
    return [*(layer.float() for layer in layers), *(torch.tensor([end]) for end in (290.0, 0.2, 0.5, 340.0, 300.0))]


def test_no_weights_make_light_of_nothing_or_look_where_they_cannot(emulators: ModuleType) -> None:
    torch.manual_seed(1)
    network, levels = emulators.Recurrent(), 23
    for weight in network.parameters():
        weight.data += 0.5 * torch.randn_like(weight)
    inputs = [value.requires_grad_() for value in a_column(levels)]
    fluxes = dict(zip(emulators.FLUXES, network(*inputs), strict=True))
    assert all((flux >= 0).all() for flux in fluxes.values())
    net = fluxes["short_down"] - fluxes["short_up"]
    assert (net[:, :-1] - net[:, 1:]).min() > -1e-3  # sunlight does not cool
    torch.testing.assert_close(fluxes["short_down"][:, 0], inputs[9])
    for name, half, whose in (("long_down", 9, slice(9, None)), ("direct", 9, slice(9, None)), ("long_up", 9, slice(0, 9))):
        # Down at the upper side of layer 9 (from 0) knows the layers above; up there knows that layer and those below.
        slopes = torch.autograd.grad(fluxes[name][0, half], inputs[:6], retain_graph=True, allow_unused=True)
        known = [slope for slope in slopes if slope is not None]
        assert any(slope.abs().max() > 0 for slope in known), name
        assert all((slope[0, whose] == 0).all() for slope in known), name


def test_two_halves_of_a_layer_are_the_layer(emulators: ModuleType) -> None:
    """In the longwave exactly; without a cloud also in the shortwave nearly so: nothing is bound to the levels of the training."""
    torch.manual_seed(1)
    network, whole = emulators.Recurrent(), a_column(20)
    whole[3] = torch.zeros_like(whole[3])
    halves = [value.repeat_interleave(2, 1) if value.ndim == 2 else value for value in whole]
    halves[5] = halves[5] / 2
    with torch.no_grad():
        for name, coarse, fine in zip(emulators.FLUXES, network(*whole), network(*halves), strict=True):
            tolerance = 2e-2 if name.startswith("short") else 1e-5
            assert (fine[:, ::2] - coarse).abs().max() < tolerance * coarse.abs().max(), name


def test_what_the_check_sees() -> None:
    with script("12_radiation", "check") as check:
        lower = np.tril(np.ones((5, 4)), -1)  # a flux at half level i, of layers above it
        assert check.forbidden(lower, above=True) == 0
        assert check.forbidden(1 - lower, above=False) == 0
        lower[2, 2] = 0.01
        assert check.forbidden(lower, above=True) == pytest.approx(0.01)
        assert check.forbidden(lower, above=False) == pytest.approx(1)
        books = np.asarray([[0.0, 0.0], [4e5, 2e5]])
        fields = {"heat": 3e9 + books, "books": books}
        assert check.unexplained(fields) == 0
        assert check.unexplained({**fields, "heat": 3e9 + 1.01 * books}) > 1e-9
