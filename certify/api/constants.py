"""`certify.constants`: brackets of m, M, M2, M3."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from certify.api.arguments import GeneratorLike, loaded, progress_of, region_of
from certify.api.shown import Shown, values_of
from certify.arithmetic.rounding import interval_text
from certify.bounds.bracket import ConstantBrackets, Region
from certify.generators.graph import Generator
from certify.progress import Progress
from certify.report.table import Table
from certify.report.tables import constants_table
from certify.validation import Number, random_seed, time_budget


@dataclass(frozen=True, eq=False, repr=False)
class Constants(Shown, ConstantBrackets):
    """Brackets of m, M, M2, M3 of a generator on a region: the true constant lies between the two ends."""

    generator: Generator | None = None

    def to_dict(self) -> dict[str, Any]:
        """The JSON form of `certify constants`, without provenance."""
        return {
            "schema": 1,
            "generator": None if self.generator is None else self.generator.description(),
            "region": self.region.to_dict(),
            "constants": {name: bracket.to_dict() for name, bracket in self.items()},
            "seconds": self.seconds,
            "notes": list(self.notes),
        }

    def _summary(self) -> str:
        where = "" if self.generator is None else f" of {self.generator.name}"
        ball = "" if self.region.radius is None else f" on a ball of radius {self.region.radius:g}"
        found = ", ".join(f"{name} in {interval_text(item.lower, item.upper)}" for name, item in self.items())
        return f"<constants{where}{ball}:\n {found}>"

    def _tables(self) -> tuple[Table, ...]:
        name = "" if self.generator is None else f" of {self.generator.name}"
        return (constants_table(self.items(), f"Constants{name}", self.notes),)

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


def constants(
    generator: GeneratorLike,
    *,
    region: Number | Region | None = None,
    budget: Number = 10,
    seed: int = 0,
    progress: Progress | None = None,
) -> Constants:
    """Brackets of m, M, M2, M3: the true constant lies between the two ends.

    The lower end of m and the upper ends of M, M2, M3 are certified or None; the other ends come from witnesses.

    Args:
        generator: the map G, or its SPEC.
        region: a radius around 0, or a `Region`; None: all of R^d.
        budget: seconds for the methods that improve with time, > 0.
        seed: of every random stream, in [0, 2^63).
        progress: receives how far the work has come.

    Raises:
        InputError: for a radius, budget or seed out of its domain.

    >>> found = constants("linear:d=2,kappa=2,seed=0")
    >>> found
    <constants of linear:d=2,kappa=2,m=1,n=0,seed=0:
     m in [0.99999, 1.0001], M in [1.9999, 2], M2 in [0, 0], M3 in [0, 0]>
    >>> found.m.lower <= 1 <= found.m.upper
    True
    """
    from certify.bounds.constants import constants as brackets

    map_ = loaded(generator)
    found = brackets(map_, region_of(region, [map_]), time_budget(budget), random_seed(seed), progress_of(progress))
    return Constants(**values_of(found), generator=map_)
