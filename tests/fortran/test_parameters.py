"""What a model keeps: parameters, buffers, modes, copies and states, against eager PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import pt2ts
from pt2ts.contract.golden import Golden

from . import networks
from .conftest import Build, Run

Lines = Callable[[str], dict[str, list[list[str]]]]


@pytest.fixture(scope="module")
def folder(models: Path) -> Path:
    networks.write_all(models)
    return models


@pytest.fixture(scope="module")
def lines(build: Build, run: Run, folder: Path) -> Lines:
    """Run a scenario: what it printed, by the first word of the line."""

    def of(scenario: str) -> dict[str, list[list[str]]]:
        assert folder.is_dir()
        done = run(build("parameters.f90"), scenario)
        assert done.returncode == 0, done.stderr
        found: dict[str, list[list[str]]] = {}
        for line in done.stdout.splitlines():
            name, _, rest = line.partition(" ")
            found.setdefault(name, []).append(rest.split())
        assert found["live"] == [["0"]]
        return found

    return of


def tensor(words: list[str]) -> torch.Tensor:
    return torch.tensor([float(word) for word in words])


def close(words: list[str], expected: torch.Tensor, rounding: float = 0.0) -> bool:
    """Whether printed numbers are those of a tensor, up to the rounding of another order of sums."""
    return torch.allclose(tensor(words), expected.detach().float().flatten(), rtol=1e-5, atol=1e-6 + 8 * rounding)


def running_mean(module: torch.nn.Module) -> torch.Tensor:
    return dict(module.named_buffers())["norm.running_mean"]


def golden(path: Path) -> Golden:
    found = pt2ts.read_golden(path)
    assert found is not None
    return found


def flat(module: torch.nn.Module) -> torch.Tensor:
    return torch.nn.utils.parameters_to_vector(module.parameters()).detach()


def train(module: torch.nn.Module, steps: int) -> None:
    optim = torch.optim.SGD(module.parameters(), lr=0.1)
    for _ in range(steps):
        optim.zero_grad()
        (module(networks.input_values().to(flat(module).dtype)) ** 2).mean().backward()
        optim.step()


def rounding_of(module: torch.nn.Module, steps: int) -> float:
    """Return how far a network that was trained so many steps is from one in float64: batch normalization magnifies rounding."""
    exact = networks.network().train().double()
    train(exact, steps)
    return float((flat(module) - flat(exact)).abs().max())


def test_names(lines: Lines) -> None:
    found, module = lines("names"), networks.network()
    assert found["parameters"] == [[name for name, _ in module.named_parameters()]]
    assert found["buffers"] == [[name for name, _ in module.named_buffers()]]
    assert found["counts"] == [["6", "3", str(flat(module).numel())]]
    assert torch.equal(tensor(found["flat"][0]), flat(module))
    assert (found["inputs"], found["outputs"]) == ([["x"]], [["y"]])
    assert found["none"] == [[], []]
    status, count, *message = found["deleted"][0]
    assert (status, count) == ("2", "0")
    assert "torch_model_input_names: model is not initialised" in " ".join(message)
    assert found["tied"] == [["a.weight", "a.bias", "b.bias"]]


def test_by_name(lines: Lines) -> None:
    found, module, x = lines("by_name"), networks.network(), networks.input_values()
    assert tensor(found["shared"][0]).tolist() == [1, 2, 3]
    with torch.no_grad():
        module.head.bias.copy_(torch.tensor([1.0, 20.0, 3.0]))
        module.encoder.weight.copy_(torch.arange(1.0, 41).reshape(5, 8).t() / 40)
    assert close(found["after"][0], module(x))
    assert tensor(found["converted"][0]).tolist() == [0.5, 0.25, 0.125]
    assert torch.equal(tensor(found["matrix"][0]), module.encoder.weight[:, 1])
    assert tensor(found["ones"][0]).tolist() == [1] * 8
    with torch.no_grad():
        module.head.bias.copy_(torch.tensor([0.5, 0.25, 0.125]))
        module.norm.bias.zero_()
        module.norm.weight.fill_(1)
        running_mean(module).fill_(0.5)
    assert close(found["buffers"][0], module(x))
    assert found["7"] == [[]]


def test_freeze(lines: Lines) -> None:
    found = lines("freeze")
    assert found["loaded"] == [["T"] * 6]  # as the file has them
    assert found["none"] == [["F"] * 6]
    assert found["all"] == [["T"] * 6]
    assert found["encoder.*"] == [["F", "F", "T", "T", "T", "T"]]
    assert found["*.b?as"] == [["F", "F", "T", "F", "T", "F"]]
    assert found["head.bias"] == found["copied"] == [["F", "F", "T", "F", "T", "T"]]


def test_modes(lines: Lines) -> None:
    found, module = lines("modes"), networks.network().train()
    assert found["loaded"] == found["eval"] == [["F"]]
    assert found["train"] == [["T"]]
    train(module, 5)
    rounding = rounding_of(module, 5)
    assert rounding < 1e-4
    assert close(found["mean"][0], running_mean(module), rounding)
    assert close(found["weights"][0], flat(module), rounding)
    assert close(found["inference"][0], module.eval()(networks.input_values()), rounding)


def test_inference_uses_the_present_weights(lines: Lines) -> None:
    found, module, x = lines("inference"), networks.network(), networks.input_values()
    assert close(found["before"][0], module(x))
    train(module, 3)
    assert close(found["steps"][0], module(x))
    torch.nn.utils.vector_to_parameters(torch.full_like(flat(module), 0.25), module.parameters())
    assert close(found["unflatten"][0], module(x))
    module = networks.network()
    assert close(found["state"][0], module(x))
    train(module.train(), 1)
    module.eval()
    assert found["modes"][0] == found["modes"][1]
    assert close(found["modes"][0], module(x))
    moved, moved_and_trained = found["moved"][0], found["moved"][1][2:]
    assert close(moved, module(x))
    train(module, 1)
    assert close(moved_and_trained, module(x))


def test_copy(lines: Lines) -> None:
    found, module, x = lines("copy"), networks.network(), networks.input_values()
    assert close(found["model"][0], module(x))
    assert found["twin"] == found["model"][:1]
    assert found["changed"] == found["name"] != found["twin"]
    train(module, 2)
    assert close(found["trained"][0], module(x))
    assert set(tensor(found["model"][1]).tolist()) == {0.5}
    train(module, 1)
    assert close(found["alone"][0], module(x))


def test_gradients(lines: Lines) -> None:
    found, module = lines("gradients"), networks.network()
    size = flat(module).numel()
    assert tensor(found["none"][0]).tolist() == tensor(found["zero"][0]).tolist() == [0] * size
    (module(networks.input_values()) ** 2).mean().backward()
    expected = torch.cat(
        [0 * p.flatten() if p.grad is None or "encoder" in n else p.grad.flatten() for n, p in module.named_parameters()]
    )
    assert close(found["gradients"][0], expected)
    assert close(found["stepped"][0], flat(module) - 0.2 * expected)
    assert tensor(found["set"][0]).tolist() == [0.0] * 48 + [1.0] * (size - 48)


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(a[k].dtype == b[k].dtype and torch.equal(a[k], b[k]) for k in a)


def test_states(lines: Lines, folder: Path) -> None:
    found, module = lines("states"), networks.Network()
    module.load_state_dict(networks.python_state())
    assert torch.equal(tensor(found["weights"][0]), flat(module))
    saved = torch.load(folder / "fortran.state", weights_only=True)
    assert same(saved, networks.python_state())
    networks.Network().load_state_dict(saved, strict=True)
    with torch.no_grad():
        module.head.bias.copy_(torch.tensor([7.0, 8.0, 9.0]))
    assert torch.equal(tensor(found["partial"][0]), flat(module))
    tied = networks.Tied()
    tied.load_state_dict(networks.tied_state())
    assert torch.equal(tensor(found["tied"][0]), flat(tied))
    assert set(torch.load(folder / "tied_fortran.state", weights_only=True)) == {*networks.tied_state(), "scale"}
    assert same(torch.load(folder / "wide_fortran.state", weights_only=True), networks.wide_state())


def test_state_holds_no_more_than_the_tensors(lines: Lines, folder: Path) -> None:
    lines("states")
    state = torch.load(folder / "wide_fortran.state", weights_only=True)
    assert all(t.untyped_storage().nbytes() == t.numel() * t.element_size() for t in state.values())


def test_sample_follows_the_weights(lines: Lines, folder: Path) -> None:
    found, module = lines("sample"), networks.network()
    assert found["refused"][0][0] == "1"
    assert "the weights have changed since the model was loaded" in " ".join(found["refused"][0])
    assert found["still"] == [["T"]]
    assert found["model"] == found["file"]
    assert tensor(found["difference"][0]).tolist() == [0]
    train(module.train(), 3)
    assert close(found["file"][0], module.eval()(networks.input_values()))
    assert pt2ts.read_spec(folder / "trained.pt") == pt2ts.read_spec(folder / "network.pt")
    before, unchanged, after = (golden(folder / f"{name}.pt") for name in ("network", "unchanged", "trained"))
    assert torch.equal(before.outputs[0], unchanged.outputs[0])
    assert torch.equal(before.inputs[0], after.inputs[0])
    assert torch.allclose(after.outputs[0], module(networks.input_values()), rtol=1e-5, atol=1e-6)
    assert all(finding.passed for finding in pt2ts.verify(folder / "trained.pt"))
    assert not torch.jit.load(folder / "trained.pt").training  # type: ignore[no-untyped-call]


def test_another_dtype(lines: Lines, folder: Path) -> None:
    found, module = lines("double"), networks.network().double()
    got = torch.tensor([float(word) for word in found["double"][0]], dtype=torch.float64)
    assert torch.allclose(got, module(networks.input_values().double()).detach().flatten(), rtol=1e-13, atol=1e-14)
    assert found["counter"] == [["4"]]
    spec = pt2ts.read_spec(folder / "double.pt")
    assert [spec.inputs[0].dtype, spec.outputs[0].dtype] == ["float64", "float64"]
    assert all(finding.passed for finding in pt2ts.verify(folder / "double.pt"))


def test_random_state(lines: Lines) -> None:
    found = lines("random")
    torch.manual_seed(11)
    assert found["first"] == found["second"]
    assert torch.equal(tensor(found["first"][0]), torch.rand(3))
