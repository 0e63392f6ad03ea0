"""The algebra of a step: what follows from named leaves for all values of the parameters, as claims for the prover.

A step of a proof rests on leaves (statements from the literature, and the assumptions of the theorem) and on algebra
between them. The leaves are named and counted, the algebra is proved once for all parameters by `certify.prover`; the
measured instances stand beside both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from hashlib import sha256

import sympy as sp

from certify.prover.claim import is_defined_everywhere
from certify.prover.proof import Proof
from certify.prover.prove import are_contradictory, of_nothing, prove
from certify.symbolic.declaration import DeclaredSymbol
from certify.verdict import Verdict


@dataclass(frozen=True)
class Leaf:
    """A statement that a proof takes from the literature: exactly what is used, and where it is proved."""

    label: str
    statement: str
    source: str


@dataclass(frozen=True)
class AlgebraicClaim:
    """For all parameters with the premises: the conclusion. Symbols bring the domains that they are declared with:

    their signs at once, the ends of the domains where the claim fails without them.

    Relations are sympy's, built with `evaluate=False` (`at_most`, `at_least`, `equal`), so that the conclusion is
    written with the very expressions of the statement; or text, as `certify prove` reads it.
    """

    name: str
    conclusion: sp.Basic | str
    premises: tuple[sp.Basic | str, ...] = ()
    leaves: tuple[str, ...] = ()

    def prove(self) -> Proof:
        """What the prover finds. See `certify.prover.prove.prove` for the guarantee.

        `proved` speaks of something, as far as z3 can tell: not-applicable where premises and domains contradict.
        """
        found, inside = prove(self.conclusion, self.premises), (*self.premises, *self.ends)
        if found.verdict is Verdict.PROVED:
            return of_nothing(found, inside) if self.ends and are_contradictory(inside) else found
        if found.verdict is Verdict.NOT_APPLICABLE or not self.ends or self._is_inside(found.witness):
            return self._within_domains(found)
        # A counterexample beyond a domain is none; nor need everything be defined there.
        return self._within_domains(prove(self.conclusion, inside))

    def _within_domains(self, found: Proof) -> Proof:
        """The proof; a counterexample that `ends` do not keep in the domains decides nothing."""
        unstated = [bound for bound in self._bounds if bound not in self.ends]
        if found.verdict is not Verdict.REFUTED or not unstated or self._is_inside(found.witness):
            return found
        reason = (
            f"fails at {found.counterexample}, beyond the domains; `{relation_text(unstated[0])}` has no value "
            "everywhere: state as a premise what is needed of it"
        )
        return replace(found, verdict=Verdict.INCONCLUSIVE, evidence=None, method="", witness=None, reason=reason)

    @cached_property
    def ends(self) -> tuple[sp.Basic, ...]:
        """What the domains of the symbols say besides their signs, and those of the symbols that their ends name.

        An end that is no number everywhere, as 1/(c - 3) where c may be 3, bounds nothing there and is left out.
        """
        return tuple(bound for bound in self._bounds if is_defined_everywhere(bound.rhs))

    @cached_property
    def _bounds(self) -> tuple[sp.Basic, ...]:
        found: list[sp.Basic] = []
        for symbol in self._declared:
            domain = symbol.domain
            for end, is_open, closed, strict in (
                (domain.lower, domain.lower_open, at_least, above),
                (domain.upper, domain.upper_open, at_most, below),
            ):
                if end.is_finite is not False and end != 0:
                    found.append((strict if is_open else closed)(symbol, end))
        return tuple(found)

    @cached_property
    def _declared(self) -> tuple[DeclaredSymbol, ...]:
        relations = [item for item in (self.conclusion, *self.premises) if isinstance(item, sp.Basic)]
        queue, found = [symbol for item in relations for symbol in item.free_symbols], set[DeclaredSymbol]()
        while queue:
            symbol = queue.pop()
            if isinstance(symbol, DeclaredSymbol) and symbol not in found:
                found.add(symbol)
                queue += symbol.domain.symbols
        return tuple(sorted(found, key=str))

    def _is_inside(self, witness: Mapping[str, Fraction] | None) -> bool:
        """Whether the values lie in the domains of their symbols; not where one that a domain names has no value."""
        names = {str(symbol) for symbol in self._declared}
        return (
            witness is not None
            and names <= witness.keys()
            and all(symbol.domain.contains(witness[str(symbol)], witness) for symbol in self._declared)
        )

    @cached_property
    def digest(self) -> str:
        """Changes with the conclusion, a premise, or what sympy knows of a symbol in them or in a domain's end."""
        relations = [item for item in (self.conclusion, *self.premises) if isinstance(item, sp.Basic)]
        symbols = [symbol for relation in relations for symbol in relation.free_symbols]
        domains = sorted(
            f"{symbol.name}: {sorted(key for key, value in symbol.assumptions0.items() if value)}"
            for symbol in (*symbols, *(symbol for symbol in self._declared if symbol not in symbols))
        )
        parts = [sp.srepr(item) if isinstance(item, sp.Basic) else item for item in (self.conclusion, *self.premises)]
        return sha256("\n".join((*parts, *domains)).encode()).hexdigest()[:16]


Algebra = Mapping[str, tuple[AlgebraicClaim, ...]]
"""Claims by the label of the step to which they belong."""


def at_most(left: sp.Expr, right: sp.Expr) -> sp.Basic:
    """left <= right, kept as it is written."""
    return sp.LessThan(left, right, evaluate=False)


def at_least(left: sp.Expr, right: sp.Expr) -> sp.Basic:
    """left >= right, kept as it is written."""
    return sp.GreaterThan(left, right, evaluate=False)


def below(left: sp.Expr, right: sp.Expr) -> sp.Basic:
    """left < right, kept as it is written."""
    return sp.StrictLessThan(left, right, evaluate=False)


def above(left: sp.Expr, right: sp.Expr) -> sp.Basic:
    """left > right, kept as it is written."""
    return sp.StrictGreaterThan(left, right, evaluate=False)


def equal(left: sp.Expr, right: sp.Expr) -> sp.Basic:
    """left = right, kept as it is written."""
    return sp.Equality(left, right, evaluate=False)


def relation_text(relation: sp.Basic) -> str:
    """A relation in plain characters, an equality with the sign of equality."""
    if isinstance(relation, sp.Equality):
        return f"{relation.lhs} = {relation.rhs}"
    return str(relation)
