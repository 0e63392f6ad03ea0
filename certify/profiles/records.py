"""What proves an observation's certificate: everything that is needed to evaluate it again, and nothing else.

Points, factors, radii, multipliers and choices are evidence: any will do, whoever found them and however. The other
numbers are claims about them. `certify.certificates` checks every claim without a search; `sharp_problem` is what
follows from the claims alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from certify.arithmetic.balls import ball, lower, precision, upper
from certify.arithmetic.intervals import FloatArray
from certify.arithmetic.rounding import Direction, outward
from certify.bounds.bracket import Multipliers
from certify.bounds.method import ConstantName
from certify.codec import Exact
from certify.generators.graph import Generator
from certify.posteriors.profile import Profile
from certify.sharp.centre import Centre, measured_problem
from certify.sharp.chain import ChainBound, Start
from certify.sharp.problem import SharpProblem, profile_problem
from certify.sharp.schedule import Schedule

METHOD = "observation-1"
"""What a record was checked by when it was made. A change of what is admitted changes this, and old records end."""

DIGITS = 8
"""Significant digits of a claim about the centre, rounded outward."""

MARGIN = 1e-12
"""Share of such a claim given up first: another machine's matrix products round differently."""

ONE_LAYER, CHAIN = "G1*", "Theorem 1*"


@dataclass(frozen=True)
class GeneratorIdentity:
    """Which decoder a record is about: the digest decides; name and specification say where it was found."""

    name: str
    specification: str
    sha256: str


@dataclass(frozen=True)
class StretchProof:
    """Multipliers T >= 0 and the objective s of the matrix inequality that proves m or M (`bounds.semidefinite`)."""

    objective: Exact
    multipliers: tuple[Exact, ...]


@dataclass(frozen=True)
class GlobalConstants:
    """Certified m > 0 (two-point inequality), M and M2 on all of R^d, with what proves m and M where there is such."""

    m: float
    M: float
    M2: float
    m_proof: StretchProof | None = None
    M_proof: StretchProof | None = None

    @property
    def values(self) -> tuple[float, float, float]:
        """m, M and M2. Exact."""
        return self.m, self.M, self.M2

    @property
    def multipliers(self) -> dict[ConstantName, Multipliers]:
        """The multipliers by constant. Exact."""
        proofs: dict[ConstantName, StretchProof | None] = {"m": self.m_proof, "M": self.M_proof}
        return {
            name: Multipliers(proof.objective, proof.multipliers, is_optimal=True)
            for name, proof in proofs.items()
            if proof is not None
        }


@dataclass(frozen=True)
class CentreProof:
    """A point c (d,) and a factor B (d, d) of z = c + B y, and the claims of `certify.sharp.centre.Centre` there."""

    point: tuple[Exact, ...]
    factor: tuple[tuple[Exact, ...], ...]
    gradient_upper: float
    residual_upper: float
    defect_upper: float
    sigma_min_lower: float
    jacobian_upper: float

    def centre(self) -> Centre:
        """The same with arrays. Exact."""
        return Centre(
            np.array(self.point), np.array(self.factor), self.gradient_upper, self.residual_upper, self.defect_upper,
            self.sigma_min_lower, self.jacobian_upper,
        )  # fmt: skip


@dataclass(frozen=True)
class BendProof:
    """||sum_i r_i(c) Hess G_i(z)|| <= `value` everywhere: by M2 |r(c)| where there are no multipliers, else by them.

    `lower` and `upper` prove the two sides of `certify.profiles.residual_curvature`, (k,) each.
    """

    value: float
    lower: tuple[Exact, ...] | None = None
    upper: tuple[Exact, ...] | None = None


@dataclass(frozen=True)
class BallProof:
    """`lower` <= lambda_min(Hess F) and lambda_max(Hess F) <= `upper` for |y| <= `radius`, each by its multipliers."""

    radius: Exact
    lower: float
    upper: float
    lower_multipliers: tuple[Exact, ...]
    upper_multipliers: tuple[Exact, ...]


@dataclass(frozen=True)
class LayerProof:
    """G1* at R = `radius` and R2 = `outer`: TV(pi_x, N(c, B B^T)) <= `tv_bound`."""

    radius: Fraction
    outer: Fraction
    tv_bound: float


@dataclass(frozen=True)
class ChainTerms:
    """The terms of Theorem 1* and what they were made of, rounded outward."""

    tail: float
    start_outside: float
    exit: float
    discretisation: float
    smoothing: float
    mu: float
    q: float


@dataclass(frozen=True)
class ChainProof:
    """Theorem 1* at these choices: the chain of `schedule.layers` layers is within `tv_bound` of pi_x."""

    radius: Fraction
    outer: Fraction
    width: Fraction
    start: Start
    schedule: Schedule
    terms: ChainTerms
    tv_bound: float


@dataclass(frozen=True)
class ObservationProof:
    """One observation x (n,) of one decoder at noise beta: what is claimed of it, with what proves it.

    method       `METHOD` of the program that made it
    generator    the decoder
    constants    the premise: |G(z)-G(z')| >= m |z-z'|, Lipschitz constants M of G and M2 of its Jacobian on R^d
    balls        bounds of the Hessian over growing balls; where there are none the closed forms stand alone
    layer, chain what is claimed of one Gaussian layer and of a chain; None where nothing is
    """

    method: str
    generator: GeneratorIdentity
    observation: tuple[Exact, ...]
    beta: Exact
    epsilon: Fraction
    constants: GlobalConstants
    centre: CentreProof
    bend: BendProof
    balls: tuple[BallProof, ...]
    layer: LayerProof | None = None
    chain: ChainProof | None = None

    @property
    def theorem(self) -> str:
        """By which theorem a distance <= epsilon is claimed; "" where none is. Exact."""
        if self.layer is not None and self._is_met(self.layer.tv_bound):
            return ONE_LAYER
        return CHAIN if self.chain is not None and self._is_met(self.chain.tv_bound) else ""

    def _is_met(self, tv_bound: float) -> bool:
        return math.isfinite(tv_bound) and Fraction(tv_bound) <= self.epsilon

    @property
    def layers(self) -> int | None:
        """Stochastic layers of the encoder whose distance is claimed to be <= epsilon. Exact."""
        if self.theorem == ONE_LAYER:
            return 1
        return self.chain.schedule.layers if self.theorem and self.chain is not None else None

    @property
    def tv_bound(self) -> float | None:
        """The distance claimed of that encoder; of none, the smallest that is claimed of a chain. Exact: as claimed."""
        if self.theorem == ONE_LAYER and self.layer is not None:
            return self.layer.tv_bound
        return None if self.chain is None else min(self.chain.tv_bound, 1.0)


def identity(generator: Generator) -> GeneratorIdentity:
    """The decoder's name and digest, and its family or file where it has one. Exact."""
    metadata = generator.metadata
    return GeneratorIdentity(generator.name, metadata.get("specification", metadata.get("file", "")), generator.sha256)


def exact(values: FloatArray | Sequence[float]) -> tuple[Exact, ...]:
    """The entries of a vector (k,), as they are. Exact."""
    return tuple(Exact(float(value)) for value in values)


def claimed_centre(centre: Centre) -> CentreProof:
    """The centre with its numbers to `DIGITS` digits, the lower ones rounded down. Bounds, rounded outward."""
    return CentreProof(
        exact(centre.point), tuple(exact(row) for row in centre.factor), _above(centre.gradient_upper),
        _above(centre.residual_upper), _above(centre.defect_upper), _below(centre.sigma_min_lower),
        _above(centre.jacobian_upper),
    )  # fmt: skip


def _above(value: float) -> float:
    return outward(value * (1 + MARGIN), DIGITS, Direction.UP)


def _below(value: float) -> float:
    return outward(value * (1 - MARGIN), DIGITS, Direction.DOWN)


def chain_terms(bound: ChainBound) -> ChainTerms:
    """The terms of an enclosed bound: mu from below, the others from above. Bounds, rounded outward."""
    return ChainTerms(
        upper(bound.tail), upper(bound.start_outside), upper(bound.exit), upper(bound.discretisation),
        upper(bound.smoothing), lower(bound.mu), upper(bound.q),
    )  # fmt: skip


def sharp_problem(
    centre: CentreProof, bend: float, profile: Profile | None, constants: GlobalConstants, beta: float
) -> SharpProblem:
    """The posterior by the better of its profile and the closed forms, with `bend` in place of M2 |r(c)|.

    Without a profile (a network too wide for one, or nothing proved) the closed forms stand alone.
    Guarantee: what the arguments claim implies what the problem says. Bounds, rounded outward.
    """
    closed = measured_problem(
        _with_bend(centre.centre(), constants, bend), constants.m, constants.M, constants.M2, beta
    )
    if profile is None:
        return closed
    with precision():
        radii = [ball(float(radius)) for radius in profile.radii]
        q = np.array([upper(closed.curvature.q(radius)) for radius in radii])
        mu = np.array([lower(closed.curvature.mu(radius)) for radius in radii])
    return profile_problem(profile.tightened(q, mu), closed)


def _with_bend(centre: Centre, constants: GlobalConstants, bend: float) -> Centre:
    """The centre with the residual length whose product with M2 is `bend`: p and the far field only use the product."""
    if constants.M2 == 0.0:
        return centre
    with precision():
        return replace(centre, residual_upper=min(centre.residual_upper, upper(ball(bend) / ball(constants.M2))))
