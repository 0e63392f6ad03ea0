"""A circuit as an ONNX model with the operators of the theorem: Sign, Min and Max, beside Gather, Mul and Concat.

The generator's graph has minima as a - relu(a - b); this file has them as what they are. ONNX Runtime evaluates both,
in float64, and the import reads the file back. Minima have no weights: the parameters that the import counts are signs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from certify.atomic import write_bytes_atomically
from certify.circuits.circuit import Circuit, Operation
from certify.circuits.network import Plan, Reference, plan
from certify.generators.onnx_writer import IR_VERSION, OPSET


def export_minmax_onnx(circuit: Circuit, path: str | Path, name: str = "circuit") -> None:
    """Write G(z) = P(sgn z), input z (batch, d), output x (batch, n), whole or not at all.

    Raises InputError if the file cannot be written.
    """
    write_bytes_atomically(path, minmax_model(circuit, name).SerializeToString(deterministic=True))


def minmax_model(circuit: Circuit, name: str = "circuit") -> onnx.ModelProto:
    """The model; one Min and one Max for each layer of gates."""
    layout, writer = plan(circuit, "minmax"), _Writer()
    live = {value: place for place, value in enumerate(range(circuit.inputs))}
    current = writer.operator("Sign", ["z"])
    for carried, computed in layout.layers():
        current, live = _layer(writer, layout, current, live, carried, computed)
    writer.signed(current, live, layout.outputs, "x")
    sizes = (("z", circuit.inputs), ("x", len(circuit.outputs)))
    ends = [helper.make_tensor_value_info(end, TensorProto.DOUBLE, ["batch", size]) for end, size in sizes]
    graph = helper.make_graph(writer.nodes, name, ends[:1], ends[1:], writer.constants)
    return helper.make_model(
        graph, producer_name="proof-companion", opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION
    )


class _Writer:
    """Operators and constants written so far."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[TensorProto] = []

    def operator(self, kind: str, inputs: list[str], output: str = "", **options: Any) -> str:
        """Append an operator and return the name of its output."""
        name = output or f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], **options))
        return name

    def constant(self, array: npt.NDArray[np.int64] | npt.NDArray[np.float64]) -> str:
        """Append a constant and return its name."""
        self.constants.append(numpy_helper.from_array(array, f"c{len(self.constants)}"))
        return str(self.constants[-1].name)

    def signed(self, source: str, live: dict[int, int], references: tuple[Reference, ...], output: str = "") -> str:
        """The referenced values, gathered from the columns of `source` and multiplied by their signs."""
        places = self.constant(np.array([live[value] for value, _ in references], dtype=np.int64))
        signs = np.array([sign for _, sign in references])
        gathered = self.operator("Gather", [source, places], axis=1)
        return self.operator("Mul", [gathered, self.constant(signs)], output)


def _layer(
    writer: _Writer, layout: Plan, current: str, live: dict[int, int], carried: list[int], computed: list[int]
) -> tuple[str, dict[int, int]]:
    """The next layer's values and their columns: those carried on, then all minima, then all maxima."""
    parts, order = [], list(carried)
    if carried:
        places = writer.constant(np.array([live[value] for value in carried], dtype=np.int64))
        parts.append(writer.operator("Gather", [current, places], axis=1))
    for operation, kind in ((Operation.AND, "Min"), (Operation.OR, "Max")):
        mine = [value for value in computed if layout.neurons[value - layout.inputs].operation == operation]
        if mine:
            neurons = [layout.neurons[value - layout.inputs] for value in mine]
            ends = [
                writer.signed(current, live, tuple(references))
                for references in zip(*((neuron.first, neuron.second) for neuron in neurons), strict=True)
            ]
            parts.append(writer.operator(kind, ends))
            order += mine
    joined = parts[0] if len(parts) == 1 else writer.operator("Concat", parts, axis=1)
    return joined, {value: place for place, value in enumerate(order)}
