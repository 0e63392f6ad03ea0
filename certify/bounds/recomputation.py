"""What a witness proves: every witness is recomputed in balls here, at the one place where it is used.

m <= |J(z)u|/|u|,  m <= |G(z)-G(z')|/|z-z'|,  M >= both,  M2 >= |D^2G(z)[u,u]|/|u|^2,  M3 >= |D^3G(z)[u,u,u]|/|u|^3:
each is a bound at every point and direction of the region, so nothing that finds a witness need be trusted. A
witness counts only if its points provably lie in the region, and a pair only if its two points are different:
far from 0, or in a region smaller than the spacing of the floats, different points may round to one.
Ends rounded outward; recomputing them at the stored floats in ordinary arithmetic agrees to about 1e-9 relative
where the pair is kept apart.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from flint import arb

from certify.arithmetic.balls import ball, euclidean_norm, lower, precision, upper
from certify.bounds.bracket import Region, Witness
from certify.bounds.method import Proposal
from certify.generators.graph import Graph
from certify.generators.jets import directional_derivatives_ball, value_ball

ORDERS = {"m": 1, "M": 1, "M2": 2, "M3": 3}
"""Order of the derivative whose size bounds each constant."""


def witnessed_end(graph: Graph, region: Region, proposal: Proposal) -> float | None:
    """The end of a bracket that the proposal's witness proves; None where it proves none.

    An infinite lower end is an argument of its method about two points: they are held to lie in the region and apart.
    Bounds, rounded outward.
    """
    witness = proposal.witness
    if witness is None or not is_admissible(graph, region, witness):
        return None
    if proposal.value == math.inf:
        return math.inf
    order = ORDERS[proposal.constant]
    if witness.directions:
        if len(witness.directions) != order or len(set(witness.directions)) != 1:
            return None
        size = derivative_size(graph, witness.points[0], witness.directions[0], order)
    elif order == 1:
        size = pair_quotient(graph, *witness.points)
    else:
        return None
    if proposal.end == "lower":
        return max(0.0, lower(size))
    end = max(0.0, upper(size))
    return end if proposal.constant == "m" and math.isfinite(end) else None


def is_admissible(graph: Graph, region: Region, witness: Witness) -> bool:
    """Whether it is one point with directions other than 0, or two different points, provably in the region.

    Verified.
    """
    vectors = (*witness.points, *witness.directions)
    if not all(len(vector) == graph.latent_dim and all(map(math.isfinite, vector)) for vector in vectors):
        return False
    if not all(any(direction) for direction in witness.directions):
        return False
    apart = len(witness.points) == 2 and witness.points[0] != witness.points[1]
    single = len(witness.points) == 1 and bool(witness.directions)
    return (single or apart) and all(is_inside(region, point) for point in witness.points)


def is_inside(region: Region, point: Sequence[float]) -> bool:
    """Whether the point provably lies in the region (in balls: exact as far as 128 bits go, at every scale).

    Verified.

    >>> is_inside(Region(radius=1.0), (0.6, 0.8)), is_inside(Region(radius=1.0), (0.6, 0.5))
    (False, True)
    """
    if region.radius is None:
        return True
    centre = [0.0] * len(point) if region.centre is None else region.centre
    with precision():
        gap = [ball(float(a)) - ball(float(b)) for a, b in zip(point, centre, strict=True)]
        return bool(euclidean_norm(gap) <= ball(region.radius))


def derivative_size(graph: Graph, point: Sequence[float], direction: Sequence[float], order: int) -> arb:
    """Ball that contains |D^kG(z)[u, ..., u]|/|u|^k for k = `order`. Enclosure, rounded outward."""
    with precision():
        images = directional_derivatives_ball(graph, [float(x) for x in point], [float(x) for x in direction], order)
        size = euclidean_norm([ball(float(entry)) for entry in direction])
        return euclidean_norm(images[order]) / size**order


def pair_quotient(graph: Graph, first: Sequence[float], second: Sequence[float]) -> arb:
    """Ball that contains |G(z)-G(z')|/|z-z'|. Enclosure, rounded outward."""
    with precision():
        images = [value_ball(graph, [float(x) for x in point]) for point in (first, second)]
        gap = [ball(float(a)) - ball(float(b)) for a, b in zip(first, second, strict=True)]
        return euclidean_norm([a - b for a, b in zip(*images, strict=True)]) / euclidean_norm(gap)
