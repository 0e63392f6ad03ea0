"""Independent exact draws of one posterior, with what they cost."""

from __future__ import annotations

from dataclasses import dataclass

from certify.envelopes.best import certified_envelope
from certify.envelopes.likelihood import Likelihood
from certify.envelopes.rejection import exact_draws
from certify.errors import InputError
from certify.generators.graph import FloatArray, Generator
from certify.threads import one_thread

ROOM = 10.0
"""Proposals made at most, in units of the expected number."""


@dataclass(frozen=True, eq=False)
class PosteriorSample:
    """Independent exact draws `points` (count, d) of a posterior, and what one of them cost.

    `acceptance` is certified: a proposal is accepted with at least this probability, so a draw takes at most its
    inverse in evaluations of G on average. `envelope` names the method behind it.
    """

    points: FloatArray
    acceptance: float
    envelope: str


def posterior_sample(generator: Generator, likelihood: Likelihood, count: int, seed: int) -> PosteriorSample:
    """`count` >= 1 draws under an envelope certified at this observation; the same bits for any number of threads.

    Raises:
        InputError: where no envelope is certified, or the acceptance is too small for so many draws.
    """
    # A second BLAS thread would change the last bits.
    with one_thread():
        envelope = certified_envelope(generator, likelihood)
        if isinstance(envelope, str):
            raise InputError(f"`{generator.name}` has no exact sampler at this observation: {envelope}")
        most = 100_000 + int(min(ROOM * count / envelope.acceptance, 1e9))
        points = exact_draws(generator, likelihood, envelope, count, seed, most)
    if len(points) < count:
        raise InputError(
            f"{count} draws at a certified acceptance of {envelope.acceptance:.3g} take more than {most} proposals"
        )
    return PosteriorSample(points, envelope.acceptance, envelope.method)
