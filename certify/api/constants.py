"""`certify.constants`: brackets of m, M, M2, M3."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from certify.api.arguments import GeneratorLike, loaded, progress_of, region_of
from certify.api.shown import Shown, values_of
from certify.arithmetic.rounding import interval_text
from certify.bounds.bracket import ConstantBrackets, Region
from certify.bounds.effort import DEFAULT_EFFORT
from certify.bounds.store import default_store
from certify.clock import now
from certify.codec import decode
from certify.errors import InputError
from certify.generators.graph import Generator
from certify.progress import Progress
from certify.report.table import Table
from certify.report.tables import constants_table, radius_table
from certify.validation import Number, flag, random_seed, region_radius, shown, time_budget, work_effort


@dataclass(frozen=True, eq=False, repr=False)
class Constants(Shown, ConstantBrackets):
    """Brackets of m, M, M2, M3 of a generator on a region: the true constant lies between the two ends."""

    generator: Generator | None = None
    """None for a record that was read: a file names its generator and does not hold it."""
    by_radius: tuple[ConstantBrackets, ...] = ()
    """The same on balls of growing radius, where they were asked for."""
    described: dict[str, Any] | None = None
    """What was written of the generator, in a record that was read."""

    def to_dict(self) -> dict[str, Any]:
        """The JSON form of `certify constants`, without provenance."""
        balls = [
            {
                **{key: found.region.to_dict()[key] for key in ("radius", "centre")},
                "constants": {name: bracket.to_dict() for name, bracket in found.items()},
                "notes": list(found.notes),
            }
            for found in self.by_radius
        ]
        return {
            "schema": 1,
            "generator": self._description,
            **ConstantBrackets.to_dict(self),
            **({"by_radius": balls} if balls else {}),
        }

    @classmethod
    def _read(cls, document: Mapping[str, Any]) -> Self:
        described = decode(dict[str, Any] | None, document["generator"], "the generator")  # type: ignore[arg-type]
        whole = ConstantBrackets._read(document)
        balls = tuple(
            ConstantBrackets._read({**item, "region": _ball(item["radius"], item["centre"]), "seconds": 0.0})
            for item in document.get("by_radius", ())
        )
        return cls(**values_of(whole), by_radius=balls, described=described)

    @property
    def _description(self) -> dict[str, Any] | None:
        return self.described if self.generator is None else self.generator.description()

    @property
    def _name(self) -> str:
        return "" if self._description is None else str(self._description["name"])

    def figure(self, path: str | Path) -> tuple[Path, ...]:
        """Draw the constants against the radius into a file ending in .png or .pdf (without an ending: both).

        Raises InputError where no radii were asked for, MissingExtraError without matplotlib.
        """
        from certify.report.constants_figure import constants_figure

        return constants_figure(path, self.by_radius, self, self._name)

    def _summary(self) -> str:
        where = self._name and f" of {self._name}"
        ball = "" if self.region.radius is None else f" on a ball of radius {self.region.radius:g}"
        found = ", ".join(f"{name} in {interval_text(item.lower, item.upper)}" for name, item in self.items())
        return f"<constants{where}{ball}:\n {found}>"

    def _tables(self) -> tuple[Table, ...]:
        name = self._name and f" of {self._name}"
        whole = constants_table(self.items(), f"Constants{name}", self.notes)
        return (whole, radius_table(self.by_radius, f"Constants by radius{name}")) if self.by_radius else (whole,)

    def _rows(self) -> list[dict[str, Any]]:
        return [
            {
                "constant": name,
                "lower": item.lower,
                "upper": item.upper,
                "lower_method": None if item.lower_evidence is None else item.lower_evidence.method,
                "upper_method": None if item.upper_evidence is None else item.upper_evidence.method,
            }
            for name, item in self.items()
        ]


def _ball(radius: Any, centre: Any) -> dict[str, Any]:
    return {"kind": "ball", "radius": radius, "centre": centre}


def constants(
    generator: GeneratorLike,
    *,
    region: Number | Region | None = None,
    radii: Sequence[Number | Region] | None = None,
    effort: Number = DEFAULT_EFFORT,
    budget: Number | None = None,
    cache: bool = True,
    seed: int = 0,
    progress: Progress | None = None,
) -> Constants:
    """Brackets of m, M, M2, M3: the true constant lies between the two ends.

    The lower end of m and the upper ends of M, M2, M3 are certified or None; the other ends come from witnesses.

    Args:
        generator: the map G, or its SPEC.
        region: a radius around 0, or a `Region`; None: all of R^d.
        radii: balls (radii around the centre of `region`, or regions) on which to bound the constants as well: what
            holds on a larger one is used on a smaller one.
        effort: work per region in millions of operations, > 0; the same effort gives the same bits on a loaded and on
            an idle machine.
        budget: a cap in seconds of the clock, > 0; None: none.
        cache: start from what earlier calls found for this generator. Everything read is verified again, so that it
            can only sharpen; without it the result depends on nothing but the arguments.
        seed: of every random stream, in [0, 2^63).
        progress: receives how far the work has come.

    Raises:
        InputError: for a radius, budget, effort or seed out of its domain.

    >>> found = constants("linear:d=2,kappa=2,m=0.333333,seed=0")
    >>> found
    <constants of linear:d=2,kappa=2,m=0.333333,n=0,seed=0:
     m in [0.33333, 0.33334], M in [0.66666, 0.66667], M2 in [0, 0], M3 in [0, 0]>
    >>> found.m.lower <= 0.333333 <= found.m.upper
    True
    """
    return bounded(generator, region, radii, effort, budget, cache, seed, progress, is_interruptible=False)


def bounded(
    generator: GeneratorLike,
    region: Number | Region | None,
    radii: Sequence[Number | Region] | None,
    effort: Number,
    budget: Number | None,
    cache: bool,
    seed: int,
    progress: Progress | None,
    *,
    is_interruptible: bool,
    began: float | None = None,
) -> Constants:
    """As `constants`; an interrupt from the keyboard may end the work and give what was found until then.

    `began`: when the budget's time began (`certify.clock.now`), if before this call: reading a large file counts.
    """
    from certify.bounds.constants import constants_on_regions

    first = now() if began is None else began
    map_ = loaded(generator)
    main = region_of(region, [map_])
    balls = balls_of(radii, main.centre, map_)
    store = default_store(map_) if flag("cache", cache) else None
    seconds = None if budget is None else time_budget(budget)
    units, shown, start = work_effort(effort), progress_of(progress), random_seed(seed)
    found = constants_on_regions(
        map_, [main, *balls], seconds, start, shown, None, units, store, is_interruptible, first
    )
    return Constants(**values_of(found[0]), generator=map_, by_radius=found[1:])


def balls_of(
    radii: Sequence[Number | Region] | None, centre: tuple[float, ...] | None, generator: Generator
) -> list[Region]:
    """The balls by growing radius; InputError for an empty list or anything that is no ball."""
    if radii is None:
        return []
    given: object = radii
    if not isinstance(given, (list, tuple)) and not (isinstance(given, np.ndarray) and given.ndim == 1):
        raise InputError(f"`radii` must be a list of radii > 0; got {shown(radii)}")
    found = []
    for item in radii:
        ball = item if isinstance(item, Region) else Region(region_radius(item), centre)
        if ball.radius is None:
            raise InputError("`radii` must be radii > 0; one of them is missing")
        found.append(region_of(ball, [generator]))
    if not found:
        raise InputError("`radii` is empty: give at least one radius > 0, or leave it out")
    return sorted(found, key=lambda ball: (ball.radius or 0.0, ball.centre or ()))
