"""The audit of an encoder: every observation's bracket, the calibration, and the verdict on a distance epsilon.

All ends of all observations hold together with probability >= 1 - 1e-6 (union bound): that is the error probability
of a `refuted`. The claim that is judged: TV(encoder at x, pi_x) <= epsilon at every observation. Without epsilon
nothing is claimed, and the audit is `supported` where every distance has two ends, `inconclusive` where one has none.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from functools import lru_cache, partial
from typing import Any

import numpy as np

from certify.arithmetic.arrays import FloatArray
from certify.audits.brackets import gaussian_bracket, sample_bracket, vacuous_bracket
from certify.audits.calibration import CalibrationPlan, calibrate
from certify.audits.chain import DeclaredChain, chain_bracket, follows
from certify.audits.encoder_law import BASIS_MAXIMAL, EncoderLaw, encoder_law
from certify.audits.exponential_chain import ExponentialChain
from certify.audits.langevin_chain import LangevinChain
from certify.audits.normaliser import normaliser
from certify.audits.records import AuditResult, Calibration, EncoderBracket, ObservationAudit
from certify.audits.reference import PosteriorDraws, posterior_draws
from certify.audits.rejection_encoder import declared_sampler, rejection_bracket
from certify.audits.source import EncoderSource
from certify.audits.typical_rejection import declared_proposals, proposals_bracket
from certify.bounds.constants import constants
from certify.errors import InputError
from certify.execution.door import Execution
from certify.execution.work import Codec, Work, all_of_it
from certify.generators.derivatives import value
from certify.generators.graph import GAUSSIAN, Generator
from certify.generators.logits import OUTSIDE_A0
from certify.measure.two_sample import MINIMAL_SAMPLES
from certify.posteriors.estimates import ERROR_PROBABILITY
from certify.posteriors.gaussian import affine_form, is_affine
from certify.posteriors.model import draw_observations, posterior_of
from certify.posteriors.posterior import Posterior
from certify.progress import Progress, SilentProgress
from certify.provenance import code_digest
from certify.verdict import Verdict, weakest_verdict

MINIMAL_DRAWS = 1000
DRAWS = 50_000
LONG_NOISE_DRAWS = 20_000
REFERENCE_DRAWS = 200_000
"""Draws of pi_x, and of the Gaussian of an encoder that is known to be one: both are cheap."""
LONG_NOISE = 512
"""Noise inputs beyond which a draw is so dear that the default is the smaller number."""
LONGEST_CALIBRATED = 50_000
"""Noise inputs beyond which a calibration is made only where it is asked for."""
OBSERVATIONS = 10
CONSTANTS_BUDGET = 10.0


@dataclass(frozen=True)
class AuditPlan:
    """What an audit spends: draws per observation (None: by the encoder's noise), calibration pairs (0: none), seed.

    Raises InputError for fewer than 1,000 draws, pairs in 1..29, or no observation.
    """

    draws: int | None = None
    pairs: int | None = None
    epsilon: float | None = None
    seed: int = 0
    error_probability: float = ERROR_PROBABILITY
    count: int | None = None
    """Observations: of those given the first, or how many are drawn from the model."""

    def __post_init__(self) -> None:
        if self.draws is not None and self.draws < MINIMAL_DRAWS:
            raise InputError(f"`draws` must be at least {MINIMAL_DRAWS}: fewer bound nothing; got {self.draws}")
        if self.count is not None and self.count < 1:
            raise InputError(f"`count` must be at least 1; got {self.count}")
        if self.pairs is not None and self.pairs != 0 and self.pairs < MINIMAL_SAMPLES:
            raise InputError(f"`pairs` must be 0 or at least {MINIMAL_SAMPLES}; got {self.pairs}")

    def draws_for(self, encoder: EncoderSource) -> int:
        """Draws per observation."""
        if self.draws is not None:
            return self.draws
        return DRAWS if encoder.noise_size is not None and encoder.noise_size <= LONG_NOISE else LONG_NOISE_DRAWS

    def pairs_for(self, encoder: EncoderSource) -> int:
        """Calibration pairs."""
        if self.pairs is not None:
            return self.pairs
        if encoder.noise_size is None or encoder.noise_size > LONGEST_CALIBRATED:
            return 0
        return 2000 if encoder.noise_size <= LONG_NOISE else 200


def audit_encoder(
    encoder: EncoderSource,
    generator: Generator,
    beta: float,
    observations: FloatArray | None,
    plan: AuditPlan,
    progress: Progress | None = None,
    execution: Execution | None = None,
) -> AuditResult:
    """Hold `encoder` against the posteriors of `generator` at noise level `beta`.

    Args:
        encoder: the encoder, with the generator's dimensions.
        generator: G.
        beta: noise level, > 0.
        observations: x, shape (k, n); None: drawn from the model, or the one that the encoder is for.
        plan: what is spent.
        progress: told how far the audit has come.
        execution: where the observations are audited and kept; None: here, and nowhere.

    Raises:
        InputError: if the dimensions differ, the encoder returns something that is not finite, or it is for one
            observation and another or a calibration is asked for.
    """
    check_dimensions(encoder, generator)
    bars = progress or SilentProgress()
    if encoder.only is not None:
        rows = _only_observation(encoder, encoder.only, observations, plan)
    elif observations is None:
        rows = model_observations(generator, beta, plan.count or OBSERVATIONS, plan.seed)
    else:
        rows = observations[: plan.count]
    work = Work(
        partial(_observation, encoder, generator, beta, rows, plan),
        Codec(ObservationAudit.to_dict, ObservationAudit.from_dict, partial(_doubt, plan.epsilon), all_of_it),
        _question(encoder, generator, beta, rows, plan),
        "{:032x}".format,
    )
    with Execution("serial") if execution is None else nullcontext(execution) as place:
        audited = place.collect("observations", work, range(rows.shape[0]), bars)
    verdict, reason = _overall(audited, plan)
    return AuditResult(
        encoder.to_dict(),
        generator.description(),
        beta if generator.likelihood == GAUSSIAN else None,
        plan.epsilon,
        tuple(audited),
        _calibration(encoder, generator, beta, plan, bars),
        verdict,
        reason,
        plan.error_probability,
        tuple(_notes(encoder, generator, beta, plan)),
    )


def check_dimensions(encoder: EncoderSource, generator: Generator) -> None:
    """Raise InputError unless encoder and generator speak of the same x and z."""
    wanted, got = (generator.observed_dim, generator.latent_dim), (encoder.observed_dim, encoder.latent_dim)
    if wanted != got:
        raise InputError(
            f"encoder `{encoder.name}` maps x of width {got[0]} to z of width {got[1]}; "
            f"generator `{generator.name}` has x of width {wanted[0]} and z of width {wanted[1]}"
        )


def _only_observation(
    encoder: EncoderSource, only: FloatArray, observations: FloatArray | None, plan: AuditPlan
) -> FloatArray:
    """The one observation that the encoder is for, as (1, n)."""
    if plan.pairs:
        raise InputError(f"encoder `{encoder.name}` is for one observation: no calibration over x; leave out `pairs`")
    if observations is not None and not (observations == only).all():
        other = int(np.flatnonzero(~(observations == only).all(axis=1))[0])
        raise InputError(
            f"encoder `{encoder.name}` is for one observation, and row {other} is another: leave out `observations`"
        )
    return only[None]


def model_observations(generator: Generator, beta: float, count: int, seed: int) -> FloatArray:
    """Observations of the model, shape (count, n): G(z) + beta xi for z and xi standard normal, or bits."""
    random = np.random.default_rng(derived_seed(seed, 0, 0))
    clean = value(generator.graph, random.standard_normal((count, generator.latent_dim)))
    return draw_observations(generator, clean, beta, random)


def derived_seed(seed: int, index: int, purpose: int) -> int:
    """A seed in [0, 2^62) for one purpose at one observation, independent of the others' for every purpose."""
    return int(np.random.SeedSequence((seed, index, purpose)).generate_state(1, np.uint64)[0] >> np.uint64(2))


def _question(
    encoder: EncoderSource, generator: Generator, beta: float, rows: FloatArray, plan: AuditPlan
) -> dict[str, Any]:
    return {
        "work": "audit",
        "code": code_digest(),
        "encoder": hashlib.sha256(repr(encoder.to_dict()).encode()).hexdigest(),
        "generator": generator.sha256,
        "beta": beta,
        "rows": hashlib.sha256(np.ascontiguousarray(rows).tobytes()).hexdigest(),
        "plan": asdict(plan),
    }


def _doubt(epsilon: float | None, index: int, found: ObservationAudit) -> str:
    """Why a stored audit is not believed; that its samples were drawn rightly is as sure as the code that drew them."""
    lower, upper = found.distance.lower, found.distance.upper
    errors = lower.error_probability, upper.error_probability
    if found.index != index:
        return "it is of another observation"
    if not (0.0 <= lower.value <= upper.value <= 1.0 and all(0.0 <= error <= 1.0 for error in errors)):
        return "its ends are no bracket of a distance"
    if (found.verdict, found.reason) != judge(found.distance, epsilon):
        return "its verdict is not that of its ends"
    return ""


@lru_cache(maxsize=1)
def _certified_m(generator: Generator, seed: int) -> float | None:
    """Found once in a process, and only where an observation asks for exact draws.

    The certified lower constant, which makes exact posterior draws possible; None where there is none or no need.
    """
    if affine_form(generator.graph) is not None or generator.latent_dim != generator.observed_dim:
        return None
    return constants(generator, budget=CONSTANTS_BUDGET, seed=seed).m.lower


def _observation(
    encoder: EncoderSource,
    generator: Generator,
    beta: float,
    rows: FloatArray,
    plan: AuditPlan,
    index: int,
) -> ObservationAudit:
    posterior = posterior_of(generator, rows[index], beta)
    draws, share = plan.draws_for(encoder), plan.error_probability / rows.shape[0]
    seeds = [derived_seed(plan.seed, index, purpose) for purpose in range(1, 6)]

    def reference() -> PosteriorDraws:
        return posterior_draws(
            posterior, max(draws, REFERENCE_DRAWS), lambda: _certified_m(generator, plan.seed),
            lambda count, seed: encoder.draw(rows[index], count, seed), seeds[1], share / 4, SilentProgress(),
        )  # fmt: skip

    # Where T(0) and T(e_i) are to be had and pi_x is Gaussian, the file itself says all, whatever it declares.
    plain = is_affine(posterior) and encoder.noise_size is not None and encoder.noise_size <= BASIS_MAXIMAL
    declared = None if plain else declared_chain(encoder.details)
    chain = None if declared is None else declared.at(posterior)
    sampler = declared_sampler(encoder, posterior)
    exact = None if sampler is None else rejection_bracket(sampler, encoder, posterior, seeds[0], share)
    if exact is None and (proposed := declared_proposals(encoder, posterior)) is not None:
        exact = proposals_bracket(proposed, encoder, reference, seeds[2], share / 2)
    if exact is not None:
        description, bracket = exact
    elif chain is not None and follows(chain, encoder, rows[index], seeds[0]):
        description = chain.description
        bracket = chain_bracket(chain, posterior, reference, seeds[2], share / 2, SilentProgress())
    else:
        law = _law(encoder, rows[index], draws, seeds[0], share / 4)
        description = law.description
        bracket = _bracket(law, posterior, reference, max(draws, REFERENCE_DRAWS), seeds[2], share / 2)
    verdict, reason = judge(bracket, plan.epsilon)
    return ObservationAudit(index, description, bracket, verdict, reason)


def declared_chain(details: dict[str, Any]) -> DeclaredChain | None:
    """The chain that a file's metadata declares, or None."""
    metadata = details.get("metadata", {})
    return LangevinChain.declared(metadata) or ExponentialChain.declared(metadata)


def _bracket(
    law: EncoderLaw,
    posterior: Posterior,
    reference: Callable[[], PosteriorDraws],
    draws: int,
    seed: int,
    error_probability: float,
) -> EncoderBracket:
    """By the densities where both are known, else by draws of pi_x, where there are any."""
    if law.gaussian is not None and is_affine(posterior):
        return gaussian_bracket(law, posterior, None, None, draws, seed, error_probability)
    truth = None if law.gaussian is None else normaliser(posterior, seed, error_probability / 2)
    if law.gaussian is not None and truth is not None:
        return gaussian_bracket(law, posterior, truth, None, draws, seed, error_probability / 2)
    drawn = reference()
    if drawn.useless:
        return vacuous_bracket(drawn.method)
    if law.gaussian is None:
        return sample_bracket(law, posterior, drawn, error_probability)
    return gaussian_bracket(law, posterior, None, drawn, draws, seed, error_probability)


def _notes(encoder: EncoderSource, generator: Generator, beta: float, plan: AuditPlan) -> list[str]:
    notes = [OUTSIDE_A0] if generator.likelihood != GAUSSIAN else []
    if encoder.only is not None:
        notes.append("the encoder is for the one observation that its file holds: no calibration over x")
    elif plan.pairs_for(encoder) == 0 and plan.pairs is None:
        notes.append("no calibration: a draw is too dear, or the file makes its own noise; ask for it with --pairs")
    trained = encoder.details.get("metadata", {}).get("certify.trained_beta", "")
    if trained and generator.likelihood == GAUSSIAN and not _close(trained, beta):
        notes.append(f"the encoder was trained at beta = {trained} and is held against the posterior at {beta:g}")
    return notes


def _close(text: str, number: float) -> bool:
    try:
        return abs(float(text) - number) <= 1e-3 * number
    except ValueError:
        return False


def _law(encoder: EncoderSource, observation: FloatArray, draws: int, seed: int, error: float) -> EncoderLaw:
    size = encoder.noise_size
    if size is None:
        points = encoder.draw(observation, draws, seed)
        return EncoderLaw(points, "known through draws only: the encoder makes its own noise")
    return encoder_law(lambda noise: encoder.push_one(observation, noise), size, draws, encoder.precision, seed, error)


def judge(bracket: EncoderBracket, epsilon: float | None) -> tuple[Verdict, str]:
    """Verdict and reason on TV <= epsilon; without epsilon, on whether the distance has two ends."""
    lower, upper = bracket.lower, bracket.upper
    if epsilon is None:
        if upper.value < 1 or lower.value >= 1:
            return Verdict.SUPPORTED, _under(bracket.upper_assumption)
        return Verdict.INCONCLUSIVE, f"no upper end below 1: {upper.method}"
    if upper.value <= epsilon:
        return Verdict.SUPPORTED, _under(bracket.upper_assumption)
    if lower.value <= epsilon:
        return Verdict.INCONCLUSIVE, f"epsilon = {epsilon:g} lies between the two ends; take more --draws"
    if bracket.assumption:
        return Verdict.INCONCLUSIVE, f"the lower end is above epsilon = {epsilon:g}, assuming that {bracket.assumption}"
    return Verdict.REFUTED, f"TV >= {lower.value:.4g} > epsilon = {epsilon:g} (error {lower.error_probability:.2g})"


def _under(assumption: str) -> str:
    return f"assuming that {assumption}" if assumption else ""


def _overall(audited: list[ObservationAudit], plan: AuditPlan) -> tuple[Verdict, str]:
    verdict = weakest_verdict(item.verdict for item in audited)
    worst = next(item for item in audited if item.verdict is verdict)
    count = sum(item.verdict is verdict for item in audited)
    if not worst.reason:
        return verdict, ""
    return verdict, f"{count} of {len(audited)} observations; observation {worst.index}: {worst.reason}"


def _calibration(
    encoder: EncoderSource, generator: Generator, beta: float, plan: AuditPlan, progress: Progress
) -> Calibration | None:
    pairs, size = plan.pairs_for(encoder), encoder.noise_size
    if pairs == 0 or size is None or encoder.only is not None:
        return None
    draws = max(63, 2 * generator.latent_dim + 5)
    settings = CalibrationPlan(pairs, draws, plan.error_probability, derived_seed(plan.seed, 0, 7))
    return calibrate(encoder.push, size, generator, beta, settings, progress)
