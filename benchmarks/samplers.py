"""Gradient evaluations per second of the Langevin sampler, beside numpy and, where installed, JAX and BlackJAX.

    python benchmarks/samplers.py [--seconds 0.3] [--repeats 3] [--dimensions 2,8,32,128] [--chains 1,64,1024]

Posterior of G(z) = W2 tanh(W1 z + b) + A z with 2d hidden units, float64, plain Langevin; medians of
interleaved repeats in one process, and the ratio of ours to each peer.
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from certify.generators.graph import Activation, Affine, Graph, Input, Sum
from certify.sampling import Target, compile_program, run_langevin

FloatArray = npt.NDArray[np.float64]
Weights = tuple[FloatArray, FloatArray, FloatArray, FloatArray]
Run = Callable[[int], None]

STEP_SIZE = 1e-3


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


def ours(dimension: int, chains: int, weights: Weights) -> Run:
    """The sampler of this package."""
    w1, b, w2, a = weights
    nodes = (
        Input(dimension),
        Affine(0, w1, b),
        Activation(1, "tanh", len(b)),
        Affine(2, w2, np.zeros(dimension)),
        Affine(0, a, np.zeros(dimension)),
        Sum((3, 4), (1.0, 1.0), dimension),
    )
    target = Target.create(compile_program(Graph(nodes)), np.zeros(dimension), 1.0)

    def run(steps: int) -> None:
        run_langevin(target, np.zeros(dimension), STEP_SIZE, steps, seed=0, chains=chains)

    return run


def with_numpy(dimension: int, chains: int, weights: Weights) -> Run:
    """All chains at once in numpy."""
    w1, b, w2, a = weights
    generator = np.random.default_rng(0)

    def run(steps: int) -> None:
        z = np.zeros((chains, dimension))
        for _ in range(steps):
            h = np.tanh(z @ w1.T + b)
            residual = h @ w2.T + z @ a.T
            gradient = z + ((residual @ w2) * (1.0 - h * h)) @ w1 + residual @ a
            z = z - STEP_SIZE * gradient + np.sqrt(2.0 * STEP_SIZE) * generator.standard_normal(z.shape)

    return run


def with_jax(dimension: int, chains: int, weights: Weights) -> Run:
    """Hand-written JAX: one jitted scan over steps, all chains in the same products."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    w1, b, w2, a = (jnp.asarray(array) for array in weights)

    def step(state: object, _: object) -> tuple[object, None]:
        key, z = state
        key, own = jax.random.split(key)
        h = jnp.tanh(z @ w1.T + b)
        residual = h @ w2.T + z @ a.T
        gradient = z + ((residual @ w2) * (1.0 - h * h)) @ w1 + residual @ a
        noise = jax.random.normal(own, z.shape)
        return (key, z - STEP_SIZE * gradient + jnp.sqrt(2.0 * STEP_SIZE) * noise), None

    loop = jax.jit(lambda state, steps: jax.lax.fori_loop(0, steps, lambda _, s: step(s, None)[0], state))
    start = (jax.random.PRNGKey(0), jnp.zeros((chains, dimension)))
    return lambda steps: loop(start, steps)[1].block_until_ready()


def with_blackjax(dimension: int, chains: int, weights: Weights) -> Run:
    """BlackJAX's overdamped Langevin step on the automatic gradient, vectorised over chains."""
    import blackjax
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    w1, b, w2, a = (jnp.asarray(array) for array in weights)

    def log_density(z: object) -> object:
        residual = w2 @ jnp.tanh(w1 @ z + b) + a @ z
        return -0.5 * (z @ z + residual @ residual)

    gradient = jax.vmap(jax.grad(log_density))
    step = jax.vmap(lambda key, z, slope: blackjax.sgmcmc.diffusions.overdamped_langevin()(key, z, slope, STEP_SIZE))

    def body(_: int, state: tuple[object, object]) -> tuple[object, object]:
        key, z = state
        key, own = jax.random.split(key)
        return key, step(jax.random.split(own, chains), z, gradient(z))

    loop = jax.jit(lambda state, steps: jax.lax.fori_loop(0, steps, body, state))
    start = (jax.random.PRNGKey(0), jnp.zeros((chains, dimension)))
    return lambda steps: loop(start, steps)[1].block_until_ready()


def peers() -> dict[str, Callable[[int, int, Weights], Run]]:
    """Every sampler that can run here."""
    found: dict[str, Callable[[int, int, Weights], Run]] = {"certify": ours, "numpy": with_numpy}
    if importlib.util.find_spec("jax"):
        found["jax"] = with_jax
        if importlib.util.find_spec("blackjax"):
            found["blackjax"] = with_blackjax
    return found


def calibrate(run: Run, seconds: float) -> int:
    """Number of steps that take about `seconds`, after a warm-up that pays for compilation."""
    run(16)
    steps = 64
    while True:
        start = time.perf_counter()
        run(steps)
        elapsed = time.perf_counter() - start
        if elapsed > 0.2 * seconds:
            return max(1, int(steps * seconds / elapsed))
        steps *= 4


def measure(dimension: int, chains: int, seconds: float, repeats: int) -> dict[str, float]:
    """Median gradient evaluations per second of each sampler; repeats are interleaved, so drift hits all alike."""
    weights = network(dimension)
    runs = {name: build(dimension, chains, weights) for name, build in peers().items()}
    steps = {name: calibrate(run, seconds) for name, run in runs.items()}
    rates: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(repeats):
        for name, run in runs.items():
            start = time.perf_counter()
            run(steps[name])
            rates[name].append(steps[name] * chains / (time.perf_counter() - start))
    return {name: statistics.median(values) for name, values in rates.items()}


def integers(text: str) -> tuple[int, ...]:
    """A comma-separated list of integers."""
    return tuple(int(part) for part in text.split(","))


def main() -> None:
    """Print a Markdown table of rates and ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=0.3)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--dimensions", type=integers, default=(2, 8, 32, 128))
    parser.add_argument("--chains", type=integers, default=(1, 64, 1024))
    options = parser.parse_args()
    names = tuple(peers())
    ratios = tuple(f"certify/{name}" for name in names[1:])
    print("| d | chains | " + " | ".join(names + ratios) + " |")
    print("| --- " * (2 + len(names) + len(ratios)) + "|")
    for dimension in options.dimensions:
        for chains in options.chains:
            rates = measure(dimension, chains, options.seconds, options.repeats)
            cells = [f"{rates[name]:.2g}" for name in names]
            cells += [f"{rates['certify'] / rates[name]:.1f}" for name in names[1:]]
            print(f"| {dimension} | {chains} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
