"""The exact posterior of a permutation generator G(z) = P(sgn z): independent bits, a lookup, half-normal sizes.

Given x the bits of y = P(sgn z) are independent, P(y_i = +1 | x) = 1/(1 + exp(-2 x_i/beta^2)); given y, the signs of z
are P^-1(y) and the |z_i| are independent half-normals, whatever x. Orthants are numbered by the word of their signs,
bit i set where z_i > 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from flint import arb

from certify.arithmetic.arrays import FloatArray
from certify.arithmetic.balls import ball, precision
from certify.circuits.circuit import Circuit
from certify.errors import InputError

IntArray = npt.NDArray[np.int64]
TABLE_BITS = 24
"""Up to this dimension the permutation is inverted by a table of all its values."""
ENUMERATION_BITS = 16
"""Up to this dimension the law of the orthants is listed."""


@dataclass(frozen=True, eq=False)
class PermutationTable:
    """All values of a permutation of d-bit words, and of its inverse."""

    values: IntArray
    inverse: IntArray

    @classmethod
    def of(cls, circuit: Circuit) -> PermutationTable:
        """The table of a circuit.

        Raises:
            InputError: above 24 bits, or if the circuit is not a permutation (with a collision).
        """
        d = circuit.inputs
        if d > TABLE_BITS:
            raise InputError(f"`circuit` must have at most {TABLE_BITS} inputs to be tabulated; got {d}")
        values = circuit.evaluate_integers(np.arange(1 << d, dtype=np.uint64)).astype(np.int64)
        inverse = np.full(1 << d, -1, dtype=np.int64)
        inverse[values] = np.arange(1 << d)
        if np.any(inverse < 0):
            word = int(np.flatnonzero(inverse[values] != np.arange(1 << d))[0])
            raise InputError(f"the circuit is no permutation: the words {word} and {inverse[values[word]]} collide")
        return cls(values, inverse)

    @property
    def bits(self) -> int:
        """The dimension d."""
        return int(self.values.size).bit_length() - 1


@dataclass(frozen=True, eq=False)
class PermutationPosterior:
    """The posterior of z given one observation x, shape (d,), at noise level beta > 0."""

    table: PermutationTable
    observation: FloatArray
    beta: float

    def bit_probabilities(self) -> list[arb]:
        """Balls of P(y_i = +1 | x). Inclusion property."""
        with precision():
            return [bit_probability(ball(float(entry)), ball(self.beta)) for entry in self.observation]

    def orthant_law(self) -> list[arb]:
        """Balls of P(sgn z = s | x) for the orthants s in ascending order; at most 16 bits. Inclusion property."""
        with precision():
            law = [arb(1)]
            # The word of the lowest bits runs fastest: the next bit doubles the list.
            for up in self.bit_probabilities():
                law = [weight * (1 - up) for weight in law] + [weight * up for weight in law]
            return [law[word] for word in self._values.tolist()]

    def orthant_law_by_bayes(self) -> list[arb]:
        """The same law from Bayes' rule: every orthant has prior 2^-d and likelihood exp(-|P(s) - x|^2/(2 beta^2)).

        A sum over all 2^d orthants that knows nothing of independence: what `orthant_law` is held against.
        """
        with precision():
            x, scale = [ball(float(entry)) for entry in self.observation], 2 * ball(self.beta) ** 2
            likelihoods = []
            for word in self._values.tolist():
                distance = sum((((1 if word >> i & 1 else -1) - entry) ** 2 for i, entry in enumerate(x)), arb(0))
                likelihoods.append((-distance / scale).exp())
            total = sum(likelihoods, arb(0))
            return [likelihood / total for likelihood in likelihoods]

    def probabilities(self) -> FloatArray:
        """The orthant law in floats, shape (2^d,). Estimate."""
        law = np.ones(1)
        for entry in self.observation:
            up = 1.0 / (1.0 + np.exp(np.clip(-2.0 * (entry / self.beta) / self.beta, -700.0, 700.0)))
            law = np.concatenate([law * (1.0 - up), law * up])
        return np.asarray(law[self.table.values])

    def sample(self, random: np.random.Generator, count: int) -> FloatArray:
        """`count` exact draws of z, shape (count, d): bits, their preimage, half-normal sizes."""
        return sample_posterior(self.table, np.tile(self.observation, (count, 1)), self.beta, random)

    @cached_property
    def _values(self) -> IntArray:
        if self.table.bits > ENUMERATION_BITS:
            raise InputError(f"at most 2^{ENUMERATION_BITS} orthants are listed; got 2^{self.table.bits}")
        return self.table.values


def bit_probability(x: arb, beta: arb) -> arb:
    """P(y_i = +1 | x_i) = 1/(1 + exp(-2 x_i/beta^2)). Inclusion property."""
    return 1 / (1 + (-2 * x / beta**2).exp())


def sample_posterior(
    table: PermutationTable, observations: FloatArray, beta: float, random: np.random.Generator
) -> FloatArray:
    """One exact draw of z for each observation, shapes (k, d): the exact-posterior encoder."""
    with np.errstate(over="ignore"):
        # beta^2 itself may be no float.
        up = 1.0 / (1.0 + np.exp(-2.0 * (observations / beta) / beta))
    words = to_words(np.where(random.random(observations.shape) < up, 1.0, -1.0))
    signs = to_signs(table.inverse[words], observations.shape[1])
    return np.asarray(signs * np.abs(random.standard_normal(observations.shape)))


def to_words(signs: FloatArray) -> IntArray:
    """Words of rows of signs, shape (k, d) to (k,): bit i is set where entry i is positive."""
    return np.asarray((signs > 0).astype(np.int64) @ (np.int64(1) << np.arange(signs.shape[1], dtype=np.int64)))


def to_signs(words: IntArray, width: int) -> FloatArray:
    """Rows of -1 and +1 of words, shape (k,) to (k, width)."""
    return np.where(words[:, None] >> np.arange(width) & 1, 1.0, -1.0)
