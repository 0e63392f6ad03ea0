"""A cap of the clock is kept by every phase of the constants, by a clock that moves when it is read and only then."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from types import FrameType, SimpleNamespace

import numpy as np
import pytest

from certify import clock
from certify.arithmetic.large_matrices import norm_upper, schur_norm_upper, smallest_stretch_lower
from certify.bounds.bracket import Region
from certify.bounds.compositional import derivative_norms
from certify.bounds.constants import constants, constants_on_regions
from certify.bounds.effort import Work
from certify.bounds.method import Problem, bound_methods
from certify.bounds.ranges import node_ranges
from certify.clock import OutOfTimeError, ask, capped, fits, now, skip
from certify.generators.activations import range_enclosure
from certify.generators.graph import Activation, Affine, Generator, Graph, Input, Node, Sum

MOST_EVENTS = 14_000
MOST_EVENTS_OF_THE_CLOSED_FORM = 60_000
"""Calls of functions that a phase may make after its deadline: some steps of the networks here, no loop of them.

The composition is what always runs: one pass over the nodes.
"""


class Clock:
    """Every reading takes a second; nothing else takes time."""

    def __init__(self) -> None:
        self.time = 0.0

    def read(self) -> float:
        self.time += 1.0
        return self.time


@pytest.fixture(scope="module", autouse=True)
def tables() -> None:
    """What is imported, and the rows of an activation's table, are made once: not what is measured here."""
    for make in NETWORKS.values():
        constants(make(), Region(1.0), effort=1.0, budget=1.0)
    inputs = np.arange(-48.0, 48.0, 1 / 32)
    for order in range(4):
        range_enclosure("tanh", (), order, inputs, inputs)


@pytest.fixture
def ticking(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(clock, "time", SimpleNamespace(monotonic=made.read, process_time=lambda: made.time))
    return made


def events_after(made: Clock, deadline: float, run: Callable[[], object]) -> int:
    """Function calls, of Python and of C, between the deadline and the end."""
    found = 0

    def watch(frame: FrameType, event: str, argument: object) -> None:
        nonlocal found
        found += made.time > deadline and event in ("call", "c_call")

    sys.setprofile(watch)
    try:
        run()
    except OutOfTimeError:
        pass
    finally:
        sys.setprofile(None)
    return found


def plain(widths: tuple[int, ...], activation: str) -> Generator:
    random = np.random.default_rng(1)
    nodes: list[Node] = [Input(widths[0])]
    for before, after in zip(widths, widths[1:], strict=False):
        if len(nodes) > 1:
            nodes.append(Activation(len(nodes) - 1, activation, before))
        nodes.append(Affine(len(nodes) - 1, random.normal(size=(after, before)) / 2, random.normal(size=after)))
    return Generator("plain", Graph(tuple(nodes)), 1)


def residual(blocks: int = 3) -> Generator:
    random = np.random.default_rng(2)
    nodes: tuple[Node, ...] = (Input(2),)
    for _ in range(blocks):
        last = len(nodes) - 1
        nodes += (
            Affine(last, random.normal(size=(6, 2)), random.normal(size=6)),
            Activation(last + 1, "tanh", 6),
            Affine(last + 2, random.normal(size=(2, 6)) / 6, np.zeros(2)),
            Sum((last, last + 3), (1.0, 1.0), 2),
        )
    return Generator("residual", Graph(nodes), 1)


NETWORKS = {
    "residual": residual,
    "kinked": lambda: plain((3, 8, 8, 4), "relu"),
    "deep": lambda: plain((4, *[6] * 12, 4), "tanh"),
    "affine": lambda: plain((30, 30), "tanh"),
}


def test_a_clock_that_is_not_capped_is_not_read(ticking: Clock) -> None:
    ask(1e30)
    assert fits(1e30) and ticking.time == 0.0
    constants(residual(1), effort=10.0, methods=["composition", "semidefinite"])
    # When the run began, and how long it took.
    assert ticking.time == 2.0


def test_a_step_is_not_begun_that_would_end_too_late(ticking: Clock) -> None:
    with capped(100.0):
        ask(10 * clock.UNITS_PER_SECOND)
        with pytest.raises(OutOfTimeError):
            ask(200 * clock.UNITS_PER_SECOND)
        with capped(math.inf), pytest.raises(OutOfTimeError):
            ask(200 * clock.UNITS_PER_SECOND)
    assert fits(1e30)


def test_without_time_for_the_ranges_the_composition_takes_the_slopes_over_the_line() -> None:
    """tanh(z + 2) on the ball of radius 1: the slope is at most 1/cosh(1)^2 there, 1 over R."""
    graph = Graph((Input(1), Affine(0, np.eye(1), np.full(1, 2.0)), Activation(1, "tanh", 1)))
    ranges = node_ranges(graph, Region(1.0))
    local = derivative_norms(graph, ranges)[-1].totals
    with capped(now() - 1.0) as cap:
        wide = derivative_norms(graph, ranges)[-1].totals
    assert local[0] == pytest.approx(1 / np.cosh(1.0) ** 2)
    assert wide == pytest.approx((1.0, 4 / (3 * math.sqrt(3)), 2.0))
    assert all(low <= high for low, high in zip(local, wide, strict=True))
    assert any("slopes" in text for text in cap.skipped)


def test_load_is_seen_in_what_processor_time_the_clock_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    state = SimpleNamespace(wall=0.0, processor=0.0)
    times = SimpleNamespace(monotonic=lambda: state.wall, process_time=lambda: state.processor)
    monkeypatch.setattr(clock, "time", times)
    with capped(10.0) as cap:
        assert cap.seconds(clock.UNITS_PER_SECOND) == 1.0
        state.wall, state.processor = 8.0, 1.0
        assert cap.seconds(clock.UNITS_PER_SECOND) == 8.0
        assert not fits(clock.UNITS_PER_SECOND)
        skip("this")
        skip("this")
    assert cap.skipped == ["this"]


def test_the_processor_is_asked_again_only_where_its_last_answer_does_not_settle_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    state, read = SimpleNamespace(wall=0.0, processor=0.0), []
    times = SimpleNamespace(monotonic=lambda: state.wall, process_time=lambda: read.append(0) or state.processor)
    monkeypatch.setattr(clock, "time", times)
    with capped(10.0):
        state.wall, state.processor = 1.0, 1.0
        assert all(fits(0.1 * clock.UNITS_PER_SECOND) for _ in range(100)) and len(read) == 1
        # At the least processor time that is measured the load would be 50.
        assert all(fits(clock.UNITS_PER_SECOND) for _ in range(100)) and len(read) == 2
        # At the load of one second in four the step would be late; in truth the processor had all four.
        state.wall = state.processor = 4.0
        assert fits(3.0 * clock.UNITS_PER_SECOND) and len(read) == 3
        state.wall = 8.0
        assert not fits(1.1 * clock.UNITS_PER_SECOND) and len(read) == 4
        assert fits(clock.UNITS_PER_SECOND)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("method", list(bound_methods()))
def test_every_method_stops_when_its_time_is_over(ticking: Clock, name: str, method: str) -> None:
    generator = NETWORKS[name]()
    for region in (Region(), Region(1.0)):
        for readings in (0.0, 25.0):
            deadline = now() + readings
            with capped(deadline):
                problem = Problem(generator, region, Work(deadline=deadline))
                spent = events_after(
                    ticking,
                    deadline,
                    lambda p=problem: list(bound_methods()[method].propose(p)),  # type: ignore[misc]
                )
            most = MOST_EVENTS_OF_THE_CLOSED_FORM if method == "composition" else MOST_EVENTS
            assert spent < most, f"{method} on {region} went on for {spent} calls"


def test_a_loop_that_does_not_ask_is_noticed(ticking: Clock) -> None:
    """The measure of these tests sees what it is to see."""
    deadline = now() - 1.0

    def deaf() -> None:
        for step in range(2 * MOST_EVENTS):
            math.sqrt(step)

    def heedful() -> None:
        for step in range(2 * MOST_EVENTS):
            ask()
            math.sqrt(step)

    assert events_after(ticking, deadline, deaf) > MOST_EVENTS
    with capped(deadline):
        assert events_after(ticking, deadline, heedful) < 20


@pytest.mark.parametrize("name", NETWORKS)
def test_a_run_of_all_methods_ends_after_its_budget_and_says_what_it_cut(ticking: Clock, name: str) -> None:
    generator = NETWORKS[name]()
    regions = [Region(), Region(1.0)]
    whole = constants_on_regions(generator, regions, methods=["affine map", "composition", "residual rule"])
    began, budget = now(), 40.0
    found = constants_on_regions(generator, regions, budget=budget)
    always = 50.0 + 6.0 * len(generator.graph.nodes)
    assert now() - began <= 1.2 * budget + 1.0 + always, "the readings of the closed form, which always runs"
    for item, sharp in zip(found, whole, strict=True):
        assert item.M.upper is not None and math.isfinite(item.M.upper)
        assert item.m.lower in (None, 0.0) or item.m.lower <= sharp.m.upper  # type: ignore[operator]
    if name != "affine":
        assert any("give a larger --budget" in note for item in found for note in item.notes)


def test_loading_counts(ticking: Clock) -> None:
    found = constants_on_regions(residual(), [Region()], budget=50.0, began=now() - 1000.0)[0]
    assert found.M.upper is not None and ticking.time < 200.0
    assert any("semidefinite: not begun" in note for note in found.notes)


def test_norms_fall_back_to_schurs_test_when_the_time_is_over(ticking: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    matrix = np.random.default_rng(3).normal(size=(40, 30))
    for direct in (2**18, 16):
        monkeypatch.setattr("certify.arithmetic.large_matrices.DIRECT_ENTRIES", direct)
        monkeypatch.setattr("certify.arithmetic.large_matrices._NORMS", {})
        true = float(np.linalg.norm(matrix, 2))
        with capped(now() - 1.0) as cap:
            loose = norm_upper(matrix)
            with pytest.raises(OutOfTimeError):
                smallest_stretch_lower(matrix)
        assert true <= loose <= 1.0001 * schur_norm_upper(matrix)
        assert cap.skipped == ["norms of layers, for which Schur's test stands in"]
        # What was found in haste is not what a later call gets.
        assert norm_upper(matrix) == pytest.approx(true, rel=1e-6)
