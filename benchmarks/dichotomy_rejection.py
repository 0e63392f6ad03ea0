"""K of Theorem R along the sweep from a permutation generator to a strongly invertible one.

python -m benchmarks.dichotomy_rejection [--out benchmarks/results/dichotomy_rejection]

G = alpha z + (1 - alpha) P(sgn z), as in `dichotomy_sweep`. The proposal never inverts P: each z_i on its own, with
density rho_i ~ N(z_i; 0, 1) max over y = +-1 of N(x_i; alpha z_i + (1 - alpha) y, beta^2). So exp(-f) <= prod_i C_i
rho_i, every proposal evaluates P once, forwards, and p(x) = int exp(-f)/prod_i C_i is known by listing the orthants.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from scipy.special import log_ndtr, logsumexp

from benchmarks.dichotomy_sweep import BETA, BITS, WEIGHTS
from certify.arithmetic.arrays import FloatArray
from certify.atomic import write_text_atomically
from certify.circuits.permutation import permutation
from certify.circuits.posterior import IntArray, to_signs, to_words
from certify.posteriors.estimates import IntervalEstimate, mean_interval
from certify.report.discovery import table_formats
from certify.report.table import Document, Table, columns, interval_cell, label_cell, number_cell

DRAWS, EPSILON = 8000, 0.1
HEADINGS = ("w", "mean p", "1 - 1e-6", "K, median", "K, 90 %", "2^-d + 1 - (1-2v)^d")


@dataclass(frozen=True)
class Acceptance:
    """One weight: p averaged over x of the model, and quantiles of K."""

    weight: Fraction
    mean: IntervalEstimate
    median: float
    high: float


def log_acceptance(x: FloatArray, images: IntArray, alpha: float) -> FloatArray:
    """log p(x), shape (k,), at observations x (k, d). Estimate (float64) of a closed form."""
    return log_evidence(x, images, alpha) - log_constants(x, alpha).sum(axis=1)


def log_evidence(x: FloatArray, images: IntArray, alpha: float) -> FloatArray:
    """log int exp(-f) up to prod_i N(0; 0, c^2), c^2 = alpha^2 + beta^2: a sum over all orthants."""
    scale = math.sqrt(alpha**2 + BETA**2)
    signs, values = to_signs(np.arange(images.size), x.shape[1]), to_signs(images, x.shape[1])
    rest = x[:, None, :] - (1 - alpha) * values
    logs = (log_ndtr(signs * rest * alpha / (BETA * scale)) - 0.5 * (rest / scale) ** 2).sum(axis=2)
    return np.asarray(logsumexp(logs, axis=1))


def log_constants(x: FloatArray, alpha: float) -> FloatArray:
    """log C_i up to the same factor, shape of x: y = +1 is the larger one where alpha z < x, and -1 beyond."""
    scale = math.sqrt(alpha**2 + BETA**2)
    parts = []
    for y in (1.0, -1.0):
        rest = x - (1 - alpha) * y
        # Given r = x - (1 - alpha) y the law of z is N(alpha r/c^2, beta^2/c^2).
        with np.errstate(divide="ignore"):
            edge = (x / alpha - alpha * rest / scale**2) * scale / BETA if alpha > 0 else np.sign(x) * math.inf
        parts.append(log_ndtr(y * edge) - 0.5 * (rest / scale) ** 2)
    return np.asarray(logsumexp(np.stack(parts), axis=0))


def proposals(log_p: FloatArray) -> FloatArray:
    """The least K with (1 - p)^K <= 0.1."""
    with np.errstate(divide="ignore"):
        return np.maximum(1.0, np.ceil(math.log(EPSILON) / np.log1p(-np.minimum(np.exp(log_p), 1.0))))


def measure() -> list[Acceptance]:
    """All weights of the sweep, at draws of the model."""
    images = permutation("gf2exp", BITS).circuit.evaluate_integers(np.arange(1 << BITS)).astype(np.int64)
    random, found = np.random.default_rng(0), []
    for weight in WEIGHTS:
        alpha = float(weight / (1 + weight))
        z = random.standard_normal((DRAWS, BITS))
        clean = alpha * z + (1 - alpha) * to_signs(images[to_words(z)], BITS)
        log_p = log_acceptance(clean + BETA * random.standard_normal(z.shape), images, alpha)
        assert log_p.max() <= 1e-9, "a probability is above 1"
        count = proposals(log_p)
        mean = mean_interval(np.minimum(np.exp(log_p), 1.0), 0.0, 1.0, 1e-6)
        found.append(Acceptance(weight, mean, float(np.median(count)), float(np.quantile(count, 0.9))))
    return found


def table(found: list[Acceptance]) -> Table:
    """One row per weight; the conditional bound of section 6 stands where the noise leaves the bits readable."""
    wrong = 0.5 * math.erfc(1 / (BETA * math.sqrt(2)))
    limit = 2.0**-BITS + 1 - (1 - 2 * wrong) ** BITS
    rows = []
    for item in found:
        bound = number_cell(limit, digits=4) if item.weight == 0 else label_cell("")
        rows.append(
            (
                label_cell(f"{float(item.weight):g}"),
                number_cell(item.mean.estimate, digits=4),
                interval_cell(item.mean.lower, item.mean.upper, 3),
                number_cell(item.median),
                number_cell(item.high),
                bound,
            )
        )
    notes = (
        f"gf2exp, d = {BITS}, beta = {BETA}, epsilon = {EPSILON}, {DRAWS} draws of x; p in closed form, not certified",
        "a proposal that ignores x and P altogether is accepted with mean probability at most the last column",
    )
    title = "Theorem R along alpha z + (1 - alpha) P, by proposals that never invert P"
    return Table("dichotomy_rejection", title, columns(HEADINGS, HEADINGS[1:]), tuple(rows), notes)


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/dichotomy_rejection"))
    arguments = parser.parse_args()
    document = Document((table(measure()),), ("made by python -m benchmarks.dichotomy_rejection",))
    text = table_formats()["markdown"].render(document)
    print(text)
    write_text_atomically(arguments.out.with_suffix(".md"), text)


if __name__ == "__main__":
    main()
