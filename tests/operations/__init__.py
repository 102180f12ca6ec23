"""Tests of operations; their table is read by the code that generates the library from it."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src/bindings"))
