"""`certify.check`: theorems from their assumptions to their conclusion, on generators."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import RenderableType

from certify.api.arguments import (
    GeneratorLike,
    Observations,
    all_loaded,
    check_kept,
    check_single_tasks,
    execution_of,
    labels_of,
    observations_of,
    progress_of,
    region_of,
)
from certify.api.shown import Shown
from certify.bounds.bracket import Region
from certify.errors import InputError, UnknownNameError
from certify.progress import Progress
from certify.proof.records import CheckResult, TheoremRecord
from certify.report.quantities import conclusion_direction
from certify.report.table import Table, number_cell
from certify.report.tables import record_tables
from certify.report.terminal import check_report, verdict_text
from certify.validation import Number, accuracy, names_of, noise_level, random_seed, text_of


@dataclass(frozen=True, eq=False, repr=False)
class Result(Shown, CheckResult):
    """What a check found: `verdict`, `exit_code`, and a record per theorem and generator.

    `result["strong-invertibility"]` is the record of a theorem, `result["strong-invertibility", "linear:d=2"]` the one
    at a generator where there are several.
    """

    def __getitem__(self, key: str | tuple[str, str]) -> TheoremRecord:
        name, where = key if isinstance(key, tuple) and len(key) == 2 else (key, None)
        found = [item for item in self.theorems if item.id == name]
        if not found:
            raise UnknownNameError("theorem of this result", str(name), {item.id for item in self.theorems})
        places = [str(item.generator) for item in found]
        if where is None and len(found) > 1:
            raise InputError(
                f"`{name}` was checked on {len(found)} generators: take one by "
                f'result["{name}", "{places[0]}"]; there are {", ".join(f"`{place}`" for place in places)}'
            )
        if where is None:
            return found[0]
        if where not in places:
            raise UnknownNameError(f"generator of `{name}`", str(where), places)
        return found[places.index(where)]

    def __iter__(self) -> Iterator[TheoremRecord]:
        return iter(self.theorems)

    def __contains__(self, name: object) -> bool:
        return any(name in (item.id, item) for item in self.theorems)

    def _summary(self) -> str:
        if len(self.theorems) == 1:
            return f"<{record_summary(self.theorems[0])}>"
        worst = [item for item in self.theorems if item.verdict is self.verdict]
        return (
            f"<{self.verdict}: {len(self.theorems)} checks; {len(worst)} of them {self.verdict}"
            + (f", first {record_summary(worst[0])}" if worst else "")
            + ">"
        )

    def _tables(self) -> tuple[Table, ...]:
        return tuple(table for record in self.theorems for table in record_tables(record))

    def _rows(self) -> list[dict[str, Any]]:
        return [
            {
                "theorem": item.id,
                "generator": item.generator,
                "verdict": str(item.verdict),
                "reason": item.reason,
                **({} if item.conclusion is None else item.conclusion.values),
            }
            for item in self.theorems
        ]

    def _report(self) -> RenderableType:
        return check_report(self)


def record_summary(record: TheoremRecord) -> str:
    """One theorem at one generator on a line: verdict, decisive numbers, and what to look at next."""
    numbers = ""
    if record.conclusion is not None:
        values = record.conclusion.values
        known = [
            (name, value) for name in ("beta", "beta_max", "K") if isinstance(value := values.get(name), (int, float))
        ]
        numbers = "; " + ", ".join(
            f"{name} = {number_cell(value, conclusion_direction(name)).text}" for name, value in known
        )
    return f"{verdict_text(record)}{numbers}; {next_step(record)}"


def next_step(record: TheoremRecord) -> str:
    """What a reader does next with a record: the part that decides its verdict, or the whole of it."""
    if record.verdict.holds:
        return "print it for the steps"
    for item in record.assumptions:
        if item.verdict is record.verdict or str(item.verdict) == "refuted":
            return f"see assumption {item.label}"
    for step in record.steps:
        if step.verdict is record.verdict:
            return f"see step {step.label}"
    return "print it for the reason"


def check(
    theorems: str | Sequence[str] = (),
    generators: GeneratorLike | Sequence[GeneratorLike] | None = None,
    *,
    beta: Number | None = None,
    epsilon: Number = "0.1",
    observations: Observations | None = None,
    labels: Observations | None = None,
    region: Number | Region | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    command: str = "",
    resume: str | Path | None = None,
    scheduler: Any = None,
    task_limit: float | None = None,
) -> Result:
    """Hold theorems against generators, from the assumptions to the conclusion.

    Args:
        theorems: names or Python files; none: every theorem.
        generators: maps G or their SPECs; None: each theorem's own examples.
        beta: noise level > 0; None: one that the theorem admits.
        epsilon: target total variation distance in (0, 1).
        observations: shape (k, n) or (n,), or a .npy or .csv file; None: drawn from the model.
        labels: one number per observation, as an array or a file, or `clusters:K`: groups of data, for `modes`.
        region: a radius around 0, or a `Region`; None: all of R^d.
        seed: of every random stream, in [0, 2^63).
        progress: receives how far the work has come.
        command: what the user typed, for the provenance.
        resume: a folder or `.json` file that keeps the certificates of single observations as they come.
        scheduler: where single observations are worked on: text as for `--scheduler`, or a `dask.distributed.Client`.
        task_limit: seconds after which a worker is taken to hang.

    Raises:
        InputError: for beta <= 0, epsilon outside (0, 1), observations of another width, an unknown name, or a
            scheduler without anything to do.

    >>> result = check("langevin-mixing", "linear:d=2,kappa=1.5,seed=0", beta="0.5")
    >>> result.verdict
    <Verdict.SUPPORTED: 'supported'>
    >>> result["langevin-mixing"].conclusion.tv_bound <= 0.1
    True
    """
    from certify.checking.check import check as run

    names = names_of("theorems", theorems)
    check_single_tasks(names, observations is not None, scheduler=scheduler, resume=resume, task_limit=task_limit)
    maps = all_loaded(generators)
    rows = observations_of(observations, maps)
    distance = accuracy(epsilon)
    with execution_of(scheduler, resume, task_limit) as execution:
        check_kept(execution, names, maps, distance)
        found = run(
            names,
            maps,
            beta=None if beta is None else noise_level(beta),
            epsilon=distance,
            observations=rows,
            labels=labels_of(labels, rows),
            region=region_of(region, maps),
            seed=random_seed(seed),
            progress=progress_of(progress),
            command=text_of("command", command),
            execution=execution,
        )
    return Result(found.theorems, found.provenance)
