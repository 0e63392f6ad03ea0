"""Semidefinite bounds of M and m: LipSDP's linear matrix inequality, re-verified with outward rounding.

In the centred increment form (`certify.bounds.structure`) every activation satisfies eta_i^2 <= r_i^2 (p_i x)^2.
With multipliers T >= 0 and Q_i = r_i^2 p_i^T p_i - e_i e_i^T, so that x^T Q_i x >= 0,

    s E_0 - C^T C - sum_i T_i Q_i >= 0   implies  |C x|^2 <= s |delta|^2,  so M <= sqrt(s);
    C^T C - s E_0 - sum_i T_i Q_i >= 0   implies  |C x|^2 >= s |delta|^2,  so m >= sqrt(s).

The first is LipSDP (Fazlyab et al. 2019, arXiv 1906.04893), for any graph of affine, sum and activation nodes; the
second is its counterpart for m and does not need the layers to be invertible. A float solver's (s, T) is
not a certificate: s is relaxed until positive definiteness is verified a-posteriori
(`certify.arithmetic.definiteness.positive_definite`) for the matrix built from T in midpoint-radius arithmetic,
otherwise the solution is discarded. The second inequality contains the other rules for m as choices of T: the
residual and the preconditioned rule, the exact rule of additive couplings, and the monotone one (if
<delta, C x> - c|delta|^2 = sum T_i q_i + a square, then |C x|^2 >= c^2|delta|^2 + 2c sum T_i q_i, from
|C x - c delta|^2 >= 0). Valid for increments on any convex region whose slopes were enclosed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from certify.arithmetic.arrays import FloatArray
from certify.arithmetic.balls import ball, lower, precision, upper
from certify.arithmetic.definiteness import positive_definite
from certify.arithmetic.intervals import MatrixBall, add, exact_matrix, multiply, scale_columns, subtract
from certify.arithmetic.matrices import normalised, unscale_lower, unscale_upper
from certify.bounds.balanced import balanced_problem
from certify.bounds.barrier import CLOSED_FORM_WEIGHT, RELATIVE_GAP, newton_units, solve
from certify.bounds.bracket import Multipliers
from certify.bounds.effort import Work, cubic_units
from certify.bounds.method import BoundMethod, End, Problem, Proposal
from certify.bounds.ranges import NodeRanges
from certify.bounds.residual import stretch_bounds
from certify.bounds.slope_pairs import FIELDS, PairedInequality, are_pairs, products, violated
from certify.bounds.structure import IncrementForm, blocks, has_increment_form, increment_form
from certify.generators.graph import Graph

LARGEST_SIZE = 1200
"""Coordinates of x beyond which the whole graph is not attempted."""

SHARE = 0.6
"""Part of the effort left that the whole graph has when it can also be bounded in parts."""

POLISHING_STEPS = 8
"""Newton steps from weights in closed form that are worth their time at once: most of the way to the optimum."""

LARGEST_PAIRED = 170
"""Coordinates of x up to which pairs of slopes are added."""

PAIR_GAPS, MOST_PAIRS = (1e-3, 3e-5), 64
"""Relative gaps of the searches with pairs; before each as many pairs are added as there are gains, or this many."""

INNER_GAP = 0.1
"""Relative gap of the search without pairs whose solution that with pairs starts from."""

PAIR_WEIGHT = 1e-4
"""First weight of a pair, in those of the gains."""

PAIR_STEPS = 60
"""Newton steps that such a search takes, about."""

_IDLE_MULTIPLIER = 1e10

_RELAXATIONS = (0.0, 1e-9, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2)


@dataclass(frozen=True)
class Proved:
    """A verified end and the multipliers that prove it (None where the end is trivial)."""

    value: float
    multipliers: Multipliers | None


def norm_upper(form: IncrementForm, matrix: MatrixBall, work: Work) -> float:
    """Upper bound of |C x|/|delta| over the form's increments, C = `matrix` (rows, size), rounded outward.

    Infinite if none is proved.
    """
    return proved_end(form, matrix, 1.0, work).value


def stretch_lower(form: IncrementForm, matrix: MatrixBall, work: Work) -> float:
    """Lower bound of |C x|/|delta| over the form's increments, C = `matrix` (rows, size), rounded outward.

    Zero if none is proved.
    """
    return proved_end(form, matrix, -1.0, work).value


def proved_end(
    form: IncrementForm,
    matrix: MatrixBall,
    sign: float,
    work: Work,
    start: Multipliers | None = None,
    closed_form: Multipliers | None = None,
    relative_gap: float = RELATIVE_GAP,
) -> Proved:
    """The end with its multipliers, of |C x|/|delta|, C = `matrix` (rows, size): upper for `sign` 1, lower for -1.

    The search ends within `relative_gap` of the best square. `start`: multipliers that an earlier run found. They are
    verified here like any; the search that starts near them would get stuck at their boundary, so it starts from the
    beginning, unless they end it; or from those of `closed_form`, which are far from it. Bounds, rounded outward.
    """
    scaled, exponent = normalised(matrix)
    near = None if start is None else _start(form, start, exponent)
    best = Proved(math.inf if sign > 0 else 0.0, None)
    if near is not None and start is not None:
        best = _relaxed(form, scaled, exponent, sign, near, start.is_optimal, work)
        if best.multipliers is not None and start.is_optimal:
            return best
    from_closed_form = None if closed_form is None else _start(form, closed_form, exponent)
    found = _optimum(form, scaled, sign, work, from_closed_form, relative_gap)
    if found is None:
        return best
    end = _relaxed(form, scaled, exponent, sign, found, not work.is_spent, work)
    return end if sign * end.value < sign * best.value else best


def polished(form: IncrementForm, bound: float, weights: tuple[FloatArray, ...], work: Work) -> Proved:
    """A sharper end of M after a few Newton steps from weights T in closed form that prove the bound.

    `weights` are those of `certify.bounds.layers`: bound^2 F >= C^T C for F = E_0 - sum_i T_i Q_i.
    Bounds, rounded outward.
    """
    near = closed_form_start(bound, weights)
    steps = work.share(1.0)
    steps.units = min(steps.units, POLISHING_STEPS * newton_units(form.size, form.size - form.latent_dim))
    if near is None or not work.affords(steps.units + 3 * proof_units(form)):
        return Proved(math.inf, None)
    scaled, exponent = normalised(form.output)
    start = _start(form, near, exponent)
    found = None if start is None else _optimum(form, scaled, 1.0, steps, start)
    return Proved(math.inf, None) if found is None else _relaxed(form, scaled, exponent, 1.0, found, False, work)


def closed_form_start(bound: float, weights: tuple[FloatArray, ...]) -> Multipliers | None:
    """Weights in closed form and what they prove as a place to start from; None for no bound. Estimate."""
    if not 0.0 < bound < math.inf or not weights:
        return None
    square = bound * bound
    with np.errstate(all="ignore"):
        values = square * np.concatenate(weights)
    finite = bool(np.isfinite(values).all()) and math.isfinite(square)
    return Multipliers(square, tuple(values.tolist())) if finite else None


def _start(form: IncrementForm, start: Multipliers, exponent: int) -> tuple[float, FloatArray] | None:
    """Stored multipliers in the units of the normalised matrix; None where they belong to another form."""
    values = np.asarray(start.values, dtype=np.float64)
    if not _belong(form, values):
        return None
    with np.errstate(all="ignore"):
        return float(np.ldexp(start.objective, -2 * exponent)), _times_power(form, values, -2 * exponent)


def _belong(form: IncrementForm, values: FloatArray) -> bool:
    """Whether the values are weights of the form's gains, and after them pairs of its gains."""
    count = form.size - form.latent_dim
    if values.size < count or (values.size - count) % FIELDS:
        return False
    has_pairs = values.size > count
    return bool((values[:count] >= 0).all()) and (not has_pairs or are_pairs(values[count:].reshape(-1, FIELDS), count))


def _times_power(form: IncrementForm, values: FloatArray, exponent: int) -> FloatArray:
    """The values with every weight times 2^exponent."""
    count = form.size - form.latent_dim
    scaled = values.copy()
    scaled[:count] = np.ldexp(values[:count], exponent)
    scaled[count + FIELDS - 1 :: FIELDS] = np.ldexp(values[count + FIELDS - 1 :: FIELDS], exponent)
    return scaled


def _relaxed(
    form: IncrementForm,
    scaled: MatrixBall,
    exponent: int,
    sign: float,
    found: tuple[float, FloatArray],
    is_optimal: bool,
    work: Work,
) -> Proved:
    """The end at the smallest relaxation of (s, T) that is verified; the trivial one if none is."""
    s, multipliers = found
    for relaxation in _RELAXATIONS:
        candidate = s * (1 + sign * relaxation)
        work.charge(proof_units(form))
        if candidate > 0 and _is_certificate(form, scaled, candidate, multipliers, sign):
            with precision():
                root = ball(candidate).sqrt()
                high, low = unscale_upper(upper(root), exponent), unscale_lower(max(0.0, lower(root)), exponent)
            with np.errstate(all="ignore"):
                stored = _times_power(form, multipliers, 2 * exponent).tolist()
                objective = float(np.ldexp(candidate, 2 * exponent))
            return Proved(high if sign > 0 else low, Multipliers(objective, tuple(stored), is_optimal))
    return Proved(math.inf if sign > 0 else 0.0, None)


def proof_units(form: IncrementForm) -> float:
    """Units of work of one verification. Estimate."""
    return 5.0 * cubic_units(form.size, form.size, form.size)


def reduced_form(graph: Graph, ranges: NodeRanges) -> IncrementForm | None:
    """Centred increment form of a graph; None if a gain is unbounded or it is too large.

    Enclosure, rounded outward.
    """
    if not has_increment_form(graph):
        return None
    form = increment_form(graph, ranges, centred=True)
    if not all(np.isfinite(span).all() for span in form.spans):
        return None
    return form if form.output.is_finite else None


def _optimum(
    form: IncrementForm,
    matrix: MatrixBall,
    sign: float,
    work: Work,
    near: tuple[float, FloatArray] | None = None,
    relative_gap: float = RELATIVE_GAP,
) -> tuple[float, FloatArray] | None:
    """Float proposal (s, T) in the form's own units; None where the floats of the search overflow."""
    # Overflow in the float search only spoils a proposal, which the verification then rejects.
    with np.errstate(all="ignore"):
        try:
            found = _proposal(form, matrix, sign, work, near, relative_gap)
        except np.linalg.LinAlgError:
            return None
    return found if found is not None and math.isfinite(found[0]) and np.isfinite(found[1]).all() else None


def _proposal(
    form: IncrementForm,
    matrix: MatrixBall,
    sign: float,
    work: Work,
    near: tuple[float, FloatArray] | None,
    relative_gap: float,
) -> tuple[float, FloatArray] | None:
    """As `_optimum`; the solver works with balanced coordinates."""
    balanced = balanced_problem(form, matrix, sign)
    if balanced is None:
        return None
    start = None if near is None else balanced.inward(*near)
    options = {"relative_gap": relative_gap, "weight": CLOSED_FORM_WEIGHT}
    found = solve(balanced.inequality, balanced.groups, work, start=start, **options)
    if found is None or not math.isfinite(found[0]):
        return None
    return balanced.outward(*found, _IDLE_MULTIPLIER * float(np.linalg.norm(matrix.midpoint, 2)) ** 2)


def paired_end(form: IncrementForm, matrix: MatrixBall, sign: float, found: Multipliers, work: Work) -> Proved:
    """A sharper end than `found` proves, by pairs of slopes that its solution violates (`certify.bounds.slope_pairs`).

    For |C x|/|delta|, C = `matrix` (rows, size): upper for `sign` 1, lower for -1. After the weights T the multipliers
    hold six numbers for every pair. Bounds, rounded outward.
    """
    nothing = Proved(math.inf if sign > 0 else 0.0, None)
    scaled, exponent = normalised(matrix)
    near = _start(form, found, exponent)
    if near is None or len(found.values) > form.size - form.latent_dim:
        return nothing
    with np.errstate(all="ignore"):
        try:
            better = _paired(form, scaled, sign, near, work)
        except np.linalg.LinAlgError:
            return nothing
    return nothing if better is None else _relaxed(form, scaled, exponent, sign, better, not work.is_spent, work)


def _paired(
    form: IncrementForm, matrix: MatrixBall, sign: float, near: tuple[float, FloatArray], work: Work
) -> tuple[float, FloatArray] | None:
    """A float proposal with pairs, in the form's own units; None where nothing is added. Estimate."""
    balanced = balanced_problem(form, matrix, sign)
    if balanced is None:
        return None
    plain = balanced.inequality
    (s, multipliers), pairs = balanced.inward(*near), np.zeros((0, 5))
    # The optimum without pairs lies at the boundary; a search with them starts from well inside.
    inner = solve(plain, balanced.groups, work, INNER_GAP)
    if inner is None:
        return None
    units = PAIR_STEPS * newton_units(len(plain.gram), plain.count + 3 * min(plain.count, MOST_PAIRS))
    for gap in PAIR_GAPS:
        problem = PairedInequality.over(plain, pairs)
        new = violated(plain, problem.solution(s, multipliers), min(plain.count, MOST_PAIRS), pairs)
        if not len(pairs) + len(new) or not work.affords(units):
            break
        trial = np.concatenate([pairs, new])
        weights = np.concatenate([inner[1], np.full(len(trial), PAIR_WEIGHT * np.median(inner[1]))])
        found = solve(PairedInequality.over(plain, trial), [], work, gap, (inner[0], weights), CLOSED_FORM_WEIGHT)
        if found is None or not math.isfinite(found[0]):
            break
        (s, multipliers), pairs = found, trial
    if not len(pairs):
        return None
    own, weights = np.split(multipliers, [plain.count])
    s, values = balanced.outward(s, own, float(near[1][: form.size - form.latent_dim].max()))
    return s, np.concatenate([values, balanced.pairs_outward(pairs, weights)])


def _is_certificate(form: IncrementForm, matrix: MatrixBall, s: float, multipliers: FloatArray, sign: float) -> bool:
    """Whether sign (s E_0 - C^T C) - sum T_i Q_i, less the forms of pairs, is verified positive definite throughout."""
    if not (np.isfinite(multipliers).all() and _belong(form, multipliers) and math.isfinite(s)):
        return False
    d = form.latent_dim
    multipliers, pairs = np.split(multipliers, [form.size - d])
    diagonal = np.concatenate([np.full(d, sign * s), multipliers])
    total = exact_matrix(np.diag(diagonal))
    gram = multiply(matrix.transpose, matrix)
    total = subtract(total, gram) if sign > 0 else add(total, gram)
    for block, span in enumerate(form.spans):
        weights = multipliers[form.columns(block).start - d : form.columns(block).stop - d]
        reach = scale_columns(form.inputs[block].transpose, exact_matrix(span[None]))
        total = subtract(total, multiply(scale_columns(reach, exact_matrix(weights[None])), reach.transpose))
    if pairs.size:
        total = subtract(total, products(form, pairs.reshape(-1, FIELDS)))
    return positive_definite(total) is True


def block_bounds(graph: Graph, ranges: NodeRanges, work: Work) -> tuple[float, float]:
    """(lower bound of m, upper bound of M) of one graph: the better of the residual rule and this method.

    Bounds, rounded outward.
    """
    low, high = stretch_bounds(graph, ranges)
    form = reduced_form(graph, ranges)
    if form is None or form.size > LARGEST_SIZE or len(graph.nodes) == 2 or not work.affords(3 * proof_units(form)):
        return low, high
    high = min(high, norm_upper(form, form.output, work.share(0.5)))
    if graph.observed_dim >= graph.latent_dim:
        low = max(low, stretch_lower(form, form.output, work))
    return low, high


def recalled(problem: Problem) -> Iterator[Proposal]:
    """The ends that multipliers of an earlier run prove, if they do: as cheap as one verification. Verified."""
    form = reduced_form(problem.generator.graph, problem.ranges) if problem.starts else None
    if form is None or form.size > LARGEST_SIZE:
        return
    scaled, exponent = normalised(form.output)
    for constant, start in problem.starts.items():
        near = _start(form, start, exponent)
        if near is None or constant not in ("m", "M"):
            continue
        sign = 1.0 if constant == "M" else -1.0
        found = _relaxed(form, scaled, exponent, sign, near, start.is_optimal, problem.work)
        end: End = "upper" if sign > 0 else "lower"
        yield Proposal(constant, end, found.value, METHOD.name, multipliers=found.multipliers)


def _propose(problem: Problem) -> Iterator[Proposal]:
    graph = problem.generator.graph
    form = reduced_form(graph, problem.ranges)
    if form is None or form.size > LARGEST_SIZE:
        return
    work = problem.work.share(SHARE if len(blocks(graph)) > 1 else 1.0)
    seeks_m = graph.observed_dim >= graph.latent_dim and not problem.is_settled("m")
    starts = problem.starts
    if not problem.is_settled("M"):
        passage = problem.reach.passage
        closed = None if passage is None else closed_form_start(passage.output.total, passage.weights)
        found = proved_end(form, form.output, 1.0, work.share(0.5 if seeks_m else 1.0), starts.get("M"), closed)
        yield Proposal("M", "upper", found.value, METHOD.name, multipliers=found.multipliers)
    if seeks_m:
        found = proved_end(form, form.output, -1.0, work, starts.get("m"))
        yield Proposal("m", "lower", found.value, METHOD.name, multipliers=found.multipliers)


METHOD = BoundMethod(
    "semidefinite", "LipSDP's matrix inequality for M and its counterpart for m, re-verified", 2.5, _propose
)
