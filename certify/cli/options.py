"""Options that commands share, declared once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from certify.cli.completion import generator_beginnings, theorem_names

DEFAULT_SEED = 0

JsonOption = Annotated[
    str | None, typer.Option("--json", metavar="FILE", help="Write the result as JSON; `-` is standard output.")
]
SeedOption = Annotated[int, typer.Option("--seed", metavar="N", help="Seed of every random stream.")]
UnusedSeedOption = Annotated[int, typer.Option("--seed", metavar="N", hidden=True, help="Taken and not needed.")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Print one line per result, and no progress.")]
TheoremsArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[THEOREM]...",
        help="Names, or a theorem's Python file; none: all.",
        show_default=False,
        autocompletion=theorem_names,
    ),
]
TheoremArgument = Annotated[
    str, typer.Argument(metavar="THEOREM", help="A name, or a theorem's own Python file.", autocompletion=theorem_names)
]
GeneratorsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--generator",
        "-g",
        metavar="SPEC",
        help="FILE.onnx, family:key=value,... or pkg.mod:callable; may be repeated. None: the embedded ones.",
        show_default=False,
        autocompletion=generator_beginnings,
    ),
]
GeneratorOption = Annotated[
    str,
    typer.Option(
        "--generator",
        "-g",
        metavar="SPEC",
        help="FILE.onnx, family:key=value,... or pkg.mod:callable.",
        autocompletion=generator_beginnings,
    ),
]
OutputOption = Annotated[
    str | None,
    typer.Option(
        "--output", metavar="NAME", help="The output to take of an ONNX file with several.", show_default=False
    ),
]
DeviationsOption = Annotated[
    str | None,
    typer.Option(
        "--noise",
        metavar="FILE|KIND:NAME",
        help="One standard deviation per output: .npy, .csv, or an output of the ONNX file as KIND:NAME, KIND scale, "
        "log-scale, variance or log-variance; --beta is then the multiple of it.",
        show_default=False,
    ),
]
LabelsOption = Annotated[
    str | None,
    typer.Option(
        "--labels",
        metavar="FILE",
        help="One number per observation, .npy or .csv: its group, for `modes`; `clusters:K` for K clusters.",
        show_default=False,
    ),
]
InverseOption = Annotated[
    Path | None,
    typer.Option(
        "--inverse",
        metavar="FILE",
        help="A circuit (.blif, .aag, .aig) that undoes the generator's permutation; `one-way` checks that it does.",
        show_default=False,
    ),
]
MeasurementOption = Annotated[
    Path | None,
    typer.Option(
        "--measurement",
        metavar="A.npy",
        help="A matrix (n', n), .npy or .csv: what is observed is x' = A x with noise; --noise is then per row of it.",
        show_default=False,
    ),
]
LikelihoodOption = Annotated[
    str,
    typer.Option(
        "--likelihood",
        metavar="gaussian|bernoulli",
        help="What the outputs are: means under Gaussian noise, or logits of bits (outside A0 of the paper).",
    ),
]
BetaOption = Annotated[
    str | None,
    typer.Option("--beta", metavar="B", help="Noise level > 0; none: one that the theorem admits.", show_default=False),
]
OwnNoiseOption = Annotated[
    str | None,
    typer.Option("--beta", metavar="B", help="Noise level > 0; none: the decoder's own.", show_default=False),
]
EpsilonOption = Annotated[
    str, typer.Option("--epsilon", metavar="E", help="Total variation distance asked for, in (0, 1).")
]
RegionOption = Annotated[
    str | None,
    typer.Option("--region", metavar="RADIUS", help="Constants on this ball around 0; none: on all of R^d."),
]
ObservationsOption = Annotated[
    Path | None,
    typer.Option("--observations", metavar="FILE", help="Observations x, .npy or .csv of shape (k, n) or (n,)."),
]
ResumeOption = Annotated[
    Path | None,
    typer.Option(
        "--resume",
        metavar="FOLDER|FILE.json",
        help="Keep results here as they come, a file for each or all in one; a cut-off run goes on from them.",
        show_default=False,
    ),
]
SchedulerOption = Annotated[
    str | None,
    typer.Option(
        "--scheduler",
        metavar="WHERE",
        help="Where tasks run: serial, processes:N, local:N (a Dask cluster here), tcp://host:port or Dask's scheduler "
        "file; none: here.",
        show_default=False,
    ),
]
LimitOption = Annotated[
    float | None,
    typer.Option(
        "--task-limit",
        metavar="SECONDS",
        help="A worker that takes longer for one task hangs: it is ended and the task tried again.",
        show_default=False,
    ),
]
