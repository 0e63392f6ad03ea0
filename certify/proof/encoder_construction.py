"""From a theorem to its network: settle the theorem at a generator, build the encoder, bound and count it.

Without a theorem every one that has an encoder kind is settled, and the smallest certified encoder is taken. A kind
that certifies single observations gets the one that was asked for and needs none of the constants.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from certify.arithmetic.arrays import FloatArray
from certify.arithmetic.balls import ball, lower, precision, upper
from certify.bounds.bracket import ConstantBrackets, Region, json_number, unknown_brackets
from certify.bounds.constants import constants as bracket_constants
from certify.encoders.convention import observation_digest
from certify.encoders.count import EncoderCount, encoder_count
from certify.encoders.kind import AtObservation, EncoderKind, EncoderOptions, Numbers
from certify.encoders.program import EncoderProgram
from certify.errors import InputError, UnknownNameError
from certify.generators.graph import BERNOULLI, GAUSSIAN, Generator
from certify.generators.logits import require_gaussian
from certify.progress import Progress, SilentProgress
from certify.proof.check import CONSTANTS_BUDGET
from certify.proof.conclusion import Setting, conclude, settle
from certify.proof.records import AssumptionRecord, ConclusionRecord
from certify.proof.registry import encoder_kinds, theorems
from certify.proof.theorem import Theorem
from certify.verdict import Verdict, weakest_verdict


@dataclass(frozen=True, eq=False)
class BuiltEncoder:
    """One theorem's encoder at a generator, as far as the theorem goes.

    `tv_bound` is the distance of the very network, rounded outward: the certificate's bound at these options and what
    the network adds to it. `program` and `count` are None where no choice of the theorem meets its side conditions.
    """

    theorem: str
    kind: EncoderKind
    verdict: Verdict
    reason: str
    assumptions: tuple[AssumptionRecord, ...]
    conclusion: ConclusionRecord | None = None
    program: EncoderProgram | None = None
    count: EncoderCount | None = None
    tv_bound: float | None = None
    observed: AtObservation | None = None
    """The certificate of a single observation, for a kind that has them."""

    @property
    def size_bound(self) -> float | None:
        """The theorem's bound on the unrolled parameters, where it states one for this network."""
        if self.observed is not None:
            return self.observed.parameter_bound
        return None if self.program is None or not self.program.size_bounded else self.value("size_bound")

    def value(self, name: str) -> float | None:
        """A number of the conclusion by its public name."""
        found = None if self.conclusion is None else self.conclusion.values.get(name)
        return float(found) if isinstance(found, (int, float)) else None

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        size = None
        if self.count is not None:
            bound = self.size_bound
            ratio = None if bound is None else bound / self.count.parameters_unrolled
            size = {**self.count.to_dict(), "bound": json_number(bound), "bound_over_count": json_number(ratio)}
        return {
            "theorem": self.theorem,
            "kind": self.kind.name,
            "verdict": str(self.verdict),
            "reason": self.reason,
            "tv_bound": json_number(self.tv_bound),
            "layers": None if self.program is None else dict(
                zip(("deterministic", "stochastic"), self.program.layers, strict=True)
            ),
            "size": size,
            "notes": [] if self.program is None else list(self.program.notes),
            "assumptions": [item.to_dict() for item in self.assumptions],
            "conclusion": None if self.conclusion is None else self.conclusion.to_dict(),
            "certificate": None if self.observed is None else self.observed.certificate,
        }  # fmt: skip


@dataclass(frozen=True, eq=False)
class SingleObservation:
    """The one observation x (n,) that an encoder is asked for, and its row `index`."""

    index: int
    values: FloatArray

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {"index": self.index, "sha256": observation_digest(self.values), "values": self.values.tolist()}


@dataclass(frozen=True, eq=False)
class EncoderChoice:
    """The encoder that was taken, and every candidate beside it; `single` is the observation that was asked for."""

    chosen: BuiltEncoder
    candidates: tuple[BuiltEncoder, ...]
    generator: Generator
    brackets: ConstantBrackets
    beta: Fraction
    epsilon: Fraction
    single: SingleObservation | None = None

    @property
    def noise_level(self) -> float | None:
        """Beta, None for a decoder of logits."""
        return float(self.beta) if self.generator.likelihood == GAUSSIAN else None

    @property
    def noise_text(self) -> str:
        """The noise in words."""
        return "Bernoulli logits" if self.noise_level is None else f"beta = {self.noise_level:g}"

    @property
    def verdict(self) -> Verdict:
        """The verdict of the encoder that was taken."""
        return self.chosen.verdict


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
    # Certificates of single observations rest on no constant.
    unneeded = not any(kinds[name].needs_constants for name in wanted) or generator.likelihood == BERNOULLI
    brackets = unknown_brackets() if unneeded else bracket_constants(
        generator, region=Region(), budget=CONSTANTS_BUDGET, seed=seed, progress=progress
    )  # fmt: skip
    built = []
    for name in wanted:
        try:
            if not known[name].conclusion.takes_logits:
                require_gaussian(generator, f"the encoder of `{name}`")
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


def build_at_observation(
    theorem: Theorem,
    kind: EncoderKind,
    generator: Generator,
    brackets: ConstantBrackets,
    beta: Fraction,
    epsilon: Fraction,
    single: SingleObservation | None,
    options: EncoderOptions,
) -> BuiltEncoder:
    """The encoder of one observation's own certificate.

    Raises:
        InputError: without one observation, or for an option of another kind.
    """
    assert kind.at_observation is not None, "the kind certifies single observations"
    if single is None:
        raise InputError(f"the encoder of `{theorem.id}` is written for one observation: give `observations`, `index`")
    for name in ("projected", "products_only"):
        if getattr(options, name):
            raise InputError(f"the {kind.name} encoder has no option `{name}`")
    if options.start is not None:
        raise InputError(f"the {kind.name} encoder has no descent: leave out `start`")
    need = theorem.conclusion.observations_need
    # A0 is what logits are outside of: nothing is left to assume.
    own = [] if generator.likelihood == BERNOULLI else theorem.assumptions
    decided = [item.decide(item, generator, brackets) for item in own if need is None or item.label in need]
    if failing := [item for item in decided if item.verdict in {Verdict.REFUTED, Verdict.INCONCLUSIVE}]:
        verdict = weakest_verdict(item.verdict for item in failing)
        reason = "; ".join(f"{item.label}: {item.reason}" for item in failing)
        own_verdict = Verdict.NOT_APPLICABLE if verdict is Verdict.REFUTED else verdict
        return BuiltEncoder(theorem.id, kind, own_verdict, reason, tuple(decided))
    found = kind.at_observation(generator, single.values, beta, epsilon, options, brackets)
    if found.program is None:
        return BuiltEncoder(theorem.id, kind, Verdict.INCONCLUSIVE, found.reason, tuple(decided), observed=found)
    bound = found.program.distance
    assert bound is not None and bound <= float(epsilon), "a certified encoder is within epsilon"
    verdict = weakest_verdict([Verdict.PROVED, *(item.verdict for item in decided)])
    return _held_to_size(
        BuiltEncoder(
            theorem.id,
            kind,
            verdict,
            "",
            tuple(decided),
            program=found.program,
            count=encoder_count(found.program),
            tv_bound=bound,
            observed=found,
        )  # fmt: skip
    )


def build_encoder(
    theorem: Theorem,
    kind: EncoderKind,
    generator: Generator,
    brackets: ConstantBrackets,
    beta: Fraction,
    epsilon: Fraction,
    observations: FloatArray | None,
    options: EncoderOptions,
    seed: int,
) -> BuiltEncoder:
    """Settle `theorem` and build its encoder."""
    assert kind.build is not None and kind.bound is not None, "the kind serves certificates of constants"
    if options.layout != EncoderOptions().layout:
        raise InputError(f"the {kind.name} encoder has one layout: leave out `layout`")
    assumptions = tuple(item.decide(item, generator, brackets) for item in theorem.assumptions)
    failing = [item for item in assumptions if item.verdict in {Verdict.REFUTED, Verdict.INCONCLUSIVE}]
    if failing:
        refuted = any(item.verdict is Verdict.REFUTED for item in failing)
        reason = "; ".join(f"{item.label}: {item.reason}" for item in failing)
        verdict = Verdict.NOT_APPLICABLE if refuted else Verdict.INCONCLUSIVE
        return BuiltEncoder(theorem.id, kind, verdict, reason, assumptions)
    setting = settle(theorem, generator, brackets, beta, epsilon, observations, seed)
    conclusion = conclude(theorem, generator, setting, None, assumptions, ())
    found = BuiltEncoder(theorem.id, kind, conclusion.verdict, setting.reason, assumptions, conclusion)
    if setting.certificate is None:
        return found
    numbers = Numbers(setting.certificate.values, observations is not None)
    program = kind.build(generator, numbers, options)
    with precision():
        bound = upper(kind.bound(numbers, options)) if program.distance is None else program.distance
        holds = bool(ball(bound) <= ball(epsilon))
    hypothesis = _start_hypothesis(numbers, options)
    parts = [item.verdict for item in assumptions] + [Verdict.CONDITIONAL if hypothesis else Verdict.PROVED]
    verdict = weakest_verdict([Verdict.PROVED if holds else Verdict.INCONCLUSIVE, *parts])
    reason = hypothesis if holds else _above(bound, epsilon, setting)
    found = replace(
        found, verdict=verdict, reason=reason, program=program, count=encoder_count(program), tv_bound=bound
    )
    return _held_to_size(found)


def _start_hypothesis(numbers: Numbers, options: EncoderOptions) -> str:
    """What the certificate rests on where the descent does not start from 0; empty where it does.

    S6 uses of the start its sublevel set alone: |G(z_0) - x| <= M rho.
    """
    if options.start is None:
        return ""
    with precision():
        reach = lower(numbers.enclosure("M") * numbers.enclosure("rho"))
    return f"where the start network's reconstruction |G(start(x)) - x| is at most M rho = {reach:.4g}: not checked"


def _held_to_size(built: BuiltEncoder) -> BuiltEncoder:
    """The encoder, refuted if it is larger than its theorem says."""
    assert built.count is not None, "a built encoder is counted"
    bound, count = built.size_bound, built.count.parameters_unrolled
    if bound is None or count <= bound:
        return built
    reason = f"the encoder has {count} parameters, its theorem says at most {bound:g}"
    return replace(built, verdict=Verdict.REFUTED, reason=reason)


def _above(bound: float, epsilon: Fraction, setting: Setting) -> str:
    largest = "none was found" if setting.beta_max is None else f"it is {setting.beta_max:.4g}"
    return (
        f"at beta = {setting.beta:g} the smallest bound found is {bound:.4g}, above epsilon = {float(epsilon):g}; "
        f"the largest noise level that works: {largest}"
    )


def _smallest(built: Sequence[BuiltEncoder]) -> BuiltEncoder:
    """The certified encoder with the fewest unrolled parameters, else the one whose verdict is least bad."""

    def order(item: BuiltEncoder) -> tuple[int, float, float]:
        size = float("inf") if item.count is None else float(item.count.parameters_unrolled)
        return item.verdict.rank, size, float("inf") if item.tv_bound is None else item.tv_bound

    return min(built, key=order)
