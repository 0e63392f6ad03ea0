"""An encoder as an audit sees it: observations and standard normal noise in, latents out, in batches of pairs."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from certify.arithmetic.arrays import FloatArray
from certify.encoders.runtime import RuntimeEncoder, load_encoder
from certify.errors import InputError
from certify.generators.graph import Generator

PushPairs = Callable[[FloatArray, FloatArray], FloatArray]
"""Observations (b, n) and noises (b, size) to latents (b, d), row by row."""
DrawHere = Callable[[FloatArray, int, np.random.Generator], FloatArray]
"""One observation (n,), a count and a generator to latents (count, d)."""

ROWS = 65_536
"""Most rows given to the encoder at once."""


@dataclass(frozen=True, eq=False)
class EncoderSource:
    """An encoder from R^`observed_dim` to laws on R^`latent_dim`.

    `noise_size` standard normal inputs make one draw through `pairs`; None: the encoder makes its own noise and only
    `sampler` draws. `precision` is what it computes in; `details` goes into the JSON.
    """

    name: str
    observed_dim: int
    latent_dim: int
    noise_size: int | None
    pairs: PushPairs | None = None
    sampler: DrawHere | None = None
    precision: str = "float64"
    details: dict[str, Any] = field(default_factory=dict)
    only: FloatArray | None = None
    """The one observation (n,) that it is an encoder for; None: every x."""

    def push(self, observations: FloatArray, noise: FloatArray) -> FloatArray:
        """Latents (b, d) of observations (b, n) with noises (b, size), checked.

        Raises:
            InputError: if the encoder returns another shape or a number that is not finite.
        """
        assert self.pairs is not None, "an encoder with noise of its own is only drawn from"
        parts = [
            self._checked(self.pairs(observations[first : first + ROWS], noise[first : first + ROWS]))
            for first in range(0, noise.shape[0], ROWS)
        ]
        return np.concatenate(parts)

    def push_one(self, observation: FloatArray, noise: FloatArray) -> FloatArray:
        """Latents (b, d) of one observation (n,) with noises (b, size)."""
        return self.push(np.broadcast_to(observation, (noise.shape[0], observation.size)), noise)

    def draw(self, observation: FloatArray, count: int, seed: int) -> FloatArray:
        """`count` independent latents (count, d) at one observation (n,)."""
        random = np.random.default_rng(seed)
        if self.noise_size is None:
            assert self.sampler is not None, "an encoder without noise inputs has a sampler"
            return self._checked(self.sampler(observation, count, random))
        rows = max(1, min(count, 4_000_000 // max(1, self.noise_size)))
        parts = []
        for first in range(0, count, rows):
            noise = random.standard_normal((min(rows, count - first), self.noise_size))
            parts.append(self.push_one(observation, noise))
        return np.concatenate(parts)

    def to_dict(self) -> dict[str, Any]:
        """The encoder's part of the JSON."""
        return {
            "name": self.name,
            "observed_dim": self.observed_dim,
            "latent_dim": self.latent_dim,
            "noise_inputs": self.noise_size,
            "precision": self.precision,
            **self.details,
        }

    def _checked(self, latents: FloatArray) -> FloatArray:
        found = np.asarray(latents, dtype=np.float64)
        if found.ndim != 2 or found.shape[1] != self.latent_dim:
            raise InputError(f"encoder `{self.name}` returned shape {found.shape}; expected (draws, {self.latent_dim})")
        if not np.isfinite(found).all():
            raise InputError(f"encoder `{self.name}` returned a latent that is not finite")
        return found


def behind_noise(source: EncoderSource, generator: Generator) -> EncoderSource:
    """The encoder as a function of the generator's observations; it takes them itself as they were measured."""
    if generator.noise is None:
        return source
    pairs, sampler = source.pairs, source.sampler
    return replace(
        source,
        pairs=None if pairs is None else partial(_of_raw, pairs, generator),
        sampler=None if sampler is None else partial(_of_raw, sampler, generator),
    )


def _of_raw(
    function: Callable[..., FloatArray], generator: Generator, observed: FloatArray, *others: Any
) -> FloatArray:
    return function(generator.raw(observed), *others)


def source_from_file(path: str | Path) -> EncoderSource:
    """The encoder in an ONNX file (`certify.encoders.convention` says what its inputs and outputs mean).

    Raises:
        InputError: for a file that is missing, no ONNX file, not an encoder, or a map without noise.
    """
    encoder = load_encoder(path)
    if encoder.noise_size == 0:
        raise InputError(
            f"`{path}` has no noise: its law is one point, at distance 1 of every posterior; give a file with inputs x "
            "and noise, or with outputs mean and scale"
        )
    return source_from_runtime(encoder)


def source_from_runtime(encoder: RuntimeEncoder) -> EncoderSource:
    """An encoder that ONNX Runtime runs, with its digest and metadata as details."""
    return EncoderSource(
        encoder.name,
        encoder.observed_dim,
        encoder.latent_dim,
        encoder.noise_size,
        None if encoder.noise_size is None else encoder.push,
        encoder.draw,
        encoder.precision,
        {"sha256": hashlib.sha256(encoder.content).hexdigest(), "metadata": dict(encoder.metadata)},
        encoder.only,
    )
