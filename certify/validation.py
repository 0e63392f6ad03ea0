"""Checks of user input, all in one place: each returns a value of the right type or raises `InputError`.

Decimal numbers stay exact: they are read as the rational number that the digits spell.
"""

from __future__ import annotations

import operator
import os
from collections.abc import Collection, Mapping, Sequence
from fractions import Fraction
from numbers import Rational, Real
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from certify.arithmetic.balls import fraction
from certify.array_files import one_line, read_csv, read_npy
from certify.errors import InputError, UnknownNameError

if TYPE_CHECKING:
    from certify.arithmetic.arrays import FloatArray
    from certify.symbolic.domain import Domain

Number: TypeAlias = int | float | str | Fraction

_LARGEST_OBSERVATIONS_FILE = 1 << 30
_LONGEST_TEXT = 4096
_SMALLEST = Fraction(1, 10**300)
_LARGEST = Fraction(10**300)
_LARGEST_COUNT = 2**53


def exact_number(name: str, value: Number) -> Fraction:
    """Exact rational value of a number that is 0 or of size 1e-300 to 1e300.

    Raises InputError if `value` does not spell such a number.
    """
    try:
        number = fraction(_plain_number(value))
    except (InputError, OverflowError, TypeError) as error:
        raise InputError(f"`{name}` must be a finite number; got {shown(value)}") from error
    if number != 0 and not _SMALLEST <= abs(number) <= _LARGEST:
        raise InputError(f"`{name}` must be 0 or of size 1e-300 to 1e300; got {shown(value)}")
    return number


def _plain_number(value: object) -> int | float | str | Fraction:
    """A number of Python for one of numpy, a rational or a decimal literal; TypeError for anything else."""
    if isinstance(value, str) and len(value) <= _LONGEST_TEXT:
        return value.strip()
    # True is an integer to Python and a slip to everybody else.
    if isinstance(value, bool) or type(value).__name__ == "bool":
        raise TypeError
    if isinstance(value, Rational):
        return Fraction(int(value.numerator), int(value.denominator))
    if isinstance(value, Real):
        return float(value)
    if type(value).__name__ == "Decimal":
        return str(value)
    raise TypeError


def positive_number(name: str, value: Number) -> Fraction:
    """Exact value of a number > 0.

    Raises InputError if it is not a finite number or not > 0.
    """
    number = exact_number(name, value)
    if number <= 0:
        raise InputError(f"`{name}` must be > 0; got {shown(value)}")
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
        raise InputError(f"`epsilon` must be in (0, 1): it is a total variation distance; got {shown(value)}")
    return number


def region_radius(value: Number | None) -> float | None:
    """Radius of the ball on which the constants are to hold; None is all of R^d.

    Raises InputError if it is not a number > 0.
    """
    if value is None:
        return None
    return float(positive_number("region", value))


def region_centre(value: Sequence[Number]) -> tuple[float, ...]:
    """Centre of a ball, as many finite numbers as there are latents.

    Raises InputError for anything else.
    """
    if isinstance(value, str) or not hasattr(value, "__iter__"):
        raise InputError(f"`region`: the centre must be a sequence of numbers; got {shown(value)}")
    return tuple(float(exact_number("region", entry)) for entry in value)


def time_budget(value: Number) -> float:
    """Budget in seconds, a finite number > 0."""
    return float(min(positive_number("budget", value), Fraction(10**9)))


def work_effort(value: Number) -> float:
    """Units of counted work, a finite number > 0."""
    return float(min(positive_number("effort", value), Fraction(10**15)))


def random_seed(value: int) -> int:
    """Seed of every random stream, an integer in [0, 2^63); raises InputError outside."""
    try:
        return integer("seed", value, least=0, below=2**63)
    except InputError:
        raise InputError(f"`seed` must be an integer in [0, 2^63); got {shown(value)}") from None


def integer(name: str, value: object, *, least: int = -(2**63), below: int = 2**63) -> int:
    """An integer in [least, below), of Python or numpy; a float that is one counts, a truth value does not.

    Raises InputError for anything else.
    """
    open_ended = {-(2**63): "an integer", 1: "a positive integer"}.get(least, f"an integer >= {least}")
    rule = open_ended if below == 2**63 else f"an integer from {least} to {below - 1}"
    error = InputError(f"`{name}` must be {rule}; got {shown(value)}")
    try:
        number = value if isinstance(value, str) else exact_number(name, value)  # type: ignore[arg-type]
    except InputError:
        raise error from None
    if isinstance(number, str) or number.denominator != 1 or not least <= number < below:
        raise error
    return operator.index(number.numerator)


def flag(name: str, value: object) -> bool:
    """A truth value; "no" and None are none.

    Raises InputError for anything but True and False.
    """
    if type(value).__name__ not in {"bool", "bool_"}:
        raise InputError(f"`{name}` must be True or False; got {shown(value)}")
    return bool(value)


def text_of(name: str, value: object) -> str:
    """A text of at most 4096 printable characters.

    Raises InputError for anything else.
    """
    if not isinstance(value, str):
        raise InputError(f"`{name}` must be text; got {shown(value)}")
    if len(value) > _LONGEST_TEXT:
        raise InputError(f"`{name}` must have at most {_LONGEST_TEXT} characters; got {len(value)}")
    return value


def one_of(name: str, value: object, known: Collection[str]) -> str:
    """One of a few words.

    Raises UnknownNameError, with the closest, for another word, and InputError for what is no text.
    """
    text = text_of(name, value)
    if text not in known:
        raise UnknownNameError(f"`{name}`", text, known)
    return text


def names_of(name: str, value: object) -> list[str]:
    """One name or a list of names.

    Raises InputError for anything else.
    """
    if isinstance(value, str):
        return [text_of(name, value)]
    if not isinstance(value, (list, tuple)):
        raise InputError(f"`{name}` must be a name or a list of names; got {shown(value)}")
    return [text_of(name, item) for item in value]


def file_path(name: str, value: object) -> Path:
    """The path of a file or folder, from text or a path.

    Raises InputError for anything else.
    """
    if not isinstance(value, (str, Path)) or not str(value) or "\0" in str(value):
        raise InputError(f"`{name}` must be the path of a file; got {shown(value)}")
    path = Path(value)
    try:
        os.fsencode(path)
        path.exists()
    except (OSError, ValueError) as error:
        raise InputError(f"`{name}` {shown(str(value))}: {one_line(error)}") from error
    return path


def shown(value: object) -> str:
    """A value as a message shows it, on one line and short."""
    try:
        text = " ".join(repr(value).split())
    except Exception:
        # A value of the user's may fail to describe itself; the message is about its type then.
        text = type(value).__name__
    return text if len(text) <= 80 else f"{text[:60]}... ({type(value).__name__})"


def constants_text(values: str | Mapping[str, Number]) -> str:
    """`d=8,m=1,...` for a mapping of constants; text as it is. What it says is checked by `constants_from_text`."""
    if isinstance(values, str):
        return text_of("constants", values)
    if not isinstance(values, Mapping):
        raise InputError(f"`constants` must be text such as d=8,m=1,M=1.5,M2=0.15 or a mapping; got {shown(values)}")
    return ",".join(f"{text_of('constants', name)}={_literal(name, value)}" for name, value in values.items())


def _literal(name: str, value: Number) -> str:
    """A number as text: a float as the shortest decimal that is it, which is what was meant."""
    try:
        return str(_plain_number(value))
    except TypeError:
        raise InputError(f"`{name}` must be a finite number; got {shown(value)}") from None


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


def literals_from_text(name: str, text: str, example: str = "d=8,m=1") -> dict[str, str]:
    """`name=value,...` as literals by name, unread; InputError for an entry that is none, or a name given twice."""
    found: dict[str, str] = {}
    for entry in (part for part in text.split(",") if part.strip()):
        key, separator, literal = (part.strip() for part in entry.partition("="))
        if not separator or not key or not literal:
            raise InputError(f"`{name}` must be name=value pairs such as {example}; got `{entry.strip()}`")
        if key in found:
            raise InputError(f"`{name}` names `{key}` twice")
        found[key] = literal
    return found


def axes_from_text(name: str, text: str) -> dict[str, tuple[str, ...]]:
    """`d=2:4:8,kappa=1.1:1.5` as literals by name: every one a number, none twice on an axis; InputError otherwise."""
    found: dict[str, tuple[str, ...]] = {}
    for key, literal in literals_from_text(name, text, "d=2:4:8,kappa=1.1:1.5").items():
        values = tuple(part.strip() for part in literal.split(":"))
        exact = [exact_number(key, value) for value in values]
        if len(set(exact)) < len(exact):
            raise InputError(f"`{name}` has a value of `{key}` twice; got `{literal}`")
        found[key] = values
    if not found:
        raise InputError(f"`{name}` must name what is swept over, such as d=2:4:8,kappa=1.1:1.5; got nothing")
    return found


def domain_value(
    name: str, value: Fraction, domain: Domain, values: Mapping[str, Fraction], literal: str = ""
) -> Fraction:
    """The value itself if it is in the domain at the `values` of the symbols that its ends name.

    Raises InputError, with the `literal` that was given, if it is not.
    """
    if domain.integer and value > _LARGEST_COUNT:
        raise InputError(f"`{name}` must be at most 2^53: from there on floats skip integers; got `{literal or value}`")
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
    try:
        found = source.is_file()
    except (OSError, ValueError) as error:
        raise InputError(f"{name}: {one_line(error)}") from error
    if not found:
        raise InputError(f"{name}: {'a folder, not a file' if source.is_dir() else 'no such file'}")
    if source.stat().st_size > _LARGEST_OBSERVATIONS_FILE:
        raise InputError(f"{name}: larger than 1 GiB")
    if source.suffix not in {".npy", ".csv"}:
        raise InputError(f"{name}: expected a .npy or .csv file")
    array = read_npy(source, name) if source.suffix == ".npy" else read_csv(source, name)
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


def check_observations(values: Any, width: int | None, name: str = "`observations`") -> FloatArray:
    """The array itself, shape (k, n), after the checks of shape and finiteness; (n,) becomes (1, n).

    Raises InputError as `observations_from_file` does.
    """
    import numpy as np

    given = real_array(name, values)
    rows = np.atleast_2d(given)
    if given.ndim == 0 or rows.ndim != 2 or rows.size == 0:
        raise InputError(f"{name}: expected shape (k, n) or (n,) with k, n >= 1, got {np.shape(values)}")
    if width is not None and rows.shape[1] != width:
        raise InputError(f"{name}: expected {width} columns (the generator's outputs), got {rows.shape[1]}")
    if not np.isfinite(rows).all():
        row = int(np.flatnonzero(~np.isfinite(rows).all(axis=1))[0])
        raise InputError(f"{name}: entries must be finite; row {row} has a NaN or infinity")
    return rows


def real_array(name: str, values: Any) -> FloatArray:
    """The values as an array of doubles, of any shape.

    Raises InputError for what is no array of real numbers: text, complex or truth values, rows of different lengths,
    an array with masked entries.
    """
    import numpy as np

    if np.ma.is_masked(values):
        raise InputError(f"{name}: some entries are masked; leave them out or fill them in")
    try:
        given = np.asarray(values)
    except (ValueError, TypeError, OverflowError) as error:
        raise InputError(f"{name}: expected an array of real numbers: {one_line(error)}") from error
    if given.dtype.kind not in "iuf":
        raise InputError(f"{name}: expected real numbers, got dtype {given.dtype}")
    return given.astype(np.float64)


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
