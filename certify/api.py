"""The Python face: what the command line does, as functions whose results print, show in a notebook and serialise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from certify.bounds.bracket import ConstantBrackets, Region
from certify.errors import InputError
from certify.generators.graph import Generator
from certify.progress import Progress, SilentProgress
from certify.proof.records import CheckResult
from certify.report.discovery import table_formats
from certify.report.table import Document, Table
from certify.report.tables import constants_table, record_tables
from certify.report.terminal import check_report, draw, render_text
from certify.validation import (
    Number,
    accuracy,
    check_observations,
    constants_from_text,
    noise_level,
    observations_from_file,
    random_seed,
    region_radius,
    time_budget,
)
from certify.verdict import Verdict

if TYPE_CHECKING:
    from certify.audits.records import AuditResult
    from certify.audits.source import EncoderSource
    from certify.envelopes.sample import PosteriorSample
    from certify.generators.graph import FloatArray
    from certify.report.encoder_result import EncoderResult

GeneratorLike: TypeAlias = Generator | str


@dataclass(frozen=True)
class Constants(ConstantBrackets):
    """Brackets of m, M, M2, M3 that print as a table and show as HTML in a notebook."""

    generator: Generator | None = None

    def to_dict(self) -> dict[str, Any]:
        """The JSON form of `certify constants`, without provenance."""
        return constants_dict(self, self.generator)

    def to_latex(self) -> str:
        """The brackets as a booktabs tabular, each end rounded outward."""
        return table_formats()["latex"].render(Document((self._table(),)))

    def _table(self) -> Table:
        name = "" if self.generator is None else f" of {self.generator.name}"
        return constants_table(self.items(), f"Constants{name}", self.notes)

    def _repr_html_(self) -> str:
        return table_formats()["html"].render(Document((self._table(),)))

    def __str__(self) -> str:
        return render_text(draw(self._table()))

    __repr__ = __str__


@dataclass(frozen=True)
class Result(CheckResult):
    """What a check found: `verdict`, `exit_code`, the records, and every form they are printed in."""

    def to_latex(self) -> str:
        """All tables of the result as booktabs tabulars."""
        return table_formats()["latex"].render(Document(self._tables()))

    def to_markdown(self) -> str:
        """All tables of the result in Markdown."""
        return table_formats()["markdown"].render(Document(self._tables()))

    def _tables(self) -> tuple[Table, ...]:
        return tuple(table for record in self.theorems for table in record_tables(record))

    def _repr_html_(self) -> str:
        return table_formats()["html"].render(Document(self._tables()))

    def __str__(self) -> str:
        return render_text(check_report(self))

    __repr__ = __str__


def load_generator(
    specification: str | Path, output: str | None = None, noise: FloatArray | Sequence[float] | str | Path | None = None
) -> Generator:
    """The generator of a SPEC: an ONNX file, a family with parameters, or `pkg.mod:callable`.

    `output` names the output of an ONNX file that has several. `noise` holds one standard deviation s_i > 0 per output,
    as an array, a .npy or .csv file, or `KIND:NAME` of another output of the file that does not depend on the latent
    vector (KIND scale, log-scale, variance or log-variance): the generator is then G / s, beta the multiple of s, and
    observations are divided by s where they are given.
    Raises InputError where the specification names none, or the noise is none.
    """
    from certify.generators.specification import load_generator as load

    return load(str(specification), output, noise)


def constants(
    generator: GeneratorLike,
    *,
    region: Number | Region | None = None,
    budget: Number = 10,
    seed: int = 0,
    progress: Progress | None = None,
) -> Constants:
    """Brackets of m, M, M2, M3: the true constant lies between the two ends.

    `region` is a radius around 0 (None: all of R^d) and `budget` a time in seconds. The lower end of m and the
    upper ends of M, M2, M3 are certified or None; the other ends come from witnesses.
    Raises InputError for a radius, budget or seed out of its domain.
    """
    from certify.bounds.constants import constants as brackets

    loaded = _loaded(generator)
    found = brackets(
        loaded, _region(region), time_budget(budget), random_seed(seed), progress if progress else SilentProgress()
    )
    values = {item.name: getattr(found, item.name) for item in fields(ConstantBrackets)}
    return Constants(**values, generator=loaded)


def check(
    theorems: str | Sequence[str] = (),
    generators: GeneratorLike | Sequence[GeneratorLike] | None = None,
    *,
    beta: Number | None = None,
    epsilon: Number = "0.1",
    observations: FloatArray | str | Path | None = None,
    region: Number | Region | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    command: str = "",
    resume: str | Path | None = None,
) -> Result:
    """Hold theorems against generators, from the assumptions to the conclusion.

    No theorem is every theorem, no generator each theorem's own examples; without `beta` each theorem takes a noise
    level that it admits. `observations` has shape (k, n) or (n,), or is a .npy or .csv file; `resume` keeps their
    certificates as they come.
    Raises InputError for beta <= 0, epsilon outside (0, 1), observations of another width, an unknown name.
    """
    from certify.proof.check import check as run

    names = [theorems] if isinstance(theorems, str) else list(theorems)
    loaded = _all_loaded(generators)
    found = run(
        names,
        loaded,
        beta=None if beta is None else noise_level(beta),
        epsilon=accuracy(epsilon),
        observations=_observations(observations, loaded),
        region=_region(region),
        seed=random_seed(seed),
        progress=progress if progress else SilentProgress(),
        command=command,
        resume=None if resume is None else Path(resume),
    )
    return Result(found.theorems, found.provenance)


def check_constants(
    theorem: str,
    values: str | Mapping[str, Number],
    *,
    beta: Number | None = None,
    epsilon: Number = "0.1",
    command: str = "",
) -> Result:
    """Evaluate a theorem on its constants alone: every closed form, the thresholds, the layers, the sizes.

    `values` is `d=8,m=1,M=1.5,M2=0.15[,M3=..][,rho=..][,N=..]` or a mapping with these names.
    Raises InputError for a constant out of its domain, UnknownNameError for an unknown name.
    """
    from certify.proof.check import check_constants as run
    from certify.proof.registry import load_theorem

    text = values if isinstance(values, str) else ",".join(f"{name}={value}" for name, value in values.items())
    loaded = load_theorem(theorem)
    found = run(
        theorem,
        constants_from_text(text, loaded.required_constants, loaded.constant_domains),
        beta=None if beta is None else noise_level(beta),
        epsilon=accuracy(epsilon),
        command=command,
    )
    return Result(found.theorems, found.provenance)


def audit(
    encoder: EncoderSource | str | Path,
    generator: GeneratorLike,
    *,
    beta: Number,
    epsilon: Number | None = None,
    observations: FloatArray | str | Path | None = None,
    count: int | None = None,
    draws: int | None = None,
    pairs: int | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    command: str = "",
) -> AuditResult:
    """Hold an encoder (an ONNX file) against the true posteriors of a generator.

    `observations` has shape (k, n) or (n,), or is a .npy or .csv file; None draws from the model; `count` is how
    many, ten by default, or how many of the first rows of those given. `epsilon` is the total variation distance to
    judge; None only measures. `draws` are made per observation, `pairs` for the calibration.
    Raises InputError for a file that is no encoder, other dimensions, beta <= 0, too few draws.
    """
    from certify.audits.audit import AuditPlan, audit_encoder, check_dimensions
    from certify.audits.source import behind_noise, source_from_file
    from certify.provenance import provenance, started

    start = started()
    noise = float(noise_level(beta))
    distance = None if epsilon is None else float(accuracy(epsilon))
    plan = AuditPlan(draws, pairs, distance, random_seed(seed), count=count)
    source = source_from_file(encoder) if isinstance(encoder, (str, Path)) else encoder
    loaded = _loaded(generator)
    check_dimensions(source, loaded)
    rows = _observations(observations, [loaded])
    bars = progress if progress else SilentProgress()
    found = audit_encoder(behind_noise(source, loaded), loaded, noise, rows, plan, bars)
    return replace(found, provenance=provenance(command, seed, start, [loaded]))


def encoder(
    theorem: str | None,
    generator: GeneratorLike,
    *,
    beta: Number | None = None,
    epsilon: Number = "0.1",
    out: str | Path | None = None,
    observations: FloatArray | str | Path | None = None,
    index: int | None = None,
    layout: str = "sequence",
    projected: bool = False,
    products_only: bool = False,
    unrolled: bool = False,
    random_normal: bool = False,
    start: GeneratorLike | Path | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    command: str = "",
) -> EncoderResult:
    """Build the encoder of a theorem (None: the smallest certified one), and write it to `out` if it is certified.

    Options are those of `certify encoder`; `observations` make the certificate hold for these, not for typical x, and
    `index` for one of them. Without `beta` the decoder's own noise is taken.
    Raises InputError for beta <= 0, epsilon outside (0, 1), a theorem without an encoder, a place that is not writable.
    """
    from certify.encoders.kind import EncoderOptions
    from certify.generators.noise import of_quotients
    from certify.proof.encoder_construction import choose_encoder
    from certify.provenance import provenance, started
    from certify.report.encoder_files import write_encoder
    from certify.report.encoder_result import EncoderResult

    began = started()
    loaded = _loaded(generator)
    network = None if start is None else _loaded(start)
    if network is not None and (network.latent_dim, network.observed_dim) != (loaded.observed_dim, loaded.latent_dim):
        raise InputError(
            f"`start` maps R^{network.latent_dim} to R^{network.observed_dim}; a start of this generator's encoder "
            f"maps R^{loaded.observed_dim} to R^{loaded.latent_dim}"
        )
    if network is not None and loaded.noise is not None:
        network = of_quotients(network, loaded.noise)
    choice = choose_encoder(
        theorem, loaded, _noise_or_own(beta, loaded), accuracy(epsilon), _observations(observations, [loaded]),
        EncoderOptions(projected, products_only, network, layout), random_seed(seed), progress or SilentProgress(),
        index,
    )  # fmt: skip
    certified = choice.verdict in {Verdict.PROVED, Verdict.SUPPORTED, Verdict.CONDITIONAL}
    written = None
    if out is not None and certified:
        written = write_encoder(choice, Path(out), unrolled, random_normal)
    return EncoderResult(choice, written, provenance(command, seed, began, [loaded]))


def sample(
    generator: GeneratorLike,
    observation: FloatArray | Sequence[float],
    count: int,
    *,
    beta: Number | None = None,
    seed: int = 0,
) -> PosteriorSample:
    """`count` independent draws of the posterior of z given x = `observation` (n,), exact up to rounding.

    By rejection under an envelope that is certified at this observation (Theorem R, docs/rejection.md), for d <= 3 and
    any network. Without `beta` the decoder's own noise is taken. The same bits for any number of threads.
    Raises InputError for a count below 1, beta <= 0, another width, or where no envelope is certified.
    """
    import numpy as np

    from certify.envelopes.likelihood import GaussianLikelihood
    from certify.envelopes.sample import posterior_sample

    loaded = _loaded(generator)
    rows = _observations(np.asarray(observation, dtype=np.float64), [loaded])
    if rows is None or len(rows) != 1:
        raise InputError(f"`observation` must be one x of shape (n,); got shape {np.shape(observation)}")
    if not (float(count).is_integer() and count >= 1):
        raise InputError(f"`count` must be a positive integer; got {count!r}")
    likelihood = GaussianLikelihood(rows[0], float(_noise_or_own(beta, loaded)))
    return posterior_sample(loaded, likelihood, int(count), random_seed(seed))


def constants_dict(found: ConstantBrackets, generator: Generator | None) -> dict[str, Any]:
    """The JSON form of `certify constants`, without provenance."""
    described = None
    if generator is not None:
        described = {
            "name": generator.name,
            "latent_dim": generator.latent_dim,
            "observed_dim": generator.observed_dim,
            "parameters": generator.parameters,
            "sha256": generator.sha256,
        }
    return {
        "schema": 1,
        "generator": described,
        "region": found.region.to_dict(),
        "constants": {name: bracket.to_dict() for name, bracket in found.items()},
        "seconds": found.seconds,
        "notes": list(found.notes),
    }


def _loaded(generator: GeneratorLike | Path) -> Generator:
    return generator if isinstance(generator, Generator) else load_generator(generator)


def _all_loaded(generators: GeneratorLike | Sequence[GeneratorLike] | None) -> list[Generator] | None:
    if generators is None:
        return None
    several = [generators] if isinstance(generators, (Generator, str, Path)) else generators
    return [_loaded(item) for item in several]


def _noise_or_own(beta: Number | None, generator: Generator) -> Fraction:
    """The noise level given, or the one that the decoder was trained with."""
    if beta is not None:
        return noise_level(beta)
    if "trained_beta" not in generator.metadata:
        raise InputError(f"`{generator.name}` names no noise level of its own: give `beta`")
    return noise_level(float(generator.metadata["trained_beta"]))


def _region(region: Number | Region | None) -> Region:
    return region if isinstance(region, Region) else Region(region_radius(region))


def _observations(given: FloatArray | str | Path | None, generators: list[Generator] | None) -> FloatArray | None:
    if given is None:
        return None
    if isinstance(given, (str, Path)):
        name, rows = f"observations `{given}`", observations_from_file(given)
    else:
        name, rows = "`observations`", check_observations(given, None)
    for width in sorted({generator.observed_dim for generator in generators or ()}):
        check_observations(rows, width, name)
    noises = {generator.noise for generator in generators or ()}
    if len(noises) > 1:
        raise InputError(f"{name}: the generators have different noise; check them one by one")
    if not generators or generators[0].noise is None:
        return rows
    return check_observations(generators[0].whitened(rows), None, f"{name} divided by the noise")
