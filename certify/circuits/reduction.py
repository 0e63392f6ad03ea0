r"""Theorem 2's reduction: any encoder in, an inverter of the permutation out, and the inequality between the two.

To invert y: add noise, x = y + beta xi, encode, z ~ E(x), and answer sgn z. For uniform y this x has the law of the
model, so that (with the orthant law pi of the posterior and q of the encoder at x)

    Pr[sgn E(x) = P^-1(y)] = E_x sum_s pi(s) q(s)  >=  E_x sum_s pi(s)^2 - E_x TV(q, pi),

because pi (pi - q) <= max(pi - q, 0) for 0 <= pi <= 1 and q >= 0, entry by entry. The first term is (1 - 2 v(beta))^d.
TV between the laws of the orthants is at most TV between E(x) and pi_x, so the inequality with it is the stronger one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

import numpy as np
from flint import arb

from certify.arithmetic.arrays import FloatArray
from certify.arithmetic.balls import ball, precision
from certify.circuits.circuit import Circuit
from certify.circuits.posterior import IntArray, to_signs, to_words
from certify.errors import InputError

Encoder: TypeAlias = Callable[[FloatArray, np.random.Generator], FloatArray]
"""A randomised encoder: observations (k, n) to draws of z (k, d), one for each."""


def invert(encoder: Encoder, images: IntArray, width: int, beta: float, random: np.random.Generator) -> IntArray:
    """The inverter made of an encoder: a guess of P^-1(y) for each word y of `images`, shape (k,).

    Raises:
        InputError: if the encoder returns another shape than (k, width).
    """
    targets = to_signs(images, width)
    latent = encoder(targets + beta * random.standard_normal(targets.shape), random)
    if latent.shape != targets.shape:
        raise InputError(f"`encoder` must return draws of shape {targets.shape}; got {latent.shape}")
    return to_words(latent)


def successes(circuit: Circuit, encoder: Encoder, beta: float, draws: int, random: np.random.Generator) -> int:
    """How many of `draws` uniform words y are inverted: the guess is put into the circuit, no inverse is needed."""
    words = random.integers(0, 1 << circuit.inputs, size=draws, dtype=np.uint64)
    images = circuit.evaluate_integers(words)
    guesses = invert(encoder, images.astype(np.int64), circuit.inputs, beta, random)
    return int(np.count_nonzero(circuit.evaluate_integers(guesses.astype(np.uint64)) == images))


@dataclass(frozen=True)
class Pointwise:
    """At one observation: success = sum pi q, agreement = sum pi^2, distance = TV(q, pi), each enclosed."""

    success: arb
    agreement: arb
    distance: arb

    @property
    def margin(self) -> arb:
        """The quantity success + distance - agreement, which the reduction says is not negative."""
        with precision():
            return self.success + self.distance - self.agreement


def pointwise(posterior: Sequence[arb], encoder: Sequence[Fraction | arb]) -> Pointwise:
    """The three numbers for the orthant laws of posterior and encoder. Inclusion property.

    Raises:
        InputError: if the encoder's law has another length, a negative entry, or (exact entries) another sum than 1.
    """
    if len(posterior) != len(encoder):
        raise InputError(f"`encoder` must have a probability for each of {len(posterior)} orthants; got {len(encoder)}")
    exact = [entry for entry in encoder if isinstance(entry, Fraction)]
    if any(entry < 0 for entry in exact) or (len(exact) == len(encoder) and sum(exact) != 1):
        raise InputError("`encoder` must be a probability vector: no negative entries, sum 1")
    with precision():
        law = [ball(entry) for entry in encoder]
        pairs = list(zip(posterior, law, strict=True))
        return Pointwise(
            sum((p * q for p, q in pairs), arb(0)),
            sum((p * p for p in posterior), arb(0)),
            sum((abs(p - q) for p, q in pairs), arb(0)) / 2,
        )
