"""Networks on a box without the neurons that are off there: the same function inside, and never used elsewhere."""

from __future__ import annotations

import gc
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from certify.arithmetic.intervals import FloatArray
from certify.certificates.kinds.rejection import verify
from certify.envelopes import box_search, box_weights
from certify.envelopes.box_search import log_ratio, log_ratio_upper
from certify.envelopes.box_tree import lattice
from certify.envelopes.likelihood import GaussianLikelihood
from certify.envelopes.live_neurons import Local, local_graph
from certify.envelopes.mixture import Mixture
from certify.generators.derivatives import value
from certify.generators.graph import Activation, Affine, Generator, Graph, Input, Sum
from theorems.rejection_encoder.observations import certify_row

LOW, HIGH = np.array([0.25, -0.5]), np.array([0.75, 0.25])


@pytest.fixture(autouse=True)
def expensive(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every network counts as expensive, and is bounded without a chain: by float64, and what is left of it there."""
    monkeypatch.setattr(box_weights, "EXPENSIVE", 0.0)
    monkeypatch.setattr(box_search, "chain_of", lambda graph: None)


def dyadic(seed: int, activation: str = "relu") -> Graph:
    """Two hidden layers with weights in quarters: floats are exact at dyadic points."""
    random = np.random.default_rng(seed)

    def weights(rows: int, columns: int) -> FloatArray:
        return random.integers(-4, 5, (rows, columns)) / 4.0

    def layer(source: int, rows: int, columns: int) -> Affine:
        return Affine(source, weights(rows, columns), random.integers(-4, 5, rows) / 4.0)

    return Graph(
        (Input(2), layer(0, 40, 2), Activation(1, activation, 40), layer(2, 30, 40), Activation(3, activation, 30),
         layer(4, 3, 30))
    )  # fmt: skip


def points(low: FloatArray, high: FloatArray) -> FloatArray:
    steps = np.random.default_rng(0).integers(0, 257, (400, 2)) / 256.0
    return low + (high - low) * steps


def test_inside_it_is_the_same_function_exactly_and_outside_it_is_another() -> None:
    for seed in range(4):
        graph = dyadic(seed)
        local = local_graph(graph, LOW, HIGH)
        assert local.inside.nodes[1].width < 40 and local.inside.nodes[3].width < 30
        assert np.array_equal(value(local.inside, points(LOW, HIGH)), value(graph, points(LOW, HIGH)))
        far = points(LOW - 3.0, HIGH + 3.0)
        assert not np.array_equal(value(local.inside, far), value(graph, far))


def test_only_neurons_that_are_off_everywhere_are_left_out() -> None:
    graph = dyadic(1)
    local = local_graph(graph, LOW, HIGH)
    corners = np.array([[x, y] for x in (LOW[0], HIGH[0]) for y in (LOW[1], HIGH[1])])
    first = graph.nodes[1]
    assert isinstance(first, Affine)
    # An affine function is largest in a corner: the first layer's are known exactly, but for the margin.
    most = (corners @ first.weight.T + first.bias).max(axis=0)
    assert (most > 0).sum() <= local.inside.nodes[1].width <= (most >= 0).sum()


def test_boxes_that_reach_beyond_the_region_are_not_held() -> None:
    local = local_graph(dyadic(0), LOW, HIGH)
    lows, highs = np.tile(LOW, (4, 1)), np.tile(HIGH, (4, 1))
    lows[1, 0] = np.nextafter(LOW[0], -1)
    highs[2, 1] = np.nextafter(HIGH[1], 1)
    lows[3, 1] = np.nan
    assert local.holds(lows, highs).tolist() == [True, False, False, False]


def test_what_has_no_off_neurons_or_is_cheap_or_boundless_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    for activation in ("leaky_relu", "tanh"):
        graph = dyadic(0, activation)
        assert [node.width for node in local_graph(graph, LOW, HIGH).inside.nodes] == [2, 40, 40, 30, 30, 3]
    graph = dyadic(0)
    # An affine node that is read twice, and a ReLU that a sum reads.
    summed = Graph((*graph.nodes[:3], Sum((1, 2), (1.0, 1.0), 40), Affine(3, np.ones((1, 40)), np.zeros(1))))
    last = Graph(graph.nodes[:3])
    for kept in (summed, last):
        assert [a.width for a in local_graph(kept, LOW, HIGH).inside.nodes] == [node.width for node in kept.nodes]
    boundless = local_graph(graph, np.array([0.0, -np.inf]), np.ones(2))
    assert boundless.inside is graph and not boundless.holds(np.zeros((1, 2)), np.ones((1, 2))).any()
    monkeypatch.setattr(box_weights, "EXPENSIVE", 1e6)
    assert local_graph(graph, LOW, HIGH).inside is graph


def test_a_layer_that_is_off_as_a_whole_keeps_a_neuron() -> None:
    first = Affine(0, np.ones((5, 2)), np.full(5, -9.0))
    graph = Graph((Input(2), first, Activation(1, "relu", 5), Affine(2, np.ones((2, 5)), np.array([1.0, 2.0]))))
    local = local_graph(graph, LOW, HIGH)
    assert local.inside.nodes[1].width == 1 and (value(local.inside, points(LOW, HIGH)) == [1.0, 2.0]).all()


def around(mean: FloatArray, scale: float) -> Mixture:
    """A wide first component and one around `mean`."""
    return Mixture(np.array([0.1, 1.0]), np.stack([np.zeros(2), mean]), np.stack([np.eye(2) / 1.3, np.eye(2) / scale]))


def test_bounds_hold_and_no_region_serves_another_proposal_or_another_decoder() -> None:
    likelihood = GaussianLikelihood(np.array([0.3, -0.2, 0.4]), 0.5)
    lows, highs = lattice(np.full(2, -2.0), np.full(2, 2.0), 16)
    inner = np.linspace(0.02, 0.98, 7)
    steps = np.array([[x, y] for x in inner for y in inner])
    for graph in (dyadic(0), dyadic(1)):
        for proposal in (around(np.array([0.5, 0.0]), 0.1), around(np.array([-1.0, 1.0]), 0.15)):
            upper = log_ratio_upper(graph, likelihood, proposal, lows, highs)[0]
            local = box_search._local_to(graph, proposal)
            assert local.graph is graph and 0 < local.holds(lows, highs).sum() < len(lows)
            assert np.array_equal(local.low, proposal.bulk(box_search.BULK)[0])
            box_search._local_to.cache_clear()
            assert np.array_equal(upper, log_ratio_upper(graph, likelihood, proposal, lows, highs)[0])
            at = lows[:, None] + (highs - lows)[:, None] * steps
            seen = log_ratio(graph, likelihood, proposal, at.reshape(-1, 2)).reshape(len(lows), -1)
            assert (seen <= upper[:, None] + 1e-9 * (1 + np.abs(upper[:, None]))).all()


def test_a_region_of_another_decoder_would_give_bounds_that_are_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    likelihood, proposal = GaussianLikelihood(np.array([0.3, -0.2, 0.4]), 0.5), around(np.array([0.5, 0.0]), 0.1)
    local = box_search._local_to(dyadic(0), proposal)
    stale = Local(local.graph, local_graph(dyadic(1), local.low, local.high).inside, local.low, local.high)
    monkeypatch.setattr(box_search, "_local_to", lambda graph, proposal: stale)
    lows, highs = lattice(local.low, local.high, 8)
    middles = log_ratio(dyadic(0), likelihood, proposal, 0.5 * (lows + highs))
    assert (middles > log_ratio_upper(dyadic(0), likelihood, proposal, lows, highs)[0] + 1e-3).any()


def test_a_record_is_verified_by_the_same_networks_and_a_better_one_is_not() -> None:
    generator = Generator("dyadic", dyadic(2), 0)
    row = value(generator.graph, np.array([[0.5, -0.3]]))[0] + 0.1
    found = certify_row(generator, 0.4, Fraction(1, 10), row)
    assert found.proof is not None and verify(found.proof, generator).holds
    # What halves of the leaves would prove is believed, and more than that is not.
    better = replace(found.proof, log_integral=found.proof.log_integral + 0.3)
    assert "log int" in verify(better, generator).reason
    assert "log C" in verify(replace(found.proof, log_constant=found.proof.log_constant - 0.3), generator).reason


def test_weights_are_kept_as_long_as_their_node() -> None:
    node = Affine(0, np.eye(3), np.zeros(3))
    assert box_weights.weights_of(node) is box_weights.weights_of(node)
    before = len(box_weights._MADE)
    del node
    gc.collect()
    assert len(box_weights._MADE) == before - 1
