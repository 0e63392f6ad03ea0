"""Truth, coupling bound and theory on one axis, as data: what a theorem about a chain offers to the figures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from certify.arithmetic.arrays import FloatArray


@dataclass(frozen=True, eq=False)
class MixingCurves:
    """Curves over the step counts `steps` (k,) for one generator.

    truth           TV(law U_k, pi_x) with its interval `truth_lower`, `truth_upper`
    coupling        mean of the coupling bound plus `bias`, the distance of the chain's invariant law to pi_x
    coupling_upper  upper end for its first two terms, at `error_probability` for each step alone
    theory          the theorem's bound at k layers, rounded outward; `terms` are its summands, by what they mean
    layers          the number of layers of the theorem's certificate
    epsilon         the distance that was asked for, which the theorem's bound meets at `layers`; None: not known
    """

    title: str
    step_size: float
    steps: npt.NDArray[np.int64]
    truth: FloatArray
    truth_lower: FloatArray
    truth_upper: FloatArray
    coupling: FloatArray
    coupling_upper: FloatArray
    bias: float
    error_probability: float
    theory: FloatArray
    terms: dict[str, FloatArray]
    layers: int
    epsilon: float | None = None
