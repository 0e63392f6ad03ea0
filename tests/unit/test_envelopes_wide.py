"""Boxes behind wide layers: few are held at a time, fewer points are looked at, and work ends the search."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from certify.arithmetic.intervals import FloatArray
from certify.envelopes import box_search, fit
from certify.envelopes.box_bounds import mean_potential_upper, potential_plus_log_density
from certify.envelopes.box_certificate import box_envelope
from certify.envelopes.box_search import LIMITS, WORK_FEW, BoxLimits, log_masses_lower, log_ratio_upper
from certify.envelopes.box_tree import lattice
from certify.envelopes.box_weights import multiplications
from certify.envelopes.cuts import solved_by_cuts
from certify.envelopes.likelihood import BLOCK, CACHED, LEAST_BLOCK, GaussianLikelihood, block_of, boxes_of, potential
from certify.envelopes.mixture import Mixture
from certify.generators.graph import Activation, Affine, Graph, Input
from tests.generators import one_hidden_layer


def stretched(width: int, weights: int) -> Graph:
    """A hidden ReLU layer of `width`, then one that repeats its first neurons `weights` times."""
    random = np.random.default_rng(1)
    first = Affine(0, random.standard_normal((width, 2)), 0.1 * random.standard_normal(width))
    entries = np.ones(weights) / np.sqrt(weights), (np.arange(weights) % 3, np.arange(weights) % width)
    return Graph((Input(2), first, Activation(1, "relu", width), Affine(2, sp.csr_array(entries), np.zeros(3))))


def test_blocks_shrink_with_the_widest_node() -> None:
    assert block_of(one_hidden_layer("relu", 2, 2, 0).graph) == BLOCK
    assert block_of(stretched(CACHED // 100, 6000)) == 100
    assert block_of(stretched(CACHED, 60)) == LEAST_BLOCK
    assert boxes_of(one_hidden_layer("relu", 2, 2, 0).graph) == 2 * BLOCK and boxes_of(stretched(CACHED, 60)) == 8


def test_boxes_in_parts_have_the_bounds_of_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    graph, random = one_hidden_layer("tanh", 2, 3, 0).graph, np.random.default_rng(0)
    likelihood = GaussianLikelihood(random.standard_normal(3), 0.4)
    proposal = Mixture(np.ones(1), np.zeros((1, 2)), np.eye(2)[None])
    lows, highs = lattice(np.full(2, -2.0), np.full(2, 2.0), 7)
    asked: list[int] = []
    whole = log_ratio_upper(graph, likelihood, proposal, lows, highs), log_masses_lower(graph, likelihood, lows, highs)
    for name, function in (("potential_plus_log_density", potential_plus_log_density),
                           ("mean_potential_upper", mean_potential_upper)):  # fmt: skip

        def counted(*arguments: object, inner: object = function) -> object:
            asked.append(len(arguments[-2]))  # type: ignore[arg-type]
            return inner(*arguments)  # type: ignore[operator]

        monkeypatch.setattr(box_search, name, counted)
    monkeypatch.setattr(box_search, "boxes_of", lambda graph: 10)
    parts = log_ratio_upper(graph, likelihood, proposal, lows, highs), log_masses_lower(graph, likelihood, lows, highs)
    assert asked == [10, 10, 10, 10, 9] * 2
    assert np.allclose(whole[0][0], parts[0][0], rtol=1e-12, atol=1e-12) and np.allclose(whole[1], parts[1], rtol=1e-12)
    assert np.array_equal(whole[0][1], parts[0][1])


def test_work_is_counted_for_few_latents_too() -> None:
    wide = stretched(3000, 5_000_000 // 9)
    assert multiplications(wide) == 6000 + wide.nodes[3].weight.size  # type: ignore[union-attr]
    assert BoxLimits.of(stretched(30, 60)) == LIMITS[2]
    heavy = Graph((*stretched(3000, 60).nodes[:3], Affine(2, np.ones((2000, 3000)), np.zeros(2000))))
    assert BoxLimits.of(heavy).boxes == int(WORK_FEW / (5 * 6_006_000)) < LIMITS[2].boxes


def test_an_expensive_network_is_certified_from_fewer_points(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = one_hidden_layer("relu", 2, 3, 0).graph
    likelihood = GaussianLikelihood(np.array([0.3, -0.2, 0.4]), 0.3)
    counts: list[int] = []

    def counted(graph: Graph, likelihood: GaussianLikelihood, points: FloatArray, region: None = None) -> FloatArray:
        counts[-1] += len(points)
        return potential(graph, likelihood, points)

    for name in ("candidate_potential", "repeated_potential"):
        monkeypatch.setattr(fit, name, counted)
    found = []
    for effort in (fit.FULL, fit.SPARING):
        monkeypatch.setattr(fit, "effort_of", lambda graph, effort=effort: effort)
        counts.append(0)
        envelope = box_envelope(graph, likelihood)
        assert envelope is not None
        found.append(envelope.acceptance)
    assert counts[1] < 0.6 * counts[0] and min(found) > 0.65


def test_known_potentials_are_not_evaluated_again() -> None:
    graph = one_hidden_layer("relu", 2, 3, 0).graph
    likelihood, proposal = GaussianLikelihood(np.zeros(3), 0.5), Mixture(np.ones(1), np.zeros((1, 2)), np.eye(2)[None])
    seen, corner = np.random.default_rng(0).standard_normal((20, 2)), np.full(2, 1.0)
    known = potential(graph, likelihood, seen)
    arguments = graph, likelihood, proposal, -corner, corner, seen, BoxLimits(0.1, 50)
    plain, given = box_search.supremum_of_ratio(*arguments), box_search.supremum_of_ratio(*arguments, known)
    assert (plain.upper, plain.lower, plain.boxes) == (given.upper, given.lower, given.boxes)
    # A value that is wrong moves only what was seen; points outside the box do not count.
    outside = np.abs(seen).max(axis=1) > 1.0
    assert 0 < outside.sum() < 20
    wrong = box_search.supremum_of_ratio(*arguments, np.where(outside, -1e3, known))
    assert (wrong.upper, wrong.lower) == (plain.upper, plain.lower)


def test_a_programme_ends_at_the_same_least_sum_wherever_it_begins() -> None:
    random = np.random.default_rng(3)
    matrix = np.exp(random.normal(0.0, 1.5, (900, 12)))
    whole = fit._programme(matrix)
    assert whole is not None and (matrix @ whole).min() > 1.0 - 2e-3
    for first in (np.arange(1), np.argsort(matrix @ whole)[: fit.CUTS]):
        weights = fit._programme(matrix, first)
        assert weights is not None and (matrix @ weights).min() > 1.0 - 2e-3
        assert abs(weights.sum() / whole.sum() - 1.0) < 3e-3
    # Rows that only the rest of the matrix would forbid are not believed.
    assert fit._programme(np.concatenate([matrix, np.zeros((1, 12))]), np.arange(5)) is None


def test_a_programme_that_fails_in_a_later_round_leaves_what_was_found() -> None:
    matrix = np.array([[1.0, 0.5], [0.5, 1.0], [0.5, 0.25]])
    answers: list[FloatArray | None] = [np.array([0.6, 0.9]), None]
    # The last row is covered by 0.525 only.
    found = solved_by_cuts(matrix, np.arange(2), lambda rows: answers[len(rows) - 2], 5, 4)
    assert found is not None and np.allclose(found, np.array([0.6, 0.9]) / 0.525)
    assert solved_by_cuts(matrix, np.arange(2), lambda rows: None, 5, 4) is None
    # Nothing enlarges what does not cover a row at all.
    rows = np.array([[1.0, 0.0], [0.0, 1.0]])
    answers = [np.array([1.0, 0.0]), None]
    assert solved_by_cuts(rows, np.arange(1), lambda some: answers[len(some) - 1], 5, 4) is None


def test_peaks_are_added_to_the_rows_that_bind(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = one_hidden_layer("relu", 2, 3, 0).graph
    likelihood = GaussianLikelihood(np.array([0.3, -0.2, 0.4]), 0.1)
    begun: list[tuple[int, int]] = []
    programme = fit._programme

    def seen(matrix: FloatArray, first: fit.IntArray | None = None) -> FloatArray | None:
        if first is not None:
            # New rows are the last ones, and every row is one of the matrix.
            assert first[-1] == len(matrix) - 1 and len(np.unique(first)) == len(first)
            begun.append((len(first), len(matrix)))
        return programme(matrix, first)

    monkeypatch.setattr(fit, "_programme", seen)
    monkeypatch.setattr(fit, "CLOSE", 0.0)
    assert box_envelope(graph, likelihood) is not None
    assert begun and all(first <= fit.CUTS + 2 * fit.FULL.starts < rows for first, rows in begun)
