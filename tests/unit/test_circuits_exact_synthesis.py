"""Least circuits: known sizes, agreement with listing every chain, refutations that an independent checker accepts."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certify.circuits.complexity import function_counts, function_sizes
from certify.circuits.drat import check_refutation
from certify.circuits.exact_synthesis import Chain, Gate, minimal_chain
from certify.circuits.permutation_classes import inverse, permutation_classes, truth_tables
from certify.errors import InputError

pysat = pytest.importorskip("pysat.solvers")


def table(inputs: int, function: Callable[[list[int]], int]) -> int:
    return sum(function([t >> i & 1 for i in range(inputs)]) << t for t in range(1 << inputs))


def sum_of_bits(inputs: int) -> list[int]:
    return [table(inputs, lambda bits, k=k: sum(bits) >> k & 1) for k in range(inputs.bit_length())]  # type: ignore[misc]


@pytest.mark.parametrize(("inputs", "gates"), [(2, 2), (3, 5)])
def test_sums_of_bits_take_the_known_number_of_gates_with_proofs_of_the_lower_end(inputs: int, gates: int) -> None:
    found = minimal_chain(inputs, sum_of_bits(inputs))
    assert found.chain is not None and len(found.chain.gates) == found.lower_bound == gates
    assert found.chain.truth_tables() == tuple(sum_of_bits(inputs))
    assert [item.gates for item in found.refutations] == list(range(inputs.bit_length(), gates))
    assert all(check_refutation(item.clauses, item.proof).accepted for item in found.refutations)


@pytest.mark.parametrize("inputs", [2, 3, 4, 5])
def test_parity_of_n_bits_takes_n_minus_one_gates(inputs: int) -> None:
    found = minimal_chain(inputs, [table(inputs, lambda bits: sum(bits) % 2)])
    assert found.chain is not None and len(found.chain.gates) == inputs - 1


def test_sat_and_listing_every_chain_agree_on_every_function_of_three_inputs() -> None:
    sizes = function_sizes(3, 5)
    for word in range(1, 1 << 7):
        found = minimal_chain(3, [word << 1])
        assert found.chain is not None
        assert len(found.chain.gates) == sizes[word]


def test_all_functions_of_four_inputs_by_size_up_to_six_gates() -> None:
    assert function_counts(4, 6) == (10, 60, 456, 2474, 10624, 24184, 25008)


def test_outputs_that_are_inputs_are_free_and_negations_too() -> None:
    found = minimal_chain(2, [0b1010, 0b0011, 0b0110])
    assert found.chain is not None and len(found.chain.gates) == 1
    assert found.chain.truth_tables() == (0b1010, 0b0011, 0b0110)


def test_a_limit_below_the_least_size_gives_no_chain_and_the_proved_lower_end() -> None:
    found = minimal_chain(3, sum_of_bits(3), largest=4)
    assert found.chain is None and found.lower_bound == 5


def test_a_chain_evaluates_its_gates() -> None:
    chain = Chain(2, (Gate(0, 1, 0b1000), Gate(0, 2, 0b0110)), (3, 2), (False, True))
    assert chain.truth_tables() == (0b0010, 0b0111)


@pytest.mark.parametrize(("inputs", "targets"), [(0, [1]), (9, [2]), (2, [0]), (2, [15]), (2, [16])])
def test_targets_that_are_no_functions_are_refused(inputs: int, targets: list[int]) -> None:
    with pytest.raises(InputError):
        minimal_chain(inputs, targets)


def test_permutations_of_three_bits_fall_into_52_classes_that_inversion_permutes() -> None:
    classes = permutation_classes(3)
    assert len(classes) == 52 and sum(item.members for item in classes) == 40320
    home = {item.representative: item for item in classes}
    assert all(home[item.inverse_representative].inverse_representative == item.representative for item in classes)
    assert classes[0].representative == tuple(range(8)) and classes[0].self_inverse


def test_members_of_a_class_have_the_same_size() -> None:
    images = (0, 1, 2, 4, 3, 6, 7, 5)
    swapped = tuple(images[t ^ 5] for t in range(8))
    one, other = (minimal_chain(3, truth_tables(member)).chain for member in (images, swapped))
    assert one is not None and other is not None and len(one.gates) == len(other.gates)


def test_inverse_and_truth_tables() -> None:
    assert inverse((2, 0, 1, 3)) == (1, 2, 0, 3)
    assert truth_tables((0, 1, 2, 3)) == (0b1010, 0b1100)
    with pytest.raises(InputError, match="permutation"):
        truth_tables((0, 0, 1, 2))


PIGEONS = [[1, 2], [3, 4], [5, 6], *[[-a, -b] for hole in ((1, 3, 5), (2, 4, 6)) for a in hole for b in hole if a < b]]


def solver_proof(clauses: list[list[int]]) -> list[str] | None:
    with pysat.Solver(name="cadical195", bootstrap_with=clauses, with_proof=True) as solver:
        return None if solver.solve() else list(solver.get_proof())


def test_a_refutation_is_accepted_and_its_mutilations_are_not() -> None:
    hard = minimal_chain(3, sum_of_bits(3)).refutations[-1]
    assert check_refutation(hard.clauses, hard.proof).accepted
    assert "does not follow" in check_refutation(hard.clauses, hard.proof[len(hard.proof) // 2 :]).reason
    assert check_refutation(hard.clauses, hard.proof[:10]).reason == "the proof ends without a conflict"
    assert not check_refutation([clause for clause in hard.clauses if len(clause) > 2], hard.proof).accepted


@pytest.mark.parametrize("line", ["", "1 2", "1 x 0", "1 0 2 0", "d", "0 0"])
def test_a_malformed_line_is_not_accepted(line: str) -> None:
    assert not check_refutation(PIGEONS, [line]).accepted


def test_a_clause_of_a_satisfiable_formula_that_does_not_follow_is_named() -> None:
    found = check_refutation([[1, 2], [-1, 2]], ["2 0", "-1 0", "0"])
    assert not found.accepted and found.reason.startswith("step 2")


@pytest.mark.parametrize("variable", [3, 10**6, 2**40, 2**63, 10**30])
@pytest.mark.parametrize("form", ["{} 0", "-{} 1 0", "d {} 0"])
def test_a_proof_with_a_variable_that_the_formula_has_not_is_not_accepted(variable: int, form: str) -> None:
    square = [[1, 2], [-1, 2], [1, -2], [-1, -2]]
    assert check_refutation(square, ["2 0", "0"]).accepted
    found = check_refutation(square, [form.format(variable), "2 0", "0"])
    assert not found.accepted and f"line 1 has the variable {variable} beyond the formula's" in found.reason


def test_variables_of_the_formula_have_a_limit() -> None:
    assert check_refutation([[1000], [-1000]], []).accepted
    assert "at most" in check_refutation([[2**63], [-(2**63)]], ["0"]).reason


literals = st.integers(1, 6).flatmap(lambda variable: st.sampled_from([variable, -variable]))
clause_lists = st.lists(st.lists(literals, min_size=1, max_size=3), min_size=1, max_size=40)


@settings(max_examples=200)
@given(clause_lists)
def test_what_a_solver_refutes_is_accepted(clauses: list[list[int]]) -> None:
    proof = solver_proof(clauses)
    if proof is not None:
        assert check_refutation(clauses, proof).accepted


@settings(max_examples=200)
@given(clause_lists, st.lists(st.lists(st.integers(-9, 9).filter(bool), max_size=3), max_size=40))
def test_no_sequence_of_clauses_refutes_a_satisfiable_formula(clauses: list[list[int]], steps: list[list[int]]) -> None:
    if solver_proof(clauses) is None:
        lines = [" ".join(map(str, [*step, 0])) for step in steps] + ["0"]
        assert not check_refutation(clauses, lines).accepted
