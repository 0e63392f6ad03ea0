"""The network of Theorem R at one observation: K proposals, each drawn, tested and kept or not (docs/rejection.md, 4).

One proposal reads d + 3 normals: xi, a selector s, and two that make E = (xi_1^2 + xi_2^2)/2 ~ Exp(1).
    z = sum_j c_j (mu_j + L_j^{-T} xi),   c_j = [t_j <= s] - [t_{j+1} <= s]
    accepted = [f(z) + log rho(z) + log C <= E]
`sequence` is a loop over proposals that share their weights; `parallel` holds them side by side and selects by a tree.
With cells (`certify.envelopes.cells`) each of the K is the first of T proposals that is not refused by its cell.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from certify.arithmetic.arrays import FloatArray
from certify.encoders.one_observation import only_at
from certify.encoders.passes import forward
from certify.encoders.program import EncoderProgram
from certify.encoders.tape import Tape
from certify.envelopes.cells import Cells
from certify.envelopes.mixture import LOG_TWO_PI
from certify.envelopes.thresholds import ThresholdMixture
from certify.errors import InputError
from certify.generators.graph import BERNOULLI, Generator
from certify.wording import counted

LARGEST_PARALLEL = 2**24
"""Numbers that one draw of the parallel layout may hold at once: 128 MB."""


@dataclass(frozen=True, eq=False)
class RejectionDesign:
    """What is drawn and tested: the observation x (n,), noise `beta` (none for logits), the proposal, log C, and K.

    With `cells` of its components each of the K proposals is the first of `tries` that must be evaluated.
    """

    observation: FloatArray
    beta: float
    proposal: ThresholdMixture
    log_constant: float
    proposals: int
    cells: Cells | None = None
    tries: int = 1


def rejection_network(
    generator: Generator, design: RejectionDesign, layout: str = "sequence", distance: float | None = None
) -> EncoderProgram:
    """The encoder of one observation; for any other x it puts out NaN, of whose posterior nothing is certified.

    Raises:
        InputError: if K proposals do not fit side by side, or T for each of them.
    """
    tape = Tape(generator, noise_columns=design.tries * (generator.latent_dim + 3))
    point = (_sequence if layout == "sequence" else _parallel)(tape, design)
    draw = only_at(tape, design.observation, point)
    notes = (
        f"holds one observation: any other x gives NaN; {layout} layout, {counted(design.proposals, 'proposal')} from "
        f"a mixture of {design.proposal.size} Gaussians"
        + ("" if design.tries == 1 else f", each the first of {design.tries} that is not refused without G"),
    )
    return tape.finish("rejection", draw, (0, design.proposals), notes, distance)


def parameter_bound(generator: Generator, components: int, proposals: int, tries: int = 1) -> int:
    """Upper bound of the unrolled parameters, K (N + k (d+1)(d+5) + 2 n + d) + 3 n + d + 1 (docs/rejection.md, 5).

    With T > 1 `tries` in cells K (N + T (k (d (d+1)/2 + 6 d + 10) + (3 d^2 + 17 d)/2 + 3) + 2 n + d + 1) + 3 n + d + 1.
    """
    n, d = generator.observed_dim, generator.latent_dim
    if tries > 1:
        draw = components * (d * (d + 1) // 2 + 6 * d + 10) + (3 * d * d + 17 * d) // 2 + 3
        one = generator.parameters + tries * draw + 2 * n + d + 1
    else:
        one = generator.parameters + components * (d + 1) * (d + 5) + 2 * n + d
    return proposals * one + 3 * n + d + 1


def require_room(proposals: int, generator: Generator, width: int) -> None:
    """Raise InputError unless so many proposals of the given width fit side by side."""
    held = proposals * max(width, *(node.width for node in generator.graph.nodes))
    if held > LARGEST_PARALLEL:
        raise InputError(
            f"{proposals} proposals side by side hold {held} numbers a draw, at most {LARGEST_PARALLEL} are "
            "written: use the layout `sequence`"
        )


def _sequence(tape: Tape, design: RejectionDesign) -> str:
    """A loop that carries whether a proposal was accepted, and the first that was or else the last."""
    d = tape.generator.latent_dim
    unfound = tape.repeated(tape.constant("zero1", np.zeros(1)))
    origin = tape.repeated(tape.constant(f"zero{d}", np.zeros(d)))
    tape.close("opening")
    found, kept = tape.carry("found", unfound), tape.carry("kept", origin)
    proposal = _Proposal(tape, design, None)
    if design.cells is None:
        point, accepted = proposal.write(tape.noise(design.proposals))
    else:
        require_room(design.tries, tape.generator, design.proposal.size * d)
        point, accepted = _first_needed(proposal, design.cells, tape.noise(design.proposals))
    results = [tape.choose(found, found, accepted), tape.choose(found, kept, point)]
    tape.close("proposal", results, ["any", "chosen"], design.proposals, (1, 0, 0))
    return "chosen"


def _parallel(tape: Tape, design: RejectionDesign) -> str:
    """All proposals at once, and a tree of pairs."""
    if design.cells is not None:
        raise InputError(
            "proposals that are refused before G is evaluated are written one by one: use the layout `sequence`"
        )
    require_room(design.proposals, tape.generator, design.proposal.size * tape.generator.latent_dim)
    point, accepted = _Proposal(tape, design, design.proposals).write(tape.noise(design.proposals, together=True))
    chosen = tape.first_accepted(accepted, point)
    tape.close("proposals", passes=(design.proposals, 0, 0))
    return chosen


@dataclass(frozen=True, eq=False)
class _Proposal:
    """Writes a proposal, or `rows` of them side by side."""

    tape: Tape
    design: RejectionDesign
    rows: int | None

    def write(self, noise: str) -> tuple[str, str]:
        """The tensors of the point and of whether it is accepted."""
        tape, design, d = self.tape, self.design, self.tape.generator.latent_dim
        point = self.point(tape.columns(noise, 0, d), self.unit(tape.columns(noise, d, d + 1)))
        height = [
            *self.potential(point), self._log_density(point), self.constant("height", np.array([design.log_constant]))
        ]  # fmt: skip
        return point, tape.compare(tape.combine([(1.0, name) for name in height]), self.exponential(noise))

    def potential(self, point: str) -> list[str]:
        """Numbers that add up to f there."""
        image = forward(self.tape, self.tape.generator.graph, point)[-1]
        return [self._misfit(image), self.squares("prior", point, 0.5)]

    def exponential(self, noise: str) -> str:
        """E, from the last two normals."""
        d = self.tape.generator.latent_dim
        return self.squares("exponential", self.tape.columns(noise, d + 1, d + 3), 0.5)

    def unit(self, selector: str) -> str:
        """The unit vector c of the component; none where there is one alone."""
        tape, proposal = self.tape, self.design.proposal
        k = proposal.size
        if k == 1:
            return ""
        passed = tape.compare(self.constant("threshold", proposal.thresholds), selector)
        steps = sp.diags_array([np.ones(k - 1), -np.ones(k - 1)], offsets=[-1, 0], shape=(k, k - 1)).tocsr()
        first = np.zeros(k)
        first[0] = 1.0
        return tape.affine(passed, tape.constant("proposal_step", steps), tape.constant("proposal_first", first))

    def point(self, xi: str, unit: str) -> str:
        """The point z = sum_j c_j (mu_j + L_j^{-T} xi): the unit vector c times all components' points, summed."""
        tape, proposal = self.tape, self.design.proposal
        k, d = proposal.size, proposal.latent_dim
        means = tape.constant("proposal_mean", proposal.mixture.means.ravel())
        factor = tape.constant("proposal_factor", sp.csr_array(proposal.factors.reshape(k * d, d)))
        points = tape.affine(xi, factor, means)
        if k == 1:
            return points
        spread = tape.constant("proposal_spread", sp.csr_array(np.repeat(np.eye(k), d, axis=0)))
        gather = tape.constant("proposal_gather", sp.csr_array(np.tile(np.eye(d), (1, k))))
        return tape.affine(tape.product(tape.affine(unit, spread), points), gather)

    def _log_density(self, point: str) -> str:
        """With a_j = log w_j + log det L_j - (d/2) log 2 pi: log sum_j exp(a_j - |L_j^T (z - mu_j)|^2/2)."""
        tape, mixture = self.tape, self.design.proposal.mixture
        k, d = mixture.size, mixture.latent_dim
        turned = np.swapaxes(mixture.roots, 1, 2)
        root = tape.constant("proposal_root", sp.csr_array(turned.reshape(k * d, d)))
        offset = tape.constant("proposal_offset", -np.einsum("kij,kj->ki", turned, mixture.means).ravel())
        scaled = tape.affine(point, root, offset)
        halves = tape.constant("proposal_halves", sp.csr_array(np.repeat(-0.5 * np.eye(k), d, axis=1)))
        diagonals = np.abs(np.diagonal(mixture.roots, axis1=1, axis2=2))
        peaks = np.log(mixture.weights) + np.log(diagonals).sum(axis=1) - 0.5 * d * LOG_TWO_PI
        parts = tape.affine(tape.product(scaled, scaled), halves, tape.constant("proposal_peak", peaks))
        return tape.log_sum_exp(parts)

    def _misfit(self, image: str) -> str:
        """The likelihood's part of f: |G - x|^2/(2 beta^2), or sum_i softplus(l_i) - x_i l_i of logits l."""
        tape, design = self.tape, self.design
        observation = self.constant("observation", design.observation, "")
        if tape.generator.likelihood != BERNOULLI:
            residual = tape.combine([(1.0, image), (-1.0, observation)])
            return self.squares("misfit", residual, 0.5 / design.beta / design.beta)
        terms = tape.combine([(1.0, tape.gate(image, "softplus")), (-1.0, tape.product(observation, image))])
        return tape.affine(terms, tape.constant("proposal_misfit", np.ones((1, design.observation.size))))

    def squares(self, name: str, source: str, factor: float) -> str:
        """The number factor |v|^2."""
        tape = self.tape
        weight = tape.constant(f"proposal_{name}", np.full((1, tape.shapes[source][-1]), factor))
        return tape.affine(tape.product(source, source), weight)

    def constant(self, name: str, value: FloatArray, prefix: str = "proposal_") -> str:
        stored = value if self.rows is None else value[None]
        return self.tape.repeated(self.tape.constant(f"{prefix}{name}", stored), self.rows)


def _first_needed(final: _Proposal, cells: Cells, noise: str) -> tuple[str, str]:
    """The first of T proposals that its cell does not refuse, the last if it refuses all, and whether it is accepted.

    A row of noise has T (d + 3) normals. G is evaluated at the one point alone.
    """
    tape, design = final.tape, final.design
    d, tries = tape.generator.latent_dim, design.tries
    draws = tape.rows(noise, tries)
    drawn = _Proposal(tape, design, tries)
    xi, unit = tape.columns(draws, 0, d), drawn.unit(tape.columns(draws, d, d + 1))
    point, exponential = drawn.point(xi, unit), drawn.exponential(draws)
    at = _CellNumbers(drawn, cells, unit)
    needed = tape.product(at.is_inside(point), tape.compare(at.height(), exponential))
    # log(C w_j N_j) is a number of the component less |xi|^2/2: nothing is inverted.
    margin = tape.combine([(1.0, at.peak), (-1.0, drawn.squares("normal", xi, 0.5)), (-1.0, exponential)])
    places = np.eye(d + 2)
    parts = ((point, places[:, :d]), (margin, places[:, d : d + 1]), (needed, places[:, d + 1 :]))
    row = tape.combine(
        [
            (1.0, tape.affine(source, tape.constant(f"proposal_place{index}", sp.csr_array(place))))
            for index, (source, place) in enumerate(parts)
        ]
    )
    first = tape.first_accepted(needed, row)
    chosen, margin, needed = (tape.columns(first, *ends) for ends in ((0, d), (d, d + 1), (d + 1, d + 2)))
    height = tape.combine([(1.0, name) for name in (*final.potential(chosen), margin)])
    return chosen, tape.product(needed, tape.compare(height, final.constant("zero", np.zeros(1))))


class _CellNumbers:
    """The numbers of each proposal's own cell, side by side: chosen by the unit vector of its component."""

    def __init__(self, drawn: _Proposal, cells: Cells, unit: str) -> None:
        tape, design = drawn.tape, drawn.design
        self._drawn, self._cells = drawn, cells
        d = tape.generator.latent_dim
        bounded = np.isfinite(cells.outer)
        assert np.isfinite(cells.low[bounded]).all() and np.isfinite(cells.high[bounded]).all(), "all but the last"
        outer = np.where(bounded, cells.outer, 0.0)
        low, high = (np.where(bounded[:, None], ends, 0.0) for ends in (cells.low, cells.high))
        peaks = design.proposal.mixture.log_peaks() + design.log_constant
        numbers = np.column_stack(
            [peaks, bounded, outer**2, cells.inner**2, cells.inside, cells.outside, low, high, cells.sides]
        )
        chosen = tape.affine(unit, tape.constant("proposal_cell", sp.csr_array(numbers.T)))
        self.peak, self._bounded, self._outer, self._inner, self._inside, self._outside = (
            tape.columns(chosen, place, place + 1) for place in range(6)
        )
        self._low, self._high, self._sides = (
            tape.columns(chosen, 6 + place * d, 6 + (place + 1) * d) for place in range(3)
        )
        self._excess: tuple[str, str, str, str] | None = None

    def is_inside(self, point: str) -> str:
        """1 where the point is in the cell, else 0."""
        tape, drawn, cells = self._drawn.tape, self._drawn, self._cells
        d = tape.generator.latent_dim
        maps = (("axes", cells.axes), ("metric", cells.root.T))
        t, y = (
            tape.affine(
                point,
                tape.constant(f"proposal_{name}", sp.csr_array(rows)),
                tape.constant(f"proposal_{name}_shift", -rows @ cells.centre),
            )
            for name, rows in maps
        )
        square = tape.product(self._bounded, drawn.squares("distance", y, 1.0))
        t = tape.product(self._bounded, t)
        far = tape.combine([(1.0, square), (-1.0, self._outer)])
        near = tape.combine([(1.0, self._inner), (-1.0, drawn.squares("distance", y, 1.0))])
        below, above = tape.combine([(1.0, self._low), (-1.0, t)]), tape.combine([(1.0, t), (-1.0, self._high)])
        self._excess = far, near, below, above
        none = drawn.constant("none", np.zeros(1))
        kept = [tape.compare(name, none) for name in self._excess]
        votes = [*kept[:2], *(self._sum("vote", name, 1.0) for name in kept[2:])]
        count = tape.combine([(1.0, name) for name in votes])
        return tape.compare(drawn.constant("votes", np.array([2.0 * d + 1.5])), count)

    def height(self) -> str:
        """-g_j, which is not negative in the cell."""
        assert self._excess is not None, "the cell is asked first"
        tape, (far, near, below, above) = self._drawn.tape, self._excess
        sides = tape.product(self._sides, tape.product(below, above))
        return tape.combine(
            [
                (-0.5, tape.product(self._inside, far)),
                (-0.5, tape.product(self._outside, near)),
                (1.0, self._sum("half", sides, 0.5)),
            ]
        )

    def _sum(self, name: str, source: str, factor: float) -> str:
        tape = self._drawn.tape
        return tape.affine(source, tape.constant(f"proposal_{name}", np.full((1, tape.shapes[source][-1]), factor)))
