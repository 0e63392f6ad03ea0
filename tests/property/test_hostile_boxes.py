"""The attack on boxes at hostile decoders: its truths are true, what it asks holds, bounds too good are seen."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import onnxruntime
import pytest

from benchmarks import hostile_boxes
from benchmarks.exact_onnx import evaluate
from benchmarks.hostile_boxes import solve
from benchmarks.hostile_decoders import MAKERS, decoder
from benchmarks.hostile_truths import LIFT, Case, integral, log_density, read
from certify.arithmetic.balls import precision
from certify.envelopes.box_bounds import BoxBounds, MeanBounds
from certify.envelopes.box_certificate import Envelope
from certify.envelopes.likelihood import BernoulliLikelihood, GaussianLikelihood, potential
from certify.envelopes.mixture import Mixture

SINGLE, ENVELOPED = (1, 3, 5, 9, 13), (18, 42)


@pytest.mark.parametrize("kind", MAKERS)
def test_files_are_evaluated_as_the_runtime_does(kind: str) -> None:
    random = np.random.default_rng(list(kind.encode()))
    model = decoder(kind, 2, 3, random)
    points = random.standard_normal((6, 2))
    stored = points.astype(np.float32 if model.graph.input[0].type.tensor_type.elem_type == 1 else np.float64)
    options = onnxruntime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 4, 1
    with precision(200):
        exact = np.array([[float(x.mid()) for x in row] for row in evaluate(model, LIFT(points))])
    size = 1.0 + np.abs(exact).max()
    assert np.abs(evaluate(model, points) - exact).max() < 1e-12 * size
    assert np.abs(read(model).value(points) - exact).max() < 1e-12 * size
    try:
        session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    except onnxruntime.capi.onnxruntime_pybind11_state.NotImplemented:
        # It has few kernels for float64.
        return
    engine = session.run(None, {"z": stored})[0]
    assert np.abs(engine - evaluate(model, stored)).max() < (1e-2 if stored.dtype == np.float32 else 1e-6) * size


def test_integrals_and_densities_are_those_of_gaussians() -> None:
    random = np.random.default_rng(3)
    model = decoder("scales", 2, 2, random)
    generator = read(model)
    for likelihood in (GaussianLikelihood(np.array([0.3, -0.2]), 0.4), BernoulliLikelihood(np.array([1.0, 0.3]))):
        case = Case(model, generator, likelihood, "")
        points = random.standard_normal((5, 2))
        with precision(200):
            exact = [float(f.mid()) for f in case.potential(LIFT(points))]
        assert np.allclose(case.potential(points), exact) and np.allclose(
            potential(generator.graph, likelihood, points), exact
        )
    flat = Case(model, generator, BernoulliLikelihood(np.array([0.5, 0.5])), "")
    prior = Case(model, generator, GaussianLikelihood(np.zeros(2), 1e100), "")
    found, mean, error = integral(prior, np.zeros((1, 2)), lambda points, f: f)
    assert found == pytest.approx(math.log(2 * math.pi), abs=1e-9) and mean == pytest.approx(1.0, abs=1e-8)
    assert error < 1e-8 and integral(flat, np.zeros((1, 2)))[0] < found
    two = Mixture(np.array([1.0, 3.0]), np.array([[0.0, 0.0], [1.0, -1.0]]), np.stack([np.eye(2), 2 * np.eye(2)]))
    with precision(200):
        dense = [float(entry.mid()) for entry in log_density(two, LIFT(points))]
    assert np.allclose(dense, two.log_density(points), atol=1e-13)


@pytest.mark.parametrize("index", [*SINGLE, *ENVELOPED])
def test_nothing_certified_is_beyond_the_truth(index: int) -> None:
    found, reason = solve((index, 0))
    assert found and not reason and not any(item["violated"] for item in found)
    asked = {item["statement"] for item in found}
    assert asked >= ({"R1"} if index in ENVELOPED else {"box"})


def seen(indices: Iterable[int]) -> set[str]:
    return {item["statement"] for index in indices for item in solve((index, 0))[0] if item["violated"]}


def test_bounds_of_boxes_that_are_too_good_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    below, mean = hostile_boxes.potential_plus_log_density, hostile_boxes.mean_potential_upper

    def better(*arguments: Any) -> BoxBounds:
        found = below(*arguments)
        return replace(found, lower=found.lower + 1e-9 * (1 + np.abs(found.lower)))

    def smaller(*arguments: Any) -> MeanBounds:
        found = mean(*arguments)
        return replace(found, upper=found.upper - 1e-6 * (1 + np.abs(found.upper)))

    monkeypatch.setattr(hostile_boxes, "potential_plus_log_density", better)
    monkeypatch.setattr(hostile_boxes, "mean_potential_upper", smaller)
    assert seen(SINGLE) == {"box", "mean"}


@pytest.mark.parametrize(("constant", "integral_"), [(-0.3, -0.8), (0.5, 0.3)])
def test_envelopes_that_are_too_good_are_seen(
    constant: float, integral_: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    envelope = hostile_boxes.box_envelope

    def moved(*arguments: Any, **options: Any) -> Envelope:
        found = envelope(*arguments, **options)
        assert found is not None
        return replace(found, log_constant=found.log_constant + constant, log_integral=found.log_integral + integral_)

    monkeypatch.setattr(hostile_boxes, "box_envelope", moved)
    wanted = {"R1", "integral, upper"} if constant < 0 else {"integral, lower"}
    assert seen(ENVELOPED) >= wanted
