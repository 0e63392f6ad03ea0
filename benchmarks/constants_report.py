"""The report of the constants benchmark: a table, medians per kind and dimension, goals and who misses them."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks.networks import PUBLISHED

Row = dict[str, Any]

NO_M = 1e-6
"""Below this share of the witness of M a witness of m shows that the network is not strongly invertible."""


def report(rows: list[Row]) -> str:
    """Markdown of everything that was measured."""
    if not rows:
        return "No network was measured.\n"
    finished = sum(is_finished(peer(row, "LipSDP")) for row in rows)
    parts = [
        "# Certified constants beside witnesses and peers",
        f"{len(rows)} networks, budget {rows[0]['budget']:g} s each. `certified` ends are rounded outward; `witness` "
        "ends are recomputed in balls at a stated point. `excess` is certified/witness - 1 (M) and "
        "1 - certified/witness (m). `s` is the time of all four brackets with their witnesses, `m, M alone` that of "
        "the methods that gave these two ends. LipSDP and the product of norms are float values, not certificates. "
        f"LipSDP ended by itself on {finished} of {len(rows)} networks: only these count where sharpness is compared; "
        "its other times are lower bounds.",
        "## Goals",
        _goals(rows),
        "## Medians",
        _medians(rows),
        "## Networks",
        _table(rows),
        "## False float values of the peers",
        _false_values(rows),
    ]
    return "\n\n".join(parts) + "\n"


def end(row: Row, constant: str, side: str) -> float | None:
    """One end of a bracket as a float; None if unknown."""
    value = row["brackets"][constant][side]
    return None if value is None else float(value)


def excess(row: Row, constant: str) -> float | None:
    """How far the certified end is from the witness, relative; None where it is not defined (m = 0, M2 = 0 or inf)."""
    low, high = end(row, constant, "lower"), end(row, constant, "upper")
    if constant == "m":
        largest = end(row, "M", "lower")
        if low is None or high is None or largest is None or high <= NO_M * largest:
            return None
        return 1.0 - low / high
    if low is None or high is None or low == 0.0 or math.isinf(low):
        return None
    return high / low - 1.0


def peer(row: Row, name: str) -> Row:
    """The record of one peer."""
    return next(item for item in row["peers"] if item["peer"] == name)


def is_false(row: Row, constant: str, value: float) -> bool:
    """Whether a peer's value is beyond our rigorous witness, so that it is not a bound."""
    witness = end(row, constant, "upper" if constant == "m" else "lower")
    if witness is None:
        return False
    return value > witness if constant == "m" else value < witness


def is_finished(item: Row) -> bool:
    """Whether a peer ended by itself and returned both values."""
    return item["m"] is not None and item["M"] is not None and "limit" not in item["note"]


def looser_than_peers(row: Row, constant: str) -> float | None:
    """Relative amount by which our certified end is looser than the best peer value that is not false.

    None where the semidefinite peer was stopped by its limit or not asked: then there is nothing to compare with.
    """
    if not is_finished(peer(row, "LipSDP")):
        return None
    values = [float(item[constant]) for item in row["peers"] if item[constant] is not None]
    honest = [value for value in values if not is_false(row, constant, value)]
    own = end(row, constant, "lower" if constant == "m" else "upper")
    if not honest or own is None:
        return None
    if constant == "M":
        return own / min(honest) - 1.0
    best = max(honest)
    return None if best <= 0 or excess(row, "m") is None else 1.0 - own / best


def faster_share(row: Row) -> float | None:
    """Our seconds for certified m and M over the semidefinite peer's seconds for its float m and M."""
    seconds = float(peer(row, "LipSDP")["seconds"])
    return float(row["stretch_seconds"]) / seconds if seconds else None


def published_share(row: Row) -> float | None:
    """Our certified M over the published bound, which is rounded to three decimals."""
    stem = row["network"].removeprefix("lipsdp:")
    high = end(row, "M", "upper")
    return None if stem not in PUBLISHED or high is None else high / (PUBLISHED[stem] + 5e-4)


@dataclass(frozen=True)
class Goal:
    """A measured quantity that is to stay below a limit on the networks that are concerned."""

    text: str
    limit: float
    concerns: Callable[[Row], bool]
    quantity: Callable[[Row], float | None]


# fmt: off
GOALS = (
    Goal("M within 5 % of the witness: residual, coupling, shallow, d <= 32", 0.05,
         lambda row: row["has_goal"], lambda row: excess(row, "M")),
    Goal("m within 10 % of the witness: residual, coupling, shallow, d <= 32", 0.10,
         lambda row: row["has_goal"], lambda row: excess(row, "m")),
    Goal("M not looser than the best peer by more than 2 %", 0.02,
         lambda row: True, lambda row: looser_than_peers(row, "M")),
    Goal("m not looser than the best peer by more than 2 %", 0.02,
         lambda row: True, lambda row: looser_than_peers(row, "m")),
    Goal("less time for certified m and M than the semidefinite peer (ours/peer < 1)", 1.0,
         lambda row: True, faster_share),
    Goal("M2 within a factor 2 of the witness, d <= 8", 1.0,
         lambda row: row["latent_dim"] <= 8, lambda row: excess(row, "M2")),
    Goal("M3 within a factor 4 of the witness, d <= 8", 3.0,
         lambda row: row["latent_dim"] <= 8, lambda row: excess(row, "M3")),
    Goal("residual d = 64 and 128 in under a minute (seconds)", 60.0,
         lambda row: row["kind"] == "residual" and row["latent_dim"] >= 64, lambda row: row["seconds"]),
    Goal("LipSDP's published bounds matched or beaten, certified (ours/published)", 1.0,
         lambda row: row["kind"] == "lipsdp", published_share),
)
# fmt: on
"""What is aimed at; see docs/constants.md."""


def _goals(rows: list[Row]) -> str:
    lines = ["| goal | met | median | worst | missed, worst first |", "| --- | --- | --- | --- | --- |"]
    for goal in GOALS:
        found = [(goal.quantity(row), row["network"]) for row in rows if goal.concerns(row)]
        values = sorted(((value, name) for value, name in found if value is not None), reverse=True)
        if not values:
            lines.append(f"| {goal.text} | - | - | - | not measured |")
            continue
        missed = [f"`{name}` {value:.3g}" for value, name in values if value > goal.limit]
        median = statistics.median(value for value, _ in values)
        tail = "; ".join(missed[:6]) + (f"; {len(missed) - 6} more" if len(missed) > 6 else "")
        met = f"{len(values) - len(missed)} of {len(values)}"
        lines.append(f"| {goal.text} | {met} | {median:.3g} | {values[0][0]:.3g} | {tail or 'none'} |")
    return "\n".join(lines)


def _medians(rows: list[Row]) -> str:
    groups: dict[tuple[str, int], list[Row]] = defaultdict(list)
    for row in rows:
        groups[row["kind"], row["latent_dim"]].append(row)
    head = "| kind | d | networks | m excess | M excess | M2 factor | M3 factor | seconds | m, M alone | LipSDP s |"
    lines = [head, "|" + " --- |" * 10]
    for (kind, dimension), group in sorted(groups.items()):
        cells = [kind, str(dimension), str(len(group))]
        cells += [_percent(_median([excess(row, name) for row in group])) for name in ("m", "M")]
        cells += [_factor(_median([excess(row, name) for row in group])) for name in ("M2", "M3")]
        cells += [_number(_median([row[key] for row in group])) for key in ("seconds", "stretch_seconds")]
        cells.append(_number(_median([peer(row, "LipSDP")["seconds"] or None for row in group])))
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _table(rows: list[Row]) -> str:
    head = (
        "| network | m certified | m witness | M certified | M witness | M2 factor | M3 factor | s | m, M alone s "
        "| LipSDP m | LipSDP M | LipSDP s | norms m | norms M |"
    )
    lines = [head, "|" + " --- |" * 14]
    for row in sorted(rows, key=lambda item: (item["kind"], item["latent_dim"], item["network"])):
        cells = [f"`{row['network']}`"]
        cells += [_number(end(row, "m", "lower")), _number(end(row, "m", "upper"))]
        cells += [_number(end(row, "M", "upper")), _number(end(row, "M", "lower"))]
        cells += [_factor(excess(row, name)) for name in ("M2", "M3")]
        cells += [_number(row["seconds"]), _number(row["stretch_seconds"])]
        lmi, norms = peer(row, "LipSDP"), peer(row, "product of norms")
        cells += [_peer_number(row, "m", lmi["m"]), _peer_number(row, "M", lmi["M"]), _number(lmi["seconds"] or None)]
        cells += [_peer_number(row, "m", norms["m"]), _peer_number(row, "M", norms["M"])]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _false_values(rows: list[Row]) -> str:
    lines = []
    for row in rows:
        for item in row["peers"]:
            for name in ("m", "M"):
                value = item[name]
                if value is not None and is_false(row, name, value):
                    witness = end(row, name, "upper" if name == "m" else "lower")
                    values = f"{item['peer']} {name} = {value!r}, rigorous witness {witness!r}"
                    lines.append(f"- `{row['network']}`: {values} ({item['note']})")
    return "\n".join(lines) or "None."


def _median(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None and not math.isnan(value)]
    return statistics.median(known) if known else None


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def _peer_number(row: Row, constant: str, value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}{' FALSE' if is_false(row, constant, value) else ''}"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.2g} %"


def _factor(value: float | None) -> str:
    return "-" if value is None else f"{1 + value:.3g}"
