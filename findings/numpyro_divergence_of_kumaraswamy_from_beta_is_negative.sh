#!/usr/bin/env bash
# numpyro 0.22.0 (the newest): kl_divergence(Kumaraswamy(1, 2), Beta(1, 2)), of one law from itself, is -0.0076; at (2.3, 1.7) it is -0.029.
# Expected (its docstring: "Compute Kullback-Leibler divergence KL(p || q) between two distributions"): a number that is not
#   negative, and 0 for one law, as from all the other pairs that it has.
# Happens: of a series of positive terms ten are added. Where the second parameter of Beta is over 1 the divergence is too small,
#   by 0.16 at Kumaraswamy(10.7, 9.4) and Beta(1, 5), and by nearly half at Kumaraswamy(1, 0.3); below 1 it is too large: 1.03 for 0 at
#   Kumaraswamy(1, 0.3) and Beta(1, 0.3). TraceMeanField_ELBO takes it, and exceeds log p(x); Trace_ELBO does not.
#   Only a comment in the source says that the attribute KL_KUMARASWAMY_BETA_TAYLOR_ORDER, 10 as in the paper of the
#   stick-breaking VAE, may be set to 1000; the term of order m falls like m^-(1 + b), so that for b = 0.3 more than a
#   tenth of the divergence is missing even then. No message. (No report of it was found.)
# Our users: an ELBO of a VAE with Kumaraswamy codes by this formula is no lower bound, so a gap to a certified log p(x) can come out
#   negative. Take Trace_ELBO, or the divergence by quadrature.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q numpyro==0.22.0 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6 scipy==1.17.1 || exit 2
JAX_PLATFORMS=cpu OMP_NUM_THREADS=1 "$folder/venv/bin/python" -W ignore - <<'PYTHON'
import sys

import jax

jax.config.update("jax_enable_x64", True)
import numpy as np
import numpyro
import numpyro.distributions as dist
from numpyro.infer import Trace_ELBO, TraceMeanField_ELBO
from scipy import stats

print("numpyro", numpyro.__version__, "jax", jax.__version__)
LEVELS = (np.arange(1_000_000) + 0.5) / 1_000_000


def right(a: float, b: float, alpha: float, beta: float) -> float:
    """KL(Kumaraswamy(a, b) || Beta(alpha, beta)), the mean of log p - log q over the quantiles; 1 - x^a is (1 - level)^(1/b)."""
    power = np.log1p(-LEVELS) / b  # log(1 - x^a)
    log_x = np.log1p(-np.exp(power)) / a
    log_p = np.log(a * b) + (a - 1) * log_x + (b - 1) * power
    log_q = (alpha - 1) * log_x + (beta - 1) * np.log(-np.expm1(log_x)) + stats.beta(alpha, beta).logpdf(0.5)
    return float((log_p - log_q - (alpha + beta - 2) * np.log(2)).mean())


def seen(a: float, b: float, alpha: float, beta: float, order: int = 10) -> float:
    dist.Kumaraswamy.KL_KUMARASWAMY_BETA_TAYLOR_ORDER = order
    value = float(dist.kl_divergence(dist.Kumaraswamy(a, b), dist.Beta(alpha, beta)))
    dist.Kumaraswamy.KL_KUMARASWAMY_BETA_TAYLOR_ORDER = 10
    return value


cases = [(1, 2, 1, 2), (2.3, 1.7, 2.3, 1.7), (10.7, 9.4, 1, 5), (1, 0.3, 1, 5), (1, 0.3, 1, 0.3)]
rows = {case: (right(*case), seen(*case), seen(*case, 1000)) for case in cases}
for (a, b, alpha, beta), (expected, value, more) in rows.items():
    print(f"Kumaraswamy({a}, {b}) from Beta({alpha}, {beta}): expected {expected:.4f}, seen {value:.4f}, with order 1000 {more:.4f}")
weibull, gamma = dist.Weibull(1.2, 1.7), dist.Gamma(2.5, 1.3)
other = weibull.scale * (-np.log1p(-LEVELS)) ** (1 / weibull.concentration)
expected = float((weibull.log_prob(other) - gamma.log_prob(other)).mean())
value = float(dist.kl_divergence(weibull, gamma))
print(f"Weibull from Gamma: expected {expected:.4f}, seen {value:.4f}")

PRIOR, TRIALS, COUNT = (1.0, 5.0), 30, 28


def model() -> None:
    z = numpyro.sample("z", dist.Beta(*PRIOR))
    numpyro.sample("x", dist.Binomial(TRIALS, z), obs=COUNT)


def guide() -> None:
    numpyro.sample("z", dist.Kumaraswamy(14.18, 12.15))


evidence = float(stats.betabinom(TRIALS, *PRIOR).logpmf(COUNT))
bounds = {}
for objective in (TraceMeanField_ELBO, Trace_ELBO):
    bounds[objective] = -float(objective(num_particles=100_000).loss(jax.random.PRNGKey(0), {}, model, guide))
    print(f"{COUNT} of {TRIALS}: log p(x) = {evidence:.4f}, {objective.__name__} {bounds[objective]:.4f} (expected below)")
recorded = rows[cases[0]][1] < -0.005 and rows[cases[1]][1] < -0.02 and rows[cases[3]][2] < 0.95 * rows[cases[3]][0]
recorded = recorded and bounds[TraceMeanField_ELBO] > evidence + 0.15
sys.exit(0 if recorded and bounds[Trace_ELBO] < evidence and abs(value - expected) < 1e-4 else 1)
PYTHON
