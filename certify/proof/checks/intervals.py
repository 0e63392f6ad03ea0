"""Findings from estimates: their intervals, error probabilities and assumptions as the judgement reads them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from certify.posteriors.estimates import DistanceEstimate, IntervalEstimate
from certify.proof.theorem import Finding
from certify.verdict import Evidence


def from_interval(claim: str, estimate: IntervalEstimate, at: Mapping[str, object] | None = None) -> Finding:
    """A finding whose measured value is an estimate with its interval."""
    return Finding(
        claim,
        estimate.estimate,
        max(estimate.cases, 1),
        at=at or {},
        interval=(estimate.lower, estimate.upper),
        confidence=1.0 - estimate.error_probability if estimate.error_probability else None,
        assumption=estimate.assumption,
        reason=estimate.method,
    )


def from_lower_end(claim: str, estimate: IntervalEstimate, at: Mapping[str, object] | None = None) -> Finding:
    """A finding judged and shown by the lower end of its interval: affine decoders attain the claim exactly.

    Where that end is 0 a finite upper end is left to confirm the claim.
    """
    reason = f"lower end, estimate {estimate.estimate:.4g}: {estimate.method}"
    alone = estimate.lower > 0.0 or math.isinf(estimate.upper)
    return replace(from_interval(claim, estimate, at), measured=estimate.lower, one_sided=alone, reason=reason)


def from_distance(
    claim: str,
    estimate: DistanceEstimate,
    at: Mapping[str, object] | None = None,
    cases: int = 1,
    resolution: float = 0.0,
) -> Finding:
    """A finding on a total variation distance; an upper end of 1 says nothing, and then the lower end alone decides.

    `resolution` is what floats move a law by, in widths of it: the distance that they cannot tell.
    """
    lower, known_above = max(0.0, estimate.lower - resolution), estimate.upper < 1.0
    return Finding(
        claim,
        max(lower, estimate.estimate - resolution),
        cases,
        at=at or {},
        interval=(lower, estimate.upper),
        confidence=1.0 - estimate.error_probability if estimate.error_probability else None,
        one_sided=not known_above,
        assumption=estimate.assumption,
        reason=estimate.method if known_above else f"{estimate.method}; truth is known from below only",
    )


def follows(claim: str, why_not_measured: str) -> tuple[Finding, ...]:
    """The finding on a claim that is not measured and follows from the steps it uses."""
    return (Finding(claim, math.nan, 0, Evidence.SYMBOLIC, composed=True, reason=why_not_measured),)
