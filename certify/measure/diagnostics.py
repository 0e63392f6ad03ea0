"""Diagnostics of Markov chains through arviz: effective sample size and R-hat.

Both are estimates from the very draws they judge: a chain that has not found a mode passes. They bound nothing.
Source: Vehtari, Gelman, Simpson, Carpenter and Buerkner, "Rank-normalization, folding, and localization: an
improved R-hat for assessing convergence of MCMC", Bayesian Analysis 16 (2021).
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import numpy.typing as npt

from certify.arithmetic.arrays import FloatArray
from certify.errors import InputError, MissingExtraError

MINIMAL_DRAWS = 4
"""Draws per chain below which neither quantity is defined (each chain is split in two)."""


def effective_sample_size(trajectory: npt.ArrayLike) -> FloatArray:
    """Number of independent draws whose mean is as precise, per coordinate (d,): bulk ESS. Estimate.

    `trajectory` (draws, chains, d) as `record_every` keeps it, burn-in cut off. For an AR(1) process with
    coefficient phi it estimates draws * chains * (1 - phi)/(1 + phi).
    Raises `InputError` for a wrong shape, fewer than 4 draws or entries that are not finite, `MissingExtraError`
    without arviz.
    """
    draws = _checked(trajectory)
    arviz = _arviz("the effective sample size")
    return np.array([float(arviz.ess(coordinate, method="bulk")) for coordinate in draws])


def r_hat(trajectory: npt.ArrayLike) -> FloatArray:
    """Rank-normalised split R-hat per coordinate (d,): near 1 where the chains agree. Estimate.

    Arguments and errors as `effective_sample_size`; at least two chains.
    """
    draws = _checked(trajectory)
    if draws.shape[1] < 2:
        raise InputError("R-hat compares chains: `trajectory` needs at least 2 chains; got 1")
    arviz = _arviz("R-hat")
    return np.array([float(arviz.rhat(coordinate, method="rank")) for coordinate in draws])


def _checked(trajectory: npt.ArrayLike) -> FloatArray:
    """The draws as (d, chains, draws), arviz's order for each coordinate."""
    draws = np.asarray(trajectory, dtype=np.float64)
    if draws.ndim != 3 or draws.shape[0] < MINIMAL_DRAWS or draws.shape[1] < 1:
        raise InputError(
            f"`trajectory` must have shape (draws, chains, d) with at least {MINIMAL_DRAWS} draws; got {draws.shape}"
        )
    if not np.all(np.isfinite(draws)):
        raise InputError("`trajectory` must be finite; got a NaN or an infinity")
    return np.ascontiguousarray(draws.transpose(2, 1, 0))


def _arviz(purpose: str) -> Any:
    with warnings.catch_warnings():
        # arviz announces its own next version when it is imported.
        warnings.simplefilter("ignore")
        try:
            import arviz
        except ModuleNotFoundError as error:
            raise MissingExtraError("arviz", "plots", purpose) from error
    return arviz
