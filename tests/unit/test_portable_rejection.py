"""Certificates of Theorem R by two quadratic forms: what they claim is true, and forged ones are refused."""

from __future__ import annotations

import json
import math
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import certify
from benchmarks.corrupted_certificates import checker, refusal, reweighted, small_network
from benchmarks.forged_networks import NETWORKS, changed_network, forged
from certify.arithmetic.intervals import FloatArray
from certify.envelopes.lifted_form import lifted_network, potential_form
from certify.envelopes.likelihood import GaussianLikelihood, potential
from certify.envelopes.posterior_moments import posterior_moments
from certify.envelopes.upper_form import averaged_neurons, upper_form
from certify.generators.graph import Generator

CHECK = checker("rejection")
OBSERVATION = [0.4, -0.2, 0.3]
BETA = 0.5


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("network") / "small.onnx"
    path.write_bytes(small_network(("Tanh", "Relu"), 5, double=True))
    return path


@pytest.fixture(scope="module")
def decoder(network: Path) -> Generator:
    return certify.load_generator(network)


@pytest.fixture(scope="module")
def made(network: Path) -> dict[str, Any]:
    document = certify.certificate("rejection", network, OBSERVATION, beta=BETA).document
    assert document is not None
    return document


def numbers(entries: list[Any]) -> FloatArray:
    """Rows of a triangle, or a vector, as floats."""
    if isinstance(entries[0], str):
        return np.array([float.fromhex(entry) for entry in entries])
    found = np.zeros((len(entries), len(entries)))
    for index, row in enumerate(entries):
        found[index, : index + 1] = numbers(row)
    return found


def answer(document: dict[str, Any], network: Path) -> str:
    return refusal(CHECK, json.dumps(document), network.read_bytes())


def test_the_claims_are_true_and_not_far_from_the_truth(
    network: Path, decoder: Generator, made: dict[str, Any]
) -> None:
    assert answer(made, network) == ""
    axis = np.linspace(-7, 7, 281)
    points = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    values = potential(decoder.graph, GaussianLikelihood(np.array(OBSERVATION), BETA), points)
    mean, root = numbers(made["mean"]), numbers(made["root"])
    offset, p, bound = (float(Fraction(made["claims"][name])) for name in ("offset", "acceptance", "tv_bound"))
    below = 0.5 * (((points - mean) @ root) ** 2).sum(axis=1) - offset
    assert (values >= below - 1e-12).all()
    constant = math.exp(offset) * 2 * math.pi / abs(np.prod(np.diag(root)))
    truth = np.exp(-values).sum() * (axis[1] - axis[0]) ** 2 / constant
    assert 0.5 * truth < p <= truth
    assert (1 - p) ** made["claims"]["proposals"] <= bound <= 0.1


@pytest.mark.parametrize("activations", [("Tanh",), ("Relu",), ("Tanh", "Tanh"), ("Tanh", "Relu", "Tanh")])
def test_the_form_above_is_above_and_its_payments_are_enough(activations: tuple[str, ...], tmp_path: Path) -> None:
    path = tmp_path / "network.onnx"
    path.write_bytes(small_network(activations, 3, double=True))
    generator, y = certify.load_generator(path), np.array(OBSERVATION)
    lifted, likelihood = lifted_network(generator.graph), GaussianLikelihood(y, BETA)
    assert lifted is not None
    moments = posterior_moments(generator.graph, likelihood)
    found = upper_form(lifted, potential_form(lifted, y, BETA).midpoint, moments.mean, moments.factor)
    assert found is not None
    averaged = averaged_neurons(lifted, moments.factor)
    assert set(averaged) == (set(range(3)) if activations[0] == "Tanh" else set())
    draws = moments.mean + np.random.default_rng(0).standard_normal((100_000, 2)) @ moments.factor.T
    # psi_k at the points, from the neurons' inputs in x = (1, z, s), layer by layer.
    x = np.concatenate([np.ones((len(draws), 1)), draws, np.zeros((len(draws), lifted.neurons))], axis=1)
    forms = np.zeros((len(draws), lifted.neurons))
    for k, ((name, _), (b_v, b_s, q_vv, q_vs, q_ss)) in enumerate(zip(lifted.sigmas, found.coefficients, strict=True)):
        v = x @ lifted.inputs.midpoint[k]
        s = np.tanh(v) if name == "tanh" else np.maximum(v, 0.0)
        x[:, 3 + k] = s
        forms[:, k] = v * (b_v + q_vv * v + q_vs * s) + s * (b_s + q_ss * s)
    above = 0.5 * ((x[:, :3] @ found.form) * x[:, :3]).sum(axis=1) + forms.sum(axis=1)
    assert (potential(generator.graph, likelihood, draws) <= above + 1e-7 * (1 + np.abs(above))).all()
    others = np.setdiff1d(np.arange(lifted.neurons), averaged)
    assert (forms[:, others] <= found.payments[others] + 1e-12).all()
    spread = 5 * forms.std(axis=0) / math.sqrt(len(draws))
    assert (np.abs(forms.mean(axis=0) - found.payments)[averaged] <= spread[averaged] + 1e-9).all()


@pytest.mark.parametrize("variance", [Fraction(0), Fraction(1, 10**6), Fraction(1, 3), Fraction(9), Fraction(36)])
def test_means_are_confirmed_from_just_above_and_refused_from_just_below(variance: Fraction) -> None:
    mpmath = pytest.importorskip("mpmath")
    random = np.random.default_rng(4)
    for middle in (Fraction(0), Fraction(-7, 3), Fraction(40)):
        form = [Fraction(float(x)) for x in random.normal(size=5)]

        def value(x: Any, middle: Fraction = middle, form: list[Fraction] = form) -> Any:
            v = mpmath.mpf(middle.numerator) / middle.denominator + mpmath.sqrt(float(variance)) * x
            s, (b_v, b_s, q_vv, q_vs, q_ss) = mpmath.tanh(v), map(float, form)
            return (v * (b_v + q_vv * v + q_vs * s) + s * (b_s + q_ss * s)) * mpmath.npdf(x)

        with mpmath.workdps(20):
            step = mpmath.mpf(1) / 32
            truth = Fraction(float(step * mpmath.fsum(value(j * step) for j in range(-384, 385))))
        room = Fraction(1, 10**10) * (1 + abs(truth))
        CHECK.expectation(form, middle, variance, truth + room)
        with pytest.raises(CHECK.No, match="below its mean"):
            CHECK.expectation(form, middle, variance, truth - room)


def test_the_normal_density_is_enclosed() -> None:
    mpmath = pytest.importorskip("mpmath")
    with mpmath.workprec(200):
        for x in (Fraction(0), Fraction(3, 4), Fraction(-12)):
            low, high = CHECK.normal(x)
            truth = mpmath.npdf(mpmath.mpf(x.numerator) / x.denominator) * mpmath.mpf(2) ** 128
            assert low <= truth <= high and high - low < 1 << 64


def better(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The document with one thing made better than it is, by name."""
    claims, above = document["claims"], document["above"]
    p, offset = Fraction(claims["acceptance"]), Fraction(claims["offset"])

    def claiming(**changes: Any) -> dict[str, Any]:
        return {**document, "claims": {**claims, **changes}}

    def with_above(**changes: Any) -> dict[str, Any]:
        return {**document, "above": {**above, **changes}}

    more = p * Fraction(1001, 1000)
    wide = [[(2 * float.fromhex(entry)).hex() for entry in row] for row in above["spread"]]
    lower = [[*row[:-1], (float.fromhex(row[-1]) - 2.0**-12).hex()] for row in above["form"]]
    cheaper = [str(Fraction(entry) - Fraction(1, 10**6)) for entry in above["payments"]]
    return {
        "acceptance": claiming(acceptance=str(more), tv_bound=str((1 - more) ** claims["proposals"])),
        "acceptance above 1": claiming(acceptance="2", proposals=2, tv_bound="1"),
        "acceptance and its sign": claiming(acceptance=f"-{p}"),
        "one proposal less": claiming(proposals=claims["proposals"] - 1),
        "no proposal": claiming(proposals=0, tv_bound="1"), "distance": claiming(tv_bound="1/1000"),
        "offset": claiming(offset=str(offset - Fraction(1, 1000))),
        # The acceptance of a smaller C without the factor for it, and the other way round.
        "offset and acceptance": claiming(offset=str(offset + 1), acceptance=str(p)),
        "spread": with_above(spread=wide), "form": with_above(form=lower),
        **{f"payment {k}": with_above(payments=[*above["payments"][:k], cheaper[k], *above["payments"][k + 1 :]])
           for k in range(len(cheaper))},
        "the form below for the one above": with_above(forms=document["forms"], payments=document["payments"]),
        "no spread": with_above(spread=[[(0.0).hex()] * len(row) for row in above["spread"]]),
        "another factor": with_above(factor=document["factor"]),
    }  # fmt: skip


NAMES = [
    "acceptance", "acceptance above 1", "acceptance and its sign", "one proposal less", "no proposal", "distance",
    "offset", "offset and acceptance", "spread", "form", *(f"payment {k}" for k in range(6)),
    "the form below for the one above",
    "no spread", "another factor",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_what_claims_more_is_refused(name: str, network: Path, made: dict[str, Any]) -> None:
    assert answer(better(made)[name], network) == "no"


def test_every_way_of_claiming_more_is_tried(made: dict[str, Any]) -> None:
    assert set(better(made)) == set(NAMES)


def test_other_networks_are_refused(network: Path, made: dict[str, Any]) -> None:
    for content in reweighted(network.read_bytes()):
        assert refusal(CHECK, json.dumps(made), content) == "no"
        assert refusal(CHECK, forged(made, content), content) == "no"
    for name in NETWORKS:
        content = changed_network(name)
        with pytest.raises(Exception):  # noqa: B017, PT011 - any exception is a refusal
            CHECK.Network(content)


def test_a_certificate_of_the_envelope_alone_is_none_of_the_acceptance(network: Path, made: dict[str, Any]) -> None:
    envelope = certify.certificate("envelope", network, OBSERVATION, beta=BETA).document
    assert envelope is not None
    assert answer({**envelope, "kind": "rejection"}, network) == "unreadable"
    assert answer({**envelope, "kind": "rejection", "above": made["above"]}, network) == "unreadable"


def test_what_the_checker_cannot_confirm_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "sigmoid.onnx"
    path.write_bytes(small_network(("Sigmoid",), 2))
    found = certify.certificate("rejection", path, OBSERVATION, beta=BETA)
    assert found.document is None and "the checker knows the forms of" in str(found.reason)
    with pytest.raises(certify.InputError):
        certify.certificate("rejection", path)
