"""The search for the choices of Theorem 1* as a theorem's strategy: proposed in floats, certified in balls."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction

from certify.arithmetic.balls import Real, ball, exact_integer, midpoint, precision
from certify.arithmetic.searches import confirmed, first_feasible, largest
from certify.proof.closed_forms import enclose
from certify.proof.optimiser import Certificate, admits_every_noise, certified_near, certify_choices, certify_within
from certify.proof.theorem import Theorem
from certify.sharp.curvature import closed_form_curvature
from certify.sharp.estimates import radial_estimates
from certify.sharp.far import FarField
from certify.sharp.problem import SharpProblem
from certify.sharp.schedule import Schedule
from certify.sharp.search import LAYER_LIMIT, ChainChoice, closest_chain, reaches, shortest_chain

LARGEST_EXPONENT, SMALLEST_EXPONENT, FIRST_EXPONENT, BISECTIONS = 10, -30, -6, 14


@dataclass(frozen=True)
class SharpStrategy:
    """Picks R, R2, w, the start and the schedule; the quantities' names are those of `theorems/sharp_langevin.py`."""

    layer_limit: int = LAYER_LIMIT

    def shortest(self, theorem: Theorem, inputs: Mapping[str, Real]) -> Certificate | None:
        """Fewest layers found with distance <= epsilon, certified; None if there are none."""
        problem = problem_of(theorem, inputs)
        if problem is None:
            return None
        with precision():
            estimates, epsilon = radial_estimates(problem), midpoint(ball(inputs["epsilon"]))
            return confirmed(
                lambda share: shortest_chain(estimates, epsilon * share, self.layer_limit),
                lambda choice: certify_within(theorem, inputs, choices_of(choice)),
            )

    def closest(self, theorem: Theorem, inputs: Mapping[str, Real]) -> Certificate | None:
        """The smallest distance found, certified, whether or not it is below epsilon; None if there is none."""
        problem = problem_of(theorem, inputs)
        if problem is None:
            return None
        with precision():
            choice = closest_chain(radial_estimates(problem), self.layer_limit)
        return None if choice is None else certify_choices(theorem, inputs, choices_of(choice))

    def largest_beta(self, theorem: Theorem, inputs: Mapping[str, Real]) -> tuple[float, Certificate] | None:
        """End of the noise levels admitted from 0 on (infinite where every one is), with its certificate.

        Far above it the posterior is close to the prior and the theorem holds again; that is not looked for.
        """
        epsilon = midpoint(ball(inputs["epsilon"]))

        def feasible(beta: float) -> bool:
            problem = problem_of(theorem, {**inputs, "beta": beta})
            with precision():
                return problem is not None and reaches(radial_estimates(problem), epsilon)

        return end_of_noise(theorem, inputs, feasible, lambda beta: self.shortest(theorem, {**inputs, "beta": beta}))


def end_of_noise(
    theorem: Theorem,
    inputs: Mapping[str, Real],
    feasible: Callable[[float], bool],
    certify: Callable[[float], Certificate | None],
) -> tuple[float, Certificate] | None:
    """End of the noise levels that `feasible` (an estimate) admits from 0 on, and its certificate by `certify`.

    Infinite where the theorem admits every one; None where none is admitted or certified.
    """
    scale = midpoint(ball(inputs["m"]))
    if admits_every_noise(theorem, inputs):
        certificate = certify(scale)
        return None if certificate is None else (math.inf, certificate)
    low = first_feasible(feasible, scale, range(FIRST_EXPONENT, SMALLEST_EXPONENT, -1))
    if low is None:
        return None
    # From below, in steps of sqrt 2, to the first level that is not admitted.
    high = low * math.sqrt(2.0)
    while feasible(high) and high < scale * 2.0**LARGEST_EXPONENT:
        low, high = high, high * math.sqrt(2.0)
    return certified_near(largest(feasible, low, high, BISECTIONS), certify)


def problem_of(theorem: Theorem, inputs: Mapping[str, Real], residual: str = "p") -> SharpProblem | None:
    """The posterior that the inputs describe; None where the far field may diverge.

    `residual` is the name that the theorem gives to M2 |r_c|/(m^2+beta^2).
    """
    values = enclose(theorem, inputs)
    with precision():
        dimension = exact_integer(values["d"])
        assert dimension is not None, "the latent dimension is an integer"
        far = FarField(
            dimension, values["m"], values["M2"], values["beta"], values["r_c"], values["g"], values["b"], values["om"]
        )
        if not far.finite:
            return None
        return SharpProblem(closed_form_curvature(values["e"], values[residual], values["phi"], values["om"]), far)


def schedule_of(certificate: Certificate) -> Schedule:
    """The schedule of a certificate's layers, exact."""
    choices = certificate.choices
    return Schedule(choices["eta_b"], choices["h"], int(choices["K0"]), choices["eta"], int(choices["K"]))


def choices_of(choice: ChainChoice) -> dict[str, Fraction]:
    """The choices under the quantities' names."""
    schedule = choice.schedule
    return {
        "R": choice.radius,
        "R2": choice.outer,
        "w": choice.width,
        "start": Fraction(int(choice.start == "gaussian")),
        "eta_b": schedule.first,
        "h": schedule.offset,
        "K0": Fraction(schedule.burn_in),
        "eta": schedule.step,
        "K": Fraction(schedule.layers),
    }
