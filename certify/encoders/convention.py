"""What the inputs and outputs of an encoder's ONNX file mean: observation, standard normal noise, draw or Gaussian law.

Inputs. `x` (batch, n), or the only input; every other input is standard normal noise of shape (batch, ...).
Outputs. `z` (batch, d), or the only output, is the draw. Otherwise a mean and one of scale, log-scale, variance,
log-variance (batch, d) or factor (batch, d, d), by name: z = mean + scale * noise, or mean + factor noise.
One observation. A file whose metadata has `certify.observation` is an encoder for the x of its constant `observation`
alone, and puts out NaN at every other x.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx
import onnx.numpy_helper

from certify.arithmetic.arrays import FloatArray
from certify.errors import InputError

ELEMENT_TYPES: Mapping[int, type[np.floating]] = {
    onnx.TensorProto.FLOAT: np.float32,
    onnx.TensorProto.DOUBLE: np.float64,
}
RANDOM_OPERATORS = frozenset(
    {"RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Bernoulli", "Multinomial"}
)

_OBSERVATION_NAMES = frozenset({"x", "observation", "input"})
_DRAW_NAMES = frozenset({"z", "draw", "sample", "latent"})
_MEAN_NAMES = frozenset({"mean", "mu", "loc", "zmean"})


def _half_exponential(values: FloatArray) -> FloatArray:
    # By name, as a lambda cannot be sent to another process.
    return np.asarray(np.exp(0.5 * values))


_SCALES: Mapping[str, Callable[[FloatArray], FloatArray]] = {
    "scale": np.abs,
    "std": np.abs,
    "stddev": np.abs,
    "sigma": np.abs,
    "logscale": np.exp,
    "logstd": np.exp,
    "logsigma": np.exp,
    "variance": np.sqrt,
    "var": np.sqrt,
    "logvariance": _half_exponential,
    "logvar": _half_exponential,
    "zlogvar": _half_exponential,
    "factor": np.asarray,
}
CONVENTION = (
    "inputs x (batch, n) and noises, outputs z (batch, d), or mean and one of scale, log_scale, variance, "
    "log_variance, factor"
)


@dataclass(frozen=True)
class NoiseInput:
    """A standard normal input: its name and its shape after the batch axis."""

    name: str
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """Numbers per draw."""
        return math.prod(self.shape)


@dataclass(frozen=True)
class Signature:
    """How a file is to be called and read.

    `batch` is the fixed batch size or None; `random` says that the file draws noise of its own, `drawn` how many
    numbers per draw, as far as the file gives shapes; `scale` turns the second output into a scale or factor, and is
    None where the first output is the draw itself.
    """

    observation: str
    observed_dim: int
    latent_dim: int
    noises: tuple[NoiseInput, ...]
    outputs: tuple[str, ...]
    scale: Callable[[FloatArray], FloatArray] | None
    batch: int | None
    random: bool
    drawn: int
    element_type: type[np.floating]

    def latents(self, outputs: Sequence[npt.NDArray[np.floating]], noise: FloatArray) -> FloatArray:
        """The draws (batch, d) from the file's outputs and, for a Gaussian law, its noise (batch, d)."""
        first = np.asarray(outputs[0], dtype=np.float64)
        if self.scale is None:
            return first
        spread = self.scale(np.asarray(outputs[1], dtype=np.float64))
        if spread.ndim == 3:
            return np.asarray(first + np.einsum("bij,bj->bi", spread, noise))
        return np.asarray(first + spread * noise)


def observation_digest(observation: FloatArray) -> str:
    """SHA-256 of an observation's float64 entries: what a file that holds one names in its metadata."""
    return hashlib.sha256(np.ascontiguousarray(observation, dtype="<f8").tobytes()).hexdigest()


def held_observation(model: onnx.ModelProto, label: str) -> FloatArray | None:
    """The one observation x (n,) that the encoder in a file is for, or None where it is for every x.

    It is the constant `observation` of a file whose metadata names its digest as `certify.observation`.

    Raises:
        InputError: if the two do not agree.
    """
    named = {entry.key: entry.value for entry in model.metadata_props}.get("certify.observation")
    if named is None:
        return None
    for tensor in model.graph.initializer:
        if tensor.name == "observation" and tensor.data_type == onnx.TensorProto.DOUBLE:
            held = np.asarray(onnx.numpy_helper.to_array(tensor), dtype=np.float64).ravel()
            if observation_digest(held) == named:
                return held
    raise InputError(f"encoder {label}: it holds no observation with the digest that its metadata names")


def read_signature(model: onnx.ModelProto, label: str) -> Signature:
    """The signature of an encoder's file; `label` names the file in messages.

    Raises:
        InputError: if inputs, outputs or shapes do not follow the convention.
    """
    constants = {tensor.name for tensor in model.graph.initializer}
    inputs = {entry.name: entry for entry in model.graph.input if entry.name not in constants}
    observation = _named(list(inputs), _OBSERVATION_NAMES)
    if observation is None:
        raise _unlike(label, "inputs", list(inputs))
    kinds = {entry.type.tensor_type.elem_type for entry in inputs.values()}
    if len(kinds) != 1 or (kind := kinds.pop()) not in ELEMENT_TYPES:
        raise InputError(f"encoder {label}: the inputs must all be float32 or all float64")
    batch, shape = _shape(inputs[observation], label)
    noises = []
    for name in inputs:
        if name != observation:
            _, noise_shape = _shape(inputs[name], label)
            noises.append(NoiseInput(name, noise_shape))
    outputs, scale = _outputs(model, label)
    _, latent = _shape(next(entry for entry in model.graph.output if entry.name == outputs[0]), label)
    if len(shape) != 1 or len(latent) != 1:
        raise InputError(f"encoder {label}: x and z must have shapes (batch, n) and (batch, d); got {shape}, {latent}")
    return Signature(
        observation, shape[0], latent[0], tuple(noises), outputs, scale, batch,
        any(map(_draws_noise, (model.graph, *model.functions))), _drawn(model.graph), ELEMENT_TYPES[kind],
    )  # fmt: skip


def _outputs(model: onnx.ModelProto, label: str) -> tuple[tuple[str, ...], Callable[[FloatArray], FloatArray] | None]:
    names = [entry.name for entry in model.graph.output]
    draw = _named(names, _DRAW_NAMES)
    if draw is not None:
        return (draw,), None
    mean = next((name for name in names if _plain(name) in _MEAN_NAMES), None)
    second = next((name for name in names if _plain(name) in _SCALES), None)
    if mean is None or second is None:
        raise _unlike(label, "outputs", names)
    return (mean, second), _SCALES[_plain(second)]


def _named(names: list[str], known: frozenset[str]) -> str | None:
    """The only name, or the one that is known."""
    return names[0] if len(names) == 1 else next((name for name in names if _plain(name) in known), None)


def _plain(name: str) -> str:
    return "".join(character for character in name.lower() if character.isalnum())


def _shape(entry: onnx.ValueInfoProto, label: str) -> tuple[int | None, tuple[int, ...]]:
    """Fixed batch size or None, and the extents after the batch axis."""
    extents = [axis.dim_value if axis.HasField("dim_value") else None for axis in entry.type.tensor_type.shape.dim]
    rest = [extent for extent in extents[1:] if extent is not None and extent > 0]
    if len(extents) < 2 or len(rest) != len(extents) - 1:
        raise InputError(
            f"encoder {label}: `{ascii(entry.name)[1:-1][:60]}` must have the shape (batch, ...) with all extents "
            f"after the batch axis fixed; got {tuple(extents)}"
        )
    return extents[0], tuple(rest)


def _draws_noise(owner: onnx.GraphProto | onnx.FunctionProto) -> bool:
    """Whether an operator of the graph or function, or of a graph inside it, draws random numbers."""
    for node in owner.node:
        # Dropout draws in training mode only, which is its third input.
        if node.op_type in RANDOM_OPERATORS or (node.op_type == "Dropout" and any(node.input[2:])):
            return True
        for attribute in node.attribute:
            inner = [attribute.g] if attribute.HasField("g") else list(attribute.graphs)
            if any(_draws_noise(item) for item in inner):
                return True
    return False


def _drawn(graph: onnx.GraphProto) -> int:
    """Numbers per row of the batch that the graph's random operators draw; those without a fixed shape count 0."""
    drawn = {node.output[0] for node in graph.node if node.op_type in RANDOM_OPERATORS}
    shapes = [entry.type.tensor_type.shape.dim[1:] for entry in graph.value_info if entry.name in drawn]
    return sum(math.prod(axis.dim_value for axis in shape) for shape in shapes)


def _unlike(label: str, what: str, names: list[str]) -> InputError:
    listed = ", ".join(ascii(name)[1:-1][:60] for name in names[:4]) or "none"
    return InputError(f"encoder {label}: {what} {listed} are not an encoder's; expected {CONVENTION}")
