#!/usr/bin/env bash
# distrax 0.1.9 (the newest): Lambda(lambda x: 2.0**x) maps 3 to 8 and 8 back to 1.09, the eighth root of 2.
# Expected (its docstring: it will "automatically turn JAX functions into fully fledged bijectors", the methods that are not given
#   "automatically derived ... by tracing their JAXPR representation" where the function consists of invertible primitives): log2,
#   or a refusal, as many other functions get.
# Happens: the inverse of the primitive pow is written for a variable base, and for a variable exponent its arguments are the same
#   ones, so that the inverse of c^x is c^(1/y). forward and forward_log_det_jacobian are right; inverse, its log-determinant and
#   with them log_prob of a Transformed law are of another function, and sample_and_log_prob and log_prob give one draw two
#   densities. exp(a x) with a number a is right, and so is x^c. No message. (No report of it was found.)
# Our users: a flow with such a layer has a density that is none of its law; an evidence or an audit by it is of another law. Give
#   Lambda its inverse, and hold inverse(forward(x)) against x once.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q distrax==0.1.9 jax==0.7.2 jaxlib==0.7.2 tfp-nightly==0.26.0.dev20261027 chex==0.1.92 numpy==2.4.6 || exit 2
JAX_PLATFORMS=cpu OMP_NUM_THREADS=1 "$folder/venv/bin/python" -W ignore - <<'PYTHON'
import sys
from importlib.metadata import version

import jax

jax.config.update("jax_enable_x64", True)
import distrax
import jax.numpy as jnp
import numpy as np

print("distrax", version("distrax"), "jax", jax.__version__)
functions = {
    "2.0**x": lambda x: 2.0**x,
    "1 + 1.5**(3 x)": lambda x: 1.0 + 1.5 ** (3.0 * x),
    "exp(0.7 x)": lambda x: jnp.exp(0.7 * x),
    "x**2.5": lambda x: x**2.5,
}
points = jnp.array([0.3, 1.0, 3.0])
wrong = {}
for name, function in functions.items():
    layer = distrax.Lambda(function)
    images = layer.forward(points)
    back, logarithm = layer.inverse_and_log_det(images)
    slopes = -jnp.log(jnp.abs(jax.vmap(jax.grad(function))(points)))
    wrong[name] = float(jnp.abs(back - points).max())
    print(f"{name}: {points} -> {images.round(3)} -> expected {points}, seen {back.round(3)};", end=" ")
    print(f"log-determinant of the inverse: expected {slopes.round(3)}, seen {logarithm.round(3)}")

law = distrax.Transformed(distrax.Normal(jnp.array(1.5), jnp.array(0.4)), distrax.Lambda(functions["2.0**x"]))
draws, logarithms = law.sample_and_log_prob(seed=jax.random.PRNGKey(0), sample_shape=(20_000,))
again = law.log_prob(draws)
print(f"log-density of the same draws, on average: {float(logarithms.mean()):.4f} by sample_and_log_prob,", end=" ")
print(f"{float(again.mean()):.4f} by log_prob (expected the same)")
ends = np.linspace(0.5, 60.0, 600_001)  # all but 1e-9 of the draws
middle = jnp.asarray((ends[1:] + ends[:-1]) / 2)
mass = float(jnp.exp(law.log_prob(middle)).sum() * (ends[1] - ends[0]))
print(f"the density integrates to {mass:.4f} (expected 1); draws there: {float(((draws > 0.5) & (draws < 60)).mean()):.4f}")
recorded = wrong["2.0**x"] > 0.1 and wrong["1 + 1.5**(3 x)"] > 0.1 and float(jnp.abs(again - logarithms).mean()) > 0.1
sys.exit(0 if recorded and mass < 0.95 and max(wrong["exp(0.7 x)"], wrong["x**2.5"]) < 1e-9 else 1)
PYTHON
