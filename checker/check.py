"""Checks a portable certificate about a network: python check.py CERT.json NETWORK.onnx.

Integers and fractions only, nothing is rounded to nearest; written from docs/certificates.md ("Portable certificates").
Exit code 0: yes, proved; 1: no, not confirmed; 2: unreadable, or outside what is known here. To be read at one sitting.
"""

# fmt: off
import hashlib
import json
import math
import re
import struct
import sys
from fractions import Fraction
from operator import mul
from pathlib import Path
class No(Exception): """The claim is not confirmed."""
class Unreadable(Exception): """Not a certificate, not a network, or one outside what is known here."""
def expect(condition, reason, otherwise=Unreadable):
    if not condition:
        raise otherwise(reason)
def need(condition, reason):
    expect(condition, reason, No)
# The certificate's text: no key twice, none missing, none further; numbers of exactly one form each.
def unique(pairs):
    expect(len({key for key, _ in pairs}) == len(pairs), "a key occurs twice")
    return dict(pairs)
def keys(value, names, what):
    expect(isinstance(value, dict) and set(value) == set(names), f"{what} must have the keys {', '.join(names)}")
    return [value[name] for name in names]
def items(value, length, what):
    expect(isinstance(value, list) and len(value) == length, f"{what} must be a list of {length}")
    return value
def integer(value, what, limit=1 << 53):
    expect(type(value) is int and abs(value) < limit, f"{what} must be an integer below {limit}")
    return value
def rational(value, what):
    form = r"-?[0-9]{1,700}(/0*[1-9][0-9]{0,699})?"
    expect(isinstance(value, str) and re.fullmatch(form, value), f'{what} must be text "p/q"')
    return Fraction(value)
def real(value, what):
    form = r"-?0x[01](\.[0-9a-f]{1,13})?p[+-]?[0-9]{1,4}"
    expect(isinstance(value, str) and re.fullmatch(form, value) and -1023 < int(value.partition("p")[2]) < 1024,
           f"{what} must be text with a hexadecimal float")
    return Fraction(float.fromhex(value))
def reals(value, length, what):
    return [real(entry, what) for entry in items(value, length, what)]
class Matrix:
    """An exact matrix: rows of integers over one denominator. A product or sum of unequal shapes is an error."""
    def __init__(self, rows, den):
        self.rows, self.den = rows, den
    @staticmethod
    def of(rows):
        den = math.lcm(*(entry.denominator for row in rows for entry in row))
        return Matrix([[entry.numerator * (den // entry.denominator) for entry in row] for row in rows], den)
    @property
    def T(self):
        return Matrix([list(column) for column in zip(*self.rows, strict=True)], self.den)
    def __matmul__(self, other):
        expect(len(self.rows[0]) == len(other.rows), "two matrices do not fit")
        columns = other.T.rows
        return Matrix([[sum(map(mul, row, column)) for column in columns] for row in self.rows], self.den * other.den)
    def __add__(self, other):
        den = math.lcm(self.den, other.den)
        a, b = den // self.den, den // other.den
        pairs = zip(self.rows, other.rows, strict=True)
        return Matrix([[a * x + b * y for x, y in zip(p, q, strict=True)] for p, q in pairs], den)
    def __sub__(self, other):
        return self + other.times([Fraction(-1)] * len(other.rows))
    def times(self, factors):
        """Row i times factors[i]."""
        scaled = Matrix.of([factors])
        pairs = zip(scaled.rows[0], self.rows, strict=True)
        return Matrix([[factor * x for x in row] for factor, row in pairs], self.den * scaled.den)
def selector(places, size):
    return Matrix([[int(column == place) for column in range(size)] for place in places], 1)
def diagonal(entries):
    return selector(range(len(entries)), len(entries)).times(entries)
def semidefinite(matrix, factor, what):
    """Confirm matrix >= 0 by D matrix D = B B^T + R with R diagonally dominant."""
    size = len(matrix.rows)
    exponents, rows = keys(factor, ("exponents", "rows"), "factor")
    powers = [integer(entry, "an exponent", 3000) for entry in items(exponents, size, "exponents")]
    lower = [[integer(entry, "the factor") for entry in items(row, i + 1, "a row of the factor")]
             for i, row in enumerate(items(rows, size, "the factor's rows"))]
    least, excess = min(powers), [0] * size
    share = Fraction(2) ** (2 * least + 104) / matrix.den
    for i in range(size):
        for j in range(i + 1):
            scaled = matrix.rows[i][j] << (powers[i] + powers[j] - 2 * least)
            rest = share.numerator * scaled - share.denominator * sum(map(mul, lower[i], lower[j]))
            excess[i] += rest if i == j else -abs(rest)
            excess[j] -= 0 if i == j else abs(rest)
    need(min(excess) >= 0, f"{what}: the factor does not prove that the matrix is positive semidefinite")
# The network's file: protocol buffers on the wire. A field that occurs twice where one is meant is refused.
def varint(data, at):
    value = shift = 0
    while at < len(data) and shift < 70:
        value |= (data[at] & 127) << shift
        at, shift = at + 1, shift + 7
        if data[at - 1] < 128 and value < 1 << 64:
            return value, at
    raise Unreadable("the network's file is cut off")
def message(data):
    """Field -> list of values: integers, bytes, or (bytes,) for what has a fixed width."""
    found, at = {}, 0
    while at < len(data):
        tag, at = varint(data, at)
        expect(tag & 7 in (0, 1, 2, 5) and 8 <= tag < 1 << 32, "the network's file is not ONNX")
        value, at = varint(data, at) if tag & 7 in (0, 2) else (8 if tag & 7 == 1 else 4, at)
        if tag & 7:
            expect(at + value <= len(data), "the network's file is cut off")
            value, at = data[at : at + value] if tag & 7 == 2 else (data[at : at + value],), at + value
        found.setdefault(tag >> 3, []).append(value)
    return found
def only(fields, field, default=None, kind=int):
    values = fields.get(field, [default])
    expect(len(values) == 1 and isinstance(values[0], kind), f"field {field} in the network's file must occur once")
    return values[0]
def name_of(fields, field):
    return only(fields, field, b"", bytes).decode()
def inner(fields, *path):
    for field in path:
        fields = message(only(fields, field, None, bytes))
    return fields
def tensor(data):
    """Name and rows of a constant; the one row of a vector is in a tuple, no list."""
    fields = message(data)
    shape, (code, width) = fields.get(1, []), {1: ("f", 4), 11: ("d", 8)}.get(only(fields, 2, 0), ("", 0))
    expect(code and len(shape) in (1, 2) and min(shape) > 0 and set(fields) <= {1, 2, 8, 9, 12},
           "a constant must be a vector or matrix of floats, as raw data in the file")
    count, raw = math.prod(shape), only(fields, 9, None, bytes)
    expect(len(raw) == count * width, "a constant's size is wrong")
    values = list(map(Fraction, struct.unpack(f"<{count}{code}", raw)))   # an infinite weight or NaN has no fraction
    rows = [values[at : at + shape[-1]] for at in range(0, count, shape[-1])]
    return name_of(fields, 8), tuple(rows) if len(shape) == 1 else rows
class Network:
    """Nodes ("input",), ("affine", source, W or None, b), ("sum", i, j), (activation, source); widths of all."""
    def __init__(self, data):
        model = message(data)
        sets = [message(entry) for entry in model.get(8, [])]
        known = all(name_of(entry, 1) in ("", "ai.onnx") and 7 <= only(entry, 2) < 99 for entry in sets)
        expect(sets and known and not {20, 25} & set(model), "another set of operators, or one older than 7")
        graph = inner(model, 7)
        constants = [tensor(entry) for entry in graph.get(5, [])]
        self.constants = dict(constants)
        expect(len(self.constants) == len(constants) and 15 not in graph, "two constants of one name, or sparse ones")
        inputs = [entry for entry in map(message, graph.get(11, [])) if name_of(entry, 1) not in self.constants]
        expect(len(inputs) == len(graph.get(12, [])) == 1, "the network must have one input and one output")
        kind, shape = inner(inputs[0], 2), list(map(message, inner(inputs[0], 2, 1, 2).get(1, [])))
        self.d = only(shape[1], 1) if len(shape) == 2 and set(kind) <= {1, 6} and set(shape[1]) <= {1, 3} else 0
        expect(0 < self.d <= 3000, "the input must have the shape (batch, d) with d in the file")
        self.nodes, self.widths, self.place = [("input",)], [self.d], {name_of(inputs[0], 1): 0}
        for entry in graph.get(1, []):
            self.read(message(entry))
        self.output, pairs = self.place.get(name_of(inner(graph, 12), 1)), zip(self.nodes, self.widths, strict=True)
        self.neurons = [node[0] for node, width in pairs if node[0] in SLOPES for _ in range(width)]
        expect(self.output is not None and 0 < len(self.neurons) <= 3000, "no output, no neurons, or too many")
    def read(self, node):
        names, operator, result = [value.decode() for value in node.get(1, [])], name_of(node, 4), name_of(node, 2)
        given = [message(value) for value in node.get(5, [])]
        attributes = {name_of(value, 1): {i: x for i, x in value.items() if i not in (1, 13)} for value in given}
        expect(len(attributes) == len(given) and name_of(node, 7) in ("", "ai.onnx") and result not in self.place
               and result not in self.constants and all([result, *names]), f"{operator} or a name of it is not read")
        known, constant = [self.place.get(name) for name in names], [self.constants.get(name) for name in names]
        expect(all((a is None) != (b is None) for a, b in zip(known, constant, strict=True)), "an input is not known")
        moving = [index for index in known if index is not None]
        form = "".join("c" if index is None else "v" for index in known)
        width, one, no = self.widths[moving[0]], {2: [(b"\0\0\x80?",)], 20: [1]}, {3: [0], 20: [2]}
        turned, plain = attributes.pop("transB", no), {"alpha": one, "beta": one, "transA": no}
        expect(turned in (no, {3: [1], 20: [2]}) and all(plain.get(name) == value for name, value in attributes.items())
               and (operator == "Gemm" or not given), f"an attribute of {operator} is not read")
        if operator in SLOPES and form == "v":
            found = (operator, moving[0])
        elif (operator, form) in (("Gemm", "vc"), ("Gemm", "vcc"), ("MatMul", "vc")):
            weight = Matrix.of(constant[1]) if turned != no else Matrix.of(constant[1]).T
            expect(isinstance(constant[1], list) and len(weight.rows[0]) == width, "a matrix does not fit its input")
            width = len(weight.rows)
            found = ("affine", moving[0], weight, constant[2] if form == "vcc" else [[Fraction(0)] * width])
        elif operator == "Add" and form in ("vc", "cv"):
            found = ("affine", moving[0], None, constant[form.index("c")])
        else:
            expect(operator == "Add" and form == "vv" and self.widths[moving[1]] == width, f"{operator} is not read")
            found = ("sum", *moving)
        if found[0] == "affine":
            expect(len(found[3]) == 1 and len(found[3][0]) == width, "a constant row does not fit")
            found = (*found[:3], Matrix.of(found[3]).T)
        self.place[result] = len(self.nodes)
        self.nodes.append(found)
        self.widths.append(width)
    def lifted(self, constant):
        """Matrices V, S, W of the neurons' inputs and outputs and of G in (1, z, s); no 1 if not `constant`."""
        size, at = constant + self.d + len(self.neurons), constant + self.d
        corner, maps, inputs = selector([0], size), [], []
        for node, width in zip(self.nodes, self.widths, strict=True):
            if node[0] == "input":
                maps.append(selector(range(constant, at), size))
            elif node[0] == "sum":
                maps.append(maps[node[1]] + maps[node[2]])
            elif node[0] == "affine":
                moved = maps[node[1]] if node[2] is None else node[2] @ maps[node[1]]
                maps.append(moved + node[3] @ corner if constant else moved)
            else:
                inputs.append(maps[node[1]])
                maps.append(selector(range(at, at + width), size))
                at += width
        den = math.lcm(*(part.den for part in inputs))
        stacked = Matrix([[den // part.den * x for x in row] for part in inputs for row in part.rows], den)
        return stacked, selector(range(constant + self.d, size), size), maps[self.output]
# sigma' has its values in [0, b], b its supremum; then the suprema of |sigma''| and |sigma'''|. With t = tanh:
# t'' = -2t(1-t^2), largest at t^2 = 1/3: 4/(3 sqrt 3); t''' = -2(1-t^2)(1-3t^2), largest at t = 0: 2. With p = sigmoid:
# p'' = p(1-p)(1-2p): sqrt(3)/18; p''' = p(1-p)(1-6p(1-p)), largest at p = 1/2: 1/8. softplus' = p.
ROOT_3_BY_18 = Fraction(96225044864937628, 10**18)
SLOPES = {"Tanh": Fraction(1), "Sigmoid": Fraction(1, 4), "Relu": Fraction(1), "Softplus": Fraction(1)}
CURVED = {"Tanh": (Fraction(769800358919501020, 10**18), Fraction(2)), "Sigmoid": (ROOT_3_BY_18, Fraction(1, 8)),
          "Softplus": (Fraction(1, 4), ROOT_3_BY_18), "Relu": (Fraction(0), Fraction(0))}
def stretch(network, record, name, sign):
    """sign (claim^2 E - W^T W) - sum T_k Q_k >= 0 in increments, Q_k the form (s - a v)(b v - s) with a = 0."""
    claim = rational(*keys(record["claims"], (name,), "claims"), name)
    need(claim >= 0, f"{name} is negative")
    inputs, outputs, image = network.lifted(0)
    multipliers = reals(record["multipliers"], len(network.neurons), "multipliers")
    need(min(multipliers) >= 0, "a multiplier is negative")
    gaps = inputs.times([SLOPES[neuron] for neuron in network.neurons]) - outputs
    half = outputs.T @ gaps.times([entry / 2 for entry in multipliers])
    square = diagonal([claim * claim] * network.d + [Fraction(0)] * len(multipliers)) - image.T @ image
    form = square.times([Fraction(sign)] * len(square.rows)) - half - half.T
    semidefinite(form, record["factor"], "the matrix inequality")
    return f"|G(z) - G(z')| {'<=' if sign > 0 else '>='} {claim} |z - z'| for all z, z'"
BITS = 200   # upper bounds of norms are integers over 2^BITS
def up(value):
    return -((-value.numerator << BITS) // value.denominator)
def times(first, second):
    return -((-first * second) >> BITS)
def norm(entries):
    return math.isqrt(sum(entry * entry for entry in entries)) + 1 if any(entries) else 0
def derivatives(network, record):
    """Bounds of the first three derivatives, node by node: of each entry (rows), and of the whole map (totals)."""
    claims, proofs, found = record["claims"], iter(record["norms"]), []
    known = {"M"} if "Relu" in network.neurons else {"M", "M2", "M3"}   # a Relu has no second derivative
    expect(isinstance(claims, dict) and claims and set(claims) <= known, f"claims must be among {', '.join(known)}")
    items(record["norms"], sum(node[0] == "affine" and node[2] is not None for node in network.nodes), "norms")
    for node, width in zip(network.nodes, network.widths, strict=True):
        before = [found[index] for index in node[1:3] if isinstance(index, int)]
        if node[0] == "input":
            rows, totals = [[1 << BITS] * width, [0] * width, [0] * width], [1 << BITS, 0, 0]
        elif node[0] == "sum":
            rows = [[x + y for x, y in zip(p, q, strict=True)] for p, q in zip(before[0][0], before[1][0], strict=True)]
            totals = [x + y for x, y in zip(before[0][1], before[1][1], strict=True)]
        elif node[0] == "affine":
            rows, totals = before[0] if node[2] is None else layer(node[2], next(proofs), *before[0])
        else:
            rows, totals = activated(node[0], *before[0])
        totals = [min(total, norm(row)) for total, row in zip(totals, rows, strict=True)]
        found.append(([[min(x, total) for x in row] for row, total in zip(rows, totals)], totals))
    for name, bound in zip(("M", "M2", "M3"), found[network.output][1], strict=True):
        need(name not in claims or up(rational(claims[name], name)) > bound, f"{name} is not confirmed")
    return ", ".join(f"{name} <= {text}" for name, text in claims.items())
def layer(weight, proof, rows, totals):
    text, factor = keys(proof, ("value", "factor"), "a norm")
    value = rational(text, "a norm")
    need(value >= 0, "a norm is negative")
    gram = weight.T @ weight if len(weight.rows) > len(weight.rows[0]) else weight @ weight.T   # the smaller one
    semidefinite(diagonal([value * value] * len(gram.rows)) - gram, factor, "a norm")
    sizes = [[up(Fraction(abs(x), weight.den)) for x in row] for row in weight.rows]
    bounds = [[min(sum(map(times, row, r)), times(norm(row), t)) for row in sizes] for r, t in zip(rows, totals)]
    return bounds, [times(up(value), t) for t in totals]
def activated(name, rows, totals):
    s1, s2, s3 = up(SLOPES[name]), *map(up, CURVED[name])
    (p1, p2, p3), (t1, t2, t3) = rows, totals
    bends, twists = [times(s2, p) for p in p1], [times(s3, times(p, p)) for p in p1]
    second = [times(b, p) + times(s1, q) for b, p, q in zip(bends, p1, p2, strict=True)]
    third = [times(a, p) + 3 * times(b, q) + times(s1, r) for a, b, p, q, r in zip(twists, bends, p1, p2, p3)]
    bent, twisted = times(max(bends), t1), times(max(twists), t1) + 3 * times(max(bends), t2)
    return [[times(s1, p) for p in p1], second, third], [times(s1, t1), bent + times(s1, t2), twisted + times(s1, t3)]
# Suprema of forms: intervals of integers over 2^P, rounded outward; half-lines beyond |v| = EDGE in fractions.
P, EDGE, CELLS, ONE, KNOWN_VALUES = 128, 32, 20000, 1 << 128, {}
def multiply(a, b):
    products = (a[0] * b[0], a[0] * b[1], a[1] * b[0], a[1] * b[1])
    return min(products) >> P, -(-max(products) >> P)
def add(*parts):
    return sum(part[0] for part in parts), sum(part[1] for part in parts)
def tanh(v):
    """(1 - e)/(1 + e) for v >= 0 and e = exp(-2v), decreasing in e; odd. 2v <= 64: the alternating series at
    x = 2v/2^20 <= 2^-14, each of its terms within 1, then 20 squarings."""
    if v not in KNOWN_VALUES:
        x, term, total = 2 * abs(v) >> 20, ONE, 0
        for order in range(1, 16):
            total += term if order % 2 else -term
            term = term * x // (order * ONE)
        ends = total - 64, total + 64
        for _ in range(20):
            ends = multiply(ends, ends)
        bottom, top = (((ONE - e) << P) // (ONE + e) for e in reversed(ends))
        KNOWN_VALUES[v] = (bottom, top + 1) if v >= 0 else (-top - 1, -bottom)
    return KNOWN_VALUES[v]
def form_at(c, v, s):
    """v (b_v + q_vv v + q_vs s) + s (b_s + q_ss s)."""
    return add(multiply(v, add(c[0], multiply(c[2], v), multiply(c[3], s))), multiply(s, add(c[1], multiply(c[4], s))))
def bend(c, v, s):
    """g'' = b_s s'' + 2 q_vv + q_vs (2 s' + v s'') + 2 q_ss (s'^2 + s s''), s' = 1 - s^2, s'' = -2 s s'."""
    first = ONE - multiply(s, s)[1], ONE - max(multiply(s, s)[0], 0)
    second = multiply(first, (-2 * s[1], -2 * s[0]))
    curve, mixed = add(multiply(first, first), multiply(s, second)), add(first, first, multiply(v, second))
    return add(multiply(c[1], second), c[2], c[2], multiply(c[3], mixed), multiply(c[4], add(curve, curve)))
def inside(c, payment):
    """Confirm g <= payment on |v| <= EDGE: on a cell g exceeds its chord by at most w^2/8 max(0, -inf g'')."""
    cells = [(-EDGE * ONE, 0), (0, EDGE * ONE)]
    for _ in range(CELLS):
        if not cells:
            return
        a, b = cells.pop()
        at_a, at_b = tanh(a), tanh(b)
        top = max(form_at(c, (a, a), at_a)[1], form_at(c, (b, b), at_b)[1])
        need(top <= payment, "a payment is below its form")
        sag = (b - a) ** 2 * max(0, -bend(c, (a, b), (at_a[0], at_b[1]))[0]) // (8 * ONE * ONE) + 1
        if top + sag > payment:
            cells += [(a, (a + b) // 2), ((a + b) // 2, b)]
    raise No("a payment is too close to its form")
def outside(c, payment, side, start, asymptote, ends):
    """Confirm g <= payment for side v >= start, where sigma = asymptote v + e with e between the ends."""
    b_v, b_s, q_vv, q_vs, q_ss = c
    curve = q_vv + asymptote * (q_vs + asymptote * q_ss)
    slope = max(side * (b_v + asymptote * b_s + (q_vs + 2 * asymptote * q_ss) * e) for e in ends)
    level = max(b_s * e for e in ends) + max(q_ss * e * e for e in ends)
    need(curve < 0 or (curve == 0 and slope <= 0), "a form has no upper bound")
    at = max(start, slope / (-2 * curve)) if curve else start
    need(level + at * (slope + curve * at) <= payment, "a payment is below its form far out")
def supremum(name, c, payment):
    """Confirm psi(v, sigma(v)) <= payment for every real v."""
    expect(name in ("Tanh", "Relu"), f"forms of {name} are not read")
    if name == "Tanh":
        inside([(math.floor(x * ONE), math.ceil(x * ONE)) for x in c], math.floor(payment * ONE))
    start, far = (EDGE, Fraction(tanh(EDGE * ONE)[0], ONE)) if name == "Tanh" else (0, 0)
    outside(c, payment, 1, start, 0 if far else 1, [far, 1] if far else [0])
    outside(c, payment, -1, start, 0, [-far, -1] if far else [0])
def potential(network, record):
    """P with x^T P x = |z|^2 + |W x - y|^2/beta^2, x = (1, z, s)."""
    image, beta = network.lifted(1)[2], real(record["beta"], "beta")
    need(beta > 0, "beta is not positive")
    y = reals(record["observation"], len(image.rows), "the observation")
    residual = image - Matrix.of([[entry] for entry in y]) @ selector([0], len(image.rows[0]))
    square = diagonal([Fraction(0)] + [Fraction(1)] * network.d + [Fraction(0)] * len(network.neurons))
    return square + residual.T @ residual.times([1 / beta**2] * len(y))
def neuron_forms(network, record):
    """Psi with x^T Psi x/2 = sum psi_k, and what is still to be confirmed: name, form and payment of each neuron."""
    inputs, outputs, _ = network.lifted(1)
    count, size = len(network.neurons), len(inputs.rows[0])
    forms = [reals(row, 5, "a form") for row in items(record["forms"], count, "forms")]
    payments = [rational(entry, "a payment") for entry in items(record["payments"], count, "payments")]
    b_v, b_s, q_vv, q_vs, q_ss = zip(*forms, strict=True)
    ones = Matrix([[1]] * count, 1) @ selector([0], size)
    half = inputs.T @ (ones.times(b_v) + inputs.times(q_vv) + outputs.times(q_vs))
    half += outputs.T @ (ones.times(b_s) + outputs.times(q_ss))
    return half + half.T, list(zip(network.neurons, forms, payments, strict=True))
def triangle(value, size, what):   # a lower triangular matrix
    rows = items(value, size, what)
    return [reals(row, i + 1, f"a row of {what}") + [Fraction(0)] * (size - i - 1) for i, row in enumerate(rows)]
def envelope(network, record):
    """P + Psi - T + 2 (offset - sum payments) e e^T >= 0 in x."""
    offset, d = rational(*keys(record["claims"], ("offset",), "claims"), "offset"), network.d
    mean, root = reals(record["mean"], d, "the mean"), triangle(record["root"], d, "the root")
    need(all(root[i][i] for i in range(d)), "the root is singular")
    form, neurons = neuron_forms(network, record)
    for neuron in neurons: supremum(*neuron)
    corner = selector([0], len(form.rows))
    gap = selector(range(1, 1 + d), len(form.rows)) - Matrix.of([[entry] for entry in mean]) @ corner
    gap, paid = Matrix.of(root).T @ gap, sum(payment for _, _, payment in neurons)
    rest = corner.T @ corner.times([2 * (offset - paid)])
    semidefinite(potential(network, record) + form - gap.T @ gap + rest, record["factor"], "the envelope")
    return f"exp(-f) <= C N(mu, (L L^T)^-1) everywhere, log C = {offset} + (d/2) log 2 pi - log |det L|"
KINDS = {
    "lipschitz": (lambda network, record: stretch(network, record, "M", 1), ("multipliers", "factor")),
    "inverse-lipschitz": (lambda network, record: stretch(network, record, "m", -1), ("multipliers", "factor")),
    "derivatives": (derivatives, ("norms",)),
    "envelope": (envelope, ("observation", "beta", "mean", "root", "forms", "payments", "factor")),
}
def check(text, network):
    """What the certificate proves about the network's file, on one line; an exception where it proves nothing."""
    record = json.loads(text, object_pairs_hook=unique)
    kind = record.get("kind") if isinstance(record, dict) else None
    prove, parts = KINDS[kind] if isinstance(kind, str) and kind in KINDS else (None, ())
    keys(record, ("format", "kind", "claims", "network", *parts), "the certificate")
    name, digest = keys(record["network"], ("name", "sha256"), "network")
    expect(prove and record["format"] == "portable-1" and isinstance(name, str), "the format or kind is not known")
    need(digest == hashlib.sha256(network).hexdigest(), "the certificate is about another file")
    return prove(Network(network), record)
def main(arguments):
    try:
        text, network = [Path(path).read_bytes() for path in arguments]
        print("yes:", check(text, network))
        return 0
    except No as reason:
        print("no:", reason)
        return 1
    except Exception as reason:   # whatever happens while reading is no yes
        print("cannot be read:", str(reason)[:200] or type(reason).__name__, file=sys.stderr)
        return 2
if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
