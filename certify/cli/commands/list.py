"""`certify list`: the theorems, generators, activations and table formats there are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from certify.cli.options import DEFAULT_SEED, JsonOption, QuietOption, UnusedSeedOption
from certify.cli.output import Output
from certify.errors import UnknownNameError

if TYPE_CHECKING:
    from certify.report.table import Table

KINDS = ("theorems", "generators", "activations", "formats")

KindArgument = Annotated[
    str | None, typer.Argument(metavar="[WHAT]", help=f"One of {', '.join(KINDS)}; none: all.", show_default=False)
]


def run(
    what: KindArgument = None,
    json: JsonOption = None,
    seed: UnusedSeedOption = DEFAULT_SEED,
    quiet: QuietOption = False,
) -> int:
    """List theorems, generators, activations."""
    if what is not None and what not in KINDS:
        raise UnknownNameError("list", what, KINDS)
    output = Output(json, quiet)
    output.check_destination()
    kinds = KINDS if what is None else (what,)
    output.first_line(", ".join(kinds))
    from certify.report import catalogue

    makers = {
        "theorems": catalogue.theorems_table,
        "generators": catalogue.generators_table,
        "activations": catalogue.activations_table,
        "formats": catalogue.formats_table,
    }
    tables = [makers[kind]() for kind in kinds]
    output.write_json({"schema": 1, **{table.name: _rows(table) for table in tables}})
    for table in tables:
        _print(output, table)
    return 0


def _rows(table: Table) -> list[dict[str, str]]:
    headings = [column.heading for column in table.columns]
    return [dict(zip(headings, (cell.text for cell in row), strict=True)) for row in table.rows]


def _print(output: Output, table: Table) -> None:
    if output.quiet:
        for row in table.rows:
            output.line(row[0].text)
    elif output.prints:
        from certify.report.terminal import draw

        output.report(draw(table))
