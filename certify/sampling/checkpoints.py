"""Checkpoints: the state of a long run in one file, from which a killed run goes on to the very same result.

The state is what the kernels keep between two calls: positions, stream states, counts, streaming moments
and the thinned trajectory so far. Beside it stands a digest of the request (target, start, steps, seed,
records) and of the samplers' own source, so that no run can continue another's, or one of other code.
The file is numpy's .npz; nothing in it is executed when it is read.
"""

from __future__ import annotations

import hashlib
import io
import math
import time
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from certify.atomic import check_writable, write_bytes_atomically
from certify.errors import InputError
from certify.sampling.numba_options import room_digest

State = Mapping[str, npt.NDArray[Any]]

_DIGEST, _STEP = "request_digest", "step"


def request_digest(sampler: str, *parts: Any) -> str:
    """SHA-256 of a request: the sampler's name, the source of the samplers, and `parts`.

    A part is an array, a number, None, or a tuple of such; shapes and types count, and a broadcast scalar is
    read once.
    """
    digest = hashlib.sha256(f"{sampler}\0{room_digest()}\0".encode())
    for part in parts:
        _update(digest, part)
    return digest.hexdigest()


def _update(digest: Any, part: Any) -> None:
    if isinstance(part, tuple):
        digest.update(b"(")
        for item in part:
            _update(digest, item)
        digest.update(b")")
        return
    if part is None:
        digest.update(b"-")
        return
    array = np.asarray(part)
    digest.update(f"{array.dtype.str}{array.shape}".encode())
    constant = array.size > 1 and not any(array.strides)
    digest.update(np.ascontiguousarray(array.flat[:1] if constant else array).tobytes())


@dataclass
class Checkpoint:
    """The file of one run: `restore` at its beginning, `save` between calls; without a `path` both do nothing."""

    path: Path | None
    seconds: float
    digest: str
    saved_at: float = field(default_factory=time.monotonic)

    @classmethod
    def open(cls, path: str | Path | None, seconds: float, digest: str) -> Checkpoint:
        """The checkpoint at `path`, to be renewed once `seconds` have passed.

        Raises `InputError` if `seconds` is not in [0, inf) or the place cannot be written.
        """
        if not (math.isfinite(seconds) and seconds >= 0.0):
            raise InputError(f"`checkpoint_seconds` must be in [0, inf); got {seconds}")
        if path is not None:
            check_writable(path)
        return cls(None if path is None else Path(path), seconds, digest)

    def restore(self, state: State, steps: int, multiple: int) -> int:
        """Fill the arrays of `state` in place from the file; returns the step they belong to, 0 without a file.

        Raises `InputError` for a file that is no checkpoint, or one of another run.
        """
        if self.path is None or not self.path.exists():
            return 0
        stored = self._read(tuple(state))
        step = int(stored[_STEP]) if stored[_STEP].shape == () and stored[_STEP].dtype.kind == "i" else -1
        # The kernels do not check bounds: nothing but the very shapes and types of this run may enter.
        fits = all(
            stored[name].shape == array.shape and stored[name].dtype == array.dtype for name, array in state.items()
        )
        if not (fits and 0 <= step <= steps and (step == steps or step % multiple == 0)):
            raise InputError(f"`checkpoint` file `{self.path}` is damaged; delete it or give another path")
        for name, array in state.items():
            array[...] = stored[name]
        return step

    def save(self, state: State, step: int, last: bool) -> None:
        """Write the state after `step` steps if it is the last or the time has come; whole or not at all.

        Raises `InputError` if the place cannot be written.
        """
        if self.path is None or not (last or time.monotonic() - self.saved_at >= self.seconds):
            return
        content = io.BytesIO()
        stored: dict[str, Any] = {_DIGEST: np.array(self.digest), _STEP: np.array(step, dtype=np.int64), **state}
        np.savez(content, **stored)
        write_bytes_atomically(self.path, content.getvalue())
        self.saved_at = time.monotonic()

    def _read(self, names: tuple[str, ...]) -> dict[str, npt.NDArray[Any]]:
        assert self.path is not None
        try:
            with self.path.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
                # The digest first: the arrays of a foreign file are not even read.
                own = str(archive[_DIGEST]) == self.digest
                stored = {name: archive[name] for name in (_STEP, *names)} if own else {}
        except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            raise InputError(
                f"`checkpoint` file `{self.path}` is no checkpoint of the samplers or is damaged; "
                "delete it or give another path"
            ) from error
        if not own:
            raise InputError(
                f"`checkpoint` file `{self.path}` belongs to another run (other target, start, step sizes, steps, "
                "seed, chains, records or version of the samplers); delete it or give another path"
            )
        return stored
