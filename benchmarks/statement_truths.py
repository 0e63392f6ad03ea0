"""The four statements for practitioners against exact truth: at least two hundred cases each, and how close they come.

Every case has a certified number and the exact one that it may not pass; `ratio` is certified/exact, 1 where the
statement is attained. Posteriors and laws of affine decoders are Gaussian, laws on the line have closed forms.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

import numpy as np
from scipy.stats import norm

from certify.arithmetic.arrays import FloatArray
from certify.arithmetic.balls import lower, upper
from certify.arithmetic.rounding import Direction, outward
from certify.bounds.constants import constants
from certify.discovery.registry import load_theorem
from certify.generators.graph import Generator
from certify.generators.nodes import Affine, Graph, Input
from certify.proof.conclusion import settle_constants
from theorems.collapse.rate import exact_rate
from theorems.factorised_encoder.observations import constants_if_any
from theorems.factorised_encoder.row import row_price

CASES = 240
ROUNDING = 1e-9
"""Of the exact numbers, which are floats."""


@dataclass(frozen=True)
class Truth:
    """One case: `certified` <= `exact` is claimed (for an upper end both are negated); `kind` groups the table."""

    kind: str
    certified: float
    exact: float

    @property
    def violated(self) -> bool:
        """Whether the certified number passes the exact one by more than the rounding of the latter."""
        return self.certified > self.exact + ROUNDING * (1.0 + abs(self.exact))


def closed_forms(
    name: str, constants_at: Mapping[str, float], beta: float, epsilon: float = 0.1
) -> dict[str, tuple[float, float]]:
    """Enclosures of a theorem's closed forms at these numbers, taken as exact."""
    exact = {key: Fraction(value) for key, value in constants_at.items()}
    return settle_constants(load_theorem(name), exact, Fraction(beta), Fraction(epsilon)).enclosures


def affine(matrix: FloatArray, offset: FloatArray | None = None) -> Generator:
    """z -> A z + b."""
    n, d = matrix.shape
    return Generator("affine", Graph((Input(d), Affine(0, matrix, np.zeros(n) if offset is None else offset))), n * d)


def rates(seed: int = 0) -> list[Truth]:
    """Affine decoders, d up to 5 and n up to 9, noise 0.01 to 10; every other one a scaled isometry: both ends meet."""
    random, found = np.random.default_rng(seed), []
    for case in range(CASES):
        d = int(random.integers(1, 6))
        matrix = random.standard_normal((d + int(random.integers(0, 5)), d))
        noise = float(10 ** random.uniform(-2, 1))
        isometry = case % 2 == 1
        if isometry:
            matrix = float(random.uniform(0.3, 3)) * np.linalg.qr(matrix)[0]
        values = np.linalg.svd(matrix, compute_uv=False)
        ends = {
            "m": outward(values[-1] * (1 - 1e-13), 12, Direction.DOWN),
            "M": outward(values[0] * (1 + 1e-13), 12, Direction.UP),
        }
        forms = closed_forms("collapse", {"d": d, **ends}, noise)
        exact = exact_rate(affine(matrix), noise)
        assert exact is not None
        kind = "scaled isometries" if isometry else "affine"
        found.append(Truth(f"lower end, {kind}", forms["rate_lower"][0], upper(exact)))
        found.append(Truth(f"upper end, {kind}", -forms["rate_upper"][1], -lower(exact)))
    return found


def prices(seed: int = 0) -> list[Truth]:
    """Affine decoders of two latents: the certified price against the distance of the nearest product law found.

    By the Gaussian and, on every fourth case, by cells. The exact numbers: the least distance among the Gaussian's own
    marginals, the best in KL, and products of Gaussians around them; and the closed form at the exact correlation.
    """
    random, found = np.random.default_rng(seed), []
    for case in range(CASES):
        angle, slopes = random.uniform(0, np.pi), 10 ** random.uniform(-0.5, 1, 2)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        weight, noise = np.diag(slopes) @ turn, float(10 ** random.uniform(-1, 0.5))
        generator, row = affine(weight), random.standard_normal(2)
        with_cells = case % 4 == 0
        known = None if with_cells else constants_if_any(constants(generator))
        certified = row_price(generator, known, noise, row, draws=0, with_cells=with_cells).tv_lower
        covariance = np.linalg.inv(np.eye(2) + weight.T @ weight / noise**2)
        correlation = abs(covariance[0, 1]) / math.sqrt(covariance[0, 0] * covariance[1, 1])
        closed = math.sqrt(1 + 2 / math.pi * math.asin(correlation)) - 1
        by = "by cells" if with_cells else "by G1*"
        found.append(Truth(f"closed form, {by}", certified, closed))
        found.append(Truth(f"nearest product law, {by}", certified, _nearest_product(correlation, random)))
    return found


def _nearest_product(correlation: float, random: np.random.Generator) -> float:
    """Least TV of product laws from the standard Gaussian with this correlation, on a grid of 301^2 points."""
    axis = np.linspace(-6, 6, 301)
    form = axis[:, None] ** 2 + axis**2 - 2 * correlation * np.outer(axis, axis)
    joint = np.exp(-form / max(2 * (1 - correlation**2), 1e-12))
    joint /= joint.sum()
    own = joint.sum(axis=1)
    best = 0.5 * np.abs(joint - np.outer(own, own)).sum()
    for width in (math.sqrt(1 - correlation**2), *random.uniform(math.sqrt(1 - correlation**2), 1.2, 12)):
        line = np.exp(-0.5 * (axis / max(width, 0.05)) ** 2)
        line /= line.sum()
        best = min(best, 0.5 * np.abs(joint - np.outer(line, line)).sum())
    # The grid's own error.
    return float(best) + 1e-3


def groups(seed: int = 0) -> list[Truth]:
    """Monotone images of a Gaussian with slope at most L, and noisy affine decoders, against their nearest data.

    Data of masses p1, p2 = 1 - p1 on two rays at distance r: the nearest law to one with masses a, b there is at
    max{0, p1 - a, p2 - b, 1 - a - b}. Every third case is the ramp that attains the bound.
    """
    random, found = np.random.default_rng(seed), []
    for case in range(CASES):
        share, slope, noise = (
            float(item) for item in (random.uniform(0.1, 0.9), random.uniform(0.2, 3), random.uniform(0.1, 1))
        )
        length, distance = math.hypot(slope, noise), float(random.uniform(0.2, 4))
        if case % 3 == 0:
            # The foot where the Gaussian has the mass of one group below; the better end decides.
            kind, shift = "ramps", distance / length
            ends = [(share, norm.sf(norm.ppf(share) + shift)), (norm.sf(norm.ppf(1 - share) + shift), 1 - share)]
            exact = min(max(0.0, share - a, 1 - share - b, 1 - a - b) for a, b in ends)
        elif case % 3 == 1:
            kind = "affine decoders"
            low = float(random.normal(0, length))
            a, b = norm.cdf(low / length), norm.sf((low + distance) / length)
            exact = max(0.0, share - a, 1 - share - b, 1 - a - b)
        else:
            kind = "monotone maps"
            knots = np.sort(random.normal(0, 1.5, 6))
            image = np.concatenate([[0.0], np.cumsum(np.diff(knots) * random.uniform(0, length, 5))])
            low = float(random.uniform(image[0], image[-1]))
            a = norm.cdf(_preimage(knots, image, low, length))
            b = norm.sf(_preimage(knots, image, low + distance, length, above=True))
            exact = max(0.0, share - a, 1 - share - b, 1 - a - b)
        forms = closed_forms("modes", {"M": slope, "r": distance, "p1": share, "p2": 1 - share}, noise)
        found.append(Truth(kind, forms["tv_lower"][0], float(exact)))
    return found


def _preimage(knots: FloatArray, image: FloatArray, place: float, length: float, above: bool = False) -> float:
    """The last w with T(w) <= place (`above`: the first with T(w) >= place); T goes on with slope `length` outside."""
    if place < image[0]:
        return float(knots[0] - (image[0] - place) / length)
    if place > image[-1]:
        return float(knots[-1] + (place - image[-1]) / length)
    strict = np.diff(image) > 0
    kept = np.concatenate([[True], strict]) if above else np.concatenate([strict, [True]])
    return float(np.interp(place, image[kept], knots[kept]))


def slopes(seed: int = 0) -> list[Truth]:
    """Affine decoders and encoders of a known distance: moved Gaussians, and the mirrored laws that attain the bound.

    N(c, S) and N(c + delta, S) are at 2 Phi(|delta|/2) - 1 in the metric of S^{-1}; the mean of N(0, 1) and its mirror
    image at s is at Phi(s) - 1/2. Both encoders are moved towards each other, which makes them least steep.
    """
    random, found = np.random.default_rng(seed), []
    for case in range(CASES):
        d, n = (int(item) for item in (random.integers(1, 4), random.integers(3, 6)))
        weight, noise = random.standard_normal((n, d)), float(10 ** random.uniform(-1, 0.3))
        rows = random.normal(0, 1.5, (2, n))
        covariance = np.linalg.inv(np.eye(d) + weight.T @ weight / noise**2)
        centres = rows @ weight @ covariance / noise**2
        gap, apart = centres[0] - centres[1], float(np.linalg.norm(rows[0] - rows[1]))
        direction = np.linalg.solve(covariance, gap) if case % 2 else gap
        direction = direction / np.linalg.norm(direction)
        deviation = float(np.sqrt(direction @ covariance @ direction))
        along = float(direction @ gap)
        steps = float(random.uniform(0, 1)) * min(1.0, along / (2 * deviation))
        attained = d == 1 and case % 4 < 2
        if attained:
            accuracy, slope, kind = (
                float(norm.cdf(steps) - 0.5),
                (along - 2 * steps * deviation) / apart,
                "mirrored laws",
            )
        else:
            # A move by S v: it is the shortest in the metric that moves v.z by so much.
            move = steps * covariance @ direction / deviation
            length = float(np.sqrt(move @ np.linalg.solve(covariance, move)))
            accuracy = float(2 * norm.cdf(length / 2) - 1)
            slope, kind = float(np.linalg.norm(gap - 2 * move)) / apart, "moved Gaussians"
        accuracy = max(accuracy + 1e-13, 1e-6)
        numbers = {"along": along, "spread": 2 * deviation, "apart": apart, "t_g": 0.0}
        forms = closed_forms("amortisation", numbers, noise, accuracy)
        found.append(Truth(kind, forms["slope_lower"][0], slope))
    return found


Made: TypeAlias = Callable[[], list[Truth]]
TRUTHS: Mapping[str, Made] = {
    "collapse": rates, "factorised-encoder": prices, "modes": groups, "amortisation": slopes,
}  # fmt: skip
"""By theorem."""


def summary(found: list[Truth]) -> list[tuple[str, int, int, float, float]]:
    """Kind, cases, violations, median and largest certified/exact (upper ends: exact/certified) where neither is 0."""
    rows = []
    for kind in dict.fromkeys(item.kind for item in found):
        here = [item for item in found if item.kind == kind]
        ratios = [
            item.exact / item.certified if item.certified < 0 else item.certified / item.exact
            for item in here if item.certified != 0 and item.exact != 0
        ]  # fmt: skip
        middle, most = (float(np.median(ratios)), float(max(ratios))) if ratios else (math.nan, math.nan)
        rows.append((kind, len(here), sum(item.violated for item in here), middle, most))
    return rows
