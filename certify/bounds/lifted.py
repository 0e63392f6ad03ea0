"""M2 and M3 by LipSDP's inequality in lifted coordinates: the second derivative as a linear network of u (x) u.

With p the pre-activations of all layers, p' = Dp[u], p'' = D^2p[u, u], the derivatives along u of order two and three
are the output of the network itself, linearised, driven at every neuron i by

    sigma''_i (p'_i)^2,      and      sigma'''_i (p'_i)^3 + 3 sigma''_i p'_i p''_i.

By the ellipsoid of increments (`certify.bounds.layers`) p'_i = k_i y with |y| <= c |u|, so q_i = (p'_i)^k is linear in
Y = y^{(x)k}, and with the contraction of two indices as in `certify.bounds.curvature`,

    q^T R^+ q <= c^{2k} (1 + theta/(1 - theta c_k)),      R = (K K^T)^{o k} - theta H,

where for k = 2 the functional |u|^2 = <V V^T, Y> = 1 of Y, u = V^T y, stands for the trace: H = h h^T,
h_i = |k_i V|^2, c_2 = |V^T V|^2. So q = B psi for every B with B B^T > R (verified), |psi| at most that root.
Likewise p'_i p''_i = <k_i (x) l_i, y (x) x> with p''_i = l_i x in the ellipsoid of the second derivative,
B B^T > (K K^T) o (L L^T). What is left is an increment form in psi: neuron i receives an unknown multiple, in the range
of sigma''_i, of row i of B psi, and passes on an unknown multiple, in the range of sigma'_i, of what it is given. All
layers compete for one psi, and the signs that the ranges of sigma'' have are used. Symmetric forms attain their norm at
equal directions (Banach). Upper bounds, rounded outward.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from certify.arithmetic.arrays import FloatArray
from certify.arithmetic.balls import ball, precision, upper
from certify.arithmetic.definiteness import positive_definite
from certify.arithmetic.intervals import (
    MatrixBall,
    exact_matrix,
    hadamard,
    magnitude_upper,
    multiply,
    scale,
    subtract,
)
from certify.bounds.barrier import newton_units
from certify.bounds.curvature import PowerGram, power_gram
from certify.bounds.driven import Drive, driven_form
from certify.bounds.effort import Work
from certify.bounds.layers import Ellipsoid, ellipsoid
from certify.bounds.lifted_search import better_ellipsoid, demand
from certify.bounds.method import BoundMethod, Problem, Proposal
from certify.bounds.ranges import NodeRanges
from certify.bounds.reachability import Passage, passage_of
from certify.bounds.semidefinite import LARGEST_SIZE, proved_end
from certify.bounds.structure import IncrementForm
from certify.clock import ask
from certify.generators.graph import Graph, Product

NAME = "lifted semidefinite"

SHARE = 0.5
"""Part of the effort left that is used; the rest is for branch and bound and the chain rule."""

ROUNDS = 4
"""Turns of multipliers and ellipsoid; later ones bring less than a per cent."""

SEARCH_STEPS = 60.0
"""Newton steps that one search for multipliers takes, about."""

SHRINKS = 0.99
"""A turn that brings less ends the search."""

SPLITS = (0.25, 0.5, 0.75)
"""Tried shares of psi that drive the cubes of p' rather than its products with p''."""

SLACKS = (1e-9, 1e-6)
"""What B B^T exceeds R by, relative to its diagonal, so that the difference is verified."""


def root(gram: MatrixBall) -> FloatArray | None:
    """B (k, k) with B B^T > R for every R of the ball `gram` (k, k); None where that is not verified. Verified."""
    middle = 0.5 * (gram.midpoint + gram.midpoint.T)
    if not gram.is_finite or not np.isfinite(middle).all():
        return None
    sizes = np.diag(middle) + np.diag(gram.radius)
    scales = np.sqrt(np.maximum(sizes, 1e-12 * float(sizes.max(initial=0.0)))) + 1e-150
    ask(1e-5 * len(middle) ** 3)
    values, vectors = np.linalg.eigh(middle / np.outer(scales, scales))
    for slack in SLACKS:
        found: FloatArray = scales[:, None] * vectors * np.sqrt(np.maximum(values, 0.0) + slack)
        candidate = exact_matrix(found)
        if positive_definite(subtract(multiply(candidate, candidate.transpose), gram)):
            return found
    return None


@dataclass(frozen=True, eq=False)
class Driver:
    """Vectors q (k,) with q^T R^+ q <= size^2 for R = `gram` (k, k)."""

    gram: MatrixBall
    size: float

    def root(self, part: float = 1.0) -> FloatArray | None:
        """B with q = B psi for some |psi|^2 <= `part`, a float; None where that is not verified. Verified."""
        with precision():
            factor = upper(ball(self.size) ** 2 / ball(part))
        return root(scale(self.gram, factor)) if math.isfinite(factor) else None


@dataclass(frozen=True, eq=False)
class Lifted:
    """One network over one region: its neurons, the increments that reach them and the ranges of their derivatives."""

    graph: Graph
    ranges: NodeRanges
    passage: Passage

    @property
    def nodes(self) -> tuple[int, ...]:
        """The activations. Exact."""
        return self.passage.form.nodes

    @property
    def rows(self) -> MatrixBall:
        """The increments of all pre-activations, (k, N). Enclosure, rounded outward."""
        return _stacked(self.passage.form.inputs)

    def bends(self, order: int) -> tuple[FloatArray, FloatArray]:
        """Ends of sigma^(order) of all neurons, (k,) each. Enclosure, rounded outward."""
        ends = [self.ranges.slopes(node, order) for node in self.nodes]
        return np.concatenate([low[0] for low, _ in ends]), np.concatenate([high[0] for _, high in ends])

    def driven(self, drives: Sequence[Drive]) -> IncrementForm:
        """The linearised network under these drives. Enclosure, rounded outward."""
        return driven_form(self.graph, self.ranges, self.nodes, drives)

    def ellipsoid(self, multipliers: FloatArray) -> Ellipsoid | None:
        """The ellipsoid of increments with these multipliers, (k,). Verified."""
        cuts = np.cumsum([part.size for part in self.passage.weights])[:-1]
        return ellipsoid(self.passage.form, np.split(multipliers, cuts))

    def powers(self, ellipse: Ellipsoid, share: float, order: int) -> Driver:
        """What (p')^order, (k,), can be. Enclosure, rounded outward."""
        image = ellipse.image(self.rows)
        grams = power_gram(image, order) if order != 2 else self._squares(ellipse, image)
        theta = share / grams.contraction_estimate
        with precision():
            size = upper(grams.growth(theta).sqrt() * ball(ellipse.growth) ** order)
        return Driver(grams.reduced(theta), size)

    def _squares(self, ellipse: Ellipsoid, image: MatrixBall) -> PowerGram:
        """For squares the functional |u|^2 of Y, which is known to be 1, in the place of the trace |y|^2."""
        near = exact_matrix(ellipse.factor[:, : self.passage.form.latent_dim])
        gram, own = multiply(image, image.transpose), multiply(image, near)
        lengths = multiply(own, own.transpose)
        column = MatrixBall(np.diag(lengths.midpoint)[:, None], np.diag(lengths.radius)[:, None])
        inner = magnitude_upper(multiply(near.transpose, near))
        with precision():
            contraction = ball(0)
            for entry in inner.ravel().tolist():
                contraction = contraction + ball(entry) ** 2
            size = ball(upper(contraction))
        return PowerGram(hadamard(gram, gram), multiply(column, column.transpose), size, upper(size))


@dataclass(frozen=True, eq=False)
class Second:
    """M2, the ellipsoid and theta c_2 that gave it, and the linearised network that was bounded, |psi| <= 1."""

    value: float
    ellipse: Ellipsoid
    share: float
    form: IncrementForm


def second(lifted: Lifted, work: Work) -> Second | None:
    """M2, by turns: multipliers for an ellipsoid, then an ellipsoid for them. Upper bound, rounded outward."""
    best: Second | None = None
    multipliers, share = np.concatenate(lifted.passage.weights), 0.5
    low, high = lifted.bends(2)
    plain = lifted.driven([Drive(np.eye(len(low)), low, high)])
    for turn in range(ROUNDS):
        ellipse = lifted.ellipsoid(multipliers)
        rows = None if ellipse is None else lifted.powers(ellipse, share, 2).root()
        if ellipse is None or rows is None or not work.affords(_units(plain)):
            break
        form = lifted.driven([Drive(rows, low, high)])
        proved = proved_end(form, form.output, 1.0, work)
        if proved.multipliers is None or (best is not None and not proved.value < SHRINKS * best.value):
            break
        best = Second(proved.value, ellipse, share, form)
        wanted = demand(plain, np.asarray(proved.multipliers.values)) if turn + 1 < ROUNDS else None
        if wanted is None:
            break
        multipliers, share = better_ellipsoid(lifted.passage.form, multipliers, share, wanted, work)
    return best


def third(lifted: Lifted, found: Second, work: Work) -> float:
    """M3 with the ellipsoid of M2; cubes of p' and products p' p'' have one psi. Upper bound, rounded outward."""
    cubes, mixed = lifted.powers(found.ellipse, found.share, 3), _products(lifted, found)
    bends = lifted.bends(3)
    low, high = lifted.bends(2)
    thrice = np.nextafter(3.0 * low, -np.inf), np.nextafter(3.0 * high, np.inf)
    best = math.inf
    for part in SPLITS if mixed is not None else (1.0,):
        rows = cubes.root(part)
        if rows is None or not work.affords(_units(found.form)):
            break
        drives = [Drive(rows, *bends)]
        if mixed is not None:
            driver, places = mixed
            other = driver.root(1.0 - part)
            if other is None:
                break
            wide = np.zeros((len(rows), other.shape[1]))
            wide[places] = other
            pads = np.zeros_like(wide), np.zeros_like(rows)
            drives = [
                Drive(np.concatenate([rows, pads[0]], axis=1), *bends),
                Drive(np.concatenate([pads[1], wide], axis=1), *thrice),
            ]
        form = lifted.driven(drives)
        best = min(best, proved_end(form, form.output, 1.0, work).value)
    return best


def _products(lifted: Lifted, found: Second) -> tuple[Driver, FloatArray] | None:
    """What p' p'' can be at the neurons where p'' is not zero, and which these are; None where there are none."""
    form = found.form
    inner = passage_of(form)
    deep = [position for position, node in enumerate(lifted.nodes) if node in form.nodes[1:]]
    if inner is None or not deep:
        return None
    widths = [lifted.graph.nodes[node].width for node in lifted.nodes]
    starts = np.cumsum([0, *widths])
    places = np.concatenate([np.arange(starts[k], starts[k + 1]) for k in deep])
    bent = ellipsoid(form, list(inner.weights))
    if bent is None:
        return None
    slopes = found.ellipse.image(lifted.rows)
    slopes = MatrixBall(slopes.midpoint[places], slopes.radius[places])
    bends = bent.image(_stacked(form.inputs[1:]))
    gram = hadamard(multiply(slopes, slopes.transpose), multiply(bends, bends.transpose))
    with precision():
        size = upper(ball(found.ellipse.growth) * ball(bent.growth))
    return Driver(gram, size), places


def _stacked(parts: Sequence[MatrixBall]) -> MatrixBall:
    return MatrixBall(
        np.concatenate([part.midpoint for part in parts]), np.concatenate([part.radius for part in parts])
    )


def _units(form: IncrementForm) -> float:
    """Units of work of one search for multipliers. Estimate."""
    return SEARCH_STEPS * newton_units(form.size, form.size - form.latent_dim)


def _propose(problem: Problem) -> Iterator[Proposal]:
    passage, graph = problem.reach.passage, problem.generator.graph
    if passage is None or any(isinstance(node, Product) for node in graph.nodes):
        return
    if problem.is_settled("M2") and problem.is_settled("M3"):
        return
    lifted = Lifted(graph, problem.ranges, passage)
    neurons = sum(part.size for part in passage.weights)
    if 3 * neurons > LARGEST_SIZE or not all(np.isfinite(end).all() for end in lifted.bends(2)):
        return
    work = problem.work.share(SHARE)
    found = second(lifted, work)
    if found is None:
        return
    yield Proposal("M2", "upper", found.value, NAME)
    if all(np.isfinite(end).all() for end in lifted.bends(3)):
        yield Proposal("M3", "upper", third(lifted, found, work), NAME)


METHOD = BoundMethod(
    NAME, "LipSDP's inequality for the network linearised and driven by the squares of its slopes", 2.6, _propose
)
