"""A theorem's bound at given numbers as a Coq file: closed forms one by one, each between two rationals by `interval`.

Every closed form is a definition; its bracket is a lemma from the brackets of what it is made of. Special functions
have no counterpart in Coq's reals: each is a variable of the file with its enclosure as a named hypothesis, a leaf.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import sympy as sp
from flint import arb, fmpq

from certify.arithmetic.balls import precision
from certify.formal.expressions import ATOM, Names, NotFormalisedError, term, term_text
from certify.formal.lemmas import LIBRARY
from certify.formal.names import identifier
from certify.symbolic.evaluation import evaluate_ball
from certify.symbolic.functions import EnclosedFunction

CLOSED_HEADER = f"""From Coq Require Import Reals Lra.
From Interval Require Import Tactic.
From Certify Require Import {LIBRARY}.
Open Scope R_scope.
"""
WIDER = Fraction(1, 2**70)
"""Relative width that a bracket is given beyond twice the ball over the brackets below, for `interval` to find it."""
LONGEST_POWER = 64
"""Natural exponents up to here are written as such; larger ones are integers, which Coq has in binary."""


@dataclass(frozen=True)
class Leaf:
    """A special function's value that the file assumes: its variable, what it stands for, and the bracket."""

    name: str
    meaning: str
    low: Fraction
    high: Fraction


@dataclass
class ClosedFile:
    """The file in the making: definitions with brackets, leaves, theorems; every closed form with its text."""

    title: str
    values: dict[str, arb]
    exact: dict[str, Fraction]
    lines: list[str] = field(default_factory=list)
    leaves: list[Leaf] = field(default_factory=list)
    theorems: list[str] = field(default_factory=list)
    known: dict[sp.Expr, sp.Symbol] = field(default_factory=dict)
    terms: list[tuple[sp.Expr, str]] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The file, leaves first."""
        lines = [f"(* {self.title} *)", CLOSED_HEADER, "Section Closed.", ""]
        for leaf in self.leaves:
            lines += [f"(* {leaf.meaning} *)", f"Variable {leaf.name} : R."]
            lines += [
                f"Hypothesis {leaf.name}_bracket : {_number(leaf.low)} <= {leaf.name} <= {_number(leaf.high)}.",
                "",
            ]
        return "\n".join([*lines, *self.lines, "End Closed.", ""])

    def constant(self, name: str, value: Fraction) -> None:
        """An input, exactly."""
        self.exact[name] = value
        self.lines.append(f"Definition {identifier(name)} : R := {_number(value)}.")

    def define(self, name: str, expression: sp.Expr) -> None:
        """A closed form, its parts of other kinds first, and its bracket."""
        made = self._flat(self._with_integers(expression))
        self._bracketed(name, made)

    def show(self, name: str, left: sp.Expr, right: sp.Expr, is_strict: bool) -> None:
        """The theorem left <= right (left < right) at these numbers."""
        sides = [self._flat(self._with_integers(side)) for side in (left, right)]
        spelled = [_text(side, self._names(side)) for side in sides]
        self.terms += zip(sides, spelled, strict=True)
        relation, lemma = ("<", "Rminus_lt") if is_strict else ("<=", "Rminus_le")
        self.theorems.append(name)
        self.lines += [
            f"Theorem {name} : {spelled[0]} {relation} {spelled[1]}.",
            f"Proof. apply {lemma}. {self._opened(sides)} interval with (i_prec 100). Qed.",
            "",
        ]

    def _with_integers(self, expression: sp.Expr) -> sp.Expr:
        """Integer inputs as numbers, so that powers have numbers for exponents."""
        numbers = {
            symbol: sp.Integer(self.exact[symbol.name].numerator)
            for symbol in expression.free_symbols
            if symbol.name in self.exact and self.exact[symbol.name].denominator == 1
        }
        return expression.xreplace(numbers)

    def _flat(self, expression: sp.Expr) -> sp.Expr:
        """The expression with every choice and special function under a name of its own."""
        if not expression.args:
            return expression
        made = expression.func(*map(self._flat, expression.args))
        if not isinstance(made, (sp.Max, sp.Min, sp.Abs, EnclosedFunction, sp.ceiling)):
            return made
        if made in self.known:
            return self.known[made]
        name = f"part_{len(self.known)}"
        symbol = self.known[made] = sp.Symbol(name, real=True)
        if isinstance(made, (EnclosedFunction, sp.ceiling)):
            low, high = self._bracket(name, made)
            self.leaves.append(Leaf(name, f"{made}".replace("*)", "* )"), low, high))
            return symbol
        if isinstance(made, sp.Abs) or len(made.args) != 2:
            raise NotFormalisedError(f"`{made}` has no bracket in Coq here")
        names = []
        for i, argument in enumerate(made.args):
            part = f"{name}_{i}"
            self._bracketed(part, argument)
            names.append(part)
        kind = "Rmax" if isinstance(made, sp.Max) else "Rmin"
        low, high = self._bracket(name, made)
        self.lines += [
            f"Definition {name} : R := {kind} {names[0]} {names[1]}.",
            f"Lemma {name}_bracket : {_number(low)} <= {name} <= {_number(high)}.",
            f"Proof. unfold {name}, {kind}. assert (A := {names[0]}_bracket). assert (B := {names[1]}_bracket). "
            f"destruct (Rle_dec {names[0]} {names[1]}); lra. Qed.",
            "",
        ]
        return symbol

    def _bracketed(self, name: str, expression: sp.Expr) -> None:
        made = identifier(name)
        low, high = self._bracket(name, expression)
        text = _text(expression, self._names(expression))
        self.terms.append((expression, text))
        self.lines += [
            f"Definition {made} : R := {text}.",
            f"Lemma {made}_bracket : {_number(low)} <= {made} <= {_number(high)}.",
            f"Proof. unfold {made}. {self._opened([expression])} split; interval with (i_prec 100). Qed.",
            "",
        ]

    def _bracket(self, name: str, expression: sp.Expr) -> tuple[Fraction, Fraction]:
        with precision():
            found = evaluate_ball(expression, self.values)
            if not found.is_finite():
                raise NotFormalisedError(f"`{name}` has no finite value at these numbers")
            low, high = _exact(found.lower()), _exact(found.upper())
            room = (high - low) / 2 + WIDER * max(abs(low), abs(high))
            low, high = low - room, high + room
            self.values[name] = arb(_fmpq(low)).union(arb(_fmpq(high)))
        return low, high

    def _names(self, expression: sp.Expr) -> Names:
        return Names({symbol.name: identifier(symbol.name) for symbol in expression.free_symbols}, {})

    def _opened(self, expressions: Sequence[sp.Expr]) -> str:
        """Inputs unfolded; every other closed form a variable between its bracket's ends."""
        symbols = sorted({symbol.name for expression in expressions for symbol in expression.free_symbols})
        inputs = [identifier(name) for name in symbols if name in self.exact]
        others = [identifier(name) for name in symbols if name not in self.exact]
        steps = [f"unfold {', '.join(inputs)}."] if inputs else []
        steps += [f"generalize {name}_bracket; generalize {name}; intros v_{name} B_{name}." for name in others]
        return " ".join(steps)


def _number(value: Fraction) -> str:
    sign = f"(- {abs(value.numerator)})" if value < 0 else f"{value.numerator}"
    return sign if value.denominator == 1 else f"{sign} / {value.denominator}"


def _text(expression: sp.Expr, names: Names) -> str:
    """The term, long powers with integer exponents."""
    large = [
        item
        for item in expression.atoms(sp.Pow)
        if item.exp.is_Rational and abs(item.exp.p) > LONGEST_POWER and item.exp.q in (1, 2)
    ]
    if not large:
        return term(expression, names)
    reals = dict(names.reals)
    replaced: dict[sp.Expr, sp.Symbol] = {}
    for i, item in enumerate(sorted(large, key=sp.count_ops)):
        base = term_text(item.base if item.exp.q == 1 else sp.sqrt(item.base), names, ATOM)
        stand_in = sp.Symbol(f"power_{i}!", real=True)
        reals[stand_in.name] = f"(powerRZ {base} ({item.exp.p})%Z)"
        replaced[item] = stand_in
    return term(expression.xreplace(replaced), Names(reals, {}))


def closed_file(
    title: str,
    inputs: Mapping[str, Fraction],
    definitions: Sequence[tuple[str, sp.Expr]],
    claims: Sequence[tuple[str, sp.Expr, sp.Expr, bool]],
) -> ClosedFile:
    """The file of `claims` (name, left, right, strict) over the closed forms that they need, at exact inputs.

    Raises:
        NotFormalisedError: for an expression that has no bracket in Coq.
    """
    with precision():
        made = ClosedFile(title, {name: arb(_fmpq(value)) for name, value in inputs.items()}, {})
    needed = set(_needed(definitions, claims))
    for name, value in inputs.items():
        if name in needed:
            made.constant(name, value)
    for name, expression in definitions:
        if name in needed and name not in inputs:
            made.define(name, expression)
    for name, left, right, is_strict in claims:
        made.show(identifier(name), left, right, is_strict)
    return made


def _needed(
    definitions: Sequence[tuple[str, sp.Expr]], claims: Sequence[tuple[str, sp.Expr, sp.Expr, bool]]
) -> Iterator[str]:
    found = {symbol.name for _, left, right, _ in claims for side in (left, right) for symbol in side.free_symbols}
    for name, expression in reversed(definitions):
        if name in found:
            found |= {symbol.name for symbol in expression.free_symbols}
    yield from found


def _exact(end: arb) -> Fraction:
    """A ball of radius 0 as a fraction."""
    mantissa, exponent = end.mid().man_exp()
    return Fraction(int(mantissa)) * Fraction(2) ** int(exponent)


def _fmpq(value: Fraction) -> fmpq:
    return fmpq(value.numerator, value.denominator)
