"""What several verbs take: generators, observations, a region, a noise level; checked once, in the same words."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, Union

from certify.api.clusters import clustered, clusters_asked
from certify.arithmetic.arrays import FloatArray
from certify.bounds.bracket import Region
from certify.errors import InputError
from certify.execution.door import Execution
from certify.generators.graph import GAUSSIAN, Generator
from certify.generators.logits import NO_NOISE, check_bits
from certify.progress import Progress, SilentProgress
from certify.validation import (
    Number,
    check_observations,
    file_path,
    noise_level,
    observations_from_file,
    positive_number,
    region_centre,
    region_radius,
)

if TYPE_CHECKING:
    import torch

GeneratorLike: TypeAlias = Union[Generator, str, Path, "torch.nn.Module"]
Observations: TypeAlias = FloatArray | Sequence[Any] | str | Path


def loaded(generator: GeneratorLike) -> Generator:
    """The generator itself, or the one that a SPEC or a torch module describes."""
    from certify.generators.specification import load_generator

    return generator if isinstance(generator, Generator) else load_generator(generator)


def all_loaded(generators: GeneratorLike | Sequence[GeneratorLike] | None) -> list[Generator] | None:
    """One generator or several; None where none is named."""
    if generators is None:
        return None
    if not isinstance(generators, (list, tuple)):
        return [loaded(generators)]
    if not generators:
        raise InputError("`generators` is empty; leave it out for each theorem's own examples")
    return [loaded(item) for item in generators]


def noise_or_own(beta: Number | None, generator: Generator) -> Fraction:
    """The noise level given, or the one that the decoder was trained with; of logits, which have none, `NO_NOISE`."""
    if generator.likelihood != GAUSSIAN:
        if beta is not None:
            raise InputError(
                f"`beta` is the level of Gaussian noise; `{generator.name}` has logits for outputs: leave it out"
            )
        return Fraction(NO_NOISE)
    if beta is not None:
        return noise_level(beta)
    if "trained_beta" not in generator.metadata:
        raise InputError(f"`{generator.name}` names no noise level of its own: give `beta` (on a command line: --beta)")
    return noise_level(float(generator.metadata["trained_beta"]))


def region_of(region: Number | Region | None, generators: Sequence[Generator] | None = None) -> Region:
    """A radius around 0, or the region itself; its centre must have as many entries as each latent vector.

    Raises InputError for a radius that is not > 0, a centre without a radius or of another length.
    """
    if not isinstance(region, Region):
        return Region(region_radius(region))
    radius = region_radius(region.radius)
    if region.centre is None:
        return Region(radius)
    if radius is None:
        raise InputError("`region` has a centre and no radius: give the radius of the ball too")
    centre = region_centre(region.centre)
    for generator in generators or ():
        if len(centre) != generator.latent_dim:
            raise InputError(
                f"`region`: the centre must have {generator.latent_dim} coordinates (the latents of "
                f"`{generator.name}`); got {len(centre)}"
            )
    return Region(radius, centre)


def observations_of(given: Observations | None, generators: Sequence[Generator] | None) -> FloatArray | None:
    """Observations (k, n) as the generators have them: divided by their noise, where they have been."""
    if given is None:
        return None
    if isinstance(given, (str, Path)):
        name, rows = f"observations `{given}`", observations_from_file(given)
    else:
        name, rows = "`observations`", check_observations(given, None)
    for width in sorted({generator.observed_dim for generator in generators or ()}):
        check_observations(rows, width, name)
    for generator in generators or ():
        check_bits(generator, rows, name)
    noises = {generator.noise for generator in generators or ()}
    if len(noises) > 1:
        raise InputError(f"{name}: the generators have different noise; check them one by one")
    if not generators or generators[0].noise is None:
        return rows
    return check_observations(generators[0].whitened(rows), None, f"{name} divided by the noise")


def labels_of(given: Observations | None, rows: FloatArray | None) -> FloatArray | None:
    """One label (k,) per observation, numbers whose order means nothing; `clusters:K` are those of K clusters.

    Raises InputError for labels without observations, or of another number, or clusters that cannot be made.
    """
    if given is None:
        return None
    if rows is None:
        raise InputError("`labels` are those of observations: give `observations` too")
    clusters = clusters_asked(str(given)) if isinstance(given, (str, Path)) else None
    if clusters is not None:
        return clustered(rows, clusters)
    if isinstance(given, (str, Path)):
        name, found = f"labels `{given}`", observations_from_file(given, what="labels")
    else:
        name, found = "`labels`", check_observations(given, None, "`labels`")
    if found.size != len(rows) or 1 not in found.shape:
        raise InputError(f"{name}: expected one label per observation ({len(rows)}), got {found.size}")
    return found.reshape(-1)


def progress_of(progress: Progress | None) -> Progress:
    """The progress given, or the silent one.

    Raises InputError for what cannot receive a progress.
    """
    if progress is None:
        return SilentProgress()
    if isinstance(progress, type) or not all(
        callable(getattr(progress, name, None)) for name in ("start", "advance", "finish")
    ):
        raise InputError(
            f"`progress` must have the methods start, advance and finish (certify.progress.Progress); got "
            f"{type(progress).__name__}"
        )
    return progress


def check_single_tasks(names: Sequence[str], has_observations: bool, **options: Any) -> None:
    """Options of where and how single observations are worked on, by name; None where one is not given.

    Raises InputError where one is given and there is nothing that it would change.
    """
    from certify.discovery.registry import load_theorem

    name = next((name for name, given in options.items() if given is not None), None)
    if name is None:
        return
    if not has_observations:
        raise InputError(f"`{name}` is for certificates of single observations; give `observations` too")
    if names and not any(load_theorem(item).conclusion.certify_observations for item in names):
        raise InputError(
            f"`{name}` is for certificates of single observations; {', '.join(names)} has none: leave it out"
        )


def check_kept(
    execution: Execution, names: Sequence[str], generators: Sequence[Generator] | None, epsilon: Fraction
) -> None:
    """Before the work: that one file keeps the certificates of one theorem at one generator, and no other's.

    Raises InputError for a file where there are several, or one that is known to hold other results.
    """
    from certify.discovery.registry import load_theorem, theorems

    place = execution.resume
    if place is None or place.suffix != ".json":
        return
    asked = [load_theorem(name) for name in names] or list(theorems().values())
    keeping = [item for item in asked if item.conclusion.certify_observations]
    if len(keeping) != 1 or len(generators or ()) > 1:
        raise InputError(
            f"`resume`: the file `{place}` keeps the certificates of one theorem at one generator; give a folder, "
            "which keeps those of many"
        )
    named = {"epsilon": str(epsilon)}
    if generators:
        named["generator"] = generators[0].sha256
    execution.expect(keeping[0].conclusion.observations_kept_as, named)


def execution_of(scheduler: Any, resume: str | Path | None, task_limit: Any, usual: str | None = None) -> Execution:
    """Where tasks run, `usual` where no scheduler is given, and where their results are kept.

    Raises InputError for a scheduler or a path that is none, or a limit that is no positive number of seconds.
    """
    seconds = None if task_limit is None else float(positive_number("task_limit", task_limit))
    place = None if resume is None else file_path("resume", resume)
    return Execution(usual if scheduler is None else scheduler, place, seconds)
