"""The archive of a package: alignment, digest, weights, damage; nothing is compiled here."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import pt2ts
from pt2ts.container import package
from pt2ts.contract.dtypes import DTYPES
from pt2ts.contract.loss import Loss
from pt2ts.contract.spec import Spec, TensorSpec
from pt2ts.contract.variants import UNBOUNDED, Variant, Weight, choose

SPEC = Spec("2.13.0", "test", "m", (TensorSpec("x", "float32", ("batch", 2)),), (), kind="inference")


def saved(members: dict[str, bytes], spec: Spec = SPEC) -> bytes:
    buffer = io.BytesIO()
    package.save(buffer, members, spec)
    return buffer.getvalue()


def start_of(data: bytes, item: zipfile.ZipInfo) -> int:
    """Return where the content of a member begins."""
    head = data[item.header_offset :]
    return item.header_offset + 30 + int.from_bytes(head[26:28], "little") + int.from_bytes(head[28:30], "little")


@given(
    st.dictionaries(st.text("abcäß/_.", min_size=1, max_size=12).filter(lambda n: not n.startswith("/")), st.binary(max_size=200))
)
def test_members_come_back_aligned_and_the_digest_is_as_documented(members: dict[str, bytes]) -> None:
    data = saved(members)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = [item.filename for item in archive.infolist()]
        content = {item.filename.partition("/")[2]: archive.read(item) for item in archive.infolist()}
        for item in archive.infolist():
            assert start_of(data, item) % 64 == 0
            assert item.compress_type == zipfile.ZIP_STORED
    assert {name.partition("/")[0] for name in names} == {"model"}
    assert names[-1] == "model/extra/ftorch_spec.json"
    assert {name: content[name] for name in members} == members
    # By the words of the documentation, and nothing of ours.
    total = hashlib.sha256()
    for name in sorted((n for n in content if n != "extra/ftorch_spec.json"), key=str.encode):
        for part in (name.encode("utf-8"), content[name]):
            total.update(len(part).to_bytes(8, "little") + part)
    assert json.loads(content["extra/ftorch_spec.json"])["digest"] == total.hexdigest()
    assert saved(members) == data


def test_members_whose_sizes_need_64_bits_are_aligned_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Their heads are longer. What counts as large is small here; `tests/process/test_large_models.py` has large ones."""
    monkeypatch.setattr(package, "_WIDE_FROM", 100)
    members = {"extra/a": bytes(99), "extra/b": b"b" * 100, "extra/ftorch_weights.bin": b"w" * 1000, "extra/z": b"z"}
    data = saved(members)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        found = {item.filename.partition("/")[2]: item for item in archive.infolist()}
        assert {name: archive.read(found[name]) for name in members} == members
    assert all(start_of(data, item) % 64 == 0 for item in found.values())
    heads = {name: data[item.header_offset + 18 :][:4] for name, item in found.items()}
    assert [name for name in members if heads[name] == b"\xff" * 4] == ["extra/b", "extra/ftorch_weights.bin"]


@given(
    st.lists(st.tuples(st.sampled_from(sorted(DTYPES)), st.lists(st.integers(0, 5), max_size=4)), max_size=6), st.integers(0, 2**31)
)
def test_weights_come_back_bit_for_bit(kinds: list[tuple[str, list[int]]], seed: int) -> None:
    source = torch.Generator().manual_seed(seed)
    tensors = [
        (f"w{number}", (torch.rand(shape, generator=source) * 5).to(DTYPES[dtype])) for number, (dtype, shape) in enumerate(kinds)
    ]
    blob, weights = package.pack_weights(tensors, frozenset({"w0"}))
    assert all(weight.offset % 64 == 0 for weight in weights)
    assert [weight.parameter for weight in weights] == [number == 0 for number in range(len(tensors))]
    back = package.unpack_weights(blob, weights)
    for name, tensor in tensors:
        assert back[name].dtype == tensor.dtype
        assert torch.equal(back[name], tensor)


def test_strided_weights_are_stored_in_their_order() -> None:
    tensor = torch.arange(6.0).reshape(2, 3).T
    blob, (weight,) = package.pack_weights([("w", tensor)], frozenset())
    assert weight.shape == (3, 2)
    assert torch.equal(package.unpack_weights(blob, [weight])["w"], tensor)


def test_weights_beyond_the_end() -> None:
    with pytest.raises(pt2ts.SpecError, match="the weight 'w' reaches beyond the end"):
        package.unpack_weights(bytes(8), [Weight("w", "float32", (3,), 0, True)])


def test_every_changed_byte_is_found(tmp_path: Path) -> None:
    path, data = tmp_path / "m.pt2", saved({"extra/a": b"abc", "data/aotinductor/model/x.so": bytes(40)})
    path.write_bytes(data)
    assert set(package.read_members(path)) >= {"extra/a", "extra/ftorch_spec.json"}
    content = data.index(b"abc")
    path.write_bytes(data[:content] + b"abd" + data[content + 3 :])
    with pytest.raises(pt2ts.LoadError, match="is corrupt"):
        package.read_members(path)
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(pt2ts.LoadError, match="is corrupt"):
        package.read_members(path)


def test_two_contracts_are_refused(tmp_path: Path) -> None:
    """Whoever reads the file would choose one of them, and not all the same."""
    path = tmp_path / "m.pt2"
    path.write_bytes(saved({"data/aotinductor/model/x.so": bytes(40)}))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("other/extra/ftorch_spec.json", replace(SPEC, name="another").to_json())
    for read in (package.read_members, package.read_spec_of, pt2ts.read_spec, pt2ts.inspect):
        with pytest.raises(pt2ts.LoadError, match="its members lie in several folders"):
            read(path)


def test_a_wrong_digest_is_found(tmp_path: Path) -> None:
    path = tmp_path / "m.pt2"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("m/extra/ftorch_spec.json", replace(SPEC, digest="0" * 64).to_json())
    with pytest.raises(pt2ts.LoadError, match="not what its digest says"):
        package.read_members(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("m/data/aotinductor/model/x.so", b"")
    with pytest.raises(pt2ts.SpecError, match="a package that PyTorch wrote"):
        pt2ts.read_spec(path)
    report = pt2ts.inspect(path)
    assert (report.models, report.spec) == (("model",), None)
    assert ("models", "model") in report.facts()


def test_the_contract_survives_json() -> None:
    variants = (
        Variant(
            "b1", "kernel", {"batch": (1, 1)}, {"name": "native", "machine": "x86_64", "flags": ["avx2"]}, threads=1, packed=64
        ),
        Variant("model", "aoti", {"batch": (2, UNBOUNDED)}, {"machine": "x86_64", "flags": ["avx2", "fma"]}),
        Variant("fallback", "torchscript", weights="own"),
    )
    weights = (Weight("w", "float32", (2, 3), 64, True),)
    spec = replace(
        SPEC,
        digest="ab",
        precision="bfloat16",
        loss={"y": Loss(0.5, 0.25, 2.0)},
        variants=variants,
        weights=weights,
        tuning=({"a": 1},),
    )
    assert Spec.from_json(spec.to_json()) == spec
    assert [item.sizes_text() for item in variants] == ["batch=1", "batch=2 or more", "any"]
    assert [item.isa_text() for item in variants] == ["native", "avx2 fma", "any"]


def test_the_contract_of_a_torchscript_file_has_none_of_that() -> None:
    assert not {"kind", "digest", "variants", "weights"} & set(replace(SPEC, kind="").to_dict())


@pytest.mark.parametrize(
    ("key", "value"), [("variants", [{"name": "a", "kind": "cuda"}]), ("weights", [{"name": "w", "dtype": "f4"}])]
)
def test_what_no_reader_knows_is_refused(key: str, value: object) -> None:
    with pytest.raises(pt2ts.SpecError, match="unknown"):
        Spec.from_json(json.dumps({**SPEC.to_dict(), key: value}))


@given(st.integers(1, 100))
def test_the_first_variant_that_admits_the_sizes_is_taken(size: int) -> None:
    variants = [Variant("b1", "aoti", {"batch": (1, 1)}), Variant("small", "aoti", {"batch": (1, 9)}), Variant("big", "aoti")]
    found = choose(variants, {"batch": size})
    assert found is not None
    assert found.name == ("b1" if size == 1 else "small" if size <= 9 else "big")
    assert choose(variants[:2], {"batch": 10}) is None
