"""Portable certificates with one thing corrupted: `checker/check.py` must refuse every one, cleanly.

python -m benchmarks.corrupted_certificates [--out benchmarks/results/corrupted_certificates]

Certificates of every kind are made for small networks of every activation and for a decoder of digits, and accepted as
they are. Then each number is changed where it matters: a claim by one unit of its last digit for the better, a payment
to just below what its form attains, evidence by 2^-16, a digest by one digit; each entry becomes what is no
number of its form (NaN, infinity, too large, another type); keys and entries are dropped, doubled and added; texts are
cut off; and the weights of the network are changed under a digest that fits.
"""

from __future__ import annotations

import argparse
import copy
import hashlib
import importlib.util
import json
import math
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from certify.api.certificate import certificate
from certify.arithmetic.intervals import exact_matrix
from certify.atomic import write_text_atomically
from certify.certificates.portable.factor import semidefinite_factor
from certify.report.discovery import table_formats
from certify.report.table import Cell, Document, Table, columns, text_cell
from certify.version import __version__

RESULTS = Path("benchmarks/results/corrupted_certificates")
CHECKER = Path("checker/check.py")
FILES = {
    "boxes": "check_boxes", "rejection": "check_rejection",
    "circuit-size": "check_circuits", "refutation": "check_circuits",
    "gaussian-layer": "check_totals", "langevin": "check_totals", "integral": "check_totals",
}  # fmt: skip
"""Which file of `checker/` reads which kind; the others are read by check.py."""

CONSTANTS = "d=2,m=1,M=1.5,M2=0.25,beta=0.1,gradient=0.0062,residual=0.0087"
ADDER = """.model adder\n.inputs a b c\n.outputs s k\n.names a b c s\n100 1\n010 1\n001 1\n111 1
.names a b c k\n11- 1\n1-1 1\n-11 1\n.end\n"""
FORMULA = "p cnf 3 8\n" + "".join(f"{1 - 2 * (k & 1)} {2 - 4 * (k >> 1 & 1)} {3 - 6 * (k >> 2)} 0\n" for k in range(8))
"""Every clause of three variables: no assignment satisfies them."""

DIGITS = Path("examples/digits/residual_d8.onnx"), Path("examples/digits/observations_d8.npy")
KINDS = ("lipschitz", "inverse-lipschitz", "derivatives", "envelope")
SHARE = Fraction(1, 1 << 16)
NO_NUMBERS: tuple[Any, ...] = (
    "NaN", "inf", "-inf", "", "1e5", "0x1p99999", "1/0", "0x1.8", " 1", "1_0", "٣", 10**400, 1.5, True, None, [], {},
)  # fmt: skip
BETTER = {"M": -1, "M2": -1, "M3": -1, "m": 1, "offset": -1}
ANSWERS = ("no", "unreadable", "")
"""What the checker can say: `refusal`."""

Place = tuple[str | int, ...]


def checker(kind: str = "lipschitz") -> ModuleType:
    """The checker of a kind as a module, from its file."""
    path = CHECKER.with_stem(FILES.get(kind, CHECKER.stem))
    specification = importlib.util.spec_from_file_location(f"portable_{path.stem}", path)
    assert specification is not None and specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def refusal(check: ModuleType, text: str, network: bytes | None) -> str:
    """Why the checker refuses, by the kind of its answer: `no`, `unreadable`; "" where it says yes."""
    try:
        check.check(text) if network is None else check.check(text, network)
    except check.No:
        return "no"
    except Exception:
        return "unreadable"
    return ""


def small_network(activations: tuple[str, ...], seed: int, double: bool = False, latents: int = 2) -> bytes:
    """An ONNX file z + W2 s(W1 z + b), block by block, and a last matrix; float32, or float64 if `double`."""
    random = np.random.default_rng(seed)
    kind, proto = (np.float64, TensorProto.DOUBLE) if double else (np.float32, TensorProto.FLOAT)
    constants: list[Any] = []
    nodes: list[Any] = []
    last = "z"

    def constant(shape: tuple[int, ...], size: float) -> str:
        name = f"c{len(constants)}"
        constants.append(numpy_helper.from_array((size * random.standard_normal(shape)).astype(kind), name))
        return name

    for index, name in enumerate(activations):
        inner = [last, constant((3, latents), 0.3), constant((3,), 0.4)]
        nodes.append(helper.make_node("Gemm", inner, [f"v{index}"], transB=1))
        nodes.append(helper.make_node(name, [f"v{index}"], [f"s{index}"]))
        nodes.append(helper.make_node("MatMul", [f"s{index}", constant((3, latents), 0.3)], [f"g{index}"]))
        nodes.append(helper.make_node("Add", [last, f"g{index}"], [f"z{index}"]))
        last = f"z{index}"
    nodes.append(helper.make_node("Gemm", [last, constant((3, latents), 0.8)], ["linear"], transB=1))
    nodes.append(helper.make_node("Add", [constant((3,), 0.1), "linear"], ["x"]))
    ends = [[helper.make_tensor_value_info(name, proto, ["batch", size])] for name, size in (("z", latents), ("x", 3))]
    graph = helper.make_graph(nodes, "small", ends[0], ends[1], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9).SerializeToString()


def negative_multiplier() -> tuple[str, bytes]:
    """A certificate of m = 0.9 for G(z) = (u - 2 tanh u, v + tanh(v)/2), whose m is 0, as u - 2 tanh u turns back.

    All of it fits but the sign of the first of its two multipliers.
    """
    weight = numpy_helper.from_array(np.diag([-2.0, 0.5]), "w")
    nodes = [
        helper.make_node("Tanh", ["z"], ["s"]),
        helper.make_node("MatMul", ["s", "w"], ["g"]),
        helper.make_node("Add", ["z", "g"], ["x"]),
    ]
    ends = [[helper.make_tensor_value_info(name, TensorProto.DOUBLE, ["batch", 2])] for name in ("z", "x")]
    graph = helper.make_graph(nodes, "g", ends[0], ends[1], [weight])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    content: bytes = model.SerializeToString()
    # In the increments of u, v and of their tanh.
    matrix = np.diag([1.0 - 0.81, 1.0 - 0.81, 0.1, 1.25])
    matrix[0, 2] = matrix[2, 0] = -0.05
    document = {
        "format": "portable-1", "kind": "inverse-lipschitz",
        "network": {"name": "g.onnx", "sha256": hashlib.sha256(content).hexdigest()},
        "claims": {"m": "9/10"}, "multipliers": [(-3.9).hex(), (1.0).hex()],
        "factor": semidefinite_factor(exact_matrix(matrix)),
    }  # fmt: skip
    return json.dumps(document), content


def documents(network: Path, observations: Any, beta: float | None) -> Iterator[dict[str, Any]]:
    """A certificate of every kind that there is for the network."""
    for kind in KINDS:
        found = certificate(kind, network, observations if kind == "envelope" else None, beta=beta).document
        if found is not None:
            yield found


def corruptions(document: dict[str, Any], check: ModuleType, network: bytes) -> Iterator[tuple[str, str, bytes]]:
    """Every corrupted certificate with what was done and the network's file to check it against."""
    for place, value in entries(document, ()):
        group = str(next((part for part in reversed(place) if isinstance(part, str)), ""))
        for wrong in NO_NUMBERS:
            if place != ("network", "name") or not isinstance(wrong, str):
                yield f"{group}: no number", json.dumps(changed(document, place, wrong)), network
        for what, other in moved(place, value, document, check, network):
            yield f"{group}: {what}", json.dumps(changed(document, place, other)), network
    for place, value in containers(document, ()):
        for what, other in resized(value):
            yield what, json.dumps(changed(document, place, other) if place else other), network
    text = json.dumps(document)
    for length in range(0, len(text), max(1, len(text) // 40)):
        yield "cut off", text[:length], network
    yield "a key twice", text[:-1] + ', "kind": "lipschitz"}', network
    for other in reweighted(network):
        digest = hashlib.sha256(other).hexdigest()
        yield "other weights under their digest", json.dumps(changed(document, ("network", "sha256"), digest)), other
        yield "other weights", text, other


def claims_alone(document: dict[str, Any], check: ModuleType, network: bytes) -> Iterator[tuple[str, str, bytes]]:
    """The corrupted claims and digests alone, for a network that is not small."""
    for place, value in entries(document, ()):
        if place[0] in ("claims", "network"):
            for what, other in moved(place, value, document, check, network) if place[-1] != "name" else ():
                yield f"{place[-1]}: {what}", json.dumps(changed(document, place, other)), network


def moved(
    place: Place, value: Any, document: dict[str, Any], check: ModuleType, network: bytes
) -> Iterator[tuple[str, Any]]:
    """A leaf changed within its form, in the directions that matter."""
    if place[0] == "claims":
        number = Fraction(value)
        unit = Fraction(10) ** (math.floor(math.log10(abs(number))) - 8)
        yield "better by its last digit", str(number + BETTER[str(place[-1])] * unit)
        yield "better by a tenth", str(number + BETTER[str(place[-1])] * abs(number) / 10)
        if place[-1] != "offset":
            yield "negative", f"-{value}"
    elif place[-1] == "sha256":
        for index, digit in enumerate(value):
            yield "one digit", value[:index] + ("0" if digit != "0" else "1") + value[index + 1 :]
        yield "upper case", value.upper()
    elif place[0] == "payments":
        kind, form = check.Network(network).neurons[int(place[1])], document["forms"][int(place[1])]
        attained = supremum(kind, [float.fromhex(entry) for entry in form])
        yield "below its form", str(Fraction(attained) - Fraction(1e-9) * (1 + abs(Fraction(attained))))
    elif place[0] in ("format", "kind"):
        yield "another", "portable-2" if place[0] == "format" else KINDS[KINDS.index(value) - 1]
    elif isinstance(value, int):
        if "exponents" in place:
            yield "one more", value + 1
            yield "one less", value - 1
        elif abs(value) > 1 << 40:
            yield "moved", value + (1 << 37)
            # Of the last entry of the diagonal only the square counts, and less of it proves as much.
            if place[-1] != place[-2] or place[-1] + 1 < len(factor_rows(document, place)):
                yield "moved back", value - (1 << 37)
                yield "its sign", -value
    elif place[0] != "network" and "value" not in place:
        # What is next to nothing may change and prove the same.
        if abs(float.fromhex(value)) < 2.0**-20:
            return
        number = Fraction(float.fromhex(value))
        # More of q_ss adds to the diagonal alone, which the same factor proves.
        if place[0] != "forms" or place[-1] != 4:
            yield "moved", float(number * (1 + SHARE)).hex()
        yield "moved back", float(number * (1 - SHARE)).hex()
        # A column of the root may have either sign.
        if place[0] != "root":
            yield "its sign", float(-number).hex()
    elif place[-1] == "value":
        yield "better", str(Fraction(value) * (1 - SHARE))
        yield "negative", f"-{value}"


def factor_rows(document: Any, place: Place) -> list[list[int]]:
    """The rows of the factor in which an entry is."""
    for part in place[:-2]:
        document = document[part]
    return list(document)


def supremum(kind: str, form: list[float]) -> float:
    """A value that psi(v, sigma(v)) attains up to rounding, the largest on a grid; psi(0, 0) = 0 is one. Estimate."""
    v = np.concatenate(
        [np.linspace(-20, 20, 400001), 20 * np.geomspace(1, 1e4, 2001), -20 * np.geomspace(1, 1e4, 2001)]
    )
    s = np.tanh(v) if kind == "Tanh" else np.maximum(v, 0.0)
    b_v, b_s, q_vv, q_vs, q_ss = form
    return max(0.0, float((v * (b_v + q_vv * v + q_vs * s) + s * (b_s + q_ss * s)).max()))


def resized(value: Any) -> Iterator[tuple[str, Any]]:
    """An object or a list with one entry dropped or added, or turned into something else."""
    if isinstance(value, dict):
        for key in value:
            # A claim less is a weaker certificate, and no corrupted one.
            if key not in BETTER or len(value) == 1:
                yield "a key missing", {name: entry for name, entry in value.items() if name != key}
        yield "a key more", {**value, "more": "0"}
        yield "a list for an object", list(value.values())
    else:
        yield "an entry missing", value[:-1]
        yield "an entry more", [*value, *(value[-1:] or [1])]
        yield "an object for a list", {str(index): entry for index, entry in enumerate(value)}
    yield "nothing", None


def reweighted(network: bytes) -> Iterator[bytes]:
    """The network with one weight of each matrix changed by an eighth, where it is largest."""
    model = onnx.load_from_string(network)
    for index, tensor in enumerate(model.graph.initializer):
        weights = numpy_helper.to_array(tensor).copy()
        if weights.ndim < 2:
            continue
        weights.flat[int(np.abs(weights).argmax())] *= 1.125
        other = onnx.load_from_string(network)
        other.graph.initializer[index].CopyFrom(numpy_helper.from_array(weights, tensor.name))
        yield other.SerializeToString()


def entries(value: Any, place: Place) -> Iterator[tuple[Place, Any]]:
    """The leaves with their places."""
    if isinstance(value, dict | list):
        for key, entry in value.items() if isinstance(value, dict) else enumerate(value):
            yield from entries(entry, (*place, key))
    else:
        yield place, value


def containers(value: Any, place: Place) -> Iterator[tuple[Place, Any]]:
    """The objects and lists with their places."""
    if isinstance(value, dict | list):
        yield place, value
        for key, entry in value.items() if isinstance(value, dict) else enumerate(value):
            yield from containers(entry, (*place, key))


def changed(document: dict[str, Any], place: Place, value: Any) -> Any:
    """The document with another value at a place."""
    found: Any = copy.deepcopy(document)
    at = found
    for part in place[:-1]:
        at = at[part]
    at[place[-1]] = value
    return found


NETWORKS = (("Tanh",), ("Relu",), ("Sigmoid",), ("Softplus",), ("Tanh", "Tanh"), ("Tanh", "Relu"))


def small_files(folder: Path) -> Iterator[Path]:
    """The small networks as files."""
    for index, activations in enumerate(NETWORKS):
        path = folder / f"{'-'.join(activations).lower()}.onnx"
        path.write_bytes(small_network(activations, index, double=index % 2 == 1))
        yield path


def main() -> None:
    """Corrupt every certificate, and write what was refused."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    check = checker()
    answers: Counter[tuple[str, str]] = Counter()
    accepted: list[str] = []
    seconds: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        made = [(path, item) for path in small_files(Path(folder)) for item in documents(path, [0.4, -0.2, 0.3], 0.5)]
        made += [(DIGITS[0], item) for item in documents(*DIGITS, None)]
        for path, document in made:
            network = path.read_bytes()
            begun = time.perf_counter()
            if refusal(check, json.dumps(document), network):
                raise SystemExit(f"the {document['kind']} certificate of {path.name} is refused")
            seconds.append(time.perf_counter() - begun)
            all_of_them = corruptions(document, check, network)
            for what, text, other in all_of_them if path != DIGITS[0] else claims_alone(document, check, network):
                answer = refusal(check, text, other)
                answers[what, answer] += 1
                if not answer:
                    accepted.append(f"{path.name}, {document['kind']}: {what}")
    groups = sorted({what for what, _ in answers})
    table = Table(
        "corrupted_certificates", f"{sum(answers.values())} corrupted certificates of {len(made)}",
        columns(("corrupted", "no", "unreadable", "accepted"), ("no", "unreadable", "accepted")),
        tuple(
            tuple[Cell, ...](text_cell(str(entry)) for entry in (what, *(answers[what, key] for key in ANSWERS)))
            for what in groups
        ),
        (f"certify {__version__}; {len(accepted)} accepted{': ' if accepted else ''}{'; '.join(accepted[:20])}",),
    )  # fmt: skip
    for name, suffix in (("markdown", ".md"), ("csv", ".csv")):
        write_text_atomically(arguments.out.with_suffix(suffix), table_formats()[name].render(Document((table,))))
    print(f"{sum(answers.values())} corrupted, {len(accepted)} accepted; a check takes {max(seconds):.2f} s at most")
    for line in accepted[:40]:
        print("accepted:", line)


if __name__ == "__main__":
    main()
