"""Circuit files read by `certify`, by ABC and by aigverse: equal functions, and who refuses what.

python -m benchmarks.circuit_formats [--each 8] [--aigverse PYTHON] [--out benchmarks/results]

Every kind of `benchmarks.circuit_kinds`, `--each` files of it, at all words of up to 16 inputs and at 4,096 random
ones of more. A reading is right if it has the values of the function that the file was made from. The run fails if
`certify` reads one file differently, takes one that must be refused, or refuses a valid one. ABC is Debian's
berkeley-abc; aigverse is looked for in the interpreter given by --aigverse (`pip install aigverse` in an environment).
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.circuit_files import CircuitFile
from benchmarks.circuit_kinds import KINDS, NOT_ASKED
from benchmarks.circuit_peers import ABC, Values, abc_is_here, abc_values, aigverse_values
from certify.atomic import write_text_atomically
from certify.circuits.formats.files import load_circuit
from certify.errors import InputError

ENUMERATED_INPUTS, RANDOM_WORDS = 16, 4096
PEERS = ("ABC", "aigverse")


@dataclass
class Reading:
    """One file with its reading by `certify` (values or the reason of its refusal) and by each peer that was asked."""

    case: CircuitFile
    wanted: Values
    ours: Values
    reason: str
    theirs: dict[str, Values]

    @property
    def is_fault(self) -> bool:
        """Whether `certify` is wrong about the file."""
        return self.ours != self.wanted

    def outcome(self, peer: str) -> str:
        """How the two readings compare; `wrong` is a peer that has read a valid file as another function."""
        if peer not in self.theirs:
            return "not asked"
        theirs = self.theirs[peer]
        if self.ours is None or theirs is None:
            return {(True, True): "both refuse", (True, False): "certify refuses"}.get(
                (self.ours is None, theirs is None), "peer refuses")  # fmt: skip
        return "equal" if self.ours == theirs else "peer wrong" if self.ours == self.wanted else "different"


def words_of(inputs: int, source: random.Random) -> tuple[list[int], int]:
    """Values of each input at all words, or at random ones, and the mask of as many ones."""
    if inputs > ENUMERATED_INPUTS:
        return [source.getrandbits(RANDOM_WORDS) for _ in range(inputs)], (1 << RANDOM_WORDS) - 1
    count = 1 << inputs
    mask = (1 << count) - 1
    return [mask // ((1 << (1 << i)) + 1) << (1 << i) for i in range(inputs)], mask


def our_values(path: Path, words: Sequence[int], mask: int) -> tuple[Values, str]:
    """Outputs as `certify` reads the file, or the reason why it does not."""
    size = max(64, mask.bit_length())
    try:
        circuit = load_circuit(path)
    except InputError as error:
        return None, str(error).split(": ", 1)[-1]
    if circuit.inputs != len(words):
        return [], ""
    rows = np.array([np.frombuffer(word.to_bytes(size // 8, "little"), dtype="<u8") for word in words])
    found = circuit.evaluate(rows.astype(np.uint64))
    return [int.from_bytes(row.astype("<u8").tobytes(), "little") & mask for row in found], ""


def compare(each: int, python: str, seed: int) -> list[Reading]:
    """`each` files of every kind, read by everyone."""
    readings: list[Reading] = []
    asked: list[tuple[Path, Sequence[int], int]] = []
    with tempfile.TemporaryDirectory() as name:
        for kind, build in KINDS.items():
            for number in range(each):
                source = random.Random(f"{seed} {kind} {number}")
                case = build(source)
                words, mask = words_of(case.inputs, source)
                path = Path(name) / f"c{len(readings)}{case.ending}"
                path.write_bytes(case.content)
                wanted = case.function(words, mask) if case.function is not None else None
                ours, reason = our_values(path, words, mask)
                by_abc = abc_is_here() and case.ending != ".aag" and kind not in NOT_ASKED
                theirs = {"ABC": abc_values(path, words, mask)} if by_abc else {}
                readings.append(Reading(case, wanted, ours, reason, theirs))
                asked.append((path, words, mask))
        places = [place for place, reading in enumerate(readings)
                  if reading.case.ending != ".blif" and reading.case.kind not in NOT_ASKED]  # fmt: skip
        answers = aigverse_values(python, [asked[place] for place in places])
        for place, answer in zip(places, answers or [], strict=False):
            readings[place].theirs["aigverse"] = answer
    return readings


def report(readings: Sequence[Reading], seconds: float) -> str:
    """The page: totals, a table by kind and peer, and the reasons of what only `certify` refuses."""
    totals = Counter(reading.outcome(peer) for reading in readings for peer in reading.theirs)
    nobody = sum(reading.ours is not None and bool(reading.theirs) and not any(
        values is not None for values in reading.theirs.values()) for reading in readings)  # fmt: skip
    lines = [
        "# Circuit files read by certify, ABC and aigverse", "",
        "`python -m benchmarks.circuit_formats` writes this page; its head says what is compared. ABC: Debian's "
        "berkeley-abc; aigverse: from PyPI. Some kinds are held against their own function alone.", "",
        f"{len(readings)} files of {len(KINDS)} kinds, {seconds:.0f} s. certify against the function that a file was "
        f"made from: {sum(reading.is_fault for reading in readings)} wrong. Against the peers: "
        f"{totals['different']} different, {nobody} accepted that every peer asked refuses.", "",
        "| kind | file | certify | peer | equal | both refuse | only certify refuses | only the peer refuses "
        "| peer wrong |",
        "| --- | --- | --- | --- | ---: | ---: | ---: | ---: | ---: |",
    ]  # fmt: skip
    columns = ("equal", "both refuse", "certify refuses", "peer refuses", "peer wrong")
    reasons: dict[str, str] = {}
    for kind in KINDS:
        mine = [reading for reading in readings if reading.case.kind == kind]
        verdict = "reads" if mine[0].wanted is not None else "refuses"
        for peer in sorted({peer for reading in mine for peer in reading.theirs}) or ["not asked"]:
            counts = Counter(reading.outcome(peer) for reading in mine)
            cells = " | ".join(str(counts[column] or "") for column in columns)
            lines.append(f"| {kind} | {mine[0].case.ending} | {verdict} | {peer} | {cells} |")
            if counts["certify refuses"]:
                reasons[kind] = mine[0].reason.split(": ", 1)[-1]
    lines += ["", "What only certify refuses, with the reason that it gives:", ""]
    return "\n".join([*lines, *(f"- {kind}: {reason}" for kind, reason in reasons.items()), ""])


def main() -> None:
    """Compare, write the page, and end with 1 if certify is wrong about a file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--each", type=int, default=8, help="files of each kind")
    parser.add_argument("--aigverse", default=sys.executable, metavar="PYTHON", help="an interpreter that has aigverse")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    options = parser.parse_args()
    started = time.perf_counter()
    readings = compare(options.each, options.aigverse, options.seed)
    absent = [peer for peer in PEERS if not any(peer in reading.theirs for reading in readings)]
    if absent:
        print(f"not compared with {' and '.join(absent)}, and the page is not written: ABC is Debian's package {ABC}; "
              "aigverse needs --aigverse PYTHON, an interpreter with `pip install aigverse`")  # fmt: skip
    else:
        write_text_atomically(options.out / "circuit_formats.md", report(readings, time.perf_counter() - started))
    faults = [reading for reading in readings if reading.is_fault]
    for reading in faults[:10]:
        print(f"WRONG {reading.case.kind}: {reading.reason or 'another function, or a file that must be refused'}")
    print(f"{len(readings)} files, {len(faults)} wrong")
    raise SystemExit(1 if faults else 0)


if __name__ == "__main__":
    main()
