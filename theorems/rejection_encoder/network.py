"""The encoders of Theorem R: for typical x (`typical`), and at one observation under an envelope certified there.

TV <= (1 - p)^K, no derivative of G and no assumption on it. The proposal's weights are those that the network's
thresholds realise (`certify.envelopes.thresholds`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

from flint import arb

from certify.arithmetic.arrays import FloatArray
from certify.arithmetic.balls import ball, precision, upper
from certify.arithmetic.intervals import EPSILON
from certify.bounds.bracket import ConstantBrackets
from certify.encoders.kind import LAYOUTS, AtObservation, EncoderKind, EncoderOptions, Numbers
from certify.encoders.program import EncoderProgram
from certify.encoders.rejection_network import RejectionDesign, parameter_bound, rejection_network
from certify.envelopes.best import certified_envelope
from certify.envelopes.box_certificate import Envelope
from certify.envelopes.evaluated_share import evaluated_upper
from certify.envelopes.likelihood import likelihood_of
from certify.envelopes.rejection import proposals_needed
from certify.envelopes.thresholds import ThresholdMixture, by_thresholds
from certify.generators.graph import Generator
from certify.threads import one_thread
from theorems.rejection_encoder.typical import build


def at_observation(
    generator: Generator,
    observation: FloatArray,
    beta: Fraction,
    epsilon: Fraction,
    options: EncoderOptions,
    brackets: ConstantBrackets,
) -> AtObservation:
    """The encoder of the posterior at `observation` (n,), or the reason why none is certified; no constant is used."""
    noise = float(beta)
    with one_thread():
        envelope = certified_envelope(generator, likelihood_of(generator, observation, noise))
    if isinstance(envelope, str):
        return AtObservation(None, envelope)
    proposal, realised = realised_envelope(envelope)
    needed = proposals_needed(realised.round_acceptance, epsilon)
    if needed is None:
        return AtObservation(None, f"the certified acceptance {realised.acceptance:.3g} is too small")
    cells, tries = realised.cells, realised.tries
    design = RejectionDesign(
        observation, noise, proposal, realised.log_constant, needed.proposals, cells, tries
    )  # fmt: skip
    program = rejection_network(generator, design, options.layout, needed.tv_bound)
    mixture = proposal.mixture
    certificate = {
        "likelihood": generator.likelihood,
        "K": needed.proposals,
        "p": realised.acceptance,
        "tv_bound": needed.tv_bound,
        "log_constant": realised.log_constant,
        "log_integral": realised.log_integral,
        "threshold_loss": proposal.log_loss,
        "envelope": realised.method,
        "boxes": realised.boxes,
        "proposal": {
            "weights": mixture.weights.tolist(),
            "means": mixture.means.tolist(),
            "precision_roots": mixture.roots.tolist(),
            "thresholds": proposal.thresholds.tolist(),
            **({} if cells is None else {"cells": cells.to_document(), "tries": tries}),
        },
        **({} if cells is None else {"tries": tries, "evaluated": realised.evaluated}),
    }
    return AtObservation(program, "", certificate, parameter_bound(generator, proposal.size, needed.proposals, tries))


def realised_envelope(envelope: Envelope) -> tuple[ThresholdMixture, Envelope]:
    """The proposal by thresholds, and the envelope with its weights: log C grows by what they lose, rounded up."""
    proposal = by_thresholds(envelope.proposal)
    with precision():
        log_constant = upper(ball(envelope.log_constant) + ball(proposal.log_loss))
    found = replace(envelope, proposal=proposal.mixture, log_constant=log_constant)
    if envelope.cells is not None:
        # The weights are floats next to those that the thresholds realise, each and their sum.
        share = evaluated_upper(envelope.cells, proposal.mixture) * (1.0 + 8 * EPSILON)
        found = replace(found, evaluated=min(1.0, share))
    return proposal, found


def _bound(numbers: Numbers, options: EncoderOptions) -> arb:
    return numbers.enclosure("tv_bound")


def _declaration(program: EncoderProgram, value: Callable[[str], float | None]) -> dict[str, str]:
    """How c is found, what is drawn around it, and K."""
    assert program.certificate is not None, "the encoder for typical x has its own certificate"
    return {name: item if isinstance(item, str) else repr(item) for name, item in program.certificate.items()}


ENCODER = EncoderKind(
    name="rejection",
    summary="proposals from a Gaussian or a mixture of them under a certified envelope; the first accepted is put out",
    build=build,
    bound=_bound,
    at_observation=at_observation,
    needs_constants=False,
    declaration=_declaration,
    layouts=LAYOUTS,
)
