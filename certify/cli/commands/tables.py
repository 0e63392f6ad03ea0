"""`certify tables`: the results as files for a paper, true as printed, and the check that they still are."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from certify.cli.commands.check import ConstantsOption
from certify.cli.generators import loaded_generators
from certify.cli.groups import Common, Reading
from certify.cli.options import (
    BetaOption,
    DeviationsOption,
    EpsilonOption,
    GeneratorsOption,
    MeasurementOption,
    ObservationsOption,
    OutputOption,
    RegionOption,
    TheoremsArgument,
)
from certify.cli.output import STANDARD_OUTPUT, Output
from certify.cli.progress_bar import progress_on_terminal

if TYPE_CHECKING:
    from certify.report.files import TableFile

FormatOption = Annotated[
    str, typer.Option("--format", metavar="NAMES", help="Comma-separated: latex, markdown, csv, html.")
]
OutOption = Annotated[str, typer.Option("--out", metavar="DIR", help="Folder of the files; `-` prints them instead.")]
ColumnsOption = Annotated[
    str | None,
    typer.Option(
        "--columns", metavar="HEADINGS", help="Keep these columns, between commas, where a table has them: step,slack."
    ),
]
CaptionsOption = Annotated[
    bool, typer.Option("--captions", help="LaTeX as floats with caption and label, long tables as longtables.")
]
CheckOption = Annotated[bool, typer.Option("--check", help="Write nothing; fail if a file differs or is missing.")]


def run(
    context: typer.Context,
    *,
    theorems: TheoremsArgument = None,
    generator: GeneratorsOption = None,
    output_name: OutputOption = None,
    deviations: DeviationsOption = None,
    measurement: MeasurementOption = None,
    format: FormatOption = "latex,markdown,csv",  # noqa: A002 - the option's public name
    out: OutOption = "tables",
    check: CheckOption = False,
    constants: ConstantsOption = None,
    columns: ColumnsOption = None,
    captions: CaptionsOption = False,
    beta: BetaOption = None,
    epsilon: EpsilonOption = "0.1",
    observations: ObservationsOption = None,
    region: RegionOption = None,
    common: Common,
) -> int:
    """Write results as tables for a paper.

    Constants, steps and conclusion, lower bounds rounded down and upper bounds up.

    The same seed and inputs give the same bytes. Exit code as for `check`; 1 if --check finds a difference.
    """
    from certify.atomic import check_folder_writable
    from certify.errors import InputError
    from certify.report.discovery import formats_from_text
    from certify.report.files import check_columns, differing_files, table_files, write_files
    from certify.validation import accuracy, noise_level, random_seed, region_radius

    chosen = formats_from_text(format)
    noise = None if beta is None else noise_level(beta)
    distance, radius = accuracy(epsilon), region_radius(region)
    output = Output(common.json, common.quiet)
    output.check_destination()
    prints_tables = out == STANDARD_OUTPUT
    if not prints_tables and not check:
        check_folder_writable(out)
    if check and (prints_tables or Path(out).exists() and not Path(out).is_dir()):
        raise InputError(f"`--check` compares the files of a folder; `--out {out}` is none")
    kept = [name.strip() for name in (columns or "").split(",") if name.strip()]
    if observations is None:
        # With observations a theorem's own numbers are columns too; those are known once they are.
        check_columns(kept)
    if not prints_tables:
        output.first_line("tables of " + (", ".join(theorems or ()) or "every theorem"), random_seed(common.seed))
    import certify

    given = {
        "output": output_name, "noise": deviations, "measurement": measurement, "beta": beta,
        "observations": observations, "region": region,
    }  # fmt: skip
    if constants is not None:
        if generator or any(value is not None for name, value in given.items() if name != "beta"):
            raise InputError("`--constants` evaluates a theorem without a generator; leave out what belongs to one")
        names = list(theorems or ())
        if len(names) != 1:
            raise InputError(f"`--constants` needs exactly one THEOREM; got {len(names)}")
        result = certify.check_constants(names[0], constants, beta=noise, epsilon=distance, command=context.obj)
    else:
        with progress_on_terminal(common.quiet) as progress:
            result = certify.check(
                list(theorems or ()),
                loaded_generators(generator, Reading(output_name, deviations, measurement)),
                beta=noise,
                epsilon=distance,
                observations=observations,
                region=radius,
                **common.keywords(context, progress),
            )
    given |= {"constants": constants, "columns": columns}
    again = _reproducing_command(theorems, generator, given, epsilon, common.seed) + (" --captions" if captions else "")
    files = table_files(result, chosen, again, kept, captions)
    if prints_tables:
        output.line("\n".join(file.content for file in files))
        differing: tuple[str, ...] = ()
    elif check:
        differing = differing_files(files, Path(out))
    else:
        write_files(files, Path(out))
        differing = ()
    output.write_json(_document(files, differing, result.provenance))
    if not prints_tables:
        _say(output, files, differing, Path(out), check)
    return 1 if differing else result.exit_code


def _say(output: Output, files: tuple[TableFile, ...], differing: tuple[str, ...], folder: Path, check: bool) -> None:
    for line in differing:
        output.line(f"{'differs' if (folder / line).is_file() else 'missing'}: {folder / line}")
    if check:
        output.line(f"{len(files) - len(differing)} of {len(files)} tables in {folder} are as computed")
    else:
        for file in files if not output.quiet else ():
            output.line(f"wrote {folder / file.name}")


def _document(files: tuple[TableFile, ...], differing: tuple[str, ...], provenance: dict[str, Any]) -> dict[str, Any]:
    return {
        "schema": 1,
        "files": [{"name": file.name, "format": file.format, "differs": file.name in differing} for file in files],
        "provenance": provenance,
    }


def _reproducing_command(
    theorems: list[str] | None,
    generators: list[str] | None,
    given: Mapping[str, object],
    epsilon: str,
    seed: int,
) -> str:
    """The command without what does not change a table (where it goes, in which format)."""
    parts = ["certify tables", *(theorems or ())]
    parts += [f"--generator {specification}" for specification in generators or ()]
    parts += [f"--{name} {value}" for name, value in given.items() if value is not None]
    return " ".join([*parts, f"--epsilon {epsilon}", f"--seed {seed}"])
