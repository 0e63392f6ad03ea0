"""What a theorem admits and what breaks it, found out from its own assumptions: no theorem is named here.

Every kind of generator is probed: a few examples are drawn and the theorem's `decide` functions say which assumptions
hold. A kind on which all may hold is admissible; one on which an assumption fails, and as few others as on any kind,
violates that assumption. A new theorem therefore has its strategies without an edit, and so has a new family.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from hypothesis import strategies as st

from certify.errors import CertifyError
from certify.generators.graph import Generator
from certify.generators.specification import families, load_generator
from certify.proof.theorem import Theorem
from certify.strategies.families import MOST_DIMENSIONS, MOST_WEIGHTS, family_generators
from certify.strategies.networks import (
    affine_generators,
    coupling_generators,
    monotone_generators,
    residual_generators,
    wave_generators,
)
from certify.strategies.probing import METHODS, decided, failing, probes
from certify.strategies.violations import VIOLATIONS

PROBES, PROBE_SEED = 3, 1
PROBE_EFFORT = 300.0
"""Units of work for the constants of a probe: whether m > 0 is certified, not how sharply."""
PROBE_METHODS = tuple(name for name in METHODS if name != "chain rule")
"""The chain rule sharpens M2 and M3, on which no assumption hangs, and takes longer than the others together."""

NETWORKS: Mapping[str, Callable[[], st.SearchStrategy[Generator]]] = {
    "affine": affine_generators,
    "residual": residual_generators,
    "monotone": monotone_generators,
    "coupling": coupling_generators,
    "wave": wave_generators,
}
FAMILY, EXAMPLES = "family ", "examples"


@dataclass(frozen=True)
class Kinds:
    """Kinds of generators for one theorem: where it holds, and by label those that violate an assumption.

    An assumption counts as violated where it is refuted and where it cannot be established. `failing_together` has,
    for each of those labels, the assumptions that fail along with it: where one hypothesis implies another (n = d and
    bijectivity), no generator violates exactly one.
    """

    admissible: tuple[str, ...]
    violating: Mapping[str, tuple[str, ...]]
    failing_together: Mapping[str, frozenset[str]]


def kinds_of(theorem: Theorem) -> Kinds:
    """The kinds of generators that a theorem admits, and those that violate one of its assumptions.

    There are none of either for a theorem about constants alone. What was found for a theorem is remembered.
    """
    return _kinds(_Same(theorem))


class _Same:
    """A theorem that is looked up as the object it is: one that was read again is probed again."""

    def __init__(self, theorem: Theorem) -> None:
        self.theorem = theorem

    def __hash__(self) -> int:
        return id(self.theorem)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.theorem is self.theorem


@lru_cache(maxsize=32)
def _kinds(key: _Same) -> Kinds:
    theorem = key.theorem
    if theorem.points:
        return Kinds((), {}, {})
    admissible: list[str] = []
    failures: dict[str, list[frozenset[str]]] = {}
    for name in (*NETWORKS, *(FAMILY + family for family in families()), EXAMPLES, *VIOLATIONS):
        for generator in _probed(theorem, name):
            records = decided(theorem, generator, PROBE_EFFORT, PROBE_METHODS)
            if not failing(records):
                admissible += [name] if name not in admissible else []
            else:
                failures.setdefault(name, []).append(failing(records))
    violating: dict[str, tuple[str, ...]] = {}
    together: dict[str, frozenset[str]] = {}
    for assumption in theorem.assumptions:
        label = assumption.label
        sets = {name: min((s for s in found if label in s), key=len, default=None) for name, found in failures.items()}
        hits = {name: labels for name, labels in sets.items() if labels is not None}
        if hits:
            fewest = min(hits.values(), key=lambda labels: (len(labels), sorted(labels)))
            together[label] = fewest
            violating[label] = tuple(name for name, labels in hits.items() if len(labels) == len(fewest))
    return Kinds(tuple(admissible), violating, together)


def admissible_generators(theorem: Theorem, kinds: Kinds | None = None) -> st.SearchStrategy[Generator]:
    """Generators on which no assumption of the theorem fails."""
    names = (kinds or kinds_of(theorem)).admissible
    if not names:
        return st.nothing()
    return (
        st.sampled_from(names)
        .flatmap(lambda name: strategy(theorem, name))
        .filter(lambda generator: not failing(decided(theorem, generator)))
    )


def violating_generators(theorem: Theorem, label: str, kinds: Kinds | None = None) -> st.SearchStrategy[Generator]:
    """Generators on which the assumption `label` fails, and with it only what fails whenever it does."""
    found = kinds or kinds_of(theorem)
    if label not in found.violating:
        return st.nothing()
    allowed = len(found.failing_together[label])

    def violates(generator: Generator) -> bool:
        labels = failing(decided(theorem, generator))
        return label in labels and len(labels) <= allowed

    names = found.violating[label]
    return st.sampled_from(names).flatmap(lambda name: strategy(theorem, name)).filter(violates)


def strategy(theorem: Theorem, name: str) -> st.SearchStrategy[Generator]:
    """The strategy of a kind by name; KeyError for an unknown one."""
    return _strategy(name, theorem.examples)


def _strategy(name: str, examples: tuple[str, ...]) -> st.SearchStrategy[Generator]:
    if name == EXAMPLES:
        small = _examples(examples)
        return st.sampled_from(small) if small else st.nothing()
    if name.startswith(FAMILY):
        return family_generators(name.removeprefix(FAMILY))
    return NETWORKS[name]() if name in NETWORKS else VIOLATIONS[name]()


def _probed(theorem: Theorem, name: str) -> tuple[Generator, ...]:
    # All theorems are probed with the same draws: they are made once.
    return _drawn(name, theorem.examples if name == EXAMPLES else ())


@lru_cache(maxsize=256)
def _drawn(name: str, examples: tuple[str, ...]) -> tuple[Generator, ...]:
    return tuple(probes(_strategy(name, examples), PROBES, PROBE_SEED))


@lru_cache(maxsize=32)
def _examples(specifications: tuple[str, ...]) -> tuple[Generator, ...]:
    found = []
    for specification in specifications:
        try:
            generator = load_generator(specification)
        except CertifyError:
            continue
        if generator.parameters <= MOST_WEIGHTS and generator.latent_dim <= MOST_DIMENSIONS:
            found.append(generator)
    return tuple(found)
