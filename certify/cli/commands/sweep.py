"""`certify sweep`: a theorem over a grid of constants, as CSV, LaTeX and figures; every cell certified on its own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from certify.cli.options import (
    DEFAULT_SEED,
    JsonOption,
    QuietOption,
    SchedulerOption,
    TheoremArgument,
    UnusedSeedOption,
)
from certify.cli.output import Output
from certify.cli.progress_bar import progress_on_terminal

ConstantsOption = Annotated[
    str, typer.Option("--constants", metavar="m=..,M=..,..", help="What all cells share; beta and epsilon too.")
]
OverOption = Annotated[
    str,
    typer.Option(
        "--over", metavar="NAME=V:V:..,..", help="What is swept over, values between colons: d=2:4:8,kappa=1.1:1.5."
    ),
]
OutOption = Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder of the files, made if it is missing.")]
ColumnsOption = Annotated[
    str | None,
    typer.Option("--columns", metavar="NAMES", help="Quantities to print; none: noise, layers, bound."),
]
SecondsOption = Annotated[
    str | None,
    typer.Option("--seconds-per-cell", metavar="S", help="Give a cell up after so long; none: no limit."),
]


def run(
    context: typer.Context,
    theorem: TheoremArgument,
    over: OverOption,
    constants: ConstantsOption = "",
    out: OutOption = Path("sweep"),
    columns: ColumnsOption = None,
    seconds: SecondsOption = None,
    scheduler: SchedulerOption = None,
    json: JsonOption = None,
    seed: UnusedSeedOption = DEFAULT_SEED,
    quiet: QuietOption = False,
) -> int:
    """Run a theorem over a grid of constants.

    Writes `sweep.csv`, `sweep.tex` with caption and label, and `sweep.png/.pdf` with the extra `plots`. Cells are kept
    in `cells.json` as they come: a run that was cut off goes on from there, and confirms what it reads. Without beta
    the largest noise is found, and layers are counted at the noise that `check` takes.

    Exit code: 0 every cell is certified, 2 bad input, 3 some cell is not.
    """
    from certify.atomic import check_folder_writable
    from certify.validation import axes_from_text, literals_from_text, time_budget

    output = Output(json, quiet)
    output.check_destination()
    check_folder_writable(out)
    axes = axes_from_text("over", over)
    shared = literals_from_text("constants", constants)
    limit = None if seconds is None else time_budget(seconds)
    output.first_line(f"{theorem} over {over}")
    from certify.report.sweep_run import run_sweep

    with progress_on_terminal(quiet) as progress:
        found = run_sweep(theorem, shared, axes, out, columns, limit, progress, context.obj, scheduler)
    output.write_json(found.document)
    if output.prints and not quiet:
        from certify.report.terminal import draw

        output.report(draw(found.table))
    for path in found.written:
        output.line(f"wrote {path}")
    for note in found.notes:
        output.line(note)
    return found.exit_code
