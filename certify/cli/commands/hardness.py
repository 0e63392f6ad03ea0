"""`certify hardness`: what inverting the permutations of Theorem 2 costs the methods we have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from certify.cli.groups import Common, Places
from certify.cli.output import Output
from certify.cli.progress_bar import progress_on_terminal

FamilyOption = Annotated[
    list[str] | None,
    typer.Option("--family", metavar="NAME", help="gf2exp, modexp, linear, feistel; may be repeated. None: all."),
]
BitsOption = Annotated[str, typer.Option("--bits", metavar="A:B", help="Numbers of bits, A to B; or one number.")]
RunsOption = Annotated[int, typer.Option("--runs", metavar="K", help="Images inverted per family, method and size.")]
EffortOption = Annotated[
    float, typer.Option("--effort", metavar="F", help="Scales the cost at which a method is cut off.")
]
FiguresOption = Annotated[
    Path | None,
    typer.Option("--figures", metavar="DIR", help="Draw hardness.png and .pdf here; needs the extra `plots`."),
]


def run(
    context: typer.Context,
    *,
    family: FamilyOption = None,
    bits: BitsOption = "6:14",
    runs: RunsOption = 5,
    effort: EffortOption = 1.0,
    figures: FiguresOption = None,
    places: Places,
    common: Common,
) -> int:
    """Measure the cost of inverting permutations.

    Costs are counted in units that no machine changes; runs that were cut off are treated as such. The controls must
    come out easy. Measurement is not proof.

    Exit code: 0 the controls are easy (or none was asked for), 2 bad input, 3 a control was not found easy.
    """
    from certify.validation import bit_range, random_seed

    sizes, start_seed = bit_range(bits), random_seed(common.seed)
    output = Output(common.json, common.quiet)
    output.check_destination()
    if figures is not None:
        from certify.report.result_figures import prepare_folder

        prepare_folder(figures)
    output.first_line(f"cost of inversion at {bits} bits", start_seed)
    from certify.api.arguments import execution_of
    from certify.circuits.hardness import NOT_A_PROOF, measure_hardness
    from certify.provenance import provenance, started

    start = started()
    with (
        execution_of(places.scheduler, places.resume, places.task_limit, "serial") as execution,
        progress_on_terminal(common.quiet) as progress,
    ):
        found = measure_hardness(
            family or (), sizes, runs=runs, effort=effort, seed=start_seed, progress=progress, execution=execution
        )
    output.write_json({**found.to_dict(), "provenance": provenance(context.obj, start_seed, start)})
    easy = found.easy_controls
    if output.prints and not output.quiet:
        from certify.report.hardness import hardness_tables
        from certify.report.terminal import draw

        for table in hardness_tables(found):
            output.report(draw(table))
    for name, holds in easy.items():
        output.line(f"control {name}: {'easy' if holds else 'not found easy'}")
    if output.quiet:
        output.line(NOT_A_PROOF)
    if figures is not None:
        from certify.report.hardness import hardness_figure

        for path in hardness_figure(figures / "hardness", found):
            output.line(f"figure: {path}")
    return 0 if all(easy.values()) else 3
