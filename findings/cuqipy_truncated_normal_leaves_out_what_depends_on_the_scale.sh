#!/usr/bin/env bash
# CUQIpy 1.5.1 (the newest): the posterior of the scale of a TruncatedNormal is that of a normal law that was never truncated.
# Expected (the package: a JointDistribution of distributions that depend on each other, conditioned on data, is the posterior;
#   its method logd is "the un-normalized log density", up to a constant): the likelihood of s for x in [-1, 1] divides by the mass
#   of [-1, 1] under N(0, s^2), which depends on s.
# Happens: logpdf of TruncatedNormal is the normal one inside the bounds, whatever these are: its integral is that mass, and the
#   docstring of this method says "unnormalized". As a function of the mean or the scale this is no constant, but nothing refuses
#   such a parameter or warns. For x = 0.5 and s uniform on [0.1, 5] the posterior mean of s is 1.86, where it is 2.62, the mode
#   0.50, where it is 0.69, and the package's sampler draws from the former. sample is right, so that prior and likelihood part.
#   (No report of it was found.)
# Our users: an evidence, or a posterior of hyperparameters, by this law is wrong as soon as one of them is its mean or scale. Add
#   the logarithm of the mass by hand, or take scipy's truncnorm in a UserDefinedDistribution.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q CUQIpy==1.5.1 numpy==2.2.0 scipy==1.17.1 arviz==0.23.4 matplotlib==3.11.2 || exit 2
cd "$folder"
OPENBLAS_NUM_THREADS=1 TQDM_DISABLE=1 "$folder/venv/bin/python" -W ignore - <<'PYTHON'
import sys
from importlib.metadata import version

import numpy as np
from cuqi.distribution import JointDistribution, TruncatedNormal, Uniform
from cuqi.sampler import MH
from scipy.stats import norm, truncnorm

print("CUQIpy", version("CUQIpy"), "numpy", np.__version__)

s = Uniform(np.array([0.1]), np.array([5.0]), name="s")
x = TruncatedNormal(np.array([0.0]), lambda s: s, np.array([-1.0]), np.array([1.0]), name="x")
posterior = JointDistribution(s, x)(x=np.array([0.5]))

grid = np.linspace(0.11, 4.99, 977)
given = np.array([float(np.squeeze(posterior.logd(np.array([scale])))) for scale in grid])
laws = {
    "CUQIpy": given,
    "truncated": truncnorm(-1 / grid, 1 / grid, 0, grid).logpdf(0.5),
    "not truncated": norm(0, grid).logpdf(0.5),
}
mean, mode = {}, {}
for name, values in laws.items():
    weights = np.exp(values - values.max())
    mean[name], mode[name] = float(weights @ grid / weights.sum()), float(grid[np.argmax(weights)])
    print(f"{name}: posterior mean of s {mean[name]:.3f}, mode {mode[name]:.3f}")

law = TruncatedNormal(np.array([0.0]), 2.0, np.array([-1.0]), np.array([1.0]))
points = np.linspace(-1, 1, 2001)
mass = float(np.trapezoid([np.exp(float(np.squeeze(law.logpdf(np.array([point]))))) for point in points], points))
np.random.seed(1)
spread = float(np.std(law.sample(20000).samples))
print(f"at s = 2: integral of exp(logpdf) {mass:.4f}; spread of the draws {spread:.3f}, of the law {truncnorm(-0.5, 0.5, 0, 2).std():.3f}")
sampler = MH(posterior, scale=0.8, initial_point=np.array([1.0]))
sampler.warmup(500)
sampler.sample(8000)
drawn = float(sampler.get_samples().samples.mean())
print(f"mean of 8000 draws of s by MH: {drawn:.2f}")
same = abs(mean["CUQIpy"] - mean["not truncated"]) < 1e-6 and mean["truncated"] - mean["CUQIpy"] > 0.7
sys.exit(0 if same and mass < 0.39 and abs(drawn - mean["not truncated"]) < 0.3 else 1)
PYTHON
