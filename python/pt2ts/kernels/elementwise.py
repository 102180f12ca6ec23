"""Elementwise operations: how each is written in C++, and which of PyTorch's each is made from."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Protocol

from .ir import Expr, UnsupportedError, constant

#: Below this every gate (a sigmoid, 1 + erf ...) is 0 in both types; it is a number, so that the product with the gate is one.
_SHUT = -1e30

#: C++ of each operation of an expression, of vectors; conditions are masks.
FORMS: dict[str, str] = {
    "add": "{} + {}",
    "sub": "{} - {}",
    "mul": "{} * {}",
    "div": "{} / {}",
    "neg": "-{}",
    "abs": "absolute({})",
    "maximum": "maximum({}, {})",
    "minimum": "minimum({}, {})",
    "at_least": "larger({1}, {0})",  # a number that is not NaN
    "at_most": "smaller({1}, {0})",
    "sqrt": "square_root({})",
    "exp": "exponential({})",
    "expm1": "exponential_minus_one({})",
    "log": "logarithm({})",
    "log1p": "logarithm_of_one_plus({})",
    "softplus": "softplus({})",
    "tanh": "tangent_h({})",
    "sigmoid": "sigmoid({})",
    "erf": "error_function({})",
    "sin": "sine({})",
    "cos": "cosine({})",
    "where": "select({}, {}, {})",
    "lt": "{} < {}",
    "le": "{} <= {}",
    "gt": "{} > {}",
    "ge": "{} >= {}",
    "eq": "{} == {}",
    "ne": "{} != {}",
    "and": "{} & {}",
    "or": "{} | {}",
    "xor": "{} ^ {}",
    "not": "~{}",
    **{
        name: f"each_lane([](auto x) {{{{ return std::{name}(x); }}}}, {{}})"
        for name in ("tan", "asin", "acos", "atan", "sinh", "cosh", "asinh", "acosh", "atanh", "erfc", "floor", "ceil", "trunc")
    },
    "round": "each_lane([](auto x) {{ return std::nearbyint(x); }}, {})",
    "pow": "each_lane([](auto x, auto y) {{ return std::pow(x, y); }}, {}, {})",
    "remainder": "each_lane([](auto x, auto y) {{ "
    "const auto r = std::fmod(x, y); return r != 0 && (r < 0) != (y < 0) ? r + y : r; }}, {}, {})",
    "atan2": "each_lane([](auto x, auto y) {{ return std::atan2(x, y); }}, {}, {})",
}

#: Operations whose result is a condition.
CONDITIONS = frozenset({"lt", "le", "gt", "ge", "eq", "ne", "and", "or", "xor", "not"})


class Builder(Protocol):
    """What makes expressions of expressions."""

    def combine(self, op: str, *args: Expr | float) -> Expr:
        """Return the operation of these arguments."""
        ...


Handler = Callable[..., Expr]


def _same(op: str) -> Handler:
    return lambda b, *args: b.combine(op, *args)


def _add(b: Builder, x: Expr, y: Expr | float, alpha: float = 1) -> Expr:
    return b.combine("add", x, y if alpha == 1 else b.combine("mul", y, alpha))


def _sub(b: Builder, x: Expr, y: Expr | float, alpha: float = 1) -> Expr:
    return b.combine("sub", x, y if alpha == 1 else b.combine("mul", y, alpha))


def _rsub(b: Builder, x: Expr, y: Expr | float, alpha: float = 1) -> Expr:
    return _sub(b, constant(y) if isinstance(y, int | float) else y, x, alpha)


def _div(b: Builder, x: Expr, y: Expr | float, rounding_mode: str | None = None) -> Expr:
    if rounding_mode is not None:
        raise UnsupportedError(f"division with rounding_mode='{rounding_mode}'")
    return b.combine("div", x, y)


def _power(b: Builder, x: Expr | float, y: Expr | float) -> Expr:
    if isinstance(x, Expr) and isinstance(y, int | float):
        if abs(y) == 0.5:  # as PyTorch does
            root = b.combine("sqrt", x)
            return root if y > 0 else b.combine("div", 1.0, root)
        if float(y).is_integer() and 1 <= abs(y) <= 4:
            result = x
            for _ in range(int(abs(y)) - 1):
                result = b.combine("mul", result, x)
            return result if y > 0 else b.combine("div", 1.0, result)
    return b.combine("pow", x, y)


def _clamp(b: Builder, x: Expr, low: Any = None, high: Any = None) -> Expr:
    for bound, number, tensor in ((low, "at_least", "maximum"), (high, "at_most", "minimum")):
        if isinstance(bound, Expr):
            x = b.combine(tensor, x, bound)
        elif bound is not None:
            if math.isnan(bound):
                raise UnsupportedError("clamp with a bound that is NaN")
            x = b.combine(number, x, float(bound))
    return x


def _leaky(b: Builder, x: Expr, slope: float = 0.01) -> Expr:
    scaled = b.combine("mul", x, slope)
    if 0 < slope <= 1:
        return b.combine("at_least", x, scaled)
    return b.combine("where", b.combine("gt", x, 0.0), x, scaled)


def _prelu(b: Builder, x: Expr, weight: Expr) -> Expr:
    if weight.shape != (1,) and len(weight.shape) > 0:
        raise UnsupportedError("prelu with a slope per channel")
    return b.combine("where", b.combine("gt", x, 0.0), x, b.combine("mul", x, weight))


def _elu(b: Builder, x: Expr, alpha: float = 1, scale: float = 1, input_scale: float = 1) -> Expr:
    negative = b.combine("mul", b.combine("expm1", b.combine("mul", x, input_scale)), alpha * scale)
    return b.combine("where", b.combine("gt", x, 0.0), b.combine("mul", x, scale), negative)


def _selu(b: Builder, x: Expr) -> Expr:
    return _elu(b, x, 1.6732632423543772848170429916717, 1.0507009873554804934193349852946)


def _celu(b: Builder, x: Expr, alpha: float = 1) -> Expr:
    return _elu(b, x, alpha, 1, 1 / alpha)


def _gelu(b: Builder, x: Expr, approximate: str = "none") -> Expr:
    half = b.combine("mul", x, 0.5)
    if approximate == "none":
        gate = b.combine("erf", b.combine("mul", x, math.sqrt(0.5)))
    else:
        cube = b.combine("mul", b.combine("mul", x, x), x)
        inner = b.combine("add", x, b.combine("mul", cube, 0.044715))
        gate = b.combine("tanh", b.combine("mul", inner, math.sqrt(2 / math.pi)))
    return _gated(b, half, b.combine("add", gate, 1.0))


def _softplus(b: Builder, x: Expr, beta: float = 1, threshold: float = 20) -> Expr:
    scaled = x if beta == 1 else b.combine("mul", x, beta)
    soft = b.combine("softplus", scaled)
    soft = soft if beta == 1 else b.combine("div", soft, beta)
    return b.combine("where", b.combine("gt", scaled, float(threshold)), x, soft)


def _gated(b: Builder, x: Expr, gate: Expr) -> Expr:
    """Multiply by a gate between 0 and 1, which is closed long before the bound: minus infinity gives the limit 0, not NaN."""
    return b.combine("mul", b.combine("at_least", x, _SHUT), gate)


def _silu(b: Builder, x: Expr) -> Expr:
    return _gated(b, x, b.combine("sigmoid", x))


def _mish(b: Builder, x: Expr) -> Expr:
    return _gated(b, x, b.combine("tanh", b.combine("softplus", x)))


def _hard_swish(b: Builder, x: Expr) -> Expr:
    return _gated(b, x, _hard_sigmoid(b, x))


def _hard_sigmoid(b: Builder, x: Expr) -> Expr:
    return b.combine("div", _clamp(b, b.combine("add", x, 3.0), 0.0, 6.0), 6.0)


def _reciprocal(b: Builder, x: Expr) -> Expr:
    return b.combine("div", 1.0, x)


#: PyTorch's name -> function of a builder and the arguments in the order of the schema, as many as are used.
ELEMENTWISE: dict[str, tuple[int, Handler]] = {
    **{
        name: (1, _same(name))
        for name in (
            "neg",
            "abs",
            "sqrt",
            "exp",
            "expm1",
            "log",
            "log1p",
            "tanh",
            "sigmoid",
            "erf",
            "sin",
            "cos",
            "tan",
            "asin",
            "acos",
            "atan",
            "sinh",
            "cosh",
            "asinh",
            "acosh",
            "atanh",
            "erfc",
            "floor",
            "ceil",
            "trunc",
            "round",
        )
    },
    **{name: (2, _same(name)) for name in ("mul", "maximum", "minimum", "atan2", "remainder", "lt", "le", "gt", "ge", "eq", "ne")},
    **{f"logical_{name}": (2, _same(name)) for name in ("and", "or", "xor")},
    **{f"bitwise_{name}": (2, _same(name)) for name in ("and", "or", "xor")},
    "logical_not": (1, _same("not")),
    "bitwise_not": (1, _same("not")),
    "add": (3, _add),
    "sub": (3, _sub),
    "rsub": (3, _rsub),
    "div": (3, _div),
    "true_divide": (2, _div),
    "pow": (2, _power),
    "square": (1, lambda b, x: b.combine("mul", x, x)),
    "reciprocal": (1, _reciprocal),
    "rsqrt": (1, lambda b, x: b.combine("div", 1.0, b.combine("sqrt", x))),
    "where": (3, _same("where")),
    "clamp": (3, _clamp),
    "clamp_min": (2, lambda b, x, low: _clamp(b, x, low)),
    "clamp_max": (2, lambda b, x, high: _clamp(b, x, None, high)),
    "hardtanh": (3, _clamp),
    "relu": (1, lambda b, x: b.combine("at_least", x, 0.0)),
    "relu6": (1, lambda b, x: _clamp(b, x, 0.0, 6.0)),
    "leaky_relu": (2, _leaky),
    "prelu": (2, _prelu),
    "elu": (4, _elu),
    "selu": (1, _selu),
    "celu": (2, _celu),
    "gelu": (2, _gelu),
    "silu": (1, _silu),
    "mish": (1, _mish),
    "softplus": (3, _softplus),
    "log_sigmoid": (1, lambda b, x: b.combine("neg", b.combine("softplus", b.combine("neg", x)))),
    "hardsigmoid": (1, _hard_sigmoid),
    "hardswish": (1, _hard_swish),
    "log2": (1, lambda b, x: b.combine("mul", b.combine("log", x), 1 / math.log(2))),
    "log10": (1, lambda b, x: b.combine("mul", b.combine("log", x), 1 / math.log(10))),
    "exp2": (1, lambda b, x: b.combine("exp", b.combine("mul", x, math.log(2)))),
}
