"""flax through jax2onnx: `to_onnx` of a linen module's `apply` and of an nnx module."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from examples.zoo.data import UCI, Array, digits, standardised
from examples.zoo.decoder import decoder


def _fit(decode: Callable[[Any, Any], Any], parameters: Any, train: Array, latents: int, steps: int) -> Any:
    """Parameters of the decoder after Adam on a Gaussian VAE with s = 1/2 and a one-layer encoder."""
    import jax
    import jax.numpy as jnp
    import optax

    encoder = {
        "weight": 0.1 * jax.random.normal(jax.random.key(1), (train.shape[1], 2 * latents)),
        "bias": jnp.zeros(2 * latents),
    }

    def loss(both: Any, key: Any) -> Any:
        batch_key, noise_key = jax.random.split(key)
        x = jnp.asarray(train)[jax.random.randint(batch_key, (128,), 0, len(train))]
        mean, log_variance = jnp.split(x @ both[1]["weight"] + both[1]["bias"], 2, axis=1)
        z = mean + jnp.exp(0.5 * log_variance) * jax.random.normal(noise_key, mean.shape)
        misfit = 2.0 * ((decode(both[0], z) - x) ** 2).sum(1)
        divergence = 0.5 * (jnp.exp(log_variance) + mean**2 - 1.0 - log_variance).sum(1)
        return (misfit + divergence).mean()

    optimiser = optax.adam(1e-3)
    both = (parameters, encoder)
    state = optimiser.init(both)

    @jax.jit
    def step(both: Any, state: Any, key: Any) -> Any:
        updates, state = optimiser.update(jax.grad(loss)(both, key), state)
        return optax.apply_updates(both, updates), state

    for key in jax.random.split(jax.random.key(2), steps):
        both, state = step(both, state, key)
    return both[0]


@decoder("flax jax jax2onnx", "linen, Dense 4-500-64", "ReLU, sigmoid", "normal, s = 1/2", f"digits, {UCI}")
def flax_linen_digits_d4(path: Path) -> Array:
    """The decoder of flax's VAE example (one hidden layer of 500), means in place of logits."""
    import jax
    import jax.numpy as jnp
    from flax import linen as nn
    from jax2onnx import to_onnx

    class Decoder(nn.Module):
        @nn.compact
        def __call__(self, z: Any) -> Any:
            z = nn.relu(nn.Dense(500, name="fc1")(z))
            return nn.sigmoid(nn.Dense(64, name="fc2")(z))

    train, held_out = digits()
    module = Decoder()
    parameters = module.init(jax.random.key(0), jnp.zeros((1, 4)))
    parameters = _fit(module.apply, parameters, train, 4, 2000)
    to_onnx(lambda z: module.apply(parameters, z), [("B", 4)], return_mode="file", output_path=str(path))
    return held_out


@decoder("flax jax jax2onnx", "nnx, Linear 2-32-32-4", "GELU, LayerNorm", "normal, s = 1/2", f"iris, {UCI}")
def flax_nnx_iris_d2(path: Path) -> Array:
    """An nnx module with layer normalisation and the tanh form of GELU, jax's default."""
    from flax import nnx
    from jax2onnx import to_onnx

    class Decoder(nnx.Module):
        def __init__(self) -> None:
            rngs = nnx.Rngs(0)
            self.first, self.second = nnx.Linear(2, 32, rngs=rngs), nnx.Linear(32, 32, rngs=rngs)
            self.norm, self.last = nnx.LayerNorm(32, rngs=rngs), nnx.Linear(32, 4, rngs=rngs)

        def __call__(self, z: Any) -> Any:
            return self.last(nnx.gelu(self.second(nnx.gelu(self.norm(self.first(z))))))

    train, held_out = standardised("iris")
    graph, state = nnx.split(Decoder())
    state = _fit(lambda parameters, z: nnx.merge(graph, parameters)(z), state, train, 2, 2000)
    to_onnx(nnx.merge(graph, state), [("B", 2)], return_mode="file", output_path=str(path))
    return held_out
