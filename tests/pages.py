"""A page as `certify report` writes it, from hand-built records with many observations and hostile names."""

from __future__ import annotations

from dataclasses import replace

from certify.proof.records import CheckResult, ObservationRecord, StepLoss
from certify.verdict import Verdict
from tests.records import record, result

HOSTILE = "<script>window.hacked=1</script>\"'&<img src=x onerror=hacked=1>.onnx"


def observation(index: int) -> ObservationRecord:
    """Every third one not certified, with a hostile reason; bounds that are not sorted as texts are."""
    if index % 3 == 2:
        return ObservationRecord(index, Verdict.INCONCLUSIVE, "sharp-langevin", None, None, f"too flat {HOSTILE}")
    return ObservationRecord(index, Verdict.PROVED, "sharp-langevin", 7 + index % 5, 10.0 ** -(index % 12))


def hostile_result(count: int = 30) -> CheckResult:
    """Two theorems at a decoder with such a name, one refuted, with losses and `count` observations."""
    losses = (
        StepLoss("S2", "curvature", ("lower",), ("mu",), (1.5,), 0.05, 1.25, True),
        StepLoss("S4", f"tail {HOSTILE}", ("tail",), ("tail",), (0.5,), 0.04, 2.0, False),
    )
    first = replace(
        record(generator=HOSTILE), losses=losses, observations=tuple(observation(index) for index in range(count))
    )
    second = replace(record(Verdict.REFUTED, HOSTILE), id="sharp-langevin", reason=HOSTILE)
    found = result(first, second)
    return replace(found, provenance={**found.provenance, "command": f"certify check -g {HOSTILE}"})
