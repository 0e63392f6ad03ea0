"""`certify constants`: certified and witnessed ends of m, M, M2, M3 of a generator."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from certify.cli.groups import Common
from certify.cli.options import DeviationsOption, GeneratorOption, MeasurementOption, OutputOption, RegionOption
from certify.cli.output import Output
from certify.cli.progress_bar import progress_on_terminal

BudgetOption = Annotated[
    str | None,
    typer.Option("--budget", metavar="SECONDS", help="Cap in seconds of the clock; the work itself is --effort."),
]
EffortOption = Annotated[
    str | None,
    typer.Option("--effort", metavar="UNITS", help="Work per region, in millions of operations; the same everywhere."),
]
RadiiOption = Annotated[
    str | None,
    typer.Option("--radii", metavar="R1,R2,...", help="Bound the constants on these balls as well, in one run."),
]
FigureOption = Annotated[
    str | None,
    typer.Option("--figure", metavar="FILE", help="Draw the constants against --radii; needs the extra `plots`."),
]
CacheOption = Annotated[
    bool,
    typer.Option("--cache/--no-cache", help="Start from what earlier runs found, each piece of it verified again."),
]
CentreOption = Annotated[
    Path | None, typer.Option("--centre", metavar="FILE", help="Centre of the balls: one point, .npy or .csv.")
]


def run(
    context: typer.Context,
    *,
    generator: GeneratorOption,
    output_name: OutputOption = None,
    deviations: DeviationsOption = None,
    measurement: MeasurementOption = None,
    region: RegionOption = None,
    centre: CentreOption = None,
    radii: RadiiOption = None,
    figure: FigureOption = None,
    budget: BudgetOption = None,
    effort: EffortOption = None,
    cache: CacheOption = True,
    common: Common,
) -> int:
    """Bracket the constants m, M, M2, M3.

    The true constant lies between the two ends; each end says by which method and evidence.

    Ctrl-C ends the work and prints the ends found until then.

    Exit code 0, or 3 when an end that the theorems need (lower of m, upper of M, M2) could not be certified.
    """
    from certify.errors import InputError
    from certify.validation import random_seed, region_radius, time_budget, work_effort

    radius, seconds = region_radius(region), None if budget is None else time_budget(budget)
    sizes = None if radii is None else [region_radius(item.strip()) for item in radii.split(",")]
    if centre is not None and radius is None and sizes is None:
        raise InputError("`--centre` is the centre of a ball: give its radius with --region too")
    if figure is not None and sizes is None:
        raise InputError("`--figure` draws the constants against the radius: give --radii too")
    output = Output(common.json, common.quiet)
    output.check_destination()
    if figure is not None:
        from certify.report.figures import prepare_figure

        prepare_figure(figure)
    subject = generator if measurement is None else f"{generator} behind {measurement}"
    output.first_line(f"constants of {subject}", random_seed(common.seed))
    import certify
    from certify.api.constants import bounded
    from certify.bounds.bracket import Region
    from certify.bounds.effort import DEFAULT_EFFORT
    from certify.clock import now
    from certify.provenance import provenance, started
    from certify.validation import point_from_file

    start, began = started(), now()
    with progress_on_terminal(common.quiet) as progress:
        loaded = certify.load_generator(generator, output_name, deviations, measurement=measurement)
        point = None if centre is None else point_from_file(centre, loaded.latent_dim)
        main = Region(radius, None if radius is None else point)
        balls = None if sizes is None else [Region(size, point) for size in sizes]
        units = DEFAULT_EFFORT if effort is None else work_effort(effort)
        found = bounded(
            loaded, main, balls, units, seconds, cache, common.seed, progress, is_interruptible=True, began=began
        )
    drawn = () if figure is None else found.figure(figure)
    output.write_json({**found.to_dict(), "provenance": provenance(context.obj, common.seed, start, [loaded])})
    if common.quiet:
        from certify.arithmetic.rounding import interval_text

        output.line("  ".join(f"{name} in {interval_text(item.lower, item.upper)}" for name, item in found.items()))
    elif output.prints:
        from certify.report.tables import constants_table, radius_table
        from certify.report.terminal import draw

        output.report(draw(constants_table(found.items(), f"Constants of {subject}", found.notes)))
        if found.by_radius:
            output.report(draw(radius_table(found.by_radius, f"Constants of {subject} by radius")))
    for path in drawn:
        output.line(f"written: {path}")
    needed = (found.m.lower, found.M.upper, found.M2.upper)
    return 0 if all(end is not None for end in needed) else 3
