"""The longwave scheme's emulator: columns of air, a short training, and the files that the contestants read."""

from __future__ import annotations

import ctypes
import json
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

import pt2ts

N_COLUMNS = 4608
#: The inputs of a column, and how many numbers each has.
FIELDS = {"temperature": 8, "humidity": 8, "cloud": 8, "ozone": 8, "thickness": 8, "surface": 5}
#: How the host stores its arrays, and the option of the export that fits.
STORAGES = {"levels": "torch", "columns": "fortran"}
Array = NDArray[np.float64]


class FromFields(nn.Module):
    """The network on the host's fields, which it brings together itself."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(
        self, temperature: Tensor, humidity: Tensor, cloud: Tensor, ozone: Tensor, thickness: Tensor, surface: Tensor
    ) -> Tensor:
        """Return the fluxes of columns."""
        result: Tensor = self.network(torch.cat([temperature, humidity, cloud, ozone, thickness, surface], 1))
        return result


def columns(count: int, seed: int) -> Array:
    """Return columns of air as ``longwave.f90`` describes them, of all latitudes and some climates."""
    draw = np.random.default_rng(seed)
    boundary = np.array([0, 0.05, 0.15, 0.3, 0.45, 0.6, 0.75, 0.9, 1])
    middle = (boundary[1:] + boundary[:-1]) / 2
    pressure = draw.normal(98500, 2500, (count, 1)).clip(8e4, 1.04e5)
    ground = draw.uniform(235, 308, (count, 1))
    lapse = draw.uniform(0.004, 0.008, (count, 1)) * 287 / 9.81
    temperature = np.maximum(ground * middle**lapse, draw.uniform(195, 220, (count, 1))) + draw.normal(0, 1.5, (count, 8))
    saturated = 0.622 * 611 * np.exp(17.27 * (temperature - 273.15) / (temperature - 35.86)) / (middle * pressure)
    humidity = np.where(middle > 0.2, saturated.clip(0, 0.03) * draw.uniform(0.1, 1, (count, 8)), 3e-6)
    cloud = (draw.random((count, 8)) < 0.2) * (middle > 0.2) * draw.exponential(0.02, (count, 8))
    ozone = draw.uniform(0.7, 1.3, (count, 1)) * (6e-6 * np.exp(-8 * middle) + 4e-8)
    thickness = pressure * np.diff(boundary)
    skin = ground + draw.normal(0, 2, (count, 1))
    others = draw.uniform([0.9, 280, 0.7, 0.27], [1, 1120, 3.6, 0.4], (count, 4))
    return np.concatenate([temperature, humidity, cloud, ozone, thickness, skin, others], 1)


def longwave(library: Path, x: Array) -> Array:
    """Return the fluxes that the scheme computes."""
    flux = np.empty((len(x), 9))
    pointers = [array.ctypes.data_as(ctypes.c_void_p) for array in (np.ascontiguousarray(x), flux)]
    ctypes.CDLL(str(library)).longwave_by_levels(ctypes.c_int32(len(x)), *pointers)
    return flux


def trained(x: Array, flux: Array, seconds: float) -> nn.Sequential:
    """Return a perceptron trained so long. What scales inputs and outputs becomes part of its first and last layer."""
    torch.manual_seed(1)
    first, last = nn.Linear(45, 64), nn.Linear(64, 9)
    network = nn.Sequential(first, nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), last)
    means, deviations = x.mean(0), x.std(0)
    deviations[deviations <= 1e-6 * abs(means)] = np.inf  # what never changes says nothing
    of_x, of_flux = [(torch.tensor(m), torch.tensor(s)) for m, s in ((means, deviations), (flux.mean(0), flux.std(0)))]
    inputs, targets = [((torch.tensor(a) - m) / s).float() for a, (m, s) in ((x, of_x), (flux, of_flux))]
    optimizer = torch.optim.Adam(network.parameters(), 2e-3)
    start = time.perf_counter()
    while (done := (time.perf_counter() - start) / seconds) < 1:
        optimizer.param_groups[0]["lr"] = 2e-3 * (1 - done)
        for batch in torch.randint(len(x), (50, 512)):
            optimizer.zero_grad()
            nn.functional.mse_loss(network(inputs[batch]), targets[batch]).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    with torch.no_grad():
        network.double()
        first.weight /= of_x[1]
        first.bias.sub_(first.weight @ of_x[0])
        last.weight *= of_flux[1][:, None]
        last.bias.copy_(last.bias * of_flux[1] + of_flux[0])
    return network.float().eval()


def write(folder: Path, scheme: Path, seconds: float) -> None:
    """Write the host's columns, what the network makes of them, and the network in all forms, unless nothing has changed."""
    done, sources = folder / "done", [Path(__file__), scheme, *Path(pt2ts.__file__).parent.rglob("*.*")]
    if done.exists() and done.stat().st_mtime > max(source.stat().st_mtime for source in sources if source.suffix != ".pyc"):
        return
    x = columns(200_000, 1)
    network = trained(x, longwave(scheme, x), seconds)
    x = columns(N_COLUMNS, 2)
    x.tofile(folder / "columns.bin")
    example = torch.tensor(x[:64]).float()
    with torch.no_grad():
        network(torch.tensor(x).float()).numpy().tofile(folder / "expected.bin")
    pt2ts.export(network, example, folder / "packed.pt", inputs=["column[batch,45]"], outputs=["flux W/m2"])
    for name, batch in (("plain_any", {0: torch.export.Dim("batch", min=2, max=2**20)}), ("plain_one", {})):
        program = torch.export.export(network, (example if batch else example[:1],), dynamic_shapes=(batch,))
        torch._inductor.aoti_compile_and_package(program, package_path=str(folder / f"{name}.pt2"))
    for storage, layout in STORAGES.items():
        place = folder / storage
        place.mkdir(exist_ok=True)
        for file in ("columns.bin", "packed.pt", "plain_any.pt2", "plain_one.pt2", "weights.bin"):
            (place / file).unlink(missing_ok=True)
            (place / file).symlink_to(f"../{file}")
        form = pt2ts.Package(layout=layout)  # type: ignore[arg-type]
        pt2ts.export(network, example, place / "packed.pt2", inputs=["column[batch,45]"], outputs=["flux W/m2"], format=form)
        fields = {
            name: part.contiguous() for name, part in zip(FIELDS, torch.split(example, list(FIELDS.values()), 1), strict=True)
        }
        declared = [f"{name}[batch,{size}]" for name, size in FIELDS.items()]
        pt2ts.export(FromFields(network), fields, place / "fields.pt2", inputs=declared, outputs=["flux W/m2"], format=form)
        for name in ("packed", "fields"):
            (place / f"{name}.f90").write_text(pt2ts.fortran_module(place / f"{name}.pt2", name, kind="real64"))
        unpack(place / "packed.pt2", place)
    done.touch()


def unpack(package: Path, folder: Path) -> None:
    """Write the kernels of a package, and beside ``folder`` its weights, as ``host.fypp`` expects them."""
    with zipfile.ZipFile(package) as archive:
        members = {Path(name).name: archive.read(name) for name in archive.namelist()}
    contract: dict[str, Any] = json.loads(members["ftorch_spec.json"])
    # Of several for one size the first is the best that this processor can run, which made the file.
    variants = {variant["name"].partition("_")[0]: variant for variant in reversed(contract["variants"])}
    if any(variants.get(name, {}).get("kind") != "kernel" for name in ("b1", "model")):
        raise SystemExit(f"{package} has no kernels for one and for any number of columns: {contract['variants']}")
    if max(variants[name][size] for name in ("b1", "model") for size in ("packed", "workspace")) > 1 << 16:
        raise SystemExit("the kernels need more memory than host.fypp gives them")
    if [weight["offset"] // 4 + 1 for weight in contract["weights"]] != [1, 2881, 2945, 7041, 7105, 7681]:
        raise SystemExit("the weights lie in another order than host.fypp expects")
    for name in ("b1", "model"):
        library = f"ftorch_kernel_{variants[name]['name']}.so"
        (folder / f"kernel_{name}.so").write_bytes(members[library])
    (folder.parent / "weights.bin").write_bytes(members["ftorch_weights.bin"])
