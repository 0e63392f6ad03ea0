"""The decoders with 64 outputs are what their README says, and what is certified for them holds."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from certify.encoders.amortised import amortised_starts, encoder_path
from certify.generators.derivatives import value
from certify.generators.graph import Affine
from certify.generators.onnx_import import load_onnx
from certify.generators.specification import load_generator
from certify.profiles.certificate import GlobalConstants, certify_observation

DIGITS_FOLDER = Path(__file__).resolve().parents[2] / "examples" / "digits"
DECODERS = ("residual", "conditioned", "free", "relu", "softplus")
RESIDUAL = GlobalConstants(1.43, 2.94, 0.461)
"""On the safe side of what `certify constants` prints for `pixels64_residual.onnx`."""


@pytest.mark.parametrize("name", DECODERS)
def test_decoder_and_encoder_agree_with_onnxruntime(name: str) -> None:
    generator = load_onnx(DIGITS_FOLDER / f"pixels64_{name}.onnx")
    assert (generator.latent_dim, generator.observed_dim) == (8, 64)
    points = np.random.default_rng(0).normal(size=(50, 8)).astype(np.float32)
    session = onnxruntime.InferenceSession((DIGITS_FOLDER / f"pixels64_{name}.onnx").read_bytes())
    theirs = session.run(None, {"z": points})[0]
    np.testing.assert_allclose(value(generator.graph, points.astype(np.float64)), theirs, atol=2e-5)
    rows = np.load(DIGITS_FOLDER / "observations_pixels64.npy")
    starts = amortised_starts(generator, rows)
    assert starts is not None and starts.shape == (200, 8)
    # The encoder was trained with the decoder: it reconstructs far better than the mean image does.
    assert ((value(generator.graph, starts) - rows) ** 2).mean() < 0.5 * (rows**2).mean()


def test_an_encoder_is_looked_for_beside_the_decoder_only() -> None:
    generator = load_onnx(DIGITS_FOLDER / "pixels64_residual.onnx")
    assert encoder_path(generator) == DIGITS_FOLDER / "encoder_pixels64_residual.onnx"
    assert amortised_starts(generator, np.zeros((2, 5))) is None
    assert amortised_starts(load_generator("linear:d=2"), np.zeros((1, 2))) is None


@pytest.mark.parametrize("name", DECODERS)
def test_log_and_metadata_state_the_trained_noise(name: str) -> None:
    record = json.loads((DIGITS_FOLDER / "training_log_pixels.json").read_text())[f"pixels64_{name}"]
    stated = float(load_onnx(DIGITS_FOLDER / f"pixels64_{name}.onnx").metadata["trained_beta"])
    assert stated == pytest.approx(record["trained_beta"], rel=1e-5)
    assert record["curve"][-1]["held_out_elbo"] > record["curve"][0]["held_out_elbo"]


def test_observations_are_images_in_units_of_the_average_deviation() -> None:
    """Times the scale, a column's differences are those of grey levels 0 to 16: whole numbers."""
    rows = np.load(DIGITS_FOLDER / "observations_pixels64.npy")
    log = json.loads((DIGITS_FOLDER / "training_log_pixels.json").read_text())
    assert rows.shape == (200, 64) and 0.8 < (rows**2).mean() < 1.2
    levels = (rows - rows[0]) * log["pixel_scale"]
    np.testing.assert_allclose(levels, np.rint(levels), atol=1e-9)
    assert np.abs(levels).max() <= 16 + 1e-9


def test_residual_blocks_keep_their_bounds() -> None:
    graph = load_onnx(DIGITS_FOLDER / "pixels64_residual.onnx").graph
    norms = [float(np.linalg.norm(node.weight, 2)) for node in graph.nodes if isinstance(node, Affine)]
    assert len(norms) == 5 and max(norms[0], norms[2]) < 1.0 and max(norms[1], norms[3]) < 0.15


@pytest.mark.parametrize(("multiple", "theorem", "most"), [(1.0, "Theorem 1*", 3000), (0.15, "G1*", 1)])
def test_a_held_out_digit_is_certified(multiple: float, theorem: str, most: int) -> None:
    generator = load_onnx(DIGITS_FOLDER / "pixels64_residual.onnx")
    row = np.load(DIGITS_FOLDER / "observations_pixels64.npy")[0]
    beta = multiple * float(generator.metadata["trained_beta"])
    found = certify_observation(generator, RESIDUAL, row, beta, Fraction(1, 10))
    assert found.theorem == theorem, found.reason
    assert found.layers is not None and found.layers <= most
    assert found.tv_bound is not None and 0.0 < found.tv_bound <= 0.1
