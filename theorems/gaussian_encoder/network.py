"""The encoder of the Gaussian theorem: descent, Newton steps to the mode, one Hessian, its factor (G1-G3).

    c = z_{K_gd} by descent (S6);  z <- z - H(z)^{-1} grad f(z), K_newton times;  draw z + B xi,  B B^T = H(z)^{-1}.
By default H is factored by Cholesky, exactly, with roots and divisions; with products alone Newton-Schulz steps give
||B^T H B - I|| <= 1e-12, and what that adds to the distance is added to the bound.
"""

from __future__ import annotations

from dataclasses import dataclass

from flint import arb

from certify.arithmetic.balls import ball, midpoint, precision, upper
from certify.encoders.descent import write_descent, write_start
from certify.encoders.factors import (
    factor_distance,
    newton_schulz_steps,
    write_cholesky,
    write_gaussian,
    write_newton_schulz,
)
from certify.encoders.kind import EncoderKind, EncoderOptions, Numbers
from certify.encoders.passes import gauss_newton, hessian, posterior_gradient
from certify.encoders.program import EncoderProgram
from certify.encoders.tape import Tape
from certify.errors import InputError
from certify.generators.graph import Generator
from certify.wording import counted


@dataclass(frozen=True)
class ProductsOnly:
    """Newton-Schulz in place of Cholesky: `steps` of them for Hessians below `scale` I leave the defect `defect`."""

    scale: float
    steps: int
    defect: float


def build(generator: Generator, numbers: Numbers, options: EncoderOptions) -> EncoderProgram:
    """The encoder at the choices of a certificate of the Gaussian theorem: K_gd, K_newton, L_Phi and beta.

    Raises:
        InputError: for an option of other encoders, or where products alone cannot take the Newton steps.
    """
    if options.projected:
        raise InputError("`--projected` is an option of Langevin layers; a Gaussian encoder has none")
    products, distance = None, None
    if options.products_only:
        products = products_only(numbers.enclosure("mu"), numbers.enclosure("L"))
        added = products_distance(numbers, products.defect, numbers.count("K_newton"), generator.latent_dim)
        with precision():
            # What is added is that of Newton's steps and of the Hessian's factor.
            distance = upper(numbers.enclosure("tv_hessian") + ball(added))
    return gaussian_encoder(
        generator, numbers.real("beta"), 1.0 / numbers.real("L_Phi"), numbers.count("K_gd"), numbers.count("K_newton"),
        products, options.start, distance, "hessian" if options.products_only else covariance_of(numbers),
    )  # fmt: skip


def covariance_of(numbers: Numbers) -> str:
    """Whose inverse is the covariance of the last layer: "hessian", or "jacobian" (A = I + J^T J/beta^2).

    The certificate bounds both (G2 + G3 and G1*); the one whose bound is smaller is taken, without proof that it is.
    """
    if not numbers.has("tv_jacobian"):
        return "hessian"
    bounds = {name: upper(numbers.enclosure(f"tv_{name}")) for name in ("hessian", "jacobian")}
    return min(bounds, key=lambda name: bounds[name])


def products_distance(numbers: Numbers, defect: float, newton_steps: int, dimension: int) -> float:
    """What Newton-Schulz adds to the theorem's distance. Upper bound, rounded outward.

    A step with B B^T, ||B^T H B - I|| <= om, leaves |grad f| <= om e + (T3/(2 mu^2)) e^2 of e: the first part is what
    is not solved, the second the third derivative's. G3 holds with the e that this gives; the factor adds its own.

    Raises:
        InputError: if the inexact steps need not contract.
    """
    mu, third, largest = (numbers.enclosure(name) for name in ("mu", "T3", "L"))
    with precision():
        om, gradient = ball(defect), numbers.enclosure("e_start")
        rate = third / (2 * mu**2)
        if not om + rate * gradient <= 1:
            raise InputError("products alone do not take these Newton steps: they need not contract; use Cholesky")
        for _ in range(newton_steps):
            gradient = om * gradient + rate * gradient**2
        q = third * gradient / mu**2
        if not q < 1:
            raise InputError("products alone do not take these Newton steps: G3 needs q < 1; use Cholesky")
        divergence = (dimension * q**2 / (2 * (1 - q)) + largest * gradient**2 / mu**2) / 2
        exact = numbers.enclosure("G3")
        stopping = ((divergence / 2).sqrt() - exact).max(ball(0))
        return upper(stopping + ball(factor_distance(defect, dimension)))


def products_only(smallest: arb, largest: arb) -> ProductsOnly:
    """The Newton-Schulz steps for Hessians between `smallest` I and `largest` I."""
    steps, defect = newton_schulz_steps(smallest, largest)
    # A scale rounded up stays above every Hessian.
    return ProductsOnly(upper(largest) if upper(largest) < 1e300 else midpoint(largest), steps, defect)


def gaussian_encoder(
    generator: Generator,
    beta: float,
    descent_step: float,
    descent_layers: int,
    newton_steps: int,
    products: ProductsOnly | None = None,
    start: Generator | None = None,
    distance: float | None = None,
    covariance: str = "hessian",
) -> EncoderProgram:
    """`descent_layers` steps of size `descent_step`, `newton_steps` Newton steps, and one Gaussian layer."""
    tape, width = Tape(generator), generator.latent_dim
    point = write_descent(tape, write_start(tape, start), descent_step, descent_layers)
    for step in range(newton_steps):
        label = f"newton{step}_"
        pulled, factor = _factored(tape, point, beta, products, label)
        gradient = posterior_gradient(tape, point, pulled, beta)
        solved = tape.matrix_product(factor, tape.matrix_product(factor, gradient), (products is None, False))
        moved = tape.combine([(1.0, point), (-1.0, solved)], identities=2 * width)
        tape.close(f"{label}step")
        point = moved
    if covariance == "jacobian":
        matrix = gauss_newton(tape, point, beta)
        tape.close("jacobian", passes=(1, 0, width))
        factor = _factor(tape, matrix, products, "")
    else:
        factor = _factored(tape, point, beta, products, "")[1]
    draw = write_gaussian(tape, point, factor, products is None)
    notes: tuple[str, ...] = ()
    if products is not None:
        notes = (f"Newton-Schulz: {counted(products.steps, 'step')}, ||B^T H B - I|| <= {products.defect:.2g}",)
    return tape.finish(
        "gaussian", draw, (descent_layers + newton_steps, 1), notes, distance, size_bounded=products is None
    )


def _factored(tape: Tape, point: str, beta: float, products: ProductsOnly | None, label: str) -> tuple[str, str]:
    """J^T r at the point and the factor of the Hessian there."""
    pulled, matrix = hessian(tape, point, beta)
    tape.close(f"{label}hessian", passes=(1, 1, tape.generator.latent_dim))
    return pulled, _factor(tape, matrix, products, label)


def _factor(tape: Tape, matrix: str, products: ProductsOnly | None, label: str) -> str:
    """The factor of a matrix: L^{-1}, or the symmetric root of the inverse."""
    if products is None:
        return write_cholesky(tape, matrix, label)
    return write_newton_schulz(tape, matrix, products.scale, products.steps, label)


def _bound(numbers: Numbers, options: EncoderOptions) -> arb:
    return numbers.enclosure("tv_bound")


ENCODER = EncoderKind(
    name="gaussian",
    summary=(
        "gradient descent and Newton steps to the mode, then one Gaussian layer with the inverse of the Hessian or of "
        "I + J^T J/beta^2"
    ),
    build=build,
    bound=_bound,
)
