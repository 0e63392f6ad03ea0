"""Theorem 2 has no free choice: what is left is the evaluation at one noise level, and the largest that is admitted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from certify.arithmetic.balls import Real
from certify.arithmetic.searches import largest
from certify.proof.optimiser import Certificate, certify_choices, certify_within
from certify.proof.theorem import Theorem

SMALLEST_NOISE, LARGEST_NOISE, BISECTIONS = 1e-3, 10.0, 48


@dataclass(frozen=True)
class NoChoice:
    """A `Strategy` for a conclusion without choices whose distance increases with the noise level."""

    def shortest(self, theorem: Theorem, inputs: Mapping[str, Real]) -> Certificate | None:
        """The evaluation in balls if the distance is at most epsilon."""
        return certify_within(theorem, inputs, {})

    def closest(self, theorem: Theorem, inputs: Mapping[str, Real]) -> Certificate | None:
        """The evaluation in balls."""
        return certify_choices(theorem, inputs, {})

    def largest_beta(self, theorem: Theorem, inputs: Mapping[str, Real]) -> tuple[float, Certificate] | None:
        """The largest noise level found by bisection with distance <= epsilon, itself certified; at most 10."""

        def at(beta: float) -> Certificate | None:
            return self.shortest(theorem, {**inputs, "beta": beta})

        if at(SMALLEST_NOISE) is None:
            return None
        admitted = LARGEST_NOISE
        if at(admitted) is None:
            admitted = largest(lambda beta: at(beta) is not None, SMALLEST_NOISE, LARGEST_NOISE, BISECTIONS)
        certificate = at(admitted)
        assert certificate is not None, "it was certified a moment ago"
        return admitted, certificate
