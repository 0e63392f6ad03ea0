"""M on balls beside ECLipsE-Gen-Local (pip: eclipse-nn), a published closed form for local Lipschitz constants.

    python -m benchmarks.constants_balls --peer PYTHON [--radii 0.1,1,3] [--out FILE.md]

PYTHON is the interpreter of an environment with `eclipse-nn==0.1.7`, which reads plain chains of one activation only:
the digits decoders that are such, and plain networks of the suite's kind. Its values are floats and no certificates;
the smaller of its variants `CF` (closed form) and `Fast` is taken. Ours: the closed form alone, and all certified
methods at the default effort, with CPU seconds. A witness above the peer's value shows the peer false.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.networks import network
from benchmarks.output import print_and_write
from certify.bounds.bracket import Region
from certify.bounds.constants import constants_on_regions
from certify.bounds.method import bound_methods
from certify.bounds.ranges import dense
from certify.generators.graph import Activation, Affine, Generator, Input
from certify.generators.specification import load_generator

DIGITS = ("mlp_d8", "mlp_d16", "pixels64_softplus", "pixels64_relu", "pixels64_free", "pixels64_conditioned")
PLAIN = (
    "plain:d=2,width=8,depth=2,activation=tanh",
    "plain:d=8,width=8,depth=3,activation=tanh",
    "plain:d=8,width=32,depth=2,activation=tanh",
    "plain:d=16,width=32,depth=2,activation=softplus",
    "plain:d=16,width=48,depth=3,activation=relu",
    "plain:d=32,width=32,depth=4,activation=softplus",
    "plain:d=32,width=64,depth=2,activation=tanh",
    "plain:d=4,width=16,depth=4,activation=relu",
)
KNOWN_TO_THE_PEER = ("tanh", "sigmoid", "relu", "softplus")
CLOSED = ("composition", "neuron by neuron")

PEER = """
import contextlib, io, json, sys, time
import numpy as np, torch
from eclipse_nn import LipConstEstimator
request = json.load(sys.stdin)
weights = [torch.tensor(w, dtype=torch.float64) for w in request["weights"]]
biases = [torch.tensor(b, dtype=torch.float64) for b in request["biases"]]
found = {}
for radius in request["radii"]:
    for algorithm in ("CF", "Fast"):
        with contextlib.redirect_stdout(io.StringIO()):
            estimator = LipConstEstimator(weights=weights, biases=biases)
            centre = torch.zeros(weights[0].shape[1], 1, dtype=torch.float64)
            start = time.process_time()
            try:
                value, _, code = estimator.estimate_gen_local(centre, radius, request["activation"], algorithm)
            except ValueError:
                value, code = float("nan"), -1
        seconds = time.process_time() - start
        if code == 0 and np.isfinite(value):
            found.setdefault(str(radius), []).append([float(value), seconds, algorithm])
print(json.dumps(found))
"""


@dataclass(frozen=True)
class Cell:
    """M on one ball: the peer's value, ours by closed form and by all methods, on R^d, and the witness."""

    network: str
    radius: float
    peer: float | None
    peer_seconds: float
    closed: float
    closed_seconds: float
    certified: float
    seconds: float
    whole: float
    witness: float


def chain(generator: Generator) -> tuple[list[Affine], str] | None:
    """The affine layers and the activation of a plain chain that the peer can read; None for any other graph."""
    nodes = generator.graph.nodes
    kinds = {node.name for node in nodes if isinstance(node, Activation) and not node.parameters}
    layers = [node for node in nodes if isinstance(node, Affine)]
    alternates = all(
        isinstance(node, Input if index == 0 else Affine if index % 2 else Activation)
        and node.sources in ((), (index - 1,))
        for index, node in enumerate(nodes)
    )
    if not alternates or len(kinds) != 1 or len(nodes) % 2 or not kinds <= set(KNOWN_TO_THE_PEER):
        return None
    return layers, kinds.pop()


def peer_values(python: str, layers: list[Affine], activation: str, radii: list[float]) -> dict[str, list[list[float]]]:
    """What eclipse-nn says, run in its own environment on the same weights."""
    request = {
        "weights": [dense(node.weight).tolist() for node in layers],
        "biases": [node.bias.tolist() for node in layers],
        "activation": activation,
        "radii": radii,
    }
    run = subprocess.run(
        [python, "-c", PEER], input=json.dumps(request), capture_output=True, text=True, check=True, timeout=600
    )
    found: dict[str, list[list[float]]] = json.loads(run.stdout.splitlines()[-1])
    return found


def measure(name: str, generator: Generator, python: str, radii: list[float]) -> Iterator[Cell]:
    """One cell per radius; nothing for a network that the peer cannot read."""
    read = chain(generator)
    if read is None:
        return
    theirs = peer_values(python, *read, radii)
    certifying = [method.name for method in bound_methods().values() if not method.is_search]
    whole = constants_on_regions(generator, [Region()], methods=certifying)[0]
    for radius in radii:
        region, ends = Region(radius), []
        for methods in (list(CLOSED), None):
            started = time.process_time()
            found = constants_on_regions(generator, [region], methods=methods)[0]
            ends.append((float(np.inf if found.M.upper is None else found.M.upper), time.process_time() - started))
        value, seconds, _ = min(theirs.get(str(radius), []), default=(None, 0.0, ""))
        assert whole.M.upper is not None and found.M.lower is not None
        yield Cell(name, radius, value, seconds, *ends[0], *ends[1], whole.M.upper, found.M.lower)


def report(cells: Iterator[Cell]) -> Iterator[str]:
    """The table, then how many cells miss what was asked for."""
    yield "| network | radius | ECLipsE-Gen-Local | s | closed form | s | all methods | s | R^d | witness |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"
    seen = []
    for cell in cells:
        seen.append(cell)
        peer = "fails" if cell.peer is None else f"{cell.peer:.4g}"
        yield (
            f"| `{cell.network}` | {cell.radius:g} | {peer} | {cell.peer_seconds:.2f} | {cell.closed:.4g} | "
            f"{cell.closed_seconds:.2f} | {cell.certified:.4g} | {cell.seconds:.2f} | {cell.whole:.4g} | "
            f"{cell.witness:.4g} |"
        )
    compared = [cell for cell in seen if cell.peer is not None]
    above = [cell for cell in compared if cell.peer is not None and cell.certified > cell.peer]
    late = [cell for cell in compared if cell.peer is not None and cell.closed > cell.peer]
    worse = [cell for cell in seen if cell.certified > cell.whole]
    false = [cell for cell in compared if cell.peer is not None and cell.witness > cell.peer]
    ratios = [cell.certified / cell.peer for cell in compared if cell.peer]
    yield ""
    yield (
        f"{len(seen)} cells, {len(compared)} with a value of the peer. Above the peer: {len(above)} (by the closed "
        f"form alone: {len(late)}); above the end on R^d: {len(worse)}; the peer below a witness: {len(false)}. "
        f"Ours over the peer's: median {statistics.median(ratios):.3f}, largest {max(ratios):.3f}. Seconds of CPU, "
        f"median and largest: closed form {_spread([cell.closed_seconds for cell in seen])}, all methods with the "
        f"search for witnesses {_spread([cell.seconds for cell in seen])}."
    )


def _spread(values: list[float]) -> str:
    return f"{statistics.median(values):.2f} and {max(values):.2f}"


def main() -> None:
    """Measure every network that the peer can read."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", required=True, help="Python interpreter with eclipse-nn")
    parser.add_argument("--radii", default="0.1,1,3")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    radii = [float(item) for item in options.radii.split(",")]
    folder = Path(__file__).parent.parent / "examples" / "digits"

    def cells() -> Iterator[Cell]:
        for name in DIGITS:
            yield from measure(name, load_generator(folder / f"{name}.onnx"), options.peer, radii)
        for name in PLAIN:
            yield from measure(name, network(name).generator, options.peer, radii)

    with threadpool_limits(1):
        print_and_write(report(cells()), options.out)


if __name__ == "__main__":
    main()
