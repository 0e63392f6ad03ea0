"""Guess and determine over GF(2): guess a linear form, eliminate, take what the products then imply, and repeat.

Every node of a circuit is a sum of inputs and of products (the AND gates; a OR b = a + b + a b). Given outputs are
linear equations. A product p = a b gives more of them as soon as one of its three forms is known or two are related;
where nothing follows, the factor that most products share is guessed, both values in turn. A linear map takes no guess
at all. Everything is exact; the guesses are what grows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from certify.circuits.circuit import Circuit, Operation
from certify.circuits.parities import linear_forms


@dataclass(frozen=True)
class System:
    """Forms over GF(2) as masks (bit 0 is the constant): those of the inputs, and triples p = a b still open."""

    inputs: tuple[int, ...]
    products: tuple[tuple[int, int, int], ...]


Determine: TypeAlias = Callable[[System, Sequence[int]], tuple[System | None, float]]
"""From a system and equations to what they imply, None if they contradict, and what that cost."""


def guess_and_determine(
    circuit: Circuit, outputs: Mapping[int, bool], limit: float, determine: Determine | None = None
) -> tuple[int | None, float]:
    """A word that the circuit maps to `outputs` (bit of output h), and the sum of the costs of `determine`.

    By default that is `determined`, and the cost the number of systems that were eliminated. None where `limit` was not
    enough, or no word is mapped there. Deterministic.
    """
    determine = _counted if determine is None else determine
    forms = linear_forms(circuit)
    start = System(tuple(forms[: circuit.inputs]), tuple(_products(circuit, forms)))
    equations = [forms[int(circuit.outputs[h])] ^ int(bit) for h, bit in outputs.items()]
    open_nodes, cost = [(start, equations)], 0.0
    while open_nodes and cost < limit:
        system, added = open_nodes.pop()
        settled, spent = determine(system, added)
        cost += spent
        if settled is None:
            continue
        if not settled.products:
            # What is still free may have any value: zero.
            return sum(1 << i for i, form in enumerate(settled.inputs) if form & 1), cost
        guess = _guess(settled)
        open_nodes += [(settled, [guess ^ 1]), (settled, [guess])]
    return None, cost


def _counted(system: System, equations: Sequence[int]) -> tuple[System | None, float]:
    return determined(system, equations), 1.0


def determined(system: System, equations: Sequence[int]) -> System | None:
    """The system with the equations (form = 0) and all that they imply product by product; None if they contradict.

    It has the solutions of the system that satisfy the equations, no more and no fewer.
    """
    inputs, products, queue = list(system.inputs), list(system.products), list(equations)
    while True:
        while queue:
            row = queue.pop()
            if row == 1:
                return None
            if row == 0:
                continue
            # The highest variable is replaced: products first, so that forms become sums of inputs.
            pivot = 1 << (row.bit_length() - 1)
            queue = [form ^ row if form & pivot else form for form in queue]
            inputs = [form ^ row if form & pivot else form for form in inputs]
            products = [
                (p ^ row if p & pivot else p, a ^ row if a & pivot else a, b ^ row if b & pivot else b)
                for p, a, b in products
            ]
        kept = []
        for product in products:
            implied = consequences(*product)
            if implied is None:
                kept.append(product)
            else:
                queue += implied
        products = kept
        if not queue:
            return System(tuple(inputs), tuple(products))


def consequences(p: int, a: int, b: int) -> tuple[int, ...] | None:
    """Linear equations equivalent to p = a b; None where there are none. Exact, by the cases of the forms."""
    if a > b:
        a, b = b, a
    if a == 0 or a == b ^ 1:
        return (p,)
    if a == 1 or a == b:
        return (p ^ b,)
    if p == 1:
        return (a ^ 1, b ^ 1)
    # a b = a + 1 asks for a = 1, b = 0, and a b = a + b for a = b = 0.
    if p == a ^ 1:
        return (a ^ 1, b)
    if p == b ^ 1:
        return (b ^ 1, a)
    return (a, b) if p == a ^ b else None


def _products(circuit: Circuit, forms: Sequence[int]) -> list[tuple[int, int, int]]:
    found = []
    for gate, (operation, first, second) in enumerate(
        zip(circuit.operations.tolist(), circuit.first.tolist(), circuit.second.tolist(), strict=True)
    ):
        a, b, own = forms[first], forms[second], forms[circuit.inputs + gate]
        if operation == Operation.AND:
            found.append((own, a, b))
        elif operation == Operation.OR:
            found.append((own ^ a ^ b, a, b))
    return found


def _guess(system: System) -> int:
    """The factor, up to its constant, that most products share; the smallest of these."""
    counts = Counter(form & ~1 for _, *factors in system.products for form in factors)
    return min(counts, key=lambda form: (-counts[form], form))
