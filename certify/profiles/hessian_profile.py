"""The certified profile of one posterior: how far Hess F is from I over balls of growing radius around a point.

For z = c + B y and F(y) = f(c + B y) - f(c): node values and adjoints in affine forms over all balls at once, ranges of
the neurons' curvature coefficients, then one matrix inequality per ball and side. Sound for every c and B; sharp
where B^T Hess f(c) B is close to I.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from certify.arithmetic.intervals import FloatArray
from certify.bounds.structure import increment_form
from certify.codec import Exact
from certify.errors import InputError
from certify.posteriors.posterior import Posterior
from certify.posteriors.profile import Profile
from certify.profiles.curvature import curvature_coefficients
from certify.profiles.inequality import EigenvalueBound, HessianForm, eigenvalue_bound, hessian_form
from certify.profiles.propagation import propagate
from certify.profiles.records import BallProof, exact

LARGEST_WIDTH = 400
"""Gains beyond which the matrix inequalities cost minutes."""

SHARES = (0.12, 0.25, 0.4, 0.6, 0.8, 1.0, 1.2, 1.4, 1.6, 1.8, 2.0, 2.25, 2.5, 2.8, 3.2)
"""Default radii as multiples of sqrt(d): |y| is about sqrt(d) under N(0, I)."""

FAR_SHARES = (3.8, 4.6, 5.6)
"""Further ones, for a far field that is heavy beyond the last of them."""

HOPELESS = -0.5
"""Once the smallest eigenvalue is no better than this, larger balls are not looked at."""


def default_radii(dimension: int, is_far: bool = False) -> FloatArray:
    """Radii up to where a posterior wider than N(0, I) in y has its tail; `is_far` goes on to twice that. Estimate.

    >>> default_radii(4)[:3].tolist()
    [0.24, 0.5, 0.8]
    """
    root = math.sqrt(dimension)
    # A Gaussian tail of fixed mass lies at sqrt(d) plus a constant, whatever d is.
    return np.array([root * share + max(0.0, share - 1.0) * 1.5 for share in SHARES + FAR_SHARES * is_far])


def hessian_profile(
    posterior: Posterior, centre: FloatArray, factor: FloatArray, radii: FloatArray | None = None
) -> Profile | None:
    """Bounds of Hess F over |y| <= radii[i] for y = B^{-1}(z - c), c = `centre` (d,), B = `factor` (d, d).

    None where nothing is proved even on the smallest ball, or the network has more than `LARGEST_WIDTH` gains; the
    profile ends at the last radius with a finite bound.
    Guarantee: q_upper and mu_lower rounded outward, for the floats of c, B, x and beta taken as exact.
    Bounds, rounded outward.

    Raises:
        InputError: if shapes do not fit or `radii` do not increase.
    """
    return profile_of(proved_balls(posterior, centre, factor, radii))


def proved_balls(
    posterior: Posterior, centre: FloatArray, factor: FloatArray, radii: FloatArray | None = None
) -> tuple[BallProof, ...]:
    """The eigenvalue bounds behind `hessian_profile`, ball by ball, each with what proves it; empty if there are none.

    `centre` (d,), `factor` (d, d) and `radii` as there. Bounds, rounded outward.

    Raises:
        InputError: if shapes do not fit or `radii` do not increase.
    """
    radii = default_radii(posterior.latent_dim) if radii is None else np.asarray(radii, dtype=np.float64)
    found: list[BallProof] = []
    low: EigenvalueBound | None = None
    high: EigenvalueBound | None = None
    for form, radius in zip(hessian_forms(posterior, centre, factor, radii), radii, strict=False):
        low, high = eigenvalue_bound(form, "lower", low), eigenvalue_bound(form, "upper", high)
        if low.multipliers is None or high.multipliers is None:
            break
        found.append(BallProof(Exact(float(radius)), low.value, high.value,
                               exact(low.multipliers), exact(high.multipliers)))  # fmt: skip
        if low.value < HOPELESS:
            break
    return tuple(found)


def hessian_forms(
    posterior: Posterior, centre: FloatArray, factor: FloatArray, radii: FloatArray
) -> Iterator[HessianForm]:
    """The quadratic form of every ball |y| <= radii[i] in turn, enclosed; none beyond `LARGEST_WIDTH` gains.

    `centre` (d,), `factor` (d, d), `radii` (k,) increasing. Enclosure, rounded outward.

    Raises:
        InputError: if shapes do not fit or `radii` do not increase.
    """
    graph, d = posterior.generator.graph, posterior.latent_dim
    if centre.shape != (d,) or factor.shape != (d, d):
        raise InputError(f"`centre` and `factor` must have shapes ({d},) and ({d}, {d})")
    if radii.ndim != 1 or radii.size == 0 or not (radii[0] > 0 and (np.diff(radii) > 0).all()):
        raise InputError("`radii` must be positive and strictly increasing")
    propagation = propagate(graph, posterior.observation, posterior.beta, centre, factor, radii)
    coefficients = curvature_coefficients(propagation)
    for ball in range(radii.size):
        increments = increment_form(graph, propagation.ranges(ball), centred=True)
        if increments.size - d > LARGEST_WIDTH:
            return
        yield hessian_form(graph, increments, coefficients, ball, factor, posterior.beta)


def profile_of(balls: Sequence[BallProof]) -> Profile | None:
    """The step functions q and mu that the balls' eigenvalue bounds give; None without any. Bounds, rounded outward."""
    if not balls:
        return None
    radii, mu, largest = (
        np.array(column) for column in zip(*((b.radius, b.lower, b.upper) for b in balls), strict=True)
    )
    q = np.nextafter(np.maximum(np.maximum(largest - 1.0, 1.0 - mu), 0.0), np.inf)
    return Profile(radii, np.full(mu.size, np.inf), np.full(mu.size, -np.inf)).tightened(q, mu)
