"""One .v file per theorem: every algebraic claim as a Coq theorem with its script, or as a comment with the reason."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

import sympy as sp

from certify.formal.expressions import NotFormalisedError
from certify.formal.lemmas import LIBRARY, library_text
from certify.formal.names import distinct, identifier
from certify.formal.script import script
from certify.formal.statement import Statement, statement_of

HEADER = f"""From Coq Require Import Reals Lra Psatz.
From Certify Require Import {LIBRARY}.
Open Scope R_scope.
"""


@dataclass(frozen=True)
class Request:
    """A claim to be formalised: its label and name, its relations, and the lemmas that a proof of it names.

    `refused` says why Coq is known to refuse the script that is made for it; then no script is written.
    """

    label: str
    name: str
    conclusion: sp.Basic | str
    premises: tuple[sp.Basic | str, ...]
    lemma_names: tuple[str, ...]
    refused: str = ""

    @property
    def title(self) -> str:
        """What the theorem is named after."""
        return f"{self.label} {self.name}"


@dataclass(frozen=True)
class Formalised:
    """A claim in Coq: `statement` and `script`, or the reason why there are none."""

    request: Request
    theorem: str
    statement: Statement | None
    script: str
    reason: str = ""

    @property
    def text(self) -> str:
        """Its part of the file."""
        title = f"(* {_comment(self.request.title)} *)"
        if self.statement is None or self.reason:
            said = "" if self.statement is None else f"\n{_comment(self.statement.text)}"
            return f"(* {_comment(self.request.title)}: not formalised: {_comment(self.reason)}{said} *)\n"
        return f"{title}\nTheorem {self.theorem} :\n{self.statement.text}.\nProof.\n{self.script}\nQed.\n"


@dataclass(frozen=True)
class Development:
    """The file of one theorem."""

    name: str
    claims: tuple[Formalised, ...]

    @property
    def module(self) -> str:
        """The name of the file, without .v."""
        return identifier(self.name)

    @property
    def text(self) -> str:
        """The file."""
        title = f"(* {_comment(self.name)}: the algebra of its steps, for all values of the parameters.\n"
        about = f"{title}   Written by `certify formalize`. *)\n"
        return "\n".join((about + HEADER, *(claim.text for claim in self.claims)))

    @property
    def proved(self) -> tuple[Formalised, ...]:
        """The claims that stand in the file as theorems."""
        return tuple(claim for claim in self.claims if claim.statement is not None and not claim.reason)

    def without(self, reasons: Mapping[str, str]) -> Development:
        """The same, with theorems by name taken out for the reasons given."""
        kept = tuple(
            Formalised(
                claim.request, claim.theorem, claim.statement, claim.script, reasons.get(claim.theorem, claim.reason)
            )
            for claim in self.claims
        )
        return Development(self.name, kept)


def formalised(name: str, requests: Sequence[Request], advance: Callable[[], None] = lambda: None) -> Development:
    """The development of a theorem's claims. The same claims always give the same text."""
    theorems = distinct(request.title for request in requests)
    found = []
    for request in requests:
        found.append(_formalised(request, theorems[request.title]))
        advance()
    return Development(name, tuple(found))


def digest(text: str) -> str:
    """Of a file's text and of the library that it rests on."""
    return sha256(f"{library_text()}\n{text}".encode()).hexdigest()


def _formalised(request: Request, theorem: str) -> Formalised:
    try:
        statement = statement_of(request.conclusion, request.premises)
    except NotFormalisedError as error:
        return Formalised(request, theorem, None, "", str(error))
    if request.refused:
        return Formalised(request, theorem, statement, "", request.refused)
    try:
        return Formalised(request, theorem, statement, script(statement, request.lemma_names))
    except NotFormalisedError as error:
        return Formalised(request, theorem, statement, "", str(error))


def _comment(text: str) -> str:
    """Text that may stand in a comment of Coq."""
    return text.replace("(*", "( *").replace("*)", "* )").replace('"', "'")
