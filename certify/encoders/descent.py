"""The deterministic part that encoders share: x to an approximate preimage c by gradient descent (S6)."""

from __future__ import annotations

import numpy as np

from certify.encoders.passes import forward, misfit_gradient
from certify.encoders.tape import Tape
from certify.generators.graph import Generator


def write_start(tape: Tape, start: Generator | None) -> str:
    """The descent's start: 0, or the network `start` at x."""
    if start is None:
        origin = tape.repeated(tape.constant(f"zero{tape.generator.latent_dim}", np.zeros(tape.generator.latent_dim)))
    else:
        origin = forward(tape, start.graph, "x", "start")[-1]
    tape.close("start")
    return origin


def write_descent(tape: Tape, start: str, step: float, layers: int, decay: float = 0.0, label: str = "") -> str:
    """`layers` steps z <- z - step (J^T (G(z) - x) + decay z): S6 with step = 1/L_Phi, without decay.

    `label` keeps the tensors of a second descent apart.
    """
    if layers == 0:
        return start
    z = tape.carry(f"{label}z", start)
    moved = tape.combine(
        [(1.0 - step * decay, z), (-step, misfit_gradient(tape, z))], identities=2 * tape.generator.latent_dim
    )
    tape.close(f"{label}descent", [moved], [f"{label}centre"], layers, (1, 1, 0))
    return f"{label}centre"
