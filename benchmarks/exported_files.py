"""Every file that we write, run by other runtimes: generators, circuits and encoders, in float64.

    python -m benchmarks.exported_files --write FOLDER        the files, their inputs, what they should give
    python -m benchmarks.exported_files --run FOLDER          run by each runtime of this interpreter
    python -m benchmarks.exported_files --report FOLDER --out benchmarks/results/exported_files.md

`--run` needs numpy and the runtimes only, so that the same folder goes through environments with other versions:
onnxruntime, the reference evaluator of `onnx`, openvino. A difference is relative to the largest entry of the output
(generators: to what `tests.exported.tolerance` allows).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

Arrays = dict[str, Any]
Runner = Callable[[Path, Arrays], list[Any]]
HEADER = """# Exported files in other runtimes

Every file that `certify` writes, in float64, by discovery: a network of each activation with each choice of its
parameters, each generator family with each choice of its names, the minimum-maximum form of each permutation family,
each encoder kind for every smooth activation and family, as loops and (families) unrolled. Run at 0 and at points or
observations of length 0.1 to 100, and compared with our own values within the tolerance that rounding allows
(`tests/exported.py`). Made by `python -m benchmarks.exported_files`. The figures are median and maximum of
|difference|/max(1, |value|) over the files.

OpenVINO computes float64 files in float32 (`findings/openvino_double_model_is_computed_in_float32.sh`).
"""
KINDS = ("activation", "family", "circuit", "encoder")
AGREEMENT = 1e-9
"""Of encoders, whose layers pass on rounding: the largest difference that counts as equal."""


def write(folder: Path) -> None:
    """All files with their inputs and expected outputs."""
    from certify.circuits.onnx_export import export_minmax_onnx
    from certify.circuits.permutation import FAMILIES, permutation
    from certify.generators.onnx_export import export_onnx
    from certify.generators.specification import load_generator
    from tests.exported import activation_cases, activation_network, family_specifications, points, tolerance

    folder.mkdir(parents=True, exist_ok=True)
    generators = [("activation", activation_network(*case)) for case in activation_cases()]
    generators += [("family", load_generator(text)) for text in family_specifications()]
    for index, (kind, generator) in enumerate(generators):
        z = points(generator)
        path = folder / f"{kind}-{index}.onnx"
        export_onnx(generator, path)
        _save(path, generator.name, {"z": z}, generator.value(z), tolerance(generator.graph, z))
    for family in sorted(FAMILIES):
        circuit = permutation(family, 6).circuit
        z, path = points(load_generator("linear:d=6"))[4:], folder / f"circuit-{family}.onnx"
        export_minmax_onnx(circuit, path)
        expected = load_generator(f"permutation:family={family},bits=6").value(z)
        _save(path, family, {"z": z}, expected, np.zeros_like(expected))
    for index, (name, content, inputs, expected) in enumerate(_encoders()):
        path = folder / f"encoder-{index}.onnx"
        path.write_bytes(content)
        size = np.max(np.abs(expected), axis=1, keepdims=True)
        _save(path, name, inputs, expected, AGREEMENT * size * np.ones_like(expected))


def _encoders() -> Iterator[tuple[str, bytes, Arrays, Any]]:
    """Each kind for every smooth activation and family as a loop, and unrolled for families."""
    from certify.encoders.centre_plan import CentrePlan
    from certify.encoders.onnx_encoder import ExportOptions, onnx_encoder
    from certify.posteriors.posterior import Posterior
    from tests.conformance.test_encoders_families import BETA, ETA, FAMILIES, NETWORKS, STEP, instance
    from tests.encoder_models import descent, gaussian, langevin, sharp
    from theorems.gaussian_encoder.network import gaussian_encoder
    from theorems.sharp_langevin.network import sharp_encoder
    from theorems.strong_invertibility.network import langevin_encoder

    times, plan = np.array([0.4, 0.3, 0.2]), CentrePlan(STEP, 20, 3, 0.0, 0.0)
    for network in NETWORKS:
        generator, x, noise = instance(network, 4)
        posteriors = [Posterior(generator, row, BETA) for row in x]
        starts = [descent(generator, row, STEP, 20) for row in x]
        rows = list(zip(posteriors, starts, noise, strict=True))
        programs = {
            "langevin": (4, langevin_encoder(generator, BETA, STEP, 20, ETA, 4),
                         [langevin(p, c, ETA, xi) for p, c, xi in rows]),
            "projected": (4, langevin_encoder(generator, BETA, STEP, 20, ETA, 4, 0.02),
                          [langevin(p, c, ETA, xi, 0.02) for p, c, xi in rows]),
            "gaussian": (1, gaussian_encoder(generator, BETA, STEP, 20, 2),
                         [gaussian(p, c, 2, xi) for p, c, xi in rows]),
            "sharp": (4, sharp_encoder(generator, BETA, plan, times, 1.5, True),
                      [sharp(p, c, times, 1.5, xi, True) for p, c, xi in rows]),
        }  # fmt: skip
        for kind, (used, program, expected) in programs.items():
            for unrolled in (False, True)[: 1 + (network in FAMILIES)]:
                content = onnx_encoder(program, ExportOptions(unrolled=unrolled)).SerializeToString()
                form = "unrolled" if unrolled else "loop"
                yield f"{kind} {form} {generator.name}", content, {"x": x, "noise": noise[:, :used]}, np.array(expected)


def _save(path: Path, name: str, inputs: Arrays, expected: Any, allowed: Any) -> None:
    named = {f"in_{key}": value for key, value in inputs.items()}
    np.savez(path.with_suffix(".npz"), name=name, expected=expected, allowed=allowed, **named)


def run(folder: Path) -> None:
    """Run every file with each runtime that this interpreter has, and write `NAME-VERSION.json`."""
    for name, version, runner in runtimes():
        results = {}
        for path in sorted(folder.glob("*.onnx")):
            case = np.load(path.with_suffix(".npz"))
            inputs = {key.removeprefix("in_"): case[key] for key in case.files if key.startswith("in_")}
            results[path.stem] = _compared(runner, path, inputs, case)
        (folder / f"{name}-{version}.json").write_text(json.dumps(results, indent=1))
        print(f"{name} {version}: {sum(item['equal'] for item in results.values())} of {len(results)} equal")


def _compared(runner: Runner, path: Path, inputs: Arrays, case: Any) -> dict[str, Any]:
    try:
        found = np.asarray(runner(path, inputs)[0])
    except Exception as error:  # runtimes' errors have no common base
        return {"name": str(case["name"]), "equal": False, "reason": " ".join(str(error).split())[:200]}
    if found.dtype != np.float64 or found.shape != case["expected"].shape:
        return {"name": str(case["name"]), "equal": False, "reason": f"output {found.dtype} {found.shape}"}
    gap = np.abs(found - case["expected"])
    difference = float(np.max(gap / np.maximum(1.0, np.abs(case["expected"]))))
    equal = bool(np.all(gap <= case["allowed"]))
    return {"name": str(case["name"]), "equal": equal, "difference": difference, "reason": "" if equal else "values"}


def runtimes() -> Iterator[tuple[str, str, Runner]]:
    """The runtimes of this interpreter."""
    try:
        import onnxruntime

        yield "onnxruntime", onnxruntime.__version__, _onnxruntime
    except ImportError:
        pass
    try:
        import onnx.reference

        yield "onnx.reference", onnx.__version__, _reference
    except ImportError:
        pass
    try:
        import openvino

        yield "openvino", openvino.__version__.split("-")[0], _openvino
    except ImportError:
        pass


def _onnxruntime(path: Path, inputs: Arrays) -> list[Any]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return list(session.run(None, inputs))


def _reference(path: Path, inputs: Arrays) -> list[Any]:
    from onnx.reference import ReferenceEvaluator

    return list(ReferenceEvaluator(str(path)).run(None, inputs))


def _openvino(path: Path, inputs: Arrays) -> list[Any]:
    import openvino

    core = openvino.Core()
    compiled = core.compile_model(core.read_model(str(path)), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return list(compiled(inputs).values())


def report(folder: Path) -> str:
    """The Markdown table of all results in the folder: files equal of files, by kind."""
    columns = ("runtime", *KINDS, "difference, median", "maximum", "reasons")
    rows = [f"| {' | '.join(columns)} |", "| --- " * len(columns) + "|"]
    for path in sorted(folder.glob("*.json")):
        results = json.loads(path.read_text())
        cells = [path.stem.replace("-", " ", 1)]
        for kind in KINDS:
            mine = [item["equal"] for stem, item in results.items() if stem.startswith(kind)]
            cells.append(f"{sum(mine)} of {len(mine)}")
        found = np.array([item.get("difference", np.nan) for item in results.values()])
        cells += [f"{np.nanmedian(found):.1e}", f"{np.nanmax(found):.1e}" if np.isfinite(found).all() else "not finite"]
        reasons = sorted({item["reason"][:80] for item in results.values() if not item["equal"]})
        rows.append(f"| {' | '.join(cells)} | {'; '.join(reasons) or 'none'} |")
    return "\n".join(rows)


def main() -> None:
    """Write, run or report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", type=Path)
    parser.add_argument("--run", type=Path)
    parser.add_argument("--report", type=Path)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    if arguments.write:
        write(arguments.write)
    if arguments.run:
        run(arguments.run)
    if arguments.report:
        text = report(arguments.report)
        print(text)
        if arguments.out:
            arguments.out.write_text(f"{HEADER}\n{text}\n")


if __name__ == "__main__":
    main()
