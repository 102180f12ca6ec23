"""Let the host make samples and train two emulators of its scheme: ``train.py HOST --output build``.

Writes plain.pt and weighted.pt, and beside each the same network as a compiled package.
"""

from __future__ import annotations

import torch
from emulators import OUTPUTS, Familiar, declared, importance, network
from torch import Tensor, nn

import pt2ts
from course.learning import Recipe, fit, repeatable
from hosts.runs import Fields, Host, Setting, training_options

#: Storms that are learned from, and others. Those of the experiment have a seed of their own.
TRAINING: dict[str, Setting] = {"n_storms": 400, "seed": 1001.0}
HELD_OUT: dict[str, Setting] = {"n_storms": 60, "seed": 2002.0}


class Air(nn.Module):
    """An emulator as `fit` wants it: one tensor in, and the changes of one step in units of what they usually are."""

    def __init__(self, emulator: nn.Module, scale: Tensor) -> None:
        super().__init__()
        self.emulator, self.scale = emulator, scale

    def forward(self, state: Tensor) -> Tensor:
        """Return the changes [air, 4]."""
        temperature, pressure, vapour, cloud, rain = state.unbind(1)
        after = torch.stack(self.emulator(temperature, pressure, vapour, cloud, rain), 1)
        return (after - torch.stack((temperature, vapour, cloud, rain), 1)) / self.scale


def samples(fields: Fields) -> tuple[Tensor, Tensor]:
    """Return states [air, 5] and changes [air, 4]."""
    given, made = (torch.tensor(fields[name]).transpose(1, 2).reshape(-1, 5) for name in ("given", "made"))
    given, made = given[given[:, 0] > 0], made[given[:, 0] > 0]
    return given, (made - given)[:, [0, 2, 3, 4]]


def error(found: Tensor, change: Tensor) -> Tensor:
    """Return the mean error; errors beyond the usual change count linearly."""
    return nn.functional.smooth_l1_loss(found, change)


def main() -> None:
    """Make samples, train, write."""
    options = training_options(__doc__)
    torch.set_num_threads(2)
    host = Host(options.host, options.output / "samples")
    made = host.run_all(
        {
            name: {"samples": True, "steps_between_records": 7, **storms}
            for name, storms in (("home", TRAINING), ("other", HELD_OUT))
        }
    )
    (state, change), other = samples(made["home"]), samples(made["other"])
    scale = change.abs().mean(0)
    size = 400_000
    for name in ("plain", "weighted"):
        with repeatable(1):
            # As many samples for both; what is rare is drawn more often, and what is usual less.
            chance = importance(state[:, 4]) if name == "weighted" else torch.ones(len(state), dtype=torch.float64)
            chosen = torch.searchsorted((chance / chance.sum()).cumsum(0), torch.rand(size, dtype=torch.float64)).clamp(
                max=len(state) - 1
            )
            print(f"Training the network '{name}' ({size} of {len(state)} pieces of air)", flush=True)
            emulator = network()
            fit(
                Air(emulator, scale), (state[chosen], change[chosen] / scale), (other[0], other[1] / scale), error,
                Recipe(epochs=60 if options.long else 12, batch=1024, rate=5e-3, one_cycle=True),
            )  # fmt: skip
        example = tuple(column.contiguous() for column in state[:64].unbind(1))
        pt2ts.export(
            Familiar(emulator, state).eval(), example, options.output / f"{name}.pt",
            format="both", inputs=declared(state), outputs=list(OUTPUTS),
        )  # fmt: skip


if __name__ == "__main__":
    main()
