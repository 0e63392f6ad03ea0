"""Records as JSON and back, strictly: what is read is what was written, or one line says where it is not.

A record is a frozen dataclass of numbers, text, enumerations, tuples and other records. `encode` writes it under its
fields' names; `decode` refuses unknown and missing names, numbers that are none (NaN), a word or a truth value where a
number belongs, and text that is not of its type. Numbers of type `Exact` are written as hexadecimal floats, rationals
as "p/q", other floats as the shortest decimal that reads back as the same float, infinities as "inf" and "-inf".
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from enum import StrEnum
from fractions import Fraction
from functools import cache, partial
from pathlib import Path
from typing import Any, ClassVar, NewType, Self, TypeVar, get_args, get_origin

from cattrs import Converter, transform_error
from cattrs.gen import make_dict_structure_fn

from certify.errors import InputError

Record = TypeVar("Record")
Exact = NewType("Exact", float)
"""A float whose JSON form is the hexadecimal one: a part of a proof, not a number to read."""

_INFINITIES = {"inf": math.inf, "-inf": -math.inf}
_HEXADECIMAL = re.compile(r"-?0x[01]\.?[0-9a-f]{0,16}p[+-]?[0-9]{1,5}")
_RATIONAL = re.compile(r"-?[0-9]{1,700}(/[0-9]{1,700})?")


def encode(record: Any) -> Any:
    """The JSON form of a record (of nested dictionaries, lists, text and numbers)."""
    return _CONVERTER.unstructure(record)


def decode(kind: type[Record], document: Any, what: str) -> Record:
    """The record of type `kind` that `document` is the JSON form of; `what` names it in the message.

    Raises:
        InputError: with one line that says where `document` is not of that form.
    """
    try:
        return _CONVERTER.structure(document, kind)
    except RecursionError as error:
        raise InputError(f"{what} is nested too deeply") from error
    except Exception as error:
        raise InputError(f"{what} cannot be read: {_reason(error)}") from error


class Readable:
    """A record with a JSON form of its own, `to_dict`; `from_dict` reads what that wrote, and nothing else.

    `NAMES` has the key of every field that is written under another name. Fields that are not written keep their
    default; keys that belong to no field are derived from the others, and must be what the record derives. null under
    a field of type float is NaN.
    """

    NAMES: ClassVar[Mapping[str, str]] = {}

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        raise NotImplementedError

    @classmethod
    def from_dict(cls, document: Any) -> Self:
        """The record whose `to_dict` is `document`.

        Raises:
            InputError: with one line, if it is that of no record.
        """
        what = f"a {cls.__name__}"
        if not isinstance(document, Mapping):
            raise InputError(f"{what} cannot be read: expected an object, got {_shown(document)}")
        try:
            record = cls._read(document)
            written = record.to_dict()
        except InputError:
            raise
        except Exception as error:
            raise InputError(f"{what} cannot be read: {_reason(error)}") from error
        for key in (*document, *written):
            if key not in written or key not in document or written[key] != document[key]:
                got, expected = _shown(document.get(key)), _shown(written.get(key))
                raise InputError(f"{what} cannot be read: `{key}` is {got}, its other entries say {expected}")
        return record

    @classmethod
    def _read(cls, document: Mapping[str, Any]) -> Self:
        kind: Any = cls
        keys = {item.name: cls.NAMES.get(item.name, item.name) for item in fields(kind)}
        given = {name: document[key] for name, key in keys.items() if key in document}
        return cls._of_fields(given)

    @classmethod
    def _of_fields(cls, given: Mapping[str, Any]) -> Self:
        """The record of these fields, each still in its JSON form."""
        return read_fields(cls, given)


def read_fields(kind: type[Record], given: Mapping[str, Any]) -> Record:
    """The record of type `kind` with these fields, each still in its JSON form; null under a float is NaN."""
    known: Any = kind
    absent = [item.name for item in fields(known) if item.type == "float" and given.get(item.name, 0) is None]
    record: Record = _field_reader(known)({**given, **dict.fromkeys(absent, 0.0)}, kind)
    nothing: Any = dict.fromkeys(absent, math.nan)
    return replace(record, **nothing) if absent else record  # type: ignore[type-var]


@cache
def _field_reader(kind: type[Any]) -> Callable[[Any, Any], Any]:
    return make_dict_structure_fn(kind, _CONVERTER, _cattrs_forbid_extra_keys=True)


def _reason(error: Exception) -> str:
    """Where and why something could not be read, on one line."""
    first = transform_error(error, format_exception=lambda inner, _: str(inner) or type(inner).__name__)[0]
    return " ".join(first.split())[:300]


def _number(value: Any, _: Any) -> float:
    if isinstance(value, str) and value in _INFINITIES:
        return _INFINITIES[value]
    if isinstance(value, bool) or not isinstance(value, int | float) or not _is_float(value):
        raise ValueError(f"expected a number, got {_shown(value)}")
    return float(value)


def _is_float(value: int | float) -> bool:
    try:
        return math.isfinite(value) and float(value) == value
    except OverflowError:
        return False


def _exact(value: Any, _: Any) -> float:
    if not isinstance(value, str) or not _HEXADECIMAL.fullmatch(value):
        raise ValueError(f"expected a hexadecimal float, got {_shown(value)}")
    # A number beyond the format raises OverflowError, which `decode` reports like any other.
    return float.fromhex(value)


def _integer(value: Any, _: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"expected an integer, got {_shown(value)}")
    return value


def _truth(value: Any, _: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"expected true or false, got {_shown(value)}")
    return value


def _text(value: Any, _: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"expected text, got {_shown(value)}")
    return value


def _member(value: Any, kind: Any) -> StrEnum:
    members: dict[str, StrEnum] = {str(member): member for member in kind}
    if not isinstance(value, str) or value not in members:
        raise ValueError(f"expected one of {', '.join(members)}, got {_shown(value)}")
    return members[value]


def _rational(value: Any, _: Any) -> Fraction:
    if not isinstance(value, str) or not _RATIONAL.fullmatch(value):
        raise ValueError(f'expected a rational "p/q", got {_shown(value)}')
    try:
        return Fraction(value)
    except ZeroDivisionError as error:
        raise ValueError(f"expected a rational, got {value}") from error


def _sequence(value: Any, kind: Any) -> tuple[Any, ...]:
    # Text is a sequence too, and an object one of its names.
    if not isinstance(value, list):
        raise ValueError(f"expected a list, got {_shown(value)}")
    types: tuple[Any, ...] = get_args(kind)
    if len(types) == 2 and types[1] is Ellipsis:
        return tuple(_CONVERTER.structure(entry, types[0]) for entry in value)
    if len(types) != len(value):
        raise ValueError(f"expected {len(types)} entries, got {len(value)}")
    return tuple(_CONVERTER.structure(entry, of) for entry, of in zip(value, types, strict=True))


def _is_readable(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Readable)


def _is_sequence(kind: Any) -> bool:
    origin: Any = get_origin(kind)
    return origin is tuple


def _sequence_writer(kind: Any) -> Callable[[tuple[Any, ...]], list[Any]]:
    types: tuple[Any, ...] = get_args(kind)

    def write(values: tuple[Any, ...]) -> list[Any]:
        kinds = [types[0]] * len(values) if types[-1] is Ellipsis else types
        return [_CONVERTER.unstructure(value, unstructure_as=of) for value, of in zip(values, kinds, strict=True)]

    return write


def _shown(value: Any) -> str:
    return repr(value)[:60]


def _written(value: float) -> float | str:
    if math.isnan(value):
        raise ValueError("a record holds no NaN")
    return value if math.isfinite(value) else ("inf" if value > 0 else "-inf")


def _converter() -> Converter:
    found = Converter(forbid_extra_keys=True)
    found.register_structure_hook(float, _number)
    found.register_structure_hook(int, _integer)
    found.register_structure_hook(bool, _truth)
    found.register_structure_hook(str, _text)
    # An enumeration of text is a subclass of text: without a reader of its own it would be read as text.
    found.register_structure_hook(StrEnum, _member)
    found.register_structure_hook(Fraction, _rational)
    found.register_structure_hook(Path, lambda value, _: Path(_text(value, _)))
    found.register_structure_hook_func(partial(operator.is_, Exact), _exact)
    found.register_structure_hook_func(_is_sequence, _sequence)
    found.register_structure_hook_func(_is_readable, lambda value, kind: kind.from_dict(value))
    found.register_unstructure_hook(float, _written)
    found.register_unstructure_hook(Fraction, str)
    found.register_unstructure_hook_func(lambda kind: kind is Exact, float.hex)
    found.register_unstructure_hook_factory(_is_sequence, _sequence_writer)
    return found


_CONVERTER = _converter()
