"""Train a forecaster for each block of months that is held out: ``train.py HOST --output build``.

Writes forecaster_1.pt and so on, and beside each the same network as a compiled package.
"""

from __future__ import annotations

import torch
from emulators import BLOCKS, DROPPED, INDICES, INPUTS, OBSERVATIONS, OUTPUTS, WIDTH, Forecaster, held_out
from torch import Tensor

import pt2ts
from course.learning import Bar, repeatable
from hosts.runs import Fields, Host, training_options

LEADS = 6
#: Members that each forecast of the training has, and months that a state grows before the first of them.
MEMBERS, GROW = 4, 2
#: Against learning 45 months by heart: what goes in is blurred by this share of what is usual, and weights shrink.
BLUR, DECAY = 0.3, 1.0


def stretches(fields: Fields, first: int, last: int) -> list[tuple[Tensor, Tensor]]:
    """Return anomalies and calendar months of what may be learned from: the months before those held out, and those after."""
    anomaly, month = (torch.tensor(fields[name]).float() for name in ("anomaly", "month"))
    parts = (slice(0, first - 1), slice(last, len(month)))
    return [(anomaly[part], month[part]) for part in parts if len(month[part]) > GROW + 1]


def loss_of(network: Forecaster, anomaly: Tensor, month: Tensor) -> Tensor:
    """Return the mean squared error of forecasts from all months, half a year ahead, in units of what is usual."""
    seen = anomaly + BLUR * network.scale * torch.randn_like(anomaly)
    state, states = torch.zeros(1, WIDTH), []
    for now in range(len(month) - 1):
        states.append(state)
        state = network(seen[now : now + 1], month[now : now + 1], torch.ones(1, WIDTH), state)[1]
    start = torch.arange(GROW, len(month) - 1).repeat(MEMBERS)
    keep = (torch.rand(len(start), WIDTH) >= DROPPED) / (1 - DROPPED)
    x, h, errors = seen[start], torch.cat(states)[start], []
    for lead in range(1, LEADS + 1):
        calendar = torch.remainder(month[start] + lead - 2, 12) + 1
        x, h = network(x, calendar, keep, h)
        there = start + lead < len(month)
        errors.append(((x[there] - anomaly[start[there] + lead]) / network.scale).flatten())
    return torch.cat(errors).square().mean()


def train(fields: Fields, first: int, last: int, steps: int) -> Forecaster:
    """Train one network."""
    learned = stretches(fields, first, last)
    # The matrix that best turns a month into the next: what the host has as its linear inverse model.
    now, after = (torch.cat([anomaly[part] for anomaly, _ in learned]) for part in (slice(None, -1), slice(1, None)))
    network = Forecaster(now.std(0), torch.linalg.lstsq(now, after).solution)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-2, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-2, total_steps=steps)
    with Bar(steps, "step") as bar:
        for step in range(1, steps + 1):
            loss = sum((loss_of(network, *part) for part in learned), torch.zeros(())) / len(learned)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            bar.report(step, loss.item())
    return network


def main() -> None:
    """Let the host make the indices, train, write."""
    options = training_options(__doc__)
    torch.set_num_threads(1)
    host = Host(options.host, options.output / "samples")
    for block in range(1, BLOCKS + 1):
        first, last = held_out(block)
        fields = host.run(f"indices_{block}", observations=OBSERVATIONS, first_held_out=first, last_held_out=last)
        print(f"Training without the months {first} to {last}", flush=True)
        with repeatable(block):
            network = train(fields, first, last, 240 if options.long else 120)
        example = torch.randn(8, INDICES), torch.arange(1.0, 9.0), torch.ones(8, WIDTH), torch.zeros(8, WIDTH)
        pt2ts.export(
            network.eval(), example, options.output / f"forecaster_{block}.pt", inputs=list(INPUTS), outputs=list(OUTPUTS),
            format=(pt2ts.TorchScript(), pt2ts.Package(batch=())),  # no code for a batch of one: members have the same bits in any
        )  # fmt: skip


if __name__ == "__main__":
    main()
