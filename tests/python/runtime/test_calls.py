"""Calls of any dtype, shape, batch and strides: the numbers of eager PyTorch, or a message that names the argument."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import pt2ts
from pt2ts.capture.program import flat_module
from pt2ts.contract.dtypes import DTYPES
from pt2ts.contract.spec import TensorSpec
from pt2ts.runtime.bridge import live_handles
from pt2ts.runtime.library import LibraryModel

from ..exporting.test_package import module_of

NAMES = ("column", "mixed", "narrow")
DAILY, LONG = 150, 5000
#: What the networks compute in decides how far two right answers may be apart.
TOLERANCE = {"column": 1e-5, "mixed": 1e-12, "narrow": 0.05}
SPECIAL_BATCHES = (0, 1, 2, 3, 7, 32, 33)
CHANGES = ("dtype", "transposed", "size", "rank", "batch")


@dataclass
class Placed:
    """A tensor inside memory of its own, and what must not change there."""

    tensor: torch.Tensor
    memory: torch.Tensor

    def outside(self) -> torch.Tensor:
        """Return the memory with zeros where the tensor is."""
        copy = self.memory.clone()
        copy.as_strided(self.tensor.shape, self.tensor.stride(), self.tensor.storage_offset()).zero_()
        return copy


def place(chance: random.Random, shape: Sequence[int], dtype: torch.dtype) -> Placed:
    """Return a tensor of small whole numbers in any order of dimensions, with gaps, somewhere in a larger piece of memory."""
    strides, run = [0] * len(shape), 1
    for dim in chance.sample(range(len(shape)), len(shape)):
        strides[dim] = run * chance.choice((1, 1, 2, 3))
        run = strides[dim] * max(1, shape[dim])
    offset = chance.choice((0, 1, 5))
    source = torch.Generator().manual_seed(chance.randrange(2**31))
    memory = torch.randint(0, 6, (offset + run + 3,), generator=source).to(dtype)
    return Placed(memory.as_strided(list(shape), strides, offset), memory)


def drawn(chance: random.Random, spec: TensorSpec, batch: int, change: str | None) -> Placed:
    """Return what the contract asks for, or something with one change."""
    shape = [batch if isinstance(size, str) else size for size in spec.shape]
    dtype = DTYPES[spec.dtype]
    match change:
        case "dtype":
            dtype = chance.choice([other for other in DTYPES.values() if other != dtype])
        case "transposed":
            shape.reverse()
        case "size":
            shape[-1:] = [abs(shape[-1] + chance.choice((-1, 1, 20)))] if shape else [2]
        case "rank":
            shape = chance.choice((shape[:-1] if shape else [1], [*shape, 1], [1, *shape], [*shape, 2, 2]))
        case "batch":
            shape[:1] = [shape[0] + 1] if shape else [batch]
        case _:
            pass
    return place(chance, shape, dtype)


def fits(placed: Sequence[Placed], specs: Sequence[TensorSpec], batch: int, *, dtypes: bool) -> bool:
    """Whether tensors are what a contract asks for."""
    return all(
        list(item.tensor.shape) == [batch if isinstance(size, str) else size for size in spec.shape]
        and (not dtypes or item.tensor.dtype == DTYPES[spec.dtype])
        for item, spec in zip(placed, specs, strict=True)
    )


def eager(name: str, spec: pt2ts.Spec, inputs: Sequence[Placed]) -> list[torch.Tensor]:
    """Return what the module gives for inputs of the contract's dtypes."""
    net = module_of(name)
    values = [item.tensor.contiguous().to(DTYPES[port.dtype]) for item, port in zip(inputs, spec.inputs, strict=True)]
    if spec.precision == "bfloat16":
        net = flat_module(net, "bfloat16")
    elif name == "mixed":
        net = net.double()
    with torch.no_grad():
        found = net(*values)
    if isinstance(found, dict):
        return [found[port.name] for port in spec.outputs]
    return list(found) if isinstance(found, tuple) else [found]


def refusal(model: LibraryModel, inputs: Sequence[Placed], outputs: Sequence[Placed], *, convert: bool) -> str:
    """Call the model; return the message if the library refuses the call."""
    try:
        model.run(model.prepare([item.tensor for item in inputs], [item.tensor for item in outputs], convert=convert))
    except pt2ts.VerifyError as error:
        return str(error)
    return ""


def one_call(name: str, spec: pt2ts.Spec, model: LibraryModel, seed: int) -> str:
    """Make one call that may be wrong somewhere; say what came of it."""
    chance = random.Random(seed)  # noqa: S311
    fixed = not spec.symbols
    batch = chance.choice((*SPECIAL_BATCHES, chance.randrange(1, 200)))
    changes: list[str | None] = [None] * (len(spec.inputs) + len(spec.outputs))
    if chance.random() < 0.6:
        changes[chance.randrange(len(changes))] = chance.choice(CHANGES)
    ports = (*spec.inputs, *spec.outputs)
    placed = [drawn(chance, port, batch, change) for port, change in zip(ports, changes, strict=True)]
    inputs, outputs = placed[: len(spec.inputs)], placed[len(spec.inputs) :]
    convert = chance.random() < 0.3
    shapes = fits(placed, ports, batch, dtypes=False) and (fixed or batch > 0)
    right = shapes and fits(placed, ports, batch, dtypes=True)
    before = [item.memory.clone() for item in placed]
    around = [item.outside() for item in outputs]
    message = refusal(model, inputs, outputs, convert=convert)
    if message:
        assert not right, message
        assert any(words in message for words in ("input ", "output ", "batch ")), message
        assert all(torch.equal(item.memory, old) for item, old in zip(placed, before, strict=True)), "a refused call wrote"
        return "refused"
    assert right or (shapes and convert), f"taken: {[(i.tensor.dtype, i.tensor.shape, i.tensor.stride()) for i in placed]}"
    assert all(torch.equal(item.memory, old) for item, old in zip(inputs, before[: len(inputs)], strict=True))
    assert all(torch.equal(item.outside(), old) for item, old in zip(outputs, around, strict=True)), "wrote beside an output"
    for have, want in zip(outputs, eager(name, spec, inputs), strict=True):
        common = torch.complex128 if have.tensor.is_complex() else torch.float64
        stored = want.to(have.tensor.dtype).to(common)
        assert torch.allclose(have.tensor.to(common), stored, atol=TOLERANCE[name], rtol=TOLERANCE[name])
    return "right" if right else "converted"


def many_calls(name: str, path: Path, count: int) -> None:
    spec, seen, before = pt2ts.read_spec(path), dict.fromkeys(("refused", "right", "converted"), 0), live_handles()
    with LibraryModel(path) as model:

        @settings(max_examples=count, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(st.integers(0, 2**40))
        def calls(seed: int) -> None:
            seen[one_call(name, spec, model, seed)] += 1

        calls()
    assert live_handles() == before
    assert min(seen["refused"], seen["right"]) > count / 10, seen
    # Few calls need a conversion that means something: only thousands are sure to hold one.
    assert seen["converted"] or count < LONG, seen


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Small networks: more threads only wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.parametrize("name", NAMES)
def test_right_or_refused(request: pytest.FixtureRequest, name: str) -> None:
    many_calls(name, request.getfixturevalue(name), DAILY)


@pytest.mark.long
@pytest.mark.parametrize("name", NAMES)
def test_thousands_are_right_or_refused(request: pytest.FixtureRequest, name: str) -> None:
    many_calls(name, request.getfixturevalue(name), LONG)
