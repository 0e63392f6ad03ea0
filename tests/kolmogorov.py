"""A bound of the p-value of the Kolmogorov-Smirnov test that costs nothing and holds for every sample size."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy.typing as npt
from scipy import stats


def kolmogorov_p_value(sample: npt.ArrayLike, distribution: str | Callable[[Any], Any]) -> float:
    """min(1, 2 exp(-2 n D^2)), at least the p-value of D = sup|F_n - F|, F continuous (Massart 1990).

    scipy's exact p-value takes a second for a few hundred thousand draws; the asymptotic one may be too small.
    """
    found = stats.kstest(sample, distribution, method="asymp").statistic
    return min(1.0, 2.0 * math.exp(-2.0 * len(sample) * float(found) ** 2))  # type: ignore[arg-type]
