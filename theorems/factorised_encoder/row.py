"""What independent coordinates cost at one observation, by whatever is certified and says most there."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TypeAlias

import numpy as np

from certify.arithmetic.balls import ball, lower, precision
from certify.envelopes.best import certified_envelope
from certify.envelopes.box_certificate import Envelope
from certify.envelopes.box_weights import evaluations_of
from certify.envelopes.likelihood import GaussianLikelihood, Likelihood
from certify.envelopes.records import RejectionProof, rejection_proof
from certify.envelopes.rejection import exact_draws
from certify.errors import InputError
from certify.generators.graph import FloatArray, Generator
from certify.profiles.gaussian import distance_of, nearby_gaussian
from certify.profiles.records import GlobalConstants, ObservationProof
from certify.progress import Progress
from certify.threads import one_thread
from theorems.factorised_encoder.cells import OppositeCells, has_cells, least_mass, opposite_cells, price_of_cells
from theorems.factorised_encoder.price import price_of
from theorems.factorised_encoder.splits import (
    correlation_ball,
    costliest_pair,
    costliest_split,
    divergence_price,
    sampled_price,
)

DRAWS = 200_000
"""Exact draws of a posterior where nothing is certified."""
CELL_DRAWS = 4000
"""Exact draws that place the cuts of the cells."""
MOST_PROPOSALS, LEAST, WORK = 2_000_000, 2000, 1e11
"""Proposals made for them at most, draws below which nothing is done with them, and multiplications for all of them."""
EPSILON = Fraction(1, 2)
"""In the record of an envelope: nothing is asked to be below it."""
Groups: TypeAlias = tuple[tuple[int, ...], tuple[int, ...]]
CELLS, GAUSSIAN_DISTANCE = "cells", "price less G1*"


@dataclass(frozen=True)
class RowProof:
    """What proves the certified numbers of a row, each part where it was looked for and found.

    gaussian   c, B and TV(pi_x, N(c, B B^T))
    envelope   of the posterior, for the masses of the cells
    cells      two opposite cells
    """

    gaussian: ObservationProof | None = None
    envelope: RejectionProof | None = None
    cells: OppositeCells | None = None


@dataclass(frozen=True)
class RowPrice:
    """What was found at one observation; None where a number has no meaning there.

    tv_lower            certified: every encoder with independent coordinates is at least so far from pi_x
    method              what certifies it: `CELLS`, `GAUSSIAN_DISTANCE` or ""
    tv_lower_sampled    the same from exact draws (`sampled_price`); None where none was made
    correlation         between the two groups of the costliest split under N(c, B B^T), rounded down
    pair_correlation    of the costliest pair of single latents
    gaussian_distance   TV(pi_x, N(c, B B^T)), rounded up
    divergence_price    KL of the best Gaussian with independent coordinates, relative to N(c, B B^T)
    cell_mass           posterior mass of either of two opposite cells, rounded down
    groups              the two groups of the costliest split
    pair                the costliest pair of latents: of the cells, else under N(c, B B^T), else under the draws
    covariance          B B^T, or that of exact draws, an estimate; empty where neither was made
    reason              why nothing is certified
    ended               which counted work ended early, so that the numbers are less sharp than asked for; "" if none
    proof               what `tv_lower` and the numbers behind it follow from, without a search
    """

    tv_lower: float
    method: str
    tv_lower_sampled: float | None
    correlation: float | None
    pair_correlation: float | None
    gaussian_distance: float | None
    divergence_price: float | None
    cell_mass: float | None
    groups: Groups
    pair: tuple[int, ...]
    covariance: tuple[tuple[float, ...], ...]
    reason: str = ""
    ended: str = ""
    proof: RowProof = RowProof()

    @property
    def price(self) -> float:
        """The certified bound, else that of draws, else 0."""
        return self.tv_lower or self.tv_lower_sampled or 0.0


def row_price(
    generator: Generator,
    constants: GlobalConstants | None,
    beta: float,
    row: FloatArray,
    draws: int = DRAWS,
    with_cells: bool = True,
    progress: Progress | None = None,
) -> RowPrice:
    """The price at the observation `row` (n,); without certified `constants` (None) by cells and draws alone.

    Exact draws are made where nothing is certified and `draws` > 0. All of it is counted work: the same on every
    machine, about a minute behind the widest networks.

    Raises:
        InputError: for a decoder of one latent, or an observation with numbers that are not finite.
    """
    if generator.latent_dim < 2:
        raise InputError(f"`{generator.name}` has one latent: nothing is lost by independent coordinates")
    likelihood = GaussianLikelihood(row, beta)
    known: dict[str, float] = {}
    proof, covariance, reasons, ended = RowProof(), None, [], []
    groups: Groups = ((), ())
    pair: tuple[int, ...] = ()
    with one_thread(), precision():
        if constants is not None:
            near = nearby_gaussian(generator, constants, row, beta)
            proof, covariance = replace(proof, gaussian=near.proof), _covariance(near.proof)
            groups, pair, numbers = gaussian_numbers(near.proof)
            known |= numbers
            reasons.append("the Gaussian's certified distance is not below its price")
        envelope: Envelope | str = "no envelope was asked for"
        if with_cells and has_cells(generator):
            envelope = certified_envelope(generator, likelihood)
            points = few_draws(generator, likelihood, envelope, CELL_DRAWS)
            if isinstance(envelope, str) or isinstance(points, str):
                reasons.append(str(points))
            else:
                cells = opposite_cells(points)
                claimed = rejection_proof(generator, row, beta, EPSILON, envelope)
                proof = replace(proof, envelope=claimed, cells=cells)
                mass = least_mass(generator, likelihood, claimed.envelope(), cells, progress)
                known["cell_mass"], pair = mass.mass, cells.pair
                ended.append(mass.ended)
                covariance = np.cov(points.T) if covariance is None else covariance
                reasons.append("no two opposite cells have a certified mass above 1/4 each")
        certified, method = certified_price(known)
        sampled = None
        if not method and draws:
            if isinstance(envelope, str):
                envelope = certified_envelope(generator, likelihood)
            points = few_draws(generator, likelihood, envelope, draws)
            if isinstance(points, str):
                reasons.append(points)
            else:
                # Chosen by the Gaussian, or on the half that counts nothing: draws that placed cells may be in both.
                own = np.cov(points[: len(points) // 2].T)
                gaussian = None if constants is None else covariance
                split = costliest_split(own if gaussian is None else gaussian)
                sampled = sampled_price(points, split)
                if len(points) < draws:
                    most = proposals_at_most(generator)
                    ended.append(f"of {most} proposals {len(points)} were accepted, {draws} draws were asked for")
                if covariance is None:
                    two = costliest_pair(own)
                    covariance, groups, pair = own, split.groups, (*two.groups[0], *two.groups[1])
        table = () if covariance is None else _table(covariance)
        given = {name: known.get(name) for name in NUMBERS}
        return RowPrice(
            certified, method, sampled, **given, groups=groups, pair=pair, covariance=table,
            reason="" if method else "; ".join(reasons) or "no exact draws were asked for",
            ended="; ".join(filter(None, ended)), proof=proof,
        )  # fmt: skip


def gaussian_numbers(proof: ObservationProof) -> tuple[Groups, tuple[int, ...], dict[str, float]]:
    """The costliest split and pair under the Gaussian of a record, and what is certified of them."""
    factor, covariance = np.array(proof.centre.factor), _covariance(proof)
    split, two = costliest_split(covariance), costliest_pair(covariance)
    correlation, of_pair = (lower(correlation_ball(factor, item)) for item in (split, two))
    return (
        split.groups,
        (*two.groups[0], *two.groups[1]),
        {
            "correlation": correlation,
            "pair_correlation": of_pair,
            "gaussian_distance": distance_of(proof),
            "divergence_price": divergence_price(factor),
        },
    )


def covariance_of(proof: ObservationProof) -> tuple[tuple[float, ...], ...]:
    """B B^T of a record. Estimate: in floats."""
    return _table(_covariance(proof))


def _covariance(proof: ObservationProof) -> FloatArray:
    factor = np.array(proof.centre.factor)
    return np.asarray(factor @ factor.T)


def _table(covariance: FloatArray) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(float(entry) for entry in line) for line in covariance)


def proposals_at_most(generator: Generator) -> int:
    """Proposals of which exact draws are made: as many as `WORK` gives."""
    return evaluations_of(generator.graph, WORK, 2 * LEAST, MOST_PROPOSALS)


def few_draws(generator: Generator, likelihood: Likelihood, envelope: Envelope | str, count: int) -> FloatArray | str:
    """Exact draws, `count` or what `proposals_at_most` give of them; why there are none where they are below `LEAST`.

    The acceptance that is certified may be far below that of the proposals: so they are tried rather than refused.
    """
    if isinstance(envelope, str):
        return envelope
    most = proposals_at_most(generator)
    try:
        points = exact_draws(generator, likelihood, envelope, count, 0, most)
    except InputError as error:
        return str(error)
    if len(points) < LEAST:
        return f"of {most} proposals {len(points)} were accepted: too few draws of the posterior"
    return points


NUMBERS = ("correlation", "pair_correlation", "gaussian_distance", "divergence_price", "cell_mass")


def certified_price(known: dict[str, float]) -> tuple[float, str]:
    """The larger of the two certified bounds that these numbers give, and its method; (0, "") where neither is > 0."""
    found = []
    with precision():
        if "cell_mass" in known:
            found.append((price_of_cells(known["cell_mass"]), CELLS))
        if "correlation" in known and "gaussian_distance" in known:
            by_gaussian = price_of(ball(known["correlation"])) - ball(known["gaussian_distance"])
            found.append((max(0.0, lower(by_gaussian)), GAUSSIAN_DISTANCE))
    best = max(found, default=(0.0, ""))
    return best if best[0] > 0.0 else (0.0, "")
