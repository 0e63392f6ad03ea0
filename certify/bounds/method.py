"""What a bound method is: a file with a `METHOD` that proposes certified ends of m, M, M2, M3."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

from certify.bounds.bracket import Multipliers, Reason, Region, Witness
from certify.bounds.effort import Work
from certify.bounds.ranges import NodeRanges
from certify.bounds.reachability import Reach, reach
from certify.generators.graph import Generator

ConstantName = Literal["m", "M", "M2", "M3"]
End = Literal["lower", "upper"]

SETTLED = 1e-9
"""Relative gap between the two ends of a bracket at which no method looks further."""


@dataclass(frozen=True)
class Proposal:
    """One end of one constant's bracket; `value` is on the stated side of the truth, rounded outward.

    Where there is a witness, the end is what the witness proves (`certify.bounds.recomputation`), and `value` may be
    None; a `reason` says why, and what could be changed, where an argument and not a computation decided.
    """

    constant: ConstantName
    end: End
    value: float | None
    method: str
    witness: Witness | None = None
    reason: Reason | None = None
    multipliers: Multipliers | None = None


@dataclass(frozen=True, eq=False)
class Problem:
    """The constants of `generator` on `region`, to be bounded with an allowance of `work`."""

    generator: Generator
    region: Region
    work: Work = field(default_factory=Work)
    seed: int = 0
    best: dict[tuple[ConstantName, End], float] = field(default_factory=dict)
    """Best ends of the cheaper methods that ran before: a hint where to stop, never part of a proof."""

    def with_work(self, work: Work) -> Problem:
        """The same problem with another allowance. Exact."""
        other = replace(self, work=work)
        # Enclosures do not depend on the allowance: those at hand are handed on.
        if "reach" in self.__dict__:
            other.__dict__["reach"] = self.reach
        return other

    @property
    def deadline(self) -> float:
        """Wall-clock cap (of `time.monotonic`); infinite without one. Exact."""
        return self.work.deadline

    def is_settled(self, constant: ConstantName) -> bool:
        """Whether both ends of the constant are known and agree to `SETTLED`: no method need look further. Exact."""
        low, high = self.best.get((constant, "lower")), self.best.get((constant, "upper"))
        return low is not None and high is not None and (low == high or high - low <= SETTLED * high)

    starts: dict[ConstantName, Multipliers] = field(default_factory=dict)
    """Multipliers of an earlier or a similar problem, from which a search may start; verified before they count."""

    searches: bool = True
    """Whether a rule may improve what it evaluates; False where evidence alone is to count."""

    @cached_property
    def reach(self) -> Reach:
        """What every node can reach over the region, and how steep it can be. Enclosure, rounded outward."""
        return reach(self.generator.graph, self.region, self.work)

    @property
    def ranges(self) -> NodeRanges:
        """Enclosures of every node's values and slopes over the region, rounded outward."""
        return self.reach.ranges


@dataclass(frozen=True)
class BoundMethod:
    """A way to bound constants; `cost` orders the methods from cheap to expensive (any number).

    A search (`is_search`) looks for witnesses, or sharpens an end that is there: it runs last in time, whatever the
    effort, and has its own share of the budget. A method that `reads_graph` decides at once, from the nodes and a few
    points, before any search.
    """

    name: str
    summary: str
    cost: float
    propose: Callable[[Problem], Iterator[Proposal]]
    is_search: bool = False
    reads_graph: bool = False


def graph_methods() -> list[str]:
    """Names of the methods that read the graph: what can be decided at once. Exact."""
    return [name for name, method in bound_methods().items() if method.reads_graph]


def bound_methods() -> dict[str, BoundMethod]:
    """Every method of this package by name, cheap ones first; found by discovery. Exact."""
    import certify.bounds as package

    found = []
    for module in pkgutil.iter_modules(package.__path__):
        loaded = importlib.import_module(f"{package.__name__}.{module.name}")
        method = getattr(loaded, "METHOD", None)
        if isinstance(method, BoundMethod):
            found.append(method)
    return {method.name: method for method in sorted(found, key=lambda item: (item.cost, item.name))}
