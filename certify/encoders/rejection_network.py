"""The network of Theorem R at one observation: K proposals, each drawn, tested and kept or not (docs/rejection.md, 4).

One proposal reads d + 3 normals: xi, a selector s, and two that make E = (xi_1^2 + xi_2^2)/2 ~ Exp(1).
    z = sum_j c_j (mu_j + L_j^{-T} xi),   c_j = [t_j <= s] - [t_{j+1} <= s]
    accepted = [f(z) + log rho(z) + log C <= E]
`sequence` is a loop over proposals that share their weights; `parallel` holds them side by side and selects by a tree.
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
from certify.envelopes.mixture import LOG_TWO_PI
from certify.envelopes.thresholds import ThresholdMixture
from certify.errors import InputError
from certify.generators.graph import BERNOULLI, Generator
from certify.wording import counted

LARGEST_PARALLEL = 2**24
"""Numbers that one draw of the parallel layout may hold at once: 128 MB."""


@dataclass(frozen=True, eq=False)
class RejectionDesign:
    """What is drawn and tested: the observation x (n,), noise `beta` (none for logits), the proposal, log C, and K."""

    observation: FloatArray
    beta: float
    proposal: ThresholdMixture
    log_constant: float
    proposals: int


def rejection_network(
    generator: Generator, design: RejectionDesign, layout: str = "sequence", distance: float | None = None
) -> EncoderProgram:
    """The encoder of one observation; for any other x it puts out NaN, of whose posterior nothing is certified.

    Raises:
        InputError: if K proposals do not fit side by side.
    """
    tape = Tape(generator, noise_columns=generator.latent_dim + 3)
    point = (_sequence if layout == "sequence" else _parallel)(tape, design)
    draw = only_at(tape, design.observation, point)
    notes = (
        f"holds one observation: any other x gives NaN; {layout} layout, {counted(design.proposals, 'proposal')} from "
        f"a mixture of {design.proposal.size} Gaussians",
    )
    return tape.finish("rejection", draw, (0, design.proposals), notes, distance)


def parameter_bound(generator: Generator, components: int, proposals: int) -> int:
    """Upper bound of the unrolled parameters, K (N + k (d+1)(d+5) + 2 n + d) + 3 n + d + 1 (docs/rejection.md, 4)."""
    n, d = generator.observed_dim, generator.latent_dim
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
    point, accepted = _Proposal(tape, design, None).write(tape.noise(design.proposals))
    results = [tape.choose(found, found, accepted), tape.choose(found, kept, point)]
    tape.close("proposal", results, ["any", "chosen"], design.proposals, (1, 0, 0))
    return "chosen"


def _parallel(tape: Tape, design: RejectionDesign) -> str:
    """All proposals at once, and a tree of pairs."""
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
        point = self._point(tape.columns(noise, 0, d), tape.columns(noise, d, d + 1))
        image = forward(tape, tape.generator.graph, point)[-1]
        potential = [self._misfit(image), self._squares("prior", point, 0.5)]
        height = [*potential, self._log_density(point), self._constant("height", np.array([design.log_constant]))]
        exponential = self._squares("exponential", tape.columns(noise, d + 1, d + 3), 0.5)
        return point, tape.compare(tape.combine([(1.0, name) for name in height]), exponential)

    def _point(self, xi: str, selector: str) -> str:
        """The point z = sum_j c_j (mu_j + L_j^{-T} xi): the unit vector c times all components' points, summed."""
        tape, proposal = self.tape, self.design.proposal
        k, d = proposal.size, proposal.latent_dim
        means = tape.constant("proposal_mean", proposal.mixture.means.ravel())
        factor = tape.constant("proposal_factor", sp.csr_array(proposal.factors.reshape(k * d, d)))
        points = tape.affine(xi, factor, means)
        if k == 1:
            return points
        passed = tape.compare(self._constant("threshold", proposal.thresholds), selector)
        steps = sp.diags_array([np.ones(k - 1), -np.ones(k - 1)], offsets=[-1, 0], shape=(k, k - 1)).tocsr()
        first = np.zeros(k)
        first[0] = 1.0
        unit = tape.affine(passed, tape.constant("proposal_step", steps), tape.constant("proposal_first", first))
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
        observation = self._constant("observation", design.observation, "")
        if tape.generator.likelihood != BERNOULLI:
            residual = tape.combine([(1.0, image), (-1.0, observation)])
            return self._squares("misfit", residual, 0.5 / design.beta / design.beta)
        terms = tape.combine([(1.0, tape.gate(image, "softplus")), (-1.0, tape.product(observation, image))])
        return tape.affine(terms, tape.constant("proposal_misfit", np.ones((1, design.observation.size))))

    def _squares(self, name: str, source: str, factor: float) -> str:
        """The number factor |v|^2."""
        tape = self.tape
        weight = tape.constant(f"proposal_{name}", np.full((1, tape.shapes[source][-1]), factor))
        return tape.affine(tape.product(source, source), weight)

    def _constant(self, name: str, value: FloatArray, prefix: str = "proposal_") -> str:
        stored = value if self.rows is None else value[None]
        return self.tape.repeated(self.tape.constant(f"{prefix}{name}", stored), self.rows)
