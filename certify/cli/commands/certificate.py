"""`certify certificate`: a portable certificate, which `checker/check.py` confirms without this package."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from certify.cli.options import JsonOption, ObservationsOption, QuietOption
from certify.cli.output import Output

KindArgument = Annotated[
    str, typer.Argument(metavar="KIND", help="derivatives, envelope, inverse-lipschitz or lipschitz.")
]
NetworkOption = Annotated[Path, typer.Option("--generator", "-g", metavar="FILE.onnx", help="The network.")]
OutOption = Annotated[Path, typer.Option("--out", metavar="CERT.json", help="Write the certificate here.")]
IndexOption = Annotated[int, typer.Option("--index", metavar="I", help="The row of the observations.")]
NoiseOption = Annotated[
    str | None,
    typer.Option("--beta", metavar="B", help="Noise level > 0; none: the decoder's own.", show_default=False),
]


def run(
    kind: KindArgument,
    generator: NetworkOption,
    out: OutOption,
    observations: ObservationsOption = None,
    index: IndexOption = 0,
    beta: NoiseOption = None,
    json: JsonOption = None,
    quiet: QuietOption = False,
) -> int:
    """Write a portable certificate about a network.

    Exact numbers and multipliers; `python checker/check.py CERT.json FILE.onnx` derives the claim from them again, with
    nothing but Python. An envelope is of one observation.

    Exit code: 0 the certificate is written, 2 bad input, 3 none was found (nothing is written).
    """
    from certify.atomic import check_writable, write_text_atomically

    output = Output(json, quiet)
    output.check_destination()
    check_writable(out)
    output.first_line(f"{kind} certificate of {generator}")
    import json as json_format

    from certify.api import certificate
    from certify.verdict import exit_code

    found = certificate(kind, generator, observations, index=index, beta=beta)
    output.write_json(found.to_dict())
    if found.document is None:
        output.line(f"no certificate: {found.reason}")
    else:
        write_text_atomically(out, json_format.dumps(found.document, indent=1) + "\n")
        claims = ", ".join(f"{name} = {value}" for name, value in found.claims.items())
        output.line(f"{found.title}: {claims}; written to {out}")
    return exit_code([found.verdict])
