"""`certify.evidence`: log p(x) of observations, enclosed, and what an encoder's lower bound of it loses."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from certify.api.arguments import (
    GeneratorLike,
    Observations,
    execution_of,
    loaded,
    noise_or_own,
    observations_of,
    progress_of,
)
from certify.api.shown import Shown, values_of
from certify.errors import InputError
from certify.marginal.data import EvidenceResult
from certify.progress import Progress
from certify.report.evidence_tables import evidence_report, evidence_table, mean_table, summary_line
from certify.report.table import Table
from certify.validation import Number, file_path, integer, random_seed, text_of

if TYPE_CHECKING:
    from rich.console import RenderableType


@dataclass(frozen=True, eq=False, repr=False)
class EvidenceOfData(Shown, EvidenceResult):
    """log p(x) per observation, rigorous and sampled, the ELBO of an encoder and its gap, and the means."""

    def _summary(self) -> str:
        noise = "Bernoulli logits" if self.beta is None else f"beta = {self.beta:g}"
        return f"<{summary_line(self)}; {noise}; print it for the observations>"

    def _tables(self) -> tuple[Table, ...]:
        return evidence_table(self), mean_table(self)

    def _rows(self) -> list[dict[str, Any]]:
        rows = []
        for index, item in enumerate(self.observations):
            found = {
                "rigorous": item.log_evidence.rigorous,
                "sampled": item.log_evidence.sampled,
                "elbo": None if item.elbo is None else item.elbo.interval,
                "gap": item.gap,
            }
            ends = {
                f"{name}_{end}": None if interval is None else getattr(interval, end)
                for name, interval in found.items()
                for end in ("lower", "upper")
            }
            rows.append({"observation": index, **ends, "envelope": item.log_evidence.envelope})
        return rows

    def _report(self) -> RenderableType:
        return evidence_report(self)


def evidence(
    generator: GeneratorLike,
    observations: Observations,
    *,
    beta: Number | None = None,
    encoder: str | Path | None = None,
    proposals: int | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    command: str = "",
    resume: str | Path | None = None,
    scheduler: Any = None,
    task_limit: float | None = None,
) -> EvidenceOfData:
    """log p(x) of every observation, in nats: a rigorous interval, and one by exact sampling at error 1e-6.

    p is the density of x as it was measured (probability, for bits). By an envelope of the posterior that is certified
    at the observation (Theorem R, docs/rejection.md): no derivative and no assumption on the decoder.

    Args:
        generator: the map G, or its SPEC.
        observations: shape (k, n) or (n,), or a .npy or .csv file.
        beta: noise level > 0; None: the decoder's own, or none for logits.
        encoder: an ONNX file of a Gaussian encoder: its ELBO, sampled at error 1e-6, and its gap to log p(x).
        proposals: per observation, >= 1000; None: 100,000.
        seed: of every random stream, in [0, 2^63).
        progress: receives how far the work has come.
        command: what the user typed, for the provenance.
        resume: a folder or `.json` file that keeps the intervals as they come; a run that was cut off goes on from it.
        scheduler: where the observations are worked on: text as for `--scheduler`, or a `dask.distributed.Client`.
        task_limit: seconds after which a worker is taken to hang.

    Raises:
        InputError: for beta <= 0, observations of another width, an encoder that is none or not Gaussian.

    >>> found = evidence("linear:d=2,kappa=1.5,seed=0", [0.3, -0.2], beta="0.3")
    >>> found.verdict
    <Verdict.SUPPORTED: 'supported'>
    """
    from certify.envelopes.log_evidence import PROPOSALS
    from certify.marginal.data import evidence_of_rows
    from certify.provenance import provenance, started

    began, typed = started(), text_of("command", command)
    map_ = loaded(generator)
    noise = float(noise_or_own(beta, map_))
    rows = observations_of(observations, [map_])
    if rows is None:
        raise InputError("`observations` is missing: log p(x) is of given x")
    with execution_of(scheduler, resume, task_limit) as execution:
        found = evidence_of_rows(
            map_,
            rows,
            noise,
            None if encoder is None else file_path("encoder", encoder),
            PROPOSALS if proposals is None else integer("proposals", proposals, least=1000),
            random_seed(seed),
            progress_of(progress),
            execution,
        )
    return EvidenceOfData(**values_of(replace(found, provenance=provenance(typed, seed, began, [map_]))))
