"""Parts of PyTorch that are not public: all that are used are there, and of one that is gone name and version are told."""

from __future__ import annotations

import ast
import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

import pt2ts
from pt2ts.errors import UnsupportedTorchError
from pt2ts.pytorch import inductor, operators, products, symbols, torchscript, tracing, trees
from pt2ts.pytorch.private import private

HOME = Path(pt2ts.__file__).parent
LINEAR = torch.nn.Linear(2, 2)


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    private.cache_clear()
    yield
    private.cache_clear()


def gone(name: str) -> str:
    """Return a pattern of the message."""
    return f"PyTorch {re.escape(torch.__version__)} has no {name}"


def options() -> set[str]:
    """Return the names of all options of AOTInductor that are ever given."""
    made: list[dict[str, Any]] = [dict(inductor.COMMON), dict(inductor.SOURCES), dict(inductor.ON_THE_STACK)]
    made.append(inductor.recipe_options(freeze=True, autotune=True, keep_layout=True))
    made += [inductor.weights_inside(True), inductor.machine_options("g++", "native", 256, 1), {"aot_inductor.output_path": ""}]
    return {name for table in made for name in table} - {"cpp.march"}


@pytest.mark.parametrize("name", sorted(options()))
def test_options_of_the_compiler_are_there(name: str) -> None:
    private(f"torch._inductor.config.{name}")


@pytest.mark.parametrize("option", ["the option", "no option"])
def test_code_is_for_the_machine_that_was_asked_for(option: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """PyTorch before 2.13 has no option for that."""
    there = hasattr(torch._inductor.config.cpp, "march")
    if option == "no option" and there:  # without it, the newer ones do what the older ones do always
        monkeypatch.setattr(inductor, "private", lambda name: object() if name.endswith("config.cpp") else private(name))
    made = {**inductor.COMMON, **inductor.SOURCES, **inductor.machine_options("g++", "x86-64-v2", 1, 1)}
    example = torch.ones(1, 2)
    program: Any = torch.export.export(LINEAR, (example,)).module(check_guards=False)
    with torch.no_grad():
        files = inductor.aot_compile(program, [example], made, tmp_path)
    (flags,) = (file for file in files if file.name.endswith("compile_flags.json"))
    words = json.loads(flags.read_text())["cflags"]
    assert [word for word in words if word.startswith("march")] == ["march=x86-64-v2"]


def test_an_option_that_is_gone_is_named() -> None:
    with pytest.raises(UnsupportedTorchError, match=gone(r"torch\._inductor\.config\.cpp\.speed")):
        inductor.aot_compile(LINEAR, [], {"cpp.speed": 9}, Path())


#: Every private part, with a use of it.
USES: dict[str, Callable[[], object]] = {
    "torch._inductor.aot_compile": lambda: inductor.aot_compile(LINEAR, [], {}, Path()),
    "torch._inductor.config.cpp": lambda: inductor.aot_compile(LINEAR, [], {}, Path()),
    "torch._inductor.codegen.cpp.TilingSelect": lambda: inductor.aot_compile(LINEAR, [], {}, Path()),
    "torch._inductor.cpp_builder": lambda: inductor.aot_compile(LINEAR, [], {}, Path()),
    "torch._inductor.runtime.cache_dir_utils.cache_dir": inductor.cache_folder,
    "torch._inductor.codegen": inductor.interface_source,
    "torch._inductor.config.aot_inductor": inductor.wrapper_level,
    "torch._inductor.lowering.lowerings": lambda: inductor.writes_itself(torch.ops.aten.relu.default),
    "torch._inductor.lowering.fallbacks": lambda: inductor.writes_itself(torch.ops.aten.relu.default),
    "torch._C._aoti.AOTIModelPackageLoader": lambda: inductor.open_model(Path("none.pt2"), "model"),
    "torch.fx.experimental.symbolic_shapes.ShapeEnv": tracing.fake_mode,
    "torch._subclasses.FakeTensorMode": tracing.fake_mode,
    "torch.utils._python_dispatch.TorchDispatchMode": lambda: products.with_factors(torch.relu),
    "torch.fx.experimental.symbolic_shapes.DimDynamic": lambda: tracing.fake(None, torch.ones(1), [True]),
    "torch.fx.experimental.symbolic_shapes.StatelessSymbolicContext": lambda: tracing.fake(None, torch.ones(1), [True]),
    "torch.fx.experimental.proxy_tensor.make_fx": lambda: tracing.record(torch.relu, [torch.ones(1)], {}),
    "torch.fx.experimental._config.backed_size_oblivious": lambda: symbols.ones_like_others().__enter__(),
    "torch.utils._pytree.tree_is_leaf": lambda: trees.opened([1]),
    "torch.utils._pytree.tree_flatten": lambda: trees.opened([1]),
    "torch.utils._pytree.tree_flatten_with_path": lambda: trees.opened([1]),
    "torch.utils._pytree.tree_unflatten": lambda: trees.refilled([1], [2]),
    "torch._decomp.get_decompositions": lambda: tracing.decompositions([torch.ops.aten.relu]),
    "torch._ops.OpOverload": lambda: operators.is_operator(torch.ops.aten.relu.default),
    "torch._C._dispatch_has_kernel": lambda: operators.has_kernel("aten::relu"),
    "torch._C._dispatch_has_kernel_for_dispatch_key": lambda: operators.is_composite("aten::relu"),
    "torch._C._dispatch_dump": lambda: operators.where_registered("aten::relu"),
    "torch.ops.higher_order.wrap_with_autocast": lambda: operators.is_autocast(None),
    "torch.jit._recursive": lambda: torchscript.script(Unscriptable()),
}


class Unscriptable(torch.nn.Module):
    """TorchScript has no sets."""

    def forward(self, x: torch.Tensor) -> object:
        """Return what it cannot."""
        return {x}


def used() -> set[str]:
    """Return the names that the sources ask for."""
    found = set()
    for file in (HOME / "pytorch").glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "private" and isinstance(node.args[0], ast.Constant):
                found.add(str(node.args[0].value))
    return found


def test_every_part_is_tried() -> None:
    assert used() <= set(USES)


@pytest.mark.parametrize("name", USES)
def test_a_part_is_there(name: str) -> None:
    private(name)


@pytest.mark.parametrize("name", USES)
def test_a_part_that_is_gone_is_named_with_the_version(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    parent, _, last = name.rpartition(".")
    private(name)
    private.cache_clear()
    holder = private(parent)
    private.cache_clear()
    fixed = {"torch.ops.higher_order": operators, "torch._inductor.config": inductor, "torch.fx.experimental._config": symbols}
    if module := fixed.get(parent):  # of which nothing can be taken away
        monkeypatch.setattr(module, "private", lambda wanted: private(wanted + "_of_another_version"))
    else:
        monkeypatch.delattr(holder, last)
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(UnsupportedTorchError) as caught:
        USES[name]()
    assert f"PyTorch {torch.__version__} has no {name}" in caught.value.message
    assert "install a version that this pt2ts is made for (torch" in caught.value.hint


@pytest.mark.parametrize(
    ("use", "name"),
    [
        (lambda value: symbols.hint(value), "node.hint"),
        (lambda value: symbols.expression(value), "node.expr"),
        (lambda value: symbols.given_names(value, None), "node.shape_env"),
        (lambda value: symbols.given_names(SimpleNamespace(node=SimpleNamespace(shape_env=value)), None), "source_name_to_debug"),
        (lambda value: torchscript.has_forward(value), "_c._has_method"),
    ],
)
def test_parts_of_objects(use: Callable[[Any], object], name: str) -> None:
    with pytest.raises(UnsupportedTorchError, match=gone(f".*{name}")):
        use(SimpleNamespace(node=SimpleNamespace()))


def test_sizes_of_a_program() -> None:
    batch = torch.export.Dim("batch", min=2)
    program = torch.export.export(LINEAR, (torch.ones(5, 2),), dynamic_shapes=({0: batch},))
    size = next(node.meta["val"] for node in program.graph.nodes if node.name == "input").shape[0]
    assert symbols.hint(size) == 5
    assert symbols.hint(3) == 3
    (symbol,) = symbols.expression(size).free_symbols
    assert symbols.given_names(size, symbol) == {"batch"}


def test_nothing_private_is_used_elsewhere() -> None:
    """What begins with an underscore in PyTorch is named in one folder."""
    for file in HOME.rglob("*.py"):
        if "pytorch" in file.parts or "template" in file.parts:
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            path = ast.unparse(node) if isinstance(node, ast.Attribute) else ""
            module = str(node.module) if isinstance(node, ast.ImportFrom) else ""
            names = [name.name for name in node.names] if isinstance(node, ast.Import) else []
            for text in (path, module, *names):
                private_part = text.startswith("torch.") and any(
                    part.startswith("_") and not part.startswith("__") for part in text.split(".")[:3]
                )
                assert not private_part, f"{file.name}: {text}"
