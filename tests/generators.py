"""Small generators that several tests share, built by hand so that their constants are known exactly."""

from __future__ import annotations

import numpy as np

from certify.generators.graph import Activation, Affine, Generator, Graph, Input, Sum


def wave(dimension: int = 1, slope: float = 1.25, height: float = 0.25) -> Generator:
    """G_i(z) = slope z_i + height sin z_{i+1}: m = slope - height, M = slope + height, M2 = height."""
    shift = np.roll(np.eye(dimension), 1, axis=1)
    zero = np.zeros(dimension)
    graph = Graph(
        (
            Input(dimension),
            Affine(0, shift, zero),
            Activation(1, "sin", dimension),
            Affine(2, height * np.eye(dimension), zero),
            Affine(0, slope * np.eye(dimension), zero),
            Sum((3, 4), (1.0, 1.0), dimension),
        )
    )
    return Generator(f"wave{dimension}", graph, 2)
