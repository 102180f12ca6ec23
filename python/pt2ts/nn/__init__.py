"""Small modules around a network, so that the file takes raw data and gives answers; nothing here exports or compiles.

They are ordinary modules: chain them with ``torch.nn.Sequential`` or call them in a ``forward`` of your own. Each can be scripted,
traced and exported by ``torch.export``, and keeps its numbers as buffers, so they move and convert with the network: after
``double()`` they are as exact as they were given. `Rollout` and `StepLoss` are for training only, and are not scripted.

>>> import torch
>>> from pt2ts.nn import Clip, Standardize
>>> columns = torch.randn(500, 60) * 20 + 270  # what the network was trained with
>>> scale = Standardize.of(columns)
>>> module = torch.nn.Sequential(scale, torch.nn.Linear(60, 60), scale.inverse(), Clip(150, 350))
"""

from .arrays import Cast, HWCtoCHW
from .borders import Pad
from .constraints import Clip, ConserveSum, NonNegative
from .cycles import PERIODS, CyclicTime
from .ensemble import Ensemble
from .noise import Noise
from .ranges import RangeGuard
from .rollout import Rollout, StepLoss
from .scaling import FromBytes, Standardize

__all__ = [
    "PERIODS",
    "Cast",
    "Clip",
    "ConserveSum",
    "CyclicTime",
    "Ensemble",
    "FromBytes",
    "HWCtoCHW",
    "Noise",
    "NonNegative",
    "Pad",
    "RangeGuard",
    "Rollout",
    "Standardize",
    "StepLoss",
]
