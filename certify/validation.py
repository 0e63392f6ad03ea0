"""Checks of user input, all in one place: each returns a value of the right type or raises `InputError`.

Decimal numbers stay exact: they are read as the rational number that the digits spell.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from certify.arithmetic.balls import fraction
from certify.errors import InputError, UnknownNameError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from certify.symbolic.domain import Domain

Number: TypeAlias = int | float | str | Fraction
FloatArray: TypeAlias = "npt.NDArray[np.float64]"

_LARGEST_OBSERVATIONS_FILE = 1 << 30
_SMALLEST = Fraction(1, 10**300)
_LARGEST = Fraction(10**300)


def exact_number(name: str, value: Number) -> Fraction:
    """Exact rational value of a number that is 0 or of size 1e-300 to 1e300.

    Raises InputError if `value` does not spell such a number.
    """
    try:
        number = fraction(value.strip() if isinstance(value, str) else value)
    except (InputError, OverflowError, TypeError) as error:
        raise InputError(f"`{name}` must be a finite number; got `{value}`") from error
    if number != 0 and not _SMALLEST <= abs(number) <= _LARGEST:
        raise InputError(f"`{name}` must be 0 or of size 1e-300 to 1e300; got `{value}`")
    return number


def positive_number(name: str, value: Number) -> Fraction:
    """Exact value of a number > 0.

    Raises InputError if it is not a finite number or not > 0.
    """
    number = exact_number(name, value)
    if number <= 0:
        raise InputError(f"`{name}` must be > 0; got {value}")
    return number


def noise_level(value: Number) -> Fraction:
    """Exact value of beta, the standard deviation of the observation noise, beta > 0."""
    return positive_number("beta", value)


def accuracy(value: Number) -> Fraction:
    """Exact value of epsilon, a total variation distance in (0, 1).

    Raises InputError outside (0, 1).
    """
    number = exact_number("epsilon", value)
    if not 0 < number < 1:
        raise InputError(f"`epsilon` must be in (0, 1): it is a total variation distance; got {value}")
    return number


def region_radius(value: Number | None) -> float | None:
    """Radius of the ball on which the constants are to hold; None is all of R^d.

    Raises InputError if it is not a number > 0.
    """
    if value is None:
        return None
    return float(positive_number("region", value))


def time_budget(value: Number) -> float:
    """Budget in seconds, a finite number > 0."""
    return float(min(positive_number("budget", value), Fraction(10**9)))


def random_seed(value: int) -> int:
    """Seed of every random stream, an integer in [0, 2^63).

    Raises InputError outside.
    """
    if not 0 <= value < 2**63:
        raise InputError(f"`seed` must be an integer in [0, 2^63); got {value}")
    return value


def constants_from_text(text: str, required: Sequence[str], domains: Mapping[str, Domain]) -> dict[str, Fraction]:
    """Constants of a theorem from `d=8,m=1,M=1.5,M2=0.15[,M3=..][,rho=..][,N=..]`, each an exact rational.

    Raises InputError for an entry that is not `name=value`, a repeated or missing name, and a value outside its domain
    (whose ends may name other constants: M >= m, n >= d); UnknownNameError for a name that has no domain.
    """
    values: dict[str, Fraction] = {}
    literals: dict[str, str] = {}
    for entry in text.split(","):
        name, separator, literal = (part.strip() for part in entry.partition("="))
        if not separator or not name or not literal:
            raise InputError(f"`constants` must be name=value pairs such as d=8,m=1,M=1.5,M2=0.15; got `{entry}`")
        if name not in domains:
            raise UnknownNameError("constant", name, tuple(domains))
        if name in values:
            raise InputError(f"`constants` names `{name}` twice")
        values[name], literals[name] = exact_number(name, literal), literal
    missing = [name for name in required if name not in values]
    if missing:
        raise InputError(f"`constants` must give {', '.join(required)}; missing: {', '.join(missing)}")
    # The ends of a domain are checked first: what is said of M rests on a valid m.
    for name in sorted(values, key=lambda name: len(domains[name].symbols)):
        domain_value(name, values[name], domains[name], values, literals[name])
    return values


def domain_value(
    name: str, value: Fraction, domain: Domain, values: Mapping[str, Fraction], literal: str = ""
) -> Fraction:
    """The value itself if it is in the domain at the `values` of the symbols that its ends name.

    Raises InputError, with the `literal` that was given, if it is not.
    """
    if domain.contains(value, values):
        return value
    named = [f"{symbol.name} = {values[symbol.name]}" for symbol in domain.symbols if symbol.name in values]
    given = f" with {', '.join(named)}" if named else ""
    raise InputError(f"`{name}` must be {domain.rule}; got `{literal or value}`{given}")


def observations_from_file(path: str | Path, width: int | None = None, what: str = "observations") -> FloatArray:
    """Observations x, shape (k, n) with k >= 1, from FILE.npy or FILE.csv; one observation may have shape (n,).

    `width` is the n that the generator needs; None leaves it open. `what` is what messages call the file.
    Raises InputError if the file is missing, unreadable, holds Python objects, is not a real array of that
    shape, is empty, or has a NaN or infinite entry.
    """
    import numpy as np

    source, name = Path(path), f"{what} `{path}`"
    if not source.is_file():
        raise InputError(f"{name}: {'a folder, not a file' if source.is_dir() else 'no such file'}")
    if source.stat().st_size > _LARGEST_OBSERVATIONS_FILE:
        raise InputError(f"{name}: larger than 1 GiB")
    if source.suffix not in {".npy", ".csv"}:
        raise InputError(f"{name}: expected a .npy or .csv file")
    array = _load_npy(source, name) if source.suffix == ".npy" else _load_csv(source, name)
    if array.dtype.kind not in "iuf":
        raise InputError(f"{name}: expected real numbers, got dtype {array.dtype}")
    values = np.atleast_2d(array.astype(np.float64))
    return check_observations(values, width, name)


def noise_from_file(path: str | Path) -> FloatArray:
    """Standard deviations, shape (n,), from FILE.npy or FILE.csv; raises InputError as `observations_from_file`."""
    rows = observations_from_file(path, what="noise")
    if 1 not in rows.shape:
        raise InputError(f"noise `{path}`: expected one row with a standard deviation per output, got {rows.shape}")
    return rows.reshape(-1)


def point_from_file(path: str | Path, width: int) -> tuple[float, ...]:
    """One point of R^width from FILE.npy or FILE.csv, shape (width,) or (1, width).

    Raises InputError as `observations_from_file` does, and if the file holds several points.
    """
    rows = observations_from_file(path)
    if rows.shape != (1, width):
        raise InputError(f"centre `{path}`: expected one point with {width} coordinates, got shape {rows.shape}")
    return tuple(float(entry) for entry in rows[0])


def check_observations(values: FloatArray, width: int | None, name: str = "`observations`") -> FloatArray:
    """The array itself, shape (k, n), after the checks of shape and finiteness; (n,) becomes (1, n).

    Raises InputError as `observations_from_file` does.
    """
    import numpy as np

    rows = np.atleast_2d(np.asarray(values, dtype=np.float64))
    if rows.ndim != 2 or rows.size == 0:
        raise InputError(f"{name}: expected shape (k, n) or (n,) with k, n >= 1, got {np.shape(values)}")
    if width is not None and rows.shape[1] != width:
        raise InputError(f"{name}: expected {width} columns (the generator's outputs), got {rows.shape[1]}")
    if not np.isfinite(rows).all():
        row = int(np.flatnonzero(~np.isfinite(rows).all(axis=1))[0])
        raise InputError(f"{name}: entries must be finite; row {row} has a NaN or infinity")
    return rows


def _load_npy(path: Path, name: str) -> FloatArray:
    import numpy as np

    try:
        array: FloatArray = np.load(path, allow_pickle=False)
    except (ValueError, OSError, EOFError, MemoryError) as error:
        raise InputError(f"{name}: not a readable .npy array ({_one_line(error)})") from error
    if not isinstance(array, np.ndarray):
        raise InputError(f"{name}: an archive of arrays; expected one .npy array")
    return array


def _load_csv(path: Path, name: str) -> FloatArray:
    import numpy as np

    try:
        rows = [line.split(",") for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        return np.array([[float(entry) for entry in row] for row in rows], dtype=np.float64)
    except (ValueError, OSError) as error:
        raise InputError(f"{name}: not comma-separated numbers ({_one_line(error)})") from error


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:160]


def bit_range(text: str) -> range:
    """Numbers of bits from `A:B` (both included) or `A`, 2 <= A <= B <= 40.

    Raises InputError for anything else.
    """
    parts = text.split(":")
    rule = "`bits` must be A:B with 2 <= A <= B <= 40 (or one number), such as 6:20"
    if len(parts) > 2 or not all(part.strip().isdecimal() for part in parts):
        raise InputError(f"{rule}; got `{text}`")
    low, high = int(parts[0]), int(parts[-1])
    if not 2 <= low <= high <= 40:
        raise InputError(f"{rule}; got `{text}`")
    return range(low, high + 1)
