"""An audit as tables: the bracket of every observation, the calibration's tests, the verdict in plain words."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from certify.audits.records import AuditResult, Calibration, ObservationAudit
from certify.report.table import (
    Table,
    columns,
    label_cell,
    lower_cell,
    number_cell,
    text_cell,
    upper_cell,
    verdict_cell,
)
from certify.report.terminal import VERDICT_STYLES, draw
from certify.wording import counted

DIGITS = 4


def distances_table(result: AuditResult) -> Table:
    """Both ends per observation, rounded outward, the estimate to nearest."""
    rows = tuple(
        (
            label_cell(str(item.index)),
            number_cell(item.distance.estimate, digits=DIGITS),
            lower_cell(item.distance.lower.value, DIGITS),
            upper_cell(item.distance.upper.value, DIGITS),
            verdict_cell(str(item.verdict)),
        )
        for item in result.observations
    )
    claim = "two ends" if result.epsilon is None else f"TV <= {result.epsilon:g}"
    return Table(
        "distances",
        "Distance of the encoder to the posterior (total variation)",
        columns(("observation", "estimate", "lower", "upper", claim), ("estimate", "lower", "upper")),
        rows,
        _notes(result.observations, result),
    )


def calibration_table(calibration: Calibration) -> Table:
    """One row per statistic: the Kolmogorov-Smirnov distance of its ranks, the exact p-value, the verdict."""
    rows = tuple(
        (
            label_cell(test.name),
            number_cell(test.statistic, digits=3),
            number_cell(test.p_value, digits=3),
            text_cell("refuted" if test.p_value <= calibration.threshold else "not refuted"),
        )
        for test in calibration.tests
    )
    return Table(
        "calibration",
        f"Calibration: ranks of {calibration.pairs} latents among {calibration.draws} draws each",
        columns(("statistic", "distance", "p-value", "uniform ranks"), ("distance", "p-value")),
        rows,
        (
            f"all tests together reject an exact encoder with probability at most {calibration.level:g}",
            f"the distance averaged over the model's x is at least {calibration.average.lower.value:.4g} "
            f"(error {calibration.average.lower.error_probability:g})",
            *calibration.notes,
        ),
    )


def audit_report(result: AuditResult) -> RenderableType:
    """The whole audit for a terminal."""
    noise = "Bernoulli logits" if result.beta is None else f"beta = {result.beta:g}"
    heading = f"Encoder {result.encoder['name']} on {result.generator['name']}, {noise}"
    parts: list[RenderableType] = [Text(heading, style="bold underline"), draw(distances_table(result))]
    if result.calibration is not None:
        parts.append(draw(calibration_table(result.calibration)))
    line = Text("verdict: ", style="bold")
    line.append(str(result.verdict), style=VERDICT_STYLES[str(result.verdict)])
    if result.reason:
        line.append(f" ({result.reason})")
    return Group(*parts, *(Text(f"note: {note}", style="italic") for note in result.notes), line)


def summary_line(result: AuditResult) -> str:
    """The audit on one line."""
    reason = f" ({result.reason})" if result.reason else ""
    return (
        f"{result.encoder['name']} on {result.generator['name']}: mean TV in [{result.mean_lower:.4g}, "
        f"{result.mean_upper:.4g}] over {counted(len(result.observations), 'observation')}: {result.verdict}{reason}"
    )


def _notes(observations: Sequence[ObservationAudit], result: AuditResult) -> tuple[str, ...]:
    """How the ends were found, each way once, with the observations it holds for."""
    ways: dict[tuple[str, str, str], list[int]] = {}
    for item in observations:
        key = (_family(item.law), _family(item.distance.lower.method), _family(item.distance.upper.method))
        ways.setdefault(key, []).append(item.index)
    notes = []
    for indices in ways.values():
        first = next(item for item in observations if item.index == indices[0])
        where = "" if len(ways) == 1 else f"observations {', '.join(map(str, indices))}: "
        notes.append(f"{where}the encoder is {first.law}")
        same = first.distance.lower.method == first.distance.upper.method
        notes.append(f"{where}{'both ends' if same else 'lower end'}: {first.distance.lower.method}")
        if not same:
            notes.append(f"{where}upper end: {first.distance.upper.method}")
        for assumption in dict.fromkeys((first.distance.assumption, first.distance.upper_assumption)):
            if assumption:
                notes.append(f"{where}assumed: {assumption}")
    notes.append(f"all ends together fail with probability at most {result.error_probability:g}")
    return tuple(notes)


def _family(text: str) -> str:
    """The text without its numbers: two observations measured the same way read the same."""
    return "".join(character for character in text if not (character.isdigit() or character in ".e+-"))
