"""Two networks that learn the radiation in a column: one sees it as a list of numbers, one runs down and up in it.

Both take what is in the layers, from the top, and what is at both ends, and give five fluxes between the layers, W/m2.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

LEVELS, GRAVITY, HEAT, STEFAN, CONSTANT = 40, 9.81, 1004.0, 5.670374e-8, 1361.0
#: What the host calls what goes in and comes out.
LAYERS = ("t", "vapour", "ozone", "cloud", "pressure", "thickness")
INPUTS = (*LAYERS, "ground", "albedo", "height_of_sun", "sun", "co2")
FLUXES = ("long_down", "long_up", "direct", "short_down", "short_up")
#: Doubling steps: enough for 2**7 layers; the contract admits no more.
DOUBLINGS = 7


def earlier(values: Tensor, layers: int, outside: float) -> Tensor:
    """Return what is so many layers above each layer, and ``outside`` where that is outside of the column.

    Parameters
    ----------
    values
        [batch, layer, channel].
    """
    beyond = values.new_full((values.shape[0], layers, values.shape[2]), outside)
    return torch.cat((beyond, values), 1)[:, : values.shape[1]]


def passing(keep: Tensor) -> Tensor:
    """Return what is left between all layers of 1 above them, if each keeps a share of it.

    Two neighbours are one layer of the same kind: so 1, 2, 4, 8 ... are put together. No loop runs over the layers, and their
    number stays free, in compiled packages too.
    """
    top = torch.ones_like(keep[:, :1])
    for doubling in range(DOUBLINGS):
        keep = keep * earlier(keep, 2**doubling, 1.0)
    return torch.cat((top, keep), 1)


def run_down(keep: Tensor, add: Tensor, top: Tensor) -> Tensor:
    """Return a state between all layers that becomes ``keep * state + add`` in each, and is ``top`` [batch, 1, channel] above."""
    for doubling in range(DOUBLINGS):
        add = add + keep * earlier(add, 2**doubling, 0.0)
        keep = keep * earlier(keep, 2**doubling, 1.0)
    return torch.cat((top, keep * top + add), 1)


def run_up(keep: Tensor, add: Tensor, ground: Tensor) -> Tensor:
    """Return the same for a state that is ``ground`` below."""
    return run_down(keep.flip(1), add.flip(1), ground).flip(1)


def reflectivity(reflect: Tensor, through: Tensor, ground: Tensor) -> Tensor:
    """Return what is reflected by all that is below, between all layers.

    With r below it, a layer reflects ``reflect + through**2 * r / (1 - reflect * r)``, which is ``(a r + b) / (c r + 1)``; two
    layers one after the other are of this form, too.
    """
    a, b, c = (through**2 - reflect**2).flip(1), reflect.flip(1), -reflect.flip(1)
    for doubling in range(DOUBLINGS):
        layers = 2**doubling
        below_a, below_b, below_c = earlier(a, layers, 1.0), earlier(b, layers, 0.0), earlier(c, layers, 0.0)
        share = 1 / (1 + c * below_b)
        a, b, c = (a * below_a + b * below_c) * share, (a * below_b + b) * share, (c * below_a + below_c) * share
    return torch.cat((ground, (a * ground + b) / (c * ground + 1)), 1).flip(1)


def perceptron(inputs: int, width: int, outputs: int) -> nn.Sequential:
    """Return a perceptron with one hidden layer."""
    return nn.Sequential(nn.Linear(inputs, width), nn.Tanh(), nn.Linear(width, outputs))


class Recurrent(nn.Module):
    """States that run down and up the column. Perceptrons that see one layer say what it does to them.

    In the longwave a state is the radiation in one of the channels: one runs down, one up. In the shortwave the beam of the sun
    runs down, what all below reflects runs up, so does the light that the beam has become, and diffuse light runs down. How much a
    layer keeps follows from depths, which are proportional to what there is in it: two layers do what one of twice the size does.
    """

    def __init__(self, channels: int = 8, width: int = 16) -> None:
        super().__init__()
        self.gases = perceptron(3, width, 6 * channels)
        self.emission = nn.Linear(2, channels)
        self.drops = nn.Parameter(torch.tensor([[4.5], [3.5], [-2.0]]).repeat(1, channels))
        self.scatter = nn.Parameter(torch.linspace(1.0, -4.0, channels))
        self.sunlight = nn.Parameter(torch.zeros(channels))
        self.layer = perceptron(3, width, 4)
        strong = torch.linspace(-5.0, 3.0, channels)  # lines and gaps between them, to begin with
        with torch.no_grad():
            self.gases[2].bias.copy_(torch.cat((strong, strong - 1, strong + 3, strong - 3, strong - 4, strong + 3)))

    def forward(
        self, t: Tensor, vapour: Tensor, ozone: Tensor, cloud: Tensor, pressure: Tensor, thickness: Tensor,
        ground: Tensor, albedo: Tensor, height_of_sun: Tensor, sun: Tensor, co2: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:  # fmt: skip
        """Return long_down, long_up, direct, short_down, short_up."""
        mass = (thickness / GRAVITY).unsqueeze(2)
        known = torch.stack(((t - 250) / 40, torch.log(vapour) / 4 + 2, torch.log(pressure / 30_000)), 2)
        strength, drops = torch.exp(self.gases(known)).chunk(6, 2), torch.exp(self.drops)
        water, o3, drop = mass * vapour.unsqueeze(2), mass * ozone.unsqueeze(2), mass * cloud.unsqueeze(2)
        air = mass / 1e4
        carbon = air * co2[:, None, None] / 300

        depth = strength[0] * water + strength[1] * carbon + strength[2] * o3 + drops[0] * drop
        long_down, long_up = self.longwave(torch.exp(-depth), self.emitted(t), self.emitted(ground.unsqueeze(1)))

        absorbed = strength[3] * water + strength[4] * carbon + strength[5] * o3 + drops[2] * drop
        scattered = torch.exp(self.scatter) * air + drops[1] * drop
        direct, short_down, short_up = self.shortwave(absorbed, scattered, albedo[:, None, None], height_of_sun[:, None, None])
        return long_down, long_up, direct * sun.unsqueeze(1), short_down * sun.unsqueeze(1), short_up * sun.unsqueeze(1)

    def longwave(self, keep: Tensor, emitted: Tensor, ground: Tensor) -> tuple[Tensor, Tensor]:
        """Return the fluxes down and up. Nothing comes down from what is below, nothing up from what is above."""
        add = (1 - keep) * emitted
        return run_down(keep, add, torch.zeros_like(ground)).sum(2), run_up(keep, add, ground).sum(2)

    def shortwave(self, absorbed: Tensor, scattered: Tensor, albedo: Tensor, mu: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the direct beam and the fluxes down and up, as shares of the sunlight at the top."""
        depth = absorbed + scattered
        what = self.layer(torch.stack((scattered / depth, mu.expand_as(depth), torch.log(depth) / 4), 3))
        left, back = torch.exp(-absorbed * torch.exp(what[..., 0])), scattered * torch.exp(what[..., 1])
        reflect, through = left * back / (1 + back), left / (1 + back)
        # Of what leaves the beam in a layer, some is absorbed there, some goes on downward, some turns back.
        keep = torch.exp(-depth / mu)
        from_beam = (1 - keep) * scattered / (scattered + absorbed * torch.exp(what[..., 2]))
        turned = torch.sigmoid(what[..., 3])

        beam = passing(keep)
        bottom = albedo.expand_as(keep[:, :1])
        below = reflectivity(reflect, through, bottom)
        pass_on = through / (1 - reflect * below[:, 1:])
        into, out = from_beam * (1 - turned) * beam[:, :-1], from_beam * turned * beam[:, :-1]
        rising = run_up(pass_on, out + pass_on * below[:, 1:] * into, bottom * beam[:, -1:])
        gain = (reflect * rising[:, 1:] + into) / (1 - reflect * below[:, 1:])
        diffuse = run_down(pass_on, gain, torch.zeros_like(bottom))
        light = torch.softmax(self.sunlight, 0)
        return (beam * light).sum(2), ((beam + diffuse) * light).sum(2), ((below * diffuse + rising) * light).sum(2)

    def emitted(self, t: Tensor) -> Tensor:
        """Return what a black body of temperature ``t`` [batch, layer] emits in each channel."""
        warm = ((t - 250) / 40).unsqueeze(2)
        return STEFAN * t.unsqueeze(2) ** 4 * torch.softmax(self.emission(torch.cat((warm, warm**2), 2)), 2)


class Plain(nn.Module):
    """A perceptron that knows nothing of columns: all numbers in, all fluxes out. Sunlight is a factor outside of it.

    Layers have no other place than in the training, so where they lie is nothing to learn from.
    """

    def __init__(self, fluxes: Tensor, width: int = 128) -> None:
        super().__init__()
        self.register_buffer("mean", fluxes.mean(0))
        self.register_buffer("scale", fluxes.std(0) + 1e-3)
        self.layers = nn.Sequential(
            nn.Linear(4 * LEVELS + 4, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(),
            nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 5 * (LEVELS + 1)),
        )  # fmt: skip

    def forward(
        self, t: Tensor, vapour: Tensor, ozone: Tensor, cloud: Tensor, pressure: Tensor, thickness: Tensor,  # noqa: ARG002
        ground: Tensor, albedo: Tensor, height_of_sun: Tensor, sun: Tensor, co2: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:  # fmt: skip
        """Return long_down, long_up, direct, short_down, short_up."""
        ends = torch.stack(((ground - 250) / 40, albedo * 2 - 1, height_of_sun * 2 - 1, torch.log(co2 / 300)), 1)
        o3 = torch.log(ozone * 1e6 + 1e-3) / 4
        known = (t - 250) / 40, torch.log(vapour) / 4 + 2, o3, torch.log1p(cloud * 1e6) / 3
        fluxes = (self.layers(torch.cat((*known, ends), 1)) * self.scale + self.mean).reshape(-1, 5, LEVELS + 1)
        bright = sun.unsqueeze(1) / CONSTANT
        return fluxes[:, 0], fluxes[:, 1], fluxes[:, 2] * bright, fluxes[:, 3] * bright, fluxes[:, 4] * bright


#: Of each input: its unit, and what it is.
UNITS = {
    "t": ("K", "temperature of the layers, from the top"),
    "vapour": ("kg/kg", "water vapour"),
    "ozone": ("kg/kg", "ozone"),
    "cloud": ("kg/kg", "cloud water"),
    "pressure": ("Pa", "in the middle of a layer"),
    "thickness": ("Pa", "from the top of a layer to its bottom"),
    "ground": ("K", "temperature of the surface"),
    "albedo": ("1", "of the surface"),
    "height_of_sun": ("1", "cosine of the zenith angle"),
    "sun": ("W/m2", "sunlight at the top, on a flat surface"),
    "co2": ("1e-6", "carbon dioxide, by volume"),
}


def contract(inputs: tuple[Tensor, ...], levels: str) -> dict[str, list[str]]:
    """Return what the file says of inputs and outputs, with the ranges of the training where they do not depend on the levels."""
    declared = []
    for name, values in zip(INPUTS, inputs, strict=True):
        unit, what = UNITS[name]
        shape = f"batch,{levels}" if name in LAYERS else "batch"
        known = "" if name in ("ozone", "pressure", "thickness") else f" {values.min().item():.3g}..{values.max().item():.4g}"
        declared.append(f"{name}[{shape}] float32 {unit}{known} -- {what}")
    return {"inputs": declared, "outputs": [f"{name} W/m2" for name in FLUXES]}
