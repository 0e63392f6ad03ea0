"""The four statements at hostile decoders of one and two latents, against adaptive quadrature and exact reflections.

    python -m benchmarks.hostile_statements [NAME ...] [--blocks 10] [--processes N] [--work FILE.jsonl]
        [--out benchmarks/results/hostile_statements.md]
    (ten minutes of one core; with --work what is finished is kept)

`benchmarks.statement_truths` and `statement_attack` have affine decoders and four neurons; here are the fourteen kinds
of `benchmarks.hostile_decoders`, evaluated from their files. The truth:

    collapse      KL(pi_x || N(0, I)) by quadrature, d = 1 and 2
    factorised    the nearest product law that alternating linear programmes find, d = 2
    modes         masses a, b that the model has on two half-spaces: at least max{0, p1 - a, p2 - b, p1 + p2 - a - b}
    amortisation  d = 1: a law symmetric about mu is within e of pi exactly where TV(pi, pi reflected at mu) <= 2 e, so
                  the least |mu - mu'| that two encoders can have is known; by draws, and by G1* where m > 0
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import ndtr
from threadpoolctl import threadpool_limits

import theorems
from benchmarks.exact_onnx import evaluate
from benchmarks.hostile_decoders import MAKERS, Writer
from benchmarks.hostile_truths import Array, Case, integral, make_case, read
from benchmarks.resumable import code_digest, run
from benchmarks.statement_attack import cell_masses, nearest_product
from benchmarks.statement_truths import Truth, closed_forms, summary
from certify.atomic import write_text_atomically
from certify.bounds.constants import constants
from certify.envelopes.best import certified_envelope
from certify.envelopes.likelihood import GaussianLikelihood
from certify.errors import InputError
from certify.report.discovery import table_formats
from certify.report.table import Document, Table, columns, number_cell, text_cell
from certify.version import __version__
from theorems.amortisation.pairs import sampled_slope, steepest
from theorems.collapse.row import rate_of_row
from theorems.factorised_encoder.observations import constants_if_any
from theorems.factorised_encoder.row import few_draws, row_price

RESULTS = Path("benchmarks/results/hostile_statements.md")
NOISES = (0.03, 0.1, 0.3, 1.0)
ACCURACY, DRAWS, EFFORT = 0.05, 20_000, 0.05
GRID = 4001
"""Points of a line on which a posterior stands."""
ERROR = 2e-3
"""Of a distance on that line."""

SMOOTH = ("layer norm", "softmax", "residual", "scales", "dead", "quotients")
"""Kinds that may have a certified bound of their curvature."""

BLOCK = 6
"""Decoders that are looked at together."""

Random = np.random.Generator


def cases(random: Random, d: int | None, count: int) -> Iterator[Case]:
    """Gaussian cases of every kind in turn; of `waves` the slower ones are left out."""
    kinds = [kind for kind in MAKERS if kind != "waves"]
    found, first = 0, int(random.integers(len(kinds)))
    while found < count:
        size = 1 + int(random.random() < 0.4) if d is None else d
        case = make_case(kinds[(first + found) % len(kinds)], size, random, NOISES)
        if isinstance(case.likelihood, GaussianLikelihood):
            found += 1
            yield case


def collapse(random: Random, count: int) -> list[Truth]:
    """Both ends of the rate of a row."""
    found = []
    for case in cases(random, None, count):
        known = rate_of_row(case.generator, case.beta, case.likelihood.observation).rate
        seeds = random.standard_normal((500, case.generator.latent_dim))
        log_z, misfit, error = integral(case, seeds, lambda points, f: f - (points * points).sum(axis=1) / 2)
        rate = 0.5 * case.generator.latent_dim * math.log(2 * math.pi) - log_z - misfit
        if not math.isfinite(rate):
            # A well that is far deeper than every point that was begun with: no truth.
            continue
        room = 1e-6 + 10 * error * (1 + abs(misfit))
        found.append(Truth("rate of a row, lower end", known.lower, rate + room))
        if math.isfinite(known.upper):
            found.append(Truth("rate of a row, upper end", -known.upper, -rate + room))
    return found


def factorised(random: Random, count: int) -> list[Truth]:
    """The price of independent coordinates, where it is not 0."""
    found = []
    for case in cases(random, 2, count):
        known = row_price(case.generator, None, case.beta, case.likelihood.observation, DRAWS)
        if known.price > 0.0:
            kind = "price, certified by cells" if known.method else "price, by draws"
            # The grid's own error beside it.
            found.append(Truth(kind, known.price, nearest_product(table(case), random) + 4e-3))
    return found


def table(case: Case, side: int = 1201) -> Array:
    """Masses of a posterior of two latents, see `cell_masses`."""
    reach, lattice = 12.0, np.stack(np.meshgrid(*[np.linspace(-1, 1, 401)] * 2, indexing="ij"), axis=-1).reshape(-1, 2)
    while reach < 1e4 and np.abs(lattice[np.argmin(case.potential(reach * lattice))]).max() > 0.7:
        # The posterior of a far observation may lie beyond.
        reach *= 2
    return cell_masses(case.potential, reach, 5, side)


def modes(random: Random, count: int) -> list[Truth]:
    """Groups on two half-spaces of the outputs, at the decoder's certified Lipschitz constant."""
    found = []
    for case in cases(random, 1, count):
        slope = constants(case.generator, effort=EFFORT).M.upper
        if slope is None or not math.isfinite(slope):
            continue
        nodes = np.linspace(-9, 9, 80_001)
        weights = np.exp(-nodes * nodes / 2)
        weights /= weights.sum()
        outputs = evaluate(case.model, nodes[:, None])
        direction = random.standard_normal(outputs.shape[1])
        line = outputs @ (direction / np.linalg.norm(direction))
        levels = np.linspace(line.min() - 6 * case.beta, line.max() + 6 * case.beta, 400)
        masses = np.array([weights @ ndtr((level - line) / case.beta) for level in levels])
        for share in (0.5, float(random.uniform(0.02, 0.98))):
            for distance in math.hypot(slope, case.beta) * random.uniform(0.05, 3, 3):
                # The model has one group right: what is left is how much it has of the other.
                low = float(np.interp(share, masses, levels)) - float(random.choice([0.0, distance]))
                below = float(weights @ ndtr((low - line) / case.beta))
                above = float(weights @ ndtr((line - low - distance) / case.beta))
                first, second = share, 1 - share - 1e-12
                forms = closed_forms("modes", {"M": slope, "r": distance, "p1": first, "p2": second}, case.beta)
                exact = max(0.0, first - below, second - above, first + second - below - above)
                found.append(Truth("two half-spaces", forms["tv_lower"][0], exact + 1e-6))
    return found


def amortisation(random: Random, count: int) -> list[Truth]:
    """Pairs of observations of one decoder: the slope by exact draws, and by G1* for z + a little of a hostile map."""
    return [*_by_draws(random, count), *_by_profiles(random, count)]


def _by_draws(random: Random, count: int) -> Iterator[Truth]:
    for case in cases(random, 1, count):
        rows = _pair(case, random)
        draws = []
        for row in rows:
            likelihood = GaussianLikelihood(row, case.beta)
            points = few_draws(case.generator, likelihood, certified_envelope(case.generator, likelihood), DRAWS)
            if isinstance(points, str):
                break
            draws.append(points)
        if len(draws) == 2 and (rows[0] != rows[1]).any():
            certified = sampled_slope(draws, rows, np.ones(1), ACCURACY)
            yield Truth("slope of an encoder, by draws", certified, _least_slope(case, rows))


def _by_profiles(random: Random, count: int) -> Iterator[Truth]:
    # Half of them have no certified m or M2.
    for _ in range(5 * count // 2):
        writer, n = Writer(random, np.float64), int(random.integers(1, 4))
        inner = MAKERS[str(random.choice(SMOOTH))](writer, 1, n)
        amount = float(10 ** random.uniform(-5, -1.5))
        scaled = writer.op("Mul", inner, writer.constant(np.full(n, amount)))
        last = writer.op("Add", scaled, writer.given("z", np.ones((1, n)), np.zeros(n)))
        model = writer.model(last, 1, n)
        generator, beta = read(model), float(random.choice([0.01, 0.05, 0.2]))
        case = Case(model, generator, GaussianLikelihood(np.zeros(n), beta), "")
        brackets, rows = constants(generator, effort=EFFORT), _pair(case, random)
        if constants_if_any(brackets) is None:
            continue
        try:
            numbers = steepest(generator, brackets, rows, beta)
        except InputError:
            continue
        given = {"along": numbers.along, "spread": numbers.width, "apart": numbers.apart, "t_g": numbers.t_g}
        certified = closed_forms("amortisation", given, beta, ACCURACY)["slope_lower"][0]
        yield Truth("slope of an encoder, certified", certified, _least_slope(case, rows))


def _pair(case: Case, random: Random) -> Array:
    """Two observations of the model, at two latents."""
    outputs = evaluate(case.model, random.standard_normal((2, 1)))
    return np.asarray(outputs + case.beta * random.standard_normal(outputs.shape))


def _least_slope(case: Case, rows: Array) -> float:
    """The least |mu - mu'|/|x - x'| of two laws symmetric about mu and mu' that are within the accuracy of both.

    Infinite where one posterior has no such law: then nothing is wrong to say of them.
    """
    centres = [_centres(Case(case.model, case.generator, GaussianLikelihood(row, case.beta), "")) for row in rows]
    gaps = np.abs(centres[0][:, None] - centres[1])
    return float(gaps.min(initial=math.inf) / np.linalg.norm(rows[0] - rows[1]))


def _centres(case: Case) -> Array:
    """The mu on a grid at which half of TV(pi, pi reflected at mu) is below the accuracy, the grid's error included."""
    low, high = -9.0, 9.0
    for _ in range(5):
        line = np.linspace(low, high, GRID)
        potentials = case.potential(line[:, None])
        masses = np.exp(potentials.min() - potentials)
        masses /= masses.sum()
        step = line[1] - line[0]
        kept = line[masses > 1e-12]
        low, high = kept[0] - step, kept[-1] + step
    # Reflected at line[0] + k step/2 entry i meets entry k - i: with the mass that meets, TV = 1 - sum of the lesser.
    wide = np.concatenate([np.zeros(GRID), masses, np.zeros(GRID)])
    turned = np.lib.stride_tricks.sliding_window_view(wide, GRID)
    distances = [1.0 - np.minimum(masses[::-1], turned[k + 1]).sum() for k in range(2 * GRID - 1)]
    return np.asarray(line[0] + 0.5 * step * np.flatnonzero(0.5 * np.array(distances) <= ACCURACY - ERROR))


ATTACKS: Mapping[str, Callable[[Random, int], list[Truth]]] = {
    "collapse": collapse, "factorised-encoder": factorised, "modes": modes, "amortisation": amortisation,
}  # fmt: skip


def solve(task: tuple[str, int, int]) -> list[Any]:
    """The truths of one attack in its block (name, block, seed), as JSON holds them."""
    name, block, seed = task
    random = np.random.default_rng([seed, block, *name.encode()])
    with np.errstate(all="ignore"), threadpool_limits(1):
        return [asdict(item) for item in ATTACKS[name](random, BLOCK)]


def main() -> None:
    """Attack, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", default=list(ATTACKS))
    parser.add_argument("--blocks", type=int, default=10, help=f"of {BLOCK} decoders each")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--work", type=Path, help="file of finished blocks, a line each, read at the next start")
    options = parser.parse_args()
    code = code_digest(theorems)
    blocks = [(name, block, options.seed) for name in options.names or ATTACKS for block in range(options.blocks)]
    kept = run(solve, {f"{code} {task}": task for task in blocks}, options.processes, options.work)
    truths = [Truth(**item) for several in kept.values() for item in several]
    body = []
    for kind, count, violations, middle, most in summary(truths):
        counts = (text_cell(str(count)), text_cell(str(violations)))
        body.append((text_cell(kind), *counts, number_cell(middle, digits=4), number_cell(most, digits=4)))
    heads = ("what", "cases", "violations", "median certified/exact", "largest")
    found = Table(
        "hostile-statements", "The four statements at hostile decoders", columns(heads, heads[1:]), tuple(body)
    )
    comments = (
        f"version {__version__}, code {code}",
        f"made by python -m benchmarks.hostile_statements {' '.join(options.names)} --blocks {options.blocks} "
        f"--seed {options.seed}",
    )
    write_text_atomically(options.out, table_formats()["markdown"].render(Document((found,), comments)))
    print(f"{len(truths)} truths, violated: {[item for item in truths if item.violated]}")


if __name__ == "__main__":
    main()
