"""The encoder of one observation's own certificate: N(c, B B^T) by G1*, or the layers of Theorem 1* around c.

c and B are those that the certificate was made at, floats computed for this x and held by the file: nothing has to be
found inside the network, and n > d is allowed.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from certify.arithmetic.arrays import FloatArray
from certify.bounds.bracket import ConstantBrackets
from certify.encoders.amortised import amortised_starts
from certify.encoders.kind import AtObservation, EncoderOptions
from certify.encoders.one_observation import only_at
from certify.encoders.passes import misfit_gradient, posterior_gradient
from certify.encoders.program import EncoderProgram
from certify.encoders.tape import Tape
from certify.errors import InputError
from certify.generators.graph import Generator
from certify.posteriors.posterior import Posterior
from certify.profiles.certificate import CHAIN, certify_observation
from certify.sharp.centre import Centre, find_centre
from certify.sharp.schedule import Schedule
from certify.threads import one_thread
from certify.wording import counted
from theorems.sharp_langevin.observations import global_constants


def at_observation(
    generator: Generator,
    observation: FloatArray,
    beta: Fraction,
    epsilon: Fraction,
    options: EncoderOptions,
    brackets: ConstantBrackets,
) -> AtObservation:
    """The smallest encoder that the observation's own profile certifies, or the reason why there is none.

    Raises:
        InputError: for a layout, which a chain has not.
    """
    if options.layout != EncoderOptions().layout:
        raise InputError("the sharp encoder has one layout: leave out `layout`")
    noise = float(beta)
    starts = amortised_starts(generator, observation[None])
    start = None if starts is None else starts[0]
    with one_thread():
        found = certify_observation(generator, global_constants(brackets), observation, noise, epsilon, start)
        if not found.certified or found.layers is None or found.tv_bound is None:
            return AtObservation(None, found.reason)
        # The same floats as in the certificate.
        centre = find_centre(Posterior(generator, observation, noise), start)
    if found.theorem == CHAIN:
        schedule = _schedule(found.values, found.layers)
        program = _chain(generator, observation, noise, centre, schedule, found.values, found.tv_bound)
    else:
        program = _gaussian(generator, observation, centre, found.tv_bound)
    certificate = {
        "theorem": found.theorem,
        "K": found.layers,
        "tv_bound": found.tv_bound,
        **found.values,
        **({"K0": int(found.values["K0"])} if "K0" in found.values else {}),
        "centre": centre.point.tolist(),
        "factor": centre.factor.tolist(),
    }
    return AtObservation(program, "", certificate)


def _gaussian(generator: Generator, observation: FloatArray, centre: Centre, distance: float) -> EncoderProgram:
    """z = c + B xi."""
    tape = Tape(generator)
    point = tape.affine(tape.noise(1), *_around(tape, centre))
    tape.close("layer")
    draw = only_at(tape, observation, point)
    return tape.finish("sharp", draw, (0, 1), ("holds one observation: any other x gives NaN; one Gaussian layer",),
                       distance, size_bounded=False)  # fmt: skip


def _chain(
    generator: Generator,
    observation: FloatArray,
    beta: float,
    centre: Centre,
    schedule: Schedule,
    values: dict[str, float],
    distance: float,
) -> EncoderProgram:
    """y <- P y - s_k B^T grad f(c + B P y) + sqrt(2 s_k - s_k^2) xi_k, z = c + B y."""
    tape, width, gaussian = Tape(generator), generator.latent_dim, values["start"] > 0
    factor, middle = _around(tape, centre)
    first = tape.noise(1) if gaussian else tape.repeated(tape.constant(f"zero{width}", np.zeros(width)))
    tape.close("opening")
    shrinks = -np.expm1(-np.array([float(time) for time in schedule.times()]))
    inside = tape.clip(tape.carry("y", first), values["R"])
    latent = tape.affine(inside, factor, middle)
    gradient = posterior_gradient(tape, latent, misfit_gradient(tape, latent), beta)
    drift = tape.affine(gradient, factor, transposed=True)
    step = tape.table_row(tape.constant("shrinks", shrinks))
    scale = tape.table_row(tape.constant("scales", np.sqrt(2.0 * shrinks - shrinks**2)))
    moved = tape.combine(
        [(1.0, inside), (-1.0, tape.product(drift, step)), (1.0, tape.product(tape.noise(shrinks.size), scale))],
        identities=3 * width,
    )
    tape.close("chain", [moved], ["whitened"], shrinks.size, (1, 1, 0))
    point = tape.affine("whitened", factor, middle)
    tape.close("draw")
    draw = only_at(tape, observation, point)
    start = "a Gaussian start" if gaussian else "a start at c"
    notes = (f"holds one observation: any other x gives NaN; {counted(shrinks.size, 'layer')} after {start}",)
    return tape.finish("sharp", draw, (0, shrinks.size + int(gaussian)), notes, distance, size_bounded=False)


def _around(tape: Tape, centre: Centre) -> tuple[str, str]:
    """The constants B and c of z = c + B y."""
    return tape.constant("centre_factor", centre.factor), tape.constant("centre", centre.point)


def _schedule(values: dict[str, float], layers: int) -> Schedule:
    first, offset, step = (Fraction(values[name]) for name in ("eta_b", "h", "eta"))
    return Schedule(first, offset, int(values["K0"]), step, layers)
