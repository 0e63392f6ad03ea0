"""Small generators that several tests share, built by hand so that their constants are known exactly."""

from __future__ import annotations

from functools import cache

import numpy as np

from certify.generators.graph import Activation, Affine, Generator, Graph, Input, Node, Product, Sum
from certify.generators.specification import load_generator
from certify.strategies.networks import wave

__all__ = ["gated", "loaded", "one_hidden_layer", "wave"]


@cache
def loaded(specification: str) -> Generator:
    """The decoder of a SPEC, the same object every time: its envelopes are found once, as for one that is held."""
    return load_generator(specification)


def one_hidden_layer(name: str, d: int, n: int, seed: int, width: int = 8) -> Generator:
    """A random network R^d -> R^n with one layer of the activation `name`, trained (it says) at beta = 0.4."""
    random = np.random.default_rng(seed)
    nodes: list[Node] = [Input(d)]
    nodes.append(Affine(0, 1.5 * random.standard_normal((width, d)), 0.3 * random.standard_normal(width)))
    nodes.append(Activation(1, name, width))
    nodes.append(Affine(2, random.standard_normal((n, width)) / np.sqrt(width), 0.1 * random.standard_normal(n)))
    return Generator(f"{name}-{seed}", Graph(tuple(nodes)), width * (d + 1 + n) + n, {"trained_beta": "0.4"})


def gated(d: int, n: int, seed: int, width: int = 6) -> Generator:
    """S z + W (tanh(Az + a) sigmoid(Bz + b)) + w, random: products of two hidden neurons beside a skip."""
    random = np.random.default_rng(seed)

    def affine(source: int, rows: int, columns: int) -> Affine:
        weight = random.standard_normal((rows, columns)) / np.sqrt(columns)
        return Affine(source, weight, 0.3 * random.standard_normal(rows))

    nodes: tuple[Node, ...] = (
        Input(d), affine(0, width, d), affine(0, width, d), Activation(1, "tanh", width),
        Activation(2, "sigmoid", width), Product((3, 4), width), affine(5, n, width), affine(0, n, d),
        Sum((6, 7), (1.0, 1.0), n),
    )  # fmt: skip
    return Generator(f"gated-{seed}", Graph(nodes), 2 * width * (d + 1) + n * (width + d + 2))
