"""The encoder that is taken: a named theorem's, or the smallest certified one among all theorems that have one."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from certify.arithmetic.arrays import FloatArray
from certify.bounds.bracket import Region, unknown_brackets
from certify.bounds.constants import constants as bracket_constants
from certify.checking.check import CONSTANTS_BUDGET
from certify.construction.build import build_at_observation, build_encoder
from certify.construction.built import BuiltEncoder, EncoderChoice, SingleObservation
from certify.discovery.registry import encoder_kinds, theorems
from certify.encoders.kind import EncoderOptions
from certify.errors import InputError, UnknownNameError
from certify.generators.graph import BERNOULLI, Generator
from certify.generators.logits import require_gaussian
from certify.progress import Progress, SilentProgress
from certify.verdict import Verdict


def choose_encoder(
    theorem: str | None,
    generator: Generator,
    beta: Fraction,
    epsilon: Fraction,
    observations: FloatArray | None = None,
    options: EncoderOptions | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    index: int | None = None,
) -> EncoderChoice:
    """Build the encoder of a theorem (id), or the smallest certified one among all theorems that have one.

    `index` is the row of `observations` that the encoder is for; None: all of them, or the only one.

    Raises:
        InputError: for options that the kind of encoder does not have, observations of another width, a row that is
            not there.
        UnknownNameError: for a theorem without an encoder.
    """
    progress, options = progress or SilentProgress(), options or EncoderOptions()
    kinds, known = encoder_kinds(), theorems()
    names = [name for name in kinds if name in known]
    if theorem is not None and theorem not in names:
        raise UnknownNameError("theorem with an encoder", theorem, names)
    if observations is not None and observations.shape[1] != generator.observed_dim:
        raise InputError(
            f"`observations` has {observations.shape[1]} columns, generator `{generator.name}` has "
            f"{generator.observed_dim} outputs: give observations of shape (k, {generator.observed_dim})"
        )
    single = _single(observations, index)
    if single is not None:
        observations = single.values[None]
    wanted = names if theorem is None else [theorem]
    # Certificates of single observations may rest on no constant.
    freely = single is not None and not any(kinds[name].needs_constants for name in wanted)
    unneeded = freely or generator.likelihood == BERNOULLI
    brackets = unknown_brackets() if unneeded else bracket_constants(
        generator, region=Region(), budget=CONSTANTS_BUDGET, seed=seed, progress=progress
    )  # fmt: skip
    built = []
    for name in wanted:
        try:
            if not known[name].conclusion.takes_logits:
                require_gaussian(generator, f"the encoder of `{name}`")
            if single is None and generator.likelihood == BERNOULLI:
                raise InputError(
                    f"the encoder of `{name}` for logits is written for one observation: give `observations`, `index`"
                )
            one, many = kinds[name].at_observation is not None, kinds[name].build is not None
            if one and (single is not None or not many):
                built.append(
                    build_at_observation(known[name], kinds[name], generator, brackets, beta, epsilon, single, options)
                )
            else:
                built.append(
                    build_encoder(
                        known[name], kinds[name], generator, brackets, beta, epsilon, observations, options, seed
                    )
                )
        except InputError as error:
            # Options of one kind rule out others where the kind is left open.
            if theorem is not None:
                raise
            built.append(BuiltEncoder(name, kinds[name], Verdict.INCONCLUSIVE, str(error), ()))
    return EncoderChoice(_smallest(built), tuple(built), generator, brackets, beta, epsilon, single)


def _single(observations: FloatArray | None, index: int | None) -> SingleObservation | None:
    if observations is None:
        if index is not None:
            raise InputError("`index` names a row of the observations: give `observations` too")
        return None
    rows = len(observations)
    if index is None:
        return SingleObservation(0, observations[0]) if rows == 1 else None
    if not 0 <= index < rows:
        raise InputError(f"`index` must be a row of the observations, 0 to {rows - 1}; got {index}")
    return SingleObservation(index, observations[index])


def _smallest(built: Sequence[BuiltEncoder]) -> BuiltEncoder:
    """The certified encoder with the fewest unrolled parameters, else the one whose verdict is least bad."""

    def order(item: BuiltEncoder) -> tuple[int, float, float]:
        size = float("inf") if item.count is None else float(item.count.parameters_unrolled)
        return item.verdict.rank, size, float("inf") if item.tv_bound is None else item.tv_bound

    return min(built, key=order)
