"""Checks a portable certificate about circuits: python check_circuits.py CERT.json [FORMULA.cnf].

Integers only; as docs/certificates.md says ("Portable certificates"); needs no other file.
Exit code 0: yes, proved; 1: no, not confirmed; 2: unreadable, or outside what is known here. To be read at one sitting.
"""

# fmt: off
import hashlib
import json
import re
import sys
from itertools import combinations, product
from pathlib import Path

class No(Exception): """The claim is not confirmed."""
class Unreadable(Exception): """Not a certificate, not a formula, or one outside what is known here."""
def expect(condition, reason, otherwise=Unreadable):
    if not condition:
        raise otherwise(reason)
def need(condition, reason):
    expect(condition, reason, No)

# The certificate's text: no key twice, none missing, none further; integers and nothing else that counts as one.
def unique(pairs):
    expect(len({key for key, _ in pairs}) == len(pairs), "a key occurs twice")
    return dict(pairs)
def keys(value, names, what):
    expect(isinstance(value, dict) and set(value) == set(names), f"{what} must have the keys {', '.join(names)}")
    return [value[name] for name in names]
def listed(value, what):
    expect(isinstance(value, list), f"{what} must be a list")
    return value
def integer(value, low, high, what):
    expect(type(value) is int and low <= value < high, f"{what} must be an integer in [{low}, {high})")
    return value
def literals(value, variables, what):
    found = [integer(entry, -variables, variables + 1, what) for entry in listed(value, what)]
    expect(0 not in found, f"{what} must not have the literal 0")
    return found

def refute(formula, variables, proof):
    """Confirm that no assignment satisfies the clauses of `formula` (a set of frozensets of literals).

    A step's literals are taken to be false; each of its hints is an earlier clause all of whose literals are false by
    then, which ends the step, or all but one, which is then true.
    """
    core, steps = keys(proof, ("core", "steps"), "a proof")
    clauses = [literals(entry, variables, "a clause of the core") for entry in listed(core, "the core")]
    need(all(frozenset(clause) in formula for clause in clauses), "a clause of the core is not in the formula")
    for step in listed(steps, "the steps"):
        clause, hints = keys(step, ("clause", "hints"), "a step")
        clause = literals(clause, variables, "a step's clause")
        need(conflict(clauses, set(clause), listed(hints, "the hints")), "a step does not follow from its hints")
        clauses.append(clause)
    need([] in clauses, "the proof does not end in the empty clause")
def conflict(clauses, false, hints):
    for place, hint in enumerate(hints, 1):
        left = set(clauses[integer(hint, 0, len(clauses), "a hint")]) - false
        if not left:
            return place == len(hints)
        need(len(left) == 1, "a hint leaves more than one literal")
        false.add(-left.pop())
    return False

def refutation(record, file):
    """No assignment satisfies the formula in the DIMACS file."""
    expect(file is not None, "this kind needs the formula's file")
    claim, = keys(record["claims"], ("sha256",), "claims")
    need(claim == hashlib.sha256(file).hexdigest(), "the certificate is about another file")
    # Readers of formulas end a line, and with it a comment, at a line feed alone.
    expect(re.fullmatch(rb"[\t\n -~]*", file.replace(b"\r\n", b"\n")), "the file must be plain text")
    lines = [line.split() for line in file.decode().split("\n") if line.strip() and line.split()[0] != "c"]
    expect(lines and lines[0][:2] == ["p", "cnf"] and len(lines[0]) == 4, "the file must begin with `p cnf V C`")
    expect(all(re.fullmatch("0|-?[1-9][0-9]{0,7}", word) for line in lines for word in line[2 * (line is lines[0]):]),
           "the file must hold clauses of integers of at most eight digits")
    (variables, count), words = map(int, lines[0][2:]), [int(word) for line in lines[1:] for word in line]
    expect(words[-1:] in ([], [0]) and words.count(0) == count and max(map(abs, words), default=0) <= variables,
           "the file's clauses are not as many, or not of the variables, that its first line says")
    formula, clause = set(), []
    for word in words:
        if word:
            clause.append(word)
        else:
            formula.add(frozenset(clause))
            clause = []
    refute(formula, variables, record["proof"])
    return f"no assignment satisfies the {count} clauses"

def size(record, file):
    """The least number of two-input gates for the targets is the claimed one."""
    expect(file is None, "this kind is about no file")
    claim, = keys(record["claims"], ("size",), "claims")
    claim = integer(claim, 0, 64, "the size")
    n = integer(record["inputs"], 1, 7, "inputs")
    every = (1 << (1 << n)) - 1
    targets = [integer(entry, 1, every, "a target") for entry in listed(record["targets"], "the targets")]
    expect(targets, "there must be a target")
    chain(record["chain"], n, targets, claim)
    # A function and its negation cost the same, an input nothing; every other function needs a gate of its own.
    normal = {entry ^ every if entry & 1 else entry for entry in targets}
    needed = sorted(normal - {column(n, i) for i in range(n)})
    proofs = listed(record["proofs"], "the proofs")
    need(len(needed) + len(proofs) == claim, "there must be one proof for each number of gates that is refuted")
    for gates, proof in enumerate(proofs, len(needed)):
        refute(*chains(n, needed, gates), proof)
    return f"{claim} two-input gates are needed and enough for the targets {targets} of {n} inputs"
def column(n, i):
    return sum(1 << t for t in range(1 << n) if t >> i & 1)
def chain(record, n, targets, claim):
    gates, outputs = keys(record, ("gates", "outputs"), "the chain")
    values, every = [column(n, i) for i in range(n)], (1 << (1 << n)) - 1
    for gate in listed(gates, "the gates"):
        expect(len(listed(gate, "a gate")) == 3, "a gate must be [j, k, table]")
        j, k = (values[integer(entry, 0, len(values), "a gate's source")] for entry in gate[:2])
        table = integer(gate[2], 0, 16, "a gate's table")
        parts = [(j if p else every ^ j) & (k if q else every ^ k) for p, q in product((0, 1), (0, 1))]
        values.append(sum(part for place, part in enumerate(parts) if table >> place & 1))
    need(len(values) - n <= claim, "the chain has more gates than are claimed")
    found = []
    for output in listed(outputs, "the outputs"):
        expect(len(listed(output, "an output")) == 2, "an output must be [value, negated]")
        value = values[integer(output[0], 0, len(values), "an output's value")]
        found.append(value ^ every if integer(output[1], 0, 2, "negated") else value)
    need(found == targets, "the chain computes other functions")
def chains(n, needed, gates):
    """Clauses that say: a least chain of `gates` gates computes `needed`; and the number of variables."""
    places, rows, numbers = range(n, n + gates), range(1, 1 << n), {}
    def name(*key):
        return numbers.setdefault(key, len(numbers) + 1)
    pairs = [(i, j, k) for i in places for j, k in combinations(range(i), 2)]
    for key in ([("s", *pair) for pair in pairs], [("x", i, t) for i in places for t in rows],
                [("f", i, *pq) for i in places for pq in ((0, 1), (1, 0), (1, 1))],
                [("g", h, i) for h in range(len(needed)) for i in places]):
        for entry in key:
            name(*entry)
    clauses = []
    for i in places:
        own = [name("s", *pair) for pair in pairs if pair[0] == i]
        clauses += [own, *([-a, -b] for a, b in combinations(own, 2))]
        a, b, c = name("f", i, 0, 1), name("f", i, 1, 0), name("f", i, 1, 1)
        clauses += [[a, b, c], [a, -b, -c], [-a, b, -c]]
        readers = [name("s", *pair) for pair in pairs if i in pair[1:]]
        clauses.append([name("g", h, i) for h in range(len(needed))] + readers)
    for (i, j, k), t, a, p, q in product(pairs, rows, (0, 1), (0, 1), (0, 1)):
        # If gate i reads j and k, which are p and q at row t, it is not a there unless its table says so.
        clause, possible = [-name("s", i, j, k), -name("x", i, t) if a else name("x", i, t)], True
        for source, bit in ((j, p), (k, q)):
            if source < n:
                possible = possible and (t >> source & 1) == bit
            else:
                clause.append(-name("x", source, t) if bit else name("x", source, t))
        if p or q:
            clause.append(name("f", i, p, q) if a else -name("f", i, p, q))
        if possible and (a or p or q):
            clauses.append(clause)
    for h, target in enumerate(needed):
        clauses.append([name("g", h, i) for i in places])
        clauses += [[-name("g", h, i), name("x", i, t) if target >> t & 1 else -name("x", i, t)]
                    for i in places for t in rows]
    for i, j, k in pairs:
        for later in range(i + 1, n + gates):
            clauses += [[-name("s", i, j, k), -name("s", later, source, i)] for source in (j, k)]
        if i + 1 < n + gates:
            clauses += [[-name("s", i, j, k), -name("s", i + 1, a, b)] for other, a, b in pairs
                        if other == i and (b, a) < (k, j)]
    return set(map(frozenset, clauses)), len(numbers)

KINDS = {"refutation": (refutation, ("proof",)), "circuit-size": (size, ("inputs", "targets", "chain", "proofs"))}
def check(text, file=None):
    """What the certificate proves, on one line; an exception where it proves nothing."""
    record = json.loads(text, object_pairs_hook=unique)
    kind = record.get("kind") if isinstance(record, dict) else None
    prove, parts = KINDS[kind] if isinstance(kind, str) and kind in KINDS else (None, ())
    keys(record, ("format", "kind", "claims", *parts), "the certificate")
    expect(prove and record["format"] == "portable-1", "the format or kind is not known")
    return prove(record, file)
def main(arguments):
    try:
        expect(len(arguments) in (1, 2), "give the certificate, and the formula's file where it is about one")
        print("yes:", check(*(Path(path).read_bytes() for path in arguments)))
        return 0
    except No as reason:
        print("no:", reason)
        return 1
    except Exception as reason:   # whatever happens while reading is no yes
        print("cannot be read:", str(reason)[:200] or type(reason).__name__, file=sys.stderr)
        return 2

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
