"""`certify constants`: certified and witnessed ends of m, M, M2, M3 of a generator."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from certify.cli.options import (
    DEFAULT_SEED,
    DeviationsOption,
    GeneratorOption,
    JsonOption,
    OutputOption,
    QuietOption,
    RegionOption,
    SeedOption,
)
from certify.cli.output import Output
from certify.cli.progress_bar import progress_on_terminal

BudgetOption = Annotated[
    str, typer.Option("--budget", metavar="SECONDS", help="Time for the methods that improve with time.")
]
CentreOption = Annotated[
    Path | None, typer.Option("--centre", metavar="FILE", help="Centre of the --region: one point, .npy or .csv.")
]


def run(
    context: typer.Context,
    generator: GeneratorOption,
    output_name: OutputOption = None,
    deviations: DeviationsOption = None,
    region: RegionOption = None,
    centre: CentreOption = None,
    budget: BudgetOption = "60",
    json: JsonOption = None,
    seed: SeedOption = DEFAULT_SEED,
    quiet: QuietOption = False,
) -> int:
    """Bracket the constants m, M, M2, M3.

    The true constant lies between the two ends; each end says by which method and evidence.

    Exit code 0, or 3 when an end that the theorems need (lower of m, upper of M, M2) could not be certified.
    """
    from certify.errors import InputError
    from certify.validation import random_seed, region_radius, time_budget

    radius, seconds = region_radius(region), time_budget(budget)
    if centre is not None and radius is None:
        raise InputError("`--centre` is the centre of a ball: give its radius with --region too")
    output = Output(json, quiet)
    output.check_destination()
    output.first_line(f"constants of {generator}", random_seed(seed))
    import certify.api as api
    from certify.bounds.bracket import Region
    from certify.provenance import provenance, started
    from certify.validation import point_from_file

    start = started()
    with progress_on_terminal(quiet) as progress:
        loaded = api.load_generator(generator, output_name, deviations)
        ball = Region(radius, None if centre is None else point_from_file(centre, loaded.latent_dim))
        found = api.constants(loaded, region=ball, budget=seconds, seed=seed, progress=progress)
    output.write_json({**found.to_dict(), "provenance": provenance(context.obj, seed, start, [loaded])})
    if quiet:
        from certify.arithmetic.rounding import interval_text

        output.line("  ".join(f"{name} in {interval_text(item.lower, item.upper)}" for name, item in found.items()))
    elif output.prints:
        from certify.report.tables import constants_table
        from certify.report.terminal import draw

        output.report(draw(constants_table(found.items(), f"Constants of {generator}", found.notes)))
    needed = (found.m.lower, found.M.upper, found.M2.upper)
    return 0 if all(end is not None for end in needed) else 3
