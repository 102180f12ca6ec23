"""The tables of ``src/types``, as the templates read them."""

from __future__ import annotations

import sys

from .support import ROOT

sys.path.insert(0, str(ROOT / "src" / "bindings"))
import optimizers as optimizers

#: The optimizers by their words in namelists.
OPTIMIZERS = {row.word: row for row in optimizers.load(ROOT / "src" / "types")}
