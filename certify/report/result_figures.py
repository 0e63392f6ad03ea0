"""The figures of one `certify check`: the slack of the chain's steps, and the chain's distance where truth is known."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from certify.bounds.bracket import Region
from certify.bounds.constants import constants
from certify.errors import InputError
from certify.generators.graph import FloatArray, Generator
from certify.measure.burn_in import TRANSITION_DIMENSION
from certify.posteriors.gaussian import affine_form
from certify.proof.check import CONSTANTS_BUDGET
from certify.proof.mixing_curves import SLOWEST_RELAXATION, MixingCurves, curves_at
from certify.proof.records import CheckResult, TheoremRecord
from certify.proof.registry import load_theorem, theorems
from certify.proof.theorem import Theorem
from certify.report.figures import empty_figure, mixing_figure, slack_bars, slack_figure

CHAIN_QUANTITIES = frozenset({"mu", "eta", "rho", "K", "K_gd", "L_Phi"})
"""What a theorem about the plain chain from the centre of a descent names."""


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
    """Write `slack.png/.pdf`, and `mixing.png/.pdf` where d <= 2 or G is affine, into `folder`.

    A chain that needs more than 5,000 steps per relaxation time is left out of `mixing`.

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
    written = slack_figure(folder / "slack", result) if slack_bars(result) else ()
    chosen = [load_theorem(name) for name in names] or list(theorems().values())
    curves = [
        _curves(theorem, generator, record, epsilon, observations, region or Region(), seed)
        for theorem in chosen
        if {quantity.name for quantity in theorem.quantities} >= CHAIN_QUANTITIES
        for generator in generators
        if _truth_is_known(generator)
        for record in result.theorems
        if record.id == theorem.id and record.generator == generator.name and _can_be_simulated(record)
    ]
    return written + (mixing_figure(folder / "mixing", curves) if curves else ())


def prepare_folder(folder: Path) -> None:
    """See before long work that figures can be drawn and written: the extra is there, and the folder is made.

    Raises:
        InputError: if the folder cannot be made.
        MissingExtraError: if matplotlib is not installed.
    """
    empty_figure(1.0, 1.0)
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
) -> MixingCurves:
    assert record.conclusion is not None, "a record with steps has a conclusion"
    noise = record.conclusion.values["beta"]
    assert isinstance(noise, float), "a record with steps has a noise level"
    brackets = constants(generator, region=region, budget=CONSTANTS_BUDGET, seed=seed)
    return curves_at(theorem, generator, brackets, Fraction(noise), epsilon, observations, seed)


def _can_be_simulated(record: TheoremRecord) -> bool:
    """Whether the record has a chain, and one that relaxes within the steps that are simulated."""
    if not record.steps or record.conclusion is None:
        return False
    eta, mu = record.conclusion.values["eta"], record.conclusion.values["mu"]
    return isinstance(eta, float) and isinstance(mu, (int, float)) and eta * mu * SLOWEST_RELAXATION >= 1.0


def _truth_is_known(generator: Generator) -> bool:
    return generator.latent_dim <= TRANSITION_DIMENSION or affine_form(generator.graph) is not None
