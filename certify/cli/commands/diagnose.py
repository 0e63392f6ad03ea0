"""`certify diagnose`: a decoder and its data on one screen, answers as they come."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, cast

import typer

from certify.cli.groups import Common, Reading
from certify.cli.options import EpsilonOption, OwnNoiseOption
from certify.cli.output import Output
from certify.cli.progress_bar import Announcing, progress_on_terminal

DecoderArgument = Annotated[str, typer.Argument(metavar="DECODER.onnx", help="The decoder, or another SPEC.")]
DataOption = Annotated[
    Path, typer.Option("--data", metavar="X.npy", help="Observations x, .npy or .csv of shape (k, n) or (n,).")
]
EncoderOption = Annotated[
    Path | None, typer.Option("--encoder", metavar="E.onnx", help="The trained Gaussian encoder.", show_default=False)
]


def run(
    context: typer.Context,
    *,
    decoder: DecoderArgument,
    data: DataOption,
    encoder: EncoderOption = None,
    reading: Reading,
    beta: OwnNoiseOption = None,
    epsilon: EpsilonOption = "0.1",
    common: Common,
) -> int:
    """Diagnose a decoder at its data.

    Constants, collapse, which encoder is certified, the evidence, the price of a diagonal encoder, the trained
    encoder's distance, and what to change; quick answers first. `certify report --from FILE.json` makes a page of it.

    Exit code: 0 every question has an answer, 2 bad input, 3 one is inconclusive.
    """
    from certify.validation import accuracy, noise_level, random_seed

    noise, distance = None if beta is None else noise_level(beta), accuracy(epsilon)
    output = Output(common.json, common.quiet)
    output.check_destination()
    output.first_line(f"diagnosis of {decoder} at {data}", random_seed(common.seed))
    import certify
    from certify.diagnosis.records import Answer
    from certify.report.diagnosis_tables import answer_lines, closing_lines, summary_line

    def announce(answer: object) -> None:
        output.line(answer_lines(cast("Answer", answer)))

    with progress_on_terminal(common.quiet) as bars:
        result = certify.diagnose(
            reading.generator(decoder),
            data,
            encoder=encoder,
            beta=noise,
            epsilon=distance,
            seed=common.seed,
            progress=bars if common.quiet else Announcing(bars, announce),
            command=context.obj,
        )
    output.write_json(result.to_dict())
    for line in (summary_line(result),) if common.quiet else closing_lines(result):
        output.line(line)
    return result.exit_code
