"""The encoder of Theorem 1: K_gd descent layers to the preimage, then K Langevin layers (S6, S7, S7g).

    c = z_{K_gd},  z <- z - J^T (G(z) - x)/L_Phi from z_0 = 0;
    U_0 = c,  U <- (1 - eta) U - (eta/beta^2) J^T (G(U) - x) + sqrt(2 eta) xi,   K times.
Projected (S7): U is first projected onto the ball of radius R_D around c. The plain chain's gates are sigma, sigma' and
products alone, as A3 allows; the projection adds a root and a division in every layer.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from flint import arb

from certify.encoders.descent import write_descent, write_start
from certify.encoders.kind import EncoderKind, EncoderOptions, Numbers
from certify.encoders.passes import misfit_gradient
from certify.encoders.program import Clipping, EncoderProgram
from certify.encoders.tape import Tape
from certify.generators.graph import Generator


def build(generator: Generator, numbers: Numbers, options: EncoderOptions) -> EncoderProgram:
    """The encoder at the choices of a certificate of Theorem 1: K_gd, K, eta, beta, L_Phi and R_D."""
    radius = numbers.real("R_D") if options.projected else None
    return langevin_encoder(
        generator, numbers.real("beta"), 1.0 / numbers.real("L_Phi"), numbers.count("K_gd"), numbers.real("eta"),
        numbers.count("K"), radius, options.start,
    )  # fmt: skip


def langevin_encoder(
    generator: Generator,
    beta: float,
    descent_step: float,
    descent_layers: int,
    eta: float,
    langevin_layers: int,
    radius: float | None = None,
    start: Generator | None = None,
) -> EncoderProgram:
    """`descent_layers` steps of size `descent_step` and `langevin_layers` Langevin layers of step `eta`."""
    tape, width = Tape(generator), generator.latent_dim
    centre = write_descent(tape, write_start(tape, start), descent_step, descent_layers)
    state = tape.carry("u", centre)
    point = state
    if radius is not None and math.isfinite(radius):
        offset = tape.clip(tape.combine([(1.0, state), (-1.0, centre)]), radius)
        point = tape.combine([(1.0, centre), (1.0, offset)])
    pulled, noise = misfit_gradient(tape, point), tape.noise(langevin_layers)
    moved = tape.combine(
        [(1.0 - eta, point), (-eta / beta**2, pulled), (math.sqrt(2.0 * eta), noise)], identities=3 * width
    )
    tape.close("langevin", [moved], ["draw"], langevin_layers, (1, 1, 0))
    return tape.finish("langevin", "draw", (descent_layers, langevin_layers))


def _bound(numbers: Numbers, options: EncoderOptions) -> arb:
    return numbers.enclosure("tv_bound_projected" if options.projected else "tv_bound")


def _declaration(program: EncoderProgram, value: Callable[[str], float | None]) -> dict[str, str]:
    """The layers and their steps, and whether they project."""
    is_projected = any(isinstance(item, Clipping) for stage in program.stages for item in stage.operations)
    deterministic, stochastic = program.layers
    return {
        "K_gd": str(deterministic),
        "K": str(stochastic),
        "eta": repr(value("eta")),
        "L_Phi": repr(value("L_Phi")),
        "projected": "yes" if is_projected else "no",
    }


ENCODER = EncoderKind(
    name="langevin",
    summary="gradient descent to the preimage, then Langevin layers",
    build=build,
    bound=_bound,
    declaration=_declaration,
)
