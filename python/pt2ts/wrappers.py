"""The former name of `pt2ts.nn`, for programs that import it."""

from .nn import PERIODS, Cast, Clip, ConserveSum, CyclicTime, FromBytes, HWCtoCHW, NonNegative, RangeGuard, Standardize

__all__ = [
    "PERIODS",
    "Cast",
    "Clip",
    "ConserveSum",
    "CyclicTime",
    "FromBytes",
    "HWCtoCHW",
    "NonNegative",
    "RangeGuard",
    "Standardize",
]
