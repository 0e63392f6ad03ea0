"""Random and adversarial networks whose constants are known exactly, or from one side by a dense search.

Orthogonal factors are signed permutations times blocks H/2 with H a 4 x 4 Hadamard matrix: their floats are
exactly orthogonal, so Q1 D(Q2 z) has the constants of the one-dimensional maps in D, to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from flint import arb, arb_mat

from benchmarks.exact_constants import PARAMETERS, Truth, largest, slope_facts, smallest, stretch_truths, tanh_slopes
from certify.arithmetic.arrays import FloatArray
from certify.arithmetic.balls import ball
from certify.bounds.bracket import Region
from certify.bounds.recomputation import derivative_size
from certify.generators import derivatives
from certify.generators.graph import Activation, Affine, Graph, Input, Node, Product, Sum

HADAMARD = 0.5 * np.array([[1, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]], dtype=np.float64)
SMOOTH = ("tanh", "sigmoid", "softplus", "leaky_softplus", "atan", "sin", "gelu")
ALL = (*SMOOTH, "relu", "leaky_relu")

BISECTIONS = 120
"""Halvings of an interval around an eigenvalue: 36 digits."""


@dataclass(frozen=True, eq=False)
class KnownNetwork:
    """A network, the region, and what is known of its constants."""

    kind: str
    graph: Graph
    truths: dict[str, Truth]
    region: Region


def known_network(index: int, seed: int = 0) -> KnownNetwork:
    """The `index`-th network of the campaign; kinds take turns, everything else is drawn from (seed, index)."""
    kinds = tuple(KINDS)
    kind = kinds[index % len(kinds)]
    graph, truths, region = KINDS[kind](np.random.default_rng([seed, index]))
    return KnownNetwork(kind, graph, truths, region)


def exact_orthogonal(size: int, rng: np.random.Generator) -> FloatArray:
    """An orthogonal matrix whose float entries are exact: Q Q^T = I without rounding."""
    middle = np.eye(size)
    for start in range(0, size - 3, 4):
        if rng.random() < 0.8:
            middle[start : start + 4, start : start + 4] = HADAMARD
    left, right = (rng.permutation(size) for _ in range(2))
    signs = rng.choice([-1.0, 1.0], size)
    return np.ascontiguousarray(middle[left][:, right] * signs)


def singular_truths(weights: list[FloatArray]) -> dict[str, Truth]:
    """M and M of a product of matrices (first applied first) from the eigenvalues of its Gram matrix, in balls."""
    product = arb_mat([[arb(x) for x in row] for row in weights[0].tolist()])
    for weight in weights[1:]:
        product = arb_mat([[arb(x) for x in row] for row in weight.tolist()]) * product
    least, most = extreme_eigenvalues(product.transpose() * product)
    if product.nrows() < product.ncols():
        least = Truth.exactly(arb(0))
    return {"m": Truth(least.lower.sqrt(), least.upper.sqrt()), "M": Truth(most.lower.sqrt(), most.upper.sqrt())}


def extreme_eigenvalues(gram: arb_mat) -> tuple[Truth, Truth]:
    """Least and largest eigenvalue of a positive semidefinite matrix, bisected by Sylvester's law of inertia.

    An undecided pivot means that the shift is an eigenvalue of a leading block, so, by interlacing, that it lies
    between the least and the largest eigenvalue: which is how it is counted.
    """
    size, trace = gram.nrows(), gram.trace()
    if not bool(trace > 0):
        return Truth.exactly(arb(0)), Truth.exactly(arb(0))
    low, high = (trace / (2 * size)).mid(), (2 * trace).mid()
    for _ in range(BISECTIONS):
        middle = ((low + high) / 2).mid()
        low, high = (low, middle) if negative_pivots(gram, middle) == size else (middle, high)
    most = Truth(low, high)
    low, high = arb(0), (2 * trace).mid()
    for power in (1, 2, 4, 8, 16, 32, 64, 128, 256, 512):
        candidate = (trace * arb(2) ** -power).mid()
        if negative_pivots(gram, candidate) == 0:
            low = candidate
            break
        high = candidate
    for _ in range(BISECTIONS if bool(low > 0) else 0):
        middle = ((low * high).sqrt() if bool(high > 2 * low) else (low + high) / 2).mid()
        low, high = (middle, high) if negative_pivots(gram, middle) == 0 else (low, middle)
    return Truth(low, high), most


def negative_pivots(gram: arb_mat, shift: arb) -> int:
    """How many eigenvalues lie below `shift`: the negative pivots of gram - shift I; -1 if a pivot is undecided."""
    rows = [[entry - shift if i == j else entry for j, entry in enumerate(row)] for i, row in enumerate(gram.tolist())]
    count = 0
    for k, pivot_row in enumerate(rows):
        pivot = pivot_row[k]
        if not (bool(pivot > 0) or bool(pivot < 0)):
            return -1
        count += bool(pivot < 0)
        for row in rows[k + 1 :]:
            factor = row[k] / pivot
            for j in range(k + 1, len(row)):
                row[j] -= factor * pivot_row[j]
    return count


def linear(rng: np.random.Generator) -> tuple[Graph, dict[str, Truth], Region]:
    """One to four matrices in a row, condition number up to 1e12, scale 1e-150 to 1e150, any shape, zero rows."""
    depth = int(rng.choice([1, 1, 2, 4]))
    widths = [int(rng.integers(1, 7)) for _ in range(depth + 1)]
    exponents = rng.uniform(-150, 150, depth) if depth == 1 else rng.uniform(-30, 30, depth)
    weights: list[FloatArray] = []
    nodes: list[Node] = [Input(widths[0])]
    for layer, exponent in enumerate(exponents):
        rows, columns = widths[layer + 1], widths[layer]
        rank = min(rows, columns)
        left = np.linalg.qr(rng.normal(size=(rows, rank)))[0]
        right = np.linalg.qr(rng.normal(size=(columns, rank)))[0]
        spectrum = 10.0**exponent * np.geomspace(1.0, 10.0 ** -rng.uniform(0, 12 / depth), rank)
        weight = (left * spectrum) @ right.T
        if rng.random() < 0.15:
            weight[rng.integers(rows)] = 0.0
        if rng.random() < 0.15:
            weight[:, rng.integers(columns)] = weight[:, 0]
        weights.append(weight)
        nodes.append(Affine(len(nodes) - 1, weight, rng.normal(size=rows)))
    flat = {"M2": Truth.exactly(arb(0)), "M3": Truth.exactly(arb(0))}
    return Graph(tuple(nodes)), singular_truths(weights) | flat, Region()


def cancelling(rng: np.random.Generator) -> tuple[Graph, dict[str, Truth], Region]:
    """A z + c (B z - B z + sigma(B z) - sigma(B z)) written as separate nodes: the map is A z."""
    d = int(rng.integers(1, 6))
    own, other = rng.normal(size=(d, d)), 10.0 ** rng.uniform(-3, 3) * rng.normal(size=(4, d))
    out = rng.normal(size=(d, 4))
    name = str(rng.choice(SMOOTH))
    nodes = (
        Input(d),
        Affine(0, own, np.zeros(d)),
        Affine(0, other, np.ones(4)),
        Activation(2, name, 4, PARAMETERS.get(name, ())),
        Affine(3, out, np.zeros(d)),
        Affine(3, -out, np.zeros(d)),
        Sum((1, 4, 5), (1.0, 0.5, 0.5), d),
    )
    return Graph(nodes), singular_truths([own]), Region()


@dataclass(frozen=True, eq=False)
class _Units:
    """One-dimensional maps a_i t + sum_j c_ij sigma(w_i t + b_i), j over duplicates, in d coordinates."""

    name: str
    slope: FloatArray
    rate: FloatArray
    offset: FloatArray
    owner: npt.NDArray[np.int64]
    weight: FloatArray

    def curve(self, index: int) -> arb:
        """Exact sum over the duplicates of coordinate `index` of c times w."""
        total = sum((arb(float(c)) for c in self.weight[self.owner == index]), arb(0))
        return total * arb(float(self.rate[index]))


def _units(rng: np.random.Generator, d: int, name: str, with_skip: bool) -> _Units:
    scale, unit = 10.0 ** rng.uniform(-150, 150), 10.0 ** rng.uniform(-40, 40)
    adversity = str(rng.choice(["none", "scaled", "nearly singular", "saturated", "zero", "duplicates"]))
    if adversity != "scaled":
        scale = unit = 1.0
    rate = unit * rng.uniform(0.2, 2.0, d) * rng.choice([-1.0, 1.0], d)
    offset = rng.normal(size=d) * (10.0 ** rng.uniform(2, 8) if adversity == "saturated" else 1.0)
    slope = scale * rng.uniform(0.5, 3.0, d)
    gain = scale / unit * rng.uniform(-0.6, 1.5, d)
    if adversity == "nearly singular":
        high = float(slope_facts(name).high)
        gain = -slope * (1 - 2.0 ** -rng.uniform(20, 45, d)) / (rate * high)
    if adversity == "zero":
        rate[rng.integers(d)], gain[rng.integers(d)] = 0.0, 0.0
    copies = int(rng.integers(2, 5)) if adversity == "duplicates" else 1
    owner = np.repeat(np.arange(d), copies)
    weight = np.concatenate([share * gain[i] for i in range(d) for share in (rng.dirichlet(np.ones(copies)),)])
    return _Units(name, slope if with_skip else np.zeros(d), rate, offset, owner, weight)


def _sandwich(units: _Units, rng: np.random.Generator, rows: int, shift: npt.NDArray[np.int64] | None) -> Graph:
    """Q1 (diag(a) + C sigma(W . + b)) Q2 with exact products; `shift` is the coupling's move of the images."""
    d, width = units.rate.size, units.owner.size
    inward, outward = exact_orthogonal(d, rng), exact_orthogonal(rows, rng)[:, :d]
    rates = np.zeros((width, d))
    rates[np.arange(width), units.owner] = units.rate[units.owner]
    gains = np.zeros((d, width))
    target = np.arange(d) if shift is None else shift
    gains[target[units.owner], np.arange(width)] = units.weight
    bias, parameters = units.offset[units.owner], PARAMETERS.get(units.name, ())
    skip = np.eye(d) if shift is not None else np.diag(units.slope)
    if rng.random() < 0.5:
        # Folded: every entry is one product with +-1/2 or +-1, hence exact.
        nodes: tuple[Node, ...] = (
            Input(d),
            Affine(0, inward, np.zeros(d)),
            Affine(0, rates @ inward, bias),
            Activation(2, units.name, width, parameters),
            Affine(3, outward @ gains, np.zeros(rows)),
            Affine(1, outward @ skip, rng.normal(size=rows)),
            Sum((4, 5), (1.0, 1.0), rows),
        )
    else:
        nodes = (
            Input(d),
            Affine(0, inward, np.zeros(d)),
            Affine(1, rates, bias),
            Activation(2, units.name, width, parameters),
            Affine(3, gains, np.zeros(d)),
            Affine(1, skip, np.zeros(d)),
            Sum((4, 5), (1.0, 1.0), d),
            Affine(6, outward, np.zeros(rows)),
        )
    return Graph(nodes)


def sandwich(rng: np.random.Generator) -> tuple[Graph, dict[str, Truth], Region]:
    """Orthogonal sandwich of one-dimensional maps on R^d, with or without a skip, n >= d."""
    d = int(rng.integers(1, 7))
    units = _units(rng, d, str(rng.choice(ALL)), bool(rng.random() < 0.8))
    facts = slope_facts(units.name)
    slopes, bends, twists = [], [], []
    for i in range(d):
        curve, rate = units.curve(i), arb(float(abs(units.rate[i])))
        ends = [arb(float(units.slope[i])) + curve * end for end in (facts.low, facts.high)]
        slopes.append((smallest(ends), largest(ends)))
        moves = not bool(curve == 0)
        bends.append(abs(curve) * rate * facts.bend if moves else arb(0))
        twists.append(abs(curve) * rate * rate * facts.twist if moves else arb(0))
    truths = stretch_truths(slopes) | {"M2": Truth.exactly(largest(bends)), "M3": Truth.exactly(largest(twists))}
    return _sandwich(units, rng, d + int(rng.integers(0, 3)), None), truths, Region()


def local_sandwich(rng: np.random.Generator) -> tuple[Graph, dict[str, Truth], Region]:
    """A t + c tanh(w t + b) in orthogonal coordinates on a ball: coordinate i runs over [y_i - r, y_i + r]."""
    d = int(rng.integers(1, 6))
    units = _units(rng, d, "tanh", True)
    state = rng.bit_generator.state
    inward = exact_orthogonal(d, rng)
    rng.bit_generator.state = state
    radius = float(10.0 ** rng.uniform(-3, 1) / (abs(units.rate).max() or 1.0))
    rng.bit_generator.state = state
    graph = _sandwich(units, rng, d, None)
    centre = rng.normal(size=d) * radius
    slopes, bends = [], []
    for i in range(d):
        middle = sum((arb(float(q)) * arb(float(c)) for q, c in zip(inward[i], centre, strict=True)), arb(0))
        rate, offset = arb(float(units.rate[i])), arb(float(units.offset[i]))
        ends = [rate * (middle + side * arb(radius)) + offset for side in (-1, 1)]
        low, high, bend = tanh_slopes(smallest(ends), largest(ends))
        curve, slope = units.curve(i), arb(float(units.slope[i]))
        images = [slope + curve * low, slope + curve * high]
        slopes.append((smallest(images), largest(images)))
        bends.append(abs(curve * rate) * bend)
    truths = stretch_truths(slopes) | {"M2": Truth.exactly(largest(bends))}
    return graph, truths, Region(radius, tuple(centre.tolist()))


def coupling(rng: np.random.Generator) -> tuple[Graph, dict[str, Truth], Region]:
    """(a, b) -> (a, b + S(a)) with S a sum of one-dimensional maps: M = (s + sqrt(s^2 + 4))/2 and m = 1/M."""
    half = int(rng.integers(1, 4))
    name = str(rng.choice(SMOOTH))
    size = 10.0 ** rng.uniform(-3, 6)
    units = _Units(
        name,
        np.zeros(2 * half),
        np.concatenate([rng.uniform(0.2, 2, half), np.zeros(half)]),
        np.concatenate([rng.normal(size=half) * 10.0 ** rng.uniform(-1, 5), np.zeros(half)]),
        np.repeat(np.arange(half), 2),
        size * rng.uniform(0.1, 1.0, 2 * half),
    )
    facts = slope_facts(name)
    steepest = abs(facts.low).max(abs(facts.high))
    s = largest([abs(units.curve(i)) * steepest for i in range(half)])
    most = (s + (s * s + 4).sqrt()) / 2
    bends = [abs(units.curve(i)) * arb(float(units.rate[i])) * facts.bend for i in range(half)]
    truths = {"M": Truth.exactly(most), "m": Truth.exactly(1 / most), "M2": Truth.exactly(largest(bends))}
    shift = np.concatenate([np.arange(half, 2 * half), np.zeros(half)]).astype(np.int64)
    return _sandwich(units, rng, 2 * half, shift), truths, Region()


def wide(rng: np.random.Generator) -> tuple[Graph, dict[str, Truth], Region]:
    """A z + g sum_k Q_k^T sigma(w Q_k z), no bias: M = a + k g w at 0, m = a far away (slope of sigma tends to 0)."""
    d, copies = int(rng.integers(1, 7)), int(rng.integers(1, 4))
    name = str(rng.choice(["tanh", "atan"]))
    skip, gain, rate = 10.0 ** rng.uniform(-6, 2), 10.0 ** rng.uniform(-2, 2), 10.0 ** rng.uniform(-2, 2)
    stack = np.concatenate([exact_orthogonal(d, rng) for _ in range(copies)])
    nodes = (
        Input(d),
        Affine(0, rate * stack, np.zeros(len(stack))),
        Activation(1, name, len(stack)),
        Affine(2, gain * stack.T, np.zeros(d)),
        Sum((0, 3), (skip, 1.0), d),
    )
    most = arb(skip) + copies * arb(gain) * arb(rate)
    return Graph(nodes), {"M": Truth.exactly(most), "m": Truth.exactly(arb(skip))}, Region()


def one_dimensional(rng: np.random.Generator) -> tuple[Graph, dict[str, Truth], Region]:
    """Networks R -> R of depth 1 to 4: a dense search of the line gives one side of every constant."""
    nodes: list[Node] = [Input(1)]
    for _ in range(int(rng.integers(1, 5))):
        source, width = len(nodes) - 1, int(rng.integers(1, 5))
        name = str(rng.choice(SMOOTH))
        scale = 10.0 ** rng.uniform(-2, 2)
        nodes.append(Affine(source, scale * rng.normal(size=(width, 1)), 2 * rng.normal(size=width)))
        nodes.append(Activation(source + 1, name, width, PARAMETERS.get(name, ())))
        if rng.random() < 0.2:
            nodes.append(Product((source + 2, source + 2), width))
        nodes.append(Affine(len(nodes) - 1, rng.normal(size=(1, width)), rng.normal(size=1)))
        nodes.append(Sum((source, len(nodes) - 1), (float(rng.choice([0.0, 1.0, -0.5])), 1.0), 1))
    graph = Graph(tuple(nodes))
    line = np.concatenate([np.sinh(np.linspace(-12, 12, 6001)), np.linspace(-5, 5, 6001)])[:, None]
    return graph, _found(graph, line, np.ones_like(line)), Region()


def random_deep(rng: np.random.Generator) -> tuple[Graph, dict[str, Truth], Region]:
    """Residual and plain blocks mixed, d up to 5; sampled points and directions give one side of every constant."""
    d = int(rng.integers(2, 6))
    nodes: list[Node] = [Input(d)]
    for _ in range(int(rng.integers(1, 4))):
        source, width = len(nodes) - 1, int(rng.integers(d, 9))
        name = str(rng.choice(SMOOTH))
        nodes.append(Affine(source, rng.normal(size=(width, d)), rng.normal(size=width)))
        nodes.append(Activation(source + 1, name, width, PARAMETERS.get(name, ())))
        nodes.append(Affine(source + 2, rng.normal(size=(d, width)) * rng.uniform(0.02, 0.5), rng.normal(size=d)))
        if rng.random() < 0.8:
            nodes.append(Sum((source, source + 3), (1.0, 1.0), d))
    graph = Graph(tuple(nodes))
    points = rng.normal(size=(300, d)) * np.resize([0.3, 1.0, 3.0, 30.0], 300)[:, None]
    return graph, _found(graph, points, None), Region()


def _found(graph: Graph, points: FloatArray, directions: FloatArray | None) -> dict[str, Truth]:
    """One-sided truths from the best of many points, recomputed in balls."""
    zero, infinite = arb(0), arb("inf")
    _, values, right = np.linalg.svd(derivatives.jacobian(graph, points), full_matrices=False)
    lows, highs = right[:, -1], right[:, 0]
    steep, flat = int(values[:, 0].argmax()), int(values[:, -1].argmin())
    truths = {
        "M": Truth(_size(graph, points[steep], highs[steep], 1), infinite),
        "m": Truth(zero, _size(graph, points[flat], lows[flat], 1)),
    }
    ways = highs if directions is None else directions
    bends = np.linalg.norm(derivatives.second_derivative(graph, points, ways, ways), axis=1)
    twists = np.linalg.norm(derivatives.third_derivative(graph, points, ways, ways, ways), axis=1)
    for name, sizes, order in (("M2", bends, 2), ("M3", twists, 3)):
        best = int(np.nan_to_num(sizes).argmax())
        truths[name] = Truth(_size(graph, points[best], ways[best], order), infinite)
    return truths


def _size(graph: Graph, point: FloatArray, direction: FloatArray, order: int) -> arb:
    return ball(derivative_size(graph, point.tolist(), direction.tolist(), order))


KINDS: dict[str, Callable[[np.random.Generator], tuple[Graph, dict[str, Truth], Region]]] = {
    "linear": linear,
    "sandwich": sandwich,
    "coupling": coupling,
    "one-dimensional": one_dimensional,
    "sandwich, adversarial again": sandwich,
    "local sandwich": local_sandwich,
    "wide": wide,
    "random deep": random_deep,
    "cancelling": cancelling,
}
"""How each kind of network is drawn, in the order in which they take turns."""
