#!/usr/bin/env bash
# numpyro 0.22.0 (the newest): `variance` of InverseWishart is too large off the diagonal: 0.320 for 0.229 at the unit matrix of
#   size 2 with 5.5 degrees of freedom.
# Expected (the variance of its own draws, scipy, and the page that its docstring refers to): with r = degrees of freedom - size,
#   ((r + 1) Psi_ij^2 + (r - 1) Psi_ii Psi_jj) / (r (r - 1)^2 (r - 3)).
# Happens: (Psi_ij^2 + Psi_ii Psi_jj) / ((r - 1)^2 (r - 3)), which is the same on the diagonal only. At a diagonal Psi it is
#   r / (r - 1) times the right one: up to half more where r is near 3, an eleventh more at r = 12. Mean and draws are right.
#   No message. (The formula was in the request that added the law; no report of it was found.)
# Our users: a prior on a covariance that is chosen by the spread of its entries is narrower than meant, and an evidence
#   under it is of that prior. Take scipy.stats.invwishart(n, Psi).var().
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
from scipy import stats

print("numpyro", numpyro.__version__, "jax", jax.__version__)
np.set_printoptions(precision=4, suppress=True)
generator = np.random.default_rng(0)


def right(scale: np.ndarray, freedom: float) -> np.ndarray:
    rest, diagonal = freedom - len(scale), np.diag(scale)
    first = (rest + 1) * scale**2 + (rest - 1) * np.outer(diagonal, diagonal)
    return first / (rest * (rest - 1) ** 2 * (rest - 3))


worst, controls = [], True
cases = ((np.eye(2), 5.5), (np.eye(2), 14.0), (np.array([[2.0, -0.8], [-0.8, 1.0]]), 14.0))
for scale, freedom in cases:
    law = dist.InverseWishart(freedom, scale_matrix=scale)
    seen, expected = np.asarray(law.variance), right(scale, freedom)
    controls = controls and np.allclose(expected, stats.invwishart(freedom, scale).var())
    controls = controls and np.allclose(np.diag(seen), np.diag(expected))
    print(f"Psi {scale.tolist()}, {freedom} degrees of freedom: off the diagonal: expected {expected[0, 1]:.6f},", end=" ")
    print(f"seen {seen[0, 1]:.6f}; on it: expected {expected[0, 0]:.6f}, seen {seen[0, 0]:.6f}")
    worst.append(float(seen[0, 1] / expected[0, 1]))
draws = np.asarray(law.sample(jax.random.PRNGKey(0), (1_000_000,)))[:, 0, 1]  # of the last law
print(f"variance of 1,000,000 draws: {draws.var():.6f}")
controls = controls and abs(draws.var() / expected[0, 1] - 1) < 0.02
sys.exit(0 if controls and worst[0] > 1.35 and min(worst) > 1.04 else 1)
PYTHON
