"""One mixture of Gaussians above exp(-f), certified region by region by quadratic forms with multipliers.

Over a region D = {|L'(z - c)| <= R} minus the interior of {|L_0'(z - c_0)| <= R_0} (`regions`):

- f(z) >= x'(A + Psi)x/2 - sum eta at x = (1, z, s), eta_k >= sup psi_k over the inputs that neuron k has in D;
- for any shares p_j >= 0 of sum 1 (Jensen) log rho(z) >= sum_j p_j (g_j - log p_j - |L_j'(z - mu_j)|^2/2), g_j the
  logarithm of w_j N_j at its own mean;
- u (|L'(z - c)|^2 - R^2) <= 0 and v (R_0^2 - |L_0'(z - c_0)|^2) <= 0 for multipliers u, v >= 0 (S-procedure), and
  where D is cut by a box low <= t <= high, t = A (z - c), sum_i w_i (t_i - low_i)(t_i - high_i) <= 0 for w >= 0.

So if A + Psi - sum_j p_j T_j + u (..) + v (..) + sum_i w_i (..) + 2h e_0 e_0' is positive definite, T_j the form
|L_j'(z - mu_j)|^2, one Cholesky factorisation in midpoint-radius arithmetic, then -f - log rho <= h + sum eta -
sum_j p_j (g_j - log p_j) on D.
The largest of these over regions that cover R^d is log C of (R1).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from flint import arb

from certify.arithmetic.balls import ball, precision, upper
from certify.arithmetic.definiteness import positive_definite
from certify.arithmetic.intervals import FloatArray, MatrixBall, add, exact_matrix, scale, subtract
from certify.bounds.ranges import Interval
from certify.envelopes.lifted_form import LiftedNetwork, neuron_form
from certify.envelopes.mixture import Mixture
from certify.envelopes.product_forms import payments_upper
from certify.envelopes.regions import Cut, Region, distance_form, excess_form, sides_form

SHARE_STEPS = 2.0**20
"""Shares are whole multiples of 1/SHARE_STEPS, so that floats add them without rounding."""

ROOM = (1e-9, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3)
"""What is given away of log C, in this order, until the inequality is verified."""


@dataclass(frozen=True, eq=False)
class RegionBound:
    """All that the proof of -f - log rho <= `log_constant` on one region needs.

    coefficients    rows (b_v, b_s, q_vv, q_vs, q_ss) of psi_k, (k, 5), or nine (`neuron_form`); payments    eta (k,)
    shares          p (j,), whole multiples of 2^-20 with sum 1
    inside, outside multipliers u, v >= 0 of the region's two ellipsoids; offset    h
    sides           multipliers w (d,) of the region's box, where it has one
    """

    region: Region
    coefficients: FloatArray
    payments: FloatArray
    shares: FloatArray
    inside: float
    outside: float
    offset: float
    log_constant: float
    sides: FloatArray | None = None


@dataclass(frozen=True, eq=False)
class MixtureBound:
    """(R1) for a mixture: log C from above, and the regions, covering R^d, with what proves it on each.

    `cuts`: for each ellipsoid the tree by which what it adds is cut into regions, in the tree's order; none: uncut.
    `evaluated`: the share of proposals whose f is needed, from above, where each region has its own component
    (`cells`).
    """

    proposal: Mixture
    log_constant: float
    regions: tuple[RegionBound, ...]
    cuts: tuple[tuple[Cut, ...], ...] = ()
    evaluated: float = 1.0


def whole_shares(shares: FloatArray) -> FloatArray:
    """Shares near `shares` (j,) that are whole multiples of 2^-20 and add up to 1 exactly."""
    steps = np.floor(shares / shares.sum() * SHARE_STEPS)
    steps[int(np.argmax(steps))] += SHARE_STEPS - steps.sum()
    return np.asarray(steps / SHARE_STEPS)


def region_bound(
    network: LiftedNetwork,
    form: MatrixBall,
    proposal: Mixture,
    region: Region,
    ranges: Interval | None,
    coefficients: FloatArray,
    shares: FloatArray,
    inside: float,
    outside: float,
    offset: float,
    room: Sequence[float] = ROOM,
    sides: FloatArray | None = None,
) -> RegionBound | None:
    """The bound with the least offset near `offset` that is verified, or None. Guarantee: certified, whatever is given.

    `ranges` enclose the neurons' inputs over the region, of all real inputs if None; `form` encloses A.
    """
    payments = payments_upper(network, coefficients, ranges)
    numbers = np.concatenate([coefficients.ravel(), payments, [inside, outside, offset]])
    whole = shares.sum() == 1.0 and bool((shares * SHARE_STEPS == np.rint(shares * SHARE_STEPS)).all())
    if not (np.isfinite(numbers).all() and whole and shares.min() >= 0.0 and inside >= 0.0 and outside >= 0.0):
        return None
    # The determinant of a root is read off its diagonal.
    if np.triu(proposal.roots, 1).any():
        return None
    d = network.latent_dim
    rest = scale(exact_matrix(np.eye(1 + d)), 0.0)
    for index in np.flatnonzero(shares):
        target = scale(distance_form(proposal.means[index], proposal.roots[index]), float(shares[index]))
        rest = subtract(rest, target)
    if region.inside is not None:
        rest = add(rest, excess_form(region.inside, inside))
    if region.outside is not None:
        rest = subtract(rest, excess_form(region.outside, outside))
    if (region.inside is None and inside) or (region.outside is None and outside):
        return None
    if (region.box is None) != (sides is None):
        return None
    if region.box is not None and sides is not None:
        if not (np.isfinite(sides).all() and (sides >= 0.0).all()):
            return None
        rest = add(rest, sides_form(region.box, sides))
    total = add(add(form, neuron_form(network, coefficients)), _padded(rest, network.size))
    for share in room:
        given = offset + share * (1.0 + abs(offset))
        if positive_definite(add(total, _corner(2.0 * given, network.size))) is True:
            log_constant = log_constant_of(proposal, payments, shares, given)
            return RegionBound(region, coefficients, payments, shares, inside, outside, given, log_constant, sides)
    return None


def log_constant_of(proposal: Mixture, payments: FloatArray, shares: FloatArray, offset: float) -> float:
    """h + sum eta - sum_j p_j (g_j - log p_j), rounded up."""
    with precision():
        total = sum((ball(float(payment)) for payment in payments), ball(offset))
        weight = sum((ball(float(weight)) for weight in proposal.weights), arb(0))
        constant = proposal.latent_dim * (2 * arb.pi()).log() / 2 + weight.log()
        for index in np.flatnonzero(shares):
            share = ball(float(shares[index]))
            diagonal = np.abs(np.diag(proposal.roots[index]))
            peak = sum((ball(float(entry)).log() for entry in diagonal), ball(float(proposal.weights[index])).log())
            total += share * (share.log() - peak + constant)
        found = upper(total)
    return found if math.isfinite(found) else math.inf


def _padded(block: MatrixBall, size: int) -> MatrixBall:
    """The form in (1, z) as one in x."""
    rows = block.shape[0]
    middle, radius = np.zeros((size, size)), np.zeros((size, size))
    middle[:rows, :rows], radius[:rows, :rows] = block.midpoint, block.radius
    return MatrixBall(middle, radius)


def _corner(value: float, size: int) -> MatrixBall:
    corner = np.zeros((size, size))
    corner[0, 0] = value
    return exact_matrix(corner)
