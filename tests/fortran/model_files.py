"""Model files for the tests: good ones of each shape, and every kind of bad file a user may hand in."""

from __future__ import annotations

import json
import os
import warnings
import zipfile
from pathlib import Path

import torch

import pt2ts

SPEC = "ftorch_spec.json"


class Linear(torch.nn.Module):
    """y[i] = sum_j (i + 1) * (j + 1) * x[j] + i: every index matters, all numbers are exact."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(5, 3)
        with torch.no_grad():
            rows = torch.arange(1.0, 4.0)
            self.layer.weight.copy_(rows[:, None] * torch.arange(1.0, 6.0)[None, :])
            self.layer.bias.copy_(rows - 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.layer(x)
        return y


class Pair(torch.nn.Module):
    """Two inputs, two outputs."""

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return x + y, x - 2 * y


class Named(torch.nn.Module):
    """A dictionary of outputs."""

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"twice": 2 * x, "negative": -x}


class Index(torch.nn.Module):
    """100 * row + column + value: shows which index is which."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        rows = torch.arange(x.size(0), dtype=x.dtype)
        columns = torch.arange(x.size(1), dtype=x.dtype)
        return 100 * rows[:, None] + columns[None, :] + x


class Identity(torch.nn.Module):
    """Returns its input itself."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


class Reversed(torch.nn.Module):
    """Returns a view of its input, and its input: results that lie in the caller's memory."""

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return x.t(), x


class Raises(torch.nn.Module):
    """Refuses negative numbers."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if bool((x < 0).any()):
            raise ValueError("temperatures below zero kelvin")
        return x * 1


class Text(torch.nn.Module):
    """Returns no tensor."""

    def forward(self, x: torch.Tensor) -> str:
        return "text" if x.dim() else "no text"


class Nested(torch.nn.Module):
    """A tuple of a tensor, a list and a dictionary."""

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor], dict[str, torch.Tensor]]:
        return x * 1, [x * 2, x * 3], {"b": x * 4, "a": x * 5}


class Several(torch.nn.Module):
    """A list."""

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        return [x * 2, x * 3]


class Narrow(Linear):
    """Returns float32, whatever its weights are."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.layer(x)
        return y.float()


class NoForward(torch.nn.Module):
    """Can be scripted but not called."""

    @torch.jit.export
    def other(self, x: torch.Tensor) -> torch.Tensor:
        return x


class Stormy(torch.nn.Module):
    """Divides by zero, overflows and makes NaN on the way to an honest result, on every thread of a large operation."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        zero = x - x
        huge = torch.exp(x + 1000)
        bad = x / zero + zero / zero + huge - huge + torch.log(zero - 1) + torch.sqrt(zero - 1)
        return torch.where(bad != bad, x + 1, bad)


def write_all(folder: Path) -> None:
    """Write every file that the programs load."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _good(folder)
        _bad(folder)
        _optimizers(folder)


def _optimizers(folder: Path) -> None:
    """Write saved optimizers in the first form of these files, which had the options of all groups in one place."""

    def numbers(*values: float) -> torch.Tensor:
        return torch.tensor(values, dtype=torch.float64)

    groups = {"group.1": numbers(0.25, 0, float("nan"), 1)}
    place = "group.1.parameter.1."
    torch.save({"sgd": numbers(0.9, 0), **groups, f"{place}momentum_buffer": numbers(3, 3)}, folder / "old_sgd.optim")
    moments = {f"{place}{name}": numbers(1, 1) for name in ("exp_avg", "exp_avg_sq", "max_exp_avg_sq")}
    step = {f"{place}step": torch.tensor(1.0)}
    torch.save({"adam": numbers(0.9, 0.999, 1e-8), **groups, **step, **moments}, folder / "old_adam.optim")


def _good(folder: Path) -> None:
    batch = torch.arange(10.0).reshape(2, 5)
    pt2ts.export(Linear(), batch, folder / "linear.pt", inputs=["state[batch,5] float32 K"], outputs=["rate"])
    pt2ts.export(
        Pair(), [torch.ones(2, 3), torch.ones(2, 3)], folder / "pair.pt", inputs=["a[batch,3] float32", "b[batch,3] float32"]
    )
    pt2ts.export(Linear(), batch, folder / "unsampled.pt", golden=False)
    pt2ts.export(Narrow(), batch, folder / "narrow.pt")
    pt2ts.export(Linear(), batch, folder / "zero.pt", inputs=["state[batch,5] float32"], symbols={"batch": (0, None)})
    pt2ts.export(Stormy(), torch.ones(4, 8), folder / "stormy.pt")
    plain = {
        "linear_plain": Linear(),
        "pair_plain": Pair(),
        "named": Named(),
        "index": Index(),
        "identity": Identity(),
        "reversed": Reversed(),
        "raises": Raises(),
        "text": Text(),
        "nested": Nested(),
        "list": Several(),
        "noforward": NoForward(),
        "linear64": Linear().double(),
    }
    for name, module in plain.items():
        torch.jit.save(torch.jit.script(module.eval()), folder / f"{name}.pt")
    strange = folder / "modèle d'été" / "モデル.pt"
    strange.parent.mkdir()
    strange.write_bytes((folder / "linear.pt").read_bytes())


def _bad(folder: Path) -> None:
    good = (folder / "linear.pt").read_bytes()
    (folder / "corrupt.pt").write_bytes(_flipped(folder / "linear.pt", "constants/0", "data/0"))
    (folder / "folder_bit.pt").write_bytes(_marked_as_folder(good))
    (folder / "two_contracts.pt").write_bytes(good)
    with zipfile.ZipFile(folder / "two_contracts.pt", "a") as archive:
        archive.writestr("other/extra/ftorch_spec.json", pt2ts.read_spec(folder / "linear.pt").to_json())
    (folder / "truncated.pt").write_bytes(good[: len(good) // 2])
    (folder / "beheaded.pt").write_bytes(good[:100])
    (folder / "empty.pt").write_bytes(b"")
    (folder / "directory.pt").mkdir()
    os.mkfifo(folder / "pipe.pt")
    (folder / "notes.txt").write_text("this is no model\n")
    with zipfile.ZipFile(folder / "other.zip", "w") as archive:
        archive.writestr("readme", "nothing here")
    torch.save(Linear().state_dict(), folder / "state_dict.pt")
    torch.save(Linear().state_dict(), folder / "old_state_dict.pt", _use_new_zipfile_serialization=False)
    torch.export.save(torch.export.export(Linear(), (torch.ones(2, 5),)), folder / "exported.pt2")

    spec = json.loads(pt2ts.read_spec(folder / "linear.pt").to_json())
    _with_contract(folder / "contract_no_json.pt", '{"format": 1, "inputs": [')
    _with_contract(folder / "contract_no_inputs.pt", json.dumps({k: v for k, v in spec.items() if k != "inputs"}))
    _with_contract(folder / "contract_future.pt", json.dumps({**spec, "format": 99}))
    odd = json.loads(json.dumps(spec))
    odd["inputs"][0]["dtype"] = "float8"
    _with_contract(folder / "contract_dtype.pt", json.dumps(odd))
    odd["inputs"][0]["dtype"] = 32
    _with_contract(folder / "contract_type.pt", json.dumps(odd))
    state, rate = spec["inputs"][0], spec["outputs"][0]
    damage: dict[str, dict[str, object]] = {
        "two_inputs": {"inputs": [state, state]},
        "zero_inputs": {"inputs": []},
        "no_outputs": {"outputs": []},
        "output_rank": {"outputs": [{**rate, "shape": ["batch"]}]},
        "output_dtype": {"outputs": [{**rate, "dtype": "float64"}]},
        "negative": {"inputs": [{**state, "shape": ["batch", -5]}]},
        "fraction": {"inputs": [{**state, "shape": ["batch", 5.5]}]},
        "too_large": {"inputs": [{**state, "shape": ["batch", 2**63]}]},
        "range": {"symbols": {"batch": {"min": 10, "max": 1}}},
        "range_text": {"symbols": {"batch": {"min": "1", "max": None}}},
        "multiple": {"symbols": {"batch": {"min": 1, "max": None, "multiple": 4}}},
        "bound": {"inputs": [{**state, "dtype": "int64", "range": [0, "batch-x"]}]},
        "bound_of_none": {"inputs": [{**state, "dtype": "int64", "range": [0, "nodes-1"]}]},
    }
    for name, changes in damage.items():
        _with_contract(folder / f"contract_{name}.pt", json.dumps({**spec, **changes}))


def _with_contract(path: Path, text: str) -> None:
    torch.jit.save(torch.jit.script(Linear().eval()), path, _extra_files={SPEC: text})


def _marked_as_folder(content: bytes) -> bytes:
    """Set one bit in the table of contents: the last member is a folder, says its attribute."""
    data = bytearray(content)
    data[data.rindex(b"PK\x01\x02") + 38] |= 0x10
    return bytes(data)


def _flipped(path: Path, *endings: str) -> bytes:
    """Bytes of a file with one bit of its weights changed."""
    data = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        entry = next(item for item in archive.infolist() if item.filename.endswith(endings))
    header = entry.header_offset
    start = header + 30 + int.from_bytes(data[header + 26 : header + 28], "little")
    start += int.from_bytes(data[header + 28 : header + 30], "little")
    data[start + entry.file_size // 2] ^= 0x10
    return bytes(data)
