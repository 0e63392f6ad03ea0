"""Arguments at every scale, and the table of checks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from hypothesis import strategies as st

from certify.arithmetic.interval_tensors import TensorBall
from certify.arithmetic.intervals import MatrixBall

Data: TypeAlias = Any
Check: TypeAlias = Callable[[Data], None]

CHECKS: dict[str, Check] = {}
"""The check of each public function, by its full name."""

UNCHECKED: dict[str, str] = {
    "certify.arithmetic.large_matrices.entrywise": "an estimate: what a function of one's own makes of every entry",
    "certify.arithmetic.matrices.decomposition_units": "an estimate of work",
    "certify.arithmetic.rounding.exact_text": "a text, read back in tests/unit/test_arithmetic_roundings.py",
}
"""Public functions without an inclusion to test, and why."""

SPECIAL = [0.0, -0.0, 1.0, -1.0, 3.0, 1.0 + 2.0**-52, 1.0 - 2.0**-53, -1.0 / 3.0]
LARGEST = float(np.finfo(np.float64).max)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
POSITIVE = st.floats(min_value=5e-324, max_value=LARGEST, allow_subnormal=True)
SCALES = st.sampled_from([0, 0, 0, -30, 30, -300, 300, -510, 510, -537, -700, 700, -990, 990, -1022, -1074])
"""Binary exponents that the entries of one array share, so that they meet in sums: 10^-300 to 10^300 and below."""


def checks(*names: str) -> Callable[[Check], Check]:
    """Enter a check into the table for the public functions `names`."""

    def enter(check: Check) -> Check:
        for name in names:
            assert name not in CHECKS, name
            CHECKS[name] = check
        return check

    return enter


def array(data: Data, *shape: int, span: float = 1.0, signed: bool = True) -> np.ndarray:
    """Floats of one scale with zeros, ties and, now and then, any float among them; `span` < 1 keeps off the ends."""
    shift = int(span * data.draw(SCALES))
    plain = st.sampled_from(SPECIAL) | st.floats(-4.0, 4.0)
    entry = plain | plain | plain | (FLOATS if span == 1.0 else plain)
    drawn = data.draw(st.lists(entry, min_size=int(np.prod(shape)), max_size=int(np.prod(shape))))
    values = np.array([float(np.ldexp(item, shift)) if abs(item) <= 4.0 else item for item in drawn])
    return (values if signed else np.abs(values)).reshape(shape)


def radii(data: Data, *shape: int, span: float = 1.0, unbounded: bool = True) -> np.ndarray:
    """Radii: none at all, of one scale, or some of them infinite."""
    kind = data.draw(st.sampled_from(["none", "some", "some", "unbounded"] if unbounded else ["none", "some"]))
    if kind == "none":
        return np.zeros(shape)
    found = array(data, *shape, span=span, signed=False)
    if kind == "unbounded":
        bits = data.draw(st.lists(st.booleans(), min_size=found.size, max_size=found.size))
        found[np.array(bits, dtype=bool).reshape(shape)] = np.inf
    return found


def matrix_ball(data: Data, rows: int, columns: int, span: float = 1.0, unbounded: bool = True) -> MatrixBall:
    """A ball of matrices."""
    return MatrixBall(array(data, rows, columns, span=span), radii(data, rows, columns, span=span, unbounded=unbounded))


def tensor_ball(data: Data, *shape: int, span: float = 1.0, unbounded: bool = True) -> TensorBall:
    """A ball of tensors."""
    return TensorBall(array(data, *shape, span=span), radii(data, *shape, span=span, unbounded=unbounded))


def interval(data: Data, *shape: int, unbounded: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper ends, some equal and, if admitted, some infinite."""
    ends = np.sort(np.stack([array(data, *shape), array(data, *shape)]), axis=0)
    low, high = ends[0], np.where(data.draw(st.booleans()), ends[0], ends[1])
    if unbounded:
        bits = data.draw(st.lists(st.sampled_from("......-+"), min_size=low.size, max_size=low.size))
        marks = np.array(bits).reshape(shape)
        low, high = np.where(marks == "-", -np.inf, low), np.where(marks == "+", np.inf, high)
    return low, high


UNCHECKED |= {
    "certify.arithmetic.balls.midpoint": "an estimate, for display",
    "certify.arithmetic.definite_systems.scaled_solution": "an estimate: a step of a search",
    "certify.arithmetic.rounding.ratio_text": "to nearest",
    "certify.arithmetic.searches.confirmed": "as good as the check that it is given",
    "certify.arithmetic.searches.first_feasible": "as good as the check that it is given",
    "certify.arithmetic.searches.largest": "an estimate",
    "certify.envelopes.box_activations.ends_at": "an estimate: what it is off by is in the radius of `tangent`",
    "certify.envelopes.box_activations.flat_slope": "reads a parameter",
    "certify.envelopes.box_parts.along": "an estimate: its rounding is paid for where it is used",
    "certify.envelopes.box_parts.spread": "an estimate: its rounding is paid for where it is used",
    "certify.envelopes.box_rows.nodes_with_rows": "says where rows are worth their cost",
    "certify.bounds.enclosure.LinearParts.is_shallow": "says of which form the parts are",
    "certify.envelopes.box_rows.work_of_box": "counts what a box costs",
    "certify.envelopes.weighted.Rows.add": "an estimate: `rounding` is what it is off by",
    "certify.envelopes.weighted.Rows.rounding": "checked within `weighted_lower`, which pays it",
}
