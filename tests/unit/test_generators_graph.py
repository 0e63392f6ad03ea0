"""The generator's own methods and its digest; sparse and dense weights are the same map."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from certify.generators import Activation, Affine, Generator, Graph, Input, Product, Sum
from certify.generators import graph as graph_module


def network(sparse: bool, shift: float = 0.0, coefficient: float = 0.5, name: str = "tanh") -> Generator:
    random = np.random.default_rng(0)
    weight = random.standard_normal((5, 3)) * (random.random((5, 3)) < 0.6)
    graph = Graph(
        (
            Input(3),
            Affine(0, sp.csr_array(weight) if sparse else weight, random.standard_normal(5) + shift),
            Activation(1, name, 5),
            Product((1, 2), 5),
            Sum((3, 2), (1.0, coefficient), 5),
            Affine(4, random.standard_normal((4, 5)), np.zeros(4)),
        )
    )
    return Generator("net", graph, 40)


def test_sparse_and_dense_weights_give_the_same_derivatives() -> None:
    dense, sparse = network(False), network(True)
    z, u, v, w = np.random.default_rng(1).standard_normal((4, 6, 3))
    r = np.random.default_rng(2).standard_normal((6, 4))
    for method, arguments in (
        ("value", (z,)),
        ("jacobian", (z,)),
        ("vector_jacobian_product", (z, r)),
        ("hessian_contraction", (z, r)),
        ("second_derivative", (z, u, v)),
        ("third_derivative", (z, u, v, w)),
    ):
        first, second = getattr(dense, method)(*arguments), getattr(sparse, method)(*arguments)
        assert first.shape == second.shape and np.allclose(first, second, rtol=1e-12, atol=1e-12), method


def test_shapes() -> None:
    generator = network(False)
    z = np.zeros((6, 3))
    assert generator.value(z).shape == (6, 4) and generator.value(z[0]).shape == (4,)
    assert generator.jacobian(z).shape == (6, 4, 3) and generator.jacobian(z[0]).shape == (4, 3)
    assert generator.vector_jacobian_product(z, np.zeros(4)).shape == (6, 3)
    assert generator.vector_jacobian_product(z[0], np.zeros((2, 4))).shape == (2, 3)
    assert generator.hessian_contraction(z[0], np.zeros(4)).shape == (3, 3)
    assert generator.second_derivative(z, z[0], z[0]).shape == (6, 4)


@pytest.mark.parametrize("largest", [graph_module.LARGEST_DENSE, 1])
def test_the_digest_sees_the_map_and_not_its_storage(monkeypatch: pytest.MonkeyPatch, largest: int) -> None:
    monkeypatch.setattr(graph_module, "LARGEST_DENSE", largest)
    digest = network(False).sha256
    assert network(True).sha256 == digest
    assert network(False, shift=1e-9).sha256 != digest
    assert network(False, coefficient=0.25).sha256 != digest
    assert network(False, name="sin").sha256 != digest
    monkeypatch.setattr(graph_module, "ROW_BLOCK_ENTRIES", 6)
    assert network(True).sha256 == digest


def test_saturated_networks_do_not_overflow() -> None:
    for name in ("tanh", "softplus", "gelu", "gelu_tanh", "silu", "sigmoid", "atan", "elu"):
        weight = np.full((2, 2), 1e150)
        graph = Graph((Input(2), Affine(0, weight, np.zeros(2)), Activation(1, name, 2)))
        generator = Generator("steep", graph, 4)
        for z in ([1.0, 2.0], [-1.0, -2.0]):
            assert np.isfinite(generator.value(z)).all() and np.isfinite(generator.jacobian(z)).all()
