"""log p(x) of many observations: in parallel, resumable, with the ELBO of an encoder and the mean over the data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Self

from flint import arb

from certify.arithmetic.arrays import FloatArray
from certify.arithmetic.balls import ball, lower, precision, upper
from certify.audits.source import EncoderSource, behind_noise, source_from_file
from certify.codec import Readable
from certify.envelopes.log_evidence import PROPOSALS, Interval
from certify.errors import InputError
from certify.execution.door import Execution
from certify.execution.each import certify_each, row_key
from certify.execution.work import Codec
from certify.generators.graph import BERNOULLI, Generator
from certify.generators.logits import OUTSIDE_A0
from certify.marginal.row import Asked, ObservationEvidence, decode_found, doubt, encode_found, evidence_of_row
from certify.progress import Progress, SilentProgress
from certify.provenance import code_digest
from certify.verdict import Verdict

SCHEMA = 1
STORED = 2
"""Of what `--resume` keeps."""


@dataclass(frozen=True)
class EvidenceResult(Readable):
    """log p(x) per observation and on average; `beta` is None for logits, `encoder` the name of the file.

    `generator` says which it is (`Generator.origin`), `likelihood` of what its outputs are the parameters.
    """

    generator: dict[str, Any]
    likelihood: str
    beta: float | None
    observations: tuple[ObservationEvidence, ...]
    encoder: str | None
    proposals: int
    provenance: dict[str, Any] = field(default_factory=dict)

    @property
    def enclosed(self) -> tuple[ObservationEvidence, ...]:
        """The observations whose log p(x) has both ends."""
        return tuple(item for item in self.observations if _is_bounded(item.log_evidence.best))

    @property
    def mean(self) -> Interval | None:
        """The mean of log p(x) over `enclosed`; the sampled ends fail with the sum of their probabilities."""
        return mean_of([item.log_evidence.best for item in self.enclosed])

    @property
    def mean_elbo(self) -> Interval | None:
        """The mean ELBO over the observations that are enclosed and have one."""
        return mean_of([item.elbo.interval for item in self.enclosed if item.elbo is not None])

    @property
    def mean_gap(self) -> Interval | None:
        """The mean of log p(x) - ELBO over the same observations."""
        return mean_of([item.gap for item in self.enclosed])

    @property
    def verdict(self) -> Verdict:
        """`proved` where every interval is rigorous, `supported` where some are sampled, else `inconclusive`."""
        if len(self.enclosed) < len(self.observations):
            return Verdict.INCONCLUSIVE
        best = [item.log_evidence.best for item in self.observations]
        rigorous = all(item is not None and item.kind == "rigorous" for item in best)
        return Verdict.PROVED if rigorous and self.encoder is None else Verdict.SUPPORTED

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must not miss."""
        missing = len(self.observations) - len(self.enclosed)
        return (
            *((OUTSIDE_A0,) if self.likelihood == BERNOULLI else ()),
            *((f"{missing} of {len(self.observations)} have no interval and are not in the mean",) if missing else ()),
        )

    def to_dict(self) -> dict[str, Any]:
        """The JSON form of `certify evidence`."""
        means = {"log_evidence": self.mean, "elbo": self.mean_elbo, "gap": self.mean_gap}
        return {
            "schema": SCHEMA,
            "verdict": str(self.verdict),
            "generator": self.generator,
            "likelihood": self.likelihood,
            "beta": self.beta,
            "encoder": self.encoder,
            "proposals": self.proposals,
            "observations": [item.to_dict(index) for index, item in enumerate(self.observations)],
            "mean": {
                "count": len(self.enclosed),
                **{name: None if item is None else item.to_dict() for name, item in means.items()},
            },
            "notes": list(self.notes),
            "provenance": self.provenance,
        }

    @classmethod
    def _read(cls, document: Mapping[str, Any]) -> Self:
        plain = ("generator", "likelihood", "beta", "encoder", "proposals", "provenance")
        entries = [{key: value for key, value in item.items() if key != "index"} for item in document["observations"]]
        return cls._of_fields({**{key: document[key] for key in plain}, "observations": entries})


def evidence_of_rows(
    generator: Generator,
    rows: FloatArray,
    beta: float,
    encoder: str | Path | None = None,
    proposals: int = PROPOSALS,
    seed: int = 0,
    progress: Progress | None = None,
    execution: Execution | None = None,
) -> EvidenceResult:
    """log p(x) of every row (k, n) as the generator has it; see `evidence_under` and `encoder_elbo`.

    Raises:
        InputError: for an encoder that is no file of one, of other dimensions, or not Gaussian; fewer than 1000
            proposals; or a file that keeps the results of another question.
    """
    if proposals < 1000:
        raise InputError(f"`proposals` must be at least 1000: fewer bound nothing; got {proposals}")
    source = None if encoder is None else _checked(encoder, generator)
    question = {
        "schema": STORED,
        "code": code_digest(),
        "generator": generator.sha256,
        "noise": None if generator.noise is None else list(generator.noise),
        "likelihood": generator.likelihood,
        "beta": None if generator.likelihood == BERNOULLI else beta,
        "encoder": None if source is None else str(source.details["sha256"]),
        "proposals": proposals,
        "seed": seed,
    }
    asked = Asked(generator, beta, source, proposals, seed)
    found = certify_each(
        f"log p(x) at {generator.name}",
        question,
        row_key,
        list(rows),
        partial(evidence_of_row, asked),
        Codec(encode_found, decode_found, partial(doubt, asked)),
        progress or SilentProgress(),
        execution,
    )
    noise = None if generator.likelihood == BERNOULLI else beta
    name = None if encoder is None else Path(encoder).stem
    rows_found = tuple(item.evidence for item in found)
    return EvidenceResult(generator.origin(), generator.likelihood, noise, rows_found, name, proposals)


def mean_of(intervals: Sequence[Interval | None]) -> Interval | None:
    """The mean of intervals that hold together; None where one has an end that is not known, or there is none.

    Rounded outward.
    """
    known = [item for item in intervals if item is not None and _is_bounded(item)]
    if not known or len(known) < len(intervals):
        return None
    error = sum(1 - item.confidence for item in known)
    kind = "rigorous" if all(item.kind == "rigorous" for item in known) else "statistical"
    with precision():
        ends = [item.lower for item in known], [item.upper for item in known]
        low, high = (sum(map(ball, side), arb(0)) / len(known) for side in ends)
        return Interval(lower(low), upper(high), kind, max(0.0, 1 - error))


def _checked(encoder: str | Path, generator: Generator) -> EncoderSource:
    """The encoder of a file, as a function of the generator's observations, if its dimensions are theirs."""
    source = source_from_file(encoder)
    if source.only is not None:
        raise InputError(
            f"encoder `{source.name}` is for one observation: an ELBO over data needs one that takes any x"
        )
    if (source.observed_dim, source.latent_dim) != (generator.observed_dim, generator.latent_dim):
        raise InputError(
            f"encoder `{source.name}` maps x of width {source.observed_dim} to z of width {source.latent_dim}; "
            f"generator `{generator.name}` has {generator.observed_dim} and {generator.latent_dim}"
        )
    return behind_noise(source, generator)


def _is_bounded(interval: Interval | None) -> bool:
    return interval is not None and interval.width < float("inf")
