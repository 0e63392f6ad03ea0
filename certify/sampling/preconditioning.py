"""Preconditioning as a change of coordinates: z = c + B y, so that a sampler of y is a preconditioned one of z.

A Langevin step of F(y) = f(c + B y) is, in z, the step preconditioned by B B^T:
    y <- y - eta grad F(y) + sqrt(2 eta) xi        (grad F(y) = B^T grad f(z))
    z <- z - eta B B^T grad f(z) + sqrt(2 eta) B xi,
and a ball of y is the ellipsoid |B^{-1}(z - c)| <= R of z. F is the potential of another program, so the
compiled kernels run it as they are: two more products with B a step, which is what B B^T would cost.
With B B^T = A^{-1}, A the Hessian of f at c, the Hessian of F at 0 is the identity.
Source: Roberts and Stramer, "Langevin diffusions and Metropolis-Hastings algorithms", Methodology and
Computing in Applied Probability 4 (2002).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.linalg

from certify.arithmetic.arrays import FloatArray
from certify.errors import InputError
from certify.sampling.program import (
    ACTIVATION,
    BIAS,
    COLUMNS,
    DENSE,
    EXTRA,
    OPERATION,
    PRODUCT,
    REALS,
    SCALE,
    SOURCE,
    SOURCE_WIDTH,
    TARGET,
    WIDTH,
    Program,
    mark_reverse_writes,
)
from certify.sampling.randomness import standard_normals
from certify.sampling.target import PosteriorLike, Target, as_target

IntegerArray = npt.NDArray[np.int64]

_SMALLEST_SCALE = 1e-300
_START_STREAMS = 2**63
"""Starts are drawn from the streams of chains that no run has, so that they are independent of its noise."""


@dataclass(frozen=True, eq=False)
class Preconditioner:
    """The affine map z = c + B y: `centre` c (d,), `factor` B (d, d), invertible."""

    centre: FloatArray
    factor: FloatArray

    @classmethod
    def create(cls, centre: npt.ArrayLike, factor: npt.ArrayLike) -> Preconditioner:
        """The map z = c + B y.

        Raises `InputError` unless c (d,) and B (d, d) are finite and the condition number of B is below 1e12.
        """
        c, b = np.array(centre, dtype=np.float64), np.array(factor, dtype=np.float64, order="C")
        if c.ndim != 1 or b.shape != (c.size, c.size) or c.size == 0:
            raise InputError(f"`centre` must have shape (d,) and `factor` (d, d); got {c.shape} and {b.shape}")
        if not (np.all(np.isfinite(c)) and np.all(np.isfinite(b))):
            raise InputError("`centre` and `factor` must be finite; got a NaN or an infinity")
        singular = np.linalg.svd(b, compute_uv=False)
        if not singular[-1] > 1e-12 * singular[0]:
            raise InputError(
                "`factor` must be invertible with condition number below 1e12; "
                f"got singular values from {singular[-1]:.3g} to {singular[0]:.3g}"
            )
        return cls(c, b)

    @classmethod
    def from_precision(cls, centre: npt.ArrayLike, precision: npt.ArrayLike) -> Preconditioner:
        """The map with B = L^{-T}, A = L L^T (Cholesky): B B^T = A^{-1} for a positive definite `precision` A (d, d).

        Raises `InputError` unless A is finite, symmetric to 1e-8 and positive definite.
        """
        a = np.array(precision, dtype=np.float64)
        if a.ndim != 2 or a.shape[0] != a.shape[1] or not np.all(np.isfinite(a)):
            raise InputError(f"`precision` must be finite with shape (d, d); got shape {a.shape}")
        if not np.allclose(a, a.T, rtol=1e-8, atol=1e-8 * float(np.abs(a).max(initial=0.0))):
            raise InputError("`precision` must be symmetric; it is not")
        try:
            lower = scipy.linalg.cholesky(0.5 * (a + a.T), lower=True)
        except scipy.linalg.LinAlgError as error:
            raise InputError("`precision` must be positive definite; its Cholesky factorisation fails") from error
        return cls.create(centre, scipy.linalg.solve_triangular(lower, np.eye(len(a)), lower=True).T)

    def latent(self, coordinates: FloatArray) -> FloatArray:
        """Points z = c + B y of coordinates y (..., d)."""
        return np.asarray(self.centre + coordinates @ self.factor.T)

    def coordinates(self, points: npt.ArrayLike) -> FloatArray:
        """Coordinates y = B^{-1} (z - c) of points z (..., d).

        Raises `InputError` unless the last axis has length d.
        """
        z = np.asarray(points, dtype=np.float64)
        if z.ndim == 0 or z.shape[-1] != self.centre.size:
            raise InputError(f"`start` must have {self.centre.size} columns; got shape {z.shape}")
        offsets = (z - self.centre).reshape(-1, self.centre.size)
        return np.asarray(np.linalg.solve(self.factor, offsets.T).T).reshape(z.shape)


def gaussian_start(preconditioner: Preconditioner, chains: int, seed: int) -> FloatArray:
    """Independent draws of N(c, B B^T), shape (chains, d), independent of every run's noise with the same seed.

    Raises `InputError` if `chains` < 1 or `seed` is not in [0, 2^64).
    """
    if chains < 1:
        raise InputError(f"`chains` must be at least 1; got {chains}")
    draws = standard_normals(seed, chains, preconditioner.centre.size, first=_START_STREAMS)
    return preconditioner.latent(draws)


def precondition(posterior: Target | PosteriorLike, preconditioner: Preconditioner) -> Target:
    """The target of y whose potential is F(y) = f(c + B y), exactly and with no constant added.

    The prior becomes part of the misfit: with p, s the prior and misfit scale of f,
        p |z|^2/2 + s |G(z) - x|^2/2 = s |(G(z), sqrt(p/s) z) - (x, 0)|^2/2,
    and the new target has prior 0. Raises `InputError` if d of the two differ, or s < 1e-300 (a beta above 1e150).
    """
    target = as_target(posterior)
    program, dim = target.program, target.program.latent_dim
    if preconditioner.centre.size != dim:
        raise InputError(f"the preconditioner has d = {preconditioner.centre.size}, the generator d = {dim}")
    if not target.misfit_scale >= _SMALLEST_SCALE:
        raise InputError(f"`beta` must be at most 1e150 with a preconditioner; 1/beta^2 is {target.misfit_scale:g}")
    ratio = math.sqrt(target.prior / target.misfit_scale)
    chains = target.observations.shape[0]
    observations = np.hstack([target.observations, np.zeros((chains, dim))])
    return Target(_composed(program, preconditioner, ratio), observations, 0.0, target.misfit_scale)


def _composed(program: Program, preconditioner: Preconditioner, ratio: float) -> Program:
    """The program of y -> (G(z), ratio z), z = c + B y: rows of y, the old rows, then the output's own rows."""
    dim, observed = program.latent_dim, program.observed_dim
    reals = np.concatenate([program.reals, preconditioner.factor.ravel(), preconditioner.centre, [1.0, ratio]])
    factor_at = program.reals.size
    bias_at, one_at, ratio_at = factor_at + dim * dim, factor_at + dim * dim + dim, reals.size - 1
    output = dim + program.rows
    entrance = _instruction(DENSE, 0, dim, dim, dim, factor_at, bias_at)
    values = _instruction(SCALE, program.output + dim, observed, output, observed, one_at, -1)
    prior = _instruction(SCALE, dim, dim, output + observed, dim, ratio_at, -1)
    table = np.vstack([entrance, _shifted(program, dim), values, prior])
    mark_reverse_writes(table, output)
    rows = output + observed + dim
    return Program(table.ravel(), program.integers, reals, rows, dim, observed + dim, output)


def _instruction(
    operation: int, source: int, source_width: int, target: int, width: int, reals: int, bias: int
) -> IntegerArray:
    row = np.zeros(COLUMNS, dtype=np.int64)
    row[[OPERATION, SOURCE, SOURCE_WIDTH, TARGET, WIDTH]] = operation, source, source_width, target, width
    row[[REALS, BIAS]] = reals, bias
    return row


def _shifted(program: Program, rows: int) -> IntegerArray:
    """The instructions with every row of the buffer moved down by `rows`."""
    table = program.instructions.reshape(-1, COLUMNS).copy()
    table[:, [TARGET, SOURCE]] += rows
    uses_extra = np.isin(table[:, OPERATION], (ACTIVATION, PRODUCT))
    table[uses_extra, EXTRA] += rows
    return table
