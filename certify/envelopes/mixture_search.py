"""Where the Gaussians of a mixture below exp(-f) are put: a float search by stochastic gradients. Estimate.

Minimised over means, one lower triangular factor B and shares is E_r[f + log r], what Jensen's inequality loses of
log int exp(-f) up to a constant, plus what the expansions of E f are going to pay, by the model

    charge (sum_k |B' Q_k B|^2)^GROWTH,

Q_k the second order of the second layer's inputs. Gradients go through draws z = m_k + B y. Nothing here is trusted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from certify.arithmetic.intervals import FloatArray, MatrixBall
from certify.envelopes.gaussian_layers import IntArray, neurons_by_layer, two_layers
from certify.envelopes.gaussian_moments import GRADED
from certify.envelopes.lifted_form import LiftedNetwork
from certify.envelopes.posterior_moments import Moments
from certify.generators.activations import activation

Slopes: TypeAlias = Callable[[FloatArray], tuple[FloatArray, FloatArray]]
"""Points (b, d) to f (b,) and its gradients (b, d)."""

GROWTH = 1.6
"""What expansions pay goes like this power of the squared curvatures: measured."""

STEPS, DRAWS, RATE = 600, 512, 0.03
FIRST, SECOND = 0.9, 0.99
"""How long the running means of gradients and of their squares remember."""

NARROW, SPREAD = 0.7, 0.6
"""Where the search starts, in deviations of the posterior: the Gaussians' width, and how far apart they are."""

LEAST_SHARE = 1e-4


@dataclass(frozen=True, eq=False)
class Curvatures:
    """Q_k (k, d, d) in coordinates in which the posterior is standard."""

    forms: FloatArray

    def size(self, factor: FloatArray) -> float:
        """Sum_k |B' Q_k B|^2."""
        return float(np.square(np.einsum("ai,kab,bj->kij", factor, self.forms, factor)).sum())

    def charge(self, factor: FloatArray, paid: float) -> float:
        """What makes the model say `paid` at B; 0 where it says nothing."""
        with np.errstate(all="ignore"):
            cost = float(np.float64(self.size(factor)) ** GROWTH)
        return paid / cost if cost > 0.0 else 0.0

    def slopes(self, factor: FloatArray) -> FloatArray:
        """Gradient of `size`^GROWTH by B."""
        turned = self.forms @ factor
        inner = factor.T @ turned
        total = float(np.square(inner).sum())
        return np.asarray(4.0 * GROWTH * total ** (GROWTH - 1.0) * (turned @ inner).sum(axis=0))


@dataclass(frozen=True, eq=False)
class Placed:
    """Gaussians N(`means`_k, BB') of `shares`; B = `factor`, with axes along which the means are uncorrelated."""

    means: FloatArray
    factor: FloatArray
    shares: FloatArray


def curvatures_of(network: LiftedNetwork, moments: Moments) -> Curvatures:
    """The second orders under a Gaussian that is narrower than the posterior by `NARROW`."""
    layers = two_layers(network, moments.mean, NARROW * moments.factor, GRADED, GRADED)
    assert layers is not None, "the caller has looked"
    bends, units = layers.base.plain.midpoint[:, 2], layers.base.units.midpoint
    rows = layers.weights.midpoint * bends
    return Curvatures((rows @ _outer_squares(units)).reshape(len(rows), *[moments.mean.size] * 2) / NARROW**2)


def _outer_squares(units: FloatArray) -> FloatArray:
    return np.asarray((units[:, :, None] * units[:, None]).reshape(len(units), -1))


def potential_slopes(network: LiftedNetwork, form: MatrixBall) -> Slopes:
    """F = x'Ax/2 and its gradient behind two layers, in floats."""
    layers = neurons_by_layer(network)
    assert layers is not None, "the caller has looked"
    first, second = layers
    d, rows, whole = network.latent_dim, network.inputs.midpoint, form.midpoint
    used = np.flatnonzero(whole.any(axis=0))
    matrix = whole[np.ix_(used, used)]
    deep = rows[second][:, 1 + d + first]

    def evaluated(points: FloatArray) -> tuple[FloatArray, FloatArray]:
        x = np.zeros((len(points), 1 + d + len(rows)))
        x[:, 0], x[:, 1 : 1 + d] = 1.0, points
        inputs = x[:, : 1 + d] @ rows[:, : 1 + d].T
        x[:, 1 + d + first], bent = _activated(network, first, inputs[:, first])
        x[:, 1 + d + second], steep = _activated(network, second, inputs[:, second] + x[:, 1 + d + first] @ deep.T)
        kept = x[:, used]
        turned = np.zeros(x.shape)
        turned[:, used] = kept @ matrix
        values = 0.5 * (kept * turned[:, used]).sum(axis=1)
        outer = turned[:, 1 + d + second] * steep
        inner = (turned[:, 1 + d + first] + outer @ deep) * bent
        slopes = turned[:, 1 : 1 + d] + outer @ rows[second, 1 : 1 + d] + inner @ rows[first, 1 : 1 + d]
        return values, slopes

    return evaluated


def _activated(network: LiftedNetwork, chosen: IntArray, inputs: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Values and slopes of the `chosen` neurons at `inputs` (b, k)."""
    values, slopes = np.zeros(inputs.shape), np.zeros(inputs.shape)
    sigmas = [network.sigmas[index] for index in chosen]
    for sigma in dict.fromkeys(sigmas):
        which = np.array([other == sigma for other in sigmas])
        name, parameters = sigma
        values[:, which], slopes[:, which] = activation(name).numeric(inputs[:, which], parameters, 1)[:2]
    return values, slopes


def placed(count: int, moments: Moments, slopes: Slopes, curvatures: Curvatures, charge: float) -> Placed:
    """At most `count` Gaussians; the same for the same arguments. Adam's steps, shorter in the second half.

    Raises:
        LinAlgError: where the search leaves the floats.
    """
    random, d = np.random.default_rng([count, 0x61]), moments.mean.size
    each = max(2, DRAWS // (2 * count))
    parts = [SPREAD * random.standard_normal((count, d)) * (count > 1), NARROW * np.eye(d), np.zeros(count)]
    averages, squares = [np.zeros(part.shape) for part in parts], [np.zeros(part.shape) for part in parts]
    for step in range(STEPS):
        noise = random.standard_normal((count, each, d))
        noise = np.concatenate([noise, -noise], axis=1)
        with np.errstate(all="ignore"):
            gradients = _gradients(parts, noise, moments, slopes)
            gradients[1] = np.tril(gradients[1] + charge * curvatures.slopes(parts[1]))
        rate = RATE * min(1.0, 2.0 * (STEPS - step) / STEPS)
        for place, gradient in enumerate(gradients):
            if not np.isfinite(gradient).all():
                raise np.linalg.LinAlgError
            averages[place] = FIRST * averages[place] + (1.0 - FIRST) * gradient
            squares[place] = SECOND * squares[place] + (1.0 - SECOND) * gradient**2
            size = np.sqrt(squares[place] / (1.0 - SECOND ** (step + 1))) + 1e-8
            parts[place] = parts[place] - rate * averages[place] / (1.0 - FIRST ** (step + 1)) / size
    means, factor, shares = parts[0], parts[1], _softmax(parts[2])
    chosen = shares > LEAST_SHARE
    means, shares = means[chosen], shares[chosen] / shares[chosen].sum()
    # Along the factor's axes the means are uncorrelated: tilts are found there sooner.
    own = np.linalg.solve(factor, means.T).T
    own = own - shares @ own
    _, axes = np.linalg.eigh((own * shares[:, None]).T @ own)
    return Placed(moments.mean + means @ moments.factor.T, moments.factor @ factor @ axes, shares)


def _gradients(parts: list[FloatArray], noise: FloatArray, moments: Moments, slopes: Slopes) -> list[FloatArray]:
    """Of E_r[f + log r] by means and logarithms of shares, times their number, and by the factor."""
    means, factor, logs = parts
    count, each, d = noise.shape
    shares = _softmax(logs)
    points = (means[:, None] + noise @ factor.T).reshape(-1, d)
    values, gradients = slopes(moments.mean + points @ moments.factor.T)
    inverse = np.linalg.inv(factor)
    own, middles = points @ inverse.T, means @ inverse.T
    exponents = own @ middles.T - 0.5 * np.square(middles).sum(axis=1) + np.log(shares)
    most = exponents.max(axis=1, keepdims=True)
    parts_of = np.exp(exponents - most)
    total = parts_of.sum(axis=1)
    densities = most[:, 0] + np.log(total) - 0.5 * np.square(own).sum(axis=1)
    pull = (parts_of / total[:, None]) @ middles - own
    moved = (gradients @ moments.factor + pull @ inverse).reshape(count, each, d)
    heights = (values + densities).reshape(count, each).mean(axis=1)
    weighted = moved * (shares / each)[:, None, None]
    return [
        count * weighted.sum(axis=1),
        weighted.reshape(-1, d).T @ noise.reshape(-1, d),
        count * shares * (heights - shares @ heights),
    ]


def _softmax(logs: FloatArray) -> FloatArray:
    parts = np.exp(logs - logs.max())
    return np.asarray(parts / parts.sum())
