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
from collections.abc import Callable, Sequence
from pathlib import Path

from certify.atomic import write_bytes_atomically, write_text_atomically
from certify.circuits.complexity import function_counts
from certify.circuits.exact_synthesis import Refutation
from certify.circuits.least_sizes import Size, least_sizes
from certify.circuits.permutation_classes import inverse, permutation_classes, truth_tables
from certify.execution.door import Execution

LARGEST_KEPT_PROOF = 100_000
"""Bytes, compressed, up to which a refutation is kept."""


def least_size_of(
    problems: dict[str, tuple[int, Sequence[int]]], execution: Execution, proofs: Path
) -> dict[str, Size]:
    """Brackets of the least sizes by name; small refutations are kept."""
    names = list(problems)

    def refuted(place: int, size: int, found: Refutation) -> None:
        keep(proofs, f"{names[place]}_not_{size}", found)

    found = least_sizes(list(problems.values()), execution, refuted=refuted)
    return dict(zip(names, found, strict=True))


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
    parser.add_argument("--scheduler", default="processes", help="as for `certify check`")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    arguments = parser.parse_args()
    proofs = arguments.out / "exact_circuits"
    with Execution(arguments.scheduler, limit=arguments.seconds, attempts=1) as execution:
        known, found = known_sizes(execution, proofs), gaps(execution, proofs)
    lines = ["# Least circuits over all two-input gates", "", *known, ""]
    lines += ["## Functions of 4 inputs by size (all chains listed)", ""]
    counts = function_counts(4, arguments.counts)
    lines += ["| gates | " + " | ".join(map(str, range(len(counts)))) + " |", "| --- " * (len(counts) + 1) + "|"]
    lines += ["| functions | " + " | ".join(map(str, counts)) + " |", "", *found]
    text = "\n".join(lines) + "\n"
    write_text_atomically(arguments.out / "exact_circuits.md", text)
    print(text, end="")


def known_sizes(execution: Execution, proofs: Path) -> list[str]:
    """Sums and parities, whose sizes are known."""
    rows = ["## Known sizes", "", "| function | known | found | checked proof steps |", "| --- | --- | --- | --- |"]
    problems: dict[str, tuple[int, Sequence[int]]] = {f"sum{inputs}": (inputs, sums(inputs)) for inputs in (2, 3, 4)}
    for inputs in range(2, 7):
        problems[f"parity{inputs}"] = inputs, [sum((t.bit_count() & 1) << t for t in range(1 << inputs))]
    known = {"sum2": 2, "sum3": 5, "sum4": 9} | {f"parity{inputs}": inputs - 1 for inputs in range(2, 7)}
    for name, found in least_size_of(problems, execution, proofs).items():
        rows.append(f"| {name[:-1]} of {name[-1]} bits | {known[name]} | {found} | {found.steps} |")
    return rows


def gaps(execution: Execution, proofs: Path) -> list[str]:
    """Forward and inverse sizes of all classes of 3 bits and of the chosen permutations."""
    rows = ["## All permutations of 3 bits, up to permuting and negating inputs and outputs", ""]
    rows += ["| least member | members | forward | inverse | gap | checked proof steps |", "| --- " * 6 + "|"]
    classes = permutation_classes(3)
    named = {item.representative: "p" + "".join(map(str, item.representative)) for item in classes}
    found = least_size_of({name: (3, truth_tables(images)) for images, name in named.items()}, execution, proofs)
    for item in classes:
        forward, backward = found[named[item.representative]], found[named[item.inverse_representative]]
        rows.append(
            f"| {' '.join(map(str, item.representative))} | {item.members} | {forward} | {backward} | "
            f"{gap(forward, backward)} | {forward.steps} |"
        )
    rows += ["", "## Chosen permutations", "", "| permutation | forward | inverse | gap |", "| --- " * 4 + "|"]
    problems = {}
    for number, images in enumerate(chosen().values()):
        bits = len(images).bit_length() - 1
        problems[f"chosen{number}"] = bits, truth_tables(images)
        problems[f"chosen{number}inverse"] = bits, truth_tables(inverse(images))
    found = least_size_of(problems, execution, proofs)
    for number, name in enumerate(chosen()):
        forward, backward = found[f"chosen{number}"], found[f"chosen{number}inverse"]
        rows.append(f"| {name} | {forward} | {backward} | {gap(forward, backward)} |")
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
