"""From 1e-300 to 1e300: no method alone and no result as a whole excludes a closed form, and none crashes."""

from __future__ import annotations

import math
from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.extreme_networks import BITS, extreme_network
from benchmarks.extreme_scales import examine
from benchmarks.soundness import excluded
from certify.arithmetic.balls import ball, precision
from certify.arithmetic.intervals import row_norms_lower, row_norms_upper
from certify.arithmetic.matrices import unscale_lower, unscale_upper
from certify.bounds.bracket import BoundEvidence, Bracket, Region, Witness
from certify.bounds.branch_and_bound import METHOD as BRANCH_AND_BOUND
from certify.bounds.constants import constants
from certify.bounds.method import Proposal
from certify.bounds.recomputation import witnessed_end
from certify.generators.graph import Activation, Affine, Generator, Graph, Input, Node, Sum
from certify.profiles.forms import coordinates, scaled_by_inverse_square
from certify.verdict import Evidence

magnitudes = st.floats(0.0, 1.7e308, allow_subnormal=True)


def scalar(weight: float, source: int = 0, bias: float = 0.0) -> Affine:
    return Affine(source, np.array([[weight]]), np.array([bias]))


def generator(*nodes: Node) -> Generator:
    return Generator("test", Graph(nodes), 1)


@pytest.mark.parametrize(("index", "effort"), [(0, 50.0), (2, 600.0), (4, 600.0), (6, 600.0), (8, 600.0), (10, 50.0)])
def test_networks_with_closed_forms(index: int, effort: float) -> None:
    # With this effort every method ends, or speaks of as many constants as with the default one.
    assert examine(index, 7, defaultdict(Counter), effort=effort) == []


def test_the_campaign_sees_a_false_end() -> None:
    with precision(BITS):
        case = extreme_network(0, 7)
        evidence = BoundEvidence(Evidence.RIGOROUS, "lie")
        truth = case.truths["M"]
        lie = math.nextafter(float(truth.lower), 0.0) * 0.999
        assert excluded(Bracket(None, lie, None, evidence), truth)


@given(st.lists(magnitudes, min_size=1, max_size=6))
def test_norms_enclose_the_exact_norm(entries: list[float]) -> None:
    row = np.array([entries])
    low, high = row_norms_lower(row)[0], row_norms_upper(row)[0]
    with precision(4400):
        squares = sum((ball(entry) ** 2 for entry in entries), ball(0))
        assert ball(float(low)) ** 2 <= squares
        assert math.isinf(high) or ball(float(high)) ** 2 >= squares
    assert low >= 0.99 * max(entries)


@given(st.floats(5e-324, 1.7e308), st.integers(-2200, 2200))
def test_scaling_by_a_power_of_two_rounds_outward(value: float, exponent: int) -> None:
    low, high = unscale_lower(value, exponent), unscale_upper(value, exponent)
    with precision():
        exact = ball(value) * ball(2) ** exponent
        assert ball(low) <= exact and (math.isinf(high) or ball(high) >= exact)
    assert high > 0.0 and low < math.inf


def test_squares_of_gaps_do_not_overflow() -> None:
    """Once certified M <= .6225 on this ball, where the slope reaches .7311."""
    softplus = generator(Input(1), scalar(1e-155), Activation(1, "softplus", 1), scalar(1e155, 2))
    found = constants(softplus, Region(1e155), methods=[BRANCH_AND_BOUND.name])
    assert found.M.upper is not None and 0.7310585786300049 <= found.M.upper <= 0.7311


@pytest.mark.parametrize(
    "nodes",
    [
        (Input(1), scalar(1000.0, 0, -720.0), Activation(1, "sigmoid", 1)),
        (
            Input(1),
            scalar(1e80),
            Activation(1, "tanh", 1),
            scalar(1e80, 2),
            Activation(3, "tanh", 1),
            scalar(1e-160, 4),
            Sum((0, 5), (1.0, 1.0), 1),
        ),
    ],
)
@pytest.mark.parametrize("region", [Region(), Region(1.0), Region(1e-200), Region(1e200, (1e250,))])
def test_what_once_crashed_ends_in_brackets(nodes: tuple[Node, ...], region: Region) -> None:
    found = constants(generator(*nodes), region, effort=100.0)
    assert found.M.upper is not None and found.M.upper >= (found.M.lower or 0.0)


@pytest.mark.parametrize("region", [Region(1.0, (1e17,)), Region(1e-3, (1e17,)), Region(5e-324, (1.0,))])
def test_far_regions_have_no_pair_of_identical_points(region: Region) -> None:
    """ReLU is the identity there; once m = [0, 0] was certified from a point and its own rounding."""
    found = constants(generator(Input(1), scalar(1.0), Activation(1, "relu", 1)), region, effort=300.0)
    assert found.m.lower is not None and 0.99 <= found.m.lower <= 1.0 and found.m.upper == 1.0
    assert found.M.lower == 1.0 and found.M2.upper == 0.0


@pytest.mark.parametrize(
    "witness",
    [
        Witness(((2.0,), (2.0,))),
        Witness(((0.0,), (-0.0,))),
        Witness(((0.0,), (3.0,))),
        Witness(((0.0,),)),
        Witness(((0.0,),), ((0.0,),)),
        Witness(((math.nan,),), ((1.0,),)),
        Witness(((1.0, 1.0),), ((1.0, 0.0),)),
        Witness(((0.0,), (1.0,), (0.5,))),
        Witness((((1.0 + 2.0**-52) * 2,),), ((1.0,),)),
    ],
)
@pytest.mark.parametrize("value", [None, 0.0, math.inf])
def test_a_witness_that_proves_nothing_is_dropped(witness: Witness, value: float | None) -> None:
    graph = Graph((Input(1), scalar(1.0)))
    region = Region(2.0)
    for constant, end in (("m", "upper"), ("M", "lower"), ("M2", "lower"), ("M3", "lower")):
        assert witnessed_end(graph, region, Proposal(constant, end, value, "test", witness)) is None  # type: ignore[arg-type]


def test_a_sound_witness_gives_its_own_end_whatever_was_proposed() -> None:
    graph, region = Graph((Input(1), scalar(3.0))), Region(1.0, (1e16,))
    pair = Witness(((1e16,), (1e16 - 2.0,)))
    assert witnessed_end(graph, region, Proposal("m", "upper", 0.0, "lie", pair)) is None
    pair = Witness(((1e16,), (1e16 - 2.0,)))
    assert witnessed_end(graph, Region(2.0, (1e16,)), Proposal("m", "upper", 0.0, "lie", pair)) == 3.0


@pytest.mark.parametrize("divisor", [1e-170, 1e-140, 0.3, 1e140, 1e170])
def test_noise_levels_whose_square_leaves_the_floats(divisor: float) -> None:
    form = coordinates(np.array([1.0]), np.array([2.0]), np.array([[0.5]]), 0)
    with np.errstate(all="ignore"):
        low, high = scaled_by_inverse_square(form, divisor).bounds()
    with precision():
        for value in (1.5, 2.5):
            exact = ball(value) / ball(divisor) ** 2
            assert math.isinf(low[0, 0]) or ball(float(low[0, 0])) <= exact
            assert math.isinf(high[0, 0]) or ball(float(high[0, 0])) >= exact
