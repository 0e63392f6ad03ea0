"""`certify encoder`: a theorem's encoder for a generator, built, counted, certified and exported."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from certify.cli.groups import Common, Reading
from certify.cli.options import EpsilonOption, GeneratorOption, ObservationsOption, OwnNoiseOption
from certify.cli.output import Output
from certify.cli.progress_bar import progress_on_terminal

TheoremArgument = Annotated[
    str | None,
    typer.Argument(metavar="[THEOREM]", help="Whose encoder; none: the smallest certified.", show_default=False),
]
IndexOption = Annotated[
    int | None,
    typer.Option("--index", metavar="I", help="The row of the observations that it is for.", show_default=False),
]
LayoutOption = Annotated[
    str, typer.Option("--layout", metavar="sequence|parallel", help="Proposals in a loop, or side by side.")
]
OutOption = Annotated[
    Path | None,
    typer.Option("--out", metavar="ENCODER.onnx", help="Write the network here, and what is certified as .json."),
]
ProjectedOption = Annotated[
    bool, typer.Option("--projected", help="Langevin layers project onto the ball first (roots and divisions).")
]
ProductsOption = Annotated[
    bool, typer.Option("--products-only", help="Factors by Newton-Schulz: no roots, no divisions.")
]
UnrolledOption = Annotated[bool, typer.Option("--unrolled", help="Write every layer out instead of loops.")]
RandomOption = Annotated[bool, typer.Option("--random-normal", help="The file draws its own noise.")]
FloatOption = Annotated[
    bool, typer.Option("--float32", help="The file computes in float32; its distance to float64 is measured.")
]
StartOption = Annotated[
    Path | None,
    typer.Option("--start", metavar="FILE.onnx", help="A network x -> z at which the descent starts in place of 0."),
]


def run(
    context: typer.Context,
    *,
    generator: GeneratorOption,
    reading: Reading,
    theorem: TheoremArgument = None,
    beta: OwnNoiseOption = None,
    epsilon: EpsilonOption = "0.1",
    out: OutOption = None,
    observations: ObservationsOption = None,
    index: IndexOption = None,
    layout: LayoutOption = "sequence",
    projected: ProjectedOption = False,
    products_only: ProductsOption = False,
    unrolled: UnrolledOption = False,
    random_normal: RandomOption = False,
    float32: FloatOption = False,
    start: StartOption = None,
    common: Common,
) -> int:
    """Build the encoder that a theorem promises.

    The network is counted, certified and exported. Without THEOREM the smallest certified encoder is taken.

    Exit code: 0 certified, 2 bad input, 3 the bound is above epsilon (nothing is written), 4 an assumption is refuted.
    """
    from certify.validation import accuracy, noise_level, random_seed

    noise, distance = None if beta is None else noise_level(beta), accuracy(epsilon)
    output = Output(common.json, common.quiet)
    output.check_destination()
    if out is not None:
        from certify.report.encoder_files import check_encoder_path

        check_encoder_path(out)
    output.first_line(f"encoder of {theorem or 'the smallest kind'} for {generator}", random_seed(common.seed))
    import certify
    from certify.report.encoder_tables import encoder_report, summary_line
    from certify.verdict import exit_code

    with progress_on_terminal(common.quiet) as progress:
        result = certify.encoder(
            theorem,
            reading.generator(generator),
            beta=noise,
            epsilon=distance,
            out=out,
            observations=observations,
            index=index,
            layout=layout,
            projected=projected,
            products_only=products_only,
            unrolled=unrolled,
            random_normal=random_normal,
            float32=float32,
            start=start,
            **common.keywords(context, progress),
        )
    output.write_json(result.to_dict())
    if common.quiet:
        output.line(summary_line(result.choice))
    output.report(encoder_report(result.choice, result.file))
    return exit_code([result.choice.verdict])
