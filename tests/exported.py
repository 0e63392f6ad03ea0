"""Generators of every activation and family by discovery, and how far a runtime may be from our own values."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np
import scipy.sparse as sp

from certify.generators import families
from certify.generators.activations import ACTIVATIONS, Smoothness, activation, activation_constants, range_enclosure
from certify.generators.derivatives import node_values
from certify.generators.family import Family
from certify.generators.graph import Activation, Affine, FloatArray, Generator, Graph, Input, Product, Sum
from certify.generators.onnx_gates import GATE_ERROR, KINKED
from certify.generators.specification import load_generator

LENGTHS = (0.0, 0.1, 1.0, 10.0, 100.0)
ROUNDOFF = 2.0**-53
EXACT = ("relu", "sign")


def parameter_choices(name: str) -> list[tuple[float, ...]]:
    """None given, and all combinations of the ends of each parameter's interval (at most 3) and a number inside."""
    ends = [(max(item.minimum, -3.0), min(item.maximum, 3.0)) for item in ACTIVATIONS[name].parameters]
    return [(), *product(*((low, low + (high - low) / 3, high) for low, high in ends))] if ends else [()]


def activation_network(name: str, parameters: tuple[float, ...]) -> Generator:
    """Affine, activation, affine, sum, product; an activation with a pole gets squares plus 1/3."""
    random = np.random.default_rng(len(name))
    dense, skip = random.normal(size=(5, 3)), random.normal(size=(3, 5))
    singular = activation(name).smoothness(activation(name).resolve(parameters)) is Smoothness.SINGULAR
    before = (Activation(1, "square", 5), Affine(2, np.eye(5), np.full(5, 1 / 3))) if singular else ()
    nodes = [Input(3), Affine(0, dense / np.linalg.norm(dense, 2), 0.3 * random.normal(size=5)), *before]
    nodes += [Activation(len(nodes) - 1, name, 5, parameters), Affine(len(nodes), skip, -0.0 * np.ones(3))]
    nodes += [Sum((0, len(nodes) - 1, 0), (1.0, 1 / 3, -0.7), 3), Product((len(nodes), len(nodes)), 3)]
    nodes += [Sum((len(nodes) - 1,), (0.1,), 3), Affine(len(nodes), sp.csr_array(np.eye(3)), np.zeros(3))]
    return Generator(f"{name}{parameters}", Graph(tuple(nodes)), 20, {"trained_beta": "0.1", "name": "net"})


def residual_network(name: str, parameters: tuple[float, ...]) -> Generator:
    """z + 0.3 W sigma(V z + b), d = 2; an activation with a pole gets squares plus 1/3."""
    random = np.random.default_rng(len(name))
    inner, outer = random.normal(size=(4, 2)), random.normal(size=(2, 4))
    singular = activation(name).smoothness(activation(name).resolve(parameters)) is Smoothness.SINGULAR
    before = (Activation(1, "square", 4), Affine(2, np.eye(4), np.full(4, 1 / 3))) if singular else ()
    nodes = [Input(2), Affine(0, inner / np.linalg.norm(inner, 2), 0.3 * random.normal(size=4)), *before]
    nodes += [Activation(len(nodes) - 1, name, 4, parameters)]
    nodes += [Affine(len(nodes) - 1, 0.3 * outer / np.linalg.norm(outer, 2), np.zeros(2))]
    return Generator(f"{name}{parameters}", Graph((*nodes, Sum((0, len(nodes) - 1), (1.0, 1.0), 2))), 18)


def smooth_activations() -> list[Generator]:
    """A residual network of every activation that an encoder can have a gate for, at the defaults and at others."""
    cases = {name: parameter_choices(name) for name in sorted(ACTIVATIONS) if name not in KINKED}
    return [residual_network(name, own[i]) for name, own in cases.items() for i in sorted({0, len(own) // 2})]


def smooth_families() -> list[str]:
    """Every family without kinks at its defaults and a small size."""
    firsts = [next(_specifications(family)) for family in families().values()]
    return [text for text in firsts if not kinked(load_generator(text))]


def kinked(generator: Generator) -> bool:
    """Whether an activation of the generator has a kink."""
    return any(isinstance(node, Activation) and node.name in KINKED for node in generator.graph.nodes)


def grows(generator: Generator) -> bool:
    """Whether an activation grows faster than lines, or has a pole."""
    names = {node.name for node in generator.graph.nodes if isinstance(node, Activation)}
    return any(not activation_constants(name).slope_modulus.is_finite() for name in names)


def activation_cases() -> list[tuple[str, tuple[float, ...]]]:
    """Every activation of the table with every choice of its parameters."""
    return [(name, parameters) for name in sorted(ACTIVATIONS) for parameters in parameter_choices(name)]


def family_specifications() -> list[str]:
    """Every family at small sizes, with each choice of each parameter that is a name; two layers if it has a depth."""
    return [text for family in families().values() for text in _specifications(family)]


def _specifications(family: Family) -> Iterator[str]:
    sizes = {"d": 3, "width": 6, "bits": 6, "depth": 2, "side": 4, "channels": 2}
    if family.name == "spn":
        sizes["bits"] = 8
    small = ",".join(f"{item.name}={sizes[item.name]}" for item in family.parameters if item.name in sizes)
    yield f"{family.name}:{small}"
    for item in family.parameters:
        for choice in (choice for choice in item.choices if choice != item.default):
            # An S-box takes so many bits as it has, or a multiple.
            fitting = {"chi3": small.replace("bits=8", "bits=6"), "chi5": small.replace("bits=8", "bits=10")}
            yield f"{family.name}:{fitting.get(choice, small)},{item.name}={choice}"


def points(generator: Generator, directions: int = 4) -> FloatArray:
    """The origin and points of length 0.1 to 100."""
    draws = np.random.default_rng(5).standard_normal((directions, generator.latent_dim))
    draws /= np.linalg.norm(draws, axis=1, keepdims=True)
    return np.concatenate([length * draws for length in LENGTHS])


def tolerance(graph: Graph, z: FloatArray) -> FloatArray:
    """Largest difference (batch, n) of two evaluations of a graph in float64.

    Every operation errs by its rounding (not at all on integers), an activation by `GATE_ERROR`, and passes on the
    errors of its inputs: by absolute weights, and by the largest slope between v - e and v + e.
    """
    values = node_values(graph, z)
    errors: list[FloatArray] = [np.zeros_like(z)]
    for node, output in zip(graph.nodes[1:], values[1:], strict=True):
        match node:
            case Affine():
                weight = abs(node.weight).T
                size = np.abs(values[node.source]) @ weight + np.abs(node.bias)
                exact = _integral(values[node.source]) and _integral(node.weight) and _integral(node.bias)
                error = errors[node.source] @ weight + (0.0 if exact else ROUNDOFF * (node.weight.shape[1] + 2)) * size
            case Sum():
                terms = list(zip(node.sources, node.coefficients, strict=True))
                size = sum(abs(c) * np.abs(values[s]) for s, c in terms)
                exact = all(_integral(values[s]) and c.is_integer() for s, c in terms)
                error = sum(abs(c) * errors[s] for s, c in terms)
                error = error + (0.0 if exact else ROUNDOFF * (len(terms) + 1)) * size
            case Product():
                a, b = node.sources
                error = np.abs(values[a]) * errors[b] + np.abs(values[b]) * errors[a] + errors[a] * errors[b]
                error = error + ROUNDOFF * np.abs(output)
            case Activation():
                v, e = values[node.source], errors[node.source]
                low, high = range_enclosure(node.name, node.parameters, 1, v - e, v + e)
                slope = np.where(e > 0, np.maximum(np.abs(low), np.abs(high)), 0.0)
                own = 0.0 if node.name in EXACT else GATE_ERROR
                error = slope * e + own * np.maximum(1.0, np.maximum(np.abs(v), np.abs(output)))
            case _:
                raise AssertionError(node)
        errors.append(error)
    return 2.0 * errors[-1]


def _integral(array: FloatArray | sp.csr_array) -> bool:
    """Whether all entries are integers so small that sums of products are exact."""
    entries = np.asarray(array.data if sp.issparse(array) else array)
    return bool(np.all(entries == np.round(entries)) and np.abs(entries).max(initial=0.0) < 2**20)
