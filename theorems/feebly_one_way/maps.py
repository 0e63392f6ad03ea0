"""I, U, L: the map with the given blocks, its inverse and their circuits, exactly, over GF(2)."""

from __future__ import annotations

from collections.abc import Sequence

from flint import arb

from certify.circuits.circuit import Circuit
from certify.circuits.drat import check_refutation
from certify.circuits.exact_synthesis import minimal_chain
from certify.circuits.feebly_one_way import FeeblyOneWay
from certify.circuits.parities import linear_forms
from certify.errors import InputError, MissingExtraError
from certify.proof.checks.exact import exact_finding
from certify.proof.instance import Instance
from certify.proof.theorem import Finding
from certify.verdict import Evidence

MOST_BITS = 1 << 14
"""Matrices of more bits are not written down."""
DECIDED_BITS = 4
"""Up to here the least circuit of the inverse is found by SAT, in a second."""


def inverse_is_right(instance: Instance) -> tuple[Finding, ...]:
    """I: entries of the product A (P + 1 1^T) that are not those of the identity; A has few ones."""
    found = blocks(instance)
    back, wrong = found.inverse_map().rows, 0
    for place, row in enumerate(found.map().rows):
        wrong += (_sum_of_rows(back, row) ^ 1 << place).bit_count()
    return (_counted("product", wrong, found.bits**2),)


def upper_bounds(instance: Instance) -> tuple[Finding, ...]:
    """U: the gates of both circuits, and whether each computes its matrix, by its linear forms."""
    found = blocks(instance)
    forward, backward = found.circuit(), found.inverse_circuit()
    wrong = _wrong_outputs(forward, found.map().rows) + _wrong_outputs(backward, found.inverse_map().rows)
    return (
        _counted("forward", forward.gates),
        _counted("backward", backward.gates),
        _counted("wrong outputs", wrong, 2 * found.bits),
    )


def least_inverse(instance: Instance) -> tuple[Finding, ...]:
    """L: the rows of the inverse; its circuit, and where SAT decides it in a second its least one."""
    found = blocks(instance)
    rows = found.inverse_map().rows
    findings = [
        _counted("row", min(row.bit_count() for row in rows), len(rows)),
        _counted("rows", len(set(rows)), len(rows)),
        exact_finding("inverse", found.inverse_circuit().gates, reason="the circuit of step U"),
    ]
    if found.bits <= DECIDED_BITS and (least := least_size(rows)) is not None:
        findings.append(exact_finding("inverse", least, reason="the least, by SAT; every refutation was checked"))
    return tuple(findings)


def blocks(instance: Instance) -> FeeblyOneWay:
    """The map at the instance's constants. Raises InputError beyond MOST_BITS."""
    pairs, length, more = (round(instance.number(name)) for name in ("h", "a", "e"))
    bits = 2 * pairs * length + more
    if bits > MOST_BITS:
        raise InputError(f"maps of at most {MOST_BITS} bits are written down; here n = {bits}")
    return FeeblyOneWay((length + more, *[length] * (2 * pairs - 1)))


def least_size(rows: Sequence[int]) -> int | None:
    """The least number of two-input gates of a linear map, None without PySAT or an accepted refutation."""
    tables = [sum(((row & t).bit_count() & 1) << t for t in range(1 << len(rows))) for row in rows]
    try:
        found = minimal_chain(len(rows), tables)
    except MissingExtraError:
        return None
    accepted = all(check_refutation(item.clauses, item.proof).accepted for item in found.refutations)
    return found.lower_bound if accepted and found.chain is not None else None


def _sum_of_rows(rows: Sequence[int], chosen: int) -> int:
    total = 0
    while chosen:
        total ^= rows[(chosen & -chosen).bit_length() - 1]
        chosen &= chosen - 1
    return total


def _wrong_outputs(circuit: Circuit, rows: Sequence[int]) -> int:
    """Outputs whose linear form, without a constant, is another than the row."""
    forms = linear_forms(circuit)
    return sum(forms[output] != row << 1 for output, row in zip(circuit.outputs.tolist(), rows, strict=True))


def _counted(claim: str, count: int, cases: int = 1) -> Finding:
    """What was counted at this map, which is all that the claim speaks of."""
    return Finding(claim, float(count), cases, Evidence.RIGOROUS, exhaustive=True, recheck=lambda: arb(count))
