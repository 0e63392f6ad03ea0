# fmt: off
"""Checks a portable certificate about boxes: python check_boxes.py CERT.json NETWORK.onnx.

Integers and fractions only; as docs/certificates.md says. What reads certificates and networks is from check.py,
word for word. Exit codes: 0 yes, proved; 1 no, not confirmed; 2 unreadable, or outside what is known here.
"""
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
    """An exact matrix: rows of integers over one denominator."""
    def __init__(self, rows, den):
        self.rows, self.den = rows, den
    @staticmethod
    def of(rows):
        den = math.lcm(*(entry.denominator for row in rows for entry in row))
        return Matrix([[entry.numerator * (den // entry.denominator) for entry in row] for row in rows], den)
    @property
    def T(self):
        return Matrix([list(column) for column in zip(*self.rows, strict=True)], self.den)

# The network's file: protocol buffers on the wire. A field that occurs twice where one is meant is refused.
def varint(data, at):
    value = shift = 0
    while at < len(data) and shift < 70:
        value |= (data[at] & 127) << shift
        at, shift = at + 1, shift + 7
        if data[at - 1] < 128:
            return value, at
    raise Unreadable("the network's file is cut off")
def message(data):
    """Field -> list of values: integers, bytes, or (bytes,) for what has a fixed width."""
    found, at = {}, 0
    while at < len(data):
        tag, at = varint(data, at)
        expect(tag & 7 in (0, 1, 2, 5), "the network's file is not ONNX")
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
        known = all(name_of(entry, 1) in ("", "ai.onnx") and only(entry, 2) >= 7 for entry in sets)
        expect(sets and known and not {20, 25} & set(model), "another set of operators, or one older than 7")
        graph = inner(model, 7)
        constants = [tensor(entry) for entry in graph.get(5, [])]
        self.constants = dict(constants)
        expect(len(self.constants) == len(constants) and 15 not in graph, "two constants of one name, or sparse ones")
        inputs = [entry for entry in map(message, graph.get(11, [])) if name_of(entry, 1) not in self.constants]
        expect(len(inputs) == len(graph.get(12, [])) == 1, "the network must have one input and one output")
        shape = inner(inputs[0], 2, 1, 2).get(1, [])
        self.d = only(message(shape[-1]), 1) if len(shape) == 2 else 0
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
        attributes = {name_of(value, 1): value.get(2, value.get(3)) for value in given}
        expect(len(attributes) == len(given) and name_of(node, 7) in ("", "ai.onnx") and result not in self.place
               and result not in self.constants and all([result, *names]), f"{operator} or a name of it is not read")
        known, constant = [self.place.get(name) for name in names], [self.constants.get(name) for name in names]
        expect(all((a is None) != (b is None) for a, b in zip(known, constant, strict=True)), "an input is not known")
        moving = [index for index in known if index is not None]
        form = "".join("c" if index is None else "v" for index in known)
        width, turned = self.widths[moving[0]], attributes.pop("transB", [0])
        plain = {"alpha": [(b"\0\0\x80?",)], "beta": [(b"\0\0\x80?",)], "transA": [0]}   # 1, 1, 0
        expect(turned in ([0], [1]) and all(plain.get(name) == value for name, value in attributes.items())
               and (operator == "Gemm" or not given), f"an attribute of {operator} is not read")
        if operator in SLOPES and form == "v":
            found = (operator, moving[0])
        elif (operator, form) in (("Gemm", "vc"), ("Gemm", "vcc"), ("MatMul", "vc")):
            weight = Matrix.of(constant[1]) if turned == [1] else Matrix.of(constant[1]).T
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
SLOPES = {"Tanh", "Relu"}
# Intervals of integers over 2^P, rounded outward.
P, EDGE, ONE, KNOWN_VALUES, DEEPEST = 128, 32, 1 << 128, {}, 12
def multiply(a, b):
    products = (a[0] * b[0], a[0] * b[1], a[1] * b[0], a[1] * b[1])
    return min(products) >> P, -(-max(products) >> P)
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
def log(value):
    """Enclosure of log(value): y + d - d^2 <= log(value) <= y + d for y near it and d = value exp(-y) - 1."""
    y = math.floor((math.log(value.numerator) - math.log(value.denominator)) * 2**48) << P - 48
    low, high = (Fraction(end, ONE) * value - 1 for end in exp(-y))
    need(max(-low, high) < Fraction(1, 2), "a logarithm is out of range")
    return Fraction(y, ONE) + low - low * low, Fraction(y, ONE) + high
LOG_TWO_PI = log(Fraction(314159265358979323847, 5 * 10**19))[1]   # from above
def image(row, entries, den, shift):
    low = sum(w * (a if w > 0 else b) for w, (a, b) in zip(row, entries))
    high = sum(w * (b if w > 0 else a) for w, (a, b) in zip(row, entries))
    return low // den + math.floor(shift), -(-high // den) + math.ceil(shift)
class Box:
    """All nodes over the box |u_j| <= R_j, u = z - c: each entry is in slope . u + [low, high], and in `ranges`."""
    def __init__(self, network, centre, half):
        self.network, self.slopes, self.rests, self.ranges, self.lines = network, [], [], [], {}
        d, unit = network.d, sum(half) // ONE + 2   # at most what one unit in each entry of a slope adds over the box
        for index, (node, width) in enumerate(zip(network.nodes, map(range, network.widths))):
            before = [(self.slopes[i], self.rests[i], self.ranges[i]) for i in node[1:3] if isinstance(i, int)]
            if node[0] == "input":
                slopes, rests = [[ONE * (i == j) for i in range(d)] for j in range(d)], [(x, x) for x in centre]
                ranges = [(x - r, x + r) for x, r in zip(centre, half)]
            elif node[0] == "sum":
                slopes, rests, ranges = ([list(map(sum, zip(x, y))) for x, y in zip(*pair)] for pair in zip(*before))
            elif node[0] == "affine":
                slopes, rests, ranges = before[0]
                weight = node[2] or Matrix([[int(i == j) for j in width] for i in width], 1)
                shifts = [Fraction(row[0] * ONE, node[3].den) for row in node[3].rows]
                slopes = [[sum(map(mul, row, column)) // weight.den for column in zip(*slopes)] for row in weight.rows]
                rests = [image(row, rests, weight.den, x) for row, x in zip(weight.rows, shifts)]
                rests = [(low - unit, high + unit) for low, high in rests]
                ranges = [image(row, ranges, weight.den, x) for row, x in zip(weight.rows, shifts)]
            else:
                self.lines[index] = [line(node[0], *entry) for entry in before[0][2]]
                rests, ranges = [], [entry[3] for entry in self.lines[index]]
                for ends, (slope, bottom, top, _) in zip(before[0][1], self.lines[index]):
                    low, high = multiply((slope, slope), ends)
                    rests.append((low + bottom - unit, high + top + unit))
                slopes = [[entry[0] * x >> P for x in a] for a, entry in zip(before[0][0], self.lines[index])]
            self.slopes.append(slopes)
            self.rests.append(rests)
            spread = [sum(abs(x) * r for x, r in zip(a, half)) // ONE + 1 for a in slopes]
            self.ranges.append([(max(a, low - s), min(b, high + s))
                                for (a, b), (low, high), s in zip(ranges, rests, spread)])
    def below(self, weights):
        """A and rest, in units of 2^-P and 2^-2P: sum weights_i G_i(z) >= A . z + rest on the box; backwards."""
        nodes, rows, rest = self.network.nodes, [[0] * width for width in self.network.widths], 0
        rows[self.network.output] = weights
        for index in range(len(nodes) - 1, 0, -1):
            node, row, moved = nodes[index], rows[index], rows[index]
            if node[0] == "affine":
                rest += sum(map(mul, row, (entry[0] for entry in node[3].rows))) * ONE // node[3].den
                if node[2] is not None:
                    moved = [sum(map(mul, row, column)) // node[2].den for column in zip(*node[2].rows)]
            elif node[0] != "sum":
                moved = []
                for x, (slope, bottom, top, _), (low, high) in zip(row, self.lines[index], self.ranges[node[1]]):
                    if x >= 0 and node[0] == "Relu" and low < 0 < high:
                        slope, bottom = ONE if high > -low else 0, 0   # either branch lies below the kink
                    rest += x * (bottom if x >= 0 else top)
                    moved.append(x * slope >> P)
            rest -= sum(max(-low, high, 0) for low, high in self.ranges[node[1]])   # a unit in each entry of `moved`
            for source in node[1:3] if node[0] == "sum" else node[1:2]:
                rows[source] = list(map(sum, zip(rows[source], moved)))
        return rows[0], rest
    def outputs(self, y):
        """Middles m, half-widths E, slopes: |G - y - m - slope . u| <= E."""
        at, shifts = self.network.output, [math.floor(x * ONE) for x in y]
        return [((low + high - 1) // 2 - x, (high - low) // 2 + 2, slope)
                for slope, (low, high), x in zip(self.slopes[at], self.rests[at], shifts)]
def line(name, low, high):
    """slope, bottom, top, range: sigma(t) - slope t lies in [bottom, top], sigma(t) in range, for low <= t <= high."""
    if name == "Relu":
        slope = ONE if low >= 0 else max(high, 0) * ONE // (high - low) if high > 0 else 0
        return slope, 0, max(0, -slope * low, (ONE - slope) * high) // ONE + 1, (max(low, 0), max(high, 0))
    first, centre, last = (tanh(max(-EDGE * ONE, min(EDGE * ONE, t))) for t in (low, (low + high) // 2, high))
    first, last = -ONE if low < -EDGE * ONE else first[0], ONE if high > EDGE * ONE else last[1]
    middle = max(-EDGE * ONE, min(EDGE * ONE, (low + high) // 2))
    reach, slope = max(high - middle, middle - low), max(0, ONE - (centre[1] * centre[1] >> P))
    largest, smallest = max(-first, last), 0 if first < 0 < last else min(abs(first), abs(last))
    bends = multiply((-2 * last, -2 * first), (ONE + (-largest * largest >> P), ONE - (smallest * smallest >> P)))
    off = (2 * (centre[1] - centre[0]) + 8) * reach // ONE + 2   # the slope is not quite sigma'(middle)
    base = multiply((-slope, -slope), (middle, middle))   # sigma'' = -2 s (1 - s^2), times (t - middle)^2/2
    bottom = centre[0] + base[0] + reach * reach * min(bends[0], 0) // (2 * ONE * ONE) - off
    top = centre[1] + base[1] + reach * reach * max(bends[1], 0) // (2 * ONE * ONE) + off
    return (slope, bottom, top, (first, last)) if top - bottom < last - first else (0, first, last, (first, last))
def least(curvature, linear):
    """Below v'Qv/2 + b.v on [-1, 1]^d: axis by axis, and the mixed terms at their worst."""
    total = Fraction(0)
    for j, (row, slope) in enumerate(zip(curvature, map(abs, linear))):
        total -= slope * slope / (2 * row[j]) if row[j] > slope else slope - row[j] / 2
        total -= sum(map(abs, row[:j]))
    return total
class Question:
    """f, and rho in parts: the log of weight and largest value from below, mean, L L^T."""
    def __init__(self, network, record):
        d, self.network, self.beta, self.parts = network.d, network, real(record["beta"], "beta"), []
        self.y = reals(record["observation"], network.widths[network.output], "the observation")
        weights, means, roots = keys(record["proposal"], ("weights", "means", "roots"), "the proposal")
        expect(isinstance(weights, list) and 0 < len(weights) <= 1000 and d <= 4, "too many components or latents")
        weights = reals(weights, len(weights), "a weight")
        need(self.beta > 0 and min(weights) > 0, "beta or a weight is not positive")
        for weight, mean, root in zip(weights, means, roots, strict=True):
            rows = [reals(row, i + 1, "a row of a root") for i, row in enumerate(items(root, d, "a root"))]
            need(all(row[-1] > 0 for row in rows), "a root is not positive on its diagonal")
            peak = log(weight / sum(weights))[0] + sum(log(row[-1])[0] for row in rows) - d * LOG_TWO_PI / 2
            S = [[sum(map(mul, x, y)) for y in rows] for x in rows]   # a row ends where the shorter one does
            self.parts.append((peak, reals(mean, d, "a mean"), S))
    def mixture(self, c):
        """level, gradient, S: log rho(c + u) >= level + gradient . u - u'Su/2; by Jensen, with any shares p_j > 0 of
        sum 1, log rho >= sum_j p_j (log of component j - log p_j)."""
        axes, found = range(len(c)), []
        for peak, mean, S in self.parts:
            gap = [x - y for x, y in zip(mean, c)]
            pull = [sum(map(mul, row, gap)) for row in S]
            found.append((peak - sum(map(mul, pull, gap)) / 2, pull, S))
        top = float(max(value for value, _, _ in found))
        shares = [round(math.exp(max(-700.0, float(value) - top)) * 2**30) for value, _, _ in found]
        used = [(Fraction(share, sum(shares)), *part) for share, part in zip(shares, found) if share]
        return (sum(p * (value - log(p)[1]) for p, value, _, _ in used), [sum(p * pull[j] for p, _, pull, _ in used)
                for j in axes], [[sum(p * S[i][j] for p, _, _, S in used) for j in axes] for i in axes])
    def lower(self, centre, half):
        """Below f + log rho on the box, and what it bends along each axis."""
        axes, box, b2 = range(len(centre)), Box(self.network, centre, half), self.beta**2
        c, R, outputs = [Fraction(x, ONE) for x in centre], [Fraction(x, ONE) for x in half], box.outputs(self.y)
        A, rest = box.below([m for m, _, _ in outputs])   # |l|^2/2 = m.l - |m|^2/2 + |l - m|^2/2 for l = G - y
        gram, level = [[0] * len(axes) for _ in axes], Fraction(rest, ONE * ONE)
        for (m, E, a), x in zip(outputs, self.y):
            level -= Fraction(m * m, 2 * ONE * ONE) + x * Fraction(m, ONE)
            plane = sum(abs(s) * r for s, r in zip(a, half)) // ONE
            if E < plane:   # (v + e)^2 >= (1 - t) v^2 - (1/t - 1) E^2 for |e| <= E and t in (0, 1)
                t = E * 2**16 // (plane + E) + 1
                level -= Fraction(E * E, 2 * ONE * ONE) * Fraction(2**16 - t, t)
                gram = [[g + (2**16 - t) * a[i] * a[j] for j, g in enumerate(row)] for i, row in enumerate(gram)]
        bent = [[Fraction(g, ONE * ONE << 16) / b2 + (i == j) for j, g in enumerate(row)] for i, row in enumerate(gram)]
        top, gradient, S = self.mixture(c)
        slopes = [Fraction(a, ONE) / b2 for a in A]
        level = top + level / b2 + sum(x * (x / 2 + s) for x, s in zip(c, slopes))
        level += least([[R[i] * R[j] * (bent[i][j] - S[i][j]) for j in axes] for i in axes],
                       [r * (x + s + g) for r, x, s, g in zip(R, c, slopes, gradient)])
        return level, [R[j] * R[j] * bent[j][j] for j in axes]
    def mass(self, centre, half):
        """Below int exp(-f) over the box: its volume times exp(-mean of f), by Jensen."""
        box, R = Box(self.network, centre, half), [Fraction(x, ONE) for x in half]
        outputs = box.outputs(self.y)
        A, rest = box.below([-m for m, _, _ in outputs])
        mean = -Fraction(rest + sum(map(mul, A, centre)), ONE * ONE)
        for (m, E, a), x in zip(outputs, self.y):
            spread = math.isqrt(sum((s * r) ** 2 for s, r in zip(a, half)) // (3 * ONE * ONE)) + 2
            mean += Fraction((spread + E) ** 2 - m * m, 2 * ONE * ONE) - x * Fraction(m, ONE)
        mean = mean / self.beta**2 + sum(Fraction(x, ONE) ** 2 + r * r / 3 for x, r in zip(centre, R)) / 2
        return math.prod(2 * r for r in R) * Fraction(exp(math.floor(-mean * ONE))[0], ONE) if mean < 4000 else 0
def leaves(tree, low, high):
    """The boxes of a bisection, as centre and corners: a digit cuts along that axis, the lower half comes first."""
    expect(isinstance(tree, str) and re.fullmatch("[0-3.]+", tree), "a tree must be text of axes and dots")
    waiting = [(low, high)]
    for letter in tree:
        need(waiting, "a tree goes on after its end")
        low, high = waiting.pop()
        if letter == ".":
            yield [(a + b) >> 1 for a, b in zip(low, high)], low, high
        else:
            middle = [(low[axis := int(letter)] + high[axis]) >> 1]
            waiting += [(low[:axis] + middle + low[axis + 1:], high), (low, high[:axis] + middle + high[axis + 1:])]
    need(not waiting, "a tree is cut off")
def confirm(question, centre, low, high, bound, deepest):
    """f + log rho >= bound on the box, which is cut further where that is not seen at once."""
    found, bent = question.lower(centre, [max(b - c, c - a) for a, b, c in zip(low, high, centre)])
    if found < bound:
        need(deepest, "f + log rho is not confirmed to be so large on a box")
        for half in leaves(f"{bent.index(max(bent))}..", low, high):
            confirm(question, *half, bound, deepest - 1)
def boxes(network, record):
    """(R1) on all of R^d, the acceptance p and (R2)."""
    log_C, p, K, claim = keys(record["claims"], ("log_constant", "acceptance", "proposals", "tv_bound"), "claims")
    log_C, p, claim, reach = (rational(x, "a number") for x in (log_C, p, claim, record["reach"]))
    question, d, K = Question(network, record), network.d, integer(K, "proposals", 100000)
    peak, mean, S = question.parts[0]
    need(not any(mean) and all(S[i][j] == S[0][0] * (i == j) for i in range(d) for j in range(d)) and S[0][0] < 1
         and reach > 0 and reach * reach * (1 - S[0][0]) / 2 >= -log_C - peak,
         "the first component is not N(0, s^2 I) with s > 1, or not alone above exp(-f)/C beyond the reach")
    for centre, low, high in leaves(record["cover"], [-math.ceil(reach * ONE)] * d, [math.ceil(reach * ONE)] * d):
        confirm(question, centre, low, high, -log_C, DEEPEST)
    low, high, tree = keys(record["mass"], ("low", "high", "tree"), "mass")
    low, high = ([math.floor(x * ONE) for x in reals(end, d, "a corner")] for end in (low, high))
    need(all(a < b for a, b in zip(low, high)), "the mass is over nothing")
    mass = sum(question.mass(centre, [min(b - c, c - a) for a, b, c in zip(low, high, centre)])
               for centre, low, high in leaves(tree, low, high))
    need(0 < p <= 1 and mass >= p * Fraction(exp(math.ceil(log_C * ONE))[1], ONE), "the acceptance is not confirmed")
    need(K > 0 and claim >= (1 - p) ** K, "the bound of (R2) is not confirmed")
    return f"exp(-f) <= C rho, acceptance >= {p}: TV(law of {K} proposals, pi_x) <= {claim}"
KINDS = {"boxes": (boxes, ("observation", "beta", "proposal", "reach", "cover", "mass"))}
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
