"""Losses and their gradients against eager PyTorch: every loss, reduction and option, in both precisions."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as functional
from numpy.typing import NDArray

from .conftest import Build, Run
from .test_optimizers import data, network

REDUCTIONS = ("none", "mean", "sum")
DTYPES = {torch.float32: 6, torch.float64: 7, torch.int64: 4}
#: What ignore_index is when it is left out.
ABSENT = -100
EAGER: dict[str, Callable[..., torch.Tensor]] = {
    "mse": functional.mse_loss,
    "l1": functional.l1_loss,
    "smooth_l1": functional.smooth_l1_loss,
    "huber": functional.huber_loss,
    "cross_entropy": functional.cross_entropy,
    "nll": functional.nll_loss,
    "bce": functional.binary_cross_entropy,
    "bce_with_logits": functional.binary_cross_entropy_with_logits,
    "kl_div": functional.kl_div,
    "gaussian_nll": functional.gaussian_nll_loss,
}


@dataclass(frozen=True)
class Case:
    """One loss: its tensors, what Fortran is told and what Python is told."""

    loss: str
    name: str
    tensors: tuple[torch.Tensor | None, ...]  # input, target, variance, weight, pos_weight
    reduction: str
    option: float = 0.0
    ignored: int = ABSENT
    keywords: dict[str, object] = field(default_factory=dict)

    def eager(self) -> list[torch.Tensor]:
        """Return the loss and its gradients as PyTorch computes them."""
        given = [None if t is None else t.clone() for t in self.tensors]
        wanted = [t for t in (given[0], given[2]) if t is not None]
        for tensor in wanted:
            tensor.requires_grad_()
        function = EAGER[self.loss]
        loss = function(*[t for t in given[:3] if t is not None], reduction=self.reduction, **self.keywords)
        torch.autograd.backward(loss, torch.ones_like(loss))
        return [loss.detach(), *(t.grad for t in wanted if t.grad is not None)]


def cases() -> list[Case]:
    """Return all cases, with fixed random numbers."""
    torch.manual_seed(7)
    found: list[Case] = []

    def add(
        loss: str, label: str, *tensors: torch.Tensor | None, option: float = 0.0, ignored: int = ABSENT, **words: object
    ) -> None:
        full = (*tensors, *[None] * (5 - len(tensors)))
        precision = "float32" if tensors[0] is not None and tensors[0].dtype == torch.float32 else "float64"
        found.extend(
            Case(loss, f"{loss}-{label}-{precision}-{reduction}", full, reduction, option, ignored, words)
            for reduction in REDUCTIONS
        )

    for dtype in (torch.float32, torch.float64):
        x, y = torch.randn(3, 4, dtype=dtype), torch.randn(3, 4, dtype=dtype)
        w = torch.rand(3, 4, dtype=dtype)
        for loss in ("mse", "l1"):
            add(loss, "plain", x, y)
        add("mse", "scalar", x[0, 0].clone(), y[0, 0].clone())
        add("smooth_l1", "beta", x, y, option=0.5, beta=0.5)
        add("smooth_l1", "zero", x, y, option=0.0, beta=0.0)
        add("huber", "delta", x, y, option=0.25, delta=0.25)
        p, yes = torch.sigmoid(x), torch.rand(3, 4, dtype=dtype)
        add("bce", "plain", p, yes)
        add("bce", "weight", p, yes, None, w, weight=w)
        add("bce_with_logits", "plain", x, yes)
        positive = torch.rand(4, dtype=dtype) + 1
        add("bce_with_logits", "weights", x, yes, None, w, positive, weight=w, pos_weight=positive)
        log_p, q = torch.log_softmax(x, 1), torch.softmax(y, 1)
        add("kl_div", "plain", log_p, q)
        add("kl_div", "log", log_p, q.log(), option=1.0, log_target=True)
        for label, variance in (("element", w + 0.1), ("sample", w[:, :1].clone()), ("batch", w[:, 0].clone()), ("tiny", w * 1e-7)):
            add("gaussian_nll", label, x, y, variance)
        add("gaussian_nll", "full", x, y, w, option=1.0, full=True)
        kind, per_class = torch.tensor([0, 3, 1]), torch.rand(4, dtype=dtype)
        add("cross_entropy", "plain", x, kind)
        add("cross_entropy", "weight", x, kind, None, per_class, weight=per_class)
        add("cross_entropy", "ignore", x, kind, ignored=3, ignore_index=3)
        add("cross_entropy", "smooth", x, kind, option=0.1, label_smoothing=0.1)
        everything = {"weight": per_class, "ignore_index": 1, "label_smoothing": 0.2}
        add("cross_entropy", "all", x, kind, None, per_class, option=0.2, ignored=1, **everything)
        add("cross_entropy", "probabilities", x, q)
        add("nll", "plain", log_p, kind)
        add("nll", "weight", log_p, kind, None, per_class, ignored=0, weight=per_class, ignore_index=0)
        images, labels = torch.randn(2, 3, 4, dtype=dtype), torch.tensor([[0, 1, 2, 0], [2, 2, 1, 0]])
        add("cross_entropy", "pixels", images, labels)
        add("nll", "pixels", torch.log_softmax(images, 1), labels)
    return found


CASES = cases()


def packed(case: Case) -> bytes:
    """Return a case as the program reads it."""
    words = [case.loss.ljust(24).encode(), struct.pack("<idq", REDUCTIONS.index(case.reduction), case.option, case.ignored)]
    for tensor in case.tensors:
        if tensor is None:
            words.append(struct.pack("<iii", -1, 0, 0))
        else:
            values = tensor.numpy().tobytes()
            words.append(struct.pack("<iii", DTYPES[tensor.dtype], tensor.dim(), len(values)))
            words += [struct.pack(f"<{tensor.dim()}q", *tensor.shape), values]
    return b"".join(words)


@pytest.fixture(scope="session")
def computed(build: Build, run: Run, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[NDArray[np.float64]]]:
    """Loss and gradients of each case as Fortran computes them."""
    folder = tmp_path_factory.mktemp("losses")
    given, got = folder / "cases.bin", folder / "results.bin"
    given.write_bytes(struct.pack("<i", len(CASES)) + b"".join(map(packed, CASES)))
    done = run(build("losses.f90"), str(given), str(got))
    assert done.returncode == 0, done.stderr
    return unpacked(got)


def unpacked(path: Path) -> dict[str, list[NDArray[np.float64]]]:
    """Read what the program wrote."""
    data, place, found = path.read_bytes(), 0, {}
    for case in CASES:
        arrays = []
        for _ in range(3 if case.loss == "gaussian_nll" else 2):
            _, count = struct.unpack_from("<ii", data, place)
            arrays.append(np.frombuffer(data, np.float64, count, place + 8))
            place += 8 + 8 * count
        found[case.name] = arrays
    assert place == len(data)
    return found


@pytest.mark.filterwarnings("ignore:reduction:UserWarning")  # of kl_div, that its mean is over elements
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_loss_and_gradients(case: Case, computed: dict[str, list[NDArray[np.float64]]]) -> None:
    tolerance = 1e-6 if "float32" in case.name else 1e-13
    expected = case.eager()
    assert len(expected) == len(computed[case.name])
    for got, want in zip(computed[case.name], expected, strict=True):
        np.testing.assert_allclose(got, want.double().flatten().numpy(), rtol=tolerance, atol=tolerance)


@pytest.mark.filterwarnings("ignore:reduction:UserWarning")
def test_the_numbers_matter() -> None:
    """No case is all zeros, where every mistake would pass."""
    assert all(float(tensor.abs().sum()) > 0 for case in CASES for tensor in case.eager())


class OwnLoss(torch.nn.Module):
    """A loss that PyTorch does not have: large errors count more, and both columns must have the right sum."""

    def forward(self, prediction: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
        error = prediction - truth
        return (error**4).mean() + 0.1 * error.sum(1).square().mean()


def test_loss_from_a_module(build: Build, run: Run, models: Path) -> None:
    """A loss written in Python and exported trains in Fortran as it does in Python."""
    torch.jit.script(network("adam")).save(str(models / "perceptron64.pt"))  # type: ignore[no-untyped-call]
    torch.jit.script(OwnLoss()).save(str(models / "own_loss.pt"))  # type: ignore[no-untyped-call]
    done = run(build("own_loss.f90"))
    assert done.returncode == 0, done.stderr
    module, measure = network("adam"), OwnLoss()
    optimizer = torch.optim.Adam(module.parameters(), 0.01)
    x, y = data()
    expected = []
    for _ in range(50):
        optimizer.zero_grad()
        loss = measure(module(x), y)
        loss.backward()
        optimizer.step()
        expected.append(loss.item())
    assert expected[-1] < 0.9 * expected[0], "the network has learnt, so the numbers say something"
    weight = next(module.parameters()).detach().numpy()
    np.testing.assert_allclose(np.array(done.stdout.split(), np.float64), [*expected, *weight.ravel(order="F")], rtol=1e-6)
