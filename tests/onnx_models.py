"""Small ONNX models built by hand, and what two other engines make of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from certify.generators.graph import Generator
from certify.generators.onnx_import import load_onnx

AnyArray = npt.NDArray[Any]
OPSET = 20


def node(kind: str, inputs: str, output: str, **attributes: object) -> onnx.NodeProto:
    """An operator; `inputs` and `output` are names separated by spaces, `_` an absent input."""
    names = ["" if name == "_" else name for name in inputs.split()]
    return helper.make_node(kind, names, output.split(), name=f"{kind}_{output.split()[0]}", **attributes)


def model(
    nodes: Sequence[onnx.NodeProto],
    constants: dict[str, AnyArray],
    latent: Sequence[int | str] = ("batch", 4),
    dtype: type = np.float64,
    opset: int = OPSET,
) -> onnx.ModelProto:
    """A model from `z` to `x`; float64 constants are stored as `dtype`, all others as they are."""
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    stored = [
        numpy_helper.from_array(array.astype(dtype) if array.dtype == np.float64 else array, name)
        for name, array in constants.items()
    ]
    graph = helper.make_graph(
        list(nodes),
        "model",
        [helper.make_tensor_value_info("z", kind, list(latent))],
        [helper.make_tensor_value_info("x", kind, None)],
        stored,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)


def imported(proto: onnx.ModelProto, folder: Path) -> Generator:
    """The model written to a file and read by the import."""
    path = folder / "model.onnx"
    path.write_bytes(proto.SerializeToString())
    return load_onnx(path)


def reference(proto: onnx.ModelProto, points: AnyArray, shape: tuple[int, ...]) -> AnyArray:
    """Values of ONNX's own reference implementation, one point at a time."""
    evaluator = ReferenceEvaluator(proto)
    with np.errstate(all="ignore"):
        rows = [np.asarray(evaluator.run(None, {"z": point.reshape(shape)})[0]).reshape(-1) for point in points]
    return np.stack(rows)


def runtime(proto: onnx.ModelProto, points: AnyArray, shape: tuple[int, ...]) -> AnyArray:
    """Values of ONNX Runtime, one point at a time."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(proto.SerializeToString(), options)
    return np.stack([np.asarray(session.run(None, {"z": point.reshape(shape)})[0]).reshape(-1) for point in points])
