"""Gradient evaluations per second of Langevin and MALA, beside the libraries that are installed.

    python -m benchmarks.samplers [--seconds 0.3] [--repeats 3] [--dimensions 2,8,32,128] [--chains 1,64,1024]

Posterior of G(z) = W2 tanh(W1 z + b) + A z with 2d hidden units, float64; medians of interleaved repeats in one
process, the ratio of ours to each peer, and the share of the same run's dgemm rate. Peers: `sampler_peers.py`.
"""

from __future__ import annotations

import argparse
import math
import os
import statistics
import time
from collections.abc import Iterator

import numpy as np

from benchmarks.output import print_and_write
from benchmarks.sampler_peers import LANGEVIN, MALA, STEP_SIZE, Builder, Run, Weights, installed
from certify.generators.graph import Activation, Affine, Graph, Input, Sum
from certify.sampling import Langevin, Mala, RunOptions, Target, compile_program, run

_UNEQUAL_LOAD = " Above 100 %: this BLAS uses narrower registers than our tiles, or the two had unequal loads."


def network(dimension: int) -> Weights:
    """W1 (2d, d), b (2d,), W2 (d, 2d), A (d, d), so scaled that the posterior is well conditioned."""
    generator = np.random.default_rng(dimension)
    hidden = 2 * dimension
    return (
        generator.normal(size=(hidden, dimension)) / np.sqrt(dimension),
        generator.normal(size=hidden),
        0.3 * generator.normal(size=(dimension, hidden)) / np.sqrt(hidden),
        np.eye(dimension) + 0.1 * generator.normal(size=(dimension, dimension)) / np.sqrt(dimension),
    )


def posterior(dimension: int, weights: Weights, activation: str = "tanh") -> Target:
    """The posterior, compiled; with the activation `identity` the same products and no transcendental function."""
    w1, b, w2, a = weights
    nodes = (
        Input(dimension),
        Affine(0, w1, b),
        Activation(1, activation, len(b)),
        Affine(2, w2, np.zeros(dimension)),
        Affine(0, a, np.zeros(dimension)),
        Sum((3, 4), (1.0, 1.0), dimension),
    )
    return Target.create(compile_program(Graph(nodes)), np.zeros(dimension), 1.0)


def ours(dimension: int, chains: int, weights: Weights) -> Run:
    """Langevin of this package."""
    target = posterior(dimension, weights)
    return lambda steps: run(Langevin(), target, np.zeros(dimension), STEP_SIZE, steps, RunOptions(0, chains))


def our_mala(dimension: int, chains: int, weights: Weights) -> Run:
    """MALA of this package."""
    target = posterior(dimension, weights)
    return lambda steps: run(Mala(), target, np.zeros(dimension), STEP_SIZE, steps, RunOptions(0, chains))


def without_noise(dimension: int, chains: int, weights: Weights) -> Run:
    """Langevin of this package that draws no normals."""
    target = posterior(dimension, weights)
    kernel, options = Langevin(noise_scale=0.0), RunOptions(0, chains)
    return lambda steps: run(kernel, target, np.zeros(dimension), STEP_SIZE, steps, options)


def without_tanh(dimension: int, chains: int, weights: Weights) -> Run:
    """Langevin of this package with the identity in place of tanh."""
    target = posterior(dimension, weights, "identity")
    return lambda steps: run(Langevin(), target, np.zeros(dimension), STEP_SIZE, steps, RunOptions(0, chains))


def profile(options: argparse.Namespace) -> Iterator[str]:
    """Lines of a table: where a gradient's time goes, by leaving parts out, beside dgemm's time for its products."""
    processors = len(os.sched_getaffinity(0))
    versions = {"whole": ours, "without noise": without_noise, "without tanh": without_tanh}
    yield "## Where the time goes"
    yield ""
    yield (
        "Nanoseconds of one processor per gradient of our Langevin sampler: normals and tanh by leaving them out, the "
        "rest (products, update, interpretation), and what its 20 d^2 operations alone take at the rate of the large "
        "product by dgemm."
    )
    yield ""
    yield "| d | chains | whole | normals | tanh | rest | products at dgemm's rate |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    product = dgemm_rate(options.seconds)
    for dimension in options.dimensions:
        for chains in options.chains:
            busy = min(processors, chains)
            rates = measure(versions, dimension, chains, options.seconds, options.repeats)
            whole, silent, plain = (1e9 * busy / rates[name] for name in versions)
            ideal = 1e9 * processors * 20 * dimension**2 / product
            parts = (whole, whole - silent, whole - plain, silent + plain - whole, ideal)
            yield f"| {dimension} | {chains} | " + " | ".join(f"{part:.3g}" for part in parts) + " |"
    yield ""


def dgemm_rate(seconds: float) -> float:
    """Multiplications and additions per second of numpy's dgemm, (256, 128) by (128, 1024) as in the largest case."""
    left, right = np.ones((256, 128)), np.ones((128, 1024))
    rates = []
    for _ in range(5):
        count, start = 0, time.perf_counter()
        while time.perf_counter() - start < seconds / 5.0:
            left @ right
            count += 1
        rates.append(2.0 * count * left.size * right.shape[1] / (time.perf_counter() - start))
    return statistics.median(rates)


def calibrate(sampler: Run, seconds: float) -> int:
    """Number of steps that take about `seconds`, after a warm-up that pays for compilation."""
    sampler(16)
    steps = 64
    while True:
        # The shorter of two: an interruption must not pass for the sampler's own time.
        elapsed = math.inf
        for _ in range(2):
            start = time.perf_counter()
            sampler(steps)
            elapsed = min(elapsed, time.perf_counter() - start)
        if elapsed > 0.2 * seconds:
            return max(1, int(steps * seconds / elapsed))
        steps *= 4


def measure(
    builders: dict[str, Builder], dimension: int, chains: int, seconds: float, repeats: int
) -> dict[str, float]:
    """Median gradient evaluations per second of each sampler; repeats are interleaved, so drift hits all alike."""
    weights = network(dimension)
    runs = {name: build(dimension, chains, weights) for name, build in builders.items()}
    steps = {name: calibrate(sampler, seconds) for name, sampler in runs.items()}
    rates: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(repeats):
        for name, sampler in runs.items():
            start = time.perf_counter()
            sampler(steps[name])
            rates[name].append(steps[name] * chains / (time.perf_counter() - start))
    return {name: statistics.median(values) for name, values in rates.items()}


def table(title: str, builders: dict[str, Builder], options: argparse.Namespace) -> Iterator[str]:
    """Lines of a Markdown table: rates, and ours divided by each peer's."""
    names = tuple(builders)
    ratios = tuple(f"certify/{name}" for name in names[1:])
    yield f"## {title}"
    yield ""
    yield "| d | chains | " + " | ".join(names + ratios) + " |"
    yield "| --- " * (2 + len(names) + len(ratios)) + "|"
    for dimension in options.dimensions:
        for chains in options.chains:
            rates = measure(builders, dimension, chains, options.seconds, options.repeats)
            cells = [f"{rates[name]:.2g}" for name in names]
            cells += [f"{rates['certify'] / rates[name]:.1f}" for name in names[1:]]
            yield f"| {dimension} | {chains} | " + " | ".join(cells) + " |"
    yield ""


def integers(text: str) -> tuple[int, ...]:
    """A comma-separated list of integers."""
    return tuple(int(part) for part in text.split(","))


def report(options: argparse.Namespace) -> Iterator[str]:
    """The whole report, line by line as it is measured."""
    yield "# Gradient evaluations per second"
    yield ""
    yield (
        f"G(z) = W2 tanh(W1 z + b) + A z, hidden 2d, float64, {len(os.sched_getaffinity(0))} processors, load "
        f"{os.getloadavg()[0]:.1f} when it began. Medians of {options.repeats} interleaved repeats of "
        f"{options.seconds:g} s in one process; ratios of ours to each peer."
    )
    yield ""
    yield from table("Langevin", {"certify": ours, **installed(LANGEVIN)}, options)
    yield from table("MALA", {"certify": our_mala, **installed(MALA)}, options)
    yield from profile(options)
    gradients = measure({"certify": ours}, 128, 1024, options.seconds, options.repeats)["certify"]
    product = dgemm_rate(options.seconds)
    share = 20 * 128**2 * gradients / product
    yield (
        f"At d = 128 with 1024 chains the products of our Langevin sampler run at {share:.0%} "
        f"of dgemm's {product / 1e9:.3g} GFLOP/s; load {os.getloadavg()[0]:.1f} at the end."
        + (_UNEQUAL_LOAD if share > 1.0 else "")
    )


def main() -> None:
    """Print the report as Markdown; with --out also write it to a file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=0.3)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--dimensions", type=integers, default=(2, 8, 32, 128))
    parser.add_argument("--chains", type=integers, default=(1, 64, 1024))
    parser.add_argument("--out", help="Markdown file")
    options = parser.parse_args()
    print_and_write(report(options), options.out)


if __name__ == "__main__":
    main()
