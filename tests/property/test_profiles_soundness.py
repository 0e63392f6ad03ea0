"""Profiles never lie: Hessians sampled and searched for inside the balls stay within the certified bounds."""

from __future__ import annotations

import numpy as np
import pytest

import certify.profiles.hessian_profile as hessian_profile_module
from certify.bounds.ranges import Interval
from certify.generators.graph import Activation, Affine, FloatArray, Generator, Graph, Input, Product, Sum
from certify.generators.specification import load_generator
from certify.posteriors.mode import find_mode
from certify.posteriors.posterior import Posterior
from certify.posteriors.profile import Profile
from certify.profiles.curvature import curvature_coefficients
from certify.profiles.hessian_profile import hessian_profile
from certify.profiles.propagation import Propagation, propagate

SPECIFICATIONS = (
    "manifold:d=2,outputs=5,width=6,bend=0.4",
    "manifold:d=3,outputs=3,width=8,bend=0.6,activation=softplus",
    "residual:d=4,width=8,depth=3,lipschitz=0.4,activation=gelu,seed=3",
    "residual:d=2,width=6,depth=2,lipschitz=0.6,activation=sin,seed=1",
    "coupling:d=4,seed=2",
    "linear:d=3,kappa=3,seed=1",
)


def gated() -> Generator:
    """(z, tanh(z) * sigmoid(V z)): a product node whose factors both bend."""
    random = np.random.default_rng(5)
    weight = random.standard_normal((2, 2))
    nodes = (
        Input(2), Affine(0, weight, np.zeros(2)), Activation(0, "tanh", 2), Activation(1, "sigmoid", 2),
        Product((2, 3), 2), Sum((0, 4), (1.0, 0.7), 2),
    )  # fmt: skip
    return Generator("gated", Graph(nodes), 4)


def hessians(posterior: Posterior, centre: FloatArray, factor: FloatArray, points: FloatArray) -> FloatArray:
    inner = posterior.hessian(centre + points @ factor.T)
    return np.asarray(np.einsum("ji,bjk,kl->bil", factor, inner, factor))


def extremes(
    posterior: Posterior, centre: FloatArray, factor: FloatArray, radius: float, seed: int
) -> tuple[float, float]:
    """Smallest eigenvalue and largest distance from I found in the ball, by sampling and a few ascent steps."""
    random = np.random.default_rng(seed)
    d = centre.size
    points = random.standard_normal((300, d))
    points *= radius * random.uniform(0, 1, (300, 1)) ** (1 / d) / np.linalg.norm(points, axis=1, keepdims=True)
    found = []
    for sign in (1.0, -1.0):
        best, here = np.inf, points
        for _ in range(6):
            values = sign * np.linalg.eigvalsh(hessians(posterior, centre, factor, here))[:, 0 if sign > 0 else -1]
            order = np.argsort(values)[:10]
            best = min(best, float(values[order[0]]))
            here = np.repeat(here[order], 12, axis=0) + 0.2 * radius * random.standard_normal((120, d))
            norms = np.linalg.norm(here, axis=1, keepdims=True)
            here = np.where(norms > radius, here * radius / norms, here)
        found.append(sign * best)
    return found[0], max(found[1] - 1, 1 - found[0])


def assert_holds(profile: Profile, posterior: Posterior, centre: FloatArray, factor: FloatArray) -> None:
    for radius, q, mu in zip(profile.radii, profile.q_upper, profile.mu_lower, strict=True):
        smallest, farthest = extremes(posterior, centre, factor, float(radius), 1)
        assert smallest >= mu - 1e-9 * (1 + abs(mu)), (radius, smallest, mu)
        assert farthest <= q + 1e-9 * (1 + q), (radius, farthest, q)


def instance(generator: Generator, beta: float, seed: int, shift: float) -> tuple[Posterior, FloatArray, FloatArray]:
    """A posterior, a point `shift` away from its mode, and a factor that is not the symmetric root."""
    random = np.random.default_rng(seed)
    row = generator.value(random.standard_normal(generator.latent_dim))
    posterior = Posterior(generator, row + beta * random.standard_normal(generator.observed_dim), beta)
    centre = find_mode(posterior) + shift * beta * random.standard_normal(generator.latent_dim)
    scaled = generator.jacobian(centre) / beta
    inverse = np.linalg.inv(np.linalg.cholesky(np.eye(centre.size) + scaled.T @ scaled))
    return posterior, centre, np.ascontiguousarray(inverse.T)


@pytest.mark.parametrize("specification", SPECIFICATIONS)
@pytest.mark.parametrize(("beta", "shift"), [(0.15, 0.0), (0.6, 1.5)])
def test_no_hessian_inside_a_ball_leaves_the_profile(specification: str, beta: float, shift: float) -> None:
    posterior, centre, factor = instance(load_generator(specification), beta, 4, shift)
    profile = hessian_profile(posterior, centre, factor, np.array([0.3, 1.0, 2.5]))
    assert profile is not None
    assert_holds(profile, posterior, centre, factor)


@pytest.mark.parametrize("beta", [0.2, 0.7])
def test_products_are_covered(beta: float) -> None:
    posterior, centre, factor = instance(gated(), beta, 2, 0.5)
    profile = hessian_profile(posterior, centre, factor, np.array([0.2, 0.8, 2.0]))
    assert profile is not None
    assert_holds(profile, posterior, centre, factor)


@pytest.mark.parametrize("specification", SPECIFICATIONS[:4])
def test_values_and_coefficients_stay_in_their_ranges(specification: str) -> None:
    """Node values in their forms' bounds, and the Hessian's curvature part between its two ends neuron by neuron."""
    generator = load_generator(specification)
    posterior, centre, factor = instance(generator, 0.4, 7, 0.7)
    radii = np.array([0.5, 2.0])
    found = propagate(generator.graph, posterior.observation, posterior.beta, centre, factor, radii)
    random = np.random.default_rng(0)
    points = random.standard_normal((200, centre.size))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    for ball, radius in enumerate(radii):
        z = centre + radius * points @ factor.T
        for index in range(1, len(generator.graph.nodes)):
            part = Generator("part", Graph(generator.graph.nodes[: index + 1]), 1)
            low, high = found.values[index].bounds()
            values = part.value(z)
            assert (values >= low[ball] - 1e-12).all() and (values <= high[ball] + 1e-12).all()


def tight_case() -> tuple[Posterior, FloatArray, FloatArray, FloatArray]:
    """One neuron seen from far off its image: the residual's curvature decides the Hessian."""
    nodes = (
        Input(1), Activation(0, "tanh", 1), Affine(0, np.array([[1.0], [0.0]]), np.zeros(2)),
        Affine(1, np.array([[0.0], [0.3]]), np.zeros(2)), Sum((2, 3), (1.0, 1.0), 2),
    )  # fmt: skip
    generator = Generator("tight", Graph(nodes), 1)
    posterior = Posterior(generator, np.array([0.0, 4.0]), 1.0)
    centre = find_mode(posterior)
    return posterior, centre, np.array([[0.6]]), np.array([0.5, 1.5, 3.0])


def test_the_bound_is_tight_where_one_neuron_decides() -> None:
    posterior, centre, factor, radii = tight_case()
    profile = hessian_profile(posterior, centre, factor, radii)
    assert profile is not None
    assert_holds(profile, posterior, centre, factor)
    smallest, _ = extremes(posterior, centre, factor, 3.0, 1)
    assert profile.mu_lower[-1] > smallest - 0.15


@pytest.mark.parametrize("factor_of_error", [0.8, 0.5])
def test_a_planted_fault_is_caught(monkeypatch: pytest.MonkeyPatch, factor_of_error: float) -> None:
    """Curvature coefficients that are too small by a fifth are noticed by the sampled Hessians."""

    def wrong(propagation: Propagation) -> dict[int, Interval]:
        return {
            node: (factor_of_error * low, factor_of_error * high)
            for node, (low, high) in curvature_coefficients(propagation).items()
        }

    monkeypatch.setattr(hessian_profile_module, "curvature_coefficients", wrong)
    posterior, centre, factor, radii = tight_case()
    profile = hessian_profile(posterior, centre, factor, radii)
    assert profile is not None
    with pytest.raises(AssertionError):
        assert_holds(profile, posterior, centre, factor)
