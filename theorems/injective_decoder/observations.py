"""Certificates of single observations: the fewest layers among Theorem R's proposals, G1* and Theorem 1*.

A proposal of Theorem R is one evaluation of G, a Langevin layer one evaluation and one backward pass: where the counts
are equal the proposals are taken. What both found is kept beside the one that was taken.
"""

from __future__ import annotations

from dataclasses import replace

from certify.proof.records import ObservationRecord
from certify.proof.theorem import ObservationsAsked
from theorems.rejection_encoder.observations import certify_rows as by_rejection
from theorems.sharp_langevin.observations import certify_rows as by_layers


def certify_rows(asked: ObservationsAsked) -> tuple[ObservationRecord, ...]:
    """One record per row (k, n): by the theorem with the fewest layers. Theorem R's results are kept apart.

    Where one file keeps results, FILE.json has those of Theorem 1* and G1*, FILE.rejection.json those of Theorem R.

    Raises:
        InputError: if a file cannot be written or belongs to another question; or m, M, M2 are not certified.
    """
    beside = None if asked.execution is None else asked.execution.beside("rejection")
    layers, proposals = by_layers(asked), by_rejection(replace(asked, execution=beside))
    return tuple(better(first, second) for first, second in zip(layers, proposals, strict=True))


def better(layers: ObservationRecord, proposals: ObservationRecord) -> ObservationRecord:
    """The record with fewer layers, the numbers of both in it; where neither is certified, both reasons.

    The size of the proposals' encoder stands beside the proposals alone.
    """
    looked = [item for item in (layers, proposals) if "largest_noise" in item.values]
    farthest = max(looked, key=lambda item: item.values["largest_noise"], default=layers)
    reached = {name: value for name, value in farthest.values.items() if name == "largest_noise"}
    values = layers.values | reached
    wider = farthest.largest_noise_certificate
    if proposals.certified and (not layers.certified or _count(proposals) <= _count(layers)):
        return replace(proposals, values=proposals.values | values, largest_noise_certificate=wider)
    layers = replace(layers, largest_noise_certificate=wider)
    if layers.certified:
        return replace(layers, values=values, rejection=proposals.rejection)
    reason = f"{layers.reason}; Theorem R: {proposals.reason}"
    return replace(layers, values=values, rejection=proposals.rejection, reason=reason)


def _count(record: ObservationRecord) -> int:
    assert record.layers is not None, "a certified record has layers"
    return record.layers
