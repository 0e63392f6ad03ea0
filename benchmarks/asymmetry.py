"""Permutations of 4 bits that are cheaper than their inverses, with kept refutations.

python -m benchmarks.asymmetry                                        lists, solves, checks; writes table and proofs
python -m benchmarks.asymmetry --check [--drat-trim PROGRAM]          reads what is kept and believes none of it

Two engines that share nothing: the list of all chains of at most 5 gates (`certify/circuits/asymmetry.py`), and SAT,
whose refutation of every smaller size is kept, compressed. The check lists again, builds every formula again, evaluates
every chain again, and gives each proof to `certify.circuits.drat` and, where it is found, to drat-trim (M. Heule's
checker of DRAT proofs). Both must refuse three mutants of every proof: the empty clause at once, its first step
alone, and the whole proof held against the formula of the least size, which has a solution.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import lzma
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from certify.atomic import write_bytes_atomically, write_text_atomically
from certify.circuits.asymmetry import (
    BITS,
    Listing,
    asymmetric,
    classes,
    images,
    list_permutations,
    permutation_key,
)
from certify.circuits.drat import check_refutation
from certify.circuits.exact_synthesis import Chain, Clause, Gate, formula_of_size, least_conceivable, minimal_chain
from certify.circuits.permutation_classes import inverse, truth_tables
from certify.errors import InputError

GATES = 5
NAMED = (
    (0, 14, 5, 11, 2, 10, 7, 15, 1, 9, 4, 12, 3, 13, 6, 8),
    (0, 3, 4, 7, 2, 1, 12, 15, 11, 8, 5, 6, 9, 10, 13, 14),
)
"""Two of the class of 96 that are solved by themselves."""
DATA = "asymmetry.json"


def solved(permutation: Sequence[int], folder: Path) -> dict[str, Any]:
    """Least chain of the permutation, and a kept refutation of every smaller size that counting does not exclude."""
    start = time.perf_counter()
    found = minimal_chain(BITS, truth_tables(permutation))
    assert found.chain is not None
    name = "".join(f"{image:x}" for image in permutation)
    refuted = []
    for item in found.refutations:
        proof = ("\n".join(item.proof) + "\n").encode()
        file = f"{name}_not_{item.gates}.drat.xz"
        write_bytes_atomically(folder / file, lzma.compress(proof, preset=9))
        sums = {"formula_sha256": digest(dimacs(item.variables, item.clauses)), "proof_sha256": digest(proof)}
        refuted.append({"gates": item.gates, "file": file, "steps": len(item.proof), **sums})
    return {
        "permutation": list(permutation),
        "size": len(found.chain.gates),
        "gates": [[gate.first, gate.second, gate.table] for gate in found.chain.gates],
        "outputs": list(found.chain.outputs),
        "negated": list(found.chain.negated),
        "refuted": refuted,
        "seconds": round(time.perf_counter() - start, 1),
    }


def computed(folder: Path) -> dict[str, Any]:
    """Everything that is kept, found anew; proofs are written into `folder`."""
    start = time.perf_counter()
    listing = list_permutations(GATES)
    keys = asymmetric(listing)
    seconds = round(time.perf_counter() - start, 1)
    cases = [(images(key), members) for key, members in sorted(classes(keys).items())]
    pairs = []
    for permutation, members in [*cases, *((named, 0) for named in NAMED)]:
        sides = {"forward": solved(permutation, folder), "inverse": solved(inverse(permutation), folder)}
        pairs.append({"members": members, **sides})
        print(f"{permutation}: {sides['forward']['size']} and {sides['inverse']['size']} gates", flush=True)
    return {"schema": 1, "counts": list(listing.counts()), "asymmetric": len(keys), "seconds": seconds, "pairs": pairs}


def complaints(kept: dict[str, Any], folder: Path, program: str | None, listing: Listing) -> Iterator[str]:
    """What the kept data gets wrong, line by line; nothing where all of it was confirmed. `listing`: of `GATES`."""
    keys = asymmetric(listing)
    if kept["counts"] != list(listing.counts()) or kept["asymmetric"] != len(keys):
        yield f"listing gives {listing.counts()} and {len(keys)} asymmetric ones, not what is kept"
    found = classes(keys)
    of = {next(iter(classes([permutation_key(pair["forward"]["permutation"])]))): pair for pair in kept["pairs"][::-1]}
    if {key: pair["members"] for key, pair in of.items()} != found:
        yield "the classes are not those of the listing"
    for pair in kept["pairs"]:
        forward, backward = pair["forward"], pair["inverse"]
        if list(inverse(forward["permutation"])) != backward["permutation"]:
            yield f"{backward['permutation']} is not the inverse of {forward['permutation']}"
        if listing.size(permutation_key(forward["permutation"])) != forward["size"]:
            yield f"{forward['permutation']} is listed with another size"
        for side in (forward, backward):
            yield from side_complaints(side, folder, program)


def side_complaints(side: dict[str, Any], folder: Path, program: str | None) -> Iterator[str]:
    """The chain evaluated, and every smaller size refuted by proofs that both checkers accept, their mutants not."""
    permutation, targets = side["permutation"], truth_tables(side["permutation"])
    gates = tuple(Gate(*gate) for gate in side["gates"])
    try:
        chain = Chain(BITS, gates, tuple(side["outputs"]), tuple(side["negated"]))
        if chain.truth_tables() != targets or len(gates) != side["size"]:
            yield f"{permutation}: the chain computes something else"
    except InputError as error:
        yield f"{permutation}: {error}"
    if [item["gates"] for item in side["refuted"]] != list(range(least_conceivable(BITS, targets), side["size"])):
        yield f"{permutation}: a smaller size is not refuted"
    for item in side["refuted"]:
        where = f"{permutation}, {item['gates']} gates"
        variables, clauses = formula_of_size(BITS, targets, item["gates"])
        formula = dimacs(variables, clauses)
        proof = lzma.decompress((folder / item["file"]).read_bytes())
        if (digest(formula), digest(proof)) != (item["formula_sha256"], item["proof_sha256"]):
            yield f"{where}: formula or proof has another checksum"
        lines = proof.decode().splitlines()
        answer = check_refutation(clauses, lines)
        if not answer.accepted:
            yield f"{where}: {answer.reason}"
        if program and not verified(program, formula, proof):
            yield f"{where}: drat-trim does not accept the proof"
        satisfiable = formula_of_size(BITS, targets, side["size"])
        mutants = {
            "the empty clause": (variables, clauses, ["0"]),
            "the proof's first step alone": (variables, clauses, lines[:1]),
            "the proof for a satisfiable formula": (*satisfiable, lines),
        }
        for name, (count, given, mutant) in mutants.items():
            if check_refutation(given, mutant).accepted:
                yield f"{where}: {name} was accepted"
            if program and verified(program, dimacs(count, given), "\n".join((*mutant, "")).encode()):
                yield f"{where}: drat-trim accepts {name}"


def verified(program: str, formula: bytes, proof: bytes) -> bool:
    """Whether drat-trim says `s VERIFIED`."""
    with tempfile.TemporaryDirectory() as name:
        (cnf := Path(name, "f.cnf")).write_bytes(formula)
        (drat := Path(name, "p.drat")).write_bytes(proof)
        # -I: the proof is text; without it the program guesses from the first bytes.
        answer = subprocess.run([program, str(cnf), str(drat), "-I"], capture_output=True, text=True, check=False)
    return "s VERIFIED" in answer.stdout.splitlines()


def dimacs(variables: int, clauses: Sequence[Clause]) -> bytes:
    """The formula as DIMACS text."""
    rows = "".join(" ".join(map(str, (*clause, 0))) + "\n" for clause in clauses)
    return f"p cnf {variables} {len(clauses)}\n{rows}".encode()


def digest(content: bytes) -> str:
    """SHA-256 in hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def table(kept: dict[str, Any]) -> str:
    """The gap table."""
    lines = ["# Permutations of 4 bits that are cheaper than their inverses", ""]
    lines += ["Up to the order and negation of outputs, by two-input gates (negation free), all chains listed:", ""]
    lines += [f"| gates | {' | '.join(map(str, range(len(kept['counts']))))} |"]
    lines += ["| --- " * (len(kept["counts"]) + 1) + "|"]
    lines += [f"| permutations | {' | '.join(map(str, kept['counts']))} |", ""]
    lines += [f"{kept['asymmetric']} of them have an inverse of more than {GATES} gates, all with {GATES} gates"]
    lines[-1] += f" (listed in {kept['seconds']} s)."
    lines += ["Members: how many of these a row stands for up to the order and negation of inputs too; 0 for two named"]
    lines += ["members of a class above. Refuted: sizes of the inverse; fewer gates have too few functions.", ""]
    headings = ("permutation", "members", "gates", "inverse", "gap", "refuted", "proof steps", "proofs (sha256)", "s")
    lines += ["| " + " | ".join(headings) + " |", "| --- " * len(headings) + "|"]
    for pair in kept["pairs"]:
        forward, backward = pair["forward"], pair["inverse"]
        refuted = backward["refuted"]
        cells = [
            " ".join(map(str, forward["permutation"])), pair["members"], forward["size"], backward["size"],
            backward["size"] - forward["size"], ", ".join(str(item["gates"]) for item in refuted),
            ", ".join(str(item["steps"]) for item in refuted),
            ", ".join(f"`{item['proof_sha256'][:12]}`" for item in refuted),
            round(forward["seconds"] + backward["seconds"], 1),
        ]  # fmt: skip
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Compute and write, or check what is kept: 0 where all of it is confirmed, 1 otherwise."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--drat-trim", default="drat-trim")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    arguments = parser.parse_args()
    proofs = arguments.out / "asymmetry"
    program = shutil.which(arguments.drat_trim)
    if not arguments.check:
        proofs.mkdir(parents=True, exist_ok=True)
        kept = computed(proofs)
        write_text_atomically(proofs / DATA, json.dumps(kept) + "\n")
        write_text_atomically(arguments.out / "asymmetry.md", table(kept))
    kept = json.loads((proofs / DATA).read_text())
    if arguments.check and table(kept) != (arguments.out / "asymmetry.md").read_text():
        print("asymmetry.md is not the table of the data")
        return 1
    wrong = list(complaints(kept, proofs, program, list_permutations(GATES)))
    count = sum(len(side["refuted"]) for pair in kept["pairs"] for side in (pair["forward"], pair["inverse"]))
    checkers = "certify.circuits.drat" + (" and drat-trim" if program else " (drat-trim was not found)")
    print("\n".join(wrong) or f"confirmed: {kept['asymmetric']} asymmetric permutations, {count} proofs by {checkers}")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
