"""Weights as trainers and hubs leave them go into the module that they are for, name by name."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

import pt2ts
from pt2ts.errors import LoadError
from pt2ts.sources.load import load_module, load_weights

from ..cli.test_cli import pt2ts_command


class Net(nn.Module):
    """A network with a buffer, and layers within another."""

    def __init__(self, width: int = 3) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(2, width), nn.BatchNorm1d(width))
        self.head = nn.Linear(width, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.head(self.body(x))
        return y


State = dict[str, torch.Tensor]


class Settings(dict):  # type: ignore[type-arg]
    """A dictionary of a trainer's own, as Lightning keeps."""


class Trap:
    """Code that a file would run when it is read the trusting way."""

    def __reduce__(self) -> tuple[Any, ...]:
        return exec, ("import pathlib; pathlib.Path('trapped').touch()",)


def prefixed(state: State, *prefixes: str) -> State:
    return {f"{prefix}{name}": value for prefix in prefixes for name, value in state.items()}


def others(state: State) -> State:
    return {name: value + 1 for name, value in state.items()}


def lightning(state: State) -> dict[str, Any]:
    hyper = Namespace(lr=0.1, widths=[3], device=torch.device("cpu"))
    return {
        "epoch": 3,
        "state_dict": prefixed(state, "net."),
        "hyper_parameters": hyper,
        "own": Settings(a=Trap()),
        "optimizer_states": [{}],
    }


FORMS: dict[str, Callable[[State], Any]] = {
    "plain": lambda state: state,
    "a part of it": lambda state: {"epoch": 1, "model_state_dict": state},
    "Lightning": lightning,
    "torch.compile": lambda state: prefixed(state, "_orig_mod."),
    "on several devices": lambda state: prefixed(state, "module."),
    "both": lambda state: {"model": prefixed(state, "module._orig_mod.")},
    "with a loss": lambda state: {"state_dict": prefixed(state, "model.") | {"loss.weight": torch.ones(2)}},
    "beside averages": lambda state: {"state_dict": state, "ema": {"decay": 0.9, "shadow": others(state)}},
}


@pytest.mark.parametrize("form", FORMS)
def test_what_trainers_write(form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    state = Net().state_dict()
    torch.save(FORMS[form](state), "w.ckpt")
    net = Net()
    load_weights(net, "w.ckpt")
    assert all(torch.equal(value, state[name]) for name, value in net.state_dict().items())
    assert not Path("trapped").exists()


def test_averages_are_named(tmp_path: Path) -> None:
    state = Net().state_dict()
    torch.save(FORMS["beside averages"](state), tmp_path / "w.pt")
    net = Net()
    load_weights(net, str(tmp_path / "w.pt"), key="ema.shadow")
    assert torch.equal(net.head.bias, state["head.bias"] + 1)
    with pytest.raises(LoadError, match="has no weights at 'averages'") as error:
        load_weights(net, str(tmp_path / "w.pt"), key="averages")
    assert error.value.hint == "it has some at state_dict, ema.shadow"


@pytest.mark.parametrize("form", ["file", "folder", "parts"])
def test_safetensors(form: str, tmp_path: Path) -> None:
    state = Net().state_dict()
    names = list(state)
    place = tmp_path / "model.safetensors" if form == "file" else tmp_path
    if form == "parts":
        parts = {"model-1.safetensors": names[:3], "model-2.safetensors": names[3:]}
        for file, some in parts.items():
            save_file({name: state[name] for name in some}, tmp_path / file)
        index = {"weight_map": {name: file for file, some in parts.items() for name in some}}
        (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    else:
        save_file(state, tmp_path / "model.safetensors")
    net = Net()
    load_weights(net, str(place))
    assert all(torch.equal(value, state[name]) for name, value in net.state_dict().items())
    if form == "parts":
        (tmp_path / "model-2.safetensors").unlink()
        with pytest.raises(LoadError, match=r"names the part 'model-2\.safetensors', which is not there"):
            load_weights(net, str(place))


def test_what_does_not_fit(tmp_path: Path) -> None:
    path = str(tmp_path / "w.pt")
    state = Net().state_dict()
    head = state.pop("head.bias")
    torch.save(state | {"tail.bias": head}, path)
    net = Net()
    with pytest.raises(LoadError) as error:
        load_weights(net, path)
    assert "do not fit the module: missing in the file: head.bias; unknown to the module: tail.bias" in error.value.message
    assert "strict=False" in error.value.hint
    notes: list[str] = []
    with pt2ts.report.listening(notes.append):
        found = load_weights(net, path, strict=False)
    assert (found.missing, found.left) == (("head.bias",), ("tail.bias",))
    assert notes == ["weights not in the file: head.bias", "weights not in the module: tail.bias"]
    assert torch.equal(net.head.weight, state["head.weight"])
    with pytest.raises(LoadError, match=r"head.weight is \[1, 5\], in the file \[1, 3\]"):
        load_weights(Net(5), path, strict=False)


@pytest.mark.parametrize(
    ("name", "content"), [("damaged.pt", b"PK\3\4nothing"), ("damaged.safetensors", b"\0" * 20), ("list.pt", None)]
)
def test_no_weights(name: str, content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / name
    torch.save([1, 2], path) if content is None else path.write_bytes(content)
    with pytest.raises(LoadError, match=f"'{path}' holds no weights"):
        load_weights(Net(), str(path))
    with pytest.raises(LoadError, match="has none of the files that hold weights"):
        load_weights(Net(), str(tmp_path))


def test_a_dry_run(tmp_path: Path) -> None:
    layer = nn.Linear(4, 2)
    torch.save({"state_dict": prefixed(layer.state_dict(), "net.") | {"loss.scale": torch.ones(1)}}, tmp_path / "w.ckpt")
    words = ["torch.nn:Linear", "--arg", "in_features=4", "--arg", "out_features=2", "--weights", tmp_path / "w.ckpt"]
    done = pt2ts_command("export", *words, "--dry-run", "-o", tmp_path / "m.pt")
    assert done.code == 0, done.err
    assert [line.split() for line in done.out.splitlines()] == [
        ["in", "the", "file", "at", "'state_dict'", "in", "the", "module", "shape", "remark"],
        ["net.weight", "weight", "[2,", "4]"],
        ["net.bias", "bias", "[2]"],
        ["loss.scale", "[1]", "left:", "of", "something", "else"],
    ]
    assert not (tmp_path / "m.pt").exists()


def test_compiled_modules_are_unwrapped(tmp_path: Path) -> None:
    compiled: Any = torch.compile(Net())
    spec = pt2ts.export(compiled, torch.randn(4, 2), tmp_path / "m.pt")
    assert [item.name for item in spec.inputs] == ["x"]


@pytest.mark.parametrize(
    ("source", "code", "words"),
    [
        (
            "timm:tiny",
            "def create_model(name, pretrained=False): raise OSError('no route to the hub')",
            "timm cannot make 'tiny' (OSError: no route to",
        ),
        ("timm:tiny", "raise ImportError('nothing')", "which is not there"),
        ("timm:tiny", "raise RuntimeError('another build')", "timm is there and cannot be used (RuntimeError: another build)"),
        (
            "hf:me/tiny",
            "class AutoModel:\n    from_pretrained = staticmethod(lambda name: name)",
            "makes a str of 'me/tiny', not a module",
        ),
    ],
)
def test_hubs_that_give_nothing(source: str, code: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library = {"timm": "timm", "hf": "transformers"}[source.partition(":")[0]]
    (tmp_path / f"{library}.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, library, raising=False)
    with pytest.raises(LoadError) as error:
        load_module(source, {})
    sys.modules.pop(library, None)
    assert words in error.value.message
