"""``pt2ts.export`` of compiled packages: what the file does, what its contract says, what is refused."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import pt2ts
from pt2ts.capture.program import flat_module, from_bytes
from pt2ts.capture.trials import Trial
from pt2ts.compile.assemble import Assembled
from pt2ts.compile.fuse import can_fuse, fuse_linear
from pt2ts.compile.work import largest_loop, serial_limit
from pt2ts.container.package import PROGRAM, read_members
from pt2ts.contract.formats import choose_files
from pt2ts.contract.former import takes_options
from pt2ts.contract.layout import with_layout
from pt2ts.pytorch import torchscript
from pt2ts.runtime.runner import PackageRunner
from pt2ts.verification import package as package_check

from .. import package_modules as modules
from .. import user_modules
from ..conftest import PACKAGES, sha256

X = torch.ones(4, 5)


def module_of(name: str) -> torch.nn.Module:
    """Return the module that the fixture of this name was made from."""
    torch.manual_seed(0)
    return PACKAGES[name][0]().eval()


# ------------------------------------------------------------------------------------------------- what is in the file


def test_the_contract_names_everything(column: Path) -> None:
    spec = pt2ts.read_spec(column)
    assert (spec.kind, spec.isa, spec.precision, len(spec.digest)) == ("inference", "x86-64-v3", None, 64)
    assert [(item.name, item.layout) for item in spec.inputs] == [("column", "fortran")]
    variants = {item.name: item for item in spec.variants}
    assert list(variants)[-2:] == ["model", "fallback"]
    assert variants["model"].sizes == {}
    assert variants["model"].weights == "shared"
    assert variants["model"].isa is not None
    assert "avx2" in variants["model"].isa["flags"]
    assert (variants["fallback"].kind, variants["fallback"].isa) == ("torchscript", None)
    assert variants["b1"].sizes == {"batch": (1, 1)}
    state = module_of("column").state_dict()
    assert {item.name for item in spec.weights} == set(state)
    assert {item.name for item in spec.weights if item.parameter} == {name for name, _ in module_of("column").named_parameters()}
    assert all(item.shape == tuple(state[item.name].shape) for item in spec.weights)


def members_of(path: Path) -> list[str]:
    with zipfile.ZipFile(path) as archive:
        return [name.partition("/")[2] for name in archive.namelist()]


def test_the_members_are_those_of_the_documentation(column: Path, narrow: Path) -> None:
    names = members_of(column)
    expected = ["fallback.pt", "golden.pt", "program.pt2", "weights.bin", "spec.json"]
    assert [name for name in names if name.startswith("extra/ftorch_") and "kernel" not in name] == [
        f"extra/ftorch_{name}" for name in expected
    ]
    assert "extra/ftorch_kernel_model.so" in names
    names += members_of(narrow)
    assert any(name.startswith("data/aotinductor/model/") and name.endswith(".so") for name in names)
    with zipfile.ZipFile(narrow) as archive:  # the module's structure in plain text is nobody's business
        assert not any(item.file_size for item in archive.infolist() if item.filename.endswith(".cpp"))


def test_weights_and_program_are_those_of_the_module(column: Path) -> None:
    runner, net = PackageRunner(column), module_of("column")
    assert all(torch.equal(runner.weights[name], value) for name, value in net.state_dict().items())
    members = read_members(column)
    assert len(members[PROGRAM]) < 100_000
    program = from_bytes(members[PROGRAM], runner.weights)
    x = with_layout(torch.randn(7, 5), "fortran")
    assert torch.allclose(program.module()(x)[0], net(x))


def test_every_variant_does_what_the_module_does(column: Path) -> None:
    runner, net = PackageRunner(column), module_of("column")
    for variant in runner.spec.variants:
        for rows in (1, 2, 33):
            if variant.admits({"batch": rows}):
                x = torch.randn(rows, 5)
                assert torch.allclose(runner.call(variant)(x)[0], net(x), atol=1e-6), (variant.name, rows)


def test_compiled_code_takes_the_strides_of_the_contract(column: Path) -> None:
    runner, net = PackageRunner(column), module_of("column")
    model = next(item for item in runner.spec.variants if item.name == "model")
    for rows in (2, 5, 33):
        x = torch.randn(rows, 5)
        (result,) = runner.load(model)([with_layout(x, "fortran")])
        assert torch.allclose(result, net(x), atol=1e-6)


def test_replaced_weights_are_used_by_all_that_share_them(column: Path) -> None:
    net = module_of("column")
    with torch.no_grad():
        for weight in net.parameters():
            weight.mul_(1 + torch.rand(weight.shape))
    runner, x = PackageRunner(column, dict(net.state_dict())), torch.randn(1, 5)
    shared = [item for item in runner.spec.variants if item.weights == "shared"]
    assert shared
    for variant in shared:
        assert torch.allclose(runner.call(variant)(x)[0], net(x), atol=1e-5), variant.name


def test_the_fallback_is_a_whole_torchscript_file(column: Path, tmp_path: Path) -> None:
    (tmp_path / "m.pt").write_bytes(read_members(column)["extra/ftorch_fallback.pt"])
    x = torch.randn(3, 5)
    assert torch.allclose(torchscript.load(tmp_path / "m.pt")(x), module_of("column")(x), atol=1e-6)


def test_several_inputs_and_outputs_in_float64(mixed: Path) -> None:
    spec = pt2ts.read_spec(mixed)
    assert [(item.name, item.dtype) for item in spec.inputs] == [("field", "float64"), ("month", "int64"), ("scale", "float64")]
    assert [(item.name, item.dtype) for item in spec.outputs] == [("heat", "float64"), ("next", "int64"), ("wind", "float64")]
    assert pt2ts.read_golden(mixed) is None
    net, inputs = module_of("mixed").double(), (torch.randn(9, 4).double(), torch.arange(9), torch.tensor(0.5).double())
    runner = PackageRunner(mixed)
    results, wanted = runner.call(runner.spec.variants[0])(*inputs), net(*inputs)
    for have, name in zip(results, ("heat", "next", "wind"), strict=True):
        assert have.dtype == wanted[name].dtype
        assert torch.allclose(have, wanted[name], atol=1e-12)


def test_constants_are_weights_like_others(mixed: Path) -> None:
    spec = pt2ts.read_spec(mixed)
    assert {"table.weight", "grid"} <= {item.name for item in spec.weights}
    assert [item.name for item in spec.weights if item.parameter] == ["table.weight"]


def test_bfloat16_is_inside_only(narrow: Path) -> None:
    spec = pt2ts.read_spec(narrow)
    assert (spec.precision, spec.isa) == ("bfloat16", "native")
    assert all(0 < loss.rms <= loss.largest < 0.1 * loss.spread for loss in spec.loss.values())
    assert list(spec.loss) == [item.name for item in spec.outputs]
    assert [item.dtype for item in (*spec.inputs, *spec.outputs)] == ["float32", "float32"]
    assert all(item.dtype == "bfloat16" for item in spec.weights)
    assert spec.symbols == {}
    runner, x = PackageRunner(narrow), torch.randn(3, 8)
    (result,) = runner.call(runner.spec.variants[0])(x)
    wanted = module_of("narrow")(x)
    assert torch.allclose(result, wanted, atol=0.05)
    assert not torch.allclose(result, wanted, atol=1e-6)


def test_inspect_shows_variants_and_layout(column: Path) -> None:
    report = pt2ts.inspect(column)
    rows = {row[0]: row[1:] for row in report.variants()}
    assert rows["model"] == ("compiled kernel", "any", "x86-64-v3", "shared", "1")
    assert rows["fallback"] == ("TorchScript", "any", "any", "own", "as the host")
    assert "fortran" in report.tensors()[0]
    assert report.parameters == sum(weight.numel() for weight in module_of("column").parameters())
    data = json.loads(json.dumps(report.to_dict()))
    assert data["spec"]["variants"][-1]["name"] == "fallback"


# ----------------------------------------------------------------------------------------------------------- the checks


def test_a_variant_that_is_wrong_is_found(column: Path, own_copy: Callable[[Path], Path]) -> None:
    path, net = own_copy(column), module_of("column")
    runner = PackageRunner(path)
    x = torch.randn(4, 5)
    trial = Trial({"batch": 4}, [x], [("output", net(x).detach() + 0.01)])
    package = Assembled(runner.members, runner.spec, [trial], net)
    with pytest.raises(pt2ts.CheckError, match=r"output 'output' differs by 0\.01"):
        package_check.check_package(path, package)


def test_a_failed_export_leaves_the_old_file(column: Path, own_copy: Callable[[Path], Path]) -> None:
    path = own_copy(column)
    before = sha256(path)
    with pytest.raises(pt2ts.UnexportableError):
        pt2ts.export(user_modules.Branch(), X, path)
    assert sha256(path) == before
    assert [item.name for item in path.parent.iterdir()] == [path.name]


# ---------------------------------------------------------------------------------------------- what cannot be exported


@pytest.mark.parametrize(
    ("module", "words", "line"),
    [
        (user_modules.Branch(), "decides by the values of a tensor", "if x.sum() > 0:"),
        (user_modules.Loop(), "decides by the values of a tensor", "while bool(x.abs().max() > 1):"),
        (user_modules.UsesNumpy(), "uses numpy", "return column * self.scale  # type: ignore[return-value]"),
        (modules.SizeFromValues(), "decides by the values of a tensor", "return x.new_zeros(int(x.abs().sum().item()) + 1)"),
        (user_modules.BakedBatch(), "forward cannot be compiled", "rows = x.nbytes // (x.element_size() * 5)"),
    ],
)
def test_the_reason_and_the_line_are_named(tmp_path: Path, module: torch.nn.Module, words: str, line: str) -> None:
    with pytest.raises(pt2ts.Pt2tsError) as caught:
        pt2ts.export(module, X, tmp_path / "m.pt2", format=pt2ts.Package(batch=()))
    assert words in str(caught.value)
    assert line in str(caught.value)
    assert "hint:" in str(caught.value)
    assert "frame #" not in str(caught.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("module", "words"),
    [
        (modules.Counts(), "changes the module while it runs"),
        (modules.CountsInBuffer(), "changes the buffer 'calls'"),
        (modules.Halves(), "does not treat all sizes alike"),
        (modules.Halves(), "(size 1 of input 1 % 2) == 0"),
        (modules.FixedReshape(), "size 1 of input 1 != 33"),
    ],
)
def test_what_has_no_line(tmp_path: Path, module: torch.nn.Module, words: str) -> None:
    with pytest.raises(pt2ts.UnexportableError) as caught:
        pt2ts.export(module, X, tmp_path / "m.pt2", format=pt2ts.Package(batch=()))
    assert words in str(caught.value)
    assert str(caught.value).count("\n") == 1


def test_torchscript_cannot_be_compiled(tmp_path: Path) -> None:
    with pytest.raises(pt2ts.UnexportableError, match="is TorchScript already"):
        pt2ts.export(torchscript.script(user_modules.Column()), X, tmp_path / "m.pt2")


# ----------------------------------------------------------------------------------------------------------- the options


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("m.pt", {"format": "pt2"}, "the file m.pt is named like one of format 'torchscript'"),
        ("m.pt2", {"format": "torchscript"}, "the file m.pt2 is named like one of format 'pt2'"),
        ("m.pt2", {"format": "onnx"}, "format is 'onnx'"),
        ("m.pt2", {"format": pt2ts.Package}, "format is the class Package"),
        ("m.pt2", {"format": ()}, "format is ()"),
        ("m.pt2", {"format": (pt2ts.Package(), pt2ts.Package())}, "or one of each in a tuple"),
        ("m.pt2", {"format": (pt2ts.Package(), "pt2")}, "or one of each in a tuple"),
        ("m.pt2", {"format": pt2ts.Package(), "layout": "fortran"}, "layout: given beside format=Package(layout=None"),
        ("m.pt", {"format": pt2ts.TorchScript("script"), "method": "trace"}, "method: given beside format=TorchScript("),
        ("m.pt2", {"layout": "column"}, "layout is 'column'"),
        ("m.pt2", {"isa": "sse"}, "isa is 'sse'"),
        ("m.pt2", {"threads": -1}, "threads is -1"),
        ("m.pt2", {"threads": 1.5}, "threads is 1.5"),
        ("m.pt2", {"threads": True}, "threads is True"),
        ("m.pt2", {"dtype": "float16"}, "dtype is 'float16'"),
        ("m.pt2", {"batch": (0,)}, "batch has the size 0"),
        ("m.pt2", {"batch": "1,2"}, "batch has the size '1,2'"),
        ("m.pt2", {"batch": (9,), "symbols": {"batch": (1, 8)}}, "batch has the size 9, outside the bounds batch=1..8"),
        ("m.pt2", {"batch": (1,), "dynamic_batch": False}, "no input has a symbolic batch dimension"),
        ("m.pt2", {"inputs": ["x[batch,5] float32"], "dtype": "float64"}, "is declared float32, but dtype 'float64'"),
        ("m.pt", {"layout": "column"}, "layout is 'column'"),
        ("m.pt", {"batch": (1,)}, "batch is given"),
        ("m.pt", {"isa": "native"}, "isa is given"),
        ("m.pt", {"threads": 2}, "threads is given"),
        ("m.pt", {"fallback": True}, "fallback is given"),
        ("m.pt", {"dtype": "bfloat16"}, "for compiled packages"),
    ],
)
def test_options_are_refused_before_anything_is_compiled(tmp_path: Path, name: str, options: dict[str, Any], words: str) -> None:
    with pytest.raises(pt2ts.DeclarationError) as caught:
        pt2ts.export(user_modules.Alias(), X, tmp_path / name, **options)
    assert words in str(caught.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "wanted", "files"),
    [
        ("m.pt", None, ("m.pt", None)),
        ("m.pt2", None, (None, "m.pt2")),
        ("model", None, ("model", None)),
        ("model", "pt2", (None, "model")),
        ("m.pt", "both", ("m.pt", "m.pt2")),
        ("m.pt2", "both", ("m.pt", "m.pt2")),
        ("v1.2", "both", ("v1.2.pt", "v1.2.pt2")),
    ],
)
def test_which_files_are_written(name: str, wanted: Any, files: tuple[str | None, str | None]) -> None:
    formats = (pt2ts.TorchScript(), pt2ts.Package())
    expected = [(Path(file), form) for file, form in zip(files, formats, strict=True) if file is not None]
    assert [(found.path, found.format) for found in choose_files(Path(name), wanted)] == expected


def test_a_format_may_be_an_object() -> None:
    script, package = pt2ts.TorchScript("trace"), pt2ts.Package(batch=[4, 4, 2])
    assert package.batch == (4, 2)
    (found,) = choose_files(Path("model"), package)
    assert (found.path, found.format) == (Path("model"), package)
    for both in ((script, package), (package, script)):
        assert [item.format for item in choose_files(Path("m.pt"), both)] == [script, package]
    with pytest.raises(pt2ts.DeclarationError, match="named like one of format 'torchscript'"):
        choose_files(Path("m.pt"), package)


def test_options_in_their_former_place() -> None:
    """They are put into the object of the format, and a warning says so."""
    seen: dict[str, Any] = {}

    @takes_options
    def export(_: object, __: object, path: object, **given: Any) -> None:
        assert path
        seen.update(given)

    old: Any = export
    with pytest.warns(DeprecationWarning, match=r"layout, batch: .* format=pt2ts\.Package"):
        old(None, None, "m.pt2", layout="fortran", batch=(1,))
    assert seen == {"format": pt2ts.Package("fortran", batch=(1,))}
    with pytest.warns(DeprecationWarning, match="method, threads"):
        old(None, None, "m", format="both", method="trace", threads=2)
    assert seen == {"format": (pt2ts.TorchScript("trace"), pt2ts.Package(threads=2))}
    with pytest.warns(DeprecationWarning, match="method, fallback"):
        old(None, None, path="m.pt2", method="trace", fallback=True)
    assert seen == {"format": pt2ts.Package(fallback=pt2ts.TorchScript("trace"))}
    seen.clear()
    export(None, None, "m.pt2")
    assert seen == {}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dtype_converts_torchscript_files_too(tmp_path: Path, dtype: str) -> None:
    spec = pt2ts.export(user_modules.Column(), X, tmp_path / "m.pt", dtype=dtype)  # type: ignore[arg-type]
    assert (spec.inputs[0].dtype, spec.outputs[0].dtype) == (dtype, dtype)
    made = pt2ts.export(user_modules.Column(), None, tmp_path / "n.pt", inputs=["x[batch,5]"], dtype=dtype)  # type: ignore[arg-type]
    assert made.inputs[0].dtype == dtype


# ------------------------------------------------------------------------------------------------------ parts of the way


@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (4, 1, 3), (2, 3, 4, 5)])
def test_layouts_keep_the_values(shape: tuple[int, ...]) -> None:
    x = torch.rand(shape)
    for layout in ("torch", "fortran"):
        assert torch.equal(with_layout(x, layout), x)
    strides = with_layout(x, "fortran").permute(list(reversed(range(x.dim())))).stride()
    assert strides == torch.empty(tuple(reversed(shape))).stride()


def test_linear_layers_of_one_row_are_rewritten() -> None:
    net = torch.nn.Sequential(torch.nn.Linear(5, 8), torch.nn.Tanh(), torch.nn.Linear(8, 3, bias=False)).eval()
    for rows, count in ((1, 2), (2, 0)):
        x = torch.randn(rows, 5)
        with torch.no_grad():
            module: Any = torch.export.export(net, (x,)).module(check_guards=False)
            assert can_fuse(module) is (count > 0)
            assert fuse_linear(module) == count
            assert torch.allclose(module(x), net(x), atol=1e-6)
            assert not can_fuse(module)


def test_how_many_columns_one_thread_is_enough_for() -> None:
    net = torch.nn.Sequential(torch.nn.Linear(5, 128), torch.nn.Tanh())
    program = torch.export.export(net, (torch.ones(32, 5),), dynamic_shapes=({0: torch.export.Dim("batch", min=1)},))
    assert largest_loop(program) == 32 * 128
    assert serial_limit(program, 32) == 256


def transposed() -> torch.nn.Module:
    net = torch.nn.Sequential(torch.nn.Linear(6, 4), torch.nn.Sigmoid())
    net[0].weight = torch.nn.Parameter(torch.randn(6, 4).t())
    return net


def channels_last() -> torch.nn.Module:
    net = torch.nn.Sequential(torch.nn.Conv2d(2, 4, 3, padding=1), torch.nn.ReLU())
    return net.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


ODD_WEIGHTS = {"transposed": (transposed, (6,)), "channels_last": (channels_last, (2, 5, 5))}


@pytest.mark.parametrize("name", ODD_WEIGHTS)
def test_weights_lie_as_the_file_has_them(name: str) -> None:
    make, _ = ODD_WEIGHTS[name]
    module = make()
    assert not all(value.is_contiguous() for value in module.parameters())
    before = {key: value.clone() for key, value in module.state_dict().items()}
    flat_module(module)
    assert all(value.is_contiguous() for value in module.parameters())
    assert all(torch.equal(value, before[key]) for key, value in module.state_dict().items())


@pytest.mark.long
@pytest.mark.parametrize("name", ODD_WEIGHTS)
def test_packages_of_weights_that_lie_otherwise(name: str, tmp_path: Path) -> None:
    make, shape = ODD_WEIGHTS[name]
    module = make()
    # It compares the file with the module.
    pt2ts.export(module, torch.randn(4, *shape), tmp_path / "m.pt2", format=pt2ts.Package(threads=1, batch=()))
    assert not all(value.is_contiguous() for value in module.parameters()), "the module of the user stays as it is"
