"""Small generators that several tests share, built by hand so that their constants are known exactly."""

from __future__ import annotations

import numpy as np

from certify.generators.graph import Activation, Affine, Generator, Graph, Input, Node
from certify.strategies.networks import wave

__all__ = ["one_hidden_layer", "wave"]


def one_hidden_layer(name: str, d: int, n: int, seed: int, width: int = 8) -> Generator:
    """A random network R^d -> R^n with one layer of the activation `name`, trained (it says) at beta = 0.4."""
    random = np.random.default_rng(seed)
    nodes: list[Node] = [Input(d)]
    nodes.append(Affine(0, 1.5 * random.standard_normal((width, d)), 0.3 * random.standard_normal(width)))
    nodes.append(Activation(1, name, width))
    nodes.append(Affine(2, random.standard_normal((n, width)) / np.sqrt(width), 0.1 * random.standard_normal(n)))
    return Generator(f"{name}-{seed}", Graph(tuple(nodes)), width * (d + 1 + n) + n, {"trained_beta": "0.4"})
