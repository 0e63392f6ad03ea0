"""A theorem says nothing where one of its assumptions is violated: no verdict there may claim that it holds."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import strategies as st

from certify.checking.check import check_theorem
from certify.proof.theorem import Theorem
from certify.strategies.admissible import Kinds, violating_generators
from certify.strategies.probing import brackets
from certify.stress_tests.case import Case
from certify.stress_tests.instances import EFFORT
from certify.stress_tests.property import Measurement, Property
from certify.verdict import Verdict

NAME = "applicability"
READS = ("generator", "beta", "epsilon")


def cases(theorem: Theorem, kinds: Kinds, seed: int) -> st.SearchStrategy[Case]:
    """Generators that violate one assumption (and what fails whenever it does), a noise level and epsilon."""
    if not kinds.violating:
        return st.nothing()

    @st.composite
    def drawn(draw: st.DrawFn) -> Case:
        label = draw(st.sampled_from(sorted(kinds.violating)))
        generator = draw(violating_generators(theorem, label, kinds))
        numbers = {
            "beta": draw(st.sampled_from((Fraction(1, 8), Fraction(1, 100), Fraction(1)))),
            "epsilon": draw(st.sampled_from((Fraction(1, 10), Fraction(1, 2)))),
        }
        return Case(theorem.id, NAME, generator, numbers=numbers, detail=label, seed=seed, effort=EFFORT)

    return drawn()


def evaluate(theorem: Theorem, case: Case) -> tuple[Measurement, ...]:
    """One measurement for the violated assumption: refuted if the theorem is nevertheless said to hold."""
    assert case.generator is not None, "a case of this property has a generator"
    record = check_theorem(
        theorem,
        case.generator,
        brackets(case.generator),
        case.numbers["beta"],
        case.numbers["epsilon"],
        None,
        case.seed,
        case.effort,
    )
    wrong = record.verdict.holds
    reason = f"the verdict is `{record.verdict}`" + (f" ({record.reason})" if record.reason else "")
    return (Measurement(f"without {case.detail}", Verdict.REFUTED if wrong else Verdict.SUPPORTED, reason=reason),)


PROPERTY = Property(NAME, "no theorem holds where an assumption fails", 1.0, cases, evaluate, READS)
