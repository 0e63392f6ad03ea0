"""Random circuit files are read as the functions they were made from; damaged ones are read or refused."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.circuit_files import CircuitFile
from benchmarks.circuit_formats import words_of
from benchmarks.circuit_kinds import KINDS
from certify.circuits.circuit import Circuit
from certify.circuits.formats.aiger import read_aiger, write_aiger
from certify.circuits.formats.blif import read_blif, write_blif
from certify.errors import InputError

seeds = st.integers(0, 2**32)
kinds = st.sampled_from(sorted(KINDS))


def read(ending: str, content: bytes) -> Circuit:
    return read_blif(content.decode("latin-1")) if ending == ".blif" else read_aiger(content)


def drawn(kind: str, seed: int) -> CircuitFile:
    return KINDS[kind](random.Random(seed))


def bits(circuit: Circuit, words: list[int], count: int) -> list[int]:
    """Values of the outputs at the first `count` words, one at a time."""
    values = [circuit(sum((word >> w & 1) << i for i, word in enumerate(words))) for w in range(count)]
    return [sum((value >> output & 1) << w for w, value in enumerate(values)) for output in range(len(circuit.outputs))]


@given(kinds, seeds)
def test_a_valid_file_is_its_function_and_an_invalid_one_is_refused(kind: str, seed: int) -> None:
    case = drawn(kind, seed)
    if case.function is None:
        with pytest.raises(InputError):
            read(case.ending, case.content)
    elif case.inputs <= 64:
        circuit = read(case.ending, case.content)
        words, mask = words_of(case.inputs, random.Random(seed))
        count = min(32, mask.bit_length())
        assert bits(circuit, words, count) == [value & (1 << count) - 1 for value in case.function(words, mask)]


@given(kinds, seeds, st.data())
def test_a_damaged_file_is_read_or_refused_in_one_line(kind: str, seed: int, data: st.DataObject) -> None:
    case = drawn(kind, seed)
    content = bytearray(case.content)
    changes: list[Callable[[int], None]] = [
        content.__delitem__,
        lambda at: content.insert(at, 10),
        lambda at: content.__setitem__(at, content[at] ^ 1),
        lambda at: content.__delitem__(slice(at, None)),
    ]
    change = data.draw(st.sampled_from(changes))
    change(data.draw(st.integers(0, len(content) - 1)))
    try:
        circuit = read(case.ending, bytes(content))
    except InputError as error:
        assert "\n" not in str(error)
        return
    # What is read is a circuit: it survives a file of its own.
    for again in (read_blif(write_blif(circuit)), read_aiger(write_aiger(circuit, binary=True))):
        assert (again.inputs, len(again.outputs)) == (circuit.inputs, len(circuit.outputs))
