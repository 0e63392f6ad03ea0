"""Theorem 2 has no free choice: what is left is the evaluation at one noise level, and the largest that is admitted."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from certify.arithmetic.balls import Real, ball
from certify.proof.optimiser import Certificate, certify_choices
from certify.proof.theorem import Theorem

SMALLEST_NOISE, LARGEST_NOISE, BISECTIONS = 1e-3, 10.0, 48


@dataclass(frozen=True)
class NoChoice:
    """A `Strategy` for a conclusion without choices whose distance increases with the noise level."""

    def shortest(self, theorem: Theorem, inputs: Mapping[str, Real]) -> Certificate | None:
        """The evaluation in balls if the distance is at most epsilon."""
        found = self.closest(theorem, inputs)
        return found if found is not None and _meets(found, inputs) else None

    def closest(self, theorem: Theorem, inputs: Mapping[str, Real]) -> Certificate | None:
        """The evaluation in balls."""
        return certify_choices(theorem, inputs, {})

    def largest_beta(self, theorem: Theorem, inputs: Mapping[str, Real]) -> tuple[float, Certificate] | None:
        """The largest noise level found by bisection with distance <= epsilon, itself certified; at most 10."""

        def at(beta: float) -> Certificate | None:
            return self.shortest(theorem, {**inputs, "beta": beta})

        best = at(SMALLEST_NOISE)
        if best is None:
            return None
        low, high = SMALLEST_NOISE, LARGEST_NOISE
        if (widest := at(high)) is not None:
            return high, widest
        for _ in range(BISECTIONS):
            middle = math.sqrt(low * high)
            found = at(middle)
            if found is None:
                high = middle
            else:
                low, best = middle, found
        return low, best


def half_of_the_largest(beta_max: float, inputs: Mapping[str, Real]) -> float:
    """Noise level taken when none is given: half the largest one, rounded down to two digits."""
    number = beta_max / 2
    exponent = math.floor(math.log10(number)) - 1
    return float(f"{math.floor(number / 10.0**exponent)}e{exponent}")


def _meets(certificate: Certificate, inputs: Mapping[str, Real]) -> bool:
    return bool(ball(certificate.distance_upper) <= ball(inputs["epsilon"]).lower())
