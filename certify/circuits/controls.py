"""Permutations that are easy to invert: GF(2)-linear maps and Feistel networks with known rounds.

Measured hardness that also shows on these would be an artefact of the method that measures it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from certify.circuits.builder import FALSE, TRUE, CircuitBuilder
from certify.circuits.circuit import Circuit


@dataclass(frozen=True)
class LinearMap:
    """y = A x over GF(2); `rows[i]` is the mask of the input bits that output i is the parity of."""

    rows: tuple[int, ...]

    @classmethod
    def random(cls, bits: int, seed: int) -> LinearMap:
        """A uniformly random invertible matrix: drawn until it has an inverse (a probability above 0.28 each time)."""
        random = np.random.default_rng(seed)
        while True:
            columns = random.integers(0, 2, size=(bits, bits)).tolist()
            candidate = cls(tuple(sum(bit << j for j, bit in enumerate(row)) for row in columns))
            if candidate.inverse() is not None:
                return candidate

    def value(self, x: int) -> int:
        """A x in integer arithmetic. Exact."""
        return sum(((row & x).bit_count() & 1) << i for i, row in enumerate(self.rows))

    def inverse(self) -> LinearMap | None:
        """The inverse map by elimination, None if the matrix is singular. Exact."""
        n = len(self.rows)
        work = [row | 1 << (n + i) for i, row in enumerate(self.rows)]
        for column in range(n):
            pivot = next((i for i in range(column, n) if work[i] >> column & 1), None)
            if pivot is None:
                return None
            work[column], work[pivot] = work[pivot], work[column]
            for i in range(n):
                if i != column and work[i] >> column & 1:
                    work[i] ^= work[column]
        return LinearMap(tuple(row >> n for row in work))

    def circuit(self) -> Circuit:
        """A tree of XOR gates for each output."""
        builder = CircuitBuilder(len(self.rows))
        return builder.finish([builder.parity([j for j in range(len(self.rows)) if row >> j & 1]) for row in self.rows])


@dataclass(frozen=True)
class Feistel:
    """Rounds that add a function of one half of the word to the other half, the halves taking turns.

    A round is a tuple of (a, b, c, key) for each bit of the half that changes: it is added to
    (s_a and s_b) xor s_c xor key, where s is the other half. The low half has floor(n/2) bits and changes first.
    """

    bits: int
    rounds: tuple[tuple[tuple[int, int, int, int], ...], ...]

    @classmethod
    def random(cls, bits: int, rounds: int, seed: int) -> Feistel:
        """Positions and keys drawn uniformly."""
        random, halves = np.random.default_rng(seed), (bits // 2, bits - bits // 2)
        drawn = []
        for index in range(rounds):
            target, source = halves[index % 2], halves[1 - index % 2]
            places = random.integers(0, max(1, source), size=(target, 3))
            keys = random.integers(0, 2, size=target)
            drawn.append(tuple((*map(int, row), int(key)) for row, key in zip(places, keys, strict=True)))
        return cls(bits, tuple(drawn))  # type: ignore[arg-type]

    def value(self, x: int) -> int:
        """The word after all rounds, in integer arithmetic. Exact."""
        low = self.bits // 2
        halves = [x & ((1 << low) - 1), x >> low]
        for index, entries in enumerate(self.rounds):
            source = halves[1 - index % 2]
            added = ((source >> a & source >> b ^ source >> c ^ key) & 1 for a, b, c, key in entries)
            halves[index % 2] ^= sum(bit << i for i, bit in enumerate(added))
        return halves[0] | halves[1] << low

    def circuit(self, inverse: bool = False) -> Circuit:
        """The rounds as gates; in the opposite order they undo one another, which gives the inverse."""
        builder = CircuitBuilder(self.bits)
        low = self.bits // 2
        halves = [list(range(low)), list(range(low, self.bits))]
        order = range(len(self.rounds))
        for index in reversed(order) if inverse else order:
            source = halves[1 - index % 2] or [FALSE]
            halves[index % 2] = [
                builder.add(
                    old, builder.parity([builder.conjoin(source[a], source[b]), source[c], TRUE if key else FALSE])
                )
                for old, (a, b, c, key) in zip(halves[index % 2], self.rounds[index], strict=True)
            ]
        return builder.finish(halves[0] + halves[1])
