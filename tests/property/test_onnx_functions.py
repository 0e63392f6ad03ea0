"""Composed functions: proved distances in balls, measured errors of every writer, and what is not read as them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from flint import arb, arb_series, ctx
from onnx import numpy_helper

from certify.arithmetic.balls import precision
from certify.errors import InputError
from certify.generators.activations import ACTIVATIONS
from certify.generators.graph import Activation, Generator, Graph, Input
from certify.generators.onnx_export import onnx_model
from certify.generators.onnx_functions import ATAN_HALVINGS, ATAN_SERIES, HALF_PI, TAIL_CLIP, TAIL_COEFFICIENTS
from certify.generators.onnx_gates import GATE_ERROR
from certify.generators.onnx_import import generator_from_model
from certify.generators.onnx_templates import templates
from tests.exported import activation_cases

BITS = 300
DISTANCE = 8e-17
TERMS = 32


def tails(t: arb_series, coefficients: tuple[float, ...]) -> tuple[arb_series, arb_series]:
    """The composed and the true tail, both without their factor exp(-t^2/2)."""
    reciprocal = 1 / (t + 5)
    place, total = arb(1.25) - arb(11.25) * reciprocal, arb_series([0])
    for coefficient in reversed(coefficients):
        total = total * place + arb(coefficient)
    return total * reciprocal, (t / arb(2).sqrt()).erfc() * (t * t / 2).exp() / 2


def largest_distance(coefficients: tuple[float, ...], end: float = TAIL_CLIP) -> float:
    """An upper bound of |composed/true - 1| on [0, end]: Taylor's polynomials on short intervals, with remainders."""
    worst, half = 0.0, arb(1) / 32
    with precision(BITS):
        before, ctx.cap = ctx.cap, TERMS + 1
        for index in range(int(16 * end)):
            middle = (2 * index + 1) * half
            composed, true = tails(arb_series([middle, 1], TERMS + 1), coefficients)
            wide = tails(arb_series([middle + arb(0, half), 1], TERMS + 1), coefficients)
            gap = sum((abs(composed[k] - true[k]) * half**k for k in range(TERMS)), arb(0))
            gap += abs(wide[0][TERMS] - wide[1][TERMS]) * half**TERMS
            # The true one decreases (Mills' ratio): it is smallest at the interval's right end.
            smallest = tails(arb_series([middle + half], 1), coefficients)[1][0]
            worst = max(worst, float((gap / smallest).upper()))
        ctx.cap = before
    return worst


def test_the_normal_tail() -> None:
    assert largest_distance(TAIL_COEFFICIENTS) < DISTANCE


def test_a_changed_coefficient_is_seen() -> None:
    changed = (*TAIL_COEFFICIENTS[:5], TAIL_COEFFICIENTS[5] + 1e-14, *TAIL_COEFFICIENTS[6:])
    assert largest_distance(changed, 2.0) > DISTANCE
    assert largest_distance(TAIL_COEFFICIENTS[:-2], 2.0) > DISTANCE


def test_the_arc_tangent() -> None:
    """The angle's polynomial on [0, tan(pi/32)] relative to atan, and pi/2 - angle >= pi/4."""
    with precision(BITS):
        u = (arb.pi() / 4 / 2**ATAN_HALVINGS).tan()
        gap = u ** (2 * len(ATAN_SERIES)) / (2 * len(ATAN_SERIES) + 1)
        for term, coefficient in enumerate(ATAN_SERIES):
            gap += abs(arb(coefficient) - arb((-1) ** term) / (2 * term + 1)) * u ** (2 * term)
        relative = gap / (1 - u * u / 3)
        assert relative < DISTANCE
        assert (abs(arb(HALF_PI) - arb.pi() / 2) + relative * arb.pi() / 4) / (arb.pi() / 4) < DISTANCE


@pytest.mark.parametrize(("name", "parameters"), activation_cases())
def test_every_activation_errs_as_little_as_said(name: str, parameters: tuple[float, ...]) -> None:
    assert largest_error(name, parameters, onnx_model(alone(name, parameters))) <= GATE_ERROR


def test_a_larger_error_is_seen() -> None:
    model = onnx_model(alone("atan", ()))
    constant = next(item for item in model.graph.initializer if numpy_helper.to_array(item) == ATAN_SERIES[1])
    constant.CopyFrom(numpy_helper.from_array(np.asarray(ATAN_SERIES[1] + 1e-12), constant.name))
    assert largest_error("atan", (), model) > GATE_ERROR


def alone(name: str, parameters: tuple[float, ...]) -> Generator:
    """The activation and nothing else."""
    return Generator(name, Graph((Input(1), Activation(0, name, 1, parameters))), 0)


def largest_error(name: str, parameters: tuple[float, ...], model: onnx.ModelProto) -> float:
    """The largest |computed - true| / max(1, |v|, |true|) in the runtime where the true value, a ball, is finite."""
    sizes, even = np.geomspace(1e-300, 1e300, 300), np.linspace(-2, 2, 401)
    points = np.concatenate((np.linspace(-45, 45, 2001), even, np.geomspace(1, 60, 300), sizes, -sizes))
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    found = session.run(None, {"z": points[:, None]})[0][:, 0]
    item, worst = ACTIVATIONS[name], 0.0
    with precision():
        for v, value in zip(points, found, strict=True):
            true = item.ball(arb(float(v)), item.resolve(parameters))
            if true.is_finite() and abs(true) < 1e300:
                assert np.isfinite(value)
                size = max(1.0, abs(v), float(abs(true).mid()))
                worst = max(worst, float(abs(arb(float(value)) - true).mid()) / size)
    return worst


REPLACED = {"Exp": "Tanh", "Floor": "Ceil", "Greater": "Less", "Log": "Exp", "Min": "Max", "Sqrt": "Exp", "Sub": "Add"}


def damaged_models(model: onnx.ModelProto) -> Iterator[onnx.ModelProto]:
    """The model with one constant moved by a rounding unit, one operator replaced or one pair of inputs swapped."""
    for index, constant in enumerate(model.graph.initializer):
        changed = copied(model)
        moved = np.nextafter(numpy_helper.to_array(constant), np.inf)
        changed.graph.initializer[index].CopyFrom(numpy_helper.from_array(moved, constant.name))
        yield changed
    for index, node in enumerate(model.graph.node):
        if node.op_type in REPLACED:
            changed = copied(model)
            changed.graph.node[index].op_type = REPLACED[node.op_type]
            yield changed
        if len(set(node.input)) == 2:
            changed = copied(model)
            changed.graph.node[index].input[:] = list(node.input)[::-1]
            yield changed


def copied(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same model, to be changed."""
    result = onnx.ModelProto()
    result.CopyFrom(model)
    return result


@pytest.mark.parametrize("name", ["gelu", "atan", "cos"])
def test_what_is_not_literally_ours_is_not_read_as_the_function(name: str) -> None:
    """A swapped product or sum is the same function, and need not be read; everything else must not be."""
    generator, count = alone(name, ()), 0
    for model in damaged_models(onnx_model(generator)):
        count += 1
        try:
            again = generator_from_model(model, Path("damaged.onnx"))
        except InputError:
            continue
        assert again.sha256 != generator.sha256
    assert count > len(TAIL_COEFFICIENTS) or name == "cos"


def test_templates_are_told_apart_by_parameters_that_are_constants() -> None:
    assert {item.name for group in templates().values() for item in group} >= {"gelu", "atan", "cos", "elu", "softplus"}
    for alpha in (1.0, -0.0, 0.0):
        model = onnx_model(alone("leaky_relu", (alpha,)))
        node = generator_from_model(model, Path("leaky.onnx")).graph.nodes[-1]
        assert isinstance(node, Activation) and repr(node.parameters) == repr((alpha,))
