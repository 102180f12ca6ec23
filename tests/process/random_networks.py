"""Networks that draw random numbers, or look as if they did."""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional


class Noise(nn.Module):
    """Adds noise: meant to be random."""

    def forward(self, x: Tensor) -> Tensor:
        return x + torch.randn_like(x)


class Dropped(nn.Module):
    """A layer with dropout, which knows its mode."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(5, 3)
        self.dropout = nn.Dropout(0.5)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.dropout(self.layer(x))
        return y


class NoisyLinear(nn.Module):
    """A layer, and noise."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(5, 3)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layer(x)
        return y + torch.randn_like(y)


class Forgotten(nn.Module):
    """Functional dropout left at its default, which is on."""

    def forward(self, x: Tensor) -> Tensor:
        return functional.dropout(x, 0.5)


class Careful(nn.Module):
    """Everything that draws in training only."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = Dropped()
        self.inner.layer = nn.Linear(5, 5)

    def forward(self, x: Tensor) -> Tensor:
        y = functional.dropout(self.inner(x), 0.3, training=self.training)
        y = functional.rrelu(y, training=self.training)
        if self.training:
            y = y + torch.randn_like(y)
        return functional.dropout(functional.scaled_dot_product_attention(y, y, y, dropout_p=0.0), 0.0)


class Recurrent(nn.Module):
    """An LSTM between whose layers values are dropped in training."""

    def __init__(self) -> None:
        super().__init__()
        self.memory = nn.LSTM(5, 4, num_layers=2, dropout=0.4)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.memory(x)[0]
        return y


def _trace(module: nn.Module) -> torch.jit.ScriptModule:
    traced: torch.jit.ScriptModule = torch.jit.trace(module, torch.ones(2, 5), check_trace=False)  # type: ignore[no-untyped-call]
    return traced


def _script(module: nn.Module) -> torch.jit.ScriptModule:
    scripted: torch.jit.ScriptModule = torch.jit.script(module)
    return scripted


#: Name of the file, and how it is made. Those that draw in evaluation mode, with the operation that the message names, then
#: those that do not.
DRAWING: dict[str, tuple[str, Callable[[], torch.jit.ScriptModule]]] = {
    "noise_scripted.pt": ("aten::randn_like", lambda: _script(Noise().eval())),
    "noise_traced.pt": ("aten::randn_like", lambda: _trace(Noise().eval())),
    "dropout_traced_in_training.pt": ("aten::dropout", lambda: _trace(Dropped().train())),
    "forgotten_scripted.pt": ("aten::dropout", lambda: _script(Forgotten().eval())),
    "forgotten_traced.pt": ("aten::dropout", lambda: _trace(Forgotten().eval())),
    "lstm_traced_in_training.pt": ("aten::lstm", lambda: _trace(Recurrent().train())),
}
QUIET: dict[str, Callable[[], torch.jit.ScriptModule]] = {
    "dropout_scripted.pt": lambda: _script(Dropped().train()),
    "dropout_traced.pt": lambda: _trace(Dropped().eval()),
    "careful_scripted.pt": lambda: _script(Careful().train()),
    "careful_traced.pt": lambda: _trace(Careful().eval()),
    "lstm_scripted.pt": lambda: _script(Recurrent().eval()),
    "lstm_traced.pt": lambda: _trace(Recurrent().eval()),
    "attention_traced.pt": lambda: _trace(nn.TransformerEncoderLayer(5, 1, 8, batch_first=True).eval()),
}


def write_with_extras_of(example: Path, path: Path) -> None:
    """Write a network that draws, with the contract and the sample of another file, whose layer is of the same shape."""
    with zipfile.ZipFile(example) as archive:
        extras = {Path(name).name: archive.read(name) for name in archive.namelist() if "/extra/" in name}
    torch.jit.save(_script(NoisyLinear().eval()), path, _extra_files=extras)


def write_all(folder: Path) -> None:
    """Write all of them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, (_, make) in DRAWING.items():
            make().save(str(folder / name))
        for name, quiet in QUIET.items():
            quiet().save(str(folder / name))
