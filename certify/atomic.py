"""Writing files whole or not at all: a reader, or a killed run, never sees half a result."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from certify.errors import InputError


def write_text_atomically(path: str | Path, text: str) -> None:
    """Write UTF-8 text so that `path` holds either its old content or all of `text`.

    Raises InputError if the place cannot be written, naming it and the reason.
    """
    write_bytes_atomically(path, text.encode("utf-8"))


def write_bytes_atomically(path: str | Path, content: bytes, *, durable: bool = True) -> None:
    """Write bytes to a temporary file beside `path`, flush it to the disk and move it into place.

    Not `durable`: without waiting for the disk, for content whose reader can tell whether it is whole.
    A device or pipe (`/dev/stdout`) is written directly: there is nothing to replace.
    Raises InputError if the place cannot be written, naming it and the reason.
    """
    target = Path(path)
    try:
        if target.exists() and not target.is_file():
            target.write_bytes(content)
            return
        _replace(target.resolve(), content, durable)
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(f"cannot write `{path}`: {reason}; give a path in an existing, writable folder") from error


def check_writable(path: str | Path) -> None:
    """See before long work that its result can be written.

    Raises InputError if `path` is a folder, or its folder is missing or not writable.
    """
    target = Path(path)
    try:
        if target.is_dir():
            raise InputError(f"cannot write `{path}`: it is a folder; give the path of a file")
        folder = target.resolve().parent
        if not folder.is_dir():
            raise InputError(f"cannot write `{path}`: no folder `{folder}`")
        if not target.exists() or target.is_file():
            _try_out(folder)
    except OSError as error:
        raise InputError(f"cannot write `{path}`: {error.strerror or error}") from error


def check_folder_writable(path: str | Path) -> None:
    """See before long work that files can be written into this folder, which may be yet to be made.

    Raises InputError if the path, or the first of its parents that exists, is no folder or not writable.
    """
    try:
        folder = Path(path).resolve()
        while not folder.exists():
            folder = folder.parent
        if not folder.is_dir():
            raise InputError(f"cannot write into `{path}`: `{folder}` is not a folder")
        _try_out(folder)
    except OSError as error:
        raise InputError(f"cannot write into `{path}`: {error.strerror or error}") from error


def _try_out(folder: Path) -> None:
    """Make a file there and remove it: permissions alone do not tell (read-only, full or synthetic file systems)."""
    handle, temporary = tempfile.mkstemp(prefix=".certify.", suffix=".tmp", dir=folder)
    os.close(handle)
    os.unlink(temporary)


def _replace(target: Path, content: bytes, durable: bool) -> None:
    handle, temporary = tempfile.mkstemp(prefix=f".{target.name[:100]}.", suffix=".tmp", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            if durable:
                os.fsync(stream.fileno())
        os.chmod(temporary, _permissions(target))
        os.replace(temporary, target)
    finally:
        # Whatever stopped the write, an interrupt included, the half-written copy must not stay behind.
        Path(temporary).unlink(missing_ok=True)


def _permissions(target: Path) -> int:
    """Mode of the file that is replaced, else what `open` would have given a new one."""
    if target.exists():
        return target.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
