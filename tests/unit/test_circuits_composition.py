"""A circuit and what is said to undo it: proved by the composition, refuted at a word, left open, and from files."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import certify
from certify.circuits.bijection import decide_bijection
from certify.circuits.builder import FALSE, CircuitBuilder, inlined
from certify.circuits.circuit import Circuit
from certify.circuits.composition import decide_composition
from certify.circuits.controls import Feistel, LinearMap
from certify.circuits.formats.files import save_circuit
from certify.circuits.substitution_boxes import substitution_box
from certify.cli import main as cli
from certify.errors import InputError
from certify.verdict import Evidence, Verdict

pytest.importorskip("pysat.solvers")


def from_table(table: list[int]) -> Circuit:
    """A circuit of a permutation by its words, one after the other: nothing like the circuit it came from."""
    bits = len(table).bit_length() - 1
    builder = CircuitBuilder(bits)
    words = [builder.every([i if x >> i & 1 else builder.negate(i) for i in range(bits)]) for x in range(1 << bits)]
    return builder.finish(
        [builder.some([words[x] for x in range(1 << bits) if table[x] >> h & 1]) for h in range(bits)]
    )


def inverse_of(circuit: Circuit) -> Circuit:
    table = [0] * (1 << circuit.inputs)
    for x in range(len(table)):
        table[circuit(x)] = x
    return from_table(table)


def side_by_side(circuit: Circuit, count: int, rotate: int) -> Circuit:
    """Copies of a circuit, then (`rotate` > 0) or before (< 0) a rotation of all bits."""
    bits = circuit.inputs * count
    builder = CircuitBuilder(bits)
    before = [(i - min(rotate, 0)) % bits for i in range(bits)]
    blocks = [before[place : place + circuit.inputs] for place in range(0, bits, circuit.inputs)]
    signals = [signal for block in blocks for signal in inlined(builder, circuit, block)]
    return builder.finish([signals[(i - max(rotate, 0)) % bits] for i in range(bits)])


@pytest.mark.parametrize("name", ["present", "gift", "aes", "chi5"])
def test_a_layer_of_boxes_of_128_bits_is_proved_by_its_inverse(name: str) -> None:
    box = substitution_box(name).circuit
    count = 128 // box.inputs
    layer, back = side_by_side(box, count, 3), side_by_side(inverse_of(box), count, -3)
    found = decide_composition(layer, back)
    assert (found.verdict, found.evidence) == (
        Verdict.PROVED,
        Evidence.RIGOROUS,
    ) and "1 different blocks" in found.method
    decided = decide_bijection(layer, inverse=back)
    assert decided.verdict is Verdict.PROVED and decided.method == found.method


def test_an_inverse_with_one_word_wrong_is_refuted_there_and_the_map_is_decided_without_it() -> None:
    box = substitution_box("present").circuit
    table = [0] * 16
    for x in range(16):
        table[box(x)] = x
    table[box(6)], table[box(9)] = 9, 6
    layer, wrong = side_by_side(box, 16, 5), side_by_side(from_table(table), 16, -5)
    found = decide_composition(layer, wrong)
    assert found.verdict is Verdict.REFUTED and found.word is not None and wrong(layer(found.word)) != found.word
    decided = decide_bijection(layer, inverse=wrong)
    assert decided.verdict is Verdict.PROVED and "the given circuit is no inverse: the word" in decided.method
    # An output that is negated everywhere leaves a constant difference.
    builder = CircuitBuilder(4)
    negated = builder.finish([builder.negate(0), 1, 2, 3])
    assert decide_composition(negated, CircuitBuilder(4).finish([0, 1, 2, 3])).word == 0


def test_gates_that_fold_need_no_solver_and_what_takes_too_long_is_left_open() -> None:
    network = Feistel.random(64, 6, seed=2)
    folded = decide_composition(network.circuit(), network.circuit(inverse=True))
    assert (folded.verdict, folded.evidence) == (Verdict.PROVED, Evidence.SYMBOLIC)
    aes = substitution_box("aes").circuit
    layer, back = side_by_side(aes, 8, 0), side_by_side(inverse_of(aes), 8, 0)
    found = decide_composition(layer, back, conflicts=1)
    assert found.verdict is Verdict.INCONCLUSIVE and "within 1 conflicts" in found.method


@settings(max_examples=30)
@given(st.permutations(range(16)), st.permutations(range(16)))
def test_it_agrees_with_all_words(one: list[int], other: list[int]) -> None:
    circuit, back = from_table(one), from_table(other)
    undone = all(back(circuit(x)) == x for x in range(16))
    assert (decide_composition(circuit, back).verdict is Verdict.PROVED) == undone
    assert decide_composition(circuit, inverse_of(circuit)).verdict is Verdict.PROVED


def test_a_linear_map_and_a_constant() -> None:
    matrix = LinearMap.random(40, 1)
    inverse = matrix.inverse()
    assert inverse is not None
    assert decide_composition(matrix.circuit(), inverse.circuit()).verdict is Verdict.PROVED
    wrong = LinearMap((inverse.rows[0] ^ 1 << 7, *inverse.rows[1:]))
    assert decide_composition(matrix.circuit(), wrong.circuit()).verdict is Verdict.REFUTED
    builder = CircuitBuilder(3)
    assert decide_composition(builder.finish([FALSE, 1, 2]), builder.finish([0, 1, 2])).verdict is Verdict.REFUTED
    with pytest.raises(InputError, match="one number of inputs and outputs"):
        decide_composition(builder.finish([0, 1]), builder.finish([0, 1, 2]))


def test_the_command_takes_an_inverse_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    box = substitution_box("present").circuit
    layer, back = side_by_side(box, 16, 7), side_by_side(inverse_of(box), 16, -7)
    for name, circuit in (("layer.blif", layer), ("back.aag", back), ("small.blif", box)):
        save_circuit(circuit, tmp_path / name)
    generator = certify.load_generator(tmp_path / "layer.blif", inverse=tmp_path / "back.aag")
    record = certify.check("one-way", generator, beta="0.2").to_dict()["theorems"][0]
    b2 = next(item for item in record["assumptions"] if item["id"] == "B2")
    assert b2["verdict"] == "proved" and "undoes it" in b2["reason"]
    arguments = ["check", "one-way", "--generator", str(tmp_path / "layer.blif"), "--beta", "0.2"]
    assert cli.main([*arguments, "--inverse", str(tmp_path / "small.blif")]) == 2
    assert "must take 64 bits to 64; it takes 4 to 4" in capsys.readouterr().err
    (tmp_path / "garbage.aag").write_text("garbage\n")
    (tmp_path / "network.onnx").write_bytes(b"\x08\x07")
    for name, says in (("none.blif", "cannot be read"), ("garbage.aag", "first line"), ("network.onnx", "must end in")):
        assert cli.main([*arguments, "--inverse", str(tmp_path / name)]) == 2
        line = capsys.readouterr().err
        assert line.count("\n") == 1 and name in line and says in line
    assert cli.main(["check", "one-way", "--inverse", str(tmp_path / "back.aag")]) == 2
    assert "is about a generator" in capsys.readouterr().err


def test_text_in_a_file_that_is_no_circuit_is_no_hint() -> None:
    generator = certify.load_generator("permutation:family=gf2exp,bits=4")
    generator.metadata["inverse"] = "not a circuit"
    record = certify.check("one-way", generator, beta="0.2").to_dict()["theorems"][0]
    assert all(item["verdict"] == "proved" for item in record["assumptions"])
