"""`certify show`: the statement of a theorem, what a referee must read, without its proof."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from certify.cli.options import DEFAULT_SEED, JsonOption, QuietOption, TheoremArgument, UnusedSeedOption
from certify.cli.output import Output

if TYPE_CHECKING:
    from certify.proof.theorem import Theorem

FormulasOption = Annotated[
    bool,
    typer.Option("--formulas", help="Every definition, claim and premise, what is proved, and what is assumed."),
]
FormatOption = Annotated[
    str | None,
    typer.Option("--format", metavar="NAME", help="latex, markdown, csv or html in place of the terminal's tables."),
]
GraphOption = Annotated[
    bool, typer.Option("--graph", help="The blueprint: assumptions, leaves and steps, and what each rests on.")
]
SvgOption = Annotated[
    Path | None,
    typer.Option("--svg", metavar="FILE.svg", help="Write the blueprint as a picture.", show_default=False),
]


def run(
    theorem: TheoremArgument,
    formulas: FormulasOption = False,
    format: FormatOption = None,
    graph: GraphOption = False,
    svg: SvgOption = None,
    json: JsonOption = None,
    seed: UnusedSeedOption = DEFAULT_SEED,
    quiet: QuietOption = False,
) -> int:
    """Print the statement of a theorem.

    Source, assumptions, constants and conclusion, and the titles of the steps, without the proof. With --formulas
    also what a referee must read: every formula, the algebra of every step with its proof, the leaves under it. With
    --graph the proof as a graph; the evidence in it is that of the algebra, for all parameters.
    """
    output = Output(json, quiet)
    output.check_destination()
    if format is None:
        output.first_line(f"statement of {theorem}")
    from certify.discovery.registry import load_theorem
    from certify.report.statement import statement_dict, statement_report

    found = load_theorem(theorem)
    if graph or svg is not None:
        _show_graph(output, found, svg)
        return 0
    if formulas or format is not None:
        _show_formulas(output, found, format)
        return 0
    output.write_json(statement_dict(found))
    if quiet:
        output.line(f"{found.id}: {found.title}")
    elif output.prints:
        output.report(statement_report(found))
    return 0


def _show_graph(output: Output, theorem: Theorem, svg: Path | None) -> None:
    """The blueprint line by line, or as a picture in a file."""
    from certify.atomic import write_text_atomically
    from certify.report.blueprint import blueprint_lines, blueprint_of
    from certify.report.blueprint_svg import blueprint_svg

    drawn = blueprint_of(theorem)
    output.write_json({"schema": 1, "theorem": theorem.id, "nodes": [node.to_dict() for node in drawn.nodes]})
    if svg is not None:
        write_text_atomically(svg, blueprint_svg(drawn, standalone=True) + "\n")
        output.line(f"wrote {svg}")
        return
    for line in blueprint_lines(drawn):
        output.line(line)


def _show_formulas(output: Output, theorem: Theorem, format: str | None) -> None:
    """The formulas as tables on a terminal, or in a format of tables."""
    from certify.report.discovery import table_format
    from certify.report.formulas import formulas_dict, formulas_document
    from certify.report.statement import statement_dict
    from certify.report.terminal import draw

    output.write_json({**statement_dict(theorem), "formulas": formulas_dict(theorem)})
    if not output.prints:
        return
    document = formulas_document(theorem)
    if format is not None:
        output.line(table_format(format).render(document))
        return
    for table in document.tables:
        output.report(draw(table))
