"""Means of a function of one Gaussian times two sums of polynomials of others, enclosed.

Under y ~ N(0, I) let eta = u . y and F = sum_j A_j f_j(xi_j), xi_j = u_j . y, for unit vectors u, u_j and polynomials
f_j; F' another such sum. With h = sum_n h_n H_n(eta), H_n = He_n/sqrt(n!), and D the derivative along u,

    E[h F F'] = sum_n h_n/sqrt(n!) E[D^n (F F')] = sum_(i, l) h_(i+l) sqrt((i+l)!)/(i! l!) E[D^i F D^l F'],

D^i F = sum_j A_j (u . u_j)^i f_j^(i)(xi_j), and E[H_m(xi) H_m(xi')] is the m-th power of the correlation (Mehler). The
sum is finite. Rounded outward.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from certify.arithmetic.intervals import MatrixBall, add, exact_matrix, hadamard, multiply, stacked
from certify.envelopes.chaos_norms import shaped
from certify.envelopes.gaussian_layers import columns, derivative, row_sums


@dataclass(frozen=True, eq=False)
class Ridges:
    """F_k = sum_j A_kj f_j(xi_j) for k rows: a sum of such `parts`, pairs of A (k, j) and Hermite coefficients (j, n).

    `along` (k, j): the correlations of eta_k and xi_j.
    """

    parts: Sequence[tuple[MatrixBall, MatrixBall]]
    along: MatrixBall

    @property
    def degree(self) -> int:
        """Of the polynomials, at most."""
        return max(coefficients.shape[1] for _, coefficients in self.parts) - 1

    @cached_property
    def derivatives(self) -> list[list[MatrixBall]]:
        """D^i F in orders m, [m][i] for m + i <= degree: the weights (k, j) of H_m(xi_j)."""
        degree = self.degree
        found: list[list[MatrixBall | None]] = [[None] * (degree + 1 - m) for m in range(degree + 1)]
        for weights, coefficients in self.parts:
            turned = weights
            for i in range(coefficients.shape[1]):
                if i:
                    turned = hadamard(turned, self.along)
                orders = derivative(coefficients, i)
                for m in range(orders.shape[1]):
                    order = columns(orders, m, m + 1).transpose
                    if not (order.midpoint.any() or order.radius.any()):
                        continue
                    term, before = hadamard(turned, order), found[m][i]
                    found[m][i] = term if before is None else add(before, term)
        zero = exact_matrix(np.zeros(self.along.shape))
        return [[zero if item is None else item for item in row] for row in found]


def ridge_product(function: MatrixBall, left: Ridges, right: Ridges, correlations: Sequence[MatrixBall]) -> MatrixBall:
    """E[h_k(eta_k) F_k F'_k], (k, 1), for `function` the Hermite coefficients of h (k, n).

    n is more than both degrees together; `correlations` are those of the xi and the xi' to the powers 0, 1, ...
    """
    first, second = left.derivatives, right.derivatives
    count = left.along.shape[0]
    total = exact_matrix(np.zeros((count, 1)))
    for m in range(min(left.degree, right.degree) + 1):
        one, other = first[m], second[m]
        if m:
            moved = multiply(stacked(one), correlations[m])
            pairs = _paired(shaped(moved, len(one), count, -1), other)
        else:
            # All correlations are 1 then: a product of two sums.
            left_sums, right_sums = (shaped(row_sums(stacked(part)), len(part), count, 1) for part in (one, other))
            pairs = _paired(
                left_sums, [MatrixBall(*row) for row in zip(right_sums.midpoint, right_sums.radius, strict=True)]
            )
        factors = multiply(function, _shares(len(one), len(other), function.shape[1]))
        total = add(total, multiply(hadamard(pairs, factors), exact_matrix(np.ones((pairs.shape[1], 1)))))
    return total


def _paired(left: MatrixBall, right: Sequence[MatrixBall]) -> MatrixBall:
    """Inner products of row k of each on the left (i, k, x) with row k of each on the right (k, x): (k, i l)."""
    ours = MatrixBall(left.midpoint.transpose(1, 0, 2), left.radius.transpose(1, 0, 2))
    others = MatrixBall(
        np.stack([part.midpoint for part in right], axis=2), np.stack([part.radius for part in right], axis=2)
    )
    return shaped(multiply(ours, others), len(ours.midpoint), -1)


def _shares(left: int, right: int, count: int) -> MatrixBall:
    """sqrt((i+l)!)/(i! l!) in row i + l and the column of (i, l), (count, left right)."""
    middle = np.zeros((count, left * right))
    for i in range(left):
        for j in range(right):
            middle[i + j, i * right + j] = math.sqrt(math.factorial(i + j)) / (math.factorial(i) * math.factorial(j))
    # A root, a product that is exact, a division.
    return MatrixBall(middle, middle * 2.0**-51)
