"""What is wrong with a theorem as it is written, before anything is evaluated: every defect, each with its place.

A theorem without defects can be evaluated, printed and set in LaTeX at all constants of its domains; that its claims
are true is another matter.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sympy as sp

from certify.errors import CertifyError
from certify.proof.author import line_of_call, line_of_check
from certify.proof.theorem import (
    RELATION_TEX,
    Assumption,
    Claim,
    Condition,
    Quantity,
    Search,
    Step,
    Theorem,
)
from certify.prover.algebra import AlgebraicClaim
from certify.symbolic.declaration import DeclaredSymbol
from certify.symbolic.evaluation import without_enclosure
from certify.validation import constants_from_text, shown

SETTINGS = frozenset({"beta", "epsilon", "t_x"})
"""What a user gives beside the constants."""
_ID = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_BRACES = re.compile(r"\\.|[{}$]")
_WORDS = re.compile(r"\\(left|right|begin|end)(?![a-zA-Z])")


@dataclass(frozen=True)
class Defect:
    """One thing that is wrong: where (the first argument of the call that made it) and what."""

    calls: tuple[str, ...]
    name: str
    text: str
    line: int | None = None

    def at(self, path: Path, tree: ast.AST) -> str:
        """The defect as `file:line: text`."""
        line = self.line or line_of_call(tree, frozenset(self.calls), self.name)
        return f"{path}:{line or line_of_call(tree, frozenset({'Theorem'}), self.name) or 1}: {self.text}"


def defects(theorem: Theorem) -> tuple[Defect, ...]:
    """Every defect of the theorem, in the order of its parts; types first, since the rest reads them."""
    found = tuple(_types(theorem))
    if found:
        return found
    parts = (_texts, _quantities, _labels, _order, _expressions, _algebra, _tex, _points)
    return tuple(dict.fromkeys(item for part in parts for item in part(theorem)))


def lines_of(theorem: Theorem, path: Path) -> list[str]:
    """Every defect as `file:line: text`, in the order of its parts."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [item.at(path, tree) for item in defects(theorem)]


def contradictions(quantity: Quantity) -> Iterator[str]:
    """Where a quantity's symbol assumes, or its text says, something else than its domain."""
    domain = quantity.values
    assumed = sp.Symbol("q", **domain.assumptions).assumptions0
    if assumed != quantity.symbol.assumptions0:
        wrong = sorted(
            fact
            for fact in assumed.keys() | quantity.symbol.assumptions0.keys()
            if assumed.get(fact) != quantity.symbol.assumptions0.get(fact)
        )
        yield f"its symbol assumes otherwise than its domain {quantity.domain}: {', '.join(wrong[:4])}"
    if str(domain) != quantity.domain and type(domain).parse(quantity.domain, domain.symbols) != domain:
        yield f"it prints the domain {quantity.domain}, and is in {domain}"
    if isinstance(quantity.symbol, DeclaredSymbol):
        declared = (quantity.symbol.tex, quantity.symbol.meaning)
        if (quantity.tex, quantity.meaning) != declared:
            yield "it has another TeX or meaning than its symbol"


def unbalanced(tex: str) -> str:
    """What does not balance in a formula; empty where all does."""
    depth = dollars = 0
    for token in _BRACES.findall(tex):
        depth += (token == "{") - (token == "}")
        dollars += token == "$"
        if depth < 0:
            return "a `}` without its `{`"
    if depth:
        return "a `{` without its `}`"
    if dollars:
        return "a `$`: it is set in mathematics already" if dollars % 2 == 0 else "a single `$`"
    words = [word for word in _WORDS.findall(tex)]
    for opening, ending in (("left", "right"), ("begin", "end")):
        if words.count(opening) != words.count(ending):
            return rf"\{opening} and \{ending}"
    return ""


def _types(theorem: Theorem) -> Iterator[Defect]:
    for name in ("id", "title", "summary", "source"):
        text: Any = getattr(theorem, name)
        if not isinstance(text, str):
            yield Defect(("Theorem",), theorem.id, f"the theorem's `{name}` must be a text; got {shown(text)}")
    notes: Any = theorem.conclusion.notes
    if not callable(notes):
        text = f"the conclusion's `notes` must be a function of certificate and generator; got {shown(notes)}"
        yield Defect(("Theorem",), theorem.id, text)
    for name, kind in (("quantities", Quantity), ("assumptions", Assumption), ("steps", Step), ("points", str)):
        yield from _members("Theorem", theorem.id, name, getattr(theorem, name), kind)
    yield from _members("Theorem", theorem.id, "conditions", theorem.conclusion.conditions, Condition)
    steps: Any = theorem.steps
    for step in steps if isinstance(steps, tuple) else ():
        if isinstance(step, Step):
            yield from _members("Step", step.label, "claims", step.claims, Claim)
            yield from _members("Step", step.label, "uses", step.uses, str)
            check: Any = step.check
            if not callable(check):
                yield Defect(("Step",), step.label, f"step {step.label}: `check` must be a function of an instance")
            elif step.claims == ():
                yield Defect(("Step",), step.label, f"step {step.label} claims nothing")


def _members(call: str, where: str, name: str, value: Any, kind: type) -> Iterator[Defect]:
    if not isinstance(value, tuple):
        yield Defect((call,), where, f"`{name}` of {where} must be a tuple; got a {type(value).__name__} (a comma?)")
    elif wrong := sorted({type(item).__name__ for item in value if not isinstance(item, kind)}):
        yield Defect((call,), where, f"`{name}` of {where} must hold {kind.__name__}; got {', '.join(wrong)}")


def _texts(theorem: Theorem) -> Iterator[Defect]:
    if not _ID.fullmatch(theorem.id):
        yield Defect(("Theorem",), theorem.id, f"the id must be lower-case words joined by `-`; got `{theorem.id}`")
    for name in ("title", "summary", "source"):
        if not getattr(theorem, name).strip():
            yield Defect(("Theorem",), theorem.id, f"the theorem's `{name}` is empty")
    for item in theorem.assumptions:
        if item.decide is None and not theorem.points:
            text = f"assumption {item.label} has no `decide`: at a generator something must decide it"
            yield Defect(("Assumption",), item.label, text)


def _quantities(theorem: Theorem) -> Iterator[Defect]:
    search = theorem.conclusion.search
    chosen = (
        {str(item.name) for item in search.choices} | {str(search.length.name)} if isinstance(search, Search) else set()
    )
    for item in theorem.quantities:
        calls = ("declare", "Quantity", item.role)
        try:
            yield from (Defect(calls, item.name, f"`{item.name}`: {text}") for text in contradictions(item))
        except CertifyError as error:
            yield Defect(calls, item.name, f"`{item.name}`: {error}")
        if item.role == "setting" and item.name not in SETTINGS:
            text = (
                f"`{item.name}` is a setting, and only {', '.join(sorted(SETTINGS))} are given so: make it a constant"
            )
            yield Defect(calls, item.name, text)
        if item.role == "choice" and (search is None or (isinstance(search, Search) and item.name not in chosen)):
            yield Defect(calls, item.name, f"`{item.name}` is a choice, and the conclusion's search does not choose it")
        if item.role == "definition" and item.definition is None:
            yield Defect(calls, item.name, f"`{item.name}` is a definition without a closed form")


def _labels(theorem: Theorem) -> Iterator[Defect]:
    groups: Iterable[tuple[str, tuple[str, ...], list[str]]] = (
        ("quantity", ("declare", "Quantity"), [item.name for item in theorem.quantities]),
        ("assumption", ("Assumption",), [item.label for item in theorem.assumptions]),
        ("step", ("Step",), [item.label for item in theorem.steps]),
        ("condition", ("Condition",), [item.label for item in theorem.conclusion.conditions]),
        *(("claim", ("Claim",), [claim.name for claim in step.claims]) for step in theorem.steps),
    )
    for what, calls, names in groups:
        for name in dict.fromkeys(name for name in names if names.count(name) > 1):
            yield Defect(calls, name, f"the {what} `{name}` is there {names.count(name)} times")
    known = {item.name for item in theorem.quantities}
    for name in theorem.shown or ():
        if name not in known:
            yield Defect(("Theorem",), theorem.id, f"`shown` names `{name}`, which is not there")
    for label in theorem.algebra:
        if label not in {step.label for step in theorem.steps}:
            yield Defect(("Theorem",), theorem.id, f"the algebra has claims for `{label}`, which is no step")


def _order(theorem: Theorem) -> Iterator[Defect]:
    """A step rests on assumptions and earlier steps: a proof that goes round in a circle proves nothing."""
    assumed = {item.label for item in theorem.assumptions}
    uses = {step.label: step.uses for step in theorem.steps}
    earlier: set[str] = set()
    for step in theorem.steps:
        for label in step.uses:
            if label not in assumed | uses.keys():
                yield Defect(("Step",), step.label, f"step {step.label} uses `{label}`, which is not there")
            elif label not in assumed | earlier:
                why = "they use each other in a circle" if _reaches(uses, label, step.label) else "which comes later"
                yield Defect(("Step",), step.label, f"step {step.label} uses `{label}`: {why}")
        earlier.add(step.label)


def _reaches(uses: Mapping[str, tuple[str, ...]], start: str, goal: str) -> bool:
    seen, pending = set(), [start]
    while pending:
        label = pending.pop()
        if label == goal:
            return True
        if label not in seen:
            seen.add(label)
            pending += uses.get(label, ())
    return False


def expressions(theorem: Theorem) -> Iterator[tuple[tuple[str, ...], str, str, sp.Basic]]:
    """Every closed form that is written in the theorem's symbols: the call and name of its place, a text, itself."""
    for item in theorem.definitions:
        yield ("declare", "definition", "Quantity"), item.name, f"the definition of `{item.name}`", item.definition
    for step in theorem.steps:
        for claim in step.claims:
            yield ("Claim",), claim.name, f"the bound of {step.label} `{claim.name}`", claim.bound
    conclusion, here = theorem.conclusion, (("Theorem",), theorem.id)
    for condition in conclusion.conditions:
        for side in (condition.left, condition.right):
            yield ("Condition",), condition.label, f"the condition `{condition.label}`", side
    for growth in theorem.growth:
        yield *here, "the growth", growth.order
    for name in ("distance", "paper_form_beta", "explicit_form_beta"):
        if (form := getattr(conclusion, name)) is not None:
            yield *here, f"the conclusion's {name}", form
    rules = dict(conclusion.search.choices) if isinstance(conclusion.search, Search) else {}
    for symbol, rule in (*rules.items(), *conclusion.explicit_form_choices.items()):
        yield *here, f"the rule of `{symbol.name}`", rule


def _expressions(theorem: Theorem) -> Iterator[Defect]:
    known = {item.name: item for item in theorem.quantities}
    for calls, name, what, form in expressions(theorem):
        if not isinstance(form, sp.Basic):
            kind = "a float is not exact" if isinstance(form, float) else f"got {type(form).__name__}"
            yield Defect(
                calls, name, f"{what} must be a closed form of sympy: {kind} (sp.Rational(1, 10), sp.Integer(1))"
            )
            continue
        for number in sorted(map(str, form.atoms(sp.Float))):
            yield Defect(calls, name, f"{what} has the float {number}: write sp.Rational, a float is not exact")
        for function in without_enclosure(form):
            yield Defect(calls, name, f"{what} has `{function}`, of which no enclosure is known")
        for symbol in sorted(form.free_symbols, key=str):
            yield from (Defect(calls, name, f"{what}: {text}") for text in _symbol(symbol, known))
    yield from _values(theorem, known)


def _algebra(theorem: Theorem) -> Iterator[Defect]:
    """The claims of an author's algebra: exact, in symbols that assume no more than the quantities of their names."""
    known = {item.name: item for item in theorem.quantities}
    algebra: Mapping[str, Any] = theorem.algebra
    for label, claims in algebra.items():
        for claim in claims if isinstance(claims, tuple) else (claims,):
            if not isinstance(claim, AlgebraicClaim):
                text = f"the algebra of {label} must be a tuple of AlgebraicClaim; got {type(claim).__name__}"
                yield Defect(("Theorem",), theorem.id, text)
                continue
            for form in (claim.conclusion, *claim.premises):
                if not isinstance(form, sp.Basic):
                    continue
                what = f"the algebra `{claim.name}` of {label}"
                for number in sorted(map(str, form.atoms(sp.Float))):
                    text = f"{what} has the float {number}: write sp.Rational, a float is not exact"
                    yield Defect(("AlgebraicClaim",), claim.name, text)
                for symbol in sorted(form.free_symbols, key=str):
                    if str(symbol.name) in known:
                        for text in _symbol(symbol, known):
                            yield Defect(("AlgebraicClaim",), claim.name, f"{what}: {text}")


def _symbol(symbol: sp.Symbol, known: Mapping[str, Quantity]) -> Iterator[str]:
    """What is wrong with a symbol of a closed form: it must be declared, and assume no more than its quantity does."""
    quantity = known.get(str(symbol.name))
    if quantity is None:
        if not isinstance(symbol, DeclaredSymbol):
            yield f"`{symbol}` is not declared (`declare`, or `variables` for a bound one)"
        return
    try:
        kept = sp.Symbol("q", **quantity.values.assumptions).assumptions0
    except CertifyError:
        return
    broken = sorted(fact for fact, truth in symbol.assumptions0.items() if kept.get(fact, not truth) != truth)
    if broken:
        yield f"`{symbol}` is assumed {', '.join(broken[:4])}, but its domain here is {quantity.domain}"


def _values(theorem: Theorem, known: Mapping[str, Quantity]) -> Iterator[Defect]:
    """A definition names only quantities that have a value before it; so does what the conclusion says."""
    earlier = {item.name for item in theorem.quantities if item.role != "definition"}
    for item in theorem.definitions:
        if isinstance(item.definition, sp.Basic):
            for name in sorted({str(symbol.name) for symbol in item.definition.free_symbols} - earlier):
                why = "which is defined later" if name in known else "which is not among the quantities"
                text = f"the definition of `{item.name}` uses `{name}`, {why}"
                yield Defect(("declare", "definition", "Quantity"), item.name, text)
        earlier.add(item.name)
    sides = [side for item in theorem.conclusion.conditions for side in (item.left, item.right)]
    for form in [form for form in (theorem.conclusion.distance, *sides) if isinstance(form, sp.Basic)]:
        for name in sorted({str(symbol.name) for symbol in form.free_symbols} - earlier):
            yield Defect(("Theorem",), theorem.id, f"the conclusion uses `{name}`, which is not among the quantities")


def _tex(theorem: Theorem) -> Iterator[Defect]:
    found: list[tuple[tuple[str, ...], str, str, str]] = []
    found += [(("declare", "Quantity"), item.name, f"`{item.name}`", item.tex) for item in theorem.quantities]
    found += [(("Assumption",), item.label, f"assumption {item.label}", item.latex) for item in theorem.assumptions]
    for step in theorem.steps:
        found += [(("Claim",), item.name, f"{step.label} `{item.name}`", item.quantity_tex) for item in step.claims]
        for claim in step.claims:
            if claim.relation not in RELATION_TEX:
                yield Defect(("Claim",), claim.name, f"{step.label} `{claim.name}`: the relation is <=, >= or =")
    if theorem.conclusion.statement:
        found.append((("Theorem",), theorem.id, "the conclusion", theorem.conclusion.latex))
    for calls, name, what, tex in found:
        if not tex.strip():
            yield Defect(calls, name, f"{what} has no TeX")
        elif not tex.isascii():
            letters = "".join(sorted({letter for letter in tex if not letter.isascii()}))
            yield Defect(calls, name, f"the TeX of {what} has `{letters}`, which is no TeX of a formula")
        elif wrong := unbalanced(tex):
            yield Defect(calls, name, f"the TeX of {what} does not balance: {wrong}")


def _points(theorem: Theorem) -> Iterator[Defect]:
    for point in theorem.points:
        try:
            constants_from_text(point, theorem.required_constants, theorem.constant_domains)
        except CertifyError as error:
            yield Defect(("Theorem",), theorem.id, f"the point `{point}`: {error}")
    for step in theorem.steps:
        if theorem.file is not None and _needs_arguments(step):
            text = f"the check of {step.label} must take one argument, the instance"
            yield Defect((), step.label, text, line_of_check(step.check))


def _needs_arguments(step: Step) -> bool:
    code = getattr(step.check, "__code__", None)
    if code is None:
        return False
    required = code.co_argcount - len(getattr(step.check, "__defaults__", None) or ())
    return bool(required > 1 or (code.co_argcount == 0 and not code.co_flags & 0x04))
