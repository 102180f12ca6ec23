"""Dropout of compiled training: random numbers that only seed, step, layer and place decide."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from pt2ts.training.losses import make_loss
from pt2ts.training.random import CountedDropout, uniform_bits
from pt2ts.training.state import SEED
from pt2ts.training.step import Step, first_run

from .test_step import batches, network, rules


def numbers(seed: int = 7, step: int = 3, layer: int = 1, count: int = 4096) -> Tensor:
    return uniform_bits(torch.tensor(seed), torch.tensor(step), layer, count, torch.device("cpu"))


def test_the_random_numbers_are_even_and_of_their_own() -> None:
    bits = numbers(count=200_000)
    assert int(bits.min()) >= 0
    assert int(bits.max()) < 1 << 32
    shares_of = torch.histc((bits >> 24).double(), 256, 0, 255) / bits.numel()
    assert float((shares_of * 256 - 1).abs().max()) < 0.15
    for bit in range(32):
        assert abs(float(((bits >> bit) & 1).double().mean()) - 0.5) < 0.006
    for other in (numbers(seed=8), numbers(seed=7 + (1 << 40)), numbers(step=4), numbers(layer=2), numbers(seed=-7)):
        same = (numbers() == other).sum()
        assert int(same) == 0
        assert abs(float(torch.corrcoef(torch.stack([numbers().double(), other.double()]))[0, 1])) < 0.06
    assert torch.equal(numbers(), numbers())


def in_plain_python(seed: int, step: int, layer: int, index: int) -> int:
    """The generator as it was first released: a state that was saved then must go on with the same masks."""

    def mix(x: int) -> int:
        x ^= x >> 16
        x = x * 0x7FEB352D % 2**32
        x ^= x >> 15
        x = x * 0x846CA68B % 2**32
        return x ^ x >> 16

    keys = []
    for salt in (0x9E3779B9, 0x3C6EF372):
        key = mix(seed % 2**32 ^ salt)
        for part in (seed // 2**32 % 2**32, step % 2**32, step // 2**32 % 2**32, layer):
            key = mix(key ^ part)
        keys.append(key)
    return mix(mix((index + keys[0]) % 2**32) ^ keys[1])


@pytest.mark.parametrize("seed", [0, 7, -7, 2**40 + 5, -(2**63), 2**63 - 1])
def test_the_random_numbers_are_those_of_every_version(seed: int) -> None:
    for step, layer in [(0, 1), (3, 2), (2**33 + 1, 40)]:
        expected = [in_plain_python(seed, step, layer, index) for index in range(20)]
        assert numbers(seed, step, layer, 20).tolist() == expected


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_dropout_drops_its_share_and_keeps_the_mean(rate: float) -> None:
    with CountedDropout(torch.tensor(1), torch.tensor(0)):
        dropped = functional.dropout(torch.ones(400, 100), rate)
    assert abs(float((dropped == 0).double().mean()) - rate) < 0.01
    assert float(dropped.max()) == pytest.approx(1 / (1 - rate))


def test_dropout_of_channels_drops_whole_ones() -> None:
    with CountedDropout(torch.tensor(1), torch.tensor(0)):
        dropped = nn.Dropout2d(0.5)(torch.ones(8, 16, 5, 5))
    kept = dropped.flatten(2)
    assert torch.equal(kept.amin(2), kept.amax(2))
    assert 0 < int((kept[..., 0] == 0).sum()) < 128


def test_dropout_in_evaluation_mode_and_of_nothing_and_all() -> None:
    x = torch.ones(10)
    with CountedDropout(torch.tensor(1), torch.tensor(0)) as source:
        assert nn.Dropout(0.5).eval()(x) is x
        assert functional.dropout(x, 0.0) is x
        assert source.layer == 0
        assert int(functional.dropout(x, 1.0).count_nonzero()) == 0


def test_two_layers_and_two_steps_have_other_masks() -> None:
    x = torch.ones(64)
    with CountedDropout(torch.tensor(1), torch.tensor(0)):
        first, second = functional.dropout(x), functional.dropout(x)
    with CountedDropout(torch.tensor(1), torch.tensor(1)):
        third = functional.dropout(x)
    with CountedDropout(torch.tensor(1), torch.tensor(0)):
        again = functional.dropout(x)
    assert not torch.equal(first, second)
    assert not torch.equal(first, third)
    assert torch.equal(first, again)


def test_a_seed_makes_another_run_and_the_same_seed_the_same() -> None:
    def losses(seed: int) -> list[float]:
        net = nn.Sequential(network(out=6), nn.Dropout(0.5), nn.Linear(6, 1).double())
        for value in net[2].parameters():
            torch.nn.init.constant_(value, 0.3)
        step = Step(net, make_loss("mse")[0], rules("adam"), 1)
        state = {item.name: item.value for item in first_run(step, batches()[0], 0)} | {SEED: torch.tensor(seed)}
        found = []
        for batch in batches():
            loss, new = step.step(state, batch)
            state |= new
            found.append(float(loss))
        return found

    assert losses(1) == losses(1)
    assert losses(1) != losses(2)
