"""The free choices of the Gaussian encoder's theorem: R, delta0 and the Newton steps, and the radii of G1*.

The bound with the Hessian (G2 + G3) depends on R almost alone, the size on delta0 and the number of Newton steps; the
bound with the Jacobian (G1*) depends on its own two radii once Newton has converged. Candidates lie on one grid; the
search runs in floats, and what it returns was evaluated again in balls, side conditions included.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import numpy as np

from certify.arithmetic.arrays import FloatArray
from certify.arithmetic.balls import Real, ball, midpoint, precision
from certify.arithmetic.searches import confirmed, first_feasible, largest
from certify.proof.closed_forms import estimate
from certify.proof.optimiser import Certificate, admits_every_noise, certified_near, certify_choices
from certify.proof.theorem import Theorem
from certify.sharp.curvature import closed_form_curvature
from certify.sharp.estimates import radial_estimates
from certify.sharp.far import FarField
from certify.sharp.problem import SharpProblem
from certify.sharp.search import LayerChoice, best_layer
from certify.symbolic.evaluation import estimated

RADII, ACCURACIES, MOST_NEWTON_STEPS = 160, 24, 6
LARGEST_RADIUS = 4.0
"""In units of the radius at which the tail is about to vanish."""
CONVERGED = 1e-3
"""Whitened gradient, relative to epsilon, below which stopping early does not matter to G1*."""
UNUSED = Fraction(1, 2**20)
"""Radius of G1* where it says nothing: its bound is then at least 1 and the other one stands."""
LARGEST_EXPONENT, SMALLEST_EXPONENT, BISECTIONS = 4, -200, 20


@dataclass(frozen=True)
class GaussianStrategy:
    """Smallest encoder (in gradient evaluations) at a noise level, smallest distance, largest noise level.

    `jacobian`: whether G1*, the bound with the Jacobian's covariance, is used beside G2 + G3.
    """

    jacobian: bool = True

    @property
    def _forms(self) -> tuple[bool, ...]:
        # Where the search's floats promise a G1* that the balls do not give, the bound with the Hessian remains.
        return (True, False) if self.jacobian else (False,)

    def shortest(self, theorem: Theorem, inputs: Mapping[str, Real]) -> Certificate | None:
        """Choices with distance <= epsilon and the fewest gradient evaluations found."""
        tables = (_Table(theorem, inputs, layered) for layered in self._forms)
        return next((found for table in tables if (found := table.cheapest()) is not None), None)

    def closest(self, theorem: Theorem, inputs: Mapping[str, Real]) -> Certificate | None:
        """Choices with the smallest distance found."""
        found = []
        for layered in self._forms:
            table = _Table(theorem, inputs, layered)
            found.append(table.certify(table.distance + 1e-9 * table.cost))
        return min((item for item in found if item is not None), key=lambda item: item.distance_upper, default=None)

    def largest_beta(self, theorem: Theorem, inputs: Mapping[str, Real]) -> tuple[float, Certificate] | None:
        """Largest noise level found; infinite, with a certificate at m, where every noise level is admitted."""
        with precision():
            scale = midpoint(ball(inputs["m"]))
        if admits_every_noise(theorem, inputs):
            certificate = self.shortest(theorem, {**inputs, "beta": scale})
            return None if certificate is None else (math.inf, certificate)
        for layered in self._forms:
            edge = _edge(theorem, inputs, scale, layered)
            if edge is None:
                continue
            found = certified_near(edge, lambda beta: self.shortest(theorem, {**inputs, "beta": beta}))
            if found is not None:
                return found
        return None


def _edge(theorem: Theorem, inputs: Mapping[str, Real], scale: float, layered: bool) -> float | None:
    """Largest noise level that the search's floats admit, to `BISECTIONS` halvings of a factor of 2. Estimate."""
    with precision():
        target = midpoint(ball(inputs["epsilon"]))

    def admitted(beta: float) -> bool:
        return float(np.min(_Table(theorem, {**inputs, "beta": beta}, layered).distance)) <= target

    low = first_feasible(admitted, scale, range(LARGEST_EXPONENT, SMALLEST_EXPONENT, -1))
    return None if low is None else largest(admitted, low, 2.0 * low, BISECTIONS)


class _Table:
    """The distance and the cost of every candidate at one noise level, arrays (radii, accuracies, Newton steps)."""

    def __init__(self, theorem: Theorem, inputs: Mapping[str, Real], layered: bool) -> None:
        self.theorem, self.inputs, self.layered = theorem, inputs, layered
        with precision():
            self.constants = {name: np.float64(midpoint(ball(value))) for name, value in inputs.items()}
        self.choices = _candidates(estimate(theorem, self.constants))
        self.values = values = estimate(theorem, {**self.constants, **self.choices})
        self.shape = np.broadcast_shapes(*(item.shape for item in self.choices.values()))
        admitted = np.ones(self.shape, dtype=bool)
        for condition in theorem.conclusion.conditions:
            if {symbol.name for symbol in (condition.left - condition.right).free_symbols} <= values.keys():
                admitted &= estimated(condition.left, values) <= estimated(condition.right, values)
        distance = np.broadcast_to(values["tv_hessian"], self.shape)
        converged = values["g_star"] <= CONVERGED * values["epsilon"]
        layer = self.layer
        if layer is not None:
            distance = np.where(converged, np.minimum(distance, layer.distance_estimate), distance)
        self.distance: FloatArray = np.where(admitted & ~np.isnan(distance), distance, np.inf)
        # A Hessian costs d + 1 gradients; the last layer has one too.
        cost = values["K_gd"] + (values["K_newton"] + 1) * (values["d"] + 1)
        # Of candidates that cost the same, the one whose bound with the Hessian is smallest.
        second = np.nan_to_num(np.clip(values["tv_hessian"], 0.0, 1.0), nan=1.0)
        self.cost: FloatArray = np.broadcast_to(cost, self.shape) + 1e-3 * second

    @cached_property
    def layer(self) -> LayerChoice | None:
        """The best radii of G1* once Newton has converged; None where G1* says nothing or is not asked for."""
        if not self.layered:
            return None
        values = {name: np.float64(np.min(value)) for name, value in self.values.items() if np.size(value)}
        gradient = CONVERGED * values["epsilon"]
        residual = (
            values["beta"] ** 2 * values["rho"] / values["m"] + values["M"] * gradient * values["beta"] / values["m"]
        )
        scale = values["m"] ** 2 + values["beta"] ** 2
        with precision():
            numbers = {name: ball(float(values[name])) for name in ("m", "M2", "beta", "b", "e_star", "phi")}
            far = FarField(
                int(values["d"]), numbers["m"], numbers["M2"], numbers["beta"], ball(float(residual)),
                ball(float(gradient)), numbers["b"], ball(0),
            )  # fmt: skip
            if not far.finite:
                return None
            p = ball(float(values["M2"] * residual / scale))
            curvature = closed_form_curvature(numbers["e_star"], p, numbers["phi"], ball(0))
            return best_layer(radial_estimates(SharpProblem(curvature, far)))

    def cheapest(self) -> Certificate | None:
        """The certificate with distance <= epsilon of the candidate of least cost found; None if there is none."""
        with precision():
            epsilon = ball(self.inputs["epsilon"]).lower()
            target = midpoint(epsilon)

        def within(cost: FloatArray) -> Certificate | None:
            certificate = self.certify(cost)
            return certificate if certificate is not None and ball(certificate.distance_upper) <= epsilon else None

        return confirmed(lambda share: np.where(self.distance <= target * share, self.cost, np.inf), within)

    def certify(self, score: FloatArray) -> Certificate | None:
        """The certificate at the candidate of least score; None if its score is infinite or a condition fails."""
        index = np.unravel_index(int(np.argmin(score)), self.shape)
        if not np.isfinite(score[index]):
            return None
        exact = {
            name: Fraction(float(np.broadcast_to(values, self.shape)[index])) for name, values in self.choices.items()
        }
        radii = (UNUSED, UNUSED) if self.layer is None else (self.layer.radius, self.layer.outer)
        for radius, outer in (radii, (UNUSED, UNUSED)):
            exact |= {"R_star": radius, "R2_star": outer}
            certificate = certify_choices(self.theorem, self.inputs, exact)
            if certificate is not None and math.isfinite(certificate.distance_upper):
                return certificate
        return None


def _candidates(constants: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
    """R = 2 delta* + w/sqrt(1+a), w up to where the tail is nothing; delta0 in units of beta^2/M^2; 0 to 6 steps."""
    deviation = np.sqrt(1 + constants["a"])
    spread = np.sqrt(constants["d"]) * (1 + np.sqrt(2 * np.log(constants["kappa"])))
    reach = spread + 8 + constants["rho"] / deviation
    radii = 2 * constants["delta_star"] + np.geomspace(0.02, LARGEST_RADIUS, RADII) * reach / deviation
    unit = np.minimum(constants["beta"] / constants["M"], 1.0) ** 2 * np.maximum(constants["rho"], 1.0)
    return {
        "R": radii.reshape(-1, 1, 1),
        "delta0": (unit * np.geomspace(1e-9, 1e2, ACCURACIES)).reshape(1, -1, 1),
        "K_newton": np.arange(MOST_NEWTON_STEPS + 1, dtype=np.float64).reshape(1, 1, -1),
    }
