"""Normalisations, softmax, pooling, thresholds and reductions against ONNX's reference and ONNX Runtime; refusals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from certify.bounds.bracket import Region
from certify.bounds.constants import constants
from certify.errors import InputError
from certify.generators.derivatives import value
from certify.generators.graph import Activation
from tests.onnx_models import AnyArray, imported, model, node, reference, runtime
from tests.unit.test_onnx_operators import Case

RANDOM = np.random.default_rng(11)


def weights(*shape: int) -> AnyArray:
    return RANDOM.normal(size=shape).astype(np.float32).astype(np.float64)


IMAGE = (1, 4, 3, 4)
AFFINE = {"g": weights(4), "b": weights(4)}
CASES: dict[str, Case] = {
    "LayerNormalization": Case(
        [node("LayerNormalization", "z g b", "x", axis=1, epsilon=0.125)],
        {"g": weights(4, 1, 4), "b": weights(3, 4)},
        IMAGE,
    ),
    "LayerNormalization last axis": Case([node("LayerNormalization", "z g", "x")], {"g": weights(4)}, IMAGE),
    "InstanceNormalization": Case([node("InstanceNormalization", "z g b", "x", epsilon=0.125)], AFFINE, IMAGE),
    "GroupNormalization 18": Case(
        [node("GroupNormalization", "z g b", "x", num_groups=2)],
        {"g": weights(2), "b": weights(2)},
        IMAGE,
        18,
    ),
    "GroupNormalization 21": Case([node("GroupNormalization", "z g b", "x", num_groups=2)], AFFINE, IMAGE, 21),
    "RMSNormalization": Case([node("RMSNormalization", "z g", "x", axis=2)], {"g": weights(3, 4)}, IMAGE, 23),
    "Softmax 13": Case([node("Softmax", "z", "x", axis=1)], {}, IMAGE, 13),
    # The reference takes one axis for every operator set.
    "Softmax 12": Case([node("Softmax", "z", "x", axis=2)], {}, IMAGE, 12, in_reference=False),
    "Softmax 11": Case([node("Softmax", "z", "x")], {}, IMAGE, 11, in_reference=False),
    "Softmax of one entry": Case(
        [
            node("Softmax", "z", "s", axis=0),
            node("Abs", "s", "a"),
            node("Add", "a one", "d"),
            node("Div", "s d", "y"),
            node("Add", "y z", "x"),
        ],
        {"one": np.array(1.0)},
    ),
    "LogSoftmax 13": Case([node("LogSoftmax", "z", "x")], {}, IMAGE, 13),
    "LogSoftmax 12": Case([node("LogSoftmax", "z", "x")], {}, IMAGE, 12, in_reference=False),
    "ReduceLogSumExp": Case(
        [
            node("ReduceLogSumExp", "z a", "y", keepdims=0),
            node("Flatten", "y", "f"),
            node("Flatten", "z", "q"),
            node("Concat", "f q", "x", axis=1),
        ],
        {"a": np.array([1, -1])},
        IMAGE,
    ),
    "Celu": Case([node("Celu", "z", "x", alpha=0.75)], tolerance=1e-7),
    "HardSigmoid": Case([node("HardSigmoid", "z", "x", alpha=0.25, beta=0.625)]),
    "HardSwish": Case([node("Mul", "z c", "y"), node("HardSwish", "y", "x")], {"c": np.array(4.0)}, tolerance=1e-7),
    "Softsign": Case([node("Softsign", "z", "x")]),
    "ThresholdedRelu": Case([node("ThresholdedRelu", "z", "x", alpha=0.25)]),
    "Shrink": Case([node("Shrink", "z", "x", lambd=0.5, bias=0.25)]),
    "Shrink soft": Case([node("Shrink", "z", "x", lambd=0.5, bias=0.5)]),
    "Sinh": Case([node("Sinh", "z", "x")]),
    "Cosh": Case([node("Cosh", "z", "x")]),
    "MaxPool": Case(
        [
            node("MaxPool", "z", "p", kernel_shape=[2, 3], strides=[1, 2], pads=[1, 1, 0, 1]),
            node("Flatten", "p", "f"),
            node("Flatten", "z", "q"),
            node("Concat", "f q", "x", axis=1),
        ],
        {},
        IMAGE,
    ),
    "MaxPool same": Case(
        [node("MaxPool", "z", "x", kernel_shape=[3, 3], auto_pad="SAME_UPPER", dilations=[1, 1])], {}, IMAGE
    ),
    "GlobalMaxPool": Case([node("GlobalMaxPool", "z", "m"), node("Sub", "z m", "x")], {}, IMAGE),
    "ReduceMax": Case([node("ReduceMax", "z a", "m"), node("Sub", "z m", "x")], {"a": np.array([1])}, (1, 5)),
    "ReduceMin": Case([node("ReduceMin", "z", "m"), node("Sub", "z m", "x")], {}, (1, 7)),
    "Max": Case([node("Tanh", "z", "t"), node("Max", "z t c d", "x")], {"c": weights(4), "d": np.array(-1.0)}),
    "Min": Case([node("Tanh", "z", "t"), node("Neg", "z", "n"), node("Min", "c z t n", "x")], {"c": weights(4)}),
    "ReduceL2": Case([node("ReduceL2", "z a", "m"), node("Mul", "z m", "x")], {"a": np.array([1])}),
    "ReduceL1": Case([node("ReduceL1", "z a", "m"), node("Mul", "z m", "x")], {"a": np.array([1])}),
    "ReduceSumSquare": Case([node("ReduceSumSquare", "z a", "m"), node("Mul", "z m", "x")], {"a": np.array([1])}),
    "CumSum": Case([node("CumSum", "z a", "x", exclusive=0)], {"a": np.array(1)}),
    "CumSum reversed": Case([node("CumSum", "z a", "x", reverse=1, exclusive=1)], {"a": np.array(-1)}),
    # The reference cannot evaluate `output_shape`.
    "ConvTranspose shape": Case(
        [node("ConvTranspose", "z k", "x", strides=[2, 2], output_shape=[6, 8])],
        {"k": weights(4, 2, 3, 3)},
        IMAGE,
        in_reference=False,
    ),
    "ConvTranspose same": Case(
        [node("ConvTranspose", "z k", "x", strides=[2, 3], auto_pad="SAME_UPPER")],
        {"k": weights(4, 2, 3, 4)},
        IMAGE,
    ),
    "ConvTranspose lower": Case(
        [node("ConvTranspose", "z k", "x", strides=[2, 3], auto_pad="SAME_LOWER")],
        {"k": weights(4, 2, 3, 4)},
        IMAGE,
    ),
    "ConvTranspose valid": Case(
        [node("ConvTranspose", "z k", "x", strides=[2, 3], auto_pad="VALID")], {"k": weights(4, 2, 3, 4)}, IMAGE
    ),
    "Einsum": Case([node("Einsum", "z W", "x", equation="bchw,kc->bkhw")], {"W": weights(5, 4)}, IMAGE),
    "Einsum left": Case([node("Einsum", "W z", "x", equation="ij, bj -> bi")], {"W": weights(6, 4)}),
    "Einsum implicit": Case([node("Einsum", "z W", "x", equation="ba,ac")], {"W": weights(4, 5)}),
    "Einsum alone": Case([node("Einsum", "z", "x", equation="bchw->bwhc")], {}, IMAGE),
    "Greater": Case([node("Greater", "z c", "k"), node("Where", "k z d", "x")], {"c": weights(4), "d": weights(4)}),
    "Less": Case(
        [node("Less", "z c", "k"), node("Not", "k", "n"), node("Where", "n d z", "x")],
        {"c": weights(4), "d": weights(4)},
    ),
    "GreaterOrEqual": Case(
        [node("GreaterOrEqual", "c z", "k"), node("Tanh", "z", "t"), node("Where", "k z t", "x")], {"c": weights(4)}
    ),
    "LessOrEqual": Case(
        [node("LessOrEqual", "z c", "k"), node("Where", "k d e", "y"), node("Add", "y z", "x")],
        {"c": weights(4), "d": weights(4), "e": weights(4)},
    ),
    "And": Case(
        [node("Greater", "z c", "k"), node("Less", "z d", "l"), node("And", "k l", "a"), node("Where", "a z c", "x")],
        {"c": np.array(-0.5), "d": np.array(0.5)},
    ),
    "Or": Case(
        [
            node("Greater", "z d", "k"),
            node("Less", "z c", "l"),
            node("Or", "k l", "a"),
            node("Cast", "a", "f", to=11),
            node("Cast", "f", "g", to=11),
            node("Add", "g z", "x"),
        ],
        {"c": np.array(-0.5), "d": np.array(0.5)},
        tolerance=1e-6,
    ),
}


def made(case: Case, dtype: type) -> onnx.ModelProto:
    proto = model(case.nodes, case.constants, case.latent, dtype, case.opset)
    proto.ir_version = 7 if case.opset < 15 else 10 if case.opset > 20 else 9
    return proto


@pytest.mark.parametrize("name", CASES)
def test_agrees_with_reference_and_runtime(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    points = np.random.default_rng(1).normal(size=(6, int(np.prod(case.latent))))
    points = points.astype(np.float32).astype(np.float64)
    # CELU is defined for float32 only.
    generator = imported(made(case, np.float32 if name == "Celu" else np.float64), tmp_path)
    ours = value(generator.graph, points)
    if case.in_reference:
        theirs = reference(made(case, np.float64), points, case.latent)
        np.testing.assert_allclose(ours, theirs, rtol=1e-5 if "Norm" in name else case.tolerance, atol=1e-6)
    if not (name == "Or" or case.opset > 22):
        single = runtime(made(case, np.float32), points.astype(np.float32), case.latent)
        np.testing.assert_allclose(ours, single, rtol=3e-5, atol=3e-5)
    # The Jacobian against differences of the value, away from thresholds with probability one.
    z, d = points[0], points.shape[1]
    steps = 1e-6 * np.eye(d)
    differences = (value(generator.graph, z + steps) - value(generator.graph, z - steps)).T / 2e-6
    np.testing.assert_allclose(generator.jacobian(z), differences, rtol=1e-5, atol=1e-5)


def test_thresholds_are_strict_where_the_file_says_so(tmp_path: Path) -> None:
    point = np.array([[-1.0, 0.0, 1.0, 2.0]])
    for kind in ("Greater", "GreaterOrEqual", "Less", "LessOrEqual"):
        nodes = [node(kind, "z one", "k"), node("Where", "k big z", "x")]
        # A branch that is not taken leaves no rounding behind, however large it is.
        proto = model(nodes, {"one": np.array(1.0), "big": np.array(1e30)})
        np.testing.assert_array_equal(value(imported(proto, tmp_path).graph, point), runtime(proto, point, (1, 4)))


def softplus(beta: float, threshold: float) -> tuple[list[onnx.NodeProto], dict[str, AnyArray]]:
    nodes = [
        node("Mul", "z b", "u"),
        node("Softplus", "u", "s"),
        node("Div", "s b", "d"),
        node("Greater", "u t", "k"),
        node("Where", "k z d", "x"),
    ]
    return nodes, {"b": np.array(beta), "t": np.array(threshold)}


def test_a_softplus_with_a_threshold_jumps_and_says_so(tmp_path: Path) -> None:
    generator = imported(model(*softplus(2.0, 20.0)), tmp_path)
    assert "jumps" in generator.metadata["read_as"] and "logsigmoid" in generator.metadata["read_as"]
    points = np.array([[-3.0, 9.0, 10.0, 10.5]])
    found = value(generator.graph, points)[0]
    assert found[3] == 10.5
    np.testing.assert_allclose(found[:3], np.logaddexp(0, 2 * points[0, :3]) / 2, rtol=1e-14)
    everywhere = constants(generator, effort=1.0)
    assert everywhere.M.upper in (None, np.inf) and "jumps" in everywhere.notes[-1]
    # On a ball on which no argument reaches the threshold it is softplus, with slopes between s(-4) and s(4).
    near = constants(generator, Region(2.0), effort=1.0)
    assert near.M.upper == pytest.approx(1 / (1 + np.exp(-4.0)), rel=1e-6) and near.M2.upper is not None
    assert near.M2.upper <= 0.5 + 1e-9


@pytest.mark.parametrize(("kind", "expected"), [("Greater", True), ("GreaterOrEqual", True), ("Less", False)])
def test_two_slopes_that_meet_are_a_leaky_relu(kind: str, expected: bool, tmp_path: Path) -> None:
    nodes = [node(kind, "z zero", "k"), node("Mul", "z a", "y"), node("Where", "k z y", "x")]
    proto = model(nodes, {"zero": np.array(0.0), "a": np.array(0.25)})
    graph = imported(proto, tmp_path).graph
    names = {part.name for part in graph.nodes if isinstance(part, Activation)}
    assert (names == {"leaky_relu"}) is expected
    point = np.array([[-1.0, 0.0, 1.0, 2.0]])
    np.testing.assert_array_equal(value(graph, point), runtime(proto, point, (1, 4)))


def test_log_of_one_plus_exp_is_softplus(tmp_path: Path) -> None:
    nodes = [node("Exp", "z", "e"), node("Add", "e one", "p"), node("Log", "p", "x")]
    graph = imported(model(nodes, {"one": np.ones(4)}), tmp_path).graph
    assert [part.name for part in graph.nodes if isinstance(part, Activation)] == ["softplus"]
    points = np.array([[-1e4, -2.0, 0.0, 1e4]])
    np.testing.assert_allclose(value(graph, points), np.logaddexp(0.0, points), rtol=1e-14)
    other = imported(model(nodes, {"one": np.array([1.0, 1.0, 1.0, 2.0])}), tmp_path).graph
    assert [part.name for part in other.nodes if isinstance(part, Activation)] == ["exp", "log"]


def test_log_sigmoid_is_finite_everywhere(tmp_path: Path) -> None:
    graph = imported(model([node("Sigmoid", "z", "s"), node("Log", "s", "x")], {}), tmp_path).graph
    points = np.array([[-1e4, -2.0, 0.0, 1e4]])
    np.testing.assert_allclose(value(graph, points), -np.logaddexp(0.0, -points), rtol=1e-14)
    assert [part.name for part in graph.nodes if isinstance(part, Activation)] == ["softplus"]


REFUSED: list[tuple[list[onnx.NodeProto], str]] = [
    ([node("LayerNormalization", "z g b", "x", epsilon=0.0)], "epsilon"),
    ([node("LayerNormalization", "z g b", "x mean")], "2 outputs"),
    ([node("LayerNormalization", "z g b", "x", axis=5)], "axis 5"),
    ([node("LayerNormalization", "z three b", "x")], "inconsistent|scale"),
    ([node("Reshape", "z s", "i"), node("GroupNormalization", "i g b", "x", num_groups=3)], "3 groups for 4"),
    ([node("Reshape", "z s", "i"), node("InstanceNormalization", "i three b", "x")], "4 entries each"),
    ([node("Softmax", "z", "x", axis=2)], "axis 2"),
    ([node("Celu", "z", "x", alpha=-1.0)], "alpha"),
    ([node("Pow", "z z", "x")], "constant input"),
    ([node("Pow", "z k0", "x")], "exponent"),
    ([node("Floor", "z", "x")], "constants only"),
    ([node("Equal", "z g", "k"), node("Where", "k z g", "x")], "constants only"),
    ([node("Reshape", "z s", "i"), node("MaxPool", "i", "x", kernel_shape=[1], ceil_mode=1)], "ceil_mode"),
    ([node("Reshape", "z s", "i"), node("MaxPool", "i", "x y", kernel_shape=[1])], "indices"),
    ([node("Reshape", "z s", "i"), node("ConvTranspose", "i ker", "x", output_shape=[9])], "only 3"),
    ([node("Reshape", "z s", "i"), node("ConvTranspose", "i ker", "x", output_shape=[3, 3])], "2 entries for 1"),
    ([node("Einsum", "z z", "x", equation="bi,bj->bij")], "two computed"),
    ([node("Einsum", "z g", "x", equation="b...,j->bj")], "equation"),
    ([node("Einsum", "z three", "x", equation="bi,i->bi")], "different extents"),
    ([node("Cast", "z", "k", to=9), node("Where", "k z g", "x")], "not floating point"),
]


@pytest.mark.parametrize(("nodes", "message"), REFUSED)
def test_refused(nodes: list[onnx.NodeProto], message: str, tmp_path: Path) -> None:
    given: dict[str, Any] = {
        "g": np.ones(4),
        "b": np.zeros(4),
        "three": np.ones(3),
        "s": np.array([1, 4, 1]),
        "k0": np.array(0.0),
        "ker": np.ones((4, 2, 3)),
    }
    with pytest.raises(InputError, match=message) as caught:
        imported(model(nodes, given, opset=21), tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("kind", "bound"), [("Min", 1e12), ("Max", -1e12)])
def test_a_far_bound_cancels_no_digits(kind: str, bound: float, tmp_path: Path) -> None:
    proto = model([node("Tanh", "z", "t"), node(kind, "t c", "x")], {"c": np.array([bound])}, (1, 3))
    points = np.array([[0.1, -0.7, 1e-9]])
    assert (imported(proto, tmp_path).value(points) == np.tanh(points)).all()


@pytest.mark.parametrize(
    ("end", "is_end"),
    [(1e39, True), (float(np.finfo(np.float32).max), True), (float(np.finfo(np.float64).max), False)],
)
def test_a_large_end_of_clip_is_an_end(end: float, is_end: bool, tmp_path: Path) -> None:
    # No point of the comparison comes near 1e39; without its ends the map would have m = M = 1e36.
    constants_of = {"a": np.array(1e36), "lo": np.array(-end), "hi": np.array(end)}
    proto = model([node("Mul", "z a", "y"), node("Clip", "y lo hi", "x")], constants_of, (1, 2), np.float64)
    generator = imported(proto, tmp_path)
    assert any(isinstance(item, Activation) and item.name == "relu" for item in generator.graph.nodes) is is_end
    found = constants(generator, effort=200.0)
    assert (found.m.upper == 0.0) is is_end
    assert (found.M2.lower == np.inf) is is_end
