"""A property: what must hold of every correct theorem, how its cases are drawn, and how one case is judged."""

from __future__ import annotations

import importlib
import math
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from certify.stress_tests import properties as package
from certify.stress_tests.case import Case
from certify.verdict import Verdict

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from certify.proof.theorem import Theorem
    from certify.strategies.admissible import Kinds


@dataclass(frozen=True)
class Measurement:
    """What one case says about one claim: `slack` is 1 where the claim is attained and below 1 where it is violated.

    `crash` marks a check that did not end with a verdict: a defect of the program, no counterexample.
    """

    claim: str
    verdict: Verdict
    slack: float = math.nan
    claimed: float = math.nan
    measured: float = math.nan
    cases: int = 1
    reason: str = ""
    crash: bool = False


@dataclass(frozen=True)
class Property:
    """One property of theorems.

    name       public name
    summary    the property in one sentence
    share      its part of the examples of a theorem, relative to the other properties'
    cases      strategy of cases for a theorem, given the kinds of generators it admits; `nothing()` where the
               property has no meaning for the theorem
    evaluate   judges one case: a measurement per claim; none where the case lies outside the property's domain
    reads      the parts of a case, and the names among its numbers, without which it cannot be judged
    """

    name: str
    summary: str
    share: float
    cases: Callable[[Theorem, Kinds, int], SearchStrategy[Case]]
    evaluate: Callable[[Theorem, Case], tuple[Measurement, ...]]
    reads: tuple[str, ...]


def properties() -> dict[str, Property]:
    """Every property by name, found by discovery in `certify/stress_tests/properties`, sorted."""
    prefix = f"{package.__name__}."
    modules = [importlib.import_module(info.name) for info in pkgutil.iter_modules(package.__path__, prefix)]
    found = {module.PROPERTY.name: module.PROPERTY for module in modules if hasattr(module, "PROPERTY")}
    return dict(sorted(found.items()))
