"""Every family found by discovery: determinism, finiteness, invertibility as declared, errors in one line."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.sparse as sp

from certify.errors import CertifyError, InputError
from certify.generators import Affine, Family, Generator, families, load_generator

ALL = families()
GRAPH_FAMILIES = sorted(name for name in ALL if any(p.name == "seed" for p in ALL[name].parameters))
INVERTIBLE_FAMILIES = sorted(set(GRAPH_FAMILIES) - {"permutation", "sbox", "spn"})
"""A permutation generator is constant on orthants; its seed is that of some of its members only."""


def singular_values(generator: Generator, points: int = 40, spread: float = 2.0) -> np.ndarray:
    z = spread * np.random.default_rng(11).standard_normal((points, generator.latent_dim))
    return np.linalg.svd(generator.jacobian(z), compute_uv=False)


def pair_quotients(generator: Generator, points: int = 60, spread: float = 2.0) -> np.ndarray:
    first, second = spread * np.random.default_rng(12).standard_normal((2, points, generator.latent_dim))
    second[: points // 2] = first[: points // 2] + 1e-3 * second[: points // 2]
    images = generator.value(first) - generator.value(second)
    return np.linalg.norm(images, axis=1) / np.linalg.norm(first - second, axis=1)


def test_discovery_finds_the_promised_families() -> None:
    assert {"linear", "residual", "coupling", "wide", "conv", "permutation"} <= set(ALL)
    assert list(ALL) == sorted(ALL)


@pytest.mark.parametrize("name", sorted(ALL))
def test_a_family_documents_itself(name: str) -> None:
    family = ALL[name]
    assert isinstance(family, Family) and family.name == name and family.summary
    assert family.build.__doc__
    assert len({parameter.name for parameter in family.parameters}) == len(family.parameters)
    for parameter in family.parameters:
        assert parameter.domain
        assert parameter.parse(str(parameter.default), name) == parameter.default


@pytest.mark.parametrize("name", GRAPH_FAMILIES)
def test_defaults_build_and_the_name_builds_the_same_again(name: str) -> None:
    generator = load_generator(name)
    again = load_generator(generator.name)
    assert again.sha256 == generator.sha256 and again.name == generator.name
    assert generator.parameters > 0 and generator.metadata["family"] == name
    for node in generator.graph.nodes:
        if isinstance(node, Affine):
            weight = node.weight.toarray() if sp.issparse(node.weight) else node.weight
            assert weight.dtype == np.float64 and np.isfinite(weight).all() and np.isfinite(node.bias).all()


@pytest.mark.parametrize("name", INVERTIBLE_FAMILIES)
def test_another_seed_is_another_generator(name: str) -> None:
    assert load_generator(f"{name}:seed=1").sha256 != load_generator(f"{name}:seed=2").sha256


@pytest.mark.parametrize("name", INVERTIBLE_FAMILIES)
def test_sampled_jacobians_are_far_from_singular(name: str) -> None:
    generator = load_generator(name)
    assert singular_values(generator).min() > 0.05
    assert pair_quotients(generator).min() > 0.05


@pytest.mark.parametrize("name", sorted(ALL))
def test_numbers_outside_their_domain_are_rejected_in_one_line(name: str) -> None:
    for parameter in ALL[name].parameters:
        if isinstance(parameter.default, str):
            bad = ["nosuchname"] if parameter.choices else []
        else:
            bad = ["nan", "inf", "-1e308", "abc", "1e400"]
            bad += [repr(edge) for edge in parameter.excludes]
        for text in bad:
            with pytest.raises(InputError) as caught:
                load_generator(f"{name}:{parameter.name}={text}")
            assert parameter.name in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("d", [1, 2, 5, 8])
@pytest.mark.parametrize("kappa", [1.0, 1.5, 1e6])
def test_linear_has_the_prescribed_singular_spectrum(d: int, kappa: float) -> None:
    generator = load_generator(f"linear:d={d},kappa={kappa},m=0.25,seed=3")
    (values,) = np.linalg.svd(generator.jacobian(np.zeros((1, d))), compute_uv=False)
    expected = 0.25 * np.geomspace(kappa, 1.0, d) if d > 1 else [0.25]
    assert np.allclose(values, expected, rtol=1e-9)


def test_linear_may_be_rectangular() -> None:
    generator = load_generator("linear:d=3,n=7,kappa=4")
    assert (generator.latent_dim, generator.observed_dim, generator.parameters) == (3, 7, 21)
    assert np.allclose(np.linalg.svd(generator.jacobian(np.zeros(3)), compute_uv=False), [4.0, 2.0, 1.0])
    with pytest.raises(InputError, match="at least d = 3"):
        load_generator("linear:d=3,n=2")


@pytest.mark.parametrize("activation", ["tanh", "gelu", "sin", "softplus", "elu"])
@pytest.mark.parametrize("depth", [1, 3])
def test_residual_keeps_its_lipschitz_bound(activation: str, depth: int) -> None:
    generator = load_generator(f"residual:d=6,width=20,depth={depth},lipschitz=0.7,activation={activation}")
    values = singular_values(generator)
    assert values.max() <= 1.7**depth and values.min() >= 0.3**depth
    blocks = [node for node in generator.graph.nodes if isinstance(node, Affine)]
    norms = [np.linalg.norm(node.weight, 2) for node in blocks]
    products = [a * b for a, b in zip(norms[::2], norms[1::2], strict=True)]
    slope = {"tanh": 1.0, "gelu": 1.128904145185155, "sin": 1.0, "softplus": 1.0, "elu": 1.0}[activation]
    assert all(0.7 - 1e-9 <= product * slope <= 0.7 for product in products)


@pytest.mark.parametrize(("slope", "depth"), [(0.5, 1), (3.0, 1), (0.5, 3)])
def test_couplings_keep_volume_and_their_rule(slope: float, depth: int) -> None:
    generator = load_generator(f"coupling:d=5,width=16,depth={depth},slope={slope}")
    z = np.random.default_rng(0).standard_normal((30, 5))
    assert np.allclose(np.abs(np.linalg.det(generator.jacobian(z))), 1.0, atol=1e-9)
    bound = ((slope + math.sqrt(slope**2 + 4.0)) / 2.0) ** depth
    values = singular_values(generator)
    assert values.max() <= bound * (1 + 1e-9) and values.min() >= (1 - 1e-9) / bound


@pytest.mark.parametrize("skip", [0.0, 0.5])
def test_wide_is_strongly_monotone_although_no_layer_is_square(skip: float) -> None:
    generator = load_generator(f"wide:d=6,width=18,skip={skip},gain=2")
    jacobians = generator.jacobian(3.0 * np.random.default_rng(1).standard_normal((40, 6)))
    assert np.allclose(jacobians, np.swapaxes(jacobians, 1, 2), atol=1e-12)
    eigenvalues = np.linalg.eigvalsh(jacobians)
    assert eigenvalues.min() >= skip + 2.0 * 0.1 - 1e-9 and eigenvalues.max() <= skip + 2.0 + 1e-9
    shapes = [node.weight.shape for node in generator.graph.nodes if isinstance(node, Affine)]
    assert shapes == [(18, 6), (6, 18)]


def test_wide_rejects_what_would_not_be_invertible() -> None:
    with pytest.raises(InputError, match="slope tends to 0"):
        load_generator("wide:skip=0,activation=tanh")
    with pytest.raises(InputError, match="at least d = 8"):
        load_generator("wide:width=4")


@pytest.mark.parametrize("channels", [1, 3])
def test_conv_is_a_residual_contraction_through_a_singular_pooling(channels: int) -> None:
    generator = load_generator(f"conv:side=4,channels={channels},lipschitz=0.6")
    values = singular_values(generator)
    assert values.min() >= 0.4 and values.max() <= 1.6
    weights = [node.weight for node in generator.graph.nodes if isinstance(node, Affine)]
    norms = [np.linalg.norm(weight.toarray(), 2) for weight in weights]
    assert norms[0] * norms[2] * norms[4] == pytest.approx(0.6, rel=1e-5)
    assert norms[1] == pytest.approx(0.5) and norms[3] == pytest.approx(2.0)
    assert np.linalg.matrix_rank(weights[1].toarray()) == channels * 4
    assert generator.parameters == 9 * (2 * channels + channels**2) + 2 * channels


def test_conv_matches_a_convolution_written_as_loops() -> None:
    from certify.generators.families.conv import convolution, pooling

    random = np.random.default_rng(4)
    kernel, image = random.standard_normal((2, 3, 3, 3)), random.standard_normal((3, 4, 4))
    padded = np.pad(image, ((0, 0), (1, 1), (1, 1)))
    expected = np.zeros((2, 4, 4))
    for out, row, column in np.ndindex(2, 4, 4):
        expected[out, row, column] = np.sum(kernel[out] * padded[:, row : row + 3, column : column + 3])
    assert np.allclose(convolution(kernel, 4) @ image.ravel(), expected.ravel(), atol=1e-14)
    pooled = image.reshape(3, 2, 2, 2, 2).mean(axis=(2, 4))
    assert np.allclose(pooling(4, 3) @ image.ravel(), pooled.ravel(), atol=1e-15)
    with pytest.raises(InputError, match="`side` must be even"):
        load_generator("conv:side=3")


@pytest.mark.parametrize(
    "text",
    [
        "residual:width=16384,d=4096,depth=256",
        "linear:d=4096,n=16384",
        "wide:width=16384,d=4096",
        "conv:side=64,channels=64",
    ],
)
def test_huge_sizes_are_refused_before_any_memory_is_taken(text: str) -> None:
    with pytest.raises(CertifyError, match="make them smaller"):
        load_generator(text)
