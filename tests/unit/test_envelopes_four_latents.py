"""Boxes for ReLU decoders with four latents: tried where forms are weak, limited by counted work, the larger p kept."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import scipy.sparse as sp

from certify.certificates.kinds.rejection import verify
from certify.envelopes import best
from certify.envelopes.best import bends_in_kinks, best_envelope
from certify.envelopes.box_search import LIMITS, WORK, BoxLimits
from certify.envelopes.box_weights import with_dense_weights
from certify.envelopes.likelihood import GaussianLikelihood
from certify.envelopes.records import rejection_proof
from certify.envelopes.rejection import measured_acceptance
from certify.generators.derivatives import apply_weight, value
from certify.generators.graph import Activation, Affine, Graph, Input
from tests.generators import one_hidden_layer

BETA = 2.0


def test_the_larger_acceptance_is_kept_and_its_record_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = one_hidden_layer("relu", 4, 4, 1, width=2)
    row = generator.value(np.full(4, 0.3))
    likelihood = GaussianLikelihood(row, BETA)
    by_forms = best_envelope(generator, likelihood)
    assert not isinstance(by_forms, str) and by_forms.method == "quadratic form"
    # Forms are good enough here; asked to be better, boxes are tried and one of the two is kept.
    monkeypatch.setattr(best, "ENOUGH", 2.0)
    monkeypatch.setattr(best, "quadratic_envelope", lambda *_: None)
    best._kept.cache_clear()
    by_boxes = best_envelope(generator, likelihood)
    assert not isinstance(by_boxes, str) and by_boxes.method == "boxes"
    worse = replace(by_forms, log_integral=by_forms.log_integral - 20.0)
    monkeypatch.setattr(best, "box_envelope", lambda *_: by_boxes)
    for forms, larger in ((by_forms, max(by_forms, by_boxes, key=lambda item: item.acceptance)), (worse, by_boxes)):
        monkeypatch.setattr(best, "quadratic_envelope", lambda *_, forms=forms: forms)
        best._kept.cache_clear()
        assert best_envelope(generator, likelihood) is larger
    measured = measured_acceptance(generator, likelihood, by_boxes, 4000, 0)
    assert 0.1 < by_boxes.acceptance <= measured.upper
    proof = rejection_proof(generator, row, BETA, Fraction(1, 10), by_boxes)
    assert verify(replace(proof, log_constant=proof.log_constant - 0.1), generator).reason
    assert verify(proof, generator).reason == ""


def test_smooth_decoders_with_four_latents_take_forms_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(best, "ENOUGH", 2.0)
    monkeypatch.setattr(best, "box_envelope", lambda *_: pytest.fail("boxes are tried"))
    generator = one_hidden_layer("tanh", 4, 4, 1, width=3)
    found = best_envelope(generator, GaussianLikelihood(generator.value(np.zeros(4)), BETA))
    assert not isinstance(found, str) and found.method == "quadratic form"


def test_the_outputs_own_activation_may_be_smooth() -> None:
    relu = one_hidden_layer("relu", 4, 3, 1).graph
    assert bends_in_kinks(relu) and not bends_in_kinks(one_hidden_layer("tanh", 4, 3, 1).graph)
    last = len(relu.nodes) - 1
    assert bends_in_kinks(Graph((*relu.nodes, Activation(last, "sigmoid", 3))))
    assert not bends_in_kinks(Graph((Input(4), Affine(0, np.eye(4), np.zeros(4)))))


def test_work_is_counted_beyond_three_latents() -> None:
    assert BoxLimits.of(one_hidden_layer("relu", 2, 2, 0).graph) == LIMITS[2]
    narrow, wide = (BoxLimits.of(one_hidden_layer("relu", 4, 64, 0, width=width).graph) for width in (8, 4000))
    assert narrow == LIMITS[4] and wide.boxes == int(WORK / (7 * 4000 * 68)) < narrow.boxes


def test_weights_that_are_sparse_in_name_only_become_arrays() -> None:
    random = np.random.default_rng(0)
    full, chosen = random.standard_normal((5, 4)), np.zeros((5, 5))
    chosen[np.arange(5), [3, 0, 0, 4, 1]] = random.standard_normal(5)
    graph = Graph(
        (
            Input(4), Affine(0, sp.csr_array(full), np.zeros(5)), Affine(1, sp.csr_array(chosen), np.zeros(5)),
        )
    )  # fmt: skip
    dense = with_dense_weights(graph)
    assert [isinstance(node.weight, np.ndarray) for node in dense.nodes if isinstance(node, Affine)] == [True, False]
    points = random.standard_normal((7, 4))
    assert np.allclose(value(dense, points), value(graph, points), rtol=1e-14)
    rows = random.standard_normal((2, 7, 5))
    assert np.array_equal(apply_weight(sp.csr_array(chosen), rows), rows @ chosen.T)


def test_a_transpose_is_applied_as_itself_however_it_is_stored() -> None:
    random = np.random.default_rng(1)
    for entries in (np.eye(4)[[2, 0, 3, 1]], np.eye(4)[[0, 0, 3, 1]], random.standard_normal((3, 4))):
        weight = sp.csr_array(entries)
        for matrix, stored in ((entries, weight), (entries.T, weight.T), (entries, sp.csr_array(weight.T).T)):
            rows = random.standard_normal((5, matrix.shape[1]))
            assert np.allclose(apply_weight(stored, rows), rows @ matrix.T, rtol=1e-14, atol=1e-14)
