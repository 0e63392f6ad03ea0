"""The encoder of the Gaussian theorem: descent, Newton steps to the mode, one Hessian, its factor (G1-G3).

    c = z_{K_gd} by descent (S6);  z <- z - H(z)^{-1} grad f(z), K_newton times;  draw z + B xi,  B B^T = H(z)^{-1}.
By default H is factored by Cholesky, exactly, with roots and divisions; with products alone Newton-Schulz steps give
||B^T H B - I|| <= 1e-12, and what that adds to the distance is added to the bound.
"""

from __future__ import annotations

from dataclasses import dataclass

from flint import arb

from certify.arithmetic.balls import midpoint, upper
from certify.encoders.descent import write_descent, write_start
from certify.encoders.factors import (
    factor_distance,
    newton_schulz_steps,
    write_cholesky,
    write_gaussian,
    write_newton_schulz,
)
from certify.encoders.kind import EncoderKind, EncoderOptions, Numbers
from certify.encoders.passes import hessian, posterior_gradient
from certify.encoders.program import EncoderProgram
from certify.encoders.tape import Tape
from certify.errors import InputError
from certify.generators.graph import Generator


@dataclass(frozen=True)
class ProductsOnly:
    """Newton-Schulz in place of Cholesky: `steps` of them for Hessians below `scale` I leave the defect `defect`."""

    scale: float
    steps: int
    defect: float


def build(generator: Generator, numbers: Numbers, options: EncoderOptions) -> EncoderProgram:
    """The encoder at the choices of a certificate of the Gaussian theorem: K_gd, K_newton, L_Phi and beta."""
    if options.projected:
        raise InputError("`--projected` is an option of Langevin layers; a Gaussian encoder has none")
    products = products_only(numbers.enclosure("mu"), numbers.enclosure("L")) if options.products_only else None
    return gaussian_encoder(
        generator, numbers.real("beta"), 1.0 / numbers.real("L_Phi"), numbers.count("K_gd"), numbers.count("K_newton"),
        products, options.start,
    )  # fmt: skip


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
    _, factor = _factored(tape, point, beta, products, "")
    draw = write_gaussian(tape, point, factor, products is None)
    details = {}
    if products is not None:
        details = {"factor_defect": products.defect, "factor_distance": factor_distance(products.defect, width)}
    return tape.finish("gaussian", draw, (descent_layers + newton_steps, 1), details=details)


def _factored(tape: Tape, point: str, beta: float, products: ProductsOnly | None, label: str) -> tuple[str, str]:
    """J^T r at the point and the factor of the Hessian there: L^{-1}, or the symmetric root of the inverse."""
    pulled, matrix = hessian(tape, point, beta)
    tape.close(f"{label}hessian", passes=(1, 1, tape.generator.latent_dim))
    if products is None:
        return pulled, write_cholesky(tape, matrix, label)
    return pulled, write_newton_schulz(tape, matrix, products.scale, products.steps, label)


def _bound_name(options: EncoderOptions) -> str:
    return "tv_bound"


KIND = EncoderKind(
    name="gaussian",
    theorem="gaussian-encoder",
    summary="gradient descent and Newton steps to the mode, then one Gaussian layer with the Hessian's inverse",
    build=build,
    bound_name=_bound_name,
)
