"""Generators of every activation and family as files: run by ONNX Runtime, equal to our values, read back the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from certify.generators.activations import ACTIVATIONS
from certify.generators.graph import FloatArray, Generator
from certify.generators.onnx_export import export_onnx, onnx_model
from certify.generators.onnx_gates import WRITERS
from certify.generators.onnx_import import load_onnx
from certify.generators.specification import load_generator
from tests.exported import activation_cases, activation_network, family_specifications, points, tolerance


def run(model: onnx.ModelProto, z: FloatArray) -> FloatArray:
    """The outputs of a model in the runtime."""
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"z": z})[0])


def excess(generator: Generator, model: onnx.ModelProto) -> float:
    """The largest difference beyond the tolerance; the tolerance itself must say something."""
    z = points(generator)
    expected, allowed = generator.value(z), tolerance(generator.graph, z)
    assert np.isfinite(expected).all()
    assert np.quantile(allowed / np.maximum(1.0, np.abs(expected)), 0.6) < 1e-11
    return float(np.max(np.abs(run(model, z) - expected) - allowed))


def check(generator: Generator, path: Path) -> None:
    export_onnx(generator, path)
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    again = load_onnx(path)
    assert again.sha256 == generator.sha256 and again.parameters == generator.parameters
    assert excess(generator, model) <= 0.0


def test_every_activation_has_a_writer() -> None:
    assert set(WRITERS) == set(ACTIVATIONS)


@pytest.mark.parametrize(("name", "parameters"), activation_cases())
def test_every_activation(name: str, parameters: tuple[float, ...], tmp_path: Path) -> None:
    check(activation_network(name, parameters), tmp_path / "net.onnx")


@pytest.mark.parametrize("specification", family_specifications())
def test_every_family(specification: str, tmp_path: Path) -> None:
    check(load_generator(specification), tmp_path / "family.onnx")


@pytest.mark.parametrize("name", ["sigmoid", "gelu", "atan", "cos"])
def test_a_file_that_is_off_by_little_is_seen(name: str) -> None:
    generator = activation_network(name, ())
    model = onnx_model(generator)
    for tensor in model.graph.initializer:
        if tensor.name.startswith("scalar") and onnx.numpy_helper.to_array(tensor) == 1 / 3:
            tensor.CopyFrom(onnx.numpy_helper.from_array(np.asarray(1 / 3 + 1e-12), tensor.name))
    assert excess(generator, model) > 0.0
