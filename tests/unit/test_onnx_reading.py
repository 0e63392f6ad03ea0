"""What the import once read differently from ONNX Runtime: each is equal now, or refused in one line at its node."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from certify.errors import InputError
from certify.generators.derivatives import value
from certify.generators.onnx_import import generator_from_model
from certify.generators.onnx_operators import lowerings
from certify.generators.onnx_operators.values import Operation, Value
from tests.onnx_models import AnyArray, imported, model, node, runtime

SINGLE = np.float32
FAR = 2**31 - 1
ONES = np.ones
Nodes = list[onnx.NodeProto]
Constants = dict[str, AnyArray]


def integers(*entries: int) -> AnyArray:
    return np.array(entries, dtype=np.int64)


EQUAL: dict[str, tuple[Nodes, Constants, tuple[int, ...], int]] = {
    "Slice backwards from below the start": (
        [node("Slice", "z a b c d", "y"), node("Concat", "y z", "x", axis=1)],
        {"a": integers(-9), "b": integers(-FAR), "c": integers(1), "d": integers(-1)},
        (1, 3),
        18,
    ),
    "Slice backwards from beyond the end": (
        [node("Slice", "z a b c d", "x")],
        {"a": integers(FAR), "b": integers(-FAR), "c": integers(1), "d": integers(-1)},
        (1, 3),
        18,
    ),
    "Mod of floats": (
        [node("Mod", "a b", "c", fmod=1), node("Mul", "z c", "x")],
        {"a": np.array([-5, 5, -7.5]), "b": np.array([3, -3, 2.0])},
        (1, 3),
        18,
    ),
    "reduction over no axes": (
        [node("ReduceSum", "w", "c", noop_with_empty_axes=1), node("Mul", "z c", "x")],
        {"w": np.array([1.0, 2, 4])},
        (1, 3),
        18,
    ),
    "quotient of negative integers": (
        [node("Div", "a b", "q"), node("Cast", "q", "f", to=1), node("Add", "z f", "x")],
        {"a": integers(-7, 7, -8), "b": integers(2, -2, 3)},
        (1, 3),
        18,
    ),
    "integers that wrap": (
        [node("Cast", "a", "q", to=3), node("Cast", "q", "f", to=1), node("Add", "z f", "x")],
        {"a": integers(300, -129, 5)},
        (1, 3),
        18,
    ),
    "integers that wrap in a sum": (
        [node("Add", "a a", "q"), node("Cast", "q", "f", to=1), node("Mul", "z f", "x")],
        {"a": np.array([2**30, 1, -(2**31)], dtype=np.int32)},
        (1, 3),
        18,
    ),
    "half precision constants": (
        [node("Cast", "a", "q", to=10), node("Cast", "q", "f", to=1), node("Mul", "z f", "x")],
        {"a": np.array([0.1, 1 / 3, 1e-6])},
        (1, 3),
        18,
    ),
    "bfloat16 constants": (
        [node("Cast", "a", "q", to=16), node("Cast", "q", "f", to=1), node("Mul", "z f", "x")],
        {"a": np.array([0.1, 1 / 3, -1.00390625])},
        (1, 3),
        18,
    ),
    "extrema of one and of many": (
        [node("Max", "z", "a"), node("Min", "a b z c", "d"), node("Max", "d e z b", "x")],
        {"b": np.array([0.5]), "c": np.array(0.25), "e": np.array([[-1.0], [2.0]])},
        (1, 3),
        18,
    ),
    "images of a batch": (
        [node("Reshape", "z s", "i"), node("Conv", "i w b", "c"), node("AveragePool", "c", "p", kernel_shape=[2]),
         node("Concat", "p i", "x", axis=2)],
        {"s": integers(2, 2, 3), "w": np.arange(8.0).reshape(2, 2, 2), "b": np.array([1.0, -1])},
        (1, 12),
        18,
    ),
    "ConvTranspose with a shape": (
        [node("ConvTranspose", "z w", "x", strides=[2, 2], output_shape=[5, 4])],
        {"w": np.arange(18.0).reshape(1, 2, 3, 3)},
        (1, 1, 2, 2),
        18,
    ),
    "ConvTranspose upper": (
        [node("ConvTranspose", "z w", "x", strides=[2], auto_pad="SAME_UPPER")],
        {"w": np.arange(6.0).reshape(1, 2, 3)},
        (1, 1, 3),
        18,
    ),
    "ConvTranspose lower": (
        [node("ConvTranspose", "z w", "x", strides=[2], auto_pad="SAME_LOWER", kernel_shape=[3])],
        {"w": np.arange(6.0).reshape(1, 2, 3)},
        (1, 1, 3),
        18,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", EQUAL)
def test_read_as_the_runtime_does(name: str) -> None:
    nodes, constants, latent, opset = EQUAL[name]
    points = np.random.default_rng(3).normal(size=(4, int(np.prod(latent)))).astype(SINGLE)
    single = model(nodes, constants, latent, SINGLE, opset)
    # Alone, without the second engine that compares every file that is loaded.
    ours = value(generator_from_model(single, Path("model.onnx")).graph, points.astype(np.float64))
    np.testing.assert_allclose(ours, runtime(single, points, latent), rtol=2e-6, atol=2e-6)


def test_a_sparse_bias_is_added(tmp_path: Path) -> None:
    proto = model([node("Gemm", "z W C", "x")], {"W": np.eye(3)}, (1, 3), SINGLE)
    bias = onnx.SparseTensorProto(dims=[1, 3])
    bias.values.CopyFrom(numpy_helper.from_array(np.array([1.5, -2.0], SINGLE), "C"))
    bias.indices.CopyFrom(numpy_helper.from_array(np.array([0, 2]), "indices"))
    proto.graph.sparse_initializer.append(bias)
    np.testing.assert_array_equal(value(imported(proto, tmp_path).graph, np.zeros(3)), [1.5, 0, -2])


def test_the_default_of_an_attribute_is_the_schema_s_float32(tmp_path: Path) -> None:
    statistics = {"g": ONES(3), "b": np.zeros(3), "m": np.zeros(3), "v": np.full(3, 1e-6)}
    proto = model([node("BatchNormalization", "z g b m v", "x")], statistics, (1, 3), np.float64, 15)
    point = np.array([1.0, -2.0, 0.5])
    ours = value(imported(proto, tmp_path).graph, point)
    np.testing.assert_allclose(ours, point / np.sqrt(1e-6 + float(SINGLE(1e-5))), rtol=1e-15)


REFUSED: dict[str, tuple[Nodes, Constants, tuple[int, ...], int, str]] = {
    "unknown attribute": ([node("Relu", "z", "x", alpha=0.5)], {}, (1, 3), 18, "`alpha`, which operator set 18"),
    "attribute of a later set": (
        [node("GatherND", "z i", "x", batch_dims=0)], {"i": integers(0)[None]}, (1, 3), 11, "`batch_dims`"),
    "attribute of another type": ([node("Elu", "z", "x", alpha=1)], {}, (1, 3), 18, "`alpha` twice or of another type"),
    "operator of a later set": ([node("Gelu", "z", "x")], {}, (1, 3), 18, "does not exist in operator set 18"),
    "operator of an earlier set": (
        [node("Upsample", "z s", "x")], {"s": ONES(2, SINGLE)}, (1, 3), 10, "does not exist in operator set 10"),
    "too many inputs": ([node("Tanh", "z z", "x")], {}, (1, 3), 18, "2 inputs; operator set 18 has 1 to 1"),
    "input that became an attribute": (
        [node("ReduceMean", "z a", "x")], {"a": integers(0)}, (1, 3), 13, "2 inputs; operator set 13 has 1 to 1"),
    "missing input": ([node("Gemm", "z _ z", "x")], {}, (1, 3), 18, "lacks its input 1; the operator requires it"),
    "missing attribute": ([node("Concat", "z z", "x")], {}, (1, 3), 18, "lacks the attribute `axis`"),
    "integers for floats": ([node("Exp", "i", "e"), node("Mul", "z e", "x")], {"i": integers(1)}, (1, 3), 18, "int64"),
    "spatial statistics": (
        [node("BatchNormalization", "z g g g g", "x", spatial=0)], {"g": ONES(3)}, (1, 3), 7, "`spatial`"),
    "statistics that do not fit": (
        [node("BatchNormalization", "z g g g g", "x")], {"g": ONES(1)}, (1, 3), 18, "statistics that do not fit"),
    "slope of Elu": ([node("Elu", "z", "x", alpha=-1.0)], {}, (1, 3), 18, "operator `Elu` .*`alpha` must be in"),
    "slope of Selu": ([node("Selu", "z", "x", alpha=-1.0)], {}, (1, 3), 18, "operator `Selu` .*`alpha` must be in"),
    "kernel_shape": (
        [node("Conv", "z w", "x", kernel_shape=[2])], {"w": ONES((1, 1, 3))}, (1, 1, 4), 18, "kernel_shape = "),
    "channels": ([node("ConvTranspose", "z w", "x")], {"w": ONES((2, 3, 2))}, (1, 4, 2), 18, "weights of shape"),
    "bias": ([node("Conv", "z w b", "x")], {"w": ONES((2, 1, 1)), "b": ONES(1)}, (1, 1, 4), 18, "a bias of shape"),
    "pads twice": (
        [node("Conv", "z w", "x", pads=[1, 1], auto_pad="VALID")], {"w": ONES((1, 1, 1))}, (1, 1, 4), 18, "beside"),
    "dilated and padded": (
        [node("AveragePool", "z", "x", kernel_shape=[2], dilations=[2], auto_pad="SAME_UPPER")],
        {}, (1, 1, 4), 19, "`dilations` beside `auto_pad`"),
    "window of padding": (
        [node("AveragePool", "z", "x", kernel_shape=[1], pads=[1, 1])], {}, (1, 1, 4), 18, "mean is undefined"),
    "end that is read in two ways": (
        [node("Slice", "z a b c d", "x")],
        {"a": integers(-1), "b": integers(FAR), "c": integers(1), "d": integers(-1)}, (1, 3), 18, "to an end of"),
    "axis beyond": ([node("Gather", "z i", "x", axis=2)], {"i": integers(0)}, (1, 3), 18, "axis 2 for a tensor of 2"),
    "axis twice": (
        [node("ReduceSum", "z a", "x")], {"a": integers(1, -1)}, (1, 3), 18, "an axis twice"),
    "no flag": ([node("ReduceSum", "z", "x", keepdims=2)], {}, (1, 3), 18, "keepdims = 2; 0 or 1"),
    "no permutation": ([node("Transpose", "z", "x", perm=[0, -1])], {}, (1, 3), 18, "perm = "),
    "negative extent": ([node("Reshape", "z s", "x")], {"s": integers(-2, 3)}, (1, 3), 18, "extents of -1, 0 or more"),
    "ambiguous extents": (
        [node("Reshape", "z s", "x", allowzero=1)], {"s": integers(0, -1)}, (1, 3), 18, "ambiguous"),
    "unequal parts": ([node("Split", "z", "a b", axis=1)], {}, (1, 3), 13, "into 2 equal parts"),
    "matrix of three axes": ([node("Gemm", "z W", "x")], {"W": np.eye(3)}, (1, 1, 3), 18, "not matrices"),
    "wide bias": ([node("Gemm", "z W C", "x")], {"W": np.eye(3), "C": ONES((2, 3))}, (1, 3), 18, "adds a tensor"),
    "rounding decides": (
        [node("Mul", "a b", "c"), node("Floor", "c", "f"), node("Mul", "z f", "x")],
        {"a": np.array(3.0), "b": np.array(5 / 3)}, (1, 3), 18, "depends on the rounding of a constant"),
    "cast that does not fit": (
        [node("Cast", "a", "q", to=3), node("Cast", "q", "f", to=1), node("Add", "z f", "x")],
        {"a": np.array([300.0])}, (1, 3), 18, "cannot hold it"),
    "shape in single integers": (
        [node("Reshape", "z s", "x")], {"s": np.array([3, 1], np.int32)}, (1, 3), 18, "of type int32; int64"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused_at_its_node_in_one_line(name: str, tmp_path: Path) -> None:
    nodes, constants, latent, opset, expected = REFUSED[name]
    nodes = [*nodes, node("Concat", f"{nodes[-1].output[0]} z", "x", axis=-1)] if nodes[-1].output[0] != "x" else nodes
    with pytest.raises(InputError, match=expected) as caught:
        imported(model(nodes, constants, latent, SINGLE, opset), tmp_path)
    assert str(caught.value).isprintable() and "(node `" in str(caught.value)


@pytest.mark.parametrize("what", ["attribute", "input"])
def test_what_a_lowering_does_not_read_is_refused(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def careless(builder: object, operation: Operation) -> tuple[Value, ...]:
        return (operation.value(0),)

    monkeypatch.setitem(lowerings(), "Gemm", careless)
    monkeypatch.setitem(lowerings(), "LeakyRelu", careless)
    given: dict[str, tuple[Nodes, Constants]] = {
        "attribute": ([node("LeakyRelu", "z", "x", alpha=0.5)], {}),
        "input": ([node("Gemm", "z W", "x")], {"W": np.eye(3)}),
    }
    expected = {"attribute": "`alpha`, which is not supported here", "input": "the input 1, `W`, which is not"}
    with pytest.raises(InputError, match=expected[what]):
        generator_from_model(model(*given[what], (1, 3), SINGLE), Path("model.onnx"))
    # At the schema's default there is nothing to read.
    usual = model([node("LeakyRelu", "z", "x", alpha=float(SINGLE(0.01)))], {}, (1, 3), SINGLE)
    assert generator_from_model(usual, Path("model.onnx")).latent_dim == 3


@pytest.mark.parametrize(("opset", "accepted"), [(6, False), (onnx.defs.onnx_opset_version() + 1, False), (7, True)])
def test_operator_sets_that_onnx_does_not_know_are_refused(opset: int, accepted: bool, tmp_path: Path) -> None:
    proto = model([node("Relu", "z", "x")], {}, (1, 3), SINGLE, opset)
    if accepted:
        assert imported(proto, tmp_path).latent_dim == 3
    else:
        with pytest.raises(InputError, match="operator sets"):
            imported(proto, tmp_path)


def test_a_function_that_redefines_an_operator_is_refused(tmp_path: Path) -> None:
    proto = model([node("Relu", "z", "x")], {}, (1, 3), SINGLE)
    body: Any = [node("Neg", "a", "b")]
    proto.functions.append(helper.make_function("", "Relu", ["a"], ["b"], body, [helper.make_opsetid("", 18)]))
    with pytest.raises(InputError, match="defines a function"):
        imported(proto, tmp_path)


def test_a_pattern_needs_operators_at_their_defaults(tmp_path: Path) -> None:
    nodes = [node("Sigmoid", "z", "s"), node("Mul", "z s", "x")]
    nodes[0].attribute.append(helper.make_attribute("alpha", 2.0))
    with pytest.raises(InputError, match="`Sigmoid` .* has the attribute `alpha`"):
        imported(model(nodes, {}, (1, 3), SINGLE), tmp_path)
