"""ONNX tensors and attributes as numpy values, read with every size checked before anything is allocated.

Floats widen to float64 (exact), integers keep their type, in which they wrap. External data is read only from the
model's own folder.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import scipy.sparse as sp
from onnx import AttributeProto, TensorProto

from certify.errors import InputError
from certify.generators.onnx_operators.builder import MAXIMUM_TENSOR_ENTRIES
from certify.generators.onnx_operators.values import SparseConstant, shown

AnyArray = npt.NDArray[Any]

_RAW_TYPES: dict[int, str] = {
    TensorProto.FLOAT: "<f4",
    TensorProto.DOUBLE: "<f8",
    TensorProto.FLOAT16: "<f2",
    TensorProto.BFLOAT16: "<u2",
    TensorProto.INT8: "<i1",
    TensorProto.UINT8: "<u1",
    TensorProto.INT16: "<i2",
    TensorProto.INT32: "<i4",
    TensorProto.INT64: "<i8",
    TensorProto.BOOL: "|b1",
}
_FIELDS: dict[int, str] = {
    TensorProto.FLOAT: "float_data",
    TensorProto.DOUBLE: "double_data",
    TensorProto.INT64: "int64_data",
}
FLOATING = (TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16, TensorProto.BFLOAT16)


def tensor_array(tensor: TensorProto, folder: Path | None) -> AnyArray:
    """The values of a tensor as float64, integers of its own type or bool.

    `folder` is where external data may lie (None refuses it). Raises InputError for unknown types, extents that
    do not fit the data, NaN or infinite entries, and external data outside of the folder.
    """
    label = f"tensor {shown(tensor.name)}"
    shape, kind = _shape_and_type(tensor, label)
    count = math.prod(shape)
    if tensor.data_location == TensorProto.EXTERNAL:
        flat = np.frombuffer(_external_bytes(tensor, folder, count * kind.itemsize), dtype=kind)
    elif tensor.HasField("raw_data"):
        if len(tensor.raw_data) != count * kind.itemsize:
            raise InputError(f"{label} has {len(tensor.raw_data)} bytes for the shape {shape}")
        flat = np.frombuffer(tensor.raw_data, dtype=kind)
    else:
        stored = getattr(tensor, _FIELDS.get(tensor.data_type, "int32_data"))
        if len(stored) != count:
            raise InputError(f"{label} has {len(stored)} entries for the shape {shape}")
        flat = np.asarray(stored)
        if tensor.data_type == TensorProto.FLOAT16:
            flat = flat.astype(np.uint16).view(np.float16)
    if tensor.data_type == TensorProto.BFLOAT16:
        flat = (flat.astype(np.uint32) << 16).view(np.float32)
    if tensor.data_type == TensorProto.BOOL:
        return flat.astype(np.bool_).reshape(shape)
    if tensor.data_type not in FLOATING:
        return flat.astype(kind.newbyteorder("=")).reshape(shape)
    if not np.all(np.isfinite(flat)):
        raise InputError(f"{label} has NaN or infinite entries; every weight must be a finite number")
    return flat.astype(np.float64).reshape(shape)


def self_contained(tensor: TensorProto, folder: Path) -> TensorProto:
    """The tensor with its external data, if any, read into it; the type stays as stored. Raises InputError as above."""
    if tensor.data_location != TensorProto.EXTERNAL:
        return tensor
    shape, kind = _shape_and_type(tensor, f"tensor {shown(tensor.name)}")
    content = _external_bytes(tensor, folder, math.prod(shape) * kind.itemsize)
    return TensorProto(name=tensor.name, dims=tensor.dims, data_type=tensor.data_type, raw_data=content)


def _shape_and_type(tensor: TensorProto, label: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
    shape = tuple(int(extent) for extent in tensor.dims)
    check_extents(shape, label)
    if tensor.data_type not in _RAW_TYPES:
        raise InputError(f"{label} has the element type {tensor.data_type}; floats, integers and booleans are accepted")
    return shape, np.dtype(_RAW_TYPES[tensor.data_type])


def check_extents(shape: tuple[int, ...], label: str) -> None:
    """Refuse a shape that is too large, or would be but for an axis of extent 0: loops run over its other axes."""
    if min(shape, default=1) < 0 or len(shape) > 16 or math.prod(max(1, e) for e in shape) > MAXIMUM_TENSOR_ENTRIES:
        raise InputError(f"{label} has the shape {shape}; at most {MAXIMUM_TENSOR_ENTRIES} entries are accepted")


def sparse_tensor(sparse: onnx.SparseTensorProto) -> SparseConstant:
    """A sparse initialiser of two axes as a CSR matrix, with linear or coordinate indices."""
    shape = tuple(int(extent) for extent in sparse.dims)
    label = f"sparse tensor {shown(sparse.values.name)}"
    values, indices = tensor_array(sparse.values, None), tensor_array(sparse.indices, None)
    if len(shape) != 2 or min(shape) < 1 or max(shape) > MAXIMUM_TENSOR_ENTRIES:
        raise InputError(f"{label} has the shape {shape}; a matrix is expected")
    if values.ndim != 1 or values.dtype.kind != "f" or indices.dtype.kind != "i":
        raise InputError(f"{label} needs a vector of floats and integer indices")
    if indices.shape == (values.size,):
        rows, columns = np.divmod(indices, shape[1])
    elif indices.shape == (values.size, 2):
        rows, columns = indices[:, 0], indices[:, 1]
    else:
        raise InputError(f"{label} has indices of shape {indices.shape} for {values.size} entries")
    inside = (rows >= 0) & (rows < shape[0]) & (columns >= 0) & (columns < shape[1])
    if not np.all(inside) or np.unique(rows * shape[1] + columns).size != values.size:
        raise InputError(f"{label} has indices that are outside of the shape {shape} or repeated")
    matrix = sp.csr_array(sp.coo_array((values, (rows, columns)), shape=shape))
    return SparseConstant(matrix, frozenset({sparse.values.name}))


def attributes(protos: Sequence[AttributeProto], owner: str) -> dict[str, Any]:
    """Attributes of a node as numbers, strings, tuples and arrays; raises InputError for graphs and rarer types."""
    decoded: dict[str, Any] = {}
    for proto in protos:
        match proto.type:
            case AttributeProto.FLOAT:
                decoded[proto.name] = _finite(proto, float(proto.f), owner)
            case AttributeProto.INT:
                decoded[proto.name] = int(proto.i)
            case AttributeProto.STRING:
                decoded[proto.name] = proto.s.decode("utf-8", "replace")
            case AttributeProto.FLOATS:
                decoded[proto.name] = tuple(_finite(proto, float(entry), owner) for entry in proto.floats)
            case AttributeProto.INTS:
                decoded[proto.name] = tuple(int(entry) for entry in proto.ints)
            case AttributeProto.STRINGS:
                decoded[proto.name] = tuple(entry.decode("utf-8", "replace") for entry in proto.strings)
            case AttributeProto.TENSOR:
                decoded[proto.name] = tensor_array(proto.t, None)
            case _:
                raise InputError(
                    f"{owner} has the attribute {shown(proto.name)} of type {proto.type}; subgraphs and sparse "
                    "tensors are not supported"
                )
    return decoded


def _finite(proto: AttributeProto, value: float, owner: str) -> float:
    if not math.isfinite(value):
        raise InputError(f"{owner} has the attribute {shown(proto.name)} = {value}; a finite number is expected")
    return value


def _external_bytes(tensor: TensorProto, folder: Path | None, size: int) -> bytes:
    """`size` bytes of a tensor stored beside the model; never read from outside of the model's folder."""
    label = f"tensor {shown(tensor.name)}"
    options = {entry.key: entry.value for entry in tensor.external_data}
    location = options.get("location", "")
    if folder is None:
        raise InputError(f"{label} is stored in another file, which is not accepted here")
    relative = PurePosixPath(location)
    plain = location and "\0" not in location and "\\" not in location and not relative.is_absolute()
    if not plain or ".." in relative.parts:
        raise InputError(f"{label} points to {shown(location)}; external data must lie in the model's own folder")
    root = folder.resolve()
    path = (root / location).resolve()
    if not path.is_relative_to(root) or not path.is_file():
        raise InputError(f"{label} points to {shown(location)}, which is not a file in the model's own folder")
    offset, length = options.get("offset", "0"), options.get("length", str(size))
    if not (offset.isdecimal() and len(offset) < 16):
        raise InputError(f"{label} has external data at the offset {shown(offset)}; a number of bytes is expected")
    if not (length.isdecimal() and len(length) < 20) or int(length) != size:
        raise InputError(f"{label} has external data of length {shown(length)}; {size} bytes are expected")
    with path.open("rb") as stream:
        stream.seek(int(offset))
        found: bytes = stream.read(size)
    if len(found) != size:
        raise InputError(f"{label} has external data that ends early in {shown(location)}")
    return found
