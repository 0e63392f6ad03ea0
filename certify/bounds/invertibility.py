"""Refuting strong invertibility: certificates that no m > 0 exists for a generator on all of R^d.

Two independent reasons, each rigorous. A map with a bounded image is not onto, and its quotient
|G(z)-G(z')|/|z-z'| tends to 0 along every ray. A C^1 map whose Jacobian determinant takes both signs has, on
the segment between the two points, a singular Jacobian (intermediate value theorem), so inf sigma_min(J) = 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from flint import arb_mat

from certify.arithmetic.arrays import FloatArray
from certify.arithmetic.intervals import row_norms_upper
from certify.arithmetic.rounding import Direction, decimal_text
from certify.bounds.bounded_image import REMEDY as BOUNDED_REMEDY
from certify.bounds.bounded_image import bounded_direction
from certify.bounds.bracket import Region, Witness
from certify.bounds.kinks import kinked_activations
from certify.bounds.ranges import node_ranges
from certify.generators.derivatives import jacobian
from certify.generators.graph import Generator
from certify.generators.jets import jacobian_ball

FAR = 1e8
FOLDED_REMEDY = "train residual blocks whose added part has Lipschitz constant below 1, which cannot fold, or couplings"
SCALES = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0)


@dataclass(frozen=True)
class NotInvertible:
    """m = 0, with two points z, z' that show it (if there are any), the argument in words and what to change."""

    witness: Witness | None
    reason: str


def refute_strong_invertibility(generator: Generator, samples: int = 4000, seed: int = 0) -> NotInvertible | None:
    """A proof that inf |G(z)-G(z')|/|z-z'| = 0 over R^d, or None if none was found.

    Rigorous: bounded images by interval enclosure over R^d, determinant signs in balls. Verified.
    """
    bounded = bounded_image(generator)
    direction = None if bounded is not None else bounded_direction(generator.graph)
    if direction is not None:
        return NotInvertible(None, str(direction))
    return bounded or determinant_signs(generator, samples, seed)


def bounded_image(generator: Generator) -> NotInvertible | None:
    """Refutation by an enclosure of G(R^d) that is bounded; None if the enclosure is unbounded. Verified."""
    lower, upper = node_ranges(generator.graph, Region()).values[-1]
    if not (np.isfinite(lower).all() and np.isfinite(upper).all()):
        return None
    with np.errstate(over="ignore"):
        diameter = float(row_norms_upper(np.nextafter(upper - lower, np.inf))[0])
    far = np.zeros(generator.latent_dim)
    far[0] = FAR
    width = decimal_text(diameter, 4, Direction.UP)
    return NotInvertible(
        Witness((tuple((-far).tolist()), tuple(far.tolist()))),
        f"the image of G is bounded (diameter <= {width}), so |G(z)-G(z')|/|z-z'| has infimum 0 and G is not onto; the "
        f"witness pair is {2 * FAR:.0e} apart: {BOUNDED_REMEDY}",
    )


def determinant_signs(generator: Generator, samples: int, seed: int) -> NotInvertible | None:
    """Refutation by two points whose Jacobian determinants have opposite signs; None if none was found. Verified."""
    if generator.latent_dim != generator.observed_dim or kinked_activations(generator):
        return None
    random = np.random.default_rng([seed, 0xDE7])
    signs: dict[int, FloatArray] = {}
    for scale in SCALES:
        points = scale * random.standard_normal((samples // len(SCALES), generator.latent_dim))
        sign = np.sign(np.linalg.det(jacobian(generator.graph, points)))
        for wanted in (-1, 1):
            candidates = points[sign == wanted]
            if wanted not in signs and candidates.shape[0]:
                found = next((row for row in candidates[:8] if _certified_sign(generator, row) == wanted), None)
                if found is not None:
                    signs[wanted] = found
        if len(signs) == 2:
            return NotInvertible(
                Witness((tuple(signs[-1].tolist()), tuple(signs[1].tolist()))),
                "det J is negative at one and positive at the other point of the witness pair, so the Jacobian is "
                f"singular somewhere between them and m = 0: {FOLDED_REMEDY}",
            )
    return None


def _certified_sign(generator: Generator, point: FloatArray) -> int:
    determinant = arb_mat(jacobian_ball(generator.graph, point.tolist())).det()
    return 1 if determinant > 0 else -1 if determinant < 0 else 0
