"""Weights whose sparse rows share their columns: the blocks are found, and multiply like the weight itself."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from certify.envelopes import weighted
from certify.envelopes.block_weights import LEAST_ENTRIES, BlockWeight, block_weight
from certify.envelopes.box_forms import box_forms
from certify.envelopes.box_search import BoxLimits
from certify.envelopes.box_weights import is_expensive, known_values, weights_of
from certify.envelopes.fit import FULL, SPARING, effort_of, find_cells
from certify.envelopes.likelihood import GaussianLikelihood, potential
from certify.generators.derivatives import value
from certify.generators.graph import Activation, Affine, Generator, Graph, Input
from theorems.rejection_encoder.found import LEAST_PROPOSALS, PROPOSALS, proposals_measured

SIDE, INNER, OUTER = 12, 32, 24
"""Pixels of a line, channels below and above."""


def convolution(channels_last: bool, random: np.random.Generator) -> sp.csr_array:
    """A transposed convolution along a line, kernel 3 and stride 2: pixel 2 i + k - 1 reads pixel i."""
    kernel = random.standard_normal((3, OUTER, INNER))
    rows, columns, entries = [], [], []
    for pixel in range(SIDE):
        for k in range(3):
            target = 2 * pixel + k - 1
            if not 0 <= target < 2 * SIDE:
                continue
            for o in range(OUTER):
                for i in range(INNER):
                    rows.append(target * OUTER + o if channels_last else o * 2 * SIDE + target)
                    columns.append(pixel * INNER + i if channels_last else i * SIDE + pixel)
                    entries.append(kernel[k, o, i])
    return sp.csr_array((entries, (rows, columns)), shape=(2 * SIDE * OUTER + 3, SIDE * INNER))


def repeated(count: int, random: np.random.Generator, channels_last: bool = True) -> sp.csr_array:
    """`count` convolutions side by side: enough entries for blocks."""
    return sp.csr_array(sp.block_diag([convolution(channels_last, random)] * count, format="csr"))


def test_a_convolution_is_few_blocks_and_multiplies_as_it_does() -> None:
    random = np.random.default_rng(0)
    for channels_last in (True, False):
        weight = repeated(3, random, channels_last)
        assert weight.nnz >= LEAST_ENTRIES
        for matrix in (weight, sp.csr_array(weight.T)):
            found = block_weight(matrix)
            assert found is not None and found.entries == matrix.nnz
            # One block for each pixel; the three copies share their entries.
            assert len({id(block.entries) for block in found.blocks}) <= len(found.blocks) / 3
            assert all(isinstance(block.rows, slice) for block in found.blocks) == channels_last
            vectors = random.standard_normal((2, 5, matrix.shape[1]))
            scale = vectors.reshape(-1, matrix.shape[1])
            size = (abs(matrix) @ np.abs(scale).T).T.reshape(2, 5, -1)
            exact = (matrix @ scale.T).T.reshape(2, 5, -1)
            assert (np.abs(found.times(vectors) - exact) <= 1e-13 * size).all()
            assert (np.abs(found.magnitude().times(np.abs(vectors)) - size) <= 1e-13 * size).all()


def test_rows_without_entries_are_zero_and_what_gains_nothing_is_left() -> None:
    random = np.random.default_rng(1)
    weight = repeated(3, random)
    found = block_weight(weight)
    assert found is not None
    empty = np.diff(weight.indptr) == 0
    assert empty.sum() == 9 and (found.times(np.ones((1, weight.shape[1])))[0, empty] == 0).all()
    assert block_weight(sp.csr_array(convolution(True, random))) is None, "too small"
    scattered = sp.random_array((2000, 2000), density=0.02, rng=random, format="csr")
    assert scattered.nnz >= LEAST_ENTRIES and block_weight(scattered) is None, "no shared columns"


def behind_blocks(random: np.random.Generator) -> tuple[Graph, Affine]:
    """A decoder of two latents whose last node, given beside it, has a weight in blocks."""
    weight = 0.05 * repeated(3, random)
    first = Affine(0, random.standard_normal((weight.shape[1], 2)), random.standard_normal(weight.shape[1]))
    wide = Affine(2, weight, random.standard_normal(weight.shape[0]))
    graph = Graph((Input(2), first, Activation(1, "tanh", weight.shape[1]), wide))
    return graph, wide


def test_the_box_engines_multiply_in_blocks_and_the_potential_is_the_same() -> None:
    random = np.random.default_rng(2)
    graph, wide = behind_blocks(random)
    weight = wide.weight
    assert isinstance(weights_of(wide).matrix, BlockWeight) and isinstance(weights_of(wide).transposed, BlockWeight)
    points = random.standard_normal((40, 2))
    exact = value(graph, points)
    assert np.allclose(known_values(graph, points)[0], exact, rtol=1e-12, atol=1e-12)
    likelihood = GaussianLikelihood(np.zeros(weight.shape[0]), 0.5)
    known = 0.5 * (points**2).sum(axis=1) + likelihood.value(exact)
    assert np.allclose(potential(graph, likelihood, points), known, rtol=1e-12)


def test_what_rounding_loses_behind_blocks_is_no_less_than_entry_by_entry() -> None:
    random = np.random.default_rng(3)
    graph, wide = behind_blocks(random)
    weight = wide.weight
    forms = box_forms(graph, random.standard_normal((6, 2)), np.full((6, 2), 0.1))
    row, source = random.standard_normal((6, weight.shape[0])), forms.nodes[2]
    moved, lost = weighted._through_affine(wide, row, source)
    growth = (sum(weight.shape) + 16) * np.finfo(float).eps / 2
    inputs = (source.reach + np.abs(source.value))[:, :, None]
    exact = (np.abs(row)[:, None] @ np.array([abs(weight) @ item for item in inputs]))[:, 0, 0]
    assert (lost >= growth * (exact + np.abs(row) @ np.abs(wide.bias))).all()
    assert (lost <= 1e-6).all() and np.allclose(moved, row @ weight, rtol=1e-12, atol=1e-12)


def test_where_an_evaluation_is_expensive_fewer_points_and_boxes_are_asked_for() -> None:
    def network(width: int) -> Graph:
        random = np.random.default_rng(4)
        first = Affine(0, random.standard_normal((width, 2)), np.zeros(width))
        square = Affine(2, random.standard_normal((width, width)) / width, np.zeros(width))
        return Graph((Input(2), first, Activation(1, "relu", width), square))

    small, large = network(50), network(1001)
    assert not is_expensive(small) and is_expensive(large)
    assert effort_of(small) == FULL and effort_of(large) == SPARING
    assert BoxLimits.of(large).share < BoxLimits.of(small).share
    cells = [find_cells(item, GaussianLikelihood(np.zeros(item.observed_dim), 1.0)) for item in (small, large)]
    assert len(cells[1].points) < len(cells[0].points)
    assert proposals_measured(Generator("small", small, 0)) == PROPOSALS
    assert LEAST_PROPOSALS <= proposals_measured(Generator("large", large, 0)) < PROPOSALS
