"""Affine forms over balls: a vector-valued function of y as centre + linear y + noise e + error, batched over radii.

Inclusion property. For the ball of radius R[b] a `Form` stands for every function v of y with

    v(y) = centre[b] + linear[b] y + noise[b] e + turned[b] h + t,
    |y| <= R[b],  e in [-1, 1]^m,  h in `turns`,  |t| <= error[b] entrywise,

where e and h may depend on y in any way but are the same vectors in every form of one computation: what a
neuron's linearisation leaves over stays correlated through the layers that follow. A layer of h is bounded entry by
entry and in Euclidean norm (the adjoints times unknown slopes: entries are never all large at once). Rounding goes
into `error`.
Each function returns a form that contains the exact result, under the assumptions of `certify.arithmetic.intervals`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from certify.arithmetic.intervals import (
    EPSILON,
    SMALLEST_NORMAL,
    FloatArray,
    exact_matrix,
    row_norms_upper,
    scale_columns,
)
from certify.arithmetic.matrices import spectral_norm_upper

UNDERFLOW = 2.0**-500
"""More than what squares and products of entries of moderate size can lose below the normal range."""


@dataclass(frozen=True, eq=False)
class Turns:
    """The symbols h: layers of columns, each bounded entry by entry (`box`, (b, k)) and in norm (`norm`, (b,)).

    `layers` are (first column, box, norm), in the order in which they came about.
    """

    columns: int = 0
    layers: tuple[tuple[int, FloatArray, FloatArray], ...] = ()

    def spread(self, turned: FloatArray) -> FloatArray:
        """Upper bounds of |turned h|, (b, k), up to the rounding that the caller adds. Estimate."""
        total = np.zeros(turned.shape[:2])
        for first, box, norm in self.layers:
            part = turned[:, :, first : first + box.shape[1]]
            entrywise = (np.abs(part) * box[:, None, :]).sum(axis=2)
            length = np.sqrt((part**2).sum(axis=2)) + UNDERFLOW
            total = total + np.minimum(entrywise, length * norm[:, None])
        return total

    def with_layer(self, box: FloatArray, norm: FloatArray) -> Turns:
        """These symbols and one more layer. Exact."""
        layer = (self.columns, box, norm)
        return Turns(self.columns + box.shape[1], (*self.layers, layer))


@dataclass(frozen=True, eq=False)
class Form:
    """Shapes: radii (b,), centre and error (b, k), linear (b, k, d), noise (b, k, m), turned (b, k, turns.columns)."""

    radii: FloatArray
    centre: FloatArray
    linear: FloatArray
    noise: FloatArray
    turned: FloatArray
    error: FloatArray
    turns: Turns

    @property
    def width(self) -> int:
        """Number k of entries. Exact."""
        return int(self.centre.shape[1])

    def rest(self) -> FloatArray:
        """Upper bounds of |noise e + turned h + t|, (b, k), rounded outward."""
        growth = 4 * (self.noise.shape[2] + self.turned.shape[2] + 12) * EPSILON
        total = np.abs(self.noise).sum(axis=2) + self.turns.spread(self.turned) + self.error
        return np.asarray(total * (1 + growth) + UNDERFLOW)

    def spread(self) -> FloatArray:
        """Upper bounds of |v - centre| over the balls, (b, k), rounded outward."""
        growth = 4 * (self.linear.shape[2] + 12) * EPSILON
        reach = self.radii[:, None] * np.sqrt((self.linear**2).sum(axis=2))
        # Squares below the normal range vanish: what they can cost is added.
        return np.asarray((reach + self.rest()) * (1 + growth) + self.radii[:, None] * UNDERFLOW)

    def bounds(self) -> tuple[FloatArray, FloatArray]:
        """Entrywise lower and upper ends, (b, k); an undefined entry is the whole line. Enclosure, rounded outward."""
        with np.errstate(invalid="ignore", over="ignore"):
            spread = self.spread()
            low = np.nextafter(self.centre - spread, -np.inf)
            high = np.nextafter(self.centre + spread, np.inf)
        known = np.isfinite(low) & np.isfinite(high)
        return np.where(known, low, -np.inf), np.where(known, high, np.inf)

    def size(self) -> FloatArray:
        """Upper bound of the sum of all magnitudes behind each entry, (b, k): what relative rounding acts on.

        Estimate.
        """
        reach = self.radii[:, None] * np.abs(self.linear).sum(axis=2)
        turned = sum(
            (
                (np.abs(self.turned[:, :, first : first + box.shape[1]]) * box[:, None, :]).sum(axis=2)
                for first, box, _ in self.turns.layers
            ),
            np.zeros_like(self.centre),
        )
        return np.asarray(np.abs(self.centre) + reach + np.abs(self.noise).sum(axis=2) + turned + self.error)


def coordinates(radii: FloatArray, centre: FloatArray, factor: FloatArray, symbols: int) -> Form:
    """Coordinates z = c + B y for c (d,) and B (d, d), with room for `symbols` entries of e. Exact."""
    count, d = radii.size, centre.size
    return Form(
        radii,
        np.broadcast_to(centre, (count, d)),
        np.broadcast_to(factor, (count, d, d)),
        np.zeros((count, d, symbols)),
        np.zeros((count, d, 0)),
        np.zeros((count, d)),
        Turns(),
    )


def constant(like: Form, values: FloatArray) -> Form:
    """The constant vector `values` (k,) as a form over the same balls. Exact."""
    count, width = like.radii.size, values.size
    return Form(
        like.radii,
        np.broadcast_to(values, (count, width)),
        np.zeros((count, width, like.linear.shape[2])),
        np.zeros((count, width, like.noise.shape[2])),
        np.zeros((count, width, like.turns.columns)),
        np.zeros((count, width)),
        like.turns,
    )


def affine(weight: FloatArray, bias: FloatArray | None, source: Form) -> Form:
    """W v + b for an exact W (p, k) and b (p,). Enclosure, rounded outward.

    >>> y = coordinates(np.array([1.0]), np.zeros(2), np.eye(2), 0)
    >>> low, high = affine(np.array([[3.0, 4.0]]), None, y).bounds()
    >>> bool(5.0 <= high[0, 0] < 5.0 + 1e-12)
    True
    """
    growth = (weight.shape[1] + 12) * EPSILON
    magnitude = np.abs(weight).T
    centre = source.centre @ weight.T
    rounding = source.size() @ magnitude
    if bias is not None:
        centre = centre + bias
        rounding = rounding + np.abs(bias)
    error = (source.error @ magnitude + growth * rounding + _tiny(source, weight.shape[1])) * (1 + 4 * growth)
    linear, noise, turned = (np.matmul(weight, part) for part in (source.linear, source.noise, source.turned))
    return Form(source.radii, centre, linear, noise, turned, error, source.turns)


def combine(sources: list[Form], coefficients: tuple[float, ...]) -> Form:
    """Sum of c_i v_i for exact floats c_i. Enclosure, rounded outward."""
    growth = 4 * (len(sources) + 4) * EPSILON
    turns = max((source.turns for source in sources), key=lambda item: item.columns)
    sources = [widened(source, turns) for source in sources]
    first = sources[0]
    parts = (first.centre, first.linear, first.noise, first.turned, first.error, first.error)
    centre, linear, noise, turned, error, rounding = (np.zeros_like(part) for part in parts)
    for coefficient, source in zip(coefficients, sources, strict=True):
        centre = centre + coefficient * source.centre
        linear = linear + coefficient * source.linear
        noise = noise + coefficient * source.noise
        turned = turned + coefficient * source.turned
        error = error + abs(coefficient) * source.error
        rounding = rounding + abs(coefficient) * source.size()
    error = (error + growth * rounding + _tiny(first, len(sources))) * (1 + 4 * growth)
    return Form(first.radii, centre, linear, noise, turned, error, turns)


def scaled_by_inverse_square(source: Form, divisor: float) -> Form:
    """Quotient v / divisor^2, with the rounding of the quotient in the error. Enclosure, rounded outward."""
    factor = _inverse_square(divisor)
    scaled = combine([source], (factor,))
    # The float `factor` is rounded once, relative to itself or, below the normal range, to one smallest number.
    error = (scaled.error + (8 * EPSILON * factor + SMALLEST_NORMAL) * source.size()) * (1 + 4 * EPSILON)
    return replace(scaled, error=error)


def times(left: Form, right: Form) -> Form:
    """Entrywise product: fg = f0 g0 + f0 (g - g0) + g0 (f - f0) + (f - f0)(g - g0), the last one an error.

    Enclosure, rounded outward.

    >>> y = coordinates(np.array([1.0]), np.array([2.0]), np.array([[1.0]]), 0)
    >>> low, high = times(y, y).bounds()
    >>> bool(low[0, 0] <= 1.0), bool(high[0, 0] >= 9.0)
    (True, True)
    """
    growth = 16 * EPSILON
    turns = max(left.turns, right.turns, key=lambda item: item.columns)
    left, right = widened(left, turns), widened(right, turns)
    f, g = left.centre[..., None], right.centre[..., None]
    linear, noise, turned = (
        f * second + g * first
        for first, second in ((left.linear, right.linear), (left.noise, right.noise), (left.turned, right.turned))
    )
    error = np.abs(left.centre) * right.error + np.abs(right.centre) * left.error + left.spread() * right.spread()
    error = (error + growth * left.size() * right.size() + _tiny(left, 4)) * (1 + 4 * growth)
    return Form(left.radii, left.centre * right.centre, linear, noise, turned, error, turns)


def turned_by(source: Form, lower: FloatArray, upper: FloatArray) -> Form:
    """S v for unknown factors S = diag(s), lower <= s <= upper (b, k): the middle factors, and a new layer of turns.

    (s - middle) v is at most radius |v| entry by entry, and |radius v_0| + ||radius L|| R + |radius rest| in norm.
    Enclosure, rounded outward.
    """
    middle = 0.5 * lower + 0.5 * upper
    radius = np.maximum(upper - middle, middle - lower) * (1 + 4 * EPSILON)
    spread, rest = source.spread(), source.rest()
    box = radius * (np.abs(source.centre) + spread) * (1 + 8 * EPSILON) + UNDERFLOW
    scaled = [
        spectral_norm_upper(scale_columns(exact_matrix(matrix.T), exact_matrix(row[None])))
        if np.isfinite(matrix).all() and np.isfinite(row).all()
        else np.inf
        for matrix, row in zip(source.linear, radius, strict=True)
    ]
    norm = row_norms_upper(radius * source.centre * (1 + 4 * EPSILON)) + row_norms_upper(radius * rest)
    norm = (norm + np.array(scaled) * source.radii) * (1 + 16 * EPSILON) + UNDERFLOW
    exact = relaxed(source, middle, np.zeros_like(middle), np.zeros_like(middle), None)
    turns = source.turns.with_layer(box, norm)
    turned = np.zeros((*source.centre.shape, turns.columns))
    turned[:, :, : source.turns.columns] = exact.turned
    index = np.arange(source.width)
    turned[:, index, source.turns.columns + index] = 1.0
    return replace(exact, turned=turned, turns=turns)


def relaxed(source: Form, slope: FloatArray, offset: FloatArray, gap: FloatArray, first_symbol: int | None) -> Form:
    """Some function s v + o + t with |t| <= gap: `slope`, `offset`, `gap` of shape (b, k).

    With `first_symbol` entry i's t is the symbol first_symbol + i of e, which must be unused; otherwise an error.
    Enclosure, rounded outward.
    """
    growth = 16 * EPSILON
    noise = slope[..., None] * source.noise
    error = np.abs(slope) * source.error
    if first_symbol is None:
        error = error + gap
    else:
        index = np.arange(source.width)
        noise[:, index, first_symbol + index] += gap
    rounding = np.abs(slope) * source.size() + np.abs(offset)
    error = (error + growth * (rounding + gap) + _tiny(source, 4)) * (1 + 4 * growth)
    centre, factor = slope * source.centre + offset, slope[..., None]
    return Form(source.radii, centre, factor * source.linear, noise, factor * source.turned, error, source.turns)


def widened(source: Form, turns: Turns) -> Form:
    """The same form with zero coefficients for the layers of h that came later. Exact."""
    known = len(source.turns.layers)
    # Two computations of their own would use the same columns for different symbols.
    assert all(own is other for own, other in zip(source.turns.layers, turns.layers[:known], strict=True))
    missing = turns.columns - source.turns.columns
    if missing == 0:
        return source
    return replace(source, turned=np.pad(source.turned, ((0, 0), (0, 0), (0, missing))), turns=turns)


def _inverse_square(divisor: float) -> float:
    """Float nearest to 1/divisor^2 (inf beyond the format): the square of the float itself may vanish or overflow."""
    try:
        return float(1 / Fraction(divisor) ** 2)
    except OverflowError:
        return math.inf


def _tiny(form: Form, terms: int) -> FloatArray:
    """What underflows can cost in `terms` products of entries with each coefficient of a form, (b, 1)."""
    products = (form.linear.shape[2] + form.noise.shape[2] + form.turned.shape[2] + 4) * (terms + 4)
    reach = sum((box.sum(axis=1) for _, box, _ in form.turns.layers), form.radii)
    return np.asarray(8 * products * SMALLEST_NORMAL * (1 + reach[:, None]))
