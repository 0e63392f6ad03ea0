"""`certify evidence`: log p(x) of observations, enclosed, and what an encoder's lower bound of it loses."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from certify.cli.groups import Common, Places, Reading
from certify.cli.options import GeneratorOption, OwnNoiseOption
from certify.cli.output import Output
from certify.cli.progress_bar import progress_on_terminal

ObservationsOption = Annotated[
    Path, typer.Option("--observations", metavar="FILE", help="Observations x, .npy or .csv of shape (k, n) or (n,).")
]
EncoderOption = Annotated[
    Path | None,
    typer.Option(
        "--encoder", metavar="E.onnx", help="A Gaussian encoder: its ELBO and the gap to log p(x).", show_default=False
    ),
]
ProposalsOption = Annotated[
    int | None,
    typer.Option(
        "--proposals", metavar="N", help="Proposals per observation, >= 1000; none: 100000.", show_default=False
    ),
]


def run(
    context: typer.Context,
    *,
    generator: GeneratorOption,
    observations: ObservationsOption,
    reading: Reading,
    beta: OwnNoiseOption = None,
    encoder: EncoderOption = None,
    proposals: ProposalsOption = None,
    places: Places,
    common: Common,
) -> int:
    """Enclose the evidence log p(x).

    Per observation a rigorous interval, from the integrals of a certified envelope, and a sampled one, from exact
    sampling under it (error probability 1e-6); with --encoder its ELBO and the gap. At last the mean over the data.

    Exit code: 0 every observation is enclosed, 2 bad input, 3 one is not.
    """
    from certify.validation import noise_level, random_seed

    noise = None if beta is None else noise_level(beta)
    output = Output(common.json, common.quiet)
    output.check_destination()
    output.first_line(f"evidence of {observations} under {generator}", random_seed(common.seed))
    import certify
    from certify.report.evidence_tables import evidence_report, summary_line
    from certify.verdict import exit_code

    with progress_on_terminal(common.quiet) as progress:
        result = certify.evidence(
            reading.generator(generator),
            observations,
            beta=noise,
            encoder=encoder,
            proposals=proposals,
            **common.keywords(context, progress),
            **places.keywords(),
        )
    output.write_json(result.to_dict())
    if common.quiet:
        output.line(summary_line(result))
    output.report(evidence_report(result))
    return exit_code([result.verdict])
