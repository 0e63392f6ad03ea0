"""A paper's table of claims, row by row: proved, refuted, rounded the wrong way, or true only with one more hypothesis.

A CSV file with the columns name, relation, assumptions, printed, direction, source. `relation` is a relation between
parameters, or an expression without parameters whose printed value stands in `printed`; `assumptions` are separated by
semicolons; `direction` says how the printed value was rounded: nearest (the default), up or down.
"""

from __future__ import annotations

import csv
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from io import StringIO
from pathlib import Path
from typing import Any, ClassVar, Self

from flint import arb, fmpq

from certify.arithmetic.balls import precision
from certify.codec import Readable
from certify.errors import InputError
from certify.prover.proof import Proof
from certify.prover.prove import prove
from certify.prover.reading import read_claim, read_constant
from certify.prover.witness import has_interior
from certify.symbolic.evaluation import evaluate_ball
from certify.verdict import Evidence, Verdict, exit_code

COLUMNS = ("name", "relation", "assumptions", "printed", "direction", "source")
REQUIRED = ("name", "relation")
DIRECTIONS = ("nearest", "up", "down")
PRECISIONS = (128, 512, 4096)
"""Bits at which a printed value is compared in turn: a tie is as close as the last digit can bring it."""


@dataclass(frozen=True)
class Row:
    """One line of the file."""

    line: int
    name: str
    relation: str
    assumptions: tuple[str, ...] = ()
    printed: str = ""
    direction: str = "nearest"
    source: str = ""


@dataclass(frozen=True)
class RowFinding(Readable):
    """What was found about a row.

    outcome     one phrase: proved, refuted, rounded the wrong way, not reproducible, true under an extra hypothesis,
                not decided
    hypothesis  an assumption under which a relation that fails, or is not defined, is proved
    value       an enclosure of a printed value's expression, as text
    """

    row: Row
    verdict: Verdict
    outcome: str
    proof: Proof | None = None
    hypothesis: str = ""
    value: str = ""
    evidence: Evidence | None = None

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "line": self.row.line,
            "name": self.row.name,
            "relation": self.row.relation,
            "assumptions": list(self.row.assumptions),
            "printed": self.row.printed or None,
            "direction": self.row.direction,
            "source": self.row.source,
            "verdict": self.verdict.value,
            "outcome": self.outcome,
            "evidence": None if self.evidence is None else self.evidence.value,
            "hypothesis": self.hypothesis or None,
            "value": self.value or None,
            "proof": None if self.proof is None else self.proof.to_dict(),
        }

    @classmethod
    def _read(cls, document: Mapping[str, Any]) -> Self:
        given = {**document, **{key: document[key] or "" for key in ("printed", "hypothesis", "value")}}
        row = {item.name: given.pop(item.name) for item in fields(Row)}
        return cls._of_fields({**given, "row": row})

    def __str__(self) -> str:
        detail = ""
        if self.proof is not None and self.proof.witness is not None:
            fails = ": fails" if self.hypothesis else ""
            detail = f"{fails} at {self.proof.counterexample}"
        elif self.proof is not None and self.proof.reason and not self.hypothesis:
            detail = f": {self.proof.reason}"
        if self.hypothesis:
            detail += f"; holds with {self.hypothesis}"
        if self.value:
            detail = f": {self.row.printed} printed, {self.value} computed"
        return f"line {self.row.line} {self.row.name}: {self.outcome}{detail}"


@dataclass(frozen=True)
class ClaimsTable(Readable):
    """Every row's finding, in the order of the file."""

    NAMES: ClassVar[Mapping[str, str]] = {"findings": "claims"}

    findings: tuple[RowFinding, ...] = field(default_factory=tuple)

    @property
    def exit_code(self) -> int:
        """0 all proved, 1 a row is refuted, 3 a row is not decided, 4 assumptions of a row contradict each other."""
        return exit_code(item.verdict for item in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {"schema": 1, "claims": [item.to_dict() for item in self.findings]}


def check_claims(path: str | Path, seed: int = 0) -> Iterator[RowFinding]:
    """The finding of every row of a file, as they come.

    Raises:
        InputError: for a file, a header or a row that cannot be read, naming file and line; before any row is checked.
    """
    rows = read_rows(path)
    for row in rows:
        # A row that cannot be read at all stops the run before hours of work, not after.
        _readable(row, path)
    return (check_row(row, seed) for row in rows)


def read_rows(path: str | Path) -> tuple[Row, ...]:
    """The rows of a CSV file.

    Raises:
        InputError: if the file is missing, not text, has an unknown or no column, or a row has too many fields.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(f"cannot read `{path}`: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"`{path}` cannot be read as UTF-8 text: {error}") from error
    reader = csv.DictReader(StringIO(text), strict=True)
    try:
        header = [name.strip() for name in reader.fieldnames or ()]
        unknown = sorted(set(header) - set(COLUMNS))
        missing = [name for name in REQUIRED if name not in header]
        if unknown or missing:
            raise InputError(
                f"`{path}` line 1: expected the columns {', '.join(COLUMNS)} (the first two are needed), got "
                f"{', '.join(header) or 'nothing'}"
            )
        reader.fieldnames = header
        return tuple(_row(entry, reader.line_num, path) for entry in reader)
    except csv.Error as error:
        raise InputError(f"`{path}` line {reader.line_num}: {error}") from error


def check_row(row: Row, seed: int = 0) -> RowFinding:
    """One row: a printed value compared in balls, or a relation through the prover."""
    if row.printed:
        return _check_printed(row)
    proof = prove(row.relation, row.assumptions, seed=seed)
    if proof.verdict is Verdict.PROVED:
        return RowFinding(row, proof.verdict, "proved", proof, evidence=proof.evidence)
    if proof.verdict is Verdict.NOT_APPLICABLE:
        return RowFinding(row, proof.verdict, "assumptions contradict each other", proof, evidence=proof.evidence)
    hypothesis = extra_hypothesis(row, seed)
    if hypothesis:
        outcome = "true under an extra hypothesis"
        return RowFinding(row, proof.verdict, outcome, proof, hypothesis, evidence=proof.evidence)
    outcome = "refuted" if proof.verdict is Verdict.REFUTED else "not decided"
    return RowFinding(row, proof.verdict, outcome, proof, evidence=proof.evidence)


def extra_hypothesis(row: Row, seed: int = 0) -> str:
    """One more assumption under which the relation is proved: a sign, a unit interval, integrality, an order; or ""."""
    claims = read_claim(row.relation, row.assumptions)
    names = sorted({str(item) for claim in claims for item in claim.parameters})
    integers = {str(item) for claim in claims for item in claim.integers}
    candidates = [
        *(f"{name} != 0" for name in names),
        *(f"{name} >= 0" for name in names),
        *(f"{name} > 0" for name in names),
        *(f"{name} in N" for name in names if name not in integers),
        *(f"{name} >= 1" for name in names),
        *(f"{name} <= 1" for name in names),
        *(f"0 <= {name} <= 1" for name in names),
        *(f"0 < {name} < 1" for name in names),
        *(f"{name} <= 0" for name in names),
        *(f"{first} <= {second}" for first, second in itertools.permutations(names, 2)),
    ]
    for candidate in candidates:
        assumptions = (*row.assumptions, candidate)
        # A hypothesis that leaves only a boundary of the domain says nothing about the claim.
        if not has_interior(read_claim(row.relation, assumptions)[0], seed):
            continue
        if prove(row.relation, assumptions, seed=seed).verdict is Verdict.PROVED:
            return candidate
    return ""


def _check_printed(row: Row) -> RowFinding:
    expression = read_constant(row.relation)
    printed = Decimal(row.printed)
    exact = Fraction(printed)
    step = Fraction(10) ** int(printed.as_tuple().exponent)
    for bits in PRECISIONS:
        with precision(bits):
            gap = evaluate_ball(expression, {}) - arb(fmpq(exact.numerator, exact.denominator))
            unit = arb(fmpq(step.numerator, step.denominator))
            outcome = _compare(gap, unit, row.direction)
            if outcome:
                value = evaluate_ball(expression, {}).str(max(10, len(printed.as_tuple().digits) + 4))
                verdict = Verdict.PROVED if outcome == "proved" else Verdict.REFUTED
                return RowFinding(row, verdict, outcome, value=value, evidence=Evidence.RIGOROUS)
    return RowFinding(row, Verdict.INCONCLUSIVE, "not decided")


def _compare(gap: arb, unit: arb, direction: str) -> str:
    """How value - printed = `gap` stands to one unit of the last printed digit; "" where balls do not tell."""
    allowed: tuple[arb, arb] = {"nearest": (-unit / 2, unit / 2), "up": (-unit, arb(0)), "down": (arb(0), unit)}[
        direction
    ]
    if gap.is_zero() or (gap >= allowed[0] and gap <= allowed[1]):
        return "proved"
    if gap > unit or gap < -unit:
        return "not reproducible"
    if gap > allowed[1] or gap < allowed[0]:
        return "rounded the wrong way"
    return ""


def _row(entry: dict[str, Any], line: int, path: str | Path) -> Row:
    if None in entry or any(value is None for value in entry.values()):
        raise InputError(
            f"`{path}` line {line}: expected {len(entry) - (None in entry)} fields; quote a field with commas"
        )
    given = {name: value.strip() for name, value in entry.items()}
    assumptions = tuple(item.strip() for item in given.get("assumptions", "").split(";") if item.strip())
    direction = given.get("direction", "") or "nearest"
    return Row(
        line,
        given["name"],
        given["relation"],
        assumptions,
        given.get("printed", ""),
        direction,
        given.get("source", ""),
    )


def _readable(row: Row, path: str | Path) -> None:
    try:
        if row.printed:
            _printed_value(row)
            read_constant(row.relation)
        else:
            read_claim(row.relation, row.assumptions)
    except InputError as error:
        raise InputError(f"`{path}` line {row.line}: {error}") from error


def _printed_value(row: Row) -> None:
    try:
        number = Decimal(row.printed)
    except InvalidOperation as error:
        raise InputError(f"`printed` must be a decimal number, got `{row.printed}`") from error
    if not number.is_finite() or abs(number.adjusted()) > 1000:
        raise InputError(f"`printed` must be a decimal number below 1e1000, got `{row.printed}`")
    if row.direction not in DIRECTIONS:
        raise InputError(f"`direction` must be one of {', '.join(DIRECTIONS)}, got `{row.direction}`")
