"""A small attack on Theorem R's envelopes by exact laws on grids, and envelopes that are wrong on purpose."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest

from benchmarks.rejection_attack import LIMITS, Case, attack, make_case, ratios_of
from certify.envelopes.box_certificate import Envelope, box_envelope

INSTANCES = (1, 3, 7, 18, 24)
"""Of one latent, so that the grids are small: kinks, logits and many modes among them."""


@cache
def certified() -> tuple[Case, Envelope]:
    case = make_case(INSTANCES[0], 0)
    envelope = box_envelope(case.graph, case.likelihood, components=6, limits=LIMITS, rounds=2)
    assert envelope is not None
    return case, envelope


@pytest.mark.parametrize("index", INSTANCES)
def test_no_statement_is_violated(index: int) -> None:
    found, reason = (tuple(ratios_of(*certified(), index)), "") if index == INSTANCES[0] else attack(index, 0)
    assert found, reason
    assert not [item for item in found if item.violated]
    assert max(item.value for item in found if item.statement == "integral") > 0.9


def test_a_constant_that_is_too_small_is_seen() -> None:
    case, envelope = certified()
    wrong = replace(envelope, log_constant=envelope.log_constant - 0.25)
    assert {"R1"} <= {item.statement for item in ratios_of(case, wrong, 0) if item.violated}


def test_an_integral_that_is_too_large_is_seen() -> None:
    case, envelope = certified()
    wrong = replace(envelope, log_integral=envelope.log_integral + 0.06)
    assert {"integral"} <= {item.statement for item in ratios_of(case, wrong, 0) if item.violated}


def test_a_bound_that_claims_too_much_acceptance_is_seen() -> None:
    # R2 follows from R1 and the integral; with both ends moved it is the law itself that disagrees.
    case, envelope = certified()
    gain = 0.98 * (envelope.log_constant - envelope.log_integral)
    wrong = replace(envelope, log_integral=envelope.log_integral + gain)
    assert {"R2"} <= {item.statement for item in ratios_of(case, wrong, 0) if item.violated}
