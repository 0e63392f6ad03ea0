"""Every public function answers every wrong argument with one line of the project's own, before its work begins."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from certify.errors import CertifyError, InputError
from tests.wrong_arguments import INPUTS, WRONG, Begun, Unspeakable, parameters, right_arguments, verbs

VERBS = verbs()
NEVER = (object(), Unspeakable(), Ellipsis, int, lambda: 0, 1j, b"bytes", {1, 2})
"""What is right for no argument of any verb."""

values = st.one_of(
    st.text(max_size=12),
    st.integers(),
    st.floats(),
    st.complex_numbers(),
    st.binary(max_size=4),
    st.dictionaries(st.text(max_size=3), st.one_of(st.none(), st.floats()), max_size=3),
    st.recursive(st.one_of(st.none(), st.booleans(), st.floats(), st.text(max_size=3)), st.lists, max_leaves=6),
    hnp.arrays(
        st.sampled_from([np.float64, np.float32, np.int8, np.complex128, np.bool_, np.dtype("U2"), np.dtype("O")]),
        hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3),
    ),
)


def outcome(verb: Callable[..., Any], name: str, value: object) -> str:
    """`refused`, `accepted`, or what escaped, for one argument replaced by a value."""
    try:
        verb(**{**right_arguments(verb), name: value})
    except CertifyError as error:
        return "refused" if "\n" not in str(error) and str(error) else f"not one line: {error!r}"
    except Begun:
        return "accepted"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "accepted"


def replaced(verb: Callable[..., Any], pool: tuple[Any, ...]) -> list[tuple[str, Any]]:
    """Every parameter with every value of the pool that is not its own default."""
    return [
        (name, value)
        for name, item in parameters(verb).items()
        for value in pool
        if value is not item.default and not (name == "progress" and value is None)
    ]


@pytest.mark.parametrize("verb", VERBS)
def test_nothing_but_the_projects_errors_escapes(verb: str) -> None:
    found = [(name, outcome(VERBS[verb], name, value)) for name, value in replaced(VERBS[verb], WRONG)]
    assert [item for item in found if item[1] not in {"refused", "accepted"}] == []


@pytest.mark.parametrize("verb", VERBS)
def test_what_is_right_nowhere_is_refused_everywhere(verb: str) -> None:
    found = [(name, outcome(VERBS[verb], name, value)) for name, value in replaced(VERBS[verb], NEVER)]
    assert [item for item in found if item[1] != "refused"] == []


@pytest.mark.parametrize("verb", VERBS)
def test_the_right_arguments_are_right(verb: str) -> None:
    assert outcome(VERBS[verb], *next(iter(right_arguments(VERBS[verb]).items()), ("", None))) == "accepted" or (
        not parameters(VERBS[verb])
    )


@pytest.mark.parametrize("verb", sorted(set(VERBS) - {"check_constants", "sample", "theorems"}))
@settings(max_examples=settings.default.max_examples // 3)
@given(data=st.data())
def test_any_value_is_refused_or_accepted(verb: str, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(set(parameters(VERBS[verb])) - {"progress"})))
    assert outcome(VERBS[verb], name, data.draw(values)) in {"refused", "accepted"}


def test_an_escape_and_a_late_refusal_are_seen() -> None:
    def careless(beta: Any = 1.0) -> float:
        return float(beta)

    def wordy(beta: Any = 1.0) -> None:
        error = InputError("x")
        error.args = ("two\nlines",)
        raise error

    assert outcome(careless, "beta", object()).startswith("TypeError")
    assert outcome(careless, "beta", 1.5) == "accepted"
    assert outcome(wordy, "beta", 1.5).startswith("not one line")
    assert set(INPUTS) < set(parameters(VERBS["sweep"]))
