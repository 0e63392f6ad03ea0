"""The suite of networks on which certified constants are held against witnesses and peers.

Five kinds (plain, residual, wide, conv, coupling), tanh, softplus, leaky softplus and GELU, d from 2 to 128,
depth 1 to 4; the families of `certify` with fixed seeds, plain networks built here, and LipSDP's published ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from certify.arithmetic.arrays import FloatArray
from certify.generators.graph import Activation, Affine, Generator, Graph, Input, Node
from certify.generators.specification import load_generator

LIPSDP = Path(__file__).parent / "data" / "lipsdp"
"""Where the published weights lie unless another folder is given."""

PUBLISHED = {"random_weights": 36.482, "mnist_weights": 24.366}
"""Upper bounds of M that LipSDP's authors state for the two files, by stem."""

PLAIN = "plain"
"""Prefix of the specifications that `plain` builds."""

SPECIFICATIONS = (
    "residual:d=2,width=8,depth=1,activation=tanh",
    "coupling:d=2,width=8,depth=1,activation=tanh",
    "wide:d=2,width=8,depth=1,activation=leaky_softplus,skip=0",
    "plain:d=2,width=2,depth=1,activation=leaky_softplus",
    "residual:d=8,width=16,depth=1,activation=tanh",
    "coupling:d=8,width=16,depth=1,activation=tanh",
    "wide:d=8,width=16,depth=1,activation=leaky_softplus,skip=0",
    "plain:d=8,width=8,depth=1,activation=leaky_softplus",
    "conv:side=2,channels=2,depth=1,activation=tanh",
    "residual:d=32,width=64,depth=1,activation=tanh",
    "coupling:d=32,width=64,depth=1,activation=tanh",
    "wide:d=32,width=64,depth=1,activation=tanh",
    "plain:d=32,width=32,depth=1,activation=leaky_softplus",
    "conv:side=4,channels=2,depth=1,activation=tanh",
    "residual:d=64,width=128,depth=1,activation=tanh",
    "residual:d=128,width=128,depth=1,activation=tanh",
    "residual:d=2,width=8,depth=2,activation=softplus",
    "residual:d=2,width=8,depth=3,activation=gelu",
    "residual:d=2,width=8,depth=4,activation=leaky_softplus",
    "residual:d=8,width=32,depth=1,activation=gelu",
    "residual:d=8,width=32,depth=2,activation=tanh",
    "residual:d=8,width=16,depth=2,activation=softplus",
    "residual:d=8,width=16,depth=3,activation=leaky_softplus",
    "residual:d=8,width=16,depth=4,activation=tanh",
    "coupling:d=2,width=8,depth=2,activation=gelu",
    "coupling:d=8,width=16,depth=2,activation=softplus",
    "coupling:d=8,width=16,depth=4,activation=tanh",
    "wide:d=2,width=8,depth=2,activation=softplus",
    "wide:d=8,width=16,depth=1,activation=tanh",
    "wide:d=8,width=32,depth=2,activation=softplus",
    "plain:d=2,width=4,depth=2,activation=leaky_softplus",
    "plain:d=8,width=16,depth=1,activation=leaky_softplus",
    "plain:d=8,width=8,depth=2,activation=leaky_softplus",
    "plain:d=8,width=8,depth=3,activation=tanh",
    "conv:side=4,channels=2,depth=2,activation=softplus",
    "conv:side=4,channels=2,depth=1,activation=gelu",
    "residual:d=32,width=64,depth=2,activation=softplus",
    "residual:d=32,width=64,depth=1,activation=gelu",
    "residual:d=32,width=32,depth=3,activation=leaky_softplus",
    "coupling:d=32,width=32,depth=2,activation=leaky_softplus",
    "wide:d=32,width=64,depth=1,activation=leaky_softplus,skip=0",
    "plain:d=2,width=6,depth=4,activation=gelu",
    "plain:d=32,width=32,depth=2,activation=leaky_softplus",
    "plain:d=32,width=32,depth=4,activation=softplus",
    "conv:side=6,channels=2,depth=1,activation=tanh",
    "coupling:d=64,width=64,depth=1,activation=tanh",
    "coupling:d=64,width=64,depth=2,activation=softplus",
    "residual:d=64,width=64,depth=2,activation=gelu",
    "residual:d=128,width=128,depth=2,activation=softplus",
    "wide:d=64,width=128,depth=1,activation=leaky_softplus,skip=0",
    "plain:d=64,width=64,depth=1,activation=leaky_softplus",
    "conv:side=8,channels=1,depth=1,activation=tanh",
)
"""The suite, small and different ones first, so that an interrupted run still shows every kind."""

QUICK = tuple(spec for spec in SPECIFICATIONS[:10] if "d=32" not in spec)
"""The subset that runs in about three minutes."""


@dataclass(frozen=True, eq=False)
class BenchmarkNetwork:
    """A network of the suite; `is_shallow` marks one hidden layer."""

    specification: str
    kind: str
    activation: str
    depth: int
    generator: Generator

    @property
    def is_shallow(self) -> bool:
        """One hidden layer."""
        return self.depth == 1

    @property
    def has_goal(self) -> bool:
        """Whether the goals for m and M (10 % and 5 % of the witness) are stated for this network."""
        return self.generator.latent_dim <= 32 and (self.kind in {"residual", "coupling"} or self.is_shallow)


def suite(specifications: tuple[str, ...] = SPECIFICATIONS) -> Iterator[BenchmarkNetwork]:
    """The networks of the suite, built one at a time."""
    for specification in specifications:
        yield network(specification)


def network(specification: str) -> BenchmarkNetwork:
    """One network from its specification: a family of `certify`, or `plain:d=..,width=..,depth=..,activation=..`."""
    kind, _, tail = specification.partition(":")
    settings = dict(item.split("=") for item in tail.split(","))
    depth = int(settings["depth"])
    if kind == PLAIN:
        generator = plain(int(settings["d"]), int(settings["width"]), depth, settings["activation"])
    else:
        generator = load_generator(specification)
    return BenchmarkNetwork(specification, kind, settings["activation"], depth, generator)


def plain(latent_dim: int, width: int, depth: int, activation: str, seed: int = 0) -> Generator:
    """W_(L+1) sigma(... sigma(W_1 z + b_1)) with no skip: `depth` hidden layers, output of latent_dim coordinates.

    The weights have singular values in [0.7, 1.4], so that M is moderate and m is positive where the
    activation's slope stays away from 0 and no layer narrows.
    """
    random = np.random.default_rng([seed, latent_dim, width, depth])
    widths = [latent_dim, *[width] * depth, latent_dim]
    nodes: list[Node] = [Input(latent_dim)]
    count = 0
    for layer, (columns, rows) in enumerate(zip(widths[:-1], widths[1:], strict=True)):
        weight, bias = moderate_matrix(rows, columns, random), 0.5 * random.standard_normal(rows)
        nodes.append(Affine(len(nodes) - 1, weight, bias))
        count += weight.size + bias.size
        if layer < depth:
            nodes.append(Activation(len(nodes) - 1, activation, rows))
    return Generator(f"plain-{latent_dim}-{width}-{depth}-{activation}", Graph(tuple(nodes)), count)


def moderate_matrix(rows: int, columns: int, random: np.random.Generator) -> FloatArray:
    """A random matrix with singular values uniform in [0.7, 1.4] and Haar singular vectors."""
    rank = min(rows, columns)
    left = np.linalg.qr(random.standard_normal((rows, rank)))[0]
    right = np.linalg.qr(random.standard_normal((columns, rank)))[0]
    spectrum: FloatArray = (left * random.uniform(0.7, 1.4, rank)) @ right.T
    return spectrum


def lipsdp(folder: Path = LIPSDP) -> Iterator[BenchmarkNetwork]:
    """LipSDP's published ReLU networks, read from the .mat files in `folder` (biases do not matter for M)."""
    from scipy.io import loadmat

    for path in sorted(folder.glob("*_weights.mat")):
        weights = [np.asarray(item, dtype=np.float64) for item in loadmat(str(path))["weights"].ravel()]
        nodes: list[Node] = [Input(weights[0].shape[1])]
        for layer, weight in enumerate(weights):
            nodes.append(Affine(len(nodes) - 1, weight, np.zeros(weight.shape[0])))
            if layer < len(weights) - 1:
                nodes.append(Activation(len(nodes) - 1, "relu", weight.shape[0]))
        count = sum(weight.size for weight in weights)
        generator = Generator(path.stem, Graph(tuple(nodes)), count)
        yield BenchmarkNetwork(f"lipsdp:{path.stem}", "lipsdp", "relu", len(weights) - 1, generator)
