"""Arrays from .npy and .csv files, read as data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from certify.errors import InputError

if TYPE_CHECKING:
    from certify.arithmetic.arrays import FloatArray


def read_npy(path: Path, name: str) -> FloatArray:
    """The array of a .npy file, as it is stored; raises InputError for anything else, pickled objects included."""
    import numpy as np

    try:
        # What does not begin as .npy or .npz numpy takes for a pickled object, and advises to allow that.
        with path.open("rb") as stream:
            begin = stream.read(6)
        if begin[:2] != b"PK" and begin != b"\x93NUMPY":
            raise ValueError("it does not begin like one; numpy.save writes it")
        array: FloatArray = np.load(path, allow_pickle=False)
    except (ValueError, OSError, EOFError, MemoryError) as error:
        raise InputError(f"{name}: not a readable .npy array ({one_line(error)})") from error
    if not isinstance(array, np.ndarray):
        raise InputError(f"{name}: an archive of arrays; expected one .npy array")
    return array


def read_csv(path: Path, name: str) -> FloatArray:
    """Rows of comma-separated numbers; raises InputError, which names a heading as one."""
    import numpy as np

    try:
        # With or without the byte order mark that spreadsheets write.
        rows = [line.split(",") for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    except (ValueError, OSError) as error:
        raise InputError(f"{name}: not a readable text file ({one_line(error)})") from error
    if len(rows) > 1 and not any(map(_is_number, rows[0])) and all(map(_is_number, rows[1])):
        raise InputError(f"{name}: the first row is a heading (`{one_line(','.join(rows[0]))}`); leave it out")
    for place, row in enumerate(rows):
        if len(row) != len(rows[0]):
            raise InputError(f"{name}: row 0 has {len(rows[0])} entries, row {place} has {len(row)}")
    try:
        return np.array([[float(entry) for entry in row] for row in rows], dtype=np.float64)
    except (ValueError, OSError) as error:
        raise InputError(f"{name}: not comma-separated numbers ({one_line(error)})") from error


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def one_line(error: BaseException | str) -> str:
    """A message of somebody else's on one line, at most 160 characters of it."""
    return " ".join(str(error).split())[:160]
