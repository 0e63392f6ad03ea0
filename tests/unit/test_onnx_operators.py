"""Every supported operator against ONNX's reference implementation in float64 and ONNX Runtime in float32."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from certify.errors import InputError
from certify.generators.derivatives import value
from certify.generators.graph import Activation, Affine
from certify.generators.onnx_operators import lowerings
from tests.onnx_models import AnyArray, imported, model, node, reference, runtime

RANDOM = np.random.default_rng(7)


def weights(*shape: int) -> AnyArray:
    """Entries of size about one that float32 holds exactly, so that both precisions see one map."""
    return RANDOM.normal(size=shape).astype(np.float32).astype(np.float64)


@dataclass(frozen=True)
class Case:
    """A model from `z` to `x`, the latent shape, and what both engines can evaluate of it."""

    nodes: list[onnx.NodeProto]
    constants: dict[str, AnyArray] = field(default_factory=dict)
    latent: tuple[int, ...] = (1, 4)
    opset: int = 20
    tolerance: float = 1e-12
    in_reference: bool = True


def unary(kind: str, **attributes: Any) -> Case:
    return Case([node(kind, "z", "x", **attributes)])


IMAGE = (1, 2, 4, 4)
W, B = weights(4, 5), weights(5)
CASES: dict[str, Case] = {
    **{kind: unary(kind) for kind in ("Tanh", "Sigmoid", "Softplus", "Sin", "Cos", "Atan", "Exp", "Relu")},
    "Mish": unary("Mish"),
    # The reference evaluates Erf in float32.
    "Erf": Case([node("Erf", "z", "x")], in_reference=False),
    "Neg": unary("Neg"),
    "Identity": unary("Identity"),
    "Reciprocal": Case([node("Exp", "z", "e"), node("Reciprocal", "e", "x")]),
    "Elu": unary("Elu", alpha=0.75),
    "Selu": unary("Selu"),
    "LeakyRelu": unary("LeakyRelu", alpha=0.125),
    # The reference's GELU has float32 constants; test_onnx_patterns holds it against the formula.
    "Gelu": Case([node("Gelu", "z", "x")], in_reference=False),
    "Gelu tanh": Case([node("Gelu", "z", "x", approximate="tanh")], in_reference=False),
    "Swish": Case([node("Swish", "z", "x", alpha=0.5)], opset=24),
    "Cast": Case([node("Cast", "z", "c", to=1), node("Identity", "c", "x")], tolerance=1e-6),
    "Clip": Case([node("Clip", "z a b", "x")], {"a": np.array(-0.5), "b": np.array(0.75)}),
    "Clip low": Case([node("Clip", "z a", "x")], {"a": np.array(-0.5)}),
    "Clip high": Case([node("Clip", "z _ b", "x")], {"b": np.array(0.75)}),
    "PRelu": Case([node("PRelu", "z a", "x")], {"a": weights(4)}),
    "PRelu one slope": Case([node("PRelu", "z a", "x")], {"a": np.array([0.25])}),
    "Gemm": Case([node("Gemm", "z W B", "x", alpha=0.5, beta=2.0)], {"W": W, "B": B}),
    "Gemm transposed": Case([node("Gemm", "z W B", "x", transB=1)], {"W": W.T, "B": B}),
    "Gemm right": Case([node("Gemm", "W z", "x", transB=1)], {"W": weights(6, 4)}),
    "MatMul": Case([node("MatMul", "z W", "y"), node("Add", "y B", "x")], {"W": W, "B": B}),
    "MatMul left": Case(
        [node("Reshape", "z s", "m"), node("MatMul", "A m", "y"), node("MatMul", "y V", "x")],
        {"s": np.array([2, 2]), "A": weights(3, 2), "V": weights(2, 3)},
    ),
    "MatMul vector": Case([node("MatMul", "A z", "x")], {"A": weights(5, 4)}, latent=(4,)),
    "Add": Case([node("Add", "z B", "x")], {"B": weights(4)}),
    "Sub": Case([node("Sub", "B z", "y"), node("Sub", "y z", "x")], {"B": weights(4)}),
    "Sum": Case([node("Tanh", "z", "t"), node("Sum", "z t B z", "x")], {"B": weights(4)}),
    "Mean": Case([node("Tanh", "z", "t"), node("Mean", "z t B", "x")], {"B": weights(4)}),
    "Mul": Case([node("Tanh", "z", "t"), node("Mul", "z t", "p"), node("Mul", "p B", "x")], {"B": weights(4)}),
    "Mul broadcast": Case(
        [node("MatMul", "z w", "g"), node("Sigmoid", "g", "s"), node("Mul", "s z", "x")], {"w": weights(4, 1)}
    ),
    "Div": Case([node("Exp", "z", "e"), node("Div", "z e", "q"), node("Div", "q c", "x")], {"c": np.array(3.0)}),
    "Div constant": Case([node("Exp", "z", "e"), node("Div", "c e", "x")], {"c": weights(4)}),
    "Pow 2": Case([node("Pow", "z k", "x")], {"k": np.array(2.0)}),
    "Pow -7": Case([node("Exp", "z", "e"), node("Pow", "e k", "x")], {"k": np.array(-7.0)}),
    "Pow 0.75": Case([node("Exp", "z", "e"), node("Pow", "e k", "x")], {"k": np.array(0.75)}),
    "Sqrt": Case([node("Exp", "z", "e"), node("Sqrt", "e", "x")]),
    "Sqrt Reciprocal": Case([node("Exp", "z", "e"), node("Sqrt", "e", "s"), node("Reciprocal", "s", "x")]),
    "Log": Case([node("Softplus", "z", "e"), node("Log", "e", "x")]),
    "Pow 3": Case([node("Pow", "z k", "x")], {"k": np.array(3.0)}),
    "Pow -1": Case([node("Exp", "z", "e"), node("Pow", "e k", "x")], {"k": np.array(-1.0)}),
    "BatchNormalization": Case(
        [node("MatMul", "z W", "y"), node("BatchNormalization", "y g b m v", "x", epsilon=1e-3)],
        {"W": W, "g": weights(5), "b": B, "m": weights(5), "v": weights(5) ** 2},
    ),
    "ReduceMean": Case(
        [
            node("Reshape", "z s", "i"),
            node("ReduceMean", "i a", "m"),
            node("Sub", "i m", "y"),
            node("Flatten", "y", "x"),
        ],
        {"s": np.array([1, 2, 4, 4]), "a": np.array([2, 3])},
        latent=(1, 32),
    ),
    "ReduceSum": Case(
        [node("ReduceSum", "z a", "t", keepdims=0), node("Unsqueeze", "t u", "t1"), node("Add", "z t1", "x")],
        {"a": np.array([1]), "u": np.array([1])},
    ),
    "movement": Case(
        [
            node("Reshape", "z s", "m"),
            node("Transpose", "m", "t", perm=[0, 2, 1]),
            node("Slice", "t a b ax st", "c"),
            node("Reshape", "m s2", "m2"),
            node("Concat", "c t m2", "k", axis=2),
            node("Squeeze", "k sq", "q"),
            node("Flatten", "q", "x", axis=0),
        ],
        {
            "s": np.array([1, 2, 3]),
            "s2": np.array([0, 3, -1]),
            "a": np.array([2]),
            "b": np.array([-4]),
            "ax": np.array([1]),
            "st": np.array([-1]),
            "sq": np.array([0]),
        },
        latent=(1, 6),
    ),
    "Split": Case(
        [node("Split", "z n", "a b", axis=1), node("Exp", "a", "e"), node("Concat", "b e a", "x", axis=1)],
        {"n": np.array([1, 3])},
    ),
    "Gather": Case([node("Gather", "z i", "x", axis=1)], {"i": np.array([3, 0, -2, 1, 1])}),
    "GatherND": Case(
        [
            node("Transpose", "z", "t", perm=[1, 0]),
            node("GatherND", "t i", "g"),
            node("Transpose", "g", "x", perm=[1, 0]),
        ],
        {"i": np.array([[3], [0], [2], [1], [1]])},
    ),
    "GatherElements": Case([node("GatherElements", "z i", "x", axis=1)], {"i": np.array([[3, 0, 2, 2, -1]])}),
    "ScatterND": Case(
        [
            node("Slice", "z a b ax", "u"),
            node("Exp", "u", "e"),
            node("Squeeze", "e sq", "f"),
            node("ScatterND", "z i f", "x"),
        ],
        {
            "a": np.array([1]),
            "b": np.array([3]),
            "ax": np.array([1]),
            "sq": np.array([0]),
            "i": np.array([[0, 3], [0, 0]]),
        },
    ),
    "Where": Case(
        [node("Tanh", "z", "t"), node("Where", "k t z", "y"), node("Where", "k2 y c", "x")],
        {"k": np.array([True, False, True, False]), "k2": np.array([[True, True, False, True]]), "c": np.array([0.5])},
    ),
    "Abs": Case([node("Abs", "z", "x")]),
    "Sign": Case([node("Sign", "z", "x")]),
    "Max": Case([node("Max", "c z", "y"), node("Tanh", "z", "t"), node("Max", "y t", "x")], {"c": weights(4)}),
    "Min": Case([node("Min", "z c", "y"), node("Tanh", "z", "t"), node("Min", "y t", "x")], {"c": weights(4)}),
    "Expand": Case(
        [node("Unsqueeze", "z u", "y"), node("Expand", "y s", "x")], {"u": np.array([1]), "s": np.array([1, 3, 4])}
    ),
    "Tile": Case([node("Tile", "z r", "x")], {"r": np.array([1, 2])}),
    "Pad": Case(
        [node("Reshape", "z s", "i"), node("Pad", "i p v", "x")],
        {"s": np.array(IMAGE), "p": np.array([0, 0, 1, 0, 0, 0, 0, 2]), "v": np.array(0.5)},
        latent=(1, 32),
    ),
    "Pad reflect": Case(
        [node("Reshape", "z s", "i"), node("Pad", "i p", "x", mode="reflect")],
        {"s": np.array(IMAGE), "p": np.array([0, 0, 1, 0, 0, 0, 2, 1])},
        latent=(1, 32),
    ),
    "Conv": Case(
        [node("Conv", "z K c", "x", pads=[1, 0, 2, 1], strides=[1, 2], dilations=[2, 1])],
        {"K": weights(5, 2, 2, 3), "c": weights(5)},
        latent=(1, 2, 5, 6),
    ),
    "Conv group": Case(
        [node("Conv", "z K", "x", group=2, auto_pad="SAME_UPPER", kernel_shape=[2, 3])],
        {"K": weights(6, 2, 2, 3)},
        latent=(1, 4, 3, 3),
    ),
    "Conv line": Case([node("Conv", "z K", "x", pads=[1, 1])], {"K": weights(3, 2, 3)}, latent=(1, 2, 5)),
    "ConvTranspose": Case(
        [node("ConvTranspose", "z K c", "x", strides=[2, 1], pads=[1, 0, 0, 1], output_padding=[1, 0], group=2)],
        {"K": weights(4, 3, 3, 2), "c": weights(6)},
        latent=(1, 4, 3, 2),
        in_reference=False,
    ),
    "AveragePool": Case(
        [node("AveragePool", "z", "p", kernel_shape=[3, 2], pads=[1, 0, 1, 0]), node("Concat", "p z", "x", axis=3)],
        latent=IMAGE,
    ),
    "AveragePool padding": Case(
        [
            node("AveragePool", "z", "p", kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=1),
            node("Add", "p z", "x"),
        ],
        latent=IMAGE,
    ),
    "GlobalAveragePool": Case([node("GlobalAveragePool", "z", "p"), node("Add", "p z", "x")], latent=IMAGE),
    "DepthToSpace": Case([node("DepthToSpace", "z", "x", blocksize=2)], latent=(1, 8, 2, 3)),
    "DepthToSpace CRD": Case([node("DepthToSpace", "z", "x", blocksize=2, mode="CRD")], latent=(1, 8, 2, 3)),
    "Resize": Case(
        [
            node(
                "Resize",
                "z _ s",
                "x",
                mode="nearest",
                coordinate_transformation_mode="asymmetric",
                nearest_mode="floor",
            )
        ],
        {"s": np.array([1.0, 1.0, 2.0, 3.0], dtype=np.float32)},
        latent=(1, 2, 2, 3),
        in_reference=False,
    ),
    "Resize half pixel": Case(
        [node("Resize", "z _ _ n", "x", mode="nearest")], {"n": np.array([1, 2, 5, 7])}, latent=(1, 2, 2, 3)
    ),
    "shapes": Case(
        [
            node("Shape", "z", "s"),
            node("Gather", "s i", "n", axis=0),
            node("Unsqueeze", "n u", "n1"),
            node("Concat", "n1 minus", "t", axis=0),
            node("Reshape", "z t", "x"),
        ],
        {"i": np.array(0), "u": np.array([0]), "minus": np.array([-1])},
        latent=(1, 2, 3),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_agrees_with_reference_and_runtime(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    points = np.random.default_rng(1).normal(size=(6, int(np.prod(case.latent))))
    points = points.astype(np.float32).astype(np.float64)
    exact = model(case.nodes, case.constants, case.latent, np.float64, case.opset)
    ours = value(imported(exact, tmp_path).graph, points)
    if case.in_reference:
        np.testing.assert_allclose(
            ours, reference(exact, points, case.latent), rtol=case.tolerance, atol=case.tolerance
        )
    if case.opset <= 22:
        single = model(case.nodes, case.constants, case.latent, np.float32, case.opset)
        theirs = runtime(single, points.astype(np.float32), case.latent)
        np.testing.assert_allclose(ours, theirs, rtol=2e-5, atol=2e-5)


def test_every_operator_has_a_case() -> None:
    from tests.unit.test_onnx_more_operators import CASES as MORE

    used = {proto.op_type for case in (CASES | MORE).values() for proto in case.nodes}
    assert set(lowerings()) - used == {"Dropout", "Upsample"}


def test_old_upsample_repeats_entries(tmp_path: Path) -> None:
    old = model(
        [node("Upsample", "z s", "x", mode="nearest")], {"s": np.array([1, 1, 2, 2], np.float32)}, (1, 1, 2, 2), opset=9
    )
    got = value(imported(old, tmp_path).graph, np.arange(4.0))
    np.testing.assert_array_equal(np.reshape(got, (4, 4)), np.kron(np.arange(4.0).reshape(2, 2), np.ones((2, 2))))


def test_dropout_is_the_identity_at_inference_and_refused_in_training(tmp_path: Path) -> None:
    quiet = model([node("Dropout", "z", "x")], {})
    assert len(imported(quiet, tmp_path).graph.nodes) == 1
    training = model([node("Dropout", "z r t", "x")], {"r": np.array(0.5), "t": np.array(True)})
    with pytest.raises(InputError, match="training mode"):
        imported(training, tmp_path)


def test_bias_is_folded_only_where_the_sum_is_exact(tmp_path: Path) -> None:
    chain = [node("MatMul", "z W", "a"), node("Add", "a b", "c"), node("Add", "c e", "x")]
    constants = {"W": W, "b": np.full(5, 1.0), "e": np.full(5, 0.5)}
    assert [type(n) for n in imported(model(chain, constants), tmp_path).graph.nodes[1:]] == [Affine]
    inexact = imported(model(chain, constants | {"e": np.full(5, 1e-30)}), tmp_path).graph
    assert [type(n) for n in inexact.nodes[1:]] == [Affine, Affine]


def test_transposes_and_reshapes_cost_no_node(tmp_path: Path) -> None:
    nodes = [
        node("Reshape", "z s", "m"),
        node("Transpose", "m", "t", perm=[0, 2, 1]),
        node("Tanh", "t", "h"),
        node("Transpose", "h", "u", perm=[0, 2, 1]),
        node("Reshape", "u f", "x"),
    ]
    graph = imported(model(nodes, {"s": np.array([1, 2, 2]), "f": np.array([1, 4])}), tmp_path).graph
    assert [type(n) for n in graph.nodes[1:]] == [Activation]


def test_rounded_constants_are_listed(tmp_path: Path) -> None:
    thirds = imported(model([node("Div", "z c", "x")], {"c": np.array(3.0)}), tmp_path)
    halves = imported(model([node("Div", "z c", "x")], {"c": np.array(2.0)}), tmp_path)
    assert thirds.metadata["rounded_constants"] == "Div_x"
    assert "rounded_constants" not in halves.metadata
