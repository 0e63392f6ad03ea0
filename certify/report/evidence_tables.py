"""log p(x) as tables: every observation's intervals, the mean over the data, what they rest on."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from certify.envelopes.log_evidence import Interval
from certify.marginal.data import EvidenceResult
from certify.report.table import Cell, Table, columns, label_cell, lower_cell, text_cell, upper_cell
from certify.report.terminal import VERDICT_STYLES, draw
from certify.wording import counted

SHOWN = 12
"""Observations printed one by one; the JSON has all of them."""
DIGITS = 7


def evidence_table(result: EvidenceResult) -> Table:
    """The first observations: log p(x) certified and sampled, and the ELBO with its gap where there is an encoder."""
    with_encoder = result.encoder is not None
    rows = tuple(
        (
            label_cell(str(index)),
            _cell(item.log_evidence.rigorous),
            _cell(item.log_evidence.sampled),
            *((_cell(None if item.elbo is None else item.elbo.interval), _cell(item.gap)) if with_encoder else ()),
            text_cell(item.log_evidence.envelope),
            text_cell(item.log_evidence.reason or (item.elbo.reason if item.elbo is not None else "")),
        )
        for index, item in enumerate(result.observations[:SHOWN])
    )
    headings = ("x", "log p(x), rigorous", "log p(x), sampled", *(("ELBO", "gap") if with_encoder else ()), "envelope",
                "reason")  # fmt: skip
    hidden = len(result.observations) > SHOWN
    notes = (f"the first {SHOWN} of {len(result.observations)}; --json has all",) if hidden else ()
    return Table("evidence", f"log p(x) of {result.generator['name']}, nats", columns(headings), rows, notes)


def mean_table(result: EvidenceResult) -> Table:
    """The means over the observations that are enclosed, with the probability that they fail."""
    means = (("log p(x)", result.mean), ("ELBO", result.mean_elbo), ("log p(x) - ELBO", result.mean_gap))
    rows = tuple(
        (text_cell(name), _cell(item), text_cell(item.kind), text_cell(f"{1 - item.confidence:.1g}"))
        for name, item in means
        if item is not None
    )
    title = f"Mean of {counted(len(result.enclosed), 'observation')}"
    return Table("evidence-mean", title, columns(("mean", "interval", "kind", "error probability")), rows)


def evidence_report(result: EvidenceResult) -> RenderableType:
    """The whole result for a terminal."""
    noise = "Bernoulli logits" if result.beta is None else f"beta = {result.beta:.5g}"
    parts: list[RenderableType] = [
        Text(f"Evidence of {result.generator['name']}, {noise}, {result.proposals} proposals", style="bold underline"),
        draw(evidence_table(result)),
        draw(mean_table(result)),
    ]
    laws = sorted({item.elbo.law for item in result.observations if item.elbo is not None and item.elbo.law})
    notes = [
        *result.notes,
        "rigorous: the integrals of a certified envelope; sampled: certified envelope, acceptance at error 1e-6 each",
        *(f"the ELBO is sampled, at error 1e-6 each, of the encoder's law ({law})" for law in laws[:1]),
    ]
    parts += [Text(f"note: {note}", style="italic") for note in notes]
    line = Text("verdict: ", style="bold")
    line.append(str(result.verdict), style=VERDICT_STYLES[str(result.verdict)])
    return Group(*parts, line)


def summary_line(result: EvidenceResult) -> str:
    """The result on one line."""
    mean = "no interval" if result.mean is None else _cell(result.mean).text
    outside = "; outside A0" if result.beta is None else ""
    return f"mean log p(x) of {len(result.enclosed)} of {len(result.observations)}: {mean}: {result.verdict}{outside}"


def _cell(interval: Interval | None) -> Cell:
    """Both ends, rounded outward."""
    if interval is None:
        return text_cell("")
    return text_cell(f"[{lower_cell(interval.lower, DIGITS).text}, {upper_cell(interval.upper, DIGITS).text}]")
