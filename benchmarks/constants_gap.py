"""What is left between the two ends of M and m: the inequality's own gap, slopes that no point has, and the search.

    python -m benchmarks.constants_gap [--starts 256] [--out FILE.md]

Networks of the suite with d = 8 and 32, residual and coupling. Between the certified end and the witness lie two more
numbers, found in floats and no bounds: the extreme of |J u| over all slopes in their ranges (L-BFGS from many starts, a
sine for every slope), and the extreme over points of a search with more starts than `certify constants` begins.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.networks import SPECIFICATIONS, network
from benchmarks.output import print_and_write
from certify.arithmetic.arrays import FloatArray
from certify.bounds.bracket import Region
from certify.bounds.constants import constants
from certify.bounds.free_slopes import pulls, slope_starts, states
from certify.bounds.lbfgs import descend
from certify.bounds.ranges import node_ranges
from certify.bounds.search import extreme_stretch
from certify.bounds.structure import IncrementForm, increment_form
from certify.generators.graph import Graph

METHODS = ("residual rule", "semidefinite", "pairs of slopes", "witness")

BOX_STARTS = 48


def box_extreme(form: IncrementForm, largest: bool, rng: np.random.Generator) -> float:
    """The largest or smallest singular value found over all slopes in their ranges. Estimate."""
    low, high = np.concatenate(form.slope_lower), np.concatenate(form.slope_upper)
    middle, span = 0.5 * (low + high), 0.5 * (high - low)
    sign, place = (-1.0, 0) if largest else (1.0, -1)

    def objective(angles: FloatArray) -> tuple[FloatArray, FloatArray]:
        slopes = middle + span * np.sin(angles)
        coordinates, inputs = states(form, slopes)
        left, values, right = np.linalg.svd(form.output.midpoint @ coordinates)
        gains = np.einsum("bkd,bd->bk", inputs, right[:, place]) * pulls(form, slopes, left[:, :, place])
        return sign * values[:, place], sign * gains * span * np.cos(angles)

    angles = rng.uniform(-np.pi, np.pi, (BOX_STARTS, low.size))
    for _ in range(3):
        angles = descend(objective, angles, np.inf)
    return abs(float(objective(angles)[0].min()))


def far_extreme(graph: Graph, largest: bool, starts: int, rng: np.random.Generator) -> float:
    """The largest or smallest singular value found over points, half of the starts from free slopes. Estimate."""
    region = Region()
    near = slope_starts(graph, node_ranges(graph, region), largest, starts // 2, np.inf, rng)
    return extreme_stretch(graph, region, largest, np.inf, rng, starts // 2, near).objective


def table(starts: int) -> Iterator[str]:
    """A row per network and constant."""
    heads = (
        "network",
        "",
        "certified",
        "all slopes",
        "long search",
        "witness",
        "excess",
        "inequality",
        "slopes",
        "search",
    )
    yield f"| {' | '.join(heads)} |"
    yield "| --- " * len(heads) + "|"
    for name in SPECIFICATIONS:
        if name.split(":")[0] not in ("residual", "coupling") or not {"d=8", "d=32"} & set(
            name.split(":")[1].split(",")
        ):
            continue
        graph = network(name).generator.graph
        found = constants(network(name).generator, methods=METHODS)
        form = increment_form(graph, node_ranges(graph, Region()), centred=False)
        for constant, bracket in found.items()[:2]:
            largest = constant == "M"
            ends = (bracket.upper, bracket.lower) if largest else (bracket.lower, bracket.upper)
            assert ends[0] is not None and ends[1] is not None
            rng = np.random.default_rng(1)
            best, outer = (max, min) if largest else (min, max)
            far = best(far_extreme(graph, largest, starts * 8 // graph.latent_dim, rng), ends[1])
            box = outer(best(box_extreme(form, largest, rng), far), ends[0])
            steps = (ends[0], box, far, ends[1])
            parts = [a / b - 1 if largest else 1 - a / b for a, b in zip(steps, steps[1:], strict=False)]
            excess = ends[0] / ends[1] - 1 if largest else 1 - ends[0] / ends[1]
            numbers = " | ".join(f"{step:.4f}" for step in steps)
            yield f"| `{name}` | {constant} | {numbers} | " + " | ".join(f"{x:.4f}" for x in (excess, *parts)) + " |"


def main() -> int:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--starts", type=int, default=256, help="local searches at d = 8; at d = 32 a quarter of them")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    print_and_write(table(options.starts), options.out)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
