"""Second orders of activations: norms of products, means of ridges and the whole expansion against quadrature."""

from __future__ import annotations

import itertools
import math
import tracemalloc
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

import certify.envelopes.mean_curvature as mean_curvature_module
import certify.envelopes.mean_tangents as mean_tangents_module
from certify.arithmetic.intervals import FloatArray, MatrixBall, exact_matrix, multiply, scale
from certify.envelopes.chaos_norms import (
    Tensors,
    _contracted,
    fourth_growth,
    powers_of_units,
    product_norm,
)
from certify.envelopes.gaussian_evidence import dominates, expanded_mean, mean_upper, search_weights
from certify.envelopes.gaussian_layers import Rest, powers_of, two_layers, upper_ends, upper_sums
from certify.envelopes.gaussian_moments import FINE, GRADED, ORDER, hermite_cells, slope_distances, slope_squares
from certify.envelopes.lifted_form import LiftedNetwork, lifted_network, potential_form
from certify.envelopes.mean_curvature import FULL, KEPT, LATER, Sizes, curved_expansion, whole_rest
from certify.envelopes.mean_expansion import CUT, Gradient, MeanExpansion, both, gradient_of, slope_spans
from certify.envelopes.mean_tangents import slopes_at, tangent_matrix
from certify.envelopes.ridge_products import Ridges, _shares, ridge_product
from certify.generators.activations import activation
from certify.generators.graph import Activation, Affine, Graph, Input
from tests.property.test_mean_expansion import excesses, nearly_tight

NODES, MASS = np.polynomial.hermite_e.hermegauss(40)
MASS = MASS / MASS.sum()
GRID = np.stack([part.ravel() for part in np.meshgrid(NODES, NODES, indexing="ij")], axis=1)
WEIGHTS = np.outer(MASS, MASS).ravel()


def hermite(n: int, x: FloatArray) -> FloatArray:
    """He_n/sqrt(n!)."""
    return np.asarray(np.polynomial.hermite_e.hermeval(x, [0.0] * n + [1.0]) / math.sqrt(math.factorial(n)))


def drawn_tensor(order: int, random: np.random.Generator) -> FloatArray:
    """Symmetric, over R^2."""
    raw = random.standard_normal((2,) * order)
    return np.asarray(sum(np.transpose(raw, axes) for axes in itertools.permutations(range(order)))).ravel()


def chaos(order: int, tensor: FloatArray) -> FloatArray:
    """<f, He_p> on the grid: products of one-dimensional polynomials."""
    total = np.zeros(len(GRID))
    for place, index in enumerate(itertools.product(range(2), repeat=order)):
        counts = [index.count(0), index.count(1)]
        parts = [hermite(n, GRID[:, axis]) * math.sqrt(math.factorial(n)) for axis, n in enumerate(counts)]
        total = total + tensor[place] * parts[0] * parts[1]
    return total


@pytest.mark.parametrize(("p", "q"), [(1, 1), (1, 3), (2, 2), (2, 3), (3, 3), (2, 4), (3, 4), (4, 4)])
def test_products_of_two_orders_have_the_norm_that_is_said(p: int, q: int) -> None:
    random = np.random.default_rng([p, q])
    for same in (False, True):
        first = drawn_tensor(p, random)
        second = first if same and p == q else drawn_tensor(q, random)
        one = Tensors(p, exact_matrix(first[None]), 2)
        other = one if second is first else Tensors(q, exact_matrix(second[None]), 2)
        exact = math.sqrt(WEIGHTS @ (chaos(p, first) * chaos(q, second)) ** 2)
        found = float(product_norm(one, other)[0])
        assert exact * (1 - 1e-12) <= found <= exact * (1 + 1e-9 if p == 1 or (p == q == 2 and same) else 2.5)


def test_at_rank_one_the_norms_are_attained_and_the_growth_is_theirs() -> None:
    direction = np.array([0.6, 0.8])
    for order in (2, 3, 4):
        tensor = direction
        for _ in range(order - 1):
            tensor = np.outer(tensor, direction).ravel()
        one = Tensors(order, exact_matrix(tensor[None]), 2)
        fourth = float(MASS @ hermite(order, NODES) ** 4) ** 0.25
        assert fourth_growth(order) == pytest.approx(fourth, rel=1e-12) and fourth_growth(order) >= fourth * (1 - 1e-13)
        own = float(product_norm(one, one)[0]) / math.factorial(order)
        assert own == pytest.approx(fourth**2, rel=1e-9)


@pytest.mark.parametrize(("p", "q"), [(1, 2), (2, 2), (2, 3), (4, 4)])
def test_norms_of_products_do_not_underflow(p: int, q: int) -> None:
    random = np.random.default_rng([p, q])
    first, second = drawn_tensor(p, random), drawn_tensor(q, random)
    exact = math.sqrt(WEIGHTS @ (chaos(p, first) * chaos(q, second)) ** 2)
    for faint, strong in ((1e-170, 1e150), (1e-300, 1.0), (1e-200, 1e-200)):
        one, other = (
            Tensors(p, exact_matrix(faint * first[None]), 2),
            Tensors(q, exact_matrix(strong * second[None]), 2),
        )
        assert float(product_norm(one, other)[0]) >= exact * faint * strong * (1 - 1e-9)
        assert float(product_norm(other, one)[0]) >= exact * faint * strong * (1 - 1e-9)
        assert (one.square >= faint**2 * np.square(first).sum() * (1 - 1e-9)).all() and one.square[0] > 0.0


@pytest.mark.parametrize(("p", "q"), [(1, 1), (1, 2), (2, 2), (2, 3), (4, 4)])
def test_norms_of_products_hold_for_all_tensors_of_a_ball(p: int, q: int) -> None:
    random = np.random.default_rng([p, q])
    first = drawn_tensor(p, random)
    second = first if p == q else drawn_tensor(q, random)
    exact = math.sqrt(WEIGHTS @ (chaos(p, first) * chaos(q, second)) ** 2)
    one, other = (
        Tensors(order, MatrixBall(0.5 * tensor[None], 0.5 * np.abs(tensor[None])), 2)
        for order, tensor in ((p, first), (q, second))
    )
    assert float(product_norm(one, other)[0]) >= exact * (1 - 1e-12)
    # What is contracted once, twice is of the norm of matrices.
    turned = [tensor.reshape(2, -1) for tensor in (first, second)]
    inner = float(np.square(turned[0].T @ turned[1]).sum())
    assert float(_contracted(one, other, 1)[0]) >= inner * (1 - 1e-12)


def test_roundings_of_stacked_products_and_of_shares_are_enclosed() -> None:
    random = np.random.default_rng(2)
    left, right = random.standard_normal((3, 4, 5)), random.standard_normal((3, 5, 2))
    found = multiply(MatrixBall(left, np.zeros(left.shape)), MatrixBall(right, np.zeros(right.shape)))
    for k, i, j in itertools.product(range(3), range(4), range(2)):
        exact = sum(Fraction(left[k, i, a]) * Fraction(right[k, a, j]) for a in range(5))
        assert abs(Fraction(found.midpoint[k, i, j]) - exact) <= Fraction(found.radius[k, i, j]) < Fraction(1, 10**13)
    shares = _shares(5, 6, 12)
    for i, j in itertools.product(range(5), range(6)):
        middle, radius = (Fraction(part[i + j, 6 * i + j]) for part in (shares.midpoint, shares.radius))
        square = Fraction(math.factorial(i + j), (math.factorial(i) * math.factorial(j)) ** 2)
        assert (middle - radius) ** 2 <= square <= (middle + radius) ** 2 and radius < middle / 10**13
    sums = upper_sums(MatrixBall(np.ones((2, 1)), np.full((2, 1), 0.5)), exact_matrix(np.full((2, 1), 0.25)))
    assert (sums >= 1.75).all() and (sums < 1.75 + 1e-12).all()


@pytest.mark.parametrize(("left", "right"), [(2, 2), (4, 3), (3, 5)])
def test_means_of_ridges_are_enclosed(left: int, right: int) -> None:
    random = np.random.default_rng([left, right])
    turns = [random.standard_normal((count, 2)) for count in (3, 4, 5)]
    units = [part / np.linalg.norm(part, axis=1, keepdims=True) for part in turns]
    own, first, second = units
    weights = [random.standard_normal((3, len(part))) for part in (first, second)]
    shapes = [random.standard_normal((len(part), degree + 1)) for part, degree in ((first, left), (second, right))]
    function = random.standard_normal((3, left + right + 1))
    # Equal parts add up.
    one = Ridges([(exact_matrix(0.5 * weights[0]), exact_matrix(shapes[0]))] * 2, exact_matrix(own @ first.T))
    other = Ridges([(exact_matrix(weights[1]), exact_matrix(shapes[1]))], exact_matrix(own @ second.T))
    found = ridge_product(exact_matrix(function), one, other, powers_of(exact_matrix(first @ second.T)))

    def ridges(rows: FloatArray, shape: FloatArray, directions: FloatArray) -> FloatArray:
        inputs = GRID @ directions.T
        return np.asarray(sum(shape[:, n] * hermite(n, inputs) for n in range(shape.shape[1])) @ rows.T)

    along = sum(function[:, n] * hermite(n, GRID @ own.T) for n in range(function.shape[1]))
    values = along * ridges(weights[0], shapes[0], first) * ridges(weights[1], shapes[1], second)
    exact = WEIGHTS @ values
    assert (np.abs(found.midpoint[:, 0] - exact) <= found.radius[:, 0] + 1e-9 * (WEIGHTS @ np.abs(values))).all()
    assert (found.radius[:, 0] <= 1e-9 * (WEIGHTS @ np.abs(values))).all()


@pytest.mark.parametrize("name", ["tanh", "softplus", "sin"])
def test_squares_of_slopes_have_their_coefficients(name: str) -> None:
    random = np.random.default_rng(7)
    middles, widths, slopes = random.normal(0, 2, 9), np.exp(random.uniform(-4, 0.3, 9)), random.uniform(0, 1, 9)
    found = slope_squares(((name, ()),) * 9, exact_matrix(middles[:, None]), exact_matrix(widths[:, None]), slopes)
    xi = np.linspace(-11.0, 11.0, 6001)
    mass = np.exp(-0.5 * xi**2) / np.exp(-0.5 * xi**2).sum()
    first = activation(name).numeric(middles[:, None] + widths[:, None] * xi, (), 1)[1]
    for n in range(ORDER + 1):
        exact = (first - slopes[:, None]) ** 2 @ (mass * hermite(n, xi))
        assert (np.abs(found.midpoint[:, n] - exact) <= found.radius[:, n] + 1e-11).all()
        assert (found.radius[:, n] <= 1e-3).all()
    # What lies beyond the lattice is in the radius, where there is little else.
    none = exact_matrix(np.zeros((9, 1)))
    found = slope_squares(((name, ()),) * 9, exact_matrix(middles[:, None]), none, slopes)
    lost = np.square(slope_distances(((name, ()),) * 9, slopes)) * hermite_cells(GRADED).outside
    assert (found.radius >= lost[:, None]).all() and (found.radius <= 1e-12).all()


class Decoder:
    """Two layers of tanh over two latents, G = O t, and the law N(m, BB')."""

    def __init__(self, seed: int, spread: float, along: float = 0.0) -> None:
        random = np.random.default_rng([seed, 5])
        self.first, self.second = 0.7 * random.standard_normal((5, 2)), 0.6 * random.standard_normal((4, 5))
        self.offsets = random.standard_normal(5), random.standard_normal(4)
        self.out = random.standard_normal((3, 4))
        self.mean = random.standard_normal(2)
        self.factor = spread * np.array([[1.0, 0.0], [0.4, 0.8]])
        self.row = self.outputs(self.mean[None])[3][0] - along

    def network(self) -> LiftedNetwork:
        nodes = (
            Input(2), Affine(0, self.first, self.offsets[0]), Activation(1, "tanh", 5),
            Affine(2, self.second, self.offsets[1]), Activation(3, "tanh", 4), Affine(4, self.out, np.zeros(3)),
        )  # fmt: skip
        found = lifted_network(Graph(nodes))
        assert found is not None
        return found

    def outputs(self, z: FloatArray) -> Sequence[FloatArray]:
        s = np.tanh(z @ self.first.T + self.offsets[0])
        v = s @ self.second.T + self.offsets[1]
        t = np.tanh(v)
        return s, v, t, t @ self.out.T

    def mean_of_f(self) -> float:
        z = self.mean + GRID @ self.factor.T
        return float(WEIGHTS @ (0.5 * (z**2).sum(axis=1) + 0.5 * ((self.outputs(z)[3] - self.row) ** 2).sum(axis=1)))

    def expansion(self) -> tuple[MeanExpansion, MatrixBall]:
        network = self.network()
        form = potential_form(network, self.row, 1.0)
        found = expanded_mean(network, form, self.mean, self.factor, tangents=True)
        assert found is not None
        return found, form


@pytest.mark.parametrize("spread", [0.05, 0.2, 0.5, 1.0])
@pytest.mark.parametrize("seed", range(4))
def test_no_mean_in_two_latents_is_above_its_bound_and_the_finite_sums_are_right(seed: int, spread: float) -> None:
    for along in (0.0, 3.0):
        decoder = Decoder(seed, spread, along)
        found, _ = decoder.expansion()
        exact = decoder.mean_of_f()
        weights = search_weights(found.form.midpoint, found.squares)
        weights = weights + 1e-6 * (1.0 + weights.max())
        assert dominates(weights, found.form)
        bound = float(mean_upper(found, weights).upper())
        assert exact <= bound + 1e-9
        # All but what is paid is a finite sum: the mean is as far from it as is paid for, on either side.
        assert bound - exact <= 2.0 * (found.paid + 0.5 * weights @ found.squares) + 1e-7


def test_with_the_second_order_little_is_left() -> None:
    for seed in range(4):
        paid = []
        for spread in (0.2, 0.4):
            found, _ = Decoder(seed, spread, 3.0).expansion()
            paid.append(found.paid)
        # Third order in squares of the width.
        assert 20.0 < paid[1] / paid[0] < 100.0, paid


@pytest.mark.parametrize("spread", [0.1, 0.4, 0.8])
@pytest.mark.parametrize("seed", range(4))
def test_finite_sums_and_what_is_paid_neuron_by_neuron(seed: int, spread: float) -> None:
    decoder = Decoder(seed, spread, 2.0)
    network = decoder.network()
    layers = two_layers(network, decoder.mean, decoder.factor, GRADED, FINE)
    assert layers is not None and layers.own is not None
    plain = replace(layers, mean=np.zeros(2), factor=np.eye(2))
    every = both(layers.base, layers.own)
    rows = exact_matrix(np.random.default_rng(seed).standard_normal((4, 1 + 2 + 5 + 4)))
    gradient = gradient_of(rows, plain, every)
    flat = multiply(gradient.second, powers_of_units(every.units, 2)[1])
    slopes = slopes_at(layers.own)
    base, own = layers.base, layers.own
    xi, eta, directions = GRID @ base.units.midpoint.T, GRID @ own.units.midpoint.T, GRID @ every.units.midpoint.T
    orders = [(hermite(n, xi) * base.plain.midpoint[:, n]) @ layers.weights.midpoint.T for n in range(CUT + 1)]
    w = own.means.midpoint[:, 0] + own.deviations.midpoint[:, 0] * eta
    t = np.tanh(w)
    phi, chi = 1.0 - t**2 - slopes, -2.0 * t * (1.0 - t**2)
    p = gradient.constant.midpoint[:, 0] + GRID @ gradient.linear.midpoint.T
    p = p + (directions**2 - 1.0) @ gradient.second.midpoint.T
    inner = rows.midpoint[:, 3:]
    later = sum((hermite(n, directions) * every.plain.midpoint[:, n]) @ inner.T for n in range(3, LATER + 1))
    c, q, whole = (sum(orders[2 : last + 1]) for last in (KEPT, FULL, CUT))
    curved = mean_curvature_module._curved(plain, every, gradient, flat)
    further = mean_curvature_module._further(rows, plain, every, slopes, whole_rest(plain))
    kept = mean_curvature_module._kept_squares(network, plain, slopes, whole_rest(plain))
    for found, values in ((curved, 0.5 * chi * c**2 * p), (further, phi * q * later), (kept, (phi * q) ** 2)):
        assert (np.abs(found.midpoint[:, 0] - WEIGHTS @ values) <= found.radius[:, 0] + 1e-9).all()
        assert (found.radius[:, 0] <= 1e-3 * (WEIGHTS @ np.abs(values)) + 1e-4).all()
    v = decoder.outputs(decoder.mean + GRID @ decoder.factor.T)[1]
    rho = np.tanh(v) - t - slopes * (v - w)
    sizes = mean_curvature_module._sizes(network, plain, slopes, gradient, flat)
    left = np.abs(WEIGHTS @ (rho * p - phi * whole * p - 0.5 * chi * c**2 * p))
    assert (left <= mean_curvature_module._paid(sizes, gradient) + 1e-10).all()
    second = np.sqrt(WEIGHTS @ (rho - phi * q) ** 2)
    assert (second <= sizes.second() + 1e-10).all()
    # Without sup |sigma''| too little would be said.
    assert spread > 0.1 or (second > replace(sizes, bends=0.0 * left).second()).any()


def drawn_sizes(random: np.random.Generator, count: int) -> tuple[Sizes, Gradient]:
    """Numbers that are not negative, whatever they would be of."""

    def drawn(*shape: int) -> FloatArray:
        return np.exp(random.normal(0.0, 1.5, shape))

    squares = drawn(CUT + 1, CUT + 1, count)
    none = exact_matrix(np.zeros((count, 1)))
    sizes = Sizes(
        drawn(count), drawn(count), drawn(count), drawn(count), drawn(count, CUT + 1), drawn(count),
        squares + squares.transpose(1, 0, 2), drawn(CUT + 1, count),
    )  # fmt: skip
    size, moving, norm, beyond, lost = (drawn(count) for _ in range(5))
    return sizes, Gradient(none, none, none, size, moving, norm, beyond, drawn(count, ORDER + 1), lost)


def test_what_is_left_is_paid_for_order_by_order() -> None:
    """The sums of the module's docstring, written out: each term counts, none is smaller than it is said to be."""
    sizes, gradient = drawn_sizes(np.random.default_rng(11), 40)
    paid, second, later = (
        mean_curvature_module._paid(sizes, gradient), sizes.second(), mean_curvature_module._later_size(gradient)
    )  # fmt: skip
    chosen = set()
    for k in range(40):
        norms, squares, products = sizes.norms[k], sizes.squares[..., k], sizes.products[:, k]

        def root(orders: Sequence[int], norms: FloatArray = norms) -> float:
            return math.sqrt(sum(float(norms[n]) ** 2 for n in orders))

        def along(orders: Sequence[int], k: int = k, products: FloatArray = products) -> float:
            return float(gradient.size[k]) * root(orders) + float(sum(products[n] for n in orders))

        def square(last: int, squares: FloatArray = squares) -> float:
            return float(sum(squares[n, m] for n in range(2, last + 1) for m in range(2, last + 1)))

        low = range(2, KEPT + 1)
        cubic = sizes.thirds[k] / 6 * square(KEPT) * along(low)
        moved = [
            sizes.bends[k] * root(high) * (along(low) + along(high) / 2)
            + sizes.spread[k] * root(range(last + 1, CUT + 1)) * gradient.norm[k]
            for last in range(KEPT, CUT + 1)
            for high in [range(KEPT + 1, last + 1)]
        ]
        steep = sizes.steepest[k] * (norms[0] + norms[1] + sizes.beyond[k]) * gradient.norm[k]
        assert paid[k] == pytest.approx(cubic + min(moved) + steep, rel=1e-9)
        halves = [
            sizes.bends[k] / 2 * square(last) + sizes.spread[k] * root(range(last + 1, FULL + 1))
            for last in range(2, FULL + 1)
        ]
        steep = sizes.steepest[k] * (norms[0] + norms[1] + root(range(FULL + 1, CUT + 1)) + sizes.beyond[k])
        assert second[k] == pytest.approx(min(halves) + steep, rel=1e-9)
        orders = gradient.orders[k, LATER + 1 :]
        assert later[k] == pytest.approx(math.sqrt(float(np.square(orders).sum())) + gradient.lost[k], rel=1e-9)
        chosen.add((int(np.argmin(moved)), int(np.argmin(halves))))
    assert len({first for first, _ in chosen}) > 2 and len({other for _, other in chosen}) > 2


@pytest.mark.parametrize("largest", [mean_curvature_module.LARGEST_TENSORS, 0])
def test_norms_of_orders_and_of_their_products_are_bounded(largest: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mean_curvature_module, "LARGEST_TENSORS", largest)
    decoder = Decoder(3, 0.5)
    network = decoder.network()
    layers = two_layers(network, decoder.mean, decoder.factor, GRADED, FINE)
    assert layers is not None and layers.own is not None
    every, slopes = both(layers.base, layers.own), slopes_at(layers.own)
    given = gradient_of(exact_matrix(np.random.default_rng(1).standard_normal((4, 12))), layers, every)
    xi, directions = GRID @ layers.base.units.midpoint.T, GRID @ every.units.midpoint.T
    orders = [(hermite(n, xi) * layers.base.plain.midpoint[:, n]) @ layers.weights.midpoint.T for n in range(CUT + 1)]
    # Of G the first order alone, the second alone, and both.
    for first, second in ((1.0, 0.0), (0.0, 1.0), (1.0, 1.0)):
        linear, curved = scale(given.linear, first), scale(given.second, second)
        norms = given.orders * np.array([1.0, first, second] + [1.0] * (ORDER - 2))
        gradient = replace(given, linear=linear, second=curved, orders=norms)
        flat = multiply(curved, powers_of_units(every.units, 2)[1])
        sizes = mean_curvature_module._sizes(network, layers, slopes, gradient, flat)
        p = GRID @ linear.midpoint.T + (directions**2 - 1.0) @ curved.midpoint.T
        for n in range(2, CUT + 1):
            assert (np.sqrt(WEIGHTS @ orders[n] ** 2) <= sizes.norms[:, n] * (1 + 1e-9)).all()
            assert (np.sqrt(WEIGHTS @ (orders[n] * p) ** 2) <= sizes.products[n] * (1 + 1e-9)).all()
            for m in range(2, CUT + 1):
                assert (np.sqrt(WEIGHTS @ (orders[n] * orders[m]) ** 2) <= sizes.squares[n, m] * (1 + 1e-9)).all()


@pytest.mark.parametrize("spread", [0.1, 0.6])
def test_all_parts_of_what_is_paid_are_in_the_bound(spread: float) -> None:
    decoder = Decoder(2, spread, 2.0)
    network = decoder.network()
    form = potential_form(network, decoder.row, 1.0)
    layers = two_layers(network, decoder.mean, decoder.factor, GRADED, FINE)
    assert layers is not None and layers.own is not None and layers.rest is not None
    found = curved_expansion(network, form, layers)
    assert found is not None
    slopes, every = slopes_at(layers.own), both(layers.base, layers.own)
    plain = replace(layers, mean=np.zeros(2), factor=np.eye(2))
    rows = multiply(form, tangent_matrix(layers, slopes))
    gradient = gradient_of(MatrixBall(rows.midpoint[8:], rows.radius[8:]), plain, every)
    flat = multiply(gradient.second, powers_of_units(every.units, 2)[1])
    sizes = mean_curvature_module._sizes(network, layers, slopes, gradient, flat)
    squares = mean_curvature_module._kept_squares(network, layers, slopes, whole_rest(layers))
    kept, second = np.sqrt(upper_ends(squares)[:, 0]), sizes.second()
    left = second * gradient.beyond + kept * mean_curvature_module._later_size(gradient)
    paid = mean_curvature_module._paid(sizes, gradient) + left
    assert found.paid == pytest.approx(float(paid.sum()), rel=1e-9)
    assert found.squares == pytest.approx((kept + second) ** 2, rel=1e-9)
    # All else is a finite sum: X'AX/2, phi R P, chi c^2 P/2 and phi q (G - P) on the grid.
    base, own = layers.base, layers.own
    xi, eta, directions = (GRID @ part.units.midpoint.T for part in (base, own, every))
    z = decoder.mean + GRID @ decoder.factor.T
    s, v = decoder.outputs(z)[:2]
    w = own.means.midpoint[:, 0] + own.deviations.midpoint[:, 0] * eta
    t = np.tanh(w)
    x = np.concatenate([np.ones((len(z), 1)), z, s, t + slopes * (v - w)], axis=1)
    orders = [(hermite(n, xi) * base.plain.midpoint[:, n]) @ layers.weights.midpoint.T for n in range(CUT + 1)]
    c, q, whole = (np.asarray(sum(orders[2 : last + 1])) for last in (KEPT, FULL, CUT))
    p = gradient.constant.midpoint[:, 0] + GRID @ gradient.linear.midpoint.T
    p = p + (directions**2 - 1.0) @ gradient.second.midpoint.T
    inner = rows.midpoint[8:, 3:]
    later = sum((hermite(n, directions) * every.plain.midpoint[:, n]) @ inner.T for n in range(3, LATER + 1))
    phi, chi = 1.0 - t**2 - slopes, -2.0 * t * (1.0 - t**2)
    terms = phi * whole * p + 0.5 * chi * c**2 * p + phi * q * later
    finite = float(WEIGHTS @ (0.5 * ((x @ form.midpoint) * x).sum(axis=1) + terms.sum(axis=1)))
    last = abs(float(WEIGHTS @ (phi * q * later).sum(axis=1)))
    assert -1e-9 <= found.known - float(paid.sum()) - finite <= 0.1 * last
    # What is beyond the cut, the orders and the tail, is in `beyond`.
    outer = np.sqrt(layers.rest.orders[:, CUT + 1 :].sum(axis=1)) + layers.rest.tail
    assert sizes.beyond == pytest.approx(outer, rel=1e-9) and (layers.rest.tail > 0.0).all()


def test_without_tensors_more_is_paid_and_no_mean_is_above(monkeypatch: pytest.MonkeyPatch) -> None:
    decoder = Decoder(1, 0.4, 3.0)
    paid, exact = [], decoder.mean_of_f()
    # 5 times 2^4, 2^2: all orders, the second alone, none.
    for largest in (80, 79, 19):
        monkeypatch.setattr(mean_curvature_module, "LARGEST_TENSORS", largest)
        found, _ = decoder.expansion()
        weights = 1.01 * search_weights(found.form.midpoint, found.squares) + 1e-6
        assert dominates(weights, found.form) and exact <= float(mean_upper(found, weights).upper()) + 1e-9
        paid.append(found.paid)
    assert paid[0] < paid[1] < paid[2]


def test_many_latents_take_little_memory() -> None:
    d, width = 48, 4
    random = np.random.default_rng(0)
    nodes = (
        Input(d), Affine(0, random.standard_normal((width, d)) / 7.0, np.zeros(width)), Activation(1, "tanh", width),
        Affine(2, random.standard_normal((width, width)), np.zeros(width)), Activation(3, "tanh", width),
        Affine(4, random.standard_normal((2, width)), np.zeros(2)),
    )  # fmt: skip
    network = lifted_network(Graph(nodes))
    assert network is not None
    tracemalloc.start()
    try:
        found = expanded_mean(
            network, potential_form(network, np.zeros(2), 1.0), np.zeros(d), 0.2 * np.eye(d), tangents=True
        )
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # 4 d^4 numbers alone would be 170 MB.
    assert found is not None and peak < 1e8


def test_what_tangents_pay_is_paid_order_by_order() -> None:
    """As above, for the sums in the docstrings of `mean_tangents`."""
    decoder = Decoder(0, 0.5)
    network = decoder.network()
    layers = two_layers(network, decoder.mean, decoder.factor, GRADED, FINE)
    assert layers is not None and layers.own is not None
    slopes = slopes_at(layers.own)
    bends, spread = slope_spans(network, layers)
    first = np.sqrt(mean_tangents_module._second_norm(network, layers, slopes))
    growth = [fourth_growth(n) for n in range(CUT + 1)]
    random = np.random.default_rng(3)
    chosen = set()
    for _ in range(20):
        _, gradient = drawn_sizes(random, 4)
        orders = np.exp(random.normal(-2.0, 1.5, (4, ORDER + 1)) - 1.2 * np.arange(ORDER + 1))
        tail = np.exp(random.normal(-4.0, 1.0, 4))
        given = replace(layers, rest=Rest(np.exp(random.normal(1.0, 1.0, 4)), orders, tail))
        assert given.rest is not None
        steepest, size = mean_tangents_module._sizes(network, given, slopes)
        paid = mean_tangents_module._second_order(network, given, gradient, steepest)
        for k in range(4):
            norms = np.sqrt(orders[k])

            def root(numbers: Sequence[int], k: int = k, orders: FloatArray = orders) -> float:
                return math.sqrt(sum(float(orders[k, n]) for n in numbers))

            def grown(factors: Sequence[float], last: int, norms: FloatArray = norms) -> float:
                return float(sum(factors[n] * norms[n] for n in range(2, last + 1))) ** 2

            low = norms[0] + norms[1] + tail[k]
            sizes = [steepest[k] * math.sqrt(given.rest.square[k])]
            for last in range(2, CUT + 1):
                others = root(range(3, last + 1)) + root(range(last + 1, ORDER + 1)) + low
                sizes.append(first[k] + steepest[k] * others + 0.5 * bends[k] * grown(growth, last))
            assert size[k] == pytest.approx(min(sizes), rel=1e-9)
            # R' in L^p with p = 16/7, 3 and 4, by hypercontractivity and by |H_n|_4.
            mild, third = [(9 / 7) ** (n / 2) for n in range(CUT + 1)], [2 ** (n / 2) for n in range(CUT + 1)]
            p = gradient.orders[k]
            costs = []
            for last in range(1, CUT + 1):
                moving = p[1] * 105 ** (1 / 8) * grown(mild, last)
                moving += p[2] * min(2 * grown(third, last), grown(growth, last))
                curved = 0.5 * bends[k] * (p[0] * root(range(2, last + 1)) ** 2 + moving)
                costs.append(curved + spread[k] * root(range(last + 1, CUT + 1)) * gradient.norm[k])
            steep = steepest[k] * (low + root(range(CUT + 1, ORDER + 1))) * gradient.norm[k]
            assert paid[k] == pytest.approx(min(costs) + steep, rel=1e-9)
            chosen.add((int(np.argmin(sizes)), int(np.argmin(costs))))
    assert len({one for one, _ in chosen}) > 1 and len({other for _, other in chosen}) > 2


@pytest.mark.parametrize("row", [-3.0, 3.0])
def test_the_third_order_is_needed(row: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """V is almost a multiple of H_2 where tanh has its largest third derivative: a fifth of the sup is too little."""
    network, given = nearly_tight(("tanh", ()), 12.0, 0.0, row)
    network.c[:] = 0.02
    above, _, found = excesses(network, given, 0.0, 1.0, curved_expansion)
    assert found is not None and above <= 0.0
    third = mean_curvature_module._third
    monkeypatch.setattr(mean_curvature_module, "_third", lambda *a: 0.2 * third(*a))
    other = excesses(network, -given, 0.0, 1.0, curved_expansion)[0]
    assert max(other, excesses(network, given, 0.0, 1.0, curved_expansion)[0]) > 1e-6
