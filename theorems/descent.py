"""What the theorems about descent from 0 and a chain share: the descent of S6, its end c, and the ball D around c."""

from __future__ import annotations

import math

import numpy as np

from certify.generators.graph import FloatArray
from certify.measure.descent import DescentDistances, descent_distances
from certify.posteriors.transition import Projection
from certify.proof.checks.locations import preimages
from certify.proof.instance import Instance

LARGEST_FINITE_RADIUS = 1e100
"""A radius beyond this stands for all of R^d (M2 = 0)."""


def descent(instance: Instance) -> DescentDistances:
    """The descent of S6 for every observation: K_gd steps of size 1/L_Phi from 0."""
    return instance.once(
        "descent",
        lambda: descent_distances(
            instance.generator,
            instance.observations,
            np.array([location.point for location in preimages(instance)]),
            1.0 / instance.number("L_Phi"),
            int(instance.number("K_gd")),
        ),
    )


def centre(instance: Instance) -> FloatArray:
    """C = z_{K_gd} for the first observation, the start of the Langevin chain."""
    return np.asarray(descent(instance).final[0])


def domain(instance: Instance) -> Projection:
    """D = B(c, R_D); all of R^d where every radius is admissible."""
    radius = instance.number("R_D")
    return Projection(centre(instance), math.inf if radius > LARGEST_FINITE_RADIUS else radius)
