"""Every inequality of every step of a proof, held against measurement at a random instance."""

from __future__ import annotations

from hypothesis.strategies import SearchStrategy

from certify.checking.running import run_step
from certify.proof.records import ClaimRecord
from certify.proof.theorem import Claim, Step, Theorem
from certify.strategies.admissible import Kinds
from certify.stress_tests.case import Case
from certify.stress_tests.instances import instance_cases, prepare
from certify.stress_tests.property import Measurement, Property
from certify.verdict import Verdict

NAME = "steps"
READS = ("generator", "observations", "beta", "epsilon")


def cases(theorem: Theorem, kinds: Kinds, seed: int) -> SearchStrategy[Case]:
    """Instances of the theorem."""
    return instance_cases(theorem, kinds, seed, NAME)


def claim_name(step: Step, claim: Claim | ClaimRecord) -> str:
    """How a claim of a step is called in the results."""
    return f"{step.label} {claim.name}"


def evaluate(theorem: Theorem, case: Case) -> tuple[Measurement, ...]:
    """One measurement per claim of the proof; a claim that nothing tested is left out."""
    prepared = prepare(theorem, case)
    if prepared is None:
        return ()
    return tuple(
        Measurement(
            claim_name(step, claim),
            claim.verdict,
            claim.slack,
            claim.claimed,
            claim.measured,
            claim.cases,
            claim.reason,
        )
        for step in theorem.steps
        for claim in run_step(step, prepared.instance).claims
        if claim.verdict is not Verdict.UNTESTED
    )


PROPERTY = Property(NAME, "each step's inequality holds where the assumptions do", 6.0, cases, evaluate, READS)
