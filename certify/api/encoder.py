"""`certify.encoder`: a theorem's encoder for a generator, built, counted, certified and written."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from certify.api.arguments import GeneratorLike, Observations, loaded, noise_or_own, observations_of, progress_of
from certify.api.shown import Shown
from certify.errors import InputError
from certify.progress import Progress
from certify.validation import Number, accuracy, file_path, flag, integer, random_seed, text_of
from certify.verdict import Verdict

if TYPE_CHECKING:
    from rich.console import RenderableType

    from certify.construction.built import EncoderChoice
    from certify.generators.graph import Generator
    from certify.report.encoder_files import EncoderFile
    from certify.report.table import Table


@dataclass(frozen=True, eq=False, repr=False)
class EncoderResult(Shown):
    """An encoder with its certificate, the candidates beside it, and the files if it was written."""

    choice: EncoderChoice
    file: EncoderFile | None
    provenance: dict[str, Any]

    @property
    def verdict(self) -> Verdict:
        """`proved` where the network is certified to be within epsilon."""
        return self.choice.verdict

    def to_dict(self) -> dict[str, Any]:
        """The JSON form of `certify encoder`."""
        from certify.report.encoder_files import describe_generator

        return {
            "schema": 1,
            "verdict": str(self.verdict),
            "generator": describe_generator(self.choice),
            "beta": self.choice.noise_level,
            "epsilon": float(self.choice.epsilon),
            "encoder": self.choice.chosen.to_dict(),
            "candidates": [item.to_dict() for item in self.choice.candidates],
            "file": None if self.file is None else self.file.to_dict(),
            "provenance": self.provenance,
        }

    def _summary(self) -> str:
        from certify.report.encoder_tables import summary_line

        if self.file is not None:
            after = f"written to {self.file.path}"
        elif self.choice.chosen.program is not None and self.verdict in _CERTIFIED:
            after = "give `out` to write it"
        else:
            after = "print it for the candidates"
        return f"<{summary_line(self.choice)}; {self.choice.noise_text}; {after}>"

    def _tables(self) -> tuple[Table, ...]:
        from certify.report.encoder_tables import candidates_table, size_table

        built = self.choice.chosen
        sizes = () if built.count is None else (size_table(built, self.choice.generator.parameters),)
        return (candidates_table(self.choice), *sizes)

    def _rows(self) -> list[dict[str, Any]]:
        return [
            {
                "theorem": item.theorem,
                "kind": item.kind.name,
                "verdict": str(item.verdict),
                "deterministic_layers": None if item.program is None else item.program.layers[0],
                "stochastic_layers": None if item.program is None else item.program.layers[1],
                "parameters": None if item.count is None else item.count.parameters_unrolled,
                "tv_bound": item.tv_bound,
                "reason": item.reason,
            }
            for item in self.choice.candidates
        ]

    def _report(self) -> RenderableType:
        from certify.report.encoder_tables import encoder_report

        return encoder_report(self.choice, self.file)


_CERTIFIED = frozenset({Verdict.PROVED, Verdict.SUPPORTED, Verdict.CONDITIONAL})


def encoder(
    theorem: str | None,
    generator: GeneratorLike,
    *,
    beta: Number | None = None,
    epsilon: Number = "0.1",
    out: str | Path | None = None,
    observations: Observations | None = None,
    index: int | None = None,
    layout: str = "sequence",
    projected: bool = False,
    products_only: bool = False,
    unrolled: bool = False,
    random_normal: bool = False,
    float32: bool = False,
    start: GeneratorLike | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    command: str = "",
) -> EncoderResult:
    """Build the encoder of a theorem, and write it to `out` if it is certified.

    Args:
        theorem: name; None: the smallest certified encoder of any.
        generator: the map G, or its SPEC.
        beta: noise level > 0; None: the decoder's own.
        epsilon: target total variation distance in (0, 1).
        out: an .onnx file; a JSON file with the certificate is written beside it.
        observations: shape (k, n) or (n,), or a .npy or .csv file: the certificate then holds for these, not for
            typical x.
        index: the row of `observations` that the encoder is for.
        layout: "sequence" or "parallel": proposals in a loop, or side by side.
        projected: Langevin layers project onto the ball first.
        products_only: factors by Newton-Schulz, without roots and divisions.
        unrolled: write every layer out instead of loops.
        random_normal: the file draws its own noise.
        float32: the file computes in float32; how far it is from the float64 one is measured and stated.
        start: a network x -> z at which the descent starts in place of 0.
        seed: of every random stream, in [0, 2^63).
        progress: receives how far the work has come.
        command: what the user typed, for the provenance.

    Raises:
        InputError: for beta <= 0, epsilon outside (0, 1), a theorem without an encoder, a place that is not writable.

    >>> found = encoder("gaussian-encoder", "linear:d=2,kappa=1.5,seed=0", beta="0.1")
    >>> found.verdict
    <Verdict.PROVED: 'proved'>
    """
    from certify.construction.choose import choose_encoder
    from certify.encoders.kind import EncoderOptions
    from certify.provenance import provenance, started
    from certify.report.encoder_files import check_encoder_path, write_encoder

    began, typed = started(), text_of("command", command)
    name = None if theorem is None else text_of("theorem", theorem)
    place = None if out is None else file_path("out", out)
    if place is not None:
        check_encoder_path(place)
    shape = text_of("layout", layout)
    whole, internal, single = flag("unrolled", unrolled), flag("random_normal", random_normal), flag("float32", float32)
    if single and internal:
        raise InputError("`float32` is held to float64 at given noise: leave out `random_normal`")
    map_ = loaded(generator)
    options = EncoderOptions(
        flag("projected", projected), flag("products_only", products_only), _start(start, map_), shape
    )
    choice = choose_encoder(
        name,
        map_,
        noise_or_own(beta, map_),
        accuracy(epsilon),
        observations_of(observations, [map_]),
        options,
        random_seed(seed),
        progress_of(progress),
        None if index is None else integer("index", index),
    )
    written = None
    if place is not None and choice.verdict in _CERTIFIED:
        written = write_encoder(choice, place, whole, internal, single)
    return EncoderResult(choice, written, provenance(typed, seed, began, [map_]))


def _start(start: GeneratorLike | None, generator: Generator) -> Generator | None:
    """The network at which the descent starts, as a function of observations as the generator has them."""
    from certify.generators.noise import of_quotients

    if start is None:
        return None
    network = loaded(start)
    if (network.latent_dim, network.observed_dim) != (generator.observed_dim, generator.latent_dim):
        raise InputError(
            f"`start` maps R^{network.latent_dim} to R^{network.observed_dim}; a start of this generator's encoder "
            f"maps R^{generator.observed_dim} to R^{generator.latent_dim}"
        )
    return network if generator.noise is None else of_quotients(network, generator.noise)
