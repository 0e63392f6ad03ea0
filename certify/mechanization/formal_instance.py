"""A theorem's bound at a user's constants in Coq: the choices that were found, and what they give, as inequalities."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, ClassVar

import sympy as sp

from certify.atomic import write_text_atomically
from certify.codec import Readable
from certify.errors import InputError
from certify.formal import coqc
from certify.formal.agreement import require_closed_agreement
from certify.formal.closed import ClosedFile, closed_file
from certify.formal.lemmas import LIBRARY, library_text
from certify.formal.names import identifier
from certify.proof.conclusion import DEFAULT_DEVIATION
from certify.proof.optimiser import shortest
from certify.proof.theorem import Theorem
from certify.verdict import Evidence, Verdict


@dataclass(frozen=True)
class InstanceResult(Readable):
    """The file of one instance: what it states, which leaves it assumes, what Coq said (seconds None: not asked)."""

    NAMES: ClassVar[Mapping[str, str]] = {"path": "file"}

    theorem: str
    path: Path
    stated: tuple[str, ...]
    leaves: tuple[str, ...]
    seconds: float | None = field(compare=False)
    reason: str
    axioms: tuple[str, ...] | None = None

    @property
    def unknown_axioms(self) -> tuple[str, ...]:
        """Axioms beyond those of the reals and of the integers on which `interval` computes."""
        return tuple(
            item for item in self.axioms or () if item not in coqc.AXIOMS and not item.startswith(coqc.PRIMITIVES)
        )

    @property
    def verdict(self) -> Verdict:
        """Proved where Coq accepted the file on allowed axioms."""
        return Verdict.INCONCLUSIVE if self.seconds is None or self.unknown_axioms else Verdict.PROVED

    @property
    def evidence(self) -> Evidence | None:
        """As strong as the weakest part: the brackets that the file assumes were each enclosed in balls."""
        if self.verdict is not Verdict.PROVED:
            return None
        return Evidence.RIGOROUS if self.leaves else Evidence.KERNEL

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "schema": 1,
            "verdict": str(self.verdict),
            "evidence": None if self.evidence is None else str(self.evidence),
            "theorem": self.theorem,
            "file": str(self.path),
            "stated": list(self.stated),
            "leaves": list(self.leaves),
            "seconds": None if self.seconds is None else round(self.seconds, 2),
            "reason": self.reason,
            "axioms": None if self.axioms is None else list(self.axioms),
        }


def instance_file(theorem: Theorem, constants: Mapping[str, Fraction], beta: Fraction, epsilon: Fraction) -> ClosedFile:
    """Side conditions and bound at the shortest certified choices, every closed form bracketed.

    Raises:
        InputError: where no choices were found at these constants.
        NotFormalisedError: for a closed form that has no bracket in Coq.
    """
    inputs = {**constants, "epsilon": epsilon, "t_x": Fraction(DEFAULT_DEVIATION), "beta": beta}
    inputs.setdefault("n", constants["d"])
    certificate = shortest(theorem, inputs)
    if certificate is None:
        raise InputError(f"no choices were found for `{theorem.id}` at beta = {beta}; try a smaller `--beta`")
    conclusion = theorem.conclusion
    claims = [(f"condition {i}", item.left, item.right, item.strict) for i, item in enumerate(conclusion.conditions)]
    claims.append(("bound", conclusion.distance, sp.Symbol("epsilon", real=True), False))
    definitions = [(item.name, item.definition) for item in theorem.definitions if item.definition is not None]
    numbers = ", ".join(f"{name} = {value}" for name, value in inputs.items())
    return closed_file(f"{theorem.id} at {numbers}", {**inputs, **certificate.choices}, definitions, claims)


def formalize_instance(
    theorem: Theorem,
    constants: Mapping[str, Fraction],
    beta: Fraction,
    epsilon: Fraction,
    folder: str | Path,
    verify: bool = False,
) -> InstanceResult:
    """Write the instance's file into `folder`; with `verify` let Coq check it.

    Raises:
        InputError, NotFormalisedError: see `instance_file`.
    """
    made = instance_file(theorem, constants, beta, epsilon)
    require_closed_agreement(made)
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    path = place / f"{identifier(theorem.id)}_instance.v"
    write_text_atomically(place / f"{LIBRARY}.v", library_text())
    write_text_atomically(path, made.text)
    leaves = tuple(f"{leaf.name} = {leaf.meaning}" for leaf in made.leaves)
    seconds, reason, axioms = None, "not asked for", None
    if verify:
        seconds, reason, axioms = _verified(path, made.theorems)
    return InstanceResult(theorem.id, path, tuple(made.theorems), leaves, seconds, reason, axioms)


def _verified(path: Path, theorems: Sequence[str]) -> tuple[float | None, str, tuple[str, ...] | None]:
    if coqc.coq_version() is None:
        return None, f"not run: coqc is not installed; {coqc.INSTALLATION}", None
    try:
        coqc.compile_library(path.parent)
        start = time.perf_counter()
        coqc.compile_file(path)
        seconds = time.perf_counter() - start
        return seconds, "", coqc.axioms_of({path.stem: theorems}, path.parent)
    except coqc.NotRunError as error:
        return None, f"not run: {error}", None
