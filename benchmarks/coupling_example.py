"""The published example of lagged couplings, bounds against the exact curve, and the speed of coupled chains.

    python benchmarks/coupling_example.py [--replicates 10000] [--lags 1,50,150,400] [--figure bounds.png]

Random-walk Metropolis on N(0, 1) from 10 with proposal deviation 0.5, 160 steps: TV(law X_t, N(0, 1)) by the
transition operator on a grid, and E J_t of pairs with each lag. Source: Biswas, Jacob and Vanetti, "Estimating
convergence of Markov chains with L-lag couplings", NeurIPS 2019, section 2.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from certify.arithmetic.arrays import FloatArray
from certify.generators.specification import load_generator
from certify.posteriors.posterior import Posterior
from certify.sampling.couplings import (
    CallableDensity,
    CouplingBound,
    Experiment,
    Interval,
    MetropolisLangevin,
    RandomWalk,
    Transition,
    UnadjustedLangevin,
    run_lagged_pairs,
    total_variation_bound,
)

STEPS = 160
DEVIATION = 0.5
START = 10.0
ERROR_PROBABILITY = 1e-6
SHOWN = range(0, STEPS + 1, 20)


def exact_curve(spacing: float) -> FloatArray:
    """TV(law X_t, N(0, 1)) for t = 0, ..., 160; rejected mass stays at its node, where the start is an atom."""
    grid = np.arange(round(-7.0 / spacing), round(14.0 / spacing) + 1) * spacing
    target = np.exp(-0.5 * grid**2)
    target /= target.sum()
    proposal = np.exp(-0.5 * ((grid[:, None] - grid) / DEVIATION) ** 2) * spacing / (DEVIATION * np.sqrt(2.0 * np.pi))
    matrix = proposal * np.exp(np.minimum(0.0, 0.5 * grid[:, None] ** 2 - 0.5 * grid**2))
    np.fill_diagonal(matrix, 0.0)
    np.fill_diagonal(matrix, 1.0 - matrix.sum(axis=1))
    law = np.zeros(grid.size)
    law[np.argmin(np.abs(grid - START))] = 1.0
    curve = np.empty(STEPS + 1)
    for step in range(STEPS + 1):
        curve[step] = 0.5 * np.abs(law - target).sum()
        law = law @ matrix
    return curve


def bounds(lag: int, replicates: int) -> tuple[CouplingBound, CouplingBound, float]:
    """Finite-sample and asymptotic bounds at every step, and the seconds of the simulation."""
    law = CallableDensity(1, lambda z: -0.5 * z[:, 0] ** 2)
    start = time.perf_counter()
    run = run_lagged_pairs(law, RandomWalk(DEVIATION), Experiment([START], lag, replicates, 2 * lag + 600, seed=0))
    seconds = time.perf_counter() - start
    terms = max(2, 300 // lag)
    return (
        total_variation_bound(run, range(STEPS + 1), truncation=terms, error_probability=ERROR_PROBABILITY),
        total_variation_bound(run, range(STEPS + 1), interval=Interval.ASYMPTOTIC, error_probability=ERROR_PROBABILITY),
        seconds,
    )


def print_example(replicates: int, lags: tuple[int, ...]) -> dict[int, CouplingBound]:
    """Print the curve and the bounds as Markdown; returns the finite-sample bounds by lag."""
    exact = exact_curve(0.025)
    resolution = float(np.max(np.abs(exact - exact_curve(0.05))))
    print(f"Exact TV by the transition operator (two grids differ by {resolution:.1e}); estimate [upper end]")
    print("| lag | seconds | " + " | ".join(f"t = {t}" for t in SHOWN) + " | below exact | largest gap |")
    print("| --- " * (len(SHOWN) + 4) + "|")
    print("| exact | | " + " | ".join(f"{exact[t]:.4f}" for t in SHOWN) + " | | |")
    found = {}
    for lag in lags:
        bound, wide, seconds = bounds(lag, replicates)
        cells = [f"{bound.estimate[t]:.4f} [{bound.upper[t]:.3f}]" for t in SHOWN]
        below = f"{np.sum(bound.upper < exact)} (asymptotic {np.sum(wide.upper < exact)}) of {STEPS + 1}"
        gap = float(np.max(bound.estimate - exact))
        print(f"| {lag} | {seconds:.2f} | " + " | ".join(cells) + f" | {below} | {gap:.3f} |", flush=True)
        found[lag] = bound
    return found


def print_speed(replicates: int) -> None:
    """Print meeting times and evaluations per second on a generator's posterior."""
    print("\n| d | chain | mean meeting time | largest | evaluations per second |")
    print("| --- | --- | --- | --- | --- |")
    for dim in (2, 8, 32):
        generator = load_generator(f"residual:d={dim},width={2 * dim},depth=2,lipschitz=0.5,activation=tanh,seed=0")
        posterior = Posterior(generator, np.zeros(generator.observed_dim), 1.0)
        step = 0.4 / dim ** (1.0 / 3.0)
        transitions: tuple[Transition, ...] = (
            MetropolisLangevin(step),
            UnadjustedLangevin(step),
            RandomWalk(1.7 / np.sqrt(dim)),
        )
        for transition in transitions:
            experiment = Experiment(np.zeros(dim), 20, replicates, 5000, seed=0, start_deviation=1.0)
            start = time.perf_counter()
            run = run_lagged_pairs(posterior, transition, experiment)
            rate = run.evaluations / (time.perf_counter() - start)
            times = run.meeting_times
            unmet = f" ({np.sum(run.censored)} unmet)" if np.any(run.censored) else ""
            print(f"| {dim} | {run.chain} | {times.mean():.1f} | {times.max()}{unmet} | {rate:.2g} |", flush=True)


def draw_figure(path: Path, found: dict[int, CouplingBound]) -> None:
    """Write the curves on one axis."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(6.0, 4.0))
    for lag, bound in found.items():
        (line,) = axes.plot(bound.times, np.minimum(1.0, bound.estimate), label=f"lag {lag}")
        axes.fill_between(
            bound.times, np.minimum(1.0, bound.lower), np.minimum(1.0, bound.upper), alpha=0.15, color=line.get_color()
        )
    axes.plot(range(STEPS + 1), exact_curve(0.025), color="black", linestyle="dashed", label="exact")
    axes.set_xlabel("step t")
    axes.set_ylabel("total variation distance to N(0, 1)")
    axes.legend()
    figure.savefig(path, dpi=150, bbox_inches="tight")


def integers(text: str) -> tuple[int, ...]:
    """A comma-separated list of integers."""
    return tuple(int(part) for part in text.split(","))


def main() -> None:
    """Print the example and the speeds; draw the figure if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replicates", type=int, default=10_000)
    parser.add_argument("--lags", type=integers, default=(1, 50, 150, 400))
    parser.add_argument("--figure", type=Path)
    options = parser.parse_args()
    found = print_example(options.replicates, options.lags)
    print_speed(min(options.replicates, 1000))
    if options.figure is not None:
        draw_figure(options.figure, found)


if __name__ == "__main__":
    main()
