"""The attack on M2 and M3: its arithmetic is right and its own, it passes sound ends and catches false ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from flint import arb

from benchmarks import curvature_attack
from benchmarks.curvature_attack import KINDS, METHODS, SERIES, drawn, examine, independent_size, table
from certify.bounds.method import BoundMethod, Problem, Proposal, bound_methods
from certify.bounds.recomputation import derivative_size
from certify.generators.graph import Activation, Affine, Graph, Input


def neuron(name: str) -> Graph:
    parameters = curvature_attack.PARAMETERS.get(name, ())
    return Graph((Input(1), Affine(0, np.full((1, 1), 2.0), np.zeros(1)), Activation(1, name, 1, parameters)))


def test_one_neuron_has_the_derivatives_of_its_closed_form() -> None:
    """tanh''(x) = -2 tanh(x) (1 - tanh(x)^2); d^3/dx^3 sin(2x) = -8 cos(2x)."""
    tangent = arb(1).tanh()
    assert independent_size(neuron("tanh"), [0.5], [3.0], 2).overlaps(4 * 2 * tangent * (1 - tangent**2))
    assert independent_size(neuron("sin"), [0.5], [-1.0], 3).overlaps(8 * arb(1).cos())


@pytest.mark.parametrize("name", sorted(SERIES))
@pytest.mark.parametrize("place", [-30.0, -0.7, 0.0, 1.3, 30.0])
def test_both_arithmetics_meet(name: str, place: float) -> None:
    for order in (2, 3):
        own = independent_size(neuron(name), [place], [1.0], order)
        assert own.is_finite()
        assert own.overlaps(derivative_size(neuron(name), [place], [1.0], order))


@pytest.mark.parametrize("index", range(len(KINDS)))
def test_sound_ends_pass(index: int) -> None:
    outcome = examine(index, 5, 60.0)
    assert outcome.kind == drawn(index, 5).kind
    assert outcome.violations == []


def test_an_end_that_is_five_per_cent_too_low_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    known = bound_methods()

    def lowered(item: BoundMethod) -> BoundMethod:
        def propose(problem: Problem) -> Iterator[Proposal]:
            for proposal in item.propose(problem):
                yield replace(proposal, value=None if proposal.value is None else 0.95 * proposal.value)

        return replace(item, propose=propose)

    monkeypatch.setattr(curvature_attack, "bound_methods", lambda: {k: lowered(item) for k, item in known.items()})
    outcome = examine(0, 5, 200.0)
    assert any(f"by `{METHODS[0]}`" in text for text in outcome.violations)
    assert "1 violations" in list(table([outcome]))[-1]
