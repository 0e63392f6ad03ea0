"""Checks a portable certificate about constants alone: python check_totals.py CERT.json.

Integers and fractions only, everything rounded outward; as docs/certificates.md says ("Portable certificates").
Exit code 0: yes, proved; 1: no, not confirmed; 2: unreadable, or outside what is known here. To be read at one sitting.
"""

# fmt: off
import json
import math
import re
import sys
from fractions import Fraction
from pathlib import Path

class No(Exception): """The claim is not confirmed."""
class Unreadable(Exception): """Not a certificate, or one outside what is known here."""
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
def listed(value, low, high, what):
    expect(isinstance(value, list) and low <= len(value) < high, f"{what} must be a list of {low} to {high - 1}")
    return value
def integer(value, low, high, what):
    expect(type(value) is int and low <= value < high, f"{what} must be an integer in [{low}, {high})")
    return value
def rational(value, what):
    form = r"-?[0-9]{1,700}(/0*[1-9][0-9]{0,699})?"
    expect(isinstance(value, str) and re.fullmatch(form, value), f'{what} must be text "p/q"')
    return Fraction(value)
def rationals(value, low, high, what):
    return [rational(entry, what) for entry in listed(value, low, high, what)]
def positive(value, what):
    found = rational(value, what)
    need(found > 0, f"{what} is not positive")
    return found

P, ORDER, ONE = 256, 14, 1 << 256
class Interval:
    """The reals from low/2^P to high/2^P. What comes out holds every result of members of what went in."""
    def __init__(self, low, high):
        self.low, self.high = low, high
    def __add__(self, other):
        other = interval(other)
        return Interval(self.low + other.low, self.high + other.high)
    def __neg__(self):
        return Interval(-self.high, -self.low)
    def __sub__(self, other):
        return self + -interval(other)
    def __mul__(self, other):
        other = interval(other)
        ends = [x * y for x in (self.low, self.high) for y in (other.low, other.high)]
        return Interval(min(ends) >> P, -(-max(ends) >> P))
    def __truediv__(self, other):
        other = interval(other)
        need(other.low > 0, "a divisor may be zero")
        ends = [x << P for x in (self.low, self.high)]
        divisors = other.low, other.high
        return Interval(min(x // y for x in ends for y in divisors), max(-(-x // y) for x in ends for y in divisors))
    def __pow__(self, power):
        """By squaring; of a number that is not negative."""
        found, base = interval(1), self
        while power:
            found, base, power = found * base if power & 1 else found, base * base, power >> 1
        return found
    def upper(self):
        return Fraction(self.high, ONE)
def interval(value):
    """A rational as an interval."""
    if isinstance(value, Interval):
        return value
    return Interval((value.numerator << P) // value.denominator, -((-value.numerator << P) // value.denominator))
def hull(first, second):
    return Interval(interval(first).low, interval(second).high)
def root(value):
    need(value.low >= 0, "a square root of what may be negative")
    return Interval(math.isqrt(value.low << P), math.isqrt(value.high << P) + 1)
def exp(value):
    """Of each end v: the series of v/2^k to order 23, |v/2^k| <= 2^-20, then k squarings; exp(-4096) for less."""
    need(value.high <= 4096 << P, "an exponential is too large")
    ends = []
    for end in (max(value.low, -4096 << P), max(value.high, -4096 << P)):
        halvings = max(0, abs(end).bit_length() - P + 20)
        small, term, total = Interval(end >> halvings, -(-end >> halvings)), interval(1), interval(1)
        for order in range(1, 24):
            term = term * small * Fraction(1, order)
            total = total + term
        total = total + Interval(-(1 << 8), 1 << 8)   # what is left out is below 2^-480, far within one unit
        for _ in range(halvings):
            total = total * total
        ends.append(total)
    return Interval(max(0, ends[0].low) if value.low > -4096 << P else 0, ends[1].high)
PI, EULER = hull(Fraction(314159265358979323846, 10**20), Fraction(314159265358979323847, 10**20)), exp(interval(1))

# Polynomials are lists of coefficients, the constant first.
def at(polynomial, r):
    total = interval(0) if isinstance(r, Interval) else Fraction(0)
    for coefficient in reversed(polynomial):
        total = total * r + coefficient
    return total
def product(first, second):
    found = [Fraction(0)] * (len(first) + len(second) - 1)
    for i, x in enumerate(first):
        for j, y in enumerate(second):
            found[i + j] += x * y
    return found
def primitive(polynomial, start, value):
    """The primitive with `value` at `start`."""
    found = [Fraction(0), *(x / (i + 1) for i, x in enumerate(polynomial))]
    found[0] = value - at(found, start)
    return found
def taylor(polynomial, r):
    """Coefficients 0 to ORDER of the polynomial at r + h in powers of h."""
    found = []
    for order in range(ORDER + 1):
        found.append(at([math.comb(i, order) * x for i, x in enumerate(polynomial)][order:] or [Fraction(0)], r))
    return found
def series(power, exponent, weight, r):
    """Coefficients 0 to ORDER of r^power weight exp(-exponent): f = exp(-E) has n f_n = -sum_j j E_j f_(n-j)."""
    outer, inner = taylor([Fraction(0)] * power + weight, r), taylor(exponent, r)
    f = [exp(-inner[0])]
    for n in range(1, ORDER + 1):
        total = interval(0)
        for j in range(1, min(n, len(exponent) - 1) + 1):
            total = total + inner[j] * f[n - j] * Fraction(-j, n)
        f.append(total)
    width = min(ORDER, power + len(weight) - 1)
    found = []
    for n in range(ORDER + 1):
        total = interval(0)
        for j in range(min(n, width) + 1):
            total = total + outer[j] * f[n - j]
        found.append(total)
    return found
def integral(power, pieces, cells):
    """Sum of int r^power weight exp(-exponent) over pieces (start, end, exponent, weight), each in `cells` cells.

    On a cell c + [-h, h] the even orders below ORDER count with 2 h^(n+1)/(n+1), order ORDER over the whole cell.
    """
    total = interval(0)
    for start, end, exponent, weight in pieces:
        half = (end - start) / (2 * cells)
        for cell in range(cells if half > 0 else 0):
            centre = start + (2 * cell + 1) * half
            middle = series(power, exponent, weight, interval(centre))
            everywhere = series(power, exponent, weight, hull(centre - half, centre + half))
            for n in range(0, ORDER + 1, 2):
                total = total + (middle if n < ORDER else everywhere)[n] * (2 * half ** (n + 1) / (n + 1))
    return total
def tail(power, exponent, start):
    """Above int_start^inf r^power exp(-exponent), convex exponent: h(start)/slope for a log-concave h."""
    derivative = [i * x for i, x in enumerate(exponent)][1:]
    slope = at(derivative, start) - power / start
    need(slope > 0, "an integral to infinity is not bounded from here")
    return interval(start) ** power * exp(-interval(at(exponent, start))) / slope

def one_integral(record):
    """lower <= sum over the pieces of int r^power weight exp(-exponent) dr <= upper."""
    low, high = (rational(entry, "an end") for entry in keys(record["claims"], ("lower", "upper"), "claims"))
    pieces = []
    for piece in listed(record["pieces"], 1, 100, "the pieces"):
        start, end, exponent, weight = keys(piece, ("start", "end", "exponent", "weight"), "a piece")
        start, end = rational(start, "a start"), rational(end, "an end")
        need(0 <= start <= end, "a piece does not lie in r >= 0, or ends before it starts")
        pieces.append((start, end, rationals(exponent, 1, 20, "an exponent"), rationals(weight, 1, 20, "a weight")))
    found = integral(integer(record["power"], 0, 200, "power"), pieces, integer(record["cells"], 1, 4097, "cells"))
    need(low <= Fraction(found.low, ONE) and found.upper() <= high, "the integral is not confirmed to lie there")
    return f"the integral lies in [{low}, {high}]"

class Radial:
    """The envelopes of Theorem 1* and G1* from the constants, at radii R <= R2."""
    def __init__(self, record):
        names = ("m", "M", "M2", "beta", "gradient", "residual")
        self.d = integer(keys(record["constants"], ("d", *names), "constants")[0], 1, 200, "d")
        m, M, M2, beta, g, residual = (rational(record["constants"][name], name) for name in names)
        need(0 < m <= M and beta > 0 and min(M2, g, residual) >= 0, "the constants are not in order")
        self.R, self.R2, cut = (rational(record[name], name) for name in ("radius", "outer", "cut"))
        self.cells = integer(record["cells"], 1, 4097, "cells")
        self.m, self.M2, self.beta, self.residual, self.g = m, M2, beta, residual, g
        cuts, reach = keys(record["far"], ("cuts", "reach"), "far")
        self.cuts, self.reach = rationals(cuts, 2, 1000, "cuts"), rational(reach, "reach")
        self.a, self.b = (m / beta) ** 2, (M / beta) ** 2
        e, p = M2 * beta / (m * m + beta * beta), M2 * residual / (m * m + beta * beta)
        floor, half = (1 + self.a) / (1 + self.b), e * e / 2
        # mu = max{(1 - er)^2, floor} - (p + er + e^2 r^2/2); either branch is below it, while er <= 1.
        need(0 < self.R <= self.R2 and 0 <= cut and e * cut <= 1, "the radii are not in order")
        near, far = [1 - p, -3 * e, half], [floor - p, -e, -half]
        slope, zero = primitive(near, Fraction(0), -g), Fraction(0)
        phi = primitive(slope, zero, zero)
        beyond = primitive(primitive(far, cut, at(slope, cut)), cut, at(phi, cut))
        self.pieces = [(zero, min(cut, self.R2), phi), (min(cut, self.R2), self.R2, beyond)]
        self.mu = at(near if self.R <= cut else far, self.R)
        need(self.mu > 0, "the curvature is not positive on the ball")
        self.q = [p, 3 * e, 3 * half]
        self.shift = primitive(self.q, zero, g)
        self.U = primitive(primitive([1 + p, 3 * e, 3 * half], zero, g), zero, zero)
    def mass(self, start, end, weight=(Fraction(1),)):
        """int_start^end r^(d-1) weight exp(-phi0)."""
        clipped = [(max(start, a), min(end, b), phi, list(weight)) for a, b, phi in self.pieces]
        return integral(self.d - 1, clipped, self.cells)
    def mean(self, weight):
        return self.mass(Fraction(0), self.R, weight) / self.mass(Fraction(0), self.R)
    def gaussian(self, start, end, weight=(Fraction(1),)):
        square = [Fraction(0), Fraction(0), Fraction(1, 2)]
        return integral(self.d - 1, [(start, end, square, list(weight))], self.cells)
    def gaussian_shift(self):
        """E[(g + int_0^chi q)^2 | chi <= R]."""
        zero = Fraction(0)
        return self.gaussian(zero, self.R, product(self.shift, self.shift)) / self.gaussian(zero, self.R)
    def gaussian_outside(self):
        """Above P(chi > R)."""
        far = self.R + 12
        beyond = self.gaussian(self.R, far) + tail(self.d - 1, [Fraction(0), Fraction(0), Fraction(1, 2)], far)
        return beyond / (self.gaussian(Fraction(0), self.R) + beyond)
    def tail(self):
        """T(R) = P_{p0^R2}(r > R) + sup_o int_R2^inf r^(d-1) exp(-l) / int_0^R2 r^(d-1) exp(-U)."""
        cuts, reach = self.cuts, self.reach
        need(0 < cuts[0] <= 1 / (1 + self.b) and 1 / (1 + self.a) <= cuts[-1] <= 1 and sorted(cuts) == cuts
             and reach >= self.R2, "the far field is not covered")
        found = [self.far(low, high, reach) for low, high in zip(cuts, cuts[1:])]
        inner = integral(self.d - 1, [(Fraction(0), self.R2, self.U, [Fraction(1)])], self.cells)
        shell = self.mass(self.R, self.R2) / self.mass(Fraction(0), self.R2)
        return shell + max(found, key=Interval.upper) / inner
    def far(self, low, high, reach):
        """For o in [low, high], alpha^2 = 1 - o: l = -gr + o (1 - M2 r_c/beta^2) r^2/2 + max{X, Y}^2/2 with
        X = alpha r - M2 o r^2/(2 beta) and Y = m sqrt(o) r/beta, each taken from below."""
        tilt = 1 - self.M2 * self.residual / self.beta**2
        linear, bend = min(low * tilt, high * tilt) / 2, self.M2 * high / (2 * self.beta)
        alpha = Fraction(root(interval(1 - high)).low, ONE)
        slope = self.m / self.beta * Fraction(root(interval(low)).low, ONE)
        need(alpha >= bend * reach, "the reach is too long")
        base, last = [Fraction(0), -self.g, linear], [Fraction(0), -self.g, linear + slope**2 / 2]
        need(last[2] > 0, "the far field is not integrable")
        X = [*base[:2], base[2] + alpha**2 / 2, -alpha * bend, bend**2 / 2]
        near = integral(self.d - 1, [(self.R2, reach, X, [Fraction(1)])], self.cells)
        return near + tail(self.d - 1, last, reach)

def gaussian_layer(record):
    """G1*: one Gaussian N(c, A^-1)."""
    claim = rational(*keys(record["claims"], ("tv_bound",), "claims"), "tv_bound")
    law = Radial(record)
    tail = law.tail()
    leading = root(law.gaussian_shift()) / (root(interval(law.mu)) * Fraction(2))
    total = leading + tail + law.gaussian_outside()
    need(total.upper() <= claim, "the bound is not confirmed")
    return f"TV(pi_x, N(c, A^-1)) <= {claim} for every decoder with these constants"

def langevin(record):
    """Theorem 1*: the preconditioned, projected chain of so many layers."""
    layers, claim = keys(record["claims"], ("layers", "tv_bound"), "claims")
    claim, law, w = rational(claim, "tv_bound"), Radial(record), positive(record["width"], "width")
    need(w < law.R, "the shell is as wide as the ball")
    expect(record["start"] in ("point", "gaussian"), "the start must be `point` or `gaussian`")
    runs = []
    for name in ("moving", "smoothing"):
        entries = [listed(run, 2, 3, "a run") for run in listed(record[name], 0, 10000, name)]
        runs.append([(positive(eta, "a step"), integer(count, 1, 1 << 53, "a count")) for eta, count in entries])
    need(runs[1] and sum(count for run in runs for _, count in run) == integer(layers, 1, 1 << 53, "layers"),
         "the runs have another number of layers, or none that smooths")
    tail, mu, duration = law.tail(), law.mu, sum(eta * count for run in runs for eta, count in run)
    force = root(law.mean(product(law.q, law.q)) * Fraction(law.d))
    if record["start"] == "point":
        distance, outside = root(law.mean([Fraction(0), Fraction(0), Fraction(1)])), interval(0)
    else:
        distance, outside = root(law.gaussian_shift()) / mu, law.gaussian_outside()
    spread, contraction, squares = interval(0), interval(1), Fraction(0)
    for smooths, run in enumerate(runs):
        for eta, count in run:
            s = interval(1) - exp(-interval(eta))
            need((s * (1 + at(law.q, law.R) + mu)).upper() <= 2, "a step is too long")
            rho = interval(1) - s * mu
            power = rho**count
            if smooths:
                noise = s * Fraction(2) - s * s
                spread = power * power * spread + noise * (interval(1) - power * power) / (interval(1) - rho * rho)
                contraction, squares = contraction * power, squares + count * eta**2
            else:
                kick = root(interval(Fraction(8, 9) * eta**3)) * force
                distance = power * distance + kick * (interval(1) - power) / (s * mu)
    leaves = EULER * (1 + duration / w**2) * law.mass(law.R - w, law.R) / law.mass(Fraction(0), law.R)
    smoothed = distance * contraction / root(PI * Fraction(2) * spread)
    total = tail + outside + leaves + force * root(interval(squares / 8)) + smoothed
    need(total.upper() <= claim, "the bound is not confirmed")
    return f"TV(law of {layers} layers, pi_x) <= {claim} for every decoder with these constants"

SHARED = ("constants", "radius", "outer", "cut", "far", "cells")
KINDS = {"integral": (one_integral, ("power", "pieces", "cells")), "gaussian-layer": (gaussian_layer, SHARED),
         "langevin": (langevin, (*SHARED, "width", "start", "moving", "smoothing"))}
def check(text):
    """What the certificate proves, on one line; an exception where it proves nothing."""
    record = json.loads(text, object_pairs_hook=unique)
    kind = record.get("kind") if isinstance(record, dict) else None
    prove, parts = KINDS[kind] if isinstance(kind, str) and kind in KINDS else (None, ())
    keys(record, ("format", "kind", "claims", *parts), "the certificate")
    expect(prove and record["format"] == "portable-1", "the format or kind is not known")
    return prove(record)
def main(arguments):
    try:
        path, = arguments
        print("yes:", check(Path(path).read_bytes()))
        return 0
    except No as reason:
        print("no:", reason)
        return 1
    except Exception as reason:   # whatever happens while reading is no yes
        print("cannot be read:", str(reason)[:200] or type(reason).__name__, file=sys.stderr)
        return 2

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
