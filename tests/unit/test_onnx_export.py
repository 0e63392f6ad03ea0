"""Export and import are inverse to each other, and ONNX Runtime computes the same map in float64."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import scipy.sparse as sp

from certify.errors import InputError, UnknownNameError
from certify.generators.activations import ACTIVATIONS
from certify.generators.derivatives import value
from certify.generators.graph import Activation, Affine, Generator, Graph, Input, Product, Sum
from certify.generators.onnx_export import export_onnx
from certify.generators.onnx_import import load_onnx

RANDOM = np.random.default_rng(3)
PARAMETERS = {"elu": (0.3,), "leaky_softplus": (0.1,), "leaky_relu": (0.2,), "swish": (1.702,), "power": (0.5,)}


def network(name: str) -> Generator:
    """A residual net with one activation: Affine, activation, Affine, Sum, Product."""
    dense, skip = RANDOM.normal(size=(5, 3)), RANDOM.normal(size=(3, 5))
    shift = 6.0 if name in {"reciprocal", "log", "power"} else 0.3
    nodes = (
        Input(3),
        Affine(0, dense, RANDOM.normal(size=5) * 0.1 + shift),
        Activation(1, name, 5, PARAMETERS.get(name, ())),
        Affine(2, skip, -0.0 * np.ones(3)),
        Sum((0, 3, 0), (1.0, 1 / 3, -0.7), 3),
        Product((4, 4), 3),
        Sum((5,), (0.1,), 3),
        Affine(6, sp.csr_array(np.eye(3)), np.zeros(3)),
    )
    return Generator("net", Graph(nodes), 20, {"trained_beta": "0.1", "name": "net"})


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_round_trip_and_runtime(name: str, tmp_path: Path) -> None:
    generator, path = network(name), tmp_path / "net.onnx"
    export_onnx(generator, path)
    again = load_onnx(path)
    assert again.sha256 == generator.sha256
    assert again.parameters == generator.parameters
    assert again.metadata["trained_beta"] == "0.1" and again.metadata["producer"] == "proof-companion"
    onnx.checker.check_model(onnx.load(path), full_check=True)
    points = RANDOM.normal(size=(7, 3))
    found = onnxruntime.InferenceSession(path.read_bytes()).run(None, {"z": points})[0]
    np.testing.assert_allclose(found, value(generator.graph, points), rtol=1e-12, atol=1e-12)


def test_product_with_a_sigmoid_is_not_merged_into_another_activation(tmp_path: Path) -> None:
    graph = Graph((Input(3), Activation(0, "sigmoid", 3), Product((0, 1), 3), Activation(2, "identity", 3)))
    export_onnx(Generator("gate", graph, 0), tmp_path / "gate.onnx")
    assert load_onnx(tmp_path / "gate.onnx").sha256 == Generator("gate", graph, 0).sha256


def test_large_sparse_weights_stay_sparse(tmp_path: Path) -> None:
    weight = sp.csr_array(sp.random_array((600, 500), density=0.01, rng=np.random.default_rng(0)))
    generator = Generator("sparse", Graph((Input(500), Affine(0, weight, np.ones(600)))), weight.nnz)
    export_onnx(generator, tmp_path / "sparse.onnx")
    again = load_onnx(tmp_path / "sparse.onnx")
    assert (tmp_path / "sparse.onnx").stat().st_size < 20 * weight.nnz + 10_000
    assert again.sha256 == generator.sha256 and again.parameters == weight.nnz
    points = np.random.default_rng(1).normal(size=(2, 500))
    found = onnxruntime.InferenceSession((tmp_path / "sparse.onnx").read_bytes()).run(None, {"z": points})[0]
    np.testing.assert_allclose(found, value(again.graph, points), rtol=1e-12)


def test_identity_map_and_determinism(tmp_path: Path) -> None:
    generator = Generator("identity", Graph((Input(2),)), 0)
    for name in ("a.onnx", "b.onnx"):
        export_onnx(generator, tmp_path / name)
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()
    assert load_onnx(tmp_path / "a.onnx").sha256 == generator.sha256


def test_unknown_activation_and_unwritable_path(tmp_path: Path) -> None:
    unknown = Generator("odd", Graph((Input(2), Activation(0, "tanhh", 2))), 0)
    with pytest.raises(UnknownNameError, match="tanh"):
        export_onnx(unknown, tmp_path / "odd.onnx")
    with pytest.raises(InputError, match="cannot be written"):
        export_onnx(Generator("i", Graph((Input(2),)), 0), tmp_path / "missing" / "i.onnx")
