"""The potential of a network as an exact quadratic form in x = (1, z, s), s the outputs of all its neurons.

With v_k the input of neuron k, s_k = sigma_k(v_k), and affine maps between them, v_k = t_k . x and G(z) = W x are
linear in x, so

    f(z) = |z|^2/2 + |G(z) - y|^2/(2 beta^2) = x' A x/2,    A = E_z + (W - y e_0')' (W - y e_0')/beta^2

holds at every x that comes from a z; nothing is linearised and no point is chosen. What is lost later is only what a
quadratic form cannot know of the graphs s_k = sigma_k(v_k).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from certify.arithmetic.intervals import (
    EPSILON,
    FloatArray,
    MatrixBall,
    add,
    exact_matrix,
    multiply,
    scale,
    scale_columns,
    subtract,
)
from certify.bounds.ranges import dense
from certify.bounds.structure import live_graph
from certify.generators.activations import activation
from certify.generators.graph import Activation, Affine, Graph, Input, Product, Sum

Sigma = tuple[str, tuple[float, ...]]
"""An activation by name with resolved parameters."""

MOST_NEURONS = 2000
"""A search has five unknowns for each neuron and some matrices of their square: with this many 800 MB each."""


@dataclass(frozen=True, eq=False)
class LiftedNetwork:
    """A network as linear maps of x = (1, z, s), x of length 1 + d + k.

    inputs     rows t_j of the neurons' inputs, (k, 1 + d + k), neurons in topological order
    output     W (n, 1 + d + k)
    sigmas     the activation of each neuron
    layers     the neurons of each activation node
    graph      the network's nodes that matter
    """

    latent_dim: int
    inputs: MatrixBall
    output: MatrixBall
    sigmas: tuple[Sigma, ...]
    layers: tuple[slice, ...]
    graph: Graph

    @property
    def neurons(self) -> int:
        """Number k of neurons."""
        return len(self.sigmas)

    @property
    def size(self) -> int:
        """Length of x."""
        return 1 + self.latent_dim + self.neurons


def lifted_network(graph: Graph) -> LiftedNetwork | None:
    """The network in lifted form, rounded outward; None where it multiplies two nodes, which no such form covers.

    None too for more than `MOST_NEURONS` neurons.
    """
    live, _ = live_graph(graph)
    if any(isinstance(node, Product) for node in live.nodes) or live.neurons > MOST_NEURONS:
        return None
    d = live.latent_dim
    size = 1 + d + live.neurons
    maps: list[MatrixBall] = []
    inputs: list[MatrixBall] = []
    sigmas: list[Sigma] = []
    layers: list[slice] = []
    # Which coordinates of x a node depends on: the others have coefficient zero exactly, without rounding.
    depends: list[npt.NDArray[np.bool_]] = []
    for node in live.nodes:
        seen = np.zeros(size, dtype=bool)
        seen[0] = True
        for source in node.sources:
            seen |= depends[source]
        match node:
            case Input():
                maps.append(_selector(node.width, 1, size))
                seen[1 : 1 + d] = True
            case Affine():
                offset = np.zeros((node.width, size))
                offset[:, 0] = node.bias
                product = multiply(exact_matrix(dense(node.weight)), maps[node.source])
                maps.append(_restricted(add(product, exact_matrix(offset)), seen))
            case Sum():
                terms = zip(node.sources, node.coefficients, strict=True)
                scaled = [maps[i] if factor == 1.0 else scale(maps[i], factor) for i, factor in terms]
                total = scaled[0]
                for term in scaled[1:]:
                    total = add(total, term)
                maps.append(_restricted(total, seen))
            case Activation():
                start = len(sigmas)
                inputs.append(maps[node.source])
                sigmas.extend([(node.name, activation(node.name).resolve(node.parameters))] * node.width)
                layers.append(slice(start, len(sigmas)))
                maps.append(_selector(node.width, 1 + d + start, size))
                seen[:] = False
                seen[1 + d + start : 1 + d + len(sigmas)] = True
        depends.append(seen)
    empty = np.zeros((0, size))
    stacked = MatrixBall(
        np.concatenate([*(rows.midpoint for rows in inputs), empty]),
        np.concatenate([*(rows.radius for rows in inputs), empty]),
    )
    return LiftedNetwork(d, stacked, maps[-1], tuple(sigmas), tuple(layers), live)


def potential_form(network: LiftedNetwork, observation: FloatArray, beta: float) -> MatrixBall:
    """A with f(z) = x'Ax/2 at every x = (1, z, s) of the network, (1 + d + k) square, rounded outward."""
    anchor = np.zeros(network.output.shape)
    anchor[:, 0] = -observation
    residual = add(network.output, exact_matrix(anchor))
    inverse = MatrixBall(np.full((1, network.size), 1.0 / beta), np.full((1, network.size), 2 * EPSILON / beta))
    scaled = scale_columns(residual, inverse)
    prior = np.zeros(network.size)
    prior[1 : 1 + network.latent_dim] = 1.0
    return add(exact_matrix(np.diag(prior)), multiply(scaled.transpose, scaled))


def with_softplus(graph: Graph) -> Graph:
    """The network that puts out log(1 + e^l) for each of its logits l: what `logits_form` takes."""
    return Graph((*graph.nodes, Activation(len(graph.nodes) - 1, "softplus", graph.observed_dim, ())))


def logits_form(network: LiftedNetwork, observation: FloatArray) -> MatrixBall:
    """A with |z|^2/2 + sum_i log(1 + e^{l_i}) - y_i l_i = x'Ax/2 for bits y, linear in the last layer's neurons.

    `network` is the lifted one of `with_softplus`: its last neurons have the logits l for inputs. Rounded outward.
    """
    last = network.layers[-1]
    logits = MatrixBall(network.inputs.midpoint[last], network.inputs.radius[last])
    ones = np.ones((1, network.output.shape[0]))
    line = subtract(multiply(exact_matrix(ones), network.output), multiply(exact_matrix(observation[None]), logits))
    corner = np.zeros((network.size, 1))
    corner[0] = 1.0
    mixed = multiply(exact_matrix(corner), line)
    prior = np.zeros(network.size)
    prior[1 : 1 + network.latent_dim] = 1.0
    return add(exact_matrix(np.diag(prior)), add(mixed, mixed.transpose))


def neuron_form(network: LiftedNetwork, coefficients: FloatArray) -> MatrixBall:
    """Psi with x' Psi x/2 = sum_k psi_k(v_k, s_k) for rows (b_v, b_s, q_vv, q_vs, q_ss) of `coefficients` (k, 5).

    psi_k = b_v v + b_s s + q_vv v^2 + q_vs v s + q_ss s^2. Rounded outward.
    """
    d, k, size = network.latent_dim, network.neurons, network.size
    rows = network.inputs
    first, second = np.zeros((k, size)), np.zeros((k, size))
    # sum_k v_k (b_v + q_vv v + q_vs s) + s_k (b_s + q_ss s), each a product of two rows.
    first[:, 0], first[np.arange(k), 1 + d + np.arange(k)] = coefficients[:, 0], coefficients[:, 3]
    second[:, 0], second[np.arange(k), 1 + d + np.arange(k)] = coefficients[:, 1], coefficients[:, 4]
    curved = scale_columns(rows.transpose, exact_matrix(coefficients[None, :, 2])).transpose
    form = multiply(rows.transpose, add(exact_matrix(first), curved))
    form = add(form, multiply(_selector(k, 1 + d, size).transpose, exact_matrix(second)))
    return add(form, form.transpose)


def _restricted(matrix: MatrixBall, columns: npt.NDArray[np.bool_]) -> MatrixBall:
    return MatrixBall(np.where(columns, matrix.midpoint, 0.0), np.where(columns, matrix.radius, 0.0))


def _selector(width: int, start: int, size: int) -> MatrixBall:
    matrix = np.zeros((width, size))
    matrix[np.arange(width), start + np.arange(width)] = 1.0
    return exact_matrix(matrix)
