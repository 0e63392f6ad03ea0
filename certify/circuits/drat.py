"""An independent checker of a SAT solver's refutations: every learnt clause must follow by unit propagation.

A DRAT proof is a list of clauses to add and to delete that ends with the empty clause. This checker accepts the clauses
that have *reverse unit propagation* (RUP): with all their literals false, unit propagation on the clauses so far meets
a conflict, so they follow from them. Solvers may also add clauses that only keep satisfiability (RAT); such a proof is
not accepted here. Since every accepted clause is implied, deletions are a matter of speed alone, and one that is kept
too long cannot make the answer wrong.

Nothing is shared with any solver. Sources: E. Goldberg, Y. Novikov, DATE 2003; M. Heule, W. Hunt, N. Wetzler,
FMCAD 2013.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]
ACCEPTED, INCOMPLETE = -1, -2
LARGEST_VARIABLE = 1 << 26
"""The tables have a place for every variable up to the largest."""


@dataclass(frozen=True)
class ProofCheck:
    """`accepted` if the proof refutes the clauses; otherwise `reason` names the first step that does not follow."""

    accepted: bool
    steps: int
    reason: str = ""


def check_refutation(clauses: Iterable[Sequence[int]], proof: Iterable[str]) -> ProofCheck:
    """Check that `proof` refutes `clauses`.

    Args:
        clauses: each a sequence of non-zero literals (v or -v for the variable v >= 1).
        proof: lines `1 -2 0` (add) and `d 1 -2 0` (delete), in order.

    Returns:
        Accepted only if every added clause up to a conflict at level zero is implied by unit propagation.
        A proof that ends without a conflict, has a malformed line or a variable that the formula has not, or adds a
        clause that is not implied is not.
    """
    formula = list(clauses)
    entries = list(chain.from_iterable(formula))
    if 0 in entries:
        return ProofCheck(False, 0, "a clause has the literal 0")
    variables = max(map(abs, entries), default=0)
    if variables > LARGEST_VARIABLE:
        return ProofCheck(False, 0, f"the formula has the variable {variables}; at most {LARGEST_VARIABLE}")
    literals, starts = _sets(entries, list(map(len, formula)))
    learnt: list[tuple[int, ...]] = []
    operations: list[int] = []
    # Where each clause stands: asked for by deletions alone.
    known: dict[tuple[int, ...], list[int]] = {}
    noted = 0
    for number, line in enumerate(proof):
        parsed = parsed_line(line)
        if parsed is None:
            return ProofCheck(False, number, f"line {number + 1} is not a clause that ends in 0: `{line[:60]}`")
        deletes, clause = parsed
        # A definition of a new variable keeps satisfiability only (RAT), so no clause with one can be of use here.
        if (beyond := max(map(abs, clause), default=0)) > variables:
            return ProofCheck(False, number, f"line {number + 1} has the variable {beyond} beyond the formula's")
        key = tuple(sorted(set(clause)))
        if not deletes:
            operations.append(len(formula) + len(learnt))
            learnt.append(key)
            continue
        if not known:
            numbers = literals.tolist()
            for index, (start, end) in enumerate(pairwise(starts.tolist())):
                known.setdefault(tuple(numbers[start:end]), []).append(index)
        for index in range(noted, len(learnt)):
            known.setdefault(learnt[index], []).append(len(formula) + index)
        noted = len(learnt)
        if indices := known.get(key):
            operations.append(-1 - indices.pop())
    literals = np.append(literals, np.array(list(chain.from_iterable(learnt)), dtype=np.int64))
    result = _check(
        np.where(literals > 0, 2 * literals, 1 - 2 * literals),
        np.append(starts, starts[-1] + np.cumsum(np.array(list(map(len, learnt)), dtype=np.int64))),
        len(formula),
        np.array(operations, dtype=np.int64),
        variables,
    )
    if result == ACCEPTED:
        return ProofCheck(True, len(operations))
    if result == INCOMPLETE:
        return ProofCheck(False, len(operations), "the proof ends without a conflict")
    return ProofCheck(False, int(result), f"step {int(result) + 1} does not follow by unit propagation")


def _sets(entries: list[int], sizes: list[int]) -> tuple[IntArray, IntArray]:
    """The literals of clauses of these sizes, in each ascending and each once, and where every clause begins and ends.

    Shapes (literals,) and (clauses + 1,).
    """
    literals, owners = np.array(entries, dtype=np.int64), np.repeat(np.arange(len(sizes)), sizes)
    literals = literals[np.lexsort((literals, owners))]
    is_new = np.ones(len(literals), dtype=np.bool_)
    is_new[1:] = (literals[1:] != literals[:-1]) | (owners[1:] != owners[:-1])
    counts = np.bincount(owners[is_new], minlength=len(sizes))
    return literals[is_new], np.append(0, np.cumsum(counts)).astype(np.int64)


def parsed_line(line: str) -> tuple[bool, list[int]] | None:
    """Whether a line of a DRAT file deletes, and its clause; None where it is none."""
    words = line.split()
    deletes = bool(words) and words[0] == "d"
    try:
        numbers = list(map(int, words[deletes:]))
    except ValueError:
        return None
    if not numbers or numbers[-1] != 0 or 0 in numbers[:-1]:
        return None
    return deletes, numbers[:-1]


@numba.njit(cache=True)
def _propagate(
    literals: IntArray,
    starts: IntArray,
    active: Any,
    heads: IntArray,
    links: IntArray,
    watched: IntArray,
    values: Any,
    trail: IntArray,
    state: IntArray,
) -> bool:
    """Unit propagation from trail position state[1] to state[0]; True if no conflict was met.

    Clause c watches the literals at positions watched[2c], watched[2c+1]; heads[l] lists the nodes that watch l.
    """
    while state[1] < state[0]:
        false = trail[state[1]] ^ 1
        state[1] += 1
        previous, node = -1, heads[false]
        while node >= 0:
            following, clause = links[node], node >> 1
            keep = True
            if active[clause]:
                other = literals[watched[node ^ 1]]
                if values[other] != 1:
                    for place in range(starts[clause], starts[clause + 1]):
                        literal = literals[place]
                        if place != watched[node ^ 1] and place != watched[node] and values[literal] != -1:
                            watched[node] = place
                            if previous < 0:
                                heads[false] = following
                            else:
                                links[previous] = following
                            links[node] = heads[literal]
                            heads[literal] = node
                            keep = False
                            break
                    if keep:
                        if values[other] == -1:
                            return False
                        values[other] = 1
                        values[other ^ 1] = -1
                        trail[state[0]] = other
                        state[0] += 1
            if keep:
                previous = node
            node = following
    return True


@numba.njit(cache=True)
def _attach(
    clause: int,
    literals: IntArray,
    starts: IntArray,
    active: Any,
    heads: IntArray,
    links: IntArray,
    watched: IntArray,
    values: Any,
    trail: IntArray,
    state: IntArray,
) -> bool:
    """Add a clause at level zero: watch two literals that are not false, or assign its unit; False on a conflict."""
    found = 0
    for place in range(starts[clause], starts[clause + 1]):
        if found < 2 and values[literals[place]] != -1:
            watched[2 * clause + found] = place
            found += 1
    if found == 0:
        return False
    if found == 2:
        active[clause] = True
        for node in (2 * clause, 2 * clause + 1):
            literal = literals[watched[node]]
            links[node] = heads[literal]
            heads[literal] = node
        return True
    unit = literals[watched[2 * clause]]
    if values[unit] == 0:
        values[unit] = 1
        values[unit ^ 1] = -1
        trail[state[0]] = unit
        state[0] += 1
    return _propagate(literals, starts, active, heads, links, watched, values, trail, state)


@numba.njit(cache=True)
def _follows(
    clause: int,
    literals: IntArray,
    starts: IntArray,
    active: Any,
    heads: IntArray,
    links: IntArray,
    watched: IntArray,
    values: Any,
    trail: IntArray,
    state: IntArray,
) -> bool:
    """Whether the clause has RUP; the assignment is as before when it returns."""
    level = state[0]
    conflict = False
    for place in range(starts[clause], starts[clause + 1]):
        literal = literals[place]
        if values[literal] == 1:
            conflict = True
            break
        if values[literal] == 0:
            values[literal] = -1
            values[literal ^ 1] = 1
            trail[state[0]] = literal ^ 1
            state[0] += 1
    if not conflict:
        conflict = not _propagate(literals, starts, active, heads, links, watched, values, trail, state)
    for position in range(level, state[0]):
        values[trail[position]] = 0
        values[trail[position] ^ 1] = 0
    state[0] = level
    state[1] = level
    return conflict


@numba.njit(cache=True)
def _check(literals: IntArray, starts: IntArray, given: int, operations: IntArray, variables: int) -> int:
    """ACCEPTED, INCOMPLETE, or the index of the first operation whose clause does not follow."""
    count = len(starts) - 1
    heads = np.full(2 * variables + 2, -1, dtype=np.int64)
    links = np.full(2 * count + 2, -1, dtype=np.int64)
    watched = np.zeros(2 * count + 2, dtype=np.int64)
    active = np.zeros(count + 1, dtype=np.bool_)
    values = np.zeros(2 * variables + 2, dtype=np.int8)
    trail = np.zeros(variables + 2, dtype=np.int64)
    state = np.zeros(2, dtype=np.int64)
    for clause in range(given):
        if not _attach(clause, literals, starts, active, heads, links, watched, values, trail, state):
            return ACCEPTED
    for index in range(len(operations)):
        clause = operations[index]
        if clause < 0:
            active[-1 - clause] = False
            continue
        if not _follows(clause, literals, starts, active, heads, links, watched, values, trail, state):
            return index
        if not _attach(clause, literals, starts, active, heads, links, watched, values, trail, state):
            return ACCEPTED
    return INCOMPLETE
