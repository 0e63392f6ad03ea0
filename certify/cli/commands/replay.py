"""`certify replay`: one saved case again, bit for bit."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from certify.cli.options import DEFAULT_SEED, JsonOption, QuietOption, UnusedSeedOption
from certify.cli.output import Output

CaseArgument = Annotated[Path, typer.Argument(metavar="CASE.json", help="A case that `certify stress` saved.")]
TheoremFileOption = Annotated[
    str | None,
    typer.Option(
        "--theorem",
        metavar="FILE.py",
        help="The file of the case's theorem, where it is not installed; it is run: pass only a file you trust.",
        show_default=False,
    ),
]


def run(
    case: CaseArgument,
    theorem: TheoremFileOption = None,
    json: JsonOption = None,
    seed: UnusedSeedOption = DEFAULT_SEED,
    quiet: QuietOption = False,
) -> int:
    """Run one saved case again.

    The case holds everything its verdict depends on: its numbers come out bit for bit under the same versions, on a
    processor of one kind.

    Exit code: 0 the claim holds now, 1 it still fails, 2 bad input, 3 it could not be decided.
    """
    output = Output(json, quiet)
    output.check_destination()
    from certify.stress_tests.case import saved_case

    saved = saved_case(case)
    output.first_line(f"replay {saved.claim} of {saved.case.theorem} on {saved.case.describe()}")
    from certify import replay
    from certify.report.stress import replay_line

    found = replay(saved, theorem)
    output.write_json(found.to_dict())
    output.line(replay_line(found))
    return found.exit_code
