"""What a network consists of, as the contract tells people: layers, weights, and work per sample."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Shape = tuple[int | str, ...]


@dataclass(frozen=True)
class Layer:
    """One layer: a module without modules in it, or one that has weights of its own beside them.

    Attributes
    ----------
    name
        Where it is in the network, as in ``state_dict``; empty for the network itself.
    type
        Name of its class; empty where it is not known.
    parameters
        Number of its own weights.
    shape
        Of its first result, symbols for the sizes that vary; None where it is not known, or where the layer was not called.
    """

    name: str
    type: str
    parameters: int
    shape: Shape | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object."""
        shape = None if self.shape is None else list(self.shape)
        return {"name": self.name, "type": self.type, "parameters": self.parameters, "shape": shape}

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> Layer:
        """Read the JSON object."""
        shape = data["shape"]
        return Layer(str(data["name"]), str(data["type"]), int(data["parameters"]), None if shape is None else tuple(shape))

    def row(self) -> tuple[str, ...]:
        """Return the cells of the table."""
        shape = "" if self.shape is None else "[" + ", ".join(map(str, self.shape)) + "]"
        return self.name or "(itself)", self.type, f"{self.parameters:,}" if self.parameters else "", shape


#: Headings of `Layer.row`.
COLUMNS = ("layer", "type", "parameters", "output")


@dataclass(frozen=True)
class Network:
    """What a network consists of.

    Attributes
    ----------
    parameters
        Number of weights; one that several layers share counts once.
    flops
        Multiplications and additions of matrix products and convolutions for one sample; of one call where there is no batch;
        None where it is not known.
    layers
        In the order in which the module has them.
    """

    parameters: int
    flops: int | None
    layers: tuple[Layer, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object."""
        return {"parameters": self.parameters, "flops": self.flops, "layers": [layer.to_dict() for layer in self.layers]}

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> Network:
        """Read the JSON object."""
        flops = data["flops"]
        layers = tuple(Layer.from_dict(item) for item in data["layers"])
        return Network(int(data["parameters"]), None if flops is None else int(flops), layers)
