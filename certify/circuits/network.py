"""Circuits as generator networks: G(z) = P(sgn z) with +1 for true and -1 for false, one neuron or three per gate.

minmax  AND is min, OR is max, a xor b = max(min(a, -b), min(-a, b)); min(a, b) = a - relu(a - b) in the graph.
relu    after the sign layer, AND is 2 relu(a + b - 1) - 1, OR is 1 - 2 relu(-a - b - 1), XOR is
        relu(a - b) + relu(b - a) - 1.
clip    as relu, with the continuous clip(z/tau, -1, 1) = 1 - relu(2 - relu(z/tau + 1)) in place of the sign.

A negation is a minus sign in the weights that read it. On {-1, +1}^d every number is a small integer, so floats are
exact there. A layer also carries the values that later layers read: these wires are ones in a matrix and no parameters.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Literal, TypeAlias

import numpy as np
import scipy.sparse as sp

from certify.circuits.circuit import Circuit, Operation
from certify.errors import InputError
from certify.generators.graph import Activation, Affine, Graph, Input, Node, Sum

Form: TypeAlias = Literal["minmax", "relu", "clip"]
LARGEST_WIRES = 20_000_000
"""Half a minute and some hundred megabytes."""
FORMS: tuple[Form, ...] = ("minmax", "relu", "clip")
Reference: TypeAlias = tuple[int, float]
"""A value and the sign with which it is read."""
MINMAX_PARAMETERS = {Operation.AND: 4, Operation.OR: 4, Operation.XOR: 12, Operation.NOT: 0}
RELU_PARAMETERS = {Operation.AND: 5, Operation.OR: 5, Operation.XOR: 7, Operation.NOT: 0}
"""Weights and biases of one gate's neurons: a minimum has two weights inside and two outside, and so on."""


@dataclass(frozen=True)
class Neuron:
    """One gate of the network: AND, OR or XOR of two signed values; XOR is split up beforehand in the form minmax."""

    operation: Operation
    first: Reference
    second: Reference


@dataclass(frozen=True)
class Plan:
    """Gates in topological order, `level` of every value (0 for the inputs), and the outputs as signed values."""

    inputs: int
    neurons: tuple[Neuron, ...]
    levels: tuple[int, ...]
    outputs: tuple[Reference, ...]

    @cached_property
    def depth(self) -> int:
        """Number of layers of gates."""
        return max(self.levels)

    def last_levels(self) -> list[int]:
        """The last layer that reads each value; for an output one beyond the last."""
        last = list(self.levels)
        for index, neuron in enumerate(self.neurons):
            for value, _ in (neuron.first, neuron.second):
                last[value] = max(last[value], self.levels[self.inputs + index])
        for value, _ in self.outputs:
            last[value] = self.depth + 1
        return last

    @cached_property
    def wires(self) -> int:
        """Number of values that layers carry on to later ones: what a deep and wide network mostly consists of."""
        ends = zip(self.levels, self.last_levels(), strict=True)
        return sum(max(0, min(last, self.depth + 1) - level - 1) for level, last in ends)

    def layers(self) -> list[tuple[list[int], list[int]]]:
        """For each layer the values that it carries on and the gates that it computes, as value numbers."""
        last = self.last_levels()
        carried: list[list[int]] = [[] for _ in range(self.depth + 1)]
        computed: list[list[int]] = [[] for _ in range(self.depth + 1)]
        for value, level in enumerate(self.levels):
            computed[level].append(value)
            for later in range(level + 1, min(last[value], self.depth + 1)):
                carried[later].append(value)
        return list(zip(carried, computed, strict=True))[1:]


def plan(circuit: Circuit, form: Form) -> Plan:
    """The circuit with its negations moved into signs, and with XOR as two minima and a maximum in the form minmax."""
    values: list[Reference] = [(i, 1.0) for i in range(circuit.inputs)]
    neurons: list[Neuron] = []
    levels = [0] * circuit.inputs

    def append(operation: Operation, first: Reference, second: Reference) -> Reference:
        neurons.append(Neuron(operation, first, second))
        levels.append(1 + max(levels[first[0]], levels[second[0]]))
        return len(levels) - 1, 1.0

    # Lists of plain integers, and members looked up once: a loop over arrays takes three times as long.
    codes, negation, parity = list(Operation), int(Operation.NOT), int(Operation.XOR) if form == "minmax" else -1
    both, either = Operation.AND, Operation.OR
    gates = zip(circuit.operations.tolist(), circuit.first.tolist(), circuit.second.tolist(), strict=True)
    for code, left, right in gates:
        a, b = values[left], values[right]
        if code == negation:
            values.append((a[0], -a[1]))
        elif code == parity:
            one, other = append(both, a, (b[0], -b[1])), append(both, (a[0], -a[1]), b)
            values.append(append(either, one, other))
        else:
            values.append(append(codes[code], a, b))
    outputs = tuple(values[output] for output in circuit.outputs)
    return Plan(circuit.inputs, tuple(neurons), tuple(levels), outputs)


def compile_circuit(circuit: Circuit, form: Form = "minmax", tau: float = 0.01) -> Graph:
    """The network of a circuit.

    Args:
        circuit: from d bits to n bits.
        form: see the head of this file.
        tau: width of the ramp of `clip`, > 0; the slope used is a float not below 1/tau, so the ramp is no wider.

    Returns:
        A graph R^d -> R^n whose value is P(sgn z), for `clip` wherever every |z_i| >= tau.

    Raises:
        InputError: for an unknown form or a tau that is not positive and finite; for a network that would carry more
            than `LARGEST_WIRES` values, before it is built.
    """
    nodes: list[Node] = [Input(circuit.inputs), *_input_layer(circuit.inputs, form, tau)]
    layout = plan(circuit, form)
    if (wires := layout.wires) > LARGEST_WIRES:
        raise InputError(
            f"the network of this circuit ({circuit.gates} gates, {layout.depth} layers) would carry {wires} values "
            f"from layer to layer; at most {LARGEST_WIRES}: give a smaller or less deep circuit"
        )
    live = {value: place for place, value in enumerate(range(circuit.inputs))}
    for carried, computed in layout.layers():
        nodes += _layer(len(nodes) - 1, layout, live, carried, computed, form)
        live = {value: place for place, value in enumerate([*carried, *computed])}
    rows = [(place, live[value], sign) for place, (value, sign) in enumerate(layout.outputs)]
    weight = _matrix(rows, len(layout.outputs), len(live))
    nodes.append(Affine(len(nodes) - 1, weight, np.zeros(len(layout.outputs))))
    return Graph(tuple(nodes))


def parameter_count(circuit: Circuit, form: Form) -> int:
    """Number N of weights and biases of the neurons: linear in the gates, plus one weight for each output.

    The clip has four more for each input (two weights, two biases).
    """
    table = MINMAX_PARAMETERS if form == "minmax" else RELU_PARAMETERS
    counts = circuit.counts()
    gates = sum(table[operation] * counts[operation.name] for operation in Operation)
    return gates + len(circuit.outputs) + (4 * circuit.inputs if form == "clip" else 0)


def slope(tau: float) -> float:
    """The smallest float that is at least 1/tau: with it the ramp of the clip is no wider than tau."""
    if not (math.isfinite(tau) and tau > 0 and math.isfinite(1.0 / tau)):
        raise InputError(f"`tau` must be positive and finite, and so must 1/tau; got {tau}")
    weight = 1.0 / tau
    return weight if Fraction(weight) * Fraction(tau) >= 1 else math.nextafter(weight, math.inf)


def _input_layer(width: int, form: Form, tau: float) -> list[Node]:
    if form not in FORMS:
        raise InputError(f"`form` must be one of {', '.join(FORMS)}; got {form}")
    if form != "clip":
        return [Activation(0, "sign", width)]
    identity, ones = sp.csr_array(sp.eye_array(width)), np.ones(width)
    return [
        Affine(0, sp.csr_array(slope(tau) * identity), ones),
        Activation(1, "relu", width),
        Affine(2, sp.csr_array(-identity), 2.0 * ones),
        Activation(3, "relu", width),
        Affine(4, sp.csr_array(-identity), ones),
    ]


def _layer(
    source: int, layout: Plan, live: dict[int, int], carried: list[int], computed: list[int], form: Form
) -> list[Node]:
    """One layer: v -> C v + D relu(A v + b) + c, carried values first, then the gates in order."""
    inner: list[tuple[int, int, float]] = []
    inner_bias: list[float] = []
    outer: list[tuple[int, int, float]] = []
    direct = [(place, live[value], 1.0) for place, value in enumerate(carried)]
    constant = np.zeros(len(carried) + len(computed))
    for place, value in enumerate(computed, start=len(carried)):
        neuron = layout.neurons[value - layout.inputs]
        (a, p), (b, q) = neuron.first, neuron.second
        i, j = live[a], live[b]
        if form == "minmax":
            # min(a, b) = a - relu(a - b), max(a, b) = a + relu(b - a).
            s = 1.0 if neuron.operation == Operation.AND else -1.0
            direct.append((place, i, p))
            units = [(s * p, -s * q, 0.0, -s)]
        elif neuron.operation == Operation.XOR:
            units, constant[place] = [(p, -q, 0.0, 1.0), (-p, q, 0.0, 1.0)], -1.0
        else:
            s = 1.0 if neuron.operation == Operation.AND else -1.0
            units, constant[place] = [(s * p, s * q, -1.0, 2.0 * s)], -s
        for left, right, bias, weight in units:
            inner += [(len(inner_bias), i, left), (len(inner_bias), j, right)]
            outer.append((place, len(inner_bias), weight))
            inner_bias.append(bias)
    width = len(constant)
    return [
        Affine(source, _matrix(inner, len(inner_bias), len(live)), np.array(inner_bias)),
        Activation(source + 1, "relu", len(inner_bias)),
        Affine(source + 2, _matrix(outer, width, len(inner_bias)), constant),
        Affine(source, _matrix(direct, width, len(live)), np.zeros(width)),
        Sum((source + 3, source + 4), (1.0, 1.0), width),
    ]


def _matrix(entries: list[tuple[int, int, float]], rows: int, columns: int) -> sp.csr_array:
    """The sparse matrix of these (row, column, value); values at the same place are added, and zeros dropped."""
    if not entries:
        return sp.csr_array((rows, columns), dtype=np.float64)
    places, sources, values = zip(*entries, strict=True)
    matrix = sp.csr_array(sp.coo_array((np.array(values), (places, sources)), shape=(rows, columns)))
    matrix.sum_duplicates()
    matrix.eliminate_zeros()
    return matrix
