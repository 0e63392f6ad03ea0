"""A saved case, judged again: the same numbers bit for bit under the same versions."""

from __future__ import annotations

import math
import struct
from dataclasses import replace

from certify.discovery.registry import load_theorem, theorems
from certify.errors import InputError, UnknownNameError
from certify.proof.theorem import Theorem
from certify.stress_tests.case import Case, SavedCase
from certify.stress_tests.instances import prepare
from certify.stress_tests.property import Measurement, Property, properties
from certify.stress_tests.records import Failure, Replay
from certify.stress_tests.runner import evaluate
from certify.validation import accuracy, noise_level
from certify.verdict import Verdict


def replay(saved: SavedCase, theorem_file: str | None = None) -> Replay:
    """Judge a saved case again.

    A case that came from a theorem's file names that file but never runs it: `theorem_file` does, so that opening a
    case executes no code. Raises InputError if the theorem or the property is not there.
    """
    theorem = _theorem(saved, theorem_file)
    known = properties()
    if saved.case.property_name not in known:
        raise UnknownNameError("property", saved.case.property_name, known)
    item = known[saved.case.property_name]
    if not theorem.points:
        _require_parts(saved.case, item)
    found = evaluate(theorem, item, saved.case)
    again = next((item for item in found if item.claim == saved.claim), None)
    if again is None:
        reason = "; ".join(item.reason for item in found if item.crash) or "the case no longer reaches this claim"
        again = Measurement(saved.claim, Verdict.INCONCLUSIVE, reason=reason, crash=any(item.crash for item in found))
    identical = _same(again.claimed, saved.claimed) and _same(again.measured, saved.measured)
    return Replay(saved, again, identical)


def settled(theorem: Theorem, failure: Failure) -> Failure:
    """The failure with its exact choices and final noise level in the case, so that replaying it needs no optimiser."""
    case = failure.case
    if case.generator is None or case.observations is None:
        return failure
    try:
        prepared = prepare(theorem, case)
    except Exception:
        # What crashed in the run may crash here; the case stays as it was drawn.
        return failure
    if prepared is None:
        return failure
    found = evaluate(theorem, properties()[case.property_name], prepared.case)
    again = next((item for item in found if item.claim == failure.claim), None)
    if again is None or not (again.verdict is Verdict.REFUTED or again.crash):
        return failure
    return replace(failure, case=prepared.case, claimed=again.claimed, measured=again.measured, reason=again.reason)


def _theorem(saved: SavedCase, theorem_file: str | None) -> Theorem:
    name = saved.case.theorem
    if theorem_file is not None:
        theorem = load_theorem(theorem_file)
        if theorem.id != name:
            raise InputError(f"the case is of theorem `{name}`; `{theorem_file}` has `{theorem.id}`")
        return theorem
    installed = theorems()
    if name not in installed and saved.theorem_file:
        raise InputError(
            f"the case is of theorem `{name}` from a file, and a case never runs code by itself: give "
            f"`--theorem {saved.theorem_file}` if you trust that file"
        )
    if name not in installed:
        raise UnknownNameError("theorem", name, installed)
    return installed[name]


def _require_parts(case: Case, item: Property) -> None:
    """Raise InputError where the case lacks what its property reads, instead of failing deep inside."""
    for name in item.reads:
        if getattr(case, name, None) is None and name not in case.numbers:
            raise InputError(f"a case of property `{item.name}` must have `{name}`")
    if "beta" in case.numbers:
        noise_level(case.numbers["beta"])
    if "epsilon" in case.numbers:
        accuracy(case.numbers["epsilon"])


def _same(first: float, second: float) -> bool:
    return struct.pack("<d", first) == struct.pack("<d", second) or (math.isnan(first) and math.isnan(second))
