"""Proposals refused by their cells: the share evaluated is bounded, the law is the posterior's, so is the file's.

Statistical: each test of draws fails with probability below 1e-6 where all is as it should be.
"""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from flint import arb
from scipy import special, stats

from benchmarks.forged_certificates import refusal
from benchmarks.forged_rejection import forgeries
from certify.arithmetic.balls import ball, precision
from certify.arithmetic.intervals import FloatArray
from certify.audits import rejection_encoder as audit
from certify.audits.records import EncoderBracket
from certify.audits.rejection_encoder import declared_sampler, rejection_bracket
from certify.audits.source import source_from_file
from certify.certificates.discovery import record_of
from certify.encoders.convention import observation_digest
from certify.encoders.count import encoder_count
from certify.encoders.onnx_encoder import ExportOptions, onnx_encoder
from certify.encoders.rejection_network import RejectionDesign, parameter_bound, rejection_network
from certify.envelopes import ball_share, cell_envelope, evaluated_share, quadratic_envelope, square_sums
from certify.envelopes.box_certificate import Envelope, acceptance_lower, round_acceptance
from certify.envelopes.cells import Cells, cells_between, cells_of, evaluation_lower, tries_for
from certify.envelopes.evaluated_share import evaluated_upper
from certify.envelopes.likelihood import GaussianLikelihood, potential
from certify.envelopes.mixture import Mixture
from certify.envelopes.records import RejectionProof, rejection_proof
from certify.envelopes.region_bound import RegionBound
from certify.envelopes.regions import Ellipsoid, Region, regions_between
from certify.envelopes.rejection import (
    acceptance_probabilities,
    exact_draws,
    first_accepted,
    measured_acceptance,
    proposals_needed,
)
from certify.envelopes.thresholds import realised_weights
from certify.errors import InputError
from certify.generators.graph import Generator
from certify.posteriors.estimates import frequency_interval, mean_interval
from certify.posteriors.posterior import Posterior
from tests.property.test_envelopes_cells import BETA, EPSILON, Setting, document, scene
from tests.property.test_envelopes_cells import setting as setting
from tests.unit.test_encoders_rejection import run
from theorems.rejection_encoder.found import _measured_round
from theorems.rejection_encoder.network import realised_envelope


def random_cells(d: int, size: int, seed: int) -> tuple[Cells, Mixture]:
    """Boxes that have nothing to do with one another, components that have little to do with them."""
    random = np.random.default_rng([seed, d])

    def root() -> FloatArray:
        return np.asarray(np.tril(random.standard_normal((d, d)), -1) + np.diag(random.uniform(0.5, 2.0, d)))

    inner = np.where(random.random(size) < 0.5, 0.0, random.uniform(0.1, 0.8, size))
    inner[0] = 0.0
    low = random.normal(-1.0, 0.7, (size, d))
    cells = Cells(
        random.standard_normal(d), root(), random.standard_normal((d, d)) + 2.0 * np.eye(d), inner,
        inner + random.uniform(0.5, 4.0, size), low, low + random.uniform(0.2, 4.0, (size, d)),
        random.uniform(0.0, 0.3, size), random.uniform(0.0, 0.1, size), random.uniform(0.0, 1.5, (size, d)),
    )  # fmt: skip
    mixture = Mixture(
        random.uniform(0.2, 1.0, size), cells.centre + 0.5 * random.standard_normal((size, d)),
        np.array([root() for _ in range(size)]),
    )  # fmt: skip
    return cells, mixture


def share_interval(cells: Cells, mixture: Mixture, count: int = 400_000) -> tuple[float, float]:
    """Of the share that is evaluated, at error 1e-6."""
    points, _ = cells.draw(mixture, count, np.random.default_rng(0))
    found = frequency_interval(len(points), count, 1e-6)
    return found.lower, found.upper


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("d", [1, 2, 3, 5])
def test_the_bound_of_the_share_is_above_what_is_drawn(d: int, seed: int) -> None:
    cells, mixture = random_cells(d, 4, seed)
    bound = evaluated_upper(cells, mixture)
    low, _ = share_interval(cells, mixture, 100_000)
    assert low <= bound <= 1.0


@pytest.mark.parametrize("side", [0.0, 0.7])
def test_in_one_dimension_the_bound_is_sharp(side: float) -> None:
    """Nothing but the interval counts: E[exp(w (t - a)(t - b)/2); a <= t <= b] in closed form at w = 0."""
    low, high, mean, root = -0.4, 1.1, 0.3, 1.5
    cells = Cells(
        np.zeros(1), np.eye(1), np.eye(1), np.zeros(1), np.array([50.0]), np.array([[low]]), np.array([[high]]),
        np.zeros(1), np.zeros(1), np.array([[side]]),
    )  # fmt: skip
    mixture = Mixture(np.ones(1), np.array([[mean]]), np.array([[[root]]]))
    places = np.linspace(low, high, 20001)
    density = root / math.sqrt(2 * math.pi) * np.exp(-((root * (places - mean)) ** 2) / 2)
    truth = float(np.trapezoid(density * np.exp(side * (places - low) * (places - high) / 2), places))
    if side == 0.0:
        assert truth == pytest.approx(special.ndtr(root * (high - mean)) - special.ndtr(root * (low - mean)), rel=1e-6)
    found = evaluated_upper(cells, mixture)
    assert truth * (1 - 1e-7) <= found <= 1.02 * truth


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("d", [2, 3, 5])
def test_balls_and_boxes_on_any_axes_leave_no_less_than_is_drawn(d: int, seed: int) -> None:
    cells, mixture = random_cells(d, 3, seed)
    random = np.random.default_rng([seed, d, 1])
    for label in range(3):
        noise = random.standard_normal((60_000, d))
        drawn = mixture.means[label] + np.linalg.solve(mixture.roots[label].T, noise.T).T
        kept = random.random(len(noise)) < np.exp(-cells.heights(drawn, np.full(len(noise), label)))
        low = frequency_interval(int(kept.sum()), len(noise), 1e-8).lower
        for count in range(min(d, 5)):
            axes = np.sort(random.permutation(d)[:count])
            with precision():
                assert low <= ball_share.ball_share(axes, cells, mixture, label)


@pytest.mark.parametrize(("inner", "outer"), [(0.0, 2.0), (1.5, 3.0), (2.5, 4.0)])
@pytest.mark.parametrize("shift", [0.0, 1.2])
def test_between_two_balls_the_bound_is_sharp(inner: float, outer: float, shift: float) -> None:
    """Without sides and multipliers: the noncentral chi-squared law of |y|^2."""
    d = 5
    cells = Cells(
        np.zeros(d), np.eye(d), np.eye(d), np.array([inner]), np.array([outer]), np.full((1, d), -outer),
        np.full((1, d), outer), np.zeros(1), np.zeros(1), np.zeros((1, d)),
    )  # fmt: skip
    mixture = Mixture(np.ones(1), np.full((1, d), shift), np.eye(d)[None])
    law = stats.ncx2(d, d * shift**2) if shift else stats.chi2(d)
    truth = law.cdf(outer**2) - law.cdf(inner**2)
    with precision():
        alone, two = (ball_share.ball_share(np.arange(count), cells, mixture, 0) for count in (0, 2))
    assert truth <= alone <= 1.15 * truth and truth <= two <= 1.6 * truth
    # With multipliers: by draws.
    tilted = replace(cells, inside=np.full(1, 0.3), outside=np.full(1, 0.2))
    noise = shift + np.random.default_rng(2).standard_normal((400_000, d))
    values = np.exp(-tilted.heights(noise, np.zeros(len(noise), dtype=int)))
    mean = mean_interval(values, 0.0, 1.0, 1e-6)
    with precision():
        found = ball_share.ball_share(np.arange(0), tilted, mixture, 0)
    assert mean.lower <= found <= 1.25 * mean.upper


def in_one_dimension(inner: float, outer: float, u: float, v: float, mean: float, root: float = 1.0) -> tuple[
    Cells, Mixture, float
]:  # fmt: skip
    """A cell inner < |t| <= outer, one Gaussian, and the logarithm of its share: exact, by one integral of 16,000."""
    one = np.ones((1, 1))
    cells = Cells(
        np.zeros(1), one, one, np.array([inner]), np.array([outer]), -outer * one, outer * one, np.array([u]),
        np.array([v]), 0.0 * one,
    )  # fmt: skip
    mixture = Mixture(np.ones(1), mean * one, root * one[None])
    halves = (outer - inner) / 16_000
    places = inner + halves * np.arange(1, 16_000, 2)
    logs = [
        math.log(root) - ((root * (sign * places - mean)) ** 2 + math.log(2 * math.pi)) / 2
        + (u * (places**2 - outer**2) + v * (inner**2 - places**2)) / 2 + math.log(2 * halves)
        for sign in (1.0, -1.0)
    ]  # fmt: skip
    return cells, mixture, float(special.logsumexp(logs))


EXTREME = {
    "u R^2 beyond what exp gives": (33.0, 34.0, 1.6, 0.0, 33.5),
    "v R^2 beyond what exp gives": (32.0, 33.0, 0.0, 1.6, 32.5),
    "both": (60.0, 61.0, 2.0, 3.0, 60.0),
    "much more": (600.0, 600.01, 2.0, 30.0, 600.0),
    "a tiny ball": (0.0, 1e-170, 0.0, 0.0, 0.0),
    "a small one": (0.0, 1e-155, 0.0, 0.0, 0.0),
    "a huge one": (0.0, 1e140, 0.0, 0.0, 0.0, 1e-140),
    "a thin shell between means far off": (
        math.sqrt(1.0 - 0.9999 / square_sums.SQUARES) * 7680.0,
        7680.0,
        0.0,
        0.0,
        7680.0 - 43.0,
    ),
    "a mean that is far off": (1.0, 1.5, 0.1, 0.1, 37.0),
    "a mean beyond all": (1.0, 1.5, 0.1, 0.1, 1e100, 1e20),
    "a broad component": (3.0, 4.0, 1.0, 0.1, 1.0, 1e-9),
    "a narrow component": (3.0, 4.0, 1.0, 0.1, 3.5, 1e9),
}


@pytest.mark.parametrize("name", EXTREME)
def test_what_floats_do_not_hold_makes_no_bound_too_small(name: str) -> None:
    cells, mixture, log_share = in_one_dimension(*EXTREME[name])
    with precision():
        found = ball_share.ball_share(np.arange(0), cells, mixture, 0)
    for bound in (found, evaluated_upper(cells, mixture)):
        assert bound > 0.0 and math.log(bound) >= log_share - 1e-6


def test_what_the_inner_ball_pays_is_not_lost_in_sums() -> None:
    """Within it proposals would pay e^100 times less: sums from the middle on would lose the rest in rounding."""
    cells, mixture, log_share = in_one_dimension(0.8, 1.0, 0.0, 290.0, 0.9)
    with precision():
        found = ball_share.ball_share(np.arange(0), cells, mixture, 0)
    assert math.exp(log_share) <= found <= 4.0 * math.exp(log_share)


def test_tangents_of_boxes_are_no_product_of_what_floats_do_not_hold() -> None:
    """Far from its peak a strongly correlated density is e^-800 at one end of a box and e^800 times that at another."""
    turn = np.array([[1.0, 0.0], [0.999, math.sqrt(1 - 0.999**2)]])
    root = np.linalg.inv(turn).T
    low, high = np.array([[-2.0, 30.0]]), np.array([[40.0, 38.0]])
    cells = Cells(
        np.zeros(2), np.eye(2), np.eye(2), np.zeros(1), np.array([90.0]), low, high, np.zeros(1), np.zeros(1),
        np.zeros((1, 2)),
    )  # fmt: skip
    found = evaluated_upper(cells, Mixture(np.ones(1), np.zeros((1, 2)), np.linalg.cholesky(root @ root.T)[None]))
    # t_1 is near t_2 > 30, which is N(0, 1): what lies outside of the box is less than half of that.
    assert 0.5 * stats.norm.sf(30.0) <= found


def test_what_has_no_inverse_is_no_bound() -> None:
    """A component all but flat in one direction: enclosures of its covariance in y are singular."""
    cells, mixture = random_cells(3, 1, 4)
    flat = replace(mixture, roots=np.diag([1e-30, 1e30, 1.0])[None] @ np.tril(np.ones((3, 3))))
    turned = replace(cells, axes=np.array(cells.root.T), low=cells.low - 9.0, high=cells.high + 9.0)
    with precision():
        found = [ball_share.ball_share(np.arange(count), turned, flat, 0) for count in range(3)]
    assert all(value > 0.0 for value in found) and 0.0 <= evaluated_upper(turned, flat) <= 1.0


def test_what_lies_far_off_is_hardly_ever_evaluated() -> None:
    cells, mixture = random_cells(2, 3, 0)
    far = replace(cells, low=cells.low + 100.0, high=cells.high + 100.0)
    assert 0.0 <= evaluated_upper(far, mixture) < 1e-20
    unbounded = replace(cells, low=np.full((3, 2), -np.inf), high=np.full((3, 2), np.inf), sides=np.zeros((3, 2)))
    assert evaluated_upper(unbounded, mixture) == 1.0


@pytest.mark.parametrize("name", ["inside", "outside", "sides"])
@pytest.mark.parametrize("value", [-1e-6, np.nan])
def test_of_multipliers_that_are_none_nothing_is_concluded(name: str, value: float) -> None:
    cells, mixture = random_cells(2, 3, 0)
    wrong = getattr(cells, name).copy()
    wrong.flat[0] = value
    assert evaluated_upper(cells, mixture) < 1.0 and evaluated_upper(replace(cells, **{name: wrong}), mixture) == 1.0


def one_cell(
    low: list[float], high: list[float], root: FloatArray, sides: float = 0.0, mean: float = 0.0
) -> tuple[Cells, Mixture]:
    """The box alone, t = z, around a Gaussian of precision root root'."""
    d = len(low)
    cells = Cells(
        np.zeros(d), np.eye(d), np.eye(d), np.zeros(1), np.array([1e90]), np.array([low]), np.array([high]),
        np.zeros(1), np.zeros(1), np.full((1, d), sides),
    )  # fmt: skip
    return cells, Mixture(np.ones(1), np.full((1, d), mean), root[None])


def test_a_box_that_is_empty_has_no_share_and_no_less() -> None:
    """Its width is negative: another cell's share must not be reduced by it, however far apart its ends are."""
    for low, high in (([1.0, -1.0], [-1.0, 1.0]), ([60.0, -1.0], [-60.0, 1.0]), ([1.0, 1.0], [-1.0, -1.0])):
        assert evaluated_upper(*one_cell(low, high, np.eye(2))) == 0.0
    flat = evaluated_upper(*one_cell([0.5, -1.0], [0.5, 1.0], np.eye(2)))
    assert 0.0 <= flat < 1e-150


@pytest.mark.parametrize("d", [1, 2, 3, 4])
@pytest.mark.parametrize("scale", [1e-110, 1e-80, 1e-30, 1e50])
def test_widths_whose_product_is_no_float_have_a_share(d: int, scale: float) -> None:
    """A density of 1e300 on a box of 1e-330: their product is what counts."""
    wide = scale * 10 ** (30.0 / d)
    found = evaluated_upper(*one_cell([-0.5 * scale] * d, [0.5 * scale] * d, np.eye(d) / wide))
    truth = special.erf(0.5 * scale / wide / math.sqrt(2.0)) ** d
    assert truth * (1 - 1e-9) <= found <= 1.0


def test_what_no_exponential_of_a_float_says_is_not_nothing() -> None:
    """exp(-1250) is below every positive float, and above 0."""
    assert 0.0 < evaluated_upper(*one_cell([50.0], [51.0], np.eye(1))) < 1e-150


def exact_share(cells: Cells, mixture: Mixture) -> arb:
    """E[exp(w (t - low)(t - high)/2); low <= t <= high] for Gaussian t. Call it in a `precision` context."""
    numbers = (cells.low, cells.high, cells.sides, cells.axes, cells.centre, mixture.means, mixture.roots)
    low, high, side, axis, centre, mean, root = (ball(float(item.ravel()[0])) for item in numbers)
    middle, steep = axis * (mean - centre), (root / axis) ** 2
    q, b = steep - side, steep * middle - side * (low + high) / 2
    k = (steep / (2 * arb.pi())).log() / 2 - steep * middle**2 / 2 + side * low * high / 2
    if q == 0:
        return k.exp() * (((b * high).exp() - (b * low).exp()) / b if b != 0 else high - low)
    scale = (abs(q) / 2).sqrt()
    ends = [(at - b / q) * scale for at in (low, high)]
    if q < 0:
        parts = ends[1].erfi() - ends[0].erfi()
    elif ends[0] > 0:
        parts = ends[0].erfc() - ends[1].erfc()
    else:
        parts = (-ends[1]).erfc() - (-ends[0]).erfc()
    return (k + b**2 / (2 * q)).exp() * arb.pi().sqrt() / (2 * scale) * parts


@pytest.mark.parametrize("seed", range(8))
def test_in_one_dimension_no_bound_is_below_the_exact_integral(seed: int) -> None:
    """Boxes from 1e-8 to 60 deviations wide, means as far, all scales, sides beyond what the Gaussian holds."""
    random, sharp = np.random.default_rng([seed, 0x1D]), 0
    for _ in range(150):
        root, axis = 10.0 ** random.uniform(-40, 40), random.choice([-1, 1]) * 10.0 ** random.uniform(-40, 40)
        deviation = abs(axis) / root
        centre, mean = random.standard_normal(2) * 10.0 ** random.uniform(-4, 4.5, 2) / root
        width = deviation * 10.0 ** random.uniform(-8, 1.8)
        low = axis * (mean - centre) + deviation * random.standard_normal() * 3.0 - width * random.random()
        shares = [0.0, 0.99, 1.01, 10.0 ** random.uniform(-3, 3)]
        side = random.choice(shares) / deviation**2
        cells = Cells(
            np.array([centre]), np.eye(1), np.array([[axis]]), np.zeros(1), np.array([1e99]), np.array([[low]]),
            np.array([[low + width]]), np.zeros(1), np.zeros(1), np.array([[side]]),
        )  # fmt: skip
        mixture = Mixture(np.ones(1), np.array([[mean]]), np.array([[[root]]]))
        found = evaluated_upper(cells, mixture)
        with precision(3000):
            truth = exact_share(cells, mixture)
            assert truth.rel_accuracy_bits() > 100 and truth <= min(1, ball(found) + ball(2) ** -100)
            assert found == 1.0 or truth < ball(found)
            sharp += bool(ball(found) < truth * ball("1.01"))
    assert sharp > 75


def test_a_bound_that_is_all_but_exact_is_not_below_the_integral() -> None:
    """The exponent is 0 but for 1e-16: what exp and the logarithm of a width lose is left."""
    random, root = np.random.default_rng(4), np.array([[math.sqrt(2.0 * math.pi)]])
    for width in 10.0 ** random.uniform(-10, -8, 100):
        cells, mixture = one_cell([-width], [width], root)
        with precision():
            truth, found = exact_share(cells, mixture), ball(evaluated_upper(cells, mixture))
            assert truth < found < truth * ball("1.000001")


def test_where_floats_say_too_little_nothing_is_concluded() -> None:
    for low, high in ((-1e9, 1.0), (-1.0, 1e9), (-1e200, 1e200)):
        assert evaluated_upper(*one_cell([low], [high], np.eye(1))) == 1.0
    assert evaluated_upper(*one_cell([-1e3], [1.0], np.eye(1))) == pytest.approx(special.ndtr(1.0), rel=0.03)


@pytest.mark.parametrize("power", range(13, 20))
def test_what_is_left_of_a_nearly_singular_precision_is_accounted_for(power: int) -> None:
    """Its inverse's determinant is a difference of numbers of 10^(2 power): at 128 bits little is known of it."""
    random = np.random.default_rng(power)
    for place in np.repeat([0.0, 6.0, 30.0], 10):
        (first, last), steep = random.uniform(0.5, 2.0, 2), 10.0**power * random.uniform(1.0, 2.0)
        root = np.array([[first, 0.0], [steep, last]])
        # Constant on so small a box, but for 1e-11.
        middle, width = place / steep, 1e-13 / steep
        cells, mixture = one_cell([-width, middle - width], [width, middle + width], root)
        sizes = cells.high[0] - cells.low[0]
        exponent = -0.5 * ((steep * middle) ** 2 + (last * middle) ** 2)
        truth = math.exp(exponent) * first * last * sizes[0] * sizes[1] / (2.0 * math.pi)
        assert evaluated_upper(cells, mixture) >= truth * (1.0 - 1e-10)


def quadrature(cells: Cells, mixture: Mixture, label: int) -> float:
    """The share of a component by its box alone, where that is small enough."""
    d = cells.centre.size
    inverse = cells.axes @ np.linalg.inv(mixture.roots[label]).T
    spread, place = inverse @ inverse.T, cells.axes @ (mixture.means[label] - cells.centre)
    middle, half = 0.5 * (cells.low + cells.high)[label], 0.5 * (cells.high - cells.low)[label]
    nodes, weights = np.polynomial.legendre.leggauss(40 if d == 2 else 30)
    grid = np.stack([part.ravel() for part in np.meshgrid(*[nodes] * d, indexing="ij")], axis=1)
    masses = np.prod(np.stack([part.ravel() for part in np.meshgrid(*[weights] * d, indexing="ij")]), axis=0)
    gaps = np.linalg.solve(np.linalg.cholesky(spread), (middle + half * grid - place).T)
    logs = -0.5 * (gaps**2).sum(axis=0) + 0.5 * ((half * grid) ** 2 - half**2) @ cells.sides[label]
    logs -= 0.5 * np.linalg.slogdet(spread)[1] + 0.5 * d * math.log(2.0 * math.pi)
    return float(np.exp(logs) @ masses * half.prod())


@pytest.mark.parametrize("seed", range(24))
@pytest.mark.parametrize("d", [2, 3])
def test_the_bound_is_above_a_quadrature_and_near_it(d: int, seed: int) -> None:
    """Small boxes within two deviations: the whole covariance counts, and sides that outweigh it or its diagonal."""
    random = np.random.default_rng([seed, d, 0x60])
    axes, centre, size = random.standard_normal((d, d)), random.standard_normal(d), 2
    roots = np.tril(random.standard_normal((size, d, d)), -1)
    roots += random.uniform(0.3, 2.0, (size, d))[:, None, :] * np.eye(d)
    means, middles, halves, sides = (random.standard_normal((size, d)) for _ in range(4))
    for label in range(size):
        inverse = axes @ np.linalg.inv(roots[label]).T
        spread = inverse @ inverse.T
        turned = np.linalg.cholesky(spread) @ random.uniform(-1.0, 1.0, d)
        middles[label] = axes @ (means[label] - centre) + turned
        deviations = np.sqrt(np.diag(spread))
        halves[label] = deviations * random.uniform(0.05, 0.3, d) * (1.0, 2.0)[seed % 2]
        sides[label] = random.choice([0.0, 0.5, 4.0, 40.0], d) / deviations**2
        if seed % 3 == 0:
            # All that is left of the form is off its diagonal: it has no sign.
            sides[label] = np.diag(np.linalg.inv(spread))
    zero = np.zeros(size)
    cells = Cells(
        centre, np.eye(d), axes, zero, np.full(size, 1e90), middles - halves, middles + halves, zero, zero, sides
    )
    weights = random.uniform(0.2, 1.0, size)
    truth = sum(weights[label] * quadrature(cells, Mixture(weights, means, roots), label) for label in range(size))
    truth /= weights.sum()
    found = evaluated_upper(cells, Mixture(weights, means, roots))
    assert truth * (1.0 - 1e-9) <= found <= (1.0 if seed % 3 == 0 else min(1.0, 20.0 * truth))
    # What the weights add up to does not matter.
    assert evaluated_upper(cells, Mixture(1e-3 * weights, means, roots)) == pytest.approx(found, rel=1e-12)


def test_cells_are_of_ellipsoids_that_grow_and_of_all_that_is_beyond() -> None:
    """What shrinks is in two cells or in none, and what is beyond the last must be one."""
    root, centre = np.eye(2), np.zeros(2)

    def between(*radii: float) -> tuple[Region, ...]:
        return regions_between([Ellipsoid(centre, root, radius) for radius in radii])

    def cells(regions: Sequence[Region]) -> Cells | None:
        return cells_between(regions, np.zeros(len(regions)), np.zeros(len(regions)), [None] * len(regions))

    found = cells(between(1.0, 2.0))
    assert found is not None and found.inner.tolist() == [0.0, 1.0, 2.0] and found.outer.tolist() == [1.0, 2.0, np.inf]
    for regions in (between(2.0, 1.0), between(1.0, 1.0), between(0.0, 1.0), between(1.0, 2.0)[:-1], between()):
        assert cells(regions) is None

    def proved(shares: FloatArray) -> Cells | None:
        nothing = np.zeros((0, 5)), np.zeros(0)
        return cells_of([
            RegionBound(region, *nothing, share, 0.0, 0.0, 0.0, 0.0)
            for region, share in zip(between(1.0, 2.0), shares, strict=True)
        ])  # fmt: skip

    assert proved(np.eye(3)) is not None
    for other in (0.9 * np.eye(3) + 0.05 * (1 - np.eye(3)), np.eye(3)[[1, 0, 2]], np.eye(4)[:3]):
        assert proved(other) is None


def test_coarser_boxes_give_a_larger_bound_and_no_smaller_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for seed in range(6):
        cells, mixture = random_cells(3, 3, seed)
        low, _ = share_interval(cells, mixture, 100_000)
        with monkeypatch.context() as patch:
            patch.setattr(evaluated_share, "MOST_STEPS", {1: 2, 2: 2, 3: 1, 4: 1})
            for name, value in (("MOST_PARTS", 4), ("FIRST_PARTS", 2), ("MOST_BOXES", 4), ("FIRST_BOXES", 2)):
                patch.setattr(ball_share, name, value)
            for module in (ball_share, square_sums):
                patch.setattr(module, "SQUARES", 20)
            coarse = evaluated_upper(cells, mixture)
        assert low <= coarse and evaluated_upper(cells, mixture) <= coarse * (1 + 1e-6)


def test_cells_are_written_and_read_again() -> None:
    cells, _ = random_cells(3, 4, 1)
    cells = replace(cells, outer=np.append(cells.outer[:3], np.inf))
    again = Cells.from_document(cells.to_document())
    assert again.fits(4, 3) and not again.fits(5, 3) and not again.fits(4, 2)
    assert all(np.array_equal(getattr(again, name), getattr(cells, name)) for name in cells.__dataclass_fields__)
    assert not replace(again, sides=np.full((4, 3), np.nan)).fits(4, 3)


def test_a_round_ends_less_often_the_fewer_are_evaluated_and_the_fewer_tries() -> None:
    assert tries_for(1.0) == 1 and tries_for(0.1) == 30 and round_acceptance(0.3, 1.0, 1) == 0.3
    assert evaluation_lower(0.25, 2) == pytest.approx(1 - 0.75**2, rel=1e-12)
    shares = np.array([0.5, 0.2, 0.05, 0.01])
    # At the same int exp(-f)/C = 0.004 the probability rises as fewer are evaluated.
    passed = [round_acceptance(0.004 / share, share, 20) for share in shares]
    assert passed == sorted(passed) and passed[-1] == pytest.approx((1 - 0.99**20) * 0.4, rel=1e-9)


def test_acceptances_are_not_above_what_they_bound() -> None:
    random = np.random.default_rng(2)
    for _ in range(200):
        constant, share, tries = (
            float(random.uniform(-50, 50)),
            float(random.uniform(1e-4, 1.0)),
            random.integers(1, 99),
        )
        integral = constant + math.log(share) - float(random.uniform(0.0, 20.0))
        found = acceptance_lower(constant, integral, share)
        envelope = Envelope(Mixture(np.ones(1), np.zeros((1, 1)), np.ones((1, 1, 1))), constant, integral, 0)
        envelope = replace(envelope, evaluated=share, tries=tries)
        with precision(300):
            mass, missed = (ball(integral) - ball(constant)).exp(), (1 - ball(share)) ** tries
            for value, truth in (
                (found, mass / ball(share)), (envelope.acceptance, mass / ball(share)),
                (evaluation_lower(share, tries), 1 - missed),
                (round_acceptance(found, share, tries), (1 - missed) * mass / ball(share)),
                (-envelope.log_integral_upper, -ball(constant) - ball(share).log()),
            ):  # fmt: skip
                assert ball(value) <= truth and abs(truth - ball(value)) < 1e-12 * abs(truth) + 1e-13


def two(setting: Setting) -> tuple[Generator, GaussianLikelihood, Envelope, Envelope]:
    generator, row, envelope, plain = setting
    assert envelope.cells is not None and envelope.evaluated < 0.8 and envelope.tries > 1
    return generator, GaussianLikelihood(row, BETA), envelope, plain


def test_the_share_of_a_real_envelope_is_bounded(setting: Setting) -> None:
    _, _, envelope, _ = two(setting)
    assert envelope.cells is not None
    low, high = share_interval(envelope.cells, envelope.proposal)
    assert low <= envelope.evaluated <= 8.0 * high
    # Half of the bound is below what is drawn: a bound that is off by so much would be noticed.
    assert 0.1 * envelope.evaluated < low


def test_nothing_is_below_zero_where_it_is_evaluated(setting: Setting) -> None:
    """F + log(C w_j N_j) + g_j >= 0, or else a proposal would be refused that ought to be accepted."""
    generator, likelihood, envelope, _ = two(setting)
    assert envelope.cells is not None
    points, levels = envelope.cells.draw(envelope.proposal, 200_000, np.random.default_rng(1))
    heights = potential(generator.graph, likelihood, points) + levels + envelope.log_constant
    assert heights.min() >= -1e-9


def test_both_samplers_give_one_integral(setting: Setting) -> None:
    generator, likelihood, envelope, plain = two(setting)

    def integral(item: Envelope) -> tuple[float, float]:
        batches = [
            acceptance_probabilities(generator, likelihood, item, 8192, np.random.default_rng([7, i]))[0]
            for i in range(12)
        ]
        rate = mean_interval(np.concatenate(batches), 0.0, 1.0, 1e-7)
        scale = math.exp(item.log_constant - plain.log_constant)
        return scale * rate.lower, scale * rate.upper

    (low, high), (least, most) = integral(plain), integral(envelope)
    assert low <= most and least <= high and most / least < 1.5
    assert envelope.cells is not None
    # Cells that refuse nothing count what others hold already.
    wide = replace(
        envelope.cells, inner=np.zeros(envelope.cells.size), outer=np.full(envelope.cells.size, 1e9),
        low=np.full_like(envelope.cells.low, -1e9), high=np.full_like(envelope.cells.high, 1e9),
        inside=np.zeros(envelope.cells.size), sides=np.zeros_like(envelope.cells.sides),
        outside=np.zeros(envelope.cells.size),
    )  # fmt: skip
    assert integral(replace(envelope, cells=wide))[0] > high


def test_draws_have_the_law_of_the_plain_sampler(setting: Setting) -> None:
    generator, likelihood, envelope, plain = two(setting)
    found, expected = (exact_draws(generator, likelihood, item, 20_000, 3) for item in (envelope, plain))
    assert len(found) == len(expected) == 20_000
    # Four coordinates and a length: 2e-7 each.
    for one, other in [*zip(found.T, expected.T, strict=True), (np.abs(found).sum(1), np.abs(expected).sum(1))]:
        assert stats.ks_2samp(one, other).pvalue > 2e-7
    # The proposals are not the posterior, and this many of them show it.
    random = np.random.default_rng(0)
    drawn = envelope.proposal.draw(20_000, random)
    assert min(stats.ks_2samp(a, b).pvalue for a, b in zip(drawn.T, expected.T, strict=True)) < 1e-9


def test_the_certified_acceptance_is_below_the_measured_one(setting: Setting) -> None:
    generator, likelihood, envelope, plain = two(setting)
    for item in (envelope, plain):
        found = measured_acceptance(generator, likelihood, item, 20_000, 0)
        assert item.acceptance <= found.upper and found.cases == 20_000
    assert envelope.log_integral_upper == pytest.approx(envelope.log_constant + math.log(envelope.evaluated))
    assert plain.log_integral <= envelope.log_integral_upper


def test_rounds_are_not_counted_on_beyond_what_is_measured(setting: Setting) -> None:
    """Whatever in its interval the acceptance P is, int exp(-f)/(C P) is the share evaluated, or more."""
    generator, _, envelope, plain = setting
    proof = rejection_proof(generator, setting[1], BETA, EPSILON, envelope)
    mass = math.exp(proof.log_integral - proof.log_constant)
    for low, high in ((0.012, 0.013), (0.012, 0.5), (0.3, 0.9), (0.05, 0.05)):
        rates = np.linspace(low, high, 50)
        shares = mass / rates
        found = _measured_round(proof, low, high)
        assert 0.0 < found <= ((1.0 - (1.0 - shares) ** proof.tries) * rates).min() * (1.0 + 1e-12)
        assert found <= (1.0 - (1.0 - proof.evaluated) ** proof.tries) * low * (1.0 + 1e-12)
    assert _measured_round(rejection_proof(generator, setting[1], BETA, EPSILON, plain), 0.25, 0.5) == 0.25


def test_of_what_is_never_evaluated_nothing_is_measured(setting: Setting) -> None:
    generator, likelihood, envelope, _ = two(setting)
    assert envelope.cells is not None
    none = replace(envelope.cells, low=envelope.cells.low + 1e3, high=envelope.cells.high + 1e3)
    none = replace(none, low=np.where(np.isfinite(none.low), none.low, 1e3))
    found = measured_acceptance(generator, likelihood, replace(envelope, cells=none), 20, 0)
    assert (found.lower, found.upper, found.cases) == (0.0, 1.0, 0)


def design(setting: Setting, proposals: int, tries: int) -> tuple[Generator, RejectionDesign, GaussianLikelihood]:
    generator, row, envelope, _ = setting
    proposal, realised = realised_envelope(envelope)
    found = RejectionDesign(row, BETA, proposal, realised.log_constant, proposals, realised.cells, tries)
    return generator, found, GaussianLikelihood(row, BETA)


@pytest.mark.parametrize(("proposals", "tries"), [(1, 2), (3, 7)])
def test_the_file_draws_what_the_float_sampler_draws(setting: Setting, proposals: int, tries: int) -> None:
    generator, plan, likelihood = design(setting, proposals, tries)
    program = rejection_network(generator, plan)
    noise = np.random.default_rng(0).standard_normal((1000, proposals, tries * 7))
    rows = np.tile(plan.observation, (1000, 1))
    encoder = run(program)
    found = encoder.push(rows, noise)
    assert encoder.noise_shape == (proposals, tries * 7)

    def expected(cells: Cells | None) -> FloatArray:
        return first_accepted(generator, likelihood, plan.proposal, plan.log_constant, noise, cells)

    assert np.abs(found - expected(plan.cells)).max() <= 1e-9
    assert np.array_equal(found, run(program, ExportOptions(unrolled=True)).push(rows, noise))
    assert plan.cells is not None
    # Other cells, other draws.
    assert np.abs(found - expected(replace(plan.cells, low=plan.cells.low + 0.5))).max() > 1e-3
    assert np.abs(found - expected(replace(plan.cells, sides=3.0 * plan.cells.sides))).max() > 1e-3


def test_the_law_of_the_file_is_within_the_bound(setting: Setting) -> None:
    """Of K = 250 proposals none is accepted as seldom as (1 - P)^K says, and the rest is the posterior's law."""
    generator, plan, likelihood = design(setting, 250, setting[2].tries)
    count = 1000
    noise = np.random.default_rng(5).standard_normal((count, 250, plan.tries * 7))
    found = run(rejection_network(generator, plan)).push(np.tile(plan.observation, (count, 1)), noise)
    expected = exact_draws(generator, likelihood, setting[3], 20_000, 8)
    missed = (1.0 - setting[2].round_acceptance) ** 250
    assert missed < 0.1
    for one, other in zip(found.T, expected.T, strict=True):
        # Kolmogorov's distance is at most that in total variation; both samples add 1e-6.
        noise_room = math.sqrt(math.log(2e6) / 2) * (count**-0.5 + 20_000**-0.5)
        assert stats.ks_2samp(one, other).statistic <= missed + noise_room


def test_parameters_are_below_the_bound_and_near_it(setting: Setting) -> None:
    for proposals, tries in ((1, 2), (5, 9)):
        generator, plan, _ = design(setting, proposals, tries)
        count = encoder_count(rejection_network(generator, plan)).parameters_unrolled
        bound = parameter_bound(generator, plan.proposal.size, proposals, tries)
        # Numbers of cells that are 0 are not stored.
        assert 0.8 * bound < count <= bound
    with pytest.raises(InputError, match="layout `sequence`"):
        rejection_network(generator, plan, "parallel")
    with pytest.raises(InputError, match="side by side"):
        rejection_network(generator, replace(plan, tries=10**6))


def test_the_share_is_that_of_the_weights_which_thresholds_realise() -> None:
    """Floats next to them are not enough: here the share is the last weight itself."""
    size, random = 4, np.random.default_rng(0)
    ends = 100.0 * np.arange(size)
    low, high = np.full((size, 1), 50.0), np.full((size, 1), 51.0)
    low[-1], high[-1] = -np.inf, np.inf
    cells = Cells(
        np.zeros(1), np.eye(1), np.eye(1), ends, np.append(ends[1:], np.inf), low, high, np.zeros(size),
        np.zeros(size), np.zeros((size, 1)),
    )  # fmt: skip
    for _ in range(60):
        weights = random.uniform(0.1, 1.0, size)
        mixture = Mixture(weights / weights.sum(), np.zeros((size, 1)), np.ones((size, 1, 1)))
        proposal, found = realised_envelope(Envelope(mixture, 5.0, 0.0, 0, evaluated=0.9, tries=9, cells=cells))
        with precision():
            truth = realised_weights(proposal.thresholds)[-1]
            assert truth < ball(found.evaluated) < truth * (1 + ball(1e-12))


def test_where_all_are_evaluated_there_are_no_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    generator, _, likelihood, prepared = scene()
    for name, value in (("WEAK", -np.inf), ("HOPELESS", np.inf)):
        monkeypatch.setattr(quadratic_envelope, name, value)
    monkeypatch.setattr(cell_envelope, "WORK", 0.0)
    shells = quadratic_envelope.verified_mixture
    monkeypatch.setattr(quadratic_envelope, "verified_mixture", lambda *rest: replace(shells(*rest), log_constant=1e3))
    monkeypatch.setattr(quadratic_envelope, "_single_bound", lambda *_: None)
    for share in (0.9, 1.0):
        monkeypatch.setattr(cell_envelope, "evaluated_upper", lambda *_, share=share: share)
        found = quadratic_envelope.quadratic_envelope(prepared, generator, likelihood)
        assert found is not None and found.log_constant < 100.0
        assert (found.cells is None) == (share == 1.0) and (found.tries == 1) == (share == 1.0)


def forged(found: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Records that claim more of what is refused than is true, or of other cells."""
    yield "fewer are evaluated", found | {"evaluated": 0.5 * found["evaluated"]}
    yield "a little fewer, and all that follows", claimed(found, evaluated=found["evaluated"] * (1.0 - 1e-6))
    yield "none are evaluated", found | {"evaluated": 0.0}
    yield "more than all", found | {"evaluated": 1.5}
    yield "no tries", found | {"tries": 0}
    yield "fewer tries for the same K", found | {"tries": 1}
    yield "all are, and there are more tries", claimed(found, evaluated=1.0)
    yield (
        "int exp(-f) is all that is evaluated",
        found | {"log_integral": found["log_constant"] + math.log(found["evaluated"])},
    )
    yield (
        "int exp(-f) is a little more than that",
        found | {"log_integral": math.nextafter(found["log_constant"] + math.log(found["evaluated"]), math.inf)},
    )
    yield "all are, at the acceptance of those", found | {"evaluated": 1.0, "tries": 1}
    parts = found["regions"]["regions"]
    shared = [dict(part) for part in parts]
    shares = list(shared[0]["shares"])
    shares[0], shares[1] = shares[0] - 1, 1
    shared[0]["shares"] = shares
    yield "a region has two components", found | {"regions": {**found["regions"], "regions": shared}}
    swapped = [dict(part) for part in parts]
    swapped[0]["shares"], swapped[1]["shares"] = parts[1]["shares"], parts[0]["shares"]
    yield "components are swapped", found | {"regions": {**found["regions"], "regions": swapped}}
    radii = list(found["regions"]["radii"])
    radii[0], radii[1] = radii[1], radii[0]
    yield "ellipsoids do not grow", found | {"regions": {**found["regions"], "radii": radii}}
    radii = [radii[0], *radii[:1], *radii[2:]]
    yield "two are the same", found | {"regions": {**found["regions"], "radii": radii}}
    yield "one component less", found | {"proposal": found["proposal"][:-1]}
    more = [{**part, "shares": [*part["shares"], 0]} for part in parts]
    small = {**found["proposal"][-1], "weight": (1e-12).hex()}
    yield "a component without a cell", claimed(found, log_constant=found["log_constant"] + 1e-6) | {
        "proposal": [*found["proposal"], small], "regions": {**found["regions"], "regions": more}
    }  # fmt: skip
    weights = [dict(part) for part in found["proposal"]]
    weights[0]["weight"] = (100.0 * float.fromhex(weights[0]["weight"])).hex()
    yield "another weight", found | {"proposal": weights}


def audited(
    setting: Setting, plan: RejectionDesign, path: Path, said: dict[str, Any] | None = None, seed: int = 0
) -> EncoderBracket | None:
    """The bracket of a file that computes `plan` and says the same, but for `said`; None where it is not believed."""
    generator, row = setting[:2]
    mixture, cells = plan.proposal.mixture, plan.cells
    assert cells is not None
    proposal = {
        "weights": mixture.weights.tolist(), "means": mixture.means.tolist(), "precision_roots": mixture.roots.tolist(),
        "thresholds": plan.proposal.thresholds.tolist(), "cells": cells.to_document(), "tries": plan.tries,
    }  # fmt: skip
    other = said or {}
    metadata = {
        "certify.encoder": "rejection", "certify.generator_sha256": generator.sha256, "certify.beta": repr(BETA),
        "certify.observation": observation_digest(row), "certify.K": str(other.get("K", plan.proposals)),
        "certify.log_constant": repr(other.get("log_constant", plan.log_constant)),
        "certify.proposal": json.dumps({
            name: other.get(name, item) for name, item in proposal.items() if name not in other.get("without", ())
        }),
    }  # fmt: skip
    onnx.save(onnx_encoder(rejection_network(generator, plan), ExportOptions(metadata=metadata)), str(path))
    source, posterior = source_from_file(path), Posterior(generator, row, BETA)
    sampler = declared_sampler(source, posterior)
    found = None if sampler is None else rejection_bracket(sampler, source, posterior, seed, 1e-6)
    return None if found is None else found[1]


def test_an_audit_knows_the_sampler_of_a_file_with_cells(
    setting: Setting, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What is searched again is what was found; every lie, and cells that are not those proved, are no bracket."""
    path, envelope = tmp_path / "e.onnx", setting[2]
    # Settings of the fixture are gone: a search of its own would find no cells.
    monkeypatch.setattr(audit, "best_envelope", lambda *_: envelope)
    monkeypatch.setattr(audit, "EFFORT", 300_000)
    _, plan, _ = design(setting, 60, 4)
    assert plan.cells is not None
    honest = audited(setting, plan, path)
    missed = (1.0 - round_acceptance(envelope.acceptance, envelope.evaluated, 4)) ** 60
    assert honest is not None and honest.lower.value == 0.0
    measured = measured_acceptance(setting[0], GaussianLikelihood(setting[1], BETA), envelope, 20_000, 0)
    share, _ = share_interval(envelope.cells, envelope.proposal) if envelope.cells is not None else (1.0, 1.0)
    least = (1.0 - (1.0 - (1.0 - 1.1 * share) ** 4) * measured.upper) ** 60
    assert least <= honest.upper.value <= missed + 0.2
    moved = replace(plan.cells, high=plan.cells.high + 1e-3)
    lies: list[dict[str, Any]] = [
        {"K": 30, "tries": 8}, {"K": 120, "tries": 2}, {"K": 61}, {"tries": 5}, {"K": -60, "tries": -4},
        {"tries": "four"}, {"cells": moved.to_document()}, {"cells": []}, {"without": ("cells",)},
        {"without": ("tries",)}, {"cells": replace(plan.cells, sides=2.0 * plan.cells.sides).to_document()},
        {"log_constant": plan.log_constant - 1e-3}, {"log_constant": plan.log_constant + 1.0},
        {"cells": replace(plan.cells, inside=np.full(plan.cells.size, np.nan)).to_document()},
    ]  # fmt: skip
    for lie in lies:
        assert audited(setting, plan, path, lie) is None, lie
    # Neither is a file that computes what it says, with other cells than those that are proved.
    wider = replace(plan.cells, sides=0.0 * plan.cells.sides)
    for other in (moved, wider):
        assert audited(setting, replace(plan, cells=other), path) is None
    assert audited(setting, replace(plan, log_constant=plan.log_constant - 1e-3), path) is None
    # None is evaluated of so few.
    monkeypatch.setattr(audit, "CELL_DRAWS", 1)
    assert audited(setting, plan, path) is None


def claimed(found: dict[str, Any], **changes: float) -> dict[str, Any]:
    """With other claims, and what follows from them of p, K and the distance."""
    record = found | changes
    record["acceptance"] = acceptance_lower(record["log_constant"], record["log_integral"], record["evaluated"])
    passed = round_acceptance(record["acceptance"], record["evaluated"], record["tries"])
    needed = proposals_needed(passed, Fraction(record["epsilon"]))
    assert needed is not None
    return record | {"proposals": needed.proposals, "tv_bound": needed.tv_bound}


def cut_again(found: dict[str, Any], leaf: int, place: float) -> tuple[dict[str, Any], int]:
    """The first shell's half `leaf` cut once more across the same axis, beyond the first cut; the number of the half.

    Both parts have its proof and its Gaussian, wider, so that it holds on more than it was made for.
    """
    record = copy.deepcopy(found)
    parts, components, trees = record["regions"]["regions"], record["proposal"], record["regions"]["cuts"]
    (axis, first), *leaves = trees[0]
    assert len(leaves) == 2
    again = [[axis, place.hex()], *leaves]
    trees[0] = [[axis, first], *again, leaves[0]] if leaf == 0 else [[axis, first], leaves[0], *again]
    components[leaf]["root"] = [[(0.9 * float.fromhex(x)).hex() for x in row] for row in components[leaf]["root"]]
    parts[leaf]["offset"] = (float.fromhex(parts[leaf]["offset"]) + 8.0).hex()
    for items in (parts, components):
        items.insert(leaf + 1, copy.deepcopy(items[leaf]))
    for number, part in enumerate(parts):
        part["shares"] = [2**20 if number == place else 0 for place in range(len(parts))]
    return claimed(record, log_constant=found["log_constant"] + 11.0), leaf


def test_a_record_has_the_cells_of_its_envelope(setting: Setting) -> None:
    generator, row, envelope, _ = setting
    record = rejection_proof(generator, row, BETA, EPSILON, envelope)
    cells = record.rejecting_cells()
    assert cells is not None and envelope.cells is not None and cells.inside.any() and cells.sides.any()
    names = cells.__dataclass_fields__
    assert all(np.array_equal(getattr(cells, name), getattr(envelope.cells, name)) for name in names)
    # Rounded up to all of them there is nothing to choose from.
    most = rejection_proof(generator, row, BETA, EPSILON, replace(envelope, evaluated=1.0 - 1e-12))
    assert (most.evaluated, most.tries, most.rejecting_cells()) == (1.0, 1, None)


@pytest.mark.parametrize(("leaf", "place"), [(0, 0.3), (0, 2.0), (1, -2.0)])
def test_a_cut_outside_its_cell_makes_no_place_count_twice_and_no_share_smaller(
    setting: Setting, leaf: int, place: float
) -> None:
    found, first = cut_again(document(*setting[:3]), leaf, place)
    assert refusal(found, setting[0]) == "", "what it claims is true"
    record = record_of(found, "the record")
    assert isinstance(record, RejectionProof)
    cells, mixture = record.rejecting_cells(), record.mixture()
    assert cells is not None and (cells.low[first : first + 2] > cells.high[first : first + 2]).any()
    points = cells.centre + np.random.default_rng(0).standard_normal((4000, 4)) @ np.linalg.inv(cells.root)
    labels = range(cells.size)
    assert (sum(np.isfinite(cells.heights(points, np.full(4000, label))) for label in labels) == 1).all()
    low, high = share_interval(cells, mixture, 100_000)
    assert low <= evaluated_upper(cells, mixture) <= 4.0 * high
    assert refusal(claimed(found, evaluated=0.9 * low), setting[0]) != ""


def test_a_record_whose_parts_do_not_fit_is_refused_where_log_c_is_infinite(setting: Setting) -> None:
    found = document(*setting[:3]) | {"log_constant": "inf", "acceptance": 0.0, "proposals": None, "tv_bound": None}
    proof = found["regions"]
    for changes in (
        {"cuts": proof["cuts"][1:]}, {"axes": []}, {"axes": proof["axes"][1:]}, {"cuts": [[[9, (0.0).hex()]]]},
        {"regions": [{**part, "shares": []} for part in proof["regions"]]}, {"radii": []}, {"root": [[(1.0).hex()]]},
    ):  # fmt: skip
        assert "is evaluated" in refusal(found | {"regions": {**proof, **changes}}, setting[0])


def test_forged_shares_are_refused(setting: Setting) -> None:
    found = document(*setting[:3])
    assert refusal(found, setting[0]) == "" and found["evaluated"] < 1.0 and found["tries"] > 1
    every = [*forged(found), *forgeries(found, np.random.default_rng(0))]
    names = [name for name, record in every if refusal(record, setting[0]) == ""]
    assert names == [] and len(every) > 35
    for wrong in ({"evaluated": 0.0}, {"evaluated": 1.5}, {"tries": 0}, {"tries": 10**9 + 1}):
        assert "must be in" in refusal(found | wrong, setting[0])
    # Where more are evaluated those are accepted less often than is claimed.
    assert refusal(found | {"evaluated": min(1.0, 1.2 * found["evaluated"])}, setting[0]) != ""
