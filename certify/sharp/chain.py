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
from certify.sharp.problem import SharpProblem

Start = Literal["gaussian", "point"]
Run: TypeAlias = tuple[Real, int]


@dataclass(frozen=True)
class ChainBound:
    """Every term of the bound, enclosed. `admissible`: the side conditions hold beyond doubt."""

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
        """TV(law X_K, pi_x) is at most this if `admissible`. Enclosure, rounded outward."""
        return self.tail + self.start_outside + self.exit + self.discretisation + self.smoothing


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
    law = problem.law
    mu, q = problem.curvature.mu(R), problem.curvature.q(R)
    force = (problem.dimension * law.force_moment(R)).sqrt()
    initial, outside = initial_distance(problem, R, mu, start)
    layers = run_layers(_balls(moving), _balls(smoothing), mu, q, force, initial)
    exit_bound = exit_term(layers.duration, w, law.outside(R - w, R))
    inside = bool(w > 0) and bool(w < R) and problem.covers(R, R2)
    return ChainBound(
        problem.tail(R, R2), outside, exit_bound, layers.discretisation, layers.smoothing, mu, q, force, initial,
        inside and layers.short and bool(mu > 0) and problem.far.finite,
    )  # fmt: skip


def initial_distance(problem: SharpProblem, radius: arb, mu: arb, start: Start) -> tuple[arb, arb]:
    """w_0 and st: the start's Wasserstein distance to the posterior on the ball, and its mass outside.

    Enclosure, rounded outward.
    """
    if start == "point":
        return problem.law.second_moment(radius).sqrt(), arb(0)
    return problem.law.gaussian_shift(radius).sqrt() / mu, problem.law.gaussian_outside(radius)


def exit_term(duration: arb, width: arb, shell: arb) -> arb:
    """Exit bound e (1 + tau/w^2) times the mass of the shell of width w inside the boundary (S7d+).

    Enclosure, rounded outward.

    >>> exit_term(arb(3), arb(1), arb(0)) == 0
    True
    """
    return arb.const_e() * (1 + duration / width**2) * shell


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
    duration, squares, short = arb(0), arb(0), True
    spread, contraction = arb(0), arb(1)
    for eta, count in moving:
        s, rho, admissible = _step(eta, mu, q)
        short = short and admissible
        power = rho**count
        # w <- rho w + (2 sqrt(2)/3) Q eta^{3/2}, `count` times; 1 - rho = s mu.
        kick = 2 * arb(2).sqrt() / 3 * force * eta * eta.sqrt()
        distance = power * distance + kick * (1 - power) / (s * mu)
        duration += count * eta
    for eta, count in smoothing:
        s, rho, admissible = _step(eta, mu, q)
        short = short and admissible
        power = rho**count
        # sum_k sigma_k^2 prod_{j>k} rho_j^2 over the run, added to what was there before it.
        spread = power**2 * spread + (2 * s - s**2) * (1 - power**2) / (1 - rho**2)
        contraction *= power
        squares += count * eta**2
        duration += count * eta
    smoothed = distance * contraction / (2 * arb.pi() * spread).sqrt() if smoothing else arb("inf")
    return Layers(duration, distance, force * (squares / 8).sqrt(), smoothed, short)


def _step(eta: arb, mu: arb, q: arb) -> tuple[arb, arb, bool]:
    """The shrinkage s = 1 - exp(-eta), the contraction 1 - s mu, and whether s (1 + q + mu) <= 2 with eta > 0."""
    s = -(-eta).expm1()
    return s, 1 - s * mu, bool(eta > 0) and bool(s * (1 + q + mu) <= 2)


def _balls(runs: Sequence[Run]) -> list[tuple[arb, int]]:
    return [(ball(eta), count) for eta, count in runs]
