"""What is measured with draws rests on their law: exact ones first, and an assumption that travels to the verdict."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from functools import cache

import numpy as np
import pytest

from certify.bounds.bracket import BoundEvidence, Bracket, ConstantBrackets, Region
from certify.checking.running import run_step, run_steps
from certify.discovery.registry import load_theorem
from certify.generators.graph import Activation, Affine, Generator, Graph, Input, Product, Sum
from certify.generators.specification import load_generator
from certify.measure.reference import UNBOUNDED_BIAS, ReferenceDraws, reference_draws
from certify.posteriors.posterior import Posterior
from certify.proof.conclusion import settle
from certify.proof.instance import Instance
from certify.proof.records import ClaimRecord, StepRecord
from certify.sharp.centre import find_centre
from certify.verdict import Evidence, Verdict


def instance(name: str, generator: Generator, ends: tuple[float, float, float], beta: str) -> Instance:
    """The theorem at a generator whose m, M and M2 are known by hand."""
    evidence = BoundEvidence(Evidence.RIGOROUS, "by hand", None)
    brackets = ConstantBrackets(*(Bracket(end, end, evidence, evidence) for end in (*ends, 10.0)), Region(), 0.0)
    theorem = load_theorem(name)
    setting = settle(theorem, generator, brackets, Fraction(beta), Fraction(1, 10), None, 0)
    assert setting.certificate is not None
    return Instance(theorem, setting.certificate, generator, brackets, setting.observations, setting.beta, 0, 0.03)


@cache
def product_instance() -> Instance:
    """G(z) = (z, 0.1 tanh(z_1) tanh(z_2)), d = 4, n = 5: no envelope, as neither factor is known to be bounded.

    They are written as z - (z - tanh z), which intervals leave unbounded.
    m = 1, M^2 <= 1 + 0.01 |grad|^2 <= 1.01, M2 <= 0.1 (0.77 + 1).
    """
    first, second = np.eye(1, 4, 0), np.eye(1, 4, 1)
    nodes = (
        Input(4),
        Affine(0, first, np.zeros(1)),
        Affine(0, second, np.zeros(1)),
        Activation(1, "tanh", 1),
        Activation(2, "tanh", 1),
        Sum((1, 3), (1.0, -1.0), 1),
        Sum((2, 4), (1.0, -1.0), 1),
        Sum((1, 5), (1.0, -1.0), 1),
        Sum((2, 6), (1.0, -1.0), 1),
        Product((7, 8), 1),
        Affine(0, np.eye(5, 4), np.zeros(5)),
        Affine(9, 0.1 * np.eye(5, 1, -4), np.zeros(5)),
        Sum((10, 11), (1.0, 1.0), 5),
    )
    return instance("sharp-langevin", Generator("product", Graph(nodes), 4), (1.0, 1.005, 0.177), "0.05")


@cache
def product_records() -> tuple[StepRecord, ...]:
    return run_steps(product_instance())


def claims(found: Instance, *labels: str) -> dict[str, ClaimRecord]:
    records = [run_step(found.theorem.step(label), found) for label in labels]
    return {f"{record.label} {claim.name}": claim for record in records for claim in record.claims}


@pytest.mark.parametrize(
    ("specification", "beta", "method"),
    [
        ("manifold:d=2,outputs=6,width=6,bend=0.1", 0.05, "over boxes"),
        ("manifold:d=4,outputs=8,width=6,bend=0.6", 0.05, "over quadratic form"),
    ],
)
def test_more_outputs_than_latents_have_exact_draws(specification: str, beta: float, method: str) -> None:
    generator = load_generator(specification)
    posterior = Posterior(generator, generator.value(np.full(generator.latent_dim, 0.4)) + beta / 2, beta)
    found = reference_draws(posterior, find_centre(posterior).point, 500, 0)
    assert found.exact and found.assumption == "" and found.method.endswith(method)
    assert found.points.shape == (500, generator.latent_dim)


def test_without_exact_draws_every_step_that_uses_them_names_its_assumption() -> None:
    records = product_records()
    found = {f"{record.label} {claim.name}": claim for record in records for claim in record.claims}
    resting = {name for name, claim in found.items() if UNBOUNDED_BIAS in claim.assumption}
    assert resting == {"A3 tail", "T tail", "T shell", "S7d+ exit", "S7e+ drift", "W start", "1* total"}
    for name in resting:
        claim = found[name]
        assert claim.verdict in {Verdict.SUPPORTED, Verdict.COMPOSED}, claim
        assert claim.confidence is None and "error 1e-06" not in claim.reason
        assert f"if {claim.assumption}" in claim.reason and claim.to_dict()["assumption"] == claim.assumption
    assert all(not claim.assumption for name, claim in found.items() if name not in resting)
    assert {record.verdict for record in records} <= {Verdict.PROVED, Verdict.SUPPORTED, Verdict.COMPOSED}


def test_chains_that_have_not_arrived_refute_no_true_claim() -> None:
    """The same far points: as end points of chains they decide nothing, as exact draws they would refute."""
    honest = product_instance()
    near = claims(honest, "T")["T tail"]
    point = find_centre(honest.posterior()).point
    far = point + 0.1 * np.random.default_rng(0).standard_normal((4000, 4))
    for assumption, verdict in ((UNBOUNDED_BIAS, Verdict.INCONCLUSIVE), ("", Verdict.REFUTED)):
        drawn = ReferenceDraws(far, "end points of chains", assumption)
        biased = replace(honest, _shared={"sharp-draws": drawn})
        found = claims(biased, "A3", "T")
        assert near.verdict is Verdict.SUPPORTED and found["T tail"].verdict is verdict
        assert (found["T tail"].confidence is None) == bool(assumption)
        assert (Verdict.REFUTED in {claim.verdict for claim in found.values()}) == (not assumption)


def test_the_same_holds_of_the_chain_of_theorem_1() -> None:
    honest = instance("strong-invertibility", load_generator("linear:d=3,kappa=1,seed=0"), (1.0, 1.0, 0.0), "0.2")
    assert claims(honest, "S4")["S4 tail"].verdict is Verdict.SUPPORTED
    far = 2.0 * np.random.default_rng(0).standard_normal((4000, 3))
    for assumption, verdict in ((UNBOUNDED_BIAS, Verdict.INCONCLUSIVE), ("", Verdict.REFUTED)):
        biased = replace(honest, _shared={"draws": ReferenceDraws(far, "end points of chains", assumption)})
        found = claims(biased, "S4")["S4 tail"]
        assert found.verdict is verdict
        if assumption:
            assert f"but only if {UNBOUNDED_BIAS}" in found.reason


def test_a_chain_that_no_sample_tells_from_the_posterior_is_composed_of_its_steps() -> None:
    """The held-out event sees nothing of a short chain's distance: [0, 1] supports no bound of it."""
    records = {record.label: record for record in product_records()}
    total = records["1*"].binding
    assert total.interval == (0.0, 1.0) and total.slack > 1.0
    assert total.verdict is Verdict.COMPOSED and "excludes nothing" in total.reason
    alone = claims(product_instance(), "1*")["1* total"]
    assert alone.verdict is Verdict.UNTESTED
