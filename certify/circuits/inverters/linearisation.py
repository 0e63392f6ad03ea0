"""Linear algebra over GF(2) at degree 1 and 2, on the circuit with the image fixed; guesses where it says no more."""

from __future__ import annotations

from certify.circuits.guessing import guess_and_determine
from certify.circuits.inverter import Inverter
from certify.circuits.linearisation import MatrixTooLargeError, linearised
from certify.circuits.permutation import Permutation

LIMIT = 2.0**20
"""Words added: some ten seconds."""


def run(permutation: Permutation, image: int, limit: float) -> tuple[int | None, float]:
    """Preimage and words of 64 bits that elimination added to others; cut off where a matrix would take 256 MB."""
    bits = {h: bool(image >> h & 1) for h in range(permutation.bits)}
    try:
        return guess_and_determine(permutation.circuit, bits, limit, linearised)
    except MatrixTooLargeError:
        return None, limit


INVERTER = Inverter(
    "linearisation", "linear algebra over GF(2) on all products at once, guesses between", "words", LIMIT,
    lambda permutation: True, run,
)  # fmt: skip
