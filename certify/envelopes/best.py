"""The envelope of one posterior by the method that fits its decoder: boxes for few latents, else quadratic forms."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from certify.envelopes.box_certificate import LARGEST_DIMENSION, Envelope, box_envelope
from certify.envelopes.likelihood import BernoulliLikelihood, GaussianLikelihood, Likelihood
from certify.envelopes.quadratic_envelope import Preparation, prepare, quadratic_envelope
from certify.errors import CertifyError
from certify.generators.graph import Generator


def best_envelope(generator: Generator, likelihood: Likelihood) -> Envelope | str:
    """(R1) certified on all of R^d at one observation, or the reason why it is not.

    Its acceptance is 0 where the integral of exp(-f) is not bounded from below: draws are exact then all the same.
    """
    try:
        if generator.latent_dim <= LARGEST_DIMENSION:
            return box_envelope(generator.graph, likelihood) or (
                "no envelope was certified: the search for boxes gave up"
            )
        if not isinstance(likelihood, GaussianLikelihood | BernoulliLikelihood):
            return f"beyond d = {LARGEST_DIMENSION} only Gaussian and Bernoulli likelihoods are enveloped"
        beta = likelihood.beta if isinstance(likelihood, GaussianLikelihood) else None
        prepared = _prepared(_Question(generator.sha256, beta, generator))
        if prepared is None:
            return (
                f"boxes certify envelopes up to d = {LARGEST_DIMENSION}, this decoder has d = {generator.latent_dim}, "
                "and quadratic forms need a network without products and with Lipschitz activations"
            )
        return quadratic_envelope(prepared, generator, likelihood) or (
            "no envelope was certified: the search for a quadratic form did not end inside"
        )
    except (CertifyError, np.linalg.LinAlgError) as error:
        return f"no proposal was found: {error}"


def certified_envelope(generator: Generator, likelihood: Likelihood) -> Envelope | str:
    """An envelope with a certified positive acceptance at one observation, or the reason why there is none."""
    envelope = best_envelope(generator, likelihood)
    if isinstance(envelope, str) or envelope.acceptance > 0.0:
        return envelope
    return "the certified acceptance is 0"


@dataclass(frozen=True)
class _Question:
    """What the preparation depends on; equal for equal networks, also in another process. No beta: bits."""

    sha256: str
    beta: float | None
    generator: Generator = field(compare=False)


@lru_cache(maxsize=4)
def _prepared(question: _Question) -> Preparation | None:
    generator = question.generator
    middle = generator.value(np.zeros(generator.latent_dim))
    if question.beta is None:
        return prepare(generator.graph, BernoulliLikelihood(np.full(middle.shape, 0.5)))
    return prepare(generator.graph, GaussianLikelihood(middle, question.beta))
