"""Where the semidefinite bound is the product of the norms, branch and bound sees which hidden states are reached."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.blind_networks import Blind, semidefinite_value
from certify.bounds.constants import constants
from certify.generators.graph import Affine


def norms(case: Blind) -> list[float]:
    nodes = case.generator().graph.nodes
    return [float(np.linalg.norm(node.weight, 2)) for node in nodes if isinstance(node, Affine)]  # type: ignore[arg-type]


@pytest.mark.parametrize("case", [Blind(1, 1, 2, 4.0), Blind(2, 3, 2, 4.0), Blind(2, 3, 3, 1.5)])
def test_the_layers_are_positive_and_aligned(case: Blind) -> None:
    weights = [np.asarray(node.weight) for node in case.generator().graph.nodes if isinstance(node, Affine)]
    whole = weights[0]
    for weight in weights[1:]:
        whole = weight @ whole
    assert all((weight > 0).all() for weight in weights)
    assert np.prod(norms(case)) == pytest.approx(case.product) == float(np.linalg.norm(whole, 2))


@pytest.mark.parametrize("case", [Blind(1, 1, 2, 4.0), Blind(2, 2, 2, 4.0)])
def test_branch_and_bound_wins_where_the_inequality_inherits_the_product(case: Blind) -> None:
    generator = case.generator()
    assert semidefinite_value(generator) == pytest.approx(case.product, rel=1e-6)
    found = constants(generator, methods=["composition", "semidefinite", "branch and bound"], effort=4_000.0).M
    assert found.upper is not None and found.upper < 0.6 * case.product
    assert found.upper_evidence is not None and found.upper_evidence.method == "branch and bound"
    without = constants(generator, methods=["composition", "semidefinite", "residual rule"]).M
    assert without.upper is not None and without.upper >= case.product * (1 - 1e-9)
    # The truth, from a dense grid: the bound is one, and not far off.
    points = np.random.default_rng(0).uniform(-4.0, 4.0, (4_000, case.latents))
    from certify.generators.derivatives import jacobian

    true = np.linalg.norm(jacobian(generator.graph, points), ord=2, axis=(1, 2)).max()
    assert true <= found.upper <= 2.0 * true
