"""Whether a Coq statement says what the claim says: read back, and compared with it at random points in balls."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from fractions import Fraction

import sympy as sp
from flint import arb

from certify.arithmetic.balls import ball, precision
from certify.errors import InternalError
from certify.formal.closed import ClosedFile
from certify.formal.names import identifier
from certify.formal.reader import Proposition, ReadStatement, read_statement, read_term
from certify.formal.statement import Comparison, Statement
from certify.symbolic.evaluation import evaluate_ball

POINTS = 8
"""Points at which both are defined, at which every part is compared."""

ATTEMPTS = 400
DIFFERENT = "the Coq statement of `{name}` does not say what the claim says: {what}"


def require_agreement(statement: Statement, name: str, text: str | None = None) -> None:
    """Compare a statement with its own text (or with `text`), part by part.

    Raises:
        InternalError: where number, order, relations or values of the parts differ, or no point was found.
    """
    different = disagreement(statement, statement.text if text is None else text)
    if different:
        raise InternalError(DIFFERENT.format(name=name, what=different))


def require_closed_agreement(made: ClosedFile) -> None:
    """Read every closed form of an instance back and compare it with its expression, near the instance's numbers.

    Raises:
        InternalError: where two values differ, or none could be compared.
    """
    for expression, text in made.terms:
        different = closed_disagreement(made, expression, text)
        if different:
            raise InternalError(DIFFERENT.format(name=made.title, what=different))


def closed_disagreement(made: ClosedFile, expression: sp.Expr, text: str) -> str:
    """What differs between an expression and a text at points within a hundredth of the instance's numbers."""
    read, draw, compared = read_term(text), random.Random(0), 0
    for _ in range(POINTS):
        values = {}
        for name, value in made.values.items():
            values[name] = value.mid() * ball(1 + Fraction(draw.randint(-10, 10), 1000))
        spelled = {identifier(name): value for name, value in values.items()}
        with precision():
            meant, said = evaluate_ball(expression, values), read(spelled)
        if meant.is_finite() and said.is_finite():
            compared += 1
            if not meant.overlaps(said):
                return f"`{text}` is {said} where `{expression}` is {meant}"
    return "" if compared else f"no point was found at which `{expression}` is defined"


def disagreement(statement: Statement, text: str) -> str:
    """What differs between the claim's relations and the text; empty if nothing was found to differ."""
    read = read_statement(text)
    types = {made: "R" for made in statement.names.reals.values()} | {
        made: "nat" for made in statement.names.naturals.values()
    }
    if dict(read.variables) != types:
        return f"the variables are {dict(read.variables)}"
    pairs = _pairs(statement, read)
    if pairs is None:
        return "the number of hypotheses or conclusions"
    for item, found in pairs:
        if item.relation != found.relation:
            return f"`{found.relation}` for `{item.relation}` in {item.left} {item.relation} {item.right}"
        compared = 0
        for values, spelled in _points(statement):
            meant, said = _values(item, values), _said(found, spelled)
            if meant is None or said is None:
                continue
            compared += 1
            if not all(left.overlaps(right) for left, right in zip(meant, said, strict=True)):
                where = ", ".join(f"{key} = {value.mid()}" for key, value in spelled.items())
                return f"{item.left} {item.relation} {item.right} at {where}"
            if compared == POINTS:
                break
        if compared == 0:
            return f"no point was found at which {item.left} {item.relation} {item.right} is defined"
    return ""


def _pairs(statement: Statement, read: ReadStatement) -> list[tuple[Comparison, Proposition]] | None:
    meant = (*statement.hypotheses, *statement.conclusions)
    said = (*read.hypotheses, *read.conclusions)
    if len(statement.hypotheses) != len(read.hypotheses) or len(meant) != len(said):
        return None
    return list(zip(meant, said, strict=True))


def _points(statement: Statement) -> Iterator[tuple[dict[str, arb], dict[str, arb]]]:
    """Random rational points of several magnitudes, by the symbol's name and by Coq's."""
    draw = random.Random(0)
    for attempt in range(ATTEMPTS):
        values: dict[str, arb] = {}
        for name in statement.names.reals:
            size = Fraction(draw.randint(1, 999), draw.choice((1000, 100, 10)))
            values[name] = ball(-size if attempt % 3 == 2 and draw.random() < 0.5 else size)
        for name in statement.names.naturals:
            values[name] = ball(draw.randint(0 if attempt % 3 else 1, 6))
        spelled = {
            statement.names.reals.get(name) or statement.names.naturals[name]: value for name, value in values.items()
        }
        yield values, spelled


def _values(item: Comparison, values: Mapping[str, arb]) -> tuple[arb, arb] | None:
    with precision():
        found = evaluate_ball(item.left, dict(values)), evaluate_ball(item.right, dict(values))
    return found if all(side.is_finite() for side in found) else None


def _said(item: Proposition, values: Mapping[str, arb]) -> tuple[arb, arb] | None:
    with precision():
        found = item.left(values), item.right(values)
    return found if all(side.is_finite() for side in found) else None
