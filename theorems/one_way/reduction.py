"""T1-T4: the exact posterior, the reduction with encoders whose law is exact, the hypothesis, the size.

What is measured is held against the claims as anywhere else; that a claim holds for every x and every encoder is then
a short identity or inequality, which is verified symbolically here and not taken from the page.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import numpy.typing as npt
import sympy as sp
from flint import arb

from certify.arithmetic.arrays import FloatArray
from certify.arithmetic.balls import ball, lower, midpoint, precision
from certify.circuits.bijection import is_folded_to_false
from certify.circuits.circuit import WORD, Circuit
from certify.circuits.cnf import difference_circuit
from certify.circuits.network import FORMS, parameter_count
from certify.circuits.posterior import TABLE_BITS, PermutationPosterior, PermutationTable, sample_posterior, to_signs
from certify.circuits.reduction import pointwise, successes
from certify.generators.derivatives import value
from certify.posteriors.estimates import ERROR_PROBABILITY, frequency_interval, mean_interval
from certify.proof.instance import Instance
from certify.proof.theorem import Finding
from certify.symbolic.bit_variance import bit_variance_ball, bit_variance_by_integral
from certify.verdict import Evidence, Verdict
from theorems.one_way.circuits import declared_permutation, read

BAYES_BITS = 12
ENCODER_BITS = 10
NOISE_LEVELS = ("0.05", "0.2", "0.5", "1", "3", "30")
LOSSES = ("0.4", "0.1", "0.01", "1e-6")
RAMPS = ("1", "0.3", "0.01", "1e-4")
DRAWS, OBSERVATIONS = 20_000, 20_000
PATTERN_ENTRIES, BATCH_ENTRIES = 1 << 28, 1 << 24
"""Numbers that a network is run on patterns for, in all and at a time: seconds, and 128 MB."""
KNOWN_SHARE = 0.5
HYPOTHESIS = (
    "one-way permutations exist, P among them: every Boolean circuit of size T inverts P with probability below delta"
)


def exact_posterior(instance: Instance) -> tuple[Finding, ...]:
    """T1: brute-force Bayes over all orthants in balls, and v(beta) by a second engine."""
    holds = bit_identity() and read(instance.generator).bijection.verdict is Verdict.PROVED
    kind, evidence = holds, Evidence.SYMBOLIC if holds else Evidence.STATISTICAL
    findings = []
    for index in range(instance.observations.shape[0]):
        row = instance.observations[index]
        for bit, marginal in enumerate(_marginals(instance, index)):
            cases = 1 << len(row) if len(row) <= BAYES_BITS else 1
            findings.append(_enclosed("bit", marginal, evidence, kind, {"x": float(row[bit])}, cases=cases))
        if len(row) <= BAYES_BITS:
            gap = _largest_gap(instance, index)
            findings.append(_enclosed("independence", gap, evidence, kind, cases=1 << len(row)))
    if instance.generator.latent_dim > BAYES_BITS:
        findings.append(_enclosed("independence", arb(0), evidence, kind, cases=0))
    with precision():
        again = (1 - 2 * _second(instance)) ** int(instance.number("d"))
        findings.append(_enclosed("agreement", again, Evidence.RIGOROUS, True))
        for text in NOISE_LEVELS:
            noise = ball(text)
            by_parts = bit_variance_by_integral(noise)
            findings.append(_enclosed("bit variance", by_parts, Evidence.RIGOROUS, True, {"b": noise}))
            # 1/cosh <= 1 in v's integral leaves a Gaussian one: the claim for every b.
            bounded = bit_variance_ball(noise)
            findings.append(_enclosed("variance bound", bounded, Evidence.SYMBOLIC, True, {"b": noise}))
        findings += [_closed_form(instance, ball(text)) for text in LOSSES]
    return tuple(findings)


def reduction(instance: Instance) -> tuple[Finding, ...]:
    """T2: attained by the exact encoder; entry by entry for every encoder; encoders with exact laws at given x."""
    evidence = Evidence.SYMBOLIC if entrywise_inequality() else Evidence.STATISTICAL
    exhaustive = evidence is Evidence.SYMBOLIC
    with precision():
        # The exact encoder has TV = 0 and inverts with the probability E sum pi^2: nothing can be nearer to the bound.
        attained = (1 - 2 * _second(instance)) ** int(instance.number("d"))
    findings = [_enclosed("inequality", attained, evidence, exhaustive)]
    if instance.generator.latent_dim > ENCODER_BITS:
        return (*findings, _enclosed("pointwise", arb(0), evidence, exhaustive, cases=0))
    table = PermutationTable.of(read(instance.generator).circuit)
    random = instance.random("encoders")
    for index in range(instance.observations.shape[0]):
        posterior = PermutationPosterior(table, instance.observations[index], instance.beta).orthant_law()
        laws = encoder_laws(posterior, random)
        margins = [pointwise(posterior, law).margin for law in laws]
        worst = min(margins, key=lambda margin: lower(margin))
        findings.append(_enclosed("pointwise", worst, evidence, exhaustive, cases=len(laws)))
    return tuple(findings)


def measured_inversion(instance: Instance) -> tuple[Finding, ...]:
    """T2 run: the exact-posterior encoder through the reduction, counted, with a Clopper-Pearson interval."""
    circuit, random = read(instance.generator).circuit, instance.random("inverter")
    draws = instance.count(DRAWS, least=1000)
    if circuit.inputs <= TABLE_BITS - 8:
        table = PermutationTable.of(circuit)
        found = successes(
            circuit, lambda x, own: sample_posterior(table, x, instance.beta, own), instance.beta, draws, random
        )
        how = "exact sampler, then the signs, put into the circuit"
    else:
        # A table would be too large. The preimage is right exactly where all bits drawn given x are those of y.
        bits = circuit.inputs
        y = np.where(random.random((draws, bits)) < 0.5, -1.0, 1.0)
        odds = bit_odds(y + instance.beta * random.standard_normal(y.shape), instance.beta)
        found = int(np.count_nonzero(((random.random(y.shape) < odds) == (y > 0)).all(axis=1)))
        how = "bits drawn given x, compared with those of y"
    interval = frequency_interval(found, draws)
    return (
        Finding(
            "success",
            found / draws,
            draws,
            interval=(interval.lower, interval.upper),
            confidence=1 - ERROR_PROBABILITY,
            # Few failures or none: the estimate is coarser than the claim, its interval decides on both sides.
            one_sided=True,
            reason=how,
        ),
    )


def one_wayness(instance: Instance) -> tuple[Finding, ...]:
    """T3 under its hypothesis, held against an encoder that knows the preimages of half of all words.

    It returns a single orthant s(x): TV = 1 - pi(s), and it inverts with probability E pi(s), which stands for delta.
    """
    circuit, random, beta = read(instance.generator).circuit, instance.random("half table"), instance.beta
    count, d = instance.count(OBSERVATIONS, least=200), circuit.inputs
    y = np.where(circuit.evaluate_bits(random_words(random, count, d)), 1.0, -1.0)
    x = y + beta * random.standard_normal(y.shape)
    # Where the word of sgn x is in its half the encoder finds the mode; elsewhere it answers with another orthant.
    nearest = np.where(x > 0, 1.0, -1.0)
    known = random.random(count) < KNOWN_SHARE
    answered = np.where(known[:, None], nearest, np.concatenate([-nearest[:, :1], nearest[:, 1:]], axis=1))
    weights = np.prod(np.where(answered > 0, bit_odds(x, beta), bit_odds(-x, beta)), axis=1)
    distances, delta = 1.0 - weights, float(weights.mean())
    interval = mean_interval(distances, 0.0, 1.0)
    near = 0.5
    share = frequency_interval(int(np.count_nonzero(distances <= near)), count)
    # delta is itself a mean: its upper end favours no refutation that the draws do not prove.
    ends = mean_interval(weights, 0.0, 1.0)
    common = {"hypothesis": HYPOTHESIS, "one_sided": True, "confidence": 1 - 2 * ERROR_PROBABILITY}
    text = f"held against an encoder that knows half of all preimages (it inverts with probability {delta:.3f})"
    return (
        Finding(
            "average",
            float(distances.mean()),
            count,
            at={"delta": ends.upper},
            interval=(interval.lower, interval.upper),
            reason=text,
            **common,  # type: ignore[arg-type]
        ),
        Finding(
            "fraction",
            float(np.mean(distances <= near)),
            count,
            at={"delta": ends.upper, "eps0": near},
            interval=(share.lower, share.upper),
            reason=text,
            **common,  # type: ignore[arg-type]
        ),
    )


def compiled_size(instance: Instance) -> tuple[Finding, ...]:
    """T4: parameters counted for every form, agreement with the circuit, and the ramp of the clip in balls."""
    reading, generator = read(instance.generator), instance.generator
    count = max(parameter_count(reading.circuit, form) for form in FORMS)
    findings = [_enclosed("parameters", arb(count), Evidence.RIGOROUS, True, cases=len(FORMS))]
    differing, cases, how = disagreements(instance, reading.circuit)
    findings.append(
        Finding(
            "agreement with P",
            float(differing),
            cases,
            Evidence.RIGOROUS,
            exhaustive=True,
            reason=how,
            recheck=lambda: arb(differing),
        )
    )
    with precision():
        ramps = [ball(text) for text in RAMPS] + ([ball(reading.tau)] if reading.tau > 0 else [])
        for ramp in ramps:
            # 1 - P(|xi| >= tau)^d <= d P(|xi| < tau) <= 2 d tau phi(0), for every tau: Bernoulli and the density at 0.
            missed = 1 - (ramp / arb(2).sqrt()).erfc() ** generator.latent_dim
            findings.append(_enclosed("clip", missed, Evidence.SYMBOLIC, True, {"tau_0": ramp}))
    return tuple(findings)


def disagreements(instance: Instance, circuit: Circuit) -> tuple[int, int, str]:
    """Sign patterns at which the network and its circuit differ, patterns looked at, and how it is known for all."""
    d, random, graph = circuit.inputs, instance.random("patterns"), instance.generator.graph
    # All nodes of a pattern are in memory at once: a wide and deep network is run on few, some at a time.
    entries = sum(node.width for node in graph.nodes)
    every = d <= BAYES_BITS and entries << d <= PATTERN_ENTRIES
    count = max(1, min(1 << BAYES_BITS, PATTERN_ENTRIES // entries))
    words = to_signs(np.arange(1 << d), d) > 0 if every else random_words(random, count, d)
    sizes = float(read(instance.generator).tau) + np.abs(random.standard_normal(words.shape))
    signs, wanted = np.where(words, sizes, -sizes), np.where(circuit.evaluate_bits(words), 1.0, -1.0)
    step, differing = max(1, BATCH_ENTRIES // entries), 0
    for start in range(0, len(words), step):
        found = value(graph, signs[start : start + step])
        differing += int(np.count_nonzero((found != wanted[start : start + step]).any(axis=1)))
    declared = declared_permutation(instance.generator)
    how = "the network is read back gate by gate"
    if declared is not None:
        same = is_folded_to_false(difference_circuit(circuit, declared.circuit))
        how += f": it is the circuit of {declared.family}, gate for gate" if same else ""
    return differing, len(words), how + ("; all patterns run" if every else "")


def random_words(random: np.random.Generator, count: int, width: int) -> npt.NDArray[np.bool_]:
    """Uniform words as rows of bits, shape (count, width)."""
    if width > WORD:
        return np.asarray(random.integers(0, 2, size=(count, width)) > 0)
    words = random.integers(0, 1 << width, size=count, dtype=np.uint64)
    return to_signs(words.astype(np.int64), width) > 0


def encoder_laws(posterior: list[arb], random: np.random.Generator) -> list[list[Fraction | arb]]:
    """Orthant laws of encoders: the posterior, its mode, uniform, a half table, noisy, and random ones. Exact."""
    count = len(posterior)
    mode = max(range(count), key=lambda s: midpoint(posterior[s]))
    uniform: list[Fraction | arb] = [Fraction(1, count)] * count
    point: list[Fraction | arb] = [Fraction(s == mode) for s in range(count)]
    half: list[Fraction | arb] = [Fraction(2 * (s % 2 == mode % 2), count) for s in range(count)]
    noisy: list[Fraction | arb] = [Fraction(9, 10) * (s == mode) + Fraction(1, 10 * count) for s in range(count)]
    drawn: list[list[Fraction | arb]] = []
    for concentration in (0.05, 1.0):
        weights = [Fraction(float(weight)) for weight in random.gamma(concentration, size=count)]
        total = sum(weights)
        drawn.append([weight / total for weight in weights] if total else uniform)
    return [list(posterior), point, uniform, half if sum(half) == 1 else uniform, noisy, *drawn]


def bit_odds(x: FloatArray, beta: float) -> FloatArray:
    """P(y_i = +1 | x_i) in floats. Estimate."""
    with np.errstate(over="ignore"):
        # beta^2 itself may be no float.
        return np.asarray(1.0 / (1.0 + np.exp(-2.0 * (x / beta) / beta)))


def second_bit_variance(beta: arb) -> arb:
    """The variance v(beta) by the second engine; by the first where that gives no number: its peak is too narrow."""
    found = bit_variance_by_integral(beta)
    return found if found.rad() < arb(2.0**-80) else bit_variance_ball(beta)


def _second(instance: Instance) -> arb:
    """That of the instance, integrated once for all steps: where the peak is too narrow it takes seconds."""
    return instance.once("second bit variance", lambda: second_bit_variance(instance.values["beta"]))


def bit_identity() -> bool:
    """Whether exp(a)/(exp(a) + exp(-a)) = 1/(1 + exp(-2a)), a = x_i/beta^2: one bit of the product over bits."""
    a = sp.Symbol("a", real=True)
    return bool(sp.simplify(sp.exp(a) / (sp.exp(a) + sp.exp(-a)) - 1 / (1 + sp.exp(-2 * a))) == 0)


def entrywise_inequality() -> bool:
    """Whether p (p - q) <= max(p - q, 0) for 0 <= p <= 1, q >= 0, by its two cases as products of signs.

    q <= p: (p - q) - p (p - q) = (1 - p)(p - q) >= 0. q >= p: 0 - p (p - q) = p (q - p) >= 0. Summed over the orthants,
    the right-hand sides give TV. And p^2 + (1 - p)^2 = 1 - 2 p (1 - p) makes E sum pi^2 the product (1 - 2 v)^d.
    """
    p, q = sp.symbols("p q", real=True)
    below = sp.expand((p - q) - p * (p - q) - (1 - p) * (p - q)) == 0
    above = sp.expand(-p * (p - q) - p * (q - p)) == 0
    return bool(below and above and sp.expand(p**2 + (1 - p) ** 2 - (1 - 2 * p * (1 - p))) == 0)


def _marginals(instance: Instance, index: int) -> list[arb]:
    """P(y_i = +1 | x) for every bit: sums of Bayes' rule over all orthants, or over the two values of one bit."""
    row = instance.observations[index]
    if len(row) > BAYES_BITS:
        with precision():
            angles = [ball(float(entry)) / instance.values["beta"] ** 2 for entry in row]
            return [angle.exp() / (angle.exp() + (-angle).exp()) for angle in angles]
    law, table = _bayes(instance, index)
    with precision():
        return [
            sum((weight for weight, word in zip(law, table.values.tolist(), strict=True) if word >> bit & 1), arb(0))
            for bit in range(len(row))
        ]


def _largest_gap(instance: Instance, index: int) -> arb:
    """Ball of max_s |Bayes(s) - product of bits|."""
    law, table = _bayes(instance, index)
    product = PermutationPosterior(table, instance.observations[index], instance.beta).orthant_law()
    with precision():
        gap = arb(0)
        for one, other in zip(law, product, strict=True):
            gap = gap.max(abs(one - other))
        return gap


def _bayes(instance: Instance, index: int) -> tuple[list[arb], PermutationTable]:
    table = PermutationTable.of(read(instance.generator).circuit)
    posterior = PermutationPosterior(table, instance.observations[index], instance.beta)
    return instance.once(f"bayes-{index}", posterior.orthant_law_by_bayes), table


def _closed_form(instance: Instance, loss: arb) -> Finding:
    """The number (1 - 2 v(b))^d at the b of the closed form; Bernoulli and the bound of v prove the claim for all."""
    d = instance.generator.latent_dim
    noise = 1 / (2 * (d / (2 * loss)).log()).sqrt()
    reached = (1 - 2 * bit_variance_ball(noise)) ** d
    return _enclosed("closed form", reached, Evidence.SYMBOLIC, True, {"loss": loss})


def _enclosed(
    name: str,
    enclosure: arb,
    evidence: Evidence,
    exhaustive: bool,
    at: dict[str, arb | float] | None = None,
    cases: int = 1,
) -> Finding:
    """A finding whose measured number is a ball: what decides is the ball, the float is for the table."""
    number = midpoint(enclosure) if not enclosure.is_nan() else float("nan")
    if enclosure.contains(0) and abs(enclosure) < arb(2.0**-80):
        number = 0.0
    return Finding(name, number, cases, evidence, at or {}, exhaustive, recheck=lambda: enclosure)
