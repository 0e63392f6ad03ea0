"""The table of the runtime's kernel errors against the installed runtime, measured on fewer inputs."""

from __future__ import annotations

import math

import pytest

from benchmarks.runtime_kernels import FUNCTIONS, TYPES, excess, measured
from certify.generators.runtime_errors import KERNEL_ERRORS, KernelError, kernel_error

CASES = [(operator, kind) for kind in TYPES for operator in FUNCTIONS]
OPSETS = (18, 20)


@pytest.mark.parametrize(("operator", "kind"), CASES)
def test_a_kernel_errs_no_more_than_the_table_says(operator: str, kind: str) -> None:
    entry = KERNEL_ERRORS.get((operator, kind), KernelError(0.0, 0.0, (0, 0)))
    for opset in OPSETS:
        found = excess(operator, kind, opset, entry, 250)
        if found is None:
            continue
        assert kernel_error(operator, kind, opset) is entry, "a kernel that the table does not know"
        assert found <= 0.0


def test_a_smaller_error_than_the_true_one_is_seen() -> None:
    for operator, kind in (("Sigmoid", "float64"), ("Tanh", "float32"), ("Gelu(tanh)", "float64")):
        entry = KERNEL_ERRORS[operator, kind]
        tight = KernelError(entry.absolute / 8, entry.relative / 8)
        assert excess(operator, kind, 20, tight, 250) > 0.0
    assert excess("Sigmoid", "float64", 20, KernelError(0.0, 1e-3), 250) > 0.0
    assert excess("Softplus", "float64", 18, KernelError(1.0, 1.0), 250) == math.inf


def test_lookup_is_by_operator_set() -> None:
    assert kernel_error("Softplus", "float64", 18) is not None and kernel_error("Softplus", "float64", 20) is None
    assert kernel_error("Erf", "float64", 20) is None and kernel_error("Erf", "float32", 20) is not None


def test_measuring_finds_the_operator_sets() -> None:
    found = measured("Softplus", "float64", 100, range(17, 20))
    assert found is not None and found.opsets == (18,) and found.limit < 800
    assert measured("Erf", "float64", 100, range(17, 20)) is None
