"""The decoders trained on digits are what their README says: small, invertible by construction or not at all."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from certify.generators.derivatives import jacobian, value
from certify.generators.embedded import DIGITS, embedded_specifications
from certify.generators.graph import Affine
from certify.generators.onnx_import import load_onnx
from certify.generators.specification import load_generator

DIGITS_FOLDER = Path(__file__).resolve().parents[2] / "examples" / "digits"
DECODERS = ("residual_d8", "residual_d16", "mlp_d8", "mlp_d16")


@pytest.mark.parametrize("name", DECODERS)
def test_decoder_agrees_with_onnxruntime_on_reconstructions(name: str) -> None:
    generator = load_onnx(DIGITS_FOLDER / f"{name}.onnx")
    d = generator.latent_dim
    assert generator.observed_dim == d == int(name.split("_d")[1])
    points = np.random.default_rng(0).normal(size=(50, d)).astype(np.float32)
    session = onnxruntime.InferenceSession((DIGITS_FOLDER / f"{name}.onnx").read_bytes())
    theirs = session.run(None, {"z": points})[0]
    np.testing.assert_allclose(value(generator.graph, points.astype(np.float64)), theirs, atol=1e-5)


@pytest.mark.parametrize("name", ["residual_d8", "residual_d16"])
def test_residual_decoder_keeps_the_norm_bounds_of_its_construction(name: str) -> None:
    weights = [
        node.weight for node in load_onnx(DIGITS_FOLDER / f"{name}.onnx").graph.nodes if isinstance(node, Affine)
    ]
    norms = [float(np.linalg.norm(weight, 2)) for weight in weights]
    assert len(norms) == 5
    assert max(norms[0], norms[2]) < 1.0 and max(norms[1], norms[3]) < 0.15
    spectrum = np.linalg.svd(weights[4], compute_uv=False)
    assert math.exp(-0.1) < spectrum.min() and spectrum.max() < math.exp(0.1)


@pytest.mark.parametrize("name", ["mlp_d8", "mlp_d16"])
def test_plain_decoder_folds_the_latent_space(name: str) -> None:
    generator = load_onnx(DIGITS_FOLDER / f"{name}.onnx")
    points = np.random.default_rng(0).normal(size=(500, generator.latent_dim))
    signs = np.sign(np.linalg.det(jacobian(generator.graph, points)))
    assert {-1.0, 1.0} == set(signs.tolist())


@pytest.mark.parametrize("name", DECODERS)
def test_log_and_metadata_state_the_trained_noise(name: str) -> None:
    record = json.loads((DIGITS_FOLDER / "training_log.json").read_text())[name]
    stated = float(load_onnx(DIGITS_FOLDER / f"{name}.onnx").metadata["trained_beta"])
    assert stated == pytest.approx(record["trained_beta"], rel=1e-5)
    assert record["curve"][-1]["held_out_elbo"] > record["curve"][0]["held_out_elbo"]


@pytest.mark.parametrize("name", DECODERS)
def test_encoder_and_decoder_reconstruct_held_out_digits(name: str) -> None:
    d = int(name.split("_d")[1])
    observations = np.load(DIGITS_FOLDER / f"observations_d{d}.npy")
    assert observations.shape == (200, d) and observations.dtype == np.float64
    assert np.all(np.abs(observations.std(axis=0) - 1) < 0.25)
    session = onnxruntime.InferenceSession((DIGITS_FOLDER / f"encoder_{name}.onnx").read_bytes())
    x = observations.astype(np.float32)
    latent = session.run(None, {"x": x, "noise": np.zeros_like(x)})[0].astype(np.float64)
    error = value(load_onnx(DIGITS_FOLDER / f"{name}.onnx").graph, latent) - observations
    assert np.mean(error**2) < 0.15


def test_files_name_no_path_of_the_machine_that_wrote_them() -> None:
    for path in DIGITS_FOLDER.glob("*.onnx"):
        model = onnx.load(path)
        assert not any(node.doc_string or node.metadata_props for node in model.graph.node)
        assert b"train.py" not in path.read_bytes() and path.stat().st_size < 80_000


def test_embedded_decoder_is_the_example() -> None:
    linear, digits = embedded_specifications()
    assert Path(digits).name == DIGITS
    assert Path(digits).read_bytes() == (DIGITS_FOLDER / "residual_d8.onnx").read_bytes()
    assert load_generator(linear).latent_dim == load_generator(digits).latent_dim == 8
    assert load_generator(digits).metadata["trained_beta"]
