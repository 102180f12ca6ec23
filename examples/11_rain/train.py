"""Let the host make samples and train three emulators of its scheme: ``train.py HOST --output build``.

Writes free.pt, penalty.pt and built.pt, and beside each the same network as a compiled package.
"""

from __future__ import annotations

import json
from collections.abc import Callable

import torch
from emulators import HEAT, INPUTS, LATENT, OUTPUTS, Built, Free
from torch import Tensor, nn

import pt2ts
from course.learning import Recipe, fit, repeatable
from hosts.runs import Fields, Host, training_options

#: Eddies that are learned from: updraft (m/s) and moisture (kg/kg). The one of the experiment is none of them.
EDDIES = {"weak": (0.5, 9.2e-3), "dry": (0.9, 8.2e-3), "wet": (0.6, 9.8e-3), "strong": (0.9, 9.2e-3)}
UNSEEN = (0.75, 8.7e-3)
#: How much the second network is punished for what it makes out of nothing.
PENALTY = 10.0


class Air(nn.Module):
    """An emulator as `fit` wants it: one tensor in, and the changes of one step in units of what they usually are."""

    def __init__(self, emulator: nn.Module, scale: Tensor) -> None:
        super().__init__()
        self.emulator, self.scale = emulator, scale

    def forward(self, state: Tensor) -> Tensor:
        """Return the changes [air, 4], and what follows of them: new amounts of water [air, 3]."""
        temperature, pressure, vapour, cloud, rain = state.unbind(1)
        after = torch.stack(self.emulator(temperature, pressure, vapour, cloud, rain), 1)
        changes = (after - torch.stack((temperature, vapour, cloud, rain), 1)) / self.scale
        return torch.cat((changes, after[:, 1:] / self.scale[1:]), 1)


def samples(fields: Fields) -> tuple[Tensor, Tensor]:
    """Return states [air, 5] and changes [air, 4]. Of the air that does not change a tenth is enough."""
    before, after = (torch.tensor(fields[name]).transpose(1, 2).reshape(-1, 4) for name in ("before", "after"))
    columns = len(fields["x"])
    pressure = torch.tensor(fields["pressure"]).repeat_interleave(columns).repeat(len(before) // (columns * len(fields["z"])))
    state = torch.cat((before[:, :1], pressure[:, None], before[:, 1:]), 1)
    change = after - before
    chosen = (change[:, 1:].abs() > 1e-12).any(1)
    chosen[::10] = True
    return state[chosen], change[chosen]


def mean_error(found: Tensor, change: Tensor) -> Tensor:
    """Return the mean error; errors beyond the usual change count linearly."""
    return nn.functional.smooth_l1_loss(found[:, :4], change)


def with_penalty(scale: Tensor) -> Callable[[Tensor, Tensor], Tensor]:
    """Return the loss of the second network: water and heat out of nothing, and negative amounts, cost."""

    def loss(found: Tensor, change: Tensor) -> Tensor:
        water = (found[:, 1:4] * scale[1:]).sum(1) / scale[1]
        heat = (HEAT * found[:, 0] * scale[0] + LATENT * found[:, 1] * scale[1]) / (LATENT * scale[1])
        negative = torch.relu(-found[:, 4:])
        return mean_error(found, change) + PENALTY * ((water**2).mean() + (heat**2).mean() + (negative**2).mean())

    return loss


def score(network: nn.Module, state: Tensor, change: Tensor) -> float:
    """Return the share of the variance of the changes that the network explains, the mean of the four."""
    with torch.no_grad():
        found = Air(network, torch.ones(4))(state)[:, :4]
    return float((1 - (found - change).square().mean(0) / change.var(0)).mean())


def declared(state: Tensor) -> list[str]:
    """Return the inputs with the ranges of the training; a number less than a thousandth outside is inside."""
    low, high = state.min(0).values, state.max(0).values
    slack = (high - low) / 1000
    ends = zip(low - slack, high + slack, strict=True)
    return [f"{words} {below:.6g}..{above:.6g}" for words, (below, above) in zip(INPUTS, ends, strict=True)]


def main() -> None:
    """Make samples, train, write."""
    options = training_options(__doc__)
    torch.set_num_threads(2)
    host = Host(options.host, options.output / "samples")
    eddies = {
        name: {"updraft": updraft, "moisture": moisture} for name, (updraft, moisture) in {**EDDIES, "unseen": UNSEEN}.items()
    }
    made = host.run_all(
        {name: {"samples": True, "steps": 1500, "steps_between_records": 47, **eddy} for name, eddy in eddies.items()}
    )
    state, change = (torch.cat(parts) for parts in zip(*(samples(made[name]) for name in EDDIES), strict=True))
    unseen = samples(made["unseen"])
    scale = change.abs().mean(0)
    scores: dict[str, float] = {}
    for name in ("free", "penalty", "built"):
        print(f"Training the network '{name}' ({len(state)} pieces of air)", flush=True)
        with repeatable(1):
            network = Built().double() if name == "built" else Free(scale).double()
            fit(
                Air(network, scale), (state, change / scale), (unseen[0], unseen[1] / scale),
                with_penalty(scale) if name == "penalty" else mean_error,
                Recipe(epochs=60 if options.long else 15, batch=1024, rate=5e-3, one_cycle=True),
            )  # fmt: skip
        example = tuple(column.contiguous() for column in state[:64].unbind(1))
        pt2ts.export(
            network.eval(), example, options.output / f"{name}.pt", format="both", inputs=declared(state), outputs=list(OUTPUTS)
        )
        scores[name] = score(network, *unseen)
        print(f"It explains {scores[name]:.2%} of the variance of the changes in an eddy that it has not seen", flush=True)
    (options.output / "scores.json").write_text(json.dumps(scores))


if __name__ == "__main__":
    main()
