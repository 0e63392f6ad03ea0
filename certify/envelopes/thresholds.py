"""A mixture whose component is chosen by thresholds of one standard normal, with the weights that the floats realise.

Component j is taken where t_j <= s < t_{j+1}, t_0 = -inf, t_k = inf, so its weight is w'_j = Phi(t_{j+1}) - Phi(t_j), a
number near w_j. With rho' the density that is really drawn from, rho <= max_j(w_j/w'_j) rho', so (R1) for rho and C is
(R1) for rho' and C max_j(w_j/w'_j): what the thresholds cost is a factor of C, and no distance.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from flint import arb
from scipy import special

from certify.arithmetic.balls import ball, midpoint, precision, upper
from certify.arithmetic.intervals import FloatArray
from certify.envelopes.mixture import Mixture


@dataclass(frozen=True, eq=False)
class ThresholdMixture:
    """Components of `mixture` with the weights of increasing `thresholds` (k-1,) in place of its own.

    `mixture.weights` are the floats next to the realised weights. `log_loss` >= max_j log(w_j/w'_j), rounded up:
    infinite where a weight is lost between two floats.
    """

    mixture: Mixture
    thresholds: FloatArray
    log_loss: float

    @property
    def latent_dim(self) -> int:
        return self.mixture.latent_dim

    @property
    def size(self) -> int:
        """Number k of components."""
        return self.mixture.size

    @cached_property
    def factors(self) -> FloatArray:
        """L_j^{-T} (k, d, d), upper triangular: mu_j + L_j^{-T} xi has the law of component j."""
        found = np.linalg.solve(np.swapaxes(self.mixture.roots, 1, 2), np.eye(self.latent_dim)[None])
        return np.asarray(np.triu(found))

    def labels(self, selector: FloatArray) -> npt.NDArray[np.intp]:
        """Which component each of `selector` (b,) takes."""
        return np.searchsorted(self.thresholds, selector, side="right")

    def draw(self, noise: FloatArray, selector: FloatArray) -> FloatArray:
        """Draws (b, d) from standard normal `noise` (b, d) and `selector` (b,)."""
        which = self.labels(selector)
        return np.asarray(self.mixture.means[which] + np.einsum("bij,bj->bi", self.factors[which], noise))


def by_thresholds(proposal: Mixture) -> ThresholdMixture:
    """The mixture with its weights realised by thresholds; `log_loss` is enclosed in balls."""
    shares = np.cumsum(proposal.weights)[:-1] / proposal.weights.sum()
    rest = np.cumsum(proposal.weights[::-1])[::-1][1:] / proposal.weights.sum()
    # From the nearer end, so that a small weight at the far end keeps its digits.
    thresholds = np.where(shares < 0.5, special.ndtri(shares), -special.ndtri(rest))
    with precision():
        realised = realised_weights(thresholds)
        total = sum((ball(float(weight)) for weight in proposal.weights), arb(0))
        losses = [_log_ratio(ball(float(w)) / total, kept) for w, kept in zip(proposal.weights, realised, strict=True)]
        weights = np.array([max(midpoint(kept), 0.0) for kept in realised])
    found = Mixture(weights, proposal.means, proposal.roots)
    return ThresholdMixture(found, np.asarray(thresholds, dtype=np.float64), max(losses))


def realised_weights(thresholds: FloatArray) -> list[arb]:
    """Phi(t_{j+1}) - Phi(t_j), j = 0..k-1, as balls. Call it in a `precision` context."""
    root = arb(2).sqrt()
    points = [ball(float(threshold)) / root for threshold in thresholds]
    # On either side of 0 by the tail that is small there.
    below = [arb(0), *((-point).erfc() / 2 for point in points), arb(1)]
    above = [arb(1), *(point.erfc() / 2 for point in points), arb(0)]
    left = [True, *(float(threshold) < 0 for threshold in thresholds), False]
    return [
        below[index + 1] - below[index] if left[index + 1] else above[index] - above[index + 1]
        for index in range(len(points) + 1)
    ]


def _log_ratio(weight: arb, kept: arb) -> float:
    return upper((weight / kept).log()) if bool(kept > 0) else float("inf")
