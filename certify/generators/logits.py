"""Decoders of bits: x_i given z is a Bernoulli variable with the logit G_i(z).

Of means behind a sigmoid the logits are taken. Outside A0 of the paper, whose noise is Gaussian: what is asked of such
a decoder says so, and what rests on A0 refuses it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from certify.arithmetic.arrays import FloatArray
from certify.errors import InputError, UnknownNameError
from certify.generators.graph import BERNOULLI, GAUSSIAN, Generator
from certify.generators.nodes import Activation, Graph

NO_NOISE = 1.0
"""Stands for beta where logits have none; nothing depends on it."""

OUTSIDE_A0 = "the likelihood is Bernoulli with logits G(z): outside A0 of the paper, whose noise is Gaussian"


def with_likelihood(generator: Generator, likelihood: str) -> Generator:
    """The generator with its outputs taken as means (`gaussian`) or as logits (`bernoulli`).

    Raises:
        UnknownNameError: for another likelihood.
        InputError: for logits of a decoder that names its noise, whose outputs are means of a Gaussian.
    """
    if likelihood not in {GAUSSIAN, BERNOULLI}:
        raise UnknownNameError("likelihood", likelihood, [GAUSSIAN, BERNOULLI])
    if likelihood in {GAUSSIAN, generator.likelihood}:
        return generator
    name = f"`{generator.name}`: `--likelihood bernoulli` takes the outputs for logits, but "
    if "trained_beta" in generator.metadata:
        trained = float(generator.metadata["trained_beta"])
        raise InputError(f"{name}this is a Gaussian decoder, trained with noise {trained:.4g}; leave out `likelihood`")
    if generator.noise is not None:
        raise InputError(f"{name}this is a Gaussian decoder, divided by its noise; leave out one of the two")
    # In the name, so that whatever is said of it says so.
    labelled = f"{generator.name} [logits, outside A0]"
    *before, last = generator.graph.nodes
    if not (isinstance(last, Activation) and last.name == "sigmoid"):
        return replace(generator, name=labelled, likelihood=likelihood)
    if last.source != len(before) - 1:
        raise InputError(f"{name}they are probabilities, behind a sigmoid: export the decoder without it")
    # sigmoid(l) as a mean is l as a logit: the same law of x, exactly.
    metadata = {**generator.metadata, "likelihood": "Bernoulli: the means are a sigmoid of the logits that are taken"}
    return replace(generator, name=labelled, graph=Graph(tuple(before)), metadata=metadata, likelihood=likelihood)


def require_gaussian(generator: Generator, what: str) -> None:
    """Raise InputError where `what` rests on A0 and the generator's outputs are logits."""
    if generator.likelihood != GAUSSIAN:
        raise gaussian_wanted(generator, what)


def gaussian_wanted(generator: Generator, what: str) -> InputError:
    """The refusal of a decoder of logits by `what`, which rests on A0."""
    return InputError(
        f"`{generator.name}`: {what} is about Gaussian noise (A0), its outputs are logits; ask `rejection-encoder`, or "
        "leave out `likelihood`"
    )


def check_bits(generator: Generator, observations: FloatArray, name: str = "`observations`") -> None:
    """Raise InputError for observations (k, n) of a decoder of logits with an entry outside [0, 1]."""
    if generator.likelihood == GAUSSIAN:
        return
    outside = ~((observations >= 0) & (observations <= 1)).all(axis=1)
    if outside.any():
        row = int(np.flatnonzero(outside)[0])
        raise InputError(f"{name}: a Bernoulli likelihood needs entries in [0, 1]; row {row} has another")
