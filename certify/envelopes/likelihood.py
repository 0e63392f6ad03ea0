"""The likelihood's part of a potential, output by output: phi_i(l) convex in the output l_i, and its curvature.

Gaussian noise: phi_i(l) = (l - x_i)^2/(2 beta^2). Bernoulli logits: phi_i(l) = log(1 + e^l) - x_i l with x_i in [0, 1]
(outside the paper's A0). f(z) = |z|^2/2 + sum_i phi_i(G_i(z)).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np
import numpy.typing as npt

from certify.arithmetic.intervals import EPSILON, FloatArray
from certify.envelopes.box_chain import Chain, chain_of, chain_values
from certify.envelopes.box_weights import known_values
from certify.envelopes.live_chain import LiveRegion
from certify.errors import InputError
from certify.generators.activations import derivatives, range_enclosure
from certify.generators.graph import BERNOULLI, Generator
from certify.generators.nodes import Graph


class Likelihood(Protocol):
    """phi summed over the outputs at floats l (b, n), its derivatives there, and its curvature over ranges of l."""

    @property
    def observed_dim(self) -> int:
        """Number n of outputs."""

    def value(self, outputs: FloatArray) -> FloatArray:
        """sum_i phi_i(l_i), (b,). Estimate."""

    def enclosure(self, outputs: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Lower and upper bounds of sum_i phi_i(l_i) at these floats, (b,), rounded outward."""

    def slope(self, outputs: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Floats near phi_i'(l_i) and bounds of their errors, (b, n) each."""

    def curvature(self, low: FloatArray, high: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Bounds of phi_i'' over [low, high], (b, n) each, rounded outward; finite."""

    def sum_lower(self, low: FloatArray, high: FloatArray) -> FloatArray:
        """Lower bound of sum_i phi_i over the ranges, (b,), rounded outward."""

    @property
    def infimum(self) -> float:
        """A number below sum_i phi_i(l_i) for every l, rounded down."""


def likelihood_of(generator: Generator, observation: FloatArray, beta: float) -> Likelihood:
    """The likelihood of `observation` (n,) under what the generator's outputs mean; a Bernoulli one has no noise beta.

    Raises:
        InputError: for an observation that the likelihood does not have, or beta out of the range of floats.
    """
    if generator.likelihood == BERNOULLI:
        return BernoulliLikelihood(observation)
    return GaussianLikelihood(observation, beta)


def potential(graph: Graph, likelihood: Likelihood, points: FloatArray) -> FloatArray:
    """The potential f at points (b, d); infinite where floats overflow or are undefined. Estimate."""
    return known_potential(graph, likelihood, points)[0]


def known_potential(
    graph: Graph, likelihood: Likelihood, points: FloatArray, single: bool = False, region: LiveRegion | None = None
) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
    """`potential` (b,), and where floats know it: elsewhere something overflowed before the likelihood. Estimate.

    With `single` by float32, where the graph begins with a chain (`box_chain`), in `region` by its smaller one.
    """
    if region is not None and single:
        held = region.holds(points, points)
        if held.any():
            found, is_known = np.empty(len(points)), np.empty(len(points), dtype=bool)
            for chain, part in ((region.small.chain, held), (None, ~held)):
                found[part], is_known[part] = _known(graph, likelihood, points[part], single, chain)
            return found, is_known
    return _known(graph, likelihood, points, single, None)


def _known(
    graph: Graph, likelihood: Likelihood, points: FloatArray, single: bool, chain: Chain | None
) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
    """`known_potential` by `chain`, the graph's at these points, where it is given."""
    with np.errstate(over="ignore", invalid="ignore"):
        parts = [(likelihood.value(outputs), known) for outputs, known in _blocks(graph, points, single, chain)]
    return _with_prior(points, np.concatenate([misfit for misfit, _ in parts])), np.concatenate([k for _, k in parts])


def candidate_potential(
    graph: Graph, likelihood: Likelihood, points: FloatArray, region: LiveRegion | None = None
) -> FloatArray:
    """`potential` for what only looks for candidates: where the graph begins with a chain by float32. Estimate."""
    return known_potential(graph, likelihood, points, True, region)[0]


def repeated_potential(graph: Graph, likelihood: Likelihood, points: FloatArray) -> FloatArray:
    """`candidate_potential` at points that every observation asks for: a chain's outputs there are kept. Estimate."""
    if chain_of(graph) is None or len(points) * graph.observed_dim > MOST_KEPT:
        return candidate_potential(graph, likelihood, points)
    outputs = _kept_outputs(graph, points.shape[0], points.tobytes())
    return _with_prior(points, likelihood.value(outputs))


MOST_KEPT = 2**20
"""Outputs that are kept at a time."""


@lru_cache(maxsize=2)
def _kept_outputs(graph: Graph, count: int, points: bytes) -> FloatArray:
    blocks = _blocks(graph, np.frombuffer(points).reshape(count, -1), True)
    return np.concatenate([outputs for outputs, _ in blocks])


def _with_prior(points: FloatArray, misfits: FloatArray) -> FloatArray:
    with np.errstate(over="ignore", invalid="ignore"):
        found = 0.5 * (points * points).sum(axis=1) + misfits
    return np.where(np.isnan(found), np.inf, found)


def _blocks(
    graph: Graph, points: FloatArray, single: bool, chain: Chain | None = None
) -> Iterator[tuple[FloatArray, npt.NDArray[np.bool_]]]:
    """G, and where floats know it, a few points at a time."""
    chain = chain or chain_of(graph)
    block = block_of(graph) if chain is None else CHAINED
    for start in range(0, max(len(points), 1), block):
        part = points[start : start + block]
        yield known_values(graph, part) if chain is None else chain_values(chain, part, single)


CHAINED = 128
"""Points that are taken through a chain at a time."""

BLOCK, LEAST_BLOCK, CACHED = 256, 32, 2**20
"""Points whose values are held at a time, at most and at least; numbers of the widest node that stay in a cache."""


def block_of(graph: Graph) -> int:
    """Points that are taken at a time: behind wide nodes few, or every product waits for memory."""
    return max(LEAST_BLOCK, min(BLOCK, CACHED // max(node.width for node in graph.nodes)))


LEAST_BOXES, ARRAYS = 8, 4
"""Boxes whose forms are held at a time, at least; how many arrays of a node that is for a box, about."""


def boxes_of(graph: Graph) -> int:
    """Boxes that are taken at a time."""
    return max(LEAST_BOXES, min(2 * BLOCK, CACHED // ARRAYS // max(node.width for node in graph.nodes)))


LEAST_NOISE, LARGEST_NOISE = 1e-100, 1e100
"""Beyond these 1/beta^2 leaves the range in which floats have relative errors."""


@dataclass(frozen=True, eq=False)
class GaussianLikelihood:
    """x | z ~ N(G(z), beta^2 I): `observation` x (n,), noise `beta` > 0."""

    observation: FloatArray
    beta: float

    def __post_init__(self) -> None:
        if not LEAST_NOISE <= self.beta <= LARGEST_NOISE:
            raise InputError(f"`beta` must be in [{LEAST_NOISE:g}, {LARGEST_NOISE:g}], got {self.beta}")
        if not np.isfinite(self.observation).all():
            raise InputError("an observation must have finite entries")

    @property
    def observed_dim(self) -> int:
        return self.observation.size

    def value(self, outputs: FloatArray) -> FloatArray:
        scaled = (outputs - self.observation) / self.beta
        return np.asarray(0.5 * (scaled * scaled).sum(axis=-1))

    def enclosure(self, outputs: FloatArray) -> tuple[FloatArray, FloatArray]:
        value = self.value(outputs)
        size = (((np.abs(outputs) + np.abs(self.observation)) / self.beta) ** 2).sum(axis=-1)
        error = 4 * (self.observed_dim + 16) * EPSILON * size
        return value - error, value + error

    def slope(self, outputs: FloatArray) -> tuple[FloatArray, FloatArray]:
        slope = (outputs - self.observation) / self.beta / self.beta
        size = (np.abs(outputs) + np.abs(self.observation)) / self.beta / self.beta
        return slope, 8 * EPSILON * size

    def curvature(self, low: FloatArray, high: FloatArray) -> tuple[FloatArray, FloatArray]:
        constant = np.full(low.shape, 1.0 / self.beta / self.beta)
        return constant * (1 - 4 * EPSILON), constant * (1 + 4 * EPSILON)

    def sum_lower(self, low: FloatArray, high: FloatArray) -> FloatArray:
        gap = np.maximum(np.maximum(low - self.observation, self.observation - high), 0.0) / self.beta
        return np.asarray(0.5 * (gap * gap).sum(axis=-1) * (1 - (self.observed_dim + 16) * EPSILON))

    @property
    def infimum(self) -> float:
        return 0.0


@dataclass(frozen=True, eq=False)
class BernoulliLikelihood:
    """x_i | z ~ Bernoulli(sigmoid(G_i(z))): `observation` x (n,) with entries in [0, 1]."""

    observation: FloatArray

    def __post_init__(self) -> None:
        if not ((self.observation >= 0) & (self.observation <= 1)).all():
            raise InputError("a Bernoulli likelihood needs observations in [0, 1]")

    @property
    def observed_dim(self) -> int:
        return self.observation.size

    def value(self, outputs: FloatArray) -> FloatArray:
        (softplus,) = derivatives("softplus", outputs, order=0)
        return np.asarray((softplus - self.observation * outputs).sum(axis=-1))

    def enclosure(self, outputs: FloatArray) -> tuple[FloatArray, FloatArray]:
        low, high = range_enclosure("softplus", (), 0, outputs, outputs)
        linear = self.observation * outputs
        error = 4 * (self.observed_dim + 16) * EPSILON * (np.abs(high) + np.abs(linear)).sum(axis=-1)
        return (low - linear).sum(axis=-1) - error, (high - linear).sum(axis=-1) + error

    def slope(self, outputs: FloatArray) -> tuple[FloatArray, FloatArray]:
        low, high = range_enclosure("sigmoid", (), 0, outputs, outputs)
        slope = 0.5 * (low + high) - self.observation
        return slope, (high - low) + 8 * EPSILON

    def curvature(self, low: FloatArray, high: FloatArray) -> tuple[FloatArray, FloatArray]:
        least, largest = range_enclosure("sigmoid", (), 1, low, high)
        return np.clip(least, 0.0, None), np.minimum(largest, 0.25)

    def sum_lower(self, low: FloatArray, high: FloatArray) -> FloatArray:
        # Convex, with its least value where sigmoid(l) = x.
        with np.errstate(divide="ignore"):
            best = np.log(self.observation) - np.log1p(-self.observation)
        at = np.clip(best, low, high)
        known = np.isfinite(at)
        at = np.where(known, at, 0.0)
        ends = range_enclosure("softplus", (), 0, at, at)[0] - self.observation * at
        # The point that was computed is within a rounding of the least: phi' there is that small.
        slack = 16 * EPSILON * (1 + np.abs(at))
        floor = self._floors()
        least = np.where(known, np.maximum(ends - slack * np.abs(at) - slack, floor), floor)
        return np.asarray(least.sum(axis=-1) - 4 * (self.observed_dim + 16) * EPSILON * np.abs(least).sum(axis=-1))

    def _floors(self) -> FloatArray:
        """Lower bounds of the entropies -x log x - (1-x) log(1-x), the least values of phi_i."""
        x = self.observation
        with np.errstate(divide="ignore", invalid="ignore"):
            first = np.where(x > 0, -x * np.log(x), 0.0)
            second = np.where(x < 1, -(1 - x) * np.log1p(-x), 0.0)
        return np.maximum((first + second) * (1 - 32 * EPSILON) - 32 * EPSILON * (first + second), 0.0)

    @property
    def infimum(self) -> float:
        return float(self._floors().sum() * (1 - (self.observed_dim + 16) * EPSILON))
