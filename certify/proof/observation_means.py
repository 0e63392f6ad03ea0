"""Means over the observations given, of quantities that a theorem encloses at each of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

CONFIDENCE = "_confidence"


@dataclass(frozen=True)
class ObservationMean:
    """The mean of `quantity` over `count` of the `given` observations lies in [lower, upper] with this probability.

    A mean over the rows that were given, not over the law they come from. Bounds, rounded outward.
    """

    quantity: str
    lower: float
    upper: float
    confidence: float
    count: int
    given: int


def observation_means(values: Sequence[Mapping[str, float]]) -> tuple[ObservationMean, ...]:
    """The means of every quantity q whose `q_lower`, `q_upper` and `q_confidence` some observations have.

    The intervals hold together but for the sum of their error probabilities.
    """
    names = (name for item in values for name in item if name.endswith(CONFIDENCE))
    found = []
    for name in dict.fromkeys(item.removesuffix(CONFIDENCE) for item in names):
        known = [item for item in values if name + CONFIDENCE in item and math.isfinite(item[f"{name}_upper"])]
        if not known:
            continue
        # A correctly rounded sum and a rounded quotient: two steps outward are enough.
        low, high = (math.fsum(item[f"{name}_{end}"] for item in known) / len(known) for end in ("lower", "upper"))
        low = math.nextafter(math.nextafter(low, -math.inf), -math.inf)
        high = math.nextafter(math.nextafter(high, math.inf), math.inf)
        error = math.fsum(1 - item[name + CONFIDENCE] for item in known)
        lower = max(0.0, low) if all(item[f"{name}_lower"] >= 0 for item in known) else low
        found.append(ObservationMean(name, lower, high, max(0.0, 1 - error), len(known), len(values)))
    return tuple(found)
