"""A DIMACS formula that no assignment satisfies, by a refutation with hints."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

from certify.certificates.portable.hinted import proof_record
from certify.certificates.portable.question import FORMULA, PortableKind, Question
from certify.circuits.cnf import SOLVER
from certify.circuits.hints import hinted_refutation
from certify.errors import InputError, MissingExtraError

MOST_CLAUSES = 200_000


def _make(question: Question) -> dict[str, Any] | str:
    if question.formula is None:
        raise InputError("a refutation is of a formula: give `formula`, a DIMACS file")
    try:
        from pysat.solvers import Solver
    except ImportError as error:
        raise MissingExtraError("python-sat", "sat", "a refutation") from error
    clauses = dimacs_clauses(question.formula)
    with Solver(name=SOLVER, bootstrap_with=clauses, with_proof=True) as solver:
        if solver.solve():
            return "the formula can be satisfied"
        lines = list(solver.get_proof())
    found = hinted_refutation([tuple(clause) for clause in clauses], lines)
    if found is None:
        return "the solver's refutation does not hold by unit propagation"
    digest = hashlib.sha256(question.formula.read_bytes()).hexdigest()
    return {"claims": {"sha256": digest}, "proof": proof_record(found)}


def _literal(word: str) -> int:
    if not re.fullmatch("0|-?[1-9][0-9]{0,7}", word):
        raise ValueError(f"`{word[:20]}` is no literal")
    return int(word)


def dimacs_clauses(path: Path) -> list[list[int]]:
    """The clauses of a DIMACS file.

    Raises:
        InputError: for a file that is none, with what is wrong.
    """
    try:
        # A line, and with it a comment, ends at a line feed alone: elsewhere a reader could see another clause.
        text = path.read_bytes().replace(b"\r\n", b"\n").decode("ascii")
        lines = [line.split() for line in text.split("\n")]
        lines = [words for words in lines if words and words[0] != "c"]
        if not re.fullmatch("[\t\n -~]*", text):
            raise InputError(f"`{path}` must be plain text: another character than those that print stands in it")
        if not (lines and lines[0][:2] == ["p", "cnf"] and len(lines[0]) == 4):
            raise InputError(f"`{path}` must begin with `p cnf VARIABLES CLAUSES`")
        numbers = [_literal(word) for words in lines[1:] for word in words]
        variables, count = map(int, lines[0][2:])
    except InputError:
        raise
    except (OSError, ValueError) as error:
        raise InputError(f"`{path}` is no DIMACS file: {error}") from error
    if numbers.count(0) != count or numbers[-1:] not in ([], [0]) or count > MOST_CLAUSES:
        raise InputError(
            f"`{path}` must hold the {count} clauses that it says, at most {MOST_CLAUSES}, each ended by 0"
        )
    if max(map(abs, numbers), default=0) > variables:
        raise InputError(f"`{path}` has a variable above the {variables} of its first line")
    clauses: list[list[int]] = [[]]
    for number in numbers:
        if number:
            clauses[-1].append(number)
        else:
            clauses.append([])
    return clauses[:-1]


KIND = PortableKind("refutation", "no assignment satisfies the formula", _make, FORMULA)
