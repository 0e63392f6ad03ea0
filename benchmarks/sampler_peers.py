"""The samplers of other libraries on the posterior of G(z) = W2 tanh(W1 z + b) + A z, beta = 1, x = 0, in float64.

Each builder returns a function that takes `steps` steps of all chains from 0 and waits for the result. All
are written as their library's own documentation does, compiled where the library compiles, all chains together.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any

import numpy as np

from certify.arithmetic.arrays import FloatArray

Weights = tuple[FloatArray, FloatArray, FloatArray, FloatArray]
Run = Callable[[int], Any]
Builder = Callable[[int, int, Weights], Run]

STEP_SIZE = 1e-3


def with_numpy(dimension: int, chains: int, weights: Weights) -> Run:
    """Langevin, all chains at once in numpy."""
    w1, b, w2, a = weights
    generator = np.random.default_rng(0)

    def run(steps: int) -> FloatArray:
        z = np.zeros((chains, dimension))
        for _ in range(steps):
            h = np.tanh(z @ w1.T + b)
            residual = h @ w2.T + z @ a.T
            gradient = z + ((residual @ w2) * (1.0 - h * h)) @ w1 + residual @ a
            z = z - STEP_SIZE * gradient + np.sqrt(2.0 * STEP_SIZE) * generator.standard_normal(z.shape)
        return z

    return run


def with_torch(dimension: int, chains: int, weights: Weights) -> Run:
    """Langevin in PyTorch with the gradient written out, without recording.

    On one thread: its threads wait actively, and beside any other work two are a hundred times slower than one.
    """
    import torch

    torch.set_num_threads(1)
    w1, b, w2, a = (torch.from_numpy(array) for array in weights)

    @torch.no_grad()
    def run(steps: int) -> object:
        z = torch.zeros((chains, dimension), dtype=torch.float64)
        for _ in range(steps):
            h = torch.tanh(z @ w1.T + b)
            residual = h @ w2.T + z @ a.T
            gradient = z + ((residual @ w2) * (1.0 - h * h)) @ w1 + residual @ a
            z = z - STEP_SIZE * gradient + (2.0 * STEP_SIZE) ** 0.5 * torch.randn_like(z)
        return z

    return run


def _density(weights: Weights) -> tuple[Any, Any]:
    """JAX's numpy and the log-density of one chain."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    w1, b, w2, a = (jnp.asarray(array) for array in weights)

    def log_density(z: Any) -> Any:
        residual = w2 @ jnp.tanh(w1 @ z + b) + a @ z
        return -0.5 * (z @ z + residual @ residual)

    return jnp, log_density


def _loop(body: Any, start: Any) -> Run:
    """A jitted loop of `body`, which maps (key, state) to the next, with the number of steps as data."""
    import jax

    loop = jax.jit(lambda state, steps: jax.lax.fori_loop(0, steps, lambda _, s: body(s), state))
    return lambda steps: jax.block_until_ready(loop((jax.random.PRNGKey(0), start), steps))


def with_jax(dimension: int, chains: int, weights: Weights) -> Run:
    """Langevin in hand-written JAX: one jitted loop over steps, the gradient written out, chains in one product."""
    import jax

    jnp, _ = _density(weights)
    w1, b, w2, a = (jnp.asarray(array) for array in weights)

    def body(state: Any) -> Any:
        key, z = state
        key, own = jax.random.split(key)
        h = jnp.tanh(z @ w1.T + b)
        residual = h @ w2.T + z @ a.T
        gradient = z + ((residual @ w2) * (1.0 - h * h)) @ w1 + residual @ a
        return key, z - STEP_SIZE * gradient + jnp.sqrt(2.0 * STEP_SIZE) * jax.random.normal(own, z.shape)

    return _loop(body, jnp.zeros((chains, dimension)))


def with_blackjax(dimension: int, chains: int, weights: Weights) -> Run:
    """BlackJAX's overdamped Langevin step on the automatic gradient, vectorised over chains."""
    import blackjax
    import jax

    jnp, log_density = _density(weights)
    gradient = jax.vmap(jax.grad(log_density))
    step = jax.vmap(lambda key, z, slope: blackjax.sgmcmc.diffusions.overdamped_langevin()(key, z, slope, STEP_SIZE))

    def body(state: Any) -> Any:
        key, z = state
        key, own = jax.random.split(key)
        return key, step(jax.random.split(own, chains), z, gradient(z))

    return _loop(body, jnp.zeros((chains, dimension)))


def mala_with_blackjax(dimension: int, chains: int, weights: Weights) -> Run:
    """BlackJAX's MALA, vectorised over chains."""
    import blackjax
    import jax

    jnp, log_density = _density(weights)
    algorithm = blackjax.mala(log_density, STEP_SIZE)
    start = jax.vmap(algorithm.init)(jnp.zeros((chains, dimension)))

    def body(state: Any) -> Any:
        key, chain_states = state
        key, own = jax.random.split(key)
        return key, jax.vmap(algorithm.step)(jax.random.split(own, chains), chain_states)[0]

    return _loop(body, start)


def mala_with_numpyro(dimension: int, chains: int, weights: Weights) -> Run:
    """NumPyro's HMC with one leapfrog step of length sqrt(2 eta), which is MALA; vectorised over chains."""
    import jax
    from numpyro.infer.hmc import hmc

    jnp, log_density = _density(weights)
    initialise, sample = hmc(potential_fn=lambda z: -log_density(z), algo="HMC")
    length = (2.0 * STEP_SIZE) ** 0.5
    start = jax.vmap(
        lambda z, key: initialise(
            z, num_warmup=0, step_size=length, num_steps=1, adapt_step_size=False, adapt_mass_matrix=False, rng_key=key
        )
    )(jnp.zeros((chains, dimension)), jax.random.split(jax.random.PRNGKey(1), chains))

    def body(state: Any) -> Any:
        key, chain_states = state
        return key, jax.vmap(sample)(chain_states)

    return _loop(body, start)


LANGEVIN: dict[str, tuple[str, Builder]] = {
    "numpy": ("numpy", with_numpy),
    "torch": ("torch", with_torch),
    "jax": ("jax", with_jax),
    "blackjax": ("blackjax", with_blackjax),
}
MALA: dict[str, tuple[str, Builder]] = {
    "blackjax": ("blackjax", mala_with_blackjax),
    "numpyro": ("numpyro", mala_with_numpyro),
}
"""Name of a peer, the package it needs, its builder."""


def installed(peers: dict[str, tuple[str, Builder]]) -> dict[str, Builder]:
    """The peers whose package is here."""
    return {name: build for name, (package, build) in peers.items() if importlib.util.find_spec(package)}
