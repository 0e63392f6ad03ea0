"""The controls' own inverses: elimination for a linear map, the rounds backwards for a Feistel network.

Cost is the gate count of the inverse circuit, for a linear map plus the row additions of the elimination.
"""

from __future__ import annotations

import math

from certify.circuits.inverter import Inverter
from certify.circuits.permutation import Permutation


def run(permutation: Permutation, image: int, limit: float) -> tuple[int | None, float]:
    """Preimage by the inverse circuit."""
    assert permutation.inverse is not None, "only a control has an inverse circuit"
    elimination = permutation.bits**2 if permutation.family == "linear" else 0
    return permutation.inverse(image), float(permutation.inverse.gates + elimination)


INVERTER = Inverter(
    "structure",
    "elimination of a linear map, a Feistel network's rounds backwards",
    "gates",
    math.inf,
    lambda permutation: permutation.inverse is not None,
    run,
)
