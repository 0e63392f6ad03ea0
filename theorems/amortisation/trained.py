"""The mean map of a trained encoder as a generator: its Lipschitz constant is bracketed like a decoder's.

Where there are fewer latents than pixels the map is filled up with zeros, (mu(x), 0), which has the same constant M.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

from certify.encoders.convention import Signature
from certify.encoders.runtime import RuntimeEncoder, load_encoder
from certify.errors import InputError
from certify.generators.graph import Generator
from certify.generators.onnx_import import load_onnx
from certify.generators.onnx_model import parsed_model

TRIED, TOLERANCE = 64, 1e-4
FILLING, FILLED = "certify_zeros", "certify_filled"


def mean_map(path: str | Path) -> Generator:
    """x -> mu(x) of the encoder in an ONNX file (`certify.encoders.convention`), for `certify.constants`.

    The output `mean` where the file has one, else the draw at noise 0, with the noise a constant of the network.

    Raises:
        InputError: for a file that is no encoder, draws noise of its own, or is not symmetric about its draw at noise 0
            where that was tried, or has a network that cannot be imported.
    """
    encoder = load_encoder(path)
    if encoder.signature.random:
        raise InputError(f"`{path}` draws noise of its own: its mean map is not in the file; export mean and scale")
    if encoder.signature.scale is None and encoder.noise_size:
        _check_symmetric(encoder)
    model = _mean_alone(parsed_model(Path(path)), encoder.signature)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"{encoder.name}_mean.onnx"
        file.write_bytes(model.SerializeToString())
        return load_onnx(file)


def _mean_alone(model: onnx.ModelProto, signature: Signature) -> onnx.ModelProto:
    """The same file with its noise inputs as zeros and at least as many outputs as inputs, for one observation."""
    kept = [entry for entry in model.graph.input if entry.name not in {noise.name for noise in signature.noises}]
    del model.graph.input[:]
    model.graph.input.extend(kept)
    for noise in signature.noises:
        zeros = np.zeros((1, *noise.shape), dtype=signature.element_type)
        model.graph.initializer.append(numpy_helper.from_array(zeros, noise.name))
    kept = [entry for entry in model.graph.output if entry.name == signature.outputs[0]]
    missing = signature.observed_dim - signature.latent_dim
    if missing > 0:
        (latent,) = kept
        zeros = np.zeros((1, missing), dtype=signature.element_type)
        model.graph.initializer.append(numpy_helper.from_array(zeros, FILLING))
        model.graph.node.append(helper.make_node("Concat", [latent.name, FILLING], [FILLED], axis=1))
        kept = [helper.make_tensor_value_info(FILLED, latent.type.tensor_type.elem_type, [1, signature.observed_dim])]
    del model.graph.output[:]
    model.graph.output.extend(kept)
    return model


def _check_symmetric(encoder: RuntimeEncoder) -> None:
    """z(x, e) + z(x, -e) = 2 z(x, 0) at random x and e, up to the rounding of the file's numbers. Estimate."""
    random = np.random.default_rng(0)
    x = random.standard_normal((TRIED, encoder.observed_dim))
    noise = random.standard_normal((TRIED, encoder.noise_size or 0))
    ends = encoder.push(x, noise) + encoder.push(x, -noise)
    gap = np.abs(ends - 2 * encoder.push(x, np.zeros_like(noise))).max()
    if not gap <= TOLERANCE * (1.0 + np.abs(ends).max()):
        raise InputError(
            f"`{encoder.name}` is not symmetric about its draw at noise 0, and the bound is about such laws"
        )
