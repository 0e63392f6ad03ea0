"""`certify.diagnose`: a decoder and its data, what is certified there, and what to change."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from certify.api.arguments import GeneratorLike, Observations, loaded, noise_or_own, observations_of, progress_of
from certify.api.shown import Shown, values_of
from certify.diagnosis.records import Diagnosis
from certify.errors import InputError
from certify.progress import Progress
from certify.report.diagnosis_tables import advice_table, diagnosis_report, diagnosis_table, summary_line
from certify.report.table import Table
from certify.validation import Number, accuracy, file_path, random_seed, text_of
from certify.verdict import exit_code

if TYPE_CHECKING:
    from rich.console import RenderableType


@dataclass(frozen=True, eq=False, repr=False)
class Diagnosed(Shown, Diagnosis):
    """The answers in the order they came, and what to change."""

    @property
    def exit_code(self) -> int:
        """0 where every question has an answer, 3 where one is inconclusive."""
        return exit_code([item.verdict for item in self.answers])

    def _summary(self) -> str:
        return f"<{summary_line(self)}; {len(self.advice)} to change; print it for the answers>"

    def _tables(self) -> tuple[Table, ...]:
        return diagnosis_table(self), advice_table(self)

    def _rows(self) -> list[dict[str, Any]]:
        return [
            {"question": item.question, "verdict": str(item.verdict), "text": item.text, "advice": item.advice}
            for item in self.answers
        ]

    def _report(self) -> RenderableType:
        return diagnosis_report(self)


def diagnose(
    generator: GeneratorLike,
    observations: Observations,
    *,
    encoder: str | Path | None = None,
    beta: Number | None = None,
    epsilon: Number = "0.1",
    seed: int = 0,
    progress: Progress | None = None,
    command: str = "",
) -> Diagnosed:
    """What is certified of a decoder at its data: constants, collapse, encoders, evidence, a diagonal encoder's price.

    At most the first five observations are looked at; every answer names its own evidence.

    Args:
        generator: the map G, or its SPEC.
        observations: shape (k, n) or (n,), or a .npy or .csv file.
        encoder: an ONNX file of a trained Gaussian encoder: its ELBO's gap, and its distance from the posteriors.
        beta: noise level > 0; None: the decoder's own, or none for logits.
        epsilon: total variation distance in (0, 1) asked of encoders.
        seed: of every random stream, in [0, 2^63).
        progress: receives how far the work has come, and every answer.
        command: what the user typed, for the provenance.

    Raises:
        InputError: for beta <= 0, observations of another width, an encoder that is none or has other
            dimensions.

    >>> found = diagnose("linear:d=2,kappa=2,m=1", [0.3, -0.2], beta="0.5")
    >>> found["collapse"].numbers["rate_lower"] > 1.5
    True
    """
    from certify.diagnosis.diagnose import diagnose as run
    from certify.provenance import provenance, started

    start, typed = started(), text_of("command", command)
    map_ = loaded(generator)
    noise = noise_or_own(beta, map_)
    rows = observations_of(observations, [map_])
    if rows is None:
        raise InputError("`observations` is missing: a decoder is diagnosed at its data")
    file = None if encoder is None else file_path("encoder", encoder)
    found = run(map_, rows, noise, accuracy(epsilon), file, random_seed(seed), progress_of(progress))
    return Diagnosed(**values_of(replace(found, provenance=provenance(typed, seed, start, [map_]))))
