"""N, G, M: what holds for every circuit, held against every operator and every chain of a few gates."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import product

from certify.circuits.complexity import gate_word
from certify.proof.checks.exact import exact_finding
from certify.proof.instance import Instance
from certify.proof.theorem import Finding
from certify.verdict import Evidence

OPERATORS = 5
LISTED = ((2, 3), (3, 4), (4, 3))
"""Inputs, and the largest number of gates whose chains are listed."""


@dataclass(frozen=True)
class Listing:
    """How many chains; by k the least cone of a gate that depends on k inputs; by (k, m) the fewest gates of a chain.

    Of a chain with m gates that depend on k inputs or more.
    """

    chains: int
    cones: dict[int, int]
    gates: dict[tuple[int, int], int]


def normal_gates(instance: Instance) -> tuple[Finding, ...]:
    """N: each of the 16 operators, with every negation of inputs and output."""
    rows = tuple(product((0, 1), repeat=2))
    five = {tuple(int(gate_word(operator, p, q) & 1) for p, q in rows) for operator in range(OPERATORS)}
    missed = 0
    for table in product((0, 1), repeat=4):
        first, second = (table[:2] != table[2:]), (table[0::2] != table[1::2])
        if first and second:
            forms = {tuple(table[2 * (p ^ x) + (q ^ y)] ^ z for p, q in rows) for x, y, z in product((0, 1), repeat=3)}
            # A reader meets the gate or its negation: of either one is 0 at (0, 0), whatever its inputs' negations.
            missed += not all(form in five for form in forms if form[0] == 0)
    return (Finding("operators", float(missed), 16 * 8, Evidence.RIGOROUS, exhaustive=True, reason="all 16 operators"),)


def smallest_cones(instance: Instance) -> tuple[Finding, ...]:
    """G: the least cone of a gate that depends on k inputs, over all chains listed."""
    found = listed()
    reason = f"all {found.chains} chains of a few gates"
    return tuple(
        exact_finding("cone", cone, {"k": k}, found.chains, reason) for k, cone in sorted(found.cones.items()) if k >= 2
    )


def first_outputs(instance: Instance) -> tuple[Finding, ...]:
    """M: the fewest gates of a chain with m functions of k inputs or more, over all chains listed."""
    found = listed()
    reason = f"all {found.chains} chains of a few gates"
    return tuple(
        exact_finding("outputs", gates, {"k": k, "m": m}, found.chains, reason)
        for (k, m), gates in sorted(found.gates.items())
    )


@cache
def listed() -> Listing:
    """Every chain of different normal functions with the inputs and at most the gates of LISTED; one order of each."""
    count, least_cone, fewest = 0, dict[int, int](), dict[tuple[int, int], int]()
    supports = set[tuple[int, ...]]()
    for inputs, gates in LISTED:
        for depends, cones in _extended(inputs, _inputs(inputs), (), (), -1, gates):
            count += 1
            supports.add(depends)
            # Earlier gates had their turn when they were the last.
            least_cone[depends[-1]] = min(least_cone.get(depends[-1], gates), cones[-1].bit_count())
    for depends in supports:
        for k in range(2, max(depends) + 1):
            for m in range(1, sum(own >= k for own in depends) + 1):
                fewest[k, m] = min(fewest.get((k, m), len(depends)), len(depends))
    return Listing(count, least_cone, fewest)


def _extended(
    inputs: int, values: tuple[int, ...], depends: tuple[int, ...], cones: tuple[int, ...], last: int, left: int
) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Of every chain that goes on from here: how many inputs each gate depends on, and its cone as a mask of gates.

    A gate that does not read its predecessor has a higher rank than it: of the orders of one set of gates,
    exchanging neighbours leads to one like that.
    """
    if cones:
        yield depends, cones
    count = len(values)
    for second in range(1, count if left else 0):
        for first in range(second):
            for operator in range(OPERATORS):
                rank = (second * 64 + first) * 8 + operator
                word = int(gate_word(operator, values[first], values[second]))
                if not word or word in values or (cones and second < count - 1 and rank <= last):
                    continue
                cone = 1 << len(cones)
                for source in (first, second):
                    cone |= cones[source - inputs] if source >= inputs else 0
                support = _support(word, inputs)
                yield from _extended(inputs, (*values, word), (*depends, support), (*cones, cone), rank, left - 1)


def _inputs(inputs: int) -> tuple[int, ...]:
    return tuple(sum(1 << t for t in range(1 << inputs) if t >> i & 1) for i in range(inputs))


@cache
def _support(word: int, inputs: int) -> int:
    """How many inputs the function depends on."""
    return sum(any((word >> t ^ word >> (t ^ 1 << i)) & 1 for t in range(1 << inputs)) for i in range(inputs))
