"""Permutations of 4 bits that are cheaper than their inverses, beyond the gates whose refutations are kept.

python -m benchmarks.asymmetry_listed [--gates 6] [--resume DIR] [--seconds 600]    lists, finds chains; writes
python -m benchmarks.asymmetry_listed --check [--resume DIR]                        lists again, evaluates every chain

Every permutation of exactly `--gates` gates is listed, and of each class whose inverse is not in the list a chain of
the inverse is looked for by SAT, one gate more at a time: the list is what proves that fewer are not enough. What was
done is kept in the folder of `--resume`, task by task, and not done again.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from certify.atomic import write_text_atomically
from certify.circuits.asymmetry import BITS, Listing, asymmetric, classes, images, list_permutations, permutation_key
from certify.circuits.exact_synthesis import Chain, Gate
from certify.circuits.least_sizes import Size, least_sizes
from certify.circuits.permutation_classes import inverse, truth_tables
from certify.execution.door import Execution

LARGEST = 9


def computed(gates: int, execution: Execution) -> dict[str, Any]:
    """The counts by size, and the classes of `gates` gates with a dearer inverse, each with its two chains."""
    listing = list_permutations(gates, execution)
    keys = [key for key in asymmetric(listing) if listing.size(key) == gates]
    found = sorted(classes(keys).items())
    print(f"{listing.counts()}; {len(keys)} of {gates} gates with a dearer inverse, {len(found)} classes", flush=True)
    maps = [images(key) for key, _ in found]
    forward, backward = (
        _chains(permutations, least, execution)
        for permutations, least in ((maps, gates), ([inverse(item) for item in maps], gates + 1))
    )
    rows = [
        {"permutation": list(item), "members": members, "forward": ours, "inverse": theirs}
        for item, (_, members), ours, theirs in zip(maps, found, forward, backward, strict=True)
    ]
    return {"schema": 1, "counts": list(listing.counts()), "asymmetric": len(keys), "rows": rows}


def _chains(permutations: Sequence[Sequence[int]], least: int, execution: Execution) -> list[dict[str, Any]]:
    """A bracket of every size that is at least `least`, and a chain where one was found."""
    chains: dict[int, Chain] = {}
    problems = [(BITS, truth_tables(item)) for item in permutations]
    sizes = least_sizes(problems, execution, LARGEST, at_least=[least] * len(problems), found_chain=chains.__setitem__)
    return [
        {"lower": size.lower, "upper": size.upper, "chain": asdict(chains[place]) if place in chains else None}
        for place, size in enumerate(sizes)
    ]


def complaints(kept: dict[str, Any], listing: Listing) -> Iterator[str]:
    """What the kept data gets wrong, held against the list and its own chains."""
    gates = len(kept["counts"]) - 1
    keys = [key for key in asymmetric(listing) if listing.size(key) == gates]
    if kept["counts"] != list(listing.counts()) or kept["asymmetric"] != len(keys):
        yield f"the list gives {listing.counts()} and {len(keys)} asymmetric ones, not what is kept"
    if {permutation_key(row["permutation"]): row["members"] for row in kept["rows"]} != classes(keys):
        yield "the classes are not those of the list"
    yield from chain_complaints(kept)


def chain_complaints(kept: dict[str, Any]) -> Iterator[str]:
    """Chains that compute something else; a lower end above the list's is not believed, as its proof is not kept."""
    gates = len(kept["counts"]) - 1
    for row in kept["rows"]:
        sides = (("forward", row["permutation"], gates), ("inverse", inverse(row["permutation"]), gates + 1))
        for side, permutation, least in sides:
            if row[side]["lower"] != least:
                yield f"{row['permutation']}: the {side}'s lower end is not that of the list"
            if row[side]["chain"] is not None and not _computes(row[side], permutation):
                yield f"{row['permutation']}: the {side}'s chain computes something else"


def _computes(side: dict[str, Any], permutation: Sequence[int]) -> bool:
    chain, gates = side["chain"], tuple(Gate(**gate) for gate in side["chain"]["gates"])
    found = Chain(chain["inputs"], gates, tuple(chain["outputs"]), tuple(chain["negated"]))
    return len(gates) == side["upper"] and found.truth_tables() == truth_tables(permutation)


def table(kept: dict[str, Any]) -> str:
    """The table of classes."""
    counts, gates = kept["counts"], len(kept["counts"]) - 1
    lines = [f"# Permutations of 4 bits with {gates} gates that are cheaper than their inverses", ""]
    lines += [f"| gates | {' | '.join(map(str, range(len(counts))))} |", "| --- " * (len(counts) + 1) + "|"]
    lines += [f"| permutations | {' | '.join(map(str, counts))} |", ""]
    sizes = Counter(_size(row["inverse"]) for row in kept["rows"])
    decided = ", ".join(f"{count} have an inverse of {size}" for size, count in sorted(sizes.items()))
    lines += [
        f"Of {counts[-1]} permutations with {gates} gates, {kept['asymmetric']} have an inverse of more. They make"
    ]
    lines += [f"{len(kept['rows'])} classes up to the order and negation of inputs: {decided}."]
    lines += ["", "| permutation | stands for | gates | of the inverse |", "| --- " * 4 + "|"]
    for row in kept["rows"]:
        cells = " ".join(map(str, row["permutation"])), row["members"], _size(row["forward"]), _size(row["inverse"])
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines) + "\n"


def _size(side: dict[str, Any]) -> str:
    return str(Size(side["lower"], side["upper"], 0))


def main() -> int:
    """Compute and write, or check what is kept: 0 where all of it is confirmed, 1 otherwise."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--gates", type=int, default=6)
    parser.add_argument("--resume", type=Path)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--scheduler", default="processes:2", help="as for `certify check`")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    arguments = parser.parse_args()
    data, page = arguments.out / "asymmetry" / "listed.json", arguments.out / "asymmetry_listed.md"
    with Execution(arguments.scheduler, arguments.resume, arguments.seconds, attempts=1) as execution:
        if not arguments.check:
            kept = computed(arguments.gates, execution)
            write_text_atomically(data, json.dumps(kept) + "\n")
            write_text_atomically(page, table(kept))
            return 0
        kept = json.loads(data.read_text())
        wrong = list(complaints(kept, list_permutations(len(kept["counts"]) - 1, execution)))
    wrong += [] if table(kept) == page.read_text() else [f"{page.name} is not the table of the data"]
    print("\n".join(wrong) or f"confirmed: {kept['asymmetric']} permutations, {len(kept['rows'])} classes")
    return 1 if wrong else 0


if __name__ == "__main__":
    try:
        raise SystemExit(main())
    except KeyboardInterrupt:
        print("interrupted; the tasks that were done are in the folder of `--resume`", file=sys.stderr)
        raise SystemExit(130) from None
