"""What a referee must read of a theorem: definitions, claims with their domains, algebra, and the leaves under it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy as sp

from certify.discovery.registry import algebra_of, leaves
from certify.mechanization.step_proofs import step_proofs
from certify.proof.theorem import Theorem
from certify.prover.algebra import Leaf, relation_text
from certify.prover.proof_records import StepProof
from certify.report.labels import printed_uses, step_labels
from certify.report.table import Cell, Document, Table, columns, label_cell, text_cell
from certify.symbolic.evaluation import latex
from certify.verdict import Verdict


def formulas_dict(theorem: Theorem) -> dict[str, Any]:
    """Definitions, claims, algebra and leaves as plain data."""
    proofs = step_proofs(theorem)
    return {
        "definitions": [
            {"name": item.name, "formula": str(item.definition), "domain": item.domain, "meaning": item.meaning}
            for item in theorem.definitions
        ],
        "claims": [
            {"step": step.label, "name": claim.name, "claim": claim.text, "uses": list(step.uses)}
            for step in theorem.steps
            for claim in step.claims
        ],
        "algebra": {label: proof.to_dict() for label, proof in proofs.items()},
        "leaves": [vars(leaf) for leaf in leaves_of(theorem)],
    }


def formulas_document(theorem: Theorem) -> Document:
    """The same as tables, for every format."""
    proofs = step_proofs(theorem)
    tables = (_definitions(theorem), _claims(theorem), _algebra(theorem, proofs), _leaves(theorem))
    return Document(tuple(table for table in tables if table.rows))


def leaves_of(theorem: Theorem) -> tuple[Leaf, ...]:
    """The leaves that the theorem's algebra rests on, in the order of the steps, each once."""
    known = leaves()
    used = (name for claims in algebra_of(theorem).values() for claim in claims for name in claim.leaves)
    return tuple(known[name] for name in dict.fromkeys(used) if name in known)


def _definitions(theorem: Theorem) -> Table:
    rows = tuple(
        (
            label_cell(item.name, item.tex),
            text_cell(str(item.definition), latex(item.definition, theorem.tex)),
            text_cell(item.domain, item.domain_latex(theorem.tex)),
            text_cell(item.meaning),
        )
        for item in theorem.definitions
        if item.definition is not None
    )
    return Table("definitions", "Definitions", columns(("name", "formula", "domain", "meaning")), rows)


def _claims(theorem: Theorem) -> Table:
    printed, uses = step_labels(theorem), printed_uses(theorem)
    rows = tuple(
        (
            label_cell(printed[step.label]),
            text_cell(claim.name),
            text_cell(claim.relation_text, claim.latex(theorem.tex)),
            text_cell(claim.domain),
            text_cell(uses[step.label]),
        )
        for step in theorem.steps
        for claim in step.claims
    )
    return Table("formulas", "Claims", columns(("step", "name", "claim", "for", "uses")), rows)


def _algebra(theorem: Theorem, proofs: dict[str, StepProof]) -> Table:
    printed = step_labels(theorem)
    rows = tuple(
        (
            label_cell(printed.get(label, label)),
            text_cell(claim.name),
            _relations((claim.conclusion,), theorem),
            _relations(claim.premises, theorem),
            text_cell(", ".join(claim.leaves) or "none"),
            text_cell(f"{found.verdict}: {found.method}" if found.verdict is Verdict.PROVED else str(found.verdict)),
        )
        for label, claims in algebra_of(theorem).items()
        for claim, found in zip(claims, proofs[label].claims, strict=True)
    )
    notes = ("for all values of the symbols in their domains; leaves are assumed, the rest is proved",)
    headings = ("step", "name", "conclusion", "premises", "leaves", "proof")
    return Table("algebra", "Algebra", columns(headings), rows, notes)


def _relations(relations: Sequence[sp.Basic | str], theorem: Theorem) -> Cell:
    """Relations in plain characters and in TeX; those that are text stay text."""
    if not relations:
        return text_cell("none")
    texts = [item if isinstance(item, str) else relation_text(item) for item in relations]
    formulas = [item for item in relations if not isinstance(item, str)]
    tex = (
        r";\ \allowbreak ".join(latex(item, theorem.tex) for item in formulas)
        if len(formulas) == len(relations)
        else None
    )
    return text_cell("; ".join(texts), tex)


def _leaves(theorem: Theorem) -> Table:
    rows = tuple(
        (label_cell(leaf.label), text_cell(leaf.statement), text_cell(leaf.source)) for leaf in leaves_of(theorem)
    )
    return Table("leaves", "Taken from the literature", columns(("leaf", "statement", "source")), rows)
