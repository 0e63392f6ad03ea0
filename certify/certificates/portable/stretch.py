"""M and m of a network by the matrix inequality of `certify.bounds.semidefinite`, as portable certificates.

There increments are centred, eta = s - v/2 for slopes in [0, 1]; here s itself is the coordinate, and the quadratic
forms are the same: (v/2)^2 - eta^2 = s (v - s). So the multipliers that are found there serve here.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from certify.arithmetic.arrays import FloatArray
from certify.arithmetic.intervals import MatrixBall, add, exact_matrix, multiply, scale, scale_columns, subtract
from certify.bounds.bracket import Region
from certify.bounds.effort import Work
from certify.bounds.ranges import node_ranges
from certify.bounds.semidefinite import LARGEST_SIZE, proved_end, reduced_form
from certify.certificates.portable.exact_text import hexadecimal, rounded_down, rounded_up
from certify.certificates.portable.factor import semidefinite_factor
from certify.certificates.portable.question import Question
from certify.envelopes.lifted_form import LiftedNetwork, lifted_network

GREATEST_SLOPE = {"tanh": 1.0, "sigmoid": 0.25, "relu": 1.0, "softplus": 1.0}
"""sigma' has its values between 0 and this, for the activations that the checker knows."""

ROOM = (1e-9, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4)
"""Shares of the claim that are given up, in this order, until the inequality is verified."""


def stretch_certificate(question: Question, name: str, sign: float) -> dict[str, Any] | str:
    """The certificate of M (`sign` 1) or of m (`sign` -1) on all of R^d, or the reason why there is none."""
    graph = question.generator.graph
    form = reduced_form(graph, node_ranges(graph, Region(None)))
    network = lifted_network(graph)
    if form is None or network is None or network.partners is not None or form.size > LARGEST_SIZE:
        return "the matrix inequality needs a network without products, with bounded slopes, of at most 1,200 neurons"
    if not {sigma for sigma, _ in network.sigmas} <= set(GREATEST_SLOPE):
        return f"the checker knows the activations {', '.join(GREATEST_SLOPE)}"
    found = proved_end(form, form.output, sign, Work())
    if found.multipliers is None:
        return f"the search found no {name}"
    value, multipliers = found.value, np.array(found.multipliers.values)
    for room in ROOM:
        near = Fraction(value) * (1 + Fraction(room) * (1 if sign > 0 else -1))
        claim = rounded_up(near) if sign > 0 else rounded_down(near)
        factor = semidefinite_factor(stretch_inequality(network, claim * claim, multipliers, sign))
        if factor is not None:
            return {"claims": {name: str(claim)}, "multipliers": hexadecimal(multipliers), "factor": factor}
    return f"no {name} was verified"


def stretch_inequality(network: LiftedNetwork, square: Fraction, multipliers: FloatArray, sign: float) -> MatrixBall:
    """Sign (square E - W^T W) - sum_k T_k Q_k in increments (delta, s). Enclosure, rounded outward."""
    d, k = network.latent_dim, network.neurons
    inputs, image = (MatrixBall(part.midpoint[:, 1:], part.radius[:, 1:]) for part in (network.inputs, network.output))
    slopes = np.array([GREATEST_SLOPE[sigma] for sigma, _ in network.sigmas])
    outputs = exact_matrix(np.concatenate([np.zeros((k, d)), np.eye(k)], axis=1))
    gap = subtract(scale_columns(inputs.transpose, exact_matrix(slopes[None])).transpose, outputs)
    half = multiply(scale_columns(outputs.transpose, exact_matrix(multipliers[None] / 2)), gap)
    size = float(square)
    corner = np.concatenate([np.ones(d), np.zeros(k)])
    identity = MatrixBall(np.diag(size * corner), np.diag(np.spacing(size) * corner))
    total = scale(subtract(identity, multiply(image.transpose, image)), sign)
    return subtract(total, add(half, half.transpose))
