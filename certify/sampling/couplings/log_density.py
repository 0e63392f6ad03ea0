"""What a coupled chain needs to know of a law: log density and gradient of a batch of points.

Two kinds: any pair of Python callables that work on a batch, and a generator's posterior, evaluated by the samplers'
compiled kernels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Protocol, TypeAlias, cast

import numpy as np
import numpy.typing as npt

from certify.arithmetic.arrays import FloatArray
from certify.errors import InputError
from certify.sampling.target import PosteriorLike, Target, as_target, block_lanes, evaluate_blocks
from certify.sampling.workers import workers

Evaluate: TypeAlias = Callable[[FloatArray], tuple[FloatArray, FloatArray]]
"""Points (n, d) to log densities (n,) and gradients (n, d) of the log density."""


_SMALL_BATCH = 1_000_000
"""Operations that take less time than handing them to other threads; blocks, and so the bits, are the same."""


class LogDensity(Protocol):
    """An unnormalised log density on R^d; `opened` holds what its evaluation needs (threads) for one run."""

    @property
    def dim(self) -> int: ...

    @property
    def has_gradient(self) -> bool: ...

    def opened(self) -> AbstractContextManager[Evaluate]: ...


@dataclass(frozen=True, eq=False)
class CallableDensity:
    """A law given by functions: `log_density` maps (n, d) to (n,), `gradient` (of the log density) to (n, d).

    Without `gradient` only chains that need none run. The functions must treat rows independently. -inf and NaN mean
    "outside the support": such a proposal is rejected, and is an error for a chain without rejections.
    Raises `InputError` at a result of the wrong shape or a log density of +inf.
    """

    dim: int
    log_density: Callable[[FloatArray], FloatArray]
    gradient: Callable[[FloatArray], FloatArray] | None = None

    def __post_init__(self) -> None:
        if self.dim < 1:
            raise InputError(f"`dim` must be at least 1; got {self.dim}")

    @property
    def has_gradient(self) -> bool:
        """Whether `gradient` was given."""
        return self.gradient is not None

    @contextmanager
    def opened(self) -> Iterator[Evaluate]:
        """Evaluation in the caller's thread."""
        yield self._evaluate

    def _evaluate(self, points: FloatArray) -> tuple[FloatArray, FloatArray]:
        # A view that cannot be written to: a function that changes its argument would change the chains.
        given = points.view()
        given.setflags(write=False)
        values = _as_shape(self.log_density(given), "log_density", (points.shape[0],))
        if np.any(np.isposinf(values)):
            raise InputError("`log_density` returned +inf; it must be finite, or -inf outside the support")
        if self.gradient is None:
            return values, np.zeros_like(points)
        return values, _as_shape(self.gradient(given), "gradient", points.shape)


@dataclass(frozen=True, eq=False)
class PosteriorDensity:
    """The posterior of a generator graph, -f and -grad f by the samplers' kernels, blocks of chains in parallel.

    Raises `InputError` unless the target has one observation, which all replicates share.
    """

    target: Target

    def __post_init__(self) -> None:
        if self.target.observations.shape[0] != 1:
            raise InputError(
                "coupled replicates share one observation; run them one by one, "
                f"not {self.target.observations.shape[0]} at once"
            )

    @property
    def dim(self) -> int:
        """Latent dimension d."""
        return self.target.program.latent_dim

    @property
    def has_gradient(self) -> bool:
        """Always: the kernels differentiate the graph."""
        return True

    @contextmanager
    def opened(self) -> Iterator[Evaluate]:
        """Evaluation by a pool of threads, alive for one run."""
        with workers(None) as team:

            def evaluate(points: FloatArray) -> tuple[FloatArray, FloatArray]:
                positions = np.ascontiguousarray(points)
                potentials, gradients = np.empty(points.shape[0]), np.empty_like(positions)
                lanes = block_lanes(points.shape[0])
                blocks = -(-points.shape[0] // lanes)
                arguments = (*self.target.arguments, positions, potentials, gradients, lanes)
                if points.shape[0] * self.target.program.operations < _SMALL_BATCH:
                    evaluate_blocks(0, blocks, *arguments)
                else:
                    team.run(evaluate_blocks, blocks, *arguments)
                return -potentials, -gradients

            yield evaluate


def as_log_density(law: LogDensity | Target | PosteriorLike) -> LogDensity:
    """The law itself, or the density of a target or posterior."""
    if isinstance(law, (CallableDensity, PosteriorDensity)):
        return law
    if isinstance(law, Target):
        return PosteriorDensity(law)
    if hasattr(law, "generator"):
        return PosteriorDensity(as_target(cast(PosteriorLike, law)))
    if hasattr(law, "opened"):
        return law
    raise InputError(
        f"expected a posterior, a target or a CallableDensity(dim, log_density, gradient); got {type(law).__name__}"
    )


def _as_shape(result: npt.ArrayLike, name: str, shape: tuple[int, ...]) -> FloatArray:
    array = np.array(result, dtype=np.float64)
    if array.shape != shape:
        raise InputError(f"`{name}` must map a batch ({shape[0]}, d) to shape {shape}; got {array.shape}")
    return array
