"""Activations that exporters spell out are read as one node, and near misses are not."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from scipy.special import erf, ndtr

from certify.generators.derivatives import value
from certify.generators.graph import Activation, Graph, Sum
from tests.onnx_models import AnyArray, imported, model, node, reference

ROOT_TWO = np.float32(math.sqrt(2.0))


def scalar(number: float) -> AnyArray:
    return np.asarray(float(number))


def activations(graph: Graph) -> list[tuple[str, tuple[float, ...]]]:
    return [(n.name, n.parameters) for n in graph.nodes if isinstance(n, Activation)]


ERF_GELU = [
    node("Div", "z r", "u"),
    node("Erf", "u", "e"),
    node("Add", "e one", "g"),
    node("Mul", "z g", "p"),
    node("Mul", "p half", "x"),
]
ERF_CONSTANTS = {"r": scalar(ROOT_TWO), "one": scalar(1), "half": scalar(0.5)}


@pytest.mark.parametrize("order", ["x g half", "half x g", "x half g"])
def test_gelu_in_every_order_of_its_factors(order: str, tmp_path: Path) -> None:
    tails = {
        "x g half": [node("Mul", "z g", "p"), node("Mul", "p half", "x")],
        "half x g": [node("Mul", "half z", "p"), node("Mul", "g p", "x")],
        "x half g": [node("Mul", "g half", "p"), node("Mul", "z p", "x")],
    }
    graph = imported(model([*ERF_GELU[:3], *tails[order]], ERF_CONSTANTS), tmp_path).graph
    assert activations(graph) == [("gelu", ())] and len(graph.nodes) == 2
    points = np.linspace(-4, 4, 12).reshape(3, 4)
    np.testing.assert_allclose(value(graph, points), points * ndtr(points), rtol=1e-14, atol=1e-16)


def test_erf_with_another_constant_stays_what_it_is(tmp_path: Path) -> None:
    for root, one in ((1.4142, 1.0), (math.sqrt(2.0), 1.0001)):
        wrong = ERF_CONSTANTS | {"r": scalar(root), "one": scalar(one)}
        graph = imported(model(ERF_GELU, wrong), tmp_path).graph
        assert activations(graph) == [("erf", ())]
        points = np.linspace(-4, 4, 12).reshape(3, 4)
        np.testing.assert_allclose(value(graph, points), points * (one + erf(points / root)) / 2, rtol=1e-12)


def test_a_gelu_of_rounded_constants_is_listed(tmp_path: Path) -> None:
    # 1/sqrt(2) to seven digits: M2 of the file is larger than that of GELU by 2e-8 of it.
    nodes = [node("Mul", "z k", "a"), node("Erf", "a", "e"), node("Add", "e one", "f"), node("Mul", "z f", "x")]
    found = imported(model(nodes, {"k": np.array(0.7071068), "one": np.array(1.0)}), tmp_path)
    assert [name for name, _ in activations(found.graph)] == ["gelu"]
    assert found.metadata["rounded_constants"] == nodes[-1].name


def test_gelu_of_another_tensor_is_not_confused(tmp_path: Path) -> None:
    mixed = [node("Tanh", "z", "t"), *ERF_GELU[:3], node("Mul", "t g", "p"), node("Mul", "p half", "x")]
    assert activations(imported(model(mixed, ERF_CONSTANTS), tmp_path).graph) == [("tanh", ()), ("erf", ())]


def test_gelu_in_tanh_form(tmp_path: Path) -> None:
    nodes = [
        node("Pow", "z three", "c"),
        node("Mul", "c a", "ac"),
        node("Add", "z ac", "s"),
        node("Mul", "s b", "q"),
        node("Tanh", "q", "t"),
        node("Add", "t one", "g"),
        node("Mul", "z g", "p"),
        node("Mul", "p half", "x"),
    ]
    constants = {
        "three": scalar(3),
        "a": scalar(np.float32(0.044715)),
        "b": scalar(np.float32(math.sqrt(2 / math.pi))),
        "one": scalar(1),
        "half": scalar(0.5),
    }
    assert activations(imported(model(nodes, constants), tmp_path).graph) == [("gelu_tanh", ())]
    other = imported(model(nodes, constants | {"b": scalar(0.8)}), tmp_path).graph
    assert [name for name, _ in activations(other)] == ["square", "tanh"]


def test_silu_needs_one_argument(tmp_path: Path) -> None:
    silu = imported(model([node("Sigmoid", "z", "s"), node("Mul", "s z", "x")], {}), tmp_path).graph
    assert activations(silu) == [("silu", ())]
    gated = [node("Sigmoid", "z", "s"), node("Tanh", "z", "t"), node("Mul", "s t", "x")]
    assert [name for name, _ in activations(imported(model(gated, {}), tmp_path).graph)] == ["sigmoid", "tanh"]


def test_swish_and_mish_are_one_activation(tmp_path: Path) -> None:
    swish = [node("Mul", "z b", "u"), node("Sigmoid", "u", "s"), node("Mul", "s z", "x")]
    assert activations(imported(model(swish, {"b": scalar(1.5)}), tmp_path).graph) == [("swish", (1.5,))]
    # A negative slope is another function of x; it stays a product.
    assert activations(imported(model(swish, {"b": scalar(-1.5)}), tmp_path).graph) == [("sigmoid", ())]
    mish = [node("Softplus", "z", "s"), node("Tanh", "s", "t"), node("Mul", "z t", "x")]
    assert activations(imported(model(mish, {}), tmp_path).graph) == [("mish", ())]
    other = [node("Neg", "z", "m"), node("Softplus", "m", "s"), node("Tanh", "s", "t"), node("Mul", "z t", "x")]
    assert activations(imported(model(other, {}), tmp_path).graph) == [("softplus", ()), ("tanh", ())]


def test_leaky_softplus_only_where_the_weights_add_to_exactly_one(tmp_path: Path) -> None:
    nodes = [
        node("Softplus", "z", "s"),
        node("Mul", "z a", "l"),
        node("Mul", "s b", "r"),
        node("Add", "l r", "x"),
    ]
    exact = imported(model(nodes, {"a": scalar(0.25), "b": scalar(0.75)}), tmp_path).graph
    assert activations(exact) == [("leaky_softplus", (0.25,))] and len(exact.nodes) == 2
    rounded = {"a": scalar(np.float32(0.1)), "b": scalar(np.float32(0.9))}
    near = imported(model(nodes, rounded), tmp_path).graph
    assert activations(near) == [("softplus", ())] and isinstance(near.nodes[-1], Sum)


def test_reading_agrees_with_the_spelled_out_operators(tmp_path: Path) -> None:
    nodes = [
        node("Relu", "z", "r"),
        node("Neg", "z", "m"),
        node("Relu", "m", "q"),
        node("Neg", "q", "w"),
        node("Exp", "w", "e"),
        node("Sub", "e one", "b"),
        node("Mul", "b a", "y"),
        node("Add", "r y", "x"),
    ]
    proto = model(nodes, {"one": scalar(1), "a": scalar(0.3)})
    graph = imported(proto, tmp_path).graph
    assert activations(graph) == [("elu", (0.3,))]
    points = np.linspace(-5, 5, 16).reshape(4, 4)
    np.testing.assert_allclose(value(graph, points), reference(proto, points, (1, 4)), rtol=1e-14, atol=1e-16)


def test_an_activation_of_a_constant_is_folded_step_by_step(tmp_path: Path) -> None:
    """What would be recognised as SiLU has a constant argument: its parts are needed, and computed."""
    nodes = [node("Neg", "c", "n"), node("Sigmoid", "n", "s"), node("Mul", "n s", "p"), node("Add", "z p", "x")]
    c = np.array([1.0, -2.0, 0.5, 3.0])
    got = value(imported(model(nodes, {"c": c}), tmp_path).graph, np.zeros(4))
    np.testing.assert_allclose(np.reshape(got, -1), -c / (1 + np.exp(c)), rtol=1e-14)
