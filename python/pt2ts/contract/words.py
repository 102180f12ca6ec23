"""The words that options take. The command line offers them before it needs torch, so that nothing is imported here."""

from enum import StrEnum
from typing import Literal

#: How to make TorchScript.
Method = Literal["auto", "script", "trace"]

#: In which memory order the caller has its inputs.
Layout = Literal["torch", "fortran"]

#: What a network computes in.
Precision = Literal["float64", "float32", "bfloat16"]

#: What devices may multiply float32 matrices in.
Products = Literal["tf32"]

#: Where physical units become the network's numbers.
Normalization = Literal["inside", "host"]


#: What `verify` tries, in this order.
CHECKS = ("golden", "random", "repeat", "batch", "nan", "edges", "layout", "mode")


class Format(StrEnum):
    """What kind of file to write."""

    TORCHSCRIPT = "torchscript"
    PT2 = "pt2"
    BOTH = "both"
