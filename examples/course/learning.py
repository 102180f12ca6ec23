"""The training loop that all models of the course share."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from torch import Tensor, nn

from pt2ts.errors import Pt2tsError

#: What may be done to a batch before the network sees it: (inputs, targets) to (inputs, targets).
Change = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
Loss = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    Attributes
    ----------
    epochs
        Passes over the training samples.
    batch
        Samples in a step. What does not fill the last batch is left out: batch normalization cannot do with one sample.
    rate
        Learning rate; with ``one_cycle`` the largest.
    one_cycle
        Let the rate rise and fall once over the training, with AdamW; otherwise it is constant, with Adam.
    patience
        Stop after so many epochs in which the training loss found no new minimum; 0 never stops.
    """

    epochs: int
    batch: int
    rate: float
    one_cycle: bool = False
    patience: int = 0


@dataclass
class History:
    """What happened: losses of each epoch, in training and on the samples held out."""

    training: list[float] = field(default_factory=list)
    held_out: list[float] = field(default_factory=list)
    seconds: float = 0.0
    ended: str = ""


@contextmanager
def repeatable(seed: int) -> Iterator[None]:
    """Fix all random numbers of torch inside a ``with`` block; outside of it nothing changes."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


class Bar:
    """A bar with loss and time left on a terminal; a line every tenth of the way in a pipe."""

    def __init__(self, total: int, unit: str = "epoch") -> None:
        self.total = total
        self.unit = unit
        self.console = Console(stderr=True, soft_wrap=True, highlight=False)
        self.progress = Progress(
            TextColumn("training"),
            BarColumn(bar_width=40),
            MofNCompleteColumn(),
            TextColumn("loss {task.fields[loss]}"),
            TimeRemainingColumn(),
            TextColumn("left"),
            console=self.console,
            disable=not self.console.is_terminal,
        )
        self.task = TaskID(0)

    def __enter__(self) -> Bar:
        self.progress.start()
        self.task = self.progress.add_task("training", total=self.total, loss="")
        return self

    def __exit__(self, *_: object) -> None:
        self.progress.stop()

    def move(self, part: float, loss: float) -> None:
        """Show progress within an epoch."""
        self.progress.update(self.task, completed=part, loss=f"{loss:.3g}")

    def report(self, done: int, loss: float, held_out: float = math.nan) -> None:
        """Show that epoch ``done`` is finished."""
        self.move(done, loss)
        if not self.console.is_terminal and (done == self.total or done % max(1, self.total // 10) == 0):
            seen = "" if math.isnan(held_out) else f", held out {held_out:.3g}"
            self.console.print(f"  {self.unit} {done} of {self.total}: loss {loss:.3g}{seen}")


def fit(
    network: nn.Module,
    training: tuple[Tensor, Tensor],
    held_out: tuple[Tensor, Tensor],
    loss: Loss,
    recipe: Recipe,
    change: Change | None = None,
) -> History:
    """Train ``network`` in place; it is in evaluation mode afterwards.

    Parameters
    ----------
    network
        Takes a batch of inputs.
    training, held_out
        Inputs and targets; of those held out only the loss is computed, after each epoch, and nothing is decided by it.
    loss
        Of outputs and targets, a mean.
    recipe
        How.
    change
        Done to every training batch: augmentation.
    """
    inputs, targets = training
    steps = len(inputs) // recipe.batch
    if steps == 0:
        raise Pt2tsError(f"there are {len(inputs)} training samples, fewer than a batch of {recipe.batch}")
    optimizer: torch.optim.Optimizer
    if recipe.one_cycle:
        optimizer = torch.optim.AdamW(network.parameters(), lr=recipe.rate)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, recipe.rate, total_steps=recipe.epochs * steps)
    else:
        optimizer, schedule = torch.optim.Adam(network.parameters(), lr=recipe.rate), None
    history, begun = History(ended="all epochs"), time.monotonic()
    with Bar(recipe.epochs) as bar:
        for epoch in range(1, recipe.epochs + 1):
            network.train()
            summed = 0.0
            for number, chosen in enumerate(torch.randperm(len(inputs))[: steps * recipe.batch].reshape(steps, recipe.batch), 1):
                x, y = inputs[chosen], targets[chosen]
                if change is not None:
                    x, y = change(x, y)
                error = loss(network(x), y)
                optimizer.zero_grad()
                error.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                if schedule is not None:
                    schedule.step()
                summed += error.item()
                bar.move(epoch - 1 + number / steps, summed / number)
            history.training.append(summed / steps)
            history.held_out.append(average_loss(network, held_out, loss))
            bar.report(epoch, history.training[-1], history.held_out[-1])
            if not math.isfinite(summed):
                raise Pt2tsError(f"the loss is {summed / steps} after epoch {epoch}: the training diverged", "try another --seed")
            if recipe.patience and _tired(history.training, recipe.patience):
                history.ended = f"no new minimum of the training loss in {recipe.patience} epochs"
                break
    history.seconds = time.monotonic() - begun
    network.eval()
    return history


def answers(network: nn.Module, inputs: Tensor, batch: int = 500) -> Tensor:
    """Return what the network says in evaluation mode."""
    network.eval()
    with torch.no_grad():
        return torch.cat([network(part) for part in torch.split(inputs, batch)])


def average_loss(network: nn.Module, samples: tuple[Tensor, Tensor], loss: Loss) -> float:
    """Return the mean loss over samples."""
    return float(loss(answers(network, samples[0]), samples[1]))


def _tired(losses: list[float], patience: int) -> bool:
    return len(losses) - 1 - min(range(len(losses)), key=losses.__getitem__) >= patience
