"""Functions that ONNX Runtime lacks in float64, composed of operators that it has in every version since 1.20.

What is written is, as a function of real numbers, within a known distance of the function that it is named after:

| function | composition | relative distance, proved in balls by a test |
| --- | --- | --- |
| cos(v) | 1 - 2 sin(v/2)^2 | 0 |
| Q(t) = 1 - Phi(t), 0 <= t <= 40 | exp(-t^2/2) P(1.2 - 8.8/(t + 4))/(t + 4), P of degree 22 | 5e-17 |
| atan(v) | atan(u) = 2 atan(u/(1 + sqrt(1 + u^2))) three times, then Taylor's polynomial of degree 17 | 5e-17 |

The numbers are part of the file format: a file with others is not read as these functions. Change none; a better
composition is written beside them, so that old files are still read.
"""

from __future__ import annotations

import math

from certify.generators.onnx_writer import Scope

TAIL_CLIP = 40.0
"""Beyond it Q < 1e-349, which is zero in float64."""
TAIL_COEFFICIENTS = (
    0.8138922507262536,
    -0.6209942868501249,
    0.36450805394676516,
    -0.15706331840039378,
    0.043269244021324524,
    -0.0033323154338811287,
    -0.002524424615835455,
    0.000752310507002498,
    0.00014808142068890105,
    -9.066465995059359e-05,
    -1.3667765382643406e-05,
    1.0797544071835409e-05,
    2.207874386011376e-06,
    -1.2658819072383059e-06,
    -4.456517318785913e-07,
    1.226518260326132e-07,
    8.69953738262116e-08,
    -4.0605796049288135e-09,
    -1.4483377285692494e-08,
    -1.5420700474562195e-09,
    1.7968948627646205e-09,
    2.6863577444037857e-10,
    -1.227307951546713e-10,
)
"""P by rising powers: (t + 4) exp(t^2/2) Q(t) interpolated at 23 Chebyshev points in w = 1.2 - 8.8/(t + 4), -1 to 1."""
ATAN_HALVINGS, ATAN_TERMS = 3, 8


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
    reciprocal = scope.divide(1.0, scope.add(t, 4.0))
    place = scope.subtract(1.2, scope.multiply(reciprocal, 8.8))
    quotient = scope.multiply(_horner(scope, place, TAIL_COEFFICIENTS), reciprocal)
    return scope.multiply(normal_exponential(scope, t), quotient)


def arctangent(scope: Scope, v: str) -> str:
    """The arc tangent: |v| > 1 goes to its reciprocal first, so that no square overflows; the sign is that of v."""
    size = scope.apply("Abs", v)
    reduced = scope.operator("Min", [size, scope.divide(1.0, scope.operator("Max", [size, scope.scalar(1.0)]))])
    for _ in range(ATAN_HALVINGS):
        root = scope.apply("Sqrt", scope.add(scope.multiply(reduced, reduced), 1.0))
        reduced = scope.operator("Div", [reduced, scope.add(root, 1.0)])
    series = tuple((-1.0) ** term / (2 * term + 1) for term in range(ATAN_TERMS + 1))
    angle = scope.multiply(_horner(scope, scope.multiply(reduced, reduced), series), reduced)
    angle = scope.multiply(angle, 2.0**ATAN_HALVINGS)
    large = scope.operator("Greater", [size, scope.scalar(1.0)])
    turned = scope.operator("Where", [large, scope.subtract(0.5 * math.pi, angle), angle])
    return scope.multiply(turned, scope.apply("Sign", v))


def _horner(scope: Scope, place: str, coefficients: tuple[float, ...]) -> str:
    """The polynomial with these coefficients, by rising powers, at `place`."""
    total = scope.multiply(place, coefficients[-1])
    for coefficient in coefficients[-2:0:-1]:
        total = scope.multiply(scope.add(total, coefficient), place)
    return scope.add(total, coefficients[0])
