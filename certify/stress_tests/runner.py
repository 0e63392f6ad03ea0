"""One property of one theorem on random cases: drawn by hypothesis, driven towards small slack, shrunk where they fail.

Deterministic: the seed alone decides which cases are drawn, no database is read, no result depends on the clock.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import hypothesis
import numpy as np
from hypothesis import HealthCheck, Phase
from hypothesis.errors import Flaky, Unsatisfiable

from certify.errors import CertifyError
from certify.proof.theorem import Theorem
from certify.strategies.admissible import Kinds
from certify.strategies.seeded import seed_alone
from certify.stress_tests.case import Case
from certify.stress_tests.property import Measurement, Property
from certify.stress_tests.records import ClaimSummary, Failure
from certify.threads import one_thread
from certify.verdict import Verdict

SHRINKING = 250
"""Evaluations that making a failing case smaller may take, for all claims of a run together."""
CRASH = "the check ends"
LARGEST_TARGET = 60.0


class _AllowanceSpent(BaseException):
    """Ends a run whose failing cases have been shrunk for long enough; not an Exception, so hypothesis lets it pass."""


class CaseFailed(Exception):
    """Raised inside hypothesis on a failing case; a subclass per claim makes it shrink each claim's case apart."""


@dataclass
class _Tally:
    """Everything seen of one run, by claim."""

    drawn: dict[str, int] = field(default_factory=dict)
    undecided: dict[str, int] = field(default_factory=dict)
    cases: dict[str, int] = field(default_factory=dict)
    tightest: dict[str, tuple[float, Case]] = field(default_factory=dict)
    failures: dict[str, Failure] = field(default_factory=dict)
    errors: dict[str, type[CaseFailed]] = field(default_factory=dict)
    shrinking: int = 0

    def add(self, case: Case, found: tuple[Measurement, ...]) -> None:
        """Count the measurements of one case and keep it where it is the tightest, or the smallest that fails."""
        for item in found:
            self.drawn[item.claim] = self.drawn.get(item.claim, 0) + 1
            self.cases[item.claim] = self.cases.get(item.claim, 0) + item.cases
            if item.verdict is Verdict.INCONCLUSIVE:
                self.undecided[item.claim] = self.undecided.get(item.claim, 0) + 1
            # A claim that holds and is passed in floats only is attained: its slack is 1.
            slack = max(item.slack, 1.0) if item.verdict.holds else item.slack
            if slack < self.tightest.get(item.claim, (math.nan,))[0] or item.claim not in self.tightest:
                self.tightest[item.claim] = (slack, case)
            if item.verdict is Verdict.REFUTED or item.crash:
                failure = Failure(item.claim, case, item.claimed, item.measured, item.reason, item.crash)
                if item.claim not in self.failures or case.size < self.failures[item.claim].case.size:
                    self.failures[item.claim] = failure

    def summaries(self, name: str) -> tuple[ClaimSummary, ...]:
        """One summary per claim, in the order in which the claims were met."""
        found = []
        for claim, count in self.drawn.items():
            slack, case = self.tightest[claim]
            undecided, failure = self.undecided.get(claim, 0), self.failures.get(claim)
            found.append(ClaimSummary(name, claim, count, undecided, self.cases[claim], slack, case, failure))
        return tuple(found)


def run_property(theorem: Theorem, item: Property, kinds: Kinds, examples: int, seed: int) -> tuple[ClaimSummary, ...]:
    """Draw and judge `examples` cases of a property; empty where it has none for this theorem.

    A failing case is shrunk to few dimensions and short weights; of several the smallest is kept for each claim.
    """
    tally = _Tally()

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=examples,
        database=None,
        deadline=None,
        phases=(Phase.generate, Phase.target, Phase.shrink),
        suppress_health_check=list(HealthCheck),
        print_blob=False,
        verbosity=hypothesis.Verbosity.quiet,
    )
    @hypothesis.given(item.cases(theorem, kinds, seed))
    def judge(case: Case) -> None:
        _judge(theorem, item, case, tally)

    try:
        with seed_alone():
            judge()
    except _AllowanceSpent:
        pass
    except (Unsatisfiable, Flaky, CaseFailed, BaseExceptionGroup) as error:
        if isinstance(error, BaseExceptionGroup) and error.split((CaseFailed, Flaky))[1] is not None:
            raise
    return tally.summaries(item.name)


def evaluate(theorem: Theorem, item: Property, case: Case) -> tuple[Measurement, ...]:
    """The property's measurements of a case; what this program cannot do is undecided, a crash is a finding."""
    try:
        # Extreme scales overflow where the result is right nevertheless.
        with np.errstate(all="ignore"), one_thread():
            return item.evaluate(theorem, case)
    except CertifyError as error:
        return (Measurement(CRASH, Verdict.INCONCLUSIVE, reason=str(error)),)
    except Exception as error:
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
        return (Measurement(CRASH, Verdict.INCONCLUSIVE, reason=reason, crash=True),)


def _judge(theorem: Theorem, item: Property, case: Case, tally: _Tally) -> None:
    if tally.shrinking > SHRINKING:
        raise _AllowanceSpent
    found = evaluate(theorem, item, case)
    hypothesis.assume(found)
    failing = [entry for entry in found if entry.verdict is Verdict.REFUTED or entry.crash]
    tally.shrinking += bool(tally.failures)
    tally.add(case, found)
    for entry in found:
        if entry.slack > 0.0 and math.isfinite(entry.slack):
            hypothesis.target(-min(math.log(entry.slack), LARGEST_TARGET), label=entry.claim)
    if failing:
        claim = failing[0].claim
        error = tally.errors.setdefault(claim, type("CaseFailed", (CaseFailed,), {}))
        raise error(claim)
