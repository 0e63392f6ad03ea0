"""The certificate of one observation: the smallest encoder that its own profile, and everything measured at it, allow.

At a computed c the profile of the posterior (`certify.profiles.hessian_profile`) and the closed forms of the global
constants are combined, the better at every radius; beyond the last radius the far field speaks, with the residual's
own curvature in place of M2 |r(c)| where that is smaller. One Gaussian layer (G1*) is taken if it does, otherwise the
fewest layers of Theorem 1*. Whatever is returned as certified was confirmed in balls.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from fractions import Fraction

import numpy as np

from certify.arithmetic.balls import ball, lower, precision, upper
from certify.arithmetic.intervals import FloatArray
from certify.arithmetic.rounding import Direction, decimal_text
from certify.generators.graph import Generator
from certify.generators.jets import value_ball
from certify.posteriors.posterior import Posterior
from certify.posteriors.profile import Profile
from certify.profiles.hessian_profile import default_radii, hessian_profile
from certify.profiles.residual_curvature import residual_curvature_upper
from certify.sharp.centre import Centre, find_centre, measured_problem
from certify.sharp.certificates import (
    CertifiedChain,
    enclose_chain,
    fewest_layers,
    gaussian_layer,
    smallest_chain_distance,
)
from certify.sharp.chain import ChainBound
from certify.sharp.estimates import radial_estimates
from certify.sharp.problem import SharpProblem, profile_problem
from certify.sharp.search import ChainChoice, shortest_chain

SHARES = (0.95, 0.8, 0.5)
"""Parts of epsilon that the float search is asked for in turn where the balls do not confirm what it finds for all."""

BEYOND = 12.0
"""Standard deviations beyond the bulk."""

ONE_LAYER, CHAIN = "G1*", "Theorem 1*"


@dataclass(frozen=True)
class GlobalConstants:
    """Certified m > 0 (two-point inequality), M and M2 on all of R^d."""

    m: float
    M: float
    M2: float


@dataclass(frozen=True)
class ObservationCertificate:
    """What holds for one observation.

    theorem    "G1*" or "Theorem 1*" where TV <= epsilon is certified, "" where it is not
    layers     stochastic layers of the certified encoder
    tv_bound   certified bound, rounded up; where it is above epsilon the smallest that was found; None if there is none
    reason     why nothing was certified: the quantity that fails first, and by how much
    values     numbers behind it, by name
    """

    theorem: str
    layers: int | None
    tv_bound: float | None
    reason: str = ""
    values: dict[str, float] = field(default_factory=dict)

    @property
    def certified(self) -> bool:
        """Whether TV <= epsilon was certified. Verified."""
        return bool(self.theorem)


def certify_observation(
    generator: Generator,
    constants: GlobalConstants,
    observation: FloatArray,
    beta: float,
    epsilon: Fraction,
    start: FloatArray | None = None,
) -> ObservationCertificate:
    """The certificate of x = `observation` (n,) at noise `beta`; `start` (d,) is where to look for the mode first.

    Guarantee: a certified `tv_bound` is an upper bound of the distance of the encoder's law to pi_x, <= epsilon.
    Verified.
    """
    posterior = Posterior(generator, observation, beta)
    centre = find_centre(posterior, start)
    bend = residual_bend(posterior, centre, constants)
    found = hessian_profile(posterior, centre.point, centre.factor)
    values = _numbers(centre, constants, beta, bend) | _start_numbers(posterior, constants, start)
    problem = observation_problem(found, centre, constants, beta, bend)
    if found is not None and problem.far.finite and _is_far_heavy(problem, found, epsilon):
        further = hessian_profile(posterior, centre.point, centre.factor, default_radii(posterior.latent_dim, True))
        found = found if further is None else further
        problem = observation_problem(found, centre, constants, beta, bend)
    values |= _profile_numbers(problem, found, posterior.latent_dim)
    if not problem.far.finite:
        return ObservationCertificate("", None, None, _far_reason(bend, constants, beta), values)
    return _smallest_encoder(problem, epsilon, values)


def observation_problem(
    profile: Profile | None, centre: Centre, constants: GlobalConstants, beta: float, bend: float
) -> SharpProblem:
    """The posterior by the better of its profile and the closed forms, and `bend` in place of M2 |r(c)|.

    Without a profile (a network too wide for one, or nothing proved) the closed forms stand alone.
    Enclosure, rounded outward.
    """
    closed = measured_problem(_with_bend(centre, constants, bend), constants.m, constants.M, constants.M2, beta)
    if profile is None:
        return closed
    with precision():
        radii = [ball(float(radius)) for radius in profile.radii]
        q = np.array([upper(closed.curvature.q(radius)) for radius in radii])
        mu = np.array([lower(closed.curvature.mu(radius)) for radius in radii])
    return profile_problem(profile.tightened(q, mu), closed)


def _is_far_heavy(problem: SharpProblem, profile: Profile, epsilon: Fraction) -> bool:
    """Whether the far field beyond a profile that is convex to its end is a good part of epsilon."""
    with precision():
        reach = problem.curvature.reach
        is_convex = profile.mu_lower[-1] > 0 and profile.reach >= default_radii(problem.dimension)[-1]
        return bool(is_convex) and not problem.far_mass(reach) < ball(epsilon) / 50


def residual_bend(posterior: Posterior, centre: Centre, constants: GlobalConstants) -> float:
    """Upper bound of ||sum_i r_i(c) Hess G_i(z)|| over all z: M2 |r(c)|, or the residual's own bound.

    The own bound is asked for only where M2 |r(c)| is a good part of m^2 + beta^2. Upper bound, rounded outward.
    """
    with precision():
        crude = upper(ball(constants.M2) * ball(centre.residual_upper))
        if crude < 0.25 * (constants.m * constants.m + posterior.beta * posterior.beta):
            return crude
        entries = [ball(float(entry)) for entry in centre.point]
        values = value_ball(posterior.generator.graph, entries)
        gaps = [value - ball(float(x)) for value, x in zip(values, posterior.observation, strict=True)]
        low, high = np.array([lower(gap) for gap in gaps]), np.array([upper(gap) for gap in gaps])
    return min(crude, residual_curvature_upper(posterior.generator.graph, low, high))


def _with_bend(centre: Centre, constants: GlobalConstants, bend: float) -> Centre:
    """The centre with the residual length whose product with M2 is `bend`: p and the far field only use the product."""
    if constants.M2 == 0.0:
        return centre
    with precision():
        return replace(centre, residual_upper=min(centre.residual_upper, upper(ball(bend) / ball(constants.M2))))


def _smallest_encoder(problem: SharpProblem, epsilon: Fraction, values: dict[str, float]) -> ObservationCertificate:
    layer = gaussian_layer(problem)
    with precision():
        if layer is not None:
            values = {**values, "tv_gaussian": min(upper(layer.bound.total), 1.0)}
            distance = upper(layer.bound.total)
            # The float that is reported must itself be below epsilon, not only the number it is rounded up from.
            if ball(distance) <= ball(epsilon):
                numbers = {**values, "R": float(layer.choice.radius)}
                return ObservationCertificate(ONE_LAYER, 1, distance, "", numbers)
        chain = fewest_layers(problem, epsilon) or _modest_chain(problem, epsilon) or smallest_chain_distance(problem)
        if chain is None:
            return ObservationCertificate("", None, None, _curvature_reason(problem, values["convex_radius"]), values)
        total = upper(chain.bound.total)
        numbers = {**values, **_chain_numbers(chain.bound), **_choice_numbers(chain.choice)}
        if ball(total) <= ball(epsilon):
            return ObservationCertificate(CHAIN, chain.choice.schedule.layers, total, "", numbers)
        reason = _total_reason(chain.bound, total, epsilon)
        return ObservationCertificate("", None, min(total, 1.0), reason, numbers)


def _modest_chain(problem: SharpProblem, epsilon: Fraction) -> CertifiedChain | None:
    """A chain found for less than epsilon and certified for epsilon: the float twin may miss part of the far field."""
    with precision():
        estimates = radial_estimates(problem)
        for share in SHARES:
            choice = shortest_chain(estimates, share * float(epsilon))
            found = None if choice is None else enclose_chain(problem, choice)
            if found is not None and found.bound.total <= ball(epsilon):
                return found
    return None


def _numbers(centre: Centre, constants: GlobalConstants, beta: float, bend: float) -> dict[str, float]:
    return {
        "g": centre.gradient_upper,
        "residual": centre.residual_upper,
        "residual_curvature": bend,
        "curvature_allowed": constants.m * constants.m + beta * beta,
        "sigma_min": centre.sigma_min_lower,
    }


def _start_numbers(posterior: Posterior, constants: GlobalConstants, start: FloatArray | None) -> dict[str, float]:
    """|G(c0) - x| at the start, rounded up, and m^2/M2, below which descent provably reaches the reconstruction."""
    if start is None:
        return {}
    with precision():
        values = value_ball(posterior.generator.graph, [ball(float(entry)) for entry in start])
        gaps = [value - ball(float(x)) for value, x in zip(values, posterior.observation, strict=True)]
        distance = upper(sum((gap * gap for gap in gaps), ball(0)).sqrt())
        allowed = math.inf if constants.M2 == 0.0 else lower(ball(constants.m) ** 2 / ball(constants.M2))
    return {"start_residual": distance, "start_allowed": allowed}


def _profile_numbers(problem: SharpProblem, profile: Profile | None, dimension: int) -> dict[str, float]:
    """The curvature bounds where the posterior has its bulk, |y| near sqrt(d), and the radius they reach."""
    radii, reach = (default_radii(dimension), math.inf) if profile is None else (profile.radii, profile.reach)
    with precision():
        bulk = ball(min(math.sqrt(dimension), reach))
        positive = [float(radius) for radius in radii if problem.curvature.mu(ball(float(radius))) > 0]
        return {
            "mu_bulk": lower(problem.curvature.mu(bulk)),
            "q_bulk": upper(problem.curvature.q(bulk)),
            "convex_radius": max(positive, default=0.0),
            "reach": reach,
        }


def _chain_numbers(bound: ChainBound) -> dict[str, float]:
    parts = {
        "tail": bound.tail,
        "start_outside": bound.start_outside,
        "exit": bound.exit,
        "discretisation": bound.discretisation,
        "smoothing": bound.smoothing,
    }
    return {name: upper(value) for name, value in parts.items()} | {"mu": lower(bound.mu), "q": upper(bound.q)}


def _choice_numbers(choice: ChainChoice) -> dict[str, float]:
    """The chain itself, by the names that an encoder's file gives them; `start` is 1 for N(c, B B^T) and 0 for c."""
    schedule = choice.schedule
    return {
        "R": float(choice.radius),
        "eta_b": float(schedule.first),
        "h": float(schedule.offset),
        "K0": float(schedule.burn_in),
        "eta": float(schedule.step),
        "start": float(choice.start == "gaussian"),
    }


def _far_reason(bend: float, constants: GlobalConstants, beta: float) -> str:
    allowed = constants.m * constants.m + beta * beta
    return (
        f"the posterior's far field is not certified: the residual's curvature {_up(bend)} is not below m^2 + beta^2 = "
        f"{_up(allowed)}, {_up(bend / allowed)} times too large (a larger m or a smaller M2 is needed)"
    )


def _curvature_reason(problem: SharpProblem, radius: float) -> str:
    """No choice is admissible: the tail at the largest radius with a positive Hessian says which part is to blame."""
    if radius == 0.0:
        return "the Hessian is not certified positive on any ball around the mode"
    reach = problem.curvature.reach
    # The closed forms reach everywhere; where the posterior has no mass left any radius will do.
    outer = reach if reach.is_finite() else ball(max(radius, math.sqrt(problem.dimension) + BEYOND))
    tail = upper(problem.tail(ball(radius), outer))
    beyond = upper(problem.far_mass(outer))
    blame = "of which the far field alone is" if beyond > 0.5 * tail else "and the far field beyond"
    return (
        f"the Hessian is certified positive up to radius {_down(radius)} only, outside of which the posterior may have "
        f"mass {_up(min(tail, 1.0))}, {blame} {_up(min(beyond, 1.0))}"
    )


def _total_reason(bound: ChainBound, total: float, epsilon: Fraction) -> str:
    parts = {name: value for name, value in _chain_numbers(bound).items() if name not in {"mu", "q"}}
    name, value = max(parts.items(), key=lambda item: item[1])
    return (
        f"the smallest bound found is {_up(total)}, {_up(total / float(epsilon))} times epsilon; its largest part is "
        f"the {name.replace('_', ' ')} {_up(value)}, with mu >= {_down(lower(bound.mu))}"
    )


def _up(value: float) -> str:
    return decimal_text(value, 4, Direction.UP)


def _down(value: float) -> str:
    return decimal_text(value, 4, Direction.DOWN)
