"""BLIF: what every command means, models within models, and what is refused in one line with its number."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from certify import check
from certify.circuits.circuit import Circuit
from certify.circuits.formats import blif_hierarchy
from certify.circuits.formats.blif import read_blif
from certify.errors import InputError
from certify.generators.specification import load_generator
from certify.verdict import Verdict

HALF_ADDER = """.model half
.inputs p q
.outputs s c
.names p q s
10 1
01 1
.names p q c
11 1
.end
"""
ONE = ".model m\n.inputs a b\n.outputs y\n"


def values(circuit: Circuit) -> list[int]:
    return [circuit(x) for x in range(1 << circuit.inputs)]


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
    assert all(read_blif(each)(x) == x.bit_count() | 4 for each in (text, text.replace("\n", "\r\n")) for x in range(8))


def test_a_full_adder_of_two_half_adders() -> None:
    top = """.model full
.inputs a b k
.outputs sum carry
.subckt half q=b p=a s=t c=u
.subckt half p=t q=k s=sum c=v
.names u v carry
1- 1
-1 1
.end
"""
    assert values(read_blif(top + HALF_ADDER)) == [x.bit_count() for x in range(8)]
    # .end may be left out before another model; an output of an instance may be left open.
    assert values(read_blif(top.replace(".end\n", "") + HALF_ADDER)) == [x.bit_count() for x in range(8)]
    open_end = ".model t\n.inputs a b\n.outputs y\n.subckt half p=a q=b c=y\n" + HALF_ADDER
    assert values(read_blif(open_end)) == [0, 0, 0, 1]


def test_instances_are_copies_and_paths_through_one_may_cross() -> None:
    # Output u of the instance goes back into its input y, on which only v depends: no cycle.
    text = ".model t\n.inputs a\n.outputs z\n.subckt two x=a y=w u=w v=z\n.end\n"
    two = ".model two\n.inputs x y\n.outputs u v\n.names x u\n0 1\n.names y v\n0 1\n.end\n"
    assert values(read_blif(text + two)) == [0, 1]
    with pytest.raises(InputError, match="the signal `w` depends on itself"):
        read_blif(text.replace("x=a y=w", "x=w y=a") + two)


def test_constants_outputs_that_are_inputs_and_repeated_sources() -> None:
    text = ".model m\n.inputs a b\n.outputs b one zero also y\n.names one\n1\n.names zero\n.names a b also\n-- 0\n"
    assert values(read_blif(text + ".names a a y\n11 1\n")) == [2, 18, 3, 19]
    # outputs: b, one, zero, also (never true), y = a; input a is bit 0.
    assert [value & 1 for value in values(read_blif(text + ".names a a y\n10 1\n"))] == [0, 0, 1, 1]


def test_attributes_delays_and_other_comments_are_skipped() -> None:
    skipped = '.attr src "a.v:1"\n.cname and\n.param INIT 10\n.area 1.0\n.delay a INV 1 1\n.end\n'
    assert values(read_blif(ONE + ".names a b y\n11 1\n" + skipped)) == [0, 0, 0, 1]
    assert values(read_blif("# G\u00f6del\n" + ONE + ".conn a y\n")) == [0, 1, 0, 1]


@pytest.mark.parametrize("width", [17, 24, 40])
def test_wide_covers(width: int) -> None:
    names = " ".join(f"x{i}" for i in range(width))
    rows = "".join("-" * i + "1" + "-" * (width - 1 - i) + " 1\n" for i in range(0, width, 2)) + "0" * width + " 1\n"
    circuit = read_blif(f".model wide\n.inputs {names}\n.outputs y\n.names {names} y\n{rows}.end\n")
    even = sum(1 << i for i in range(0, width, 2))
    words = [0, 1, 2, 3, even, ((1 << width) - 1) ^ even, (1 << width) - 1, 1 << (width - 1)]
    assert [circuit(x) for x in words] == [int(bool(x & even) or x == 0) for x in words]
    assert circuit.depths().max() <= 2 + 2 * width.bit_length(), "rows and marks are joined as trees"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no .inputs"),
        (".inputs a\n", "no .outputs"),
        (".inputs a\n.outputs y\n", "`y` is used and not defined"),
        (ONE + ".names a z y\n11 1\n", "line 4: the signal `z` is used and not defined"),
        (ONE + ".names a y\n1 1\n.names z unused\n1 1\n", "line 6: the signal `z` is used and not defined"),
        (ONE + ".names a y\n1 1\n.names u v\n1 1\n.names v u\n1 1\n", "depends on itself"),
        (".inputs a\n.outputs y\n.names a y\n2 1\n", "line 4: expected 1 of 0, 1, -"),
        (".inputs a\n.outputs y\n.names a y\n1 1\n0 0\n", "line 5: a cover lists"),
        (".inputs a\n.outputs y\n.latch a y\n", "line 3: `.latch` is not supported: only combinational"),
        (ONE + ".names a y\n1 1\n.exdc\n.names a y\n1 1\n", "line 6: `.exdc` is not supported: external don't cares"),
        (ONE + ".gate and2 A=a B=b O=y\n", "line 4: `.gate` is not supported: its function does not stand"),
        (ONE + ".search other.blif\n", "line 4: `.search` is not supported"),
        (ONE + ".names a y\n1 1\n.magic\n", "line 6: `.magic` is not supported: it is no command that is known"),
        (".inputs a\n.outputs y\n.names y y\n1 1\n", "`y` depends on itself"),
        (".inputs a\n.outputs y\n.names z y\n1 1\n.names y z\n1 1\n", "depends on itself"),
        (".inputs a\n.outputs y\n.names a y\n1 1\n.names a y\n1 1\n", "line 5: the signal `y` is defined twice"),
        (".inputs a a\n.outputs a\n", "the input `a` is named twice"),
        (".inputs a\n.outputs a a\n", "the output `a` is named twice"),
        (".inputs a\n.outputs a\n.names a\n1\n", "line 3: the input `a` is defined twice"),
        ("1 1\n", "line 1: `1` stands outside"),
        (ONE + ".names a y\n.attr x 1\n1 1\n", "line 6: `1` stands outside"),
        (ONE + ".names a y \\\n", "in the middle of a line"),
        (".model m\n.inputs a \\ # the first\n b\n", "line 2: a backslash that continues a line"),
        (ONE + ".names a y\x0c1 1\n", "control character"),
        (ONE + ".names \u00e9 y\n1 1\n", "line 4: names have ASCII characters only"),
        (ONE + ".names\n", "line 4: .names must name"),
        (ONE + ".conn a\n", "line 4: .conn needs"),
        (ONE + ".end here\n", "line 4: .end stands alone"),
        (".model\n", "line 1: .model needs one name"),
        (ONE + ".end\n" + ONE, "line 5: .model needs one name, a new one"),
        (ONE + ".subckt\n", "line 4: .subckt needs a model"),
        (ONE + ".subckt half p q=b s=y\n" + HALF_ADDER, "line 4: .subckt needs a model and then terminal=signal"),
        (ONE + ".subckt other p=a s=y\n" + HALF_ADDER, "line 4: there is no model `other`"),
        (ONE + ".subckt half p=a s=y\n" + HALF_ADDER, "line 4: each input of the model `half`"),
        (ONE + ".subckt half p=a q=b z=y\n" + HALF_ADDER, "look at `z`"),
        (ONE + ".subckt half p=a q=b q=a s=y\n" + HALF_ADDER, "look at `q`"),
        (ONE + ".subckt half p=a q=b s=y c=y\n" + HALF_ADDER, "line 4: the signal `y` is defined twice"),
        (ONE + ".subckt half p=a q=b s=b\n" + HALF_ADDER, "line 4: the input `b` is defined twice"),
        (ONE + ".subckt m a=a b=b y=y\n", "line 1: the model `m` contains itself"),
        (HALF_ADDER + ONE + ".subckt half p=a q=b s=y\n", "the first model, `half`, is part of another"),
        (ONE + ".subckt u a=a y=y\n.end\n.model u\n.inputs a\n.outputs a y\n.conn a y\n.end\n", "look at `a`"),
    ],
)
def test_broken_blif_is_refused(text: str, message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)) as caught:
        read_blif(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "after",
    [
        ".names a y\n0 1\n",
        "1 1\n",
        ".inputs c\n",
        ".end\n",
        ".attr x 1\n",
        ".model other\n.inputs a b\n.outputs u v\n.names a u\n0 1\n.names b v\n1 1\n.end\n",
    ],
)
def test_nothing_after_the_end_is_certified(after: str, tmp_path: Path) -> None:
    swap = ".model swap\n.inputs a b\n.outputs u v\n.names b u\n1 1\n.names a v\n1 1\n.end\n"
    path = tmp_path / "swap.blif"
    path.write_text(swap, encoding="ascii")
    result = check("one-way", load_generator(str(path)), beta="0.2")
    assert result.verdict is Verdict.CONDITIONAL and values(read_blif(swap)) == [0, 2, 1, 3]
    path.write_text(swap + after, encoding="ascii")
    with pytest.raises(InputError, match=r"BLIF line 9: .*(after \.end|outside|no part of the first one, `swap`)"):
        load_generator(str(path))


def test_the_size_of_a_hierarchy_is_counted_before_it_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    models = [".model m0\n.inputs a b\n.outputs y\n.subckt m1 a=a b=b y=t\n.subckt m1 a=t b=b y=y\n.end\n"]
    models += [models[0].replace("m1", f"m{i + 1}").replace("m0", f"m{i}") for i in range(1, 40)]
    last = ".model m40\n.inputs a b\n.outputs y\n.names a b y\n10 1\n01 1\n.end\n"
    with pytest.raises(InputError, match=r"the circuit has \d{13,} signals and marks of covers; at most 10000000"):
        read_blif("".join([*models, last]))
    flat = ONE + ".names a b y\n11 1\n"
    for limit, fits in ((6, True), (5, False)):
        monkeypatch.setattr(blif_hierarchy, "LARGEST_SIZE", limit)
        if fits:
            assert values(read_blif(flat)) == [0, 0, 0, 1]
        else:
            with pytest.raises(InputError, match="the circuit has 6 signals"):
                read_blif(flat)


def test_chains_of_any_depth() -> None:
    depth = 3000
    chain = [f".names s{i} s{i + 1}\n0 1\n" for i in range(depth)]
    flat = f".model deep\n.inputs s0\n.outputs s{depth}\n" + "".join(reversed(chain))
    assert values(read_blif(flat)) == [0, 1]
    nested = [f".model m{i}\n.inputs a\n.outputs y\n.subckt m{i + 1} a=a y=y\n.end\n" for i in range(depth)]
    assert values(read_blif("".join(nested) + f".model m{depth}\n.inputs a\n.outputs y\n.names a y\n0 1\n")) == [1, 0]
