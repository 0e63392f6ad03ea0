"""Boxes through layers of ReLU by float32: what is said of every node holds, close to what float64 says."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import scipy.sparse as sp

from certify.arithmetic.intervals import FloatArray
from certify.certificates.kinds.rejection import _integral, _Lifted, verify
from certify.envelopes import block_weights, box_chain, box_rows, box_search, box_weights, rejection
from certify.envelopes.box_bounds import mean_potential_upper, potential_plus_log_density
from certify.envelopes.box_chain import Chain, chain_of, chain_values
from certify.envelopes.box_forms import box_forms
from certify.envelopes.box_search import _log_ratios, known_log_ratio, log_masses_lower, log_ratio, log_ratio_upper
from certify.envelopes.box_tree import Cuts, Tiling, divided, lattice
from certify.envelopes.chain_forms import _bent, chain_forms
from certify.envelopes.likelihood import (
    GaussianLikelihood,
    candidate_potential,
    likelihood_of,
    potential,
    repeated_potential,
)
from certify.envelopes.mixture import Mixture
from certify.envelopes.stencil_weights import DenseWeight, StencilWeight
from certify.envelopes.weighted import weighted_lower, weighted_quadratic_lower
from certify.generators.derivatives import value
from certify.generators.graph import Activation, Affine, Generator, Graph, Input, Sum
from tests.unit.test_envelopes_stencils import transposed_convolution
from theorems.rejection_encoder.observations import certify_row


def count_as_expensive(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every network counts as expensive, small convolutions as such, and rows cost too much, as behind wide ones."""
    monkeypatch.setattr(box_weights, "EXPENSIVE", 0.0)
    monkeypatch.setattr(box_rows, "LARGEST_COST", 0.0)
    monkeypatch.setattr(box_chain, "SPARSE_SHARE", 1.0)
    monkeypatch.setattr(block_weights, "LEAST_ENTRIES", 100)


@pytest.fixture(autouse=True)
def expensive(monkeypatch: pytest.MonkeyPatch) -> None:
    count_as_expensive(monkeypatch)


def decoder(seed: int, end: str = "", bias: float = 0.3) -> Graph:
    """Two latents, a dense layer, two convolutions; the last has one channel, so that its pieces go by columns."""
    random = np.random.default_rng(seed)
    first = transposed_convolution(3, 8, 8, 2, random)
    second = transposed_convolution(6, 8, 1, 1, random)
    nodes = (
        Input(2),
        Affine(0, random.standard_normal((72, 2)), bias * random.standard_normal(72)),
        Activation(1, "relu", 72),
        Affine(2, first / 4, bias * random.standard_normal(first.shape[0])),
        Activation(3, "relu", first.shape[0]),
        Affine(4, second / 8, bias * random.standard_normal(36)),
    )
    return Graph((*nodes, Activation(5, end, 36)) if end else nodes)


def chain(graph: Graph) -> Chain:
    found = chain_of(graph)
    assert found is not None
    return found


def boxes(seed: int, half: float, count: int = 30) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Centres, half-widths, and points (b, p, 2) of the boxes, corners among them."""
    random = np.random.default_rng([seed, 7])
    centres, halves = random.standard_normal((count, 2)), half * random.uniform(0.2, 1.0, (count, 2))
    signs = np.concatenate([random.uniform(-1, 1, (60, 2)), [[1, 1], [1, -1], [-1, 1], [-1, -1], [0, 0]]])
    return centres, halves, halves[:, None] * signs


def outputs(graph: Graph, centres: FloatArray, moved: FloatArray) -> FloatArray:
    points = centres[:, None] + moved
    return value(graph, points.reshape(-1, 2)).reshape(*points.shape[:2], -1)


def test_the_chain_is_found_with_its_pieces() -> None:
    found = chain(decoder(0, "sigmoid"))
    assert found.last == 5 and [node.width for node in found.rest.nodes] == [36, 36]
    assert all(isinstance(layer.weight, StencilWeight) for layer in found.layers)


def test_dense_layers_are_a_chain_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(box_chain, "SPARSE_SHARE", 0.0)
    graph = decoder(2)
    assert all(isinstance(layer.weight, DenseWeight) for layer in chain(graph).layers)
    centres, halves, moved = boxes(1, 0.1)
    last = box_forms(graph, centres, halves, chain(graph)).nodes[-1]
    exact = outputs(graph, centres, moved)
    assert (exact >= last.low[:, None]).all() and (exact <= last.high[:, None]).all()


@pytest.mark.parametrize("half", [1e-3, 0.03, 0.3, 3.0])
def test_every_point_lies_in_the_forms_and_they_are_not_loose(half: float) -> None:
    widest = 0.0
    for seed in range(3):
        graph = decoder(seed)
        centres, halves, moved = boxes(seed, half)
        found = chain_forms(chain(graph), centres, halves)
        exact = outputs(graph, centres, moved)
        said = (found.value + found.plane.shift)[:, None] + np.einsum("bpj,bnj->bpn", moved, found.plane.slope)
        off = np.abs(exact - said) / found.plane.radius[:, None]
        assert (off <= 1.0).all()
        widest = max(widest, float(off.max()))
        whole, part = (box_forms(graph, centres, halves, item).nodes[-1] for item in (None, chain(graph)))
        assert (exact >= part.low[:, None]).all() and (exact <= part.high[:, None]).all()
        assert (part.high - part.low).mean() < 1.4 * (whole.high - whole.low).mean() + 1e-4
    assert widest > 0.3


def test_what_float32_rounds_is_in_the_radius() -> None:
    # Far from every kink the decoder is linear: what is left between it and the plane is rounding alone.
    graph, needed = decoder(5, bias=0.0), 0.0
    for seed in range(4):
        random = np.random.default_rng(seed)
        centres = 1e3 * random.standard_normal((30, 2))
        _, halves, moved = boxes(seed, 1.0)
        found = chain_forms(chain(graph), centres, halves)
        exact = outputs(graph, centres, moved) - outputs(graph, centres, 0 * moved[:, :1])
        off = np.abs(exact - np.einsum("bpj,bnj->bpn", moved, found.plane.slope))
        counts = [np.bincount(kinks.places // kinks.on.shape[1], minlength=30) for kinks in found.kinks]
        inside = sum(counts) == 0
        assert inside.sum() >= 5 and (off <= found.plane.radius[:, None])[inside].all()
        needed = max(needed, float(off[inside].max()))
    assert needed > 1e-7, "float64 alone would be off by less"


@pytest.mark.parametrize("half", [1e-3, 0.03, 0.3, 3.0])
def test_the_backward_pass_is_below_and_squares_are_closer(half: float) -> None:
    graph, random = decoder(1), np.random.default_rng(1)
    centres, halves, moved = boxes(3, half)
    rows = random.standard_normal((len(centres), 36))
    forms = box_forms(graph, centres, halves, chain(graph))
    found = weighted_quadratic_lower(forms, rows)
    exact = np.einsum("bpn,bn->bp", outputs(graph, centres, moved) - forms.nodes[-1].value[:, None], rows)
    said = np.einsum("bpj,bj->bp", moved, found.slope) + found.rest[:, None]
    said = said + 0.5 * np.einsum("bpi,bij,bpj->bp", moved, found.curvature, moved)
    assert (said <= exact + 1e-13 * (1 + np.abs(exact))).all()
    slope, rest = weighted_lower(forms, rows)
    lines = np.einsum("bpj,bj->bp", moved, slope) + rest[:, None]
    assert (lines <= exact + 1e-13 * (1 + np.abs(exact))).all()
    plain = weighted_quadratic_lower(box_forms(graph, centres, halves), rows)
    there = np.einsum("bpj,bj->bp", moved, plain.slope) + plain.rest[:, None]
    if half == 0.03:
        assert (exact - said).mean() < 0.9 * (exact - there).mean(), "squares keep the signs of kinks"
        assert np.abs(found.curvature).max() > 0


def test_both_squares_are_on_their_side_of_relu() -> None:
    random = np.random.default_rng(2)
    low, high = -random.uniform(0.0, 1.0, 300), random.uniform(0.0, 1.0, 300)
    v = random.uniform(low, high)
    above, below = np.zeros((2, 300)), np.zeros((2, 300))
    bent, (under, over) = _bent(v, low, high, np.zeros(300), above, below)
    assert (under > 0).sum() > 50 and (over > 0).sum() > 150 and len(bent) < 300
    t = low + (high - low) * np.linspace(0, 1, 101)[:, None]
    x, relu = (t - v)[:, bent], np.maximum(t, 0)[:, bent]
    lower = below[0, bent] + below[1, bent] * x + under * x * x
    upper = above[0, bent] + above[1, bent] * x + over * x * x
    assert (lower <= relu + 1e-12)[:, under > 0].all() and (upper >= relu - 1e-12)[:, over > 0].all()
    # Each touches: none is further away than it need be.
    assert np.abs(lower - relu)[:, under > 0].min(axis=0).max() < 1e-12
    assert (upper - relu)[:, over > 0].min(axis=0).max() < 0.02


def around(mean: FloatArray, deviation: float) -> Mixture:
    return Mixture(
        np.array([0.1, 0.9]), np.array([[0.0, 0.0], mean]), np.array([np.eye(2) / 1.3, np.eye(2) / deviation])
    )


@pytest.mark.parametrize("end", ["", "sigmoid"])
def test_bounds_over_boxes_hold_and_float64_is_asked_where_they_do_not_do(end: str) -> None:
    graph, likelihood = decoder(4, end), GaussianLikelihood(np.linspace(-0.2, 0.8, 36), 0.3)
    proposal = around(np.array([0.4, 0.1]), 0.3)
    lows, highs = lattice(np.array([-0.6, -0.9]), np.array([1.4, 1.1]), 10)
    upper = log_ratio_upper(graph, likelihood, proposal, lows, highs)[0]
    grid = np.linspace(0, 1, 12)
    inside = lows[:, None] + (highs - lows)[:, None] * np.array([(x, y) for x in grid for y in grid])
    seen = log_ratio(graph, likelihood, proposal, inside.reshape(-1, 2)).reshape(len(lows), -1)
    assert (upper >= seen.max(axis=1)).all() and np.median(upper - seen.max(axis=1)) < 5.0
    closer = log_ratio_upper(graph, likelihood, proposal, lows, highs, -np.inf)[0]
    assert (closer >= seen.max(axis=1)).all() and (closer <= upper).all() and (closer < upper).any()
    some = log_ratio_upper(graph, likelihood, proposal, lows, highs, float(np.median(upper)))[0]
    done = upper <= np.median(upper)
    assert np.array_equal(some[done], upper[done]) and (some >= closer - 1e-6)[~done].all()
    # Where neither does, halves do.
    double = _log_ratios(graph, likelihood, proposal, lows, highs, single=False)[0]
    assert (closer < np.fmin(upper, double)).any() and (some[~done] <= np.fmin(upper, double)[~done]).all()
    masses = log_masses_lower(graph, likelihood, lows, highs)
    middle = -potential(graph, likelihood, inside.reshape(-1, 2)).reshape(len(lows), 12, 12)
    # Riemann sums from above: the largest value at the corners of each small square, exp(-f) is nearly monotone there.
    corners = np.maximum.reduce([middle[:, i : 11 + i, j : 11 + j] for i in (0, 1) for j in (0, 1)])
    volume = np.prod(highs - lows, axis=1) / 121
    assert (masses <= np.log(np.exp(corners).sum(axis=(1, 2)) * volume)).all()
    assert np.median(np.log(np.exp(corners).sum(axis=(1, 2)) * volume) - masses) < 10.0


def test_float32_is_nearly_as_close_as_float64() -> None:
    graph, likelihood = decoder(4, "sigmoid"), GaussianLikelihood(np.linspace(-0.2, 0.8, 36), 0.3)
    centres, halves, _ = boxes(8, 0.01)
    proposal = around(np.zeros(2), 0.5)
    plain, single = (potential_plus_log_density(graph, likelihood, proposal, centres, halves, item)
                     for item in (None, chain(graph)))  # fmt: skip
    assert (single.lower > plain.lower - 1e-2).all() and not np.array_equal(single.lower, plain.lower)
    assert np.allclose(single.middle, plain.middle, rtol=1e-12)
    means = [mean_potential_upper(graph, likelihood, centres, halves, item) for item in (None, chain(graph))]
    assert (means[1].upper < means[0].upper + 1e-2).all()


def test_values_through_the_chain_are_the_decoder_s() -> None:
    graph = decoder(6, "sigmoid")
    points = np.random.default_rng(6).standard_normal((70, 2))
    exact = value(graph, points)
    for single, error in ((False, 1e-14), (True, 1e-5)):
        found, known = chain_values(chain(graph), points, single)
        assert known.all() and 0 < np.abs(found - exact).max() < error
    points[3] = 1e300
    with np.errstate(over="ignore", invalid="ignore"):
        assert not chain_values(chain(graph), points, True)[1][3]
        assert not chain_values(chain(graph), 1e9 * points, False)[1][3]
    likelihood = GaussianLikelihood(np.full(36, 0.4), 0.3)
    few = points[:3]
    assert np.array_equal(repeated_potential(graph, likelihood, few), candidate_potential(graph, likelihood, few))
    assert np.allclose(candidate_potential(graph, likelihood, few), potential(graph, likelihood, few), rtol=1e-5)
    assert not np.array_equal(candidate_potential(graph, likelihood, few), potential(graph, likelihood, few))


def test_what_is_no_chain_is_bounded_as_before() -> None:
    graph = decoder(0)
    nodes = graph.nodes
    first = nodes[3]
    assert isinstance(first, Affine)
    tiny = first.weight.copy()
    tiny.data[0] = 1e-30
    assert chain_of(Graph((*nodes[:3], replace(first, weight=tiny), *nodes[4:]))) is None
    assert chain_of(Graph((*nodes[:2], Activation(1, "tanh", 72), *nodes[3:]))) is None
    # Sums over more axes round more than is paid for.
    for d in (8, 9):
        wide = Graph((Input(d), Affine(0, np.ones((72, d)), np.zeros(72)), *nodes[2:]))
        assert (chain_of(wide) is None) == (d > 8)
    # What another node reads is no inner node; the chain ends before it.
    twice = Graph((*nodes, Affine(4, np.ones((36, nodes[4].width)), np.zeros(36)), Sum((5, 6), (1.0, 1.0), 36)))
    assert chain(twice).last == 3
    scattered = sp.random_array((300, nodes[4].width), density=0.05, rng=np.random.default_rng(0), format="csr")
    ended = Graph((*nodes[:5], Affine(4, sp.csr_array(scattered), np.zeros(300))))
    assert chain(ended).last == 3
    centres, halves, moved = boxes(0, 0.1)
    for other in (twice, ended):
        last = box_forms(other, centres, halves, chain(other)).nodes[-1]
        exact = outputs(other, centres, moved)
        assert (exact >= last.low[:, None]).all() and (exact <= last.high[:, None]).all()


def test_an_overflow_says_nothing_of_its_own_box_only() -> None:
    graph = decoder(0)
    centres, halves, _ = boxes(0, 0.1)
    halves[3] = 3e38
    last = box_forms(graph, centres, halves, chain(graph)).nodes[-1]
    assert not np.isfinite(last.radius[3]).any() and np.isinf(last.low[3]).all() and np.isinf(last.high[3]).all()
    assert np.isfinite(last.radius[np.arange(30) != 3]).all()


def test_a_neuron_beyond_float32_is_not_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(box_chain, "SPARSE_SHARE", 0.0)
    # The inner neuron is at -3.41e38 at 0, an infinity of float32, and at 1.69e38 at 1, where the output is 1.69.
    weights = [np.array(weight) for weight in ([[1.5e38], [1.8e38]], [[1.0, 2.0]], [[1e-28]], [[1e-10]])]
    graph = dense_layers(weights, [np.array(bias) for bias in ([1.5e38, 0.0], [-4.91e38], [0.0], [0.0])])
    likelihood = GaussianLikelihood(np.array([1.69]), 0.01)
    proposal = Mixture(np.ones(1), np.ones((1, 1)), np.ones((1, 1, 1)))
    seen = log_ratio(graph, likelihood, proposal, np.ones((1, 1)))
    lows, highs = lattice(-np.ones(1), np.ones(1), 1)
    assert chain(graph).last == 7
    assert (log_ratio_upper(graph, likelihood, proposal, lows, highs)[0] >= seen).all()


def dense_layers(weights: list[FloatArray], biases: list[FloatArray]) -> Graph:
    """Affine layers with ReLU between them."""
    nodes: list[Input | Affine | Activation] = [Input(weights[0].shape[1])]
    for weight, bias in zip(weights, biases, strict=True):
        nodes += [Affine(len(nodes) - 1, weight, bias), Activation(len(nodes), "relu", len(bias))]
    return Graph(tuple(nodes[:-1]))


def test_proposals_are_accepted_as_by_float64(monkeypatch: pytest.MonkeyPatch) -> None:
    graph, likelihood = decoder(4, "sigmoid"), GaussianLikelihood(np.linspace(-0.2, 0.8, 36), 0.3)
    proposal, random = around(np.array([0.4, 0.1]), 0.3), np.random.default_rng(0)
    points = proposal.draw(3000, random)
    exact = log_ratio(graph, likelihood, proposal, points)
    # As close to the line as float32 does not know.
    needed = exact + random.choice([-1.0, 1.0], 3000) * 10.0 ** random.uniform(-9, 1, 3000)
    ratio, known = rejection._ratios(graph, likelihood, proposal, points, needed)
    assert known.all() and np.array_equal(ratio >= needed, exact >= needed)
    single = -candidate_potential(graph, likelihood, points) - proposal.log_density(points)
    assert not np.array_equal(single >= needed, exact >= needed)


def test_float64_decides_where_the_noise_is_below_what_float32_knows() -> None:
    graph, mean = decoder(4, "sigmoid"), np.array([0.4, 0.1])
    likelihood, proposal = GaussianLikelihood(value(graph, mean), 1e-6), around(mean, 1e-6)
    random = np.random.default_rng(0)
    points = mean + 1e-6 * random.standard_normal((3000, 2))
    exact = log_ratio(graph, likelihood, proposal, points)
    needed = exact + random.choice([-1.0, 1.0], 3000) * 10.0 ** random.uniform(-3, 1, 3000)
    assert np.array_equal(rejection._ratios(graph, likelihood, proposal, points, needed)[0] >= needed, exact >= needed)


def test_no_proposal_is_accepted_where_floats_do_not_know_the_decoder() -> None:
    nodes = decoder(4).nodes
    steep = Affine(5, 1e3 * np.eye(36), np.zeros(36)), Activation(6, "exp", 36), Activation(7, "atan", 36)
    graph = Graph((*nodes, *steep))
    likelihood, proposal = GaussianLikelihood(np.zeros(36), 1.0), around(np.zeros(2), 1.0)
    points = np.random.default_rng(0).standard_normal((50, 2))
    exact, known = known_log_ratio(graph, likelihood, proposal, points)
    assert np.isfinite(exact).all() and not known.all()
    found = rejection._ratios(graph, likelihood, proposal, points, exact - 100.0)
    assert np.array_equal(found[1], known)


def test_parts_of_boxes_are_the_leaves_of_the_tree() -> None:
    random = np.random.default_rng(9)
    lows, highs = lattice(np.zeros(2), np.ones(2), 3)
    cuts, levels = Cuts(9), random.integers(0, 4, 9)
    parts = divided(lows, highs, random.uniform(0.5, 2.0, (9, 2)), levels, np.arange(9), cuts)
    leaves = Tiling(np.zeros(2), np.ones(2), 3, cuts.splits()).leaves()
    assert leaves is not None and len(parts[0]) == (2**levels).sum()
    assert {(*a, *b) for a, b in zip(*parts[:2], strict=True)} == {(*a, *b) for a, b in zip(*leaves, strict=True)}
    # An axis along which a box was bisected is half as steep.
    quarters = divided(
        *lattice(np.zeros(2), np.ones(2), 1), np.array([[1.0, 0.9]]), np.array([2]), np.arange(1), Cuts(1)
    )
    assert (quarters[1] - quarters[0] == 0.5).all()
    # The numbers are those of the parts: dividing one again divides that one.
    halves = divided(parts[0][:1], parts[1][:1], np.ones((1, 2)), np.array([1]), parts[2][:1], cuts)
    again = Tiling(np.zeros(2), np.ones(2), 3, cuts.splits()).leaves()
    assert again is not None and {(*a, *b) for a, b in zip(*halves[:2], strict=True)} <= {
        (*a, *b) for a, b in zip(*again, strict=True)
    }


def test_records_of_either_engine_are_verified(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = decoder(4, "sigmoid")
    generator = Generator("chain", graph, 0)
    row = value(graph, np.array([0.4, 0.1])) + 0.05
    for single in (True, False):
        with monkeypatch.context() as patch:
            if not single:
                patch.setattr(box_search, "chain_of", lambda graph: None)
            proof = certify_row(generator, 0.3, Fraction(1, 10), row).proof
        assert proof is not None and proof.proposals is not None
        assert verify(proof, generator).holds
        forged = replace(proof, log_constant=proof.log_constant - 0.3)
        assert not verify(forged, generator).holds


def test_an_integral_that_float64_reached_is_reached_again(monkeypatch: pytest.MonkeyPatch) -> None:
    # Dense layers stay a chain without the neurons that are off.
    monkeypatch.setattr(box_chain, "SPARSE_SHARE", 0.0)
    graph = decoder(4, "sigmoid")
    generator = Generator("chain", graph, 0)
    row = value(graph, np.array([0.4, 0.1])) + 0.05
    likelihood = likelihood_of(generator, row, 0.3)
    proof = certify_row(generator, 0.3, Fraction(1, 10), row).proof
    assert proof is not None and proof.cells is not None and chain_of(graph) is not None
    # So small a box that what float32 rounds is what is lost.
    cells = replace(proof.cells, low=(0.3, 0.3), high=(0.30001, 0.30001), sides=1, splits=".")

    def reached(claim: float) -> float:
        record = replace(proof, log_integral=claim, cells=cells)
        return _integral(record, generator, likelihood, _Lifted(generator, likelihood))

    with monkeypatch.context() as patch:
        patch.setattr(box_search, "chain_of", lambda graph: None)
        double = reached(np.inf)
    assert reached(-np.inf) < double <= reached(double)
