"""Boxes of Theorem R at hostile decoders, against balls and adaptive quadrature that share nothing with them.

python -m benchmarks.hostile_boxes [--instances 1400] [--seed 0] [--processes N] [--work FILE.jsonl] [--partial]
    [--out benchmarks/results/hostile_boxes.md]
(twenty minutes of one core; with --work what is finished is kept, and a run that is cut off goes on where it was)

`benchmarks.rejection_attack` has dense layers on grids of floats, through the engine's own evaluation. Here decoders
are ONNX files of fourteen kinds (`benchmarks.hostile_decoders`), evaluated as such. Certified less exact, in nats:

    box        f + log rho from below on a box, less its value in balls: half-widths 0, 1e-18 to 5, rho narrow or wide
    mean       the exact mean of f over an interval, less its certified upper bound (d = 1)
    R1         -f - log rho - log C in balls, where floats find it largest
    integral   the certified log int exp(-f), less that by quadrature (d = 1, 2), and that less log C
    log p(x)   the sampled interval's lower end less the truth, and the truth less its upper end

Every sixth instance has an envelope, the others bounds of single boxes alone.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from flint import arb
from threadpoolctl import threadpool_limits

from benchmarks.hostile_truths import LIFT, Array, Case, integral, kind_of, log_density, make_case
from benchmarks.resumable import attacked
from certify.arithmetic.balls import precision
from certify.atomic import write_text_atomically
from certify.bounds.bracket import Region
from certify.bounds.ranges import node_ranges, uncertified_domains
from certify.envelopes.box_bounds import mean_potential_upper, potential_plus_log_density
from certify.envelopes.box_certificate import Envelope, box_envelope
from certify.envelopes.box_search import BoxLimits
from certify.envelopes.box_tree import Tiling
from certify.envelopes.box_weights import with_dense_weights
from certify.envelopes.log_evidence import evidence_under, log_normaliser
from certify.envelopes.mixture import Mixture
from certify.errors import CertifyError
from certify.report.discovery import table_formats
from certify.report.table import Document, Table, columns, text_cell
from certify.version import __version__

RESULTS = Path("benchmarks/results/hostile_boxes.md")
BOXES, BITS, EVERY = 24, 500, 6
LIMITS = BoxLimits(0.1, 12_000, 0.9)
NOISES = (1e-100, 1e-6, 1e-3, 0.03, 0.2, 0.6, 20.0, 1e100)
"""Of single boxes; envelopes have those between."""


@dataclass(frozen=True)
class Excess:
    """Certified less exact of one statement, at most 0 but for the `tolerance` of the truth; `where` it is."""

    statement: str
    value: float
    tolerance: float
    violated: bool
    where: str


def mixture(d: int, random: np.random.Generator) -> Mixture:
    """One to three Gaussians, now and then of widths down to 1e-4, weights over six decades."""
    count = int(random.integers(1, 4))
    scale = 10 ** random.uniform(-1, 4, (count, 1, 1)) if random.random() < 0.4 else np.ones((count, 1, 1))
    lower = np.tril(0.5 * random.standard_normal((count, d, d)), -1)
    diagonal = random.uniform(0.5, 2, (count, d, 1)) * np.eye(d)
    return Mixture(10 ** random.uniform(-6, 0, count), random.standard_normal((count, d)), scale * (lower + diagonal))


def boxes(d: int, random: np.random.Generator) -> tuple[Array, Array]:
    """Centres at lattice points, at the origin, near and far; half-widths over many decades, the first 0."""
    kind, shape = random.integers(0, 5, (BOXES, 1)), (BOXES, d)
    signs = random.choice([-1.0, 1.0], shape)
    centres = np.select(
        [kind == 0, kind == 1, kind == 2, kind == 3],
        [np.round(8 * random.uniform(-2, 2, shape)) / 8, random.standard_normal(shape),
         50 * random.standard_normal(shape), np.zeros(shape)],
        10 ** random.uniform(-20, 3, shape) * signs,
    )  # fmt: skip
    halves = 10 ** random.uniform(-17, 0.7, (BOXES, 1)) * 10 ** random.uniform(-1, 0, shape)
    dyadic = 2.0 ** -random.integers(0, 12, (BOXES, 1)) * np.ones(shape)
    halves = np.where(random.random((BOXES, 1)) < 0.3, dyadic, halves)
    halves[0] = 0.0
    return centres, halves


def single_boxes(case: Case, random: np.random.Generator) -> Iterator[Excess]:
    """Bounds of boxes that no search has chosen, at corners, the centre, and where floats find f + log rho least."""
    d = case.generator.latent_dim
    if uncertified_domains(node_ranges(case.generator.graph, Region())):
        return
    graph, proposal, (centres, halves) = with_dense_weights(case.generator.graph), mixture(d, random), boxes(d, random)
    lower = potential_plus_log_density(graph, case.likelihood, proposal, centres, halves).lower
    for centre, half, bound in zip(centres, halves, lower, strict=True):
        if not math.isfinite(bound):
            continue
        many = random.uniform(-1, 1, (300, d))
        seen = case.potential(centre + many * half) + proposal.log_density(centre + many * half)
        some = [random.choice([-1.0, 0.0, 1.0], (9, d)), np.zeros((1, d)), many[:4], many[np.argsort(seen)[:3]]]
        points = LIFT(centre) + LIFT(np.concatenate(some)) * LIFT(half)
        potentials = case.potential(points)
        gaps = arb(float(bound)) - (potentials + log_density(proposal, points))
        yield _excess("box", gaps, case.rounded * _size(case, potentials), f"{case.where}, half-width {half.max():.1e}")
    if d == 1:
        yield from _means(case, mean_potential_upper(graph, case.likelihood, centres, halves).upper, centres, halves)


def _means(case: Case, upper: Array, centres: Array, halves: Array) -> Iterator[Excess]:
    """Gauss's rule in 32 panels, and in 16 for its error; where half the width is below 1e-12 f at the centre."""
    for centre, half, bound in zip(centres[:, 0], halves[:, 0], upper, strict=True):
        if not (math.isfinite(bound) and half > 1e-12):
            continue
        fine, coarse = (_mean(case, centre, half, panels) for panels in (32, 16))
        tolerance = 3 * abs(fine - coarse) + 1e-10 * _size(case, case.potential(LIFT(np.array([[centre]]))))
        where = f"{case.where}, half-width {half:.1e}"
        yield Excess("mean", fine - bound, tolerance, bool(fine - bound > tolerance), where)


def _mean(case: Case, centre: float, half: float, panels: int) -> float:
    nodes, masses = np.polynomial.legendre.leggauss(8)
    places = (np.arange(panels)[:, None] + 0.5 + 0.5 * nodes) / panels * 2 - 1
    found = case.potential((centre + half * places).reshape(-1, 1)).reshape(panels, -1)
    return float((found @ masses).sum() / (2 * panels))


def envelopes(case: Case, random: np.random.Generator, seed: int) -> Iterator[Excess]:
    """(R1), the integral, and log p(x) under the envelope that is found."""
    found = box_envelope(case.generator.graph, case.likelihood, components=6, limits=LIMITS, rounds=2)
    if found is None:
        raise CertifyError("no envelope")
    points = _largest(case, found, random)
    potentials = case.potential(LIFT(points))
    ratios = -potentials - log_density(found.proposal, LIFT(points)) - arb(found.log_constant)
    yield _excess("R1", ratios, case.rounded * _size(case, potentials), case.where)
    if case.generator.latent_dim > 2:
        return
    truth, _, error = integral(case, np.concatenate([points, found.proposal.draw(2000, random)]))
    if not math.isfinite(truth):
        raise CertifyError("the quadrature has no truth")
    tolerance = 1e-9 + 3 * error + (1e-13 + case.rounded) * _size(case, potentials)
    for statement, value in (
        ("integral, lower", found.log_integral - truth), ("integral, upper", truth - found.log_constant)
    ):  # fmt: skip
        yield Excess(statement, value, tolerance, bool(value > tolerance), case.where)
    evidence = evidence_under(found, case.generator, case.likelihood.observation, case.beta, 20_000, seed).sampled
    exact = truth + float(log_normaliser(case.generator, case.beta).mid())
    # Intervals that are disjoint are none.
    for value in (math.inf,) if evidence is None else (evidence.lower - exact, exact - evidence.upper):
        yield Excess("log p(x)", value, tolerance, bool(value > tolerance), case.where)


def _largest(case: Case, found: Envelope, random: np.random.Generator) -> Array:
    """Points with the largest -f - log rho in floats: draws, lattices, corners and middles of leaves, and a search."""
    d, proof = case.generator.latent_dim, found.proof
    leaves = proof.leaves() if isinstance(proof, Tiling) else None
    assert leaves is not None, "boxes have a tiling"
    some = random.choice(len(leaves[0]), min(len(leaves[0]), 1500), replace=False)
    low, high = (part[some] for part in leaves)
    lattice = np.round(8 * random.uniform(-3, 3, (2000, d))) / 8
    points = np.concatenate([
        random.standard_normal((3000, d)), found.proposal.draw(3000, random), random.uniform(-12, 12, (3000, d)),
        lattice, low, high, 0.5 * low + 0.5 * high,
    ])  # fmt: skip

    def ratio(at: Array) -> Array:
        return np.nan_to_num(-case.potential(at) - found.proposal.log_density(at), nan=-np.inf, posinf=-np.inf)

    heights = ratio(points)
    top = np.argsort(-heights)[:32]
    best, height, radius = points[top], heights[top], np.full(32, 0.3)
    for _ in range(60):
        tried = best[:, None] + radius[:, None, None] * random.standard_normal((32, 16, d))
        values = ratio(tried.reshape(-1, d)).reshape(32, 16)
        better = values.max(axis=1) > height
        best = np.where(better[:, None], tried[np.arange(32), values.argmax(axis=1)], best)
        height, radius = np.maximum(height, values.max(axis=1)), np.where(better, radius, 0.7 * radius)
    return np.concatenate([best, points[top]])


def _size(case: Case, potentials: Array) -> float:
    """What rounding is relative to."""
    return 1.0 + max(abs(float(f.mid())) for f in potentials)


def _excess(statement: str, values: Array, tolerance: float, where: str) -> Excess:
    assert all(value.is_finite() for value in values), f"{where}: the truth is not known"
    violated = any(value > arb(tolerance) for value in values)
    return Excess(statement, max(float(value.mid()) for value in values), tolerance, bool(violated), where)


def solve(task: tuple[int, int]) -> list[Any]:
    """The worst excess of every statement at instance (index, seed), with counts, and why there is none."""
    index, seed = task
    random = np.random.default_rng([seed, index])
    is_enveloped = index % EVERY == 0
    d = int(random.integers(1, 4)) if not is_enveloped else int(random.choice([1, 1, 2, 2, 3]))
    case = make_case(
        kind_of(index // EVERY if is_enveloped else index), d, random, NOISES[2:-1] if is_enveloped else NOISES
    )
    with np.errstate(all="ignore"), precision(BITS), threadpool_limits(1):
        try:
            found = list(envelopes(case, random, seed) if is_enveloped else single_boxes(case, random))
        except CertifyError as error:
            return [[], f"{case.where}: {error}"]
    return [[asdict(item) for item in found], "" if found else f"{case.where}: nothing finite"]


def table(found: list[Excess], caption: str) -> Table:
    """By statement: how many, how many violated, and the closest."""
    rows = []
    for statement in dict.fromkeys(item.statement for item in found):
        own = [item for item in found if item.statement == statement]
        most = max(own, key=lambda item: item.value - item.tolerance)
        cells = (statement, str(len(own)), str(sum(item.violated for item in own)), f"{most.value:.2e}",
                 f"{most.tolerance:.0e}", most.where)  # fmt: skip
        rows.append(tuple(map(text_cell, cells)))
    heads = ("statement", "cases", "violations", "closest, nats", "truth's error there", "where")
    return Table("hostile_boxes", caption, columns(heads, heads[1:3]), tuple(rows))


def main() -> None:
    """Attack and write the table."""
    start = time.perf_counter()
    known = attacked(solve, 1400, RESULTS, __doc__)
    found = [Excess(**item) for several, _ in known.results for item in several]
    missed = [line for _, line in known.results if line]
    caption = f"{len(known.results)} instances, seed {known.seed}: {len(missed)} without a finite bound"
    print(f"{caption}, {sum(item.violated for item in found)} violations, {time.perf_counter() - start:.0f} s")
    comments = (
        f"version {__version__}, code {known.code}",
        f"made by python -m benchmarks.hostile_boxes {known.options}",
    )
    document = Document((table(found, caption),), comments)
    write_text_atomically(known.out, table_formats()["markdown"].render(document))
    for line in missed:
        print(f"not certified: {line}")


if __name__ == "__main__":
    main()
