"""A solver's refutation with hints: for every clause the earlier ones that imply it.

A clause has *reverse unit propagation* if unit propagation from its negation meets a conflict (see `drat`).
The clauses that became unit on the way, in that order, are its hints: whoever follows them needs no watch lists. Only
the clauses that the empty clause rests on are kept. What comes out proves itself, however it was found.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from certify.circuits.drat import parsed_line

Clause = tuple[int, ...]


@dataclass(frozen=True)
class HintedStep:
    """A clause and the indices of earlier ones that imply it: those of the core first, then those of the steps."""

    clause: Clause
    hints: tuple[int, ...]


@dataclass(frozen=True)
class HintedRefutation:
    """`core`: the clauses of the formula that are used. The last step's clause is empty."""

    core: tuple[Clause, ...]
    steps: tuple[HintedStep, ...]


@dataclass
class _Propagation:
    """Clauses with two watched literals each, and an assignment with the clause behind every literal."""

    clauses: list[Clause] = field(default_factory=list)
    watches: dict[int, list[int]] = field(default_factory=dict)
    reasons: dict[int, int | None] = field(default_factory=dict)
    trail: list[int] = field(default_factory=list)
    alive: list[bool] = field(default_factory=list)

    def assign(self, literal: int, reason: int | None) -> None:
        self.reasons[literal] = reason
        self.trail.append(literal)

    def add(self, clause: Clause) -> int | None:
        """Add a clause at level zero and propagate; the index of a clause that is false then, or None."""
        index, start = len(self.clauses), len(self.trail)
        # The literals that are not false are watched; of a unit or a false clause any.
        ordered = tuple(sorted(set(clause), key=lambda literal: -literal in self.reasons))
        self.clauses.append(ordered)
        self.alive.append(True)
        for literal in ordered[:2]:
            self.watches.setdefault(literal, []).append(index)
        if not ordered or -ordered[0] in self.reasons:
            return index
        if (len(ordered) == 1 or -ordered[1] in self.reasons) and ordered[0] not in self.reasons:
            self.assign(ordered[0], index)
        return self.propagate(start)

    def propagate(self, start: int) -> int | None:
        """Unit propagation of the trail from `start` on; the index of a clause that is false then, or None."""
        place = start
        while place < len(self.trail):
            false = -self.trail[place]
            place += 1
            waiting = self.watches.get(false, [])
            kept: list[int] = []
            self.watches[false] = kept
            for number, index in enumerate(waiting):
                if not self.alive[index]:
                    continue
                clause = self.clauses[index]
                if clause[0] == false and len(clause) > 1:
                    clause = self.clauses[index] = (clause[1], clause[0], *clause[2:])
                other = clause[0]
                if other in self.reasons and other != false:
                    kept.append(index)
                    continue
                for at in range(2, len(clause)):
                    if -clause[at] not in self.reasons:
                        moved = list(clause)
                        moved[1], moved[at] = moved[at], moved[1]
                        self.clauses[index] = tuple(moved)
                        self.watches.setdefault(moved[1], []).append(index)
                        break
                else:
                    kept.append(index)
                    if other == false or -other in self.reasons:
                        kept.extend(waiting[number + 1 :])
                        return index
                    self.assign(other, index)
        return None

    def hints(self, conflict: int) -> tuple[int, ...]:
        """The clauses behind a conflict, in the order in which they became unit, the false one last."""
        needed = {-literal for literal in self.clauses[conflict]}
        found = [conflict]
        for literal in reversed(self.trail):
            reason = self.reasons[literal]
            if literal in needed and reason is not None:
                found.append(reason)
                needed |= {-other for other in self.clauses[reason] if other != literal}
        return tuple(reversed(found))

    def implied(self, clause: Clause) -> tuple[int, ...] | None:
        """Hints of a clause, or None where unit propagation does not imply it; the assignment is as before."""
        level, conflict = len(self.trail), None
        for literal in clause:
            if literal in self.reasons:
                conflict = self.reasons[literal]
                break
            if -literal not in self.reasons:
                self.assign(-literal, None)
        if conflict is None:
            conflict = self.propagate(level)
        found = None if conflict is None else self.hints(conflict)
        for literal in self.trail[level:]:
            del self.reasons[literal]
        del self.trail[level:]
        return found


def hinted_refutation(clauses: Iterable[Sequence[int]], proof: Iterable[str]) -> HintedRefutation | None:
    """The refutation `proof` (lines of a DRAT file) of `clauses` with hints; None where it does not hold by RUP.

    Guarantee: exact; every step follows from its hints, whatever the solver did.
    """
    state = _Propagation()
    hints: list[tuple[int, ...]] = []
    conflict: int | None = None
    given: list[Clause] = []
    for clause in clauses:
        given.append(tuple(clause))
        found = state.add(tuple(clause))
        conflict = found if conflict is None else conflict
    places: dict[tuple[int, ...], list[int]] = {}
    for line in proof:
        if conflict is not None:
            break
        parsed = parsed_line(line)
        if parsed is None:
            return None
        deletes, literals = parsed
        key = tuple(sorted(set(literals)))
        if deletes:
            # A clause of the formula stays: whether it is used is found out at the end.
            if places.get(key):
                _forget(state, places[key].pop())
            continue
        implied = state.implied(tuple(literals))
        if implied is None:
            return None
        places.setdefault(key, []).append(len(state.clauses))
        given.append(tuple(literals))
        hints.append(implied)
        conflict = state.add(tuple(literals))
    if conflict is None:
        return None
    hints.append(state.hints(conflict))
    given.append(())
    return _trimmed(given, hints)


def _forget(state: _Propagation, index: int) -> None:
    """Delete a clause, unless something at level zero rests on it."""
    if index not in state.reasons.values():
        state.alive[index] = False


def _trimmed(clauses: list[Clause], hints: list[tuple[int, ...]]) -> HintedRefutation:
    """What the last clause rests on, renumbered."""
    formula = len(clauses) - len(hints)
    used = {len(clauses) - 1}
    for index in range(len(clauses) - 1, formula - 1, -1):
        if index in used:
            used |= set(hints[index - formula])
    order = sorted(used)
    place = {index: number for number, index in enumerate(order)}
    core = tuple(clauses[index] for index in order if index < formula)
    steps = tuple(
        HintedStep(clauses[index], tuple(place[hint] for hint in hints[index - formula]))
        for index in order
        if index >= formula
    )
    return HintedRefutation(core, steps)
