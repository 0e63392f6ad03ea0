"""The first screen of a check: one row per theorem and generator as it comes, then what does not hold, then the answer.

What holds is one row; everything behind it is a command away (`--details`). The answer is a sentence per generator:
which noise was used, whether the decoder's own is covered, and the next command.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from certify.arithmetic.rounding import Direction, decimal_text
from certify.discovery.registry import theorems
from certify.proof.records import CheckResult, StepRecord, TheoremRecord
from certify.report.labels import step_labels
from certify.report.observations import least_median_most, mean_sentence
from certify.report.quantities import conclusion_direction
from certify.verdict import Verdict

COLUMNS = (
    ("theorem", 20),
    ("generator", 22),
    ("verdict", 14),
    ("noise", 8),
    ("largest", 8),
    ("K", 8),
    ("TV bound", 9),
    ("weakest", 7),
    ("sec", 5),
)
"""Headings and widths, together at most WIDEST characters."""
WITHOUT_NOISE = (("theorem", 28), ("constants", 48), ("verdict", 14), ("weakest", 7), ("sec", 5))
"""The same where every theorem is about constants alone and none speaks of a noise level."""
WIDEST = 110
_SHORTEST = {"theorem": 20, "generator": 12, "constants": 24}
"""Names may be cut to this width where the terminal is narrow; the answer in words has them in full."""
_LEFT_OUT = ("weakest", "sec", "largest")
"""What a terminal that is narrower still does without, in this order; `--details` has it."""
_CELLS = {"noise": "beta", "largest": "beta_max", "K": "K", "TV bound": "tv_bound"}


LONGEST_LIST = 8
"""Lines of what does not hold that are shown for one theorem and generator."""


def fitted(columns: Sequence[tuple[str, int]], width: int) -> tuple[tuple[str, int], ...]:
    """The columns for a terminal of `width` characters: names are cut first, then columns are left out."""
    kept = list(columns)
    for left_out in ("", *_LEFT_OUT):
        kept = [column for column in kept if column[0] != left_out]
        excess = sum(wide + 1 for _, wide in kept) - 1 - width
        spare = {name: wide - _SHORTEST[name] for name, wide in kept if wide > _SHORTEST.get(name, wide)}
        if excess <= sum(spare.values()):
            break
    cut: dict[str, int] = {}
    for name, most in spare.items():
        cut[name] = min(most, max(0, excess - sum(cut.values())))
    return tuple((name, wide - cut.get(name, 0)) for name, wide in kept)


def heading(columns: Sequence[tuple[str, int]] = COLUMNS) -> str:
    """The line above the rows."""
    return _line({name: name for name, _ in columns}, columns)


def row(record: TheoremRecord, columns: Sequence[tuple[str, int]] = COLUMNS) -> str:
    """One theorem at one generator on one line, as wide as the columns."""
    values = {} if record.conclusion is None else record.conclusion.values
    cells = {
        "theorem": record.id,
        "generator": record.generator or "constants alone",
        "constants": record.generator or "",
        "verdict": str(record.verdict),
        "weakest": weakest_step(record),
        "sec": f"{record.seconds:.1f}" if record.seconds < 999 else f"{record.seconds:.0f}",
        **{name: _number(values.get(key), key) for name, key in _CELLS.items()},
    }
    return _line(cells, columns)


def weakest_step(record: TheoremRecord) -> str:
    """The label of the step with the gravest verdict, among equals of the smallest slack; empty without steps."""

    def order(step: StepRecord) -> tuple[int, float]:
        slack = step.binding.slack
        return -step.verdict.rank, math.inf if math.isnan(slack) else slack

    steps = [step for step in record.steps if step.claims]
    return step_labels(record)[min(steps, key=order).label] if steps else ""


def open_parts(record: TheoremRecord) -> Iterator[str]:
    """A line for every assumption and claim that is refuted or not decided, with its reason."""
    printed = step_labels(record)
    for item in record.assumptions:
        if not item.verdict.holds:
            yield f"{item.label} {item.verdict}: {item.reason or item.statement}"
    for step in record.steps:
        for claim in step.claims:
            if not claim.verdict.holds:
                numbers = f"claimed {claim.claimed:.5g}, measured {claim.measured:.5g}" if claim.cases else ""
                reason = "; ".join(part for part in (numbers, claim.reason) if part)
                yield f"{printed[step.label]} {claim.name} {claim.verdict}: {reason}"
        for proof in step.proof.claims if step.proof is not None else ():
            if not proof.verdict.holds:
                yield f"{printed[step.label]} algebra `{proof.name}` {proof.verdict}: {proof.method}"


def closing(result: CheckResult, next_command: str = "") -> Iterator[str]:
    """What does not hold, grouped by theorem and generator, then the answer in words for each.

    `next_command` is the command that was given, for the one that shows everything.
    """
    for record in result.theorems:
        lines = list(open_parts(record))
        if not lines:
            continue
        yield ""
        yield f"{record.id} on {record.generator or 'constants alone'}"
        for line in lines[:LONGEST_LIST]:
            yield f"  {line}"
        if len(lines) > LONGEST_LIST:
            yield f"  and {len(lines) - LONGEST_LIST} more"
    yield ""
    for record in result.theorems:
        yield in_words(record)
    yield f"every constant, step and interval: {next_command or 'certify check'} --details"
    yield f"verdict: {result.verdict}"


def in_words(record: TheoremRecord) -> str:
    """The verdict in a sentence: at which noise, why that one, and whether the decoder's own is covered."""
    where = f"{record.id} on {record.generator or 'these constants'}"
    if record.verdict is Verdict.NOT_APPLICABLE:
        refuted = [item.label for item in record.assumptions if item.verdict is Verdict.REFUTED]
        fail = "fails" if len(refuted) == 1 else "fail"
        return f"{where}: says nothing, since {', '.join(refuted)} {fail} there{_asking_less(record)}"
    if record.conclusion is None or not record.verdict.holds:
        reason = f", {_first_sentence(record.reason)}" if record.reason else _too_far(record)
        return f"{where}: {record.verdict}{reason}{_observations_sentence(record)}"
    return f"{where}: {_noise_sentence(record)}{_observations_sentence(record)}"


def _too_far(record: TheoremRecord) -> str:
    """By how much the distance misses epsilon, and up to which noise it does not; empty where it does not miss it."""
    values = {} if record.conclusion is None else record.conclusion.values
    bound, epsilon, largest = (values.get(name) for name in ("tv_bound", "epsilon", "beta_max"))
    if not (isinstance(bound, float) and isinstance(epsilon, float) and bound > epsilon):
        return ""
    works = f"; certified up to noise {_number(largest, 'beta_max')}" if isinstance(largest, float) else ""
    return f", the smallest bound found is {_number(bound, 'tv_bound')}, above epsilon = {epsilon:g}{works}"


def _asking_less(record: TheoremRecord) -> str:
    """What needs less: this theorem at single observations, or another whose encoder is certified at these."""
    holding = {item.label for item in record.assumptions if item.verdict.holds}
    need = {name: theorem.conclusion.observations_need for name, theorem in theorems().items()}
    own = need.get(record.id)
    if own is not None and holding.issuperset(own) and not record.observations:
        return "; of single observations it needs less: give `--observations FILE`"
    built = {name for name, theorem in theorems().items() if theorem.encoder is not None}
    less = [name for name in need if name in built and need[name] is not None]
    if record.id not in built or record.id in less or not less or record.generator is None:
        return ""
    return f"; `certify check {less[0]} --observations FILE` needs less of it"


def _noise_sentence(record: TheoremRecord) -> str:
    assert record.conclusion is not None
    values = record.conclusion.values
    beta, largest, trained = (values.get(name) for name in ("beta", "beta_max", "beta_trained"))
    if "beta" not in values:
        bound = values.get("tv_bound")
        within = f" within {_number(bound, 'tv_bound')}" if isinstance(bound, float) else ""
        said = f"holds{within}, if what it assumes does" if record.assumptions else f"holds{within}"
        return f"{said}: {record.conclusion.notes[0]}" if record.conclusion.notes else said
    if not isinstance(beta, float) or not math.isfinite(beta):
        return "holds"
    why = record.conclusion.noise_from
    said = f"holds at noise {record.inputs.get('beta') or _number(beta, 'beta')}" + (f" ({why})" if why else "")
    if "tv_bound" not in values and record.conclusion.notes:
        # Nothing is to be within epsilon: what the theorem gives is a sentence of its own.
        return f"{said}: {record.conclusion.notes[0]}"
    if isinstance(largest, float) and math.isfinite(largest):
        said += f" (certified up to {_number(largest, 'beta_max')})"
    if isinstance(trained, float):
        covered = isinstance(largest, float) and trained <= largest
        missing = "is not for all x at once" if record.observations else (
            "is not: train with less noise, or ask single observations"
        )  # fmt: skip
        state = "is covered" if covered else missing
        said += f"; the decoder's own noise {_number(trained, 'beta')} {state}"
    return said


def _observations_sentence(record: TheoremRecord) -> str:
    """How many observations are certified, with how many layers; empty where none were given."""
    if not record.observations:
        return ""
    layers = sorted(item.layers for item in record.observations if item.certified and item.layers is not None)
    certified = sum(item.certified for item in record.observations)
    said = f"; {certified} of {len(record.observations)} observations certified"
    supported = sum(item.verdict is Verdict.SUPPORTED for item in record.observations)
    if supported:
        said += f", {supported} supported (measured, not proved)"
    if layers:
        said += f", layers {least_median_most(layers)} (least, median, most)"
    # Of a certified observation the reason says what was left out.
    left_out = next((item.reason for item in record.observations if item.certified and item.reason), "")
    return said + "".join(f"; {text}" for text in (*map(mean_sentence, record.means), left_out) if text)


def _number(value: object, name: str) -> str:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return ""
    if isinstance(value, int):
        return str(value) if value < 10**8 else decimal_text(float(value), 3, Direction.UP)
    if not math.isfinite(value):
        return str(value)
    digits = 4 if abs(value) >= 1e-99 or value == 0 else 3
    return decimal_text(value, digits, conclusion_direction(name))


def _line(cells: Mapping[str, str], columns: Sequence[tuple[str, int]]) -> str:
    texts = (cells[name].rjust(width) if name == "sec" else _fit(cells[name], width) for name, width in columns)
    return " ".join(texts).rstrip()


def _fit(text: str, width: int) -> str:
    """The text in exactly `width` characters; a long one keeps its two ends."""
    if len(text) > width:
        head = (width - 2) // 2
        text = f"{text[:head]}..{text[len(text) - (width - 2 - head) :]}"
    return f"{text:<{width}}"


def _first_sentence(text: str) -> str:
    return text if len(text) <= 160 else f"{text[:157]}..."
