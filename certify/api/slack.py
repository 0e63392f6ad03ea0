"""`certify.slack`: how many bits of a theorem's final bound each step of its proof loses at a generator."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from certify.api.arguments import GeneratorLike, Observations, progress_of
from certify.api.check import check
from certify.api.shown import Shown
from certify.bounds.bracket import Region, json_number
from certify.errors import InputError
from certify.progress import Progress
from certify.report.slack_tables import slack_along_figure, slack_table, total_bits
from certify.validation import Number, file_path, text_of
from certify.verdict import exit_code

if TYPE_CHECKING:
    from certify.proof.records import TheoremRecord
    from certify.report.table import Table


@dataclass(frozen=True, eq=False, repr=False)
class Slack(Shown):
    """The losses of the steps of one theorem at one generator: `record` is what `certify.check` found there."""

    record: TheoremRecord
    provenance: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Per step the bits that it loses, with the final bound and the measured distance."""
        record, total = self.record, total_bits(self.record)
        values = {} if record.conclusion is None else record.conclusion.values
        numbers = {name: json_number(values.get(name)) for name in ("beta", "epsilon", "tv_bound")}  # type: ignore[arg-type]
        return {
            "schema": 1,
            "theorem": record.id,
            "generator": record.generator,
            "verdict": str(record.verdict),
            **numbers,
            "bits": None if total is None else json_number(total[1]),
            "steps": [item.to_dict() for item in record.losses],
            "provenance": self.provenance,
        }

    @property
    def exit_code(self) -> int:
        """The command line's exit code: that of the check."""
        return exit_code([self.record.verdict])

    def figure(self, path: str | Path) -> tuple[Path, ...]:
        """Draw the bars into `path` (.png or .pdf, both without an ending); needs the extra `plots`."""
        version = self.provenance["version"]
        return slack_along_figure(file_path("path", path), [self.record], f"slack along the proof, certify {version}")

    def _summary(self) -> str:
        record = self.record
        if not record.losses:
            return f"<{record.id} on {record.generator}: nothing measured stands in a final bound; {record.verdict}>"
        worst = max(record.losses, key=lambda item: item.bits)
        return (
            f"<{record.id} on {record.generator}: {len(record.losses)} steps, {worst.step} loses most "
            f"({worst.bits:.3g} bits); print it for the rest>"
        )

    def _tables(self) -> tuple[Table, ...]:
        return (slack_table(self.record),)

    def _rows(self) -> list[dict[str, Any]]:
        return [
            {"step": item.step, "title": item.title, "bits": item.bits, "replaced": item.replaced}
            for item in self.record.losses
        ]


def slack(
    theorem: str,
    generator: GeneratorLike,
    *,
    beta: Number | None = None,
    epsilon: Number = "0.1",
    observations: Observations | None = None,
    region: Number | Region | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    command: str = "",
) -> Slack:
    """How many bits of the final bound each step of a theorem loses at a generator.

    One step's bounds are replaced by what was measured there, everything behind it follows, the free choices stay; the
    loss is log2(final bound / final bound so replaced). Estimate: measured values are samples, unless a step says else.

    Args:
        theorem: name or Python file.
        generator: the map G or its SPEC.
        beta: noise level > 0; None: one that the theorem admits.
        epsilon: target total variation distance in (0, 1).
        observations: shape (k, n) or (n,), or a .npy or .csv file; None: drawn from the model.
        region: a radius around 0, or a `Region`; None: all of R^d.
        seed: of every random stream, in [0, 2^63).
        progress: receives how far the work has come.
        command: what the user typed, for the provenance.

    Raises:
        InputError: as `certify.check`; and for a generator that is None.

    >>> found = slack("langevin-mixing", "linear:d=2,kappa=1.5,seed=0", beta="0.5")
    >>> [item.step for item in found.record.losses]
    ['D17', 'S7']
    """
    if generator is None:
        raise InputError("`generator` must be a map G or its SPEC; got None")
    result = check(
        text_of("theorem", theorem),
        generator,
        beta=beta,
        epsilon=epsilon,
        observations=observations,
        region=region,
        seed=seed,
        progress=progress_of(progress),
        command=command,
    )
    if len(result.theorems) != 1:
        raise InputError(f"`slack` looks at one theorem on one generator; got {len(result.theorems)} checks")
    return Slack(result.theorems[0], result.provenance)
