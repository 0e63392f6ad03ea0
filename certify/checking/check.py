"""`check`: a theorem from its assumptions to its conclusion at a generator, or at bare constants."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property, partial

from certify import provenance
from certify.arithmetic.arrays import FloatArray
from certify.arithmetic.balls import lower, upper
from certify.bounds.bracket import ConstantBrackets, Region, unknown_brackets
from certify.bounds.constants import constants as bracket_constants
from certify.bounds.method import graph_methods
from certify.checking.each_observation import assumptions_of_each, concluded_by_each, why_not_each
from certify.checking.points import check_point, point_of, record_at
from certify.checking.running import below_resolution, run_steps
from certify.checking.slack import slack_along
from certify.discovery.registry import load_theorem, theorems
from certify.errors import InputError
from certify.execution.door import Execution
from certify.generators.graph import GAUSSIAN, Generator
from certify.generators.logits import NO_NOISE, OUTSIDE_A0, gaussian_wanted
from certify.generators.specification import load_generator
from certify.progress import Progress, SilentProgress
from certify.proof.conclusion import Setting, conclude, exact_inputs, settle, settle_constants
from certify.proof.instance import Instance
from certify.proof.noise import GIVEN, NONE_NAMED, OWN, trained_noise
from certify.proof.printing import printing
from certify.proof.records import (
    AssumptionRecord,
    CheckResult,
    TheoremRecord,
)
from certify.proof.theorem import ObservationsAsked, Theorem
from certify.threads import one_thread
from certify.verdict import Verdict

NOT_LOOKED_AT = "not looked at: another assumption is refuted from the graph (`certify constants` brackets it)"

CONSTANTS_BUDGET = 600.0
"""Seconds for the brackets of one generator within `check`: a safety net, since a cut-off search would make the
result depend on the machine's load; the methods end by themselves long before."""


def check(
    theorem_names: Sequence[str],
    generators: Sequence[Generator] | None,
    *,
    beta: Fraction | None = None,
    epsilon: Fraction = Fraction(1, 10),
    observations: FloatArray | None = None,
    region: Region | None = None,
    seed: int = 0,
    effort: float = 1.0,
    progress: Progress | None = None,
    command: str = "",
    execution: Execution | None = None,
    labels: FloatArray | None = None,
) -> CheckResult:
    """Check theorems (all discovered ones if none is named) at generators.

    Args:
        theorem_names: ids or Python files; empty for all.
        generators: the maps G to check every theorem at; None for each theorem's own examples.
        beta: noise level > 0, or None for one that the theorem admits.
        epsilon: target total variation distance in (0, 1).
        observations: shape (k, n); drawn from the model if None.
        region: where the constants must hold; all of R^d if None.
        seed: of every random stream.
        effort: scales the sample sizes.
        progress: receives how far the work has come.
        command: what the user typed, for the provenance.
        execution: where certificates of single observations are found, and kept as they come.
        labels: one number per observation, where it has one: groups of data, for theorems that compare them.

    Raises:
        InputError: for an unknown theorem, or observations whose width is not n.
    """
    start = provenance.started()
    progress = SilentProgress() if progress is None else progress
    chosen = _chosen(theorem_names)
    for theorem in chosen if theorem_names and beta is not None else ():
        if not theorem.noisy:
            raise InputError(f"theorem `{theorem.id}` speaks of no noise level: leave out `beta`")
    records = _at_points(chosen, bool(theorem_names), generators, observations, beta, epsilon, seed, effort, progress)
    used = []
    for generator, applied in _pairs([item for item in chosen if not item.points], generators):
        used.append(generator)
        if observations is not None and observations.shape[1] != generator.observed_dim:
            raise InputError(
                f"`observations` has {observations.shape[1]} columns, generator `{generator.name}` has "
                f"{generator.observed_dim} outputs: give observations of shape (k, {generator.observed_dim})"
            )
        if generator.likelihood != GAUSSIAN:
            given = generator, beta, epsilon, observations, progress, execution
            records += [_of_logits(item, *given) for item in applied]
            continue
        has_observations = observations is not None
        constants = _Constants(generator, region or Region(), seed, progress)
        for theorem in applied:
            clock = time.perf_counter()
            known = constants.of_the_graph if theorem.reads_constants else unknown_brackets()
            record = refuted_from_the_graph(theorem, generator, known, has_observations)
            if record is None:
                enough = not theorem.reads_constants or _graph_is_enough(theorem, generator, known, has_observations)
                brackets = known if enough else constants.searched
                record = check_theorem(
                    theorem, generator, brackets, beta, epsilon, observations, seed, effort, progress, execution, labels
                )
            record = replace(record, seconds=time.perf_counter() - clock)
            progress.found(record)
            records.append(record)
    return CheckResult(tuple(records), provenance.provenance(command, seed, start, used))


@dataclass(frozen=True, eq=False)
class _Constants:
    """Brackets of a generator's constants, each found when it is first asked for, and once."""

    generator: Generator
    region: Region
    seed: int
    progress: Progress

    @cached_property
    def of_the_graph(self) -> ConstantBrackets:
        """What the methods that look at the graph alone find."""
        return bracket_constants(self.generator, self.region, seed=self.seed, methods=graph_methods())

    @cached_property
    def searched(self) -> ConstantBrackets:
        """What all methods find."""
        return bracket_constants(
            self.generator, region=self.region, budget=CONSTANTS_BUDGET, seed=self.seed, progress=self.progress
        )


def example_specifications(theorem_names: Sequence[str]) -> list[str]:
    """Specifications of the generators that these theorems (all if none is named) are checked at by default."""
    return list(
        dict.fromkeys(item for theorem in _chosen(theorem_names) if not theorem.points for item in theorem.examples)
    )


def refuted_from_the_graph(
    theorem: Theorem, generator: Generator, brackets: ConstantBrackets, has_observations: bool = False
) -> TheoremRecord | None:
    """The record of a theorem with an assumption that the graph alone refutes; None where it refutes none.

    `brackets` are by `graph_methods` alone; an assumption that would need a search is left open, and says so. Where
    certificates of single observations rest on fewer assumptions, only those count if observations are given.
    """
    assumptions = decided(theorem, generator, brackets)
    refuted = [item for item in assumptions if item.verdict is Verdict.REFUTED]
    need = theorem.conclusion.observations_need if has_observations else None
    if not refuted or (need is not None and not any(item.label in need for item in refuted)):
        return None
    shown = tuple(
        replace(item, reason=NOT_LOOKED_AT) if item.verdict is Verdict.INCONCLUSIVE else item for item in assumptions
    )
    reason = "; ".join(f"{item.label}: {item.reason}" for item in refuted)
    return TheoremRecord(
        theorem.id, theorem.title, generator.name, shown, (), None, reason=reason, symbols=printing(theorem)
    )


def decided(theorem: Theorem, generator: Generator, brackets: ConstantBrackets) -> tuple[AssumptionRecord, ...]:
    """Every assumption of the theorem at a generator: its verdict, with the formula that it is."""
    return tuple(replace(item.at(generator, brackets), latex=item.latex) for item in theorem.assumptions)


def _graph_is_enough(theorem: Theorem, generator: Generator, known: ConstantBrackets, has_observations: bool) -> bool:
    """Whether only certificates of single observations are left, which rest on nothing that a search would find."""
    need = theorem.conclusion.observations_need
    if need is None or not has_observations:
        return False
    return any(item.at(generator, known).verdict is Verdict.REFUTED for item in theorem.assumptions)


def check_theorem(
    theorem: Theorem,
    generator: Generator,
    brackets: ConstantBrackets,
    beta: Fraction | None,
    epsilon: Fraction,
    observations: FloatArray | None,
    seed: int,
    effort: float = 1.0,
    progress: Progress | None = None,
    execution: Execution | None = None,
    labels: FloatArray | None = None,
) -> TheoremRecord:
    """One theorem at one generator whose constants are bracketed; arguments as in `check`."""
    progress = SilentProgress() if progress is None else progress
    assumptions = decided(theorem, generator, brackets)
    record = TheoremRecord(theorem.id, theorem.title, generator.name, assumptions, (), None, symbols=printing(theorem))
    failing = [item for item in assumptions if item.verdict in {Verdict.REFUTED, Verdict.INCONCLUSIVE}]
    singly = theorem.conclusion.certify_observations if observations is not None else None
    asked = partial(
        ObservationsAsked, theorem, generator, brackets, epsilon=epsilon, progress=progress, execution=execution
    )
    own = trained_noise(generator) if singly is not None and beta is None else None
    if own is not None:
        # What is asked of single observations is the decoder's own noise, and the conclusion is about the same.
        beta = Fraction(own)
    origin = GIVEN if own is None else OWN
    if failing:
        # Where one is refuted, what is not known of another may not have been looked for.
        gravest = [item for item in failing if item.verdict is Verdict.REFUTED] or failing
        reason = "; ".join(f"{item.label}: {item.reason}" for item in gravest)
        alone = assumptions_of_each(theorem, assumptions)
        if singly is None or observations is None or alone is None:
            return replace(record, reason=reason)
        if beta is None:
            setting = Setting({"epsilon": epsilon}, math.nan, None, observations, None, NONE_NAMED)
            conclusion = conclude(theorem, generator, setting, None, alone, ())
            return replace(record, assumptions=alone, conclusion=conclusion, reason=NONE_NAMED)
        each = singly(asked(observations, float(beta)))
        nothing = f"no choice for all observations: {reason}"
        setting = Setting({"epsilon": epsilon}, float(beta), None, observations, None, nothing, "", origin)
        record = replace(record, assumptions=alone, observations=each)
        conclusion = concluded_by_each(record, conclude(theorem, generator, setting, None, alone, ()))
        return replace(record, conclusion=conclusion, reason=why_not_each(conclusion, each))
    setting = settle(theorem, generator, brackets, beta, epsilon, observations, seed, labels)
    setting = setting if own is None else replace(setting, noise_from=OWN)
    record = replace(record, inputs=exact_inputs(setting.inputs))
    if singly is not None and observations is not None and math.isfinite(setting.beta):
        each = singly(asked(observations, setting.beta))
        record = replace(record, observations=each)
    if setting.certificate is None:
        conclusion = concluded_by_each(record, conclude(theorem, generator, setting, None, assumptions, ()))
        reason = setting.reason if conclusion.verdict is Verdict.INCONCLUSIVE else ""
        return replace(record, conclusion=conclusion, reason=reason)
    instance = Instance(
        theorem, setting.certificate, generator, brackets, setting.observations, setting.beta, seed, effort, progress
    )
    seen = None if below_resolution(instance) else instance
    # Batches of small matrices: a second BLAS thread costs more than it brings.
    with one_thread():
        steps = run_steps(instance)
        conclusion = concluded_by_each(record, conclude(theorem, generator, setting, seen, assumptions, steps), steps)
        record = replace(record, losses=() if seen is None else slack_along(instance))
    return replace(record, steps=steps, conclusion=conclusion, definitions=_definitions(theorem, instance))


def _of_logits(
    theorem: Theorem,
    generator: Generator,
    beta: Fraction | None,
    epsilon: Fraction,
    observations: FloatArray | None,
    progress: Progress,
    execution: Execution | None,
) -> TheoremRecord:
    """A theorem at a decoder of Bernoulli logits, outside A0: certificates of single observations, and nothing else.

    Raises:
        InputError: for a theorem that rests on A0, without observations, or for a noise level, which logits have not.
    """
    singly = theorem.conclusion.certify_observations if theorem.conclusion.takes_logits else None
    if singly is None:
        raise gaussian_wanted(generator, f"theorem `{theorem.id}`")
    if beta is not None:
        raise InputError(
            f"`beta` is the level of Gaussian noise; `{generator.name}` has logits for outputs: leave it out"
        )
    if observations is None:
        raise InputError(f"`{theorem.id}` certifies a decoder of logits at given observations: give `observations`")
    each = singly(
        ObservationsAsked(theorem, generator, unknown_brackets(), observations, NO_NOISE, epsilon, progress, execution)
    )
    setting = Setting({"epsilon": epsilon}, math.nan, None, observations, None, OUTSIDE_A0)
    record = TheoremRecord(theorem.id, theorem.title, generator.name, (), (), None, observations=each)
    conclusion = concluded_by_each(record, conclude(theorem, generator, setting, None, (), ()))
    return replace(record, conclusion=conclusion, reason=why_not_each(conclusion, each), symbols=printing(theorem))


def check_constants(
    theorem_name: str,
    constants: Mapping[str, Fraction],
    *,
    beta: Fraction | None = None,
    epsilon: Fraction = Fraction(1, 10),
    progress: Progress | None = None,
    command: str = "",
) -> CheckResult:
    """A theorem at bare constants d, m, M, M2 (and N, rho if given): every closed form, thresholds, sizes.

    The verdict is `conditional`: it holds for every generator that has these constants. A theorem about constants
    alone has its steps checked there too.
    """
    start = provenance.started()
    theorem = load_theorem(theorem_name)
    if beta is not None and not theorem.noisy:
        raise InputError(f"theorem `{theorem.id}` speaks of no noise level: leave out `beta`")
    if theorem.points:
        record = check_point(theorem, constants, beta, epsilon, progress=progress)
    else:
        bars = SilentProgress() if progress is None else progress
        bars.start(f"{theorem.id}: noise and layers", 2)
        setting = settle_constants(theorem, constants, beta, epsilon)
        bars.advance()
        bars.start(f"{theorem.id}: closed forms", 1)
        record = record_at(theorem, setting, None)
        bars.finish()
        bars.finish()
    return CheckResult((record,), provenance.provenance(command, 0, start))


def _chosen(theorem_names: Sequence[str]) -> list[Theorem]:
    return [load_theorem(name) for name in theorem_names] or list(theorems().values())


def _at_points(
    chosen: Sequence[Theorem],
    named: bool,
    generators: Sequence[Generator] | None,
    observations: FloatArray | None,
    beta: Fraction | None,
    epsilon: Fraction,
    seed: int,
    effort: float,
    progress: Progress,
) -> list[TheoremRecord]:
    """The theorems about constants alone, at their own points; with a generator they are left out, or refused."""
    records = []
    for theorem in (item for item in chosen if item.points):
        if named and (generators is not None or observations is not None):
            raise InputError(
                f"theorem `{theorem.id}` is about constants alone: leave out generators and observations, or give "
                f"constants of your own (`--constants {theorem.points[0]}`)"
            )
        for point in theorem.points if generators is None else ():
            noise = beta if theorem.noisy else None
            record = check_point(theorem, point_of(theorem, point), noise, epsilon, seed, effort, progress)
            progress.found(record)
            records.append(record)
    return records


def _pairs(
    chosen: Sequence[Theorem], generators: Sequence[Generator] | None
) -> Iterator[tuple[Generator, Sequence[Theorem]]]:
    """Every generator with the theorems to check at it, one generator at a time: its constants are found once."""
    if generators is not None:
        yield from ((generator, chosen) for generator in generators)
        return
    for specification in dict.fromkeys(item for theorem in chosen for item in theorem.examples):
        yield load_generator(specification), [theorem for theorem in chosen if specification in theorem.examples]


def _definitions(theorem: Theorem, instance: Instance) -> dict[str, tuple[float, float]]:
    named = {quantity.name for quantity in theorem.quantities}
    return {name: (lower(value), upper(value)) for name, value in instance.values.items() if name in named}
