"""Better constants never make a theorem say less: on bare constants, up to the tolerance of the optimiser."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from hypothesis import strategies as st

from certify.arithmetic.balls import Real, upper
from certify.proof.conclusion import DEFAULT_DEVIATION
from certify.proof.optimiser import Certificate, closest, shortest
from certify.proof.theorem import Theorem
from certify.strategies.admissible import Kinds
from certify.strategies.domains import PLAIN_NUMBERS
from certify.strategies.settings import accuracies
from certify.stress_tests.case import Case
from certify.stress_tests.property import Measurement, Property
from certify.symbolic.domain import Domain
from certify.verdict import Verdict

NAME = "monotonicity"
READS = ("beta", "epsilon")
TOLERANCE = 1.25
"""The search is a grid: of two settings the better one may come out with up to this many times the layers."""
NEGLIGIBLE = 1e-3
"""Distances below this are equal for this property."""
BETTER = "better "
FACTORS = (Fraction(1, 2), Fraction(4, 5), Fraction(1, 10))
RELATIONS = {
    "smaller beta": "beta",
    "larger epsilon": "epsilon",
    "smaller M": "M",
    "smaller M2": "M2",
    "smaller M3": "M3",
    "larger m": "m",
}


def cases(theorem: Theorem, kinds: Kinds, seed: int) -> st.SearchStrategy[Case]:
    """Constants, a noise level and epsilon, with one of them made better."""
    known = {"beta", "epsilon", *theorem.required_constants}
    relations = [name for name, quantity in RELATIONS.items() if quantity in known]
    if theorem.points:
        # Its constants are its own: which of their values is the better one is not known here.
        return st.nothing()

    @st.composite
    def drawn(draw: st.DrawFn) -> Case:
        numbers = draw(bare_constants(theorem))
        relation, factor = draw(st.sampled_from(relations)), draw(st.sampled_from(FACTORS))
        name = RELATIONS[relation]
        better = numbers[name] * factor if relation.startswith("smaller") else numbers[name] / factor
        better = {
            "epsilon": min(better, Fraction(99, 100)),
            "M": max(better, numbers.get("m", better)),
            "m": min(better, numbers.get("M", better)),
        }.get(name, better)
        return Case(theorem.id, NAME, numbers={**numbers, BETTER + name: better}, detail=relation, seed=seed)

    return drawn()


@st.composite
def bare_constants(draw: st.DrawFn, theorem: Theorem) -> dict[str, Fraction]:
    """Constants that the theorem asks for, with a noise level below m and epsilon."""
    small = st.sampled_from(tuple(map(Fraction, ("1/4", "1/8", "1/2", "1", "1/16"))))
    m = draw(st.sampled_from((Fraction(1), Fraction(1, 2), Fraction(2))))
    d = Fraction(draw(st.sampled_from((1, 2, 3, 8))))
    condition = draw(st.sampled_from(tuple(map(Fraction, ("1", "5/4", "3/2", "2", "4")))))
    bend = draw(st.sampled_from(tuple(map(Fraction, ("0", "1/4", "1/16", "1")))))
    known = {"d": d, "n": d, "N": Fraction(100), "m": m, "M": m * condition, "M2": bend, "M3": draw(small)}
    names = dict.fromkeys((*theorem.required_constants, "n", "N"))
    domains = theorem.constant_domains
    constants = {name: known[name] if name in known else draw(_plain(domains[name], known)) for name in names}
    beta = m * Fraction(1, 2) ** draw(st.integers(1, 9))
    return {**constants, "beta": beta, "epsilon": draw(accuracies())}


def _plain(domain: Domain, known: Mapping[str, Fraction]) -> st.SearchStrategy[Fraction]:
    """Values of a constant that only this theorem has: the plain numbers of its domain."""
    return st.sampled_from([number for number in PLAIN_NUMBERS if domain.contains(number, known)])


def evaluate(theorem: Theorem, case: Case) -> tuple[Measurement, ...]:
    """The better setting admits what the worse one does; with better constants or epsilon, in no more layers."""
    before = {name: value for name, value in case.numbers.items() if not name.startswith(BETTER)}
    after = before | {name.removeprefix(BETTER): v for name, v in case.numbers.items() if name.startswith(BETTER)}
    worse, better = (shortest(theorem, _inputs(numbers)) for numbers in (before, after))
    if worse is None:
        return ()
    if better is None:
        return (_reachable(theorem, case, before, after),)
    if case.detail == "smaller beta" or not theorem.conclusion.layers:
        return (Measurement(f"{case.detail}: still admitted", Verdict.SUPPORTED, 1.0),)
    lengths = [_layers(theorem, certificate) for certificate in (worse, better)]
    slack = lengths[0] / lengths[1] if lengths[1] else 1.0
    refuted = lengths[1] > TOLERANCE * lengths[0] + 2
    return (
        Measurement(
            f"{case.detail}: no more layers",
            Verdict.REFUTED if refuted else Verdict.SUPPORTED,
            slack,
            lengths[0],
            lengths[1],
            reason=f"{lengths[1]:g} layers in place of {lengths[0]:g}" if refuted else "",
        ),
    )


def _reachable(
    theorem: Theorem, case: Case, before: Mapping[str, Fraction], after: Mapping[str, Fraction]
) -> Measurement:
    """No certificate below epsilon in the better setting: unless the distance there is as small, that is a failure."""
    worse, better = (closest(theorem, _inputs(numbers)) for numbers in (before, after))
    distances = [float("inf") if item is None else max(item.distance_upper, NEGLIGIBLE) for item in (worse, better)]
    refuted = distances[1] > TOLERANCE * distances[0]
    return Measurement(
        f"{case.detail}: still admitted",
        Verdict.REFUTED if refuted else Verdict.SUPPORTED,
        distances[0] / distances[1],
        distances[0],
        distances[1],
        reason="admitted before, and no longer" if refuted else "",
    )


def _inputs(numbers: Mapping[str, Fraction]) -> dict[str, Real]:
    return {**numbers, "t_x": DEFAULT_DEVIATION}


def _layers(theorem: Theorem, certificate: Certificate) -> float:
    return upper(certificate.values[theorem.conclusion.layers[-1].name])


PROPERTY = Property(NAME, "better constants never make the bound worse", 1.0, cases, evaluate, READS)
