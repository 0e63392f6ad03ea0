"""Forms over boxes through layers of ReLU behind wide convolutions: values in float64, planes in float32.

The same statement as in `box_forms`: over a box c + u every node is value + slope . u + shift + [-radius, radius], with
`value` a float64. Slopes, shifts and radii are float32, which are exact numbers in that statement; what their products
round goes into the radius, with the unit roundoff of float32 and as many terms as a row has entries. Where the planes
say that a neuron is on throughout the box it is its input, and where off it is 0, with nothing to pay; only a neuron
whose kink lies inside pays, by lines or by parabolas on either side of ReLU: squares of planes, which add up with their
signs in the backward pass. Values and that pass are float64.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from certify.arithmetic.intervals import EPSILON, SMALLEST_NORMAL, FloatArray
from certify.clock import ask
from certify.envelopes.box_chain import Chain, Layer, multiplied
from certify.envelopes.box_parts import Plane
from certify.envelopes.stencil_weights import SingleArray

SINGLE = 2.0**-23
"""Twice the unit roundoff of binary32."""

TINY = 1e-34
"""More than what underflows of float32 can cost in a row of a layer, kept or flushed to zero: 4 TINY > 2048 2^-126."""

LEAST_END = 2.0**-126
"""The least normal number of binary32: products with smaller half-widths might be lost."""


@dataclass(frozen=True, eq=False)
class Kinks:
    """A layer of ReLU over boxes: `on` (b, k), and the `places` (p,) of the flat (b, k) where the kink lies inside.

    There, with x = t - t_c the increment of the input, |x| <= reach, relu(t) - value is at most above[0] + above[1] x
    and at least below[0] + below[1] x; at `bent` (q,), an index of the places, with squares[1] x^2 and squares[0] x^2
    added, and x in slopes (d, q) . u + shift + [-radius, radius], `spans` (q,) what slopes . u reaches.
    """

    on: npt.NDArray[np.bool_]
    places: npt.NDArray[np.intp]
    above: FloatArray
    below: FloatArray
    reach: FloatArray
    bent: npt.NDArray[np.intp]
    squares: tuple[FloatArray, FloatArray]
    slopes: FloatArray
    shift: FloatArray
    radius: FloatArray
    spans: FloatArray

    def through(self, row: FloatArray, squares: Squares) -> tuple[FloatArray, FloatArray]:
        """Coefficients of the inputs for those of the outputs (b, k), and what is lost (b,); `squares` gets squares."""
        count, width = row.shape
        own = row.reshape(-1)[self.places]
        constant, linear = own * np.where(own >= 0, self.below, self.above)
        # A bound at the centre is on its side of relu, so the constant is not positive.
        paid = 8 * EPSILON * (np.abs(constant) + np.abs(linear) * self.reach) - constant
        paid += SMALLEST_NORMAL * (1 + self.reach)
        boxes = self.places // width
        factor = own[self.bent]
        factor = factor * np.where(factor >= 0, *self.squares)
        far = self.spans + np.abs(self.shift)
        size = far + self.radius
        # The increment's square is its plane's up to the plane's remainder; sums over entries and nodes are rounded.
        left = (2 * far + self.radius) * self.radius + 8 * (width + squares.terms) * EPSILON * size * size
        paid[self.bent] += np.abs(factor) * left * (1 + 16 * EPSILON) + 64 * SMALLEST_NORMAL * (1 + size) * (1 + size)
        squares.add(boxes[self.bent], factor, self.slopes, self.shift)
        moved = row * self.on
        moved.reshape(-1)[self.places] = linear
        return moved, np.bincount(boxes, paid, count) * (1 + 2 * width * EPSILON)


class Squares:
    """Sum of factors times squares of planes: curvature (b, d, d), linear (b, d) and constant (b,) parts."""

    def __init__(self, count: int, d: int, terms: int) -> None:
        self.terms = terms
        self.curvature, self.linear, self.constant = np.zeros((count, d, d)), np.zeros((count, d)), np.zeros(count)

    def add(self, boxes: npt.NDArray[np.intp], factor: FloatArray, slopes: FloatArray, shift: FloatArray) -> None:
        """Add factor (p,) * (slopes (d, p) . u + shift (p,))^2 to its box."""
        count, d = self.linear.shape
        for i in range(d):
            moved = factor * slopes[i]
            self.linear[:, i] += 2 * np.bincount(boxes, moved * shift, count)
            for j in range(i + 1):
                self.curvature[:, i, j] += 2 * np.bincount(boxes, moved * slopes[j], count)
                self.curvature[:, j, i] = self.curvature[:, i, j]
        self.constant += np.bincount(boxes, factor * shift * shift, count)

    def most(self, halves: FloatArray) -> FloatArray:
        """Upper bounds (b,) of the modulus of their sum over boxes of half-widths (b, d)."""
        bent = 0.5 * np.einsum("bi,bij,bj->b", halves, np.abs(self.curvature), halves)
        found = bent + (np.abs(self.linear) * halves).sum(axis=1) + np.abs(self.constant)
        return np.asarray(found * (1 + 64 * EPSILON))


@dataclass(frozen=True, eq=False)
class ChainForms:
    """The last node's `value` (b, n) and `plane` over boxes, and what a backward pass needs of the others.

    `halves` (b, d) are the boxes'. `sizes` (b,): for each layer but the first the largest |value| + |v - value| of what
    it reads; `first` (b, k): what the first layer's terms add up to.
    """

    chain: Chain
    halves: FloatArray
    value: FloatArray
    plane: Plane
    kinks: tuple[Kinks, ...]
    sizes: tuple[FloatArray, ...]
    first: FloatArray

    def backward(self, rows: FloatArray) -> tuple[FloatArray, FloatArray, Squares]:
        """Slopes a (b, d), `lost` (b,) and squares q with <row, v(c+u) - value> >= a.u + q(u) - lost for rows (b, n).

        Rounded outward; what the sums in q round is in `lost`.
        """
        chain, row = self.chain, rows
        lost = np.zeros(len(rows))
        squares = Squares(len(rows), chain.first.shape[1], 2 * chain.last + 32)
        for layer, kinks, size in zip(chain.layers[::-1], self.kinks[::-1], self.sizes[::-1], strict=True):
            growth = (max(layer.weight.terms, layer.transposed.terms) + 16) * EPSILON
            moduli = np.abs(row)
            # The products here and those of the value, each with its own sum of moduli; underflows besides.
            wide = (moduli @ layer.row_sums) * size + moduli @ np.abs(layer.bias)
            lost = lost + 2 * growth * wide + moduli.sum(axis=1) * SMALLEST_NORMAL * layer.weight.terms
            lost = lost + layer.transposed.terms * layer.weight.shape[1] * SMALLEST_NORMAL * (1 + size)
            row, paid = kinks.through(multiplied(layer.transposed, row), squares)
            lost = lost + paid
        growth = (sum(chain.first.shape) + 32) * EPSILON
        rounded = growth * (np.abs(row) * self.first).sum(axis=1) + SMALLEST_NORMAL * (1 + self.first.sum(axis=1))
        # What underflows in the squares.
        width = sum(kinks.on.shape[1] for kinks in self.kinks)
        rounded = rounded + 64 * width * SMALLEST_NORMAL * (1 + self.halves.sum(axis=1)) ** 2
        lost = (lost + rounded) * (1 + 8 * (len(self.kinks) + 4) * EPSILON)
        return row @ chain.first, lost, squares


def chain_forms(chain: Chain, centres: FloatArray, halves: FloatArray) -> ChainForms:
    """Forms of the chain's last node over the boxes `centres` +- `halves`, (b, d) each. Rounded outward."""
    d = centres.shape[1]
    growth = (d + 16) * EPSILON
    value = centres @ chain.first.T + chain.offset
    along = halves @ np.abs(chain.first).T
    first = np.abs(centres) @ np.abs(chain.first).T + np.abs(chain.offset) + along
    # Rows: the slopes along the axes, the shift, the radius.
    planes = np.zeros((d + 2, *value.shape), dtype=np.float32)
    planes[:d] = chain.first.T[:, None, :]
    planes[d + 1] = (2 * growth * first + SINGLE * along) * (1 + 4 * SINGLE) + TINY * (1 + halves.sum(axis=1)[:, None])
    ends = _single_above(halves)
    kinks, sizes = [], []
    for layer in chain.layers:
        value, found, span = _through_kinks(value, planes, ends)
        kinks.append(found)
        value, planes, size = _through_layer(layer, value, planes, span, ends)
        sizes.append(size)
    slope = np.ascontiguousarray(np.moveaxis(planes[:d], 0, -1), dtype=np.float64)
    plane = Plane(slope, planes[d].astype(np.float64), planes[d + 1].astype(np.float64))
    return ChainForms(chain, halves, value, plane, tuple(kinks), tuple(sizes), first)


def _through_kinks(value: FloatArray, planes: SingleArray, ends: SingleArray) -> tuple[FloatArray, Kinks, SingleArray]:
    """Value and, in place, planes of ReLU; the kinks; and how far the slopes reach (b, k)."""
    d = ends.shape[1]
    shift, radius = planes[d], planes[d + 1]
    span = np.abs(planes[0]) * ends[:, :1]
    for axis in range(1, d):
        span += np.abs(planes[axis]) * ends[:, axis, None]
    centre = value.astype(np.float32)
    reach = np.abs(centre)
    reach += np.abs(shift)
    reach *= 4 * SINGLE
    reach += (1 + 16 * SINGLE) * (span + radius)
    reach += TINY
    centre += shift
    # Not where both are infinite: what overflows says nothing.
    on, off = centre > reach, centre < -reach
    places = np.flatnonzero(~(on | off))
    v, s, r, along = (array.reshape(-1)[places].astype(np.float64) for array in (value, shift, radius, span))
    # `reach` is larger than what float64 rounds here.
    half = reach.reshape(-1)[places].astype(np.float64)
    low, high = np.minimum(v + s - half, 0.0), np.maximum(v + s + half, 0.0)
    single = np.clip(high / (high - low), 0.0, 1.0).astype(np.float32)
    slope = single.astype(np.float64)
    # Over [low, high] relu(t) - slope t is between 0 and what it is at an end, for any slope in [0, 1].
    most = np.maximum(-slope * low, (1.0 - slope) * high) * (1 + 8 * EPSILON) + SMALLEST_NORMAL
    at = np.maximum(v, 0.0)
    moved = (slope * v - at) + slope * s + 0.5 * most
    size = np.abs(v) + np.abs(s) + most + r
    wider = slope * r + 0.5 * most + SINGLE * (slope * along + np.abs(moved)) + 16 * EPSILON * size
    branch = (high > -low).astype(np.float64)
    reach_there = (half + np.abs(s)) * (1 + 4 * EPSILON)
    above, below = np.array([slope * v + most, slope]), np.array([branch * v, branch])
    bent, squares = _bent(v, low, high, (2 * (along + np.abs(s)) + r) * r, above, below)
    rounded = 64 * EPSILON * ((np.abs(v) + reach_there + (high - low)) ** 2 / (high - low) + most)
    above[0] += rounded - at
    below[0] -= rounded + at
    steep = np.array([planes[axis].reshape(-1)[places[bent]] for axis in range(d)], dtype=np.float64)
    kinks = Kinks(
        on, places, above, below, reach_there, bent, squares, steep, s[bent], r[bent], along[bent] * (1 + 16 * SINGLE)
    )
    bends = [single * planes[axis].reshape(-1)[places] for axis in range(d)]
    for plane in (*planes, span):
        plane *= on
    value = value * on
    value.reshape(-1)[places] = at
    for axis in range(d):
        planes[axis].reshape(-1)[places] = bends[axis]
    shift.reshape(-1)[places] = moved
    lost = TINY * (1 + ends.sum(axis=1, dtype=np.float64))
    radius.reshape(-1)[places] = wider * (1 + 4 * SINGLE) + lost[places // value.shape[1]]
    span.reshape(-1)[places] = slope * along * (1 + 4 * SINGLE) + TINY
    return value, kinks, span


def _bent(
    v: FloatArray, low: FloatArray, high: FloatArray, left: FloatArray, above: FloatArray, below: FloatArray
) -> tuple[npt.NDArray[np.intp], tuple[FloatArray, FloatArray]]:
    """Where squares bound relu closer than the lines, and their coefficients below and above, 0 where they do not.

    relu(t) <= (t + a)^2/4a for any a > 0, and >= t (t - low)/(high - low) on [low, high]. They are taken where they are
    off by less on average over the range, with what a square of the plane leaves, at most `left` times the coefficient.
    The first two coefficients, in x = t - `v`, are written into `above` and `below` (2, p).
    """
    width = high - low
    bent = np.flatnonzero(left < 0.125 * width * width)
    v, low, high, left, width = v[bent], low[bent], high[bent], left[bent], width[bent]
    up, down = high * high, low * low
    middle = np.sqrt((up + high * low + down) / 3.0)
    nearer = np.minimum(high, -low)
    under = (high * up - low * down) / (6 * width) + left < 0.5 * nearer * nearer
    over = 0.5 * middle - (up + down) / (4 * width) + left / (4 * middle) < -0.5 * high * low / width
    below[:, bent[under]] = (np.array([v * (v - low), 2 * v - low]) / width)[:, under]
    above[:, bent[over]] = (np.array([(v + middle) ** 2, 2 * (v + middle)]) / (4 * middle))[:, over]
    kept = under | over
    squares = np.where(under, 1.0 / width, 0.0)[kept], np.where(over, 0.25 / middle, 0.0)[kept]
    return bent[kept], squares


def _through_layer(
    layer: Layer, value: FloatArray, planes: SingleArray, span: SingleArray, ends: SingleArray
) -> tuple[FloatArray, SingleArray, FloatArray]:
    """Value and planes behind an affine node, and the largest size of what it reads; `planes` is written over."""
    d, (count, width) = ends.shape[1], value.shape
    single, growth = (layer.weight.terms + 16) * SINGLE, (layer.weight.terms + 16) * EPSILON
    radius, moduli = planes[d + 1], np.abs(value).astype(np.float32)
    span += np.abs(planes[d])
    size = (span + radius + moduli).max(axis=1).astype(np.float64) * (1 + 16 * SINGLE) + TINY
    span *= single
    moduli *= growth
    radius += span
    radius += moduli
    radius *= 1 + 8 * SINGLE
    lost = TINY * (1 + ends.sum(axis=1, keepdims=True))
    radius += lost
    found = np.empty((d + 2, count, layer.weight.shape[0]), dtype=np.float32)
    ask(1e-6 * layer.weight.entries * count * (d + 3))
    flat = found[: d + 1].reshape(-1, layer.weight.shape[0])
    layer.weight.times_single(planes[: d + 1].reshape(-1, width), flat)
    layer.weight.spread_single(radius, found[d + 1])
    found[d + 1] *= 1 + 2 * single
    found[d + 1] += (2 * growth * np.abs(layer.bias)).astype(np.float32)
    found[d + 1] += 4 * lost
    return multiplied(layer.weight, value) + layer.bias, found, size


def _single_above(values: FloatArray) -> SingleArray:
    """Normal float32 numbers that are not below `values` >= 0."""
    return np.maximum(np.nextafter(values.astype(np.float32), np.float32(np.inf)), np.float32(LEAST_END))
