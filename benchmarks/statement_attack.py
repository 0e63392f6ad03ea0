"""The four statements attacked: extreme scales, nearly singular and kinked decoders, several modes, against the truth.

    python -m benchmarks.statement_attack [NAME ...] [--out benchmarks/results/statements_attack.md]

Singular values and noise over six decades each, columns that are equal or nearly so, more or fewer outputs than
latents. The truth: closed forms of affine decoders (300 bits where needed), quadrature for one and two latents, the
nearest product law by alternating linear programmes, encoders moved as far as their accuracy lets them.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from flint import arb, arb_mat, ctx
from scipy import sparse
from scipy.optimize import linprog
from scipy.special import ndtr, ndtri
from threadpoolctl import threadpool_limits

from benchmarks.statement_truths import Truth, affine, closed_forms, summary
from certify.arithmetic.arrays import FloatArray
from certify.arithmetic.balls import lower, upper
from certify.atomic import write_text_atomically
from certify.bounds.constants import constants
from certify.generators.graph import Generator
from certify.generators.nodes import Activation, Affine, Graph, Input
from certify.report.discovery import table_formats
from certify.report.table import Document, Table, columns, number_cell, text_cell
from certify.version import __version__
from theorems.amortisation.pairs import steepest
from theorems.collapse.rate import exact_rate
from theorems.collapse.row import rate_of_row
from theorems.factorised_encoder.observations import constants_if_any
from theorems.factorised_encoder.row import row_price

RESULTS = Path("benchmarks/results/statements_attack.md")
EFFORT = 0.05
CELLS = 24
"""Per axis, of the posterior's table that product laws are fitted to."""


def matrix(random: np.random.Generator, d: int, n: int, case: int) -> FloatArray:
    """Singular values from 1e-3 to 1e3; of every five one has two equal columns, one two nearly so, one a row of 0."""
    rank = min(d, n)
    values = 10.0 ** random.uniform(-3, 3, rank)
    left, right = (np.linalg.qr(random.standard_normal((size, size)))[0][:, :rank] for size in (n, d))
    found = left * values @ right.T
    if case % 5 in (1, 2):
        found[:, -1] = found[:, 0] * (1 if case % 5 == 1 else 1 + 1e-9)
    if case % 5 == 3:
        found[-1] = 0
    return np.asarray(found)


def network(random: np.random.Generator, d: int, n: int, activation: str, scale: float = 1.0) -> Generator:
    """Four neurons: kinks, folds, several modes."""
    nodes = (
        Input(d), Affine(0, scale * random.standard_normal((4, d)), random.standard_normal(4)),
        Activation(1, activation, 4), Affine(2, random.standard_normal((n, 4)), random.standard_normal(n)),
    )  # fmt: skip
    return Generator("network", Graph(nodes), 4 * (d + n + 1) + n)


def rates(random: np.random.Generator) -> list[Truth]:
    """I(z;x) of affine decoders by certified m and M, and of kinked curves by quadrature."""
    found = []
    for case in range(200):
        d = int(random.integers(1, 5))
        weight = matrix(random, d, max(1, d + int(random.integers(-1, 4))), case)
        noise, generator = float(10 ** random.uniform(-3, 3)), affine(weight)
        forms, exact = _rate_forms(generator, noise), exact_rate(generator, noise)
        assert exact is not None
        found.append(Truth("rate, affine, lower end", forms["rate_lower"][0], upper(exact)))
        found.append(Truth("rate, affine, upper end", -forms["rate_upper"][1], -lower(exact)))
    for case in range(60):
        generator = network(random, 1, 1, ("relu", "tanh", "leaky_relu")[case % 3], float(10 ** random.uniform(-1, 1)))
        noise = float(10 ** random.uniform(-1.5, 0.5)) * max(1e-2, constants(generator, effort=EFFORT).M.upper or 1.0)
        forms, truth = _rate_forms(generator, noise), _line_rate(generator, noise)
        found.append(Truth("rate, curves, lower end", forms["rate_lower"][0] - 1e-4, truth))
        found.append(Truth("rate, curves, upper end", -forms["rate_upper"][1] - 1e-4, -truth))
    return found


def _rate_forms(generator: Generator, noise: float) -> dict[str, tuple[float, float]]:
    known = constants(generator, effort=EFFORT)
    assert known.M.upper is not None
    ends = {"d": generator.latent_dim, "n": generator.observed_dim, "m": known.m.lower or 0.0, "M": known.M.upper}
    return closed_forms("collapse", ends, noise)


def _line_rate(generator: Generator, noise: float) -> float:
    """h(x) - h(noise) of a curve in R^1, on grids of z and x."""
    nodes = np.linspace(-9, 9, 4001)
    masses = np.exp(-(nodes**2) / 2)
    masses, images = masses / masses.sum(), generator.value(nodes[:, None])[:, 0]
    points = np.linspace(images.min() - 9 * noise, images.max() + 9 * noise, 1501)
    density = np.concatenate([
        np.exp(-0.5 * ((part[:, None] - images) / noise) ** 2) @ masses for part in np.array_split(points, 10)
    ]) / (noise * math.sqrt(2 * math.pi))  # fmt: skip
    entropy = -np.sum(density * np.log(np.maximum(density, 1e-300))) * (points[1] - points[0])
    return float(entropy - 0.5 * math.log(2 * math.pi * math.e * noise**2))


def row_rates(random: np.random.Generator) -> list[Truth]:
    """KL(pi_x || N(0, I)) of affine decoders, observations in the data and five noise levels off."""
    found = []
    for case in range(60):
        d = int(random.integers(1, 4))
        weight, noise = matrix(random, d, max(1, d + int(random.integers(-1, 3))), case), 10 ** random.uniform(-2, 2)
        jitter = noise * random.standard_normal(len(weight)) * (1 if case % 2 else 5)
        row = weight @ random.standard_normal(d) + jitter
        known, truth = rate_of_row(affine(weight), float(noise), row).rate, _exact_divergence(weight, float(noise), row)
        found.append(Truth("rate of a row, lower end", known.lower, truth))
        found.append(Truth("rate of a row, upper end", -known.upper, -truth))
    return found


def _exact_divergence(weight: FloatArray, noise: float, row: FloatArray) -> float:
    """With 300 bits: the condition number reaches 1e10."""
    with ctx.workprec(300):
        slope, x = arb_mat(weight.tolist()), arb_mat([[entry] for entry in row.tolist()])
        identity = arb_mat(np.eye(weight.shape[1]).tolist())
        precision = identity + slope.transpose() * slope / arb(noise) ** 2
        covariance = precision.inv()
        centre = covariance * (slope.transpose() * x) / arb(noise) ** 2
        trace = sum((covariance[i, i] - 1 for i in range(weight.shape[1])), arb(0))
        total = trace + (centre.transpose() * centre)[0, 0] + precision.det().log()
        return float(total.mid()) / 2


def prices(random: np.random.Generator) -> list[Truth]:
    """The price at one observation against the nearest product law found: affine, kinked and folded decoders."""
    found = []
    for case in range(45):
        kind = ("affine", "kinked", "folded")[case % 3]
        generator = (
            affine(matrix(random, 2, int(random.integers(1, 4)), case)) if kind == "affine"
            else network(random, 2, int(random.integers(1, 4)), "relu" if kind == "kinked" else "tanh")
        )  # fmt: skip
        noise = float(10 ** (random.uniform(-2, 2) if kind == "affine" else random.uniform(-0.7, 0.5)))
        row = generator.value(random.standard_normal((1, 2)))[0] + noise * random.standard_normal(
            generator.observed_dim
        )
        known = constants_if_any(constants(generator, effort=EFFORT)) if kind == "affine" else None
        price = row_price(generator, known, noise, row, 20_000, with_cells=kind != "affine" or case % 2 == 0)
        if price.price > 0.0:
            # The grid's own error beside it.
            nearest = nearest_product(posterior_table(generator, row, noise), random) + 4e-3
            found.append(Truth(f"price, {kind}", price.price, nearest))
    return found


def posterior_table(generator: Generator, row: FloatArray, noise: float) -> FloatArray:
    """Masses of the posterior of two latents on cells, see `cell_masses`."""

    def potential(points: FloatArray) -> FloatArray:
        misfits = (generator.value(points) - row) / noise
        return np.asarray(0.5 * (points**2).sum(axis=1) + 0.5 * (misfits**2).sum(axis=1))

    return cell_masses(potential, 8.0, 4)


def cell_masses(
    potential: Callable[[FloatArray], FloatArray], reach: float, rounds: int, side: int = 1201
) -> FloatArray:
    """Masses of exp(-f) in the plane on cells between quantiles of each axis, by a fine grid around its mass.

    f by `potential` at points (b, 2). The grid is of `side`^2 points, first on [-reach, reach]^2, and drawn in
    `rounds` - 1 times. Estimate.
    """
    low, high = np.full(2, -reach), np.full(2, reach)
    for _ in range(rounds):
        axes = [np.linspace(a, b, side) for a, b in zip(low, high, strict=True)]
        points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
        logs = -np.concatenate([potential(part) for part in np.array_split(points, 30)])
        masses = np.exp(logs - logs.max()).reshape(side, side)
        masses /= masses.sum()
        for axis in (0, 1):
            kept = axes[axis][masses.sum(axis=1 - axis) > 1e-13]
            room = axes[axis][1] - axes[axis][0]
            low[axis], high[axis] = kept[0] - room, kept[-1] + room
    for axis in (0, 1):
        shares = np.cumsum(masses.sum(axis=1 - axis))
        cuts = np.unique(np.searchsorted(shares, np.linspace(0, 1, CELLS + 1)[:-1]))
        masses = np.add.reduceat(masses, cuts, axis=axis)
    return np.asarray(masses)


def nearest_product(joint: FloatArray, random: np.random.Generator, starts: int = 2, rounds: int = 5) -> float:
    """The least TV of product laws on the same cells, by a linear programme in each factor in turn. Estimate."""
    best = math.inf
    for start in range(starts):
        second = joint.sum(axis=0) ** (1.0 if start == 0 else random.uniform(0.5, 3))
        second /= second.sum()
        for _ in range(rounds):
            first = _factor(joint, second)
            second = _factor(joint.T, first)
        best = min(best, 0.5 * float(np.abs(joint - np.outer(first, second)).sum()))
    return best


def _factor(joint: FloatArray, other: FloatArray) -> FloatArray:
    rows, width = joint.shape
    outer, identity = sparse.kron(sparse.eye(rows), sparse.csr_matrix(other[:, None])), sparse.eye(rows * width)
    above = sparse.vstack([sparse.hstack([outer, -identity]), sparse.hstack([-outer, -identity])]).tocsr()
    cost = np.concatenate([np.zeros(rows), np.full(rows * width, 0.5)])
    total = sparse.csr_matrix(np.concatenate([np.ones(rows), np.zeros(rows * width)])[None])
    found = linprog(cost, above, np.concatenate([joint.ravel(), -joint.ravel()]), total, [1.0], method="highs")
    return np.asarray(found.x[:rows] / found.x[:rows].sum())


def groups(random: np.random.Generator) -> list[Truth]:
    """Folded curves with flat and steep pieces; two rays, or an interval and what is beyond it on both sides."""
    found = []
    nodes = np.linspace(-9, 9, 8001)
    masses = np.exp(-(nodes**2) / 2)
    masses /= masses.sum()
    for case in range(300):
        knots = np.sort(random.normal(0, 1.2, int(random.integers(1, 6))))
        slopes = random.uniform(-1, 1, len(knots) + 1) * 10 ** random.uniform(-2, 1)
        steepest_slope = float(np.abs(slopes).max())
        noise = float(10 ** random.uniform(-3, 0)) * steepest_slope
        images = np.cumsum(slopes[np.searchsorted(knots, nodes)]) * (nodes[1] - nodes[0])
        length = math.hypot(steepest_slope, noise)
        distance, middle = float(random.uniform(0.1, 4)) * length, float(random.choice(images, p=masses))
        half = abs(float(random.normal())) * length if case % 4 == 3 else 0.0
        if half:
            inside = ndtr((middle + half - images) / noise) - ndtr((middle - half - images) / noise)
            beyond = half + distance
            outside = ndtr((middle - beyond - images) / noise) + ndtr(-(middle + beyond - images) / noise)
        else:
            inside = ndtr((middle - distance / 2 - images) / noise)
            outside = ndtr(-(middle + distance / 2 - images) / noise)
        a, b = float(masses @ inside), float(masses @ outside)
        first = (
            float(np.clip(a / max(a + b, 1e-300), 0.02, 0.98)) if case % 2 == 0 else float(random.uniform(0.02, 0.98))
        )
        second = math.nextafter(1 - first, 0)
        forms = closed_forms("modes", {"M": steepest_slope, "r": distance, "p1": first, "p2": second}, noise)
        exact = max(0.0, first - a, second - b, first + second - a - b)
        found.append(Truth("two rays" if not half else "interval and beyond", forms["tv_lower"][0], exact + 4e-4))
    return found


def slopes(random: np.random.Generator) -> list[Truth]:
    """Encoders of affine decoders, each mean moved towards the other as far as its accuracy lets it."""
    found = []
    for _ in range(60):
        d = int(random.integers(1, 4))
        weight, noise = matrix(random, d, d + int(random.integers(0, 3)), 0), float(10 ** random.uniform(-2, 2))
        generator, rows = affine(weight), random.standard_normal((2, len(weight))) * 10 ** random.uniform(-2, 2)
        brackets = constants(generator, effort=EFFORT)
        if constants_if_any(brackets) is None:
            continue
        numbers = steepest(generator, brackets, rows, noise)
        covariance = np.linalg.inv(np.eye(d) + weight.T @ weight / noise**2)
        gap, factor = np.diff(rows, axis=0)[0] @ weight @ covariance / noise**2, np.linalg.cholesky(covariance)
        for accuracy in (1e-4, 0.05, 0.2, 0.45, 0.499):
            # N(c, S) and N(c + R u, S) are at 2 Phi(|u|/2) - 1.
            length = 2 * float(ndtri((1 + accuracy) / 2))
            ways = [np.linalg.solve(factor, gap), factor.T @ gap, *random.standard_normal((6, d))]
            moves = [factor @ way / np.linalg.norm(way) * length * part for way in ways for part in (1, 0.5, -1)]
            least = min(float(np.linalg.norm(gap - 2 * move)) for move in moves)
            given = {"along": numbers.along, "spread": numbers.width, "apart": numbers.apart, "t_g": numbers.t_g}
            forms = closed_forms("amortisation", given, noise, accuracy)
            apart = float(np.linalg.norm(rows[0] - rows[1]))
            found.append(Truth("moved encoders", forms["slope_lower"][0], least / apart))
    return found


ATTACKS: Mapping[str, Callable[[np.random.Generator], list[Truth]]] = {
    "rates": rates, "row-rates": row_rates, "prices": prices, "groups": groups, "slopes": slopes,
}  # fmt: skip


def main() -> None:
    """Attack, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", default=list(ATTACKS))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    body = []
    with np.errstate(all="ignore"), threadpool_limits(1):
        for name in options.names or ATTACKS:
            for kind, count, violations, middle, most in summary(ATTACKS[name](np.random.default_rng(options.seed))):
                counts = (text_cell(str(count)), text_cell(str(violations)))
                body.append((text_cell(kind), *counts, number_cell(middle, digits=4), number_cell(most, digits=4)))
    heads = ("what", "cases", "violations", "median certified/exact", "largest")
    table = Table("statements-attack", "The four statements attacked", columns(heads, heads[1:]), tuple(body))
    comments = (f"version {__version__}, seed {options.seed}", "made by python -m benchmarks.statement_attack")
    write_text_atomically(options.out, table_formats()["markdown"].render(Document((table,), comments)))


if __name__ == "__main__":
    main()
