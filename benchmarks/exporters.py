"""Modules of torch, Keras and jax through their exporters: is what we read what the framework computes?

    pip install -e '.[zoo]'
    python -m benchmarks.exporters [--models FOLDER] [--only WORD] [--out benchmarks/results/exporters.md]

Each small network of `exporter_modules.py` is written by torch's two exporters, Keras's or jax2onnx, imported, and
compared at points of size 0.1 to 30 with the framework's own output and with ONNX Runtime's. --models keeps the files
and the framework's outputs; what lies there already is not exported again.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import io
import json
import logging
import re
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from benchmarks.exporter_modules import LATENTS, jax_cases, keras_cases, torch_cases
from certify.atomic import write_text_atomically
from certify.errors import InputError
from certify.generators.onnx_import import load_onnx

Array = NDArray[np.float32]
Writer = Callable[[Callable[[], Any], Path], Array]

TOLERANCE = 1e-4
"""Of a difference, relative to one plus the largest output: float32 arithmetic of two implementations."""
SCALES = (0.0, 0.1, 0.5, 1.0, 1.0, 2.0, 3.0, 10.0, 30.0)
OUTCOMES = ("equal", "refused", "not exported", "exporter changed it", "DIFFERENT")


def points() -> Array:
    """Rows of the sizes SCALES; the large ones reach the thresholds that some activations have."""
    directions = np.random.default_rng(0).standard_normal((len(SCALES), LATENTS))
    return (np.array(SCALES)[:, None] * directions).astype(np.float32)


def write_torch(build: Callable[[], Any], path: Path, dynamo: bool) -> Array:
    """Export at batch size one; the module's own outputs, row by row."""
    import torch

    torch.manual_seed(0)
    module = build().eval()
    with torch.no_grad():
        expected = [module(torch.from_numpy(row[None])).numpy().ravel() for row in points()]
        sample = (torch.zeros(1, LATENTS),)
        if dynamo:
            torch.onnx.export(module, sample, str(path), dynamo=True, external_data=False, verbose=False)
        else:
            torch.onnx.export(module, sample, str(path), dynamo=False)
    return np.array(expected, np.float32)


def write_keras(build: Callable[[], Any], path: Path) -> Array:
    """`model.export`, as Keras chooses exporter and batch size."""
    import keras
    import torch

    keras.utils.set_random_seed(0)
    model = build()
    with torch.no_grad():
        expected = [np.asarray(model(row[None], training=False)).ravel() for row in points()]
    model.export(str(path), format="onnx", verbose=False)
    return np.array(expected, np.float32)


def write_jax(build: Callable[[], Any], path: Path) -> Array:
    """`jax2onnx.to_onnx` at batch size one."""
    from jax2onnx import to_onnx

    function = build()
    to_onnx(function, [(1, LATENTS)], return_mode="file", output_path=str(path))
    return np.array([np.asarray(function(row[None])).ravel() for row in points()], np.float32)


def campaign() -> dict[str, tuple[Writer, Callable[[], Any]]]:
    """Writer and builder of every file, by the file's name."""
    jobs: dict[str, tuple[Writer, Callable[[], Any]]] = {}
    for name, build in torch_cases().items():
        jobs[f"torch-dynamo-{name}"] = (lambda b, path: write_torch(b, path, dynamo=True), build)
        jobs[f"torch-torchscript-{name}"] = (lambda b, path: write_torch(b, path, dynamo=False), build)
    jobs |= {f"keras-{name}": (write_keras, build) for name, build in keras_cases().items()}
    return jobs | {f"jax2onnx-{name}": (write_jax, build) for name, build in jax_cases().items()}


def written(name: str, write: Writer, build: Callable[[], Any], folder: Path) -> str:
    """Export unless that was done; the exporter's complaint, or an empty text."""
    path, outcome = folder / f"{name}.onnx", folder / f"{name}.json"
    if not outcome.exists():
        complaint, quiet = "", io.StringIO()
        with warnings.catch_warnings(), contextlib.redirect_stdout(quiet), contextlib.redirect_stderr(quiet):
            warnings.simplefilter("ignore")
            try:
                np.save(folder / f"{name}.npy", write(build, path))
            except Exception as error:  # noqa: BLE001 - whatever an exporter raises is its answer
                complaint = f"{type(error).__name__}: {error}"
        outcome.write_text(json.dumps({"complaint": complaint}))
    return str(json.loads(outcome.read_text())["complaint"])


def judged(path: Path, expected: Array) -> tuple[str, str]:
    """Outcome and detail of one file: ours, ONNX Runtime's and the framework's outputs at the same points."""
    try:
        session = onnxruntime.InferenceSession(path)
    except Exception as error:  # noqa: BLE001 - a file that its own runtime refuses is the exporter's
        return "not exported", f"ONNX Runtime refuses the file: {_short(error)}"
    name = session.get_inputs()[0].name
    runtime = np.array([session.run(None, {name: row[None]})[0].ravel() for row in points()])
    exporter = _distance(runtime, expected)
    try:
        ours = load_onnx(path).value(points().astype(np.float64))
    except InputError as error:
        return "refused", _short(str(error).replace(f"`{path}`: ", ""))
    to_runtime, to_framework = _distance(ours, runtime), _distance(ours, expected)
    if not to_runtime < TOLERANCE:
        return "DIFFERENT", f"{to_runtime:.1e} from ONNX Runtime"
    if not exporter < TOLERANCE or not to_framework < TOLERANCE:
        return "exporter changed it", f"the file is {max(exporter, to_framework):.1e} from the module"
    return "equal", f"{max(to_runtime, to_framework):.0e}"


def _distance(left: Any, right: Any) -> float:
    if left.shape != right.shape or not np.array_equal(np.isfinite(left), np.isfinite(right)):
        return float("inf")
    finite = np.isfinite(right)
    scale = 1.0 + np.abs(np.where(finite, right, 0.0)).max(axis=1, keepdims=True)
    return float(np.max(np.abs(np.where(finite, left, 0.0) - np.where(finite, right, 0.0)) / scale))


def _short(text: object) -> str:
    line = " ".join(re.sub(r"\x1b\[[0-9]*m", "", str(text)).split()).replace("|", "/")
    for before, cause in (("<class '", line.rpartition("<class '")), ("ONNXRuntimeError", line.rpartition(" : "))):
        line = cause[2] if before in line and cause[1] else line
    line = re.split("; supported (?:are|elsewhere)", line)[0]
    return line if len(line) <= 160 else f"{line[:157]}..."


def report(found: dict[str, tuple[str, str]]) -> list[str]:
    """Counts by exporter, then every file that is not simply equal, then the equal ones."""
    packages = ("torch", "onnxscript", "keras", "jax", "jax2onnx", "flax", "onnxruntime")
    versions = ", ".join(f"{name} {importlib.metadata.version(name).partition('+')[0]}" for name in packages)
    lines = [
        "# Modules through exporters, imported and compared",
        "",
        f"`python -m benchmarks.exporters` with {versions}.",
        f"Compared at {len(SCALES)} points of size 0 to 30 with the framework and with ONNX Runtime; equal: within",
        f"{TOLERANCE:g} of one plus the largest output; refused: by us, in the line that is printed.",
        "`exporter changed it`: we and ONNX Runtime agree on the file, and the file is not the module.",
        "",
        "| exporter | files | " + " | ".join(OUTCOMES) + " |",
        "| --- | --- " + "| --- " * len(OUTCOMES) + "|",
    ]
    exporters = ("torch-dynamo", "torch-torchscript", "keras", "jax2onnx")
    for exporter in exporters:
        counts = Counter(outcome for name, (outcome, _) in found.items() if name.startswith(f"{exporter}-"))
        cells = [exporter, str(counts.total()), *(str(counts[outcome]) for outcome in OUTCOMES)]
        lines.append("| " + " | ".join(cells) + " |")
    lines += ["", "| file | outcome | |", "| --- | --- | --- |"]
    for outcome in reversed(OUTCOMES[1:]):
        lines += [f"| {name} | {kind} | {detail} |" for name, (kind, detail) in found.items() if kind == outcome]
    lines += ["", "## Equal", ""]
    for exporter in exporters:
        start = f"{exporter}-"
        equal = [name.removeprefix(start) for name in found if name.startswith(start) and found[name][0] == "equal"]
        lines += [f"{exporter}: {', '.join(equal)}.", ""]
    return lines[:-1]


def main() -> None:
    """Print every outcome; with --out write the report. Exit code 1 where one is different."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=Path)
    parser.add_argument("--only", default="", help="names that contain this word")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    onnxruntime.set_default_logger_severity(4)
    found: dict[str, tuple[str, str]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.models or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        for name, (write, build) in campaign().items():
            if options.only not in name:
                continue
            complaint = written(name, write, build, folder)
            if complaint:
                found[name] = ("not exported", _short(complaint))
            else:
                found[name] = judged(folder / f"{name}.onnx", np.load(folder / f"{name}.npy"))
            print(f"{name}: {': '.join(found[name])}", flush=True)
    if options.out:
        write_text_atomically(options.out, "\n".join(report(found)) + "\n")
    if any(outcome == "DIFFERENT" for outcome, _ in found.values()):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
