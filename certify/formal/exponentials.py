"""The prover's abstraction, with exponentials in the form that a script wants: no fractional powers, few quotients."""

from __future__ import annotations

from collections.abc import Iterable

import sympy as sp

from certify.formal.expressions import NotFormalisedError
from certify.prover.abstraction import Abstraction
from certify.prover.claim import Sign


class ScriptAbstraction(Abstraction):
    """exp(c w) for the coefficients c that occur becomes a power of one variable exp(u w).

    u is their greatest common divisor, negative where they all are: exp(-eta mu) alone is a variable and no quotient.
    """

    def __init__(self, integers: frozenset[sp.Symbol], expressions: Iterable[sp.Expr]) -> None:
        super().__init__(integers)
        found: dict[sp.Expr, list[sp.Rational]] = {}
        for expression in expressions:
            for part in expression.atoms(sp.exp):
                for coefficient, rest in _terms(part.args[0]):
                    found.setdefault(rest, []).append(coefficient)
        self._units = {rest: _unit(coefficients) for rest, coefficients in found.items()}

    def _exponential_of_term(self, coefficient: sp.Rational, rest: sp.Expr) -> sp.Expr:
        unit = self._units.setdefault(rest, coefficient)
        power = coefficient / unit
        if not power.is_Integer:
            raise NotFormalisedError(f"exp({coefficient * rest}) is no power of exp({unit * rest})")
        base, is_new = self._variable(sp.exp(unit * rest), "E")
        if is_new:
            self._say("exp(u) > 0", (base, Sign.POSITIVE), of=(unit * rest,))
            if unit * rest not in self._products:
                self._products[unit * rest] = base
                self._about_exponential(unit * rest, base)
        return base ** int(power)

    def compare_pairs(self) -> None:
        """The pairs, and those with exp(-u) where exp(u) is the inverse of a variable: the prover has the variable."""
        super().compare_pairs()
        for u, product in list(self._products.items()):
            if not product.is_Symbol or u.as_coeff_Mul()[0] > 0:
                continue
            for x, (w, made, some) in self._logarithms.items():
                gap = made + self.rational(u)
                above, below = w - 1 / product - gap / product, w * gap - w + 1 / product
                self._say("log(w) - u <= (w - exp(u))/exp(u)", *some, (above, Sign.NON_NEGATIVE), of=(-u, x))
                self._say("log(w) - u >= (w - exp(u))/w", *some, (below, Sign.NON_NEGATIVE), of=(-u, x))

    def _power_of_any_base(self, base: sp.Expr, exponent: sp.Expr) -> sp.Expr:
        """b^(k + 1) = b b^k for every b: Coq's exponents are natural numbers, and 0^0 is 1 there too."""
        return self._power_in_parts(base, exponent)


def _terms(argument: sp.Expr) -> list[tuple[sp.Rational, sp.Expr]]:
    found = []
    for item in sp.Add.make_args(sp.expand(argument)):
        coefficient, rest = item.as_coeff_Mul(rational=True)
        found.append((coefficient, rest) if coefficient.is_Rational else (sp.Integer(1), item))
    return found


def _unit(coefficients: list[sp.Rational]) -> sp.Rational:
    size = sp.gcd([abs(item) for item in coefficients])
    return -size if all(item < 0 for item in coefficients) else size
