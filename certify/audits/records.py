"""What an audit found, as records: a bracket per observation, the calibration and the verdict."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Self

import numpy as np

from certify.arithmetic.arrays import FloatArray
from certify.codec import Readable, decode
from certify.verdict import Verdict

_BOTH_METHODS = re.compile(r"lower end: (.*?); upper end: (.*)")


@dataclass(frozen=True)
class DistanceEnd:
    """One end of a measured interval, by which method, and the probability that it fails."""

    value: float
    method: str
    error_probability: float


@dataclass(frozen=True)
class EncoderBracket(Readable):
    """TV(law of the encoder's draws at x, pi_x) lies in [lower, upper], each end with its own error probability.

    `assumption` names what the lower end rests on beside exact draws and finite-sample inequalities, and
    `upper_assumption` the same of the upper end; empty where nothing is assumed. An upper end of 1 is trivial.
    """

    estimate: float
    lower: DistanceEnd
    upper: DistanceEnd
    assumption: str = ""
    upper_assumption: str = ""

    @property
    def error_probability(self) -> float:
        """Probability that one of the two ends fails, at most: each end's own includes what both rest on."""
        return min(1.0, self.lower.error_probability + self.upper.error_probability)

    def to_dict(self) -> dict[str, Any]:
        """JSON form: the contract's four keys, and what stands behind each end."""
        same = self.lower.method == self.upper.method
        both = f"lower end: {self.lower.method}; upper end: {self.upper.method}"
        return {
            "estimate": self.estimate,
            "lower": self.lower.value,
            "upper": self.upper.value,
            "method": self.lower.method if same else both,
            "lower_error": self.lower.error_probability,
            "upper_error": self.upper.error_probability,
            "lower_assumption": self.assumption or None,
            "upper_assumption": self.upper_assumption or None,
        }

    @classmethod
    def _read(cls, document: Mapping[str, Any]) -> Self:
        methods = _BOTH_METHODS.fullmatch(document["method"])
        lower, upper = methods.groups() if methods is not None else (document["method"], document["method"])
        ends = {
            end: {"value": document[end], "method": method, "error_probability": document[f"{end}_error"]}
            for end, method in (("lower", lower), ("upper", upper))
        }
        assumed = document["lower_assumption"] or "", document["upper_assumption"] or ""
        given = {"estimate": document["estimate"], "assumption": assumed[0], "upper_assumption": assumed[1]}
        return cls._of_fields({**given, **ends})


@dataclass(frozen=True)
class ObservationAudit(Readable):
    """One observation: its row, what is known of the encoder's law there, the bracket and the verdict on epsilon."""

    index: int
    law: str
    distance: EncoderBracket
    verdict: Verdict
    reason: str = ""

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "index": self.index,
            "law": self.law,
            "tv": self.distance.to_dict(),
            "verdict": str(self.verdict),
            "reason": self.reason or None,
        }

    @classmethod
    def _read(cls, document: Mapping[str, Any]) -> Self:
        plain = {key: document[key] for key in ("index", "law", "verdict")}
        return cls._of_fields({**plain, "distance": document["tv"], "reason": document["reason"] or ""})


@dataclass(frozen=True, eq=False)
class RankTest(Readable):
    """Ranks of one statistic of z among the encoder's draws, and how compatible they are with the uniform law.

    `counts` (bins,) is the histogram of the ranks, `band` (low, high) holds every bin of every histogram of this
    calibration together with probability >= 1 - level if the encoder is exact; `p_value` is exact for one statistic.
    """

    name: str
    counts: FloatArray
    band: tuple[int, int]
    statistic: float
    p_value: float

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "name": self.name,
            "counts": [int(count) for count in self.counts],
            "band": list(self.band),
            "statistic": self.statistic,
            "p_value": self.p_value,
        }

    @classmethod
    def _read(cls, document: Mapping[str, Any]) -> Self:
        counts = decode(tuple[int, ...], document["counts"], "the counts")
        band = decode(tuple[int, int], document["band"], "the band")
        numbers = [decode(float, document[key], key) for key in ("statistic", "p_value")]
        return cls(decode(str, document["name"], "the name"), np.array(counts, dtype=np.float64), band, *numbers)


@dataclass(frozen=True, eq=False)
class Calibration(Readable):
    """Simulation-based calibration: `pairs` of (z, x) from the model, `draws` of the encoder at each x.

    `rejected` says whether some statistic's p-value is at most level/(number of statistics): of an exact encoder that
    happens with probability at most `level`. `average` is a bracket of the distance averaged over the model's x.
    """

    NAMES = {"tests": "statistics", "average": "average_tv"}

    pairs: int
    draws: int
    level: float
    tests: tuple[RankTest, ...]
    average: EncoderBracket
    notes: tuple[str, ...] = ()

    @property
    def threshold(self) -> float:
        """The p-value at or below which one statistic rejects (Bonferroni)."""
        return self.level / len(self.tests)

    @property
    def rejected(self) -> bool:
        """Whether the ranks refute that the encoder is exact on average, at error probability `level`."""
        return any(test.p_value <= self.threshold for test in self.tests)

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "pairs": self.pairs,
            "draws": self.draws,
            "level": self.level,
            "p_value_threshold": self.threshold,
            "uniform_ranks": "refuted" if self.rejected else "not refuted",
            "statistics": [test.to_dict() for test in self.tests],
            "average_tv": self.average.to_dict(),
            "notes": list(self.notes),
        }


@dataclass(frozen=True)
class AuditResult(Readable):
    """An audit: the encoder, the generator, the noise level, what was found, and the verdict.

    `beta` is None for a decoder of logits. `error_probability` is that of all ends of all observations together (union
    bound).
    """

    encoder: dict[str, Any]
    generator: dict[str, Any]
    beta: float | None
    epsilon: float | None
    observations: tuple[ObservationAudit, ...]
    calibration: Calibration | None
    verdict: Verdict
    reason: str
    error_probability: float
    notes: tuple[str, ...] = ()
    provenance: dict[str, Any] = field(default_factory=dict)

    @property
    def mean_lower(self) -> float:
        """Mean of the lower ends over the observations: the mean distance is at least that."""
        return float(np.mean([item.distance.lower.value for item in self.observations]))

    @property
    def mean_upper(self) -> float:
        """Mean of the upper ends over the observations: the mean distance is at most that."""
        return float(np.mean([item.distance.upper.value for item in self.observations]))

    def to_dict(self) -> dict[str, Any]:
        """JSON of `certify audit`."""
        return {
            "schema": 1,
            "encoder": self.encoder,
            "generator": self.generator,
            "beta": self.beta,
            "epsilon": self.epsilon,
            "observations": [item.to_dict() for item in self.observations],
            "over_observations": {
                "count": len(self.observations),
                "mean_estimate": float(np.mean([item.distance.estimate for item in self.observations])),
                "mean_lower": self.mean_lower,
                "mean_upper": self.mean_upper,
                "largest_lower": max(item.distance.lower.value for item in self.observations),
                "largest_upper": max(item.distance.upper.value for item in self.observations),
                "error_probability": self.error_probability,
            },
            "calibration": None if self.calibration is None else self.calibration.to_dict(),
            "verdict": str(self.verdict),
            "reason": self.reason or None,
            "notes": list(self.notes),
            "provenance": self.provenance,
        }

    @classmethod
    def _read(cls, document: Mapping[str, Any]) -> Self:
        plain = {item.name: document[item.name] for item in fields(cls) if item.name in document}
        error = document["over_observations"]["error_probability"]
        return cls._of_fields({**plain, "reason": document["reason"] or "", "error_probability": error})
