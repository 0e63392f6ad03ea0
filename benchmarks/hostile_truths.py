"""Exact truth for posteriors of `benchmarks.hostile_decoders`: f and rho in balls, integrals by adaptive quadrature.

The network is evaluated from its file by `benchmarks.exact_onnx`; of `certify` only the numbers of a likelihood and of
a mixture are read.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from flint import arb

from benchmarks.exact_onnx import evaluate
from benchmarks.hostile_decoders import MAKERS, decoder
from certify.envelopes.likelihood import BernoulliLikelihood, GaussianLikelihood
from certify.envelopes.mixture import Mixture
from certify.generators.graph import Generator
from certify.generators.logits import with_likelihood
from certify.generators.onnx_import import load_onnx

Array = np.ndarray[Any, Any]
LIFT = np.frompyfunc(lambda x: arb(float(x)), 1, 1)
TARGETS = (0.0, 1.0, 0.3, 1e-9, 1.0 - 2.0**-53)
"""Of Bernoulli outputs."""
NODES, PANELS, MOST_PANELS, LEVELS = {1: 8, 2: 6}, {1: 2000, 2: 60}, 400_000, 60
"""Gauss points per axis of a panel, panels per axis to begin with, by dimension; panels at most, and their halvings."""


@dataclass(frozen=True, eq=False)
class Case:
    """One posterior: the file, what `certify` read of it, and the likelihood; `where` says how it was made."""

    model: onnx.ModelProto
    generator: Generator
    likelihood: GaussianLikelihood | BernoulliLikelihood
    where: str

    @property
    def beta(self) -> float:
        """The noise; 1 for bits."""
        return self.likelihood.beta if isinstance(self.likelihood, GaussianLikelihood) else 1.0

    @property
    def rounded(self) -> float:
        """Share of the sizes by which the file differs from the generator, whose folded constants are rounded."""
        return 1e-12 if self.generator.metadata.get("rounded_constants") else 0.0

    def potential(self, points: Array) -> Array:
        """f at points (b, d), in floats (estimate) or in balls (enclosure)."""
        outputs, x = evaluate(self.model, points), self.likelihood.observation
        prior = (points * points).sum(axis=1) / 2
        if isinstance(self.likelihood, GaussianLikelihood):
            target, noise = (LIFT(x), arb(self.beta)) if points.dtype == object else (x, self.beta)
            scaled = (outputs - target) / noise
            return np.asarray(prior + (scaled * scaled).sum(axis=1) / 2)
        if points.dtype != object:
            return np.asarray(prior + (np.logaddexp(0.0, outputs) - x * outputs).sum(axis=1))
        softplus = np.frompyfunc(lambda t: t.max(arb(0)) + (-abs(t)).exp().log1p(), 1, 1)
        return np.asarray(prior + (softplus(outputs) - LIFT(x) * outputs).sum(axis=1))


def make_case(kind: str, d: int, random: np.random.Generator, noises: tuple[float, ...]) -> Case:
    """A decoder of the kind with an observation on it, near it or a hundred noise levels away; bits now and then."""
    n = int(random.integers(d, d + 4))
    model = decoder(kind, d, n, random)
    generator = read(model)
    beta = float(random.choice(noises))
    image = generator.value(0.7 * random.standard_normal((1, d)))[0]
    likelihood: GaussianLikelihood | BernoulliLikelihood
    if random.random() < 0.25:
        generator = with_likelihood(generator, "bernoulli")
        likelihood, noise = BernoulliLikelihood(random.choice(TARGETS, n)), "bits"
    else:
        away = beta * float(random.choice([0, 1, 1, 10, 100]))
        likelihood, noise = GaussianLikelihood(image + away * random.standard_normal(n), beta), f"noise {beta:g}"
    return Case(model, generator, likelihood, f"{kind}, d = {d}, {noise}")


def read(model: onnx.ModelProto) -> Generator:
    """What `certify` reads of the file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "decoder.onnx"
        path.write_bytes(model.SerializeToString())
        return load_onnx(path)


def kind_of(index: int) -> str:
    """Every kind of decoder in turn."""
    return list(MAKERS)[index % len(MAKERS)]


def log_density(mixture: Mixture, points: Array) -> Array:
    """Log rho at balls (b, d), enclosed."""
    weights, means, roots = (LIFT(part) for part in (mixture.weights, mixture.means, mixture.roots))
    d, total = mixture.latent_dim, weights.sum()
    density: Array = np.zeros(len(points), dtype=object)
    for weight, mean, root in zip(weights, means, roots, strict=True):
        turned = (points - mean) @ root
        square, determinant = (turned * turned).sum(axis=1), np.prod(np.diagonal(root))
        density = density + np.array([weight / total * determinant * (-entry / 2).exp() for entry in square])
    return np.array([entry.log() - d * (2 * arb.pi()).log() / 2 for entry in density])


def integral(
    case: Case, seeds: Array, weigh: Callable[[Array, Array], Array] | None = None
) -> tuple[float, float, float]:
    """log int exp(-f), the mean under the posterior of weigh(points, f), and the relative error: d = 1 and 2.

    Squares are divided where their halves say otherwise, and around the `seeds` (k, d). Estimate.
    """
    d = case.generator.latent_dim
    nodes, masses = np.polynomial.legendre.leggauss(NODES[d])
    offsets = np.stack(np.meshgrid(*[nodes] * d, indexing="ij"), axis=-1).reshape(-1, d)
    shares = np.prod(np.stack(np.meshgrid(*[masses] * d, indexing="ij"), axis=-1), axis=-1).ravel()
    children = np.stack(np.meshgrid(*[[-0.5, 0.5]] * d, indexing="ij"), axis=-1).reshape(-1, d)
    values = case.potential(seeds)
    # Along all of a ridge, not at its lowest points alone: squares between them may see nothing of it.
    near = seeds[values <= np.nanmin(values) + 25.0]
    near = near[:: max(1, len(near) // 400)]
    reach = min(math.sqrt(2 * (float(np.nanmin(values)) + 45)), 1e4)
    edges = np.linspace(-reach, reach, PANELS[d] + 1)
    axis = 0.5 * edges[1:] + 0.5 * edges[:-1]
    centres = np.stack(np.meshgrid(*[axis] * d, indexing="ij"), axis=-1).reshape(-1, d)
    halves = np.full(len(centres), reach / PANELS[d])
    top = min(float(np.nanmin(values)), float(np.nanmin(case.potential(centres))))

    def over(centres: Array, halves: Array) -> Array:
        """Integrals of exp(top - f) and of that times the weight, (b, 2)."""
        found = []
        for start in range(0, len(centres), 4000):
            part = slice(start, start + 4000)
            points = (centres[part, None] + halves[part, None, None] * offsets).reshape(-1, d)
            f = case.potential(points)
            density = np.exp(top - f)
            weight = np.zeros(len(f)) if weigh is None else np.where(density > 0, weigh(points, f), 0.0)
            both = np.stack([density, density * weight], axis=-1).reshape(-1, len(shares), 2)
            found.append(np.einsum("bkc,k->bc", both, shares) * halves[part, None] ** d)
        return np.concatenate(found)

    own, total, error, used = over(centres, halves), np.zeros(2), np.zeros(2), len(centres)
    for level in range(LEVELS):
        smaller = (centres[:, None] + halves[:, None, None] * children).reshape(-1, d)
        below = over(smaller, np.repeat(halves / 2, len(children))).reshape(len(centres), -1, 2)
        used += below.size // 2
        gap = np.abs(below.sum(axis=1) - own)
        size = total + below.sum(axis=(0, 1))
        split = gap[:, 0] > 1e-10 * max(size[0], 1e-300) / max(1.0, math.sqrt(len(centres)))
        if level < 12:
            for seed in near:
                split |= np.abs(centres - seed).max(axis=1) <= 1.01 * halves
        if used > MOST_PANELS:
            error, split = error + gap[split].sum(axis=0), np.zeros(len(split), dtype=bool)
        total, error = total + below[~split].sum(axis=(0, 1)), error + gap[~split].sum(axis=0)
        if not split.any():
            break
        centres, halves = smaller.reshape(len(split), -1, d)[split].reshape(-1, d), np.repeat(halves[split] / 2, 2**d)
        own = below[split].reshape(-1, 2)
    return math.log(total[0]) - top, float(total[1] / total[0]), float((error / np.maximum(np.abs(total), 1e-300))[0])
