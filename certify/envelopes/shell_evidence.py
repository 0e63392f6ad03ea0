"""log int exp(-f) from below by the means of f over shells: any network that has forms, whatever its depth.

For z = m + B y the space is cut at |y| = R_0 = 0 < R_1 < R_2 < ... Over a ball the inputs of all neurons have ranges.
With forms psi_k, f = x'Ax/2 (`lifted_form`) and a form Q in u = (1, z) such that Q + Psi - A >= 0, Jensen's inequality
for y ~ N(0, I) given R_(i-1) <= |y| <= R_i, of probability p, says

    log int_shell exp(-f) >= h - E f,    E f <= tr(Q E[uu'])/2 + sum_k eta_k,    eta_k >= sup psi_k over the ranges,
    E[yy'] = c I,    c p = P(chi^2_(d+2) in [R_(i-1)^2, R_i^2]),    h = log p + (d/2)(log(2 pi) + c) + log |det B|,

and the shells add up. No moment of a neuron is needed: depth, kinks and products cost what their forms do. Q, the
forms and the radii come from a float search and are not trusted.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from flint import arb

from certify.arithmetic.balls import ball, lower, midpoint, precision
from certify.arithmetic.definiteness import positive_definite
from certify.arithmetic.intervals import FloatArray, MatrixBall, add, exact_matrix, subtract
from certify.bounds.ranges import Interval
from certify.envelopes.lifted_form import LiftedNetwork, neuron_form
from certify.envelopes.neuron_barrier import BarrierPath, inside, minimise, neuron_constraints
from certify.envelopes.posterior_moments import Moments
from certify.envelopes.product_forms import payments_upper
from certify.envelopes.regions import ball_ranges
from certify.envelopes.upper_form import MeanObjective, first_above

RADII = (0.3, 0.4, 0.5, 0.6, 0.7, 0.85, 1.0, 1.25, 1.6, 2.0)
"""Multiples of sqrt(d) at which space is cut, until a shell adds less than `LEAST_SHARE` of what there is."""

MANY_NEURONS, MOST_NEURONS = 64, 128
"""Beyond the first every second radius is left out, beyond the second all are: a search takes the cube of them."""

LEAST_SHARE = 0.02

FIRST_WEIGHT, WARM_WEIGHT, LAST_WEIGHTS = 1.0, 1e-2, (2e-5, 2e-4)
"""Weights of the barrier: at first, near the path of the shell before, at the end, and where that is not verified."""

RELAXATIONS = (1e-10, 1e-8, 1e-6, 1e-4)
"""Shares of the size of Q that are added to its diagonal, in this order, until the inequality is verified."""


@dataclass(frozen=True, eq=False)
class ShellForm:
    """What bounds f on the shell up to `radius` R: `above` Q (1 + d, 1 + d), symmetric, and psi's `coefficients`.

    These are (k, 5), with products (k, 9).
    """

    radius: float
    above: FloatArray
    coefficients: FloatArray


@dataclass(frozen=True, eq=False)
class ShellEvidence:
    """log int exp(-f) >= `lower` by `shells` of z = m + B y, with all that `shell_evidence_again` needs.

    `mean` m (d,), `factor` B (d, d), lower triangular; radii grow.
    """

    lower: float
    mean: FloatArray
    factor: FloatArray
    shells: tuple[ShellForm, ...]


def best_shells(network: LiftedNetwork, form: MatrixBall, moments: Moments) -> ShellEvidence | None:
    """The bound around the posterior's mean; None where nothing is proved, for no neurons and for too many.

    Guarantee: certified, whatever `moments` say.
    """
    if not 0 < network.neurons <= MOST_NEURONS:
        return None
    search, proved, masses = _Search(network, form, moments), list[ShellForm](), list[float]()
    inner = 0.0
    for share in RADII[1::2] if network.neurons > MANY_NEURONS else RADII:
        radius = share * math.sqrt(network.latent_dim)
        try:
            found = search.shell(inner, radius)
        except np.linalg.LinAlgError:
            found = None
        if found is None:
            break
        proved.append(found[0])
        masses.append(found[1])
        inner = radius
        total = float(np.logaddexp.reduce(masses))
        if len(masses) > 1 and masses[-1] <= total + math.log(LEAST_SHARE) and masses[-1] < masses[-2]:
            break
    if not proved:
        return None
    certified = shell_evidence_again(network, form, moments.mean, moments.factor, proved)
    return ShellEvidence(certified, moments.mean, moments.factor, tuple(proved)) if math.isfinite(certified) else None


def shell_evidence_again(
    network: LiftedNetwork, form: MatrixBall, mean: FloatArray, factor: FloatArray, shells: Sequence[ShellForm]
) -> float:
    """Lower bound of log int exp(-f), rounded down, without a search; -inf if nothing is proved."""
    if not _is_place(network, mean, factor) or not _fit(network, shells):
        return -math.inf
    radii = [0.0, *(shell.radius for shell in shells)]
    ranges = ball_ranges(network, mean, factor, np.array(radii[1:]))
    masses = [
        _log_mass(network, form, mean, factor, inner, shell, payments_upper(network, shell.coefficients, part))
        for inner, shell, part in zip(radii, shells, ranges, strict=False)
    ]
    with precision():
        total = sum((ball(mass).exp() for mass in masses if math.isfinite(mass)), arb(0))
        found = lower(total.log()) if total > 0 else -math.inf
    return found if math.isfinite(found) else -math.inf


def _is_place(network: LiftedNetwork, mean: FloatArray, factor: FloatArray) -> bool:
    """Whether m and a lower triangular B are finite, of the right shapes, and B has an inverse. Exact."""
    d = network.latent_dim
    if mean.shape != (d,) or factor.shape != (d, d):
        return False
    known = np.isfinite(mean).all() and np.isfinite(factor).all()
    # |det B| is read off the diagonal.
    return bool(known and not np.triu(factor, 1).any() and np.diag(factor).all())


def _fit(network: LiftedNetwork, shells: Sequence[ShellForm]) -> bool:
    """Whether radii grow, and forms are finite, symmetric and of the right shapes. Exact."""
    d, k = network.latent_dim, network.neurons
    radii = [0.0, *(shell.radius for shell in shells)]
    return len(radii) > 1 and all(
        inner < shell.radius < math.inf
        and shell.above.shape == (1 + d, 1 + d)
        and shell.coefficients.shape == (k, network.width)
        and bool(np.isfinite(shell.above).all() and np.isfinite(shell.coefficients).all())
        and np.array_equal(shell.above, shell.above.T)
        for inner, shell in zip(radii, shells, strict=False)
    )


def _log_mass(
    network: LiftedNetwork,
    form: MatrixBall,
    mean: FloatArray,
    factor: FloatArray,
    inner: float,
    shell: ShellForm,
    payments: FloatArray,
) -> float:
    """Lower bound of log int exp(-f) over the shell beyond `inner`, rounded down; -inf if nothing is proved."""
    d = network.latent_dim
    padded = np.zeros((network.size, network.size))
    padded[: 1 + d, : 1 + d] = shell.above
    gap = subtract(add(exact_matrix(padded), neuron_form(network, shell.coefficients)), form)
    if not np.isfinite(payments).all() or positive_definite(gap) is not True:
        return -math.inf
    with precision():
        share, second = _shell_moments(d, inner, shell.radius)
        if not share > 0:
            return -math.inf
        rows = [[ball(float(x)) for x in row] for row in shell.above]
        centre = _value(rows, [arb(1), *(ball(float(x)) for x in mean)])
        spread = sum((_value(rows, [arb(0), *(ball(float(x)) for x in column)]) for column in factor.T), arb(0))
        paid = sum((ball(float(x)) for x in payments), arb(0))
        volume = sum((abs(ball(float(x))).log() for x in np.diag(factor)), arb(0))
        entropy = share.log() + ball(d) / 2 * ((2 * arb.pi()).log() + second) + volume
        found = lower(entropy - (centre + second * spread) / 2 - paid)
    return found if math.isfinite(found) else -math.inf


def _value(rows: list[list[arb]], vector: list[arb]) -> arb:
    """u'Qu; columns of a triangular matrix begin with zeros, which cost nothing."""
    present = [index for index, entry in enumerate(vector) if not entry.is_zero()]
    return sum((vector[i] * rows[i][j] * vector[j] for i in present for j in present), arb(0))


def _shell_moments(dimension: int, inner: float, outer: float) -> tuple[arb, arb]:
    """P = P(a <= |y| <= b) for y ~ N(0, I), and c = E[y_i^2; a <= |y| <= b]/p."""

    def probability(degrees: int) -> arb:
        shape = ball(degrees) / 2
        near, far = ((ball(radius) ** 2 / 2).gamma_lower(shape, regularized=1) for radius in (inner, outer))
        return far - near

    share = probability(dimension)
    return share, probability(dimension + 2) / share


class _Search:
    """Shell after shell, each search from where the last one's path was half-way."""

    def __init__(self, network: LiftedNetwork, form: MatrixBall, moments: Moments) -> None:
        self._network, self._form, self._moments = network, form, moments
        self._scales = np.maximum(1.0, np.diag(form.midpoint)[1 + network.latent_dim :])
        self._path: BarrierPath | None = None

    @np.errstate(all="ignore")
    def shell(self, inner: float, radius: float) -> tuple[ShellForm, float] | None:
        """The shell with its mass, proved; None where the search fails."""
        network, (mean, factor), d = self._network, (self._moments.mean, self._moments.factor), self._network.latent_dim
        ranges = ball_ranges(network, mean, factor, np.array([radius]))[0]
        if not all(np.isfinite(end).all() for end in ranges):
            return None
        with precision():
            second = midpoint(_shell_moments(d, inner, radius)[1])
        free = np.zeros((network.neurons, network.width))
        objective = MeanObjective.of(network, self._form.midpoint, mean, math.sqrt(second) * factor, free)
        constraints = neuron_constraints(network, self._scales, None, ranges)
        if self._path is None:
            start, first = first_above(network, objective, constraints), FIRST_WEIGHT
            if start is not None:
                height = objective.value(start.coefficients, 0.0) + float(start.payments.sum())
                first = max(first, height / network.neurons)
                start = inside(constraints, start.coefficients, start.payments, first)
        else:
            middle, first = self._path.middle.coefficients, WARM_WEIGHT
            start = inside(constraints, middle, np.full(len(middle), -np.inf), first)
        if start is None:
            return None
        for last in LAST_WEIGHTS:
            self._path = minimise(objective, constraints, start, first, last)
            found = self._proved(objective, self._path.last.coefficients, ranges, inner, radius)
            if found is not None:
                return found
        return None

    def _proved(
        self, objective: MeanObjective, coefficients: FloatArray, ranges: Interval, inner: float, radius: float
    ) -> tuple[ShellForm, float] | None:
        """The shell with Q raised by as much as it takes."""
        payments = payments_upper(self._network, coefficients, ranges)
        above = objective.form_above(coefficients)
        size = float(np.abs(above).max())
        for share in RELAXATIONS if math.isfinite(size) else ():
            given = ShellForm(radius, above + share * size * np.eye(len(above)), coefficients)
            mass = _log_mass(
                self._network, self._form, self._moments.mean, self._moments.factor, inner, given, payments
            )
            if math.isfinite(mass):
                return given, mass
        return None
