"""Numbers of a domain and numbers outside it, as hypothesis draws them; all exact."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

import sympy as sp
from hypothesis import strategies as st

from certify.symbolic.declaration import DeclaredSymbol
from certify.symbolic.domain import Domain

WIDEST_COUNT = 64
"""Integers are drawn from this many at the lower end; shares of a bounded interval are multiples of its inverse."""

PLAIN_NUMBERS = tuple(map(Fraction, ("1", "1/4", "1/8", "1/2", "1/16", "0", "2", "3", "8", "16", "64")))
"""Simplest first: what a constant of unknown meaning is tried at, as far as its domain has them."""


def values_of(symbols: Iterable[DeclaredSymbol]) -> st.SearchStrategy[dict[str, Fraction]]:
    """A number of its domain for each of the symbols, and for those that their domains' ends name."""
    wanted = list(symbols)

    @st.composite
    def drawn(draw: st.DrawFn) -> dict[str, Fraction]:
        values: dict[str, Fraction] = {}

        def settle(symbol: DeclaredSymbol) -> None:
            if symbol.name not in values:
                for other in symbol.domain.symbols:
                    settle(other)
                values[symbol.name] = draw(numbers(symbol.domain.at(values)))

        for symbol in wanted:
            settle(symbol)
        return values

    return drawn()


def numbers(domain: Domain) -> st.SearchStrategy[Fraction]:
    """Numbers of a domain whose ends are numbers: both closed ends, and both large and small distances from them."""
    lower, upper = _end(domain.lower), _end(domain.upper)
    if domain.integer:
        assert lower is not None
        last = int(lower) + WIDEST_COUNT - 1 if upper is None else int(upper)
        return st.integers(int(lower), last).map(Fraction)
    if lower is not None and upper is not None:
        first, last = int(domain.lower_open), WIDEST_COUNT - int(domain.upper_open)
        width = upper - lower
        return st.integers(first, last).map(lambda k: lower + width * k / WIDEST_COUNT)
    if lower is not None:
        return _distances(domain.lower_open).map(lambda distance: lower + distance)
    if upper is not None:
        return _distances(domain.upper_open).map(lambda distance: upper - distance)
    return st.one_of(_distances(open_end=False), _distances(open_end=True).map(lambda distance: -distance))


def numbers_outside(domain: Domain) -> st.SearchStrategy[Fraction]:
    """Numbers that are not in a domain whose ends are numbers: beyond an end, an open end itself, between integers."""
    lower, upper = _end(domain.lower), _end(domain.upper)
    found = []
    if lower is not None:
        found.append(_distances(not domain.lower_open).map(lambda distance: lower - distance))
    if upper is not None:
        found.append(_distances(not domain.upper_open).map(lambda distance: upper + distance))
    if domain.integer:
        found.append(numbers(domain).map(lambda number: number + Fraction(1, 3)))
    return st.one_of(found)


def _distances(open_end: bool) -> st.SearchStrategy[Fraction]:
    sizes = st.tuples(st.integers(1, 8), st.integers(-12, 12)).map(lambda pair: pair[0] * Fraction(2) ** pair[1])
    return sizes if open_end else st.one_of(st.just(Fraction(0)), sizes)


def _end(end: sp.Expr) -> Fraction | None:
    return Fraction(int(end.p), int(end.q)) if end.is_finite else None
