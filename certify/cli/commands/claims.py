"""`certify claims`: a paper's constants and inequalities, each row proved, refuted, or what it is short of."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from certify.cli.groups import Common
from certify.cli.output import Output
from certify.cli.progress_bar import progress_on_terminal

FileArgument = Annotated[
    Path,
    typer.Argument(metavar="FILE.csv", help="Columns name, relation, assumptions (a; b), printed, direction, source."),
]


def run(
    context: typer.Context,
    *,
    file: FileArgument,
    common: Common,
) -> int:
    """Check a table of claims.

    A row is a relation between parameters with its assumptions, or an expression with its printed decimal value. A
    relation that fails is tried again with one more hypothesis: a sign, a unit interval, integrality, an order.

    Exit code: 0 every row is proved, 1 a row is refuted or rounded the wrong way, 2 bad input, 3 a row is not decided.
    """
    from certify.validation import random_seed

    start_seed = random_seed(common.seed)
    output = Output(common.json, common.quiet)
    output.check_destination()
    from certify.provenance import provenance, started
    from certify.prover.claims_table import ClaimsTable, check_claims, read_rows

    start = started()
    rows = read_rows(file)
    output.first_line(f"{len(rows)} claims of {file}", start_seed)
    found = []
    with progress_on_terminal(common.quiet) as progress:
        progress.start("claims", len(rows))
        for finding in check_claims(file, start_seed):
            found.append(finding)
            progress.advance()
            output.line(str(finding))
    table = ClaimsTable(tuple(found))
    output.write_json({**table.to_dict(), "provenance": provenance(context.obj, start_seed, start)})
    proved = sum(item.outcome == "proved" for item in found)
    output.line(f"{proved} of {len(found)} proved")
    return table.exit_code
