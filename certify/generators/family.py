"""Generator families: named, seeded constructions with checked parameters; one file each in `families/`."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from certify.errors import InputError, UnknownNameError
from certify.generators.graph import Generator
from certify.generators.nodes import Graph

Setting: TypeAlias = int | float | str

MAXIMUM_PARAMETERS = 20_000_000
"""A family refuses to build more float64 weights than this (160 MB)."""


@dataclass(frozen=True)
class FamilyParameter:
    """One parameter of a family: its type is that of its default, its domain an interval or a set of names."""

    name: str
    default: Setting
    domain: str
    minimum: float = -math.inf
    maximum: float = math.inf
    excludes: tuple[float, ...] = ()
    choices: tuple[str, ...] = ()

    def parse(self, text: Setting, family: str) -> Setting:
        """The value that `text` spells; raises `InputError` where it is not in the domain."""
        kind = type(self.default)
        try:
            value = kind(text)
        except (ValueError, OverflowError):
            raise self._error(text, family) from None
        if isinstance(value, str):
            if self.choices and value not in self.choices:
                raise UnknownNameError(f"`{self.name}` of family `{family}`", value, self.choices)
            return value
        if not (math.isfinite(value) and self.minimum <= value <= self.maximum) or value in self.excludes:
            raise self._error(text, family)
        return value

    def _error(self, text: Setting, family: str) -> InputError:
        return InputError(f"family `{family}`: `{self.name}` must be {self.domain}, got `{text}`")


@dataclass(frozen=True)
class Family:
    """A seeded construction of generators: equal parameters give equal weights, bit for bit, on every processor."""

    name: str
    summary: str
    parameters: tuple[FamilyParameter, ...]
    build: Callable[[Mapping[str, Any]], tuple[Graph, int]]
    """Maps checked parameters to the graph and the number N of parameters an author would count."""

    def generator(self, given: Mapping[str, Setting]) -> Generator:
        """The generator with the parameters `given` and the defaults for the rest.

        Raises `UnknownNameError` for a parameter the family does not have and `InputError` for a value
        outside its domain; both are one line.
        """
        known = {parameter.name: parameter for parameter in self.parameters}
        for name in given:
            if name not in known:
                raise UnknownNameError(f"parameter of family `{self.name}`", name, known)
        values = {
            name: parameter.parse(given.get(name, parameter.default), self.name) for name, parameter in known.items()
        }
        graph, size = self.build(values)
        specification = f"{self.name}:" + ",".join(f"{name}={_text(value)}" for name, value in values.items())
        return Generator(specification, graph, size, {"family": self.name, "specification": specification})


def require_size(family: str, weights: int) -> None:
    """Raise `InputError` when a construction would hold more than `MAXIMUM_PARAMETERS` weights."""
    if weights > MAXIMUM_PARAMETERS:
        raise InputError(
            f"family `{family}`: these sizes need {weights} weights, more than {MAXIMUM_PARAMETERS}; make them smaller"
        )


def _text(value: Setting) -> str:
    return repr(int(value)) if isinstance(value, float) and value.is_integer() and abs(value) < 1e15 else str(value)
