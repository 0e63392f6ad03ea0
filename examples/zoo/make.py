"""Train the decoders of the zoo and write their ONNX files, held-out observations and the table of README.md.

    pip install 'proof-companion[zoo]'
    python -m examples.zoo.make [NAME ...] [--out examples/zoo]

Without a name every decoder is made; a minute each at most. No test trains: they read the committed files.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import json
import logging
import pkgutil
import random
from pathlib import Path

import numpy as np
import onnx

from examples.zoo.decoder import REGISTERED, Decoder, without_notes

FOLDER = Path(__file__).parent
HEADER = ("file", "package", "model", "d", "n", "N", "activations", "noise", "data")


def makers() -> dict[str, Decoder]:
    """Every decoder that a file `from_*.py` of this folder declares, by name."""
    for module in sorted(module.name for module in pkgutil.iter_modules([str(FOLDER)])):
        if module.startswith("from_"):
            importlib.import_module(f"examples.zoo.{module}")
    return REGISTERED


def make(decoder: Decoder, folder: Path) -> dict[str, object]:
    """Train and export one decoder; returns its line of `record.json`."""
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002 - several packages draw from it
    _seed_torch()
    path = folder / f"{decoder.name}.onnx"
    observations = np.asarray(decoder.make(path), np.float32)
    without_notes(path)
    np.save(path.with_suffix(".npy"), observations)
    proto = onnx.load(path)
    return {
        "versions": {name: importlib.metadata.version(name).partition("+")[0] for name in decoder.packages},
        "model": decoder.model,
        "activations": decoder.activations,
        "noise": decoder.likelihood,
        "data": decoder.data,
        "d": proto.graph.input[0].type.tensor_type.shape.dim[1].dim_value,
        "n": observations.shape[1],
        "N": sum(int(np.prod(tensor.dims)) for tensor in proto.graph.initializer if tensor.data_type in (1, 11)),
        "opset": max(entry.version for entry in proto.opset_import if entry.domain in ("", "ai.onnx")),
        "producer": f"{proto.producer_name} {proto.producer_version}".strip(),
        "bytes": path.stat().st_size,
    }


def _seed_torch() -> None:
    try:
        import torch
    except ImportError:
        return
    torch.manual_seed(0)
    torch.set_num_threads(1)


def table(record: dict[str, dict[str, object]]) -> list[str]:
    """The table of README.md, one line per file."""
    lines = ["| " + " | ".join(HEADER) + " |", "| --- " * len(HEADER) + "|"]
    for name, entry in sorted(record.items()):
        versions = entry["versions"]
        assert isinstance(versions, dict)
        package = next(iter(versions))
        cells = [f"`{name}`", f"{package} {versions[package]}", *(entry[key] for key in ("model", *HEADER[3:]))]
        lines.append("| " + " | ".join(str(cell) for cell in cells) + " |")
    return lines


def with_table(text: str, lines: list[str]) -> str:
    """A page whose only table is replaced."""
    old = text.split("\n")
    kept = [position for position, line in enumerate(old) if line.startswith("|")]
    return "\n".join([*old[: kept[0]], *lines, *old[kept[-1] + 1 :]])


def main() -> None:
    """Make the named decoders, then the record and the table."""
    known = makers()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(known))
    parser.add_argument("--out", type=Path, default=FOLDER)
    options = parser.parse_args()
    unknown = sorted(set(options.names) - set(known))
    if unknown:
        parser.error(f"unknown: {', '.join(unknown)}; known are {', '.join(known)}")
    logging.disable(logging.WARNING)
    path = options.out / "record.json"
    record = json.loads(path.read_text()) if path.exists() else {}
    for name in options.names or known:
        record[name] = make(known[name], options.out)
        path.write_text(json.dumps(dict(sorted(record.items())), indent=1) + "\n")
        print(f"{name}: {record[name]['bytes']} bytes", flush=True)
    page = options.out / "README.md"
    if page.exists():
        page.write_text(with_table(page.read_text(), table(record)))


if __name__ == "__main__":
    main()
