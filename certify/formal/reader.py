"""Coq statements read back by a small reader of their own, and evaluated in balls.

It knows the grammar of Coq's real numbers that statements use, not how they were printed: what it makes of a text is
compared with the claim that the text stands for (`certify.formal.agreement`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import reduce

from flint import arb

from certify.errors import InternalError

TOKENS = re.compile(r"\s*(/\\|->|<=|<>|%Z|[<=>(),:+*/^-]|[A-Za-z_][\w']*|\d+)")
FUNCTIONS: Mapping[str, tuple[int, Callable[..., arb]]] = {
    "exp": (1, lambda x: x.exp()),
    "ln": (1, lambda x: x.log()),
    "sqrt": (1, lambda x: x.sqrt()),
    "sin": (1, lambda x: x.sin()),
    "cos": (1, lambda x: x.cos()),
    "Rabs": (1, abs),
    "INR": (1, lambda x: x),
    "Rmax": (2, lambda x, y: x.max(y)),
    "Rmin": (2, lambda x, y: x.min(y)),
}
Term = Callable[[Mapping[str, arb]], arb]


@dataclass(frozen=True)
class Proposition:
    """left RELATION right, both sides as functions of the variables' values."""

    left: Term
    relation: str
    right: Term


@dataclass(frozen=True)
class ReadStatement:
    """Variables by name with their types, hypotheses, and the conjuncts of the conclusion."""

    variables: Mapping[str, str]
    hypotheses: tuple[Proposition, ...]
    conclusions: tuple[Proposition, ...]


def read_statement(text: str) -> ReadStatement:
    """What a statement says.

    Raises:
        InternalError: for text outside the grammar, which the printer must not produce.
    """
    return _Reader(text).statement()


def read_term(text: str) -> Term:
    """What a term of type R says, as a function of its variables' values.

    Raises:
        InternalError: for text outside the grammar.
    """
    return _Reader(text).term()


class _Reader:
    def __init__(self, text: str) -> None:
        self.tokens: list[str] = []
        position = 0
        stripped = text.strip()
        while position < len(stripped):
            found = TOKENS.match(stripped, position)
            if found is None:
                raise InternalError(f"Coq text not understood at `{stripped[position : position + 30]}`")
            self.tokens.append(found[1])
            position = found.end()
        self.at = 0

    def term(self) -> Term:
        found = self._sum()
        if self.at != len(self.tokens):
            raise InternalError(f"Coq text not understood at `{' '.join(self.tokens[self.at : self.at + 5])}`")
        return found

    def statement(self) -> ReadStatement:
        variables: dict[str, str] = {}
        if self._takes("forall"):
            while self._takes("("):
                names = []
                while not self._takes(":"):
                    names.append(self._next())
                kind = self._next()
                variables |= dict.fromkeys(names, kind)
                self._expect(")")
            self._expect(",")
        hypotheses: list[Proposition] = []
        while True:
            found = self._proposition()
            if self._takes("->"):
                hypotheses.append(found)
                continue
            conclusions = [found]
            while self._takes("/\\"):
                conclusions.append(self._proposition())
            if self.at != len(self.tokens):
                raise InternalError(f"Coq text not understood at `{' '.join(self.tokens[self.at : self.at + 5])}`")
            return ReadStatement(variables, tuple(hypotheses), tuple(conclusions))

    def _proposition(self) -> Proposition:
        left = self._sum()
        relation = self._next()
        if relation not in {"<=", "<", "=", "<>"}:
            raise InternalError(f"Coq text: `{relation}` is no relation")
        return Proposition(left, relation, self._sum())

    def _sum(self) -> Term:
        parts = [self._product()]
        while (sign := self._peek()) in {"+", "-"}:
            self.at += 1
            item = self._product()
            parts.append(item if sign == "+" else _negated(item))
        return (
            parts[0] if len(parts) == 1 else lambda values: reduce(lambda x, y: x + y, [part(values) for part in parts])
        )

    def _product(self) -> Term:
        made = self._unary()
        while (sign := self._peek()) in {"*", "/"}:
            self.at += 1
            left, right = made, self._unary()
            made = _times(left, right) if sign == "*" else _over(left, right)
        return made

    def _unary(self) -> Term:
        """`- x` and `/ x` bind less than powers and more than products (level 35 against 30 and 40)."""
        if self._takes("-"):
            return _negated(self._unary())
        if self._takes("/"):
            return _over(lambda values: arb(1), self._unary())
        return self._power()

    def _power(self) -> Term:
        base = self._application()
        if not self._takes("^"):
            return base
        exponent = self._power()
        return lambda values: _raised(base(values), exponent(values))

    def _application(self) -> Term:
        name = self._peek()
        if name == "powerRZ":
            self.at += 1
            base, exponent = self._atom(), self._atom()
            self._expect("%Z")
            return lambda values: _raised_to_integer(base(values), exponent(values))
        if name not in FUNCTIONS:
            return self._atom()
        self.at += 1
        count, function = FUNCTIONS[name]
        arguments = [self._atom() for _ in range(count)]
        return lambda values: function(*(argument(values) for argument in arguments))

    def _atom(self) -> Term:
        token = self._next()
        if token == "(":
            inner = self._sum()
            self._expect(")")
            return inner
        if token.isdigit():
            return lambda values: arb(int(token))
        if token == "PI":
            return lambda values: arb.pi()
        if token in FUNCTIONS or not (token[0].isalpha() or token[0] == "_"):
            raise InternalError(f"Coq text: `{token}` where a term was expected")
        return lambda values: values[token]

    def _peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def _next(self) -> str:
        found = self._peek()
        if not found:
            raise InternalError("Coq text ends early")
        self.at += 1
        return found

    def _takes(self, token: str) -> bool:
        if self._peek() != token:
            return False
        self.at += 1
        return True

    def _expect(self, token: str) -> None:
        if not self._takes(token):
            raise InternalError(f"Coq text: expected `{token}` before `{' '.join(self.tokens[self.at : self.at + 5])}`")


def _negated(item: Term) -> Term:
    return lambda values: -item(values)


def _times(left: Term, right: Term) -> Term:
    return lambda values: left(values) * right(values)


def _over(left: Term, right: Term) -> Term:
    return lambda values: left(values) / right(values)


def _raised_to_integer(base: arb, exponent: arb) -> arb:
    count = exponent.unique_fmpz()
    if count is None:
        raise InternalError("Coq text: an exponent that is no integer")
    return base ** int(count)


def _raised(base: arb, exponent: arb) -> arb:
    """A power as Coq has it: the exponent is a natural number."""
    count = exponent.unique_fmpz()
    if count is None or count < 0:
        raise InternalError("Coq text: an exponent that is no natural number")
    return base ** int(count)
