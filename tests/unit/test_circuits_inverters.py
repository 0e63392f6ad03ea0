"""Inverters: all find the truth and count what it cost; a lie is caught; a budget cuts off; parities stay implied."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certify.circuits.circuit import Circuit
from certify.circuits.cnf import tseitin
from certify.circuits.guessing import consequences, guess_and_determine
from certify.circuits.inverter import Inverter, inverters
from certify.circuits.inverters.cryptominisat import STEP
from certify.circuits.linearisation import linear_consequences, linearised
from certify.circuits.parities import parity_consequences
from certify.circuits.permutation import FAMILIES, permutation

pysat = pytest.importorskip("pysat.solvers")
METHODS = (
    "baby-step-giant-step", "brute-force", "cryptominisat", "guess-and-determine", "linearisation", "pohlig-hellman",
    "sat", "sat-parity", "structure",
)  # fmt: skip


def test_every_method_is_discovered() -> None:
    assert tuple(inverters()) == METHODS


@pytest.mark.parametrize("family", sorted(FAMILIES))
@pytest.mark.parametrize("bits", [3, 5, 8])
def test_every_method_that_applies_inverts_every_image(family: str, bits: int) -> None:
    instance = permutation(family, bits, seed=1)
    images = range(1 << bits) if bits < 8 else [0, 1, 17, 200, 255]
    for method in inverters().values():
        # The 900 products of modexp at 8 bits take guesses for a minute, and its 200 at 5 bits all words half of one.
        slow = method.name in {"guess-and-determine", "linearisation"} and (family, bits) == ("modexp", 8)
        images = images[::8] if (method.name, family, bits) == ("linearisation", "modexp", 5) else images
        if method.applies(instance) and not slow:
            for image in images:
                found = method.invert(instance, image)
                assert found.preimage is not None and instance.forward(found.preimage) == image
                assert found.cost >= 1


def test_discrete_logarithms_are_for_exponentials_and_structure_is_for_controls() -> None:
    applied = {
        family: {name for name, method in inverters().items() if method.applies(permutation(family, 8))}
        for family in FAMILIES
    }
    logarithms = {"baby-step-giant-step", "pohlig-hellman"}
    installed = set(METHODS) if find_spec("pycryptosat") else set(METHODS) - {"cryptominisat"}
    assert applied["gf2exp"] == applied["modexp"] == installed - {"structure"}
    assert applied["linear"] == applied["feistel"] == installed - logarithms


def test_brute_force_counts_the_inputs_up_to_the_preimage_and_stops_at_its_limit() -> None:
    method, instance = inverters()["brute-force"], permutation("gf2exp", 16)
    assert method.invert(instance, instance.forward(40_000)).cost == 40_001
    cut = method.invert(instance, instance.forward(40_000), limit=20_000.0)
    assert cut.preimage is None and 20_000 <= cut.cost <= 40_000


def test_a_budget_of_conflicts_cuts_the_solver_off() -> None:
    method, instance = inverters()["sat"], permutation("gf2exp", 14)
    image = instance.forward(9_999)
    assert method.invert(instance, image, limit=3.0).preimage is None
    whole = method.invert(instance, image)
    assert whole.preimage == 9_999 and whole.cost == method.invert(instance, image).cost > 3


def test_an_inverter_that_lies_is_caught() -> None:
    liar = replace(inverters()["structure"], run=lambda instance, image, limit: (image, 1.0))
    with pytest.raises(AssertionError, match="no preimage"):
        Inverter.invert(liar, permutation("linear", 6, seed=3), 5)


def test_elimination_inverts_a_linear_map_without_the_solver() -> None:
    instance = permutation("linear", 24, seed=5)
    x = 0b1011_0010_1110_0001_0101_1010
    image = instance.forward(x)
    clauses = parity_consequences(instance.circuit, {h: bool(image >> h & 1) for h in range(24)})
    units = {clause[0] for clause in clauses if len(clause) == 1}
    assert units >= {v if x >> (v - 1) & 1 else -v for v in range(1, 25)}


@pytest.mark.parametrize("family", ["feistel", "linear"])
def test_controls_take_no_guess(family: str) -> None:
    instance, method = permutation(family, 32, seed=4), inverters()["guess-and-determine"]
    found = method.invert(instance, instance.forward(0xDEADBEEF))
    assert (found.preimage, found.cost) == (0xDEADBEEF, 1.0)


def test_guesses_are_cut_off_at_the_limit() -> None:
    method, instance = inverters()["guess-and-determine"], permutation("gf2exp", 10)
    whole = method.invert(instance, instance.forward(700))
    assert whole.preimage == 700 and whole.cost > 4
    cut = method.invert(instance, instance.forward(700), limit=1.0)
    assert cut.preimage is None and cut.cost == 1.0


@pytest.mark.parametrize("first", range(8))
def test_consequences_of_a_product_are_equivalent_to_it(first: int) -> None:
    # Forms in two variables: bit 0 the constant, bits 1 and 2 the variables.
    for forms in product((first,), range(8), range(8)):
        found = consequences(*forms)
        for x in (1, 3, 5, 7):
            p, a, b = ((form & x).bit_count() % 2 for form in forms)
            if found is not None:
                assert (p == a * b) == all((row & x).bit_count() % 2 == 0 for row in found), forms


@st.composite
def circuits(draw: st.DrawFn) -> Circuit:
    inputs, gates = draw(st.integers(1, 4)), draw(st.integers(0, 12))
    operations = draw(st.lists(st.integers(0, 3), min_size=gates, max_size=gates))
    first = [draw(st.integers(0, inputs + i - 1)) for i in range(gates)]
    second = [first[i] if operations[i] == 3 else draw(st.integers(0, inputs + i - 1)) for i in range(gates)]
    outputs = draw(st.lists(st.integers(0, inputs + gates - 1), min_size=1, max_size=3))
    return Circuit(
        inputs,
        np.array(operations, np.uint8),
        np.array(first, np.int64),
        np.array(second, np.int64),
        np.array(outputs, np.int64),
    )


@settings(max_examples=100)
@given(circuits(), st.integers(0, 7))
def test_guessing_finds_a_word_exactly_where_there_is_one(circuit: Circuit, wanted: int) -> None:
    bits = {h: bool(wanted >> h & 1) for h in range(len(circuit.outputs))}
    image = sum(bit << h for h, bit in bits.items())
    found, cost = guess_and_determine(circuit, bits, 1e6)
    assert cost >= 1 and (found is not None) == any(circuit(x) == image for x in range(1 << circuit.inputs))
    assert found is None or circuit(found) == image


@settings(max_examples=100)
@given(circuits(), st.integers(0, 7))
def test_linearisation_finds_a_word_exactly_where_there_is_one(circuit: Circuit, wanted: int) -> None:
    bits = {h: bool(wanted >> h & 1) for h in range(len(circuit.outputs))}
    image = sum(bit << h for h, bit in bits.items())
    found, cost = guess_and_determine(circuit, bits, 1e6, linearised)
    assert cost >= 1 and (found is not None) == any(circuit(x) == image for x in range(1 << circuit.inputs))
    assert found is None or circuit(found) == image


@settings(max_examples=100)
@given(st.lists(st.tuples(*[st.integers(0, 31)] * 3), min_size=1, max_size=6), st.lists(st.integers(0, 31), max_size=3))
def test_linear_consequences_are_all_there_are(products: list[tuple[int, int, int]], equations: list[int]) -> None:
    # Five bits: the constant and four variables. A sum of the polynomials is linear where its values say so.
    points = [1 | x << 1 for x in range(16)]
    rows = [tuple(_at(p, x) ^ _at(a, x) & _at(b, x) for x in points) for p, a, b in products]
    rows += [tuple(_at(form, x) for x in points) for form in equations]
    sums = {
        tuple(sum(rows[i][x] for i in range(len(rows)) if chosen >> i & 1) & 1 for x in range(16))
        for chosen in range(1 << len(rows))
    }
    values = {form: tuple(_at(form, x) for x in points) for form in range(32)}
    implied = {form for form, column in values.items() if column in sums}
    span = {0}
    for form in linear_consequences(products, equations)[0]:
        span |= {form ^ other for other in span}
    assert span == implied


def _at(form: int, x: int) -> int:
    return (form & x).bit_count() & 1


def test_a_matrix_beyond_the_memory_cuts_the_run_off(monkeypatch: pytest.MonkeyPatch) -> None:
    method, instance = inverters()["linearisation"], permutation("gf2exp", 10)
    image = instance.forward(777)
    assert method.invert(instance, image).preimage == 777
    monkeypatch.setattr("certify.circuits.linearisation.MEMORY", 1000)
    assert method.invert(instance, image).preimage is None


def test_controls_take_linear_algebra_no_guess(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("certify.circuits.guessing._guess", lambda system: pytest.fail("a guess was made"))
    for family in ("linear", "feistel"):
        instance = permutation(family, 24, seed=3)
        found = inverters()["linearisation"].invert(instance, instance.forward(123_456))
        assert found.preimage == 123_456 and found.cost < 24**2


@settings(max_examples=100)
@given(circuits(), st.integers(0, 7))
def test_consequences_leave_the_solutions_as_they_are(circuit: Circuit, wanted: int) -> None:
    bits = {h: bool(wanted >> h & 1) for h in range(len(circuit.outputs))}
    formula = tseitin(circuit)
    units = [[v if bits[h] else -v] for h, v in enumerate(formula.outputs)]
    added = [list(clause) for clause in parity_consequences(circuit, bits)]
    true = {x for x in range(1 << circuit.inputs) if circuit(x) == sum(bit << h for h, bit in bits.items())}
    found = set()
    if [] not in added:
        with pysat.Solver(bootstrap_with=[*map(list, formula.clauses), *units, *added]) as solver:
            for x in range(1 << circuit.inputs):
                if solver.solve([v if x >> i & 1 else -v for i, v in enumerate(formula.inputs)]):
                    found.add(x)
    assert found == true


def test_cryptominisat_goes_on_from_what_it_learnt_and_stops_at_its_limit() -> None:
    pytest.importorskip("pycryptosat")
    method, instance = inverters()["cryptominisat"], permutation("gf2exp", 13)
    image = instance.forward(5_000)
    whole = method.invert(instance, image)
    assert whole.preimage == 5_000 and whole.cost == method.invert(instance, image).cost > 2 * STEP
    cut = method.invert(instance, image, limit=1.5 * STEP * instance.circuit.counts()["AND"])
    assert (cut.preimage, cut.cost) == (None, 2.0 * STEP)
