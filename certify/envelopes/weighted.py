"""Planes under a weighted sum of a network's outputs over boxes: one backward pass, the remainders signed.

For weights w: <w, G(c+u) - value> >= a . u + rest over the box, `value` the floats of the outputs at c. Every neuron's
coefficient has a sign, so of its two lines only the one on the right side is paid for, and remainders of different
outputs cancel before they are bounded. Rounded outward.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from certify.arithmetic.intervals import EPSILON, SMALLEST_NORMAL, FloatArray
from certify.envelopes.box_activations import CONVEX_KINKS, ends_at, flat_slope
from certify.envelopes.box_forms import BoxForms
from certify.envelopes.box_parts import BoxForm, Lines, along
from certify.envelopes.box_sums import Chosen
from certify.envelopes.box_weights import weights_of
from certify.envelopes.chain_forms import Squares
from certify.generators.graph import Activation, Affine, Input, Product, Sum


@dataclass(frozen=True, eq=False)
class WeightedForm:
    """<w, G(c+u) - value> >= slope (b, d) . u + u' curvature (b, d, d) u / 2 + rest (b,) over the box."""

    slope: FloatArray
    curvature: FloatArray
    rest: FloatArray


def weighted_lower(forms: BoxForms, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Slopes a (b, d) and rests (b,) with <w, G(c+u) - value> >= a.u + rest for `weights` w (b, n); -inf: unknown."""
    found = _walked(forms, weights, None)
    return found.slope, found.rest


def weighted_quadratic_lower(forms: BoxForms, weights: FloatArray) -> WeightedForm:
    """A quadratic below <w, G(c+u) - value> for `weights` w (b, n): second orders are kept, not bounded; -inf: unknown.

    The square of a neuron's input increment is the square of its plane up to the plane's remainder, so over all neurons
    second orders add up with their signs, and what is paid for is of third order.
    """
    return _walked(forms, weights, _Squares(forms))


def _walked(forms: BoxForms, weights: FloatArray, squares: _Squares | None) -> WeightedForm:
    nodes = forms.graph.nodes
    rows = Rows(len(nodes))
    rows.add(len(nodes) - 1, weights, products=0)
    rest = np.zeros(len(weights))
    with np.errstate(over="ignore", invalid="ignore", under="ignore", divide="ignore"):
        for index in range(len(nodes) - 1, -1, -1):
            node, row = nodes[index], rows.terms[index]
            if row is None:
                continue
            rest = rest - rows.rounding(index, forms.nodes[index].reach)
            match node:
                case Affine() if forms.chain is not None and index == forms.chain.chain.last:
                    moved, lost, kept = forms.chain.backward(row)
                    rows.add(0, moved, products=0)
                    lost = lost + kept.most(forms.halves) if squares is None else lost
                    if squares is not None:
                        squares.join(kept)
                case Affine():
                    moved, lost = _through_affine(node, row, forms.nodes[node.source])
                    rows.add(node.source, moved, products=node.width)
                case Sum() if index in forms.choices:
                    lost = _through_choice(rows, forms.choices[index], row)
                case Sum():
                    lost = _through_sum(rows, node, row, forms)
                case Product():
                    lost = _through_product(rows, node, row, forms, squares)
                case Activation():
                    source, lines = forms.nodes[node.source], forms.lines[index]
                    moved, lost = _through_activation(node, row, source, lines, squares)
                    rows.add(node.source, moved)
                case Input():
                    lost = np.zeros(len(weights))
            rest = rest - lost
    slope = rows.terms[0]
    if slope is None:
        slope = np.zeros_like(forms.centres)
    d = forms.centres.shape[1]
    curvature = np.zeros((len(weights), d, d))
    if squares is not None:
        rest = rest - 4 * EPSILON * ((np.abs(slope) + np.abs(squares.linear)) * forms.halves).sum(axis=1)
        slope, curvature = slope + squares.linear, squares.curvature
    # Every addition to `rest` is of a number that is not positive: it is off by its own size times the count.
    rest = rest * (1 + 8 * (len(nodes) + 2) * EPSILON) - SMALLEST_NORMAL
    if squares is not None:
        rest = rest + squares.constant - 4 * EPSILON * (np.abs(rest) + np.abs(squares.constant))
    known = np.isfinite(rest) & np.isfinite(slope).all(axis=1) & np.isfinite(curvature).all(axis=(1, 2))
    return WeightedForm(
        np.where(np.isfinite(slope), slope, 0.0),
        np.where(known[:, None, None], curvature, 0.0),
        np.where(known, rest, -np.inf),
    )


class _Squares:
    """Sum of coefficients times products of increments: curvature (b, d, d), linear (b, d) and constant (b,) parts."""

    def __init__(self, forms: BoxForms) -> None:
        count, d = forms.centres.shape
        self._halves, self._terms = forms.halves, d + len(forms.nodes) + 32
        self.curvature = np.zeros((count, d, d))
        self.linear = np.zeros((count, d))
        self.constant = np.zeros(count)

    def join(self, other: Squares) -> None:
        """Add squares that a chain has kept."""
        self.curvature = self.curvature + other.curvature
        self.linear, self.constant = self.linear + other.linear, self.constant + other.constant

    def cost(self, factor: FloatArray, first: BoxForm, second: BoxForm) -> FloatArray:
        """Upper bound of what `add` leaves of factor * increment * increment, entry by entry (b, k)."""
        one, other = (item.span + np.abs(item.shift) for item in (first, second))
        left = one * second.radius + other * first.radius + first.radius * second.radius
        # Sums over the k entries, the box's ends and the nodes are rounded: at most that many eps of the sizes.
        growth = 8 * (factor.shape[1] + self._terms) * EPSILON
        rounding = growth * (one + first.radius) * (other + second.radius)
        underflow = 64 * SMALLEST_NORMAL * (1 + one + other) * (1 + self._halves.sum(axis=1, keepdims=True)) ** 2
        # The factor itself may be a product below the normal range.
        underflow = underflow + 4 * SMALLEST_NORMAL * (one + first.radius) * (other + second.radius)
        return np.asarray(np.abs(factor) * (left + rounding) * (1 + 16 * EPSILON) + underflow)

    def add(
        self, factor: FloatArray, first: tuple[FloatArray, FloatArray], second: tuple[FloatArray, FloatArray]
    ) -> None:
        """Add factor (b, k) * (A u + s) * (A' u + s') for planes (A, s) and (A', s')."""
        left = factor[..., None] * first[0]
        product = np.matmul(np.swapaxes(left, 1, 2), second[0])
        self.curvature = self.curvature + product + np.swapaxes(product, 1, 2)
        self.linear = self.linear + along(left, second[1])
        self.linear = self.linear + along(second[0], factor * first[1])
        self.constant = self.constant + (factor * first[1] * second[1]).sum(axis=1)


class Rows:
    """Coefficients of every node's deviation, with the sizes of the terms that they are sums of."""

    def __init__(self, count: int) -> None:
        self.terms: list[FloatArray | None] = [None] * count
        self._sizes: list[FloatArray | None] = [None] * count
        self._counts = [0] * count
        self._products = [0] * count

    def add(self, index: int, term: FloatArray, products: int = 1) -> None:
        """Add `term` (b, k), each a sum of so many `products`, to the coefficients of a node."""
        present, size = self.terms[index], self._sizes[index]
        self.terms[index] = term if present is None else present + term
        self._sizes[index] = np.abs(term) if size is None else size + np.abs(term)
        self._counts[index] += 1
        self._products[index] += products

    def rounding(self, index: int, reach: FloatArray) -> FloatArray:
        """What the rounding of a node's coefficients, as sums and as products, can change the bound by, (b,)."""
        size = self._sizes[index]
        assert size is not None, "the node has coefficients"
        entries = np.where(size == 0, 0.0, size * reach)
        rounded = 4 * (self._counts[index] + 2) * EPSILON * entries.sum(axis=1)
        if not self._products[index]:
            return np.asarray(rounded)
        # A product below the normal range is off by as much as the least normal number, whatever it multiplies.
        return np.asarray(rounded + 2 * self._products[index] * (SMALLEST_NORMAL * reach).sum(axis=1))


def _through_affine(node: Affine, row: FloatArray, source: BoxForm) -> tuple[FloatArray, FloatArray]:
    """The coefficients of the source, and what rounding loses: behind blocks by the largest of its entries."""
    weights = weights_of(node)
    growth = (sum(node.weight.shape) + 16) * EPSILON
    size = source.reach + np.abs(source.value)
    if weights.is_in_blocks:
        lost = (np.abs(row) @ weights.row_sums) * size.max(axis=1) * (1 + growth)
    else:
        lost = (weights.spread_backward(np.abs(row)) * size).sum(axis=1)
    return weights.backward(row), growth * (lost + np.abs(row) @ np.abs(node.bias))


def _through_sum(rows: Rows, node: Sum, row: FloatArray, forms: BoxForms) -> FloatArray:
    lost = np.zeros(len(row))
    for source, factor in zip(node.sources, node.coefficients, strict=True):
        rows.add(source, factor * row)
        lost = lost + (np.abs(factor * row) * np.abs(forms.nodes[source].value)).sum(axis=1)
    return np.asarray(8 * (len(node.sources) + 4) * EPSILON * lost)


def _through_choice(rows: Rows, chosen: Chosen, row: FloatArray) -> FloatArray:
    """The branch at the centre takes the coefficient; what the other one adds is bounded."""
    rows.add(chosen.choice.first, np.where(chosen.at_first, row, 0.0), products=0)
    rows.add(chosen.choice.second, np.where(chosen.at_first, 0.0, row), products=0)
    worst = -np.where(row >= 0, row * chosen.rest_low, row * chosen.rest_high)
    return np.asarray(np.where(row == 0, 0.0, worst * (1 + 4 * EPSILON)).sum(axis=1) * (1 + row.shape[1] * EPSILON))


def _through_product(
    rows: Rows, node: Product, row: FloatArray, forms: BoxForms, squares: _Squares | None
) -> FloatArray:
    """Ab - a_c b_c = a_c (b - b_c) + b_c (a - a_c) + (a - a_c)(b - b_c), the last one bounded or kept as a square."""
    first, second = (forms.nodes[source] for source in node.sources)
    rows.add(node.sources[0], row * second.value)
    rows.add(node.sources[1], row * first.value)
    lows = (first.low - first.value, second.low - second.value)
    highs = (first.high - first.value, second.high - second.value)
    corners = [x * y for x in (lows[0], highs[0]) for y in (lows[1], highs[1])]
    low, high = np.minimum.reduce(corners), np.maximum.reduce(corners)
    size = (np.abs(first.value) + first.reach) * (np.abs(second.value) + second.reach)
    worst = -np.where(row >= 0, row * low, row * high)
    if squares is not None:
        worst = _kept(squares, row, worst, squares.cost(row, first, second), first, second)
    return np.asarray((np.where(row == 0, 0.0, worst + 64 * EPSILON * np.abs(row) * size)).sum(axis=1))


def _kept(
    squares: _Squares, factor: FloatArray, worst: FloatArray, cost: FloatArray, first: BoxForm, second: BoxForm
) -> FloatArray:
    """What is paid entry by entry, with factor * increment * increment kept where that leaves less than `worst`."""
    chosen = cost < worst
    if chosen.any():
        squares.add(np.where(chosen, factor, 0.0), _plane_where(chosen, first), _plane_where(chosen, second))
    return np.where(chosen, cost, worst)


def _plane_where(chosen: npt.NDArray[np.bool_], item: BoxForm) -> tuple[FloatArray, FloatArray]:
    """Slope and shift, 0 where nothing is kept: there they may not be finite."""
    return np.where(chosen[..., None], item.slope, 0.0), np.where(chosen, item.shift, 0.0)


def _through_activation(
    node: Activation, row: FloatArray, source: BoxForm, lines: Lines, squares: _Squares | None
) -> tuple[FloatArray, FloatArray]:
    slope_low, rest_low = lines.slope, lines.rest_low
    if node.name in CONVEX_KINKS:
        # Below a convex kink (left slope <= 1) lies either of its branches: the one that is closer over the range.
        flat = flat_slope(node.name, node.parameters)
        crossing = (source.low < 0) & (source.high > 0) & np.isfinite(source.low) & np.isfinite(source.high)
        crossing = crossing & (flat <= 1)
        branch = np.where(source.high > -source.low, 1.0, flat)
        anchored = branch * source.value - ends_at(node.name, node.parameters, source.value)
        rounding = 32 * EPSILON * np.abs(source.value)
        slope_low = np.where(crossing, branch, slope_low)
        rest_low = np.where(crossing, anchored - rounding - SMALLEST_NORMAL, rest_low)
    positive = row >= 0
    slope = np.where(positive, slope_low, lines.slope)
    rest = np.where(row == 0, 0.0, np.where(positive, row * rest_low, row * lines.rest_high))
    moved = row * slope
    paid = -rest
    if squares is not None and node.name not in CONVEX_KINKS:
        half = 0.5 * row * lines.bend
        cost = squares.cost(half, source, source) + np.abs(row) * lines.bent_rest * (1 + 4 * EPSILON)
        paid = np.where(row == 0, 0.0, _kept(squares, half, paid, cost, source, source))
    lost = (paid + 4 * EPSILON * (np.abs(paid) + np.abs(moved) * source.reach)).sum(axis=1)
    return moved, np.asarray(lost * (1 + row.shape[1] * EPSILON))
