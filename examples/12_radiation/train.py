"""Let the host make samples and train two emulators of its solver: ``train.py HOST --output build``.

Writes recurrent.pt and recurrent.pt2, which take any number of levels, recurrent_40.pt2, whose code is made for 40, and the
perceptron, which has no choice: plain.pt and plain.pt2.
"""

from __future__ import annotations

import numpy as np
import torch
from emulators import CONSTANT, DOUBLINGS, FLUXES, GRAVITY, HEAT, INPUTS, Plain, Recurrent, contract
from torch import Tensor, nn

import pt2ts
from course.learning import Bar, repeatable
from hosts.runs import Fields, Host, Setting, training_options

#: W/m2 and K/day: errors of this size count as one.
FLUX_ERROR, HEATING_ERROR = 20.0, 1.5
BATCH = 128
THICKNESS, SUN = INPUTS.index("thickness"), INPUTS.index("sun")


def samples(fields: Fields) -> tuple[tuple[Tensor, ...], Tensor]:
    """Return what the emulators take, and the right fluxes [column, flux, half level]."""
    inputs = tuple(torch.tensor(fields[name][0]).float() for name in INPUTS)
    return inputs, torch.tensor(np.stack([fields[name][0] for name in FLUXES], 1)).float()


def heating(fluxes: Tensor, thickness: Tensor) -> Tensor:
    """Return the heating by longwave and by sunlight, K/day [column, which, level]."""
    net = torch.stack((fluxes[:, 0] - fluxes[:, 1], fluxes[:, 3] - fluxes[:, 4]), 1)
    return (net[:, :, :-1] - net[:, :, 1:]) * (GRAVITY / HEAT * 86_400) / thickness.unsqueeze(1)


def loss_of(emulator: nn.Module, inputs: tuple[Tensor, ...], right: Tensor) -> Tensor:
    """Return how far off fluxes are, and the heating that follows from them."""
    off = torch.stack(emulator(*inputs), 1) - right
    wrong = heating(off, inputs[THICKNESS]) / HEATING_ERROR
    # Huber's loss: now and then a layer of some metres is heated by 50 K a day, and nobody should learn that alone.
    return (off / FLUX_ERROR).square().mean() + nn.functional.huber_loss(wrong, torch.zeros_like(wrong))


def train(emulator: nn.Module, training: tuple[tuple[Tensor, ...], Tensor], steps: int, rate: float) -> nn.Module:
    """Train one network in place and return it."""
    weights = sum(weight.numel() for weight in emulator.parameters())
    inputs, right = training
    print(f"Training the {type(emulator).__name__.lower()} network ({weights} weights, {len(right)} columns)", flush=True)
    optimizer = torch.optim.AdamW(emulator.parameters(), lr=rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps)
    with Bar(steps, "step") as bar:
        for step in range(1, steps + 1):
            chosen = torch.randint(len(right), (BATCH,))
            loss = loss_of(emulator, tuple(values[chosen] for values in inputs), right[chosen])
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(emulator.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            bar.report(step, loss.item())
    return emulator.eval()


def main() -> None:
    """Make samples, train, write."""
    options = training_options(__doc__)
    torch.set_num_threads(2)
    host = Host(options.host, options.output / "samples")
    settings: dict[str, Setting] = {"columns_from": "anything", "columns": 9000, "steps": 1, "steps_between_records": 1}
    # The recurrent network learns what a layer does, wherever it lies. The perceptron could do nothing with other layers.
    made = host.run_all({"usual": settings, "other": {**settings, "other_layers": True}})
    usual, other = samples(made["usual"]), samples(made["other"])
    longer = 3 if options.long else 1
    with repeatable(1):
        recurrent = train(Recurrent(), other, 1200 * longer, 2e-2)
    with repeatable(1):
        sunny = CONSTANT / usual[0][SUN][:, None, None]
        fluxes = torch.cat((usual[1][:, :2], usual[1][:, 2:] * sunny), 1)
        plain = train(Plain(fluxes.flatten(1)), usual, 6000 * longer, 2e-3)
    example = tuple(part[:8] for part in usual[0])
    # Code for a batch of one is left out: the host asks for all columns at once.
    both = (pt2ts.TorchScript(), pt2ts.Package(batch=()))
    free, fixed = (contract(usual[0], levels) for levels in ("levels", "40"))
    bounds = {"levels": (2, 2**DOUBLINGS)}  # with more of them the library refuses the call
    pt2ts.export(recurrent, example, options.output / "recurrent.pt", format=both, symbols=bounds, **free)
    pt2ts.export(recurrent, example, options.output / "recurrent_40.pt2", format=both[1], **fixed)
    pt2ts.export(plain, example, options.output / "plain.pt", format=both, **fixed)


if __name__ == "__main__":
    main()
