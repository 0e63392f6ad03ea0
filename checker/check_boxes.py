# fmt: off
"""Checks a portable certificate about boxes: python check_boxes.py CERT.json NETWORK.onnx.

Integers and fractions prove; floats choose multipliers, each choice sound; as docs/certificates.md says. What reads
certificates and networks is from check.py, word for word. Exit codes: 0 yes, proved; 1 no; 2 unreadable or not known.
"""
import hashlib
import json
import math
import re
import struct
import sys
from fractions import Fraction
from operator import add, mul
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
SLOPES = {"Tanh", "Relu"}
# Integers over 2^P, enclosures as pairs.
P, EDGE, ONE, KNOWN_VALUES, SHARES = 128, 32, 1 << 128, {}, 1 << 20
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
    """Enclosure of log(value), a rational > 0: y + d - d^2 <= log(value) <= y + d with d = value exp(-y) - 1 small."""
    y = Fraction(math.log(value.numerator) - math.log(value.denominator))
    low, high = (value * Fraction(end, ONE) - 1 for end in (exp(math.floor(-y * ONE))[0], exp(math.ceil(-y * ONE))[1]))
    need(max(-low, high) < Fraction(1, 2), "a logarithm is out of range")
    return y + low - low * low, y + high
LOG_TWO_PI = log(Fraction(6283185307179586476926, 10**21))[1]   # from above
def line(name, low, high):
    """(slope, bottom, top) with bottom <= sigma(v) - slope v <= top for low <= v <= high, 0 <= slope <= 1."""
    if name == "Relu":   # the chord; what is left is convex and 0 at the kink
        slope = ONE * (low >= 0) if low >= 0 or high <= 0 else high * ONE // (high - low)
        return slope, 0, max(-slope * min(low, 0), (ONE - slope) * max(high, 0)) // ONE + (low < 0 < high)
    # Odd, and concave for v >= 0: tanh v - slope v is below its tangent at theta there, and ascends to the end where
    # tanh' is no less than the slope; convex for v <= 0, so largest at an end.
    ends = [(v, tanh(max(-EDGE * ONE, min(EDGE * ONE, v)))) for v in (low, high)]
    a, b = ((-ONE if v < -EDGE * ONE else t[0], ONE if v > EDGE * ONE else t[1]) for v, t in ends)
    chord = (b[0] - a[0]) / (high - low) if high - low > ONE >> 30 else 1 - (b[0] / ONE) ** 2
    theta = math.floor(Fraction(math.atanh(math.sqrt(min(1 - 1e-12, max(0.0, 1 - chord))))) * ONE)
    t = tanh(theta)
    slope, unsure = ONE - (t[1] * t[1] >> P) - 1, (t[1] * t[1] - t[0] * t[0] >> P) + 2   # tanh'(theta) is in between
    tangent = t[1] - (slope * theta >> P) + (unsure * max(theta, abs(low), abs(high)) >> P) + 1
    def greatest(start, end, first, last):
        largest = max(first - (slope * start >> P), last - (slope * end >> P))
        return max(largest, tangent) if end > 0 and ONE - (last * last >> P) - 1 < slope else largest
    bottom, top = -greatest(-high, -low, -b[0], -a[0]), greatest(low, high, a[1], b[1])   # at a jump: nearly the range
    return (slope, bottom, top) if 4 * (top - bottom) < 3 * (b[1] - a[0]) else (0, a[0], b[1])
def moved(rows, entries, den):
    return [sum(map(mul, row, entries)) // den for row in rows]
def both(first, second):
    return list(map(add, first, second))
class Box:
    """The network on |u_j| <= R_j, u = z - c. Entry i of a node is columns_i . (u, 1) within radius_i + fuzz."""
    def __init__(self, plan, centre, half):
        self.plan, self.centre, self.half, self.nodes, self.reach = plan, centre, half, [], sum(half) // ONE + 2
        KNOWN_VALUES.clear()
        for kind, *parts in plan:
            columns, radius, fuzz, *lines = getattr(self, kind)(*parts)
            spread = [sum(map(mul, half, map(abs, row))) // ONE + 1 for row in zip(*columns[:-1])]
            size = (sum(map(abs, columns[-1])) + sum(radius) + sum(spread) + fuzz * len(radius)) // ONE + 1
            self.nodes.append((columns, radius, fuzz, spread, size, *lines))
    def input(self):
        places = range(len(self.half))
        return [*([ONE * (i == j) for i in places] for j in places), self.centre], [0] * len(places), 0
    def sum(self, i, j):
        (columns, radius, fuzz, *_), (others, other, more, *_) = self.nodes[i], self.nodes[j]
        return list(map(both, columns, others)), both(radius, other), fuzz + more
    def affine(self, source, weight, bias):
        columns, radius, fuzz, *_ = self.nodes[source]
        if weight is not None:
            rows, sizes, norm, _, den = weight
            columns, fuzz = [moved(rows, column, den) for column in columns], norm * fuzz // den + 1 + self.reach
            radius = [entry + 1 for entry in moved(sizes, radius, den)] if any(radius) else [0] * len(rows)
        return [*columns[:-1], both(columns[-1], bias)], radius, fuzz + 1
    def active(self, source, name):
        columns, radius, fuzz, spread, *_ = self.nodes[source]
        lines = [line(name, m - r - s - fuzz, m + r + s + fuzz) for m, r, s in zip(columns[-1], radius, spread)]
        radius = [-(-slope * r >> P) + (top - bottom + 1 >> 1) for (slope, bottom, top), r in zip(lines, radius)]
        columns = [[slope * x >> P for (slope, _, _), x in zip(lines, column)] for column in columns]
        columns[-1] = [x + (bottom + top >> 1) for x, (_, bottom, top) in zip(columns[-1], lines)]
        return columns, radius, fuzz + 1 + self.reach, lines
    def below(self, index, weights):
        """(constant, slopes): weights . node >= constant + slopes . u, in one pass back to the input. Products are
        rounded down: a weight that is wrong by a unit costs at most the size of what it weighs."""
        at, total = {index: weights}, 0   # total over 2^2P
        for place in range(index, 0, -1):
            q, (kind, source, *parts) = at.pop(place, None), self.plan[place]
            if q is None:
                continue
            if kind == "affine":
                total += sum(map(mul, q, parts[1])) - sum(map(abs, q))   # a bias is rounded down
                q = moved(parts[0][3], q, parts[0][4]) if parts[0] else q
            elif kind == "active":
                total += sum(x * (bottom if x > 0 else top) for x, (_, bottom, top) in zip(q, self.nodes[place][5]))
                q = [x * (slope if x <= 0 or parts[0] != "Relu" else ONE * (2 * slope > ONE)) >> P   # a branch is below
                     for x, (slope, _, _) in zip(q, self.nodes[place][5])]
            total -= self.nodes[source][4] * ONE
            for before in (source, *parts) if kind == "sum" else (source,):
                at[before] = both(at[before], q) if before in at else q
        return total + sum(map(mul, at[0], self.centre)) >> P, at[0]
def least(form, linear, R):
    """Below u^T form u/2 + linear . u on |u_j| <= R_j, axis by axis, the mixed terms at their worst; rationals."""
    total = Fraction(0)
    for j, (row, g, r) in enumerate(zip(form, map(abs, linear), R)):
        total -= g * g / (2 * row[j]) if row[j] * r > g else g * r - row[j] * r * r / 2
        total -= r * sum(map(mul, map(abs, row[:j]), R))
    return total
class Question:
    """f = |z|^2/2 + |G(z) - y|^2/(2 beta^2), and rho in parts: the log of the largest value, mean, L L^T."""
    def __init__(self, network, record):
        self.d, self.output, beta = network.d, network.output, real(record["beta"], "beta")
        self.y = [math.floor(x * ONE) for x in reals(record["observation"], network.widths[self.output], "y")]
        weights, means, roots = keys(record["proposal"], ("weights", "means", "roots"), "the proposal")
        weights = reals(weights, len(weights), "a weight")
        need(beta > 0 and min(weights) > 0, "beta or a weight is not positive")
        self.scale, self.plan, self.parts = 1 / (2 * beta**2 * ONE), [planned(*node) for node in network.nodes], []
        means, roots = (items(entries, len(weights), "means and roots") for entries in (means, roots))
        for weight, mean, root in zip(weights, means, roots):
            L = [reals(row, i + 1, "a root's row") for i, row in enumerate(items(root, self.d, "a root"))]
            need(all(row[-1] > 0 for row in L), "a root's diagonal is not positive")
            peak = log(weight / sum(weights))[0] + sum(log(row[-1])[0] for row in L) - self.d * LOG_TWO_PI / 2
            square = [[sum(map(mul, x, y)) for y in L] for x in L]   # rows end at the diagonal
            self.parts.append((peak, reals(mean, self.d, "a mean"), square))
    def known(self, c):
        """Constant, slopes, form of a quadratic in u below |z|^2/2 + log rho: sum of p_j (log of part j - log p_j)."""
        found = []
        for peak, mean, square in self.parts:
            gap = list(map(Fraction.__sub__, mean, c))
            pull = [sum(map(mul, row, gap)) for row in square]
            found.append((peak - sum(map(mul, pull, gap)) / 2, pull, square))
        top = max(float(entry[0]) for entry in found)
        sizes = [math.floor(SHARES * math.exp(max(-700.0, float(entry[0]) - top))) for entry in found]
        used = [(Fraction(size, sum(sizes)), *entry) for size, entry in zip(sizes, found) if size > 0]
        slopes = [x + sum(p * pull[j] for p, _, pull, _ in used) for j, x in enumerate(c)]
        form = [[(j == k) - sum(p * S[j][k] for p, _, _, S in used) for k in range(self.d)] for j in range(self.d)]
        return sum(p * (value - log(p)[1]) for p, value, _, _ in used) + sum(x * x for x in c) / 2, slopes, form
    def over(self, centre, half, side):
        """Columns of G - y = l on the box, how far it is from them, and a bound below side (2 m . l - |m|^2)."""
        box = Box(self.plan, centre, half)
        columns, radius, fuzz, spread, *_ = box.nodes[self.output]
        middle = list(map(int.__sub__, columns[-1], self.y))
        constant, slopes = box.below(self.output, [2 * side * m for m in middle])
        constant -= sum(side * m * (2 * y + m) + 2 * abs(m) for m, y in zip(middle, self.y)) // ONE + 1   # y is a floor
        return [*columns[:-1], middle], [r + fuzz + 2 for r in radius], spread, constant, slopes
    def lower(self, centre, half):
        """Below f + log rho: |l|^2 = 2 m . l - |m|^2 + |l - m|^2, (v + e)^2 >= (1-t) v^2 - (1/t-1) e^2; or ranges."""
        (*columns, middle), errors, spread, constant, slopes = self.over(centre, half, 1)
        apart = sum(max(0, abs(m) - s - e) ** 2 for m, s, e in zip(middle, spread, errors)) // ONE
        shares = [min(SHARES, 1 + SHARES * e // s) for e, s in zip(errors, spread)]   # t
        constant -= sum((SHARES - t) * e * e // t + 1 for t, e in zip(shares, errors)) // ONE + 1
        kept = [[(SHARES - t) * x for t, x in zip(shares, column)] for column in columns]
        c, R = ([Fraction(x, ONE) for x in values] for values in (centre, half))
        base, tilts, form = self.known(c)
        ranges = base + self.scale * apart + least(form, tilts, R)
        tilts = [tilt + self.scale * slope for tilt, slope in zip(tilts, slopes)]
        for j, k in ((j, k) for j in range(self.d) for k in range(self.d)):
            form[j][k] += self.scale * Fraction(2 * sum(map(mul, kept[j], columns[k])), SHARES * ONE)
        return max(ranges, base + self.scale * constant + least(form, tilts, R))
    def mean(self, centre, half):
        """Above the mean of f over the box, on which the mean of u is 0 and that of u_j^2 is R_j^2/3."""
        (*columns, _), errors, _, constant, _ = self.over(centre, half, -1)
        spread = [(math.isqrt(sum((x * r) ** 2 for x, r in zip(row, half)) // 3) >> P) + 2 for row in zip(*columns)]
        square = sum((s + e) ** 2 for s, e in zip(spread, errors)) // ONE + 1 - constant
        return self.scale * square + Fraction(sum(3 * x * x + r * r for x, r in zip(centre, half)), 6 * ONE * ONE)
def planned(kind, *parts):
    """A node for `Box`: the name of a method and what it is given."""
    if kind != "affine":
        return ("active", *parts, kind) if kind in SLOPES else (kind, *parts)
    source, weight, bias = parts
    sizes = weight and [list(map(abs, row)) for row in weight.rows]
    weight = weight and (weight.rows, sizes, max(map(sum, sizes)), weight.T.rows, weight.den)
    return kind, source, weight, [(row[0] << P) // bias.den for row in bias.rows]
def halves(low, high, axis):
    middle = (low[axis] + high[axis] >> 1,)
    return (low, high[:axis] + middle + high[axis + 1:]), (low[:axis] + middle + low[axis + 1:], high)
def leaves(tree, low, high):
    """The boxes of a tree in order, as corners."""
    boxes = [(low, high)]
    for letter in tree if isinstance(tree, str) else "?":
        expect(boxes and letter in ".0123"[: 1 + len(low)], "a tree has another letter, or goes on after its end")
        low, high = boxes.pop()
        if letter == ".":
            yield low, high
        else:
            boxes += reversed(halves(low, high, int(letter)))
    expect(not boxes, "a tree is cut off")
def boxes(network, record):
    """(R1) on the cover and beyond, the acceptance by the boxes of the mass, (R2)."""
    log_c, p, K, claim = keys(record["claims"], ("log_constant", "acceptance", "proposals", "tv_bound"), "claims")
    log_c, p, claim, reach = (rational(x, "a number") for x in (log_c, p, claim, record["reach"]))
    question, d, K, total = Question(network, record), network.d, integer(K, "proposals", 100000), 0
    peak, mean, square = question.parts[0]
    need(not any(mean) and all(square[i][j] == square[0][0] * (i == j) for i in range(d) for j in range(d)) and
         square[0][0] < 1 and reach > 0 and reach * reach * (1 - square[0][0]) / 2 >= -log_c - peak,
         "the first part is not N(0, s^2 I) with s > 1, or not alone above exp(-f)/C beyond the reach")
    for corners in leaves(record["cover"], (-math.ceil(reach * ONE),) * d, (math.ceil(reach * ONE),) * d):
        todo = [(*corners, 12)]
        while todo:
            low, high, cuts = todo.pop()
            centre = [a + b >> 1 for a, b in zip(low, high)]
            half = [b - c for b, c in zip(high, centre)]   # the longer side
            if question.lower(centre, half) < -log_c:
                need(cuts, "the envelope is not confirmed on a box")
                todo += [(*part, cuts - 1) for part in halves(low, high, half.index(max(half)))]
    low, high, tree = keys(record["mass"], ("low", "high", "tree"), "mass")
    low, high = (tuple(math.floor(x * ONE) for x in reals(end, d, "a corner")) for end in (low, high))
    need(all(map(int.__lt__, low, high)), "the boxes of the mass are empty")
    for start, end in leaves(tree, low, high):
        half = [b - a >> 1 for a, b in zip(start, end)]   # of a box inside
        level = math.floor(-(question.mean(list(map(add, start, half)), half) + log_c) * ONE)
        total += exp(level)[0] * math.prod(half) << d if level > -1000 * ONE else 0
    need(0 < p <= min(1, Fraction(total, ONE ** (d + 1))), "the acceptance is not confirmed")
    need(K > 0 and claim >= (1 - p) ** K, "the bound of (R2) is not confirmed")
    return f"exp(-f) <= C rho, acceptance >= {p}: TV(law of {K} proposal{'s' if K > 1 else ''}, pi_x) <= {claim}"
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
