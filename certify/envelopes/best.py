"""The envelope of one posterior by the method that fits its decoder: boxes for few latents, else quadratic forms."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from certify.envelopes.box_activations import CONVEX_KINKS
from certify.envelopes.box_certificate import LARGEST_DIMENSION, Envelope, box_envelope
from certify.envelopes.lifted_form import with_softplus
from certify.envelopes.likelihood import BernoulliLikelihood, GaussianLikelihood, Likelihood
from certify.envelopes.product_forms import has_bounded_factors
from certify.envelopes.quadratic_envelope import (
    MOST_SEARCHED,
    MOST_SEARCHED_PRODUCTS,
    Preparation,
    is_too_wide,
    network_of,
    prepare,
    quadratic_envelope,
)
from certify.errors import CertifyError
from certify.generators.graph import Activation, Generator, Graph, Product

LARGEST_KINKED = 4
"""Latents of a ReLU decoder for which boxes are tried where forms are weak: minutes, by `box_search.WORK`."""

ENOUGH = 0.05
"""An acceptance by forms beyond which boxes are not tried."""


def best_envelope(generator: Generator, likelihood: Likelihood) -> Envelope | str:
    """(R1) certified on all of R^d at one observation, or the reason why it is not.

    Its acceptance is 0 where the integral of exp(-f) is not bounded from below: draws are exact then all the same.
    The last few are kept: evidence, audit and price of an observation ask for the same one.
    """
    if isinstance(likelihood, GaussianLikelihood | BernoulliLikelihood):
        beta = likelihood.beta if isinstance(likelihood, GaussianLikelihood) else None
        observation = np.ascontiguousarray(likelihood.observation, dtype=np.float64).tobytes()
        return _kept(_Sought(generator.graph, observation, beta, generator, likelihood))
    return _found(generator, likelihood)


@dataclass(frozen=True)
class _Sought:
    """What an envelope depends on: the very graph, the observation's bytes, the noise level (None: bits)."""

    graph: Graph
    observation: bytes
    beta: float | None
    generator: Generator = field(compare=False)
    likelihood: Likelihood = field(compare=False)


@lru_cache(maxsize=16)
def _kept(sought: _Sought) -> Envelope | str:
    return _found(sought.generator, sought.likelihood)


def _found(generator: Generator, likelihood: Likelihood) -> Envelope | str:
    try:
        if generator.latent_dim <= LARGEST_DIMENSION:
            return box_envelope(generator.graph, likelihood) or (
                "no envelope was certified: the search for boxes gave up"
            )
        if not isinstance(likelihood, GaussianLikelihood | BernoulliLikelihood):
            return f"beyond d = {LARGEST_DIMENSION} only Gaussian and Bernoulli likelihoods are enveloped"
        beta = likelihood.beta if isinstance(likelihood, GaussianLikelihood) else None
        prepared = _prepared(_Question(generator.sha256, beta, generator))
        found = None if prepared is None else quadratic_envelope(prepared, generator, likelihood)
        kinked = generator.latent_dim == LARGEST_KINKED and bends_in_kinks(generator.graph)
        if kinked and (found is None or found.acceptance < ENOUGH):
            found = _larger(found, box_envelope(generator.graph, likelihood))
        if found is not None:
            return found
        if prepared is None:
            return (
                f"{_unsuited(generator, likelihood)}: quadratic forms, which d = {generator.latent_dim} needs, take "
                f"Lipschitz activations, a bounded factor in every product, and at most {MOST_SEARCHED} neurons, "
                f"{MOST_SEARCHED_PRODUCTS} with products (boxes take any network up to d = {LARGEST_DIMENSION}, "
                f"{LARGEST_KINKED} behind ReLU alone)"
            )
        return "no envelope was certified: the search for a quadratic form did not end inside"
    except (CertifyError, np.linalg.LinAlgError) as error:
        return f"no proposal was found: {error}"


def _unsuited(generator: Generator, likelihood: GaussianLikelihood | BernoulliLikelihood) -> str:
    """What keeps quadratic forms from a decoder."""
    network = network_of(generator.graph, likelihood)
    if network is None or is_too_wide(network):
        bits = isinstance(likelihood, BernoulliLikelihood)
        graph = with_softplus(generator.graph) if bits else generator.graph
        products = sum(node.width for node in graph.nodes if isinstance(node, Product))
        counted = f"{graph.neurons} neurons" + (f" and {products} products" if products else "")
        return f"this decoder has {counted}" + (", its logits counted" if bits else "")
    if "read_as" in generator.metadata:
        return f"the file has {generator.metadata['read_as']}"
    if not has_bounded_factors(network):
        return "this decoder has a product without a bounded factor"
    names = sorted({node.name for node in generator.graph.nodes if isinstance(node, Activation)})
    return f"the form of this decoder's activations ({', '.join(names)}) is not bounded"


def bends_in_kinks(graph: Graph) -> bool:
    """Whether every activation but the outputs' own is a convex kink (ReLU): boxes then have little to bound."""
    inner = [node for node in graph.nodes[:-1] if isinstance(node, Activation)]
    return bool(inner) and all(node.name in CONVEX_KINKS for node in inner)


def _larger(first: Envelope | None, second: Envelope | None) -> Envelope | None:
    """The envelope with the larger certified acceptance."""
    known = [item for item in (first, second) if item is not None]
    return max(known, key=lambda item: item.acceptance, default=None)


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
