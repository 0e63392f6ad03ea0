"""The figures of one `certify check`: the slack of the chain's steps, and the chain's distance where truth is known."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from certify.arithmetic.arrays import FloatArray
from certify.atomic import check_folder_writable
from certify.bounds.bracket import Region
from certify.bounds.constants import constants
from certify.checking.check import CONSTANTS_BUDGET
from certify.discovery.registry import load_theorem, theorems
from certify.errors import InputError
from certify.generators.graph import Generator
from certify.proof.conclusion import instance_at
from certify.proof.curves import MixingCurves
from certify.proof.records import CheckResult, TheoremRecord
from certify.proof.theorem import Theorem
from certify.report.figures import empty_figure, mixing_figure, slack_bars, slack_figure


def result_figures(
    result: CheckResult,
    folder: Path,
    names: Sequence[str],
    generators: Sequence[Generator],
    *,
    epsilon: Fraction,
    observations: FloatArray | None = None,
    region: Region | None = None,
    seed: int = 0,
) -> tuple[Path, ...]:
    """Write `slack.png/.pdf`, and `mixing.png/.pdf` where a theorem draws its chain, into `folder`.

    What a theorem's `curves` declines is left out of `mixing`.

    Args:
        result: what the check found.
        folder: made if it is missing.
        names: the theorems that were asked for; empty for all.
        generators: the generators that were asked for.
        epsilon: as in the check.
        observations: as in the check.
        region: as in the check; all of R^d if None.
        seed: as in the check.

    Returns:
        The files written; none where no theorem is about a chain.

    Raises:
        InputError: if the folder cannot be made or written.
        MissingExtraError: if matplotlib is not installed.
    """
    prepare_folder(folder)
    chosen = [load_theorem(name) for name in names] or list(theorems().values())
    steps = {theorem.id: theorem.slack_steps for theorem in chosen}
    written = slack_figure(folder / "slack", result, steps) if slack_bars(result, steps) else ()
    curves = [
        drawn
        for theorem in chosen
        for generator in generators
        for record in result.theorems
        if record.id == theorem.id and record.generator == generator.name and record.steps
        if (drawn := _curves(theorem, generator, record, epsilon, observations, region or Region(), seed)) is not None
    ]
    return written + (mixing_figure(folder / "mixing", curves) if curves else ())


def prepare_folder(folder: Path) -> None:
    """See before long work that figures can be drawn and written: the extra is there, and the folder is made.

    Raises:
        InputError: if the folder cannot be made.
        MissingExtraError: if matplotlib is not installed.
    """
    empty_figure(1.0, 1.0)
    check_folder_writable(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot make folder `{folder}`: {error.strerror or error}") from error


def _curves(
    theorem: Theorem,
    generator: Generator,
    record: TheoremRecord,
    epsilon: Fraction,
    observations: FloatArray | None,
    region: Region,
    seed: int,
) -> MixingCurves | None:
    """What the theorem draws at the noise level of its record; None where it draws nothing."""
    noise = None if record.conclusion is None else record.conclusion.values.get("beta")
    if theorem.curves is None or not isinstance(noise, float):
        return None
    brackets = constants(generator, region=region, budget=CONSTANTS_BUDGET, seed=seed)
    instance = instance_at(theorem, generator, brackets, Fraction(noise), epsilon, observations, seed)
    return None if isinstance(instance, str) else theorem.curves(instance)
