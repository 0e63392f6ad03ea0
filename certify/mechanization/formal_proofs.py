"""The algebra of theorems in Coq: files in a folder, the kernel's check of them, and what it makes of the evidence."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Self

from certify.atomic import write_text_atomically
from certify.codec import Readable
from certify.discovery.registry import algebra_of, recorded_proofs
from certify.errors import InputError
from certify.formal import coqc
from certify.formal.agreement import require_agreement
from certify.formal.development import Development, Request, digest, formalised
from certify.formal.lemmas import LIBRARY, library_text
from certify.mechanization.step_proofs import claim_proof, is_about
from certify.progress import Progress, SilentProgress
from certify.proof.theorem import Theorem
from certify.prover.algebra import AlgebraicClaim
from certify.verdict import Verdict

CACHE = "verified.json"
"""In the folder of the files: what Coq said of them, by their digest and Coq's version."""


@dataclass(frozen=True)
class FormalRecord(Readable):
    """One theorem's file: how many claims it has, how many Coq accepted (None: not asked), and those left out."""

    theorem: str
    path: Path
    claims: int
    stated: int
    verified: int | None
    seconds: float | None = field(compare=False)
    left_out: tuple[tuple[str, str], ...]

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "theorem": self.theorem,
            "file": str(self.path),
            "claims": self.claims,
            "stated": self.stated,
            "verified": self.verified,
            "seconds": None if self.seconds is None else round(self.seconds, 2),
            "not_formalised": [{"claim": name, "reason": reason} for name, reason in self.left_out],
        }

    @classmethod
    def _read(cls, document: Mapping[str, Any]) -> Self:
        given = {key: value for key, value in document.items() if key not in ("file", "not_formalised")}
        left_out = [[item["claim"], item["reason"]] for item in document["not_formalised"]]
        return cls._of_fields({**given, "path": document["file"], "left_out": left_out})


@dataclass(frozen=True)
class FormalResult(Readable):
    """What was written, and what Coq said: its version, the axioms, and `reason` where it was not run."""

    NAMES: ClassVar[Mapping[str, str]] = {"records": "theorems"}

    records: tuple[FormalRecord, ...]
    coq: str | None
    axioms: tuple[str, ...] | None
    reason: str = ""

    @property
    def unknown_axioms(self) -> tuple[str, ...]:
        """Axioms beyond those of the reals and the interval library."""
        return tuple(item for item in self.axioms or () if item not in coqc.AXIOMS)

    @property
    def verdict(self) -> Verdict:
        """Proved where Coq accepted every claim on the allowed axioms, else inconclusive."""
        accepted = all(item.verified == item.claims for item in self.records)
        return Verdict.PROVED if accepted and not self.unknown_axioms else Verdict.INCONCLUSIVE

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "schema": 1,
            "verdict": str(self.verdict),
            "coq": self.coq,
            "axioms": None if self.axioms is None else list(self.axioms),
            "reason": self.reason,
            "theorems": [item.to_dict() for item in self.records],
        }


def development_of(theorem: Theorem, progress: Progress | None = None) -> Development:
    """The Coq file of a theorem's algebra.

    Every statement is read back and compared with its claim at random points. A theorem without algebra has no file.

    Raises:
        InputError: for a theorem without algebra.
    """
    algebra = algebra_of(theorem)
    if not algebra:
        raise InputError(f"theorem `{theorem.id}` states no algebra; give it one in `algebra.py` to formalise it")
    recorded = recorded_proofs()
    requests = [request_of(label, claim, recorded) for label, claims in algebra.items() for claim in claims]
    return _development(theorem.id, requests, progress or SilentProgress())


def request_of(label: str, claim: AlgebraicClaim, recorded: Mapping[str, Any]) -> Request:
    """What the formal room needs of a claim: its relations, and the lemmas that its proof names."""
    method = claim_proof(claim, recorded).method.partition(", checked by Coq")[0]
    lemmas = tuple(method.partition(" with ")[2].split("; ")) if " with " in method else ()
    entry = recorded.get(claim.digest, {}).get("kernel", {})
    refused = str(entry.get("refused", "")) if is_about(claim, entry) else ""
    return Request(label, claim.name, claim.conclusion, claim.premises, lemmas, refused)


def formalize(
    theorems: Sequence[Theorem], folder: str | Path, verify: bool = False, progress: Progress | None = None
) -> FormalResult:
    """Write one .v file per theorem and CertifyLemmas.v into `folder`; with `verify` let Coq check them.

    Guarantee: a claim counts as verified only if Coq's kernel accepted it in the file as it lies there, and the file
    rests on no axiom outside `certify.formal.coqc.AXIOMS`.
    """
    watched = progress or SilentProgress()
    developments = [development_of(theorem, watched) for theorem in theorems]
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    write_text_atomically(place / f"{LIBRARY}.v", library_text())
    for item in developments:
        write_text_atomically(place / f"{item.module}.v", item.text)
    version = coqc.coq_version() if verify else None
    if not verify or version is None:
        reason = f"not run: coqc is not installed; {coqc.INSTALLATION}" if verify else "not asked for"
        return FormalResult(tuple(_record(item, place, None) for item in developments), None, None, reason)
    try:
        return _verified(developments, place, version, watched)
    except coqc.NotRunError as error:
        return FormalResult(
            tuple(_record(item, place, None) for item in developments), version, None, f"not run: {error}"
        )


def kernel_entries(claims: Iterable[AlgebraicClaim], folder: Path, recorded: Mapping[str, Any]) -> dict[str, Any]:
    """By the claim's digest what the record keeps of Coq's word: its version, the statement's digest, and `refused`.

    Raises:
        NotRunError: where Coq is not installed, or an axiom is not allowed.
    """
    version = coqc.coq_version()
    if version is None:
        raise coqc.NotRunError(f"coqc is not installed; {coqc.INSTALLATION}")
    known = {claim.digest: claim for claim in claims}
    requests = [replace(request_of(key, claim, recorded), refused="") for key, claim in known.items()]
    development = _development("every claim", requests, SilentProgress())
    coqc.compile_library(folder)
    checked = coqc.check(development, folder)
    found = coqc.axioms([checked.development], folder)
    if not set(found) <= coqc.AXIOMS:
        raise coqc.NotRunError(f"axioms that are not allowed: {', '.join(sorted(set(found) - coqc.AXIOMS))}")
    return {
        claim.request.label: {"coq": version, "statement": claim.statement.digest}
        | ({"refused": claim.reason} if claim.reason else {})
        for claim in checked.development.claims
        if claim.statement is not None
    }


def _development(name: str, requests: Sequence[Request], progress: Progress) -> Development:
    progress.start(f"{name} in Coq", len(requests))
    found = formalised(name, requests, progress.advance)
    for claim in found.proved:
        if claim.statement is not None:
            require_agreement(claim.statement, claim.request.title)
    progress.finish()
    return found


def _verified(developments: Sequence[Development], place: Path, version: str, progress: Progress) -> FormalResult:
    cache = _cache(place)
    found: list[tuple[Development, float]] = []
    progress.start("coqc", len(developments) + 1)
    for item in developments:
        key = f"{version} {digest(item.text)}"
        kept = cache.get(key)
        made = place / f"{item.module}.vo"
        if kept is not None and not kept["refused"] and made.is_file():
            found.append((item, kept["seconds"]))
        else:
            coqc.compile_library(place)
            checked = coqc.check(item, place)
            refused = {claim.theorem for claim in item.proved} - {claim.theorem for claim in checked.development.proved}
            cache[key] = {"seconds": checked.seconds, "refused": sorted(refused)}
            found.append((checked.development, checked.seconds))
        progress.advance()
    whole = f"{version} axioms {digest(''.join(item.text for item, _ in found))}"
    if whole not in cache:
        coqc.compile_library(place)
        cache[whole] = {"axioms": list(coqc.axioms([item for item, _ in found], place))}
    progress.finish()
    write_text_atomically(place / CACHE, json.dumps(cache, indent=1, sort_keys=True) + "\n")
    records = tuple(_record(item, place, seconds) for item, seconds in found)
    return FormalResult(records, version, tuple(cache[whole]["axioms"]))


def _record(item: Development, place: Path, seconds: float | None) -> FormalRecord:
    left_out = tuple((claim.request.title, claim.reason) for claim in item.claims if claim.reason)
    stated = sum(claim.statement is not None for claim in item.claims)
    verified = None if seconds is None else len(item.proved)
    return FormalRecord(item.name, place / f"{item.module}.v", len(item.claims), stated, verified, seconds, left_out)


def _cache(place: Path) -> dict[str, Any]:
    try:
        found = json.loads((place / CACHE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
