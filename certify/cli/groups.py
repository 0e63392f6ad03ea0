"""Options that stand together in several commands, as one parameter each: declared once, spread when it is registered.

A command takes a group as a keyword, `def run(context: typer.Context, *, reading: Reading, common: Common)`; `spread`
makes of it the function that the command line calls, with the options of each group in its place.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any, get_type_hints

import typer

from certify.cli.options import (
    DEFAULT_SEED,
    DeviationsOption,
    JsonOption,
    LikelihoodOption,
    LimitOption,
    MeasurementOption,
    OutputOption,
    QuietOption,
    ResumeOption,
    SchedulerOption,
    SeedOption,
)

if TYPE_CHECKING:
    from certify.generators.graph import Generator
    from certify.progress import Progress


@dataclass(frozen=True)
class Reading:
    """How a generator is read: which output, and what its numbers are the parameters of."""

    output_name: OutputOption = None
    deviations: DeviationsOption = None
    measurement: MeasurementOption = None
    likelihood: LikelihoodOption = "gaussian"

    def generator(self, specification: str) -> Generator:
        """The generator of this specification, read so."""
        from certify import load_generator

        return load_generator(specification, self.output_name, self.deviations, self.likelihood, self.measurement)


@dataclass(frozen=True)
class Places:
    """Where tasks run and their results are kept."""

    resume: ResumeOption = None
    scheduler: SchedulerOption = None
    task_limit: LimitOption = None

    def keywords(self) -> dict[str, Any]:
        """As the functions of `certify.api` take them."""
        return {"scheduler": self.scheduler, "resume": self.resume, "task_limit": self.task_limit}

    def given(self) -> tuple[str, ...]:
        """The names of the options that were given."""
        return tuple(name.replace("_", "-") for name, value in self.keywords().items() if value is not None)


@dataclass(frozen=True)
class Common:
    """What every command that draws takes."""

    json: JsonOption = None
    seed: SeedOption = DEFAULT_SEED
    quiet: QuietOption = False

    def keywords(self, context: typer.Context, progress: Progress) -> dict[str, Any]:
        """As the functions of `certify.api` take them, with what the user typed."""
        return {"seed": self.seed, "progress": progress, "command": context.obj}


def spread(run: Callable[..., int]) -> Callable[..., int]:
    """A function with the options of `run`'s groups in place of the groups, in their order."""
    hints = get_type_hints(run, include_extras=True)
    parameters: list[inspect.Parameter] = []
    groups: dict[str, Any] = {}
    for name, parameter in inspect.signature(run).parameters.items():
        kind = hints[name]
        if is_dataclass(kind):
            groups[name] = kind
            options = get_type_hints(kind, include_extras=True)
            parameters += [_keyword(item.name, item.default, options[item.name]) for item in fields(kind)]
        else:
            parameters.append(_keyword(name, parameter.default, kind))
    if not groups:
        return run

    @wraps(run)
    def called(**given: Any) -> int:
        made = {
            name: kind(**{item.name: given.pop(item.name) for item in fields(kind)}) for name, kind in groups.items()
        }
        return run(**given, **made)

    called.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    called.__annotations__ = {item.name: item.annotation for item in parameters}
    return called


def _keyword(name: str, default: Any, annotation: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
