"""Gates in double precision in the runtime, factors, and the layers that find a centre: bounds for all inputs."""

from __future__ import annotations

import math

import numpy as np
import onnxruntime
import pytest
from flint import arb
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper

from certify.arithmetic.balls import ball, precision
from certify.encoders.centre_plan import Model, plan_centre
from certify.encoders.factors import DEFECT, factor_distance, newton_schulz_steps
from certify.errors import InputError, UnknownNameError
from certify.generators.activations import activation, derivatives
from certify.generators.graph import FloatArray
from certify.generators.onnx_gates import KINKED, WRITERS, write_gate
from certify.generators.onnx_writer import IR_VERSION, OPSET, Initialisers, Scope
from certify.posteriors.gaussian import GaussianLaw
from certify.posteriors.gaussian_distance import kl_divergence
from certify.posteriors.posterior import Posterior
from tests.encoder_models import descent
from tests.generators import wave


def evaluate(name: str, order: int, points: FloatArray) -> FloatArray:
    """The gate in the runtime."""
    scope = Scope(Initialisers())
    scope.operator("Identity", [write_gate(scope, "v", name, (), order)], "w")
    value = [helper.make_tensor_value_info(item, TensorProto.DOUBLE, ["n", 1]) for item in ("v", "w")]
    graph = helper.make_graph(scope.nodes, "gate", value[:1], value[1:], list(scope.initialisers.dense.values()))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"v": points[:, None]})[0][:, 0])


@pytest.mark.parametrize("name", sorted(set(WRITERS) - KINKED))
def test_gates_are_the_derivatives(name: str) -> None:
    points = np.concatenate((np.linspace(-8, 8, 1601), [-700.0, -30.0, 30.0, 700.0, 1e-12, -1e-12]))
    if name == "reciprocal":
        points = points[np.abs(points) > 1e-3]
    if name in {"log", "power"}:
        points = points[points > 1e-3]
    expected = derivatives(name, points, activation(name).resolve(()), 2)
    for order in range(3):
        found = evaluate(name, order, points)
        kept = np.isfinite(expected[order]) & (np.abs(points) > 0)
        # A product such as v Phi(v) is rounded at the size of v.
        scale = np.maximum(np.maximum(1.0, np.abs(points[kept])), np.abs(expected[order][kept]))
        assert np.max(np.abs(found[kept] - expected[order][kept]) / scale) < 1e-13, order


def test_kinks_have_no_gate() -> None:
    with pytest.raises(UnknownNameError, match="differentiable"):
        write_gate(Scope(Initialisers()), "v", "relu", (), 1)


@given(st.floats(1e-6, 1.0), st.integers(0, 2**32 - 1))
def test_newton_schulz_steps_reach_their_defect(ratio: float, seed: int) -> None:
    steps, defect = newton_schulz_steps(arb(ratio), arb(1))
    assert 0 <= defect <= DEFECT
    random = np.random.default_rng(seed)
    basis = np.linalg.qr(random.standard_normal((4, 4)))[0]
    values = np.array([ratio, 1.0, *random.uniform(ratio, 1.0, 2)])
    matrix = basis * values @ basis.T
    y, z = matrix, np.eye(4)
    for _ in range(steps):
        half = 1.5 * np.eye(4) - 0.5 * z @ y
        y, z = y @ half, half @ z
    # The iteration in floats adds rounding of the size of the condition number.
    assert np.linalg.norm(z.T @ matrix @ z - np.eye(4), 2) <= defect + 1e-13 / ratio
    if steps > 0:
        # One step less is not enough for the smallest eigenvalue: the count is not wasteful.
        value = ratio
        for _ in range(steps - 1):
            value = value * (3 - value) ** 2 / 4
        assert 1 - value > DEFECT / 2


@given(st.floats(1e-8, 0.5), st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_the_factors_distance_bounds_the_divergence(defect: float, dimension: int, seed: int) -> None:
    values = 1 - defect * np.random.default_rng(seed).random(dimension)
    values[0] = 1 - defect
    first = GaussianLaw(np.zeros(dimension), np.diag(values))
    divergence = kl_divergence(first, GaussianLaw(np.zeros(dimension), np.eye(dimension)))
    assert math.sqrt(max(divergence, 0.0) / 2) <= factor_distance(defect, dimension) * (1 + 1e-6) + 1e-9
    assert math.sqrt(max(divergence, 0.0) / 2) >= factor_distance(defect, 1) * 0.4 - 1e-7


def test_a_factor_needs_a_definite_matrix() -> None:
    for low, high in ((arb(0), arb(1)), (arb(2), arb(1)), (arb(-1), arb(1))):
        with pytest.raises(InputError):
            newton_schulz_steps(low, high)


@given(st.floats(0.02, 0.25), st.floats(-2.0, 2.0), st.floats(-2.0, 2.0))
def test_the_planned_layers_find_the_mode(beta: float, first: float, second: float) -> None:
    """g and the distance to the mode after the planned layers, for G with m = 1, M = 1.5, M2 = .25 and |zh| <= 3."""
    generator, preimage = wave(2), np.array([first, second])
    observation = generator.value(preimage)
    model = Model(arb(1), arb(1.5), arb(0.25), ball(beta), arb(3))
    plan = plan_centre(model, 0.0)
    point = descent(generator, observation, plan.descent_step, plan.descent_layers)
    posterior = Posterior(generator, observation, beta)
    scaled = generator.jacobian(point) / beta
    matrix = np.eye(2) + scaled.T @ scaled
    for _ in range(plan.corrections):
        point = point - np.linalg.solve(matrix, posterior.gradient(point))
    scaled = generator.jacobian(point) / beta
    last = np.linalg.cholesky(np.eye(2) + scaled.T @ scaled)
    reached = float(np.linalg.norm(np.linalg.solve(last, posterior.gradient(point))))
    assert reached <= plan.gradient + 1e-12
    mode = point
    for _ in range(60):
        mode = mode - np.linalg.solve(posterior.hessian(mode), posterior.gradient(mode))
    assert np.linalg.norm(mode - point) <= plan.distance + 1e-12
    assert plan.gradient < 1e-9


def test_fewer_corrections_miss_the_target() -> None:
    """The planned gradient is not reached by far fewer steps: the bound says something."""
    generator, beta = wave(2), 0.25
    plan = plan_centre(Model(arb(1), arb(1.5), arb(0.25), ball(beta), arb(3)), 0.0)
    posterior = Posterior(generator, generator.value(np.array([2.0, -2.0])), beta)
    point = descent(generator, posterior.observation, plan.descent_step, plan.descent_layers)
    scaled = generator.jacobian(point) / beta
    matrix = np.eye(2) + scaled.T @ scaled
    for _ in range(3):
        point = point - np.linalg.solve(matrix, posterior.gradient(point))
    assert np.linalg.norm(np.linalg.solve(np.linalg.cholesky(matrix), posterior.gradient(point))) > plan.gradient


def test_no_plan_where_the_steps_need_not_contract() -> None:
    with precision():
        wide = Model(arb(1), arb(1.5), arb(0.25), arb(5), arb(3))
    with pytest.raises(InputError, match="no centre"):
        plan_centre(wide, 0.0)
