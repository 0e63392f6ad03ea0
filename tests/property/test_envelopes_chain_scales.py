"""Boxes by float32 at weights, points and widths of every size: nothing sampled is outside, and would be with less."""

from __future__ import annotations

import numpy as np
import pytest

from certify.arithmetic.intervals import FloatArray
from certify.envelopes import chain_forms
from certify.envelopes.box_chain import Chain, chain_of
from certify.envelopes.box_forms import box_forms
from certify.envelopes.weighted import weighted_quadratic_lower
from certify.generators.derivatives import value
from certify.generators.graph import Activation, Affine, Graph, Input
from tests.unit.test_envelopes_chain import expensive as expensive
from tests.unit.test_envelopes_stencils import transposed_convolution

SEEDS = range(60)


def drawn(seed: int) -> tuple[Graph, Chain, float]:
    """A decoder with its chain, and the size of what its outputs add up to per unit of a latent."""
    random = np.random.default_rng(seed)
    d, inner, outer = int(random.integers(1, 4)), int(random.integers(8, 12)), int(random.integers(8, 12))
    scales, bias = 10.0 ** random.uniform(-4, 4, 3), 10.0 ** random.uniform(-3, 1)
    first = transposed_convolution(2, inner, outer, 2, random)
    second = transposed_convolution(4, outer, 1, 1, random)
    widths = 4 * inner, first.shape[0], 16
    biases = [bias * scales[: i + 1].prod() * random.standard_normal(width) for i, width in enumerate(widths)]
    graph = Graph(
        (
            Input(d), Affine(0, scales[0] * random.standard_normal((widths[0], d)), biases[0]),
            Activation(1, "relu", widths[0]), Affine(2, scales[1] * first, biases[1]),
            Activation(3, "relu", widths[1]), Affine(4, scales[2] * second, biases[2]),
        )
    )  # fmt: skip
    chain = chain_of(graph)
    assert chain is not None and chain.last == 5
    return graph, chain, 1e3 * float(scales.prod()) * (1 + bias)


def excess(seed: int) -> tuple[float, float]:
    """How far the worst value is outside its form, and below the backward pass, in units of float64's own error."""
    graph, chain, size = drawn(seed)
    random = np.random.default_rng([seed, 1])
    d, count = graph.latent_dim, 12
    centres = 10.0 ** random.uniform(-2, 2) * random.standard_normal((count, d))
    halves = 10.0 ** random.uniform(-7, 2, (count, 1)) * random.uniform(0.1, 1.0, (count, d))
    signs = np.concatenate([random.uniform(-1, 1, (60, d)), random.choice([-1.0, 1.0], (20, d))])
    points: FloatArray = centres[:, None] + halves[:, None] * signs
    moved = points - centres[:, None]
    inside = (np.abs(moved) <= halves[:, None]).all(axis=2)
    exact = value(graph, points.reshape(-1, d)).reshape(count, len(signs), -1)
    error = 1e-13 * size * (1 + float(np.abs(points).max()))
    found = chain_forms.chain_forms(chain, centres, halves)
    said = (found.value + found.plane.shift)[:, None] + np.einsum("bpj,bnj->bpn", moved, found.plane.slope)
    off = np.abs(exact - said) - found.plane.radius[:, None]
    rows = random.standard_normal((count, exact.shape[2]))
    below = weighted_quadratic_lower(box_forms(graph, centres, halves, chain), rows)
    lower = np.einsum("bpj,bj->bp", moved, below.slope) + below.rest[:, None]
    lower = lower + 0.5 * np.einsum("bpi,bij,bpj->bp", moved, below.curvature, moved)
    above = lower - np.einsum("bpn,bn->bp", exact - found.value[:, None], rows)
    assert np.isfinite(off).all() and np.isfinite(above).all()
    return float(off[inside].max()) / error, float(above[inside].max()) / (
        error * float(np.abs(rows).sum(axis=1).max())
    )


def test_nothing_sampled_is_outside() -> None:
    for seed in SEEDS:
        assert max(excess(seed)) <= 1.0, seed


def test_without_what_float32_rounds_it_would_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chain_forms, "SINGLE", 2.0**-60)
    assert sum(excess(seed)[0] > 1.0 for seed in SEEDS) > len(SEEDS) / 2


def test_with_parabolas_that_bend_otherwise_it_would_be(monkeypatch: pytest.MonkeyPatch) -> None:
    bent = chain_forms._bent

    def wrong(*arguments: FloatArray) -> tuple[np.ndarray, tuple[FloatArray, FloatArray]]:
        places, (under, over) = bent(*arguments)
        return places, (1.2 * under, 0.8 * over)

    monkeypatch.setattr(chain_forms, "_bent", wrong)
    assert sum(excess(seed)[1] > 1.0 for seed in SEEDS) > len(SEEDS) / 4
