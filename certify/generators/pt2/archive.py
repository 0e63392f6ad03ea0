"""A `.pt2` archive of `torch.export.save` as data: a zip of one JSON graph and raw tensors; torch is not needed.

torch's own loader unpickles parts of such a file, which can run code. Here only the JSON and the raw bytes of tensors
are read; whatever the archive holds in pickled form (sample inputs, script objects) is never opened, and a weight in
that form is refused.
"""

from __future__ import annotations

import json
import math
import struct
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from certify.errors import InputError
from certify.generators.onnx_operators.values import shown

AnyArray = npt.NDArray[Any]

MAXIMUM_BYTES = 134_217_728
MAXIMUM_JSON_BYTES = 16_777_216
MAXIMUM_ENTRIES = 16_777_216
SCHEMA = 8
"""Major version of the JSON schema that is read; torch 2.8 and later write it."""

DTYPES = {4: "<i4", 5: "<i8", 6: "<f2", 7: "<f4", 8: "<f8", 12: "?"}
"""Types of tensors by their code in the schema, the raw bytes in little-endian order."""

DAMAGED = (OSError, EOFError, NotImplementedError, RuntimeError, struct.error, zipfile.BadZipFile, zlib.error)
MALFORMED = (AttributeError, IndexError, KeyError, OverflowError, RecursionError, TypeError, ValueError)


@dataclass(frozen=True, eq=False)
class ExportedProgram:
    """What an archive says: nodes in order, the names that tensors have in them, recorded shapes, input and output.

    `tensors` maps the name of every parameter, buffer and constant to its place in the archive and its array: two
    names of one tensor have one place.
    """

    nodes: tuple[dict[str, Any], ...]
    tensors: dict[str, tuple[str, AnyArray]]
    values: dict[str, dict[str, Any]]
    source: str
    target: str


def read_archive(path: Path) -> ExportedProgram:
    """The exported program of a file.

    Raises InputError, one line, when it is missing, too large, not such an archive, of another schema, has weights in
    pickled form, or several inputs or outputs. Executes nothing.
    """
    name = shown(str(path), 400)
    try:
        if path.stat().st_size > MAXIMUM_BYTES:
            raise InputError(f"the file has {path.stat().st_size} bytes; at most {MAXIMUM_BYTES} are accepted")
        with zipfile.ZipFile(path) as archive:
            return _program(_Reader(archive))
    except InputError as error:
        raise InputError(f"{name}: {error}") from error
    except FileNotFoundError as error:
        raise InputError(f"{name}: no such file") from error
    except MALFORMED as error:
        raise InputError(f"{name}: the archive's description is malformed ({type(error).__name__})") from error
    except DAMAGED as error:
        raise InputError(f"{name} is not a .pt2 archive, or is damaged; torch.export.save writes one") from error


class _Reader:
    """Members of the archive below its single folder, within a budget of bytes."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self.archive = archive
        self.left = MAXIMUM_BYTES
        self.root = archive.namelist()[0].split("/")[0]

    def bytes_of(self, name: str, limit: int = MAXIMUM_BYTES) -> bytes:
        member = f"{self.root}/{name}"
        if member not in self.archive.namelist():
            raise InputError(
                f"the archive has no {shown(name)}; torch.export.save of torch 2.8 or later writes one, for an older "
                "file export the model with torch.onnx.export"
            )
        size = self.archive.getinfo(member).file_size
        if size > min(limit, self.left):
            raise InputError(f"the member {shown(name)} has {size} bytes; at most {min(limit, self.left)} are accepted")
        self.left -= size
        with self.archive.open(member) as file:
            return file.read(size)

    def document(self, name: str) -> Any:
        return json.loads(self.bytes_of(name, MAXIMUM_JSON_BYTES))


def _program(reader: _Reader) -> ExportedProgram:
    if reader.bytes_of("byteorder", 16) != b"little":
        raise InputError("the archive's byte order is not little-endian")
    document = reader.document("models/model.json")
    if document["schema_version"]["major"] != SCHEMA:
        raise InputError(f"the archive has schema {document['schema_version']['major']}; {SCHEMA} is read")
    module = document["graph_module"]
    inputs, outputs = (module["signature"][key] for key in ("input_specs", "output_specs"))
    weights = reader.document("data/weights/model_weights_config.json")["config"]
    constants = reader.document("data/constants/model_constants_config.json")["config"]
    tensors: dict[str, tuple[str, AnyArray]] = {}
    sources = []
    for entry in inputs:
        ((kind, spec),) = entry.items()
        if kind == "user_input":
            sources.append(spec["arg"]["as_tensor"]["name"])
        elif kind in ("parameter", "buffer"):
            key = spec[f"{kind}_name"]
            folder, config = ("weights", weights) if key in weights else ("constants", constants)
            tensors[spec["arg"]["name"]] = _tensor(reader, folder, config[key], key)
        elif kind == "tensor_constant":
            key = spec["tensor_constant_name"]
            tensors[spec["arg"]["name"]] = _tensor(reader, "constants", constants[key], key)
        else:
            raise InputError(f"the program has an input of the kind {shown(kind)}; tensors are supported")
    targets = [entry["user_output"]["arg"]["as_tensor"]["name"] for entry in outputs if "user_output" in entry]
    if len(sources) != 1 or len(outputs) != 1 or len(targets) != 1:
        raise InputError(f"the program has {len(sources)} inputs and {len(outputs)} outputs; one of each is expected")
    graph = module["graph"]
    return ExportedProgram(tuple(graph["nodes"]), tensors, dict(graph["tensor_values"]), sources[0], targets[0])


def extents(value: dict[str, Any]) -> tuple[int | None, ...]:
    """Recorded shape of a tensor; an extent that is no number (a dynamic batch) is None."""
    return tuple(int(entry["as_int"]) if "as_int" in entry else None for entry in value["sizes"])


def _tensor(reader: _Reader, folder: str, config: dict[str, Any], name: str) -> tuple[str, AnyArray]:
    """One tensor with the identity of its bytes; strides and offset are applied within the stored bytes only."""
    if config["use_pickle"]:
        raise InputError(f"the tensor {shown(name)} is stored in pickled form, which can run code; it is not read")
    meta, place = config["tensor_meta"], str(config["path_name"])
    if meta["dtype"] not in DTYPES:
        raise InputError(f"the tensor {shown(name)} has the unsupported type number {meta['dtype']}")
    dtype = np.dtype(DTYPES[meta["dtype"]])
    shape = tuple(int(entry["as_int"]) for entry in meta["sizes"])
    strides = tuple(int(entry["as_int"]) for entry in meta["strides"])
    offset = int(meta["storage_offset"]["as_int"])
    stored = np.frombuffer(reader.bytes_of(f"data/{folder}/{place}"), dtype)
    if len(strides) != len(shape) or min((*shape, *strides, offset), default=0) < 0:
        raise InputError(f"the tensor {shown(name)} has inconsistent extents")
    entries = math.prod(shape)
    last = offset + sum((extent - 1) * stride for extent, stride in zip(shape, strides, strict=True))
    if entries > MAXIMUM_ENTRIES or (entries and last >= stored.size):
        raise InputError(f"the tensor {shown(name)} of shape {shape} does not lie within its {stored.size} entries")
    if not entries:
        return place, np.empty(shape, dtype)
    steps = tuple(stride * dtype.itemsize for stride in strides)
    view = np.lib.stride_tricks.as_strided(stored[offset:], shape, steps, writeable=False)
    return f"{folder}/{place}/{offset}/{shape}/{strides}", np.array(view)
