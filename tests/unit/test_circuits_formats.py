"""BLIF and AIGER: circuits survive both ways, and broken files are refused in one line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from certify.circuits.builder import FALSE, TRUE, CircuitBuilder
from certify.circuits.formats.aiger import read_aiger, write_aiger
from certify.circuits.formats.blif import read_blif, write_blif
from certify.circuits.formats.files import load_circuit, save_circuit
from certify.circuits.permutation import FAMILIES, permutation
from certify.errors import InputError
from certify.generators.specification import load_generator


@pytest.mark.parametrize("ending", ["blif", "aag", "aig"])
@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_circuits_survive_a_file(family: str, ending: str, tmp_path: Path) -> None:
    circuit, path = permutation(family, 6).circuit, tmp_path / f"p.{ending}"
    save_circuit(circuit, path)
    words = np.arange(64)
    assert np.array_equal(load_circuit(path).evaluate_integers(words), circuit.evaluate_integers(words))
    generator = load_generator(str(path))
    assert (generator.name, generator.latent_dim, generator.metadata["family"]) == ("p", 6, "circuit")


def test_constant_outputs_survive() -> None:
    builder = CircuitBuilder(2)
    circuit = builder.finish([FALSE, TRUE, builder.conjoin(0, 1)])
    by_aiger = [read_aiger(write_aiger(circuit, binary)) for binary in (False, True)]
    for again in (read_blif(write_blif(circuit)), *by_aiger):
        assert again.evaluate_integers(range(4)).tolist() == [2, 2, 2, 6]


def test_a_hand_written_model_with_any_order_dashes_and_zero_covers() -> None:
    text = """# a comment
.model adder
.inputs a b \\
 c
.outputs sum carry one
.names t c sum
10 1
01 1
.names a b c carry
11- 1
1-1 1
-11 1
.names a b t  # the off-set
00 0
11 0
.names one
1
.end
"""
    circuit = read_blif(text)
    assert all(circuit(x) == x.bit_count() | 4 for x in range(8))


def test_the_format_descriptions_own_half_adder() -> None:
    ascii_form = b"aag 7 2 0 2 3\n2\n4\n6\n12\n6 13 15\n12 2 4\n14 3 5\ni0 x\nc\nhalf adder\n"
    circuit = read_aiger(ascii_form)
    assert [circuit(x) for x in range(4)] == [0, 1, 1, 2]
    # Gates 6 = 4 & 2, 8 = 5 & 3, 10 = 9 & 7 as differences of their literals.
    binary = b"aig 5 2 0 2 3\n10\n6\n" + bytes([2, 2, 3, 2, 1, 2])
    assert [read_aiger(binary)(x) for x in range(4)] == [0, 1, 1, 2]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no .inputs"),
        (".inputs a\n", "no .outputs"),
        (".inputs a\n.outputs y\n", "`y` is used and not defined"),
        (".inputs a\n.outputs y\n.names a y\n2 1\n", "line 4: expected 1 of 0, 1, -"),
        (".inputs a\n.outputs y\n.names a y\n1 1\n0 0\n", "line 5: a cover lists"),
        (".inputs a\n.outputs y\n.latch a y\n", "line 3: `.latch` is not supported"),
        (".inputs a\n.outputs y\n.names y y\n1 1\n", "`y` depends on itself"),
        (".inputs a\n.outputs y\n.names z y\n1 1\n.names y z\n1 1\n", "depends on itself"),
        (".inputs a\n.outputs y\n.names a y\n1 1\n.names a y\n1 1\n", "line 5: .names must define a signal, once"),
        (".inputs a a\n.outputs a\n", "an input is named twice"),
        (".inputs a\n.outputs a\n.names a\n1\n", "the input `a` is defined as a gate"),
        ("1 1\n", "line 1: `1` stands outside"),
    ],
)
def test_broken_blif_is_refused(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message.replace(".", r"\.")) as caught:
        read_blif(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "on the first line"),
        (b"aag 1 1 0 1\n", "on the first line"),
        (b"aag 99999999999999999999 1 0 1 0\n", "on the first line"),
        (b"aag 2 1 1 1 0\n2\n", "1 latches"),
        (b"aag 1 2 0 1 0\n2\n4\n2\n", "make no circuit"),
        (b"aag 1 1 0 1 0\n2\n", "line 3: expected 1 literal"),
        (b"aag 1 1 0 1 0\n2\n9\n", "literal 9 is beyond"),
        (b"aag 2 1 0 1 1\n2\n4\n5 2 2\n", "odd, zero, or defined twice"),
        (b"aag 2 1 0 1 1\n2\n4\n4 5 2\n", "gate 4 depends on itself"),
        (b"aag 2 1 0 1 0\n2\n4\n", "literal 4 is used and not defined"),
        (b"aig 2 1 0 1 1\n4\n", "ends before the last gate"),
        (b"aig 2 1 0 1 1\n4\n\x00\x00", "does not stand before it"),
    ],
)
def test_broken_aiger_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_aiger(content)


def test_files_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "x.blif").write_bytes(b"\xff\xfe\x00")
    for name, message in (("x.blif", "no text"), ("absent.aig", "cannot be read"), ("x.v", "must end in")):
        with pytest.raises(InputError, match=message):
            load_circuit(tmp_path / name)
    with pytest.raises(InputError, match="must end in"):
        save_circuit(permutation("linear", 3).circuit, tmp_path / "x.txt")
