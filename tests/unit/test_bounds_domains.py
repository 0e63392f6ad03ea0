"""Functions with a domain: constants only where the argument is certified to stay in it, and then true ones."""

from __future__ import annotations

import math

import numpy as np
import pytest

from certify.bounds.bracket import Region
from certify.bounds.constants import constants
from certify.bounds.kinks import kinked_activations
from certify.generators.graph import Activation, Affine, Generator, Graph, Input, Node, Sum

QUADRATIC = (Input(1), Activation(0, "square", 1))


def net(*nodes: Node) -> Generator:
    return Generator("net", Graph(nodes), 1)


def root(shift: float) -> Generator:
    """The graph of sqrt(z^2 + shift), beside z itself."""
    return net(
        *QUADRATIC,
        Affine(1, np.eye(1), np.array([shift])),
        Activation(2, "power", 1, (0.5,)),
        Affine(0, np.array([[1.0], [0.0]]), np.zeros(2)),
        Affine(3, np.array([[0.0], [1.0]]), np.zeros(2)),
        Sum((4, 5), (1.0, 1.0), 2),
    )


def test_a_square_root_of_a_certainly_positive_number() -> None:
    found = constants(root(1.0), Region(2.0), effort=60.0)
    assert not kinked_activations(root(1.0)) and not any("no constants" in note for note in found.notes)
    # The slope of sqrt(1 + z^2) is at most 2/sqrt 5 on [-2, 2], its second derivative (1 + z^2)^(-3/2) at most 1.
    assert found.M.upper is not None and math.sqrt(1.8) <= found.M.upper <= math.sqrt(5.0) + 1e-9
    assert found.M.lower is not None and found.M.lower >= math.sqrt(1.8) - 1e-3
    assert found.M2.upper is not None and 1.0 <= found.M2.upper < 20


@pytest.mark.parametrize("name", ["power", "log", "reciprocal"])
@pytest.mark.parametrize("shift", [0.0, -1.0])
def test_nothing_is_claimed_where_the_argument_may_leave_the_domain(name: str, shift: float) -> None:
    base = root(shift).graph.nodes
    rough = Generator("net", Graph((*base[:3], Activation(2, name, 1), *base[4:])), 1)
    for region in (Region(), Region(2.0)):
        found = constants(rough, region, effort=2000.0)
        assert [found.m.lower, found.M.upper, found.M2.upper, found.M3.upper] == [None] * 4
        assert name in found.notes[0] and "node 3" in found.notes[0]
    assert kinked_activations(rough) == [name]


def test_a_region_away_from_the_pole_has_constants() -> None:
    log = net(
        Input(1),
        Affine(0, np.array([[1.0], [0.0]]), np.array([0.0, 1.0])),
        Activation(1, "log", 2),
    )
    assert constants(log, effort=2000.0).M.upper is None
    found = constants(log, Region(1.0, (3.0,)), effort=4000.0)
    assert found.M.upper == pytest.approx(0.5, rel=1e-9) and found.M2.upper == pytest.approx(0.25, rel=1e-9)
