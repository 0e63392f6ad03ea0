"""The rate I(z;x) held against its bracket: exact for affine G, by quadrature for few latents, by draws elsewhere."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from flint import arb, arb_mat
from scipy.special import logsumexp

from certify.arithmetic.ball_matrices import ball_matrix
from certify.arithmetic.balls import ball, euclidean_norm, midpoint, precision
from certify.bounds.bracket import Witness
from certify.generators.derivatives import jacobian, value
from certify.generators.graph import FloatArray, Generator
from certify.generators.jets import jacobian_ball, value_ball
from certify.posteriors.estimates import ERROR_PROBABILITY, IntervalEstimate, mean_interval, nonnegative_mean_interval
from certify.posteriors.gaussian import affine_form
from certify.proof.checks.intervals import from_interval
from certify.proof.instance import Instance
from certify.proof.theorem import Finding
from certify.verdict import Evidence

PAIRS, DRAWS, PRIOR_DRAWS, JACOBIANS = 4000, 2000, 4096, 4000
NOISES = (1.0, 0.25, 4.0)
"""Multiples of the noise level at which the bracket is looked at."""

REACH, NODES_PER_WIDTH, MOST_NODES = 8.5, 3.0, 40_000
"""The grid over z: how far, how many nodes in a posterior's standard deviation, and how many it may have."""

OUTER = (40, 28)
"""Gauss-Hermite nodes over each of z and xi, and the coarser rule whose difference is the error estimate."""


def pairs(instance: Instance) -> tuple[Finding, ...]:
    """Findings on the quotients of pairs, far ones and near ones; the extreme ones are computed again in balls."""
    random, graph, d = instance.random("pairs"), instance.generator.graph, instance.generator.latent_dim
    count = instance.count(PAIRS, least=200)
    first = 2 * random.standard_normal((count, d))
    second = first + random.standard_normal((count, d)) * 10.0 ** random.uniform(-3, 0.5, (count, 1))
    quotients = np.linalg.norm(value(graph, first) - value(graph, second), axis=1)
    quotients /= np.linalg.norm(first - second, axis=1)
    found = []
    for claim, index in (("pairs from below", np.argmin(quotients)), ("pairs from above", np.argmax(quotients))):
        ends = first[index], second[index]
        witness = Witness((tuple(ends[0].tolist()), tuple(ends[1].tolist())), ())
        found.append(
            Finding(
                claim, float(quotients[index]), count, witness=witness,
                recheck=lambda ends=ends: _quotient(instance.generator, *ends),  # type: ignore[misc]
            )
        )  # fmt: skip
    return tuple(found)


def _quotient(generator: Generator, first: FloatArray, second: FloatArray) -> arb:
    with precision():
        points = [[ball(float(entry)) for entry in point] for point in (first, second)]
        values = [value_ball(generator.graph, point) for point in points]
        lengths = [
            euclidean_norm([left - right for left, right in zip(*rows, strict=True)]) for rows in (values, points)
        ]
        return lengths[0] / lengths[1]


def rates(instance: Instance) -> tuple[Finding, ...]:
    """Findings on the bracket at the noise level and around it, bound variable b."""
    found: list[Finding] = []
    for multiple in NOISES:
        noise = multiple * instance.beta
        for claim in ("rate from below", "rate from above"):
            found += _rate_finding(instance, claim, noise, {"b": noise})
    return tuple(found)


def sharper_ends(instance: Instance) -> tuple[Finding, ...]:
    """Findings on exp(E log|det J|/d) and E ||J||_F^2 by draws of the prior, and on the ends that follow from them."""
    generator = instance.generator
    square, mean_square = generator.latent_dim == generator.observed_dim, frobenius(instance)
    exact = _affine_moments(generator)
    found = [_moment("mean square slope", mean_square, exact, 1)]
    found += _rate_finding(instance, "from the mean square", instance.beta, {"s": _end(mean_square, exact, 1)})
    if square and instance.number("m") > 0:
        mean_determinant = determinant_mean(instance)
        found.append(_moment("mean determinant", mean_determinant, exact, 0))
        at: dict[str, object] = {"g": _end(mean_determinant, exact, 0)}
        found += _rate_finding(instance, "from the determinant", instance.beta, at)
    return tuple(found)


def frobenius(instance: Instance) -> IntervalEstimate:
    """E ||J(z)||_F^2, between d m^2 and d M^2, by draws of the prior."""
    squares = np.sum(_jacobians(instance) ** 2, axis=(1, 2))
    low, high = (instance.generator.latent_dim * instance.number(name) ** 2 for name in ("m", "M"))
    return mean_interval(np.clip(squares, low * (1 - 1e-9), high * (1 + 1e-9)), low * (1 - 1e-9), high * (1 + 1e-9))


def determinant_mean(instance: Instance) -> IntervalEstimate:
    """exp(E log|det J(z)|/d), between m and M (n = d, m > 0), by draws of the prior."""
    logs = np.linalg.slogdet(_jacobians(instance))[1]
    d = instance.generator.latent_dim
    low, high = d * math.log(instance.number("m")) - 1e-9, d * math.log(instance.number("M")) + 1e-9
    found = mean_interval(np.clip(logs, low, high), low, high)
    middle, low, high = (math.exp(end / d) for end in (found.estimate, found.lower, found.upper))
    return IntervalEstimate(middle, low, high, found.error_probability, found.cases, found.method)


def _jacobians(instance: Instance) -> FloatArray:
    def compute() -> FloatArray:
        count = instance.dense_count(JACOBIANS, least=200)
        points = instance.random("jacobians").standard_normal((count, instance.generator.latent_dim))
        return np.array([jacobian(instance.generator.graph, point) for point in points])

    return instance.once("jacobians", compute)


def _affine_moments(generator: Generator) -> tuple[arb, arb] | None:
    """(|det J|^{1/d}, ||J||_F^2) of an affine G, enclosed; the first is nan where n > d."""
    if affine_form(generator.graph) is None:
        return None
    with precision():
        matrix = arb_mat(jacobian_ball(generator.graph, [ball(0)] * generator.latent_dim))
        square = matrix.nrows() == matrix.ncols()
        mean = abs(matrix.det()).root(generator.latent_dim) if square else arb("nan")
        return mean, euclidean_norm(matrix.entries()) ** 2


def _moment(claim: str, estimate: IntervalEstimate, exact: tuple[arb, arb] | None, index: int) -> Finding:
    if exact is None:
        return from_interval(claim, estimate)
    return Finding(claim, midpoint(exact[index]), 1, Evidence.RIGOROUS, exhaustive=True, recheck=lambda: exact[index])


def _end(estimate: IntervalEstimate, exact: tuple[arb, arb] | None, index: int) -> arb | float:
    """The end of a moment's interval that keeps what follows from it true: the lower one of the determinant."""
    if exact is not None:
        return exact[index]
    return estimate.upper if index else estimate.lower


def _rate_finding(instance: Instance, claim: str, noise: float, at: dict[str, object]) -> Iterator[Finding]:
    exact = exact_rate(instance.generator, noise)
    if exact is not None:
        yield Finding(
            claim, midpoint(exact), 1, Evidence.RIGOROUS, at=at, exhaustive=True, recheck=lambda: exact,
            reason="G is affine: the rate is (1/2) log det(I + J^T J/beta^2)",
        )  # fmt: skip
        return
    estimate = instance.once(f"rate-{noise}", lambda: rate(instance, noise))
    # The bracket may be narrower than the interval of a mean: the end that could refute decides.
    alone = estimate.error_probability > 0.0 and estimate.lower > 0.0
    yield replace(from_interval(claim, estimate, at), one_sided=alone)


def exact_rate(generator: Generator, noise: float) -> arb | None:
    """(1/2) log det(I + J^T J/noise^2) of an affine G, enclosed; None where G is not affine by structure."""
    if affine_form(generator.graph) is None:
        return None
    with precision():
        matrix = arb_mat(jacobian_ball(generator.graph, [ball(0)] * generator.latent_dim)) / ball(noise)
        gram = matrix.transpose() * matrix + ball_matrix(np.eye(generator.latent_dim))
        return gram.det().log() / 2


def rate(instance: Instance, noise: float) -> IntervalEstimate:
    """I(z;x) at this noise level: by quadrature where a grid over z is small enough, by draws elsewhere."""
    grid = prior_grid(instance.generator, noise, instance.number("M"))
    random = instance.random(f"rate {noise}")
    if grid is None:
        return sampled_rate(instance.generator, noise, random, instance.count(DRAWS, least=400))
    if instance.generator.latent_dim == instance.generator.observed_dim == 1:
        return line_rate(instance.generator, noise, grid)
    draws = instance.count(DRAWS // 2, least=400)
    latent = random.standard_normal((draws, instance.generator.latent_dim))
    rows = value(instance.generator.graph, latent)
    rows += noise * random.standard_normal(rows.shape)
    divergences = divergences_from_prior(instance.generator, noise, rows, grid)
    return nonnegative_mean_interval(np.maximum(divergences, 0.0), method="draws of x, quadrature over z")


def line_rate(generator: Generator, noise: float, grid: tuple[FloatArray, FloatArray]) -> IntervalEstimate:
    """d = n = 1: Gauss-Hermite over z and xi; the half width is the difference of two rules."""
    found = []
    for nodes in OUTER:
        points, weights = np.polynomial.hermite_e.hermegauss(nodes)
        weights = weights / weights.sum()
        latent, jitter = np.meshgrid(points, points, indexing="ij")
        rows = value(generator.graph, latent.reshape(-1, 1)) + noise * jitter.reshape(-1, 1)
        found.append(
            float(np.outer(weights, weights).reshape(-1) @ divergences_from_prior(generator, noise, rows, grid))
        )
    error = abs(found[0] - found[1]) + 1e-9 * (1 + abs(found[0]))
    return IntervalEstimate(found[0], found[0] - error, found[0] + error, 0.0, OUTER[0] ** 2, "quadrature")


def prior_grid(generator: Generator, noise: float, slope: float) -> tuple[FloatArray, FloatArray] | None:
    """Nodes (k, d) and log weights (k,) of the prior, finer than any posterior at this noise; None where too many."""
    d = generator.latent_dim
    width = noise / math.hypot(noise, slope)
    count = 2 * math.ceil(REACH * NODES_PER_WIDTH / width) + 1
    if d > 2 or count**d > MOST_NODES:
        return None
    axis = np.linspace(-REACH, REACH, count)
    nodes = np.stack(np.meshgrid(*[axis] * d, indexing="ij"), axis=-1).reshape(-1, d)
    logs = -0.5 * np.sum(nodes**2, axis=1)
    return nodes, logs - logsumexp(logs)


def divergences_from_prior(
    generator: Generator, noise: float, rows: FloatArray, grid: tuple[FloatArray, FloatArray]
) -> FloatArray:
    """KL(pi_x || N(0, I)) of every row (k, n), by the trapezoidal rule over z; converges faster than any power."""
    nodes, logs = grid
    images, found = value(generator.graph, nodes), np.empty(len(rows))
    for start in range(0, len(rows), 64):
        likelihoods = _log_likelihoods(rows[start : start + 64], images, noise)
        joint = likelihoods + logs
        evidence = logsumexp(joint, axis=1)
        masses = np.exp(joint - evidence[:, None])
        found[start : start + 64] = np.sum(masses * likelihoods, axis=1) - evidence
    return found


def sampled_rate(generator: Generator, noise: float, random: np.random.Generator, draws: int) -> IntervalEstimate:
    """I(z;x) between two variational bounds, against mixtures over independent draws z_k of the prior.

    With r the mixture of all K laws p(.|z_k): I <= E log(p(x|z)/r(x)), and with r' the mixture of p(.|z) and K - 1 of
    them I >= E log(p(x|z)/r'(x)), which is at most log K. Both are averaged over draws (z, x), with the interval of a
    mean that assumes a Gaussian limit law.
    """
    d = generator.latent_dim
    centres = value(generator.graph, random.standard_normal((PRIOR_DRAWS, d)))
    images = value(generator.graph, random.standard_normal((draws, d)))
    jitter = random.standard_normal(images.shape)
    own = -0.5 * np.sum(jitter**2, axis=1)
    others = _log_likelihoods(images + noise * jitter, centres, noise)
    above = own - (logsumexp(others, axis=1) - math.log(PRIOR_DRAWS))
    mixed = np.logaddexp(own, logsumexp(others[:, :-1], axis=1)) - math.log(PRIOR_DRAWS)
    below = own - mixed
    half = math.sqrt(2 * math.log(4 / ERROR_PROBABILITY) / draws)
    low = float(below.mean() - half * below.std(ddof=1))
    high = float(above.mean() + half * above.std(ddof=1))
    return IntervalEstimate(
        float(below.mean()), low, high, ERROR_PROBABILITY, draws, "two variational bounds",
        "the means of the draws follow their Gaussian limit law",
    )  # fmt: skip


def _log_likelihoods(rows: FloatArray, images: FloatArray, noise: float) -> FloatArray:
    """-|x - G(z)|^2/(2 noise^2) of every row and image, without the cancellation of expanded squares."""
    scaled = (rows[:, None, :] - images[None]) / noise if rows.shape[1] <= 4 else None
    if scaled is not None:
        return np.asarray(-0.5 * np.sum(scaled**2, axis=2))
    middle = images.mean(axis=0)
    left, right = (rows - middle) / noise, (images - middle) / noise
    return np.asarray(left @ right.T - 0.5 * np.sum(left**2, axis=1)[:, None] - 0.5 * np.sum(right**2, axis=1))
