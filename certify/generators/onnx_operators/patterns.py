"""Activations that exporters spell out as several operators: GELU, Swish, Mish, softplus, ELU, leaky forms.

`recognised` reads the operator list before anything is lowered and names each tensor that is one activation of
another tensor. Recognition matters for tightness: sup |sigma'| of a whole is smaller than what the parts give.
Every pattern is an identity of real functions with one exception: in the GELU forms the constants sqrt(2),
sqrt(2/pi) and 0.044715 count as themselves when they are within one float32 rounding of the true value.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

FLOAT32_ROUNDING = 1.2e-7
APPROXIMATED = frozenset({"gelu", "gelu_tanh"})
"""Recognised activations whose constants count as themselves within one float32 rounding."""
MAXIMUM_CHAIN = 6
LEAST_SLOPE = 1e-100
"""Slopes of Swish between it and its reciprocal are read as one activation."""


@dataclass(frozen=True)
class Step:
    """An operator as the patterns see it."""

    kind: str
    inputs: tuple[str, ...]


@dataclass(frozen=True)
class Recognised:
    """The tensor is `scale * sigma(source)` for the activation `name` with `parameters`."""

    name: str
    source: str
    parameters: tuple[float, ...] = ()
    scale: float = 1.0


@dataclass(frozen=True)
class Steps:
    """The operators by the tensor they produce, the constant scalars by name, and what has been recognised so far."""

    producers: Mapping[str, Step]
    scalars: Mapping[str, float]
    found: dict[str, Recognised]

    def step(self, name: str, kind: str) -> Step | None:
        """The producer of `name` if it is an operator of this kind."""
        step = self.producers.get(name)
        return step if step is not None and step.kind == kind else None

    def unary(self, name: str, kind: str) -> str | None:
        """The argument of `name` = kind(argument)."""
        step = self.step(name, kind)
        return step.inputs[0] if step is not None and step.inputs else None

    def with_scalar(self, name: str, kind: str) -> tuple[str, float] | None:
        """(u, c) of `name` = kind(u, c) for a constant scalar c, in either order where the operator commutes."""
        step = self.step(name, kind)
        if step is None or len(step.inputs) != 2:
            return None
        for tensor, scalar in (step.inputs, step.inputs[::-1])[: 2 if kind in ("Add", "Mul") else 1]:
            if scalar in self.scalars and tensor not in self.scalars:
                return tensor, self.scalars[scalar]
        return None

    def multiples(self, name: str) -> Iterator[tuple[str, float]]:
        """Every (t, c) with `name` = c t found by undoing products with and quotients by constant scalars."""
        factor = 1.0
        for _ in range(MAXIMUM_CHAIN):
            yield name, factor
            scaled, divided = self.with_scalar(name, "Mul"), self.step(name, "Div")
            if scaled is not None:
                name, factor = scaled[0], factor * scaled[1]
            elif divided is not None and len(divided.inputs) == 2 and self.scalars.get(divided.inputs[1], 0.0) != 0.0:
                name, factor = divided.inputs[0], factor / self.scalars[divided.inputs[1]]
            else:
                return

    def pair(self, name: str, kind: str) -> Iterator[tuple[str, str]]:
        """Both orders of the inputs of `name` = kind(u, v)."""
        step = self.step(name, kind)
        if step is not None and len(step.inputs) == 2:
            yield step.inputs[0], step.inputs[1]
            yield step.inputs[1], step.inputs[0]


def recognised(producers: Mapping[str, Step], scalars: Mapping[str, float]) -> dict[str, Recognised]:
    """Tensors that are one activation of another tensor; `producers` is in topological order."""
    steps = Steps(producers, scalars, {})
    for name in producers:
        for pattern in PATTERNS:
            match = pattern(steps, name)
            if match is not None:
                steps.found[name] = match
                break
    return steps.found


def _swish(steps: Steps, name: str) -> Recognised | None:
    """Swish: x * sigmoid(b x); SiLU for b = 1, and -swish(-x) of slope -b for b < 0 (left to the parts)."""
    for source, factor in steps.pair(name, "Mul"):
        argument = steps.unary(factor, "Sigmoid")
        if argument == source:
            return Recognised("silu", source)
        scaled = steps.with_scalar(argument or "", "Mul")
        if scaled is not None and scaled[0] == source and LEAST_SLOPE <= scaled[1] <= 1.0 / LEAST_SLOPE:
            return Recognised("swish", source, (scaled[1],))
    return None


def _mish(steps: Steps, name: str) -> Recognised | None:
    """Mish: x * tanh(softplus(x))."""
    for source, factor in steps.pair(name, "Mul"):
        if _softplus_argument(steps, steps.unary(factor, "Tanh") or "") == source:
            return Recognised("mish", source)
    return None


def _gelu(steps: Steps, name: str) -> Recognised | None:
    """GELU: a x * b (1 + erf(x / sqrt(2))) = 2 a b gelu(x), or with tanh(sqrt(2/pi)(x + 0.044715 x^3)) for erf."""
    for linear, gate in steps.pair(name, "Mul"):
        for inner, gate_factor in steps.multiples(gate):
            shifted = steps.with_scalar(inner, "Add")
            if shifted is None or shifted[1] != 1.0:
                continue
            for source, linear_factor in steps.multiples(linear):
                for kind, sigmoid, is_argument in (("gelu", "Erf", _is_erf), ("gelu_tanh", "Tanh", _is_cubic)):
                    argument = steps.unary(shifted[0], sigmoid)
                    if argument is not None and is_argument(steps, argument, source):
                        return Recognised(kind, source, (), 2.0 * gate_factor * linear_factor)
    return None


def _is_erf(steps: Steps, name: str, source: str) -> bool:
    """Whether `name` is source / sqrt(2)."""
    return any(t == source and _close(c, 1.0 / math.sqrt(2.0)) for t, c in steps.multiples(name))


def _is_cubic(steps: Steps, name: str, source: str) -> bool:
    """Whether `name` is sqrt(2/pi) (source + 0.044715 source^3)."""
    for inner, outer_factor in steps.multiples(name):
        if not _close(outer_factor, math.sqrt(2.0 / math.pi)):
            continue
        for first, second in steps.pair(inner, "Add"):
            if first == source and any(
                _close(c, 0.044715) and _is_cube(steps, t, source) for t, c in steps.multiples(second)
            ):
                return True
    return False


def _is_cube(steps: Steps, name: str, source: str) -> bool:
    if steps.with_scalar(name, "Pow") == (source, 3.0):
        return True
    return any(factor == source and _is_square(steps, square, source) for square, factor in steps.pair(name, "Mul"))


def _is_square(steps: Steps, name: str, source: str) -> bool:
    return steps.with_scalar(name, "Pow") == (source, 2.0) or (source, source) in steps.pair(name, "Mul")


def _softplus(steps: Steps, name: str) -> Recognised | None:
    """Softplus: relu(x) + log(1 + exp(-|x|))."""
    for positive, tail in steps.pair(name, "Add"):
        source = steps.unary(positive, "Relu")
        one_plus = steps.with_scalar(steps.unary(tail, "Log") or "", "Add")
        if source is None or one_plus is None or one_plus[1] != 1.0:
            continue
        negated = steps.unary(one_plus[0], "Exp")
        if steps.unary(steps.unary(negated or "", "Neg") or "", "Abs") == source:
            return Recognised("softplus", source)
    return None


def _softsign(steps: Steps, name: str) -> Recognised | None:
    """Softsign: x / (1 + |x|)."""
    step = steps.step(name, "Div")
    divisor = steps.with_scalar(step.inputs[1], "Add") if step is not None and len(step.inputs) == 2 else None
    if step is None or divisor is None or divisor[1] != 1.0 or steps.unary(divisor[0], "Abs") != step.inputs[0]:
        return None
    return Recognised("softsign", step.inputs[0])


def _two_slopes(steps: Steps, name: str) -> Recognised | None:
    """Leaky ReLU: x where x > 0 (or x >= 0) and alpha x elsewhere."""
    step = steps.step(name, "Where")
    if step is None or len(step.inputs) != 3:
        return None
    condition, linear, other = step.inputs
    scaled = steps.with_scalar(other, "Mul")
    if scaled is None or scaled[0] != linear:
        return None
    for kind in ("Greater", "GreaterOrEqual"):
        if steps.with_scalar(condition, kind) == (linear, 0.0):
            return Recognised("leaky_relu", linear, (scaled[1],))
    return None


def _leaky_softplus(steps: Steps, name: str) -> Recognised | None:
    """Leaky softplus: s + alpha (x - s), or alpha x + beta s where alpha + beta is exactly 1, with s = softplus(x)."""
    for first, second in steps.pair(name, "Add"):
        source = _softplus_argument(steps, first)
        scaled = steps.with_scalar(second, "Mul")
        difference = steps.step(scaled[0], "Sub") if scaled is not None else None
        if scaled is not None and difference is not None and difference.inputs == (source, first):
            return Recognised("leaky_softplus", difference.inputs[0], (scaled[1],))
        weighted = steps.with_scalar(first, "Mul")
        source = _softplus_argument(steps, weighted[0]) if weighted is not None else None
        if weighted is not None and scaled is not None and scaled[0] == source and _is_one(weighted[1], scaled[1]):
            return Recognised("leaky_softplus", scaled[0], (scaled[1],))
    return None


def _softplus_argument(steps: Steps, name: str) -> str | None:
    known = steps.found.get(name)
    if known is not None and known.name == "softplus" and known.scale == 1.0:
        return known.source
    return steps.unary(name, "Softplus")


def _elu(steps: Steps, name: str) -> Recognised | None:
    """ELU: relu(x) + alpha (exp(-relu(-x)) - 1)."""
    for positive, rest in steps.pair(name, "Add"):
        source = steps.unary(positive, "Relu")
        scaled = steps.with_scalar(rest, "Mul")
        below = steps.step(scaled[0], "Sub") if scaled is not None else None
        if source is None or scaled is None or below is None or len(below.inputs) != 2:
            continue
        if steps.scalars.get(below.inputs[1]) != 1.0:
            continue
        negative = steps.unary(steps.unary(below.inputs[0], "Exp") or "", "Neg")
        if _is_negative_part(steps, negative or "", source):
            return Recognised("elu", source, (scaled[1],))
    return None


def _leaky_relu(steps: Steps, name: str) -> Recognised | None:
    """Leaky ReLU: relu(x) - alpha relu(-x); without the factor it is x itself."""
    step = steps.step(name, "Sub")
    source = steps.unary(step.inputs[0], "Relu") if step is not None and len(step.inputs) == 2 else None
    if step is None or source is None:
        return None
    if _is_negative_part(steps, step.inputs[1], source):
        return Recognised("identity", source)
    scaled = steps.with_scalar(step.inputs[1], "Mul")
    if scaled is not None and _is_negative_part(steps, scaled[0], source):
        return Recognised("leaky_relu", source, (scaled[1],))
    return None


def _is_negative_part(steps: Steps, name: str, source: str) -> bool:
    return steps.unary(steps.unary(name, "Relu") or "", "Neg") == source


def _is_one(left: float, right: float) -> bool:
    return math.isfinite(left) and math.isfinite(right) and Fraction(left) + Fraction(right) == 1


def _close(value: float, target: float) -> bool:
    return abs(value - target) <= FLOAT32_ROUNDING * target


PATTERNS: tuple[Callable[[Steps, str], Recognised | None], ...] = (
    _swish,
    _mish,
    _gelu,
    _softplus,
    _softsign,
    _two_slopes,
    _leaky_softplus,
    _elu,
    _leaky_relu,
)
