"""Parts of the files of `checker/` that a whole certificate does not bring to their limits, each asked alone.

What encloses a number is held against mpmath and to a width, so that another enclosure as good gives the same answer.
"""

from __future__ import annotations

import contextlib
import io
import math
from fractions import Fraction
from types import ModuleType
from typing import Any

import mpmath
import numpy as np

from benchmarks.circuit_probes import CIRCUITS
from benchmarks.corrupted_certificates import supremum
from benchmarks.forged_networks import two_layers
from benchmarks.probed import answer
from benchmarks.totals_probes import TOTALS

FORMS = np.random.default_rng(7).normal(size=(24, 5))
"""Coefficients (b_v, b_s, q_vv, q_vs, q_ss) whose suprema and means the mutants must find."""


def probes(check: ModuleType) -> list[Any]:
    """The answers of every part that the file has."""
    found: list[Any] = []
    for name, ask in PROBES.items():
        if hasattr(check, name):
            found += ask(check)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        found.append([check.main(given) for given in (["/nowhere", "/nowhere"], ["/nowhere"], [])])
    return found


def _suprema(check: ModuleType) -> list[Any]:
    """From just below and just above what forms attain."""
    found: list[Any] = []
    for kind in ("Tanh", "Relu"):
        for number, row in enumerate(FORMS):
            form = [float(entry) for entry in row]
            form[2] = -abs(form[2]) - (2.0 + abs(form[3]) + abs(form[4]) if kind == "Relu" else 0.0)
            if number % 4 == 1 and kind == "Tanh":
                form[0] = form[2] = form[3] = 0.0
            if number % 4 == 2 and kind == "Tanh":
                form[0], form[2] = 0.01 * form[0], 0.01 * form[2]
            exact, attained = [Fraction(entry) for entry in form], Fraction(supremum(kind, form))
            for share in (-1e-5, 1e-5):
                found.append(answer(check, check.supremum, kind, exact, attained + Fraction(share)))
    for form in (
        [1, 0, 0, 0, 0],
        [-1, 0, 0, 0, 0],
        [0, 1, 0, 0, 0],
        [0, -1, 0, 0, 0],
        [0, 0, 0, 0, 1],
        [0, 0, 0, 1, -1],
    ):
        for kind in ("Tanh", "Relu", "Sigmoid"):
            for payment in (Fraction(-1, 10), Fraction(1, 1 << 40), Fraction(1 + 2**-40), Fraction(9)):
                found.append(answer(check, check.supremum, kind, [Fraction(entry) for entry in form], payment))
    return found


def _tanh(check: ModuleType) -> list[Any]:
    found: list[Any] = []
    for v in (0.0, 1e-9, 0.3, 1.0, 4.0, 31.9, -0.7, -20.0):
        low, high = check.tanh(int(v * 2**60) << 68)
        with mpmath.workprec(400):
            truth = mpmath.tanh(mpmath.mpf(int(v * 2**60)) / 2**60) * 2**128
            found.append(bool(low <= truth <= high) and high - low < 1 << 40)
    return found


def _exp(check: ModuleType) -> list[Any]:
    found: list[Any] = []
    for x in (0.0, 1e-9, 0.3, 1.0, -4.0, 31.5, -90.0, -700.0):
        exact, bits = Fraction(x), check.P
        value = int(exact * 2**60) << bits - 60
        enclosed = check.exp(check.interval(Fraction(value, 1 << bits)) if hasattr(check, "interval") else value)
        low, high = (enclosed.low, enclosed.high) if hasattr(enclosed, "low") else enclosed
        with mpmath.workprec(1800):
            truth = mpmath.exp(mpmath.mpf(value) / mpmath.mpf(2) ** bits) * mpmath.mpf(2) ** bits
            found.append(bool(low <= truth <= high) and high - low <= 2 + (int(high) >> 80) + (1 << bits - 80))
    for value in (1 << 12, -(1 << 12), (1 << 12) + 1, -(1 << 12) - 1, 1 << 14):
        given = check.interval(Fraction(value)) if hasattr(check, "interval") else value << check.P
        found.append(answer(check, check.exp, given))
    return found


def _log(check: ModuleType) -> list[Any]:
    found: list[Any] = []
    for value in (Fraction(1), Fraction(3), Fraction(1, 10**9), Fraction(10**30, 7), Fraction(999, 1000)):
        low, high = check.log(value)
        with mpmath.workprec(600):
            truth = mpmath.log(mpmath.mpf(value.numerator) / value.denominator)
            inside = (
                mpmath.mpf(low.numerator) / low.denominator <= truth <= mpmath.mpf(high.numerator) / high.denominator
            )
            found.append(bool(inside) and high - low < Fraction(1, 1 << 80))
    return found


def _lines(check: ModuleType) -> list[Any]:
    """Whether the lines enclose the activation at many inputs, and how wide they are to a digit."""
    found: list[Any] = []
    ends = np.sort(np.random.default_rng(3).normal(size=(30, 2)) * np.geomspace(0.01, 60, 30)[:, None], axis=1)
    for kind in ("Tanh", "Relu"):
        for low, high in [*ends.tolist(), (0.0, 0.0), (-1.0, 0.0), (0.0, 2.0), (33.0, 40.0), (-90.0, -33.0)]:
            slope, bottom, top = check.line(kind, int(low * 2**60) << 68, int(high * 2**60) << 68)
            t = np.linspace(low, high, 60)
            s = np.tanh(t) if kind == "Tanh" else np.maximum(t, 0.0)
            rest, room = s - slope / check.ONE * t, 1e-12 * (1 + abs(low) + abs(high))
            holds = (rest >= bottom / check.ONE - room).all() and (rest <= top / check.ONE + room).all()
            found.append((bool(holds), f"{(top - bottom) / check.ONE:.1e}", f"{slope / check.ONE:.2e}"))
    return found


def _derivatives(check: ModuleType) -> list[Any]:
    """Bounds behind an activation whose input has all three derivatives, against the chain rule in floats.

    And that the two suprema with a root in them, 4/(3 sqrt 3) and sqrt(3)/18, are rounded up.
    """
    curve, bend = check.CURVED["Tanh"][0], check.CURVED["Sigmoid"][0]
    found: list[Any] = [27 * curve**2 >= 16, 108 * bend**2 >= 1, check.CURVED["Softplus"][1] == bend]
    suprema = {
        "Tanh": (1.0, 4 / 27**0.5, 2.0),
        "Sigmoid": (1 / 4, 1 / (6 * 3**0.5), 1 / 8),
        "Softplus": (1, 1 / 4, 3**-1.5 / 2),
    }
    for kind, (s1, s2, s3) in suprema.items():
        rows, totals = np.array([[0.5, 1.25], [0.7, 0.4], [0.3, 2.0]]), np.array([1.3, 0.75, 2.1])
        (p, q, r), (t1, t2, t3) = rows, totals
        wanted = [s1 * p, s2 * p**2 + s1 * q, s3 * p**3 + 3 * s2 * p * q + s1 * r]
        top = p.max()
        wanted.append(np.array([s1 * t1, s2 * top * t1 + s1 * t2, s3 * top**2 * t1 + 3 * s2 * top * t2 + s1 * t3]))
        up = [[int(entry * 2**60) << check.BITS - 60 for entry in row] for row in (*rows.tolist(), totals.tolist())]
        given, together = check.activated(kind, up[:3], up[3])
        for row, truth in zip((*given, together), wanted, strict=True):
            found.append(
                [-1e-12 <= entry / 2**check.BITS - exact <= 1e-12 for entry, exact in zip(row, truth, strict=True)]
            )
    return found


def _means(check: ModuleType) -> list[Any]:
    """From just below and just above the mean of a form under a Gaussian."""
    found: list[Any] = []
    nodes = np.arange(-1536, 1537) / 128
    weights = np.exp(-0.5 * nodes**2) / (128 * math.sqrt(2 * math.pi))
    for number, row in enumerate(FORMS[:16]):
        middle, variance = Fraction(number - 8, 4), Fraction(number * number, 32)
        v = float(middle) + math.sqrt(variance) * nodes
        s, (b_v, b_s, q_vv, q_vs, q_ss) = np.tanh(v), row
        value = Fraction(float(weights @ (v * (b_v + q_vv * v + q_vs * s) + s * (b_s + q_ss * s))))
        for share in (Fraction(-1, 10**9), Fraction(1, 10**9)):
            found.append(
                answer(check, check.expectation, [Fraction(float(x)) for x in row], middle, variance, value + share)
            )
    one = [Fraction(int(place == 2)) for place in range(5)]
    for middle, variance in ((0, 30), (50, 1), (-50, 1), (40, 20)):
        size = Fraction(middle * middle + variance)
        for payment in (size * (1 - Fraction(1, 10**9)), size * (1 + Fraction(1, 10**9))):
            found.append(answer(check, check.expectation, one, Fraction(middle), Fraction(variance), payment))
    return found


def _bends(check: ModuleType) -> list[Any]:
    """Whether the second derivative of a form is enclosed over an interval, and how wide to a digit."""
    found: list[Any] = []
    for number, (b_v, b_s, q_vv, q_vs, q_ss) in enumerate(FORMS):
        form = [(round(x * 2**60) << 68, (round(x * 2**60) << 68) + 1) for x in (b_v, b_s, q_vv, q_vs, q_ss)]
        for low, width in ((-1.5, 0.5), (-0.2, 0.4), (0.1, 0.0625), (0.8, 1.0)):
            ends = [int((low + number / 16 + part) * 2**60) << 68 for part in (0.0, width)]
            v = np.linspace(ends[0] / 2**128, ends[1] / 2**128, 9)
            s = np.tanh(v)
            first, second = 1 - s**2, -2 * s * (1 - s**2)
            truth = b_s * second + 2 * q_vv + q_vs * (2 * first + v * second) + 2 * q_ss * (first**2 + s * second)
            least, most = (
                end / 2**128 for end in check.bend(form, ends, (check.tanh(ends[0])[0], check.tanh(ends[1])[1]))
            )
            holds = (least <= truth + 1e-12).all() and (truth <= most + 1e-12).all()
            found.append((bool(holds), f"{most - least:.1e}"))
    return found


def _products(check: ModuleType) -> list[Any]:
    """The product of two intervals of every sign, to the last unit."""
    one, found = 1 << check.P, []
    pairs = [(low, high) for low in (-3, -1, 0, 2) for high in (-2, 0, 1, 5) if low <= high]
    for a in pairs:
        for b in pairs:
            low, high = check.multiply(*(tuple(end * one + 1 for end in part) for part in (a, b)))
            exact = [(x * one + 1) * (y * one + 1) for x in a for y in b]
            found.append((low * one <= min(exact) < (low + 1) * one, (high - 1) * one < max(exact) <= high * one))
    return found


def _integers(check: ModuleType) -> list[Any]:
    found: list[Any] = []
    for value in (1 << 53, (1 << 53) - 1, -(1 << 53), 0, 1, 2, True, 1.0, "1"):
        found.append(answer(check, check.integer, value, "a number"))
        found.append(answer(check, check.integer, value, 0, 2, "a number"))
    return found


def _texts(check: ModuleType) -> list[Any]:
    found: list[Any] = []
    for text in ("0x1p1023", "0x1p1024", "0x1p-1022", "0x1p-1023", "1.0", "0x1p0", 1.0):
        found.append(answer(check, check.real, text, "a number"))
    return found


def _messages(check: ModuleType) -> list[Any]:
    found: list[Any] = []
    for content in (b"", b"\x0b", b"\x0c", b"\x80" * 12, b"\x0a\x02a", b"\x0a\x01a", b"\x08\x80\x01", b"\x08\x80"):
        found.append(answer(check, check.message, content, shown=True))
    for content in (
        b"\x0d1234",
        b"\x0d123",
        b"\x0912345678",
        b"\x091234567",
        b"\x0d1234\x08\x05",
        b"\x0912345678\x08\x05",
    ):
        found.append(answer(check, check.message, content, shown=True))
    # Wire types and fields that are none; the largest tag and number, and the next ones; a number of eleven bytes.
    for content in (b"\x0b12345678", b"\x0c12345678", b"\x051234", b"\x00\x05", b"\x08\x05", b"\x08\x7f"):
        found.append(answer(check, check.message, content, shown=True))
    for tag in (b"\xf8\xff\xff\xff\x0f", b"\x80\x80\x80\x80\x10", b"\x88\x80\x80\x80\x10"):
        found.append(answer(check, check.message, tag + b"\x05", shown=True))
    for number in (b"\xff" * 9 + b"\x01", b"\x80" * 9 + b"\x02", b"\xff" * 9 + b"\x03", b"\x80" * 10 + b"\x00"):
        found.append(answer(check, check.message, b"\x08" + number, shown=True))
    return found


def _potentials(check: ModuleType) -> list[Any]:
    """Twice the potential behind G(z) = s, s = tanh(z + 1), as a form in (1, z, s): |z|^2 + |s - y|^2/beta^2."""
    network = check.Network(two_layers().SerializeToString())
    form = check.potential(network, {"beta": (0.5).hex(), "observation": [(1.5).hex(), (-2.0).hex()]})
    found: list[Any] = []
    for x in ([1, 0, 0, 0, 0], [1, 2, -1, 0, 0], [1, 0, 0, 3, 1], [1, 1, 1, -1, 2], [0, 0, 0, 1, 0], [0, 1, 0, 1, 1]):
        value = sum(a * b * entry for a, row in zip(x, form.rows, strict=True) for b, entry in zip(x, row, strict=True))
        one, *z_s = x
        wanted = sum(z * z for z in z_s[:2]) + 4 * sum(
            (s - one * y) ** 2 for s, y in zip(z_s[2:], (1.5, -2.0), strict=True)
        )
        found.append(Fraction(value, form.den) == Fraction(wanted))
    return found


def _norms(check: ModuleType) -> list[Any]:
    """Whether the norm of integers is at least the true one and within two of it; none of zeros."""
    found: list[Any] = []
    for entries in ([0, 0], [1], [3, 4], [1, 1], [2**200, 1], [-5, 2, 7]):
        square, norm = sum(entry * entry for entry in entries), check.norm(entries)
        found.append(square <= norm * norm and max(norm - 2, 0) ** 2 <= square and (norm > 0 or not square))
    return found


def _factors(check: ModuleType) -> list[Any]:
    """A matrix that its factor proves, and the same one unit below, at the scale of 2^-104."""
    found: list[Any] = []
    for rows in ([[4]], [[3]], [[5]], [[4, 2], [2, 2]], [[4, 2], [2, 1]], [[4, 3], [3, 2]], [[5, 3], [3, 3]]):
        factor = {"exponents": [-52] * len(rows), "rows": [[2], [1, 1]][: len(rows)]}
        found.append(answer(check, check.semidefinite, check.Matrix(rows, 1), factor, "it"))
    return found


def _keys(check: ModuleType) -> list[Any]:
    found = [
        answer(check, check.unique, pairs) for pairs in ([], [("a", 1)], [("a", 1), ("a", 1)], [("a", 1), ("b", 1)])
    ]
    return found + [
        answer(check, check.keys, value, ("a",), "it") for value in ({"a": 1}, {}, {"a": 1, "b": 2}, ["a"], "a")
    ]


def _lists(check: ModuleType) -> list[Any]:
    found: list[Any] = []
    for value in ([], {}, "", None, (), [1], [1, 2], [1, 2, 3]):
        ends = ("a list",) if check.listed.__code__.co_argcount == 2 else (1, 3, "a list")
        found.append(answer(check, check.listed, value, *ends))
    return found


def _boxes(check: ModuleType) -> list[Any]:
    """The tanh of two latents on boxes: whether its columns and a slope enclose it, and the mean of f, to a digit."""
    one, found = check.ONE, []
    signs = np.linspace(-1, 1, 21)
    u, v = (part.ravel() for part in np.meshgrid(signs, signs))
    nodes, weights = np.polynomial.legendre.leggauss(20)
    pairs = np.outer(weights, weights).ravel() / 4
    for centre, half in (((0.5, -0.25), (0.5, 0.125)), ((0.0, 1.5), (0.25, 0.75)), ((-2.0, 3.0), (1.0, 0.5))):
        ends = [[int(x * 2**20) * (one >> 20) for x in part] for part in (centre, half)]
        box = check.Box([("input",), ("active", 0, "Tanh")], *ends)
        columns, radius, fuzz = box.nodes[1][:3]
        inputs = np.array([u * half[0], v * half[1]])
        truth = np.tanh(inputs + np.array(centre)[:, None])
        slopes, middle = np.array(columns[:-1], dtype=float).T / one, np.array(columns[-1], dtype=float) / one
        rooms = np.array([entry + fuzz for entry in radius], dtype=float) / one
        rest = np.abs(truth - slopes @ inputs - middle[:, None]) <= rooms[:, None] + 1e-12
        constant, tilts = box.below(1, [one, -one])
        least = constant / one + np.array(tilts, dtype=float) / one @ inputs
        found.append((bool(rest.all()), f"{rooms.max():.1e}", bool((least <= truth[0] - truth[1] + 1e-12).all())))
        question = check.Question.__new__(check.Question)
        question.plan, question.output, question.y = box.plan, 1, [one // 4, -one // 2]
        question.scale = Fraction(1, 2 * one)
        z = [c + h * part.ravel() for c, h, part in zip(centre, half, np.meshgrid(nodes, nodes), strict=True)]
        energy = sum(x**2 + (np.tanh(x) - y) ** 2 for x, y in zip(z, (0.25, -0.5), strict=True)) / 2
        exact, bound = float(pairs @ energy), float(question.mean(*ends))
        found.append((bound >= exact - 1e-12, f"{bound:.2e}"))
    return found


PROBES = {
    "Box": _boxes,
    "supremum": _suprema, "tanh": _tanh, "exp": _exp, "log": _log, "line": _lines, "expectation": _means,
    "activated": _derivatives, "norm": _norms, "potential": _potentials, "semidefinite": _factors,
    "bend": _bends, "multiply": _products,
    "unique": _keys, "listed": _lists, **CIRCUITS, **TOTALS,
    "integer": _integers, "real": _texts, "message": _messages,
}  # fmt: skip
"""What is asked of a file that has a function of the name."""
