"""Slack along a proof: the bits each step loses, held against a theorem where they are known by hand."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import sympy as sp
from flint import arb

import certify
from certify.bounds.bracket import unknown_brackets
from certify.checking.bound_places import place_of, without
from certify.checking.slack import slack_along
from certify.discovery.registry import theorems
from certify.errors import InputError
from certify.generators.specification import load_generator
from certify.proof.certified_choices import Certificate
from certify.proof.instance import Instance
from certify.proof.records import StepLoss, TheoremRecord
from certify.proof.theorem import Claim, Finding, Step, definition, setting
from certify.report.discovery import table_format
from certify.report.slack_tables import slack_along_figure, slack_table, total_bits
from certify.report.table import Document
from certify.report.terminal import draw, render_text
from certify.symbolic.declaration import declare, variables
from tests.records import record

c = declare("c", "(0, inf)", "c", "a constant")
A = declare("A", "(0, inf)", "A", "three quarters of the bound")
B = declare("B", "(0, inf)", "B", "the rest of it")
mu = declare("mu", "(0, inf)", r"\mu", "bounded from below")
(r0,) = variables("r0", "(0, inf)")
LINEAR = "linear:d=2,kappa=1.5,seed=0"


def _step(label: str, relation: Any, bound: sp.Expr, *findings: Finding) -> Step:
    return Step(label, f"step {label}", (Claim("claim", "Q", "Q", relation, bound, "everywhere"),), (),
                lambda instance: findings)  # fmt: skip


def _found(measured: float, **at: Any) -> Finding:
    return Finding("claim", measured, 1, at=at)


def _losses(*steps: Step, last: sp.Expr = 1 / mu, at: float = 1.0) -> dict[str, StepLoss]:
    """At c = 1: A = 3 c^2, mu = c, B = 1/mu (or `last`, which is `at`), and the final bound A + B = 4."""
    base = theorems()["langevin-mixing"]
    toy = replace(
        base,
        quantities=(setting(c), definition(A, 3 * c**2), definition(mu, c, "lower"), definition(B, last)),
        steps=steps,
        conclusion=replace(base.conclusion, distance=A + B),
    )
    values = {"c": arb(1), "A": arb(3), "mu": arb(1), "B": arb(at)}
    generator = load_generator(LINEAR)
    instance = Instance(
        toy, Certificate(values, {"c": Fraction(1)}, 4.0), generator, unknown_brackets(), generator.observed_dim, 0.1, 0
    )  # type: ignore[arg-type]
    return {item.step: item for item in slack_along(instance)}


def test_the_losses_are_those_known_by_hand() -> None:
    found = _losses(
        _step("upper", "<=", 3 * c**2, _found(1.0)),
        _step("bare", ">=", mu, _found(2.0)),
        _step("tight", "<=", 1 / mu, _found(1.0)),
        _step("nothing", "<=", 1 / mu, _found(0.0)),
    )
    assert found["upper"].bits == pytest.approx(1.0) and found["upper"].replaced == pytest.approx(2.0)
    assert found["upper"].used_as == ("A",) and found["upper"].measured == (pytest.approx(1 / 3),)
    assert found["tight"].bits == 0.0
    assert found["nothing"].bits == pytest.approx(math.log2(4 / 3))
    assert "bare" not in found, "a bare quantity bounds other things too"
    assert all(item.same_place for item in found.values())


def test_a_lower_bound_replaced_makes_what_rests_on_it_smaller() -> None:
    """B = 1/(mu + mu^2) with mu^2 measured twice what is claimed: 3 + 1/2 becomes 3 + 1/3."""
    found = _losses(_step("lower", ">=", mu**2, _found(2.0)), last=1 / (mu + mu**2), at=0.5)["lower"]
    assert found.same_place is True and found.used_as == ("B",)
    assert found.bits == pytest.approx(math.log2(3.5 / (3 + 1 / 3)))


def test_the_measurement_nearest_to_what_is_used_decides_and_is_marked() -> None:
    found = _losses(_step("far", "<=", r0 * c**2, _found(50.0, r0=100), _found(2.0, r0=4)))["far"]
    assert found.measured == (0.5,) and found.same_place is False
    assert found.bits == pytest.approx(math.log2(4 / 2.5))


def test_noise_beyond_a_claim_is_no_gain() -> None:
    assert _losses(_step("noisy", "<=", 3 * c**2, _found(3.3)))["noisy"].bits == 0.0


def test_what_is_composed_or_unmeasured_is_left_out() -> None:
    composed = replace(_found(1.0), composed=True)
    assert not _losses(_step("composed", "<=", 3 * c**2, composed), _step("nan", "<=", 3 * c**2, _found(math.nan)))


def test_a_part_is_found_whatever_the_order_and_not_where_it_is_not() -> None:
    x, y, z, v, w = sp.symbols("x y z v w", positive=True)
    free = frozenset({v, w})
    assert place_of(sp.exp(-(v**2)) + w, free, sp.sqrt(z + sp.exp(-(x**2)))) == z + sp.exp(-(x**2))
    assert place_of(v * sp.exp(-v), free, 2 + x * sp.exp(-x)) == x * sp.exp(-x)
    assert place_of(v * sp.exp(-v), free, 2 + x * sp.exp(-y)) is None
    assert place_of(sp.exp(1 + w / v**2), free, z + sp.exp(1 + x * y / z**2)) == sp.exp(1 + x * y / z**2)
    share = place_of(3 * v * y, free, 4 * x * y + z)
    assert share == 3 * x * y
    assert sp.simplify(without(4 * x * y + z, share, sp.Integer(0)) - (x * y + z)) == 0
    assert place_of(sp.exp(-v), free, 4 * x * sp.exp(-y)) is None, "a factor is another bound"
    assert place_of(v / (2 * y), free, x * z / y) is None, "nor does a variable take what is left of a larger share"
    assert place_of(5 * v * y, free, 4 * x * y + z) is None
    assert place_of(x + y, frozenset(), x + y + z) == x + y
    assert without(x + y + z, x + y, v) == v + z


def _lossy() -> TheoremRecord:
    losses = (
        StepLoss("S2", "curvature", ("lower",), ("mu",), (1.5,), 0.05, 1.0, True),
        StepLoss("S4", "tail & 100% <b>", ("tail",), ("tail",), (0.0,), 0.0, math.inf, False),
    )
    return replace(record(), losses=losses)


def test_the_table_prints_in_every_format_and_marks_what_was_carried_over() -> None:
    table = slack_table(_lossy())
    text = render_text(draw(table), 110)
    assert "S2" in text and "inf" in text and "*: measured at the nearest" in text
    for name in ("latex", "markdown", "csv", "html"):
        printed = table_format(name).render(Document((table,)))
        assert "S4" in printed and "inf" in printed and "<b>" not in printed.replace("<b> |", "") or name == "csv"
    assert slack_table(record()).rows == ()
    assert table.rows[-1][0].text == "all" and total_bits(_lossy()) is not None


def test_the_figure_is_written_and_refuses_nothing_to_draw(tmp_path: Path) -> None:
    (written,) = slack_along_figure(tmp_path / "bars.png", [_lossy()], "title")
    assert written.read_bytes().startswith(b"\x89PNG")
    with pytest.raises(InputError, match="nothing to draw"):
        slack_along_figure(tmp_path / "bars.png", [record()])


def test_records_of_losses_read_back() -> None:
    kept = _lossy().losses
    again = tuple(StepLoss.from_dict(item.to_dict()) for item in kept)
    assert again == kept


def test_the_slack_of_a_theorem_is_below_that_of_its_conclusion() -> None:
    found = certify.slack("langevin-mixing", LINEAR, beta="0.5")
    total = total_bits(found.record)
    assert total is not None
    assert {item.step for item in found.record.losses} == {"D17", "S7"}
    assert all(0.0 <= item.bits <= total[1] for item in found.record.losses)
    assert found.to_dict()["steps"][0]["step"] == "D17" and found.exit_code == 0
    with pytest.raises(InputError, match="generator"):
        certify.slack("langevin-mixing", None)  # type: ignore[arg-type]
