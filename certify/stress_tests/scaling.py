"""Scaling laws: how layers and sizes grow with d, N, 1/epsilon and kappa, fitted from runs on bare constants.

Each run is a certificate with the fewest layers found. The exponent is the slope of the logarithm over a geometric
ladder of one variable; its 95 % interval is that of the regression. A theorem that states an order O(...) for the
quantity is held against it: the quantity divided by the order must not grow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

import numpy as np
import sympy as sp

from certify.arithmetic.balls import Real, midpoint, precision
from certify.proof.conclusion import DEFAULT_DEVIATION
from certify.proof.optimiser import Certificate, shortest
from certify.proof.theorem import Growth, Theorem
from certify.strategies.domains import PLAIN_NUMBERS
from certify.stress_tests.records import ScalingLaw
from certify.symbolic.evaluation import evaluate_ball

LADDERS: Mapping[str, tuple[Fraction, ...]] = {
    "d": tuple(Fraction(2**k) for k in range(1, 8)),
    "N": tuple(Fraction(10**k) for k in range(2, 8)),
    "1/epsilon": tuple(Fraction(2) ** k for k in range(1, 10)),
    "kappa": tuple(Fraction(5, 4) ** k for k in range(1, 8)),
}
BASE = {
    "d": Fraction(4),
    "m": Fraction(1),
    "M": Fraction(3, 2),
    "M2": Fraction(1, 20),
    "M3": Fraction(1, 20),
    "N": Fraction(1000),
    "epsilon": Fraction(1, 10),
    "beta": Fraction(1, 1000),
}
FEWEST_RUNS = 4
CONFIDENCE = 0.95


def scaling_laws(theorem: Theorem, seed: int = 0) -> tuple[ScalingLaw, ...]:
    """Fitted growth of the stochastic layers and of the size bound; variables with too few certificates are left out.

    `seed` perturbs the base constants a little, so that no law rests on one lucky point. Estimate.
    """
    laws = []
    for variable in LADDERS:
        runs = ladder_runs(theorem, variable, seed)
        if len(runs) < FEWEST_RUNS:
            continue
        for name in counted_quantities(theorem):
            law = fitted_law(name, variable, runs, _order(theorem.growth, name))
            if law is not None:
                laws.append(law)
    return tuple(laws)


def ladder_runs(theorem: Theorem, variable: str, seed: int = 0) -> list[tuple[float, Certificate]]:
    """(value of the variable, certificate) for every rung of its ladder that has one."""
    runs: list[tuple[float, Certificate]] = []
    if theorem.points:
        return runs
    for rung in LADDERS[variable]:
        inputs = _inputs(theorem, variable, rung, seed)
        certificate = shortest(theorem, inputs)
        if certificate is not None:
            runs.append((float(rung), certificate))
    return runs


def counted_quantities(theorem: Theorem) -> tuple[str, ...]:
    """Names of what is counted: the stochastic layers and everything that the theorem states a growth of."""
    layers = [item.name for item in theorem.conclusion.layers[-1:]]
    return tuple(dict.fromkeys((*layers, *(item.quantity.name for item in theorem.growth))))


def fitted_law(
    name: str, variable: str, runs: Sequence[tuple[float, Certificate]], order: sp.Expr | None
) -> ScalingLaw | None:
    """The law of one quantity along one ladder; None where it has no value or does not depend on the variable."""
    found = [(rung, certificate) for rung, certificate in runs if name in certificate.values]
    sizes = [midpoint(certificate.values[name]) for _, certificate in found]
    if len(found) < FEWEST_RUNS or min(sizes) <= 0 or max(sizes) == min(sizes):
        return None
    places = np.log([rung for rung, _ in found])
    slope = _slope(places, np.log(sizes))
    if order is None:
        return ScalingLaw(name, variable, len(found), slope, None, None)
    with precision():
        orders = [midpoint(evaluate_ball(order, certificate.values)) for _, certificate in found]
    excess = _slope(places, np.log(sizes) - np.log(orders))
    claimed = _slope(places, np.log(orders))[0]
    return ScalingLaw(name, variable, len(found), slope, claimed, excess[1:])


def _order(growth: Sequence[Growth], name: str) -> sp.Expr | None:
    return next((item.order for item in growth if item.quantity.name == name), None)


def _slope(places: np.ndarray, values: np.ndarray) -> tuple[float, float, float]:
    """Slope of a least-squares line with the ends of its confidence interval."""
    from scipy import stats

    fit = stats.linregress(places, values)
    reach = float(stats.t.ppf((1 + CONFIDENCE) / 2, len(places) - 2)) * float(fit.stderr)
    return float(fit.slope), float(fit.slope) - reach, float(fit.slope) + reach


def _inputs(theorem: Theorem, variable: str, rung: Fraction, seed: int) -> dict[str, Real]:
    random = np.random.default_rng([seed, 0x5CA1E])
    jitter = {name: Fraction(int(random.integers(90, 111)), 100) for name in ("m", "M", "M2", "M3")}
    values: dict[str, Fraction] = {name: value * jitter.get(name, 1) for name, value in BASE.items()}
    domains = theorem.constant_domains
    for name in theorem.required_constants:
        if name not in values or not domains[name].contains(values[name], values):
            values[name] = next(number for number in PLAIN_NUMBERS if domains[name].contains(number, values))
    if variable == "kappa":
        values["M"] = values["m"] * rung
    elif variable == "1/epsilon":
        values["epsilon"] = 1 / rung
    else:
        values[variable] = rung
    return {**values, "n": values["d"], "t_x": DEFAULT_DEVIATION}
