"""Method E4: exact rejection sampling certified over boxes, for any network with few latents, on all of R^d.

The proposal is a mixture with one component N(0, s^2 I), s > 1, of weight w_0. For |z| >= D with
D^2 (1 - 1/s^2)/2 >= -log C - inf sum phi - log w_0 + (d/2) log(2 pi s^2) that component alone is above exp(-f)/C, and
the ball |z| <= D lies in a box over which C is certified by branch and bound: R1 holds everywhere, no tail is left.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from flint import arb

from certify.arithmetic.balls import ball, lower, precision, upper
from certify.arithmetic.intervals import FloatArray
from certify.bounds.bracket import Region
from certify.bounds.ranges import node_ranges, uncertified_domains
from certify.envelopes import fit
from certify.envelopes.box_chain import chain_of
from certify.envelopes.box_search import BoxLimits, IntegralBound, log_integral_lower, supremum_of_ratio
from certify.envelopes.box_tree import Tiling
from certify.envelopes.box_weights import with_dense_weights
from certify.envelopes.cells import Cells, evaluation_lower
from certify.envelopes.gaussian_evidence import MeanBound
from certify.envelopes.likelihood import Likelihood, candidate_potential
from certify.envelopes.live_chain import LiveRegion, live_region
from certify.envelopes.mixture import Mixture
from certify.envelopes.mixture_evidence import MixtureEvidence
from certify.envelopes.region_bound import MixtureBound
from certify.envelopes.shell_evidence import ShellEvidence
from certify.errors import CertifyError, InternalError
from certify.generators.graph import Graph
from certify.heap import keep_freed_memory

LARGEST_REACH = 1e3
BULK_DEPTH = 16.0
"""Of the cells that a region is made around, in nats below the heaviest."""

LARGEST_DIMENSION = 3
"""Latents beyond which boxes are too many."""


@dataclass(frozen=True, eq=False)
class Envelope:
    """R1 certified: exp(-f) <= C rho on R^d with log C <= `log_constant`, and log int exp(-f) >= `log_integral`.

    Both rounded outward; `acceptance` <= the probability that one proposal is accepted. `boxes` were bounded for C.
    `proof` and `integral` are what is needed to check the two again without a search (`records`). With `cells` only a
    share of the proposals is evaluated, `evaluated` at most, the first such of `tries`; without them all are.
    """

    proposal: Mixture
    log_constant: float
    log_integral: float
    boxes: int
    method: str = "boxes"
    proof: MixtureBound | Tiling | None = None
    integral: IntegralBound | MeanBound | MixtureEvidence | ShellEvidence | None = None
    evaluated: float = 1.0
    tries: int = 1
    cells: Cells | None = None

    @property
    def acceptance(self) -> float:
        """P = int exp(-f)/(a C) from below, of a proposal that is evaluated."""
        return acceptance_lower(self.log_constant, self.log_integral, self.evaluated)

    @property
    def log_integral_upper(self) -> float:
        """Log int exp(-f) <= log(a C), rounded up."""
        with precision():
            return upper(ball(self.log_constant) + ball(self.evaluated).log())

    @property
    def round_acceptance(self) -> float:
        """From below, that one of so many proposals is evaluated and the first of these is accepted."""
        return round_acceptance(self.acceptance, self.evaluated, self.tries)


def round_acceptance(acceptance: float, evaluated: float, tries: int) -> float:
    """(1 - (1 - a)^T) p from below: p = `acceptance` of those evaluated, a = `evaluated` of all, T = `tries`."""
    if evaluated >= 1.0:
        return acceptance
    with precision():
        return max(0.0, lower(ball(evaluation_lower(evaluated, tries)) * ball(acceptance)))


def acceptance_lower(log_constant: float, log_integral: float, evaluated: float = 1.0) -> float:
    """exp(`log_integral` - `log_constant`)/`evaluated` from below; 0 where one of them is not finite.

    Raises:
        InternalError: if it is above 1, as no probability is.
    """
    if not (math.isfinite(log_constant) and math.isfinite(log_integral)):
        return 0.0
    with precision():
        found = lower((ball(log_integral) - ball(log_constant)).exp() / ball(evaluated))
    if found > 1.0:
        raise InternalError(f"a probability of acceptance is certified to be at least {found}: a bound is wrong")
    return max(0.0, found)


def box_envelope(
    graph: Graph,
    likelihood: Likelihood,
    components: int = 12,
    limits: BoxLimits | None = None,
    rounds: int = 3,
    share: float | None = None,
    seed: int = 0,
) -> Envelope | None:
    """An envelope of exp(-f) over all of R^d by a mixture; None if no proposal was found or the search gave up.

    Raises:
        CertifyError: if the network is not certified to be defined on all of R^d, or f is finite nowhere it was tried.
    """
    undefined = uncertified_domains(node_ranges(graph, Region()))
    if undefined:
        # Where G is undefined so is the posterior: a bound for the rest of it would say nothing.
        raise CertifyError(f"the decoder may be undefined somewhere on R^d: {undefined[0]}")
    keep_freed_memory()
    graph = with_dense_weights(graph)
    limits = limits or BoxLimits.of(graph)
    cells = fit.find_cells(graph, likelihood)
    region = _region(graph, cells)
    best: tuple[float, Mixture, Tiling] | None = None
    extra = np.zeros((0, graph.latent_dim))
    boxes = 0
    count = fit.effort_of(graph).rows
    dictionary = fit.dictionary_of(cells, components, seed)
    rows, potentials = fit.programme_rows(cells, dictionary, seed, count)
    for _ in range(rounds):
        # f is known at the first rows: only the new ones are evaluated.
        potentials = np.append(potentials, candidate_potential(graph, likelihood, rows[len(potentials) :], region))
        chosen = fit.choose_weights(graph, likelihood, dictionary, rows, potentials, seed, region)
        if chosen is None:
            break
        proposal, log_constant = chosen
        reach = tail_reach(proposal, log_constant, likelihood.infimum)
        if not reach <= LARGEST_REACH:
            break
        corner = np.full(graph.latent_dim, reach)
        heavy = np.argsort(-cells.log_masses)[:2000]
        found = supremum_of_ratio(
            graph,
            likelihood,
            proposal,
            -corner,
            corner,
            np.concatenate([cells.points[heavy], rows]),
            replace(limits, boxes=max(1, limits.boxes - boxes)),
            np.concatenate([cells.potentials[heavy], potentials]),
            region,
        )
        boxes += found.boxes
        certified = max(found.upper, tail_constant(proposal, reach, likelihood.infimum))
        if math.isfinite(certified) and (best is None or certified < best[0]):
            best = (certified, proposal, found.tiling)
        if boxes >= limits.boxes or (found.finished and found.lower <= log_constant + limits.tolerance):
            # No boxes are left, or another programme could gain no more than the tolerance.
            break
        extra = np.concatenate([extra, found.worst[None]])
        rows = np.concatenate([rows, found.worst[None]])
        if found.lower > min(log_constant, cells.log_integral) + 1.0:
            # A mode that the cells have missed: look again around it.
            cells = fit.find_cells(graph, likelihood, extra)
            region = _region(graph, cells)
            dictionary = fit.dictionary_of(cells, components, seed)
            rows, potentials = fit.programme_rows(cells, dictionary, seed, count)
            rows = np.concatenate([rows, extra])
    if best is None:
        return None
    low, high = _around(cells, 16.0)
    integral = log_integral_lower(graph, likelihood, low, high, share or limits.share, limits, region)
    return Envelope(best[1], best[0], integral.lower, boxes, proof=best[2], integral=integral)


def _around(cells: fit.Cells, depth: float) -> tuple[FloatArray, FloatArray]:
    """A box around the cells whose mass is within a factor exp(`depth`) of the largest."""
    support = cells.points[cells.log_masses >= cells.log_masses.max() - depth]
    margin = 0.05 * (support.max(axis=0) - support.min(axis=0)) + 1e-6
    return support.min(axis=0) - margin, support.max(axis=0) + margin


def _region(graph: Graph, cells: fit.Cells) -> LiveRegion | None:
    """Where most boxes and points of a search are, with the chain that the graph begins with there."""
    chain = chain_of(graph)
    return None if chain is None else live_region(chain, *_around(cells, BULK_DEPTH))


def tail_reach(proposal: Mixture, log_constant: float, infimum: float) -> float:
    """A radius D beyond which the wide component is above exp(-f)/C. Estimate: `tail_constant` decides."""
    need = -log_constant - infimum + _wide_log(proposal)
    return math.sqrt(max(0.0, 2.0 * need / (1.0 - 1.0 / fit.WIDE**2))) * 1.0001 + 1e-3


def tail_constant(proposal: Mixture, reach: float, infimum: float) -> float:
    """Upper bound of log sup exp(-f)/rho over |z| >= `reach`, by the wide component alone. Rounded outward.

    There -f - log rho <= -inf phi - log w_0 + (d/2) log(2 pi s^2) - |z|^2 (1 - 1/s^2)/2.
    """
    if proposal.means[0].any():
        return math.inf
    with precision():
        deviation = 1 / ball(float(proposal.roots[0, 0, 0]))
        is_isotropic = bool((proposal.roots[0] == np.eye(proposal.latent_dim) * proposal.roots[0, 0, 0]).all())
        if not (is_isotropic and bool(deviation > 1)):
            return math.inf
        total = sum((ball(float(weight)) for weight in proposal.weights), arb(0))
        share = ball(float(proposal.weights[0])) / total
        wide = -share.log() + proposal.latent_dim * (2 * arb.pi() * deviation**2).log() / 2
        return upper(wide - ball(infimum) - ball(reach) ** 2 * (1 - 1 / deviation**2) / 2)


def _wide_log(proposal: Mixture) -> float:
    return -float(proposal.log_peaks()[0])
