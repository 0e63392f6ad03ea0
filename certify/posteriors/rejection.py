"""Exact independent draws from pi_x by rejection, for a strongly invertible generator.

A1 gives |G(z) - x| >= m |z - zh| at the preimage zh of x, so f(z) >= |z|^2/2 + a |z - zh|^2/2, a = m^2/beta^2:
exp(-f) lies under a Gaussian with precision 1 + a around a zh/(1 + a). A proposal z from it is accepted with
probability exp(-(|G(z) - x|^2 - m^2 |z - zh|^2)/(2 beta^2)). The acceptance rate is of order
prod_i m/sigma_i(J), so this serves moderate d and condition number; a caller falls back to MALA elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from certify.arithmetic.arrays import FloatArray
from certify.errors import CertifyError
from certify.posteriors.posterior import Posterior

BATCH = 1024
ENVELOPE_ALLOWANCE = 1e-7


class EnvelopeError(CertifyError):
    """A proposal lies above the Gaussian envelope: the lower constant m that was given is false."""


@dataclass(frozen=True, eq=False)
class RejectionDraws:
    """Accepted points (count, d), the acceptance rate and the number of proposals."""

    points: FloatArray
    acceptance_rate: float
    proposals: int


def rejection_draws(
    posterior: Posterior,
    preimage: FloatArray,
    m_lower: float,
    count: int,
    seed: int,
    proposals_maximal: int = 4_000_000,
) -> RejectionDraws:
    """Up to `count` independent draws from pi_x; fewer when `proposals_maximal` proposals do not yield them.

    The draws are exact (law pi_x, whatever the acceptance rate) if `m_lower` <= m and `preimage` is G^{-1}(x)
    up to rounding.

    Raises:
        EnvelopeError: if |G(z) - x| < m_lower |z - preimage| is seen beyond rounding, a witness against A1.
    """
    generator = np.random.default_rng(seed)
    ratio = (m_lower / posterior.beta) ** 2
    centre = preimage * (ratio / (1 + ratio))
    deviation = 1 / np.sqrt(1 + ratio)
    accepted: list[FloatArray] = []
    found = proposals = 0
    while found < count and proposals < proposals_maximal:
        batch = centre + deviation * generator.standard_normal((BATCH, posterior.latent_dim))
        residual = np.sum(posterior.residual(batch) ** 2, axis=1) / posterior.beta**2
        floor = ratio * np.sum((batch - preimage) ** 2, axis=1)
        excess = residual - floor
        if np.min(excess + ENVELOPE_ALLOWANCE * (1 + floor)) < 0:
            worst = batch[int(np.argmin(excess))]
            raise EnvelopeError(
                f"|G(z) - x| < m |z - zh| with m = {m_lower:g} at z = {np.array2string(worst, precision=6)}"
            )
        keep = batch[np.log1p(-generator.random(BATCH)) <= -excess / 2]
        accepted.append(keep)
        found += keep.shape[0]
        proposals += BATCH
    points = np.concatenate(accepted)[:count] if accepted else np.zeros((0, posterior.latent_dim))
    return RejectionDraws(points, found / max(1, proposals), proposals)
