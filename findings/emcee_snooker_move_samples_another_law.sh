#!/usr/bin/env bash
# emcee 3.1.6: DESnookerMove does not leave the target invariant: a standard normal law in 5 dimensions gets the variance 0.69.
# Expected (its docstring: "A snooker proposal using differential evolution. Based on Ter Braak & Vrugt (2008)", whose update is
#   reversible; a move of emcee is a step of Markov chain Monte Carlo): the mean of |x|^2 / d over a long run is 1, as for
#   StretchMove and DEMove.
# Happens: 0.69 in 5 dimensions and 0.90 in 2, with standard errors below 0.01. The direction is divided by the root of its
#   length, so that the step along it is not symmetric, and the acceptance has the power (d-1)/2 of |x' - z| / |x - z| in place of
#   d - 1; with both set right the move has 1. DEMove 0.8 with this move 0.2 has 0.93 in 5 dimensions. No message. (Corrected in
#   the repository by pull request 531, of 2024; no release has it.)
# Our users: draws of a posterior by this move, or by that mixture, are too narrow, and pass every diagnostic of mixing. Leave the
#   move out; `certify sample` draws exactly, and shows the bias.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q emcee==3.1.6 numpy==2.4.6 || exit 2
OMP_NUM_THREADS=1 "$folder/venv/bin/python" -W ignore - <<'PYTHON'
import sys

import emcee
import numpy as np

BATCHES = 20


def mean_square(dimension: int, moves, steps: int = 4000) -> tuple[float, float]:
    """The mean of |x|^2 / d over a run from exact draws of the standard normal law, and its standard error by batch means."""
    np.random.seed(1)
    walkers = 8 * dimension + 8
    sampler = emcee.EnsembleSampler(
        walkers, dimension, lambda x: -0.5 * np.sum(x**2, axis=1), moves=moves, vectorize=True
    )
    sampler.run_mcmc(np.random.randn(walkers, dimension), steps)
    squares = (sampler.get_chain() ** 2).mean(axis=(1, 2))
    batches = squares.reshape(BATCHES, -1).mean(axis=1)
    return float(squares.mean()), float(batches.std(ddof=1) / np.sqrt(BATCHES))


class Corrected(emcee.moves.DESnookerMove):
    """The update of ter Braak and Vrugt: along the unit vector from z, accepted with the exponent d - 1."""

    def get_proposal(self, s, c, random):
        proposals, factors = np.empty_like(s), np.empty(len(s))
        for row, x in enumerate(s):
            z, first, second = (group[random.randint(len(group))] for group in c)
            unit = (x - z) / np.linalg.norm(x - z)
            proposals[row] = x + unit * self.gammas * (unit @ (first - second))
            factors[row] = (s.shape[1] - 1) * np.log(np.linalg.norm(proposals[row] - z) / np.linalg.norm(x - z))
        return proposals, factors


print("emcee", emcee.__version__, "numpy", np.__version__)
differential, snooker, stretch = emcee.moves.DEMove(), emcee.moves.DESnookerMove(), emcee.moves.StretchMove()
moves = {
    "StretchMove": stretch,
    "DEMove": differential,
    "DESnookerMove": snooker,
    "corrected": Corrected(),
    "DEMove 0.8, DESnookerMove 0.2": [(differential, 0.8), (snooker, 0.2)],
}
found = {}
for dimension in (2, 5):
    for name, move in moves.items():
        found[name, dimension] = value, error = mean_square(dimension, move)
        print(f"d = {dimension}, {name}: expected 1, seen {value:.3f} with standard error {error:.3f}")
right = all(
    abs(found[name, dimension][0] - 1) < 6 * found[name, dimension][1]
    for name in ("StretchMove", "DEMove", "corrected")
    for dimension in (2, 5)
)
wrong = found["DESnookerMove", 2][0] < 0.95 and found["DESnookerMove", 5][0] < 0.8
sys.exit(0 if right and wrong else 1)
PYTHON
