"""Why an observation is not certified: the quantity that fails first, and by how much, in one clause."""

from __future__ import annotations

import math
from fractions import Fraction

from certify.arithmetic.balls import ball, lower, upper
from certify.arithmetic.rounding import Direction, decimal_text
from certify.profiles.records import GlobalConstants
from certify.sharp.chain import ChainBound
from certify.sharp.problem import SharpProblem

BEYOND = 12.0
"""Standard deviations beyond the bulk."""


def far_reason(bend: float, constants: GlobalConstants, beta: float) -> str:
    """The far field diverges: by how much the residual's curvature is too large. Estimate."""
    allowed = constants.m * constants.m + beta * beta
    return (
        f"the posterior's far field is not certified: the residual's curvature {_up(bend)} is not below m^2 + beta^2 = "
        f"{_up(allowed)}, {_up(bend / allowed)} times too large (a larger m or a smaller M2 is needed)"
    )


def curvature_reason(problem: SharpProblem, radius: float) -> str:
    """No choice is admissible: the tail at the largest radius with a positive Hessian says which part is to blame.

    Estimate: the radius is printed rounded down, the tail is that of the radius itself.
    """
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


def total_reason(bound: ChainBound, total: float, epsilon: Fraction) -> str:
    """The smallest bound is above epsilon: by how much, and which of its terms is largest. Estimate."""
    parts = ("tail", "start_outside", "exit", "discretisation", "smoothing")
    value, name = max((upper(getattr(bound, part)), part) for part in parts)
    return (
        f"the smallest bound found is {_up(total)}, {_up(total / float(epsilon))} times epsilon; its largest part is "
        f"the {name.replace('_', ' ')} {_up(value)}, with mu >= {_down(lower(bound.mu))}"
    )


def _up(value: float) -> str:
    return decimal_text(value, 4, Direction.UP)


def _down(value: float) -> str:
    return decimal_text(value, 4, Direction.DOWN)
