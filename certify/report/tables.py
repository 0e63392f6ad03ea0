"""The tables of a result: constants, assumptions, steps, claims, closed forms and the conclusion.

Direction of every printed number: a certified lower end is rounded down, a certified upper end up, a measured
value to nearest. A claimed value keeps the claim true: an upper bound is printed rounded up, a lower one down.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from types import MappingProxyType

from certify.arithmetic.rounding import Direction, decimal_text, interval_text
from certify.bounds.bracket import BoundEvidence, Bracket, ConstantBrackets
from certify.proof.records import (
    AssumptionRecord,
    CheckResult,
    ClaimRecord,
    ConclusionRecord,
    StepRecord,
    SymbolRecord,
    TheoremRecord,
)
from certify.report.labels import step_labels
from certify.report.quantities import QUANTITIES, conclusion_direction, meaning, symbol
from certify.report.slack_tables import slack_table
from certify.report.table import (
    Cell,
    Table,
    columns,
    interval_cell,
    label_cell,
    lower_cell,
    number_cell,
    text_cell,
    upper_cell,
    verdict_cell,
    without_empty_columns,
)
from certify.verdict import Verdict

MEASURED_DIGITS = 4
"""Significant digits of measured values and ratios."""

_ALWAYS_SHOWN = frozenset({"beta", "beta_max", "tv_bound"})
_LAST = frozenset({"tv_bound"})
_DIRECTIONS = {"": Direction.NEAREST, "lower": Direction.DOWN, "upper": Direction.UP}


def constants_table(
    brackets: Iterable[tuple[str, Bracket]], title: str = "Constants", notes: tuple[str, ...] = ()
) -> Table:
    """Both ends of each constant, rounded outward, with the method and the evidence of each end; reasons as notes."""
    brackets = tuple(brackets)
    rows = tuple(
        (
            label_cell(name, symbol(name)),
            lower_cell(bracket.lower),
            upper_cell(bracket.upper),
            text_cell(_evidence(bracket.lower_evidence)),
            text_cell(_evidence(bracket.upper_evidence)),
        )
        for name, bracket in brackets
    )
    return Table(
        "constants",
        title,
        columns(("constant", "lower", "upper", "lower end by", "upper end by"), numeric=("lower", "upper")),
        rows,
        (*notes, *_reasons(brackets)),
    )


def radius_table(balls: Sequence[ConstantBrackets], title: str) -> Table:
    """Both ends of each constant for every radius, rounded outward; what was cut off as notes."""
    rows = []
    for ball in balls:
        ends = [cell for _, item in ball.items() for cell in (lower_cell(item.lower), upper_cell(item.upper))]
        rows.append((number_cell(ball.region.radius), *ends))
    names = [f"{name} {end}" for name in ("m", "M", "M2", "M3") for end in ("lower", "upper")]
    notes = [f"radius {ball.region.radius:g}: {note}" for ball in balls for note in ball.notes]
    headings = columns(("radius", *names), numeric=("radius", *names))
    return Table("constants-by-radius", title, headings, tuple(rows), tuple(notes))


def _reasons(brackets: Iterable[tuple[str, Bracket]]) -> Iterator[str]:
    """Why ends were decided from the graph, with what to change; constants with one reason share a line."""
    named: dict[str, list[str]] = {}
    for name, bracket in brackets:
        evidence = bracket.lower_evidence if name == "m" else bracket.upper_evidence
        if evidence is not None and evidence.reason is not None:
            named.setdefault(str(evidence.reason), []).append(name)
    yield from (f"{', '.join(names)}: {reason}" for reason, names in named.items())


def assumption_brackets(record: TheoremRecord) -> tuple[tuple[str, Bracket], ...]:
    """The brackets that the assumptions were decided from, each constant once: m, M, M2, M3, then any other."""
    found: dict[str, Bracket] = {}
    for item in record.assumptions:
        if item.constant is not None and item.bracket is not None:
            found.setdefault(item.constant, item.bracket)
    order = list(QUANTITIES)
    return tuple(sorted(found.items(), key=lambda item: order.index(item[0]) if item[0] in order else len(order)))


def assumptions_table(record: TheoremRecord) -> Table:
    """Each hypothesis with its verdict, the constant that decides it and the reason."""
    rows = tuple(
        (
            label_cell(item.label),
            text_cell(item.statement, item.latex or None),
            verdict_cell(item.verdict),
            text_cell(item.evidence),
            _assumption_constant(item),
            text_cell(item.reason),
        )
        for item in record.assumptions
    )
    headings = ("id", "assumption", "verdict", "evidence", "constant", "reason")
    return without_empty_columns(Table("assumptions", "Assumptions", columns(headings), rows))


def steps_table(record: TheoremRecord) -> Table:
    """Each step with the numbers of its binding claim: claimed, measured, slack, verdict, evidence, cases."""
    printed = step_labels(record)
    with_algebra = any(step.proof is not None for step in record.steps)
    rows = tuple(
        (
            label_cell(printed[step.label]),
            text_cell(step.title),
            *_claim_numbers(step.binding),
            verdict_cell(step.verdict),
            text_cell(step.binding.evidence),
            number_cell(sum(claim.cases for claim in step.claims)),
            *((text_cell(_algebra(step)),) if with_algebra else ()),
        )
        for step in record.steps
        if step.claims
    )
    headings = (
        "step",
        "title",
        "claimed",
        "measured",
        "slack",
        "verdict",
        "evidence",
        "cases",
        *(("algebra",) if with_algebra else ()),
    )
    numeric = ("claimed", "measured", "slack", "cases")
    notes = tuple(
        note for step in record.steps if step.claims for note in _interval_notes(printed[step.label], step.binding)
    )
    return Table("steps", "Steps", columns(headings, numeric), rows, notes)


def _algebra(step: StepRecord) -> str:
    """What is proved of the step for all parameters, beside what was measured; empty where nothing is stated."""
    if step.proof is None:
        return ""
    return str(step.proof.evidence) if step.proof.verdict is Verdict.PROVED else str(step.proof.verdict)


def claims_table(record: TheoremRecord) -> Table:
    """Every inequality of every step, with its text and the reason of its verdict."""
    printed = step_labels(record)
    rows = tuple(
        (
            label_cell(printed[step.label]),
            text_cell(claim.name),
            text_cell(claim.text, claim.latex or None),
            *_claim_numbers(claim),
            verdict_cell(claim.verdict),
            text_cell(claim.evidence),
            number_cell(claim.cases),
            Cell("" if claim.interval is None else interval_text(*claim.interval, MEASURED_DIGITS), "number"),
            _error_cell(claim),
            text_cell(claim.reason),
        )
        for step in record.steps
        for claim in step.claims
    )
    numbers = ("claimed", "measured", "slack")
    headings = ("step", "name", "claim", *numbers, "verdict", "evidence", "cases", "interval", "error", "reason")
    table = Table("claims", "Claims", columns(headings, (*numbers, "cases", "interval", "error")), rows)
    return without_empty_columns(table)


def definitions_table(record: TheoremRecord) -> Table:
    """Every closed form of the theorem, enclosed; the printed interval contains the computed one.

    What was given exactly stands at both ends as it is written.
    """
    rows = tuple(
        (_name_cell(name, record.symbols), *_ends(record, name), _meaning_cell(name, record.symbols))
        for name in record.definitions
    )
    headings = ("quantity", "lower", "upper", "meaning")
    return without_empty_columns(
        Table("definitions", "Closed forms", columns(headings, numeric=("lower", "upper")), rows)
    )


def _ends(record: TheoremRecord, name: str) -> tuple[Cell, Cell]:
    """Both ends of a closed form, rounded outward; of an exact input twice itself."""
    if name in record.inputs:
        return _exact_cell(record.inputs[name]), _exact_cell(record.inputs[name])
    low, high = record.definitions[name]
    return lower_cell(low, 9), upper_cell(high, 9)


def _exact_cell(text: str) -> Cell:
    return Cell(text, "number")


def conclusion_table(
    conclusion: ConclusionRecord,
    symbols: Mapping[str, SymbolRecord] = MappingProxyType({}),
    inputs: Mapping[str, str] = MappingProxyType({}),
) -> Table:
    """What the theorem gives: thresholds rounded down, distances and sizes up, choices to nearest, `inputs` exactly.

    `symbols` says how the theorem's own quantities are printed, and which stand here. The other closed forms are
    the rows of `definitions_table`.
    """
    # The size's bound is printed with the counts that it bounds.
    elsewhere = set() if conclusion.size is None else {"size_bound"}
    own = [name for name, item in symbols.items() if item.shown and name not in QUANTITIES]
    # The distance that all of them lead to comes last.
    names = sorted([*QUANTITIES, *own], key=lambda name: (name in own) + 2 * (name in _LAST))
    known = {name: conclusion.values[name] for name in names if name in conclusion.values.keys() - elsewhere}
    rows: list[tuple[Cell, ...]] = [
        (_name_cell(name, symbols), _conclusion_cell(name, value, symbols, inputs), _meaning_cell(name, symbols))
        for name, value in known.items()
        if value is not None or name in _ALWAYS_SHOWN
    ]
    if conclusion.tv_measured is not None:
        found = conclusion.tv_measured
        measured = decimal_text(found.estimate, MEASURED_DIGITS)
        inside = interval_text(found.lower, found.upper, MEASURED_DIGITS)
        rows.append((label_cell("tv_measured"), Cell(f"{measured} in {inside}", "number"), text_cell(found.method)))
    if conclusion.size is not None:
        size = conclusion.size
        rows += [
            (label_cell(name, symbol(name)), _count_cell(count), text_cell(meaning(name)))
            for name, count in (
                ("generator_parameters", size.generator_parameters),
                ("encoder_unrolled", size.encoder_unrolled),
                ("encoder_shared", size.encoder_shared),
                ("size_bound", size.bound),
            )
        ]
    rows.append((label_cell("verdict"), verdict_cell(conclusion.verdict), text_cell("of the conclusion")))
    headings = ("quantity", "value", "meaning")
    origin = (f"noise: {conclusion.noise_from}",) if conclusion.noise_from else ()
    notes = (*conclusion.notes, *origin)
    return Table("conclusion", "Conclusion", columns(headings, numeric=("value",)), tuple(rows), notes)


def record_tables(record: TheoremRecord) -> tuple[Table, ...]:
    """All tables of one theorem at one generator that have something to say, in reading order."""
    tables = [constants_table(assumption_brackets(record)), assumptions_table(record), steps_table(record)]
    tables += [claims_table(record), definitions_table(record), slack_table(record)]
    if record.conclusion is not None:
        tables.append(conclusion_table(record.conclusion, record.symbols, record.inputs))
    return tuple(table for table in tables if table.rows)


def summary_table(result: CheckResult) -> Table:
    """One row per theorem and generator: the verdict, and of noise levels, layers and distance what any of them has."""
    kept = {name for item in result.theorems if item.conclusion is not None for name in item.conclusion.values}
    noisy = "beta" in kept or all(item.conclusion is None for item in result.theorems)
    numeric = tuple(name for name in ("beta", "beta_max", "K", "tv_bound") if noisy or name in kept)
    rows = tuple(
        (
            label_cell(record.id),
            text_cell(record.generator or "constants alone"),
            verdict_cell(record.verdict),
            *(_summary_value(record, name) for name in numeric),
        )
        for record in result.theorems
    )
    return Table("summary", "Summary", columns(("theorem", "generator", "verdict", *numeric), numeric), rows)


def _name_cell(name: str, symbols: Mapping[str, SymbolRecord]) -> Cell:
    """A quantity's name, with the theorem's own TeX where it has one."""
    return label_cell(name, symbols[name].latex if name in symbols else symbol(name))


def _meaning_cell(name: str, symbols: Mapping[str, SymbolRecord]) -> Cell:
    return text_cell(symbols[name].meaning if name in symbols else meaning(name))


def _claim_numbers(claim: ClaimRecord) -> tuple[Cell, Cell, Cell]:
    direction = {"<=": Direction.UP, ">=": Direction.DOWN}.get(claim.relation, Direction.NEAREST)
    return (
        number_cell(claim.claimed, direction),
        number_cell(claim.measured, Direction.NEAREST, MEASURED_DIGITS),
        number_cell(claim.slack, Direction.NEAREST, MEASURED_DIGITS),
    )


def _error_cell(claim: ClaimRecord) -> Cell:
    """Probability that the interval of a measured value misses the truth."""
    if claim.confidence is None:
        return text_cell("")
    return number_cell(_error_probability(claim.confidence), Direction.NEAREST, 2)


def _error_probability(confidence: float) -> float:
    # 1 - 0.999999 is not 1e-6 in binary: the decimal that the confidence was written as is meant.
    return float(1 - Fraction(repr(confidence)))


def _interval_notes(label: str, claim: ClaimRecord) -> tuple[str, ...]:
    if claim.interval is None:
        return ()
    error = "" if claim.confidence is None else f" at error probability {_error_cell(claim).text}"
    error = f" if {claim.assumption}" if claim.assumption else error
    return (f"{label}: measured within {interval_text(*claim.interval, MEASURED_DIGITS)}{error}",)


def _assumption_constant(item: AssumptionRecord) -> Cell:
    if item.constant is None:
        return text_cell("")
    if item.bracket is None:
        return text_cell(item.constant, symbol(item.constant))
    enclosure = interval_cell(item.bracket.lower, item.bracket.upper)
    return Cell(f"{item.constant} in {enclosure.text}", "text")


def _conclusion_cell(
    name: str,
    value: float | int | str | None,
    symbols: Mapping[str, SymbolRecord] = MappingProxyType({}),
    inputs: Mapping[str, str] = MappingProxyType({}),
) -> Cell:
    if value is not None and name in inputs:
        return _exact_cell(inputs[name])
    if isinstance(value, str):
        return text_cell(value)
    own = symbols[name].end if name in symbols and name not in QUANTITIES else None
    return number_cell(value, conclusion_direction(name) if own is None else _DIRECTIONS[own])


def _count_cell(count: float) -> Cell:
    """An upper bound of a count; one that is a whole number is printed in full."""
    return upper_cell(int(count) if math.isfinite(count) and count == int(count) else count)


def _summary_value(record: TheoremRecord, name: str) -> Cell:
    value = None if record.conclusion is None else record.conclusion.values.get(name)
    return text_cell("") if value is None else _conclusion_cell(name, value, inputs=record.inputs)


def _evidence(evidence: BoundEvidence | None) -> str:
    return "" if evidence is None else f"{evidence.method} ({evidence.kind})"
