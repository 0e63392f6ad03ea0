"""`certify report`: everything that a check found, as one page that needs no network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from certify.cli.generators import loaded_generators
from certify.cli.groups import Common, Reading
from certify.cli.options import (
    BetaOption,
    EpsilonOption,
    GeneratorsOption,
    ObservationsOption,
    RegionOption,
    TheoremsArgument,
)
from certify.cli.output import Output
from certify.cli.progress_bar import progress_on_terminal

OutOption = Annotated[Path, typer.Option("--out", metavar="FILE.html", help="The page: one file, no network.")]
FromOption = Annotated[
    Path | None,
    typer.Option(
        "--from",
        metavar="FILE.json",
        help="Show this JSON of `check` or `diagnose`; nothing is checked again.",
    ),
]
GridOption = Annotated[
    str,
    typer.Option("--grid", metavar="none|small|medium|fine", help="Certified values behind the sliders: 0 to 2160."),
]


def run(
    context: typer.Context,
    *,
    theorems: TheoremsArgument = None,
    generator: GeneratorsOption = None,
    reading: Reading,
    out: OutOption = Path("report.html"),
    source: FromOption = None,
    grid: GridOption = "medium",
    beta: BetaOption = None,
    epsilon: EpsilonOption = "0.1",
    observations: ObservationsOption = None,
    region: RegionOption = None,
    common: Common,
) -> int:
    """Write one page to share: statements, formulas, graphs, numbers.

    Statement and formulas of every theorem, the graph of its proof, brackets, slack, observations, sliders over
    certified values. Exit code as for `check`.
    """
    from certify.atomic import check_writable
    from certify.errors import InputError
    from certify.validation import random_seed, region_radius

    output = Output(common.json, common.quiet)
    output.check_destination()
    check_writable(out)
    radius = region_radius(region)
    if source is not None:
        for option, given in (
            ("generator", generator),
            ("output", reading.output_name),
            ("noise", reading.deviations),
            ("measurement", reading.measurement),
            ("likelihood", reading.likelihood != "gaussian"),
            ("observations", observations),
            ("region", region),
            ("beta", beta),
        ):
            if given:
                raise InputError(f"`--from` shows a finished check; leave out `--{option}`")
    output.first_line(f"page of {', '.join(theorems or ()) or source or 'every theorem'}", random_seed(common.seed))
    import certify

    wanted = None if source is not None else generator
    loaded = loaded_generators(wanted, reading)
    with progress_on_terminal(common.quiet) as progress:
        found = certify.write_report(
            list(theorems or ()),
            loaded,
            out=out,
            source=source,
            grid=grid,
            beta=beta,
            epsilon=epsilon,
            observations=observations,
            region=radius,
            **common.keywords(context, progress),
        )
    output.write_json(found.to_dict())
    output.line(f"wrote {found.path}: {found.size / 1e6:.2f} MB, {found.parts}; open it in a browser")
    output.line(f"verdict: {found.result.verdict}")
    return found.exit_code
