"""One theorem's encoder at a generator: the theorem is settled, its network built, bounded in balls and counted.

A kind that certifies single observations gets the one that was asked for and needs none of the constants.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from certify.arithmetic.arrays import FloatArray
from certify.arithmetic.balls import ball, lower, precision, upper
from certify.arithmetic.rounding import Direction, decimal_text
from certify.bounds.bracket import ConstantBrackets
from certify.construction.built import BuiltEncoder, SingleObservation
from certify.encoders.count import encoder_count
from certify.encoders.kind import EncoderKind, EncoderOptions, Numbers
from certify.errors import InputError, NotCertifiedError
from certify.generators.graph import BERNOULLI, Generator
from certify.proof.conclusion import conclude, settle, too_far
from certify.proof.theorem import Theorem
from certify.verdict import Verdict, weakest_verdict


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
    decided = [item.at(generator, brackets) for item in own if need is None or item.label in need]
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
    if options.layout not in kind.layouts:
        raise InputError(f"the {kind.name} encoder has one layout: leave out `layout`")
    assumptions = tuple(item.at(generator, brackets) for item in theorem.assumptions)
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
    try:
        program = kind.build(generator, numbers, options)
    except NotCertifiedError as error:
        return replace(found, verdict=weakest_verdict([Verdict.INCONCLUSIVE, found.verdict]), reason=str(error))
    with precision():
        bound = upper(kind.bound(numbers, options)) if program.distance is None else program.distance
        holds = bool(ball(bound) <= ball(epsilon))
    hypothesis = _start_hypothesis(numbers, options)
    parts = [item.verdict for item in assumptions] + [Verdict.CONDITIONAL if hypothesis else Verdict.PROVED]
    verdict = weakest_verdict([Verdict.PROVED if holds else Verdict.INCONCLUSIVE, *parts])
    reason = hypothesis if holds else too_far(bound, float(epsilon), setting)
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
    least = decimal_text(reach, 4, Direction.DOWN)
    return f"where the start network's reconstruction |G(start(x)) - x| is at most M rho = {least}: not checked"


def _held_to_size(built: BuiltEncoder) -> BuiltEncoder:
    """The encoder, refuted if it is larger than its theorem says."""
    assert built.count is not None, "a built encoder is counted"
    bound, count = built.size_bound, built.count.parameters_unrolled
    if bound is None or count <= bound:
        return built
    reason = f"the encoder has {count} parameters, its theorem says at most {bound:g}"
    return replace(built, verdict=Verdict.REFUTED, reason=reason)
