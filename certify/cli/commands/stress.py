"""`certify stress`: theorems on random and adversarial cases; failing cases are shrunk and saved."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from certify.cli.groups import Common, Places
from certify.cli.options import TheoremsArgument
from certify.cli.output import Output
from certify.cli.progress_bar import progress_on_terminal
from certify.errors import InputError, UnknownNameError

CASES_FOLDER = Path("stress-cases")

ExamplesOption = Annotated[
    int | None,
    typer.Option(
        "--examples",
        metavar="N",
        help="Cases in all, divided over theorems and properties; none: as many as the profile says.",
        show_default=False,
    ),
]
ProfileOption = Annotated[
    str, typer.Option("--profile", metavar="NAME", help="quick (100 cases), ci (1000) or long (20000).")
]
OutOption = Annotated[
    Path, typer.Option("--out", metavar="DIR", help="Folder for failing cases; made when there is one.")
]
ProcessesOption = Annotated[
    int | None,
    typer.Option(
        "--processes",
        metavar="N",
        min=1,
        help="Processes that share the work; none: one per processor.",
        show_default=False,
    ),
]
PowerOption = Annotated[
    bool, typer.Option("--power", help="What the checks can see: wrong claims, and by how much each must be wrong.")
]


def run(
    context: typer.Context,
    *,
    theorems: TheoremsArgument = None,
    examples: ExamplesOption = None,
    profile: ProfileOption = "quick",
    out: OutOption = CASES_FOLDER,
    power: PowerOption = False,
    processes: ProcessesOption = None,
    places: Places,
    common: Common,
) -> int:
    """Look for a counterexample to theorems.

    Every property of every theorem is judged on cases that hypothesis draws and drives towards small slack; a failing
    case is shrunk, saved and run again by `certify replay`.

    Exit code: 0 nothing fails, 1 a claim is refuted, 2 bad input, 3 something could not be decided.
    """
    output = Output(common.json, common.quiet)
    output.check_destination()
    output.first_line(f"stress {', '.join(theorems or ()) or 'every theorem'}", common.seed)
    from certify import stress
    from certify.atomic import check_folder_writable
    from certify.stress_tests.campaign import PROFILES
    from certify.validation import random_seed

    if profile not in PROFILES:
        raise UnknownNameError("profile", profile, PROFILES)
    random_seed(common.seed)
    check_folder_writable(out)
    names = list(theorems or ())
    if processes is not None and places.scheduler is not None:
        raise InputError("`--processes` and `--scheduler` both say where the parts run; give one of them")
    if power:
        for option in (*(() if processes is None else ("processes",)), *places.given()):
            raise InputError(f"`--power` runs in this process and keeps nothing; leave out `--{option}`")
        return _power(output, names, common.seed, common.quiet)
    with progress_on_terminal(common.quiet) as progress:
        result = stress(
            names,
            examples=PROFILES[profile] if examples is None else examples,
            seed=common.seed,
            out=out,
            processes=processes,
            **places.keywords(),
            progress=progress,
            command=context.obj,
        )
    output.write_json(result.to_dict())
    if output.quiet:
        for record in result.theorems:
            output.line(f"{record.id}: {record.verdict}")
    elif output.prints:
        from certify.report.stress import stress_report

        output.report(stress_report(result))
    return result.exit_code


def _power(output: Output, names: list[str], seed: int, quiet: bool) -> int:
    from certify.stress_tests.power import power_table

    with progress_on_terminal(quiet) as progress:
        found = power_table(names, seed=seed, progress=progress)
    output.write_json(found.to_dict())
    if output.prints:
        from certify.report.stress import power_document
        from certify.report.terminal import draw

        for table in power_document(found).tables:
            output.report(draw(table))
    return 0
