"""The straight line y = m x + c through three points, by plain gradient descent."""

from __future__ import annotations

import math
import time
from functools import partial

import torch
from torch import Tensor, nn

from pt2ts.errors import Pt2tsError

from . import figures
from .learning import Bar, History
from .lesson import Measure, Outcome, Plan

X, Y = (1.0, 2.0, 3.0), (2.1, 3.9, 6.2)
#: It converges below 0.1803.
RATE = 0.1
STEPS = 2000
#: Early stop: the slope of the loss is gone.
FLAT = 1e-9


class Line(nn.Module):
    """The model: two numbers, both zero in the beginning."""

    def __init__(self) -> None:
        super().__init__()
        self.m = nn.Parameter(torch.zeros((), dtype=torch.float64))
        self.c = nn.Parameter(torch.zeros((), dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        """Return m x + c."""
        return self.m * x + self.c


def learn(plan: Plan) -> Outcome:
    """Descend. Nothing is random here, so the seed has no effect."""
    x, y = torch.tensor(X, dtype=torch.float64), torch.tensor(Y, dtype=torch.float64)
    line = Line()
    steps = plan.epochs or STEPS
    history, begun = History(ended="all steps"), time.monotonic()
    with Bar(steps, "step") as bar:
        for step in range(1, steps + 1):
            loss = (y - line(x)).square().mean()
            line.zero_grad()
            loss.backward()
            slopes = [parameter.grad for parameter in line.parameters() if parameter.grad is not None]
            history.training.append(loss.item())
            if not math.isfinite(history.training[-1]):
                raise Pt2tsError(f"the loss is {history.training[-1]} in step {step}: the descent diverged")
            bar.report(step, history.training[-1])
            if max(abs(slope.item()) for slope in slopes) < FLAT:
                history.ended = f"flat after {step} steps"
                break
            with torch.no_grad():
                for parameter, slope in zip(line.parameters(), slopes, strict=True):
                    parameter.sub_(RATE * slope)
    history.seconds = time.monotonic() - begun
    m, c, loss_now = line.m.item(), line.c.item(), history.training[-1]
    away = max(abs(m - 2.05), abs(c + 1 / 30), abs(loss_now - 1 / 72))
    return Outcome(
        measures=[
            Measure("slope m", m, 2.05),
            Measure("intercept c", c, -1 / 30),
            Measure("mean squared error", loss_now, 1 / 72, float(y.var(correction=0))),
            Measure("largest distance from the closed form", away, goal="<= 1e-6"),
        ],
        figures={
            "loss": partial(figures.losses, history, "mean squared error", "step"),
            "fit": partial(figures.line, x.numpy(), y.numpy(), m, c),
        },
        module=line,
        example=(x,),
        inputs=["x[n] float64"],
        outputs=["y"],
        note=history.ended,
    )
