"""Values that no argument should bring a function down with, and the cheap right values beside them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

import certify
from certify.audits.source import EncoderSource
from tests.conftest import ROOT

SPECIFICATION = "linear:d=2,kappa=1.5,seed=0"
CASE = ROOT / "tests" / "cases" / "sharp-langevin-steps-A1-A5-gap.json"


class Begun(Exception):
    """Raised where the work would begin: every argument has been accepted."""


class StopAtWork:
    """A progress that ends a verb as soon as its work begins."""

    def start(self, description: str, total: float) -> None:
        raise Begun

    def advance(self, amount: float = 1.0) -> None:
        raise Begun

    def finish(self) -> None:
        raise Begun


class Unspeakable:
    """Does not even describe itself."""

    def __repr__(self) -> str:
        raise RuntimeError("no words")


GOOD: dict[str, Any] = {
    "beta": "0.3",
    "case": CASE,
    "claim": "x**2 >= 0",
    "count": 2,
    "encoder": EncoderSource("noise", 2, 2, 2, pairs=lambda observations, noise: noise),
    "certificate.generator": ROOT / "examples" / "digits" / "residual_d8.onnx",
    "generator": SPECIFICATION,
    "generators": SPECIFICATION,
    "kind": "derivatives",
    "name": "descent-lemma",
    "observation": [0.1, -0.2],
    "observations": [0.1, -0.2],
    "path": ROOT / "tests" / "data" / "certificates" / "observation.json",
    "progress": StopAtWork(),
    "specification": SPECIFICATION,
    "theorem": "strong-invertibility",
    "theorems": "strong-invertibility",
    "check_constants.theorem": "langevin-mixing",
    "values": {"d": 2, "m": 1, "M": 1.5, "M2": 0},
}
"""A right value of each argument without a default, by name; an argument of a new name needs a line here."""

INPUTS: dict[str, Any] = {"d": 8, "m": 1, "M": 1.5, "M2": 0.15, "epsilon": 0.1, "beta": 0.05}
"""Right values where a verb takes named numbers (`**inputs`)."""

WRONG: tuple[Any, ...] = (
    None, True, False, np.bool_(True), Ellipsis, int, object(), Unspeakable(), lambda: 0,
    "", " ", "nan", "inf", "1e400", "1e-400", "1e99999999", "-1", "0", "1/0", "two\nlines", "nul\0", "\ud800",
    "no-such-name", "no_such.py", "no-such.onnx", "no:such", "no_module:nothing", "linear:d=x", "x" * 5000, b"bytes",
    -1, 0, 3, 2**63, -(2**70), 10**400, -0.5, 0.5, 1.5, 1e-320, 1e300, float("nan"), float("inf"), -float("inf"), 1j,
    Fraction(-1, 3), Decimal("NaN"), Decimal("0.1"), np.float32(0.25), np.float64("nan"), np.int64(-3),
    [], (), {}, set(), [1, 2], ["a", 1], [None], [[1.0], [1.0, 2.0]], [object()], {"a": 1}, {1: 2}, {"d": None},
    np.zeros(0), np.zeros((0, 2)), np.zeros((2, 2, 2)), np.zeros(()), np.array([np.nan, 0.0]), np.array([np.inf, 0.0]),
    np.array(["a", "b"]), np.array([1j, 0]), np.array([object(), None]), np.array([1, 2], dtype=np.uint8),
    np.array([True, False]), np.ma.masked_array([1.0, 2.0], mask=[True, False]), np.zeros(300),
    Path("/no/such/file.npy"), Path("no-such.csv"), Path("."), ROOT, ROOT / "README.md", Path("/no/such/e.onnx"),
    certify.Region(-1.0), certify.Region(None, (0.0, 0.0)), certify.Region(1.0, (0.0,)), certify.Region("x"),
    certify.Region(1.0, 3), certify.Region(1.0, ("a", None)), certify.Verdict.PROVED,
)  # fmt: skip
"""Some of these are right for some arguments; none may end in anything but an InputError or a result."""


def verbs() -> dict[str, Callable[..., Any]]:
    """Every public function of `certify`, by name, found and not listed."""
    found = {name: getattr(certify, name) for name in certify.__all__}
    return {name: item for name, item in found.items() if inspect.isfunction(item)}


def parameters(verb: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """The parameters of a verb by name, those of `**inputs` by the inputs' names."""
    found = {}
    for name, item in inspect.signature(verb).parameters.items():
        if item.kind is inspect.Parameter.VAR_KEYWORD:
            found |= {key: item.replace(name=key, kind=inspect.Parameter.KEYWORD_ONLY) for key in (*INPUTS, "no_such")}
        else:
            found[name] = item
    return found


def right_arguments(verb: Callable[..., Any]) -> dict[str, Any]:
    """A right value for every argument without a default, and what ends the verb where its work begins."""
    wanted = inspect.signature(verb).parameters
    found = {
        name: GOOD.get(f"{verb.__name__}.{name}", GOOD.get(name))
        for name, item in wanted.items()
        if (item.default is item.empty and item.kind is not item.VAR_KEYWORD)
        or name in {"progress", "beta"}
        or f"{verb.__name__}.{name}" in GOOD
    }
    if any(item.kind is item.VAR_KEYWORD for item in wanted.values()):
        found |= INPUTS
    return found
