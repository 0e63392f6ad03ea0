"""What the strategies promise: spectra, orthogonality, admissibility, one violation, changes that change nothing."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certify.bounds.kinks import kinked_activations
from certify.discovery.registry import theorems
from certify.generators.graph import Generator
from certify.generators.specification import families
from certify.strategies import (
    affine_generators,
    family_generators,
    graphs,
    kinds_of,
    matrices,
    observations,
    orthogonal_matrices,
    residual_generators,
    spectra,
    violating_generators,
)
from certify.strategies.admissible import admissible_generators
from certify.strategies.probing import brackets, decided, failing, probes
from certify.strategies.transformations import invariant_changes

THEOREM = theorems()["strong-invertibility"]
KINDS = cache(lambda: kinds_of(THEOREM))


@given(st.data(), st.integers(1, 4), st.integers(1, 4), st.sampled_from((1.0, 16.0, 1e8)))
def test_matrices_have_the_prescribed_spectrum(data: st.DataObject, rows: int, columns: int, condition: float) -> None:
    spectrum = data.draw(spectra(min(rows, columns), condition))
    assert spectrum[0] / spectrum[-1] <= condition * (1 + 1e-12)
    found = np.linalg.svd(data.draw(matrices(rows, columns, spectrum)), compute_uv=False)
    assert np.allclose(found, spectrum, rtol=1e-12, atol=1e-14 * spectrum[0])


@given(st.data(), st.integers(1, 5), st.booleans())
def test_orthogonal_matrices_are_orthogonal(data: st.DataObject, size: int, exact: bool) -> None:
    found = data.draw(orthogonal_matrices(size, exact=exact))
    defect = np.abs(found.T @ found - np.eye(size)).max()
    assert defect == 0.0 if exact else defect < 1e-14


def test_a_spectrum_of_the_wrong_length_is_refused() -> None:
    with pytest.raises(ValueError, match="min\\(rows, columns\\) = 2"):
        probes(matrices(2, 3, (1.0,)), 1)


@settings(max_examples=8)
@given(residual_generators())
def test_residual_generators_are_strongly_invertible_by_construction(generator: Generator) -> None:
    lower = brackets(generator, effort=100.0).m.lower
    assert lower is not None and lower > 0.0


@pytest.mark.parametrize("name", sorted(families()))
def test_every_family_yields_small_generators(name: str) -> None:
    found = probes(family_generators(name), 2)
    assert found and all(generator.name.startswith(name) for generator in found)


@pytest.mark.parametrize("name", sorted(theorems()))
def test_every_theorem_has_generators_that_it_admits_and_generators_that_it_does_not(name: str) -> None:
    theorem = theorems()[name]
    kinds = kinds_of(theorem)
    # One about constants alone says at which of them it is tried.
    assert bool(kinds.admissible) == bool(kinds.violating) == (not theorem.points)
    for label in kinds.violating:
        assert label in kinds.failing_together[label]
    for generator in probes(admissible_generators(theorem, kinds), 2) if kinds.admissible else ():
        assert not failing(decided(theorem, generator))


@pytest.mark.parametrize("label", [item.label for item in THEOREM.assumptions])
def test_one_assumption_is_violated_and_only_what_fails_with_it(label: str) -> None:
    kinds = KINDS()
    found = probes(violating_generators(THEOREM, label, kinds), 3)
    assert found
    for generator in found:
        labels = failing(decided(THEOREM, generator))
        assert label in labels and len(labels) == len(kinds.failing_together[label])


def test_strong_invertibility_alone_can_be_violated() -> None:
    together = KINDS().failing_together
    assert together["A1"] == {"A1"}
    # A map with a kink is no network with differentiable activations either.
    assert together["A2"] == {"A2", "A3"} or together["A2"] == {"A2"}


def test_kinds_are_the_same_at_every_call() -> None:
    # What was found is remembered for the object: a copy is probed anew.
    assert kinds_of(replace(THEOREM)) == KINDS()


@settings(max_examples=40)
@given(st.data())
def test_invariant_changes_are_the_same_map_in_another_frame(data: st.DataObject) -> None:
    generator = data.draw(st.one_of(residual_generators(), affine_generators()))
    name, exact, changed = data.draw(invariant_changes(generator))
    points = np.random.default_rng(0).standard_normal((5, generator.latent_dim))
    before = np.linalg.svd(generator.jacobian(points), compute_uv=False)
    if name == "frame of z":
        # Another frame of z moves the points: G(Q z) at Q^T z is G(z).
        frame = changed.graph.nodes[1].weight  # type: ignore[union-attr]
        after = np.linalg.svd(changed.jacobian(points @ frame), compute_uv=False)
    else:
        after = np.linalg.svd(changed.jacobian(points), compute_uv=False)
        if name != "frame of x":
            assert exact and np.allclose(generator.value(points), changed.value(points), rtol=1e-14, atol=0.0)
    assert np.allclose(before, after, rtol=1e-12, atol=1e-12 * before.max())


@given(st.data())
def test_observations_have_one_row_per_case_and_are_finite(data: st.DataObject) -> None:
    generator = data.draw(affine_generators(taller=st.sampled_from((0, 1))))
    rows = data.draw(observations(generator, 0.25, rows=2))
    assert rows.shape == (2, generator.observed_dim) and np.isfinite(rows).all()


@settings(max_examples=20)
@given(graphs())
def test_random_graphs_have_two_outputs_and_no_kink(graph: object) -> None:
    generator = Generator("graph", graph, 1)  # type: ignore[arg-type]
    assert generator.observed_dim == 2 and not kinked_activations(generator)
