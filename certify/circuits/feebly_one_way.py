r"""Linear permutations whose inverse takes nearly twice as many gates, provably, for every size.

Family. n = b c bits in an even number c of blocks of b. With B the blocks' chains (B x)_i = x_i + x_{i+1}, the last of
a block x_b, with v marking the first bit of every block and u the last, over GF(2):

    A = B + u v^T        the sum of the blocks' first bits is added to the blocks' last bits
    A^{-1} = P + 1 1^T   P = B^{-1}: the sums from i to the end of the block

Proof. P u = 1, 1^T B = v^T and 1^T u = c = 0, so (P + 1 1^T)(B + u v^T) = I + 1 v^T + 1 v^T + 1 (1^T u) v^T = I.

Upper bounds. A: (b - 1) c gates for the chains, c - 1 for the sum, c to add it: n + c - 1. A^{-1}: n - c for the sums
to the end, c - 1 for the sum of all, n to add it: 2 n - 1.

Lower bound (E. Lamagna, J. Savage 1973; `distinct_outputs_bound`), over all two-input gates, linear or not: outputs
that are m different functions up to negation, each depending on at least k >= 2 inputs, take k + m - 2 gates. Proof. No
output is an input, so each is a gate of its own. Take the one that comes first in topological order, and its cone of g
gates. Its g - 1 other gates and at least k inputs are each read in the cone, whose gates read 2 g times in all, hence
2 g >= g - 1 + k. No other output is in the cone, as none comes earlier: g + m - 1 >= k + m - 2 gates.

A row of A^{-1} has a zero only where P has a one, so at least n - b ones, and no two rows are equal. So for n - b >= 2

    C(A) <= n + c - 1,    2 n - b - 2 <= C(A^{-1}) <= 2 n - 1,

and for b = c = sqrt(n) the ratio tends to 2. It is the order that A. Hiltgen reached (Auscrypt 1992); the family here
is derived above and need not be his. It is linear: elimination inverts it at once. A constant factor is no one-wayness.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from certify.circuits.builder import CircuitBuilder
from certify.circuits.circuit import Circuit
from certify.circuits.controls import LinearMap
from certify.errors import InputError


@dataclass(frozen=True)
class FeeblyOneWay:
    """The map A on `blocks` (even) blocks of `length` bits.

    Raises:
        InputError: for an odd number of blocks, or n - b < 2.
    """

    length: int
    blocks: int

    def __post_init__(self) -> None:
        if self.blocks < 2 or self.blocks % 2 or self.length * (self.blocks - 1) < 2:
            found = f"{self.blocks} blocks of {self.length} bits"
            raise InputError(f"an even number of blocks and n - b >= 2 are needed; got {found}")

    @property
    def bits(self) -> int:
        """The dimension n."""
        return self.length * self.blocks

    @property
    def forward_upper(self) -> int:
        """Gates that are enough for A: those of `circuit`."""
        return self.bits + self.blocks - 1

    @property
    def inverse_lower(self) -> int:
        """Gates that every circuit of the inverse has, over all two-input gates; proved above."""
        return 2 * self.bits - self.length - 2

    @property
    def inverse_upper(self) -> int:
        """Gates that are enough for the inverse: those of `inverse_circuit`."""
        return 2 * self.bits - 1

    def map(self) -> LinearMap:
        """The matrix A."""
        first = sum(1 << i for i in self._firsts())
        return LinearMap(tuple(1 << i ^ (first if self._ends(i) else 1 << (i + 1)) for i in range(self.bits)))

    def inverse_map(self) -> LinearMap:
        """The matrix P + 1 1^T."""
        full = (1 << self.bits) - 1
        return LinearMap(
            tuple(full ^ sum(1 << j for j in range(i, i - i % self.length + self.length)) for i in range(self.bits))
        )

    def circuit(self) -> Circuit:
        """A with n + c - 1 XOR gates."""
        builder = CircuitBuilder(self.bits)
        total = builder.parity(self._firsts())
        return builder.finish([builder.add(i, total if self._ends(i) else i + 1) for i in range(self.bits)])

    def inverse_circuit(self) -> Circuit:
        """The inverse with at most 2 n - 1 XOR gates."""
        builder = CircuitBuilder(self.bits)
        ends = list(range(self.bits))
        for i in range(self.bits - 1, -1, -1):
            if not self._ends(i):
                ends[i] = builder.add(i, ends[i + 1])
        total = builder.parity([ends[i] for i in self._firsts()])
        return builder.finish([builder.add(total, end) for end in ends])

    def _firsts(self) -> list[int]:
        return list(range(0, self.bits, self.length))

    def _ends(self, i: int) -> bool:
        return (i + 1) % self.length == 0


def distinct_outputs_bound(rows: Sequence[int]) -> int:
    """A lower bound of the gates of any circuit of the linear map with these rows, over all two-input gates.

    Rows with one entry are inputs and take no gate; equal rows share one. Exact integers.
    """
    weights = [row.bit_count() for row in set(rows) if row.bit_count() > 1]
    return min(weights) + len(weights) - 2 if weights else 0
