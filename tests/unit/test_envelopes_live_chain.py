"""Chains without the neurons that are off: the same function on their boxes, and bounds that hold."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from certify.arithmetic.intervals import FloatArray
from certify.certificates.kinds.rejection import verify
from certify.envelopes import (
    box_chain,
    box_search,
    live_chain,
    rejection,
    tile_weights,
)
from certify.envelopes.box_bounds import mean_potential_upper, potential_plus_log_density
from certify.envelopes.box_certificate import box_envelope
from certify.envelopes.box_chain import Chain, chain_of, chain_values
from certify.envelopes.box_search import (
    BoxLimits,
    _log_masses,
    log_integral_lower,
    log_masses_lower,
    log_sum_lower,
    supremum_of_ratio,
)
from certify.envelopes.box_tree import Tiling, lattice
from certify.envelopes.chain_forms import chain_forms
from certify.envelopes.likelihood import GaussianLikelihood, candidate_potential, likelihood_of, potential
from certify.envelopes.live_chain import Bits, LiveChains, LiveRegion, all_live, live_bits, live_region
from certify.envelopes.mixture import Mixture
from certify.envelopes.tile_weights import tiles_of
from certify.generators.derivatives import value
from certify.generators.graph import Affine, Generator, Graph
from tests.unit.test_envelopes_chain import count_as_expensive, decoder, dense_layers
from tests.unit.test_envelopes_stencils import transposed_convolution
from theorems.rejection_encoder.observations import certify_row


@pytest.fixture(autouse=True)
def expensive(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small convolutions count as expensive, and smaller chains as cheap to make and to call."""
    count_as_expensive(monkeypatch)
    monkeypatch.setattr(live_chain, "CALL", 0.0)
    monkeypatch.setattr(live_chain, "SMALL", 0.3)
    monkeypatch.setattr(live_chain, "MAKING", 0.1)


LOW, HIGH = np.array([0.2, -0.5]), np.array([0.7, -0.1])


def chain(graph: Graph) -> Chain:
    found = chain_of(graph)
    assert found is not None
    return found


def region(graph: Graph) -> LiveRegion:
    found = live_region(chain(graph), LOW, HIGH)
    assert found is not None
    return found


def points(count: int) -> FloatArray:
    random = np.random.default_rng(3)
    return np.asarray(
        LOW + (HIGH - LOW) * np.concatenate([random.uniform(size=(count, 2)), [[0, 0], [0, 1], [1, 0], [1, 1]]])
    )


def inner(seed: int, count: int = 20) -> tuple[FloatArray, FloatArray]:
    """Centres and half-widths of boxes inside the region."""
    random = np.random.default_rng(seed)
    ends = LOW + (HIGH - LOW) * np.sort(random.uniform(size=(2, count, 2)), axis=0)
    return 0.5 * (ends[0] + ends[1]), 0.5 * (ends[1] - ends[0])


def inputs_of_relu(whole: Chain, at: FloatArray) -> list[FloatArray]:
    """What every layer of ReLU reads at points (b, d)."""
    found = [at @ whole.first.T + whole.offset]
    for layer in whole.layers[:-1]:
        found.append(layer.weight.times(np.maximum(found[-1], 0.0)) + layer.bias)
    return found


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_neurons_that_are_left_out_are_off(share: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(box_chain, "SPARSE_SHARE", share)
    graph = decoder(1, "sigmoid")
    found, whole = region(graph), chain(graph)
    live = found.small.chain.live
    assert live is not None
    for kept, read in zip(live, inputs_of_relu(whole, points(400)), strict=True):
        assert 0.2 < kept.mean() < 0.95 and (read[:, np.logical_not(kept)] < 0).all()
        # Not many are kept that are off: the parts of the region are small.
        assert np.asarray((read > 0).any(axis=0))[kept].mean() > 0.8
    # The same function there, in floats to rounding, and another one elsewhere.
    for single, error in ((False, 1e-13), (True, 1e-5)):
        outputs, known = chain_values(found.small.chain, points(400), single)
        assert known.all() and np.abs(outputs - value(graph, points(400))).max() < error
    far = 4.0 * np.random.default_rng(0).standard_normal((50, 2))
    assert np.abs(chain_values(found.small.chain, far, False)[0] - value(graph, far)).max() > 1e-2


def test_the_products_of_tiles_are_those_of_the_rows_and_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(5)
    weight = transposed_convolution(4, 8, 6, 2, random)
    rows, columns = (random.uniform(size=size) < 0.6 for size in weight.shape)
    # Some rows have no column left.
    columns[:64] = False
    expected = weight.toarray()[rows][:, columns]
    assert (expected == 0).all(axis=1).any()
    vectors = random.standard_normal((7, columns.sum()))
    seen = set()
    for groups, call in (((1,), 600.0), ((2,), 600.0), ((7,), 600.0), ((1, 2, 7), 600.0), ((2,), 1.0)):
        monkeypatch.setattr(tile_weights, "GROUPS", groups)
        monkeypatch.setattr(tile_weights, "CALL", call)
        tiles = tiles_of(weight)
        seen.add(len(tiles.blocks))
        # Where calls cost little rows have several tiles, whose products are added.
        assert (len(np.unique(tiles.blocks[:, 0])) < len(tiles.blocks)) == (call == 1.0)
        small = tiles.small(rows, columns, 99)
        assert small.terms == 99 and small.shape == expected.shape
        assert small.entries == tiles.entries(rows, columns) < weight.shape[0] * weight.shape[1]
        assert np.allclose(small.times(vectors), vectors @ expected.T, atol=1e-13)
        # What was there before is written over.
        out = np.full((7, rows.sum()), np.nan, dtype=np.float32)
        small.times_single(vectors.astype(np.float32), out)
        assert np.allclose(out, vectors @ expected.T, atol=1e-5)
        small.spread_single(np.abs(vectors).astype(np.float32), out)
        assert np.allclose(out, np.abs(vectors) @ np.abs(expected).T, atol=1e-5)
    assert len(seen) > 1


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_layers_are_the_rows_and_columns_that_are_kept(share: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(box_chain, "SPARSE_SHARE", share)
    graph = decoder(1)
    small, whole = region(graph).small.chain, chain(graph)
    assert small.live is not None
    behind = (*small.live[1:], np.ones(36, dtype=bool))
    for own, layer, columns, rows in zip(small.layers, whole.layers, small.live, behind, strict=True):
        matrix = layer.weight.times(np.eye(layer.weight.shape[1])).T[rows][:, columns]
        assert np.array_equal(own.weight.times(np.eye(len(matrix.T))).T, matrix)
        assert np.array_equal(own.transposed.times(np.eye(len(matrix))), matrix)
        # What is taken to be rounded is no less than in the whole chain.
        assert np.array_equal(own.row_sums, layer.row_sums[rows]) and np.array_equal(own.bias, layer.bias[rows])
        assert own.weight.terms == layer.weight.terms + live_chain.REPEATED
        assert own.transposed.terms == layer.transposed.terms + live_chain.REPEATED


def test_a_region_is_looked_at_in_all_its_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = decoder(1)
    bits = region(graph).small.bits
    monkeypatch.setattr(live_chain, "PARTS", 35)
    assert np.array_equal(region(graph).small.bits, bits)


@pytest.mark.parametrize("has_region", [False, True])
def test_searches_say_of_no_box_that_a_neuron_is_off_which_is_on(
    has_region: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = decoder(2, "sigmoid")
    whole, middle = chain(graph), np.array([0.4, -0.3])
    likelihood = GaussianLikelihood(value(graph, middle) + 0.05, 0.1)
    proposal = Mixture(np.ones(1), middle[None], np.eye(2)[None] / 0.4)
    random, known, plain = np.random.default_rng(4), list[float](), LiveChains.parts
    corners = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])

    def seen(chains: LiveChains, bits: Bits, lows: FloatArray, highs: FloatArray) -> list[Any]:
        shares = np.concatenate([random.uniform(size=(20, 2)), corners])
        at = lows[:, None] + (highs - lows)[:, None] * shares
        read = np.concatenate(inputs_of_relu(whole, at.reshape(-1, 2)), axis=1)
        on = (read > 1e-12).reshape(*at.shape[:2], -1).any(axis=1)
        said = np.unpackbits(bits, axis=1)[:, : on.shape[1]].astype(bool)
        assert not (on & ~said).any()
        known.append(1.0 - float(said.mean()))
        found = plain(chains, bits, lows, highs)
        for own, boxes in found:
            assert own.live is None or not (on[boxes] & ~np.concatenate(own.live)).any()
        return found

    monkeypatch.setattr(LiveChains, "parts", seen)
    # Some boxes wait.
    monkeypatch.setattr(box_search, "BATCH", 6)
    near = region(graph) if has_region else None
    limits = BoxLimits(tolerance=0.05, boxes=3000)
    corner = np.full(2, 3.0)
    assert supremum_of_ratio(graph, likelihood, proposal, -corner, corner, middle[None], limits, region=near).finished
    count = len(known)
    log_integral_lower(graph, likelihood, -corner, corner, 0.95, limits, near)
    assert count > 5 and len(known) > count + 2 and max(known[:count]) > 0.3 and max(known[count:]) > 0.3


def test_a_weight_of_zeros_has_no_tiles() -> None:
    tiles = tiles_of(sp.csr_array((6, 5)))
    small = tiles.small(np.ones(6, dtype=bool), np.ones(5, dtype=bool), 1)
    assert len(small.parts) == 0 and (small.times(np.ones((3, 5))) == 0).all()


@pytest.mark.parametrize("end", ["", "sigmoid"])
def test_bounds_by_a_smaller_chain_hold(end: str) -> None:
    graph = decoder(2, end)
    small, whole = region(graph).small.chain, chain(graph)
    centres, halves = inner(1)
    likelihood = GaussianLikelihood(value(graph, np.array([0.4, -0.3])) + 0.05, 0.3)
    proposal = Mixture(np.ones(1), np.array([[0.4, -0.3]]), np.eye(2)[None] / 0.4)
    signs = np.concatenate([np.random.default_rng(2).uniform(-1, 1, (60, 2)), [[1, 1], [1, -1], [-1, 1], [-1, -1]]])
    at = centres[:, None] + halves[:, None] * signs
    flat = potential(graph, likelihood, at.reshape(-1, 2))
    seen = (flat + proposal.log_density(at.reshape(-1, 2))).reshape(20, -1)
    below, other = (
        potential_plus_log_density(graph, likelihood, proposal, centres, halves, item) for item in (small, whole)
    )
    assert (below.lower[:, None] <= seen).all() and np.allclose(below.middle, other.middle, rtol=1e-12)
    # As close as through the whole chain, and not closer by more than float32 differ: records are verified by that.
    assert (below.lower <= other.lower + 1e-7).all() and (below.lower > other.lower - 1e-3).all()
    above, most = (mean_potential_upper(graph, likelihood, centres, halves, item) for item in (small, whole))
    assert (above.upper >= most.upper - 1e-7).all() and (above.upper < most.upper + 1e-3).all()
    # The forms say of the same neurons that they are off, or of nearly the same.
    assert below.bits is not None and other.bits is not None and below.bits.shape == other.bits.shape
    assert np.unpackbits(below.bits ^ other.bits).sum() <= 20
    node = chain_forms(small, centres, halves)
    outputs = value(Graph(graph.nodes[:6]), at.reshape(-1, 2)).reshape(20, len(signs), -1)
    plane = (
        np.einsum("bki,bpi->bpk", node.plane.slope, halves[:, None] * signs) + (node.value + node.plane.shift)[:, None]
    )
    assert (np.abs(outputs - plane) <= node.plane.radius[:, None] * (1 + 1e-9)).all()


def test_what_overflowed_is_not_off() -> None:
    graph = decoder(3)
    whole = chain(graph)
    huge = replace(whole, first=whole.first * 1e38, offset=-np.abs(whole.offset) * 1e38)
    with np.errstate(over="ignore", invalid="ignore"):
        forms = chain_forms(huge, np.zeros((1, 2)), np.full((1, 2), 50.0))
    widths = [kinks.on.shape[1] for kinks in forms.kinks]
    live = np.unpackbits(live_bits(forms)[0])[: sum(widths)]
    # The first layer's remainders are not finite, and nothing is known behind it.
    assert not np.isfinite(forms.plane.radius).all() and live[widths[0] :].all()


def test_what_is_off_is_off_up_to_the_ends_of_a_box_whose_mass_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(box_chain, "SPARSE_SHARE", 0.0)
    random, found, close = np.random.default_rng(0), 0, 0
    likelihood = GaussianLikelihood(np.zeros(1), 1.0)
    for exponent in range(-51, -11):
        # Neurons whose kinks are a few roundings, or a little of the width, from an end, beyond it or not.
        low = float(random.uniform(1.0, 40.0))
        width = max(low * 2.0**exponent, float(np.spacing(low)))
        high, slopes = low + width, random.standard_normal(64)
        kinks = np.where(slopes > 0, high, low)
        kinks += np.sign(slopes) * (
            random.integers(-1, 60, 64) * np.spacing(low) + random.choice([0, 1e-5], 64) * width
        )
        biases = -slopes * kinks
        weights = [slopes[:, None], random.standard_normal((5, 64)), np.ones((1, 5))]
        graph = dense_layers(weights, [biases, np.zeros(5), np.zeros(1)])
        bits = _log_masses(graph, likelihood, np.array([[low]]), np.array([[high]]))[2]
        for slope, bias in zip(*(part[np.unpackbits(bits[0])[:64] == 0] for part in (slopes, biases)), strict=True):
            most = max(Fraction(slope) * Fraction(end) + Fraction(bias) for end in (low, high))
            found, close = found + 1, close + (most > -1e-4 * abs(slope) * width)
            assert most < 0
    assert found > 200 and close > 50


def test_every_box_has_a_chain_that_keeps_what_may_be_on_in_it() -> None:
    graph = decoder(4)
    whole = chain(graph)
    lows, highs = lattice(np.array([-2.0, -2.0]), np.array([2.0, 2.0]), 9)
    bits = live_bits(chain_forms(whole, 0.5 * (lows + highs), 0.5 * (highs - lows)))
    assert not (bits & ~all_live(whole, 81)).any()
    chains = LiveChains(whole)
    smaller = 0
    for taken in (np.arange(81), np.arange(20, 60), np.arange(30, 34), np.arange(31, 33)):
        parts = chains.parts(bits[taken], lows[taken], highs[taken])
        assert sorted(np.concatenate([boxes for _, boxes in parts]).tolist()) == list(range(len(taken)))
        for own, boxes in parts:
            if own.live is None:
                continue
            smaller += len(boxes)
            kept = np.packbits(np.concatenate(own.live))
            assert not (bits[taken][boxes] & ~kept).any()
    assert smaller > 20
    # Of boxes of which nothing is known none gets a smaller one.
    unknown = chains.parts(all_live(whole, 81), lows, highs)
    assert all(own.live is None for own, boxes in unknown if len(boxes))


def test_a_region_serves_the_boxes_inside_alone() -> None:
    graph = decoder(5)
    found, whole = region(graph), chain(graph)
    room = np.array([[0.0, 0.0], [0.0, 0.0], [1e-12, 0.0]])
    lows, highs = LOW - room, HIGH - np.array([[0.0, 0.0], [0.1, 0.1], [0.0, 0.0]])
    assert found.holds(lows, highs).tolist() == [True, True, False]
    parts = LiveChains(whole, found).parts(all_live(whole, 3), lows, highs)
    assert [(own is found.small.chain, boxes.tolist()) for own, boxes in parts] == [(True, [0, 1]), (False, [2])]
    # Points too: those outside are taken through the whole chain.
    likelihood = GaussianLikelihood(value(graph, np.array([0.4, -0.3])), 0.3)
    both = np.concatenate([points(20), 4.0 * np.random.default_rng(1).standard_normal((20, 2))])
    exact = potential(graph, likelihood, both)
    assert np.allclose(candidate_potential(graph, likelihood, both, found), exact, rtol=1e-5)


def test_a_region_that_keeps_nearly_all_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_chain, "SMALL", 1.0)
    assert live_region(chain(decoder(6)), np.array([-40.0, -40.0]), np.array([40.0, 40.0])) is None


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_records_of_smaller_chains_are_verified_through_the_whole_one(
    share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(box_chain, "SPARSE_SHARE", share)
    graph = decoder(4, "sigmoid")
    generator = Generator("chain", graph, 0)
    row = value(graph, np.array([0.4, 0.1])) + 0.05
    proof = certify_row(generator, 0.3, Fraction(1, 10), row).proof
    assert proof is not None and proof.proposals is not None and verify(proof, generator).holds
    assert not verify(replace(proof, log_constant=proof.log_constant - 0.3), generator).holds
    assert not verify(replace(proof, log_integral=proof.log_integral + 0.3), generator).holds
    # Without smaller chains the search finds nearly the same.
    found = box_envelope(graph, likelihood_of(generator, row, 0.3))
    monkeypatch.setattr(live_chain, "MOST_COST", 0.0)
    monkeypatch.setattr(live_chain, "MAKING", np.inf)
    plain = box_envelope(graph, likelihood_of(generator, row, 0.3))
    assert found is not None and plain is not None and found.log_constant != plain.log_constant
    assert abs(found.log_constant - plain.log_constant) < 0.1 and abs(found.log_integral - plain.log_integral) < 0.1


def test_a_record_holds_whose_leaves_alone_say_less_than_the_search_knew() -> None:
    graph = decoder(6, "sigmoid")
    generator, row = Generator("chain", graph, 0), value(graph, np.array([0.4, 0.1])) + 0.05
    proof = certify_row(generator, 0.3, Fraction(1, 10), row).proof
    assert proof is not None and proof.cells is not None
    cells = proof.cells
    leaves = Tiling(np.array(cells.low), np.array(cells.high), cells.sides, cells.splits).leaves()
    assert leaves is not None
    # Of a leaf alone fewer neurons are seen to be off than of the box that it was a part of.
    alone = log_sum_lower(log_masses_lower(graph, likelihood_of(generator, row, 0.3), *leaves))
    assert alone < proof.log_integral and verify(proof, generator).holds


@pytest.mark.parametrize("share", [0.0, 1.0])
@pytest.mark.parametrize("dead", [1, 3])
def test_a_layer_of_which_all_is_off_keeps_a_neuron(dead: int, share: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(box_chain, "SPARSE_SHARE", share)
    nodes = list(decoder(3, "sigmoid").nodes)
    node = nodes[dead]
    assert isinstance(node, Affine)
    nodes[dead] = replace(node, bias=node.bias - 60.0)
    graph = Graph(tuple(nodes))
    found = region(graph)
    live = found.small.chain.live
    assert live is not None and live[dead // 2].sum() == 1
    outputs, known = chain_values(found.small.chain, points(20), False)
    assert known.all() and np.abs(outputs - value(graph, points(20))).max() < 1e-13
    generator = Generator("dead", graph, 0)
    proof = certify_row(generator, 0.3, Fraction(1, 10), value(graph, np.zeros(2)) + 0.05).proof
    assert proof is not None and verify(proof, generator).holds


def test_many_boxes_take_the_memory_of_their_bits() -> None:
    whole, random = chain(decoder(1)), np.random.default_rng(0)
    bits = all_live(whole, 8192) & random.integers(0, 256, (8192, 1), dtype=np.uint8)
    chains = LiveChains(whole)
    tracemalloc.start()
    try:
        chains.parts(bits, np.zeros((8192, 2)), np.ones((8192, 2)))
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # Unpacked they take eight times as much.
    assert most < 5 * bits.nbytes


def test_proposals_are_accepted_as_without_a_region(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = decoder(5, "sigmoid")
    likelihood = GaussianLikelihood(value(graph, np.array([0.4, -0.3])) + 0.05, 0.3)
    proposal = Mixture(np.ones(1), np.array([[0.4, -0.3]]), np.eye(2)[None] / 0.1)
    drawn = proposal.draw(1200, np.random.default_rng(0))
    needed = np.full(1200, np.median(-potential(graph, likelihood, drawn) - proposal.log_density(drawn)))
    found = rejection._ratios(graph, likelihood, proposal, drawn, needed)
    monkeypatch.setattr(rejection, "MANY", 10**9)
    plain = rejection._ratios(graph, likelihood, proposal, drawn, needed)
    assert not np.array_equal(found[0], plain[0])
    assert np.array_equal(found[0] >= needed, plain[0] >= needed) and found[1].all() and plain[1].all()
