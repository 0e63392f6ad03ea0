"""The docstring contract of the packages that bound things: rigor, shapes, and examples that run."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from types import FunctionType, ModuleType

import pytest

PACKAGES = ("certify.arithmetic", "certify.bounds", "certify.profiles", "certify.sharp")
MODULES = [
    importlib.import_module(f"{package}.{module.name}")
    for package in PACKAGES
    for module in pkgutil.iter_modules(importlib.import_module(package).__path__)
]

SIDES = ("Upper bound", "Lower bound", "Enclosure", "Bounds")
"""Kinds of numbers that are rounded outward: the sentence that begins so ends in "rounded outward"."""
WORDS = ("Verified", "Exact", "Estimate")
"""The other kinds, a sentence of their own or its beginning."""
ARRAYS = ("FloatArray", "MatrixBall", "TensorBall", "MatrixLike")
SHAPE = re.compile(
    r"\(\w+(?:[ ^*+.|-]*\w+)*,[^()]*\)|\bshapes?\b|\bsquare\b|\bentry\b|\bentries\b|[Ee]ntrywise|\brows?\b"
)


def rigor(text: str) -> list[str]:
    """The kinds that a docstring states."""
    sentence = r"\b{}s?\b(?:[^.]|\.(?!\s))*, rounded outward\b"
    found = [side for side in SIDES if re.search(sentence.format(side.removesuffix("s")), text)]
    return found + [word for word in WORDS if re.search(rf"(?:^|[.:;)]\s+){word}[.:,]", text)]


def public_functions(module: ModuleType) -> Iterator[tuple[str, FunctionType, str]]:
    """Name, function and the docstring of its class, for the public functions, methods and properties of a module."""
    for name, item in vars(module).items():
        if name.startswith("_") or getattr(item, "__module__", None) != module.__name__:
            continue
        if inspect.isclass(item):
            for key, value in vars(item).items():
                function = value.fget if isinstance(value, property) else value
                if inspect.isfunction(function) and not key.startswith("_") and key != "to_dict":
                    yield f"{module.__name__}.{name}.{key}", function, inspect.getdoc(item) or ""
        elif callable(item):
            yield f"{module.__name__}.{name}", inspect.unwrap(item), ""


PUBLIC = {module.__name__: tuple(public_functions(module)) for module in MODULES}


def test_there_are_public_functions() -> None:
    assert sum(map(len, PUBLIC.values())) > 300


def test_each_public_function_says_how_rigorous_it_is() -> None:
    texts = {name: inspect.getdoc(function) or "" for found in PUBLIC.values() for name, function, _ in found}
    silent = {name: text for name, text in texts.items() if len(rigor(text)) != 1}
    assert silent == {}, "each must state one kind of rigor (CONTRIBUTING.md)"


def test_each_array_argument_has_its_shape() -> None:
    shapeless = {}
    for module in MODULES:
        preamble = inspect.getdoc(module) or ""
        for name, function, above in PUBLIC[module.__name__]:
            arrays = [key for key, kind in function.__annotations__.items() if kind in ARRAYS and key != "return"]
            texts = ((inspect.getdoc(function) or "") + above, preamble if "Axes:" in preamble else "")
            if arrays and not any(map(SHAPE.search, texts)):
                shapeless[name] = arrays
    assert shapeless == {}, "each must give the shapes of its arrays"


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("Largest singular value.", []),
        ("Upper bound of ||A||.", []),
        ("The sum, rounded outward.", []),
        ("Exactly what it says.", []),
        ("Upper bounds of |T[u, ..., u]| over u, rounded outward; shape (b,).", ["Upper bound"]),
        ("The sum. Enclosure, rounded outward.", ["Enclosure"]),
        ("Ends of m and M. Bounds, rounded outward.", ["Bounds"]),
        ("The rank. Exact.", ["Exact"]),
        ("Both. Upper bound, rounded outward. Estimate.", ["Upper bound", "Estimate"]),
    ],
)
def test_what_counts_as_a_statement(text: str, kinds: list[str]) -> None:
    assert rigor(text) == kinds


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_the_examples_run(module: ModuleType) -> None:
    assert doctest.testmod(module).failed == 0


def test_there_are_examples_of_each_package() -> None:
    finder = doctest.DocTestFinder(exclude_empty=True)
    counts = dict.fromkeys(PACKAGES, 0)
    for module in MODULES:
        counts[module.__name__.rpartition(".")[0]] += sum(bool(test.examples) for test in finder.find(module))
    assert sum(counts.values()) >= 30 and all(counts.values()), counts
