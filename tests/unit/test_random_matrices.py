"""Families' networks have the same bits on every processor: pinned digests, and another kernel of BLAS."""

from __future__ import annotations

import math
import os
import subprocess
import sys

import numpy as np
import pytest

from certify.generators.random_matrices import BLOCK, matrix_product, norm_above, random_orthogonal, scaled_to_norm
from certify.generators.specification import load_generator

DIGESTS = {
    "linear:d=2,kappa=1.5": "c0874887145e008c",
    "linear:d=8,n=16,kappa=3": "7dc09e6f687369bd",
    "linear:d=130,n=150": "71439a9336fc21ff",
    "manifold:d=4,outputs=20,width=30": "a2891d0b10678c91",
    "residual:d=8,width=40": "ae84d4aa09b92c11",
    "coupling:d=6": "c60ffff78c25ebde",
    "wide:d=40,width=90": "0c9a9994dcf4c431",
    "conv:side=8,channels=8": "8c7b221654997c1b",
    "conv:side=4": "4bcdb0ad6a1aa15b",
}
"""First digits of the SHA-256, by specification."""

SHOW = """
import sys
from certify.generators.specification import load_generator
for name in sys.argv[1:]:
    print(load_generator(name).sha256[:16])
"""


@pytest.mark.parametrize("name", DIGESTS)
def test_a_specification_is_one_network_wherever_it_is_built(name: str) -> None:
    assert load_generator(name).sha256[:16] == DIGESTS[name]


def test_another_kernel_of_blas_gives_the_same_networks() -> None:
    """Nehalem's kernels run on every 64-bit x86; where BLAS is another the variables are not read."""
    environment = os.environ | {"OPENBLAS_CORETYPE": "Nehalem", "NPY_DISABLE_CPU_FEATURES": "AVX512F AVX512_SKX"}
    command = [sys.executable, "-W", "ignore", "-c", SHOW, *DIGESTS]
    found = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=120)
    assert found.stdout.split() == list(DIGESTS.values())


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (2, 2), (7, 3), (BLOCK + 3, BLOCK + 2), (300, 2 * BLOCK)])
def test_orthonormal_and_the_q_of_a_qr(rows: int, columns: int) -> None:
    found = random_orthogonal(np.random.default_rng(5), rows, columns)
    assert np.abs(found.T @ found - np.eye(columns)).max() < 1e-14
    q, r = np.linalg.qr(np.random.default_rng(5).standard_normal((rows, columns)))
    assert np.abs(found - q * np.sign(np.diag(r))).max() < 1e-12


def test_products_are_those_of_longer_numbers() -> None:
    random = np.random.default_rng(2)
    left, right = random.standard_normal((30, 200)), np.ldexp(random.standard_normal((200, 20)), -40)
    exact = [[math.fsum(left[i] * right[:, j]) for j in range(20)] for i in range(30)]
    # fsum adds rounded products: 200 roundings of 2^-53 of numbers below 2^-36.
    assert np.abs(matrix_product(left, right) - exact).max() < 200 * 2.0**-53 * 2.0**-36
    order = random.permutation(200)
    assert (matrix_product(left[:, order], right[order]) == matrix_product(left, right)).all()
    assert not matrix_product(np.zeros((2, 3)), np.zeros((3, 2))).any()


def test_a_norm_is_rounded_up_and_by_little() -> None:
    for norm in (1.0, 0.7, 3.0, 1e-300, 1e300, math.pi):
        assert norm <= norm_above(norm) <= norm * (1 + 2.0**-31)
        assert norm_above(norm * (1 - 2e-16)) == norm_above(norm) or norm == norm_above(norm)
    assert norm_above(1.0) == 1.0 < norm_above(math.nextafter(1.0, 2.0))
    matrix = np.random.default_rng(3).standard_normal((9, 4))
    found = float(np.linalg.norm(scaled_to_norm(matrix, 0.5), 2))
    assert 0.5 * (1 - 1e-9) < found < 0.5
