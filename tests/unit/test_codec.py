"""Records as JSON and back: what is read is what was written, and nothing else is read."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify.codec import Exact, decode, encode
from certify.errors import InputError
from certify.verdict import Verdict


@dataclass(frozen=True)
class Inner:
    point: tuple[Exact, ...]
    share: Fraction
    bound: float | None


@dataclass(frozen=True)
class Outer:
    inner: Inner | None
    rows: tuple[tuple[Exact, ...], ...]
    ends: tuple[float, int]
    side: Literal["lower", "upper"]
    verdict: Verdict
    name: str
    count: int
    is_kept: bool


finite = st.floats(allow_nan=False, allow_infinity=False)
exact = finite.map(Exact)
inners = st.builds(
    Inner,
    st.lists(exact, max_size=3).map(tuple),
    st.fractions(),
    st.none() | finite | st.sampled_from([math.inf, -math.inf]),
)
outers = st.builds(
    Outer,
    st.none() | inners,
    st.lists(st.lists(exact, max_size=2).map(tuple), max_size=2).map(tuple),
    st.tuples(finite, st.integers()),
    st.sampled_from(["lower", "upper"]),
    st.sampled_from(Verdict),
    st.text(),
    st.integers(),
    st.booleans(),
)


def through_text(record: Any) -> Any:
    return json.loads(json.dumps(encode(record), allow_nan=False))


@given(outers)
def test_a_record_comes_back_as_it_was(record: Outer) -> None:
    assert decode(Outer, through_text(record), "it") == record


GOOD = Outer(
    Inner((Exact(0.1),), Fraction(1, 3), 0.5), ((Exact(2.0),),), (1.5, 2), "lower", Verdict.PROVED, "x", 3, True
)


def test_numbers_are_written_as_promised() -> None:
    written = encode(GOOD)
    assert written["inner"] == {"point": ["0x1.999999999999ap-4"], "share": "1/3", "bound": 0.5}
    assert encode(Inner((), Fraction(2), math.inf)) == {"point": [], "share": "2", "bound": "inf"}
    with pytest.raises(ValueError, match="NaN"):
        encode(Inner((), Fraction(2), math.nan))


def changed(*path: str | int) -> Callable[[Any], Any]:
    def change(value: Any) -> Any:
        document = through_text(GOOD)
        place = document
        for part in path[:-1]:
            place = place[part]
        place[path[-1]] = value
        return document

    return change


@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        (("count",), True), (("count",), 3.0), (("count",), "3"), (("is_kept",), 1), (("name",), 3), (("name",), None),
        (("side",), "left"), (("verdict",), "certain"), (("verdict",), 0), (("ends",), [1.5]), (("ends",), "ab"),
        (("ends", 0), math.nan), (("ends", 0), math.inf), (("ends", 0), "1.5"), (("ends", 0), 10**400),
        (("ends", 0), 2**53 + 1), (("rows",), {}), (("rows", 0), "0x1p0"), (("rows", 0, 0), 2.0),
        (("rows", 0, 0), "2.0"), (("rows", 0, 0), "0x1p99999"), (("rows", 0, 0), "nan"), (("inner", "share"), "1/0"),
        (("inner", "share"), 0.5), (("inner", "share"), "1" * 800), (("inner", "bound"), "NaN"), (("inner",), []),
        (("more",), 1), (("inner", "more"), 1),
    ],
)  # fmt: skip
def test_what_was_not_written_is_refused_with_one_line(path: tuple[str | int, ...], wrong: Any) -> None:
    with pytest.raises(InputError) as refused:
        decode(Outer, changed(*path)(wrong), "`file.json`")
    message = str(refused.value)
    assert message.startswith("`file.json` cannot be read: ") and "\n" not in message and len(message) < 400


@pytest.mark.parametrize("name", ["inner", "rows", "count", "verdict"])
def test_a_missing_name_is_refused(name: str) -> None:
    document = through_text(GOOD)
    del document[name]
    with pytest.raises(InputError, match=name):
        decode(Outer, document, "it")
