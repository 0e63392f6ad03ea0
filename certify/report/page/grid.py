"""The grid behind the page's sliders: a theorem on constants, every cell certified on its own.

For d, kappa and epsilon there is a safe side, on which a grid value stands for what lies between: a map with constants
m, M is one with constants m, M' >= M; z -> (G(z), m w) has the constants of G in a larger dimension, n = d if that was
so, and the distance of the encoder's first d coordinates is no larger; what is below epsilon' is below epsilon >=
epsilon'. For the noise level there is none: a bound at one noise says nothing at another, so that slider has grid
values only.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from certify.arithmetic.rounding import Direction, decimal_text
from certify.execution.door import Execution
from certify.progress import Progress
from certify.proof.theorem import Theorem
from certify.sweeps.cells import Cell, Solution, cells_of, defaults_of, numbers, solve_cells

AXES: Mapping[str, Mapping[str, tuple[float, ...]]] = {
    "none": {},
    "small": {"beta": (0.05, 0.1), "d": (2, 8), "kappa": (1.2, 2.0), "epsilon": (0.1,)},
    "medium": {
        "beta": (0.02, 0.05, 0.1, 0.2),
        "d": (2, 4, 8, 16),
        "kappa": (1.1, 1.5, 2.0),
        "epsilon": (0.1, 0.01),
    },
    "fine": {
        "beta": (0.01, 0.02, 0.03, 0.05, 0.08, 0.1, 0.15, 0.2, 0.3),
        "d": (1, 2, 3, 4, 6, 8, 12, 16, 32, 64),
        "kappa": (1.05, 1.1, 1.25, 1.5, 2.0, 3.0),
        "epsilon": (0.3, 0.1, 0.03, 0.01),
    },
}
"""Grids by name: the noise level and the curvature are in units of m = 1, which only fixes the scale of the data."""
CURVATURE = 0.15
"""M2 where the theorem admits one, in units of m."""
NEEDED = frozenset({"d", "m", "M"})
KNOWN = frozenset({"d", "n", "m", "M", "M2", "N"})


@dataclass(frozen=True)
class Grid:
    """Layers and bounds of a theorem over its axes, row-major, as printed (bounds up); None: no certificate."""

    theorem: str
    axes: Mapping[str, tuple[float, ...]]
    curvature: float
    layers: tuple[str | None, ...]
    bounds: tuple[str | None, ...]
    defaults: Mapping[str, str] = field(default_factory=dict)
    """What stands for the theorem's other inputs (n = d)."""

    def to_dict(self) -> dict[str, Any]:
        """JSON form, as the page's script reads it."""
        return {
            "theorem": self.theorem,
            "axes": {name: list(values) for name, values in self.axes.items()},
            "curvature": self.curvature,
            "layers": list(self.layers),
            "bounds": list(self.bounds),
        }


def has_grid(theorem: Theorem) -> bool:
    """Whether the theorem is about d, m, M and perhaps M2, a noise level and a distance epsilon, and nothing else."""
    names = {item.name for item in theorem.quantities if item.role == "constant"}
    return theorem.conclusion.distance is not None and names >= NEEDED and names <= KNOWN


def certified_grid(theorem: Theorem, name: str, size: str, progress: Progress | None = None) -> Grid | None:
    """The grid of this size for a theorem, loaded by `name`; None where it has no such form or the size is "none".

    Bounds, rounded outward.
    """
    axes = AXES[size]
    if not axes or not has_grid(theorem):
        return None
    names = {item.name for item in theorem.quantities if item.role == "constant"}
    curved = "M2" in names and str(theorem.quantity("M2").domain) != "{0}"
    curvature = CURVATURE if curved else 0.0
    shared = {"m": "1", **({"M2": repr(curvature)} if "M2" in names else {})}
    # Exact decimals: the double beside 1.2 may lie below it, where the certificate is another.
    cells = cells_of(theorem, name, shared, {axis: [repr(item) for item in values] for axis, values in axes.items()})
    with Execution("serial") as execution:
        solutions = solve_cells(cells, progress, execution)
    found = [_shown(cell, solution) for cell, solution in zip(cells, solutions, strict=True)]
    layers, bounds = (tuple(item[place] for item in found) for place in (0, 1))
    return Grid(theorem.id, axes, curvature, layers, bounds, defaults_of(theorem, {*shared, *axes, "N"}))


def _shown(cell: Cell, solution: Solution) -> tuple[str | None, str | None]:
    """Layers and bound of a cell as they are printed; None where they are not both what was asked for."""
    return shown(numbers(cell, solution), dict(cell.inputs)["epsilon"])


def shown(found: Mapping[str, float | int], epsilon: Fraction) -> tuple[str | None, str | None]:
    """Layers, rounded up, and bound, rounded up, of a cell; None for what is unknown, and for both beyond epsilon."""
    bound, layers = found.get("tv_bound", math.nan), found.get("K", math.nan)
    if not math.isfinite(bound) or bound > epsilon or math.isinf(layers):
        return None, None
    count = None if math.isnan(layers) else str(math.ceil(layers))
    return count, decimal_text(bound, 4, Direction.UP)
