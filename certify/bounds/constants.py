"""Brackets of m, M, M2, M3: every method proposes certified ends, and the best end of each side is kept.

Regions of one network are bounded together (`certify.bounds.lattice`), the largest first: a ball's brackets are never
worse than those on R^d. What is done is counted in units of work (`certify.bounds.effort`), so the same request gives
the same bits on every machine of a kind; a budget of seconds is only a cap on top, and what it cut is said.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from certify.arithmetic.rounding import UNKNOWN, interval_text
from certify.bounds.bracket import ConstantBrackets, Multipliers, Region
from certify.bounds.effort import DEFAULT_EFFORT, Work
from certify.bounds.lattice import NAMES, CrossedBracketError, Known, Lattice, is_subset
from certify.bounds.method import BoundMethod, ConstantName, Problem, Proposal, bound_methods
from certify.bounds.ranges import uncertified_domains
from certify.bounds.semidefinite import METHOD as SEMIDEFINITE
from certify.bounds.semidefinite import recalled
from certify.bounds.store import Store, Stored
from certify.clock import OutOfTimeError, capped, now
from certify.errors import InputError, UnknownNameError
from certify.generators.graph import Affine, Generator, Sum
from certify.progress import Progress, SilentProgress
from certify.threads import one_thread

__all__ = ["NAMES", "CrossedBracketError", "constants", "constants_on_regions"]

CERTIFIED_SHARE = 0.7
"""Part of a wall-clock budget for the certified ends; the search for witnesses has the rest."""

MOST_BORROWED = 4
"""Regions of earlier runs, each larger than one that is asked for, whose multipliers are verified again."""

ALWAYS = 2.0
"""Methods up to this cost run whatever the effort."""

CLOSED_FORM = 1.0
"""Methods up to this cost run whatever the budget too: they take a few passes over the weights."""

GRACE_SHARE, GRACE_SECONDS = 0.1, 0.5
"""What a step that was begun in time may take beyond a deadline: a share of the budget, and seconds."""


def constants(
    generator: Generator,
    region: Region | None = None,
    budget: float | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    methods: Sequence[str] | None = None,
    effort: float = DEFAULT_EFFORT,
) -> ConstantBrackets:
    """Two-sided enclosures of m, M, M2, M3 of a generator on R^d or on a ball.

    Enclosure, rounded outward.

    Args:
        generator: the map G: R^d -> R^n.
        region: all of R^d (None) or a ball.
        budget: a cap in seconds (None: none); closed forms and a minimal search for witnesses run whatever it is.
        seed: of the searches for witnesses; certified ends do not depend on it.
        progress: receives one unit per method and region.
        methods: names of the methods to use (all by default); see `bound_methods`.
        effort: units of work for the certified ends (`certify.bounds.effort`).

    Returns:
        Brackets whose ends are certified bounds (rounded outward) with the method that gave each.

    Raises:
        InputError: for a region, budget or effort that makes no sense; UnknownNameError for an unknown method.
        CrossedBracketError: if two certified ends contradict each other (a defect of this program).

    """
    return constants_on_regions(generator, [region or Region()], budget, seed, progress, methods, effort)[0]


def constants_on_regions(
    generator: Generator,
    regions: Sequence[Region],
    budget: float | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    methods: Sequence[str] | None = None,
    effort: float = DEFAULT_EFFORT,
    store: Store | None = None,
    is_interruptible: bool = False,
    began: float | None = None,
) -> tuple[ConstantBrackets, ...]:
    """Brackets on several regions in one run: ends are handed on along inclusions, witnesses wherever they lie inside.

    With every method in use the certified ends over R^d are found first, since they hold on every ball. Arguments as
    for `constants`; the effort is per region. `store` keeps proposals for the next run and offers those of earlier
    ones, each of which is verified before it counts. `is_interruptible`: an interrupt from the keyboard ends the work
    and not the call, which returns what is known. `began`: when the time of `budget` began (`certify.clock.now`), if
    before this call. Enclosures, rounded outward.
    """
    if not regions:
        raise InputError("`regions` is empty: give at least one radius")
    _validate(generator, regions, budget, effort)
    shown = progress or SilentProgress()
    run = _Run(generator, tuple(regions), budget, seed, shown, effort, _selected(methods), began)
    # Many small matrices: a second BLAS thread costs ten times what it brings.
    # An overflow or a NaN is a value like any other: each bound says what it then knows, without a warning.
    with one_thread(), np.errstate(all="ignore"):
        try:
            run.recall(() if store is None else store.read(), methods is None)
            run.work_through()
        except KeyboardInterrupt:
            if not is_interruptible:
                raise
            run.note_everywhere("interrupted: these are the ends found until then")
        if store is not None:
            store.write(run.proposals())
    run.progress.finish()
    return run.brackets()


@dataclass(eq=False)
class _Run:
    """One call: its request, what is known on each region, and what is to be said about it."""

    generator: Generator
    regions: tuple[Region, ...]
    budget: float | None
    seed: int
    progress: Progress
    effort: float
    methods: tuple[BoundMethod, ...]
    began: float | None = None

    def __post_init__(self) -> None:
        self.started = now() if self.began is None else self.began
        self.lattice = Lattice.over(self.generator.graph, self.regions)
        self.notes: list[list[str]] = [[] for _ in self.regions]
        self.recalled: list[Proposal] = []
        self.starts: dict[Region, dict[ConstantName, Multipliers]] = {}
        self.borrowed: set[int] = set()
        self.found: list[Stored] = []

    def recall(self, stored: Sequence[Stored], whole_space_too: bool) -> None:
        """Add R^d where only balls were asked for, and hear what earlier runs propose."""
        if whole_space_too and all(region.radius is not None for region in self.regions):
            self.lattice.known.append(Known(Region()))
            self.notes.append([])
        for item in stored:
            if item.proposal.witness is not None:
                self.recalled.append(item.proposal)
            elif item.proposal.multipliers is not None:
                starts = self.starts.setdefault(item.region, {})
                starts[item.proposal.constant] = item.proposal.multipliers
        wanted, present = self.regions, {known.region for known in self.lattice.known}
        larger = [region for region in self.starts if region not in present and _holds_one(region, wanted)]
        for region in sorted(larger, key=_size)[:MOST_BORROWED]:
            self.lattice.known.append(Known(region))
            self.notes.append([])
            self.borrowed.add(len(self.lattice.known) - 1)

    def work_through(self) -> None:
        """All certified ends, the larger regions first, then all searches."""
        order = sorted(range(len(self.lattice.known)), key=lambda index: -_size(self.lattice.known[index].region))
        problems: dict[int, Problem] = {}
        self.progress.start("bounding constants", len(self.methods) * (len(order) - len(self.borrowed)))
        for index in order:
            known = self.lattice.known[index]
            starts = self.starts.setdefault(known.region, {})
            work = Work(self.effort, self._deadline(CERTIFIED_SHARE, len(order)))
            problem = Problem(self.generator, known.region, work, self.seed, known.best, starts)
            with capped(work.deadline):
                undefined = uncertified_domains(problem.ranges)
            if undefined:
                # A map that may be undefined somewhere has no constants; a bound for the rest of it would say nothing.
                named = "; ".join(undefined[:3])
                ball = "bound them on a ball (--region RADIUS) on which it is certified"
                self.notes[index].append(f"no constants: {named}; {ball}")
            else:
                problems[index] = problem
        # What the graph alone decides is said as in the first run; earlier witnesses count where they are better.
        for index, problem in problems.items():
            self._go(index, problem, [method for method in self.methods if method.reads_graph])
        if problems:
            self._recall_ends(problems)
        for index in self.borrowed:
            problems.pop(index, None)
        for position, (index, problem) in enumerate(problems.items()):
            problem.work.deadline = self._deadline(CERTIFIED_SHARE, len(problems) - position)
            certified = [method for method in self.methods if not method.reads_graph and not method.is_search]
            self._go(index, problem, certified)
        for position, (index, problem) in enumerate(problems.items()):
            if index < len(self.regions):
                cap = Work(deadline=self._deadline(1.0, len(problems) - position))
                searches = [method for method in self.methods if method.is_search and not method.reads_graph]
                self._go(index, Problem(self.generator, problem.region, cap, self.seed, problem.best), searches)

    def _recall_ends(self, problems: dict[int, Problem]) -> None:
        """What earlier runs found, verified again as far as the time goes."""
        with suppress(OutOfTimeError), capped(self._deadline(CERTIFIED_SHARE, 1)):
            for proposal in self.recalled:
                self.lattice.offer_witness(proposal)
            if any(method.name == SEMIDEFINITE.name for method in self.methods):
                for index, problem in problems.items():
                    for proposal in recalled(problem):
                        self.lattice.offer(index, proposal)

    def _deadline(self, share: float, regions_left: int) -> float:
        """When a region's turn ends: its part of what is left of that share of the budget."""
        if self.budget is None:
            return math.inf
        time = now()
        return time + max(0.0, self.started + share * self.budget - time) / regions_left

    def _go(self, index: int, problem: Problem, methods: Sequence[BoundMethod]) -> None:
        for method in methods:
            self.progress.advance()
            if all(problem.is_settled(name) for name in NAMES):
                continue
            is_over = problem.work.is_spent if method.cost > ALWAYS else problem.work.is_late
            if is_over and method.cost > CLOSED_FORM and not method.is_search:
                self.notes[index].append(f"{method.name}: not begun, {self._ending(problem.work)}")
                continue
            work = problem.work.share(1.0)
            with capped(self._last_moment(work)) as cap:
                try:
                    for proposal in method.propose(problem.with_work(work)):
                        self.lattice.offer(index, proposal)
                        if proposal.multipliers is not None:
                            self.found.append(Stored(problem.region, proposal))
                except OutOfTimeError:
                    work.mark_cut()
            if work.was_cut or cap.skipped:
                work.mark_cut()
                without = f" without {', '.join(cap.skipped)}" if cap.skipped else ""
                self.notes[index].append(f"{method.name}: ended early{without}, {self._ending(work)}")
            self.progress.standing(partial(self._standing, index))

    def _last_moment(self, work: Work) -> float:
        """When a step that runs over its deadline is not to be begun any more."""
        return math.inf if self.budget is None else work.deadline + GRACE_SHARE * self.budget + GRACE_SECONDS

    def _standing(self, index: int) -> str:
        """The brackets of one region so far, on a line."""
        known = self.lattice.known[index]
        ends = ((name, known.best.get((name, "lower")), known.best.get((name, "upper"))) for name in NAMES)
        region = "" if known.region.radius is None else f"radius {known.region.radius:g}: "
        return region + "  ".join(f"{name} {interval_text(low, high, 3)}" for name, low, high in ends).replace(
            UNKNOWN, "?"
        )

    def _ending(self, work: Work) -> str:
        if work.was_cut:
            return f"the budget of {self.budget:g} s was spent: give a larger --budget"
        return f"the effort of {self.effort:g} units was spent: give a larger --effort"

    def proposals(self) -> list[Stored]:
        """What a later run can verify again: multipliers, and the witnesses of every region."""
        witnesses = [Stored(known.region, end) for known in self.lattice.known for end in known.ends.values()]
        return [*self.found, *(item for item in witnesses if item.proposal.witness is not None)]

    def note_everywhere(self, text: str) -> None:
        """Say this of every region."""
        for notes in self.notes:
            notes.append(text)

    def brackets(self) -> tuple[ConstantBrackets, ...]:
        """What is known on each region that was asked for."""
        seconds = now() - self.started
        found = []
        for region, known, notes in zip(self.regions, self.lattice.known, self.notes, strict=False):
            m, M, M2, M3 = (known.bracket(name) for name in NAMES)
            if M.upper in (None, math.inf) and "read_as" in self.generator.metadata:
                notes.append(f"the file has {self.generator.metadata['read_as']}")
            found.append(ConstantBrackets(m, M, M2, M3, region, seconds, tuple(notes)))
        return tuple(found)


def _holds_one(region: Region, wanted: Sequence[Region]) -> bool:
    return any(is_subset(inner, region) for inner in wanted)


def _size(region: Region) -> float:
    return math.inf if region.radius is None else region.radius


def _validate(generator: Generator, regions: Sequence[Region], budget: float | None, effort: float) -> None:
    if budget is not None and not budget > 0:
        raise InputError(f"`budget` must be a positive number of seconds, got {budget}")
    if not effort > 0:
        raise InputError(f"`effort` must be a positive number of units, got {effort}")
    for index, node in enumerate(generator.graph.nodes):
        numbers: list[npt.ArrayLike] = []
        if isinstance(node, Affine):
            numbers = [node.weight.data if isinstance(node.weight, sp.csr_array) else node.weight, node.bias]
        elif isinstance(node, Sum):
            numbers = [node.coefficients]
        if not all(np.isfinite(entry).all() for entry in numbers):
            raise InputError(f"generator `{generator.name}`: node {index} has a NaN or infinite weight")
    for region in regions:
        _validate_region(generator, region)


def _validate_region(generator: Generator, region: Region) -> None:
    if region.radius is not None and not (region.radius > 0 and math.isfinite(region.radius)):
        raise InputError(f"`region` radius must be positive and finite, got {region.radius}")
    if region.centre is not None:
        if region.radius is None:
            raise InputError("`region` has a centre but no radius: give both or neither")
        if len(region.centre) != generator.latent_dim or not all(map(math.isfinite, region.centre)):
            raise InputError(f"`region` centre must be {generator.latent_dim} finite numbers, got {region.centre}")


def _selected(names: Sequence[str] | None) -> tuple[BoundMethod, ...]:
    known = bound_methods()
    for name in names or ():
        if name not in known:
            raise UnknownNameError("bound method", name, known)
    return tuple(method for name, method in known.items() if names is None or name in names)
