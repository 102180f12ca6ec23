"""Let the host make samples and train emulators of its scheme: ``train.py HOST --output build``.

Two networks, each on two sets of samples: of the usual climate alone, and of one with stronger waves as well. Writes
layered_usual.pt and so on, and beside each the same network as a compiled package, layered_usual.pt2.
"""

from __future__ import annotations

import torch
from emulators import LEVELS, Layered, Plain, contract
from torch import Tensor, nn

import pt2ts
from course.learning import Recipe, fit, repeatable
from hosts.runs import Fields, Host, training_options

#: Runs of the host that are learned from; `source` is the strength of the waves.
CLIMATES = {"usual": 1.0, "stronger": 1.3}
#: m/s: beside each wind of the run the scheme is asked about another one that is off by about so much.
NUDGE = 8.0


class Column(nn.Module):
    """An emulator as `fit` wants it: one tensor in, and the drag in units of what it usually is in each layer."""

    def __init__(self, emulator: nn.Module, scale: Tensor) -> None:
        super().__init__()
        self.emulator, self.scale = emulator, scale

    def forward(self, column: Tensor) -> Tensor:
        """Return the scaled drag."""
        return self.emulator(column[:, :LEVELS], column[:, LEVELS:]) / self.scale


def samples(fields: Fields) -> tuple[Tensor, Tensor]:
    """Return wind and flux in one tensor, and the drag: of the run, and of the winds beside it."""
    flux = torch.tensor(fields["flux"])
    wind = torch.cat((torch.tensor(fields["u"]), torch.tensor(fields["nudged_u"])))
    drag = torch.cat((torch.tensor(fields["drag"]), torch.tensor(fields["nudged_drag"])))
    return torch.cat((wind, torch.cat((flux, flux))), 1).float(), drag.float()


def train(kind: str, training: tuple[Tensor, Tensor], held_out: tuple[Tensor, Tensor], long: bool) -> nn.Module:
    """Train one network."""
    (column, drag), scale = training, training[1].std(0)
    emulator = Plain(drag) if kind == "plain" else Layered()
    rate = 2e-3 if kind == "plain" else 5e-3
    passes = 60 if long else 24 if kind == "layered" else 12
    epochs = round(passes * 14_600 / len(column))  # as many steps for two climates as for one
    fit(
        Column(emulator, scale), (column, drag / scale), (held_out[0], held_out[1] / scale), nn.functional.mse_loss,
        Recipe(epochs=epochs, batch=256, rate=rate, one_cycle=True),
    )  # fmt: skip
    return emulator


def main() -> None:
    """Make samples, train, write."""
    options = training_options(__doc__)
    torch.set_num_threads(2)
    host = Host(options.host, options.output / "samples")
    settings = {"nudge": NUDGE, "days": 7300, "days_between_records": 1}
    made = host.run_all({name: {"source": source, "seed": 1, **settings} for name, source in CLIMATES.items()})
    unseen = samples(host.run("unseen", source=1.0, seed=2, **settings))
    sets = {"usual": samples(made["usual"])}
    sets["stronger"] = tuple(torch.cat(pair) for pair in zip(sets["usual"], samples(made["stronger"]), strict=True))
    for kind in ("layered", "plain"):
        for climate, training in sets.items():
            print(f"Training the {kind} network on the climate: {climate} ({len(training[0])} columns)", flush=True)
            with repeatable(1):
                network = train(kind, training, unseen, options.long)
            example = training[0][:8, :LEVELS], training[0][:8, LEVELS:]
            pt2ts.export(
                network.eval(), example, options.output / f"{kind}_{climate}.pt", format="both",
                **contract(training[0][:, :LEVELS], training[0][:, LEVELS:]),
            )  # fmt: skip


if __name__ == "__main__":
    main()
