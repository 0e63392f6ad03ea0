"""`certify certificate`: a portable certificate, which `checker/check.py` confirms without this package."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from certify.cli.options import (
    DEFAULT_SEED,
    JsonOption,
    ObservationsOption,
    OwnNoiseOption,
    QuietOption,
    UnusedSeedOption,
)
from certify.cli.output import Output

KINDS = (
    "derivatives, envelope, rejection, inverse-lipschitz, lipschitz or boxes of a network; gaussian-layer, integral or "
    "langevin of constants; circuit-size; refutation."
)
KindArgument = Annotated[str, typer.Argument(metavar="KIND", help=KINDS)]
NetworkOption = Annotated[
    Path | None, typer.Option("--generator", "-g", metavar="FILE.onnx", help="The network.", show_default=False)
]
ConstantsOption = Annotated[
    str | None,
    typer.Option(
        "--constants",
        metavar="d=..,m=..,M=..,M2=..,beta=..,gradient=..,residual=..",
        help="The constants alone, with |A^-1/2 grad f(c)| and |G(c) - x| at a point c.",
        show_default=False,
    ),
]
CircuitOption = Annotated[
    Path | None, typer.Option("--circuit", metavar="FILE", help="A circuit: .blif, .aag, .aig.", show_default=False)
]
FormulaOption = Annotated[
    Path | None, typer.Option("--formula", metavar="FILE.cnf", help="A formula in DIMACS form.", show_default=False)
]
OutOption = Annotated[Path, typer.Option("--out", metavar="CERT.json", help="Write the certificate here.")]
IndexOption = Annotated[int, typer.Option("--index", metavar="I", help="The row of the observations.")]


def run(
    kind: KindArgument,
    out: OutOption,
    generator: NetworkOption = None,
    constants: ConstantsOption = None,
    circuit: CircuitOption = None,
    formula: FormulaOption = None,
    observations: ObservationsOption = None,
    index: IndexOption = 0,
    beta: OwnNoiseOption = None,
    json: JsonOption = None,
    seed: UnusedSeedOption = DEFAULT_SEED,
    quiet: QuietOption = False,
) -> int:
    """Write a portable certificate: about a network, constants, a circuit or a formula.

    Exact numbers and multipliers; a file of `checker/` derives the claim from them again, with nothing but Python
    (docs/certificates.md says which). An envelope, a rejection and boxes are of one observation.

    Exit code: 0 the certificate is written, 2 bad input, 3 none was found (nothing is written).
    """
    from certify.atomic import check_writable, write_text_atomically

    output = Output(json, quiet)
    output.check_destination()
    check_writable(out)
    about = next((str(item) for item in (generator, constants, circuit, formula) if item is not None), "nothing")
    output.first_line(f"{kind} certificate of {about}")
    import json as json_format

    from certify import certificate
    from certify.verdict import exit_code

    found = certificate(
        kind, generator, observations, index=index, beta=beta, constants=constants, circuit=circuit, formula=formula
    )
    output.write_json(found.to_dict())
    if found.document is None:
        output.line(f"no certificate: {found.reason}")
    else:
        write_text_atomically(out, json_format.dumps(found.document, indent=1) + "\n")
        claims = ", ".join(f"{name} = {value}" for name, value in found.claims.items())
        output.line(f"{found.title}: {claims}; written to {out}")
    return exit_code([found.verdict])
