"""Norms of polynomials in y ~ N(0, I) of one order each, and of their products, from their tensors. Rounded outward.

<f, He_p> stands for the polynomial of order p with the symmetric tensor f; its squared norm is p! |f|^2. With f *_r g
the contraction of r indices, and sym its symmetric part, the product formula gives

    E <f, He_p>^2 <g, He_q>^2 = sum_r (r! C(p,r) C(q,r))^2 (p+q-2r)! |sym f *_r g|^2,
    (p+q)! |sym f *_0 g|^2 = p! q! sum_r C(p,r) C(q,r) |f *_r g|^2,

and |sym h| <= |h|. For symmetric tensors |f *_r g|^2 = tr(F_r G_r), F_r the Gram matrix of f over r of its indices, and
|f *_r f| = |f *_(p-r) f|. So E <f, He_p>^4 is a sum with positive factors of squares that are each at most
|f|^4 with equality at rank one: |<f, He_p>|_4 <= |H_p|_4 |<f, He_p>|, and E He_p^4 = sum_r (r! C(p,r)^2)^2 (2p-2r)!.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from certify.arithmetic.intervals import SMALLEST_NORMAL, FloatArray, MatrixBall, hadamard, multiply

UP = 1 + 2.0**-40
"""More than all roundings of the short sums of numbers that are not negative."""

UNDERFLOWS = 2.0**-990
"""More than what underflows among the contractions of two tensors of orders up to 4, times their factors."""


def fourth_growth(order: int) -> float:
    """|H_n|_4 for `order` n, rounded up."""
    total = sum(
        (math.factorial(r) * math.comb(order, r) ** 2) ** 2 * math.factorial(2 * order - 2 * r)
        for r in range(order + 1)
    )
    return float((total / math.factorial(order) ** 2) ** 0.25 * (1 + 2.0**-48))


def shaped(ball: MatrixBall, *shape: int) -> MatrixBall:
    """The same entries in another shape."""
    return MatrixBall(ball.midpoint.reshape(shape), ball.radius.reshape(shape))


def powers_of_units(units: MatrixBall, highest: int) -> list[MatrixBall]:
    """The entries of D, D x D, ... for each row D of `units` (l, d), up to `highest` factors: (l, d^n)."""

    def next_power(power: MatrixBall, _: int) -> MatrixBall:
        count, d = power.shape[1], units.shape[1]
        slow = MatrixBall(np.repeat(power.midpoint, d, axis=1), np.repeat(power.radius, d, axis=1))
        fast = MatrixBall(np.tile(units.midpoint, (1, count)), np.tile(units.radius, (1, count)))
        return hadamard(slow, fast)

    found = [units]
    for index in range(highest - 1):
        found.append(next_power(found[-1], index))
    return found


@dataclass(frozen=True, eq=False)
class Tensors:
    """Symmetric tensors f_k of one `order` over R^d, `entries` (k, d^order)."""

    order: int
    entries: MatrixBall
    d: int

    def gram(self, indices: int) -> MatrixBall:
        """F_r, (k, d^r, d^r), for r = 1 or 2 `indices`, fewer than the order."""
        return self._grams[indices - 1]

    @cached_property
    def _grams(self) -> list[MatrixBall]:
        found = []
        for r in range(1, min(self.order, 3)):
            rows = shaped(self.entries, -1, self.d**r, self.d ** (self.order - r))
            turned = MatrixBall(rows.midpoint.transpose(0, 2, 1), rows.radius.transpose(0, 2, 1))
            found.append(multiply(rows, turned))
        return found

    @cached_property
    def square(self) -> FloatArray:
        """Upper bounds (k,) of |f|^2."""
        return squared(self.entries)


def squared(entries: MatrixBall) -> FloatArray:
    """Upper bounds (k,) of the sums of squares of rows, at least 2^-1022."""
    with np.errstate(over="ignore", under="ignore"):
        total = np.square(np.abs(entries.midpoint) + entries.radius).sum(axis=1)
    # A square that underflows loses less than that.
    return np.asarray((total + (1 + entries.shape[1]) * SMALLEST_NORMAL) * UP)


def _contracted(first: Tensors, second: Tensors, r: int) -> FloatArray:
    """Upper bounds (k,) of |f *_r g|^2, the order of f at most that of g."""
    count, d = len(first.square), first.d
    if r == 0:
        return first.square * second.square * UP
    if r == first.order:
        rows = shaped(second.entries, count, d ** (second.order - r), d**r)
        return squared(shaped(multiply(rows, shaped(first.entries, count, d**r, 1)), count, -1))
    if r > 2:
        # By Cauchy: F_r has the norm of F_(p-r), which is smaller.
        one, other = first.gram(first.order - r), second.gram(second.order - r)
        return np.sqrt(squared(shaped(one, count, -1))) * np.sqrt(squared(shaped(other, count, -1))) * UP
    one, other = (shaped(item.gram(r), count, -1) for item in (first, second))
    total = multiply(hadamard(one, other), MatrixBall(np.ones((one.shape[1], 1)), np.zeros((one.shape[1], 1))))
    return np.asarray(np.maximum(total.midpoint + total.radius, 0.0)[:, 0] * UP)


def product_norm(first: Tensors, second: Tensors) -> FloatArray:
    """Upper bounds (k,) of the norm in L2 of <f, He_p> <g, He_q>."""
    first, second = (first, second) if first.order <= second.order else (second, first)
    p, q = first.order, second.order
    total = np.full(len(first.square), UNDERFLOWS)
    for r in range(p + 1):
        ways = math.comb(p, r) * math.comb(q, r)
        factor = math.factorial(p) * math.factorial(q) * ways
        if r:
            factor += (math.factorial(r) * ways) ** 2 * math.factorial(p + q - 2 * r)
        total = total + factor * _contracted(first, second, r)
    return np.asarray(np.sqrt(total) * UP)
