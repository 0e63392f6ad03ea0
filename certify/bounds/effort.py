"""Effort: work counted in units, so that a result depends on how much was asked for and not on the machine's load.

A unit is a million floating-point operations (or the overhead of as many), counted from the sizes of the matrices
before they are touched: the same request makes the same steps everywhere, and gives the same bits. Seconds are only a
cap on top. Every loop that improves a bound charges its steps and asks `is_spent`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from certify.clock import fits, now

DEFAULT_EFFORT = 150_000.0
"""Units per region: about ten seconds of one quiet core at d = 16."""

OVERHEAD = 0.5
"""Units that a step of any size costs: calls and small arrays."""


@dataclass(eq=False)
class Work:
    """An allowance of `units` of work, to be done before `deadline` (of `certify.clock`).

    A share of an allowance charges the whole as well. Estimate: nothing here is part of a proof.

    >>> work = Work(10.0)
    >>> part = work.share(0.5)
    >>> part.charge(5.0)
    >>> part.is_spent, work.is_spent, work.left
    (True, False, 5.0)
    """

    units: float = math.inf
    deadline: float = math.inf
    parent: Work | None = None
    spent: float = field(default=0.0, init=False)
    was_cut: bool = field(default=False, init=False)
    """Whether the deadline, and not the effort, ended something."""

    def charge(self, units: float) -> None:
        """Count a step of `units`. Exact."""
        self.spent += units
        if self.parent is not None:
            self.parent.charge(units)

    @property
    def left(self) -> float:
        """Units that are left. Exact."""
        own = max(0.0, self.units - self.spent)
        return own if self.parent is None else min(own, self.parent.left)

    @property
    def is_late(self) -> bool:
        """Whether the deadline has passed; remembered, because what it cut is to be said. Exact."""
        if self.deadline < math.inf and now() > self.deadline:
            self.mark_cut()
            return True
        return False

    @property
    def is_spent(self) -> bool:
        """Whether the units are used up or the deadline has passed. Exact."""
        return self.left <= 0.0 or self.is_late

    def affords(self, units: float) -> bool:
        """Whether a step of `units` still fits. Exact."""
        if units > self.left or self.is_late:
            return False
        if not fits(units):
            self.mark_cut()
            return False
        return True

    def share(self, fraction: float) -> Work:
        """An allowance of this part of what is left. Exact."""
        return Work(fraction * self.left, self.deadline, self)

    def mark_cut(self) -> None:
        """Remember that the deadline ended something. Exact."""
        self.was_cut = True
        if self.parent is not None:
            self.parent.mark_cut()


def cubic_units(*sizes: float) -> float:
    """Units of a matrix product, factorisation or the like with these three sizes. Estimate."""
    return OVERHEAD + 2e-6 * math.prod(sizes)
