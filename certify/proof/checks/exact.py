"""Findings from values that are known exactly or enclosed in balls: closed forms at chosen cases."""

from __future__ import annotations

from collections.abc import Mapping

from flint import arb

from certify.arithmetic.balls import Real, ball, midpoint
from certify.proof.theorem import Finding
from certify.verdict import Evidence


def exact_finding(
    claim: str, value: Real | arb, at: Mapping[str, object] | None = None, cases: int = 1, reason: str = ""
) -> Finding:
    """A finding on `claim` whose measured value lies in the ball `value`; it refutes where that ball does.

    `at` has the values of the claim's bound variables. Rigorous at the case itself, not for the whole domain: a claim
    that holds there is `supported`.
    """
    enclosed = ball(value)
    return Finding(
        claim, midpoint(enclosed), cases, Evidence.RIGOROUS, at=at or {}, recheck=lambda: enclosed, reason=reason
    )
