"""Boxes by float32 against the decoder in exact arithmetic, without tolerance: rounding at its worst, and chance."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
from flint import arb, arb_mat, ctx

from certify.arithmetic.intervals import FloatArray
from certify.envelopes import box_chain, box_rows, box_weights
from certify.envelopes.box_chain import chain_of
from certify.envelopes.box_forms import box_forms
from certify.envelopes.chain_forms import chain_forms
from certify.envelopes.weighted import weighted_lower, weighted_quadratic_lower
from certify.generators.graph import Activation, Affine, Graph, Input

Layers = Sequence[tuple[FloatArray, FloatArray]]

BITS = 1600


@pytest.fixture(autouse=True)
def expensive(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small dense layers count as wide ones."""
    monkeypatch.setattr(box_weights, "EXPENSIVE", 0.0)
    monkeypatch.setattr(box_rows, "LARGEST_COST", 0.0)
    monkeypatch.setattr(box_chain, "SPARSE_SHARE", 0.0)


def graph_of(layers: Layers) -> Graph:
    nodes: list[Input | Affine | Activation] = [Input(layers[0][0].shape[1])]
    for weight, bias in layers:
        nodes += [Affine(len(nodes) - 1, weight, bias), Activation(len(nodes), "relu", len(bias))]
    return Graph(tuple(nodes[:-1]))


def numbers(values: FloatArray) -> arb_mat:
    return arb_mat(values.shape[0], values.shape[1], [arb(item) for item in values.ravel().tolist()])


def outside(layers: Layers, centre: FloatArray, halves: FloatArray, rows: FloatArray) -> tuple[float, bool]:
    """How much of its radius the worst value takes, and whether all bounds of the weighted sums and ranges hold.

    At the corners of the box (1, d), at its centre, on its axes and at points between. Exact up to 2^-1500.
    """
    graph = graph_of(layers)
    chain = chain_of(graph)
    assert chain is not None and chain.last == 2 * len(layers) - 1
    with np.errstate(all="ignore"):
        found = chain_forms(chain, centre, halves)
        forms = box_forms(graph, centre, halves, chain)
        squares = weighted_quadratic_lower(forms, rows)
        lines = weighted_lower(forms, rows)
    d = centre.shape[1]
    random = np.random.default_rng(0)
    corners = np.array(np.meshgrid(*[[-1.0, 1.0]] * d)).reshape(d, -1).T
    moved = halves * np.concatenate([corners, np.eye(d), -np.eye(d), np.zeros((1, d)), random.uniform(-1, 1, (3, d))])
    bits, ctx.prec = ctx.prec, BITS
    try:
        steps = numbers(moved)
        value = arb_mat(d, len(moved), [arb(centre[0, j]) + steps[p, j] for j in range(d) for p in range(len(moved))])
        for index, (weight, bias) in enumerate(layers):
            if index:
                value = arb_mat(value.nrows(), value.ncols(), [max(item, arb(0)) for item in value.entries()])
            value = numbers(weight) * value + numbers(np.repeat(bias[:, None], len(moved), axis=1))
        worst, holds = 0.0, True
        last, plane = forms.nodes[-1], found.plane
        known = np.isfinite(plane.radius[0]) & np.isfinite(plane.shift[0]) & np.isfinite(plane.slope[0]).all(axis=1)
        for point in range(len(moved)):
            weighted = arb(0)
            for n in range(len(layers[-1][1])):
                exact, middle = value[n, point], arb(found.value[0, n])
                weighted += arb(rows[0, n]) * (exact - middle)
                holds &= not bool(exact < arb(last.low[0, n])) and not bool(exact > arb(last.high[0, n]))
                if known[n]:
                    said = middle + arb(plane.shift[0, n])
                    said += sum((arb(plane.slope[0, n, j]) * steps[point, j] for j in range(d)), arb(0))
                    off = abs(exact - said)
                    holds &= not bool(off > arb(plane.radius[0, n]))
                    worst = max(worst, float((off / arb(max(plane.radius[0, n], 1e-300))).mid()))
            if np.isfinite(squares.rest[0]):
                said = arb(squares.rest[0])
                for i in range(d):
                    said += arb(squares.slope[0, i]) * steps[point, i]
                    for j in range(d):
                        said += arb(squares.curvature[0, i, j]) * steps[point, i] * steps[point, j] / 2
                holds &= not bool(said > weighted)
            if np.isfinite(lines[1][0]):
                said = arb(lines[1][0]) + sum((arb(lines[0][0, i]) * steps[point, i] for i in range(d)), arb(0))
                holds &= not bool(said > weighted)
    finally:
        ctx.prec = bits
    return worst, holds


def check(layers: Layers, centre: FloatArray, halves: FloatArray) -> float:
    rows = np.ones((1, len(layers[-1][1])))
    for signed in (rows, -rows):
        worst, holds = outside(layers, centre, halves, signed)
        assert holds
    return worst


@pytest.mark.parametrize(("unit", "half"), [(2.0**-24, 0.5), (2.0**-53, 1e-25)])
def test_small_entries_behind_a_large_one(unit: float, half: float) -> None:
    # 1 + unit + unit + ... : whatever part of a sum has the large entry in it loses what is added to it, four times.
    terms = 2048
    spread, row = (np.ones((terms, 1)), np.zeros(terms)), np.full((1, terms), 0.99 * unit)
    row[0, 0] = 1.0
    layers = [(np.ones((1, 1)), np.ones(1)), *[spread, (row, np.zeros(1))] * 4]
    assert check(layers, np.zeros((1, 1)), np.full((1, 1), half)) > 1e-3


def test_small_radii_behind_a_large_one() -> None:
    # 10 + relu(u) - u/2 - relu(v) + v/2 has a plane with no slope and no shift, and a radius that is reached.
    terms, unit = 2048, 2.0**-24
    first = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]]), np.array([0.0, 0.0, 10.0, 10.0])
    second = np.array([[1.0, -1.0, -0.5, 0.5]]), np.full(1, 10.0)
    spread, row = (np.ones((terms, 1)), np.zeros(terms)), np.full((1, terms), 0.99 * unit)
    row[0, 0] = 1.0
    layers = [first, second, *[spread, (row, np.zeros(1))] * 30]
    assert check(layers, np.zeros((1, 2)), np.ones((1, 2))) > 0.95


def test_so_small_a_box_that_float32_does_not_have_it() -> None:
    layers = [(np.full((1, 1), 1e38), np.zeros(1)), (np.ones((1, 1)), np.zeros(1))]
    assert check(layers, np.zeros((1, 1)), np.full((1, 1), 1e-46)) > 1e-3


def test_weights_that_are_rounded_the_same_way() -> None:
    # Every layer is off by 2^-24 in the same direction: more than the first one's share.
    odd = 1.0 + 2.0**-24 * 0.99
    layers = [(np.full((1, 1), odd), np.full(1, 2.0))] + [(np.full((1, 1), odd), np.zeros(1))] * 12
    assert check(layers, np.zeros((1, 1)), np.ones((1, 1))) > 0.02
    # So is a weight that is all that an axis has.
    assert check(layers[:2], np.zeros((1, 1)), np.ones((1, 1))) > 0.01


@pytest.mark.parametrize("half", [1e-25, 1e-12])
def test_values_are_rounded_too(half: float) -> None:
    # Over so small a box what float64 rounds of the values is all there is.
    needed = 0.0
    for seed in range(20):
        random = np.random.default_rng(seed)
        inner = np.abs(random.standard_normal((60, 60)))
        outer = random.standard_normal((5, 60))
        layers = [
            (np.full((60, 2), 2.0**-30), np.ones(60)),
            (2.0**20 * inner, -(2.0**20) * inner.sum(axis=1) * 0.999999),
            (outer, 0.1 * np.ones(5)),
        ]
        needed = max(needed, check(layers, np.zeros((1, 2)), np.full((1, 2), half)))
    assert needed > 1e-4


def test_what_cancels_and_what_is_added_is_rounded_too() -> None:
    halves, one = np.full((1, 1), 1e-25), (np.ones((1, 1)), np.zeros(1))
    needed = [0.0, 0.0]
    for seed in range(30):
        random = np.random.default_rng(seed)
        centre, weight = random.uniform(1e5, 1e6, (1, 1)), random.uniform(0.2, 0.4, (1, 1))
        # The first value is what is left of two large numbers.
        needed[0] = max(needed[0], check([(weight, 1e-3 - centre[0] * weight[0]), one], centre, halves))
        # A bias that is much larger than the product.
        first = weight / centre, np.zeros(1)
        needed[1] = max(needed[1], check([first, (one[0], random.uniform(1e3, 1e4, 1))], centre, halves))
    assert min(needed) > 1e-3


@pytest.mark.parametrize("half", [1e-3, 1.0, 1e12])
def test_what_underflows_is_paid_for(half: float) -> None:
    # Weights that float32 does not have, and a large one behind.
    first = np.full((3, 1), 1e-47) / half, 1e-60 * np.ones(3)
    for size in (1.0, 1e28):
        check([first, (np.full((2, 3), size), np.zeros(2))], np.zeros((1, 1)), np.full((1, 1), half))
    first = np.full((3, 1), 1e-22), 1e-60 * np.ones(3)
    small = (np.full((3, 3), 1e-25), np.zeros(3))
    check([first, small, (np.full((2, 3), 1e28), np.zeros(2))], np.zeros((1, 1)), np.full((1, 1), half))


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("bias", [0.0, 0.4, 0.6, 0.8, 0.99])
def test_a_plane_reaches_as_far_as_its_shift_takes_it(sign: float, bias: float) -> None:
    # relu(u) is u/2 + 1/4 up to 1/4 over [-1, 1]: bias - relu(u) is below 0 at 1, where 3/4 would not say so.
    layers = [(np.ones((1, 1)), np.zeros(1)), (np.full((1, 1), -sign), np.full(1, sign * bias))]
    assert check([*layers, (np.ones((1, 1)), np.zeros(1))], np.zeros((1, 1)), np.ones((1, 1))) > 0.5


def leaning(seed: int) -> Layers:
    """Kinks whose planes lean: neurons that are on, and some with kinks, all of the same sign, in front of them."""
    random = np.random.default_rng([seed, 4])
    d, kinked, inner = int(random.integers(1, 3)), int(random.integers(1, 5)), int(random.integers(1, 4))
    first = random.standard_normal((d + kinked, d)), np.concatenate([np.full(d, 10.0), np.zeros(kinked)])
    steep = random.standard_normal((inner, d)), random.choice([-1.0, 1.0]) * random.uniform(0, 0.3, (inner, kinked))
    second = np.concatenate(steep, axis=1)
    return [
        first,
        (second, -10.0 * second[:, :d].sum(axis=1) + 0.5 * random.standard_normal(inner)),
        (random.choice([-1.0, 1.0], (2, inner)), np.zeros(2)),
    ]


def test_squares_of_planes_that_lean() -> None:
    for seed in range(150):
        layers = leaning(seed)
        d = layers[0][0].shape[1]
        check(layers, np.zeros((1, d)), np.ones((1, d)))


def test_squares_of_what_does_not_lean() -> None:
    # As 1.211 u - 2.205 relu(-u): planes with hardly more slope than shift, or nearly reached.
    for steep, lean, middle in ((1.211, -2.205, 1.4), (3.707, -0.172, 1.26), (1.224, 1.082, -0.81)):
        for bias, sign in itertools.product(middle + np.linspace(-0.1, 0.1, 40), (1.0, -1.0)):
            first = np.array([[1.0], [sign]]), np.array([10.0, 0.0])
            second = np.array([[steep, lean]]), np.full(1, bias - 10 * steep)
            check([first, second, (np.ones((1, 1)), np.zeros(1))], np.zeros((1, 1)), np.ones((1, 1)))


def drawn(seed: int) -> tuple[Layers, FloatArray, FloatArray]:
    """Layers of every scale, biases that cancel, and a box."""
    random = np.random.default_rng([seed, 3])
    d, depth = int(random.integers(1, 4)), int(random.integers(2, 5))
    half = 10.0 ** random.uniform(*((-7, 2), (-30, 6), (-10, 30))[seed % 3])
    halves = half * random.uniform(0.1, 1.0, (1, d))
    centre = half * random.choice([0.0, 1.0, 1e3]) * random.standard_normal((1, d))
    layers: list[tuple[FloatArray, FloatArray]] = []
    value, size = centre, half
    for index in range(depth):
        n, k = int(random.integers(2, 12)), value.shape[1]
        scale = 10.0 ** random.uniform(-3, 3) / size
        weight = (scale if index == 0 else np.clip(scale, 1e-25, 1e25)) * random.standard_normal((n, k))
        before = value @ weight.T
        span = float(np.abs(weight).sum(axis=1).max()) * size
        bias = (
            np.zeros(n),
            -before[0] * (1 + 10.0 ** random.uniform(-16, -5, n) * random.choice([-1.0, 1.0], n)),
            -before[0] + span * random.uniform(-1.2, 1.2, n),
        )[random.integers(3)]
        layers.append((weight, bias))
        value, size = np.maximum(before + bias, 0.0), span
    return layers, centre, halves


def test_nothing_is_outside_whatever_the_scales() -> None:
    largest = 0.0
    for seed in range(60):
        layers, centre, halves = drawn(seed)
        rows = np.random.default_rng(seed).standard_normal((1, len(layers[-1][1])))
        worst, holds = outside(layers, centre, halves, rows)
        assert holds, seed
        largest = max(largest, worst)
    assert largest > 0.9
