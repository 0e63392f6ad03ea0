"""Theorem 1*: the distance of the preconditioned, projected exponential integrator to the posterior, any step schedule.

In y: X_0 ~ N(0, I) or X_0 = 0; X_{k+1} = P_D X_k - s_k grad F(P_D X_k) + sqrt(2 s_k - s_k^2) xi_k with
s_k = 1 - exp(-eta_k), D = {|y| <= R}, s_k (1 + q + mu) <= 2, mu = mu(R) > 0, q = q(R). Then (docs/sharp.md)
    TV(law X_K, pi_x) <= t(R) + st + e (1 + tau/w^2) P_{p0^R}(r > R - w) + Q (sum_{k>=K0} eta_k^2/8)^{1/2}
                         + w_{K0} prod_{k>=K0} rho_k / (2 pi sum_{k>=K0} sigma_k^2 prod_{j>k} rho_j^2)^{1/2}.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

from flint import arb

from certify.arithmetic.balls import Real, ball
from certify.errors import InputError
from certify.sharp import terms
from certify.sharp.problem import SharpProblem
from certify.symbolic.generic import one_minus_exp

Start = Literal["gaussian", "point"]
Run: TypeAlias = tuple[Real, int]


@dataclass(frozen=True)
class ChainBound:
    """Every term of the bound, enclosed. `admissible`: the side conditions hold beyond doubt.

    Where the radii are not even in order, nothing is evaluated and every term is NaN.
    """

    tail: arb
    start_outside: arb
    exit: arb
    discretisation: arb
    smoothing: arb
    mu: arb
    q: arb
    force: arb
    initial_distance: arb
    admissible: bool

    @property
    def total(self) -> arb:
        """TV(law X_K, pi_x) is at most this if `admissible`. Enclosure of the bound, rounded outward."""
        total: arb = terms.total([getattr(self, name) for name in terms.CHAIN_TERMS])
        return total


class Layers(NamedTuple):
    """The terms of one schedule, and whether every step is short enough; `distance` is w_{K0}."""

    duration: arb
    distance: arb
    discretisation: arb
    smoothing: arb
    short: bool


def chain_bound(
    problem: SharpProblem,
    radius: Real,
    outer: Real,
    width: Real,
    moving: Sequence[Run],
    smoothing: Sequence[Run],
    start: Start = "gaussian",
) -> ChainBound:
    """The bound for any schedule: layers that move in Wasserstein distance, then layers that smooth.

    Each is a sequence of runs (eta, count), `count` equal steps eta; a single step is a run of 1.

    `radius` = R, `outer` = R2 >= R up to the curvature's reach, `width` = w in (0, R).

    Guarantee: every field an enclosure of the bound's term. Enclosure, rounded outward.

    Raises:
        InputError: if there is no layer that smooths, or a count below 1.
    """
    if not smoothing or any(count < 1 for _, count in (*moving, *smoothing)):
        raise InputError("`smoothing` must hold at least one run and every run at least one step")
    R, R2, w = ball(radius), ball(outer), ball(width)
    if not (problem.allows(R, R2) and all(condition.holds(w, R) for condition in terms.SHELL)):
        nan = arb("nan")
        return ChainBound(nan, nan, nan, nan, nan, nan, nan, nan, nan, admissible=False)
    law = problem.law
    mu, q = problem.curvature.mu(R), problem.curvature.q(R)
    force = terms.force(problem.dimension, law.force_moment(R))
    initial, outside = initial_distance(problem, R, mu, start)
    layers = run_layers(_balls(moving), _balls(smoothing), mu, q, force, initial)
    exit_bound = terms.exit_bound(layers.duration, w, law.outside(R - w, R))
    return ChainBound(
        problem.tail(R, R2), outside, exit_bound, layers.discretisation, layers.smoothing, mu, q, force, initial,
        layers.short and terms.CURVATURE.holds(mu) and problem.far.finite,
    )  # fmt: skip


def initial_distance(problem: SharpProblem, radius: arb, mu: arb, start: Start) -> tuple[arb, arb]:
    """w_0 and st: the start's Wasserstein distance to the posterior on the ball, and its mass outside.

    Enclosure, rounded outward.
    """
    if start == "point":
        return terms.point_start_distance(problem.law.second_moment(radius)), arb(0)
    shift = problem.law.gaussian_shift(radius)
    return terms.gaussian_start_distance(shift, mu), problem.law.gaussian_outside(radius)


def run_layers(
    moving: Sequence[tuple[arb, int]],
    smoothing: Sequence[tuple[arb, int]],
    mu: arb,
    q: arb,
    force: arb,
    distance: arb,
) -> Layers:
    """Burn-in in Wasserstein distance, then smoothing into total variation, with rho_k = 1 - s_k mu.

    Every run of equal steps is summed in closed form, so the cost does not depend on the number of layers.
    Enclosure, rounded outward.
    """
    duration, short = arb(0), True
    spread, contraction = arb(0), arb(1)
    for eta, count in moving:
        s, rho, admissible = _step(eta, mu, q)
        short = short and admissible
        power = rho**count
        distance = terms.moved(distance, s, mu, power, force, eta)
        duration += count * eta
    for eta, count in smoothing:
        s, rho, admissible = _step(eta, mu, q)
        short = short and admissible
        power = rho**count
        # sum_k sigma_k^2 prod_{j>k} rho_j^2 over the run, added to what was there before it.
        spread = power**2 * spread + terms.run_spread(s, rho, count)
        contraction *= power
        duration += count * eta
    if not smoothing:
        return Layers(duration, distance, arb(0), arb("inf"), short)
    smoothed = terms.smoothing(distance, contraction, spread)
    runs = [(eta, arb(count)) for eta, count in smoothing]
    return Layers(duration, distance, terms.discretisation(force, runs), smoothed, short)


def _step(eta: arb, mu: arb, q: arb) -> tuple[arb, arb, bool]:
    """The shrinkage s = 1 - exp(-eta), the contraction 1 - s mu, and whether the step is admissible."""
    admissible = all(condition.holds(eta, mu, q) for condition in terms.STEP)
    return one_minus_exp(eta), terms.contraction(eta, mu), admissible


def _balls(runs: Sequence[Run]) -> list[tuple[arb, int]]:
    return [(ball(eta), count) for eta, count in runs]
