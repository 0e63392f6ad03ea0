"""What proves Theorem R at one observation: everything that is needed to evaluate it again, and nothing else.

The mixture, regions, forms, shares, multipliers and the ways in which boxes were cut are evidence: any will do, whoever
found them and however. log C, log int exp(-f), p, K and the distance are claims about them, which
`certify.certificates` checks without a search.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, Decimal
from fractions import Fraction

import numpy as np

from certify.arithmetic.intervals import FloatArray
from certify.codec import Exact
from certify.envelopes.box_certificate import Envelope, acceptance_lower, round_acceptance
from certify.envelopes.box_search import IntegralBound
from certify.envelopes.box_tree import Tiling
from certify.envelopes.cells import Cells, cells_between
from certify.envelopes.gaussian_evidence import MeanBound
from certify.envelopes.mixture import Mixture
from certify.envelopes.mixture_entropy import TiltedMixture
from certify.envelopes.mixture_evidence import MixtureEvidence
from certify.envelopes.region_bound import SHARE_STEPS, MixtureBound, RegionBound
from certify.envelopes.regions import Ellipsoid, Region, box_around, boxes_of, regions_between
from certify.envelopes.rejection import proposals_needed
from certify.envelopes.rows import Rows, matrix, symmetric, table, triangle
from certify.envelopes.shell_evidence import ShellEvidence, ShellForm
from certify.generators.graph import Generator
from certify.profiles.records import GeneratorIdentity, exact, identity

METHOD = "rejection-2"
"""What a record was checked by when it was made. A change of what is admitted changes this, and old records end."""

THEOREM = "Theorem R"
"""What proves a record, as rows of observations name it."""

PLACES = Decimal("1e-7")
"""Unit of the last decimal of a logarithm that is claimed, rounded outward."""

MARGIN = 1e-12
"""Share of such a claim given up first: another machine's matrix products round differently."""

UNUSED_EPSILON = Fraction(1, 10)
"""Of the encoder that an envelope gives beside its integral, where nothing depends on that encoder."""


@dataclass(frozen=True)
class ComponentProof:
    """One Gaussian of rho: its weight before division by their sum, mean (d,), and root of its precision.

    The rows of a lower triangular matrix end at its diagonal, here and below.
    """

    weight: Exact
    mean: tuple[Exact, ...]
    root: Rows


@dataclass(frozen=True)
class RegionProof:
    """What proves -f - log rho <= log C on one region (`region_bound`).

    form      which of the forms its neurons have; shares    p_j in units of 2^-20, adding up to 2^20
    inside, outside    multipliers of its two ellipsoids; offset    h
    sides     multipliers (d,) of its box where regions are cut; else none
    """

    form: int
    shares: tuple[int, ...]
    inside: Exact
    outside: Exact
    offset: Exact
    sides: tuple[Exact, ...] = ()


@dataclass(frozen=True)
class RegionsProof:
    """Regions that cover R^d: between ellipsoids {|L'(z - c)| <= R} of one centre and root, and beyond the last.

    forms    rows (b_v, b_s, q_vv, q_vs, q_ss) for every neuron, (k, 5) each; where there are products nine, (k, 9)
    regions  one more than there are radii, where they are not cut
    axes, cuts   rows (d, d), and for every radius a tree in preorder, (axis, place) or (-1, 0) for a leaf: what its
                 ellipsoid adds is cut by the tree, region by region in its order (`regions.boxes_of`)
    """

    centre: tuple[Exact, ...]
    root: Rows
    radii: tuple[Exact, ...]
    forms: tuple[Rows, ...]
    regions: tuple[RegionProof, ...]
    axes: Rows = ()
    cuts: tuple[tuple[tuple[int, Exact], ...], ...] = ()

    def ellipsoids(self) -> list[Ellipsoid]:
        """In their order. Exact."""
        centre, root = np.array(self.centre), matrix(self.root)
        return [Ellipsoid(centre, root, float(radius)) for radius in self.radii]

    def pieces(self) -> list[Region] | None:
        """The regions, which cover R^d; None where the cuts are no trees. Exact but for the boxes around ellipsoids."""
        whole = list(regions_between(self.ellipsoids()))
        if not self.cuts:
            return whole
        axes = np.array(self.axes, dtype=np.float64)
        found: list[Region] = []
        for region, tree in zip(whole[:-1], self.cuts, strict=True):
            assert region.inside is not None, "all but the last"
            boxes = boxes_of(box_around(region.inside, axes), [(axis, float(place)) for axis, place in tree])
            if boxes is None:
                return None
            found.extend(replace(region, box=box) for box in boxes)
        return [*found, whole[-1]]


@dataclass(frozen=True)
class BoxesProof:
    """The box [-`reach`, `reach`]^d and how it was cut (`box_tree`); beyond it the first component alone is enough."""

    reach: Exact
    splits: str


@dataclass(frozen=True)
class CellsProof:
    """The box over which exp(-f) was integrated: `sides`^d cells, and how they were cut."""

    low: tuple[Exact, ...]
    high: tuple[Exact, ...]
    sides: int
    splits: str


@dataclass(frozen=True)
class MeanProof:
    """N(mean, BB'), B = `factor`: log int exp(-f) >= entropy - E f.

    `weights` of the second layer's neurons, or of the products.
    """

    mean: tuple[Exact, ...]
    factor: Rows
    weights: tuple[Exact, ...]


@dataclass(frozen=True)
class GaussiansProof:
    """Gaussians N(m_k, BB') of `shares` w: log int exp(-f) >= entropy of the mixture - E f (`mixture_entropy`).

    `means` m (k, d), B = `factor` (d, d); `weights` as in `MeanProof`, for all; `linear`, `spreads` (k, d) and `shears`
    (k, d (d-1)/2), or none: the tilts.
    """

    shares: tuple[Exact, ...]
    means: Rows
    factor: Rows
    weights: tuple[Exact, ...]
    linear: Rows
    spreads: Rows
    shears: Rows = ()

    def mixture(self) -> TiltedMixture:
        """The mixture with its tilts. Exact."""
        return TiltedMixture(
            np.array(self.shares), np.array(self.means), np.array(self.factor), np.array(self.linear),
            np.array(self.spreads), np.array(self.shears) if self.shears else np.zeros((len(self.shares), 0)),
        )  # fmt: skip


@dataclass(frozen=True)
class ShellProof:
    """What bounds f from above on the shell up to `radius`: `above` Q (1 + d, 1 + d) and a row of psi for each neuron.

    `above` is symmetric: its rows end at the diagonal.
    """

    radius: Exact
    above: Rows
    form: Rows


@dataclass(frozen=True)
class ShellsProof:
    """Shells of z = `mean` + B y, B = `factor`, one around the other (`shell_evidence`)."""

    mean: tuple[Exact, ...]
    factor: Rows
    shells: tuple[ShellProof, ...]

    def forms(self) -> list[ShellForm]:
        """The shells. Exact."""
        return [
            ShellForm(float(shell.radius), symmetric(shell.above), np.array(shell.form, dtype=np.float64))
            for shell in self.shells
        ]


@dataclass(frozen=True)
class RejectionProof:
    """One observation x (n,) of one decoder at noise beta: what is claimed of it, with what proves it.

    method         `METHOD` of the program that made it
    likelihood     what the decoder's outputs mean; a Bernoulli one has no noise
    proposal       rho
    regions, boxes the one of the two that proves exp(-f) <= C rho on R^d
    mean, cells, gaussians, shells    the one that bounds int exp(-f); none where nothing does
    log_constant   log C from above; log_integral   log int exp(-f) from below
    acceptance     P(a proposal that is evaluated is accepted) from below
    proposals, tv_bound   K, and how close the first accepted of K is to pi_x; None where epsilon is not met
    evaluated, tries      the share of proposals that are evaluated, from above (`cells`), and of how many each of the K
                   is the first such; 1 and 1 where all are
    """

    method: str
    generator: GeneratorIdentity
    likelihood: str
    observation: tuple[Exact, ...]
    beta: Exact
    epsilon: Fraction
    proposal: tuple[ComponentProof, ...]
    log_constant: float
    log_integral: float
    acceptance: float
    regions: RegionsProof | None = None
    boxes: BoxesProof | None = None
    mean: MeanProof | None = None
    cells: CellsProof | None = None
    proposals: int | None = None
    tv_bound: float | None = None
    gaussians: GaussiansProof | None = None
    evaluated: float = 1.0
    tries: int = 1
    shells: ShellsProof | None = None

    def mixture(self) -> Mixture:
        """Rho. Exact."""
        return Mixture(
            np.array([item.weight for item in self.proposal]),
            np.array([item.mean for item in self.proposal]),
            np.array([matrix(item.root) for item in self.proposal]),
        )

    def envelope(self) -> Envelope:
        """The envelope that is claimed. Exact: as claimed."""
        boxes = 0 if self.boxes is None else len(self.boxes.splits)
        return Envelope(
            self.mixture(), self.log_constant, self.log_integral, boxes, self.envelope_method,
            evaluated=self.evaluated, tries=self.tries, cells=self.rejecting_cells(),
        )  # fmt: skip

    def rejecting_cells(self) -> Cells | None:
        """The cells by which proposals are refused; None where all are evaluated, or where there are none. Exact."""
        proof = self.regions
        if self.evaluated >= 1.0 or proof is None or len(proof.regions) != len(self.proposal):
            return None
        regions = proof.pieces()
        alone = all(item.shares[place] == SHARE_STEPS for place, item in enumerate(proof.regions))
        if regions is None or len(regions) != len(proof.regions) or not alone:
            return None
        return cells_between(
            regions, np.array([item.inside for item in proof.regions], dtype=np.float64),
            np.array([item.outside for item in proof.regions], dtype=np.float64),
            [np.array(item.sides, dtype=np.float64) if item.sides else None for item in proof.regions],
        )  # fmt: skip

    @property
    def envelope_method(self) -> str:
        """By which method exp(-f) <= C rho is proved. Exact."""
        return "quadratic form" if self.boxes is None else "boxes"


def rejection_proof(
    generator: Generator, observation: FloatArray, beta: float, epsilon: Fraction, envelope: Envelope
) -> RejectionProof:
    """The record of a certified envelope: its claims rounded outward, p, K and the distance from them."""
    mixture = envelope.proposal
    log_constant, log_integral = _above(envelope.log_constant), -_above(-envelope.log_integral)
    evaluated = _share_above(envelope.evaluated)
    acceptance = acceptance_lower(log_constant, log_integral, evaluated)
    tries = envelope.tries if evaluated < 1.0 else 1
    needed = proposals_needed(round_acceptance(acceptance, evaluated, tries), epsilon)
    proof, integral = envelope.proof, envelope.integral
    assert proof is not None, "envelopes are made with their proofs"
    return RejectionProof(
        METHOD, identity(generator), generator.likelihood, exact(observation), Exact(beta), epsilon,
        tuple(
            ComponentProof(Exact(float(weight)), exact(mean), triangle(root))
            for weight, mean, root in zip(mixture.weights, mixture.means, mixture.roots, strict=True)
        ),
        log_constant, log_integral, acceptance,
        regions=_regions(proof) if isinstance(proof, MixtureBound) else None,
        boxes=BoxesProof(Exact(float(proof.high[0])), proof.splits) if isinstance(proof, Tiling) else None,
        mean=_mean(integral) if isinstance(integral, MeanBound) else None,
        cells=_cells(integral.tiling) if isinstance(integral, IntegralBound) and math.isfinite(log_integral) else None,
        proposals=None if needed is None else needed.proposals,
        tv_bound=None if needed is None else needed.tv_bound,
        gaussians=_gaussians(integral) if isinstance(integral, MixtureEvidence) else None,
        evaluated=evaluated,
        tries=tries,
        shells=_shells(integral) if isinstance(integral, ShellEvidence) else None,
    )  # fmt: skip


def _regions(proof: MixtureBound) -> RegionsProof:
    """Neighbouring regions share forms, which are written once."""
    inside = [part.region.inside for part in proof.regions if part.region.inside is not None]
    # What an ellipsoid adds may be cut into several regions.
    ellipsoids = list({id(item): item for item in inside}.values())
    boxes = [part.region.box for part in proof.regions if part.region.box is not None]
    d = proof.proposal.latent_dim
    forms: list[FloatArray] = []
    regions = []
    for part in proof.regions:
        if not (forms and np.array_equal(forms[-1], part.coefficients)):
            forms.append(part.coefficients)
        regions.append(_region(part, len(forms) - 1))
    return RegionsProof(
        exact(ellipsoids[0].centre) if ellipsoids else exact(np.zeros(d)),
        triangle(ellipsoids[0].root) if ellipsoids else triangle(np.eye(d)),
        exact([item.radius for item in ellipsoids]),
        tuple(table(form) for form in forms),
        tuple(regions),
        table(boxes[0].axes) if boxes else (),
        tuple(tuple((axis, Exact(place)) for axis, place in tree) for tree in proof.cuts),
    )


def _region(part: RegionBound, form: int) -> RegionProof:
    shares = tuple(int(share) for share in part.shares * SHARE_STEPS)
    sides = () if part.sides is None else exact(part.sides)
    return RegionProof(form, shares, Exact(part.inside), Exact(part.outside), Exact(part.offset), sides)


def _mean(bound: MeanBound) -> MeanProof:
    return MeanProof(exact(bound.mean), triangle(bound.factor), exact(bound.weights))


def _shells(bound: ShellEvidence) -> ShellsProof:
    return ShellsProof(
        exact(bound.mean),
        triangle(bound.factor),
        tuple(
            ShellProof(Exact(shell.radius), triangle(shell.above), table(shell.coefficients)) for shell in bound.shells
        ),
    )


def _gaussians(bound: MixtureEvidence) -> GaussiansProof:
    found = bound.mixture
    return GaussiansProof(
        exact(found.shares), table(found.means), table(found.factor), exact(bound.weights), table(found.linear),
        table(found.spreads), table(found.shears) if found.shears.shape[1] else (),
    )  # fmt: skip


def _cells(tiling: Tiling) -> CellsProof:
    return CellsProof(exact(tiling.low), exact(tiling.high), tiling.sides, tiling.splits)


def _above(value: float) -> float:
    """A number above `value` with few decimals, where floats have more than that."""
    if not math.isfinite(value):
        return value
    given = value + MARGIN * (1.0 + abs(value))
    found = float(Decimal(given).quantize(PLACES, ROUND_CEILING)) if abs(value) < 1e12 else given
    return found if found > value else given


def _share_above(share: float) -> float:
    """A number above `share`, at most 1, with seven digits."""
    given = Decimal(share * (1.0 + MARGIN))
    return min(1.0, float(given.quantize(Decimal(1).scaleb(given.adjusted() - 6), ROUND_CEILING)))
