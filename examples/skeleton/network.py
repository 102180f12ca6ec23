"""Train the network on what the host's scheme does, and hand it over: ``network.py HOST FOLDER``.

Handed over are two files: the model file, and the lines of a namelist that name it and its sum.
"""

from __future__ import annotations

import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch

import pt2ts
from pt2ts.nn import Standardize

LEVELS = 20
STEPS = 300


def samples(host: str, folder: Path) -> tuple[torch.Tensor, torch.Tensor]:
    """Run the host with its scheme; return the columns that it met and their heating."""
    (folder / "samples.nml").write_text("&run_nml samples = 'samples.bin', restart = 'samples_end.bin' /\n")
    subprocess.run([host, "samples.nml"], cwd=folder, check=True)
    records = np.fromfile(folder / "samples.bin").reshape(-1, 2, 96, LEVELS).astype(np.float32)
    temperature, heating = torch.from_numpy(records[:, 0]), torch.from_numpy(records[:, 1])
    return temperature.reshape(-1, LEVELS), heating.reshape(-1, LEVELS)


class Heating(torch.nn.Module):
    """K/day for K: a line and what is not straight."""

    def __init__(self, temperature: torch.Tensor, heating: torch.Tensor) -> None:
        super().__init__()
        self.scale, self.unscale = Standardize.of(temperature), Standardize.of(heating).inverse()
        self.line = torch.nn.Linear(LEVELS, LEVELS, bias=False)
        # Where training starts: the line that fits best.
        fitted = torch.linalg.lstsq(self.scale(temperature.double()), Standardize.of(heating)(heating.double())).solution
        self.line.weight = torch.nn.Parameter(fitted.T.float().contiguous())
        self.bend = torch.nn.Sequential(torch.nn.Linear(LEVELS, 32), torch.nn.SiLU(), torch.nn.Linear(32, LEVELS))

    def forward(self, temperature: torch.Tensor) -> torch.Tensor:
        """Return the heating."""
        scaled = self.scale(temperature)
        result: torch.Tensor = self.unscale(self.line(scaled) + self.bend(scaled))
        return result


def main() -> None:
    """Make samples, train, write."""
    host, folder = sys.argv[1], Path(sys.argv[2])
    torch.manual_seed(1)
    temperature, heating = samples(host, folder)
    network = Heating(temperature, heating)
    optimizer = torch.optim.Adam(network.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=STEPS)
    for _ in range(STEPS):
        chosen = torch.randint(len(temperature), (256,))
        loss = torch.nn.functional.mse_loss(network(temperature[chosen]), heating[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    print(f"off by {loss.item() ** 0.5:.3f} K/day of {heating.std():.3f} K/day")
    low, high = temperature.min().item(), temperature.max().item()
    model = folder / "heating.pt2"
    pt2ts.export(
        network.eval(), temperature[:8], model,
        inputs=[f"temperature[batch,{LEVELS}] float32 K {low:.0f}..{high:.0f} -- from the ground up"], outputs=["heating K/day"],
        description="heating of a column, learnt from the host's scheme", format=pt2ts.Package(batch=()),
    )  # fmt: skip
    digest = sha256(model.read_bytes()).hexdigest()
    (folder / "heating.nml").write_text(
        f"! What is handed over to operations beside the model file.\n&heating_nml\n  physics%source = 'network',\n"
        f"  physics%network = '{model}',\n  physics%sha256 = '{digest}'\n/\n"
    )


if __name__ == "__main__":
    main()
