"""Relations that people type, read with Python's grammar and a list of what is allowed; nothing is ever evaluated.

    x**2 + 1 >= 2*x        0 < beta <= 1        exp(-eta) >= 1 - eta        d in N        x != 0

Numbers are exact: 0.1 is 1/10. N is 0, 1, 2, ...; Z all integers; R (the default) the reals. A chain of comparisons is
the conjunction of its links.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import sympy as sp

from certify.errors import InputError
from certify.prover.claim import Claim, Relation, Sign, power_conditions, tightened

LONGEST = 10_000
"""Characters of one relation."""

LARGEST_EXPONENT = 4096
"""Absolute value of an exponent of a number: nobody writes a larger one, and evaluating it could take for ever."""

LARGEST_BITS = 100_000
"""Binary digits of a power of a number."""

FUNCTIONS: Mapping[str, tuple[Callable[..., sp.Expr], int | None]] = {
    "exp": (sp.exp, 1),
    "log": (sp.log, 1),
    "ln": (sp.log, 1),
    "sqrt": (sp.sqrt, 1),
    "abs": (sp.Abs, 1),
    "min": (sp.Min, None),
    "max": (sp.Max, None),
    "sin": (sp.sin, 1),
    "cos": (sp.cos, 1),
    "sinh": (lambda u: (sp.exp(u) - sp.exp(-u)) / 2, 1),
    "cosh": (lambda u: (sp.exp(u) + sp.exp(-u)) / 2, 1),
    "tanh": (lambda u: 1 - 2 / (sp.exp(2 * u) + 1), 1),
}
"""Functions by the name they are typed with, and the number of their arguments (None: at least one)."""

SETS = {"R", "N", "Z"}
RESERVED = {"pi": sp.pi}
_SIGNS: Mapping[type[ast.cmpop], tuple[Sign, int]] = {
    ast.GtE: (Sign.NON_NEGATIVE, 1),
    ast.Gt: (Sign.POSITIVE, 1),
    ast.LtE: (Sign.NON_NEGATIVE, -1),
    ast.Lt: (Sign.POSITIVE, -1),
    ast.Eq: (Sign.ZERO, 1),
    ast.NotEq: (Sign.NON_ZERO, 1),
}


@dataclass(frozen=True)
class Read:
    """What one text says: relations, and the symbols that it makes integers."""

    relations: tuple[Relation, ...]
    integers: frozenset[sp.Symbol] = frozenset()


def read_relation(text: str, integers: frozenset[sp.Symbol] = frozenset()) -> Read:
    """The relations of `text`, exact; `integers` are the parameters that other texts make integers.

    Raises:
        InputError: with the part that is not understood and what may stand there.
    """
    if len(text) > LONGEST:
        raise InputError(f"a relation has at most {LONGEST} characters, this one {len(text)}; split it")
    try:
        body = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise InputError(f"`{text}` is no relation: write one such as `x**2 + 1 >= 2*x` ({_reason(error)})") from error
    if not isinstance(body, ast.Compare):
        raise InputError(f"`{text}` compares nothing: expected <=, <, >=, >, == or != between two expressions")
    if len(body.ops) == 1 and isinstance(body.ops[0], ast.In):
        return _membership(body, text)
    try:
        return _comparisons(body, text.strip(), integers)
    except RecursionError as error:
        raise InputError("the relation is nested too deeply; split it into several") from error


def read_constant(text: str) -> sp.Expr:
    """The exact expression of `text`, which has no parameters.

    Raises:
        InputError: for a parameter in it, or what `read_relation` refuses.
    """
    try:
        body = ast.parse(text.strip(), mode="eval").body
        expression = _Reader(text).read(body)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise InputError(f"`{text}` is no expression ({_reason(error)})") from error
    if expression.free_symbols:
        raise InputError(f"`{text}` has parameters; its value cannot be printed as one number")
    return expression


def symbol(name: str) -> sp.Symbol:
    """The parameter of this name: real, and nothing else is known of it."""
    return sp.Symbol(name, real=True)


def _comparisons(body: ast.Compare, text: str, integers: frozenset[sp.Symbol]) -> Read:
    relations = []
    left = body.left
    for operator, right in zip(body.ops, body.comparators, strict=True):
        if type(operator) not in _SIGNS:
            raise InputError(f"`{text}`: expected <=, <, >=, >, == or !=, or `NAME in N`")
        sign, factor = _SIGNS[type(operator)]
        reader = _Reader(text, integers)
        expression = factor * (reader.read(left) - reader.read(right))
        part = text if len(body.ops) == 1 else f"{ast.unparse(left)} {_spelling(operator)} {ast.unparse(right)}"
        relations.append(Relation(expression, sign, part, tuple(reader.conditions.values())))
        left = right
    return Read(tuple(relations))


def _membership(body: ast.Compare, text: str) -> Read:
    name, container = body.left, body.comparators[0]
    if not isinstance(name, ast.Name) or not isinstance(container, ast.Name) or container.id not in SETS:
        raise InputError(f"`{text}`: expected `NAME in N`, `NAME in Z` or `NAME in R`")
    parameter = _Reader(text).read(name)
    if not isinstance(parameter, sp.Symbol):
        raise InputError(f"`{text}`: `{name.id}` is a number, not a parameter")
    integers = frozenset({parameter}) if container.id != "R" else frozenset()
    relations = (Relation(parameter, Sign.NON_NEGATIVE, f"{name.id} >= 0"),) if container.id == "N" else ()
    return Read(relations, integers)


class _Reader:
    """Turns a syntax tree into sympy, noting every condition before anything can cancel."""

    def __init__(self, text: str, integers: frozenset[sp.Symbol] = frozenset()) -> None:
        self.text = text
        self.integers = integers
        self.conditions: dict[tuple[sp.Expr, Sign], Relation] = {}

    def read(self, node: ast.expr) -> sp.Expr:
        if isinstance(node, ast.Constant):
            return self._number(node)
        if isinstance(node, ast.Name):
            return self._name(node)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.UAdd, ast.USub)):
            value = self.read(node.operand)
            return -value if isinstance(node.op, ast.USub) else value
        if isinstance(node, ast.BinOp):
            return self._binary(node)
        if isinstance(node, ast.Call):
            return self._call(node)
        raise InputError(f"`{self.text}`: `{ast.unparse(node)}` may not stand in a relation; {self._allowed()}")

    def _number(self, node: ast.Constant) -> sp.Rational:
        spelled = ast.get_source_segment(self.text, node) or repr(node.value)
        if isinstance(node.value, bool) or not isinstance(node.value, (int, float)):
            raise InputError(f"`{self.text}`: `{spelled}` is no real number")
        try:
            mantissa, _, exponent = spelled.lower().partition("e")
            if exponent and abs(int(exponent)) > LARGEST_EXPONENT:
                raise InputError(f"`{self.text}`: `{spelled}` is beyond 1e{LARGEST_EXPONENT}")
            value = Fraction(spelled)
        except InputError:
            raise
        except ValueError as error:
            raise InputError(f"`{self.text}`: write `{spelled}` as a decimal number") from error
        return sp.Rational(value.numerator, value.denominator)

    def _name(self, node: ast.Name) -> sp.Expr:
        if node.id in RESERVED:
            return RESERVED[node.id]
        if node.id in FUNCTIONS or node.id in SETS:
            raise InputError(f"`{self.text}`: `{node.id}` is a function or a set and cannot name a parameter")
        return symbol(node.id)

    def _binary(self, node: ast.BinOp) -> sp.Expr:
        if isinstance(node.op, ast.BitXor):
            raise InputError(f"`{self.text}`: write powers with **; Python reads ^ after + and *")
        left, right = self.read(node.left), self.read(node.right)
        if isinstance(node.op, ast.Add):
            return left + right
        if isinstance(node.op, ast.Sub):
            return left - right
        if isinstance(node.op, ast.Mult):
            return left * right
        if isinstance(node.op, ast.Div):
            self._ask(right, Sign.NON_ZERO, ast.unparse(node.right))
            return left / right
        if isinstance(node.op, ast.Pow):
            return self._power(left, right, node)
        raise InputError(f"`{self.text}`: `{ast.unparse(node)}` uses an operator that is not +, -, *, / or **")

    def _power(self, base: sp.Expr, exponent: sp.Expr, node: ast.BinOp) -> sp.Expr:
        if base.is_Rational and exponent.is_Rational and abs(exponent) > LARGEST_EXPONENT:
            raise InputError(f"`{self.text}`: the exponent {ast.unparse(node.right)} is beyond {LARGEST_EXPONENT}")
        if (
            base.is_Rational
            and exponent.is_Rational
            and (int(base.p).bit_length() + int(base.q).bit_length()) * abs(exponent.p) > LARGEST_BITS
        ):
            raise InputError(f"`{self.text}`: `{ast.unparse(node)}` has more than {LARGEST_BITS} binary digits")
        for condition in power_conditions(base, exponent, self.integers):
            spelled = node.left if condition.expression == base else node.right
            self._ask(condition.expression, condition.sign, ast.unparse(spelled))
        return base**exponent

    def _call(self, node: ast.Call) -> sp.Expr:
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name not in FUNCTIONS or node.keywords:
            raise InputError(f"`{self.text}`: `{ast.unparse(node.func)}` is not among {', '.join(FUNCTIONS)}")
        function, count = FUNCTIONS[name]
        if (count is not None and len(node.args) != count) or not node.args:
            raise InputError(
                f"`{self.text}`: `{name}` takes {count or 'at least one'} argument(s), {len(node.args)} given"
            )
        arguments = [self.read(argument) for argument in node.args]
        if name in {"log", "ln"}:
            self._ask(arguments[0], Sign.POSITIVE, ast.unparse(node.args[0]))
        if name == "sqrt":
            self._ask(arguments[0], Sign.NON_NEGATIVE, ast.unparse(node.args[0]))
        return function(*arguments)

    def _ask(self, expression: sp.Expr, sign: Sign, spelled: str) -> None:
        value = expression
        if value.is_Rational and _holds(value, sign):
            return
        if value.is_Rational:
            raise InputError(f"`{self.text}`: `{spelled}` is {value}, and must be {sign} 0 there")
        self.conditions.setdefault((expression, sign), Relation(expression, sign, f"{spelled} {sign} 0"))

    @staticmethod
    def _allowed() -> str:
        return f"allowed are numbers, names, + - * / **, pi, and {', '.join(FUNCTIONS)}"


def _holds(value: sp.Rational, sign: Sign) -> bool:
    return bool(
        {
            Sign.NON_NEGATIVE: value >= 0,
            Sign.POSITIVE: value > 0,
            Sign.ZERO: value == 0,
            Sign.NON_ZERO: value != 0,
        }[sign]
    )


def _spelling(operator: ast.cmpop) -> str:
    return {"GtE": ">=", "Gt": ">", "LtE": "<=", "Lt": "<", "Eq": "==", "NotEq": "!="}[type(operator).__name__]


def _reason(error: BaseException) -> str:
    return error.msg if isinstance(error, SyntaxError) and error.msg else type(error).__name__


def read_claim(
    claim: str, assumptions: Sequence[str] = (), integers: frozenset[sp.Symbol] = frozenset()
) -> tuple[Claim, ...]:
    """One claim per link of `claim`, each under all the assumptions; `integers` are known to be integers.

    Raises:
        InputError: for a text that is no relation, or a claim that is a membership.
    """
    members = [read_relation(text) for text in assumptions if _is_membership(text)]
    integers = integers.union(*(item.integers for item in members))
    read = [read_relation(text, integers) for text in assumptions if not _is_membership(text)]
    known = tuple(relation for item in (*members, *read) for relation in item.relations)
    goals = read_relation(claim, integers)
    if goals.integers or not goals.relations or _is_membership(claim):
        raise InputError(f"`{claim}` says where a parameter lies, which is an assumption; expected a comparison")
    return tuple(Claim(goal, tightened(known, integers), integers) for goal in goals.relations)


def _is_membership(text: str) -> bool:
    try:
        body = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return isinstance(body, ast.Compare) and len(body.ops) == 1 and isinstance(body.ops[0], ast.In)
