"""Changes of a generator that leave its constants as they are: frames, copies of neurons, other ways to write it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from certify.arithmetic.arrays import FloatArray
from certify.generators.graph import Activation, Affine, Generator, Graph, Input, Node, Product, Sum
from certify.strategies.matrices import orthogonal_matrices

ROTATIONS = ("frame of z", "frame of x")
REWRITINGS = ("duplicated neuron", "zero neuron", "identity layer", "halved layer", "sum with zero")


@st.composite
def invariant_changes(draw: st.DrawFn, generator: Generator) -> tuple[str, bool, Generator]:
    """(name, exact, changed generator): `exact` if the two maps agree up to an exactly orthogonal change of frame."""
    name = draw(st.sampled_from((*ROTATIONS, *REWRITINGS)))
    if name not in ROTATIONS:
        return name, True, rewritten(generator, name)
    exact = draw(st.booleans())
    size = generator.latent_dim if name == "frame of z" else generator.observed_dim
    frame = draw(orthogonal_matrices(size, exact=exact))
    exact = exact or bool(np.all(np.isin(frame, (-1.0, 0.0, 1.0))))
    changed = latent_frame(generator, frame) if name == "frame of z" else observed_frame(generator, frame)
    return name, exact, changed


def latent_frame(generator: Generator, frame: FloatArray) -> Generator:
    """Z -> G(Q z)."""
    first, *rest = generator.graph.nodes
    nodes = (first, Affine(0, frame, np.zeros(first.width)), *(moved(node, lambda source: source + 1) for node in rest))
    return replace(generator, graph=Graph(nodes))


def observed_frame(generator: Generator, frame: FloatArray) -> Generator:
    """Z -> Q G(z)."""
    nodes = generator.graph.nodes
    return replace(generator, graph=Graph((*nodes, Affine(len(nodes) - 1, frame, np.zeros(nodes[-1].width)))))


def rewritten(generator: Generator, name: str) -> Generator:
    """The same map in other nodes; the generator itself where it has no place for the change."""
    nodes = generator.graph.nodes
    if name in {"duplicated neuron", "zero neuron"}:
        place = _hidden_layer(nodes)
        return generator if place is None else _with_neuron(generator, place, copy=name == "duplicated neuron")
    last = len(nodes) - 1
    width = nodes[-1].width
    identity, zero = np.eye(width), np.zeros(width)
    if name == "identity layer":
        return replace(generator, graph=Graph((*nodes, Affine(last, identity, zero))))
    if name == "halved layer":
        # Powers of two are exact: half the map twice added is the map.
        halves = (Affine(last, 0.5 * identity, zero), Sum((last + 1, last + 1), (1.0, 1.0), width))
        return replace(generator, graph=Graph((*nodes, *halves)))
    return replace(generator, graph=Graph((*nodes, Sum((last, last), (1.0, 0.0), width))))


def moved(node: Node, place: Callable[[int], int]) -> Node:
    """The node with every source renamed by `place`."""
    match node:
        case Input():
            return node
        case Affine() | Activation():
            return replace(node, source=place(node.source))
        case Sum():
            return replace(node, sources=tuple(place(source) for source in node.sources))
        case Product():
            return replace(node, sources=(place(node.sources[0]), place(node.sources[1])))


def _hidden_layer(nodes: Sequence[Node]) -> int | None:
    """Index of an activation between two dense layers that nothing else reads; None if there is none."""
    readers: dict[int, list[int]] = {}
    for index, node in enumerate(nodes):
        for source in node.sources:
            readers.setdefault(source, []).append(index)
    for index, node in enumerate(nodes):
        if isinstance(node, Activation) and readers.get(node.source) == [index]:
            after = readers.get(index, [])
            if len(after) == 1 and _dense(nodes[node.source]) and _dense(nodes[after[0]]):
                return index
    return None


def _dense(node: Node) -> bool:
    return isinstance(node, Affine) and isinstance(node.weight, np.ndarray)


def _with_neuron(generator: Generator, place: int, copy: bool) -> Generator:
    """One more neuron before the activation `place`: a copy that shares its outgoing weights, or one that is zero."""
    nodes = list(generator.graph.nodes)
    activation = nodes[place]
    assert isinstance(activation, Activation)
    reader = next(index for index, node in enumerate(nodes) if place in node.sources)
    before, after = nodes[activation.source], nodes[reader]
    assert isinstance(before, Affine) and isinstance(after, Affine)
    row = before.weight[:1] if copy else np.zeros_like(before.weight[:1])
    bias = before.bias[0] if copy else 0.0
    outgoing = np.hstack((after.weight, np.zeros((after.width, 1))))
    if copy:
        outgoing[:, [0, -1]] = 0.5 * after.weight[:, :1]
    nodes[activation.source] = replace(
        before, weight=np.vstack((before.weight, row)), bias=np.append(before.bias, bias)
    )
    nodes[place] = replace(activation, width=activation.width + 1)
    nodes[reader] = replace(after, weight=outgoing)
    return replace(generator, graph=Graph(tuple(nodes)))
