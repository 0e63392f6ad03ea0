"""Exact least circuits of small permutations and of their inverses, with refutations that were checked.

python -m benchmarks.exact_circuits [--seconds 60] [--counts 7] [--out benchmarks/results]

Sizes are numbers of two-input gates, negation free. A lower end counts only if the refutation of every smaller size was
accepted by `certify.circuits.drat`, which shares nothing with the solver; small refutations are kept beside the table.
A size that the solver does not decide within `--seconds` leaves a bracket.
"""

from __future__ import annotations

import argparse
import hashlib
import lzma
import multiprocessing
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from certify.atomic import write_bytes_atomically, write_text_atomically
from certify.circuits.complexity import function_counts
from certify.circuits.drat import check_refutation
from certify.circuits.exact_synthesis import Chain, Refutation, chain_of_size, least_conceivable
from certify.circuits.permutation_classes import inverse, permutation_classes, truth_tables

LARGEST_KEPT_PROOF = 100_000
"""Bytes, compressed, up to which a refutation is kept."""
MOST_GATES = 16


@dataclass(frozen=True)
class Size:
    """Bracket of a least size: `upper` is None if no chain was found; `proofs` were accepted, one for each size."""

    lower: int
    upper: int | None
    steps: int

    def __str__(self) -> str:
        if self.upper == self.lower:
            return str(self.lower)
        return f">= {self.lower}" if self.upper is None else f"{self.lower} to {self.upper}"


def solve(inputs: int, targets: Sequence[int], size: int, seconds: float) -> Chain | Refutation | None:
    """`chain_of_size` in a process of its own that is ended after `seconds` (None)."""
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=lambda: sender.send(chain_of_size(inputs, targets, size)))
    process.start()
    answered = receiver.poll(seconds)
    found = receiver.recv() if answered else None
    process.kill()
    process.join()
    return found


def least_size(name: str, inputs: int, targets: Sequence[int], seconds: float, proofs: Path) -> Size:
    """Bracket of the least size of one set of targets."""
    size, steps = least_conceivable(inputs, targets), 0
    while size <= MOST_GATES:
        found = solve(inputs, targets, size, seconds)
        if isinstance(found, Chain):
            return Size(size, size, steps)
        if found is None or not check_refutation(found.clauses, found.proof).accepted:
            break
        keep(proofs, f"{name}_not_{size}", found)
        steps += len(found.proof)
        size += 1
    for upper in range(size + 1, MOST_GATES + 1):
        if isinstance(solve(inputs, targets, upper, seconds), Chain):
            return Size(size, upper, steps)
    return Size(size, None, steps)


def keep(folder: Path, name: str, found: Refutation) -> None:
    """Write formula and proof, compressed, where they are small."""
    formula = f"p cnf {found.variables} {len(found.clauses)}\n"
    formula += "".join(" ".join(map(str, (*clause, 0))) + "\n" for clause in found.clauses)
    packed = lzma.compress("\n".join(found.proof).encode() + b"\n")
    if len(packed) <= LARGEST_KEPT_PROOF:
        folder.mkdir(parents=True, exist_ok=True)
        write_bytes_atomically(folder / f"{name}.drat.xz", packed)
        digest = hashlib.sha256(formula.encode()).hexdigest()
        write_text_atomically(folder / f"{name}.formula", f"sha256 of the DIMACS text: {digest}\n")


def sums(inputs: int) -> list[int]:
    """Truth tables of the binary digits of the sum of `inputs` bits."""
    return [sum((t.bit_count() >> digit & 1) << t for t in range(1 << inputs)) for digit in range(inputs.bit_length())]


def chosen() -> dict[str, tuple[int, ...]]:
    """Permutations of 4 and 5 bits, by name."""
    rules: dict[str, tuple[int, Callable[[int], int]]] = {
        "x + 1 mod 16": (4, lambda x: (x + 1) % 16),
        "3x mod 16": (4, lambda x: 3 * x % 16),
        "g^x in GF(16)": (4, lambda x: 0 if x == 15 else field_power(x, 4, 0b10011)),
        "x + 1 mod 32": (5, lambda x: (x + 1) % 32),
        "3x mod 32": (5, lambda x: 3 * x % 32),
        "chi (Keccak)": (5, chi),
        "g^x in GF(32)": (5, lambda x: 0 if x == 31 else field_power(x, 5, 0b100101)),
    }
    return {name: tuple(rule(x) for x in range(1 << bits)) for name, (bits, rule) in rules.items()}


def field_power(exponent: int, bits: int, modulus: int) -> int:
    """x^exponent in GF(2^bits) with a primitive modulus."""
    value = 1
    for _ in range(exponent):
        value <<= 1
        if value >> bits:
            value ^= modulus
    return value


def chi(x: int) -> int:
    """The non-linear layer of Keccak on 5 bits: y_i = x_i xor (not x_{i+1} and x_{i+2})."""
    bits = [x >> i & 1 for i in range(5)]
    return sum((bits[i] ^ ((1 - bits[(i + 1) % 5]) & bits[(i + 2) % 5])) << i for i in range(5))


def main() -> None:
    """Compute, check, print and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--counts", type=int, default=7)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    arguments = parser.parse_args()
    proofs, seconds = arguments.out / "exact_circuits", arguments.seconds
    lines = ["# Least circuits over all two-input gates", "", *known_sizes(seconds, proofs), ""]
    lines += ["## Functions of 4 inputs by size (all chains listed)", ""]
    counts = function_counts(4, arguments.counts)
    lines += ["| gates | " + " | ".join(map(str, range(len(counts)))) + " |", "| --- " * (len(counts) + 1) + "|"]
    lines += ["| functions | " + " | ".join(map(str, counts)) + " |", "", *gaps(seconds, proofs)]
    text = "\n".join(lines) + "\n"
    write_text_atomically(arguments.out / "exact_circuits.md", text)
    print(text, end="")


def known_sizes(seconds: float, proofs: Path) -> list[str]:
    """Sums and parities, whose sizes are known."""
    rows = ["## Known sizes", "", "| function | known | found | checked proof steps |", "| --- | --- | --- | --- |"]
    for inputs, known in ((2, 2), (3, 5), (4, 9)):
        found = least_size(f"sum{inputs}", inputs, sums(inputs), seconds, proofs)
        rows.append(f"| sum of {inputs} bits | {known} | {found} | {found.steps} |")
    for inputs in range(2, 7):
        target = sum((t.bit_count() & 1) << t for t in range(1 << inputs))
        found = least_size(f"parity{inputs}", inputs, [target], seconds, proofs)
        rows.append(f"| parity of {inputs} bits | {inputs - 1} | {found} | {found.steps} |")
    return rows


def gaps(seconds: float, proofs: Path) -> list[str]:
    """Forward and inverse sizes of all classes of 3 bits and of the chosen permutations."""
    rows = ["## All permutations of 3 bits, up to permuting and negating inputs and outputs", ""]
    rows += ["| least member | members | forward | inverse | gap | checked proof steps |", "| --- " * 6 + "|"]
    classes = permutation_classes(3)
    found = {
        item.representative: least_size(
            "p" + "".join(map(str, item.representative)), 3, truth_tables(item.representative), seconds, proofs
        )
        for item in classes
    }
    for item in classes:
        forward, backward = found[item.representative], found[item.inverse_representative]
        rows.append(
            f"| {' '.join(map(str, item.representative))} | {item.members} | {forward} | {backward} | "
            f"{gap(forward, backward)} | {forward.steps} |"
        )
    rows += ["", "## Chosen permutations", "", "| permutation | forward | inverse | gap |", "| --- " * 4 + "|"]
    for number, (name, images) in enumerate(chosen().items()):
        bits = len(images).bit_length() - 1
        forward = least_size(f"chosen{number}", bits, truth_tables(images), seconds, proofs)
        backward = least_size(f"chosen{number}inverse", bits, truth_tables(inverse(images)), seconds, proofs)
        rows.append(f"| {name} | {forward} | {backward} | {gap(forward, backward)} |")
        print(rows[-1], flush=True)
    return rows


def gap(forward: Size, backward: Size) -> str:
    """Inverse size minus forward size, as far as it is known."""
    low = None if forward.upper is None else backward.lower - forward.upper
    high = None if backward.upper is None else backward.upper - forward.lower
    if low is not None and low == high:
        return str(low)
    return f"{'?' if low is None else low} to {'?' if high is None else high}"


if __name__ == "__main__":
    main()
