"""A symbol with everything that is said of it, once: its name, TeX, meaning and domain.

What sympy may assume of it follows from the domain; so do the check of a value that a user gives, what is printed and
what hypothesis draws.
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from certify.symbolic.domain import Domain
from certify.symbolic.names import name_tex


class DeclaredSymbol(sp.Symbol):  # type: ignore[misc]  # sympy is untyped
    """A sympy symbol that carries its declaration; two are equal only if all of it is."""

    __slots__ = ("domain", "meaning", "tex")

    def __new__(cls, name: str, domain: Domain, tex: str, meaning: str) -> DeclaredSymbol:
        symbol = sp.Symbol.__xnew__(cls, name, **domain.assumptions)
        symbol.domain, symbol.tex, symbol.meaning = domain, tex, meaning
        return symbol  # type: ignore[no-any-return]

    def __getnewargs_ex__(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return (self.name, self.domain, self.tex, self.meaning), {}

    def _hashable_content(self) -> tuple[Any, ...]:
        # The text of a domain names the symbols of its ends; the ends themselves have these symbols' own domains.
        ends = (self.domain.lower, self.domain.upper)
        return (*super()._hashable_content(), str(self.domain), *ends, self.tex, self.meaning)


def declare(name: str, domain: str, tex: str, meaning: str, *over: sp.Symbol) -> DeclaredSymbol:
    """A symbol with its TeX, meaning and domain, whose ends may name the symbols `over`.

    Raises InputError for a domain that is not in the vocabulary of `symbolic.domain`.
    """
    return DeclaredSymbol(name, Domain.parse(domain, over), tex, meaning)


def variables(names: str, domain: str) -> tuple[DeclaredSymbol, ...]:
    """Bound variables of claims and coordinates of a search, all with one domain and the TeX of its name."""
    return tuple(declare(name, domain, name_tex(name), "") for name in names.split())
