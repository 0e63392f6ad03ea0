"""Brute force: evaluate the circuit on 64 inputs per machine word until the image appears."""

from __future__ import annotations

import numpy as np

from certify.circuits.circuit import WORD, every_input
from certify.circuits.inverter import Inverter
from certify.circuits.permutation import Permutation

BLOCK_WORDS = 1 << 8


def run(permutation: Permutation, image: int, limit: float) -> tuple[int | None, float]:
    """Preimage and number of inputs tried up to it, in ascending order; on average (2^n + 1)/2 of them."""
    bits, circuit = permutation.bits, permutation.circuit
    words = max(1, (1 << bits) // WORD)
    for start in range(0, words, BLOCK_WORDS):
        if start * WORD >= limit:
            return None, float(start * WORD)
        outputs = circuit.evaluate(every_input(bits, start, min(words, start + BLOCK_WORDS)))
        # A bit of `differs` is 1 where some output bit is not that of the image.
        differs = np.zeros(outputs.shape[1], dtype=np.uint64)
        for bit, row in enumerate(outputs):
            differs |= row ^ np.uint64((1 << WORD) - 1 if image >> bit & 1 else 0)
        for place in np.flatnonzero(~differs):
            # Fewer than 6 bits fill a word periodically: the lowest place is the input.
            equal = int(~differs[place])
            preimage = (start + int(place)) * WORD + (equal & -equal).bit_length() - 1
            return preimage, float(preimage + 1)
    raise AssertionError("a permutation takes every value")


INVERTER = Inverter(
    "brute-force", "all inputs in order, bit-parallel", "evaluations", 2.0**24, lambda permutation: True, run
)
