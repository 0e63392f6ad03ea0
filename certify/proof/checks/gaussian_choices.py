"""The free choices of the Gaussian encoder's theorem: the radius R, the accuracy delta0 and the Newton steps.

The distance depends on R almost alone, the size on delta0 and the number of Newton steps. Candidates lie on one grid;
the search runs in floats, and what it returns was evaluated again in balls, side conditions included.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from certify.arithmetic.balls import Real, ball, midpoint, precision
from certify.proof.closed_forms import FloatArray, enclose, estimate
from certify.proof.optimiser import Certificate, certify_choices, holds
from certify.proof.theorem import Theorem
from certify.symbolic.evaluation import compile_estimate

RADII, ACCURACIES, MOST_NEWTON_STEPS = 160, 24, 6
LARGEST_RADIUS = 4.0
"""In units of the radius at which the tail is about to vanish."""
MARGINS = (1e-9, 1e-6, 1e-3)
LARGEST_EXPONENT, SMALLEST_EXPONENT, BISECTIONS = 16, -200, 26


@dataclass(frozen=True)
class GaussianStrategy:
    """Smallest encoder (in gradient evaluations) at a noise level, smallest distance, largest noise level."""

    def shortest(self, theorem: Theorem, inputs: Mapping[str, Real]) -> Certificate | None:
        """Choices with distance <= epsilon and the fewest gradient evaluations found."""
        epsilon = inputs["epsilon"]
        with precision():
            target = midpoint(ball(epsilon))
        table = _Table(theorem, inputs)
        for margin in MARGINS:
            cost = np.where(table.distance <= target * (1 - margin), table.cost, np.inf)
            certificate = table.certify(cost)
            if certificate is None:
                return None
            with precision():
                if ball(certificate.distance_upper) <= ball(epsilon).lower():
                    return certificate
        return None

    def closest(self, theorem: Theorem, inputs: Mapping[str, Real]) -> Certificate | None:
        """Choices with the smallest distance found."""
        table = _Table(theorem, inputs)
        return table.certify(table.distance)

    def largest_beta(self, theorem: Theorem, inputs: Mapping[str, Real]) -> tuple[float, Certificate] | None:
        """Largest noise level found; infinite, with a certificate at m, where every noise level is admitted."""
        with precision():
            scale, target = midpoint(ball(inputs["m"])), midpoint(ball(inputs["epsilon"]))
            every = theorem.conclusion.every_noise
            everywhere = every is not None and holds(every, enclose(theorem, inputs))
        if everywhere:
            certificate = self.shortest(theorem, {**inputs, "beta": scale})
            return None if certificate is None else (math.inf, certificate)

        def admitted(beta: float) -> bool:
            return float(np.min(_Table(theorem, {**inputs, "beta": beta}).distance)) <= target

        exponents = range(LARGEST_EXPONENT, SMALLEST_EXPONENT, -1)
        exponent = next((item for item in exponents if admitted(scale * 2.0**item)), None)
        if exponent is None:
            return None
        low, high = scale * 2.0**exponent, scale * 2.0 ** (exponent + 1)
        for _ in range(BISECTIONS):
            middle = math.sqrt(low * high)
            low, high = (middle, high) if admitted(middle) else (low, middle)
        for shrink in (0.0, 1e-8, 1e-6, 1e-4, 1e-2):
            certificate = self.shortest(theorem, {**inputs, "beta": low * (1 - shrink)})
            if certificate is not None:
                return low * (1 - shrink), certificate
        return None


class _Table:
    """The distance and the cost of every candidate at one noise level, arrays (radii, accuracies, Newton steps)."""

    def __init__(self, theorem: Theorem, inputs: Mapping[str, Real]) -> None:
        self.theorem, self.inputs = theorem, inputs
        with precision():
            constants = {name: np.float64(midpoint(ball(value))) for name, value in inputs.items()}
        self.choices = _candidates(estimate(theorem, constants))
        values = estimate(theorem, {**constants, **self.choices})
        self.shape = np.broadcast_shapes(*(item.shape for item in self.choices.values()))
        distance = np.broadcast_to(_number(theorem.conclusion.distance, values), self.shape).copy()
        for condition in theorem.conclusion.conditions:
            met = _number(condition.left, values) <= _number(condition.right, values)
            distance[~np.broadcast_to(met, self.shape)] = np.inf
        distance[np.isnan(distance)] = np.inf
        self.distance: FloatArray = distance
        # A Hessian costs d + 1 gradients; the last layer has one too.
        cost = values["K_gd"] + (values["K_newton"] + 1) * (values["d"] + 1)
        self.cost: FloatArray = np.broadcast_to(cost, self.shape)

    def certify(self, score: FloatArray) -> Certificate | None:
        """The certificate at the candidate of least score; None if its score is infinite or a condition fails."""
        index = np.unravel_index(int(np.argmin(score)), self.shape)
        if not np.isfinite(score[index]):
            return None
        exact = {
            name: Fraction(float(np.broadcast_to(values, self.shape)[index])) for name, values in self.choices.items()
        }
        return certify_choices(self.theorem, self.inputs, exact)


def _candidates(constants: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
    """R = 2 delta* + w/sqrt(1+a) with w up to where the tail is nothing; delta0 relative to beta/M; 0 to 6 steps."""
    deviation = np.sqrt(1 + constants["a"])
    spread = np.sqrt(constants["d"]) * (1 + np.sqrt(2 * np.log(constants["kappa"])))
    reach = spread + 8 + constants["rho"] / deviation
    share = np.concatenate([np.geomspace(0.02, LARGEST_RADIUS, RADII)])
    radii = 2 * constants["delta_star"] + share * reach / deviation
    scale = np.minimum(constants["beta"] / constants["M"], 1.0) * np.minimum(constants["beta"] / constants["M"], 1.0)
    accuracies = np.maximum(scale * np.maximum(constants["rho"], 1.0), 1e-300) * np.geomspace(1e-9, 1e2, ACCURACIES)
    return {
        "R": radii.reshape(-1, 1, 1),
        "delta0": accuracies.reshape(1, -1, 1),
        "K_newton": np.arange(MOST_NEWTON_STEPS + 1, dtype=np.float64).reshape(1, 1, -1),
    }


def _number(expression: object, values: Mapping[str, FloatArray]) -> FloatArray:
    symbols = sorted(expression.free_symbols, key=lambda symbol: str(symbol.name))  # type: ignore[attr-defined]
    (result,) = compile_estimate([expression], symbols)(*(values[symbol.name] for symbol in symbols))
    return result
