"""The two theorems side by side, and what moves a generator from one side to the other.

python -m benchmarks.dichotomy [--out benchmarks/results]

Left: a strongly invertible generator of about as many parameters as a permutation generator, and the encoders that are
certified for it. Right: the permutation generator, whose statement is conditional. Below: x = w z + P(sgn z) + beta xi.
With a residual path of weight w the observation leaks the signs of z: an encoder that never inverts P reads them off.
"""

from __future__ import annotations

import argparse
import math
from fractions import Fraction
from pathlib import Path

import numpy as np
from scipy.stats import beta as beta_law

from certify.atomic import write_text_atomically
from certify.bounds.constants import constants
from certify.circuits.permutation import permutation
from certify.discovery.registry import load_theorem
from certify.generators.graph import Affine, Generator, Graph, Sum
from certify.generators.specification import load_generator
from certify.proof.conclusion import settle
from certify.report.figures import empty_figure, figure_targets, write_figure

BITS, NOISE, EPSILON = 8, Fraction(1, 50), Fraction(1, 10)
PERMUTATION = f"permutation:family=gf2exp,bits={BITS}"
INVERTIBLE = f"residual:d={BITS},width=95,depth=1,lipschitz=0.2,seed=0"
WEIGHTS = (0.0, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
SWEEP_NOISE, DRAWS, ERROR = 0.05, 20_000, 1e-6


def sides() -> list[str]:
    """The table of one size: what is certified on the one side, and what is stated on the other."""
    invertible, hard = load_generator(INVERTIBLE), load_generator(PERMUTATION)
    brackets = constants(invertible, budget=20.0)
    rows = ["| generator | parameters | A1 | encoder | layers | statement |", "| --- " * 6 + "|"]
    for name in ("gaussian-encoder", "sharp-langevin", "strong-invertibility"):
        certificate = settle(load_theorem(name), invertible, brackets, NOISE, EPSILON, None, 0).certificate
        assert certificate is not None
        held = "certified" if certificate.distance_upper <= float(EPSILON) else "only: above epsilon"
        layers = {"gaussian-encoder": "1 Gaussian"}.get(name, f"{float(certificate['K'].mid()):,.0f} Langevin")
        rows.append(
            f"| `{INVERTIBLE}` | {invertible.parameters:,} | m >= {brackets.m.lower:.4f} certified | "
            f"{name} | {layers} | TV <= {certificate.distance_upper:.4f} {held} |"
        )
    found = constants(hard, budget=5.0)
    gates = permutation("gf2exp", BITS).circuit.gates
    rows.append(
        f"| `{PERMUTATION}` | {hard.parameters:,} | refuted: m = {found.m.upper:g} | any | | conditional: "
        f"if circuits of size T invert P ({gates} gates) with probability < delta, no encoder of size T - d poly(b) "
        f"has average TV below (1-2v)^d - delta |"
    )
    return rows


def leak(weight: float, random: np.random.Generator) -> tuple[float, float, float]:
    """Share of draws whose signs are read off x = w z + P(sgn z) + beta xi without inverting P, with its interval."""
    hard = permutation("gf2exp", BITS)
    z = random.standard_normal((DRAWS, BITS))
    images = hard.circuit.evaluate_integers(((z > 0) << np.arange(BITS)).sum(axis=1))
    y = 2.0 * (images[:, None] >> np.arange(BITS, dtype=np.uint64) & np.uint64(1)).astype(float) - 1.0
    x = weight * z + y + SWEEP_NOISE * random.standard_normal(z.shape)
    rest = x - np.where(x > 0, 1.0, -1.0)
    hits = int(np.all((rest > 0) == (z > 0), axis=1).sum())
    ends = beta_law.ppf([ERROR / 2, 1 - ERROR / 2], [hits, hits + 1], [DRAWS - hits + 1, DRAWS - hits])
    return hits / DRAWS, float(np.nan_to_num(ends[0])), float(np.nan_to_num(ends[1], nan=1.0))


def with_path(weight: float) -> Generator:
    """The network of w z + P(clip(z/tau)): the continuous version with a residual path."""
    base = load_generator(f"{PERMUTATION},form=clip,tau=0.01")
    last, d = len(base.graph.nodes) - 1, base.latent_dim
    path = Affine(0, weight * np.eye(d), np.zeros(d))
    graph = Graph((*base.graph.nodes, path, Sum((last, last + 1), (1.0, 1.0), d)))
    return Generator(f"{weight:g} z + P(clip)", graph, base.parameters + 1)


def sweep() -> tuple[list[str], np.ndarray]:
    """The sweep of the residual path: certified m, and the signs that leak."""
    rows = ["| w | certified m of w z + P(clip(z/0.01)) | witness m | signs read off without inverting P |"]
    rows.append("| --- " * 4 + "|")
    random, points = np.random.default_rng(0), []
    for weight in WEIGHTS:
        share, low, high = leak(weight, random)
        found = constants(with_path(weight), budget=4.0)
        lower = "none" if not found.m.lower else f"{found.m.lower:.3g}"
        upper = "none" if found.m.upper is None else f"{found.m.upper:.3g}"
        rows.append(f"| {weight:g} | {lower} | {upper} | {share:.4f} [{low:.4f}, {high:.4f}] |")
        points.append((weight, share, low, high))
    return rows, np.array(points)


def draw(points: np.ndarray, target: Path) -> None:
    """Leak against w/beta."""
    figure = empty_figure(5.0, 3.2)
    axis = figure.subplots()
    inside = points[:, 0] > 0
    ratio = points[inside, 0] / SWEEP_NOISE
    axis.plot(ratio, points[inside, 1], marker="o", color="#0072B2", label="residual path of weight w")
    axis.axhline(2.0**-BITS, color="#999999", linestyle="--", label="guessing: 2^-d (w = 0)")
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_xlabel("w / beta")
    axis.set_ylabel("all signs read off x, P never inverted")
    axis.legend(fontsize=7)
    write_figure(figure, figure_targets(target))


def main() -> None:
    """Write the page's table and figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    arguments = parser.parse_args()
    rows, points = sweep()
    lines = [f"# One size, both sides (beta = {float(NOISE):g}, epsilon = {float(EPSILON):g})", "", *sides(), ""]
    lines += [f"# A residual path (d = {BITS}, beta = {SWEEP_NOISE:g}, {DRAWS:,} draws, intervals at 1e-6)", "", *rows]
    text = "\n".join(lines) + "\n"
    write_text_atomically(arguments.out / "dichotomy.md", text)
    draw(points, arguments.out / "dichotomy")
    print(text, end="")
    assert math.isclose(points[0, 1], 2.0**-BITS, abs_tol=0.01), "without a path the signs are guessed"


if __name__ == "__main__":
    main()
