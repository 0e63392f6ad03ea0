"""Metropolis-adjusted Langevin chains: draws whose invariant law is the posterior itself.

Proposal y = x - eta grad f(x) + sqrt(2 eta) xi, accepted with probability
min(1, pi(y) q(y, x) / (pi(x) q(x, y))), q(x, y) ~ exp(-|y - x + eta grad f(x)|^2/(4 eta)).
Source: Roberts and Tweedie, "Exponential convergence of Langevin distributions and their discrete
approximations", Bernoulli 2 (1996).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from certify.arithmetic.arrays import FloatArray
from certify.sampling.errors import DivergenceError
from certify.sampling.kernel import Chains, Problem, State
from certify.sampling.mala_kernel import advance_mala
from certify.sampling.recording import Moments
from certify.sampling.target import Ball, check_ball
from certify.sampling.workers import Workers


@dataclass(frozen=True, eq=False)
class MalaRun:
    """Where the chains ended, how often they moved, and what was kept on the way.

    `positions` (chains, d); `log_densities` (chains,) is -f there, without the normalising constant;
    `acceptance` (chains,) the fraction of accepted proposals; `trajectory` (records + 1, chains, d) holds
    X_0, X_r, X_2r, ... if it was recorded every r steps, or is None.
    """

    positions: FloatArray
    log_densities: FloatArray
    acceptance: FloatArray
    steps: int
    seed: int
    moments: Moments | None
    trajectory: FloatArray | None

    @property
    def acceptance_rate(self) -> float:
        """Mean over the chains. Estimate."""
        return float(self.acceptance.mean())

    @property
    def gradient_evaluations(self) -> int:
        """Steps times chains."""
        return self.steps * int(self.positions.shape[0])


@dataclass(frozen=True, eq=False)
class Mala:
    """The kernel whose invariant law is the posterior, or with `region` = (c, R) the posterior given B(c, R).

    Proposals outside the region are rejected, and every start must lie inside. The chain is only close to its
    invariant law after its mixing time, which nothing here bounds.
    """

    region: Ball | None = None

    name: ClassVar[str] = "MALA"

    def place(self, problem: Problem) -> Problem:
        """The problem as it is."""
        return problem

    def init(self, chains: Chains) -> State:
        """The region, and potentials and numbers of accepted proposals, unknown and 0.

        Raises `InputError` for a region that does not fit or a start outside it.
        """
        region = check_ball(self.region, chains.positions.shape[1], chains.positions)
        potentials = np.full(chains.count, math.nan)
        return State(region, {"potentials": potentials, "accepted": np.zeros(chains.count, dtype=np.int64)})

    def step(self, chains: Chains, state: State, first: int, sizes: FloatArray, team: Workers) -> None:
        """Propose and accept; without steps only f at the start is evaluated. `DivergenceError` if f is not finite."""
        potentials = state.arrays["potentials"]
        team.run(
            advance_mala,
            chains.blocks,
            *chains.target.arguments,
            chains.recorder,
            *state.parameters,
            chains.positions,
            potentials,
            chains.streams,
            sizes,
            first,
            state.arrays["accepted"],
            chains.lanes,
        )
        if not np.all(np.isfinite(potentials)):
            chain = int(np.argmin(np.isfinite(potentials)))
            raise DivergenceError(self.name, chain, first, float(sizes[0]) if sizes.size > 0 else 0.0)

    def result(self, chains: Chains, state: State) -> MalaRun:
        """Last positions, their log-densities and the acceptance of each chain."""
        return MalaRun(
            chains.positions,
            -state.arrays["potentials"],
            state.arrays["accepted"] / max(chains.steps, 1),
            chains.steps,
            chains.seed,
            chains.moments,
            chains.trajectory,
        )
