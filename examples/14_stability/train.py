"""Let the host train networks in Fortran: ``train.py HOST_THAT_LEARNS --output build``.

Writes the untrained dense.pt, dense.pt2 and local.pt, and of each training NAME.pt, and NAME.pt2 of the dense ones.
rollout.pt2 is a compiled training step through two steps of the host; one of the runs compares it with tensors.
"""

from __future__ import annotations

from pathlib import Path

import torch
from emulators import CELLS, INPUTS, OUTPUTS, Dense, Local
from ring_step import RingStep, forecast_loss

import pt2ts
from course.learning import repeatable
from hosts.runs import Host, Setting, training_options
from pt2ts.nn import Rollout

#: Steps of the host in a loss, stage by stage: forecasts that are long from the start blow up, and teach nothing. Noise is added to
#: the state that a forecast starts from. All start from the same weights and see the same runs of the host.
TRAININGS: dict[str, dict[str, Setting]] = {
    "ten_steps": {"unrolled": (1, 2, 3, 4, 6, 8, 10, 10)},
    "two_steps": {"unrolled": (1, 2)},
    "one_step": {"unrolled": 1},
    "little_noise": {"unrolled": 1, "noise": 0.02},
    "noise": {"unrolled": 1, "noise": 0.05},
    "local": {"unrolled": 1},
}
#: Of the compiled training step, as learn.f90 has them: samples, and steps of the host.
BATCH, STEPS = 64, 2


def main() -> None:
    """Write untrained networks, train."""
    options = training_options(__doc__, "the program that trains")
    with repeatable(1):
        for name, network, form in (("dense", Dense(), "both"), ("local", Local(), "torchscript")):
            example = torch.randn(8, CELLS, dtype=torch.float64)
            path = options.output / f"{name}.pt"
            pt2ts.export(network.double(), example, path, inputs=list(INPUTS), outputs=list(OUTPUTS), format=form)
            if name == "dense":
                export_rollout(network, options.output / "rollout.pt2")
    print("Training in Fortran, two networks at a time", flush=True)
    learn = Host(options.host, options.output / "trainings", shown=True)
    runs: dict[str, dict[str, Setting]] = {}
    for name, settings in TRAININGS.items():
        kind = "local" if name == "local" else "dense"
        runs[name] = {
            "title": name.replace("_", " "),
            "network": options.output / f"{kind}.pt",
            "package": options.output / "dense.pt2" if kind == "dense" else "",
            "trained": options.output / name,
            "updates": 9000 if options.long else 3000,
            "compiled": options.output / "rollout.pt2" if name == "two_steps" else "",
            **settings,
        }
    learn.run_all(runs)


def export_rollout(network: torch.nn.Module, path: Path) -> None:
    """Compile a training step that takes several steps of the host."""
    pt2ts.export_training(
        Rollout(RingStep(network), STEPS), forecast_loss, "adam learning_rate=0.001", None, None, path,
        inputs=[f"u[{BATCH},{CELLS}] float64"], targets=[f"truth[{BATCH},{STEPS},{CELLS}] float64"], clip_norm=1.0, threads=1,
    )  # fmt: skip


if __name__ == "__main__":
    main()
