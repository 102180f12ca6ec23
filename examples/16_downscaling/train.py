"""Let the host make rain over ten countries and train two networks: ``train.py HOST --output build``.

Writes generator.pt and deterministic.pt, and beside each the same network as a compiled package.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from emulators import INPUTS, NOISES, OUTPUTS, Downscaling, N
from torch import Tensor

import pt2ts
from course.learning import Bar, repeatable
from hosts.runs import Fields, Host, training_options

#: Countries to learn from, hours in each, and hours between two samples.
COUNTRIES, HOURS, BETWEEN = 10, 480, 8
#: Members of the ensemble that is trained; two are enough for a score that is fair to any number.
MEMBERS = 2
BATCH = 6
#: Steps of the network with one answer; both networks go on from there, by as many steps each.
COMMON, OWN = 250, 350
#: mm/h, what two forms of a network may differ by: only the shares are in double precision.
SAME = 1e-3


@dataclass(frozen=True)
class Samples:
    """Coarse rain, wind, heights, and the truth."""

    coarse: Tensor
    wind: Tensor
    height: Tensor
    rain: Tensor

    @classmethod
    def of(cls, runs: list[Fields]) -> Samples:
        """Put together the records of runs."""
        return cls(*(torch.cat([torch.tensor(run[name]) for run in runs]) for name in ("coarse", "wind", "height", "rain")))

    def __getitem__(self, chosen: Tensor) -> Samples:
        return Samples(self.coarse[chosen], self.wind[chosen], self.height[chosen], self.rain[chosen])


def views(rain: Tensor) -> list[Tensor]:
    """Return what is compared of fields [..., y, x]: rain itself, and how it differs from cells 1, 2 and 4 away.

    The first alone would know nothing of structure: a field whose cells are right one by one may be as rough as one likes.
    """
    steps = [rain - torch.roll(rain, shift, dim) for shift in (1, 2, 4) for dim in (-1, -2)]
    return [rain, *steps]


def mean_error(members: Tensor, truth: Tensor) -> Tensor:
    """Return the mean absolute error: the score of an ensemble of one."""
    return (members - truth).abs().mean()


def fair_score(members: Tensor, truth: Tensor) -> Tensor:
    """Return the fair continuous ranked probability score of two members [2, sample, y, x], a mean over all that is compared."""
    found = []
    for one, other, true in zip(views(members[0]), views(members[1]), views(truth), strict=True):
        score = ((one - true).abs() + (other - true).abs() - (one - other).abs()).mean() / 2
        found.append(score / true.abs().mean())
    return torch.stack(found).mean()


def train(network: Downscaling, samples: Samples, loss_of: Callable[[Tensor, Tensor], Tensor], steps: int, rate: float) -> None:
    """Train in place."""
    optimizer = torch.optim.AdamW(network.parameters(), lr=rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps)
    members = MEMBERS if network.noisy else 1
    with Bar(steps, "step") as bar:
        for step in range(1, steps + 1):
            batch = samples[torch.randint(len(samples.rain), (BATCH,))]
            known, guess = network.known(batch.coarse, batch.wind, batch.height)
            ground = network.ground(known)
            noise = torch.randn(members, BATCH, N, N, NOISES)
            drawn = torch.stack([network.rain(network.answer(ground, one), guess, batch.coarse) for one in noise])
            loss = loss_of(drawn.float(), batch.rain.float())
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            bar.report(step, loss.item())


def main() -> None:
    """Make samples, train, write."""
    options = training_options(__doc__)
    torch.set_num_threads(2)
    host = Host(options.host, options.output / "samples")
    countries = {
        f"country_{number}": {"mountain_seed": number, "seed": number, "hours": HOURS, "hours_between_records": BETWEEN}
        for number in range(1, COUNTRIES + 1)
    }
    samples = Samples.of(list(host.run_all(countries).values()))
    common, own = (steps * (4 if options.long else 1) for steps in (COMMON, OWN))
    with repeatable(1):
        print(f"Training a network that gives one answer, on {len(samples.rain)} hours", flush=True)
        deterministic = Downscaling(noisy=False)
        train(deterministic, samples, mean_error, common, 4e-3)
        print("Training a network that gives an ensemble, from what that one knows of the ground", flush=True)
        generator = Downscaling(noisy=True)
        generator.ground.load_state_dict(deterministic.ground.state_dict())
        train(generator, samples, fair_score, own, 4e-3)
        print("Training the network that gives one answer further, by as many steps", flush=True)
        train(deterministic, samples, mean_error, own, 4e-3)
    first = samples[torch.arange(4)]
    example = (first.coarse, first.wind, first.height[0], torch.randn(4, N, N, NOISES))
    for name, network in (("deterministic", deterministic), ("generator", generator)):
        pt2ts.export(
            network.eval(), example, options.output / f"{name}.pt", inputs=list(INPUTS), outputs=list(OUTPUTS),
            format=(pt2ts.TorchScript(), pt2ts.Package(batch=())),  # no code for a batch of one: members have the same bits in any
            tolerance=SAME,
        )  # fmt: skip


if __name__ == "__main__":
    main()
