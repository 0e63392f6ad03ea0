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
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

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
    stacked,
    subtract,
)
from certify.bounds.barrier import newton_units
from certify.bounds.bracket import Multipliers
from certify.bounds.curvature import PowerGram, power_gram
from certify.bounds.driven import Drive, driven_form
from certify.bounds.effort import Work
from certify.bounds.layers import Ellipsoid, ellipsoid
from certify.bounds.lifted_search import better_ellipsoid, demand
from certify.bounds.method import BoundMethod, Problem, Proposal
from certify.bounds.ranges import NodeRanges
from certify.bounds.reachability import Passage, passage_of
from certify.bounds.semidefinite import LARGEST_SIZE, Proved, closed_form_start, proved_end
from certify.bounds.structure import IncrementForm
from certify.clock import ask
from certify.generators.graph import Graph, Product

NAME = "lifted semidefinite"

SHARE = 0.5
"""Part of the effort left that is used; the rest is for branch and bound and the chain rule."""

ROUNDS = 5
"""Turns of multipliers and ellipsoid; later ones bring less than a per cent."""

SEARCH_STEPS = 60.0
"""Newton steps that one search for multipliers takes, about."""

SHRINKS = 0.995
"""A turn that brings less ends the search."""

SPLITS = (0.5, 0.75, 0.25)
"""Tried shares of psi that drive the cubes of p' rather than its products with p''."""

COARSE, FINE = 3e-2, 1e-5
"""Duality gap, relative to the bound's square, at which a turn ends, and the last search."""

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

    @cached_property
    def at_rest(self) -> IncrementForm:
        """The linearised network with what is put into each neuron as its latent. Enclosure, rounded outward."""
        low, high = self.bends(2)
        return self.driven([Drive(np.eye(len(low)), low, high)])

    @property
    def rows(self) -> MatrixBall:
        """The increments of all pre-activations, (k, N). Enclosure, rounded outward."""
        return stacked(self.passage.form.inputs)

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
    """M2, the ellipsoid (of these weights) and theta c_2 that gave it, the linearised network and what proves it."""

    value: float
    weights: FloatArray
    ellipse: Ellipsoid
    share: float
    form: IncrementForm
    proof: Multipliers


def closed_form(form: IncrementForm) -> Proved:
    """What the ellipsoid of increments proves of a driven network, |psi| <= 1. Bound, rounded outward."""
    passage = passage_of(form)
    total = math.inf if passage is None else passage.output.total
    return Proved(total, None if passage is None else closed_form_start(total, passage.weights))


def turn(
    lifted: Lifted, weights: FloatArray, share: float, prove: Callable[[IncrementForm], Proved], work: Work
) -> Second | None:
    """M2 with the ellipsoid of these `weights` (N,); None where nothing is proved. Upper bound, rounded outward."""
    ellipse = lifted.ellipsoid(weights)
    rows = None if ellipse is None else lifted.powers(ellipse, share, 2).root()
    if ellipse is None or rows is None or not work.affords(_units(lifted.at_rest)):
        return None
    form = lifted.driven([Drive(rows, *lifted.bends(2))])
    proved = prove(form)
    if proved.multipliers is None:
        return None
    return Second(proved.value, weights, ellipse, share, form, proved.multipliers)


def improved(lifted: Lifted, found: Second, work: Work) -> tuple[FloatArray, float] | None:
    """Weights of an ellipsoid, and theta c_2, for the drives that the proof says matter. Estimate."""
    wanted = demand(lifted.at_rest, np.asarray(found.proof.values))
    if wanted is None:
        return None
    return better_ellipsoid(lifted.passage.form, found.weights, found.share, wanted, work)


def first_second(lifted: Lifted, work: Work) -> Second | None:
    """M2 in closed form, before and after one turn. Upper bound, rounded outward."""
    found = turn(lifted, np.concatenate(lifted.passage.weights), 0.5, closed_form, work)
    choice = None if found is None else improved(lifted, found, work)
    other = None if choice is None else turn(lifted, *choice, closed_form, work)
    return other if found is None or (other is not None and other.value < found.value) else found


def seconds(lifted: Lifted, start: Second | None, work: Work) -> Iterator[Second]:
    """M2, by turns: multipliers for an ellipsoid, then an ellipsoid for them; each better than the one before.

    The turns are coarse, each starts where the one before ended, and the best is searched to its end at last.
    Upper bounds, rounded outward.
    """
    best: Second | None = None
    choice: tuple[FloatArray, float] | None = np.concatenate(lifted.passage.weights), 0.5
    if start is not None:
        choice = start.weights, start.share
    for _ in range(ROUNDS):
        near = None if best is None else best.proof
        found = None if choice is None else turn(lifted, *choice, searched(work, COARSE, near), work)
        if found is None or (best is not None and not found.value < best.value):
            break
        is_last = best is not None and not found.value < SHRINKS * best.value
        best = found
        yield best
        choice = None if is_last else improved(lifted, best, work)
    if best is not None and work.affords(_units(best.form)):
        proved = searched(work, FINE, best.proof)(best.form)
        if proved.value < best.value:
            yield replace(best, value=proved.value)


def searched(work: Work, gap: float, near: Multipliers | None) -> Callable[[IncrementForm], Proved]:
    """The search that proves a driven network's bound, |psi| <= 1, to this gap from these multipliers. Verified."""
    return lambda form: proved_end(form, form.output, 1.0, work, closed_form=near, relative_gap=gap)


@dataclass(frozen=True, eq=False)
class Third:
    """M3 and the linearised network and multipliers that gave it."""

    value: float
    form: IncrementForm
    proof: Multipliers


def first_third(lifted: Lifted, found: Second, splits: Sequence[float], work: Work) -> Third | None:
    """M3 in closed form, at the best of these shares of psi for the cubes. Upper bound, rounded outward."""
    cubes, mixed = lifted.powers(found.ellipse, found.share, 3), _products(lifted, found)
    best: Third | None = None
    for part in splits if mixed is not None else (1.0,):
        form = _third_form(lifted, cubes, mixed, part) if work.affords(_units(found.form)) else None
        proved = None if form is None else closed_form(form)
        if form is None or proved is None or proved.multipliers is None:
            break
        if best is None or proved.value < best.value:
            best = Third(proved.value, form, proved.multipliers)
    return best


def third(start: Third, work: Work) -> float:
    """M3 by a search from its closed form. Upper bound, rounded outward."""
    return searched(work, FINE, start.proof)(start.form).value if work.affords(_units(start.form)) else math.inf


def _third_form(
    lifted: Lifted, cubes: Driver, mixed: tuple[Driver, FloatArray] | None, part: float
) -> IncrementForm | None:
    """The linearised network driven by cubes with this part of |psi|^2 and by products with the rest."""
    rows, bends = cubes.root(part), lifted.bends(3)
    if rows is None or mixed is None:
        return None if rows is None else lifted.driven([Drive(rows, *bends)])
    driver, places = mixed
    other = driver.root(1.0 - part)
    if other is None:
        return None
    low, high = lifted.bends(2)
    thrice = np.nextafter(3.0 * low, -np.inf), np.nextafter(3.0 * high, np.inf)
    wide = np.zeros((len(rows), other.shape[1]))
    wide[places] = other
    pads = np.zeros_like(wide), np.zeros_like(rows)
    return lifted.driven(
        [
            Drive(np.concatenate([rows, pads[0]], axis=1), *bends),
            Drive(np.concatenate([pads[1], wide], axis=1), *thrice),
        ]
    )


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
    bends = bent.image(stacked(form.inputs[1:]))
    gram = hadamard(multiply(slopes, slopes.transpose), multiply(bends, bends.transpose))
    with precision():
        size = upper(ball(found.ellipse.growth) * ball(bent.growth))
    return Driver(gram, size), places


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
    has_third = all(np.isfinite(end).all() for end in lifted.bends(3))
    start = first_second(lifted, work)
    if start is not None:
        yield Proposal("M2", "upper", start.value, NAME)
        early = first_third(lifted, start, SPLITS[:1], work) if has_third else None
        if early is not None:
            yield Proposal("M3", "upper", early.value, NAME)
    found = start
    for found in seconds(lifted, start, work):
        yield Proposal("M2", "upper", found.value, NAME)
    late = first_third(lifted, found, SPLITS, work) if found is not None and has_third else None
    if late is not None:
        yield Proposal("M3", "upper", late.value, NAME)
        yield Proposal("M3", "upper", third(late, work), NAME)


METHOD = BoundMethod(
    NAME, "LipSDP's inequality for the network linearised and driven by the squares of its slopes", 2.6, _propose
)
