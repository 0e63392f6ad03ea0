"""Pairs of slopes in the matrix inequality: what one multiplier per neuron cannot know about two of them.

In the centred increment form |eta_i| <= |Q_i| with Q_i = r_i p_i x. For signs a, b = 1 or -1 the slacks Q_i - a eta_i
and Q_j - b eta_j lie between 0 and twice Q_i and Q_j. So their product is at least 0 where Q_i Q_j >= 0 and at least
4 Q_i Q_j elsewhere, which for every c > 0 is at least -(Q_j - c Q_i)^2 / c, because (Q_j + c Q_i)^2 >= 0. Hence

    (Q_i - a eta_i) (Q_j - b eta_j) + (Q_j - c Q_i)^2 / c >= 0,

and, for -Q_j and -eta_j, the same with c < 0, the first term negated and the second over |c|. No sum of the squares
Q_i^2 - eta_i^2 and of forms >= 0 says as much: along directions with one ratio of Q_i and Q_j this is the triangle
inequality of maximum cuts. Such a form may be subtracted, times a weight >= 0, like those of single gains.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from certify.arithmetic.arrays import FloatArray
from certify.arithmetic.intervals import MatrixBall, add, exact_matrix, multiply, round_up, scale_columns, subtract
from certify.bounds.barrier import LinearMatrixInequality
from certify.bounds.structure import IncrementForm

FIELDS = 6
"""Numbers that say a pair: i, j, a, b, c and its weight; i and j number the gains of a form."""

LEAST_VIOLATION = 1e-6
"""Of a normalised solution, by which a pair that is added is violated."""


@dataclass(frozen=True, eq=False)
class PairedInequality(LinearMatrixInequality):
    """The barrier's problem with pairs: multipliers of the gains, then of the pairs (a b^T + b a^T)/2 + g g^T.

    The rows of `left`, `right` and `gap`, shape (pairs, N), are a, b and g.
    """

    left: FloatArray
    right: FloatArray
    gap: FloatArray

    @classmethod
    def over(cls, plain: LinearMatrixInequality, pairs: FloatArray) -> Self:
        """The plain problem, whose spans are 1, and pairs (i, j, a, b, c), (count, 5). Estimate."""
        reach, d = plain.reach, plain.latent_dim
        own = np.concatenate([np.zeros((len(reach), d)), np.eye(len(reach))], axis=1)
        i, j = pairs[:, :2].T.astype(int)
        a, b, c = (part[:, None] for part in pairs[:, 2:5].T)
        left, right = np.sign(c) * (reach[i] - a * own[i]), reach[j] - b * own[j]
        return cls(plain.gram, reach, d, plain.sign, left, right, (reach[j] - c * reach[i]) / np.sqrt(np.abs(c)))

    @property
    def count(self) -> int:
        """Number of multipliers. Exact."""
        return len(self.reach) + len(self.gap)

    def solution(self, s: float, multipliers: FloatArray) -> FloatArray:
        """F^-1 of trace 1 over the latents, at or near (s, T): what x x^T is on average at an optimum. Estimate."""
        for move in (0.0, 1e-9, 1e-7, 1e-5, 1e-3):
            matrix = self.matrix(s + self.sign * move * abs(s), multipliers)
            if np.linalg.eigvalsh(matrix)[0] > 0.0:
                break
        inverse = np.linalg.inv(matrix)
        return np.asarray(inverse / np.trace(inverse[: self.latent_dim, : self.latent_dim]))

    def direction(self, s: float, multipliers: FloatArray) -> FloatArray:
        """How F changes with (s, T): linear in both. Estimate."""
        plain, weights = np.split(multipliers, [len(self.reach)])
        crossed = (self.left.T * weights) @ self.right
        return super().direction(s, plain) - 0.5 * (crossed + crossed.T) - (self.gap.T * weights) @ self.gap

    def newton_system(
        self, inverse: FloatArray, multipliers: FloatArray, kappa: float
    ) -> tuple[FloatArray, FloatArray]:
        """Gradient and Hessian of the barrier in (s, T), from F^-1. Estimate."""
        k, d, sign = len(self.reach), self.latent_dim, self.sign
        plain, weights = np.split(multipliers, [k])
        gradient, hessian = super().newton_system(inverse, plain, kappa)
        reached = [rows @ inverse for rows in (self.left, self.right, self.gap)]
        (ll, lr, lg), (_, rr, rg), (_, _, gg) = (
            [part @ rows.T for rows in (self.left, self.right, self.gap)] for part in reached
        )
        seen = [part @ self.reach.T for part in reached]
        left, right, gap = reached
        # tr(F^-1 A F^-1 B) for A of a gain, of s and of a pair, B of a pair.
        mixed = seen[0] * seen[1] + seen[2] ** 2 - left[:, d:] * right[:, d:] - gap[:, d:] ** 2
        by_s = -sign * ((left[:, :d] * right[:, :d]).sum(axis=1) + (gap[:, :d] ** 2).sum(axis=1))
        own = 0.5 * (ll * rr + lr * lr.T) + lg * rg + (lg * rg).T + gg**2
        own.flat[:: len(own) + 1] += 1.0 / weights**2
        further = np.diag(lr) + np.diag(gg) - 1.0 / weights
        border = np.concatenate([by_s[:, None], mixed], axis=1)
        return np.concatenate([gradient, further]), np.block([[hessian, border.T], [border, own]])


def violated(plain: LinearMatrixInequality, solution: FloatArray, most: int, present: FloatArray) -> FloatArray:
    """Pairs (i, j, a, b, c), (count, 5), that x x^T violates most where it is `solution` (N, N) on average.

    Each has the c for which its violation is largest; those `present` are not among them. Estimate.
    """
    reach, d = plain.reach, plain.latent_dim
    moved = reach @ solution
    inputs, mixed, own = moved @ reach.T, moved[:, d:], solution[d:, d:]
    sizes = np.sqrt(np.maximum(np.diag(inputs), 1e-300))
    signs = np.where(inputs >= 0.0, 1.0, -1.0)
    excess = 2.0 * (np.outer(sizes, sizes) - np.abs(inputs))
    choices = np.array([(1.0, 1.0), (1.0, -1.0), (-1.0, 1.0), (-1.0, -1.0)])
    values = np.stack([signs * (inputs - b * mixed - a * mixed.T + a * b * own) + excess for a, b in choices])
    values[:, *np.tril_indices(len(reach))] = 0.0
    i, j = present[:, :2].T.astype(int)
    values[(present[:, 2] < 0) * 2 + (present[:, 3] < 0), i, j] = 0.0
    order = np.argsort(values, axis=None, kind="stable")[:most]
    choice, i, j = np.unravel_index(order[values.flat[order] < -LEAST_VIOLATION], values.shape)
    return np.column_stack([i, j, choices[choice], signs[i, j] * sizes[j] / sizes[i]])


def are_pairs(rows: FloatArray, gains: int) -> bool:
    """Whether the rows (count, 6) say pairs of the gains, with weights >= 0. Exact."""
    places, signs, ratios, weights = rows[:, :2], rows[:, 2:4], rows[:, 4], rows[:, 5]
    is_place = (places == np.floor(places)) & (places >= 0) & (places < gains)
    is_ratio = np.isfinite(ratios) & (ratios != 0.0)
    return bool(is_place.all() and (np.abs(signs) == 1.0).all() and is_ratio.all() and (weights >= 0.0).all())


def products(form: IncrementForm, rows: FloatArray) -> MatrixBall:
    """The sum of the pairs' forms times their weights, (size, size), up to its antisymmetric part; rows (count, 6).

    The last term of a form may be larger than stated, by rounding. Enclosure, rounded outward.
    """
    i, j = rows[:, :2].T.astype(int)
    a, b, c, weights = rows[:, 2:].T
    reach, own = (
        _stacked(part) for part in zip(*(_gains(form, block) for block in range(len(form.inputs))), strict=True)
    )
    left, right = subtract(_taken(reach, i), _taken(own, i, a)), subtract(_taken(reach, j), _taken(own, j, b))
    gap = subtract(_taken(reach, j), scale_columns(_taken(reach, i).transpose, exact_matrix(c[None])).transpose)
    crossed = multiply(scale_columns(left.transpose, exact_matrix((np.sign(c) * weights)[None])), right)
    above = np.where(weights > 0.0, round_up(weights / np.abs(c)), 0.0)
    return add(crossed, multiply(scale_columns(gap.transpose, exact_matrix(above[None])), gap))


def _gains(form: IncrementForm, block: int) -> tuple[MatrixBall, MatrixBall]:
    """Q and eta of a block's gains as rows, (width, size)."""
    own = np.zeros(form.inputs[block].shape)
    own[:, form.columns(block)] = np.eye(len(own))
    reach = scale_columns(form.inputs[block].transpose, exact_matrix(form.spans[block][None])).transpose
    return reach, exact_matrix(own)


def _stacked(parts: tuple[MatrixBall, ...]) -> MatrixBall:
    return MatrixBall(*(np.concatenate([getattr(part, name) for part in parts]) for name in ("midpoint", "radius")))


def _taken(rows: MatrixBall, places: npt.NDArray[np.intp], signs: FloatArray | None = None) -> MatrixBall:
    """Some of the rows, each times 1 or -1: exact."""
    factors = 1.0 if signs is None else signs[:, None]
    return MatrixBall(rows.midpoint[places] * factors, rows.radius[places])
