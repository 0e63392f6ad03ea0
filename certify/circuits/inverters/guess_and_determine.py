"""Guess and determine with elimination over GF(2), on the circuit with the image fixed."""

from __future__ import annotations

from certify.circuits.guessing import guess_and_determine
from certify.circuits.inverter import Inverter
from certify.circuits.permutation import Permutation

LIMIT = 2.0**28
"""Systems times the square of the circuit's AND and OR gates, which the work of one system grows with: some seconds."""


def run(permutation: Permutation, image: int, limit: float) -> tuple[int | None, float]:
    """Preimage and number of systems eliminated."""
    counts = permutation.circuit.counts()
    systems = limit / max(1, counts["AND"] + counts["OR"]) ** 2
    bits = {h: bool(image >> h & 1) for h in range(permutation.bits)}
    return guess_and_determine(permutation.circuit, bits, max(1.0, systems))


INVERTER = Inverter(
    "guess-and-determine", "guesses of linear forms, elimination after each", "systems", LIMIT,
    lambda permutation: True, run,
)  # fmt: skip
