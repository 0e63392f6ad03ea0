"""Records of single observations: what is certified for one, and what an envelope of its posterior comes to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Self

from certify.bounds.bracket import json_number
from certify.codec import Readable
from certify.verdict import Verdict


@dataclass(frozen=True)
class RejectionNumbers(Readable):
    """What a rejection sampler rests on at one observation.

    p_certified       P(a proposal at which G is evaluated is accepted) is at least this, rounded down
    p_measured        interval of it from a run of proposals, at `confidence`
    layers_measured   such proposals that the lower end of that interval asks for
    envelope          the method that certified exp(-f) <= C rho
    log_constant      log C, rounded up
    log_integral      log int exp(-f), rounded down
    boxes             boxes that were bounded for C
    components        Gaussians in the proposal
    tries             draws of which each such proposal is the first that is not refused before; 1 where none is refused
    """

    p_certified: float
    p_measured: tuple[float, float]
    confidence: float
    layers_measured: int | None
    envelope: str
    log_constant: float
    log_integral: float
    boxes: int
    components: int
    tries: int = 1

    def to_dict(self) -> dict[str, Any]:
        """JSON form of the contract."""
        low, high = self.p_measured
        return {
            "p_certified": json_number(self.p_certified),
            "p_measured": {"lower": low, "upper": high, "confidence": self.confidence},
            "layers_measured": self.layers_measured,
            "envelope": self.envelope,
            "log_constant": json_number(self.log_constant),
            "log_integral": json_number(self.log_integral),
            "boxes": self.boxes,
            "components": self.components,
            **({} if self.tries == 1 else {"tries": self.tries}),
        }

    @classmethod
    def _read(cls, document: Mapping[str, Any]) -> Self:
        measured = document["p_measured"]
        plain = {item.name: document[item.name] for item in fields(cls) if item.name in document}
        ends = [measured["lower"], measured["upper"]]
        return cls._of_fields({**plain, "p_measured": ends, "confidence": measured["confidence"]})


@dataclass(frozen=True)
class ObservationRecord(Readable):
    """What is certified for one observation: by which theorem, with how many stochastic layers, and how close.

    `tv_bound` is rounded outward; it and `layers` are None where nothing was certified, and `reason` says why.
    """

    index: int
    verdict: Verdict
    theorem: str
    layers: int | None
    tv_bound: float | None
    reason: str = ""
    values: dict[str, float] = field(default_factory=dict)
    rejection: RejectionNumbers | None = None
    certificate: dict[str, Any] | None = None
    """What proves it, in the JSON form that `certify verify` reads; None where the kind has no such form yet."""
    largest_noise_certificate: dict[str, Any] | None = None
    """The same for `largest_noise` among the values; None where that is none, or the noise of `certificate`."""
    shown: tuple[str, ...] = ()
    """Names among `values` that its table shows, where the record is not about layers."""

    @property
    def certified(self) -> bool:
        """Whether what is asked is certified: mostly that the distance is below epsilon."""
        return self.verdict is Verdict.PROVED

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "index": self.index,
            "verdict": str(self.verdict),
            "theorem": self.theorem,
            "layers": self.layers,
            "tv_bound": json_number(self.tv_bound),
            "reason": self.reason,
            "values": {name: json_number(value) for name, value in self.values.items()},
            "certificate": self.certificate,
            **({"largest_noise_certificate": wider} if (wider := self.largest_noise_certificate) else {}),
            **({"shown": list(self.shown)} if self.shown else {}),
            **({} if self.rejection is None else self.rejection.to_dict()),
        }

    @classmethod
    def _read(cls, document: Mapping[str, Any]) -> Self:
        plain = {item.name: document[item.name] for item in fields(cls) if item.name in document}
        kept = {name: plain.pop(name) for name in ("certificate", "largest_noise_certificate") if name in plain}
        rest = {key: value for key, value in document.items() if key not in {*plain, *kept}}
        return replace(cls._of_fields({**plain, "rejection": rest or None}), **kept)
