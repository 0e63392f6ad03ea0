"""AIGER: headers of both versions, gates in any order, symbols, and what is refused in one line."""

from __future__ import annotations

import pytest

from certify.circuits.formats.aiger import read_aiger
from certify.errors import InputError

ASCII = b"aag 7 2 0 2 3\n2\n4\n6\n12\n6 13 15\n12 2 4\n14 3 5\n"
# Gates 6 = 4 & 2, 8 = 5 & 3, 10 = 9 & 7 as differences of their literals.
BINARY = b"aig 5 2 0 2 3\n10\n6\n" + bytes([2, 2, 3, 2, 1, 2])
HALF_ADDER = [0, 1, 1, 2]
AND = b"aag 3 2 0 1 1\n2\n4\n6\n6 4 2\n"


def values(content: bytes) -> list[int]:
    circuit = read_aiger(content)
    return [circuit(x) for x in range(1 << circuit.inputs)]


TAILS = [b"", b"\n", b"i0 x\ni1 a name\no1 carry\n", b"c\nanything\n6 2 4\n", b"i0 x\ncn\x00\x01"]


@pytest.mark.parametrize("tail", TAILS)
@pytest.mark.parametrize("properties", [b"", b" 0", b" 0 0", b" 0 0 0 0"])
def test_the_format_descriptions_own_half_adder(tail: bytes, properties: bytes) -> None:
    for content in (ASCII, BINARY):
        assert values(content.replace(b" 3\n", b" 3" + properties + b"\n", 1) + tail) == HALF_ADDER


def test_what_only_the_ascii_form_may() -> None:
    assert values(ASCII.replace(b"\n", b"\r\n") + b"i0 x\r\nc\r\n") == HALF_ADDER
    assert values(ASCII.replace(b"aag 7", b"aag 9")) == HALF_ADDER, "variables may be left out"
    assert values(b"aag 2 2 0 2 0\n4\n2\n2\n4\n") == [0, 2, 1, 3], "inputs stand in any order"
    assert values(b"aag 1 1 0 4 0\n2\n0\n1\n2\n3\n") == [10, 6], "constants and inputs as outputs"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "on the first line"),
        (b"aag 1 1 0 1\n", "on the first line"),
        (b"aag 1 1 0 1 0 0 0 0 0 0\n", "on the first line"),
        (b"aag 99999999999999999999 1 0 1 0\n", "on the first line"),
        (b"aag 1 1 0 1 -0\n", "on the first line"),
        (b"aag 2 1 1 1 0\n2\n", "1 latches"),
        (b"aag 1 1 0 1 0 1\n2\n2\n2\n", r"bad states \(1\)"),
        (b"aag 1 1 0 1 0 0 2\n2\n2\n2\n", r"constraints \(2\)"),
        (b"aag 1 1 0 1 0 0 0 3\n2\n2\n2\n", r"justice properties \(3\)"),
        (b"aag 1 1 0 1 0 0 0 0 4\n2\n2\n2\n", r"fairness \(4\)"),
        (b"aag 0 0 0 1 0\n1\n", "needs an input and an output"),
        (b"aag 1 1 0 0 0\n2\n", "needs an input and an output"),
        (b"aag 10000001 1 0 1 0\n2\n2\n", "at most 10000000 of each"),
        (b"aag 1 2 0 1 0\n2\n4\n2\n", r"M >= I \+ L \+ A does not hold"),
        (BINARY.replace(b"aig 5", b"aig 6"), r"M = I \+ L \+ A does not hold"),
        (BINARY.replace(b"aig 5", b"aig 4"), r"M = I \+ L \+ A does not hold"),
        (BINARY.replace(b"\n", b"\r\n"), "changed by a copy as text"),
        (b"aag 1 1 0 1 0\n2\n", "line 3: expected 1 literal"),
        (b"aag 1 1 0 1 0\n2\n9\n", "literal 9 is beyond"),
        (b"aag 2 1 0 1 1\n2\n4\n5 2 2\n", "odd, zero, or defined twice"),
        (b"aag 2 1 0 1 1\n2\n4\n2 2 2\n", "odd, zero, or defined twice"),
        (b"aag 3 1 0 1 2\n2\n4\n4 2 2\n4 2 3\n", "odd, zero, or defined twice"),
        (b"aag 3 2 0 1 0\n2\n2\n2\n", "different even literals"),
        (b"aag 3 1 0 1 1\n2\n2\n8 2 2\n", "literal 8 is beyond"),
        (b"aag 3 1 0 1 0\n8\n8\n", "literal 8 is beyond"),
        (b"aag 2 1 0 1 1\n2\n4\n4 5 2\n", "gate 4 depends on itself"),
        (b"aag 3 1 0 1 2\n2\n2\n4 6 2\n6 4 2\n", "depends on itself"),
        (b"aag 3 1 0 1 1\n2\n2\n4 6 2\n", "literal 6 is used and not defined"),
        (b"aag 2 1 0 1 0\n2\n4\n", "literal 4 is used and not defined"),
        (AND + b"8 2 4\n", "only symbols stand; got `8 2 4`"),
        (AND + b"i2 x\n", "only symbols stand; got `i2 x`"),
        (AND + b"b0 x\n", "only symbols stand; got `b0 x`"),
        (AND + AND, "only symbols stand; got `aag 3"),
        (BINARY + b"\x02", "only symbols stand"),
        (BINARY + BINARY, "only symbols stand"),
        (b"aig 2 1 0 1 1\n4\n", "ends before the last gate"),
        (b"aig 2 1 0 1 1\n4\n\x00\x00", "does not stand before it"),
        (b"aig 2 1 0 1 1\n4\n\xff\xff\xff\xff\xff\xff", "ends before the last gate"),
        (b"aig 2 1 0 1 1\n+4\n\x02\x00", "expected 1 output literals"),
        (b"aig 2 1 0 1 1\n9\n\x02\x00", "literal 9 is beyond"),
    ],
)
def test_broken_aiger_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        read_aiger(content)
    assert "\n" not in str(caught.value)


def test_a_deep_chain_out_of_order() -> None:
    depth = 5000
    gates = [f"{2 * i + 4} {2 * i + 3} {2 * i + 3}\n" for i in range(depth)]
    text = f"aag {depth + 1} 1 0 1 {depth}\n2\n{2 * depth + 2}\n" + "".join(reversed(gates))
    assert values(text.encode()) == [0, 1]
