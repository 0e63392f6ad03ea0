"""Adversarial look at M2 and M3: no certified upper end may lie below a derivative that is enclosed at some point.

    python -m benchmarks.curvature_attack [--cases 2000] [--first 0] [--seed 0] [--records FILE] [--out FILE.md]

Networks are drawn to leave a wrong bound no room: few latents on tiny balls, where the bound and the derivative at the
centre all but agree; chains of neurons in exactly orthogonal coordinates; balls far from 0; saturated units; weights of
1e-150 to 1e150; rows of zeros and rows that repeat; networks whose branches cancel. Every method that bounds M2 and M3
is asked alone. The derivatives are enclosed twice: by the package's jets and by the Taylor arithmetic of this file,
which shares no code with them but python-flint. The two enclosures must meet, and neither may lie above an end. Exit
code 1 where one does.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from flint import arb, arb_series, ctx
from threadpoolctl import threadpool_limits

from benchmarks.known_networks import exact_orthogonal
from benchmarks.output import print_and_write
from certify.arithmetic.arrays import FloatArray
from certify.arithmetic.balls import precision
from certify.bounds.bracket import Region
from certify.bounds.effort import Work
from certify.bounds.method import Problem, bound_methods
from certify.bounds.recomputation import derivative_size, is_inside
from certify.bounds.search import extreme_curvature
from certify.generators import derivatives
from certify.generators.graph import Activation, Affine, Generator, Graph, Input, Node, Product, Sum

BITS = 640
"""Working precision of the enclosures: 1e150 is cubed and cancelled, and digits are left."""

EFFORT = 2000.0
"""Units for each method: a second or two at most."""

METHODS = (
    "lifted semidefinite",
    "neuron splits",
    "neuron by neuron",
    "composition",
    "chain rule",
    "one hidden layer",
)

ORDERS = {"M2": 2, "M3": 3}


@dataclass(frozen=True, eq=False)
class Case:
    """A network on a region, by kind."""

    kind: str
    graph: Graph
    region: Region


@dataclass
class Outcome:
    """What one case gave: violations (empty if sound), and certified/seen per method and constant."""

    index: int
    kind: str
    violations: list[str] = field(default_factory=list)
    ratios: dict[str, float] = field(default_factory=dict)


def _softplus(x: arb_series) -> arb_series:
    # exp of something large and positive would lose all digits: log(1 + e^x) = x + log(1 + e^-x).
    return x + (1 + (-x).exp()).log() if bool(x[0] > 0) else (1 + x.exp()).log()


def _sigmoid(x: arb_series) -> arb_series:
    return 1 / (1 + (-x).exp()) if bool(x[0] > 0) else 1 - 1 / (1 + x.exp())


SERIES: dict[str, Callable[[arb_series], arb_series]] = {
    "tanh": lambda x: 2 * _sigmoid(2 * x) - 1,
    "sigmoid": _sigmoid,
    "softplus": _softplus,
    "leaky_softplus": lambda x: arb(0.1) * x + (1 - arb(0.1)) * _softplus(x),
    "silu": lambda x: x * _sigmoid(x),
    "gelu": lambda x: x * (1 + (x / arb(2).sqrt()).erf()) / 2,
    "sin": lambda x: x.sin(),
    "cos": lambda x: x.cos(),
    "atan": lambda x: x.atan(),
    "erf": lambda x: x.erf(),
}
"""The activations by their definitions, as power series."""

PARAMETERS = {"leaky_softplus": (0.1,)}


def independent_size(graph: Graph, point: list[float], direction: list[float], order: int) -> arb:
    """|D^kG(z)[u, ..., u]|/|u|^k, node by node in power series. Enclosure, rounded outward."""
    before = ctx.prec, ctx.cap
    ctx.prec, ctx.cap = BITS, order + 1
    try:
        values: list[list[arb_series]] = []
        for node in graph.nodes:
            match node:
                case Input():
                    values.append([arb_series([arb(a), arb(b)]) for a, b in zip(point, direction, strict=True)])
                case Affine():
                    values.append(
                        [_row(w, values[node.source], b) for w, b in zip(node.weight, node.bias, strict=True)]
                    )
                case Sum():
                    terms = [
                        [arb(c) * v for v in values[s]] for s, c in zip(node.sources, node.coefficients, strict=True)
                    ]
                    values.append([sum(entries, arb_series([0])) for entries in zip(*terms, strict=True)])
                case Product():
                    left, right = (values[source] for source in node.sources)
                    values.append([a * b for a, b in zip(left, right, strict=True)])
                case Activation():
                    values.append([SERIES[node.name](entry) for entry in values[node.source]])
        square = sum(((series[order] * math.factorial(order)) ** 2 for series in values[-1]), arb(0))
        length = sum((arb(x) ** 2 for x in direction), arb(0)).sqrt()
        # Of a sum of squares that may be 0 the root lies between 0 and that of the upper end.
        root = square.sqrt() if bool(square > 0) else arb(0).union(arb(square.upper()).sqrt())
        return root / length**order
    finally:
        ctx.prec, ctx.cap = before


def _row(weights: FloatArray, entries: list[arb_series], bias: float) -> arb_series:
    return sum((arb(float(w)) * v for w, v in zip(weights, entries, strict=True)), arb_series([arb(float(bias))]))


def drawn(index: int, seed: int = 0) -> Case:
    """The `index`-th case; kinds take turns, everything else is drawn from (seed, index)."""
    rng = np.random.default_rng([seed, index, 0xC0])
    kind = tuple(KINDS)[index % len(KINDS)]
    return Case(kind, *KINDS[kind](rng))


def _name(rng: np.random.Generator) -> str:
    return str(rng.choice(tuple(SERIES)))


def _activation(source: int, name: str, width: int) -> Activation:
    return Activation(source, name, width, PARAMETERS.get(name, ()))


def _deep(rng: np.random.Generator, d: int, width: int = 5, offsets: float = 1.0) -> list[Node]:
    """Layers of every shape, mixed: plain, residual, two branches, the input again, bare activations, dead ends."""
    nodes: list[Node] = [Input(d)]
    source = 0
    for _ in range(int(rng.integers(1, 5))):
        into = nodes[source].width
        if rng.random() < 0.15:
            nodes.append(_activation(source, _name(rng), into))
            if rng.random() < 0.5:
                source = len(nodes) - 1
                continue
        size, first = int(rng.integers(1, width + 1)), len(nodes)
        gain = 10.0 ** rng.uniform(-1, 0.7)
        nodes.append(Affine(source, gain * rng.normal(size=(size, into)), offsets * rng.normal(size=size)))
        nodes.append(_activation(first, _name(rng), size))
        shape = str(rng.choice(["plain", "residual", "two branches", "input again"]))
        if shape != "plain":
            target = 0 if shape == "input again" else source
            back = nodes[target].width
            nodes.append(Affine(first + 1, rng.normal(size=(back, size)), rng.normal(size=back)))
            terms = [target, first + 2]
            if shape == "two branches":
                nodes.append(_activation(first, _name(rng), size))
                nodes.append(Affine(first + 3, rng.normal(size=(back, size)), rng.normal(size=back)))
                terms += [first + 4, first + 2]
            factors = tuple(float(rng.choice([0.0, 1.0, -0.7, rng.normal()])) for _ in terms)
            nodes.append(Sum(tuple(terms), (*factors[:-1], 1.0), back))
        source = len(nodes) - 1
    n = int(rng.integers(1, 4))
    nodes.append(Affine(source, rng.normal(size=(n, nodes[source].width)), rng.normal(size=n)))
    return nodes


def _ball(rng: np.random.Generator, d: int, radius: tuple[float, float], centre: tuple[float, float]) -> Region:
    middle = 10.0 ** rng.uniform(*centre) * rng.normal(size=d)
    return Region(float(10.0 ** rng.uniform(*radius)), tuple(middle.tolist()))


def line(rng: np.random.Generator) -> tuple[Graph, Region]:
    """One latent: the forms in u are numbers, only the ranges and the ellipsoid are between bound and truth."""
    return Graph(tuple(_deep(rng, 1))), _ball(rng, 1, (-8, 0), (-1, 0.5))


def tiny_ball(rng: np.random.Generator) -> tuple[Graph, Region]:
    """Two or three latents on a ball on which nothing moves."""
    d = int(rng.integers(2, 4))
    return Graph(tuple(_deep(rng, d))), _ball(rng, d, (-9, -3), (-1, 0.5))


def whole_space(rng: np.random.Generator) -> tuple[Graph, Region]:
    """All of R^d, or a ball of ordinary size."""
    d = int(rng.integers(1, 6))
    region = Region() if rng.random() < 0.6 else _ball(rng, d, (-1, 1), (-1, 1))
    return Graph(tuple(_deep(rng, d, 8))), region


def far(rng: np.random.Generator) -> tuple[Graph, Region]:
    """A ball far from 0 where the network still bends: offsets bring the pre-activations back."""
    d = int(rng.integers(1, 4))
    nodes, region = _deep(rng, d), _ball(rng, d, (-5, 1), (2, 7))
    assert region.centre is not None
    for place, node in enumerate(nodes):
        if isinstance(node, Affine) and node.source == 0:
            nodes[place] = Affine(0, node.weight, node.bias - node.weight @ np.asarray(region.centre))
    return Graph(tuple(nodes)), region


def saturated(rng: np.random.Generator) -> tuple[Graph, Region]:
    """Offsets of up to a million: most neurons are flat, and what is left of them is tiny."""
    d = int(rng.integers(1, 4))
    region = Region() if rng.random() < 0.3 else _ball(rng, d, (-4, 1), (-1, 1))
    return Graph(tuple(_deep(rng, d, 5, 10.0 ** rng.uniform(0.5, 6)))), region


def scaled(rng: np.random.Generator) -> tuple[Graph, Region]:
    """The latent in units of 1e-100 to 1e100, the output in units of 1e-150 to 1e150."""
    d = int(rng.integers(1, 4))
    nodes, unit = _deep(rng, d), 10.0 ** rng.uniform(-100, 100)
    last = nodes[-1]
    assert isinstance(last, Affine)
    reads = [i for i, node in enumerate(nodes) if 0 in node.sources]
    if all(isinstance(nodes[i], Affine) for i in reads):
        for i in reads:
            node = nodes[i]
            assert isinstance(node, Affine)
            nodes[i] = Affine(0, unit * node.weight, node.bias)
    else:
        unit = 1.0
    size = 10.0 ** rng.uniform(-150, 150)
    nodes[-1] = Affine(last.source, size * last.weight, last.bias)
    region = _ball(rng, d, (-6, 0), (-1, 0.5))
    assert region.radius is not None and region.centre is not None
    return Graph(tuple(nodes)), Region(region.radius / unit, tuple(x / unit for x in region.centre))


def uneven(rng: np.random.Generator) -> tuple[Graph, Region]:
    """Rows of one layer of sizes 1e-150 to 1, or 1 to 1e60: small neurons beside large ones."""
    d = int(rng.integers(1, 4))
    nodes = _deep(rng, d)
    sign = float(rng.choice([-150.0, 60.0]))
    places = [i for i, node in enumerate(nodes) if isinstance(node, Affine)]
    place = int(rng.choice(places))
    node = nodes[place]
    assert isinstance(node, Affine)
    sizes = 10.0 ** (sign * rng.random(node.width) * (rng.random(node.width) < 0.5))
    nodes[place] = Affine(node.source, sizes[:, None] * node.weight, node.bias)
    return Graph(tuple(nodes)), _ball(rng, d, (-9, 0), (-1, 0.5))


def degenerate(rng: np.random.Generator) -> tuple[Graph, Region]:
    """Rows and columns of zeros, rows that repeat, in every layer."""
    d = int(rng.integers(1, 4))
    nodes = _deep(rng, d)
    for place, node in enumerate(nodes):
        if isinstance(node, Affine):
            weight = np.array(node.weight)
            if len(weight) > 1 and place < len(nodes) - 1:
                row, other = rng.choice(len(weight), 2, replace=False)
                weight[row] = 0.0 if rng.random() < 0.4 else float(rng.choice([1.0, -1.0, 1 + 1e-9])) * weight[other]
            if weight.shape[1] > 1 and rng.random() < 0.3:
                weight[:, rng.integers(weight.shape[1])] = 0.0
            nodes[place] = Affine(node.source, weight, node.bias)
    return Graph(tuple(nodes)), Region() if rng.random() < 0.3 else _ball(rng, d, (-8, 0), (-1, 0.5))


def chains(rng: np.random.Generator) -> tuple[Graph, Region]:
    """Chains of single neurons side by side in exactly orthogonal coordinates: each coordinate is a map of the line."""
    d = int(rng.choice([1, 2, 4]))
    nodes: list[Node] = [Input(d), Affine(0, exact_orthogonal(d, rng), np.zeros(d))]
    for _ in range(int(rng.integers(1, 5))):
        source = len(nodes) - 1
        nodes.append(Affine(source, np.diag(10.0 ** rng.uniform(-0.5, 0.7, d)), rng.normal(size=d)))
        nodes.append(_activation(source + 1, _name(rng), d))
        if rng.random() < 0.5:
            nodes.append(Sum((source, source + 2), (1.0, float(rng.normal())), d))
    nodes.append(Affine(len(nodes) - 1, exact_orthogonal(d, rng), np.zeros(d)))
    return Graph(tuple(nodes)), Region() if rng.random() < 0.5 else _ball(rng, d, (-8, 0), (-1, 0.5))


def cancelling(rng: np.random.Generator) -> tuple[Graph, Region]:
    """A network plus nearly minus itself: what is left is smaller than what is added."""
    d = int(rng.integers(1, 4))
    nodes = _deep(rng, d)
    last, near = len(nodes) - 1, 1.0 + 10.0 ** rng.uniform(-14, -1)
    width = nodes[-1].width
    nodes.append(Affine(last, np.eye(width), np.zeros(width)))
    nodes.append(Sum((last, last + 1), (1.0, -near), width))
    return Graph(tuple(nodes)), _ball(rng, d, (-8, 0), (-1, 0.5))


def products(rng: np.random.Generator) -> tuple[Graph, Region]:
    """A product of two networks of the same latent, on a ball."""
    d = int(rng.integers(1, 4))
    nodes = _deep(rng, d, 4)
    left, width = len(nodes) - 1, nodes[-1].width
    nodes.append(Affine(0, rng.normal(size=(width, d)), rng.normal(size=width)))
    nodes.append(_activation(left + 1, _name(rng), width))
    nodes.append(Product((left, left + 2 - int(rng.integers(2))), width))
    nodes.append(Affine(left + 3, rng.normal(size=(2, width)), np.zeros(2)))
    return Graph(tuple(nodes)), _ball(rng, d, (-8, 0), (-1, 0.5))


KINDS: dict[str, Callable[[np.random.Generator], tuple[Graph, Region]]] = {
    "line": line,
    "tiny ball": tiny_ball,
    "whole space": whole_space,
    "far from 0": far,
    "saturated": saturated,
    "extreme scales": scaled,
    "uneven rows": uneven,
    "degenerate rows": degenerate,
    "orthogonal chains": chains,
    "cancelling": cancelling,
    "products": products,
}
"""How each kind of case is drawn, in the order in which they take turns."""


def candidates(case: Case, order: int, rng: np.random.Generator) -> Iterator[tuple[list[float], list[float]]]:
    """Points of the region and directions at which the derivative is large, as floats see it. Estimate."""
    d = case.graph.latent_dim
    radius = math.inf if case.region.radius is None else case.region.radius
    centre = np.zeros(d) if case.region.centre is None else np.asarray(case.region.centre)
    offsets = rng.normal(size=(48, d))
    if radius < math.inf:
        offsets *= 0.999 * radius * rng.random((48, 1)) / np.linalg.norm(offsets, axis=1, keepdims=True)
    else:
        offsets *= np.resize([0.3, 1.0, 3.0, 30.0], 48)[:, None]
    offsets[0] = 0.0
    points, ways = centre + offsets, rng.normal(size=(48, d))
    with np.errstate(all="ignore"):
        jacobians = np.nan_to_num(derivatives.jacobian(case.graph, points), posinf=0.0, neginf=0.0)
        largest = np.abs(jacobians).max(axis=(1, 2), keepdims=True)
        ways[::2] = np.linalg.svd(jacobians / np.where(largest > 0, largest, 1.0))[2][::2, 0]
        derivative = derivatives.second_derivative if order == 2 else derivatives.third_derivative
        images = derivative(case.graph, points, *[ways] * order)
        sizes = np.nan_to_num(np.abs(images).max(axis=1) / np.linalg.norm(ways, axis=1) ** order, posinf=0.0)
        for place in np.argsort(-sizes)[:2].tolist():
            yield points[place].tolist(), ways[place].tolist()
        if d > 1:
            try:
                found = extreme_curvature(case.graph, case.region, order, np.inf, rng, 2)
                yield found.point.tolist(), found.direction.tolist()
            except (np.linalg.LinAlgError, ValueError):
                return


def seen(case: Case, order: int, rng: np.random.Generator) -> tuple[arb, list[str]]:
    """The largest of the enclosures, and where two of one derivative do not meet."""
    best, defects = arb(0), []
    for point, direction in candidates(case, order, rng):
        if not is_inside(case.region, point) or not any(direction) or not np.isfinite([*point, *direction]).all():
            continue
        with precision(BITS):
            own, jets = (
                independent_size(case.graph, point, direction, order),
                derivative_size(case.graph, point, direction, order),
            )
            if own.is_finite() and jets.is_finite() and not bool(own.overlaps(jets)):
                defects.append(f"order {order}: {own.str(20)} and {jets.str(20)} at {point} along {direction}")
            for size in (own, jets):
                if size.is_finite() and bool(size.lower() > best):
                    best = arb(size.lower())
    return best, defects


def examine(index: int, seed: int, effort: float = EFFORT) -> Outcome:
    """Hold the upper ends of M2 and M3 of every method on one case against the enclosed derivatives."""
    case, rng = drawn(index, seed), np.random.default_rng([seed, index, 0xA7])
    outcome, known = Outcome(index, case.kind), bound_methods()
    generator = Generator(case.kind, case.graph, 1)
    least: dict[str, arb] = {}
    for name, order in ORDERS.items():
        least[name], defects = seen(case, order, rng)
        outcome.violations.extend(defects)
    with np.errstate(all="ignore"), threadpool_limits(1):
        for method in METHODS:
            for proposal in known[method].propose(Problem(generator, case.region, Work(effort))):
                if proposal.constant not in ORDERS or proposal.value is None:
                    continue
                below = least[proposal.constant]
                with precision(BITS):
                    if math.isnan(proposal.value) or bool(arb(proposal.value) < below):
                        text = (
                            f"{proposal.constant} at most {proposal.value!r} by `{method}`, but {below.str(20)} is seen"
                        )
                        outcome.violations.append(text)
                    if bool(below > 0) and math.isfinite(proposal.value):
                        outcome.ratios[f"{method} {proposal.constant}"] = float(arb(proposal.value) / below)
    return outcome


def table(outcomes: list[Outcome]) -> Iterator[str]:
    """Per kind: cases, violations, and the least and the median of certified over seen, M2 and M3 of the lifted end."""
    by_kind: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        by_kind[outcome.kind].append(outcome)
    yield "| kind | cases | violations | M2, lifted: ends | least ratio | median | M3, lifted: ends | least | median |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"
    for kind, group in by_kind.items():
        cells = [kind, str(len(group)), str(sum(bool(outcome.violations) for outcome in group))]
        for name in ORDERS:
            key = f"{METHODS[0]} {name}"
            ratios = [outcome.ratios[key] for outcome in group if key in outcome.ratios]
            cells.append(str(len(ratios)))
            cells += [f"1 + {min(ratios) - 1:.1e}", f"{statistics.median(ratios):.3g}"] if ratios else ["-", "-"]
        yield "| " + " | ".join(cells) + " |"
    ends = sum(len(outcome.ratios) for outcome in outcomes)
    failed = sum(bool(outcome.violations) for outcome in outcomes)
    yield ""
    yield f"{len(outcomes)} cases, {ends} finite upper ends held against an enclosed derivative, {failed} violations."


def main() -> int:
    """Run the attack; 0 if no end was too low and no two enclosures missed each other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=2000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--records", type=Path, help="JSON lines; a run that was interrupted goes on from here")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    outcomes = []
    if options.records is not None and options.records.exists():
        outcomes = [Outcome(**json.loads(text)) for text in options.records.read_text().splitlines()]
    done = {outcome.index for outcome in outcomes}
    for index in range(options.first, options.first + options.cases):
        if index in done:
            continue
        outcome = examine(index, options.seed)
        outcomes.append(outcome)
        if options.records is not None:
            with options.records.open("a") as stream:
                stream.write(json.dumps(asdict(outcome)) + "\n")
        for text in outcome.violations:
            print(f"case {index} ({outcome.kind}), seed {options.seed}: {text}", flush=True)
    print_and_write(table(outcomes), options.out)
    return 1 if any(outcome.violations for outcome in outcomes) else 0


if __name__ == "__main__":
    raise SystemExit(main())
