"""`certify audit`: any encoder held against the true posterior."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from certify.cli.groups import Common, Places, Reading
from certify.cli.options import GeneratorOption, ObservationsOption, OwnNoiseOption
from certify.cli.output import Output
from certify.cli.progress_bar import progress_on_terminal

EncoderArgument = Annotated[Path, typer.Argument(metavar="ENCODER.onnx", help="The encoder: input x, and its noise.")]
AccuracyOption = Annotated[
    str | None,
    typer.Option("--epsilon", metavar="E", help="Judge TV <= E at every observation; none: only measure."),
]
DrawsOption = Annotated[
    int | None,
    typer.Option("--draws", metavar="N", help="Encoder draws per observation, >= 1000; none: 50000, or 20000."),
]
PairsOption = Annotated[
    int | None, typer.Option("--pairs", metavar="N", help="Pairs (z, x) of the calibration; 0: no calibration.")
]
CountOption = Annotated[
    int | None,
    typer.Option("--count", metavar="K", help="Observations: the first K of the file, or K drawn from the model."),
]
FiguresOption = Annotated[
    Path | None,
    typer.Option(
        "--figures",
        metavar="DIR",
        help="Draw distances and rank histograms (PNG, PDF) into this folder; needs the extra `plots`.",
        show_default=False,
    ),
]


def run(
    context: typer.Context,
    *,
    encoder: EncoderArgument,
    generator: GeneratorOption,
    beta: OwnNoiseOption = None,
    reading: Reading,
    epsilon: AccuracyOption = None,
    observations: ObservationsOption = None,
    count: CountOption = None,
    draws: DrawsOption = None,
    pairs: PairsOption = None,
    figures: FiguresOption = None,
    places: Places,
    common: Common,
) -> int:
    """Measure how far an encoder is from the posterior.

    Total variation distance with an interval per observation, simulation-based calibration, and a verdict.
    Without --observations ten are drawn from the model.

    Exit code: 0 supported, 1 refuted (error probability at most 1e-6), 2 bad input, 3 inconclusive.
    """
    from certify.validation import accuracy, noise_level, random_seed

    noise = None if beta is None else noise_level(beta)
    distance = None if epsilon is None else accuracy(epsilon)
    output = Output(common.json, common.quiet)
    output.check_destination()
    if figures is not None:
        from certify.report.result_figures import prepare_folder

        prepare_folder(figures)
    output.first_line(f"audit of {encoder} on {generator}", random_seed(common.seed))
    import certify
    from certify.report.audit_tables import audit_report, summary_line
    from certify.verdict import exit_code

    with progress_on_terminal(common.quiet) as progress:
        result = certify.audit(
            encoder,
            reading.generator(generator),
            beta=noise,
            epsilon=distance,
            observations=observations,
            count=count,
            draws=draws,
            pairs=pairs,
            **common.keywords(context, progress),
            **places.keywords(),
        )
    output.write_json(result.to_dict())
    if common.quiet:
        output.line(summary_line(result))
    output.report(audit_report(result))
    if figures is not None:
        from certify.report.audit_figures import audit_figures

        for path in audit_figures(result, figures):
            output.line(f"figure: {path}")
    return exit_code([result.verdict])
