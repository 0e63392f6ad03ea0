"""The encoder of Theorem 1*: descent, preconditioned steps to the mode, a Gaussian start, a few preconditioned layers.

    c_0 = z_{K_gd} (S6);  c <- c - A_0^{-1} grad f(c);  A = I + J(c)^T J(c)/beta^2, B B^T = A^{-1};
    y_0 = xi_0 or 0;  y <- P y - s_k B^T grad f(c + B P y) + sqrt(2 s_k - s_k^2) xi_k,  P y = y min(1, R/|y|);
    z = c + B y.
The distance is evaluated again, in balls, for the c that these layers reach: g <= 1e-10 or so in place of the
certificate's, |r_c| <= beta^2 rho/m (the mode's) plus M times what is left of the way to it, and the factor's own
defect.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import numpy as np
from flint import arb

from certify.arithmetic.arrays import FloatArray
from certify.arithmetic.balls import ball, midpoint, precision, upper
from certify.encoders.centre import Factorisation, write_centre
from certify.encoders.centre_plan import CentrePlan, Model, plan_centre
from certify.encoders.factors import newton_schulz_steps
from certify.encoders.kind import EncoderKind, EncoderOptions, Numbers
from certify.encoders.passes import misfit_gradient, posterior_gradient
from certify.encoders.program import EncoderProgram
from certify.encoders.tape import Tape
from certify.errors import InputError
from certify.generators.graph import Generator
from certify.sharp.chain import chain_bound
from certify.sharp.problem import closed_form_problem
from certify.sharp.schedule import Schedule
from theorems.sharp_langevin.one_observation import at_observation

MOST_LAYERS = 2_000_000
"""Longest schedule that is written: one step and one scale a layer."""


def build(generator: Generator, numbers: Numbers, options: EncoderOptions) -> EncoderProgram:
    """The encoder at the choices of a certificate of Theorem 1*, for n = d and typical x.

    Raises:
        InputError: for n > d, single observations, options of other encoders, or a schedule that is too long to write.
    """
    _check(generator, numbers)
    defect, products = 0.0, None
    if options.products_only:
        with precision():
            low, high = ((numbers.enclosure(name) / numbers.enclosure("beta")) ** 2 + 1 for name in ("m", "M"))
            steps, defect = newton_schulz_steps(low, high)
            products = (upper(high), steps)
    plan = plan_centre(model_of(numbers), defect)
    schedule = schedule_of(numbers)
    if schedule.layers > MOST_LAYERS:
        raise InputError(f"the schedule has {schedule.layers} layers; at most {MOST_LAYERS} are written")
    gaussian = numbers.real("start") > 0
    bound = network_bound(numbers, plan, schedule, defect)
    times = np.array([float(time) for time in schedule.times()])
    return sharp_encoder(
        generator, numbers.real("beta"), plan, times, numbers.real("R"), gaussian, products, options.start, bound
    )


def sharp_encoder(
    generator: Generator,
    beta: float,
    plan: CentrePlan,
    times: FloatArray,
    radius: float,
    gaussian_start: bool,
    products: tuple[float, int] | None = None,
    start: Generator | None = None,
    distance: float | None = None,
) -> EncoderProgram:
    """The encoder of one schedule eta_k = `times`; `products` = (scale, steps) of Newton-Schulz, not Cholesky."""
    tape, width = Tape(generator), generator.latent_dim
    factorisation = Factorisation(products)
    point = write_centre(tape, beta, plan, factorisation, start)
    factor = factorisation.write(tape, point, beta)
    first = tape.noise(1) if gaussian_start else tape.repeated(tape.constant(f"zero{width}", np.zeros(width)))
    tape.close("opening")
    shrinks = -np.expm1(-times)
    state = tape.carry("y", first)
    inside = tape.clip(state, radius)
    latent = _latent(tape, point, factor, inside, factorisation.transposed)
    gradient = posterior_gradient(tape, latent, misfit_gradient(tape, latent), beta)
    drift = tape.matrix_product(factor, gradient, (False, False))
    step = tape.table_row(tape.constant("shrinks", shrinks))
    scale = tape.table_row(tape.constant("scales", np.sqrt(2.0 * shrinks - shrinks**2)))
    moved = tape.combine(
        [(1.0, inside), (-1.0, tape.product(drift, step)), (1.0, tape.product(tape.noise(times.size), scale))],
        identities=3 * width,
    )
    tape.close("chain", [moved], ["whitened"], times.size, (1, 1, 0))
    draw = _latent(tape, point, factor, "whitened", factorisation.transposed)
    tape.close("draw")
    notes = (f"the point c: {plan.descent_layers} descent layers, {plan.corrections} preconditioned steps, "
             f"|B^T grad f(c)| <= {plan.gradient:.2g}",)  # fmt: skip
    layers = plan.descent_layers + plan.corrections, times.size + int(gaussian_start)
    return tape.finish("sharp", draw, layers, notes, distance, size_bounded=False)


def model_of(numbers: Numbers) -> Model:
    """The constants that the certificate was made with."""
    return Model(*(numbers.enclosure(name) for name in ("m", "M", "M2", "beta", "rho")))


def schedule_of(numbers: Numbers) -> Schedule:
    """The certificate's schedule, exactly."""
    first, offset, step = (_exact(numbers, name) for name in ("eta_b", "h", "eta"))
    return Schedule(first, offset, numbers.count("K0"), step, numbers.count("K"))


def network_bound(numbers: Numbers, plan: CentrePlan, schedule: Schedule, defect: float) -> float:
    """Theorem 1* for the c of this network, by the closed forms of the global constants. Upper bound, rounded outward.

    1 where a side condition is not met beyond doubt.
    """
    with precision():
        m, M, M2, beta = (numbers.enclosure(name) for name in ("m", "M", "M2", "beta"))
        # On the plan's own event, |zh| <= rho: the certificate's r_c may rest on another one.
        residual = beta**2 * numbers.enclosure("rho") / m + M * ball(plan.distance)
        problem = closed_form_problem(numbers.count("d"), m, M, M2, beta, ball(plan.gradient), residual, ball(defect))
        found = chain_bound(
            problem, numbers.enclosure("R"), numbers.enclosure("R2"), numbers.enclosure("w"), schedule.moving(),
            schedule.smoothing(), "gaussian" if numbers.real("start") > 0 else "point",
        )  # fmt: skip
        return upper(found.total) if found.admissible and found.total.is_finite() else 1.0


def _check(generator: Generator, numbers: Numbers) -> None:
    if generator.observed_dim != generator.latent_dim:
        raise InputError(
            "the sharp encoder is built for n = d: for n > d nothing certified finds its centre from 0 "
            "(docs/encoders.md)"
        )
    if numbers.single_observations:
        raise InputError(
            "the sharp encoder is built for typical x, or for one observation: give `--index`, or leave out "
            "`--observations`"
        )


def _latent(tape: Tape, centre: str, factor: str, whitened: str, transposed: bool) -> str:
    """The latent z = c + B y."""
    return tape.combine([(1.0, centre), (1.0, tape.matrix_product(factor, whitened, (transposed, False)))])


def _exact(numbers: Numbers, name: str) -> Fraction:
    """A choice as the rational that its ball holds exactly."""
    return Fraction(midpoint(numbers.enclosure(name)))


def _bound(numbers: Numbers, options: EncoderOptions) -> arb:
    return numbers.enclosure("tv_bound")


def _declaration(program: EncoderProgram, value: Callable[[str], float | None]) -> dict[str, str]:
    """The schedule, the projection's radius and the start."""
    numbers = {name: str(value(name)) for name in ("eta_b", "h", "eta", "R", "start")}
    return numbers | {name: str(int(value(name) or 0)) for name in ("K0", "K")}


ENCODER = EncoderKind(
    name="sharp",
    summary="descent and preconditioned steps to the mode, a Gaussian start, then preconditioned layers",
    build=build,
    bound=_bound,
    at_observation=at_observation,
    declaration=_declaration,
)
