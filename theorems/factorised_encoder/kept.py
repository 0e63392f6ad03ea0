"""What was found at one observation, as `--resume` keeps it: why it is not believed when it is read again.

Every certified number follows from the records of the Gaussian and of the envelope, and from the two cells. Those are
proved again and the numbers evaluated again, without a search. What was drawn is an estimate and taken as it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from certify.arithmetic.balls import precision
from certify.certificates.kinds.observation import verify as verify_gaussian
from certify.certificates.kinds.rejection import verify as verify_envelope
from certify.codec import decode
from certify.envelopes.likelihood import GaussianLikelihood
from certify.generators.graph import FloatArray, Generator
from certify.profiles.records import GlobalConstants, ObservationProof, exact
from certify.threads import one_thread
from theorems.factorised_encoder.cells import has_cells, least_mass
from theorems.factorised_encoder.row import NUMBERS, RowPrice, certified_price, covariance_of, gaussian_numbers


def decode_price(entry: Any) -> RowPrice:
    """What `certify.codec.encode` wrote of one.

    Raises:
        InputError: for anything else.
    """
    return decode(RowPrice, entry, "the price of a row")


def doubt(
    generator: Generator, constants: GlobalConstants | None, beta: float, row: FloatArray, found: RowPrice
) -> str:
    """Why a stored price is not believed; "" where all that it calls certified was proved again.

    m, M and M2 are those of the run that asks.
    """
    with one_thread(), precision():
        return next(_doubts(generator, constants, beta, row, found), "")


def is_drawn(found: RowPrice) -> bool:
    """Whether a number of it was estimated by draws, which are not made again."""
    return found.tv_lower_sampled is not None or (bool(found.covariance) and found.proof.gaussian is None)


def _doubts(
    generator: Generator, constants: GlobalConstants | None, beta: float, row: FloatArray, found: RowPrice
) -> Iterator[str]:
    proof, known = found.proof, dict[str, float]()
    about = exact(row), beta, generator.sha256
    for record in (proof.gaussian, proof.envelope):
        if record is not None and (record.observation, record.beta, record.generator.sha256) != about:
            yield "it is about another observation"
    if (constants is None) != (proof.gaussian is None):
        yield "it rests on other constants"
    if constants is not None and proof.gaussian is not None:
        yield from _gaussian(generator, constants, found, proof.gaussian)
        known |= gaussian_numbers(proof.gaussian)[2]
    if (proof.envelope is None) != (proof.cells is None):
        yield "its parts do not fit together"
    if proof.envelope is not None and proof.cells is not None:
        if reason := verify_envelope(proof.envelope, generator).reason:
            yield reason
        if not (has_cells(generator) and proof.cells.fits(generator.latent_dim)) or found.pair != proof.cells.pair:
            yield "its cells are none"
        likelihood = GaussianLikelihood(row, beta)
        mass = least_mass(generator, likelihood, proof.envelope.envelope(), proof.cells)
        known["cell_mass"] = mass.mass
        if mass.ended not in found.ended:
            yield "it does not say that its sums ended early"
    for name in NUMBERS:
        if getattr(found, name) != known.get(name):
            yield f"{name} is {getattr(found, name)}, its proof gives {known.get(name)}"
    if found.method and found.tv_lower_sampled is not None:
        yield "it was drawn where nothing is"
    if (found.tv_lower, found.method) != certified_price(known):
        yield f"tv_lower {found.tv_lower:.6g} does not follow from its correlation and distance, or its cells"


def _gaussian(
    generator: Generator, constants: GlobalConstants, found: RowPrice, proof: ObservationProof
) -> Iterator[str]:
    if proof.constants.values != constants.values:
        yield "it rests on other constants"
    if reason := verify_gaussian(proof, generator).reason:
        yield reason
    groups, pair, _ = gaussian_numbers(proof)
    if found.groups != groups or found.covariance != covariance_of(proof):
        yield "its split is not that of its Gaussian"
    if found.proof.cells is None and found.pair != pair:
        yield "its pair is not that of its Gaussian"
