"""A case: everything that one evaluation of a property depends on, as data that is saved and run again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Self

import numpy as np

from certify.arithmetic.arrays import FloatArray
from certify.codec import Readable
from certify.errors import InputError
from certify.generators.graph import Affine, Generator
from certify.stress_tests.graphs import array_to_list, generator_from_dict, generator_to_dict, matrix_from_list
from certify.version import __version__

SCHEMA = 1
LARGEST_FILE = 64 * 2**20


@dataclass(frozen=True, eq=False)
class Case(Readable):
    """One case of one property of one theorem.

    generator     the map G; None where the property speaks of bare constants
    partner       a second map that the property compares with the first
    observations  shape (k, n)
    numbers       exact numbers by name: beta, epsilon, constants
    choices       the theorem's free choices, exact
    detail        which relation, transformation or assumption is meant
    seed, effort  of the measurements
    """

    theorem: str
    property_name: str
    generator: Generator | None = None
    partner: Generator | None = None
    observations: FloatArray | None = None
    numbers: Mapping[str, Fraction] = field(default_factory=dict)
    choices: Mapping[str, Fraction] = field(default_factory=dict)
    detail: str = ""
    seed: int = 0
    effort: float = 1.0

    @property
    def size(self) -> tuple[int, int, int]:
        """How complicated the case is: dimension, weights that are not zero, digits that spell all its numbers."""
        digits = sum(len(str(value)) for value in self.numbers.values())
        if self.observations is not None:
            digits += sum(_digits(entry) for entry in self.observations.ravel())
        generator = self.generator
        if generator is None:
            return 0, 0, digits
        weights = [entry for node in generator.graph.nodes if isinstance(node, Affine) for entry in _entries(node)]
        return generator.latent_dim, sum(entry != 0.0 for entry in weights), digits + sum(map(_digits, weights))

    def to_dict(self) -> dict[str, Any]:
        """Plain data: floats as hexadecimal literals, rationals as `p/q`."""
        return {
            "theorem": self.theorem,
            "property": self.property_name,
            "detail": self.detail,
            "generator": None if self.generator is None else generator_to_dict(self.generator),
            "partner": None if self.partner is None else generator_to_dict(self.partner),
            "observations": None if self.observations is None else array_to_list(self.observations),
            "numbers": {name: str(value) for name, value in self.numbers.items()},
            "choices": {name: str(value) for name, value in self.choices.items()},
            "seed": self.seed,
            "effort": float(self.effort).hex(),
        }

    @classmethod
    def _read(cls, document: Mapping[str, Any]) -> Self:
        return cls(**_parts(document))

    def to_json(self) -> str:
        """The case as JSON text, the same for equal cases."""
        return json.dumps(self.to_dict(), sort_keys=True)

    def describe(self) -> str:
        """The case in a few words, for a table."""
        parts = [] if self.generator is None else [f"{self.generator.name} d={self.generator.latent_dim}"]
        parts += [self.detail] if self.detail else []
        parts += [f"{name}={float(value):.4g}" for name, value in self.numbers.items() if " " not in name]
        return " ".join(parts)


@dataclass(frozen=True, eq=False)
class SavedCase(Readable):
    """A case with what was found on it: the claim that failed and the numbers, to be compared bit for bit."""

    case: Case
    claim: str
    claimed: float
    measured: float
    theorem_file: str
    version: str
    packages: Mapping[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """What the file holds."""
        return {
            "schema": SCHEMA,
            "kind": "certify-stress-case",
            "claim": self.claim,
            "claimed": _hex(self.claimed),
            "measured": _hex(self.measured),
            "theorem_file": self.theorem_file,
            "version": self.version,
            "packages": dict(self.packages),
            "case": self.case.to_dict(),
        }

    def to_json(self) -> str:
        """The file's text."""
        return json.dumps(self.to_dict(), indent=1, sort_keys=True) + "\n"

    @classmethod
    def _read(cls, document: Mapping[str, Any]) -> Self:
        return cls(**_saved_parts(document))


def saved_case(path: str | Path) -> SavedCase:
    """The case in a file.

    Raises InputError, in one line, if the file is missing, too large, not JSON or not a saved case.
    """
    source = Path(path)
    try:
        if source.stat().st_size > LARGEST_FILE:
            raise InputError(f"case `{path}`: larger than 64 MiB")
        document = json.loads(source.read_text(encoding="utf-8"))
        return SavedCase(**_saved_parts(document))
    except InputError as error:
        raise InputError(f"case `{path}`: {error}") from error
    except OSError as error:
        raise InputError(f"case `{path}`: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"case `{path}`: not JSON ({' '.join(str(error).split())[:120]})") from error


def _saved_parts(document: Any) -> dict[str, Any]:
    if not isinstance(document, dict) or document.get("kind") != "certify-stress-case":
        raise InputError("not a case that `certify stress --out` saved")
    if document.get("schema") != SCHEMA:
        raise InputError(f"schema {document.get('schema')!r:.40}; this version reads {SCHEMA}")
    for name, kind in (("claim", str), ("theorem_file", str), ("version", str), ("packages", dict), ("case", dict)):
        if not isinstance(document.get(name), kind):
            raise InputError(f"`{name}` must be of type {kind.__name__}")
    return {
        "case": Case(**_parts(document["case"])),
        "claimed": _float(document.get("claimed")),
        "measured": _float(document.get("measured")),
        **{name: document[name] for name in ("claim", "theorem_file", "version", "packages")},
    }


def _parts(document: Mapping[str, Any]) -> dict[str, Any]:
    words = [document.get(name) for name in ("theorem", "property", "detail")]
    if not all(isinstance(word, str) for word in words) or type(document.get("seed")) is not int:
        raise InputError("`theorem`, `property` and `detail` must be text, `seed` an integer")
    effort = _float(document.get("effort"))
    if not 0.0 < effort <= 100.0 or not 0 <= document["seed"] < 2**63:
        raise InputError("`effort` must be in (0, 100], `seed` in [0, 2^63)")
    generator = None if document.get("generator") is None else generator_from_dict(document["generator"])
    partner = None if document.get("partner") is None else generator_from_dict(document["partner"])
    rows = document.get("observations")
    width = None if generator is None else generator.observed_dim
    return {
        "theorem": words[0],
        "property_name": words[1],
        "generator": generator,
        "partner": partner,
        "observations": None if rows is None else matrix_from_list(rows, "observations", width),
        "numbers": _rationals(document.get("numbers"), "numbers"),
        "choices": _rationals(document.get("choices"), "choices"),
        "detail": words[2],
        "seed": document["seed"],
        "effort": effort,
    }


def _rationals(document: Any, name: str) -> dict[str, Fraction]:
    if not isinstance(document, dict):
        raise InputError(f"`{name}` must be an object of rationals `p/q`")
    found = {}
    for key, text in document.items():
        try:
            # A decimal exponent would be expanded to that many digits: only p or p/q is read.
            if not isinstance(text, str) or len(text) > 4096 or not set(text) <= set("-0123456789/"):
                raise ValueError
            found[key] = Fraction(text)
        except (ValueError, ZeroDivisionError):
            raise InputError(f"`{name}`: `{key}` must be a rational `p/q`, got `{text!r:.40}`") from None
    return found


def _entries(node: Affine) -> list[float]:
    weight = node.weight if isinstance(node.weight, np.ndarray) else node.weight.toarray()
    return [*weight.ravel().tolist(), *node.bias.tolist()]


def _digits(value: float) -> int:
    """Hexadecimal digits of the mantissa up to the last that is not zero."""
    mantissa = float(value).hex().partition("p")[0]
    return len(mantissa.partition(".")[2].rstrip("0"))


def _hex(value: float) -> str:
    return float(value).hex()


def _float(text: Any) -> float:
    try:
        return float.fromhex(text)
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"expected a hexadecimal float, got `{text!r:.40}`") from None


def saved(case: Case, claim: str, claimed: float, measured: float, theorem_file: str, packages: Any) -> SavedCase:
    """A case with what was found on it, under this version."""
    return SavedCase(case, claim, claimed, measured, theorem_file, __version__, packages)
