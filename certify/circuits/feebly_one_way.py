r"""Linear permutations whose inverse takes nearly twice as many gates, provably, for every size.

Family. n bits in an even number c of blocks, the longest of b bits. With B the blocks' chains (B x)_i = x_i + x_{i+1},
the last of a block x_i, with v marking the first bit of every block and u the last, over GF(2):

    A = B + u v^T        the sum of the blocks' first bits is added to the blocks' last bits
    A^{-1} = P + 1 1^T   P = B^{-1}: the sums from i to the end of the block

Proof. P u = 1, 1^T B = v^T and 1^T u = c = 0, so (P + 1 1^T)(B + u v^T) = I + 1 v^T + 1 v^T + 1 (1^T u) v^T = I.

Upper bounds. A: n - c gates for the chains, c - 1 for the sum, c to add it: n + c - 1. A^{-1}: n - c for the sums
to the end, c - 1 for the sum of all, n to add it: 2 n - 1.

Lower bound (E. Lamagna, J. Savage 1973; `distinct_outputs_bound`), over all two-input gates, linear or not: outputs
that are m different functions up to negation, each depending on at least k >= 2 inputs, take k + m - 2 gates. Proof. No
output is an input, so each is a gate of its own. Take the one that comes first in topological order, and its cone of g
gates. Its g - 1 other gates and at least k inputs are each read in the cone, whose gates read 2 g times in all, hence
2 g >= g - 1 + k. No other output is in the cone, as none comes earlier: g + m - 1 >= k + m - 2 gates.

A row of A^{-1} has a zero only where P has a one, so at least n - b ones, and no two rows are equal. So for n - b >= 2

    C(A) <= n + c - 1,    2 n - b - 2 <= C(A^{-1}) <= 2 n - 1,

and for c blocks of c bits the ratio tends to 2. It is the order that A. Hiltgen reached (Auscrypt 1992); the family
here is derived above and need not be his. It is linear: elimination inverts it at once. A constant factor is no
one-wayness.
`theorems/feebly_one_way` holds the proof against maps, chains and exact circuits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from certify.circuits.builder import CircuitBuilder
from certify.circuits.circuit import Circuit
from certify.circuits.controls import LinearMap
from certify.errors import InputError


@dataclass(frozen=True)
class FeeblyOneWay:
    """The map A on an even number of blocks of these lengths.

    Raises:
        InputError: for an odd number of blocks, an empty one, or n - b < 2.
    """

    lengths: tuple[int, ...]

    def __post_init__(self) -> None:
        if not self.lengths or len(self.lengths) % 2 or min(self.lengths) < 1 or self.bits - max(self.lengths) < 2:
            found = " + ".join(map(str, self.lengths)) or "none"
            raise InputError(f"an even number of blocks, none empty, and n - b >= 2 are needed; got {found}")

    @classmethod
    def equal(cls, length: int, blocks: int) -> Self:
        """Blocks of one length."""
        return cls((length,) * blocks)

    @property
    def bits(self) -> int:
        """The dimension n."""
        return sum(self.lengths)

    @property
    def blocks(self) -> int:
        """Their number c."""
        return len(self.lengths)

    @property
    def forward_upper(self) -> int:
        """Gates that are enough for A: those of `circuit`."""
        return self.bits + self.blocks - 1

    @property
    def inverse_lower(self) -> int:
        """Gates that every circuit of the inverse has, over all two-input gates; proved above."""
        return 2 * self.bits - max(self.lengths) - 2

    @property
    def inverse_upper(self) -> int:
        """Gates that are enough for the inverse: those of `inverse_circuit`."""
        return 2 * self.bits - 1

    def map(self) -> LinearMap:
        """The matrix A."""
        first, lasts = sum(1 << i for i in self._firsts()), self._lasts()
        return LinearMap(tuple(1 << i ^ (first if i in lasts else 1 << (i + 1)) for i in range(self.bits)))

    def inverse_map(self) -> LinearMap:
        """The matrix P + 1 1^T."""
        full, rows = (1 << self.bits) - 1, []
        for start, length in zip(self._firsts(), self.lengths, strict=True):
            rows += [full ^ sum(1 << j for j in range(i, start + length)) for i in range(start, start + length)]
        return LinearMap(tuple(rows))

    def circuit(self) -> Circuit:
        """A with n + c - 1 XOR gates."""
        builder, lasts = CircuitBuilder(self.bits), self._lasts()
        total = builder.parity(self._firsts())
        return builder.finish([builder.add(i, total if i in lasts else i + 1) for i in range(self.bits)])

    def inverse_circuit(self) -> Circuit:
        """The inverse with at most 2 n - 1 XOR gates."""
        builder, lasts = CircuitBuilder(self.bits), self._lasts()
        ends = list(range(self.bits))
        for i in range(self.bits - 1, -1, -1):
            if i not in lasts:
                ends[i] = builder.add(i, ends[i + 1])
        total = builder.parity([ends[i] for i in self._firsts()])
        return builder.finish([builder.add(total, end) for end in ends])

    def _firsts(self) -> list[int]:
        return [sum(self.lengths[:place]) for place in range(self.blocks)]

    def _lasts(self) -> frozenset[int]:
        return frozenset(start + length - 1 for start, length in zip(self._firsts(), self.lengths, strict=True))


def distinct_outputs_bound(rows: Sequence[int]) -> int:
    """A lower bound of the gates of any circuit of the linear map with these rows, over all two-input gates.

    Rows with one entry are inputs and take no gate; equal rows share one. Exact integers.
    """
    weights = [row.bit_count() for row in set(rows) if row.bit_count() > 1]
    return min(weights) + len(weights) - 2 if weights else 0
