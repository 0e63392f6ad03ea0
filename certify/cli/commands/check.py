"""`certify check`: theorems from their assumptions to their conclusion, on generators or on bare constants."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from certify.cli.generators import loaded_generators
from certify.cli.groups import Common, Places, Reading
from certify.cli.options import (
    BetaOption,
    EpsilonOption,
    GeneratorsOption,
    InverseOption,
    LabelsOption,
    ObservationsOption,
    RegionOption,
    TheoremsArgument,
)
from certify.cli.output import Output
from certify.cli.progress_bar import Announcing, progress_on_terminal
from certify.errors import InputError

if TYPE_CHECKING:
    from certify.generators.graph import Generator
    from certify.proof.records import CheckResult, TheoremRecord

EMBEDDED = "its own examples"
USAGE_ERROR = 2

ConstantsOption = Annotated[
    str | None,
    typer.Option(
        "--constants",
        metavar="d=..,m=..,M=..,M2=..",
        help="The constants alone, no generator; also M3=, rho= (bound of |G^-1(x)|) and N= (parameters of G).",
        show_default=False,
    ),
]

DetailsOption = Annotated[
    bool, typer.Option("--details", help="Every constant, assumption, step and interval of every theorem.")
]

LintOption = Annotated[
    bool, typer.Option("--lint", help="Only say what is wrong with a theorem's FILE.py: every defect as file:line.")
]

FiguresOption = Annotated[
    Path | None,
    typer.Option(
        "--figures",
        metavar="DIR",
        help="Draw slack and mixing figures (PNG, PDF) into this folder; needs the extra `plots`.",
        show_default=False,
    ),
]


def run(
    context: typer.Context,
    *,
    theorems: TheoremsArgument = None,
    generator: GeneratorsOption = None,
    reading: Reading,
    inverse: InverseOption = None,
    constants: ConstantsOption = None,
    beta: BetaOption = None,
    epsilon: EpsilonOption = "0.1",
    observations: ObservationsOption = None,
    labels: LabelsOption = None,
    places: Places,
    region: RegionOption = None,
    figures: FiguresOption = None,
    details: DetailsOption = False,
    lint: LintOption = False,
    common: Common,
) -> int:
    """Check theorems on generators or constants.

    Every step of a theorem is held against a generator; with --constants it is evaluated without one. A row comes for
    every theorem and generator as it is done, then what does not hold and why; --details prints everything.

    Exit code: 0 everything holds, 1 a step is refuted, 2 bad input, 3 something is inconclusive, 4 not applicable.
    """
    from certify.validation import accuracy, noise_level, random_seed, region_radius

    noise = None if beta is None else noise_level(beta)
    distance = accuracy(epsilon)
    radius = region_radius(region)
    output = Output(common.json, common.quiet)
    output.check_destination()
    names = list(theorems or ())
    for option in places.given():
        if observations is None or lint:
            raise InputError(f"`--{option}` is for certificates of single observations; give `--observations` too")
    if lint:
        return _lint(output, names)
    if constants is not None:
        for option, given in (
            ("generator", generator),
            ("output", reading.output_name),
            ("noise", reading.deviations),
            ("measurement", reading.measurement),
            ("inverse", inverse),
            ("likelihood", reading.likelihood != "gaussian"),
            ("observations", observations),
            ("labels", labels),
            ("region", region),
            ("figures", figures),
        ):
            if given:
                raise InputError(f"`--constants` evaluates a theorem without a generator; leave out `--{option}`")
        return _finish(output, _check_constants(output, names, constants, noise, distance, context.obj))
    if figures is not None:
        from certify.report.result_figures import prepare_folder

        prepare_folder(figures)
    where = ", ".join(generator or ()) or EMBEDDED
    output.first_line(f"{', '.join(names) or 'every theorem'} on {where}", random_seed(common.seed))
    import certify

    loaded = loaded_generators(generator, reading, inverse)
    rows = output.prints and not common.quiet and not details
    with progress_on_terminal(common.quiet) as bars:
        progress = Announcing(bars, _announced(output, names)) if rows else bars
        result = certify.check(
            names,
            loaded,
            beta=noise,
            epsilon=distance,
            observations=observations,
            labels=labels,
            region=radius,
            **common.keywords(context, progress),
            **places.keywords(),
        )
    code = _finish_rows(output, result, context.obj) if rows else _finish(output, result)
    if figures is not None:
        _draw(output, result, figures, names, loaded, distance, observations, radius, common.seed)
    return code


def _lint(output: Output, names: list[str]) -> int:
    """Every defect of theorems' files, one a line; 0 if there is none."""
    from certify.discovery.registry import lint

    if not names or any(not name.endswith(".py") for name in names):
        raise InputError("`--lint` reads theorems' Python files: give FILE.py")
    found = {name: lint(Path(name)) for name in names}
    output.write_json({"schema": 1, "files": found})
    for name, lines in found.items():
        for line in lines or ([f"{name}: no defect"] if not output.quiet else []):
            output.line(line)
    return USAGE_ERROR if any(found.values()) else 0


def _draw(
    output: Output,
    result: CheckResult,
    folder: Path,
    names: list[str],
    generators: list[Generator] | None,
    epsilon: Fraction,
    observations: Path | None,
    radius: float | None,
    seed: int,
) -> None:
    from certify.bounds.bracket import Region
    from certify.checking.check import example_specifications
    from certify.generators.specification import load_generator
    from certify.report.result_figures import result_figures
    from certify.validation import observations_from_file

    loaded = generators or [load_generator(specification) for specification in example_specifications(names)]
    rows = None if observations is None else loaded[0].whitened(observations_from_file(observations))
    written = result_figures(
        result, folder, names, loaded, epsilon=epsilon, observations=rows, region=Region(radius), seed=seed
    )
    for path in written:
        output.line(f"figure: {path}")


def _check_constants(
    output: Output, names: list[str], text: str, beta: Fraction | None, epsilon: Fraction, command: str
) -> CheckResult:
    if len(names) != 1:
        raise InputError(f"`--constants` needs exactly one THEOREM; got {len(names)}")
    output.first_line(f"{names[0]} on constants {text}")
    import certify

    with progress_on_terminal(output.quiet) as progress:
        return certify.check_constants(names[0], text, beta=beta, epsilon=epsilon, progress=progress, command=command)


def _announced(output: Output, names: list[str]) -> Callable[[object], None]:
    """What prints a row for every record, with the heading above the first."""
    from certify.discovery.registry import load_theorem
    from certify.report.first_screen import COLUMNS, WITHOUT_NOISE, fitted, heading, row

    noiseless = bool(names) and not any(load_theorem(name).noisy for name in names)
    columns = fitted(WITHOUT_NOISE if noiseless else COLUMNS, output.width)
    pending = [heading(columns)]

    def announce(record: TheoremRecord) -> None:
        while pending:
            output.line(pending.pop())
        output.line(row(record, columns))

    return cast("Callable[[object], None]", announce)


def _finish_rows(output: Output, result: CheckResult, command: str) -> int:
    """What does not hold, and the answer in words, below the rows."""
    from certify.report.first_screen import closing

    output.write_json(result.to_dict())
    for line in closing(result, command):
        output.line(line)
    return result.exit_code


def _finish(output: Output, result: CheckResult) -> int:
    output.write_json(result.to_dict())
    if output.quiet:
        from certify.report.terminal import verdict_text

        for record in result.theorems:
            output.line(verdict_text(record))
    elif output.prints:
        from certify.report.terminal import check_report

        output.report(check_report(result))
    return result.exit_code
