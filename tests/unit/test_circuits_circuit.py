"""Circuits, their normal form and the permutations: against integer arithmetic, exhaustively and on random words."""

from __future__ import annotations

import numpy as np
import pytest

from certify.circuits.bijection import decide_bijection, is_folded_to_false
from certify.circuits.builder import FALSE, TRUE, CircuitBuilder, inlined
from certify.circuits.circuit import Circuit
from certify.circuits.cnf import collision_circuit, difference_circuit, tseitin
from certify.circuits.fields import Field, binary_field, prime_field
from certify.circuits.permutation import FAMILIES, Permutation, permutation
from certify.errors import InputError, UnknownNameError
from certify.verdict import Verdict

RANDOM = np.random.default_rng(5)


def array(*entries: int, dtype: type = np.int64) -> np.ndarray:
    return np.array(entries, dtype=dtype)


@pytest.mark.parametrize("family", sorted(FAMILIES))
@pytest.mark.parametrize("bits", [2, 3, 5, 8, 11])
def test_every_word_agrees_with_integer_arithmetic(family: str, bits: int) -> None:
    found = permutation(family, bits, seed=bits)
    values = found.circuit.evaluate_integers(np.arange(1 << bits))
    assert values.tolist() == [found.forward(x) for x in range(1 << bits)]
    assert sorted(values.tolist()) == list(range(1 << bits))
    if found.inverse is not None:
        assert np.array_equal(found.inverse.evaluate_integers(values), np.arange(1 << bits))


@pytest.mark.parametrize(("family", "bits"), [("gf2exp", 64), ("linear", 64), ("feistel", 63), ("modexp", 20)])
def test_random_words_agree_with_integer_arithmetic(family: str, bits: int) -> None:
    found = permutation(family, bits)
    words = (
        RANDOM.integers(0, 1 << bits, size=60, dtype=np.uint64, endpoint=False)
        if bits < 64
        else RANDOM.integers(0, 2**64 - 1, size=60, dtype=np.uint64)
    )
    assert found.circuit.evaluate_integers(words).tolist() == [found.forward(int(word)) for word in words]


def test_the_smallest_field_and_the_exceptional_word() -> None:
    assert permutation("gf2exp", 1).circuit.evaluate_integers([0, 1]).tolist() == [1, 0]
    assert permutation("gf2exp", 8).circuit(255) == 0
    assert permutation("modexp", 8).circuit(0) == 0 and permutation("modexp", 8).circuit(255) == 255


@pytest.mark.parametrize("bits", [2, 13, 31, 61, 64])
def test_orders_are_proved_and_wrong_ones_are_not(bits: int) -> None:
    field = binary_field(bits)
    assert field.proves_its_order() and field.order == 2**bits - 1
    assert prime_field(bits).proves_its_order()
    # Wrong factors, a reducible modulus (the square of X + 1 and more), a residue that is no generator.
    assert not Field("gf2", field.modulus, 2, (*field.factors, 3)).proves_its_order()
    assert not Field("gf2", (1 << bits) | 1 | (2 if bits % 2 else 0), 1, field.factors).proves_its_order()
    prime = prime_field(bits)
    assert not Field("prime", prime.modulus, 1, prime.factors).proves_its_order() or bits == 1
    assert not Field("gf2", field.modulus, 2, (field.order,)).proves_its_order() or len(field.factors) == 1


def test_bad_requests_are_one_line() -> None:
    for family, bits in (("gf2exp", 0), ("linear", 65), ("modexp", 1)):
        with pytest.raises(InputError, match="`bits` must be in"):
            permutation(family, bits)
    with pytest.raises(UnknownNameError, match="did you mean `gf2exp`"):
        permutation("gf2xp", 8)
    with pytest.raises(InputError, match="rounds"):
        permutation("feistel", 8, rounds=0)
    with pytest.raises(InputError, match="does not stand before it"):
        Circuit(1, array(0, dtype=np.uint8), array(1), array(0), array(1))
    with pytest.raises(InputError, match="AND, OR, XOR or NOT"):
        Circuit(1, array(7, dtype=np.uint8), array(0), array(0), array(1))
    with pytest.raises(InputError, match="below 2\\^2"):
        permutation("linear", 2).circuit.evaluate_integers([4])


def test_a_circuit_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="read-only"):
        permutation("linear", 3).circuit.outputs[0] = 0


def test_the_normal_form_has_exactly_the_circuits_models() -> None:
    from pysat.solvers import Solver

    circuit = permutation("gf2exp", 4).circuit
    formula = tseitin(circuit)
    with Solver(name="cadical195", bootstrap_with=[list(clause) for clause in formula.clauses]) as solver:
        for word in range(16):
            fixed = [v if word >> i & 1 else -v for i, v in enumerate(formula.inputs)]
            assert solver.solve(assumptions=fixed)
            model = set(solver.get_model())
            assert sum(1 << i for i, v in enumerate(formula.outputs) if v in model) == circuit(word)
            wrong = -formula.outputs[0] if circuit(word) & 1 else formula.outputs[0]
            assert not solver.solve(assumptions=[*fixed, wrong])


def test_constants_fold_and_spellings_of_xor_are_one_gate() -> None:
    builder = CircuitBuilder(2)
    parity = builder.add(0, 1)
    negated = [builder.negate(0), builder.negate(1)]
    by_minima = builder.disjoin(builder.conjoin(0, negated[1]), builder.conjoin(negated[0], 1))
    nand = builder.negate(builder.conjoin(0, 1)), builder.negate(builder.conjoin(*negated))
    assert parity == by_minima == builder.conjoin(*nand) == builder.negate(builder.add(0, negated[1]))
    assert builder.add(parity, 1) == 0 and builder.conjoin(0, negated[0]) == FALSE
    assert builder.disjoin(parity, builder.negate(parity)) == TRUE
    assert builder.finish([FALSE, TRUE]).evaluate_integers([0, 3]).tolist() == [2, 2]


def not_injective(bits: int, linear: bool) -> Circuit:
    builder = CircuitBuilder(bits)
    first = builder.add(1, 2) if linear else builder.conjoin(0, 1)
    return builder.finish([first, *range(1, bits)])


@pytest.mark.parametrize("bits", [5, 30])
@pytest.mark.parametrize("linear", [False, True])
def test_a_circuit_that_is_no_permutation_is_refuted_with_a_collision(bits: int, linear: bool) -> None:
    circuit = not_injective(bits, linear)
    found = decide_bijection(circuit)
    assert found.verdict is Verdict.REFUTED and found.collision is not None
    x, y = found.collision
    assert x != y and circuit(x) == circuit(y)


@pytest.mark.parametrize(
    ("family", "bits", "method"),
    [("gf2exp", 16, "all 65536"), ("gf2exp", 30, "each step"), ("linear", 40, "invertible matrix"),
     ("feistel", 40, "undoes it"), ("modexp", 12, "all 4096")],
)  # fmt: skip
def test_permutations_are_proved(family: str, bits: int, method: str) -> None:
    known = permutation(family, bits)
    found = decide_bijection(known.circuit, known=known)
    assert found.verdict is Verdict.PROVED and method in found.method


def test_hints_are_not_trusted_and_sat_proves_without_them() -> None:
    circuit = not_injective(26, linear=False)
    hint = permutation("feistel", 26)
    lie = Permutation("feistel", 26, circuit, hint.forward, inverse=hint.inverse)
    assert decide_bijection(circuit, known=lie).verdict is Verdict.REFUTED
    exponential = permutation("gf2exp", 26)
    lie = Permutation("gf2exp", 26, circuit, exponential.forward, field=exponential.field)
    assert decide_bijection(circuit, known=lie).verdict is Verdict.REFUTED
    found = decide_bijection(permutation("feistel", 26, rounds=4).circuit)
    assert found.verdict is Verdict.PROVED and "checked" in found.method
    spent = decide_bijection(exponential.circuit, conflicts=10)
    assert spent.verdict is Verdict.INCONCLUSIVE and "10 conflicts" in spent.method
    with pytest.raises(InputError, match="as many outputs as inputs"):
        decide_bijection(CircuitBuilder(2).finish([0]))


def test_differences_and_collisions_are_circuits() -> None:
    one, other = permutation("linear", 6, seed=1).circuit, permutation("linear", 6, seed=2).circuit
    difference = difference_circuit(one, other)
    assert all(difference(x) == (one(x) != other(x)) for x in range(64))
    assert is_folded_to_false(difference_circuit(one, one)) and not is_folded_to_false(difference)
    pair = collision_circuit(not_injective(3, linear=False))
    assert pair(0b001_000) == 1 and pair(0b000_000) == 0 and pair(0b010_000) == 0
    with pytest.raises(InputError, match="cannot be equal"):
        difference_circuit(one, permutation("linear", 5).circuit)
    with pytest.raises(InputError, match="signals"):
        inlined(CircuitBuilder(2), one, [0, 1])
