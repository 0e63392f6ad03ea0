"""Branch and bound over all of R^d (or a ball): sup |J|, sup |D^2G|, sup |D^3G| and, on R^d, inf sigma_min(J).

R^d is covered by boxes, half-strips and cones (`certify.bounds.charts`); on each piece the derivative is enclosed
(`certify.bounds.enclosure`) and its norm bounded (`certify.arithmetic.form_norms`), the piece with the worst
bound is split, and the largest bound of any piece is at every moment a bound over the whole. On a convex region
M = sup ||J||, M2 = sup |D^2G|, M3 = sup |D^3G| by the mean value theorem.

The lower constant: sigma_min(J(z)) >= m > 0 at every z of R^d makes a C^1 map of R^d to itself (n = d) a
diffeomorphism whose inverse has derivatives of norm <= 1/m (Hadamard's global inverse theorem), hence
|G(z) - G(z')| >= m|z - z'|. On a ball, or for n > d, or for a kinked G, the pointwise condition proves nothing of the
kind (theory, A1), so no m is proposed there. Upper ends for M, M2, M3, lower end for m; rounded outward.
Splitting grows exponentially with d: more than `MOST_DIRECTIONS` directions are not attempted.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from certify.arithmetic.arrays import FloatArray
from certify.arithmetic.form_norms import (
    best_shift,
    contraction_gram,
    form_norm_upper,
    frobenius_upper,
    sigma_min_affine_lower,
    signs,
)
from certify.arithmetic.interval_tensors import TensorBall
from certify.arithmetic.intervals import EPSILON, round_down, row_norms_lower
from certify.arithmetic.matrices import unscale_lower, unscale_upper
from certify.bounds.bracket import Region
from certify.bounds.charts import BoolArray, Pieces, box, cover, join, split
from certify.bounds.effort import OVERHEAD, Work
from certify.bounds.enclosure import LinearParts, along_basis, derivative_tensors, linear_parts, piece_ranges
from certify.bounds.kinks import kinked_activations
from certify.bounds.method import BoundMethod, ConstantName, End, Problem, Proposal
from certify.bounds.ranges import node_ranges
from certify.generators.derivatives import jacobian
from certify.generators.graph import Activation, Affine, Graph, Product

MOST_DIRECTIONS = 3
"""Directions the derivatives may depend on."""

CORE = 4.0
"""The core of the cover is where the steepest neuron's weight part stays below this."""

TOLERANCES = {"m": 2e-3, "M": 2e-3, "M2": 2e-2, "M3": 1e-1}
"""Relative gap between the bound and the largest value at a centre at which a search ends."""

MOST_PIECES = {"m": 6000, "M": 6000, "M2": 12000, "M3": 12000}
"""Pieces per constant: with them the certified ends do not depend on the machine's speed on small networks."""

STALL_START = 4000.0
"""Pieces before the first look at the gap: it hardly moves while the unbounded rest is still coarse."""

STALL_CHECK = 1.5
"""Whenever the number of pieces has grown by this factor, the gap must have shrunk to `STALL_SHARE` of what it was."""

STALL_SHARE = 0.95

SHARE = 0.8
"""Part of the effort left that is used; the rest is for the chain rule."""

SHARES = {"m": 0.3, "M": 0.3, "M2": 0.6, "M3": 1.0}
"""Part of what is then left that each constant may use, in this order."""

EIGEN_UNITS, SHIFTS = 1e-5, 16
"""Units of an eigenvalue problem per cube of its size, and how many there are per piece besides the vertices."""

_MODERATE_EXPONENT = 40

_BATCH_ENTRIES = 2**20


@dataclass(frozen=True, eq=False)
class Scores:
    """Per piece an upper bound of the objective over it, and a value that splitting cannot get below (estimate)."""

    upper: FloatArray
    attained: FloatArray


Objective = Callable[[Pieces], Scores]


def _without_nan(scores: Scores) -> Scores:
    """NaN compares as "not larger": unknown is inf for a bound, and nothing for a value attained."""
    return Scores(
        np.where(np.isnan(scores.upper), np.inf, scores.upper),
        np.where(np.isnan(scores.attained), -np.inf, scores.attained),
    )


def maximise(
    objective: Objective,
    start: Pieces,
    weight: FloatArray,
    tolerance: float,
    known: float,
    most_pieces: int,
    batch: int,
    work: Work,
    piece_units: float = OVERHEAD,
) -> float:
    """Upper bound of the objective's supremum over the union of the pieces, by best-first splitting.

    Ends when the bound is within `tolerance` (relative) of the largest attained value, or when `known`, a bound
    from elsewhere, is; when the gap no longer shrinks; or at the limits of pieces
    and work, of which each piece costs `piece_units`. Rounded outward as
    far as `objective` is. `weight` (k, d) holds the directions that matter for the choice of splits.
    Upper bound, rounded outward.
    """
    pieces, depth = start, np.zeros(start.count, dtype=np.int64)
    scores = _without_nan(objective(pieces))
    upper, attained, settled, used = scores.upper, float(scores.attained.max()), -math.inf, start.count
    check, last_gap = STALL_START, math.inf
    while pieces.count:
        target = attained + tolerance * abs(attained)
        done = upper <= target
        settled = max(settled, float(upper[done].max(initial=-math.inf)))
        pieces, upper, depth = pieces.take(~done), upper[~done], depth[~done]
        if not pieces.count or known <= target or used >= most_pieces or work.is_spent:
            break
        if used >= check:
            gap = float(upper.max()) - attained
            if gap > STALL_SHARE * last_gap or not math.isfinite(gap):
                break
            check, last_gap = STALL_CHECK * used, gap
        order = np.argsort(-upper, kind="stable")
        chosen, rest = order[:batch], order[batch:]
        parents = pieces.take(chosen)
        steps = np.abs(np.einsum("wd,bdj->bwj", weight, parents.basis)).max(axis=1)
        reach = parents.reach(parents.middle())
        halves = split(parents, np.where(np.isfinite(reach), reach, 0.0) * steps, depth[chosen])
        scores = _without_nan(objective(halves))
        attained = max(attained, float(scores.attained.max()))
        inherited = np.minimum(scores.upper, np.tile(upper[chosen], 2))
        pieces = join([pieces.take(rest), halves])
        upper = np.concatenate([upper[rest], inherited])
        depth = np.concatenate([depth[rest], np.tile(depth[chosen] + 1, 2)])
        used += halves.count
        work.charge(OVERHEAD + piece_units * halves.count)
    return max(settled, float(upper.max(initial=-math.inf)))


def form_scores(parts: LinearParts, region: Region, order: int, pieces: Pieces) -> Scores:
    """Bounds of |D^kG| over pieces for k = `order`, the better of the naive and the mean-value enclosure.

    Upper bound, rounded outward.
    """
    d, count = parts.graph.latent_dim, pieces.count
    tensors = derivative_tensors(parts.graph, piece_ranges(parts, pieces), min(order + 1, 3))
    naive, contraction = _flat(tensors[order - 1], order, count), contraction_gram(d, order)
    centre = _flat(_centre_tensor(parts, pieces, order), order, count)
    upper = _ball_norm(naive, contraction)
    shift = best_shift(centre.midpoint, contraction)
    attained = form_norm_upper(centre.midpoint, contraction, shift) - frobenius_upper(centre.radius)
    if order < 3:
        moves = _moves(tensors[order], pieces, order)
        vertices, error = _vertex_forms(centre, moves)
        shifts = np.broadcast_to(shift[:, None], vertices.shape[:2])
        with np.errstate(invalid="ignore", over="ignore"):
            sharp = (form_norm_upper(vertices, contraction, shifts).max(axis=1) + error) * (1 + 4 * EPSILON)
        upper = np.fmin(upper, np.where(np.isnan(sharp), np.inf, sharp))
    is_outside = _outside(region, pieces)
    attained = np.where(np.isfinite(attained), np.maximum(attained, 0.0), 0.0)
    return Scores(np.where(is_outside, -np.inf, upper), np.where(is_outside, -np.inf, attained))


def stretch_scores(parts: LinearParts, pieces: Pieces) -> Scores:
    """Minus lower bounds of sigma_min(J) over pieces, so that the infimum becomes a supremum.

    Upper bound, rounded outward.
    """
    count = pieces.count
    tensors = derivative_tensors(parts.graph, piece_ranges(parts, pieces), 2)
    naive, centre = _flat(tensors[0], 1, count), _flat(_centre_tensor(parts, pieces, 1), 1, count)
    moves = _moves(tensors[1], pieces, 1)
    _, error = _vertex_forms(centre, moves)
    with np.errstate(invalid="ignore", over="ignore"):
        still = np.zeros((count, 0, *naive.shape[1:]))
        plain = sigma_min_affine_lower(naive.midpoint, still) - frobenius_upper(naive.radius) * (1 + EPSILON)
        sharp = sigma_min_affine_lower(centre.midpoint, moves.midpoint) - error * (1 + EPSILON)
        lower = np.fmax(np.fmax(plain, sharp), 0.0) * (1 - 4 * EPSILON)
        values = np.linalg.svd(centre.midpoint, compute_uv=False)[:, -1] + frobenius_upper(centre.radius)
    return Scores(-lower, -values)


def _centre_tensor(parts: LinearParts, pieces: Pieces, order: int) -> TensorBall:
    """The derivative where the bounded coordinates are at their middles; the unbounded ones keep their range."""
    middle = pieces.middle()
    points = Pieces(pieces.basis, middle, np.where(np.isfinite(pieces.upper), middle, np.inf))
    return derivative_tensors(parts.graph, piece_ranges(parts, points), order)[order - 1]


def _moves(tensor: TensorBall, pieces: Pieces, order: int) -> TensorBall:
    """T_{k+1}[h_j V e_j] for the bounded coordinates that vary, shape (pieces, j, n, d^k)."""
    reach = pieces.reach(pieces.middle())
    finite = np.where(np.isfinite(reach), reach, 0.0)
    varying = (finite > 0).any(axis=0)
    found = along_basis(tensor, pieces, finite)
    flat = (pieces.count, found.shape[1], found.shape[2], -1)
    midpoint = np.broadcast_to(found.midpoint, (pieces.count, *found.shape[1:])).reshape(flat)
    radius = np.broadcast_to(found.radius, (pieces.count, *found.shape[1:])).reshape(flat)
    return TensorBall(midpoint[:, varying], radius[:, varying])


def _vertex_forms(centre: TensorBall, moves: TensorBall) -> tuple[FloatArray, FloatArray]:
    """Centre plus or minus the moves' midpoints, (pieces, 2^j, n, m), and a bound of the norm of all that is left."""
    with np.errstate(all="ignore"):
        forms = centre.midpoint[:, None] + np.einsum("sj,bjnm->bsnm", signs(moves.shape[1]), moves.midpoint)
        size = np.abs(centre.midpoint) + np.abs(moves.midpoint).sum(axis=1)
        left = centre.radius + moves.radius.sum(axis=1) + (4 + 2 * moves.shape[1]) * EPSILON * size
        error = frobenius_upper(left * (1 + 16 * EPSILON))
    return forms, error


def _ball_norm(forms: TensorBall, contraction: FloatArray | None) -> FloatArray:
    norm = form_norm_upper(forms.midpoint, contraction, best_shift(forms.midpoint, contraction))
    with np.errstate(invalid="ignore", over="ignore"):
        result: FloatArray = (norm + frobenius_upper(forms.radius)) * (1 + 4 * EPSILON)
    return result


def _flat(tensor: TensorBall, order: int, count: int) -> TensorBall:
    """Shape (pieces, n, d^k)."""
    n, d = tensor.shape[1:3]
    shape = (count, n, d**order)
    return TensorBall(
        *(np.broadcast_to(part.reshape(-1, n, d**order), shape) for part in (tensor.midpoint, tensor.radius))
    )


def _outside(region: Region, pieces: Pieces) -> BoolArray:
    """Which pieces (of the standard basis) certainly miss the ball."""
    if region.radius is None:
        return np.zeros(pieces.count, dtype=bool)
    centre = np.zeros(pieces.lower.shape[1]) if region.centre is None else np.asarray(region.centre)
    with np.errstate(all="ignore"):
        gaps = np.maximum(round_down(np.maximum(pieces.lower - centre, centre - pieces.upper)), 0.0)
    return np.asarray(row_norms_lower(gaps) > region.radius)


def _start(parts: LinearParts, region: Region) -> Pieces | None:
    """The pieces to begin with; None if the derivatives depend on too many directions."""
    scales = parts.scales(CORE)
    if np.count_nonzero(scales) > MOST_DIRECTIONS:
        return None
    if region.radius is None:
        return cover(scales)
    low, high = node_ranges(parts.graph, region).values[0]
    if parts.graph.latent_dim > MOST_DIRECTIONS or not np.isfinite(low).all():
        return None
    return box(low[0], high[0])


def _balanced(graph: Graph) -> tuple[Graph, int]:
    """(2^-e G, e) with a Jacobian of moderate size at 0, so that no square of an entry overflows or vanishes."""
    with np.errstate(all="ignore"):
        size = float(np.abs(jacobian(graph, np.zeros(graph.latent_dim))).max(initial=0.0))
    exponent = math.frexp(size)[1] if math.isfinite(size) else 0
    if abs(exponent) <= _MODERATE_EXPONENT:
        return graph, 0
    # Powers of two beyond the format would not be exact; nothing is lost by stopping short of them.
    exponent = max(-1000, min(1000, exponent))
    n = graph.observed_dim
    scaling = Affine(len(graph.nodes) - 1, math.ldexp(1.0, -exponent) * np.eye(n), np.zeros(n))
    return Graph((*graph.nodes, scaling)), exponent


def _propose(problem: Problem) -> Iterator[Proposal]:
    region = problem.region
    graph, exponent = _balanced(problem.generator.graph)
    parts = linear_parts(graph)
    start = _start(parts, region)
    if start is None:
        return
    work = problem.work.share(SHARE)
    inputs = [s for node in graph.nodes if isinstance(node, Activation | Product) for s in node.sources]
    rows = [matrix.midpoint for matrix in (parts.matrices[source] for source in inputs) if matrix is not None]
    weight = np.concatenate([*rows, np.zeros((1, graph.latent_dim))])
    width = max(node.width for node in graph.nodes)

    def solve(name: ConstantName, objective: Objective, order: int) -> float:
        end: End = "lower" if name == "m" else "upper"
        found = problem.best.get((name, end), math.inf)
        known = unscale_upper(found, -exponent) if found > 0.0 else math.inf
        known = -known if name == "m" and known < math.inf else known
        batch = int(np.clip(_BATCH_ENTRIES // (width * graph.latent_dim ** min(order + 1, 3)), 1, 512))
        units = 3e-3 * len(graph.nodes) * width * graph.latent_dim ** min(order + 1, 3)
        # Eigenvectors of forms on d^k coordinates, at the vertices and along the bisection of their shift.
        units += EIGEN_UNITS * float(graph.latent_dim) ** (3 * order) * (SHIFTS + 2**MOST_DIRECTIONS)
        # Overflow makes a piece's bound infinite, which is what it then is; no decomposition, no bound.
        try:
            with np.errstate(all="ignore"):
                share, most = work.share(SHARES[name]), MOST_PIECES[name]
                if not share.affords(units * start.count):
                    return math.inf
                return maximise(objective, start, weight, TOLERANCES[name], known, most, batch, share, units)
        except np.linalg.LinAlgError:
            return math.inf

    kinked = bool(kinked_activations(problem.generator))
    is_square = graph.observed_dim == graph.latent_dim
    if region.radius is None and is_square and not kinked and not problem.is_settled("m"):
        least = max(0.0, -solve("m", partial(stretch_scores, parts), 1))
        yield Proposal("m", "lower", unscale_lower(least, exponent), METHOD.name)
    orders: tuple[tuple[int, ConstantName], ...] = ((1, "M"), (2, "M2"), (3, "M3"))
    for order, name in orders:
        if order > 1 and kinked:
            return
        if problem.is_settled(name) or problem.best.get((name, "upper")) == 0.0:
            continue
        found = max(0.0, solve(name, partial(form_scores, parts, region, order), order))
        yield Proposal(name, "upper", unscale_upper(found, exponent), METHOD.name)


METHOD = BoundMethod("branch and bound", "pieces of R^d split until the enclosed derivatives are sharp", 2.8, _propose)
