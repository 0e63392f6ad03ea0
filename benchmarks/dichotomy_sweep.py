"""From a permutation generator to a strongly invertible one: G = alpha z + (1 - alpha) P, alpha = w/(1 + w).

python -m benchmarks.dichotomy_sweep [--out benchmarks/results/dichotomy_sweep]

Constants are those of the continuous version P(clip(z/tau)). A1 is refuted by two points with one image, in exact
arithmetic; m > 0 is certified by m >= alpha - (1 - alpha) M with the certified M of P(clip(z/tau)). Encoders meet the
version with signs, whose posterior is known in closed form: the joint laws of the two are within TV d tau sqrt(2/pi).
"""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from scipy.special import log_ndtr, logsumexp

from certify.arithmetic.arrays import FloatArray
from certify.atomic import write_text_atomically
from certify.bounds.constants import constants
from certify.circuits.permutation import permutation
from certify.circuits.posterior import IntArray, to_signs, to_words
from certify.generators.graph import Affine, Generator, Graph, Sum
from certify.generators.specification import load_generator
from certify.posteriors.estimates import IntervalEstimate, frequency_interval, mean_interval
from certify.report.discovery import table_formats
from certify.report.figures import empty_figure, figure_targets, write_figure
from certify.report.table import (
    Cell,
    Document,
    Table,
    columns,
    interval_cell,
    label_cell,
    lower_cell,
    number_cell,
    upper_cell,
)
from certify.sampling import Langevin, RunOptions, run
from certify.sampling.program import compile_program
from certify.sampling.target import Target

BITS, BETA, TAU = 6, 0.05, Fraction(1, 1024)
PERMUTATION = f"permutation:family=gf2exp,bits={BITS}"
WEIGHTS = tuple(Fraction(text) for text in (
    "0", "1/100", "1/30", "1/10", "3/10", "1", "3", "10", "100", "1000", "10000", "1000000", "10000000", "100000000",
))  # fmt: skip
DRAWS, CHAINS, STEPS, ERROR = 8000, 1000, 2000, 1e-6
CURVES = {"exact posterior": "#0072B2", "Langevin": "#D55E00", "sign of the rest": "#009E73"}
HEADINGS = ("w", "A1", "certified m", *(heading for name in CURVES for heading in (name, "1 - 1e-6")))


@dataclass(frozen=True)
class Point:
    """One weight of the residual path: what is certified, and how often each encoder returns all signs of z."""

    weight: Fraction
    refuted: bool
    m_lower: float
    successes: tuple[IntervalEstimate, ...]


def collision(images: IntArray, weight: Fraction) -> tuple[list[Fraction], list[Fraction]] | None:
    """Two different points, no entry within TAU of 0, that w z + P(sgn z) maps to one; None if there are none. Exact.

    Points z, z' of the orthants s, t with images y, u have one image where w (z - z') = u - y. Such points exist
    where each s_i - t_i is 0 or u_i - y_i, whatever w > 0 is, and at a distance tau from 0 where w <= 1/tau.
    """
    bits = images.size.bit_length() - 1
    if weight == 0:
        return [Fraction(1)] * bits, [Fraction(2)] * bits
    words = np.arange(images.size)
    signs, values = to_signs(words, bits).astype(int), to_signs(images, bits).astype(int)
    for one in range(images.size):
        rise = values - values[one]
        turn = signs[one] - signs
        fits = np.all((turn == 0) | (turn == rise), axis=1) & (words != one)
        if np.any(fits) and 1 / weight >= TAU:
            other = int(np.argmax(fits))
            return _points(signs[one], signs[other], rise[other], weight)
    return None


def _points(s: IntArray, t: IntArray, rise: IntArray, weight: Fraction) -> tuple[list[Fraction], list[Fraction]]:
    shift = [Fraction(int(entry)) / weight for entry in rise]
    # On one side of 0 start far enough out for both points; across it, put them at equal distances.
    first = [move / 2 if a != b else int(a) * (TAU + abs(move)) for a, b, move in zip(s, t, shift, strict=True)]
    second = [place - move for place, move in zip(first, shift, strict=True)]
    return first, second


def is_collision(points: tuple[list[Fraction], list[Fraction]], images: IntArray, weight: Fraction) -> bool:
    """Whether the two points differ, keep away from the ramp, and have one image: in rational arithmetic. Exact."""
    values = []
    for point in points:
        word = sum(1 << i for i, entry in enumerate(point) if entry > 0)
        bits = (1 if int(images[word]) >> i & 1 else -1 for i in range(len(point)))
        values.append([weight * entry + bit for entry, bit in zip(point, bits, strict=True)])
    return points[0] != points[1] and values[0] == values[1] and all(abs(e) >= TAU for point in points for e in point)


def posterior(x: FloatArray, images: IntArray, alpha: float) -> FloatArray:
    """P(sgn z = s | x) for the version with signs, shape (k, 2^d). Estimate (float64).

    In orthant s the entries are independent, with r = x - (1 - alpha) P(s) and c^2 = alpha^2 + beta^2 each contributes
    N(r; 0, c^2) Phi(s alpha r/(beta c)).
    """
    scale = math.sqrt(alpha**2 + BETA**2)
    signs, values = to_signs(np.arange(images.size), x.shape[1]), to_signs(images, x.shape[1])
    rest = x[:, None, :] - (1 - alpha) * values
    logs = (log_ndtr(signs * rest * alpha / (BETA * scale)) - 0.5 * (rest / scale) ** 2).sum(axis=2)
    return np.asarray(np.exp(logs - logsumexp(logs, axis=1, keepdims=True)))


def blend(alpha: float) -> Generator:
    """The network alpha z + (1 - alpha) P(sgn z)."""
    base = load_generator(PERMUTATION)
    last = len(base.graph.nodes) - 1
    path = Affine(0, np.eye(BITS), np.zeros(BITS))
    graph = Graph((*base.graph.nodes, path, Sum((last, last + 1), (1.0 - alpha, alpha), BITS)))
    return Generator(f"{alpha:g} z + {1 - alpha:g} P", graph, base.parameters + 2)


def encoders(images: IntArray, alpha: float, random: np.random.Generator) -> tuple[IntervalEstimate, ...]:
    """Success of a draw of the exact posterior, of Langevin's chain, and of the sign of x - (1 - alpha) sgn x."""
    z = random.standard_normal((DRAWS, BITS))
    words = to_words(z)
    x = alpha * z + (1 - alpha) * to_signs(images[words], BITS) + BETA * random.standard_normal(z.shape)
    law = posterior(x, images, alpha)
    exact = mean_interval(np.minimum((law**2).sum(axis=1), 1.0), 0.0, 1.0, ERROR)
    # The same number by the true signs: a wrong law would not agree with itself.
    direct = mean_interval(np.minimum(law[np.arange(DRAWS), words], 1.0), 0.0, 1.0, ERROR)
    assert direct.lower <= exact.upper and exact.lower <= direct.upper, "the posterior is not calibrated"
    target = Target.create(compile_program(blend(alpha).graph), x[:CHAINS], BETA)
    step = 0.25 / (1 + (alpha / BETA) ** 2)
    starts = random.standard_normal((CHAINS, BITS))
    ends = run(Langevin(), target, starts, step, STEPS, RunOptions(seed=1, threads=1)).positions
    hits = int(np.count_nonzero(to_words(ends) == words[:CHAINS]))
    read = int(np.count_nonzero(to_words(x - (1 - alpha) * np.where(x > 0, 1.0, -1.0)) == words))
    return exact, frequency_interval(hits, CHAINS, ERROR), frequency_interval(read, DRAWS, ERROR)


def sweep() -> tuple[list[Point], float]:
    """All weights, and the certified M of P(clip(z/tau))."""
    slope = constants(load_generator(f"{PERMUTATION},form=clip,tau={float(TAU)!r}"), budget=120.0).M.upper
    assert slope is not None, "a network of ReLU units has a Lipschitz constant"
    images = permutation("gf2exp", BITS).circuit.evaluate_integers(np.arange(1 << BITS)).astype(np.int64)
    random, found = np.random.default_rng(0), []
    for weight in WEIGHTS:
        points = collision(images, weight)
        assert points is None or is_collision(points, images, weight), "no collision after all"
        exact = max(Fraction(0), (weight - Fraction(slope)) / (1 + weight))
        assert points is None or exact == 0, "one generator cannot be both"
        alpha = float(weight / (1 + weight))
        below = math.nextafter(float(exact), 0.0) if exact else 0.0
        found.append(Point(weight, points is not None, below, encoders(images, alpha, random)))
        print(f"w = {float(weight):g}: {[round(item.estimate, 4) for item in found[-1].successes]}", flush=True)
    return found, slope


def table(found: list[Point], slope: float) -> Table:
    """Constants and successes by weight."""
    rows = []
    for point in found:
        state = "refuted: m = 0" if point.refuted else "certified" if point.m_lower > 0 else "open"
        cells: list[Cell] = [label_cell(f"{float(point.weight):g}"), label_cell(state)]
        cells.append(lower_cell(point.m_lower, 4) if point.m_lower > 0 else label_cell(""))
        for success in point.successes:
            cells += [number_cell(success.estimate, digits=4), interval_cell(success.lower, success.upper, 3)]
        rows.append(tuple(cells))
    notes = (
        f"gf2exp, d = {BITS}, beta = {BETA}; guessing gets {2.0**-BITS:.4f}; A1 and m for tau = 1/{1 / TAU}, whose "
        f"P(clip(z/tau)) has certified M <= {upper_cell(slope, 5).text}",
        f"refuted: two points with one image, verified in rational arithmetic; they exist for all w <= {1 / TAU}",
        f"exact posterior: mean of sum pi(s)^2 over {DRAWS} draws, by listing all 2^d orthants; Langevin: {STEPS} "
        f"steps from N(0, I), {CHAINS} chains, its gradient is f's almost everywhere; sign of the rest: that of "
        "x - (1 - alpha) sgn x, which never inverts P",
        "a draw of the posterior is right less often than its likeliest signs, so the last column may exceed it",
        "what Langevin or the last encoder does not find is no lower bound",
        "m > 0 is A1 alone: the network has kinks, so A2 fails at every w",
    )
    return Table("dichotomy_sweep", "alpha z + (1 - alpha) P", columns(HEADINGS, HEADINGS[2:]), tuple(rows), notes)


def draw(found: list[Point], slope: float, target: Path) -> None:
    """Success against w, with the ranges where A1 is refuted and where it is certified."""
    figure = empty_figure(6.0, 3.6)
    axis = figure.subplots()
    shown = [point for point in found if point.weight > 0]
    weights = [float(point.weight) for point in shown]
    for place, (name, colour) in enumerate(CURVES.items()):
        ends = [point.successes[place] for point in shown]
        spread = [[e.estimate - e.lower for e in ends], [e.upper - e.estimate for e in ends]]
        axis.errorbar(weights, [e.estimate for e in ends], spread, marker="o", markersize=3, color=colour, label=name)
    axis.axhline(2.0**-BITS, color="#999999", linestyle="--", label="guessing")
    axis.set_xscale("log")
    axis.axvspan(min(weights) / 2, float(1 / TAU), color="#D55E00", alpha=0.08, label="A1 refuted")
    axis.axvspan(slope, 2 * max(weights), color="#009E73", alpha=0.12, label="m > 0 certified")
    axis.set_xlim(min(weights) / 2, 2 * max(weights))
    axis.set_xlabel("w = alpha/(1 - alpha)")
    axis.set_ylabel("all signs of z returned")
    axis.legend(fontsize=7)
    write_figure(figure, figure_targets(target))


def main() -> None:
    """Write the table and the figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/dichotomy_sweep"))
    arguments = parser.parse_args()
    found, slope = sweep()
    document = Document((table(found, slope),), ("made by python -m benchmarks.dichotomy_sweep",))
    text = table_formats()["markdown"].render(document)
    print(text)
    write_text_atomically(arguments.out.with_suffix(".md"), text)
    draw(found, slope, arguments.out)


if __name__ == "__main__":
    main()
