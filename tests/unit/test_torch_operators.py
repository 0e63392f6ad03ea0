"""Every exported torch module is read as what torch computes, and its constants hold at sampled points."""

from __future__ import annotations

import json
from functools import cache

import numpy as np
import pytest

from certify.bounds.bracket import Region
from certify.bounds.compositional import derivative_norms
from certify.bounds.ranges import box_ranges, node_ranges, uncertified_domains
from certify.generators.graph import Generator
from certify.generators.onnx_import import load_onnx
from tests.torch_operators import FOLDER, POINTS

FILES = sorted(path.name for path in FOLDER.glob("*.onnx"))
VALUES = json.loads((FOLDER / "values.json").read_text())

JUMPS = {"hardshrink", "softplus", "softplus_beta", "threshold"}
KINKS = {
    *("elu", "hardsigmoid", "hardswish", "hardtanh", "leaky_relu", "max_pool", "prelu", "reduce_max", "relu6", "selu"),
}
UNKNOWN = {"power", "rsqrt", "softshrink"}
"""Finite in truth: an unbounded slope of the square times a small one, and a continuous function spelled as a jump."""
FIRST = JUMPS | UNKNOWN | {"glu"}
INFINITE = {1: FIRST, 2: FIRST | KINKS | {"where"}, 3: FIRST | KINKS | {"where", "celu", "softsign"}}
"""Modules without a finite bound of the derivative of each order over all of R^d."""


@cache
def generator_of(name: str) -> Generator:
    return load_onnx(FOLDER / name)


def test_both_exporters_are_covered() -> None:
    names = {name.rpartition("_")[0] for name in FILES}
    assert names == set(VALUES) and len(FILES) >= 2 * len(names) - 3


@pytest.mark.parametrize("name", FILES)
def test_values_are_those_of_torch(name: str) -> None:
    generator = generator_of(name)
    expected = np.array(VALUES[name.rpartition("_")[0]])
    # Files hold float32 constants (epsilon, slopes, sixths) where torch in float64 has doubles.
    np.testing.assert_allclose(generator.value(np.array(POINTS)), expected, rtol=2e-6, atol=2e-6)


@pytest.mark.parametrize("name", FILES)
def test_enclosures_contain_sampled_points(name: str) -> None:
    generator = generator_of(name)
    random = np.random.default_rng(5)
    centres = np.array(POINTS)
    for width in (1e-3, 0.5):
        low, high = centres - width, centres + width
        bottom, top = box_ranges(generator.graph, low, high).values[-1]
        points = low[:, None] + (high - low)[:, None] * random.random((len(centres), 50, 3))
        found = generator.value(points.reshape(-1, 3)).reshape(len(centres), 50, -1)
        slack = 1e-12 * (1 + np.abs(found))
        assert np.all(bottom[:, None] <= found + slack) and np.all(found - slack <= top[:, None])


def test_global_bounds_hold_and_are_finite_where_the_constants_are() -> None:
    infinite: dict[int, set[str]] = {1: set(), 2: set(), 3: set()}
    random = np.random.default_rng(6)
    for name in FILES:
        generator = generator_of(name)
        ranges = node_ranges(generator.graph, Region())
        if uncertified_domains(ranges):
            assert name.startswith("normalize")
            continue
        totals = derivative_norms(generator.graph, ranges)[-1].totals
        z, u = 2 * random.standard_normal((60, 3)), random.standard_normal((60, 3))
        u /= np.linalg.norm(u, axis=1, keepdims=True)
        seen = (
            np.linalg.norm(generator.jacobian(z), 2, axis=(1, 2)),
            np.linalg.norm(generator.second_derivative(z, u, u), axis=1),
            np.linalg.norm(generator.third_derivative(z, u, u, u), axis=1),
        )
        for order, (bound, sampled) in enumerate(zip(totals, seen, strict=True), start=1):
            assert sampled.max() <= bound * (1 + 1e-12), (name, order)
            if not np.isfinite(bound):
                infinite[order].add(name.rpartition("_")[0])
    assert infinite == INFINITE
