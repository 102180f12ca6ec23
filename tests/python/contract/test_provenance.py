"""Where a model comes from: words and texts, and nothing else."""

from __future__ import annotations

import pytest

import pt2ts
from pt2ts.contract.provenance import checked, parse


def test_facts_are_texts() -> None:
    assert parse(["data=ERA5", "code = git=1a2b"]) == {"data": "ERA5", "code": " git=1a2b"}
    assert checked({"width": 128, "device": "cpu"}) == {"width": "128", "device": "cpu"}
    assert checked(None) == {}


def test_the_contract_keeps_them() -> None:
    spec = pt2ts.Spec("2.13.0", "a test", "m", (), (), provenance={"data": "ERA5"})
    assert pt2ts.Spec.from_json(spec.to_json()) == spec
    assert "provenance" not in pt2ts.Spec("2.13.0", "a test", "m", (), ()).to_dict()


@pytest.mark.parametrize("given", [{"": "x"}, {"two words": "x"}, {"data": ""}, {"data": None}, {"data": ["x"]}])
def test_what_is_no_fact_is_refused(given: dict[str, object]) -> None:
    with pytest.raises(pt2ts.DeclarationError, match="write them as data="):
        checked(given)


def test_a_fact_without_a_word_is_refused() -> None:
    with pytest.raises(pt2ts.DeclarationError, match="cannot read the provenance 'ERA5'"):
        parse(["ERA5"])
