"""The encoder of Theorem 1 for the projected chain: every Langevin layer projects onto the ball D around c first (S7).

The network is that of `langevin` with the projection; its theorem needs no S7g and has the sharper terms S7d+ to S7f+,
so it has fewer layers, at the price of a root and a division in each.
"""

from __future__ import annotations

from flint import arb

from certify.encoders.kind import EncoderKind, EncoderOptions, Numbers
from certify.encoders.program import EncoderProgram
from certify.generators.graph import Generator
from theorems.strong_invertibility.network import langevin_encoder


def build(generator: Generator, numbers: Numbers, options: EncoderOptions) -> EncoderProgram:
    """The encoder at the choices of a certificate of the projected chain: K_gd, K, eta, beta, L_Phi and R_D."""
    return langevin_encoder(
        generator, numbers.real("beta"), 1.0 / numbers.real("L_Phi"), numbers.count("K_gd"), numbers.real("eta"),
        numbers.count("K"), numbers.real("R_D"), options.start,
    )  # fmt: skip


def _bound(numbers: Numbers, options: EncoderOptions) -> arb:
    return numbers.enclosure("tv_bound")


ENCODER = EncoderKind(
    name="projected",
    summary="gradient descent to the preimage, then projected Langevin layers",
    build=build,
    bound=_bound,
)
