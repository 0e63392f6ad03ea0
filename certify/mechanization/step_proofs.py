"""The proofs of a theorem's algebra: from the committed record where it has them, by the prover where it has not."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from certify.atomic import write_text_atomically
from certify.discovery.registry import algebra_of, leaves, recorded_proofs, theorems
from certify.formal.expressions import NotFormalisedError
from certify.formal.statement import statement_of
from certify.proof.theorem import Theorem
from certify.prover.algebra import AlgebraicClaim
from certify.prover.proof import Proof
from certify.prover.proof_records import ClaimProof, StepProof
from certify.prover.prove import METHOD_VERSION
from certify.verdict import Evidence, Verdict


def step_proofs(theorem: Theorem) -> dict[str, StepProof]:
    """What is proved of each step's algebra, by the step's label; a step without algebra has no entry."""
    recorded = recorded_proofs()
    return {
        label: StepProof(tuple(claim_proof(claim, recorded) for claim in claims))
        for label, claims in algebra_of(theorem).items()
    }


def claim_proof(claim: AlgebraicClaim, recorded: Mapping[str, Any]) -> ClaimProof:
    """The recorded proof of this very claim by this version of the prover, or a new one."""
    entry = recorded.get(claim.digest)
    if entry is None or entry["prover"] != METHOD_VERSION or entry["premises"] not in _premises(claim):
        entry = proof_entry(claim)
    evidence = None if entry["evidence"] is None else Evidence(entry["evidence"])
    method = entry["method"]
    if is_kernel_checked(claim, entry):
        evidence, method = Evidence.KERNEL, f"{method}, checked by Coq {entry['kernel']['coq']}"
    return ClaimProof(claim.name, Verdict(entry["verdict"]), evidence, method, claim.leaves)


def _premises(claim: AlgebraicClaim) -> tuple[list[str], list[str]]:
    """What a proof of the claim may rest on: its premises, and with them the ends of its symbols' domains.

    The digest has the domains' signs and not their ends.
    """
    plain = [str(item) for item in claim.premises]
    return plain, [*plain, *(str(item) for item in claim.ends)]


def is_kernel_checked(claim: AlgebraicClaim, entry: Mapping[str, Any]) -> bool:
    """Whether the record says that Coq accepted the statement that this claim has now."""
    kernel = entry.get("kernel")
    if not isinstance(kernel, Mapping) or entry["verdict"] != Verdict.PROVED or "refused" in kernel:
        return False
    return is_about(claim, kernel)


def is_about(claim: AlgebraicClaim, kernel: Mapping[str, Any]) -> bool:
    """Whether an entry about a Coq statement is about the one that this claim has now."""
    digest = _statement_digest(claim)
    return digest is not None and bool(digest == kernel.get("statement"))


@lru_cache(maxsize=1024)
def _statement_digest(claim: AlgebraicClaim) -> str | None:
    try:
        return statement_of(claim.conclusion, claim.premises).digest
    except NotFormalisedError:
        return None


def proof_entry(claim: AlgebraicClaim) -> dict[str, Any]:
    """What the record keeps of a claim: its text, verdict, evidence, method, and the prover's version."""
    found = claim.prove()
    return {
        "claim": found.claim,
        "premises": list(found.assumptions),
        "verdict": str(found.verdict),
        "evidence": None if found.evidence is None else str(found.evidence),
        "method": _how(found),
        "prover": METHOD_VERSION,
    }


def _how(found: Proof) -> str:
    """How it was decided, with the counterexample; why it was not."""
    if found.witness is not None:
        return f"{found.method}: {found.counterexample}"
    return found.method if found.verdict is Verdict.PROVED else found.reason or found.method


def every_claim() -> dict[str, AlgebraicClaim]:
    """The algebraic claims of every discovered theorem, by digest, each once."""
    return {
        claim.digest: claim
        for theorem in theorems().values()
        for claims in algebra_of(theorem).values()
        for claim in claims
    }


def write_proofs(path: str | Path, claims: Iterable[AlgebraicClaim], kernel: Mapping[str, Any]) -> None:
    """Prove every claim anew and write the record, with what Coq says of a claim by its digest."""
    proofs = {claim.digest: proof_entry(claim) for claim in claims}
    for digest, entry in proofs.items():
        if digest in kernel:
            entry["kernel"] = kernel[digest]
    document = {"prover": METHOD_VERSION, "proofs": dict(sorted(proofs.items()))}
    write_text_atomically(path, json.dumps(document, indent=1, sort_keys=True) + "\n")


def unknown_leaves(theorem: Theorem) -> tuple[str, ...]:
    """Labels that the theorem's claims use and the list of leaves does not have."""
    known = leaves()
    used = (leaf for claims in algebra_of(theorem).values() for claim in claims for leaf in claim.leaves)
    return tuple(sorted({leaf for leaf in used if leaf not in known}))
