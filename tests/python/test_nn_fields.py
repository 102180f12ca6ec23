"""`pt2ts.nn.Pad` gives fields of any size to networks that want others; `pt2ts.nn.Noise` draws numbers that follow from a seed."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import pt2ts
from pt2ts.nn import Noise, Pad
from pt2ts.pytorch import torchscript

#: What numpy calls what lies beyond an edge.
NUMPY: dict[str, Any] = {"edge": "edge", "periodic": "wrap", "mirror": "reflect", "zero": "constant"}


class Seen(nn.Module):
    """Gives what it is given, and keeps it."""

    def forward(self, x: Tensor) -> Tensor:
        self.field = x
        return x


@pytest.mark.parametrize("modes", [("edge", "periodic"), ("mirror", "zero"), ("zero", "edge"), ("periodic", "mirror")])
@pytest.mark.parametrize(
    ("size", "multiple", "halo", "wide"), [((5, 9), 4, 0, (8, 12)), ((4, 8), 4, 0, (4, 8)), ((3, 2), 8, 7, (24, 16))]
)
def test_what_the_network_sees_is_what_numpy_pads(
    modes: tuple[str, str], size: tuple[int, int], multiple: int, halo: int, wide: tuple[int, int]
) -> None:
    seen, x = Seen(), torch.randn(2, 3, *size)
    assert torch.equal(Pad(seen, multiple, modes, halo)(x), x)
    wanted = x.numpy()
    for dim, mode in zip((2, 3), modes, strict=True):
        after = wide[dim - 2] - size[dim - 2] - halo
        wanted = np.pad(wanted, [(halo, after) if at == dim else (0, 0) for at in range(4)], NUMPY[mode])
    assert seen.field.shape[2:] == wide
    assert np.array_equal(seen.field.numpy(), wanted)


def test_one_dimension_and_one_point() -> None:
    seen = Seen()
    for mode, wanted in (("edge", [7.0] * 4), ("periodic", [7.0] * 4), ("mirror", [7.0] * 4), ("zero", [7.0, 0, 0, 0])):
        assert Pad(seen, 4, [mode])(torch.tensor([7.0])).tolist() == [7.0]
        assert seen.field.tolist() == wanted


def test_pad_is_torchscript_too() -> None:
    module = Pad(nn.Conv2d(1, 1, 3, padding=1), 4, ("mirror", "zero"), 1)
    script = torchscript.script(module)
    for shape in ((1, 1, 5, 6), (2, 1, 1, 4)):
        x = torch.randn(shape)
        assert torch.equal(script(x), module(x))


def test_a_halo_is_what_a_periodic_network_sees() -> None:
    """A convolution that knows nothing of longitudes gives, inside of a halo, what one on a ring does."""
    inner, x = nn.Conv1d(1, 1, 5, padding=2), torch.randn(1, 1, 11)
    ring = nn.Conv1d(1, 1, 5, padding=2, padding_mode="circular")
    ring.load_state_dict(inner.state_dict())
    torch.testing.assert_close(Pad(inner, modes=["periodic"], halo=2)(x), ring(x))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Pad(nn.Identity(), 0), "multiple is 0"),
        (lambda: Pad(nn.Identity(), halo=-1), "halo -1"),
        (lambda: Pad(nn.Identity(), modes=["wrap"]), "'wrap' is no mode\n  hint: one of edge, periodic, mirror, zero"),
        (lambda: Pad(nn.Identity(), modes="edge"), "modes is 'edge'"),
        (lambda: Noise("gauss"), "kind is 'gauss'\n  hint: either 'normal' or 'uniform'"),
        (lambda: Noise(stream=-1), "stream is -1"),
    ],
)
def test_what_makes_no_sense_is_refused(make: Any, words: str) -> None:
    with pytest.raises(pt2ts.DeclarationError) as caught:
        make()
    assert words in str(caught.value)


def test_a_network_that_changes_sizes_is_refused_inside_pad() -> None:
    with pytest.raises(RuntimeError, match="as large as those that it takes"):
        Pad(nn.MaxPool2d(2), 4)(torch.randn(1, 1, 5, 5))


# ------------------------------------------------------------------------------------------------------------ numbers

MANY = torch.empty(1 << 18)


def test_numbers_are_distributed_as_they_should() -> None:
    """Each bound is five standard deviations of what it is compared with."""
    for seed in (0, 1, -(1 << 62)):
        normal, uniform = Noise()(MANY.double(), torch.tensor(seed)), Noise("uniform")(MANY.double(), torch.tensor(seed))
        each = 5 / math.sqrt(len(MANY))
        for found, moments in ((normal, (0, 1, 0, 3)), (uniform - 0.5, (0, 1 / 12, 0, 1 / 80))):
            for power, wanted in enumerate(moments, 1):
                spread = (found**power).std()
                assert abs(float((found**power).mean()) - wanted) < each * float(spread)
            assert abs(float((found[1:] * found[:-1]).mean())) < each * float(found.var())
        assert 0 < float(uniform.min()) < 1e-4 < 1 - 1e-4 < float(uniform.max()) < 1


def test_other_seeds_and_streams_give_other_numbers() -> None:
    drawn = [
        Noise(kind, stream)(MANY, torch.tensor(seed))
        for kind in ("normal", "uniform")
        for stream in (0, 1)
        for seed in (5, 6, 5 << 32)
    ]
    for number, one in enumerate(drawn):
        for other in drawn[:number]:
            correlation = torch.corrcoef(torch.stack([one, other]))[0, 1]
            assert abs(float(correlation)) < 5 / math.sqrt(len(MANY))


def test_numbers_of_a_sample_follow_its_seed_alone() -> None:
    x, seeds = torch.empty(6, 3, 4), torch.tensor([3, 1, 4, 1, 5, 9])
    whole = Noise()(x, seeds)
    assert torch.equal(Noise()(x[2:5], seeds[2:5]), whole[2:5])
    assert torch.equal(whole[1], whole[3])
    assert torch.equal(Noise()(x[4], seeds[4]), whole[4])
    assert Noise()(x[:0], seeds[:0]).shape == (0, 3, 4)
    assert Noise()(x.double(), seeds.int()).dtype == torch.float64


def test_numbers_are_the_same_in_torchscript() -> None:
    x, script = torch.empty(6, 5), torchscript.script(Noise())
    for seed in (torch.tensor(7), torch.arange(6), torch.tensor(-1)):
        assert torch.equal(script(x, seed), Noise()(x, seed))
