"""Checks a portable certificate of Theorem R by two quadratic forms: python check_rejection.py CERT.json NETWORK.onnx.

Integers and fractions only; as docs/certificates.md says. What reads certificates and networks and the envelope are
from check.py, word for word. Exit codes: 0 yes, proved; 1 no, not confirmed; 2 unreadable, or outside what is known.
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
SLOPES = {"Tanh", "Relu"}
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
def exp(v):
    """Enclosure of exp(v/2^P) for an integer |v| <= 2^12 ONE: the series at v/2^32, then 32 squarings."""
    need(abs(v) <= ONE << 12, "an exponential is out of range")
    x, term, total = (v >> 32, -(-v >> 32)), (ONE, ONE), (ONE - 1, ONE + 1)   # what is left out is below 2^-240
    for order in range(1, 12):
        term = tuple(end // order + side for side, end in enumerate(multiply(term, x)))
        total = total[0] + term[0], total[1] + term[1]
    for _ in range(32):
        total = multiply(total, total)
    return total
# Means under Gaussian laws by the trapezoidal rule: for F analytic in |Im x| < c, with int |F(x + ib)| dx <= M on every
# line there, |h sum_j F(jh) - int F| <= 2 M/(exp(2 pi c/h) - 1).
REACH, WIDEST, NORMAL, ROOT = 12, 36, {}, 39894228040143267793   # 1/sqrt(2 pi) is in [ROOT, ROOT + 1]/10^20
def normal(x):
    """Enclosure of the normal density."""
    if x not in NORMAL:
        exponent = math.floor(-x * x / 2 * ONE)
        NORMAL[x] = multiply((exp(exponent)[0], exp(exponent + 1)[1]),
                             (ROOT * ONE // 10**20, (ROOT + 1) * ONE // 10**20 + 1))
    return NORMAL[x]
def expectation(form, middle, variance, payment):
    """Confirm E psi(v, tanh v) <= payment for v = middle + s x, s^2 = variance and x ~ N(0, 1).

    With h = 2^-k <= 1/4 and c = 8 h, s c <= 3/4 < pi/4: in the strip |tanh| <= 1, so |psi| <= size (1 + |v|^2), and the
    density is below exp(2) times that of the real part. exp(16 pi) > 2^72. Beyond REACH a term is below
    size (1 + 2 middle^2 + 2 s^2) (1 + x^2) exp(-x^2/2) <= .. exp(-5 |x|), less than 2^-80 in all."""
    k, size = 2, sum(map(abs, form))
    while 64 * variance * 16 > 9 * 4**k:
        k += 1
    c, total = [(math.floor(x * ONE), math.ceil(x * ONE)) for x in form], 0
    s, start = math.isqrt(variance.numerator * ONE * ONE // variance.denominator), math.floor(middle * ONE)
    for place in range(-REACH << k, (REACH << k) + 1):
        low = start + (place * s >> k) - 16   # s and `start` are within a unit, x within 12
        high, inner = low + 32, tanh(max(-EDGE * ONE, min(EDGE * ONE, low)))
        ends = -ONE if low < -EDGE * ONE else inner[0], ONE if high > EDGE * ONE else inner[1] + 32   # |tanh'| <= 1
        total += multiply(form_at(c, (low, high), ends), normal(Fraction(place, 1 << k)))[1]
    lost = size * (2 + middle * middle + variance) / 2**67
    need(Fraction(total, ONE << k) + lost <= payment, "a payment is below its mean")
def rejection(network, record):
    """exp(-f) <= C rho by `envelope`; int exp(-f) >= exp(entropy - E f) for z = m + B y, y ~ N(0, I), by Jensen, where
    f <= u^T Q u/2 + sum psi_k, u = (1, z), for other forms psi_k; p and (R2)."""
    claims = keys(record["claims"], ("offset", "acceptance", "proposals", "tv_bound"), "claims")
    offset, p, claim = (rational(claims[place], "a claim") for place in (0, 1, 3))
    K, d, above = integer(claims[2], "proposals", 100000), network.d, record["above"]
    keys(above, ("mean", "spread", "form", "forms", "payments", "factor"), "above")
    envelope(network, {**record, "claims": {"offset": claims[0]}})
    m, B = reals(above["mean"], d, "the mean"), triangle(above["spread"], d, "the spread")
    law = Matrix.of([[Fraction(1)] + [Fraction(0)] * d] + [[x, *row] for x, row in zip(m, B)])   # u = law (1, y)
    Q = Matrix.of(triangle(above["form"], d + 1, "the form"))
    inputs, (form, neurons) = network.lifted(1)[0], neuron_forms(network, above)
    size, cost = len(form.rows), -d
    own = selector(range(1 + d), size)
    half = own.T @ Q @ own
    semidefinite(half + half.T + form - potential(network, record), above["factor"], "the form above f")
    for row, (name, psi, payment) in zip(inputs.rows, neurons, strict=True):
        middle, *slopes = [Fraction(x, inputs.den * law.den) for x in (Matrix([row[: 1 + d]], 1) @ law).rows[0]]
        variance = sum(x * x for x in slopes)
        if name == "Tanh" and not any(row[1 + d :]) and variance <= WIDEST:   # v_k is Gaussian: a mean is enough
            expectation(psi, middle, variance, payment)
        else:
            supremum(name, psi, payment)
        cost += 2 * payment
    moved = law.T @ (Q + Q.T) @ law
    cost += 2 * offset + sum(Fraction(row[i], moved.den) for i, row in enumerate(moved.rows))
    L = triangle(record["root"], d, "the root")
    Z = abs(math.prod(B[i][i] * L[i][i] for i in range(d))) * Fraction(exp(math.floor(-cost / 2 * ONE))[0], ONE)
    need(0 < p <= min(1, Z), "the acceptance is not confirmed")   # Z <= int exp(-f)/C
    need(K > 0 and claim >= (1 - p) ** K, "the bound of (R2) is not confirmed")
    return f"exp(-f) <= C rho, acceptance >= {p}: TV(law of {K} proposal{'s' if K > 1 else ''}, pi_x) <= {claim}"
KINDS = {"rejection": (rejection, ("observation", "beta", "mean", "root", "forms", "payments", "factor", "above"))}
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
