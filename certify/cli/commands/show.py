"""`certify show`: the statement of a theorem, what a referee must read, without its proof."""

from __future__ import annotations

from typing import Annotated

import typer

from certify.cli.options import DEFAULT_SEED, JsonOption, QuietOption, SeedOption
from certify.cli.output import Output

TheoremArgument = Annotated[str, typer.Argument(metavar="THEOREM", help="A name, or a theorem's own Python file.")]


def run(
    theorem: TheoremArgument,
    json: JsonOption = None,
    seed: SeedOption = DEFAULT_SEED,
    quiet: QuietOption = False,
) -> int:
    """Print the statement of a theorem.

    Source, assumptions, constants and conclusion, and the titles of the steps, without the proof.
    """
    output = Output(json, quiet)
    output.check_destination()
    output.first_line(f"statement of {theorem}")
    from certify.proof.registry import load_theorem
    from certify.report.statement import statement_dict, statement_report

    found = load_theorem(theorem)
    output.write_json(statement_dict(found))
    if quiet:
        output.line(f"{found.id}: {found.title}")
    elif output.prints:
        output.report(statement_report(found))
    return 0
