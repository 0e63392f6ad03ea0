"""Counterexamples: searched in floats and by z3's models, made short, and kept only if confirmed in balls."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
import sympy as sp
from flint import arb, fmpq

from certify.arithmetic.balls import precision
from certify.prover.claim import Claim, Relation, Sign, substituted
from certify.symbolic.evaluation import compile_estimate, evaluate_ball

POINTS = 20_000
"""Points drawn, a third of them near the parameters' simple bounds."""

CANDIDATES = 40
"""Points that are tried in balls, the clearest violations first."""

NUMBERS = 4
"""How many of a claim's own numbers are tried as values."""

DENOMINATORS = (1, 2, 3, 4, 5, 8, 10, 20, 50, 100, 1000, 10**6)
"""A witness's coordinates are rounded to the first of these denominators that keeps the violation."""

LARGEST_END = Fraction(2**1000)
"""Of an assumption, near which points are drawn; one beyond is taken for it."""

PLAIN = tuple(map(Fraction, ("0", "1", "-1", "2", "-2", "1/2", "-1/2", "3", "-3", "1/10", "10", "-10", "100", "-100")))
"""Values that are tried first when a counterexample is made short."""

Values = Mapping[sp.Symbol, Fraction]


def search(claim: Claim, seed: int = 0, points: int = POINTS) -> dict[sp.Symbol, Fraction] | None:
    """Short rationals at which the assumptions hold, everything is defined and the goal fails; None if none is found.

    Guarantee: what is returned was confirmed, see `violates`.
    """
    parameters = claim.parameters
    if not parameters:
        return {} if violates(claim, {}) else None
    drawn = _first_draw(claim, seed, points)
    for row in violations(claim, drawn)[:CANDIDATES]:
        values = {parameter: exact(row[i], parameter in claim.integers) for i, parameter in enumerate(parameters)}
        if violates(claim, values):
            return shortened(claim, values)
    return next((shortened(claim, values) for values in _own_numbers(claim) if violates(claim, values)), None)


def _own_numbers(claim: Claim) -> Iterator[dict[sp.Symbol, Fraction]]:
    """Points made of the claim's own numbers, where a strict relation with one or two parameters may be a tie."""
    if claim.goal.sign not in (Sign.POSITIVE, Sign.NON_ZERO) or len(claim.parameters) > 2:
        return
    found = {abs(number) for item in (claim.goal, *claim.assumptions) for number in item.expression.atoms(sp.Rational)}
    numbers = [Fraction(int(item.p), int(item.q)) for item in sorted(found | {sp.S.Zero, sp.S.One})[:NUMBERS]]
    numbers = list(dict.fromkeys([*numbers, *(-item for item in numbers), *(1 / item for item in numbers if item)]))
    for values in product(numbers, repeat=len(claim.parameters)):
        yield dict(zip(claim.parameters, values, strict=True))


def violates(claim: Claim, values: Values) -> bool:
    """Whether the assumptions hold and the goal fails at `values`, beyond doubt: exactly or in balls."""
    if any(values[parameter].denominator != 1 for parameter in claim.integers if parameter in values):
        return False
    where = [condition for relation in claim.assumptions for condition in relation.defined_where]
    needed = (*where, *claim.assumptions, *claim.goal.defined_where, claim.goal.negated())
    return all(holds(relation, values) for relation in needed)


def holds(relation: Relation, values: Values) -> bool:
    """Whether the relation holds at `values`, beyond doubt."""
    sign = relation.sign
    try:
        with precision():
            found = evaluate_ball(
                relation.expression,
                {symbol.name: arb(fmpq(value.numerator, value.denominator)) for symbol, value in values.items()},
            )
    except (TypeError, ValueError, OverflowError):
        return False
    if found > 0:
        return sign is not Sign.ZERO
    if found < 0:
        return sign is Sign.NON_ZERO
    if sign in (Sign.NON_ZERO, Sign.POSITIVE):
        return False
    return found >= 0 and sign is Sign.NON_NEGATIVE or _is_zero(relation.expression, values)


def shortened(claim: Claim, values: Values) -> dict[sp.Symbol, Fraction]:
    """A counterexample with coordinates as simple as a greedy search makes them; `values` must be one."""
    best = dict(values)
    for _ in range(2):
        for parameter in sorted(best, key=str):
            for simpler in _simpler(best[parameter]):
                candidate = {**best, parameter: simpler}
                if violates(claim, candidate):
                    best = candidate
                    break
    return best


def draw(claim: Claim, random: np.random.Generator, count: int) -> npt.NDArray[np.float64]:
    """Points (count, parameters), of all magnitudes, near 0, 1 and the simple bounds. Estimate."""
    return _near_bounds(claim, _scattered(random, (count, len(claim.parameters))), random)


def _first_draw(claim: Claim, seed: int, count: int) -> npt.NDArray[np.float64]:
    """`draw` by the seed's generator."""
    drawn, state = _first_scattered(seed, (count, len(claim.parameters)))
    random = np.random.default_rng(seed)
    random.bit_generator.state = state
    return _near_bounds(claim, drawn.copy(), random)


@lru_cache(maxsize=8)
def _first_scattered(seed: int, shape: tuple[int, int]) -> tuple[npt.NDArray[np.float64], Any]:
    """What the seed's generator draws first, and its state behind it: kept, as every claim of one size begins so."""
    random = np.random.default_rng(seed)
    return _scattered(random, shape), random.bit_generator.state


def _scattered(random: np.random.Generator, shape: tuple[int, int]) -> npt.NDArray[np.float64]:
    kind = random.integers(0, 5, shape)
    magnitude = 10.0 ** random.uniform(-4, 4, shape) * random.choice([-1.0, 1.0], shape)
    return np.select(
        [kind == 0, kind == 1, kind == 2, kind == 3],
        [magnitude, random.uniform(-2, 2, shape), random.uniform(0, 1, shape), random.normal(size=shape) * 5],
        random.integers(-3, 12, shape).astype(np.float64),
    )


def _near_bounds(claim: Claim, drawn: npt.NDArray[np.float64], random: np.random.Generator) -> npt.NDArray[np.float64]:
    parameters, count = claim.parameters, len(drawn)
    for column, parameter in enumerate(parameters):
        low, high = bounds(claim, parameter)
        values = drawn[:, column]
        if low is not None and high is not None:
            inside = _float(low) + (_float(high) - _float(low)) * random.beta(0.5, 0.5, count)
            values = np.where(random.random(count) < 0.9, inside, values)
        elif low is not None:
            values = np.where(random.random(count) < 0.9, _float(low) + np.abs(values), values)
        elif high is not None:
            values = np.where(random.random(count) < 0.9, _float(high) - np.abs(values), values)
        drawn[:, column] = np.rint(values) if parameter in claim.integers else values
    return np.asarray(drawn)


def _float(end: Fraction) -> float:
    """An end near which points are drawn, as a float; one beyond the floats as a very large one."""
    return float(max(-LARGEST_END, min(end, LARGEST_END)))


def bounds(claim: Claim, parameter: sp.Symbol) -> tuple[Fraction | None, Fraction | None]:
    """The largest lower and smallest upper bound by a number that an assumption states of the parameter alone."""
    low: Fraction | None = None
    high: Fraction | None = None
    for relation in claim.assumptions:
        if relation.expression.free_symbols != {parameter} or not relation.expression.is_polynomial(parameter):
            continue
        polynomial = sp.Poly(relation.expression, parameter)
        if polynomial.degree() != 1 or not all(item.is_Rational for item in polynomial.all_coeffs()):
            continue
        slope, constant = polynomial.all_coeffs()
        end = Fraction(int(-constant.p * slope.q), int(constant.q * slope.p))
        if relation.sign is Sign.ZERO or (slope > 0 and relation.sign is not Sign.NON_ZERO):
            low = end if low is None else max(low, end)
        if relation.sign is Sign.ZERO or (slope < 0 and relation.sign is not Sign.NON_ZERO):
            high = end if high is None else min(high, end)
    return low, high


def has_interior(claim: Claim, seed: int = 0) -> bool:
    """Whether points are found at which every assumption that is an inequality holds strictly. Estimate."""
    if not claim.parameters:
        return True
    drawn = _first_draw(claim, seed, POINTS // 10)
    strict = [
        Sign.POSITIVE
        if item.sign is Sign.NON_NEGATIVE and not item.expression.free_symbols <= claim.integers
        else item.sign
        for item in claim.assumptions
    ]
    found = compile_estimate([item.expression for item in claim.assumptions], claim.parameters)(*drawn.T)
    inside = np.ones(len(drawn), dtype=bool)
    for sign, values in zip(strict, found, strict=True):
        inside &= seems(sign, np.broadcast_to(values, inside.shape)) | (sign is Sign.ZERO)
    return bool(inside.any())


def violations(claim: Claim, drawn: npt.NDArray[np.float64]) -> list[npt.NDArray[np.float64]]:
    """Rows at which floats see every premise hold and the goal fail, each once, the clearest first."""
    where = [condition for relation in claim.assumptions for condition in relation.defined_where]
    premises = (*where, *claim.assumptions, *claim.goal.defined_where)
    goal = claim.goal.negated()
    evaluate = compile_estimate([item.expression for item in (*premises, goal)], claim.parameters)
    found = evaluate(*drawn.T)
    admissible = np.ones(len(drawn), dtype=bool)
    for relation, values in zip((*premises, goal), found, strict=True):
        admissible &= seems(relation.sign, np.broadcast_to(values, admissible.shape))
    rows = drawn[admissible]
    excess = np.abs(np.broadcast_to(found[-1], admissible.shape)[admissible])
    order = np.argsort(-np.nan_to_num(excess, nan=-1.0, posinf=1e300), kind="stable")
    return list({row.tobytes(): row for row in rows[order]}.values())


def seems(sign: Sign, values: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Where floats see that a relation of the sign holds for its expression's values. Estimate."""
    with np.errstate(invalid="ignore"):
        compared = {
            Sign.NON_NEGATIVE: values >= 0,
            Sign.POSITIVE: values > 0,
            Sign.ZERO: values == 0,
            Sign.NON_ZERO: values != 0,
        }[sign]
    return np.asarray(compared & np.isfinite(values))


def _simpler(value: Fraction) -> Iterator[Fraction]:
    """Rationals near `value`, the shortest first, ending before `value` itself."""
    seen: set[Fraction] = set()
    near: Sequence[Fraction] = [*PLAIN, *(value.limit_denominator(bound) for bound in DENOMINATORS)]
    if value != 0:
        exponent = len(str(abs(value.numerator))) - len(str(value.denominator))
        scale = Fraction(10) ** exponent
        near = [*near, *(round(value / scale * 10**digits) * scale / 10**digits for digits in (0, 1, 2))]
    for candidate in sorted(near, key=_length):
        if candidate not in seen and _length(candidate) < _length(value):
            seen.add(candidate)
            yield candidate


def _length(value: Fraction) -> tuple[int, Fraction]:
    return len(str(value)), abs(value)


def exact(value: float, is_integer: bool) -> Fraction:
    """The float as a rational: of an integer parameter the nearest integer, else a short one that rounds to it.

    An end such as 9/5 is no float, and the float next to it may lie beyond.
    """
    if is_integer:
        return Fraction(round(value))
    found = Fraction(float(value))
    short = found.limit_denominator(1000)
    return short if float(short) == float(value) else found


def _is_zero(expression: sp.Expr, values: Values) -> bool:
    """Whether the expression is exactly 0 at rational values; only where it becomes a rational number."""
    if max((abs(value.numerator) + value.denominator for value in values.values()), default=0) > 10**40:
        return False
    exact = {symbol: sp.Rational(value.numerator, value.denominator) for symbol, value in values.items()}
    found = substituted(expression, exact)
    return bool(found.is_Rational) and found == 0
