"""An encoder's file in float32, and how far it is from the float64 one: measured at sampled noises.

The certificate is that of the network in real arithmetic. In float32 most draws are the same up to rounding; a test
that is decided the other way gives another draw, and how often that happens is bounded from the noises that were tried.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from certify.arithmetic.arrays import FloatArray
from certify.bounds.bracket import json_number
from certify.codec import Readable
from certify.encoders.convention import read_signature
from certify.encoders.runtime import RuntimeEncoder
from certify.errors import InputError
from certify.posteriors.estimates import IntervalEstimate, frequency_interval

SAME = 1e-3
"""Largest |z32 - z64|/(1 + |z64|) of draws that are called the same."""
TRIED, NUMBERS = 20_000, 20_000_000
"""Most noises that the two files are held to each other at, and numbers of noise in all."""
HELD = "observation"
"""Stays in float64: its digest is in the metadata."""


@dataclass(frozen=True)
class Agreement(Readable):
    """At `tried` noises: the largest relative gap of draws that are the same (NaN: none is), and how many are not."""

    NAMES: ClassVar[Mapping[str, str]] = {"tried": "noises"}

    tried: int
    largest_gap: float
    others: int

    @property
    def other_draws(self) -> IntervalEstimate:
        """How often a draw is another one, at error probability 1e-6."""
        return frequency_interval(self.others, self.tried)

    def to_dict(self) -> dict[str, Any]:
        """JSON form: `other_draws` at error probability 1e-6."""
        other = self.other_draws
        return {
            "noises": self.tried,
            "others": self.others,
            "largest_gap": json_number(self.largest_gap),
            "other_draws": {"lower": other.lower, "upper": other.upper, "confidence": 1 - other.error_probability},
        }


def single_precision(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same operators on float32 tensors.

    Raises:
        InputError: if a constant is no float32.
    """
    found = onnx.ModelProto()
    found.CopyFrom(model)
    graph = found.graph
    for tensor in graph.initializer:
        if tensor.data_type == TensorProto.DOUBLE and tensor.name != HELD:
            tensor.CopyFrom(_rounded(tensor))
    for sparse in graph.sparse_initializer:
        sparse.values.CopyFrom(_rounded(sparse.values))
    _retype(graph)
    if any(tensor.name == HELD for tensor in graph.initializer):
        _rename(graph, HELD, f"{HELD}_float32")
        graph.node.insert(0, helper.make_node("Cast", [HELD], [f"{HELD}_float32"], to=int(TensorProto.FLOAT)))
    return found


def agreement(double: onnx.ModelProto, single: onnx.ModelProto, observations: FloatArray, seed: int = 0) -> Agreement:
    """The two files at `observations` (k, n), noises in turn."""
    first, second = (_encoder(model) for model in (double, single))
    size = first.noise_size
    if size is None:
        raise InputError("files that draw their own noise cannot be held to each other; leave out `random_normal`")
    random, count = np.random.default_rng([seed, 0xF32]), int(np.clip(NUMBERS // max(size, 1), 100, TRIED))
    rows = max(1, 1_000_000 // max(size, 1))
    gaps = []
    for start in range(0, count, rows):
        block = min(rows, count - start)
        noise = random.standard_normal((block, size))
        x = observations[np.arange(start, start + block) % len(observations)]
        exact, rounded = first.push(x, noise), second.push(x, noise)
        gaps.append(np.linalg.norm(rounded - exact, axis=1) / (1 + np.linalg.norm(exact, axis=1)))
    gap = np.concatenate(gaps)
    same = gap <= SAME
    largest = float(gap[same].max()) if same.any() else float("nan")
    return Agreement(count, largest, int((~same).sum()))


def _encoder(model: onnx.ModelProto) -> RuntimeEncoder:
    return RuntimeEncoder("encoder", read_signature(model, "encoder"), {}, model.SerializeToString(), 1)


def _rounded(tensor: TensorProto) -> TensorProto:
    value = numpy_helper.to_array(tensor)
    with np.errstate(over="ignore"):
        stored = value.astype(np.float32)
    if (np.isinf(stored) & np.isfinite(value)).any():
        raise InputError(f"the constant `{tensor.name}` of this encoder is no float32; write it in float64")
    return numpy_helper.from_array(stored, tensor.name)


def _retype(graph: onnx.GraphProto) -> None:
    """Float32 for every declared tensor and every operator that names a type, in bodies of loops too."""
    for entry in (*graph.input, *graph.output, *graph.value_info):
        if entry.type.tensor_type.elem_type == TensorProto.DOUBLE:
            entry.type.tensor_type.elem_type = TensorProto.FLOAT
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.name in {"to", "dtype"} and attribute.i == TensorProto.DOUBLE:
                attribute.i = TensorProto.FLOAT
    for body in _bodies(graph):
        _retype(body)


def _rename(graph: onnx.GraphProto, before: str, after: str) -> None:
    for node in graph.node:
        for place, name in enumerate(node.input):
            if name == before:
                node.input[place] = after
    for body in _bodies(graph):
        _rename(body, before, after)


def _bodies(graph: onnx.GraphProto) -> Iterable[onnx.GraphProto]:
    return (item.g for node in graph.node for item in node.attribute if item.HasField("g"))
