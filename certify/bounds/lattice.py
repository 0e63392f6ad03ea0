"""The lattice of regions: what is known on one region, handed on to every other region for which it holds.

On a subset a supremum is smaller and an infimum larger: upper ends of M, M2, M3 and lower ends of m hold on every
region inside. A witness proves its end wherever its points lie: it counts on every region that holds them. So no
result on a ball is worse than the one on a larger ball or on R^d, and every point found anywhere is used everywhere.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from certify.arithmetic.balls import ball, euclidean_norm, precision
from certify.bounds.bracket import BoundEvidence, Bracket, Region
from certify.bounds.method import ConstantName, End, Proposal
from certify.bounds.recomputation import is_admissible, witnessed_end
from certify.errors import InternalError
from certify.generators.graph import Graph
from certify.verdict import Evidence

NAMES: tuple[ConstantName, ...] = ("m", "M", "M2", "M3")

Ends = dict[tuple[ConstantName, End], Proposal]


class CrossedBracketError(InternalError):
    """A lower end exceeds an upper one: one of the two is wrong, and the result must not be used."""


def is_subset(inner: Region, outer: Region) -> bool:
    """Whether the inner region provably lies in the outer one: |c - c'| + r <= r' in balls. Verified.

    >>> ball = Region(2.0)
    >>> is_subset(Region(1.0), ball), is_subset(Region(1.0, (1.5,)), ball), is_subset(Region(), ball)
    (True, False, False)
    """
    if outer.radius is None:
        return True
    if inner.radius is None:
        return False
    if inner.centre == outer.centre:
        return inner.radius <= outer.radius
    centres = [region.centre for region in (inner, outer)]
    width = max(len(centre) for centre in centres if centre is not None)
    first, second = ((0.0,) * width if centre is None else centre for centre in centres)
    with precision():
        gap = euclidean_norm([ball(float(a)) - ball(float(b)) for a, b in zip(first, second, strict=True)])
        return bool(gap + ball(inner.radius) <= ball(outer.radius))


def holds_on_subsets(proposal: Proposal) -> bool:
    """Whether the end is a bound over its whole region, which every part of it inherits. Exact."""
    return proposal.end == ("lower" if proposal.constant == "m" else "upper")


def region_text(region: Region) -> str:
    """The region in words, as it stands behind a method's name. Exact."""
    return "R^d" if region.radius is None else f"the ball of radius {region.radius:g}"


@dataclass(eq=False)
class Known:
    """What is known on one region: the best end of each side, and those ends as numbers for the methods to look at."""

    region: Region
    ends: Ends = field(default_factory=dict)
    best: dict[tuple[ConstantName, End], float] = field(default_factory=dict)

    def keep(self, proposal: Proposal) -> bool:
        """Keep a proposal with a value if that is the best so far, and say whether it was. Exact."""
        key, value = (proposal.constant, proposal.end), proposal.value
        if value is None or math.isnan(value):
            return False
        current = self.best.get(key)
        if current is not None and not (value > current if proposal.end == "lower" else value < current):
            return False
        self.ends[key] = proposal
        self.best[key] = value
        return True

    def bracket(self, name: ConstantName) -> Bracket:
        """The two ends with their evidence; raises CrossedBracketError if they contradict each other. Exact."""
        low, high = self.ends.get((name, "lower")), self.ends.get((name, "upper"))
        least, largest = (None if end is None else end.value for end in (low, high))
        if low is not None and high is not None and least is not None and largest is not None and least > largest:
            raise CrossedBracketError(
                f"{name}: lower end {least!r} by `{low.method}` exceeds upper end {largest!r} by `{high.method}`"
            )
        return Bracket(least, largest, _evidence(low), _evidence(high))


@dataclass(eq=False)
class Lattice:
    """What is known of one graph on several regions."""

    graph: Graph
    known: list[Known]

    @classmethod
    def over(cls, graph: Graph, regions: Sequence[Region]) -> Lattice:
        """Nothing known yet on these regions. Exact."""
        return cls(graph, [Known(region) for region in regions])

    def offer(self, index: int, proposal: Proposal) -> None:
        """Keep an end found on region `index` there and on every other region for which it holds.

        With a witness the end is what the witness proves, recomputed here in balls; nothing that found it is trusted.
        Verified.
        """
        own = self.known[index]
        if proposal.witness is not None:
            value = witnessed_end(self.graph, own.region, proposal)
            if value is None:
                return
            proposal = replace(proposal, value=value)
        if not own.keep(proposal) or proposal.value is None:
            return
        # What says nothing keeps its own reason on each region.
        is_trivial = proposal.value == (0.0 if proposal.constant == "m" else math.inf)
        for other in self.known:
            if other is own:
                continue
            if proposal.witness is not None:
                if is_admissible(self.graph, other.region, proposal.witness):
                    other.keep(proposal)
            elif not is_trivial and holds_on_subsets(proposal) and is_subset(other.region, own.region):
                other.keep(replace(proposal, method=f"{proposal.method} on {region_text(own.region)}"))

    def offer_witness(self, proposal: Proposal) -> None:
        """Keep a witness of unknown origin wherever it is admissible. Verified."""
        if proposal.witness is None:
            return
        for index, known in enumerate(self.known):
            if is_admissible(self.graph, known.region, proposal.witness):
                self.offer(index, proposal)
                return


def _evidence(proposal: Proposal | None) -> BoundEvidence | None:
    if proposal is None:
        return None
    return BoundEvidence(Evidence.RIGOROUS, proposal.method, proposal.witness, proposal.reason, proposal.multipliers)
