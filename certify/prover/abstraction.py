"""What is not rational becomes a variable, with the named lemmas that say what is known of it.

exp, log, roots and powers are replaced by new real variables; each lemma is a clause (a disjunction of polynomial
relations) that holds for the true values, so whatever follows from the clauses holds of the functions. Nothing else is
said of a variable: a model of the clauses is a candidate for a counterexample and no more.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import sympy as sp

from certify.arithmetic.balls import lower, precision, upper
from certify.prover.claim import Relation, Sign, is_integer_valued
from certify.symbolic.evaluation import evaluate_ball

Literal = tuple[sp.Expr, Sign]
"""expression SIGN 0."""

PAIRS = 6
"""Up to so many variables of one kind, every pair is compared."""


@dataclass(frozen=True)
class Lemma:
    """A named clause: at least one of `literals` holds, whatever the parameters are where everything is defined.

    `arguments` are the expressions at which the named statement is taken, in the order of its letters.
    """

    name: str
    literals: tuple[Literal, ...]
    arguments: tuple[sp.Expr, ...] = ()


class Abstraction:
    """Relations with every function replaced by a variable, and the lemmas about these variables.

    `integers` are the parameters that take integer values, for powers with such an exponent.
    """

    def __init__(self, integers: frozenset[sp.Symbol] = frozenset()) -> None:
        self.integers = integers
        self.lemmas: list[Lemma] = []
        self._variables: dict[sp.Expr, sp.Symbol] = {}
        self._products: dict[sp.Expr, sp.Expr] = {}
        self._logarithms: dict[sp.Expr, tuple[sp.Expr, sp.Symbol, tuple[Literal, ...]]] = {}
        self._powers: list[tuple[sp.Expr, sp.Expr, sp.Symbol]] = []

    @property
    def definitions(self) -> dict[sp.Symbol, sp.Expr]:
        """What each variable stands for."""
        return {variable: expression for expression, variable in self._variables.items()}

    def rational(self, expression: sp.Expr) -> sp.Expr:
        """The expression as a rational function of parameters and variables.

        Raises:
            NotImplementedError: for a function about which no lemma is known.
        """
        if expression.is_Symbol or expression.is_Rational:
            return expression
        if isinstance(expression, (sp.Add, sp.Mul)):
            return expression.func(*(self.rational(argument) for argument in expression.args))
        if expression is sp.pi:
            return self._number(expression)
        if expression is sp.E:
            return self._exponential(sp.Integer(1))
        if isinstance(expression, sp.exp):
            return self._exponential(expression.args[0])
        if isinstance(expression, sp.Pow):
            return self._power(*expression.args)
        if isinstance(expression, sp.log):
            return self._logarithm(expression.args[0])
        if isinstance(expression, (sp.Abs, sp.Min, sp.Max)):
            return self._choice(expression)
        if isinstance(expression, (sp.sin, sp.cos)):
            return self._trigonometric(expression)
        raise NotImplementedError(f"no lemma is known about `{expression.func.__name__}`")

    def literal(self, relation: Relation) -> Literal:
        """The relation over variables."""
        return self.rational(relation.expression), relation.sign

    def compare_pairs(self) -> None:
        """Add the tangent lemmas between all pairs of exponentials, logarithms and powers. Call once, at the end."""
        products = list(self._products.items())
        if len(products) <= PAIRS:
            for (u, left), (v, right) in itertools.permutations(products, 2):
                gap = self.rational(u - v)
                tangent = (left - right * (1 + gap), Sign.NON_NEGATIVE)
                self._say("exp(u) >= exp(v) (1 + u - v)", tangent, of=(u, v))
        logarithms = list(self._logarithms.items())
        if len(logarithms) <= PAIRS:
            for (x, (w, left, some)), (y, (v, right, others)) in itertools.permutations(logarithms, 2):
                tangent = (w - v - v * (left - right), Sign.NON_NEGATIVE)
                self._say("log(w) - log(v) <= (w - v)/v", *some, *others, tangent, of=(x, y))
        if len(products) * len(logarithms) <= PAIRS**2:
            for (u, power), (x, (w, made, some)) in itertools.product(products, logarithms):
                gap = made - self.rational(u)
                above, below = w - power - power * gap, w * gap - w + power
                self._say("log(w) - u <= (w - exp(u))/exp(u)", *some, (above, Sign.NON_NEGATIVE), of=(u, x))
                self._say("log(w) - u >= (w - exp(u))/w", *some, (below, Sign.NON_NEGATIVE), of=(u, x))
        powers = [(a, x, left, self.definitions[left]) for a, x, left in self._powers]
        for (a, x, left, first), (b, y, right, second) in itertools.permutations(powers, 2):
            if x == y and len(powers) <= PAIRS:
                self._say(
                    "0 <= a <= b and x >= 0 give a^x <= b^x",
                    *_unless((a, Sign.NON_NEGATIVE), (b - a, Sign.NON_NEGATIVE), (x, Sign.NON_NEGATIVE)),
                    (right - left, Sign.NON_NEGATIVE),
                    of=(first.args[0], *second.args),
                )
        if self._products:
            for base, exponent, power in self._powers:
                bound = self._exponential(sp.expand(exponent * (base - 1)))
                self._say(
                    "b^x <= exp(x (b - 1)), b >= 0, x >= 0",
                    *_unless((base, Sign.NON_NEGATIVE), (exponent, Sign.NON_NEGATIVE)),
                    (bound - power, Sign.NON_NEGATIVE),
                    of=self.definitions[power].args,
                )

    def _say(self, name: str, *literals: Literal, of: tuple[sp.Expr, ...] = ()) -> None:
        self.lemmas.append(Lemma(name, tuple(literals), of))

    def _variable(self, expression: sp.Expr, letter: str) -> tuple[sp.Symbol, bool]:
        """The variable of an expression, and whether it is new."""
        if expression in self._variables:
            return self._variables[expression], False
        made = sp.Symbol(f"{letter}_{len(self._variables)}!", real=True)
        self._variables[expression] = made
        return made, True

    def _number(self, expression: sp.Expr) -> sp.Expr:
        """A constant between two rationals."""
        made, is_new = self._variable(expression, "c")
        if is_new:
            self._enclose(expression, made)
        return made

    def _enclose(self, expression: sp.Expr, variable: sp.Expr) -> None:
        with precision():
            found = evaluate_ball(expression, {})
        low, high = lower(found), upper(found)
        if math.isfinite(low) and math.isfinite(high):
            least, most = sp.Rational(low), sp.Rational(high)
            self._say(f"{expression} >= {low!r}", (variable - least, Sign.NON_NEGATIVE), of=(least, expression))
            self._say(f"{expression} <= {high!r}", (most - variable, Sign.NON_NEGATIVE), of=(expression, most))

    def _exponential(self, argument: sp.Expr) -> sp.Expr:
        """exp of a sum is the product of the parts' exponentials, each a power of the variable of its direction."""
        argument = sp.expand(argument)
        if argument == 0:
            return sp.Integer(1)
        product = sp.Integer(1)
        for term in sp.Add.make_args(argument):
            coefficient, rest = term.as_coeff_Mul(rational=True)
            if not coefficient.is_Rational:
                coefficient, rest = sp.Integer(1), term
            product *= self._exponential_of_term(sp.Rational(coefficient), rest)
        if argument not in self._products:
            self._products[argument] = product
            self._about_exponential(argument, product)
        return product

    def _exponential_of_term(self, coefficient: sp.Rational, rest: sp.Expr) -> sp.Expr:
        if coefficient.q != 1:
            # exp(p/q w) is the p-th power of exp(w/q), whose q-th power is exp(w).
            root, is_new = self._variable(sp.exp(rest / coefficient.q), "E")
            if is_new:
                whole = self._exponential_of_term(sp.Integer(1), rest)
                self._say("exp(w/q)^q = exp(w)", (root**coefficient.q - whole, Sign.ZERO), of=(rest, coefficient.q))
                self._say("exp(u) > 0", (root, Sign.POSITIVE), of=(rest / coefficient.q,))
            return root**coefficient.p
        base, is_new = self._variable(sp.exp(rest), "E")
        if is_new:
            self._say("exp(u) > 0", (base, Sign.POSITIVE), of=(rest,))
            if rest not in self._products:
                self._products[rest] = base
                self._about_exponential(rest, base)
        return base**coefficient.p

    def _about_exponential(self, argument: sp.Expr, product: sp.Expr) -> None:
        u = self.rational(argument)
        if u.is_Rational:
            self._enclose(sp.exp(argument), product)
            return
        at = (argument,)
        self._say("exp(u) >= 1 + u", (product - 1 - u, Sign.NON_NEGATIVE), of=at)
        self._say("exp(u) (1 - u) <= 1", (1 - product * (1 - u), Sign.NON_NEGATIVE), of=at)
        second = 2 * product - 2 - 2 * u - u**2
        above, below = _unless((u, Sign.NON_NEGATIVE)), _unless((-u, Sign.NON_NEGATIVE))
        self._say("exp(u) >= 1 + u + u^2/2, u >= 0", *above, (second, Sign.NON_NEGATIVE), of=at)
        self._say("exp(u) <= 1 + u + u^2/2, u <= 0", *below, (-second, Sign.NON_NEGATIVE), of=at)

    def _power(self, base: sp.Expr, exponent: sp.Expr) -> sp.Expr:
        if exponent.is_Integer:
            return self.rational(base) ** exponent
        if base is sp.E:
            return self._exponential(exponent)
        if exponent.is_Rational:
            return self._root(base, int(exponent.q)) ** int(exponent.p)
        if exponent.free_symbols <= self.integers and not base.is_nonzero:
            return self._power_of_any_base(base, exponent)
        return self._power_in_parts(base, exponent)

    def _power_in_parts(self, base: sp.Expr, exponent: sp.Expr) -> sp.Expr:
        """b^(x + k) = b^k b^x and b^-x = 1/b^x, where b is not 0."""
        constant, rest = sp.expand(exponent).as_coeff_Add()
        if constant.is_Integer and constant != 0:
            return self.rational(base) ** constant * self._power_in_parts(base, rest)
        if rest.as_coeff_Mul()[0].is_negative:
            return 1 / self._power_in_parts(base, -exponent)
        return self._general_power(base, exponent)

    def _power_of_any_base(self, base: sp.Expr, exponent: sp.Expr) -> sp.Expr:
        """b^x with an integer x, which has a value at b = 0 too: 0^0 is 1, whatever its parts would make of it."""
        is_new = base**exponent not in self._variables
        made = self._general_power(base, exponent)
        if is_new and base != 0:
            b, parts = self.rational(base), self._power_in_parts(base, exponent)
            if parts != made:
                self._say("b^(x + k) = b^k b^x, b != 0", (b, Sign.ZERO), (made - parts, Sign.ZERO))
        return made

    def _root(self, base: sp.Expr, order: int) -> sp.Expr:
        made, is_new = self._variable(base ** sp.Rational(1, order), "s")
        if is_new:
            inner = self.rational(base)
            name = "sqrt(w)^2 = w, sqrt(w) >= 0" if order == 2 else f"w^(1/{order}) is the root that is not negative"
            self._say(name, (made, Sign.NON_NEGATIVE), of=(base,))
            self._say(name, (made**order - inner, Sign.ZERO), of=(base,))
            if inner.is_Rational:
                self._enclose(base ** sp.Rational(1, order), made)
        return made

    def _general_power(self, base: sp.Expr, exponent: sp.Expr) -> sp.Expr:
        made, is_new = self._variable(base**exponent, "p")
        if not is_new:
            return made
        b, x = self.rational(base), self.rational(exponent)
        self._powers.append((b, x, made))
        some, none, large, small = (
            (b, Sign.NON_NEGATIVE),
            (x, Sign.NON_NEGATIVE),
            (b - 1, Sign.NON_NEGATIVE),
            (1 - b, Sign.NON_NEGATIVE),
        )
        at = (base, exponent)
        self._say("b > 0 gives b^x > 0", *_unless((b, Sign.POSITIVE)), (made, Sign.POSITIVE), of=at)
        self._say("b >= 0 gives b^x >= 0", *_unless(some), (made, Sign.NON_NEGATIVE), of=at)
        self._say("b^0 = 1", (x, Sign.NON_ZERO), (made - 1, Sign.ZERO), of=at)
        self._say("b >= 1, x >= 0 give b^x >= 1", *_unless(large, none), (made - 1, Sign.NON_NEGATIVE), of=at)
        self._say(
            "0 <= b <= 1, x >= 0 give b^x <= 1", *_unless(some, small, none), (1 - made, Sign.NON_NEGATIVE), of=at
        )
        above = made - 1 - x * (b - 1)
        steep = (x - 1, Sign.NON_NEGATIVE)
        self._say(
            "Bernoulli: b^x >= 1 + x (b - 1), b >= 0, x >= 1", *_unless(some, steep), (above, Sign.NON_NEGATIVE), of=at
        )
        self._say(
            "0 <= b <= 1, x >= 1 give b^x <= b", *_unless(some, small, steep), (b - made, Sign.NON_NEGATIVE), of=at
        )
        inverse = b - made * (b + x * (1 - b))
        self._say("Bernoulli of 1/b", *_unless((b, Sign.POSITIVE), steep), (inverse, Sign.NON_NEGATIVE), of=at)
        self._say("b != 0 gives b^x != 0", (b, Sign.ZERO), (made, Sign.NON_ZERO), of=at)
        if is_integer_valued(exponent, self.integers):
            # An integer x >= 0 is 0 or at least 1, where Bernoulli speaks.
            self._say("an integer x > 0 is at least 1", (-x, Sign.NON_NEGATIVE), steep, of=at)
        else:
            flat = (1 - x, Sign.NON_NEGATIVE)
            self._say("Bernoulli, 0 <= x <= 1", *_unless(some, none, flat), (-above, Sign.NON_NEGATIVE), of=at)
        return made

    def _logarithm(self, argument: sp.Expr, is_defined: bool = True) -> sp.Expr:
        """The variable of log(argument); where it is not known to be defined every lemma asks for argument > 0."""
        made, is_new = self._variable(sp.log(argument), "L")
        if not is_new:
            return made
        w = self.rational(argument)
        if w.is_Rational and w > 0:
            self._enclose(sp.log(argument), made)
        given = () if is_defined else tuple(_unless((w, Sign.POSITIVE)))
        self._logarithms[argument] = (w, made, given)
        large, small = _unless((w - 1, Sign.NON_NEGATIVE)), _unless((1 - w, Sign.NON_NEGATIVE))
        odd, even = made * (w + 1) - 2 * (w - 1), w**2 - 1 - 2 * w * made
        at = (argument,)
        self._say("log(w) <= w - 1", *given, (w - 1 - made, Sign.NON_NEGATIVE), of=at)
        self._say("log(w) >= 1 - 1/w", *given, (w * made - w + 1, Sign.NON_NEGATIVE), of=at)
        self._say("log(w) >= 2 (w - 1)/(w + 1), w >= 1", *given, *large, (odd, Sign.NON_NEGATIVE), of=at)
        self._say("log(w) <= 2 (w - 1)/(w + 1), w <= 1", *given, *small, (-odd, Sign.NON_NEGATIVE), of=at)
        self._say("log(w) <= (w - 1/w)/2, w >= 1", *given, *large, (even, Sign.NON_NEGATIVE), of=at)
        self._say("log(w) >= (w - 1/w)/2, w <= 1", *given, *small, (-even, Sign.NON_NEGATIVE), of=at)
        self._split_logarithm(argument, made)
        return made

    def _split_logarithm(self, argument: sp.Expr, made: sp.Symbol) -> None:
        """log of a product of positive numbers is the sum of the logarithms; the parts need not be positive."""
        factors = [item.as_base_exp() for item in sp.Mul.make_args(sp.factor_terms(argument))]
        if len(factors) == 1 and (factors[0][1] == 1 or factors[0][0] == argument):
            return
        if not all(exponent.is_Rational for _, exponent in factors):
            return
        bases = [(self.rational(base), Sign.POSITIVE) for base, _ in factors]
        total = sum(exponent * self._logarithm(base, is_defined=False) for base, exponent in factors if base != 1)
        self._say("log(a b) = log(a) + log(b), a, b > 0", *_unless(*bases), (made - total, Sign.ZERO), of=(argument,))

    def _choice(self, expression: sp.Expr) -> sp.Expr:
        made, is_new = self._variable(expression, "m")
        if not is_new:
            return made
        if isinstance(expression, sp.Abs):
            inner = self.rational(expression.args[0])
            arguments: Sequence[sp.Expr] = (inner, -inner)
        else:
            arguments = tuple(self.rational(argument) for argument in expression.args)
        sign = -1 if isinstance(expression, sp.Min) else 1
        name = f"{expression.func.__name__.lower()} is the extreme of its arguments"
        for argument in arguments:
            self._say(name, (sign * (made - argument), Sign.NON_NEGATIVE), of=(expression,))
        self._say(name, *((made - argument, Sign.ZERO) for argument in arguments), of=(expression,))
        return made

    def _trigonometric(self, expression: sp.Expr) -> sp.Expr:
        u = sp.expand(expression.args[0])
        if u.could_extract_minus_sign():
            return self.rational(sp.cos(-u)) if isinstance(expression, sp.cos) else -self.rational(sp.sin(-u))
        sine, is_new = self._variable(sp.sin(u, evaluate=False), "t")
        cosine, _ = self._variable(sp.cos(u, evaluate=False), "t")
        if is_new:
            x = self.rational(u)
            if x.is_Rational:
                self._enclose(sp.sin(u), sine)
                self._enclose(sp.cos(u), cosine)
            positive = _unless((x, Sign.NON_NEGATIVE))
            at = (u,)
            self._say("sin^2 + cos^2 = 1", (sine**2 + cosine**2 - 1, Sign.ZERO), of=at)
            self._say("sin(u) <= u, u >= 0", *positive, (x - sine, Sign.NON_NEGATIVE), of=at)
            self._say("sin(u) >= u - u^3/6, u >= 0", *positive, (6 * sine - 6 * x + x**3, Sign.NON_NEGATIVE), of=at)
            self._say("sin(u) >= u, u <= 0", *_unless((-x, Sign.NON_NEGATIVE)), (sine - x, Sign.NON_NEGATIVE), of=at)
            self._say("cos(u) >= 1 - u^2/2", (2 * cosine - 2 + x**2, Sign.NON_NEGATIVE), of=at)
            self._say("cos(u) <= 1 - u^2/2 + u^4/24", (24 - 12 * x**2 + x**4 - 24 * cosine, Sign.NON_NEGATIVE), of=at)
        return sine if isinstance(expression, sp.sin) else cosine


def _unless(*premises: Literal) -> Iterable[Literal]:
    """The literals of which one holds wherever a premise fails."""
    made = []
    for expression, sign in premises:
        opposite, factor = sign.negation
        made.append((factor * expression, opposite))
    return made
