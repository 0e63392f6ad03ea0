"""S-boxes against published values, networks against arithmetic, and bijections by blocks and by layers, or refuted."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from certify.checking.check import check
from certify.circuits.bijection import decide_bijection
from certify.circuits.blocks import independent_blocks
from certify.circuits.builder import FALSE, CircuitBuilder
from certify.circuits.circuit import Circuit
from certify.circuits.substitution_boxes import BOXES, aes_value, chi_circuit, substitution_box, table_circuit
from certify.circuits.substitution_network import composed, substitution_network
from certify.errors import InputError, UnknownNameError
from certify.generators.specification import load_generator
from certify.verdict import Verdict


@pytest.mark.parametrize("name", sorted(BOXES))
def test_boxes_agree_with_arithmetic_and_are_permutations(name: str) -> None:
    box = substitution_box(name)
    values = box.circuit.evaluate_integers(np.arange(1 << box.bits)).tolist()
    assert values == [box.value(x) for x in range(1 << box.bits)]
    assert decide_bijection(box.circuit).verdict is Verdict.PROVED


def test_aes_has_the_published_values_and_chi_is_no_permutation_of_an_even_number_of_bits() -> None:
    assert [aes_value(x) for x in (0x00, 0x01, 0x53, 0xFF)] == [0x63, 0x7C, 0xED, 0x16]
    found = decide_bijection(chi_circuit(4))
    assert found.verdict is Verdict.REFUTED and found.collision is not None
    with pytest.raises(UnknownNameError, match="present"):
        substitution_box("presnt")


@pytest.mark.parametrize(("box", "bits", "rounds"), [("present", 128, 3), ("aes", 72, 2), ("chi5", 65, 1)])
def test_networks_agree_with_arithmetic_and_are_proved_layer_by_layer(box: str, bits: int, rounds: int) -> None:
    known, random = substitution_network(box, bits, rounds, 7), np.random.default_rng(1)
    for _ in range(3):
        x = int.from_bytes(random.bytes(bits // 8 + 1), "big") % (1 << bits)
        assert known.circuit(x) == known.forward(x)
    found = decide_bijection(known.circuit, known=known)
    assert found.verdict is Verdict.PROVED and f"{3 * rounds} layers" in found.method


def test_one_round_is_proved_without_a_hint_and_two_are_left_open() -> None:
    found = decide_bijection(substitution_network("present", 64, 1, 0).circuit)
    assert found.verdict is Verdict.PROVED and "16 blocks of at most 4 bits" in found.method
    spent = decide_bijection(substitution_network("gift", 64, 3, 0).circuit, conflicts=10)
    assert spent.verdict is Verdict.INCONCLUSIVE and "conflicts" in spent.method


def test_a_network_with_a_box_that_is_no_permutation_is_refuted_at_two_words() -> None:
    known = substitution_network("present", 32, 2, 0)
    lossy = table_circuit((0, 0, *range(2, 16)))
    builder = CircuitBuilder(32)
    layer = side_by_side(builder, [substitution_box("gift").circuit] * 7 + [lossy])
    for circuit in (layer, composed((known.layers[0], layer, known.layers[2]))):
        found = decide_bijection(circuit)
        assert found.verdict is Verdict.REFUTED and found.collision is not None
        x, y = found.collision
        assert x != y and circuit(x) == circuit(y)


def test_layers_are_a_hint_that_is_not_trusted() -> None:
    known, other = substitution_network("present", 32, 2, 0), substitution_network("present", 32, 2, 1)
    for layers in (other.layers, known.layers[:-1], (CircuitBuilder(32).finish([0] * 32),)):
        found = decide_bijection(known.circuit, conflicts=1, known=replace(known, layers=layers))
        assert "layers" not in found.method


def test_blocks_cover_every_input_and_output_once() -> None:
    builder = CircuitBuilder(6)
    circuit = builder.finish([builder.add(3, 5), FALSE, builder.conjoin(0, 3), 1, 5, 4])
    blocks = independent_blocks(circuit)
    assert [(block.inputs, block.outputs) for block in blocks] == [
        ((), (1,)), ((0, 3, 5), (0, 2, 4)), ((1,), (3,)), ((2,), ()), ((4,), (5,))
    ]  # fmt: skip
    block = blocks[1]
    assert block.circuit is not None and [block.circuit(x) for x in (0, 0b011, 0b110)] == [0, 0b011, 0b100]
    assert block.embedded(0b101) == 0b100001


@pytest.mark.parametrize(("bits", "rounds"), [(63, 1), (2048, 1), (64, 0), (64, 65)])
def test_networks_that_do_not_fit_are_refused(bits: int, rounds: int) -> None:
    with pytest.raises(InputError):
        substitution_network("present", bits, rounds, 0)


@pytest.mark.parametrize("spec", ["sbox:name=aes,form=relu", "spn:sbox=gift,bits=64,rounds=2"])
def test_real_circuits_are_decoders_of_theorem_2(spec: str) -> None:
    (record,) = check(["one-way"], [load_generator(spec)], beta=Fraction(1, 5)).theorems
    assert record.verdict is Verdict.CONDITIONAL
    assert {item.label: item.verdict for item in record.assumptions} == {"B1": Verdict.PROVED, "B2": Verdict.PROVED}


def side_by_side(builder: CircuitBuilder, circuits: list[Circuit]) -> Circuit:
    from certify.circuits.builder import inlined

    signals, place = [], 0
    for circuit in circuits:
        signals += inlined(builder, circuit, range(place, place + circuit.inputs))
        place += circuit.inputs
    return builder.finish(signals)
