"""The point c of an encoder and the factor B of its covariance, as layers: descent, preconditioned steps, one factor.

c_0 by descent;  c <- c - B_0 B_0^T grad f(c),  B_0 B_0^T = A(c_0)^{-1};  B B^T = A(c)^{-1},  A = I + J^T J/beta^2.
"""

from __future__ import annotations

from dataclasses import dataclass

from certify.encoders.centre_plan import CentrePlan
from certify.encoders.descent import write_descent, write_start
from certify.encoders.factors import write_cholesky, write_newton_schulz
from certify.encoders.passes import gauss_newton, misfit_gradient, posterior_gradient
from certify.encoders.tape import Tape
from certify.generators.graph import Generator


@dataclass(frozen=True)
class Factorisation:
    """Newton-Schulz `steps` for matrices below `scale` I; None: Cholesky, whose factor is written as B^T = L^{-1}."""

    products: tuple[float, int] | None = None

    @property
    def transposed(self) -> bool:
        """Whether the tensor is B^T and not B."""
        return self.products is None

    def write(self, tape: Tape, point: str, beta: float, label: str = "") -> str:
        """The factor of A at a point."""
        matrix = gauss_newton(tape, point, beta)
        tape.close(f"{label}preconditioner", passes=(1, 0, tape.generator.latent_dim))
        if self.products is None:
            return write_cholesky(tape, matrix, label)
        return write_newton_schulz(tape, matrix, *self.products, label)


def write_centre(
    tape: Tape, beta: float, plan: CentrePlan, factorisation: Factorisation, start: Generator | None = None
) -> str:
    """The point c that `plan` reaches."""
    point = write_descent(
        tape, write_start(tape, start), plan.descent_step, plan.descent_layers, plan.descent_decay
    )  # fmt: skip
    if plan.onward is not None:
        second = plan.onward
        point = write_descent(tape, point, second.step, second.layers, second.decay, "onward_")
    factor = factorisation.write(tape, point, beta, "centre_")
    state = tape.carry("c", point)
    gradient = posterior_gradient(tape, state, misfit_gradient(tape, state), beta)
    solved = tape.matrix_product(factor, tape.matrix_product(factor, gradient), (factorisation.transposed, False))
    moved = tape.combine([(1.0, state), (-1.0, solved)], identities=2 * tape.generator.latent_dim)
    tape.close("correction", [moved], ["mode"], plan.corrections, (1, 1, 0))
    return "mode"
