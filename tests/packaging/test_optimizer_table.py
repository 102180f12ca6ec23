"""The table of optimizers, and what repeats it: the page about training, and the optimizers of compiled steps."""

from __future__ import annotations

import pytest

from pt2ts.training.optimizers import OPTIMIZERS

from ..support import ROOT
from ..tables import OPTIMIZERS as TABLE
from ..tables import optimizers

PAGE = (ROOT / "docs" / "training.md").read_text()
#: The one default that follows from another option.
DERIVED = {"max_eval": "5/4 max_iter"}


def shown(option: optimizers.Option) -> str:
    """An option and its default as the page has them."""
    return f"{option.name}={DERIVED.get(option.name, option.default.removesuffix('.0'))}"


@pytest.mark.parametrize("row", TABLE.values(), ids=list(TABLE))
def test_the_page_has_the_options_and_their_defaults(row: optimizers.Optimizer) -> None:
    assert f"| `torch_optim_{row.name}` | `{', '.join(map(shown, row.options))}` |" in PAGE


@pytest.mark.parametrize("row", [row for row in TABLE.values() if not row.closure], ids=lambda row: row.word)
def test_the_page_has_the_keys_of_namelists(row: optimizers.Optimizer) -> None:
    keys = PAGE.partition("| keys | |")[2].partition("| `schedule` |")[0]
    assert f"`{row.word}`" in keys
    assert all(f"`{option.name}`" in keys for option in row.options)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_compiled_steps_have_the_same_options_and_defaults(name: str) -> None:
    words = {"logical": {".true.": True, ".false.": False}}
    expected = {option.name: words[option.type][option.default] if option.type in words else float(option.default)
                for option in TABLE[name].options}  # fmt: skip
    assert {option: row.default for option, row in OPTIMIZERS[name].options.items()} == expected
    assert list(OPTIMIZERS[name].options) == list(expected)


@pytest.mark.parametrize(
    ("option", "options", "message"),
    [
        (("rate", "complex", "finite", None, ""), "rate=1", "option 'rate': types are real"),
        (("rate", "real", "small", None, ""), "rate=1", "bounds finite"),
        (("rate", "real", "finite", "finite", ""), "speed=1", "there is no option 'speed'; known are rate"),
        (("rate", "real", "finite", None, ""), "rate=1", "option 'rate' needs a bound in namelists"),
    ],
)
def test_rows_that_say_nothing_are_refused(option: tuple[str, ...], options: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        optimizers.read([option], [{"name": "New", "options": options, "doc": ""}])
