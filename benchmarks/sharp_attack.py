"""Attack on the sharp bounds: generators with exactly known constants, exact laws in d = 1 and 2, curvature to d = 16.

python -m benchmarks.sharp_attack [--instances 320] [--seed 0] [--out benchmarks/results/sharp_attack]
(writes .md and .tex; about 6 minutes)

Every statement's left side is computed (exactly known to many digits, or found by search) and divided by its bound. A
ratio above 1 would be a violation. The worst ratio is also the factor by which the statement's constant may be lowered
before these instances notice: the mutants' table says it constant by constant.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.linalg import eigh_tridiagonal

from certify.arithmetic.arrays import FloatArray
from certify.arithmetic.balls import ball, lower, precision, upper
from certify.atomic import write_text_atomically
from certify.generators.graph import Activation, Affine, Generator, Graph, Input, Sum
from certify.measure.exponential_law import exponential_chain_distance, start_distance
from certify.measure.whitened import WhitenedPosterior, extreme_eigenvalues
from certify.posteriors.posterior import Posterior
from certify.report.discovery import table_formats
from certify.report.table import Document, Table, columns, number_cell, text_cell
from certify.sharp.centre import Centre, find_centre, measured_problem
from certify.sharp.certificates import CertifiedChain, enclose_chain
from certify.sharp.chain import initial_distance, run_layers
from certify.sharp.estimates import radial_estimates
from certify.sharp.gaussian_layer import gaussian_layer_bound
from certify.sharp.problem import SharpProblem
from certify.sharp.search import best_layer, shortest_chain
from certify.sharp.terms import exit_bound
from certify.version import __version__

RESULTS = Path("benchmarks/results/sharp_attack")
DIMENSIONS = (1, 1, 1, 2, 3, 5, 8, 16)
LONGEST = {1: 60, 2: 16}
"""Layers whose law is computed: one costs a millisecond in d = 1 and 50 in d = 2."""
NODES = 401
RECORDED = {
    "curvature: distance from I": 0.999999, "curvature: least eigenvalue": 0.999999, "tail": 0.99998,
    "shell": 0.999998, "Theorem 1*, Gaussian start": 0.23, "Theorem 1*, point start": 0.48, "G1*": 0.27,
    "smoothing": 0.70, "exit (S7d+)": 0.23, "discretisation": 0.22,
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Case:
    """One posterior with its exactly known constants, its centre and the closed forms at it."""

    generator: Generator
    constants: tuple[float, float, float]
    beta: float
    posterior: Posterior
    centre: Centre
    problem: SharpProblem

    @property
    def whitened(self) -> WhitenedPosterior:
        """The posterior in the coordinates of the centre."""
        return WhitenedPosterior(self.posterior, self.centre.point, self.centre.factor)


@dataclass(frozen=True)
class Ratio:
    """Left side over bound of one statement at one instance; `terms` are the bound's summands where mutants move them.

    Of an upper bound the terms add up to it (distance from I: p, 3 e r, 1.5 e^2 r^2); for the least eigenvalue they
    are what is subtracted from 1 + e^2 r^2 (2 e r, p, e r, e^2 r^2/2) and `value` is bound over left side.
    """

    statement: str
    value: float
    where: str
    left: float = 0.0
    terms: tuple[float, ...] = ()


def separable(random: np.random.Generator, d: int, n: int) -> tuple[Generator, tuple[float, float, float]]:
    """G(z) = P (l Q z + a sin(w Q z + f)), P and Q orthonormal: m, M, M2 are those of the coordinates.

    m = min(l - |a w|), M = max(l + |a w|), M2 = max |a| w^2, with room for the rounding of P and Q.
    """
    rate = random.uniform(0.8, 1.6, d)
    frequency = random.uniform(0.5, 2.0, d)
    share = random.uniform(0.02, 0.5, d) * rate
    inner = np.linalg.qr(random.standard_normal((d, d)))[0]
    outer = np.linalg.qr(random.standard_normal((n, d)))[0]
    phase = random.uniform(-np.pi, np.pi, d)
    amplitude = share / frequency
    nodes = (
        Input(d),
        Affine(0, outer @ (rate[:, None] * inner), np.zeros(n)),
        Affine(0, frequency[:, None] * inner, phase),
        Activation(2, "sin", d),
        Affine(3, outer * amplitude, np.zeros(n)),
        Sum((1, 4), (1.0, 1.0), n),
    )
    low, high, bend = float((rate - share).min()), float((rate + share).max()), float((share * frequency).max())
    room = 1e-12
    return Generator(f"separable-{d}-{n}", Graph(nodes), 4 * d * d), (
        low * (1 - room),
        high * (1 + room),
        bend * (1 + room),
    )


def cases(count: int, seed: int) -> Iterator[Case]:
    """Random posteriors for which the bounds say something: e r of the order of the curvature they allow."""
    random = np.random.default_rng(seed)
    made = 0
    while made < count:
        d = DIMENSIONS[made % len(DIMENSIONS)]
        n = d if made % 3 else d + int(random.integers(1, 4))
        generator, (m, M, M2) = separable(random, d, n)
        beta = float(m**2 / M2 * random.uniform(0.002, 0.12) / np.sqrt(d))
        latent = random.standard_normal((1, d))
        observation = generator.value(latent)[0] + beta * random.standard_normal(n)
        posterior = Posterior(generator, observation, beta)
        centre = find_centre(posterior, latent[0])
        problem = measured_problem(centre, m, M, M2, beta)
        if not problem.far.finite:
            continue
        made += 1
        yield Case(generator, (m, M, M2), beta, posterior, centre, problem)


def curvature_ratios(case: Case, seed: int) -> Iterator[Ratio]:
    """||Hess F - I|| over q(r), and mu(r) over the least eigenvalue, at the worst points found in small balls."""
    d = case.problem.dimension
    radii = [0.0005, 0.02 * np.sqrt(d), 0.5 * np.sqrt(d), np.sqrt(d) + 1]
    p, slope, _ = (float(item.mid()) for item in case.problem.curvature.pieces[0].q.coeffs())
    e = slope / 3
    switch = float(case.problem.curvature.pieces[1].start.mid())
    with precision():
        for smallest, farthest in extreme_eigenvalues(case.whitened, radii, 100, 2, seed):
            radius = ball(smallest.radius)
            where = f"d = {d}, r = {smallest.radius:.3g}"
            distance = abs(farthest.value - 1.0)
            r = smallest.radius
            terms = (p, 3 * e * r, 1.5 * e**2 * r**2)
            if distance > 1e-9:
                bound = lower(case.problem.curvature.q(radius))
                yield Ratio("curvature: distance from I", distance / bound, where, distance, terms)
            subtracted = (2 * e * r, p, e * r, e**2 * r**2 / 2) if r < switch else ()
            yield Ratio(
                "curvature: least eigenvalue",
                upper(case.problem.curvature.mu(radius)) / smallest.value,
                where,
                1 + e**2 * r**2 - smallest.value,
                subtracted,
            )


def line_mass(case: Case, start: float, end: float) -> float:
    """Int exp(-F) over start <= |y| <= end for d = 1, by Gauss-Legendre panels."""
    points, weights = np.polynomial.legendre.leggauss(24)
    edges = np.linspace(start, end, 9)
    half = np.diff(edges) / 2
    nodes = (edges[:-1, None] + half[:, None] * (points + 1)).ravel()
    values = np.exp(-case.whitened.potential(nodes[:, None])) + np.exp(-case.whitened.potential(-nodes[:, None]))
    return float(np.sum((half[:, None] * weights).ravel() * values))


def line_density(case: Case, reach: float) -> tuple[FloatArray, FloatArray]:
    """Nodes and probabilities of y for d = 1 on [-reach, reach]."""
    nodes = np.linspace(-reach, reach, 20_001)
    potential = case.whitened.potential(nodes[:, None])
    mass = np.exp(-(potential - potential.min()))
    return nodes, mass / mass.sum()


def radial_ratios(case: Case) -> Iterator[Ratio]:
    """Tail and shell of a posterior on the line against their bounds."""
    with precision():
        for radius in (0.01, 0.3, 1.5, 3.0, 4.5):
            inner, outer = 0.7 * radius, line_mass(case, radius, 16.0)
            inside, shell = line_mass(case, 0.0, radius), line_mass(case, inner, radius)
            tail = case.problem.tail(ball(radius), ball(radius + 2))
            yield Ratio("tail", outer / (outer + inside) / lower(tail), f"R = {radius}")
            bound = case.problem.law.outside(ball(inner), ball(radius))
            yield Ratio("shell", shell / inside / lower(bound), f"R = {radius}")


def exit_ratio(case: Case, radius: float, duration: float) -> Ratio:
    """P(the reflected diffusion meets |y| = R before tau) on the line: the killed one's spectrum gives the survival."""
    nodes = np.linspace(-radius, radius, NODES)
    gap = nodes[1] - nodes[0]
    potential = case.whitened.potential(nodes[:, None])
    density = np.exp(-(potential - potential.min()))
    edges = np.sqrt(density[1:] * density[:-1])
    # Generator of the diffusion, symmetrised by the square root of its density, zero on the boundary.
    diagonal = -(edges[:-1] + edges[1:]) / density[1:-1] / gap**2
    neighbours = edges[1:-1] / np.sqrt(density[1:-2] * density[2:-1]) / gap**2
    values, vectors = eigh_tridiagonal(diagonal, neighbours)
    start = np.sqrt(density[1:-1])
    alive = float(np.sum((vectors.T @ start) ** 2 * np.exp(duration * values)) / density.sum())
    with precision():
        widths = [ball(radius * share) for share in (0.05, 0.1, 0.2, 0.4, 0.7)]
        shells = [case.problem.law.outside(ball(radius) - width, ball(radius)) for width in widths]
        bounds = [lower(exit_bound(ball(duration), width, mass)) for width, mass in zip(widths, shells, strict=True)]
    return Ratio("exit (S7d+)", (1.0 - alive) / min(bounds), f"R = {radius}, tau = {duration}")


def drift_ratio(case: Case, radius: float, step: float, seed: int) -> Ratio:
    """E int_0^eta |H(Y_t) - H(Y_0)|^2 over d E q^2 eta^2, as distances (square roots): simulated paths on the line."""
    random = np.random.default_rng(seed)
    nodes, mass = line_density(case, radius)
    points = random.choice(nodes, 20_000, p=mass)[:, None]
    substep, total = step / 32, np.zeros(len(points))
    gradient = case.whitened.gradient(points)
    first = gradient - points
    for _ in range(32):
        points = points - substep * gradient + np.sqrt(2 * substep) * random.standard_normal(points.shape)
        points = np.clip(points, -radius, radius)
        gradient = case.whitened.gradient(points)
        total += substep * np.sum((gradient - points - first) ** 2, axis=1)
    with precision():
        bound = lower(case.problem.dimension * case.problem.law.force_moment(ball(radius))) * step**2
    return Ratio("discretisation", float(np.sqrt(np.mean(total) / bound)), f"eta = {step}")


def smoothing_ratio(case: Case, radius: float, step: float, count: int) -> Ratio:
    """TV of the chains from two points at distance v after equal layers, over the smoothing bound."""
    distance = 0.6
    ends = np.array([-distance / 2]), np.array([distance / 2])
    found = start_distance(case.whitened, radius, [step] * count, ends)
    with precision():
        mu, q = case.problem.curvature.mu(ball(radius)), case.problem.curvature.q(ball(radius))
        layers = run_layers([], [(ball(step), count)], mu, q, ball(0), ball(distance))
        return Ratio("smoothing", found.lower / lower(layers.smoothing), f"eta = {step}, {count} layers")


def chain_ratios(case: Case) -> Iterator[Ratio]:
    """The law of the chain and of the Gaussian layer on a grid against Theorem 1* and G1*."""
    estimates = radial_estimates(case.problem)
    longest = LONGEST[case.problem.dimension]
    for epsilon in (0.3, 0.05):
        choice = shortest_chain(estimates, epsilon, longest)
        certified = None if choice is None else enclose_chain(case.problem, choice)
        if certified is not None:
            yield _chain_ratio(case, certified)
        other = None if choice is None else enclose_chain(case.problem, replace(choice, start="point"))
        if other is not None:
            yield _chain_ratio(case, other)
    layer = best_layer(estimates)
    if layer is not None:
        with precision():
            bound = gaussian_layer_bound(case.problem, layer.radius, layer.outer)
            total = lower(bound.total)
        # No layer at all: the start itself.
        found = exponential_chain_distance(case.whitened, float(layer.radius), [])
        yield Ratio("G1*", found.lower / total, f"beta = {case.beta:.3g}")


def _chain_ratio(case: Case, certified: CertifiedChain) -> Ratio:
    schedule, radius = certified.choice.schedule, float(certified.choice.radius)
    times = [float(time) for time in schedule.times()]
    name = "Gaussian" if certified.choice.start == "gaussian" else "point"
    found = exponential_chain_distance(case.whitened, radius, times, name == "Gaussian")
    where = f"d = {case.problem.dimension}, K = {len(times)}"
    return Ratio(f"Theorem 1*, {name} start", found.lower / lower(certified.bound.total), where)


def attack(count: int, seed: int) -> tuple[list[Ratio], int]:
    """All ratios over `count` instances, and how many instances there were."""
    found: list[Ratio] = []
    for index, case in enumerate(cases(count, seed)):
        found += curvature_ratios(case, seed + index)
        if case.problem.dimension == 1:
            found += radial_ratios(case)
            found += [exit_ratio(case, radius, tau) for radius, tau in ((1.5, 0.05), (3.0, 1.0))]
            found.append(drift_ratio(case, 3.0, 0.1, seed + index))
            found.append(start_ratio(case, 3.0))
            found += [smoothing_ratio(case, 3.0, step, layers) for step, layers in ((0.1, 1), (0.3, 3))]
        if case.problem.dimension == 1 or (case.problem.dimension == 2 and index % 16 == 3):
            found += chain_ratios(case)
    return found, count


def start_ratio(case: Case, radius: float) -> Ratio:
    """W2(N(0, 1) clipped to the ball, the posterior on it) on the line, by quantiles, over w_0."""
    nodes, mass = line_density(case, radius)
    gaussian = np.exp(-(nodes**2) / 2)
    levels = (np.arange(20_000) + 0.5) / 20_000
    quantiles = [np.interp(levels, np.cumsum(law) / law.sum(), nodes) for law in (mass, gaussian)]
    distance = float(np.sqrt(np.mean((quantiles[0] - quantiles[1]) ** 2)))
    with precision():
        mu = case.problem.curvature.mu(ball(radius))
        bound = initial_distance(case.problem, ball(radius), mu, "gaussian")[0]
        return Ratio("start (W2)", distance / lower(bound) if mu > 0 else 0.0, f"R = {radius}")


MUTANTS = (
    ("curvature: distance from I", 0, "1 of p in q"),
    ("curvature: distance from I", 1, "3 of 3 e r in q"),
    ("curvature: distance from I", 2, "3/2 of (3/2) e^2 r^2 in q"),
    ("curvature: least eigenvalue", 0, "2 of (1 - e r)^2 in mu"),
    ("curvature: least eigenvalue", 1, "1 of p in mu"),
    ("curvature: least eigenvalue", 2, "1 of e r in mu"),
    ("curvature: least eigenvalue", 3, "1/2 of e^2 r^2/2 in mu"),
)
WHOLE = {
    "tail": "1 of t(R)", "shell": "1 of P(r > R - w)", "exit (S7d+)": "Euler's e of e (1 + tau/w^2)",
    "smoothing": "1/(2 pi)^(1/2) of the smoothing",
    "discretisation": "Q = (d E q^2)^(1/2)", "start (W2)": "1/mu of w_0",
    "G1*": "1/2 of the leading term (by the whole)", "Theorem 1*, Gaussian start": "the whole",
    "Theorem 1*, point start": "the whole",
}  # fmt: skip
"""Constants that multiply a whole bound: they are noticed from the worst ratio down."""


def mutant_factors(found: list[Ratio]) -> list[tuple[str, str, float]]:
    """Statement, constant, and the largest factor below 1 on it that some instance refutes (0: not even without it)."""
    rows = []
    for statement, index, constant in MUTANTS:
        best = 0.0
        for item in found:
            if item.statement == statement and item.terms and item.terms[index] > 0:
                best = max(best, (item.left - (sum(item.terms) - item.terms[index])) / item.terms[index])
        rows.append((statement, constant, best))
    largest = worst(found)
    rows += [(name, constant, largest[name].value) for name, constant in WHOLE.items() if name in largest]
    return rows


def worst(found: list[Ratio]) -> dict[str, Ratio]:
    """The largest ratio of every statement."""
    result: dict[str, Ratio] = {}
    for item in found:
        if item.statement not in result or item.value > result[item.statement].value:
            result[item.statement] = item
    return result


def main() -> None:
    """Attack and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--instances", type=int, default=320)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    start = time.perf_counter()
    found, count = attack(arguments.instances, arguments.seed)
    rows = []
    for statement, item in sorted(worst(found).items()):
        cases_of = sum(other.statement == statement for other in found)
        recorded = text_cell(f"{RECORDED[statement]:g}" if statement in RECORDED else "")
        violated = text_cell(str(sum(other.value > 1 + 1e-9 for other in found if other.statement == statement)))
        rows.append((text_cell(statement), number_cell(item.value, digits=7), recorded, text_cell(item.where),
                     text_cell(str(cases_of)), violated))  # fmt: skip
    headings = ("statement", "worst left side / bound", "recorded", "where", "cases", "violations")
    attacked = Table("sharp_attack", f"{count} instances, seed {arguments.seed}", columns(headings), tuple(rows))
    mutants = Table(
        "sharp_mutants", "the largest factor on a constant that the instances refute",
        columns(("statement", "constant", "factor")),
        tuple((text_cell(name), text_cell(constant), number_cell(max(factor, 0.0))) for name, constant, factor in
              mutant_factors(found)),
        ("0: the other terms hide it even if the constant is dropped",),
    )  # fmt: skip
    comments = (
        f"version {__version__}, {time.perf_counter() - start:.0f} s",
        "made by python -m benchmarks.sharp_attack",
    )
    for item_format in table_formats().values():
        if item_format.name in {"latex", "markdown"}:
            text = item_format.render(Document((attacked, mutants), comments))
            write_text_atomically(arguments.out.with_suffix(f".{item_format.suffix}"), text)


if __name__ == "__main__":
    main()
