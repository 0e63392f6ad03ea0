"""One step of a chain, and one joint step of two chains, for many replicates at once.

The joint step couples the proposals maximally and accepts both with one uniform. Chains are equal for ever once
the proposals were equal and both were accepted: the coupling is faithful, so such replicates need no second chain.
Source: Jacob, O'Leary and Atchade, J. R. Stat. Soc. B 82 (2020), section 4.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from certify.arithmetic.arrays import FloatArray
from certify.sampling.couplings.log_density import Evaluate
from certify.sampling.couplings.maximal import BoolArray, Residual, couple
from certify.sampling.couplings.streams import IndexArray, ReplicateStreams
from certify.sampling.couplings.transitions import State, Transition
from certify.sampling.errors import DivergenceError


@dataclass(frozen=True, eq=False)
class Stepper:
    """What the steps of one run share; only the streams change."""

    transition: Transition
    evaluate: Evaluate
    streams: ReplicateStreams
    residual: Residual

    def state(self, positions: FloatArray) -> State:
        """The state at given positions (n, d)."""
        return State(positions, *self.evaluate(positions))

    def advance(self, state: State, replicates: IndexArray, time: int) -> State:
        """The chains of `replicates` after one more step, their `time`-th.

        Raises `DivergenceError` if a chain without rejections leaves the finite numbers.
        """
        dim = state.positions.shape[1]
        noise, uniforms = self.streams.draw(replicates, dim, 1)
        with np.errstate(over="ignore", invalid="ignore"):
            means = self.transition.means(state)
            proposal = self.state(means + self.transition.spread.colour(noise))
        return self._accept(state, proposal, uniforms[:, 0], replicates, time)[0]

    def advance_pair(
        self, first: State, second: State, replicates: IndexArray, time: int
    ) -> tuple[State, State, BoolArray]:
        """Both chains after one joint step, and where they are equal from now on, shape (n,).

        Raises `DivergenceError` as `advance` does.
        """
        count, dim = first.positions.shape
        normals, uniforms = self.residual.noise_rows(dim)
        noise, draws = self.streams.draw(replicates, normals, uniforms + 1)
        with np.errstate(over="ignore", invalid="ignore"):
            means = self.transition.means(first), self.transition.means(second)
            points = couple(*means, self.transition.spread, noise, draws[:, :uniforms], self.residual)
            both = self.state(np.concatenate((points.first, points.second)))
        proposals = [State(*(part[rows] for part in both)) for rows in (slice(0, count), slice(count, None))]
        first, first_taken = self._accept(first, proposals[0], draws[:, -1], replicates, time)
        second, second_taken = self._accept(second, proposals[1], draws[:, -1], replicates, time)
        return first, second, points.met & first_taken & second_taken

    def _accept(
        self, state: State, proposal: State, uniforms: FloatArray, replicates: IndexArray, time: int
    ) -> tuple[State, BoolArray]:
        with np.errstate(over="ignore", invalid="ignore"):
            log_ratio = self.transition.log_acceptance(state, proposal)
        if log_ratio is None:
            finite = np.isfinite(proposal.log_densities) & np.all(np.isfinite(proposal.gradients), axis=1)
            if not np.all(finite):
                chain = int(replicates[np.argmin(finite)])
                raise DivergenceError(self.transition.name, chain, time, self.transition.spread.scale**2 / 2.0)
            return proposal, np.ones(replicates.size, dtype=np.bool_)
        # A NaN compares false: a proposal without a finite density or gradient is rejected.
        taken = np.log(uniforms) <= log_ratio
        return merge(taken, proposal, state), taken


def merge(chosen: BoolArray, one: State, other: State) -> State:
    """Rows of `one` where `chosen`, of `other` elsewhere."""
    return State(
        np.where(chosen[:, None], one.positions, other.positions),
        np.where(chosen, one.log_densities, other.log_densities),
        np.where(chosen[:, None], one.gradients, other.gradients),
    )


def rows(state: State, chosen: BoolArray) -> State:
    """The states of the chosen chains."""
    return State(*(part[chosen] for part in state))


def join(one: State, other: State) -> State:
    """The states of both groups of chains."""
    return State(*(np.concatenate(parts) for parts in zip(one, other, strict=True)))
