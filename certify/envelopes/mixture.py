"""Mixtures of Gaussians as proposals: density in floats with its error, draws, and quadratics below its logarithm.

rho(z) = sum_j w_j N(z; mu_j, (L_j L_j^T)^{-1}) with lower triangular roots L_j of the precisions. By Jensen, for any
weights p_j > 0 with sum 1, log rho(z) >= sum_j p_j (g_j(z) - log p_j) with g_j the logarithm of component j: at a point
c with p_j the responsibilities there, an exact quadratic in z that touches log rho at c.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from certify.arithmetic.intervals import EPSILON, FloatArray

LOG_TWO_PI = math.log(2 * math.pi)


@dataclass(frozen=True, eq=False)
class Mixture:
    """`weights` (k,), positive, with float sum near 1; `means` (k, d); `roots` L (k, d, d), lower triangular.

    The density is sum_j w_j N_j over sum_j w_j: exactly normalised whatever the floats add up to.
    """

    weights: FloatArray
    means: FloatArray
    roots: FloatArray

    @property
    def latent_dim(self) -> int:
        return int(self.means.shape[1])

    @property
    def size(self) -> int:
        """Number k of components."""
        return int(self.weights.size)

    def log_density(self, points: FloatArray) -> FloatArray:
        """Log rho at points (b, d). Estimate."""
        parts = self.log_parts(points)
        top = parts.max(axis=1)
        return np.asarray(top + np.log(np.exp(parts - top[:, None]).sum(axis=1)))

    def bulk(self, deviations: float) -> tuple[FloatArray, FloatArray]:
        """Ends (d,) of the least box with all means but the first one's, so many deviations around each. Estimate."""
        deviation = np.sqrt((np.linalg.inv(self.roots) ** 2).sum(axis=1))[1:] * deviations
        means = self.means[1:]
        return (means - deviation).min(axis=0, initial=np.inf), (means + deviation).max(axis=0, initial=-np.inf)

    def draw(self, count: int, random: np.random.Generator) -> FloatArray:
        """`count` independent draws, (count, d)."""
        which = random.choice(self.size, count, p=self.weights / self.weights.sum())
        noise = random.standard_normal((count, self.latent_dim))
        # L^T u = xi has u ~ N(0, (L L^T)^{-1}).
        return np.asarray(
            self.means[which] + np.linalg.solve(np.swapaxes(self.roots[which], 1, 2), noise[..., None])[..., 0]
        )

    def minorant(
        self, centres: FloatArray, halves: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """Constants (b,), gradients (b, d), precisions (b, d, d), errors (b,): log rho(c+u) >=
        constant + gradient.u - u'P u/2 - error for |u_j| <= halves_j. Rounded outward.
        """
        parts = self.log_parts(centres)
        top = parts.max(axis=1)
        shares = np.exp(parts - top[:, None])
        total = shares.sum(axis=1)
        shares = shares / total[:, None]
        precisions = np.matmul(self.roots, np.swapaxes(self.roots, 1, 2))
        gaps = centres[:, None, :] - self.means
        pulls = -np.einsum("kij,bkj->bki", precisions, gaps)
        gradient = np.einsum("bk,bki->bi", shares, pulls)
        curvature = np.einsum("bk,kij->bij", shares, precisions)
        constant = top + np.log(total)
        # Jensen with the floats p_j: their sum is 1 within k eps and g_j - log p_j is `constant` within rounding.
        d, k = self.latent_dim, self.size
        sizes = np.abs(precisions).sum(axis=(1, 2))
        reach = np.abs(gaps).max(axis=2) + halves.max(axis=1)[:, None]
        worst = (shares * sizes * reach**2).sum(axis=1) + np.abs(parts * shares).sum(axis=1) + np.abs(top) + 2.0
        logs = np.abs(np.log(np.maximum(shares, 1e-300)) * shares).sum(axis=1)
        error = 16 * (k + 4 * d * d + 32) * EPSILON * (worst + logs + self._scale())
        return constant, gradient, curvature, error

    def log_parts(self, points: FloatArray) -> FloatArray:
        """Log (w_j N_j / sum w) at points, (b, k)."""
        axes = range(self.latent_dim)
        gaps = [points[:, axis, None] - self.means[:, axis] for axis in axes]
        squares = np.zeros((len(points), self.size))
        for column in axes:
            scaled = gaps[0] * self.roots[:, 0, column]
            for axis in axes[1:]:
                scaled += gaps[axis] * self.roots[:, axis, column]
            squares += scaled * scaled
        return np.asarray(self.log_peaks() - 0.5 * squares)

    def log_peaks(self) -> FloatArray:
        """Logarithms of the components' largest values, weights included, (k,)."""
        roots = np.log(np.abs(np.diagonal(self.roots, axis1=1, axis2=2))).sum(axis=1)
        return np.asarray(
            np.log(self.weights) - np.log(self.weights.sum()) + roots - 0.5 * self.latent_dim * LOG_TWO_PI
        )

    def _scale(self) -> float:
        return float(np.abs(self.log_peaks()).max() + self.latent_dim * LOG_TWO_PI)
