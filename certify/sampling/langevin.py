"""Unadjusted Langevin chains, plain and projected, on the posterior of any generator (theory S7).

Plain:      U_{k+1} = T(U_k) + sqrt(2 eta_k) xi_k,          T(z) = z - eta_k grad f(z).
Projected:  X_{k+1} = T(P_D(X_k)) + sqrt(2 eta_k) xi_k,     P_D the projection onto the ball D = B(c, R_D).
Others:     the exponential integrator, and gradient descent on the misfit: the same step, scaled otherwise.

The law of the chain is not the posterior: its bias is what steps S7a-S7g bound. Draws are `xi` of the
streams (seed, chain), so two runs with one seed and different starts are synchronously coupled.
Source: Pareek & Risteski, arXiv 2107.04652 (the encoder's layers); docs/theory S7.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from certify.arithmetic.arrays import FloatArray
from certify.errors import InputError
from certify.sampling.errors import DivergenceError
from certify.sampling.kernel import Chains, Problem, State
from certify.sampling.langevin_kernel import Dynamics, advance_langevin
from certify.sampling.recording import Moments
from certify.sampling.target import Ball, check_ball, step_sizes
from certify.sampling.workers import Workers


@dataclass(frozen=True, eq=False)
class LangevinRun:
    """Where the chains ended and what was kept on the way.

    `positions` (chains, d) is X_K, not projected. `exits` (chains,) holds the first k in 0..K with
    |X_k - c| > R_D, -1 if none (always -1 without a ball). `trajectory` (records + 1, chains, d) holds
    X_0, X_r, X_2r, ... if it was recorded every r steps, or is None.
    """

    positions: FloatArray
    exits: npt.NDArray[np.int64]
    steps: int
    seed: int
    moments: Moments | None
    trajectory: FloatArray | None

    @property
    def gradient_evaluations(self) -> int:
        """Steps times chains."""
        return self.steps * int(self.positions.shape[0])


@dataclass(frozen=True, eq=False)
class Langevin:
    """The kernel z <- z - eta grad f(z) + noise_scale sqrt(2 eta - damping eta^2) xi.

    Args:
        ball: (c, R): `exits` are those from B(c, R); None: nothing is watched.
        noise_scale: 1 is Langevin, 0 gradient descent on f.
        damping: in [0, 2/eta]; 1 is the step of `ExponentialIntegrator`.
    """

    ball: Ball | None = None
    noise_scale: float = 1.0
    damping: float = 0.0

    name: ClassVar[str] = "Langevin"
    projects: ClassVar[bool] = False

    def place(self, problem: Problem) -> Problem:
        """The problem as it is."""
        return problem

    def init(self, chains: Chains) -> State:
        """The dynamics, and first exits, none yet. Raises `InputError` for a ball or a damping that does not fit."""
        centre, radius = check_ball(self.ball, chains.positions.shape[1])
        largest = float(chains.sizes.max(initial=0.0))
        if not (self.damping >= 0.0 and self.damping * largest <= 2.0):
            raise InputError(
                f"`damping` must be in [0, 2/`step_size`], `step_size` up to {largest:.6g}; got {self.damping:g}"
            )
        dynamics = Dynamics(float(self.noise_scale), float(self.damping), centre, radius, self.projects)
        return State(dynamics, {"exits": np.full(chains.count, -1, dtype=np.int64)})

    def step(self, chains: Chains, state: State, first: int, sizes: FloatArray, team: Workers) -> None:
        """Advance all chains; `DivergenceError` names the first step and chain that left the numbers."""
        failures = np.full((chains.blocks, 2), -1, dtype=np.int64)
        team.run(
            advance_langevin,
            chains.blocks,
            *chains.target,
            state.parameters,
            chains.recorder,
            chains.positions,
            chains.streams,
            sizes,
            first,
            state.arrays["exits"],
            failures,
            chains.lanes,
        )
        if np.any(failures >= 0):
            step, chain = min((int(step), int(chain)) for step, chain in failures if step >= 0)
            raise DivergenceError(self.name, chain, step, float(sizes[step - 1 - first]))

    def result(self, chains: Chains, state: State) -> LangevinRun:
        """Last positions and first exits; X_K itself counts as an exit at K."""
        centre, radius = check_ball(self.ball, chains.positions.shape[1])
        exits = np.array(state.arrays["exits"])
        if radius < math.inf:
            outside = np.linalg.norm(chains.positions - centre, axis=1) > radius
            exits[(exits < 0) & outside] = chains.steps
        return LangevinRun(chains.positions, exits, chains.steps, chains.seed, chains.moments, chains.trajectory)


@dataclass(frozen=True, eq=False)
class ProjectedLangevin(Langevin):
    """The kernel `Langevin` of the projected state: z <- P_D(z) first, D the ball (c, R)."""

    ball: Ball

    projects: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not isinstance(self.ball, tuple):
            raise InputError(f"`ball` must be a pair (centre, radius); got {self.ball!r}")


@dataclass(frozen=True, eq=False)
class ExponentialIntegrator(Langevin):
    """The kernel z <- z' - s grad f(z') + sqrt(2 s - s^2) xi, s = 1 - exp(-eta), z' = P_D(z) if there is a ball.

    The exact solution over time eta = `step_size` of the Langevin equation whose drift beyond -z is frozen, so that
    with f = |z|^2/2 the standard Gaussian is invariant whatever the steps; `Preconditioned` moves it to N(c, B B^T).
    """

    damping: float = field(default=1.0, init=False)

    projects: ClassVar[bool] = True

    def place(self, problem: Problem) -> Problem:
        """The same steps as fractions s of the distance to the minimum of |z|^2/2."""
        # Checked at its own shape: a number stays a number, however many steps there are.
        step_sizes(problem.step_size, problem.steps)
        return replace(problem, step_size=-np.expm1(-np.asarray(problem.step_size, dtype=np.float64)))


@dataclass(frozen=True, eq=False)
class Descent(Langevin):
    """The kernel z <- z - eta grad Phi(z), Phi the misfit of the target's generator and observation.

    Its iterates are not draws: the seed changes nothing.
    """

    noise_scale: float = field(default=0.0, init=False)

    name: ClassVar[str] = "gradient descent"

    def place(self, problem: Problem) -> Problem:
        """The problem without its prior and noise level."""
        return replace(problem, target=problem.target._replace(prior=0.0, misfit_scale=1.0))
