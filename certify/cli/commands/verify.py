"""`certify verify`: stored certificates checked again, without the search that found them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from certify.cli.options import (
    DEFAULT_SEED,
    DeviationsOption,
    JsonOption,
    MeasurementOption,
    ObservationsOption,
    OutputOption,
    QuietOption,
    UnusedSeedOption,
)
from certify.cli.output import Output

FileArgument = Annotated[
    Path,
    typer.Argument(
        metavar="FILE.json|FOLDER", help="A certificate, what `--resume` keeps, or the JSON of `certify check`."
    ),
]
OptionalGeneratorOption = Annotated[
    str | None,
    typer.Option(
        "--generator", "-g", metavar="SPEC", help="The decoder; none: the file or family that the certificate names.",
        show_default=False,
    ),
]  # fmt: skip
ConstantsOption = Annotated[
    bool, typer.Option("--constants", help="Bound m, M and M2 anew, by a search; otherwise by what the file holds.")
]


def run(
    file: FileArgument,
    generator: OptionalGeneratorOption = None,
    output: OutputOption = None,
    noise: DeviationsOption = None,
    measurement: MeasurementOption = None,
    observations: ObservationsOption = None,
    constants: ConstantsOption = False,
    json: JsonOption = None,
    seed: UnusedSeedOption = DEFAULT_SEED,
    quiet: QuietOption = False,
) -> int:
    """Check stored certificates again, in balls, by the evidence that they hold.

    Exit code: 0 every certificate holds, 1 a claim is not confirmed, 2 bad input or another decoder.
    """
    destination = Output(json, quiet)
    destination.check_destination()
    destination.first_line(f"verify {file}")
    from certify import verify
    from certify.cli.generators import loaded_generators
    from certify.cli.groups import Reading

    loaded = loaded_generators(None if generator is None else [generator], Reading(output, noise, measurement))
    result = verify(file, None if loaded is None else loaded[0], observations, constants)
    destination.write_json(result.to_dict())
    held = sum(item.holds for item in result.verifications.values())
    for place, item in result.verifications.items():
        if not (item.holds and quiet):
            destination.line(f"{place} {result.verdict_of(item)}: {item.reason or item.claim}")
    for line in (*result.premises, *result.warnings):
        destination.line(line)
    destination.line(f"{held} of {len(result.verifications)} certificates hold")
    return result.exit_code
