"""`certify prove`: one relation between parameters, proved for all their values or refuted at a short point."""

from __future__ import annotations

from typing import Annotated

import typer

from certify.cli.groups import Common
from certify.cli.output import Output

ClaimArgument = Annotated[
    str, typer.Argument(metavar="RELATION", help='Such as "x/(1+x) <= 1 - exp(-x)"; a chain of <= is a conjunction.')
]
AssumeOption = Annotated[
    list[str] | None,
    typer.Option(
        "--assume",
        metavar="RELATION",
        help='Such as "0 < x <= 1" or "d in N" (0, 1, 2, ...); may be repeated. None: all real numbers.',
        show_default=False,
    ),
]


def run(
    context: typer.Context,
    *,
    claim: ClaimArgument,
    assume: AssumeOption = None,
    common: Common,
) -> int:
    """Prove a relation between real or natural parameters, or refute it.

    Numbers are exact (0.1 is 1/10). Functions: exp, log, sqrt, abs, min, max, sin, cos, sinh, cosh, tanh, and pi.

    Exit code: 0 proved, 1 refuted (the witness was confirmed in balls), 2 bad input, 3 not decided, 4 the assumptions
    contradict each other.
    """
    from certify.validation import random_seed

    start_seed = random_seed(common.seed)
    output = Output(common.json, common.quiet)
    output.check_destination()
    from certify import prove
    from certify.provenance import provenance, started
    from certify.verdict import exit_code

    start = started()
    found = prove(claim, assume or (), seed=start_seed)
    output.write_json({**found.to_dict(), "provenance": provenance(context.obj, start_seed, start)})
    output.line(str(found).splitlines()[0] if common.quiet else str(found))
    return exit_code([found.verdict])
