"""Linear generators G(z) = W z with a prescribed singular spectrum: every constant and the posterior are known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from certify.errors import InputError
from certify.generators.family import Family, FamilyParameter, require_size
from certify.generators.nodes import Affine, Graph, Input
from certify.generators.random_matrices import matrix_product, random_orthogonal


def build(parameters: Mapping[str, Any]) -> tuple[Graph, int]:
    """W = U diag(s) V^T with Haar orthogonal U (n, d), V (d, d) and s geometric from m to m kappa.

    Invertible for n = d because every singular value is positive; injective for n > d. For d = 1 the only
    singular value is m. The singular values of the float64 matrix differ from s by rounding only.
    """
    d, n = parameters["d"], parameters["n"] or parameters["d"]
    if n < d:
        raise InputError(f"family `linear`: `n` must be 0 (meaning d) or at least d = {d}, got `{n}`")
    require_size("linear", n * d)
    random = np.random.default_rng(parameters["seed"])
    left, right = random_orthogonal(random, n, d), random_orthogonal(random, d, d)
    # A power of Python's, not of numpy's, whose last bit depends on the processor.
    spectrum = np.array([parameters["m"] * parameters["kappa"] ** (step / max(1, d - 1)) for step in range(d)])
    weight = matrix_product(left * spectrum, right.T)
    return Graph((Input(d), Affine(0, weight, np.zeros(n)))), n * d


FAMILY = Family(
    name="linear",
    summary="W z with singular values geometric from m to m kappa; every constant is known",
    parameters=(
        FamilyParameter("d", 8, "an integer in [1, 4096]", 1, 4096),
        FamilyParameter("kappa", 2.0, "a number in [1, 1e12]", 1.0, 1e12),
        FamilyParameter("m", 1.0, "a number in [1e-100, 1e100]", 1e-100, 1e100),
        FamilyParameter("n", 0, "0 (meaning d) or an integer in [d, 16384]", 0, 16384),
        FamilyParameter("seed", 0, "an integer in [0, 2^63)", 0, 2.0**63 - 1025),
    ),
    build=build,
)
