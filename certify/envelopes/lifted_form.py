"""The potential of a network as an exact quadratic form in x = (1, z, s), s the outputs of all its neurons.

With v_k the input of neuron k, s_k = sigma_k(v_k), and affine maps between them, v_k = t_k . x and G(z) = W x are
linear in x. A product s_k = u_k v_k is one more neuron, with two inputs, both linear in x. So

    f(z) = |z|^2/2 + |G(z) - y|^2/(2 beta^2) = x' A x/2,    A = E_z + (W - y e_0')' (W - y e_0')/beta^2

holds at every x that comes from a z; nothing is linearised and no point is chosen. What is lost later is only what a
quadratic form cannot know of the graphs s_k = sigma_k(v_k).
"""

from __future__ import annotations

from collections.abc import Sequence
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
    stacked,
    subtract,
)
from certify.bounds.bracket import Region
from certify.bounds.ranges import Interval, dense, node_ranges
from certify.bounds.structure import live_graph
from certify.generators.activations import activation
from certify.generators.graph import Activation, Affine, Graph, Input, Product, Sum

Sigma = tuple[str, tuple[float, ...]]
"""An activation by name with resolved parameters."""

PRODUCT: Sigma = ("product", ())
"""What stands for an activation where a neuron is a product u v; its input is the factor v."""

NEURON_WIDTH, PRODUCT_WIDTH = 5, 9
"""Coefficients of a form of one neuron, and of one product."""

MOST_NEURONS = 2000
"""A search has five unknowns for each neuron and some matrices of their square: with this many 800 MB each."""
MOST_PRODUCTS = MOST_NEURONS * NEURON_WIDTH // PRODUCT_WIDTH
"""The same where some are products: then all have nine."""


@dataclass(frozen=True, eq=False)
class LiftedNetwork:
    """A network as linear maps of x = (1, z, s), x of length 1 + d + k.

    inputs     rows t_j of the neurons' inputs, (k, 1 + d + k), neurons in topological order
    output     W (n, 1 + d + k)
    sigmas     the activation of each neuron, `PRODUCT` where it is a product
    layers     the neurons of each activation or product node
    graph      the network's nodes that matter
    partners   with products: rows of their other factors u, those of other neurons zero
    """

    latent_dim: int
    inputs: MatrixBall
    output: MatrixBall
    sigmas: tuple[Sigma, ...]
    layers: tuple[slice, ...]
    graph: Graph
    partners: Partners | None = None

    @property
    def neurons(self) -> int:
        """Number k of neurons."""
        return len(self.sigmas)

    @property
    def size(self) -> int:
        """Length of x."""
        return 1 + self.latent_dim + self.neurons

    @property
    def width(self) -> int:
        """Coefficients in a row of forms: those of products are more, and neurons do without them."""
        return NEURON_WIDTH if self.partners is None else PRODUCT_WIDTH

    @property
    def products(self) -> npt.NDArray[np.bool_]:
        """Which neurons are products, (k,)."""
        return np.array([sigma == PRODUCT for sigma in self.sigmas], dtype=bool)


@dataclass(frozen=True, eq=False)
class Partners:
    """The other factors u of products u v, where v is the one with the narrower range.

    rows       (k, 1 + d + k), zero where a neuron is no product
    swapped    (k,) where v is the node's first factor
    spans      ends (2k,) of all inputs, then of all partners, over every z; infinite where nothing is known
    """

    rows: MatrixBall
    swapped: npt.NDArray[np.bool_]
    spans: Interval


def lifted_network(graph: Graph) -> LiftedNetwork | None:
    """The network in lifted form, rounded outward.

    None for more than `MOST_NEURONS` neurons, or `MOST_PRODUCTS` neurons and products.
    """
    live, _ = live_graph(graph)
    products = sum(node.width for node in live.nodes if isinstance(node, Product))
    d, count = live.latent_dim, live.neurons + products
    if count > (MOST_PRODUCTS if products else MOST_NEURONS):
        return None
    size = 1 + d + count
    partners = _partners(live, count, size) if products else None
    maps: list[MatrixBall] = []
    inputs: list[MatrixBall] = []
    sigmas: list[Sigma] = []
    layers: list[slice] = []
    # Which coordinates of x an entry of a node depends on: others have coefficient zero exactly, without rounding.
    # Entries are told apart where there are products: which neuron is in which factor.
    depends: list[npt.NDArray[np.bool_]] = []
    for node in live.nodes:
        seen = np.zeros((node.width, size), dtype=bool)
        match node:
            case Input():
                maps.append(_selector(node.width, 1, size))
                seen[np.arange(d), 1 + np.arange(d)] = True
            case Affine():
                offset = np.zeros((node.width, size))
                offset[:, 0] = node.bias
                weight = dense(node.weight)
                paths = weight != 0 if products else np.ones(weight.shape)
                seen = paths.astype(np.float64) @ depends[node.source] > 0
                seen[:, 0] = True
                product = multiply(exact_matrix(weight), maps[node.source])
                maps.append(_restricted(add(product, exact_matrix(offset)), seen))
            case Sum():
                terms = zip(node.sources, node.coefficients, strict=True)
                scaled = [maps[i] if factor == 1.0 else scale(maps[i], factor) for i, factor in terms]
                total = scaled[0]
                for term in scaled[1:]:
                    total = add(total, term)
                seen = np.any([depends[source] for source in node.sources], axis=0)
                seen |= not products and seen.any(axis=0)
                maps.append(_restricted(total, seen))
            case Activation() | Product():
                start = len(sigmas)
                if isinstance(node, Activation):
                    inputs.append(maps[node.source])
                    sigmas.extend([(node.name, activation(node.name).resolve(node.parameters))] * node.width)
                else:
                    assert partners is not None, "the graph has products"
                    sigmas.extend([PRODUCT] * node.width)
                    chosen = slice(start, len(sigmas))
                    first, second = (maps[source] for source in node.sources)
                    swap = partners.swapped[chosen, None]
                    inputs.append(_either(swap, first, second))
                    partner = _either(swap, second, first)
                    partners.rows.midpoint[chosen], partners.rows.radius[chosen] = partner.midpoint, partner.radius
                layers.append(slice(start, len(sigmas)))
                maps.append(_selector(node.width, 1 + d + start, size))
                seen[np.arange(node.width), 1 + d + start + np.arange(node.width)] = True
        depends.append(seen)
    every = stacked([*inputs, exact_matrix(np.zeros((0, size)))])
    return LiftedNetwork(d, every, maps[-1], tuple(sigmas), tuple(layers), live, partners)


def factor_ends(graph: Graph, ends: Sequence[Interval], swapped: npt.NDArray[np.bool_]) -> Interval:
    """Ends (b, 2k) of the inputs of all neurons, then of their partners, from those (b, width) of every node."""
    inputs: list[list[FloatArray]] = [[], []]
    partners: list[list[FloatArray]] = [[], []]
    start = 0
    for node in graph.nodes:
        if not isinstance(node, Activation | Product):
            continue
        chosen = swapped[start : start + node.width]
        start += node.width
        for side in (0, 1):
            if isinstance(node, Activation):
                inputs[side].append(ends[node.source][side])
                partners[side].append(np.zeros_like(ends[node.source][side]))
            else:
                first, second = (ends[source][side] for source in node.sources)
                inputs[side].append(np.where(chosen, first, second))
                partners[side].append(np.where(chosen, second, first))
    low, high = (np.concatenate([*inputs[side], *partners[side]], axis=1) for side in (0, 1))
    return np.where(np.isnan(low), -np.inf, low), np.where(np.isnan(high), np.inf, high)


def _partners(graph: Graph, count: int, size: int) -> Partners:
    """The partners without their rows, which come as the network is read."""
    ends = node_ranges(graph, Region(None)).values
    low, high = factor_ends(graph, ends, np.zeros(count, dtype=bool))
    widths = np.maximum(np.abs(low), np.abs(high))[0]
    swapped = np.array(widths[count:] < widths[:count], dtype=bool)
    low, high = factor_ends(graph, ends, swapped)
    return Partners(MatrixBall(np.zeros((count, size)), np.zeros((count, size))), swapped, (low[0], high[0]))


def _either(choice: npt.NDArray[np.bool_], first: MatrixBall, second: MatrixBall) -> MatrixBall:
    return MatrixBall(np.where(choice, first.midpoint, second.midpoint), np.where(choice, first.radius, second.radius))


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

    psi_k = b_v v + b_s s + q_vv v^2 + q_vs v s + q_ss s^2; with products, (k, 9), and
    b_u u + q_uu u^2 + q_uv u v + q_us u s, u the other factor. Rounded outward.
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
    if network.partners is not None:
        others, third = network.partners.rows, np.zeros((k, size))
        third[:, 0], third[np.arange(k), 1 + d + np.arange(k)] = coefficients[:, 5], coefficients[:, 8]
        squares, mixed = (
            scale_columns(part.transpose, exact_matrix(coefficients[None, :, index])).transpose
            for part, index in ((others, 6), (rows, 7))
        )
        form = add(form, multiply(others.transpose, add(exact_matrix(third), add(squares, mixed))))
    return add(form, form.transpose)


def _restricted(matrix: MatrixBall, columns: npt.NDArray[np.bool_]) -> MatrixBall:
    return MatrixBall(np.where(columns, matrix.midpoint, 0.0), np.where(columns, matrix.radius, 0.0))


def _selector(width: int, start: int, size: int) -> MatrixBall:
    matrix = np.zeros((width, size))
    matrix[np.arange(width), start + np.arange(width)] = 1.0
    return exact_matrix(matrix)
