"""`certify.audit`: any encoder held against the true posterior."""

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
from certify.audits.records import AuditResult
from certify.errors import InputError
from certify.progress import Progress
from certify.report.audit_tables import audit_report, calibration_table, distances_table, summary_line
from certify.report.table import Table
from certify.validation import Number, accuracy, integer, random_seed, text_of

if TYPE_CHECKING:
    from rich.console import RenderableType

    from certify.audits.source import EncoderSource


@dataclass(frozen=True, eq=False, repr=False)
class Audit(Shown, AuditResult):
    """An audit: the distance at every observation between two ends, the calibration, and the verdict."""

    def _summary(self) -> str:
        after = "print it for the observations" if self.epsilon is not None else "give `epsilon` to judge a distance"
        noise = "Bernoulli logits (outside A0)" if self.beta is None else f"beta = {self.beta:g}"
        return f"<{summary_line(self)}; {noise}; {after}>"

    def _tables(self) -> tuple[Table, ...]:
        found = () if self.calibration is None else (calibration_table(self.calibration),)
        return (distances_table(self), *found)

    def _rows(self) -> list[dict[str, Any]]:
        return [
            {
                "observation": item.index,
                "estimate": item.distance.estimate,
                "lower": item.distance.lower.value,
                "upper": item.distance.upper.value,
                "lower_method": item.distance.lower.method,
                "upper_method": item.distance.upper.method,
                "verdict": str(item.verdict),
            }
            for item in self.observations
        ]

    def _report(self) -> RenderableType:
        return audit_report(self)


def audit(
    encoder: EncoderSource | str | Path,
    generator: GeneratorLike,
    *,
    beta: Number | None = None,
    epsilon: Number | None = None,
    observations: Observations | None = None,
    count: int | None = None,
    draws: int | None = None,
    pairs: int | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    command: str = "",
    resume: str | Path | None = None,
    scheduler: Any = None,
    task_limit: float | None = None,
) -> Audit:
    """Hold an encoder against the true posteriors of a generator.

    Args:
        encoder: an ONNX file, or a `certify.audits.source.EncoderSource`.
        generator: the map G, or its SPEC.
        beta: noise level of the model, > 0; None: the decoder's own, or none for logits.
        epsilon: the total variation distance in (0, 1) to judge; None: only measure.
        observations: shape (k, n) or (n,), or a .npy or .csv file; None: drawn from the model.
        count: how many observations: of those given the first, or drawn from the model (None: ten).
        draws: of the encoder per observation, >= 1000; None: by the length of its noise.
        pairs: (z, x) of the calibration; 0: no calibration.
        seed: of every random stream, in [0, 2^63).
        progress: receives how far the work has come.
        command: what the user typed, for the provenance.
        resume: a folder that keeps the observations' audits as they come; an encoder of functions of one's own has no
            digest, and its audits cannot be kept.
        scheduler: where the observations are audited; None: in this process. Text as for `--scheduler`, or a
            `dask.distributed.Client`.
        task_limit: seconds after which a worker is taken to hang.

    Raises:
        InputError: for a file that is no encoder, other dimensions, beta <= 0, too few draws.

    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> file = folder.name + "/encoder.onnx"
    >>> from certify import encoder
    >>> made = encoder("gaussian-encoder", "linear:d=2,kappa=1.5,seed=0", beta="0.1", out=file)
    >>> found = audit(file, "linear:d=2,kappa=1.5,seed=0", beta="0.1", epsilon="0.1", count=1, draws=1000, pairs=0)
    >>> found.verdict
    <Verdict.SUPPORTED: 'supported'>
    >>> folder.cleanup()
    """
    from certify.audits.audit import AuditPlan, audit_encoder, check_dimensions
    from certify.audits.source import EncoderSource, behind_noise, source_from_file
    from certify.provenance import provenance, started

    start, typed = started(), text_of("command", command)
    distance = None if epsilon is None else float(accuracy(epsilon))
    wanted = {
        name: None if value is None else integer(name, value)
        for name, value in (("draws", draws), ("pairs", pairs), ("count", count))
    }
    plan = AuditPlan(epsilon=distance, seed=random_seed(seed), **wanted)  # type: ignore[arg-type]
    bars = progress_of(progress)
    if not isinstance(encoder, (str, Path, EncoderSource)):
        raise InputError(f"`encoder` must be an .onnx file or an EncoderSource; got {type(encoder).__name__}")
    source = encoder if isinstance(encoder, EncoderSource) else source_from_file(encoder)
    map_ = loaded(generator)
    noise = float(noise_or_own(beta, map_))
    check_dimensions(source, map_)
    rows = observations_of(observations, [map_])
    if resume is not None and "sha256" not in source.details:
        raise InputError("`resume` keeps audits of encoders in files: one of functions has no digest")
    with execution_of(scheduler, resume, task_limit, "serial") as execution:
        found = audit_encoder(behind_noise(source, map_), map_, noise, rows, plan, bars, execution)
    record = provenance(typed, seed, start, [map_])
    return Audit(**values_of(replace(found, provenance=record)))
