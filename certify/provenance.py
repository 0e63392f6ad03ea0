"""Provenance: what a reader needs to run a computation again."""

from __future__ import annotations

import hashlib
import importlib.metadata
import platform
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Protocol

from certify.version import __version__

_PACKAGES = ("numpy", "scipy", "sympy", "numba", "python-flint", "onnx", "onnxruntime")


class Originated(Protocol):
    """What can say where it came from: a generator."""

    def origin(self) -> dict[str, Any]:
        """JSON form: name, digest, how the file was read and compared with a second engine."""


def started() -> tuple[datetime, float]:
    """Wall-clock time and monotonic clock at the beginning of a run; goes into `provenance`."""
    return datetime.now(UTC), time.perf_counter()


def provenance(
    command: str, seed: int, start: tuple[datetime, float], generators: Iterable[Originated] = ()
) -> dict[str, Any]:
    """JSON form of the contract: version, seed, platform, packages, command, started, seconds, and the generators."""
    moment, clock = start
    return {
        "version": __version__,
        "seed": seed,
        "platform": f"{platform.system()}-{platform.machine()} Python {platform.python_version()}",
        "packages": {name: _installed_version(name) for name in _PACKAGES},
        "command": command,
        "started": moment.isoformat(timespec="seconds"),
        "seconds": round(time.perf_counter() - clock, 3),
        "generators": [generator.origin() for generator in generators],
    }


@cache
def code_digest() -> str:
    """SHA-256 of every source of `certify` and `theorems`: a result that is not proved again is as good as its code."""
    digest = hashlib.sha256()
    root = Path(__file__).resolve().parent.parent
    for path in sorted(path for name in ("certify", "theorems") for path in (root / name).rglob("*.py")):
        digest.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


@cache
def _installed_version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
