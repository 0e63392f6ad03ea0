"""Every public function that promises an inclusion keeps it: exact rationals at all corners, 10^-300 to 10^300."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from dataclasses import replace
from functools import cached_property
from types import FunctionType, ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import certify.arithmetic
from tests.inclusion import CHECKS, UNCHECKED, rows

MODULES = [f"certify.arithmetic.{module.name}" for module in pkgutil.iter_modules(certify.arithmetic.__path__)] + [
    "certify.bounds.charts",
    "certify.bounds.enclosure",
    "certify.bounds.ranges",
    "certify.envelopes.box_activations",
    "certify.envelopes.box_forms",
    "certify.envelopes.box_minimum",
    "certify.envelopes.box_parts",
    "certify.envelopes.box_rows",
    "certify.envelopes.weighted",
    "certify.profiles.forms",
]
OPERATORS = {"__add__", "__matmul__"}


def public_functions(module: ModuleType) -> set[str]:
    """Full names of the public functions of a module, methods and properties of its public classes included."""
    found = set()
    for name, item in vars(module).items():
        if name.startswith("_") or getattr(item, "__module__", None) != module.__name__:
            continue
        if inspect.isclass(item):
            methods = FunctionType | property | cached_property
            own = [key for key, value in vars(item).items() if isinstance(value, methods)]
            found |= {f"{name}.{key}" for key in own if not key.startswith("_") or key in OPERATORS}
        elif callable(item):
            found.add(name)
    return {f"{module.__name__}.{name}" for name in found}


def uncovered(modules: list[ModuleType]) -> set[str]:
    """Public functions that neither have a check nor a reason to have none."""
    return set().union(*map(public_functions, modules)) - set(CHECKS) - set(UNCHECKED)


def test_every_public_function_has_its_exact_counterpart() -> None:
    modules = list(map(importlib.import_module, MODULES))
    assert uncovered(modules) == set()
    assert (set(CHECKS) | set(UNCHECKED)) <= set().union(*map(public_functions, modules))
    assert not set(CHECKS) & set(UNCHECKED) and all(UNCHECKED.values())


def test_a_new_function_without_a_counterpart_is_found() -> None:
    module: Any = ModuleType("certify.arithmetic.new")
    exec("def doubled(x):\n    return 2 * x\n\nclass Ball:\n    def ends(self):\n        return 0", module.__dict__)
    assert uncovered([module]) == {"certify.arithmetic.new.doubled", "certify.arithmetic.new.Ball.ends"}


@pytest.mark.parametrize("check", sorted(set(CHECKS.values()), key=lambda item: (item.__module__, item.__name__)))
@given(data=st.data())
def test_results_contain_the_exact_ones(check: Any, data: st.DataObject) -> None:
    check(data)


@pytest.mark.parametrize("check", ["multiply", "add", "tensor_plus", "tensor_times", "tensor_apply", "hadamard"])
def test_a_result_without_its_rounding_error_is_rejected(check: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name = next(key for key in CHECKS if key.endswith(f".{check}"))
    module = importlib.import_module(name.rpartition(".")[0])
    function = getattr(module, check)

    def unrounded(left: Any, right: Any) -> Any:
        """The midpoint right, the radius that of exact arguments in exact arithmetic: zero."""
        found = function(left, right)
        exact = not (left.radius.any() or right.radius.any())
        return type(found)(found.midpoint, np.where(np.isfinite(found.radius) & exact, 0.0, found.radius))

    monkeypatch.setattr(module, check, unrounded)
    with pytest.raises(AssertionError):
        settings(max_examples=1000, phases=[Phase.generate])(given(data=st.data())(CHECKS[name]))()


def test_rows_whose_remainders_are_halved_are_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    below, plane = rows.weighted_quadratic_lower, rows.row_plane

    def narrow(*arguments: Any) -> Any:
        found = plane(*arguments)
        return replace(found, radius=0.5 * found.radius)

    def high(*arguments: Any) -> Any:
        found = below(*arguments)
        return replace(found, rest=np.where(np.isfinite(found.rest), 0.5 * found.rest, found.rest))

    monkeypatch.setattr(rows, "row_plane", narrow)
    monkeypatch.setattr(rows, "weighted_quadratic_lower", high)
    for check in (rows.planes_by_rows, rows.forms_below_weighted_sums):
        with pytest.raises(AssertionError):
            settings(max_examples=1000, phases=[Phase.generate])(given(data=st.data())(check))()


def _scaled(values: Any) -> Any:
    return tuple(map(_scaled, values)) if isinstance(values, tuple) else 1.5 * values


def _blank(values: Any) -> Any:
    return tuple(map(_blank, values)) if isinstance(values, tuple) else 0.0 * values


def _failing(values: Any) -> Any:
    raise np.linalg.LinAlgError("no convergence")


def _with(original: Any, spoiled: Any) -> Any:
    def proposal(*arguments: Any, **options: Any) -> Any:
        found = original(*arguments, **options)
        return spoiled(tuple(found) if isinstance(found, tuple) else found)

    return proposal


SPECTRAL = ["singular_values", "definite", "linear_systems", "norms_from_above", "symmetric_forms", "affine_families"]


@pytest.mark.parametrize("spoiled", [_scaled, _blank, _failing])
@pytest.mark.parametrize("check", SPECTRAL)
def test_a_wrong_proposal_of_lapack_costs_sharpness_never_truth(
    check: str, spoiled: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    function = next(item for item in CHECKS.values() if item.__name__ == check)
    for name in ("eigh", "svd", "inv", "pinv", "cholesky"):
        monkeypatch.setattr(np.linalg, name, _with(getattr(np.linalg, name), spoiled))
    with np.errstate(all="ignore"):
        settings(max_examples=10)(given(data=st.data())(function))()
