"""The price of independent coordinates as a closed form, and its checks against product laws."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import sympy as sp
from flint import arb
from scipy.integrate import quad
from scipy.special import ndtr

from certify.arithmetic.balls import ball, precision
from certify.generators.graph import FloatArray
from certify.measure.tail import QUADRATURE_DIMENSION
from certify.posteriors.estimates import DistanceEstimate, IntervalEstimate
from certify.posteriors.mode import find_mode
from certify.posteriors.posterior import Posterior
from certify.profiles.gaussian import nearby_gaussian
from certify.proof.checks.intervals import follows, from_distance, from_interval
from certify.proof.instance import Instance
from certify.proof.theorem import Finding
from certify.symbolic.evaluation import evaluate_ball
from theorems.factorised_encoder.splits import correlation_ball, costliest_pair
from theorems.sharp_langevin.observations import global_constants

CORRELATIONS = (0.05, 0.3, 0.5, 0.7, 0.9, 0.99)
GRID = 401
NODES, REACH = 161, 7.0


def cell_mass(correlation: sp.Expr) -> sp.Expr:
    """Mass of {X > 0, Y > 0} for centred Gaussians with this correlation (Sheppard)."""
    return sp.Rational(1, 4) + sp.asin(correlation) / (2 * sp.pi)


def price(correlation: sp.Expr) -> sp.Expr:
    """2 sqrt(cell) - 1 = sqrt(1 + (2/pi) arcsin) - 1."""
    return 2 * sp.sqrt(cell_mass(correlation)) - 1


def price_of(correlation: arb) -> arb:
    """The price at a correlation in [0, 1], enclosed."""
    r = sp.Symbol("r", nonnegative=True)
    return evaluate_ball(price(r), {"r": correlation})


def quadrants(instance: Instance) -> tuple[Finding, ...]:
    """Findings on the mass of a quadrant, bound variable r, by adaptive quadrature over one coordinate."""
    found = []
    for r in CORRELATIONS:
        slope = r / np.sqrt(1 - r * r)
        mass, error = quad(lambda x, s=slope: np.exp(-x * x / 2) / np.sqrt(2 * np.pi) * ndtr(s * x), 0, np.inf)
        error = max(error, 1e-12)
        estimate = IntervalEstimate(mass, mass - error, mass + error, 0.0, 1, "adaptive quadrature")
        # The midpoint is no more exact than the interval: the interval alone decides.
        found.append(replace(from_interval("quadrant", estimate, {"r": r}), one_sided=True))
    return tuple(found)


def product_laws(instance: Instance) -> tuple[Finding, ...]:
    """Findings on the distance over four cells: the smallest of a grid of product laws, and the one that attains it."""
    found = []
    axis = np.linspace(0, 1, GRID)
    for r in CORRELATIONS:
        mass = 0.25 + np.arcsin(r) / (2 * np.pi)
        best = np.unravel_index(np.argmin(distances := four_cells(mass, *np.meshgrid(axis, axis))), distances.shape)
        a, b = axis[best[1]], axis[best[0]]
        root = float(np.sqrt(mass))
        for claim, place, cases in (("every product law", (a, b), GRID**2), ("attained", (root, root), 1)):
            point = None if claim == "attained" else place
            found.append(
                Finding(
                    claim, float(four_cells(mass, *place)), cases, at={"r": r},
                    recheck=lambda r=r, point=point: _four_cells_ball(r, point),  # type: ignore[misc]
                )
            )  # fmt: skip
    return tuple(found)


def four_cells(mass: float, a: FloatArray | float, b: FloatArray | float) -> FloatArray:
    """TV over the quadrants between masses (mass, 1/2 - mass) and the product law with P(X > 0) = a, P(Y > 0) = b."""
    a, b = np.asarray(a), np.asarray(b)
    other = 0.5 - mass
    parts = (mass - a * b, other - a * (1 - b), other - (1 - a) * b, mass - (1 - a) * (1 - b))
    return np.asarray(sum(np.maximum(part, 0.0) for part in parts))


def _four_cells_ball(correlation: float, point: tuple[float, float] | None) -> arb:
    """The distance over the cells at the floats `point`, or where it is attained, enclosed."""
    with precision():
        mass = evaluate_ball(cell_mass(sp.Symbol("r")), {"r": ball(correlation)})
        p, q = (mass.sqrt(), mass.sqrt()) if point is None else map(ball, point)
        other = ball(1) / 2 - mass
        parts = (mass - p * q, other - p * (1 - q), other - (1 - p) * q, mass - (1 - p) * (1 - q))
        return sum((part.max(arb(0)) for part in parts), arb(0))


def factorised_laws(instance: Instance) -> tuple[Finding, ...]:
    """Findings on "every encoder" (d = 2): product laws near each posterior, by quadrature in its own frame."""
    if instance.generator.latent_dim != QUADRATURE_DIMENSION:
        at = {"corr": instance.values.get("corr", 0), "t_g": instance.values.get("t_g", 1)}
        found = follows("every encoder", "product laws are compared with posteriors of two latents only")
        return tuple(replace(item, at=at) for item in found)
    constants = global_constants(instance.brackets)
    measured: list[Finding] = []
    for index, row in enumerate(instance.observations):
        near = nearby_gaussian(instance.generator, constants, row, instance.beta)
        split = costliest_pair(near.centre.factor @ near.centre.factor.T)
        own = {"corr": correlation_ball(near.centre.factor, split), "t_g": near.distance}
        fine, coarse = (product_distances(instance.posterior(index), nodes) for nodes in (2 * NODES - 1, NODES))
        for name, distance in fine.items():
            error = abs(distance - coarse[name]) + 1e-9
            estimate = DistanceEstimate(distance, max(0.0, distance - error), distance + error, f"quadrature, {name}")
            measured.append(from_distance("every encoder", estimate, own))
    return tuple(measured)


def product_distances(posterior: Posterior, nodes: int) -> dict[str, float]:
    """TV(q, pi_x) of three product laws q on a grid of nodes^2 points (d = 2), by name. Estimates."""
    mode = find_mode(posterior)
    deviations = np.sqrt(np.diag(np.linalg.inv(posterior.hessian(mode))))
    axes = [mode[i] + REACH * deviations[i] * np.linspace(-1, 1, nodes) for i in (0, 1)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
    logs = -posterior.potential(points)
    joint = np.exp(logs - logs.max()).reshape(nodes, nodes)
    joint /= joint.sum()
    rows, columns = joint.sum(axis=1), joint.sum(axis=0)
    peaks = [np.exp(-0.5 * ((axis - m) / s) ** 2) for axis, m, s in zip(axes, mode, deviations, strict=True)]
    precisions = np.sqrt(np.diag(posterior.hessian(mode)))
    narrow = [np.exp(-0.5 * ((axis - m) * p) ** 2) for axis, m, p in zip(axes, mode, precisions, strict=True)]
    laws = {"its own marginals": (rows, columns), "Laplace marginals": peaks, "the best KL Gaussian": narrow}
    return {
        name: float(0.5 * np.abs(joint - np.outer(first / first.sum(), second / second.sum())).sum())
        for name, (first, second) in laws.items()
    }
