"""Attack on the envelopes of Theorem R: random and adversarial decoders of one and two latents, exact laws on grids.

python -m benchmarks.rejection_attack [--instances 520] [--seed 0] [--processes N] [--work FILE.jsonl] [--partial]
    [--out benchmarks/results/rejection_attack.md]
(half an hour of one core; with --work what is finished is kept, and a run that is cut off goes on where it was)

Three statements at every certified posterior, each as left side over bound, so that more than 1 is a violation:

    R1        sup exp(-f)/(C rho), on a dense grid and by a search that starts from its best points
    integral  exp of the certified log int exp(-f), over the integral on the grid
    R2        TV(law of the encoder with K proposals, posterior), by sums over the grid, over (1 - p)^K
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from threadpoolctl import threadpool_limits

from benchmarks.resumable import attacked
from certify.arithmetic.arrays import FloatArray
from certify.atomic import write_text_atomically
from certify.envelopes.box_certificate import Envelope, box_envelope
from certify.envelopes.box_search import BoxLimits, log_ratio
from certify.envelopes.likelihood import BernoulliLikelihood, GaussianLikelihood, Likelihood, potential
from certify.errors import CertifyError
from certify.generators.activations import ACTIVATIONS
from certify.generators.activations.function import Domain
from certify.generators.derivatives import value
from certify.generators.graph import Activation, Affine, Graph, Input, Node, Product, Sum
from certify.report.discovery import table_formats
from certify.report.table import Document, Table, columns, number_cell, text_cell
from certify.version import __version__

RESULTS = Path("benchmarks/results/rejection_attack.md")
ENTIRE = sorted(name for name, item in ACTIVATIONS.items() if item.domain is Domain.REALS)
KINDS = (
    "plain", "deep", "exact zeros", "many modes", "far observation", "small noise", "large noise", "logits", "steep",
)  # fmt: skip
LIMITS = BoxLimits(0.1, 12_000)
SIDES = {1: 20_001, 2: 401}
COUNTS = (1, 2, 5, 20)


@dataclass(frozen=True, eq=False)
class Case:
    """One posterior: a decoder with few latents and a likelihood; `where` says how it was made."""

    graph: Graph
    likelihood: Likelihood
    where: str


@dataclass(frozen=True)
class Ratio:
    """Left side over bound of one statement; `tolerance` is what the grid itself may be off by."""

    statement: str
    value: float
    tolerance: float
    where: str

    @property
    def violated(self) -> bool:
        """Whether the excess is more than the grid's own error."""
        return not self.value <= 1.0 + self.tolerance


def network(name: str, kind: str, d: int, n: int, random: np.random.Generator) -> Graph:
    """Layers with a product, a skip and a sparse weight; integer weights and no biases for "exact zeros"."""
    width = int(random.integers(3, 8))
    gain = {"many modes": 3.0, "steep": 8.0}.get(kind, 1.3) / np.sqrt(d)

    def affine(source: int, rows: int, columns_: int, factor: float) -> Affine:
        weight, bias = factor * random.standard_normal((rows, columns_)), 0.3 * random.standard_normal(rows)
        if kind == "exact zeros":
            weight, bias = np.round(2 * weight) / 2, np.zeros(rows)
        if random.random() < 0.25:
            return Affine(source, sp.csr_array(weight * (random.random(weight.shape) < 0.6)), bias)
        return Affine(source, weight, bias)

    inner = str(random.choice(ENTIRE)) if kind == "deep" else "tanh"
    nodes: list[Node] = [Input(d), affine(0, width, d, gain), Activation(1, name, width)]
    last = 2
    if kind == "deep":
        nodes += [affine(2, width, width, 1 / np.sqrt(width)), Activation(3, inner, width)]
        last = 4
    if random.random() < 0.4:
        nodes += [affine(last, width, width, 1 / np.sqrt(width)), Activation(last + 1, "tanh", width)]
        nodes += [Product((last, last + 2), width), Sum((last, last + 3, last + 2), (1.0, 0.25, -0.5), width)]
        last += 4
    nodes.append(affine(last, n, width, (30.0 if kind == "logits" else 1.0) / np.sqrt(width)))
    return Graph(tuple(nodes))


def make_case(index: int, seed: int) -> Case:
    """Instance `index`: every activation with every kind in turn; both likelihoods."""
    random = np.random.default_rng([seed, index])
    name, kind = ENTIRE[index % len(ENTIRE)], KINDS[index % len(KINDS)]
    d, n = 1 + int(random.random() < 0.45), int(random.integers(1, 7))
    graph = network(name, kind, d, n, random)
    image = value(graph, 0.5 * random.standard_normal((1, d)))[0]
    beta = {"small noise": 0.03, "large noise": 20.0}.get(kind, float(random.uniform(0.15, 0.6)))
    likelihood: Likelihood
    if kind == "logits" or random.random() < 0.2:
        ends = (random.random(n) < 0.5).astype(float)
        likelihood = BernoulliLikelihood(ends if random.random() < 0.6 else random.random(n))
    else:
        beyond = 25.0 if kind == "far observation" else 1.0
        likelihood = GaussianLikelihood(image + beyond * beta * random.standard_normal(n), beta)
    return Case(graph, likelihood, f"{name}, {kind}, d = {d}, {type(likelihood).__name__.removesuffix('Likelihood')}")


def grid(case: Case, side: int) -> tuple[FloatArray, float, FloatArray]:
    """Midpoints (k, d) of cells that hold all but e^-40 of the posterior, the cells' volume, and f there."""
    d, reach = case.graph.latent_dim, 9.0
    while reach < 72.0 and np.abs(_lowest(case, reach)).max() > 0.8 * reach:
        # The posterior of a far observation may lie beyond.
        reach *= 2
    low, high = np.full(d, -reach), np.full(d, reach)
    for step in range(4):
        # A first look with few points would miss a narrow mode: it has all of them as well.
        axes = [low[j] + (np.arange(side) + 0.5) / side * (high[j] - low[j]) for j in range(d)]
        points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, d)
        found = potential(case.graph, case.likelihood, points)
        cell = (high - low) / side
        if step == 3:
            break
        kept = points[found <= found.min() + 40.0]
        low, high = np.maximum(kept.min(axis=0) - cell, -reach), np.minimum(kept.max(axis=0) + cell, reach)
    return points, float(np.prod(cell)), found


def _lowest(case: Case, reach: float) -> FloatArray:
    """The point (d,) with the least f of a lattice on [-reach, reach]^d."""
    axis = np.linspace(-reach, reach, 241)
    points = np.stack(np.meshgrid(*[axis] * case.graph.latent_dim, indexing="ij"), axis=-1)
    points = points.reshape(-1, case.graph.latent_dim)
    return np.asarray(points[int(np.argmin(potential(case.graph, case.likelihood, points)))])


def largest_ratio(case: Case, envelope: Envelope, points: FloatArray, seed: int) -> float:
    """Log sup exp(-f)/rho seen: on the points, on a wide lattice, and by random steps that shrink around the best."""
    random, d = np.random.default_rng([seed, 0xA7]), case.graph.latent_dim
    wide = random.uniform(-12, 12, (20_000, d))
    mapped = np.concatenate([points, wide, random.standard_normal((20_000, d)), np.zeros((1, d))])
    ratios = log_ratio(case.graph, case.likelihood, envelope.proposal, mapped)
    chosen = np.concatenate([np.argsort(-ratios)[:16], random.choice(len(mapped), 16)])
    best, heights, radius = mapped[chosen], ratios[chosen], np.full(32, 0.3)
    for _ in range(60):
        tried = best[:, None, :] + radius[:, None, None] * random.standard_normal((32, 24, d))
        found = log_ratio(case.graph, case.likelihood, envelope.proposal, tried.reshape(-1, d)).reshape(32, 24)
        top = np.argmax(found, axis=1)
        better = found[np.arange(32), top] > heights
        best = np.where(better[:, None], tried[np.arange(32), top], best)
        heights = np.maximum(heights, found[np.arange(32), top])
        radius = np.where(better, radius, radius * 0.7)
    return float(max(ratios.max(), heights.max()))


def law_distances(case: Case, envelope: Envelope, points: FloatArray, cell: float, found: FloatArray) -> list[float]:
    """TV(law of the encoder with K proposals, posterior) for K in COUNTS, by sums over the grid and what is outside."""
    posterior = np.exp(found.min() - found)
    posterior = posterior / posterior.sum()
    proposal = np.exp(envelope.proposal.log_density(points)) * cell
    outside = max(0.0, 1.0 - float(proposal.sum()))
    ratios = log_ratio(case.graph, case.likelihood, envelope.proposal, points)
    accepted = proposal * np.exp(np.minimum(ratios - envelope.log_constant, 0.0))
    rate = float(accepted.sum())
    distances = []
    for count in COUNTS:
        failed = (1.0 - rate) ** (count - 1)
        law = (1.0 - failed) * accepted / rate + failed * proposal
        distances.append(0.5 * (float(np.abs(law - posterior).sum()) + failed * outside))
    return distances


def ratios_of(case: Case, envelope: Envelope, seed: int) -> Iterator[Ratio]:
    """The three statements at one certified posterior."""
    points, cell, found = grid(case, SIDES[case.graph.latent_dim])
    integral = float(np.log(np.exp(found.min() - found).sum() * cell) - found.min())
    _, half_cell, half = grid(case, SIDES[case.graph.latent_dim] // 2)
    other = float(np.log(np.exp(half.min() - half).sum() * half_cell) - half.min())
    tolerance = 1e-6 + 3 * abs(integral - other)
    size = 1e-14 * (1.0 + abs(envelope.log_constant) + abs(integral))
    above = largest_ratio(case, envelope, points, seed) - envelope.log_constant
    yield Ratio("R1", float(np.exp(above)), 1e2 * size, case.where)
    yield Ratio("integral", float(np.exp(envelope.log_integral - integral)), tolerance, case.where)
    # The mass of rho on the grid is off as well where its components are narrower than the cells.
    for count, distance in zip(COUNTS, law_distances(case, envelope, points, cell, found), strict=True):
        bound = (1.0 - envelope.acceptance) ** count
        if bound > 1e-6:
            yield Ratio("R2", distance / bound, 1e-3 + count * tolerance, f"{case.where}, K = {count}")


def attack(index: int, seed: int) -> tuple[tuple[Ratio, ...], str]:
    """The ratios at one instance; none, and its description, where it was not certified."""
    case = make_case(index, seed)
    with np.errstate(over="ignore", under="ignore"):
        try:
            envelope = box_envelope(case.graph, case.likelihood, components=6, limits=LIMITS, rounds=2)
        except CertifyError as error:
            return (), f"{case.where}: {error}"
        if envelope is None or envelope.acceptance < 1e-6:
            return (), case.where
        return tuple(ratios_of(case, envelope, index)), ""


def table(ratios: list[Ratio], count: int, seed: int, certified: int) -> Table:
    """The five worst ratios of every statement, and how many were looked at and violated."""
    rows = []
    for statement in ("R1", "integral", "R2"):
        own = sorted((item for item in ratios if item.statement == statement), key=lambda item: -item.value)
        violations = sum(item.violated for item in own)
        for item in own[:5]:
            rows.append((text_cell(statement), number_cell(item.value, digits=7), text_cell(f"{item.tolerance:.1e}"),
                         text_cell(item.where), text_cell(str(len(own))), text_cell(str(violations))))  # fmt: skip
    headings = ("statement", "left side / bound", "grid's error", "where", "cases", "violations")
    caption = f"{count} instances, seed {seed}: {certified} certified"
    return Table("rejection_attack", caption, columns(headings), tuple(rows))


def solve(task: tuple[int, int]) -> list[Any]:
    """The ratios and the description of instance (index, seed), as JSON holds them."""
    with threadpool_limits(1):
        several, line = attack(*task)
    return [[asdict(item) for item in several], line]


def main() -> None:
    """Attack and write the table."""
    start = time.perf_counter()
    known = attacked(solve, 520, RESULTS, __doc__)
    done = [([Ratio(**item) for item in several], line) for several, line in known.results]
    ratios = [item for several, _ in done for item in several]
    missed = [line for _, line in done if line]
    certified = len(done) - len(missed)
    found = table(ratios, len(done), known.seed, certified)
    print(f"{certified} of {len(done)} certified, {sum(item.violated for item in ratios)} violations, "
          f"{time.perf_counter() - start:.0f} s")  # fmt: skip
    comments = (
        f"version {__version__}, code {known.code}",
        f"made by python -m benchmarks.rejection_attack {known.options}",
    )
    write_text_atomically(known.out, table_formats()["markdown"].render(Document((found,), comments)))
    for line in missed:
        print(f"not certified: {line}")


if __name__ == "__main__":
    main()
