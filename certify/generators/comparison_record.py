"""The record of a file's comparison with a second engine: data alone, which a generator keeps."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from certify.codec import Readable


@dataclass(frozen=True)
class RuntimeComparison(Readable):
    """What a second engine said of a file.

    `largest_difference` is the largest quotient of a difference by what it may be (at most 1); `loosest_tolerance`
    the largest, over the operators, of what the output may differ by relative to its largest entry, at the best of
    the points: a misreading that is smaller may not be seen; `output_difference` is the file's output less the
    generator's, relative to the largest entry, with all the engine's rounding. `not_comparable` counts pairs of an
    operator and a point that told nothing, `never_compared` the operators that no point told anything about.
    `module_difference` is the largest quotient for the forward pass of the torch module that was exported,
    `module_tolerance` what it may be at the best of the points, relative to the largest entry; both None without a
    module. Estimate.
    """

    engine: str
    precision: str
    points: int
    operators: int
    not_comparable: int
    never_compared: int
    largest_difference: float
    loosest_tolerance: float | None
    output_difference: float | None
    note: str = ""
    module_difference: float | None = None
    module_tolerance: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """The JSON form: the fields."""
        return asdict(self)
