"""`certify.stress`: theorems on random and adversarial cases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from certify.api.arguments import execution_of, progress_of
from certify.api.shown import Shown, values_of
from certify.progress import Progress
from certify.report.stress import claims_table, scaling_table, stress_report
from certify.stress_tests.records import StressResult
from certify.validation import file_path, integer, names_of, random_seed, text_of
from certify.wording import counted

if TYPE_CHECKING:
    from rich.console import RenderableType

    from certify.report.table import Table


@dataclass(frozen=True, eq=False, repr=False)
class Stress(Shown, StressResult):
    """A stress run: per property and claim the cases, the smallest slack with its case, and what fails."""

    def _summary(self) -> str:
        names = ", ".join(item.id for item in self.theorems)
        failures = [item for record in self.theorems for item in record.failures]
        after = "nothing fails" if not failures else f"{len(failures)} fail: replay {failures[0].file or 'the cases'}"
        return f"<{self.verdict}: {names} on {counted(self.examples, 'case')}; {after}>"

    def _tables(self) -> tuple[Table, ...]:
        return tuple(
            table
            for record in self.theorems
            for table in (claims_table(record), *((scaling_table(record),) if record.scaling else ()))
        )

    def _rows(self) -> list[dict[str, Any]]:
        return [
            {
                "theorem": record.id,
                "property": item.property_name,
                "claim": item.claim,
                "cases": item.drawn,
                "undecided": item.undecided,
                "slack": item.slack,
                "verdict": str(item.verdict),
            }
            for record in self.theorems
            for item in record.claims
        ]

    def _report(self) -> RenderableType:
        return stress_report(self)


def stress(
    theorems: str | Sequence[str] = (),
    *,
    examples: int = 100,
    seed: int = 0,
    out: str | Path | None = None,
    processes: int | None = 1,
    resume: str | Path | None = None,
    scheduler: Any = None,
    task_limit: float | None = None,
    progress: Progress | None = None,
    command: str = "",
) -> Stress:
    """Look for a counterexample to theorems on cases that hypothesis draws and drives towards small slack.

    Args:
        theorems: names or Python files; none: every theorem.
        examples: cases in all, >= 1, divided over theorems and properties.
        seed: decides every case, in [0, 2^63).
        out: folder for failing cases, made when there is one; None keeps them in the result only.
        processes: that share the work; None: one per processor. More than one needs a main module that can be
            imported (`if __name__ == "__main__":` in a script).
        resume: a folder that keeps the parts as they come; a run that was cut off goes on from it.
        scheduler: where the parts run, in place of `processes`: text as for `--scheduler`, or a
            `dask.distributed.Client`.
        task_limit: seconds after which a worker is taken to hang.
        progress: receives one unit per part of at most 50 examples.
        command: what the user typed, for the provenance.

    Raises:
        InputError: for an unknown theorem, or a number out of its domain.

    >>> found = stress("langevin-mixing", examples=5)
    >>> found.verdict
    <Verdict.SUPPORTED: 'supported'>
    """
    from certify.provenance import code_digest
    from certify.stress_tests.campaign import stress as run

    count = None if processes is None else integer("processes", processes, least=1)
    usual = "processes" if count is None else "serial" if count == 1 else f"processes:{count}"
    with execution_of(scheduler, resume, task_limit, usual) as execution:
        execution.expect({"work": "stress", "code": code_digest()}, {})
        found = run(
            names_of("theorems", theorems),
            examples=integer("examples", examples),
            seed=random_seed(seed),
            out=None if out is None else file_path("out", out),
            execution=execution,
            progress=progress_of(progress),
            command=text_of("command", command),
        )
    return Stress(**values_of(found))
