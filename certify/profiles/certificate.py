"""The certificate of one observation: the smallest encoder that its own profile, and everything measured at it, allow.

At a computed c the profile of the posterior (`certify.profiles.hessian_profile`) and the closed forms of the global
constants are combined, the better at every radius; beyond the last radius the far field speaks, with the residual's
own curvature in place of M2 |r(c)| where that is smaller. One Gaussian layer (G1*) is taken if it does, otherwise the
fewest layers of Theorem 1*. Whatever is returned as certified was confirmed in balls, from the numbers of the record
that proves it (`certify.profiles.records`) and nothing else.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from certify.arithmetic.balls import ball, lower, precision, upper
from certify.arithmetic.intervals import FloatArray
from certify.arithmetic.rounding import Direction, outward
from certify.codec import Exact
from certify.generators.graph import Generator
from certify.generators.jets import value_ball
from certify.posteriors.posterior import Posterior
from certify.posteriors.profile import Profile
from certify.profiles.hessian_profile import default_radii, profile_of, proved_balls
from certify.profiles.inequality import eigenvalue_bound
from certify.profiles.reasons import curvature_reason, far_reason, total_reason
from certify.profiles.records import (
    CHAIN,
    DIGITS,
    METHOD,
    ONE_LAYER,
    BendProof,
    ChainProof,
    GlobalConstants,
    LayerProof,
    ObservationProof,
    chain_terms,
    claimed_centre,
    exact,
    identity,
    sharp_problem,
)
from certify.profiles.residual_curvature import residual_form
from certify.sharp.centre import Centre, find_centre
from certify.sharp.certificates import (
    CertifiedChain,
    enclose_chain,
    fewest_layers,
    gaussian_layer,
    smallest_chain_distance,
)
from certify.sharp.estimates import radial_estimates
from certify.sharp.problem import SharpProblem
from certify.sharp.search import shortest_chain

__all__ = ["CHAIN", "ONE_LAYER", "GlobalConstants", "ObservationCertificate", "certify_observation", "residual_bend"]

SHARES = (0.95, 0.8, 0.5)
"""Parts of epsilon that the float search is asked for in turn where the balls do not confirm what it finds for all."""

OWN_BEND_FROM = 0.25
"""Where M2 |r(c)| is below this part of m^2 + beta^2, the residual's own curvature is not looked at."""


@dataclass(frozen=True)
class StartNumbers:
    """|G(c0) - x| at the start, rounded up, and m^2/M2, below which descent provably reaches the reconstruction."""

    residual: float
    allowed: float


@dataclass(frozen=True)
class LargestNoise:
    """The largest noise found at which the observation is certified, by its own proof; None if none was found."""

    proof: ObservationProof | None

    @property
    def beta(self) -> float:
        """That noise; 0 if none was found. Exact."""
        return 0.0 if self.proof is None else self.proof.beta


@dataclass(frozen=True)
class ObservationCertificate:
    """What holds for one observation, and what proves it.

    proof    the encoder and its distance, with everything needed to check them again; it may claim neither
    reason   why nothing was certified: the quantity that fails first, and by how much
    start    numbers of the start, where one was given
    noise    the largest noise that would still do, where it was looked for
    """

    proof: ObservationProof
    reason: str = ""
    start: StartNumbers | None = None
    noise: LargestNoise | None = None

    @property
    def theorem(self) -> str:
        """The name of what certifies TV <= epsilon, `ONE_LAYER` or `CHAIN`; "" where nothing does. Verified."""
        return self.proof.theorem

    @property
    def layers(self) -> int | None:
        """Stochastic layers of the certified encoder. Exact."""
        return self.proof.layers

    @property
    def tv_bound(self) -> float | None:
        """Upper bound of the distance, rounded outward; above epsilon the smallest found; None if there is none."""
        return self.proof.tv_bound

    @property
    def certified(self) -> bool:
        """Whether TV <= epsilon was certified. Verified."""
        return bool(self.theorem)

    @property
    def values(self) -> dict[str, float]:
        """Numbers behind it, by the names that reports and an encoder's file give them.

        Bounds, rounded outward: sigma_min, start_allowed, mu and mu_bulk from below, convex_radius and largest_noise
        proved, what else is bounded from above. Choices and `curvature_allowed` are given to the nearest float.
        """
        proof, start = self.proof, self.start
        return {
            **_numbers(proof),
            **({} if start is None else {"start_residual": start.residual, "start_allowed": start.allowed}),
            **_profile_numbers(problem_of(proof), profile_of(proof.balls), len(proof.centre.point)),
            **({} if proof.layer is None else {"tv_gaussian": min(proof.layer.tv_bound, 1.0)}),
            **_choice_numbers(proof),
            **({} if self.noise is None else {"largest_noise": self.noise.beta}),
        }


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
    found = find_centre(posterior, start)
    centre = claimed_centre(found)
    bend = residual_curvature(posterior, centre.centre(), constants)
    balls = proved_balls(posterior, found.point, found.factor)
    problem = sharp_problem(centre, bend.value, profile_of(balls), constants, beta)
    profile = profile_of(balls)
    if profile is not None and problem.far.finite and _is_far_heavy(problem, profile, epsilon):
        radii = default_radii(posterior.latent_dim, True)
        balls = proved_balls(posterior, found.point, found.factor, radii) or balls
        problem = sharp_problem(centre, bend.value, profile_of(balls), constants, beta)
    proof = ObservationProof(
        METHOD, identity(generator), exact(observation), Exact(float(beta)), epsilon, constants, centre, bend, balls
    )
    numbers = start_numbers(posterior, constants, start)
    if not problem.far.finite:
        return ObservationCertificate(proof, far_reason(bend.value, constants, beta), numbers)
    proof, reason = _smallest_encoder(problem, proof)
    return ObservationCertificate(proof, reason, numbers)


def problem_of(proof: ObservationProof) -> SharpProblem:
    """What the claims of a record imply about its posterior. Bounds, rounded outward."""
    return sharp_problem(proof.centre, proof.bend.value, profile_of(proof.balls), proof.constants, proof.beta)


def _is_far_heavy(problem: SharpProblem, profile: Profile, epsilon: Fraction) -> bool:
    """Whether the far field beyond a profile that is convex to its end is a good part of epsilon."""
    with precision():
        reach = problem.curvature.reach
        is_convex = profile.mu_lower[-1] > 0 and profile.reach >= default_radii(problem.dimension)[-1]
        return bool(is_convex) and not problem.far_mass(reach) < ball(epsilon) / 50


def residual_bend(posterior: Posterior, centre: Centre, constants: GlobalConstants) -> float:
    """Upper bound of ||sum_i r_i(c) Hess G_i(z)|| over all z: M2 |r(c)| or the residual's own, rounded outward."""
    return residual_curvature(posterior, centre, constants).value


def residual_curvature(posterior: Posterior, centre: Centre, constants: GlobalConstants) -> BendProof:
    """The bound `residual_bend` with what proves it; the own bound is asked for only where M2 |r(c)| is large.

    Upper bound, rounded outward.
    """
    with precision():
        crude = upper(ball(constants.M2) * ball(centre.residual_upper))
    plain = BendProof(outward(crude, DIGITS, Direction.UP))
    if crude < OWN_BEND_FROM * (constants.m * constants.m + posterior.beta * posterior.beta):
        return plain
    form = residual_form(posterior.generator.graph, *residual_interval(posterior, centre.point))
    if form is None:
        return plain
    low, high = eigenvalue_bound(form, "lower"), eigenvalue_bound(form, "upper")
    value = max(0.0, high.value, -low.value)
    if low.multipliers is None or high.multipliers is None or not value < plain.value:
        return plain
    return BendProof(value, exact(low.multipliers), exact(high.multipliers))


def residual_interval(posterior: Posterior, point: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Enclosure of G(c) - x at c = `point` (d,) by its ends, each (n,), rounded outward."""
    with precision():
        values = value_ball(posterior.generator.graph, [ball(float(entry)) for entry in point])
        gaps = [value - ball(float(x)) for value, x in zip(values, posterior.observation, strict=True)]
        return np.array([lower(gap) for gap in gaps]), np.array([upper(gap) for gap in gaps])


def _smallest_encoder(problem: SharpProblem, proof: ObservationProof) -> tuple[ObservationProof, str]:
    epsilon = proof.epsilon
    layer = gaussian_layer(problem)
    with precision():
        if layer is not None:
            # The float that is reported must itself be below epsilon, not only the number it is rounded up from.
            distance = upper(layer.bound.total)
            proof = replace(proof, layer=LayerProof(layer.choice.radius, layer.choice.outer, distance))
            if proof.theorem:
                return proof, ""
        chain = fewest_layers(problem, epsilon) or _modest_chain(problem, epsilon) or smallest_chain_distance(problem)
        if chain is None:
            return proof, curvature_reason(problem, _convex_radius(problem, profile_of(proof.balls)))
        choice, total = chain.choice, upper(chain.bound.total)
        proof = replace(
            proof,
            chain=ChainProof(
                choice.radius,
                choice.outer,
                choice.width,
                choice.start,
                choice.schedule,
                chain_terms(chain.bound),
                total,
            ),
        )
        return proof, "" if proof.theorem else total_reason(chain.bound, total, epsilon)


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


def _numbers(proof: ObservationProof) -> dict[str, float]:
    m, beta = proof.constants.m, proof.beta
    return {
        "g": proof.centre.gradient_upper,
        "residual": proof.centre.residual_upper,
        "residual_curvature": proof.bend.value,
        "curvature_allowed": m * m + beta * beta,
        "sigma_min": proof.centre.sigma_min_lower,
    }


def start_numbers(posterior: Posterior, constants: GlobalConstants, start: FloatArray | None) -> StartNumbers | None:
    """The numbers of a start (d,); None without one.

    Bounds, rounded outward: the residual from above, what is allowed from below.
    """
    if start is None:
        return None
    with precision():
        values = value_ball(posterior.generator.graph, [ball(float(entry)) for entry in start])
        gaps = [value - ball(float(x)) for value, x in zip(values, posterior.observation, strict=True)]
        distance = upper(sum((gap * gap for gap in gaps), ball(0)).sqrt())
    return StartNumbers(distance, start_allowed(constants))


def start_allowed(constants: GlobalConstants) -> float:
    """m^2/M2: a start with a residual below it leads descent to the reconstruction. Lower bound, rounded outward."""
    with precision():
        return math.inf if constants.M2 == 0.0 else lower(ball(constants.m) ** 2 / ball(constants.M2))


def _profile_numbers(problem: SharpProblem, profile: Profile | None, dimension: int) -> dict[str, float]:
    """The curvature bounds where the posterior has its bulk, |y| near sqrt(d), and the radius they reach."""
    reach = math.inf if profile is None else profile.reach
    with precision():
        bulk = ball(min(math.sqrt(dimension), reach))
        return {
            "mu_bulk": lower(problem.curvature.mu(bulk)),
            "q_bulk": upper(problem.curvature.q(bulk)),
            "convex_radius": _convex_radius(problem, profile),
            "reach": reach,
        }


def _convex_radius(problem: SharpProblem, profile: Profile | None) -> float:
    """The largest radius looked at on which the Hessian is certified positive; 0 if there is none."""
    radii = default_radii(problem.dimension) if profile is None else profile.radii
    with precision():
        return max((float(radius) for radius in radii if problem.curvature.mu(ball(float(radius))) > 0), default=0.0)


def _choice_numbers(proof: ObservationProof) -> dict[str, float]:
    """The encoder itself; `start` is 1 for N(c, B B^T) and 0 for c."""
    if proof.theorem == ONE_LAYER and proof.layer is not None:
        return {"R": float(proof.layer.radius)}
    if proof.chain is None:
        return {}
    terms, schedule = proof.chain.terms, proof.chain.schedule
    return {
        "tail": terms.tail,
        "start_outside": terms.start_outside,
        "exit": terms.exit,
        "discretisation": terms.discretisation,
        "smoothing": terms.smoothing,
        "mu": terms.mu,
        "q": terms.q,
        "R": float(proof.chain.radius),
        "eta_b": float(schedule.first),
        "h": float(schedule.offset),
        "K0": float(schedule.burn_in),
        "eta": float(schedule.step),
        "start": float(proof.chain.start == "gaussian"),
    }
