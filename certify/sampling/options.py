"""Options of a run: everything that is not the mathematics of its kernel, in one record with one validation."""

from __future__ import annotations

import math
import numbers
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from certify.errors import InputError
from certify.progress import Progress


@dataclass(frozen=True)
class Recording:
    """What a run keeps of its states X_k on the way; by default nothing.

    Args:
        every: r >= 1 keeps the trajectory X_0, X_r, X_2r, ...; 0 keeps none.
        moments_every: s >= 1 adds up mean and covariance over the chains and the steps k > burn_in that are
            multiples of s; 0 adds up none.
        burn_in: steps that the moments leave out, >= 0.

    Raises:
        InputError: for a number that is not an integer >= 0.
    """

    every: int = 0
    moments_every: int = 0
    burn_in: int = 0

    def __post_init__(self) -> None:
        for name, given in (("record_every", self.every), ("moments_every", self.moments_every)):
            _require_integer(name, given, 0)
        _require_integer("burn_in", self.burn_in, 0)


@dataclass(frozen=True)
class RunOptions:
    """How a run is carried out; the law of its chains depends on none of it.

    Args:
        seed: in [0, 2^64); chain i draws from the stream (seed, i) whatever else is run beside it.
        chains: number of chains, >= 1; None: as many as there are starts or observations.
        threads: >= 1; None: one per processor. The result is the same bits for any number.
        checkpoint: file from which a killed run goes on to the same bits, written every `checkpoint_seconds` and at
            the end; None: none.
        checkpoint_seconds: in [0, inf).
        recording: what is kept of the states on the way.
        progress: told how far the run has come; None: nobody is.

    Raises:
        InputError: for a value outside its domain.
    """

    seed: int
    chains: int | None = None
    threads: int | None = None
    checkpoint: str | Path | None = None
    checkpoint_seconds: float = 60.0
    recording: Recording = field(default_factory=Recording)
    progress: Progress | None = None

    def __post_init__(self) -> None:
        _require_integer("seed", self.seed, 0, 2**64)
        if self.chains is not None:
            _require_integer("chains", self.chains, 1)
        if self.threads is not None:
            _require_integer("threads", self.threads, 1)
        if not (self.checkpoint is None or isinstance(self.checkpoint, str | os.PathLike)):
            raise InputError(f"`checkpoint` must be a path or None; got {self.checkpoint!r}")
        seconds: Any = self.checkpoint_seconds
        if not (isinstance(seconds, numbers.Real) and 0.0 <= float(seconds) < math.inf):
            raise InputError(f"`checkpoint_seconds` must be in [0, inf); got {seconds}")
        if not isinstance(self.recording, Recording):
            raise InputError(f"`recording` must be a Recording; got {self.recording!r}")


def _require_integer(name: str, given: Any, least: int, end: int | None = None) -> None:
    # numpy's integers are integers; True is not a number of chains.
    if type(given) is bool or not isinstance(given, numbers.Integral):
        raise InputError(f"`{name}` must be an integer; got {given!r}")
    if int(given) < least or (end is not None and int(given) >= end):
        domain = f"at least {least}" if end is None else f"in [{least}, 2^{end.bit_length() - 1})"
        raise InputError(f"`{name}` must be {domain}; got {given}")
