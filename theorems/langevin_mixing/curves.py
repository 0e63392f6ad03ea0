"""Truth, coupling bound and theory on one axis: the distance of the plain chain to the posterior against its steps.

Three answers to one question, each from its own source: TV(law U_k, pi_x) by closed form or transition operator; the
L-lag coupling of two copies of the chain, which bounds the distance to the chain's OWN invariant law, plus the distance
of that law to pi_x; and the theorem's bound at k layers, in balls, at the choices of its certificate, term by term.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import numpy.typing as npt
import sympy as sp
from flint import arb

from certify.arithmetic.balls import precision, upper
from certify.bounds.bracket import ConstantBrackets
from certify.errors import InputError
from certify.generators.graph import FloatArray, Generator
from certify.measure.burn_in import TRANSITION_DIMENSION, gaussian_distance
from certify.measure.distance_bracket import LAG_FACTOR, pilot_lag
from certify.posteriors.estimates import DistanceEstimate
from certify.posteriors.gaussian import affine_form, is_affine, langevin_law, langevin_stationary_law, posterior_law
from certify.posteriors.quadrature import build_quadrature
from certify.posteriors.transition import chain_total_variation
from certify.proof.checks.locations import preimages
from certify.proof.closed_forms import enclose
from certify.proof.conclusion import instance_at
from certify.proof.curves import MixingCurves
from certify.proof.instance import Instance
from certify.proof.theorem import Theorem
from certify.sampling.couplings import (
    Experiment,
    UnadjustedLangevin,
    distance_to_posterior,
    run_lagged_pairs,
    total_variation_bound,
)
from certify.symbolic.evaluation import evaluate_ball
from theorems.descent import centre

RELAXATION_TIMES = (0.15, 25.0)
"""First and last step count, in relaxation times 1/(eta mu)."""
STATIONARY_TIMES = 60.0
SLOWEST_RELAXATION = 5_000.0
"""Steps of one relaxation time beyond which coupled chains cost more than a figure is worth."""
POINTS, REPLICATES, TERMS = 28, 1000, 2


def drawable_curves(instance: Instance) -> MixingCurves | None:
    """The curves where the truth is known and the chain relaxes within the steps that are simulated, else None."""
    generator = instance.generator
    if generator.latent_dim > TRANSITION_DIMENSION and affine_form(generator.graph) is None:
        return None
    return mixing_curves(instance) if _relaxes(instance) else None


def curves_at(
    theorem: Theorem,
    generator: Generator,
    brackets: ConstantBrackets,
    beta: Fraction | None = None,
    epsilon: Fraction = Fraction(1, 10),
    observations: FloatArray | None = None,
    seed: int = 0,
) -> MixingCurves:
    """The curves of a theorem about plain Langevin at a generator; arguments as for `checking.check.check_theorem`.

    They are those of the first observation, and the same as a check of the same arguments measures.

    Raises:
        InputError: if the theorem admits no such noise level, or the truth is unknown (d > 2 and not affine).
    """
    instance = instance_at(theorem, generator, brackets, beta, epsilon, observations, seed)
    if isinstance(instance, str):
        raise InputError(f"no curves of `{theorem.id}` at `{generator.name}`: {instance}")
    return mixing_curves(instance)


def _relaxes(instance: Instance) -> bool:
    """Whether one relaxation time 1/(eta mu) is within the steps that are simulated."""
    return instance.number("eta") * instance.number("mu") * SLOWEST_RELAXATION >= 1.0


def mixing_curves(
    instance: Instance,
    steps: Sequence[int] | None = None,
    replicates: int = REPLICATES,
    error_probability: float = 1e-3,
) -> MixingCurves:
    """The curves at an instance with the choices eta, K and the centre c of its theorem.

    Args:
        instance: of a theorem about the plain chain from c (its certificate has eta, mu and K).
        steps: step counts >= 1; spread over 0.15 to 25 relaxation times if None.
        replicates: coupled pairs.
        error_probability: of the coupling's upper end, at each step alone.

    Raises:
        InputError: if the truth is unknown (d > 2 and not affine), or the chain needs more than `SLOWEST_RELAXATION`
            steps per relaxation time.
    """
    posterior, eta = instance.posterior(), instance.number("eta")
    if not is_affine(posterior) and posterior.latent_dim > TRANSITION_DIMENSION:
        raise InputError(f"the true distance is known for d <= 2 or affine generators; got d = {posterior.latent_dim}")
    rate = eta * instance.number("mu")
    if not _relaxes(instance):
        raise InputError(
            f"one relaxation time is {1 / rate:.3g} steps, more than the {SLOWEST_RELAXATION:g} that are simulated; "
            "take a larger epsilon"
        )
    counts = _default_steps(rate) if steps is None else np.unique(np.asarray(steps, dtype=np.int64))
    truth = _truth(instance, [*counts.tolist(), math.ceil(STATIONARY_TIMES / rate)])
    bias = _invariant_bias(instance, truth[-1])
    estimate, end = _coupling(instance, counts, bias, replicates, error_probability)
    theory, terms = theorem_bound(instance, counts.tolist())
    return MixingCurves(
        f"{instance.theorem.id} on {instance.generator.name.split(',m=')[0]}, beta = {instance.beta:g}",
        eta,
        counts,
        np.array([item.estimate for item in truth[:-1]]),
        np.array([item.lower for item in truth[:-1]]),
        np.array([item.upper for item in truth[:-1]]),
        estimate,
        end,
        bias,
        error_probability,
        theory,
        terms,
        int(instance.number("K")),
        instance.number("epsilon"),
    )


def theorem_bound(instance: Instance, steps: Sequence[int]) -> tuple[FloatArray, dict[str, FloatArray]]:
    """The conclusion's bound with k in place of K, and its summands, each at every k in `steps`.

    Upper bounds, rounded outward: every definition is enclosed again at k.
    """
    theorem, certificate = instance.theorem, instance.certificate
    fixed = {item.name for item in theorem.quantities if item.role != "definition"} - {"K"}
    # A setting that the user knows better (rho of these observations) is an input and stays one.
    inputs = {name: value for name, value in certificate.values.items() if name in fixed}
    distance = theorem.conclusion.distance
    assert distance is not None, "a chain's conclusion has a distance"
    names = {_term_name(term, theorem): term for term in distance.as_ordered_terms()}
    totals, columns = [], []
    for count in steps:
        values = enclose(theorem, {**inputs, "rho": certificate.values["rho"], "K": arb(count)})
        with precision():
            totals.append(upper(evaluate_ball(distance, values)))
            columns.append([upper(evaluate_ball(term, values)) for term in names.values()])
    return np.array(totals), dict(zip(names, np.array(columns).T, strict=True))


def _term_name(term: sp.Expr, theorem: Theorem) -> str:
    """What a summand means: the meaning of the one quantity in it, else the expression itself."""
    meanings = [item.meaning for item in theorem.quantities if item.symbol in term.free_symbols]
    return meanings[0] if len(meanings) == 1 else str(term)


def _default_steps(rate: float) -> npt.NDArray[np.int64]:
    ends = [math.log(max(1.0, time / rate)) for time in RELAXATION_TIMES]
    return np.unique(np.round(np.exp(np.linspace(ends[0], ends[1], POINTS))).astype(np.int64))


def _truth(instance: Instance, steps: Sequence[int]) -> list[DistanceEstimate]:
    posterior, start, eta = instance.posterior(), centre(instance), instance.number("eta")
    if is_affine(posterior):
        target = posterior_law(posterior)
        return [gaussian_distance(langevin_law(posterior, start, eta, count), target, instance.seed) for count in steps]
    return list(chain_total_variation(build_quadrature(posterior, preimages(instance)[0].point), start, eta, steps))


def _invariant_bias(instance: Instance, late: DistanceEstimate) -> float:
    """Distance of the chain's invariant law to pi_x: of Gaussian laws, or after 60 relaxation times."""
    posterior = instance.posterior()
    if not is_affine(posterior):
        return late.upper
    invariant = langevin_stationary_law(posterior, instance.number("eta"))
    return gaussian_distance(invariant, posterior_law(posterior), instance.seed).upper


def _coupling(
    instance: Instance, steps: npt.NDArray[np.int64], bias: float, replicates: int, error_probability: float
) -> tuple[FloatArray, FloatArray]:
    chain, start = UnadjustedLangevin(instance.number("eta")), centre(instance)
    posterior, seed = instance.posterior(), instance.seed
    lag = LAG_FACTOR * pilot_lag(posterior, chain, start, seed + 1)
    run = run_lagged_pairs(
        posterior, chain, Experiment(start, lag, replicates, int(steps[-1]) + (TERMS + 1) * lag, seed + 2)
    )
    bound = total_variation_bound(run, steps, truncation=TERMS, error_probability=error_probability)
    moved = distance_to_posterior(bound, bias)
    return moved.estimate, moved.upper
