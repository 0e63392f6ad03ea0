"""A factor B of the inverse of a positive definite matrix, as layers: B^T H B = I, so that B xi has covariance H^{-1}.

Newton-Schulz, products only. With mu I <= H <= s I: Y_0 = H/s, Z_0 = I, T = (3 I - Z Y)/2, Y <- Y T, Z <- T Z, and
B = Z/sqrt(s). The eigenvalues w of Z Y move by w <- w (3 - w)^2/4, increasing on [0, 1] with fixed point 1, so after k
steps they lie in [v_k, 1], v_0 = mu/s: ||B^T H B - I|| <= 1 - v_k.
Cholesky, with roots and divisions, exact: H = L L^T column by column, and the same elimination turns I into L^{-1}.
"""

from __future__ import annotations

import math

import numpy as np
from flint import arb

from certify.arithmetic.balls import ball, precision, upper
from certify.encoders.tape import Tape
from certify.errors import InputError

DEFECT = 1e-12
"""Largest ||B^T H B - I|| that Newton-Schulz steps are taken to."""
MOST_STEPS = 200


def newton_schulz_steps(smallest: arb, largest: arb) -> tuple[int, float]:
    """Steps until ||B^T H B - I|| <= 1e-12 where smallest I <= H <= largest I, and that defect, rounded outward.

    Raises:
        InputError: unless 0 < smallest <= largest beyond doubt.
    """
    with precision():
        value = ball(smallest) / ball(largest)
        if not (value > 0 and value <= 1):
            raise InputError(f"the Hessian's bounds must satisfy 0 < mu <= L; got mu/L = {value}")
        for step in range(MOST_STEPS):
            defect = upper(1 - value)
            if defect <= DEFECT:
                return step, max(defect, 0.0)
            # The map is increasing: its value at the lower end bounds all eigenvalues.
            low = value.lower()
            value = (low * (3 - low) ** 2 / 4).lower()
    raise InputError("the Hessian's condition number is too large for Newton-Schulz steps")


def factor_distance(defect: float, dimension: int) -> float:
    """TV(N(c, B B^T), N(c, H^{-1})) <= om sqrt(d/(8 (1 - om))), om = ||B^T H B - I||. Upper bound, rounded outward.

    KL = (1/2) sum (w - 1 - log w) over d numbers w in [1 - om, 1], and w - 1 - log w <= om^2/(2 (1 - om)); Pinsker.
    """
    with precision():
        om = ball(defect)
        return upper(om * (ball(dimension) / (8 * (1 - om))).sqrt())


def write_newton_schulz(tape: Tape, matrix: str, scale: float, steps: int, label: str = "") -> str:
    """B = Z/sqrt(s), shape (d, d), for the Hessian `matrix` <= `scale` I; symmetric."""
    size = tape.generator.latent_dim
    identity = tape.constant("identity", np.eye(size))
    first, second = tape.combine([(1.0 / scale, matrix)], identities=size**2), tape.repeated(identity)
    tape.close(f"{label}scaling")
    # Shapes are kept by name: another stage carries vectors y and z.
    y, z = tape.carry(f"{label}schulz_y", first), tape.carry(f"{label}schulz_z", second)
    half = tape.combine([(1.5, tape.repeated(identity)), (-0.5, tape.matrix_product(z, y))], identities=size**2)
    moved = tape.matrix_product(y, half), tape.matrix_product(half, z)
    roots = [f"{label}square_root", f"{label}inverse_root"]
    tape.close(f"{label}newton_schulz", moved, roots, steps)
    factor = tape.combine([(1.0 / math.sqrt(scale), roots[1])], identities=size**2)
    tape.close(f"{label}factor")
    return factor


def write_cholesky(tape: Tape, matrix: str, label: str = "") -> str:
    """B = L^{-T}, given as its transpose L^{-1}, shape (d, d), for H = L L^T = `matrix`."""
    size = tape.generator.latent_dim
    columns = tape.constant("basis", np.eye(size))
    rows = tape.constant("basis_rows", np.eye(size)[:, None, :])
    start = tape.repeated(tape.constant("identity", np.eye(size)))
    tape.close(f"{label}elimination_start")
    rest, inverse = tape.carry(f"{label}rest", matrix), tape.carry(f"{label}inverse", start)
    unit = tape.table_row(columns)
    column = tape.matrix_product(rest, unit)
    pivot = tape.matrix_product(tape.table_row(rows), column)
    lower = tape.divide_by_root(column, pivot)
    # The same step on the identity: row j is divided by the pivot's root, then taken from the rows below.
    row = tape.divide_by_root(tape.matrix_product(inverse, unit, (True, False)), pivot)
    eliminated = tape.combine([(1.0, rest), (-1.0, tape.outer(lower, lower))])
    below = tape.combine([(1.0, lower), (-1.0, unit)])
    advanced = tape.combine([(1.0, inverse), (-1.0, tape.outer(below, row))])
    outputs = [f"{label}eliminated", f"{label}inverse_factor"]
    tape.close(f"{label}cholesky", [eliminated, advanced], outputs, size)
    return outputs[1]


def write_gaussian(tape: Tape, centre: str, factor: str, transposed: bool) -> str:
    """The draw c + B xi; `transposed` if the tensor `factor` is B^T."""
    noise = tape.noise(1)
    spread = tape.matrix_product(factor, noise, (transposed, False))
    draw = tape.combine([(1.0, centre), (1.0, spread)], identities=2 * tape.generator.latent_dim)
    tape.close("gaussian")
    return draw
