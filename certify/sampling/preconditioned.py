"""Preconditioned kernels: any kernel of y with z = c + B y; everything given and returned is in z.

Langevin:     z <- z - eta B B^T grad f(z) + sqrt(2 eta) B xi, after P_D if it projects,
              P_D(z) = c + B clip_R(B^{-1}(z - c)), clip_R the radial projection onto |y| <= R.
Exponential:  z <- z' - s B B^T grad f(z') + sqrt(2 s - s^2) B xi, z' = P_D(z), s = 1 - exp(-eta): a Gaussian
              posterior with B B^T its covariance is invariant, whatever the steps.
MALA:         the first as a proposal, accepted in proportion to the posterior.
Source: docs/theory, sharper theorems, section 3 (Theorem 1*, "Chain").
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from certify.arithmetic.arrays import FloatArray
from certify.sampling.kernel import Chains, Kernel, Problem, State
from certify.sampling.langevin import LangevinRun
from certify.sampling.mala import MalaRun
from certify.sampling.preconditioning import Preconditioner, gaussian_start, precondition
from certify.sampling.recording import Moments
from certify.sampling.workers import Workers

Run = TypeVar("Run", LangevinRun, MalaRun)


@dataclass(frozen=True, eq=False)
class Preconditioned(Generic[Run]):
    """The kernel that moves y = B^{-1}(z - c) by `kernel`, whose ball or region is one of y: an ellipsoid of z.

    A start None means independent draws of N(c, B B^T) (`gaussian_start` with the run's seed), as many as there are
    chains.
    """

    preconditioner: Preconditioner
    kernel: Kernel[Run]

    @property
    def name(self) -> str:
        """The name of the kernel that moves y."""
        return self.kernel.name

    def place(self, problem: Problem) -> Problem:
        """The problem of y. Raises `InputError` for a start or a target of another dimension."""
        target, start, options = precondition(problem.target, self.preconditioner), problem.start, problem.options
        if start is None:
            count = options.chains if options.chains is not None else target.observations.shape[0]
            start = gaussian_start(self.preconditioner, count, options.seed)
        return self.kernel.place(replace(problem, target=target, start=self.preconditioner.coordinates(start)))

    def init(self, chains: Chains) -> State:
        """What the kernel of y needs."""
        return self.kernel.init(chains)

    def step(self, chains: Chains, state: State, first: int, sizes: FloatArray, team: Workers) -> None:
        """Steps of y."""
        self.kernel.step(chains, state, first, sizes, team)

    def result(self, chains: Chains, state: State) -> Run:
        """The kernel's record with positions, moments and trajectory in z."""
        run = self.kernel.result(chains, state)
        latent = self.preconditioner.latent
        return replace(
            run,
            positions=latent(run.positions),
            moments=None if run.moments is None else self._latent_moments(run.moments),
            trajectory=None if run.trajectory is None else latent(run.trajectory),
        )

    def _latent_moments(self, moments: Moments) -> Moments:
        factor = self.preconditioner.factor
        return Moments(self.preconditioner.latent(moments.mean), factor @ moments.covariance @ factor.T, moments.count)
