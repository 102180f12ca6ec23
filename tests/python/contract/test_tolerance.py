"""A fill value among the outputs must not hide a wrong number."""

from __future__ import annotations

import torch

from pt2ts.contract.tolerance import exceeds, worst


def test_a_fill_value_does_not_widen_the_tolerance() -> None:
    reference = torch.full((100,), 300.0)
    reference[:30] = 1e20
    wrong = reference.clone()
    wrong[50] += 1.0
    assert exceeds(reference, wrong)
    gap, allowed = worst(reference, wrong)
    assert gap == 1.0
    assert allowed < 0.1


def test_rounding_passes_for_large_and_small_values() -> None:
    reference = torch.tensor([1e20, 300.0, 1.0, 0.0, float("nan"), float("inf")])
    rounded = reference * (1 + 2e-7)
    assert not exceeds(reference, rounded)


def test_nan_and_lost_infinity_are_found() -> None:
    reference = torch.tensor([1.0, float("inf")])
    assert exceeds(reference, torch.tensor([float("nan"), float("inf")]))
    assert exceeds(reference, torch.tensor([1.0, 2.0]))


def test_integers_may_not_differ() -> None:
    assert exceeds(torch.tensor([1, 2]), torch.tensor([1, 3]))
    assert not exceeds(torch.tensor([1, 2]), torch.tensor([1, 2]))
