"""Networks for the tests of kernels."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn


def perceptron(widths: list[int], activation: type[nn.Module]) -> nn.Sequential:
    """Return linear layers with the activation between them."""
    layers: list[nn.Module] = []
    for n_in, n_out in itertools.pairwise(widths):
        layers += [nn.Linear(n_in, n_out), activation()]
    return nn.Sequential(*layers[:-1])


def shaken(module: nn.Module) -> nn.Module:
    """Return a network whose norms have something to do."""
    for name, buffer in module.named_buffers():
        if "running" in name:
            buffer.data = torch.rand_like(buffer) + 0.5
    for layer in module.modules():
        if isinstance(layer, nn.BatchNorm1d | nn.LayerNorm):
            layer.weight.data = torch.rand_like(layer.weight) + 0.5
            layer.bias.data = torch.randn_like(layer.bias)
    return module.eval()


class GravityWaves(nn.Module):
    """A trunk and a branch for each level (Espinosa et al. 2022)."""

    def __init__(self, levels: int = 40) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(42)
        self.trunk = perceptron([42, 256, 256, 256, 256, 256, 64], nn.LeakyReLU)
        self.branches = nn.ModuleList([perceptron([64, 64, 32, 1], nn.LeakyReLU) for _ in range(levels)])

    def forward(self, x: Tensor) -> Tensor:
        y = nn.functional.leaky_relu(self.trunk(self.norm(x)))
        return torch.cat([branch(y) for branch in self.branches], 1)


class Column(nn.Module):
    """Recurrent layers down, up and once more along a column of air (Ukkonen 2022)."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.GRU(10, 16, batch_first=True)
        self.surface = nn.Linear(17, 16)
        self.up = nn.GRU(16, 16, batch_first=True)
        self.both = nn.GRU(32, 16, batch_first=True)
        self.flux = nn.Linear(16, 2)

    def forward(self, x: Tensor, albedo: Tensor) -> Tensor:
        down, last = self.down(x)
        ground = torch.tanh(self.surface(torch.cat([last[0], albedo], 1)))
        down = torch.cat([down, ground.unsqueeze(1)], 1)
        up = self.up(down.flip(1))[0].flip(1)
        return torch.sigmoid(self.flux(self.both(torch.cat([down, up], 2))[0]))


class Mixed(nn.Module):
    """Norms, dropout, a residual, what is computed from weights only, and two inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(10, 24)
        self.norm = nn.BatchNorm1d(24)
        self.layers = nn.Sequential(nn.Linear(24, 24), nn.LayerNorm(24), nn.GELU(), nn.Dropout(0.2), nn.Linear(24, 24, bias=False))
        self.scale = nn.Parameter(torch.rand(24))
        self.last = nn.Linear(24, 3)
        self.register_buffer("offset", torch.randn(3))
        self.constant = torch.tensor([1.0, 2.0, 3.0])

    offset: Tensor

    def forward(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        z = torch.relu(self.norm(self.first(torch.cat([x, y], -1))))
        z = z + self.layers(z) * torch.exp(self.scale)
        out = torch.softmax(self.last(z) + self.offset * 2 + self.constant, -1)
        return out, z.mean(-1, keepdim=True) + out


class Memory(nn.Module):
    """LSTM and GRU of several layers, in both directions, with all they return."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(5, 11, num_layers=2, bidirectional=True, batch_first=True)
        self.gru = nn.GRU(22, 9, bias=False)
        self.start = nn.Parameter(torch.randn(1, 1, 9))

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        y, (h, c) = self.lstm(x)
        z, last = self.gru(y.transpose(0, 1), self.start.expand(1, x.shape[0], 9).contiguous())
        return y, h.transpose(0, 1), c.transpose(0, 1), z.transpose(0, 1), last[0]


class Views(nn.Module):
    """Everything that looks at arrays in another way, and reductions."""

    def __init__(self, middle: int, last: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(last, 4))
        self.other = nn.Parameter(torch.randn(middle, 1))

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        turned = x.permute(0, 3, 1, 2)
        flat = x.flatten(1)
        first, second = flat.chunk(2, 1) if flat.shape[1] > 1 else (flat, flat)
        attention = torch.softmax(x @ x.transpose(-1, -2), -1)
        return (
            turned * 2,
            turned.reshape(x.shape[0], -1),
            x[:, :, :, 1:].sum(-1),
            x[:, 0, :, ::2] + 1,
            x.flip(1, 3) - x,
            first.sum(1),
            second.amax(1, keepdim=True),
            torch.stack([x.sum(1), x.mean(1)], 1),
            torch.cat([x, turned.permute(0, 2, 3, 1).exp()], 3),
            x.amin((1, 3)),
            x.sum((1, 2)) * 0.5,
            x.unsqueeze(2).expand(-1, -1, 2, -1, -1).prod(-1),
            x @ self.weight,
            (x.transpose(2, 3) @ self.other).squeeze(-1),
            attention @ x,
            torch.log_softmax(x, 1),
            nn.functional.layer_norm(x, x.shape[2:]),
            x.unbind(1)[0].tanh(),
            torch.split(x * 3, [1, x.shape[3] - 1], 3)[1].contiguous(),
            torch.ones_like(x)[:, 0] + self.other,
        )


class Entangled(nn.Module):
    """Each sample needs all others."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(x - x.mean(0, keepdim=True))


class Rounding(nn.Module):
    """An argument that changes what an operation does."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.round(x, decimals=2)


class Counting(nn.Module):
    """A buffer that changes."""

    count: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("count", torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        self.count += 1
        return x + self.count


class Sorted(nn.Module):
    """An operation that kernels do not have."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.sort(x)[0]
