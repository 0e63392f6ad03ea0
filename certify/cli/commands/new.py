"""`certify new`: the file that an author begins with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from certify.cli.options import DEFAULT_SEED, JsonOption, QuietOption, UnusedSeedOption
from certify.cli.output import Output
from certify.errors import UnknownNameError

KINDS = ("theorem",)

KindArgument = Annotated[str, typer.Argument(metavar="WHAT", help="What to begin: theorem.")]
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Its name: lower-case words joined by `-`.")]
OutOption = Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder of the file, made if it is missing.")]


def run(
    kind: KindArgument,
    name: NameArgument,
    out: OutOption = Path(),
    json: JsonOption = None,
    seed: UnusedSeedOption = DEFAULT_SEED,
    quiet: QuietOption = False,
) -> int:
    """Begin a theorem of your own.

    Writes one Python file that runs as it stands, with assumptions, quantities, steps with their checks and a
    conclusion; a file that is there is never overwritten.
    """
    if kind not in KINDS:
        raise UnknownNameError("beginning", kind, KINDS)
    output = Output(json, quiet)
    output.check_destination()
    from certify.discovery.new_theorem import write_theorem

    path = write_theorem(name, out)
    output.write_json({"schema": 1, "file": str(path), "theorem": name})
    output.line(f"wrote {path}")
    if not quiet:
        output.line(f"check it: certify check {path}")
    return 0
