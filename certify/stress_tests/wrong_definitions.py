"""Wrong constants in the definitions of a theorem: each number of each closed form halved and doubled, then all steps.

A wrong definition changes what the checks do (a step size, a number of layers, a radius), so every step runs again at
the choices of the honest certificate. A definition is wrong only if it claims more; one direction usually claims less,
so a constant counts as seen when either direction is refuted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import sympy as sp

from certify.arithmetic.balls import precision
from certify.checking.running import run_step
from certify.errors import CertifyError
from certify.posteriors.gaussian import is_affine
from certify.proof.closed_forms import enclose
from certify.proof.instance import Instance
from certify.proof.theorem import Quantity, Theorem
from certify.stress_tests.mutations import Constant, constants_of
from certify.verdict import Verdict

FACTORS = (2, 8)
EFFORT = 0.02
Row = tuple[str, str, str, float | None]


def wrong_definitions(theorem: Theorem, bank: Sequence[Instance]) -> list[Row]:
    """(definition, change, outcome, factor at which it is refuted) for every constant of every definition."""
    rows: list[Row] = []
    cases = _quickest(bank)
    for quantity in theorem.definitions:
        for constant in constants_of(quantity.definition):
            rows.append(_row(theorem, quantity, constant, cases))
    return rows


def _row(theorem: Theorem, quantity: Quantity, constant: Constant, cases: Sequence[Instance]) -> Row:
    for factor in FACTORS:
        for change, size in (("halved", sp.Rational(1, factor)), ("doubled", sp.Integer(factor))):
            wrong = _with(theorem, quantity, constant.scaled(quantity.definition, size))
            step = _refuting_step(wrong, cases)
            if step is not None:
                outcome = f"refuted by {step}" if factor == FACTORS[0] else "hidden by slack"
                return quantity.name, f"{constant.text} {change}", outcome, float(factor)
    return quantity.name, f"{constant.text} halved or doubled", "hidden by slack", None


def _refuting_step(theorem: Theorem, cases: Sequence[Instance]) -> str | None:
    for instance in cases:
        inputs = {
            name: value
            for name, value in instance.values.items()
            if name in instance.certificate.choices or theorem_input(theorem, name, instance)
        }
        try:
            with precision():
                values = enclose(theorem, inputs)
            again = replace(
                instance,
                theorem=theorem,
                certificate=replace(instance.certificate, values=values),
                effort=EFFORT,
                _shared={},
            )
            for step in theorem.steps:
                record = run_step(step, again)
                if record.verdict is Verdict.REFUTED:
                    return record.label
        except (CertifyError, ArithmeticError, ValueError, KeyError):
            # A wrong definition may leave the domain of everything that follows: then nothing is measured.
            continue
    return None


def theorem_input(theorem: Theorem, name: str, instance: Instance) -> bool:
    """Whether a value was given and not computed from a definition (a measured rho is given)."""
    quantity = next((item for item in theorem.quantities if item.name == name), None)
    if quantity is None or quantity.definition is None:
        return True
    with precision():
        computed = enclose(instance.theorem, {k: v for k, v in instance.values.items() if k != name}).get(name)
    return computed is None or not computed.overlaps(instance.values[name])


def _with(theorem: Theorem, quantity: Quantity, definition: sp.Expr) -> Theorem:
    changed = tuple(
        replace(item, definition=definition) if item.name == quantity.name else item for item in theorem.quantities
    )
    return replace(theorem, quantities=changed)


def _quickest(bank: Sequence[Instance]) -> list[Instance]:
    """Of the smallest instances one that is affine and one that is not: each runs all steps many times."""
    if any(item.subject is None for item in bank):
        return list(bank[:2])
    order = sorted(bank, key=lambda item: (item.generator.latent_dim, item.generator.parameters))
    kinds = ([item for item in order if is_affine(item.posterior()) is affine] for affine in (False, True))
    return [found[0] for found in kinds if found]
