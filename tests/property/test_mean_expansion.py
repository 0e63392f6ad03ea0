"""The mean of a potential by expansion against the trapezoidal rule, at the corners; wrong variants are seen."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

import numpy as np
import pytest

import certify.envelopes.mean_expansion as mean_expansion_module
import certify.envelopes.mean_tangents as mean_tangents_module
from certify.arithmetic.intervals import FloatArray, MatrixBall
from certify.envelopes.gaussian_evidence import evidence_again, log_evidence_lower
from certify.envelopes.gaussian_layers import TwoLayers, two_layers
from certify.envelopes.lifted_form import (
    LiftedNetwork,
    Sigma,
    lifted_network,
    logits_form,
    potential_form,
    with_softplus,
)
from certify.envelopes.mean_curvature import curved_expansion
from certify.envelopes.mean_expansion import MeanExpansion, mean_expansion
from certify.envelopes.mean_tangents import tangent_expansion
from certify.generators.activations import activation
from certify.generators.graph import Activation, Affine, Graph, Input, Node, Sum

Expansion: TypeAlias = Callable[[LiftedNetwork, MatrixBall, TwoLayers], MeanExpansion | None]

XI = np.linspace(-11.0, 11.0, 6001)
MASS = np.exp(-0.5 * XI**2) / np.exp(-0.5 * XI**2).sum()
SLOPES = mean_expansion_module.slope_spans
GRADIENT = mean_expansion_module.gradient_of


def softplus(x: FloatArray) -> FloatArray:
    return np.asarray(np.logaddexp(0.0, x))


def sigma(kind: Sigma, x: FloatArray) -> FloatArray:
    """Written out here: nothing of what is tested is used."""
    name, given = kind
    (p,) = given or (0.0,)
    with np.errstate(over="ignore"):
        gate = 1.0 / (1.0 + np.exp(-x))
    found = {
        "tanh": np.tanh(x), "sin": np.sin(x), "cos": np.cos(x), "softplus": softplus(x), "relu": np.maximum(x, 0.0),
        "silu": x * gate, "identity": x, "leaky_relu": np.where(x > 0, x, p * x),
        "hard_swish": x * np.clip(x + 3.0, 0.0, 6.0) / 6.0, "elu": np.where(x > 0, x, p * np.expm1(np.minimum(x, 0.0))),
    }  # fmt: skip
    return np.asarray(found[name])


class Network:
    """s = sigma_1(a z + b), t = sigma_2(c z + W s + e), G = o_0 z + O_1 s + O_2 t + g in one latent z."""

    def __init__(self, first: Sigma, second: Sigma, random: np.random.Generator, widths: tuple[int, int, int]) -> None:
        j, k, n = widths
        self.first, self.second = first, second
        self.a, self.b = random.standard_normal((j, 1)), random.choice([0.0, 0.3, 3.0]) * random.standard_normal(j)
        self.c, self.w, self.e = (random.standard_normal(shape) for shape in ((k, 1), (k, j), (k,)))
        self.out = [random.standard_normal((n, size)) for size in (1, j, k)]
        self.g = random.standard_normal(n)

    def lifted(self, bits: bool = False) -> LiftedNetwork:
        j, k, n = len(self.a), len(self.e), len(self.g)
        nodes: list[Node] = [
            Input(1), Affine(0, self.a, self.b), Activation(1, self.first[0], j, activation(self.first[0]).resolve(
                self.first[1])),
            Affine(0, self.c, self.e), Affine(2, self.w, np.zeros(k)), Sum((3, 4), (1.0, 1.0), k),
            Affine(5, np.eye(k), np.zeros(k)),
            Activation(6, self.second[0], k, activation(self.second[0]).resolve(self.second[1])),
            Affine(0, self.out[0], self.g), Affine(2, self.out[1], np.zeros(n)), Affine(7, self.out[2], np.zeros(n)),
            Sum((8, 9, 10), (1.0, 1.0, 1.0), n), Affine(11, np.eye(n), np.zeros(n)),
        ]  # fmt: skip
        if bits:
            nodes = [*nodes[:3], Affine(0, self.out[0], self.g), Affine(2, self.out[1], np.zeros(n))]
            nodes += [Sum((3, 4), (1.0, 1.0), n), Affine(5, np.eye(n), np.zeros(n))]
        graph = Graph(tuple(nodes))
        found = lifted_network(with_softplus(graph) if bits else graph)
        assert found is not None
        return found

    def values(self, z: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """v (b, k), t (b, k), G (b, n)."""
        s = sigma(self.first, z @ self.a.T + self.b)
        v = z @ self.c.T + s @ self.w.T + self.e
        t = sigma(self.second, v)
        return v, t, z @ self.out[0].T + s @ self.out[1].T + t @ self.out[2].T + self.g


def corner(kind: str, seed: int, first: Sigma, second: Sigma) -> tuple[Network, float, float]:
    """A network with what `kind` says, the law's mean and deviation."""
    random = np.random.default_rng([seed, len(kind)])
    network = Network(first, second, random, (int(random.integers(2, 4)), int(random.integers(2, 4)), 2))
    spread = float(random.choice([1.0, 0.5, 0.1, 1e-3]))
    if kind == "dead":
        network.a[0] = network.w[0] = network.c[0] = 0.0
    elif kind == "twins":
        network.a[1], network.b[1], network.w[1], network.c[1] = network.a[0], network.b[0], network.w[0], network.c[0]
        network.e[1] = network.e[0]
    elif kind == "faint":
        network.a[0] *= 1e-300
        network.w[0] *= 1e-300
    elif kind == "narrow":
        spread = 1e-300
    elif kind == "even":
        # Nothing linear in z: the second layer's inputs are far from Gaussian, their w without any spread.
        network.b[:] = network.c[:] = 0.0
        return network, 0.0, spread
    return network, float(random.standard_normal()), spread


def excesses(
    network: Network, row: FloatArray, mean: float, spread: float, expansion: Expansion = mean_expansion
) -> tuple[float, FloatArray, MeanExpansion | None]:
    """E f - E rho'M rho/2 less what is known of it; E rho^2 less `squares`, both over their sizes.

    But for `mean_expansion` rho is less the tangents' part, at the slopes that are taken.
    """
    lift = network.lifted()
    form = potential_form(lift, row, 1.0)
    layers = two_layers(lift, np.array([mean]), np.array([[spread]]))
    assert layers is not None and layers.own is not None
    found = expansion(lift, form, layers)
    if found is None:
        return -math.inf, np.zeros(0), None
    z = (mean + spread * XI)[:, None]
    v, t, outputs = network.values(z)
    direction = (layers.own.units.midpoint * layers.own.deviations.midpoint)[:, 0]
    inputs = layers.own.means.midpoint[:, 0] + XI[:, None] * direction
    rho = t - sigma(network.second, inputs)
    if expansion is not mean_expansion:
        rho = rho - mean_tangents_module.slopes_at(layers.own) * (v - inputs)
    f = 0.5 * (z[:, 0] ** 2 + ((outputs - row) ** 2).sum(axis=1))
    size = float(MASS @ (z[:, 0] ** 2 + ((np.abs(outputs) + np.abs(row)) ** 2).sum(axis=1)))
    above = float(MASS @ (f - 0.5 * ((rho @ network.out[2].T) ** 2).sum(axis=1))) - found.known
    rounding = 1e-12 * (MASS @ (np.abs(t) + np.abs(v))) ** 2
    return above / size, np.asarray((MASS @ rho**2 - found.squares) / (found.squares + rounding)), found


KINKS: set[Sigma] = {("relu", ()), ("hard_swish", ()), ("leaky_relu", (-0.7,)), ("elu", (2.0,))}
KINDS = ("plain", "dead", "twins", "faint", "narrow", "even")
PAIRS: list[tuple[Sigma, Sigma]] = [
    (("cos", ()), ("sin", ())), (("relu", ()), ("softplus", ())), (("silu", ()), ("relu", ())),
    (("softplus", ()), ("hard_swish", ())), (("tanh", ()), ("leaky_relu", (-0.7,))), (("cos", ()), ("elu", (2.0,))),
    (("sin", ()), ("tanh", ())), (("cos", ()), ("identity", ())),
]  # fmt: skip


@pytest.mark.parametrize("expansion", [mean_expansion, tangent_expansion, curved_expansion])
@pytest.mark.parametrize("kind", KINDS)
def test_no_mean_is_above_what_is_said_of_it(kind: str, expansion: Expansion) -> None:
    bounded = 0
    pairs = [pair for pair in PAIRS if expansion is not curved_expansion or pair[1] not in KINKS]
    for seed, (first, second) in enumerate(pairs):
        network, mean, spread = corner(kind, seed, first, second)
        row = np.random.default_rng(seed).choice([0.0, -9.0, 9.0], 2)
        above, squares, found = excesses(network, row, mean, spread, expansion)
        bounded += found is not None
        # Kinks cost the rule the square of its step.
        assert above <= 3e-7 and (squares <= 3e-7).all(), (kind, first, second)
    assert bounded >= len(pairs) - 1


def test_an_identity_behind_the_first_layer_has_its_squares_but_for_a_trace() -> None:
    for kind in ("plain", "even", "twins"):
        network, mean, _ = corner(kind, 1, ("cos", ()), ("identity", ()))
        _, squares, found = excesses(network, np.zeros(2), mean, 0.1)
        assert found is not None and (squares <= 0.0).all() and squares.min() > -1e-4


def test_bits_have_their_mean_and_their_integral_from_above() -> None:
    for seed, (first, _) in enumerate(PAIRS):
        network, mean, _ = corner("plain", seed, first, ("tanh", ()))
        row, lift = np.array([1.0, 0.3]), network.lifted(bits=True)
        form, point, factor = logits_form(lift, row), np.array([mean]), np.array([[-0.3]])
        found = log_evidence_lower(lift, form, point, factor)
        assert found is not None and evidence_again(lift, form, point, factor, found.weights) == found.lower

        def potential(z: FloatArray, network: Network = network, row: FloatArray = row) -> FloatArray:
            s = sigma(network.first, z[:, None] @ network.a.T + network.b)
            logits = z[:, None] @ network.out[0].T + s @ network.out[1].T + network.g
            return np.asarray(0.5 * z**2 + (softplus(logits) - row * logits).sum(axis=1))

        entropy = 0.5 * (1.0 + math.log(2 * math.pi)) + math.log(0.3)
        grid = np.linspace(-12.0, 12.0, 20_001)
        assert found.lower <= entropy - float(MASS @ potential(mean + 0.3 * XI)) + 1e-9
        assert found.lower <= math.log(np.exp(-potential(grid)).sum() * (grid[1] - grid[0])) + 1e-9


def nearly_tight(second: Sigma, weight: float, along: float, row: float) -> tuple[Network, FloatArray]:
    """V = weight cos(z/10) less its mean, almost a multiple of H_2, and G = t + along s less its mean plus `row`."""
    network = Network(("cos", ()), second, np.random.default_rng(0), (1, 1, 1))
    network.a[:], network.b[:], network.c[:], network.w[:] = 0.1, 0.0, 0.0, weight
    network.e[:] = -weight * math.exp(-0.005)
    network.out = [np.zeros((1, 1)), np.full((1, 1), along), np.ones((1, 1))]
    network.g[:] = -along
    return network, np.array([float(MASS @ network.values(XI[:, None])[2][:, 0]) - row])


@pytest.mark.parametrize(
    ("second", "case", "bends", "width"),
    [
        # Of G only the second order is left, along R: 3 in place of the 15 of E R_2^4 is as 0.45 S.
        (("softplus", ()), (40.0, -1000.0, 0.0), math.sqrt(3 / 15), math.sqrt(3 / 15)),
        # G is almost a constant and sigma' jumps where w is.
        (("relu", ()), (40.0, 0.0, 5.0), 1.0, 0.0),
    ],
    ids=["fourth norm", "width dropped"],
)
def test_what_is_paid_for_the_second_order_is_needed(
    monkeypatch: pytest.MonkeyPatch, second: Sigma, case: tuple[float, float, float], bends: float, width: float
) -> None:
    network, row = nearly_tight(second, *case)
    right, _, found = excesses(network, row, 0.0, 1.0)
    assert found is not None and right <= 0.0

    def wrong(lift: LiftedNetwork, layers: TwoLayers) -> tuple[FloatArray, FloatArray]:
        curved, spread = SLOPES(lift, layers)
        return bends * curved, width * spread

    monkeypatch.setattr(mean_expansion_module, "slope_spans", wrong)
    assert excesses(network, row, 0.0, 1.0)[0] > 1e-6


@pytest.mark.parametrize("spread", [0.1, 0.3])
def test_tangents_leave_less_and_need_what_they_pay(monkeypatch: pytest.MonkeyPatch, spread: float) -> None:
    network, mean, _ = corner("plain", 6, ("sin", ()), ("tanh", ()))
    plain, turned = (
        excesses(network, np.zeros(2), mean, spread, expansion)[2] for expansion in (mean_expansion, tangent_expansion)
    )
    assert plain is not None and turned is not None
    assert turned.squares.sum() < plain.squares.sum() * (0.1 if spread < 0.2 else 0.5)
    # Without the moments of sigma' - g, and the second order, rho^2 is above what is said of it.
    monkeypatch.setattr(mean_tangents_module, "slope_moments", lambda *_: np.zeros((len(network.e), 3)))
    monkeypatch.setattr(
        mean_tangents_module, "slope_spans", lambda *_: (np.zeros(len(network.e)), np.zeros(len(network.e)))
    )
    assert excesses(network, np.zeros(2), mean, spread, tangent_expansion)[1].max() > 0.0


def test_the_second_order_is_needed_behind_tangents_too(monkeypatch: pytest.MonkeyPatch) -> None:
    network, row = nearly_tight(("softplus", ()), 40.0, -1000.0, 0.0)
    right, _, found = excesses(network, row, 0.0, 1.0, tangent_expansion)
    assert found is not None and right <= 0.0
    monkeypatch.setattr(mean_tangents_module, "_second_order", lambda *_: np.zeros(1))
    monkeypatch.setattr(mean_tangents_module, "gradient_of", lambda *a: replace(GRADIENT(*a), beyond=np.zeros(1)))
    assert excesses(network, row, 0.0, 1.0, tangent_expansion)[0] > 1e-6
