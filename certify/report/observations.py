"""Certificates of single observations as tables: a summary of all, and the first of them one by one."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from certify.arithmetic.rounding import interval_text
from certify.proof.observation_means import ObservationMean, observation_means
from certify.proof.records import ObservationRecord, TheoremRecord
from certify.report.table import (
    Cell,
    Table,
    columns,
    label_cell,
    lower_cell,
    number_cell,
    text_cell,
    upper_cell,
    verdict_cell,
)
from certify.verdict import Verdict
from certify.wording import counted

SHOWN = 12
"""Observations printed one by one; the JSON has all of them."""


def observation_tables(record: TheoremRecord) -> list[Table]:
    """The summary and the first observations; none where no observation was certified singly."""
    if not record.observations:
        return []
    return [observation_summary(record.observations), observation_table(record.observations)]


def observation_summary(records: tuple[ObservationRecord, ...]) -> Table:
    """How many are certified, with which theorem and layers; the largest noise; why the others are not."""
    proved = [item for item in records if item.certified]
    layers = sorted(item.layers for item in proved if item.layers is not None)
    noise = sorted({item.values["beta"] for item in records if "beta" in item.values})
    rows = [
        *((text_cell("noise level"), text_cell(f"{level:.5g}")) for level in noise),
        (text_cell("certified"), text_cell(f"{len(proved)} of {len(records)} ({len(proved) / len(records):.1%})")),
    ]
    for name, count in sorted(Counter(item.theorem for item in proved).items()):
        rows.append((text_cell(f"by {name}"), text_cell(str(count))))
    supported = [item for item in records if item.verdict is Verdict.SUPPORTED]
    if supported:
        rows.append((text_cell("supported: measured, not proved"), text_cell(str(len(supported)))))
    if layers:
        rows.append((text_cell("layers, least / median / most"), text_cell(least_median_most(layers))))
    reached = [item.values["largest_noise"] for item in records if "largest_noise" in item.values]
    if reached:
        spread = f"{min(reached):.3g} to {max(reached):.3g}"
        label = f"largest noise certified, of those tried (first {counted(len(reached), 'observation')})"
        rows.append((text_cell(label), text_cell(spread)))
    failures = Counter(_kind(item.reason) for item in records if not item.verdict.holds)
    rows += [(text_cell(f"not certified: {kind}"), text_cell(str(count))) for kind, count in failures.most_common()]
    rows += [_spread(records, name) for name in (records[0].shown if records else ())]
    means = observation_means([item.values for item in records])
    rows += [(text_cell(f"mean of {_words(item.quantity)}"), text_cell(_interval(item))) for item in means]
    return Table("observation-summary", "Observations", columns(("quantity", "value")), tuple(rows))


def least_median_most(layers: Sequence[int]) -> str:
    """Of sorted counts the first, the lower median and the last."""
    return f"{layers[0]} / {layers[(len(layers) - 1) // 2]} / {layers[-1]}"


def mean_sentence(mean: ObservationMean) -> str:
    """The mean of a quantity over the observations, in words."""
    return f"mean {_words(mean.quantity)} in {_interval(mean)}"


def _interval(mean: ObservationMean) -> str:
    which = (
        counted(mean.count, "observation") if mean.count == mean.given else f"{mean.count} of {mean.given} observations"
    )
    return f"{interval_text(mean.lower, mean.upper, 4)} over {which}, error probability {1 - mean.confidence:.1g}"


def _words(name: str) -> str:
    return name.replace("_", " ")


def _spread(records: tuple[ObservationRecord, ...], name: str) -> tuple[Cell, Cell]:
    """How many observations have a positive number of this name, and the median and largest of them."""
    found = sorted(item.values[name] for item in records if item.values.get(name, 0.0) > 0.0)
    label = text_cell(f"{name.replace('_', ' ')}, positive / median / largest")
    if not found:
        return label, text_cell("0")
    return label, text_cell(f"{len(found)} / {found[len(found) // 2]:.4g} / {found[-1]:.4g}")


def observation_table(records: tuple[ObservationRecord, ...]) -> Table:
    """The first observations: verdict, theorem, layers, bound, what they rest on, and reason.

    They rest on the curvature where the posterior lives, or on the acceptance of proposals: certified and measured.
    """
    if records and records[0].shown:
        return _own_table(records)
    by_rejection = any(item.rejection is not None for item in records)
    by_curvature = not by_rejection or any("mu_bulk" in item.values for item in records)
    rows = tuple(
        (
            label_cell(str(item.index)),
            verdict_cell(item.verdict),
            text_cell(item.theorem),
            number_cell(item.layers),
            upper_cell(item.tv_bound),
            *(_curvature_cells(item) if by_curvature else ()),
            *(_acceptance_cells(item) if by_rejection else ()),
            text_cell(item.reason),
        )
        for item in records[:SHOWN]
    )
    support = (*(("mu", "q") if by_curvature else ()), *(("p", "p measured") if by_rejection else ()))
    headings = ("x", "verdict", "by", "layers", "tv bound", *support, "reason")
    notes = () if len(records) <= SHOWN else (f"the first {SHOWN} of {len(records)}; --json has all",)
    numeric = ("layers", "tv bound", *support)
    return Table("observations", "Certificates of single observations", columns(headings, numeric), rows, notes)


def _own_table(records: tuple[ObservationRecord, ...]) -> Table:
    """The first observations with the numbers that their theorem shows: lower ends rounded down, others up."""
    names = records[0].shown
    rows = tuple(
        (
            label_cell(str(item.index)),
            verdict_cell(item.verdict),
            text_cell(item.theorem),
            *(_own_cell(name, item.values.get(name)) for name in names),
            text_cell(item.reason),
        )
        for item in records[:SHOWN]
    )
    notes = () if len(records) <= SHOWN else (f"the first {SHOWN} of {len(records)}; --json has all",)
    headings = ("x", "verdict", "by", *(name.replace("_", " ") for name in names), "reason")
    numeric = tuple(name.replace("_", " ") for name in names)
    return Table("observations", "Single observations", columns(headings, numeric), rows, notes)


def _own_cell(name: str, value: float | None) -> Cell:
    if value is None or math.isnan(value):
        return text_cell("")
    return upper_cell(value) if name.endswith(("_upper", "_distance")) else lower_cell(value)


def _curvature_cells(record: ObservationRecord) -> tuple[Cell, ...]:
    values = record.values
    return lower_cell(values.get("mu_bulk", math.nan)), upper_cell(values.get("q_bulk", math.nan))


def _acceptance_cells(record: ObservationRecord) -> tuple[Cell, ...]:
    if record.rejection is None:
        return lower_cell(math.nan), text_cell("")
    low, high = record.rejection.p_measured
    return lower_cell(record.rejection.p_certified), text_cell(f"{lower_cell(low).text} to {upper_cell(high).text}")


def _kind(reason: str) -> str:
    """A reason without its numbers: what comes before the first colon or digit."""
    head = reason.split(":")[0]
    cut = next((index for index, character in enumerate(head) if character.isdigit()), len(head))
    return head[:cut].strip(" ,(") or "unknown"
