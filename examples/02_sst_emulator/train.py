"""Train the emulator, export it for Fortran, and write down what Python itself forecasts with it.

``python train.py --output build`` writes ``sst_emulator.pt``, the model file for the Fortran program, and ``reference.npz``,
Python's own forecasts for check.py.
The same seed and number of threads give the same network again.
"""

from __future__ import annotations

import argparse
from copy import deepcopy
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from sst_data import HELD_OUT, Observations, baselines, climatology, load, rmse
from sst_model import AnomalyCNN, SSTEmulator

import pt2ts

# Compared by training on the first 30 months and testing on months 31 to 42; see "Good to know" in the README.
EPOCHS = 40
BATCH = 8
LEARNING_RATE = 3e-3
WEIGHT_DECAY = 1e-2
AVERAGING = 0.99

console = Console(soft_wrap=True, highlight=False)


def train(observations: Observations, epochs: int = EPOCHS, seed: int = 0) -> SSTEmulator:
    """Train on the months before the held-out ones.

    Parameters
    ----------
    observations
        All observations; only the training months are looked at.
    epochs
        Passes over the 41 pairs of neighbouring months.
    seed
        Seed of the initial weights, the order of the samples and dropout.

    Returns
    -------
    SSTEmulator
        The emulator with the running mean of the weights, in evaluation mode.
    """
    torch.manual_seed(seed)
    torch.use_deterministic_algorithms(True)
    first = observations.first_held_out
    ocean = torch.from_numpy(observations.ocean)
    mask = ocean.float()
    month = torch.from_numpy(observations.month)[:first]
    normal = torch.from_numpy(climatology(observations))
    anomaly = torch.where(ocean, torch.from_numpy(observations.sst)[:first] - normal[month - 1], 0.0)
    scale = anomaly[:, ocean].std().item()
    anomaly = anomaly / scale

    network = AnomalyCNN()
    # So few months make single updates noisy; the running mean of the weights generalizes better than the last of them.
    averaged = deepcopy(network)
    optimizer = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    batches = -(-(first - 1) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=epochs * batches, pct_start=0.1)
    with progress_bar() as bar:
        task = bar.add_task("training", total=epochs, rmse=float("nan"))
        for epoch in range(1, epochs + 1):
            losses = []
            for now in torch.split(torch.randperm(first - 1), BATCH):
                error = network(anomaly[now], mask, month[now]) - anomaly[now + 1]
                loss = error[:, ocean].square().mean()
                optimizer.zero_grad()
                loss.backward()
                torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
                optimizer.step()
                schedule.step()
                with torch.no_grad():
                    for mean, weight in zip(averaged.parameters(), network.parameters(), strict=True):
                        mean.lerp_(weight, 1.0 - AVERAGING)
                losses.append(loss.item())
            kelvin = scale * float(np.sqrt(np.mean(losses)))
            bar.update(task, completed=epoch, rmse=kelvin)
            if not console.is_terminal and epoch % 10 == 0:  # a bar is of no use in a log file
                console.print(f"  epoch {epoch} of {epochs}: training RMSE {kelvin:.3f} K")
    return SSTEmulator(averaged, normal, scale).eval()


def progress_bar() -> Progress:
    """Make a bar with the training error and the time left."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=40),
        MofNCompleteColumn(),
        TextColumn("RMSE {task.fields[rmse]:.3f} K"),
        TimeRemainingColumn(),
        TextColumn("left"),
        console=console,
        disable=not console.is_terminal,
    )


def forecast(emulator: SSTEmulator, observations: Observations) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Forecast the held-out months the two ways the Fortran program does.

    Returns
    -------
    tuple
        Each held-out month from the observed month before it; and a free run from the last training month, in which every
        forecast starts from the forecast before. Both in kelvin, [month, latitude, longitude].
    """
    mask = torch.from_numpy(observations.ocean).float()
    start = observations.first_held_out - 1
    free = torch.from_numpy(observations.sst[start])
    one_month, free_run = [], []
    with torch.inference_mode():
        for now in range(start, start + HELD_OUT):
            month = torch.tensor(observations.month[now], dtype=torch.int32)
            one_month.append(emulator(torch.from_numpy(observations.sst[now]), mask, month).numpy())
            free = emulator(free, mask, month)
            free_run.append(free.numpy())
    return np.stack(one_month), np.stack(free_run)


def export(emulator: SSTEmulator, observations: Observations, path: Path) -> None:
    """Write the model file that the Fortran program loads."""
    last = observations.first_held_out - 1
    training = observations.sst[: last + 1][:, observations.ocean]
    span = f"{np.floor(training.min()):.0f}..{np.ceil(training.max()):.0f}"
    # The example becomes the golden sample, and what differs is judged by the size of its numbers: no 1e20 on land here.
    example = (
        torch.from_numpy(np.where(observations.ocean, observations.sst[last], training.min())),
        torch.from_numpy(observations.ocean).float(),
        torch.tensor(observations.month[last], dtype=torch.int32),
    )
    pt2ts.export(
        emulator,
        example,
        path,
        description="Sea surface temperature of the tropics, one month ahead; land points come back untouched",
        inputs=[
            f"sst[18,432] float32 K {span} -- this month's field [latitude, longitude]; on land anything",
            "mask[18,432] float32 1 0..1 -- 1 on ocean, 0 on land",
            "month[] int32 1 1..12 -- calendar month of sst, 1 = January",
        ],
        outputs=[f"sst_next[18,432] float32 K {span} -- next month's field"],
    )


def main() -> None:
    """Train, export, and write the reference forecasts."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--output", type=Path, default=Path("build"), help="folder for the results (default: build)")
    parser.add_argument("--epochs", type=int, default=EPOCHS, help="passes over the training months (default: %(default)s)")
    parser.add_argument(
        "--format", choices=("torchscript", "pt2"), default="torchscript", help="of the model file (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of all random numbers (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads (default: %(default)s)")
    options = parser.parse_args()

    torch.set_num_threads(options.threads)
    observations = load()
    parts = observations.first_held_out, HELD_OUT, int(observations.ocean.sum())
    console.print("Training the SST emulator: {} months to learn from, {} held out, {} ocean points".format(*parts))
    emulator = train(observations, options.epochs, options.seed)
    one_month, free_run = forecast(emulator, observations)

    options.output.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(options.output / "reference.npz", one_month=one_month, free_run=free_run)
    model = options.output / ("sst_emulator.pt2" if options.format == "pt2" else "sst_emulator.pt")
    export(emulator, observations, model)
    truth = observations.sst[observations.first_held_out :]
    error, simple = rmse(one_month, truth, observations.ocean), baselines(observations)
    console.print(f"One month ahead: RMSE {error:.3f} K; persistence {simple.persistence:.3f} K")
    console.print(f"Wrote {model}")


if __name__ == "__main__":
    main()
