"""The steps of a proof at an instance: each check is run, each claim judged, and what nothing tested is composed."""

from __future__ import annotations

import time
from dataclasses import replace

from certify.errors import CertifyError
from certify.mechanization.step_proofs import step_proofs
from certify.proof.author import AuthorError
from certify.proof.instance import Instance
from certify.proof.judgement import compose, gravest, judge, unmeasured
from certify.proof.records import StepRecord
from certify.proof.theorem import Step

COARSEST_RESOLUTION = 2.0**-10
"""Where floats are off by more of the posterior's width than this, nothing is measured."""


def run_steps(instance: Instance) -> tuple[StepRecord, ...]:
    """The records of all steps of the instance's theorem, in order."""
    steps = instance.theorem.steps
    hidden = below_resolution(instance)
    if hidden:
        return tuple(_opened(step, instance, hidden) for step in steps)
    instance.progress.start(f"{instance.theorem.id} at {instance.where}", len(steps))
    records: list[StepRecord] = []
    for step in steps:
        verdicts = {record.label: record.verdict for record in records}
        records.append(compose(run_step(step, instance), verdicts))
        instance.progress.advance()
    instance.progress.finish()
    proofs = step_proofs(instance.theorem)
    return tuple(replace(record, proof=proofs.get(record.label)) for record in records)


def run_step(step: Step, instance: Instance) -> StepRecord:
    """The record of one step: each claim at its tightest finding; a claim without a finding is inconclusive."""
    clock = time.perf_counter()
    try:
        findings = instance.findings(step)
    except AuthorError:
        raise
    except CertifyError as error:
        # What cannot be measured here (a second basin, a region without mass) leaves the step open.
        return _opened(step, instance, str(error), time.perf_counter() - clock)
    if unknown := {finding.claim for finding in findings} - {claim.name for claim in step.claims}:
        raise ValueError(f"step {step.label}: findings for unknown claims {sorted(unknown)}")
    records = []
    for claim in step.claims:
        tex = instance.theorem.tex
        mine = [judge(claim, finding, instance, tex) for finding in findings if finding.claim == claim.name]
        if mine:
            records.append(gravest(mine))
    if not records:
        raise ValueError(f"step {step.label}: its check returned no finding")
    return StepRecord(step.label, step.title, step.uses, tuple(records), time.perf_counter() - clock)


def _opened(step: Step, instance: Instance, reason: str, seconds: float = 0.0) -> StepRecord:
    """The record of a step of which nothing could be measured."""
    claims = tuple(unmeasured(claim, instance.seed, instance.theorem.tex, reason) for claim in step.claims)
    return StepRecord(step.label, step.title, step.uses, claims, seconds)


def below_resolution(instance: Instance) -> str:
    """Why floats around the posterior's mode tell nothing of it; empty where they do."""
    if instance.resolution < COARSEST_RESOLUTION:
        return ""
    return (
        f"the posterior's width is {4 / instance.resolution:.1g} spacings of the floats around it: nothing can be "
        "measured at this noise; take a larger --beta, or --constants for the closed forms alone"
    )
