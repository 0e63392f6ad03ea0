"""The cases of a stress run are a function of the seed: not of what the process has imported, nor of its speed."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from fractions import Fraction
from types import SimpleNamespace

import pytest
from hypothesis import strategies as st
from hypothesis.internal.conjecture import engine, providers

from certify.discovery.registry import load_theorem
from certify.strategies.admissible import Kinds
from certify.strategies.probing import probes
from certify.stress_tests import runner
from certify.stress_tests.campaign import parts
from certify.stress_tests.case import Case
from certify.stress_tests.property import Measurement, Property
from certify.stress_tests.runner import run_property
from certify.verdict import Verdict

NUMBERS = {n + 0.125 for n in range(101_000, 101_400)}
NOBODY = Kinds((), {}, {})


def drawn_numbers(refuted_from: float = 2e6) -> list[float]:
    """What one property draws from seed 3, in order; it fails for numbers from `refuted_from` on."""
    numbers: list[float] = []

    def judged(_: object, case: Case) -> tuple[Measurement, ...]:
        numbers.append(float(case.numbers["beta"]))
        verdict = Verdict.REFUTED if numbers[-1] >= refuted_from else Verdict.SUPPORTED
        return (Measurement("beta", verdict, 1.0),)

    drawn = st.floats(0.0, 1e6).map(lambda beta: Case("any", "beta", numbers={"beta": Fraction(beta)}))
    item = Property("beta", "any number", 1.0, lambda *_: drawn, judged, ())
    run_property(load_theorem("strong-invertibility"), item, NOBODY, 300, seed=3)
    return numbers


@pytest.fixture
def numbers_of_a_module(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A loaded module in whose source the numbers occur."""
    constants = type(providers._get_local_constants())
    with monkeypatch.context() as patch:
        patch.setattr(providers, "_get_local_constants", lambda: constants(floats=NUMBERS))
        providers.CONSTANTS_CACHE.cache.clear()
        yield
    providers.CONSTANTS_CACHE.cache.clear()


def test_modules_that_are_loaded_do_not_change_the_cases(
    numbers_of_a_module: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = drawn_numbers()
    assert len(set(found)) > 100 and NUMBERS.isdisjoint(found)
    assert NUMBERS.isdisjoint(probes(st.floats(0.0, 1e6), 300))
    monkeypatch.setattr(runner, "seed_alone", contextlib.nullcontext)
    assert not NUMBERS.isdisjoint(drawn_numbers()), "left alone, hypothesis draws them"


def test_the_speed_of_the_machine_does_not_change_the_cases(monkeypatch: pytest.MonkeyPatch) -> None:
    found = drawn_numbers(1000.0)
    assert found.count(1000.0), "the smallest number that fails is found"
    seconds = itertools.count(0.0, 1000.0)
    slow = SimpleNamespace(monotonic=lambda: next(seconds), perf_counter=lambda: next(seconds))
    monkeypatch.setattr(engine, "time", slow)
    assert drawn_numbers(1000.0) == found
    monkeypatch.setattr(runner, "seed_alone", contextlib.nullcontext)
    assert drawn_numbers(1000.0) != found, "left alone, hypothesis looks at the clock"


def test_the_folder_of_a_theorem_s_file_changes_no_case() -> None:
    first, other = (list(parts({f"/{folder}/mine.py": NOBODY}, 100, seed=0)) for folder in ("here", "there"))
    assert [part.seed for part in first] == [part.seed for part in other]
    others = {part.seed for part in parts({"/here/yours.py": NOBODY}, 100, seed=0)}
    assert others.isdisjoint(part.seed for part in first)
