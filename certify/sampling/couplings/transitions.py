"""The chains that can be coupled: each says where it proposes, how widely, and with what probability it moves.

A transition of one's own is a class with the same members; nothing else changes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Protocol

import numpy as np

from certify.arithmetic.arrays import FloatArray
from certify.errors import InputError
from certify.sampling.couplings.spread import Spread

POSTERIOR = "posterior"
"""The law itself: what a Metropolis-adjusted chain leaves invariant."""


class State(NamedTuple):
    """Where chains are: `positions` (n, d), `log_densities` (n,), `gradients` (n, d) of the log density."""

    positions: FloatArray
    log_densities: FloatArray
    gradients: FloatArray


class Transition(Protocol):
    """One step of a chain with Gaussian proposals.

    `target` names the chain's OWN invariant law: "posterior" if and only if it is the law that was given. A bound by
    coupling is a bound on the distance to this law.
    """

    @property
    def name(self) -> str: ...

    @property
    def target(self) -> str: ...

    @property
    def uses_gradient(self) -> bool: ...

    @property
    def spread(self) -> Spread: ...

    def means(self, state: State) -> FloatArray:
        """Means (n, d) of the proposals."""

    def log_acceptance(self, state: State, proposal: State) -> FloatArray | None:
        """Logarithm of the acceptance ratio (n,), not capped at 0, or None if every proposal is taken."""


@dataclass(frozen=True, eq=False)
class UnadjustedLangevin:
    """ULA: x' = x + h C grad log pi(x) + sqrt(2h) F xi, C = F F^T (default I), step h = `step_size` > 0.

    Its invariant law is NOT the posterior: on a Gaussian of precision p the variance is 1/(p(1 - hp/2)).
    """

    step_size: float
    factor: FloatArray | None = None

    def __post_init__(self) -> None:
        _check_positive("step_size", self.step_size)

    @property
    def name(self) -> str:
        """ULA."""
        return "ULA"

    @property
    def target(self) -> str:
        """The chain's own invariant law, which differs from the posterior."""
        return f"invariant law of ULA with step {self.step_size:g}"

    @property
    def uses_gradient(self) -> bool:
        """Yes."""
        return True

    @cached_property
    def spread(self) -> Spread:
        """The noise sqrt(2h) F."""
        return Spread(math.sqrt(2.0 * self.step_size), self.factor)

    def means(self, state: State) -> FloatArray:
        """The drift x + h C grad log pi(x)."""
        return state.positions + self.step_size * self.spread.precondition(state.gradients)

    def log_acceptance(self, state: State, proposal: State) -> None:
        """None: every proposal is taken."""
        return None


@dataclass(frozen=True, eq=False)
class MetropolisLangevin:
    """MALA: ULA's proposal, accepted with probability min(1, pi(y) q(y, x)/(pi(x) q(x, y))).

    Source: Roberts and Tweedie, Bernoulli 2 (1996).
    """

    step_size: float
    factor: FloatArray | None = None

    def __post_init__(self) -> None:
        _check_positive("step_size", self.step_size)

    @property
    def name(self) -> str:
        """MALA."""
        return "MALA"

    @property
    def target(self) -> str:
        """The posterior."""
        return POSTERIOR

    @property
    def uses_gradient(self) -> bool:
        """Yes."""
        return True

    @cached_property
    def spread(self) -> Spread:
        """The noise sqrt(2h) F."""
        return Spread(math.sqrt(2.0 * self.step_size), self.factor)

    def means(self, state: State) -> FloatArray:
        """The drift x + h C grad log pi(x)."""
        return state.positions + self.step_size * self.spread.precondition(state.gradients)

    def log_acceptance(self, state: State, proposal: State) -> FloatArray:
        """Sum log pi(y) - log pi(x) + log q(y, x) - log q(x, y), q(x, .) the proposal's Gaussian density.

        The normalising constants cancel: -2 log q(x, y) = |w(y - mean(x))|^2, w the whitening by sqrt(2h) F.
        """
        spread = self.spread
        there = spread.whiten(proposal.positions - self.means(state))
        back = spread.whiten(state.positions - self.means(proposal))
        densities = 0.5 * np.sum((there - back) * (there + back), axis=1)
        return np.asarray(proposal.log_densities - state.log_densities + densities)


@dataclass(frozen=True, eq=False)
class RandomWalk:
    """Random-walk Metropolis: y = x + s F xi, accepted with probability min(1, pi(y)/pi(x)); s = `deviation` > 0."""

    deviation: float
    factor: FloatArray | None = None

    def __post_init__(self) -> None:
        _check_positive("deviation", self.deviation)

    @property
    def name(self) -> str:
        """Random-walk Metropolis."""
        return "random-walk Metropolis"

    @property
    def target(self) -> str:
        """The posterior."""
        return POSTERIOR

    @property
    def uses_gradient(self) -> bool:
        """No."""
        return False

    @cached_property
    def spread(self) -> Spread:
        """The noise s F."""
        return Spread(self.deviation, self.factor)

    def means(self, state: State) -> FloatArray:
        """The state x itself."""
        return state.positions

    def log_acceptance(self, state: State, proposal: State) -> FloatArray:
        """Difference log pi(y) - log pi(x)."""
        return np.asarray(proposal.log_densities - state.log_densities)


def _check_positive(name: str, value: float) -> None:
    if not (math.isfinite(value) and value > 0.0):
        raise InputError(f"`{name}` must be in (0, inf); got {value:g}")
