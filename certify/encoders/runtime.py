"""Any encoder in an ONNX file, run by ONNX Runtime: (x, noise) -> z, and independent draws at one observation."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from certify.arithmetic.arrays import FloatArray
from certify.encoders.convention import ELEMENT_TYPES, Signature, held_observation, read_signature
from certify.errors import InputError
from certify.generators.onnx_model import one_line, parsed_model
from certify.generators.onnx_tensors import self_contained

CHUNK_NUMBERS = 4_000_000
"""Noise numbers handed to the runtime at once: 32 MB in float64."""
LARGEST_CHUNK = 65_536


@dataclass(frozen=True, eq=False)
class RuntimeEncoder:
    """An encoder x -> law on R^d as `load_encoder` makes it.

    `noise_shape` is the shape of the standard normal input of one draw, None where the file draws its own.
    """

    name: str
    signature: Signature
    metadata: dict[str, str]
    content: bytes
    threads: int = 0
    only: FloatArray | None = None
    """The one observation (n,) that the file is an encoder for; None: every x."""

    def __getstate__(self) -> dict[str, Any]:
        # A session cannot be sent to another process; it is made anew there.
        return {name: entry for name, entry in self.__dict__.items() if name != "_session"}

    @property
    def observed_dim(self) -> int:
        """The width n of x."""
        return self.signature.observed_dim

    @property
    def latent_dim(self) -> int:
        """The width d of z."""
        return self.signature.latent_dim

    @property
    def precision(self) -> str:
        """What the file computes in: "float32" or "float64"."""
        return np.dtype(self.signature.element_type).name

    @property
    def noise_shape(self) -> tuple[int, ...] | None:
        """Shape of one draw's noise: (0,) for a deterministic encoder, (size,) where a file has several noises."""
        if self.signature.random:
            return None
        shapes = [noise.shape for noise in self.signature.noises]
        if self.signature.scale is not None:
            shapes.append((self.latent_dim,))
        if len(shapes) == 1:
            return shapes[0]
        return (sum(int(np.prod(shape)) for shape in shapes),)

    @property
    def noise_size(self) -> int | None:
        """Number of noise inputs of one draw; None where the file draws its own."""
        shape = self.noise_shape
        return None if shape is None else int(np.prod(shape))

    def push(self, observations: FloatArray, noise: FloatArray) -> FloatArray:
        """Latents (batch, d) of observations (batch, n) and noise (batch, *noise_shape), row by row.

        Raises:
            InputError: for another shape, for a file that draws its own noise, or if the runtime fails.
        """
        if self.noise_shape is None:
            raise InputError(f"encoder `{self.name}` draws its own noise: use `draw`")
        rows = len(observations)
        if observations.shape != (rows, self.observed_dim) or noise.size != rows * (self.noise_size or 0):
            raise InputError(
                f"encoder `{self.name}` takes x ({rows}, {self.observed_dim}) and noise ({rows}, "
                f"{', '.join(map(str, self.noise_shape))}); got {observations.shape} and {noise.shape}"
            )
        return self._run(self._session, observations, noise.reshape(rows, -1))

    def draw(self, observation: FloatArray, count: int, random: np.random.Generator) -> FloatArray:
        """`count` independent latents (count, d) at one observation (n,); the same for the same state of `random`."""
        seed = int(random.integers(2**31 - 1))
        session = self._new_session(seed) if self.noise_size is None else self._session
        size = (self.noise_size or 0) if not self.signature.random else self._own_noise
        rows = max(1, min(LARGEST_CHUNK, CHUNK_NUMBERS // max(1, size + self.signature.drawn)))
        parts = []
        for first in range(0, count, rows):
            block = min(rows, count - first)
            parts.append(self._run(session, np.tile(observation, (block, 1)), random.standard_normal((block, size))))
        return np.concatenate(parts) if parts else np.empty((0, self.latent_dim))

    @property
    def _own_noise(self) -> int:
        """Noise numbers that still come from outside where the file draws others itself."""
        inputs = sum(noise.size for noise in self.signature.noises)
        return inputs + (self.latent_dim if self.signature.scale is not None else 0)

    @cached_property
    def _session(self) -> Any:
        return self._new_session(None)

    def _new_session(self, seed: int | None) -> Any:
        # Random operators are seeded when their session is made.
        import onnxruntime

        if seed is not None:
            onnxruntime.set_seed(seed)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.threads
        options.log_severity_level = 4
        try:
            return onnxruntime.InferenceSession(self.content, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # the runtime's errors have no common base
            raise InputError(f"encoder `{self.name}` cannot be run ({one_line(error)})") from error

    def _run(self, session: Any, observations: FloatArray, noise: FloatArray) -> FloatArray:
        batch, rows = self.signature.batch, len(observations)
        if batch is None or rows == batch:
            return self._run_batch(session, observations, noise)
        # A file of fixed batch size gets full batches, the last one filled up with its first row.
        parts = []
        for first in range(0, rows, batch):
            block, part = observations[first : first + batch], noise[first : first + batch]
            padding = batch - len(block)
            filled = np.concatenate((block, np.repeat(block[:1], padding, axis=0)))
            filled_noise = np.concatenate((part, np.repeat(part[:1], padding, axis=0)))
            parts.append(self._run_batch(session, filled, filled_noise)[: len(block)])
        return np.concatenate(parts)

    def _run_batch(self, session: Any, observations: FloatArray, noise: FloatArray) -> FloatArray:
        signature, rows = self.signature, len(observations)
        # Beyond float32 an observation is infinite to such a file, and so the file says.
        with np.errstate(over="ignore"):
            feed = {signature.observation: observations.astype(signature.element_type)}
        start = 0
        for entry in signature.noises:
            block = noise[:, start : start + entry.size].reshape(rows, *entry.shape)
            feed[entry.name] = np.ascontiguousarray(block, dtype=signature.element_type)
            start += entry.size
        try:
            outputs = session.run(list(signature.outputs), feed)
        except Exception as error:  # the runtime's errors have no common base
            raise InputError(f"encoder `{self.name}` cannot be run ({one_line(error)})") from error
        return signature.latents(outputs, noise[:, start:])


def load_encoder(path: str | Path, threads: int = 0) -> RuntimeEncoder:
    """The encoder in an ONNX file that follows `certify.encoders.convention`: ours, or a user's trained one.

    Nothing in the file is executed but its standard operators. `threads` of the runtime; 0 leaves it to the runtime.

    Raises:
        InputError: for a file that is missing, no ONNX file, not an encoder, or keeps weights outside of its folder.
    """
    file = Path(path)
    model = parsed_model(file)
    for tensor in model.graph.initializer:
        tensor.CopyFrom(self_contained(tensor, file.parent))
    _settle_outputs(model)
    signature = read_signature(model, f"`{path}`")
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    only = held_observation(model, f"`{path}`")
    encoder = RuntimeEncoder(file.stem, signature, metadata, model.SerializeToString(), threads, only)
    # Made at once, so that a file that cannot run is refused here.
    _ = encoder._session
    return encoder


def _settle_outputs(model: onnx.ModelProto) -> None:
    """Fill in, from a run at zeros, the extents of outputs that a file leaves open; the batch axis stays as it is.

    Exporters leave them open behind `chunk` or `split`, as in `mean, logvar = net(x).chunk(2, -1)`. What cannot be run
    is left to `read_signature`, which says what it misses.
    """
    unsettled = [entry for entry in model.graph.output if not all(_extents(entry)[1:] or [0])]
    if not unsettled:
        return
    constants = {tensor.name for tensor in model.graph.initializer}
    feed, rows = {}, 2
    for entry in (entry for entry in model.graph.input if entry.name not in constants):
        batch, *rest = _extents(entry) or [0]
        if entry.type.tensor_type.elem_type not in ELEMENT_TYPES or not all(rest or [0]):
            return
        rows = batch or rows
        feed[entry.name] = np.zeros((rows, *rest), dtype=ELEMENT_TYPES[entry.type.tensor_type.elem_type])
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        values = session.run([entry.name for entry in unsettled], feed)
    except Exception:  # the runtime's errors have no common base
        return
    for entry, value in zip(unsettled, values, strict=True):
        if np.ndim(value) >= 2 and len(value) == rows:
            batch = (_extents(entry) or [0])[0]
            del entry.type.tensor_type.shape.dim[:]
            for extent in (batch or None, *value.shape[1:]):
                entry.type.tensor_type.shape.dim.add(dim_value=extent)


def _extents(entry: onnx.ValueInfoProto) -> list[int]:
    """The extents that an input or output declares, 0 where they are open."""
    return [axis.dim_value for axis in entry.type.tensor_type.shape.dim]
