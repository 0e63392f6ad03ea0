"""Functions that ONNX Runtime lacks in float64, composed of operators that it has in every version since 1.20.

What is written is, as a function of real numbers, within a known distance of the function that it is named after:

| function | composition | relative distance, proved in balls by a test |
| --- | --- | --- |
| cos(v) | 1 - 2 sin(v/2)^2 | 0 |
| Q(t) = 1 - Phi(t), 0 <= t <= 40 | exp(-t^2/2) P(1.25 - 11.25/(t + 5))/(t + 5), P of degree 21 | 8e-17 |
| atan(v) | atan(u) = 2 atan(u/(1 + sqrt(1 + u^2))) three times, then Taylor's polynomial of degree 17 | 8e-17 |

The numbers are part of the file format: a file with others is not read as these functions. Change none; a better
composition is written beside them, so that old files are still read.
"""

from __future__ import annotations

import math

from certify.generators.onnx_writer import Scope

TAIL_CLIP = 40.0
"""Beyond it Q < 1e-349, which is zero in float64."""
TAIL_COEFFICIENTS = (
    0.8496957717177204,
    -0.7004649271683128,
    0.4843749841428298,
    -0.27811948195867736,
    0.12948165075053408,
    -0.046439848470962594,
    0.011238259243209798,
    -0.000892236000337441,
    -0.0005313521491205502,
    0.00019836150632540007,
    4.026957339606411e-06,
    -1.8309526360192415e-05,
    1.9813449182821493e-06,
    1.631659380510775e-06,
    -3.140328359177676e-07,
    -1.6570565106942252e-07,
    3.7177300934129605e-08,
    1.9534160441358848e-08,
    -3.645170416219309e-09,
    -2.318753793064673e-09,
    2.3005342196801946e-10,
    1.8596840652008676e-10,
)
"""P by rising powers: (t + 5) exp(t^2/2) Q(t) at 22 Chebyshev points of w = 1.25 - 11.25/(t + 5), -1 <= w <= 1."""
ATAN_HALVINGS = 3
ATAN_SERIES = tuple((-1.0) ** term / (2 * term + 1) for term in range(9))
HALF_PI = 0.5 * math.pi


def cosine(scope: Scope, v: str) -> str:
    """The cosine; ONNX Runtime 1.20 has no float64 kernel of Cos."""
    sine = scope.apply("Sin", scope.multiply(v, 0.5))
    return scope.subtract(1.0, scope.multiply(scope.multiply(sine, sine), 2.0))


def clipped_size(scope: Scope, v: str) -> str:
    """The size t = min(|v|, 40)."""
    return scope.operator("Min", [scope.apply("Abs", v), scope.scalar(TAIL_CLIP)])


def normal_exponential(scope: Scope, t: str) -> str:
    """exp(-t^2/2) for 0 <= t <= 40 to the relative accuracy of exp: t^2 = h^2 + (t - h)(t + h), h = floor(16 t)/16."""
    coarse = scope.multiply(scope.apply("Floor", scope.multiply(t, 16.0)), 0.0625)
    # h has ten bits, so that h^2 and t - h are exact.
    main = scope.apply("Exp", scope.multiply(scope.multiply(coarse, coarse), -0.5))
    rest = scope.multiply(scope.subtract(t, coarse), scope.add(t, coarse))
    return scope.multiply(main, scope.apply("Exp", scope.multiply(rest, -0.5)))


def normal_tail(scope: Scope, t: str) -> str:
    """Q(t) = 1 - Phi(t) for 0 <= t <= 40."""
    reciprocal = scope.divide(1.0, scope.add(t, 5.0))
    place = scope.subtract(1.25, scope.multiply(reciprocal, 11.25))
    quotient = scope.multiply(_horner(scope, place, TAIL_COEFFICIENTS), reciprocal)
    return scope.multiply(normal_exponential(scope, t), quotient)


def arctangent(scope: Scope, v: str) -> str:
    """The arc tangent: |v| > 1 goes to its reciprocal first, so that no square overflows; the sign is that of v."""
    size = scope.apply("Abs", v)
    reduced = scope.operator("Min", [size, scope.divide(1.0, scope.operator("Max", [size, scope.scalar(1.0)]))])
    for _ in range(ATAN_HALVINGS):
        root = scope.apply("Sqrt", scope.add(scope.multiply(reduced, reduced), 1.0))
        reduced = scope.operator("Div", [reduced, scope.add(root, 1.0)])
    angle = scope.multiply(_horner(scope, scope.multiply(reduced, reduced), ATAN_SERIES), reduced)
    angle = scope.multiply(angle, 2.0**ATAN_HALVINGS)
    large = scope.operator("Greater", [size, scope.scalar(1.0)])
    turned = scope.operator("Where", [large, scope.subtract(HALF_PI, angle), angle])
    return scope.multiply(turned, scope.apply("Sign", v))


def _horner(scope: Scope, place: str, coefficients: tuple[float, ...]) -> str:
    """The polynomial with these coefficients, by rising powers, at `place`."""
    total = scope.multiply(place, coefficients[-1])
    for coefficient in coefficients[-2:0:-1]:
        total = scope.multiply(scope.add(total, coefficient), place)
    return scope.add(total, coefficients[0])
