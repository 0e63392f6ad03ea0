"""The rate of single observations, KL(pi_x || N(0, I)), and so its mean over a data set: the rows of a check."""

from __future__ import annotations

import math
from functools import partial

from certify.arithmetic.rounding import Direction, decimal_text
from certify.execution.each import certify_each, row_key
from certify.execution.work import Codec
from certify.proof.records import ObservationRecord
from certify.proof.theorem import ObservationsAsked
from certify.provenance import code_digest
from certify.verdict import Verdict
from theorems.collapse.row import RowRate, decode_rate, doubt, encode_rate, rate_of_row

SHOWN = ("rate_nats_lower", "rate_nats_upper")
NAMES = (*SHOWN, "rate_nats_confidence")


def certify_rows(asked: ObservationsAsked) -> tuple[ObservationRecord, ...]:
    """One record per row (k, n): supported where the rate there has both ends."""
    generator, beta = asked.generator, asked.beta
    question = {"theorem": asked.theorem.id, "code": code_digest(), "generator": generator.sha256, "beta": beta}
    found = certify_each(
        f"rates at {generator.name}",
        question,
        row_key,
        list(asked.rows),
        partial(rate_of_row, generator, beta),
        Codec(encode_rate, decode_rate, partial(doubt, generator, beta)),
        asked.progress,
        asked.execution,
    )
    return tuple(_record(index, item.rate, beta) for index, item in enumerate(found))


def _record(index: int, found: RowRate, beta: float) -> ObservationRecord:
    known = math.isfinite(found.upper)
    verdict = Verdict.SUPPORTED if known and not found.reason else Verdict.INCONCLUSIVE
    ends = dict(zip(NAMES, (found.lower, found.upper, found.confidence), strict=True)) if known else {}
    answer = f"carries at least {decimal_text(found.lower / math.log(2), 3, Direction.DOWN)} bits" if known else ""
    by = "exact draws" if verdict is Verdict.SUPPORTED else ""
    return ObservationRecord(
        index, verdict, by, None, None, found.reason or answer, {"beta": beta, **ends}, shown=SHOWN
    )  # fmt: skip
