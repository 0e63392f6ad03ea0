"""`certify slack`: how many bits of the final bound each step of a proof loses."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from certify.cli.generators import loaded_generators
from certify.cli.groups import Common, Reading
from certify.cli.options import (
    BetaOption,
    EpsilonOption,
    GeneratorOption,
    ObservationsOption,
    RegionOption,
    TheoremArgument,
)
from certify.cli.output import Output
from certify.cli.progress_bar import progress_on_terminal

FormatOption = Annotated[
    str | None,
    typer.Option("--format", metavar="NAME", help="latex, markdown, csv or html in place of the terminal's table."),
]
FigureOption = Annotated[
    Path | None,
    typer.Option("--figure", metavar="FILE", help="Draw the bars here (.png, .pdf, or both); needs the extra `plots`."),
]


def run(
    context: typer.Context,
    *,
    theorem: TheoremArgument,
    generator: GeneratorOption,
    reading: Reading,
    beta: BetaOption = None,
    epsilon: EpsilonOption = "0.1",
    observations: ObservationsOption = None,
    region: RegionOption = None,
    format: FormatOption = None,  # noqa: A002 - the option's public name
    figure: FigureOption = None,
    common: Common,
) -> int:
    """Show which step of a proof loses most.

    One step's bound at a time is replaced by its measured value; the loss is in bits of the final bound. Exit code as
    for `check`.
    """
    from certify.report.discovery import table_format
    from certify.report.figures import prepare_figure
    from certify.report.table import Document
    from certify.report.terminal import draw
    from certify.validation import random_seed, region_radius

    output = Output(common.json, common.quiet)
    output.check_destination()
    chosen = None if format is None else table_format(format)
    if figure is not None:
        prepare_figure(figure)
    radius = region_radius(region)
    if chosen is None:
        output.first_line(f"slack of {theorem} on {generator}", random_seed(common.seed))
    import certify

    loaded = loaded_generators([generator], reading)
    assert loaded is not None
    with progress_on_terminal(common.quiet) as progress:
        found = certify.slack(
            theorem,
            loaded[0],
            beta=beta,
            epsilon=epsilon,
            observations=observations,
            region=radius,
            **common.keywords(context, progress),
        )
    output.write_json(found.to_dict())
    if common.quiet or not found.record.losses:
        output.line(repr(found).strip("<>"))
    elif chosen is not None:
        output.line(chosen.render(Document(found._tables())))
    else:
        output.report(draw(found._tables()[0]))
    if figure is not None and found.record.losses:
        for path in found.figure(figure):
            output.line(f"figure: {path}")
    return found.exit_code
