"""Power of the checks: every constant of S1-S9 broken in the wrong direction by 10 to 50 per cent.

Each claim must come out `refuted` on some instance, or stand in the list of those whose slack hides the break;
the list is part of the test, so a check that loses its power is noticed. A refutation of a statistical claim
has error probability 1e-6. `benchmarks/power.py` prints the same as a table.
"""

from __future__ import annotations

import pytest

from certify.stress_tests.power import power
from certify.verdict import Verdict
from tests.power_instances import AMOUNTS, HIDDEN, THEOREM, instances, remembering

STEPS = {step.label: remembering(step) for step in THEOREM.steps}
STATEMENTS = [(step.label, claim.name) for step in THEOREM.steps for claim in step.claims]


@pytest.mark.statistical
@pytest.mark.parametrize(("label", "claim"), STATEMENTS)
def test_a_broken_constant_is_refuted(label: str, claim: str) -> None:
    found = power(STEPS[label], claim, instances(), AMOUNTS)
    assert found.honest in {Verdict.PROVED, Verdict.SUPPORTED}
    if (label, claim) in HIDDEN:
        assert found.noticed is None and found.slack > 2, "no longer hidden: take it off the list"
    else:
        assert found.noticed is not None
