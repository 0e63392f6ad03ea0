"""Certified choices: what the float search proposes, enclosed, and given back only where the balls confirm it."""

from __future__ import annotations

from dataclasses import dataclass

from certify.arithmetic.balls import Real, ball, midpoint, precision
from certify.arithmetic.searches import confirmed
from certify.sharp.chain import ChainBound, chain_bound
from certify.sharp.estimates import RadialEstimates, radial_estimates
from certify.sharp.gaussian_layer import GaussianLayerBound, gaussian_layer_bound
from certify.sharp.problem import SharpProblem
from certify.sharp.search import LAYER_LIMIT, ChainChoice, LayerChoice, best_layer, closest_chain, shortest_chain


@dataclass(frozen=True)
class CertifiedChain:
    """Choices of Theorem 1* with every term enclosed at them; `bound.admissible` holds."""

    choice: ChainChoice
    bound: ChainBound


@dataclass(frozen=True)
class CertifiedLayer:
    """Choices of G1* with every term enclosed at them; `bound.admissible` holds."""

    choice: LayerChoice
    bound: GaussianLayerBound


def enclose_chain(problem: SharpProblem, choice: ChainChoice) -> CertifiedChain | None:
    """Theorem 1* at given choices in balls; None unless the side conditions hold beyond doubt. Verified."""
    with precision():
        schedule = choice.schedule
        bound = chain_bound(
            problem, choice.radius, choice.outer, choice.width, schedule.moving(), schedule.smoothing(), choice.start
        )
        return CertifiedChain(choice, bound) if bound.admissible and bound.total.is_finite() else None


def fewest_layers(problem: SharpProblem, epsilon: Real, limit: int = LAYER_LIMIT) -> CertifiedChain | None:
    """The shortest chain found whose bound is certified to be <= epsilon; None if none was found.

    Guarantee: `bound.total` <= epsilon beyond doubt. That no shorter chain would do is not claimed. Verified.
    """
    with precision():
        estimates, target = radial_estimates(problem), ball(epsilon)

        def within(choice: ChainChoice) -> CertifiedChain | None:
            found = enclose_chain(problem, choice)
            return found if found is not None and found.bound.total <= target else None

        return confirmed(lambda share: shortest_chain(estimates, midpoint(target) * share, limit), within)


def smallest_chain_distance(problem: SharpProblem, limit: int = LAYER_LIMIT) -> CertifiedChain | None:
    """The chain with the smallest bound found, whatever it is; None where Theorem 1* says nothing. Verified."""
    with precision():
        choice = closest_chain(radial_estimates(problem), limit)
        return None if choice is None else enclose_chain(problem, choice)


def gaussian_layer(problem: SharpProblem, estimates: RadialEstimates | None = None) -> CertifiedLayer | None:
    """The smallest G1* bound found, certified; None where it says nothing.

    Guarantee: TV(pi_x, N(c, B B^T)) <= `bound.total`. Verified.
    """
    with precision():
        choice = best_layer(estimates or radial_estimates(problem))
        if choice is None:
            return None
        bound = gaussian_layer_bound(problem, choice.radius, choice.outer)
        return CertifiedLayer(choice, bound) if bound.admissible and bound.total.is_finite() else None
