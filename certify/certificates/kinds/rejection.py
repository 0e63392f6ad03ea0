"""An observation's certificate by Theorem R, checked again: bounds at the record's own evidence, rounded outward.

In this order, ending with the first claim that is not confirmed: p, K and the distance from log C and the integral;
exp(-f) <= C rho, region by region by one definite matrix each, or box by box over the leaves of the record's tree; the
integral of exp(-f), by means under one Gaussian or several, over shells, or cell by cell. Nothing is searched: the
regions and the boxes cover R^d by how they are written. No constant of the decoder is taken for granted.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from certify.arithmetic.balls import ball, lower, precision, upper
from certify.arithmetic.intervals import FloatArray, MatrixBall
from certify.bounds.bracket import Region as Domain
from certify.bounds.ranges import Interval, node_ranges, uncertified_domains
from certify.certificates.kind import Kind, Verification
from certify.envelopes.box_certificate import acceptance_lower, round_acceptance, tail_constant
from certify.envelopes.box_chain import chain_of
from certify.envelopes.box_search import BATCH, log_masses_lower, log_ratio_upper, log_sum_lower
from certify.envelopes.box_tree import Tiling, bisected
from certify.envelopes.evaluated_share import evaluated_upper
from certify.envelopes.gaussian_evidence import evidence_again
from certify.envelopes.lifted_form import LiftedNetwork
from certify.envelopes.likelihood import BernoulliLikelihood, GaussianLikelihood, Likelihood, likelihood_of
from certify.envelopes.live_neurons import local_graph
from certify.envelopes.mixture_evidence import mixture_evidence_again
from certify.envelopes.quadratic_envelope import form_of, network_of
from certify.envelopes.records import METHOD, THEOREM, RegionsProof, RejectionProof, ShellsProof
from certify.envelopes.region_bound import SHARE_STEPS, region_bound
from certify.envelopes.regions import (
    Region,
    box_ranges,
    input_ranges,
)
from certify.envelopes.rejection import MOST_PROPOSALS
from certify.envelopes.rows import matrix, same_rows
from certify.envelopes.shell_evidence import shell_evidence_again
from certify.errors import InputError
from certify.generators.graph import BERNOULLI, Generator
from certify.profiles.records import exact
from certify.threads import one_thread
from certify.wording import counted

MOST_COMPONENTS, MOST_REGIONS, MOST_SHELLS = 2000, 1000, 50
"""More are no record of ours, and would take what memory there is."""

ROOM = (0.0, 1e-14, 1e-13)
"""What is added to an offset until its matrix is definite: another machine's factorisation rounds differently."""

EXTREME = 1e100
"""Beyond this the products of a mixture's numbers are no floats."""


def verify(record: RejectionProof, generator: Generator) -> Verification:
    """Whether every claim of the record holds at the decoder. Rounded outward."""
    try:
        # What overflows in the arithmetic of a made-up record is no bound, and ends as a refusal.
        with one_thread(), np.errstate(all="ignore"):
            reason = next(_doubts(record, generator), "")
    except InputError as error:
        reason = str(error)
    except np.linalg.LinAlgError:
        reason = "the root of its ellipsoids, the axes of its cells or a factor of its integral has no inverse"
    return Verification(not reason, _claim(record, generator), reason)


def doubt_at(record: RejectionProof, generator: Generator, row: FloatArray, beta: float) -> str:
    """Why a record is not believed of `row` (n,) at noise `beta`; "" where it is about that and all its claims hold."""
    noisy = generator.likelihood != BERNOULLI
    about = record.observation, record.generator.sha256, noisy and record.beta
    if about != (exact(row), generator.sha256, noisy and beta):
        return "it is about another observation"
    return verify(record, generator).reason


def _doubts(record: RejectionProof, generator: Generator) -> Iterator[str]:
    """The claims that are not confirmed, each a clause; the cheap ones first."""
    yield from _outside_the_domain(record, generator)
    yield from _acceptance(record)
    likelihood = likelihood_of(generator, np.array(record.observation), record.beta)
    lifted = _Lifted(generator, likelihood)
    constant = _regions(record, lifted) if record.boxes is None else _boxes(record, generator, likelihood)
    if not constant <= record.log_constant:
        yield f"log C is not <= {record.log_constant!r}: evaluated, at most {constant!r}"
    if record.evaluated < 1.0:
        # Where log C is infinite nothing was proved of the regions, and their parts need not fit together.
        share = _evaluated(record) if math.isfinite(constant) else 1.0
        if not share <= record.evaluated:
            yield f"the share that is evaluated is not <= {record.evaluated!r}: evaluated, at most {share!r}"
    integral = _integral(record, generator, likelihood, lifted)
    if not integral >= record.log_integral:
        yield f"log int exp(-f) is not >= {record.log_integral!r}: evaluated, at least {integral!r}"


def _outside_the_domain(record: RejectionProof, generator: Generator) -> Iterator[str]:
    d = generator.latent_dim
    if record.method != METHOD:
        yield f"it was made by the method `{record.method[:40]}`, this program has `{METHOD}`"
    if record.likelihood != generator.likelihood:
        yield f"it is about a likelihood `{record.likelihood[:40]}`, the decoder has `{generator.likelihood}`"
    if not 0 < record.epsilon < 1:
        yield "epsilon must be in (0, 1)"
    if len(record.observation) != generator.observed_dim:
        yield f"x must have {generator.observed_dim} entries"
    if not 1 <= len(record.proposal) <= MOST_COMPONENTS:
        yield f"rho must have 1 to {MOST_COMPONENTS} components"
    if not all(len(item.mean) == d and same_rows(item.root, d) for item in record.proposal):
        yield f"the components' means and roots must have {d} and {d} x {d} entries"
    numbers = np.concatenate([np.abs([*item.mean, *(x for row in item.root for x in row)]) for item in record.proposal])
    weights = np.array([item.weight for item in record.proposal])
    ends = np.array([row[-1] for item in record.proposal for row in item.root])
    if not (weights.min() > 0 and ends.min() > 0 and weights.max() < EXTREME and numbers.max() < EXTREME):
        yield "weights and diagonals must be positive, and no number of rho extreme"
    if (record.regions is None) == (record.boxes is None):
        yield "exp(-f) <= C rho must be proved by regions or by boxes"
    if sum(part is not None for part in (record.mean, record.cells, record.gaussians, record.shells)) > 1:
        yield "the integral must be bounded by a mean, by cells, by Gaussians or by shells"


class _Lifted:
    """The network in lifted form with the potential's form, made where it is asked for."""

    def __init__(self, generator: Generator, likelihood: Likelihood) -> None:
        self._graph, self._likelihood = generator.graph, likelihood

    def parts(self) -> tuple[LiftedNetwork, MatrixBall] | None:
        """None where the network has no such form."""
        if not isinstance(self._likelihood, GaussianLikelihood | BernoulliLikelihood):
            return None
        network = network_of(self._graph, self._likelihood)
        return None if network is None else (network, form_of(network, self._likelihood))


def _regions(record: RejectionProof, lifted: _Lifted) -> float:
    """Log C from above over all regions; infinite where one of them is not proved."""
    proof, parts = record.regions, lifted.parts()
    if proof is None or parts is None or not _fits(proof, parts[0], len(record.proposal)):
        return math.inf
    network, form = parts
    pieces = _pieces(proof, network)
    if pieces is None or len(pieces) != len(proof.regions):
        return math.inf
    forms = [np.array(rows).reshape(network.neurons, network.width) for rows in proof.forms]
    mixture, worst = record.mixture(), -math.inf
    for (region, interval), item in zip(pieces, proof.regions, strict=True):
        sides = np.array(item.sides, dtype=np.float64) if item.sides else None
        found = region_bound(
            network, form, mixture, region, interval, forms[item.form], np.array(item.shares) / SHARE_STEPS,
            item.inside, item.outside, item.offset, ROOM, sides,
        )  # fmt: skip
        if found is None:
            return math.inf
        worst = max(worst, found.log_constant)
    return worst


def _evaluated(record: RejectionProof) -> float:
    """The share of proposals that are evaluated, from above; 1 where nothing says that it is less."""
    cells = record.rejecting_cells()
    return 1.0 if cells is None else evaluated_upper(cells, record.mixture())


def _pieces(proof: RegionsProof, network: LiftedNetwork) -> list[tuple[Region, Interval | None]] | None:
    """The regions, which cover R^d, with their inputs' ranges; None where the cuts are no trees."""
    regions = proof.pieces()
    if regions is None or len(regions) > MOST_REGIONS + 1:
        return None
    ellipsoids = list({id(item.inside): item.inside for item in regions if item.inside is not None}.values())
    known = dict(zip(map(id, ellipsoids), input_ranges(network, ellipsoids), strict=True))
    found: list[tuple[Region, Interval | None]] = []
    for region in regions:
        interval = None if region.inside is None else known[id(region.inside)]
        if region.inside is not None and region.box is not None and interval is not None:
            interval = box_ranges(network, region.inside, region.box, interval)
        found.append((region, interval))
    return found


def _fits(proof: RegionsProof, network: LiftedNetwork, components: int) -> bool:
    """Whether the parts have the sizes that they need, no number is extreme, and no radius is negative."""
    d, count = network.latent_dim, len(proof.regions)
    return (
        len(proof.centre) == d
        and same_rows(proof.root, d)
        and len(proof.radii) < count <= MOST_REGIONS
        and (bool(proof.cuts) or count == len(proof.radii) + 1)
        and (not proof.cuts or (len(proof.cuts) == len(proof.radii) and same_rows(proof.axes, d, d)))
        and not (proof.cuts and network.partners is not None)
        and sum(map(len, proof.cuts)) <= 2 * MOST_REGIONS
        and all(abs(number) < EXTREME for row in proof.axes for number in row)
        and all(abs(place) < EXTREME for tree in proof.cuts for _, place in tree)
        and all(0.0 <= radius < EXTREME for radius in proof.radii)
        and len(proof.forms) <= MOST_REGIONS
        and all(same_rows(form, network.neurons, network.width) for form in proof.forms)
        and all(
            0 <= item.form < len(proof.forms)
            and len(item.shares) == components
            and len(item.sides) in (0, d)
            and all(0 <= share <= SHARE_STEPS for share in item.shares)
            for item in proof.regions
        )
    )


def _boxes(record: RejectionProof, generator: Generator, likelihood: Likelihood) -> float:
    """Log C from above, over the leaves and beyond them; infinite where the tree is none."""
    proof, d = record.boxes, generator.latent_dim
    assert proof is not None, "the caller has looked"
    corner = np.full(d, float(proof.reach))
    leaves = Tiling(-corner, corner, 1, proof.splits).leaves()
    if leaves is None or uncertified_domains(node_ranges(generator.graph, Domain())):
        return math.inf
    mixture = record.mixture()

    def largest(lows: FloatArray, highs: FloatArray) -> float:
        claimed = record.log_constant
        return float(log_ratio_upper(generator.graph, likelihood, mixture, lows, highs, claimed)[0].max())

    worst = max(largest(*part) for part in _batches(*leaves))
    return max(worst, tail_constant(mixture, float(proof.reach), likelihood.infimum))


def _integral(record: RejectionProof, generator: Generator, likelihood: Likelihood, lifted: _Lifted) -> float:
    """Log int exp(-f) from below; -inf where nothing is proved."""
    d = generator.latent_dim
    if record.mean is not None:
        proof, parts = record.mean, lifted.parts()
        if parts is None or not (len(proof.mean) == d and same_rows(proof.factor, d)):
            return -math.inf
        weights = np.array(proof.weights, dtype=np.float64)
        return evidence_again(*parts, np.array(proof.mean), matrix(proof.factor), weights)
    if record.gaussians is not None:
        given, parts = record.gaussians, lifted.parts()
        count = len(given.shares)
        tables = (given.means, given.linear, given.spreads)
        fits = same_rows(given.factor, d, d) and all(same_rows(rows, count, d) for rows in tables)
        fits = fits and (not given.shears or (d > 1 and same_rows(given.shears, count, d * (d - 1) // 2)))
        if parts is None or not fits or not 1 <= count <= MOST_COMPONENTS:
            return -math.inf
        return mixture_evidence_again(*parts, given.mixture(), np.array(given.weights, dtype=np.float64))
    if record.shells is not None:
        return _over_shells(record.shells, lifted)
    if record.cells is not None:
        cells = record.cells
        if len(cells.low) != d or len(cells.high) != d:
            return -math.inf
        low, high = np.array(cells.low), np.array(cells.high)
        leaves = Tiling(low, high, cells.sides, cells.splits).leaves()
        if leaves is None or uncertified_domains(node_ranges(generator.graph, Domain())):
            return -math.inf
        found = -math.inf
        local = local_graph(generator.graph, low, high).inside
        passes = [(generator.graph, leaves, True), (local, leaves, True), (local, leaves, False)]
        if chain_of(generator.graph) is not None:
            # A search that knew of larger boxes what is off in them may have been closer on a leaf than what is seen
            # of the leaf alone: its halves are closer by more.
            halves = bisected(*leaves, np.argmax(leaves[1] - leaves[0], axis=1))
            passes.append((generator.graph, halves, True))
        for graph, boxes, single in passes:
            # By float32 where that reaches what is claimed.
            masses = [log_masses_lower(graph, likelihood, *part, single) for part in _batches(*boxes)]
            found = max(found, log_sum_lower(np.concatenate(masses)))
            if found >= record.log_integral:
                break
        return found
    return -math.inf


def _over_shells(proof: ShellsProof, lifted: _Lifted) -> float:
    """Log int exp(-f) over shells from below; -inf where nothing is proved."""
    parts = lifted.parts()
    if parts is None or len(proof.shells) > MOST_SHELLS:
        return -math.inf
    network, d = parts[0], parts[0].latent_dim
    fits = len(proof.mean) == d and same_rows(proof.factor, d)
    fits = fits and all(
        same_rows(shell.above, 1 + d) and same_rows(shell.form, network.neurons, network.width)
        for shell in proof.shells
    )
    if not fits:
        return -math.inf
    return shell_evidence_again(*parts, np.array(proof.mean), matrix(proof.factor), proof.forms())


def _batches(lows: FloatArray, highs: FloatArray) -> Iterator[tuple[FloatArray, FloatArray]]:
    for start in range(0, len(lows), BATCH):
        yield lows[start : start + BATCH], highs[start : start + BATCH]


def _acceptance(record: RejectionProof) -> Iterator[str]:
    """P, K and the distance from log C and the integral alone."""
    if not 0.0 < record.evaluated <= 1.0 or not 1 <= record.tries <= MOST_PROPOSALS:
        yield f"the share that is evaluated must be in (0, 1], and its proposals in [1, {MOST_PROPOSALS}]"
        return
    if record.evaluated >= 1.0 and record.tries > 1:
        yield "where all proposals are evaluated there is one for each of the K"
        return
    if _is_more_than_evaluated(record):
        yield "int exp(-f) is above what is evaluated"
        return
    found = acceptance_lower(record.log_constant, record.log_integral, record.evaluated)
    if not 0.0 <= record.acceptance <= found:
        yield f"p is not >= {record.acceptance!r}: evaluated, at least {found!r}"
    count, bound = record.proposals, record.tv_bound
    if count is None or bound is None:
        if (count is None) != (bound is None):
            yield "K and the distance belong together"
        return
    if not 1 <= count <= MOST_PROPOSALS:
        yield f"K must be in [1, {MOST_PROPOSALS}]"
        return
    passed = round_acceptance(record.acceptance, record.evaluated, record.tries)
    with precision():
        distance = upper((1 - ball(passed)) ** count)
        if not distance <= bound:
            yield f"the distance is not <= {bound!r}: evaluated, at most {distance!r}"
        if not ball(bound) <= ball(record.epsilon):
            yield "the distance is not <= epsilon"


def _is_more_than_evaluated(record: RejectionProof) -> bool:
    """Whether int exp(-f) would be above a C: the acceptance would be above 1."""
    if not (math.isfinite(record.log_integral) and math.isfinite(record.log_constant)):
        return record.log_integral > record.log_constant
    with precision():
        # Floats would round the right side up.
        return lower(ball(record.log_integral) - ball(record.log_constant) - ball(record.evaluated).log()) > 0.0


def _claim(record: RejectionProof, generator: Generator) -> str:
    """What the record says; the decoder's name is its own, not what the record calls it."""
    noise = "bits" if record.likelihood == BERNOULLI else f"beta = {record.beta:.6g}"
    said = "epsilon not met"
    if record.proposals is not None:
        first = f"the first accepted of {counted(record.proposals, 'proposal')}"
        if record.tries > 1:
            first += f", each the first of {counted(record.tries, 'draw')} that is not refused before G is evaluated,"
        said = f"{first} is within {record.tv_bound!r} of pi_x (Theorem R)"
    return f"{generator.name}, {noise}: a proposal is accepted with p >= {record.acceptance!r}; {said}"


def _said(record: RejectionProof) -> dict[str, float | int | str | None]:
    return {
        "layers": record.proposals, "tv_bound": record.tv_bound, "p_certified": record.acceptance,
        "log_constant": record.log_constant, "log_integral": record.log_integral, "envelope": record.envelope_method,
        "components": len(record.proposal), "epsilon": float(record.epsilon),
        **({} if record.tries == 1 else {"tries": record.tries, "evaluated": record.evaluated}),
        **({} if record.likelihood == BERNOULLI else {"beta": float(record.beta)}),
        **({} if record.proposals is None else {"theorem": THEOREM}),
    }  # fmt: skip


KIND = Kind(
    name="rejection",
    record=RejectionProof,
    generator=lambda record: record.generator,
    observation=lambda record: record.observation,
    premise=lambda record: None,
    verify=verify,
    said=_said,
    likelihood=lambda record: record.likelihood,
)
