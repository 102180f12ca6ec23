"""The sea surface temperature one month ahead. Network, data and training are those of examples/02_sst_emulator."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from pt2ts.errors import LoadError

from .lesson import Measure, Outcome, Plan

EXAMPLE = Path(__file__).resolve().parents[1] / "02_sst_emulator"
_MODULES = ("sst_data", "sst_model", "train", "check", "plot")


def learn(plan: Plan) -> Outcome:
    """Train as the example does, and judge."""
    with _modules(EXAMPLE) as example:
        data, train = example["sst_data"], example["train"]
        observations = data.load()
        emulator = train.train(observations, plan.epochs or train.EPOCHS, plan.seed)
        one_month, free_run = train.forecast(emulator, observations)
        truth = observations.sst[observations.first_held_out :]
        error, simple = data.rmse(one_month, truth, observations.ocean), data.baselines(observations)
        forecasts = {"one_month": one_month, "free_run": free_run}
        return Outcome(
            measures=[
                Measure("one month ahead, against persistence", error, 0.48, simple.persistence, "<= 0.536", "K"),
                Measure("the same, against damped persistence", error, 0.48, simple.damped_persistence, unit="K"),
            ],
            figures={"maps": partial(example["plot"].draw, forecasts, observations)},
            export=partial(train.export, emulator, observations),
            note=f"trained by {EXAMPLE.parent.name}/{EXAMPLE.name}/train.py",
        )


@contextmanager
def _modules(folder: Path) -> Iterator[dict[str, Any]]:
    """Import the example's modules, and forget their short names afterwards: they could be those of the user."""
    before = {name: sys.modules.pop(name, None) for name in _MODULES}
    sys.path.insert(0, str(folder))
    try:
        yield {name: importlib.import_module(name) for name in _MODULES}
    except ImportError as error:
        if error.name in _MODULES:
            raise
        raise LoadError(f"{folder} needs the Python package {error.name}", f"pip install {error.name}") from error
    finally:
        sys.path.remove(str(folder))
        for name, module in before.items():
            sys.modules.pop(name, None)
            if module is not None:
                sys.modules[name] = module
