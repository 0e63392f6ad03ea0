"""The page's charts of brackets and grid cells, and mathematics in its running text."""

from __future__ import annotations

import pytest

from certify.bounds.bracket import Bracket
from certify.report.page.bounds_charts import bracket_chart, grid_chart
from certify.report.page.grid import AXES, Grid
from certify.report.page.mathml import mathml
from certify.report.page.prose import prose


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("m^2/beta^2 <= M2", "m²/β² ≤ M₂"),
        ("zh = G^{-1}(x) on R^d (S2)", "zh = G⁻¹(x) on Rᵈ (S2)"),
        ("1/d^1.5, sqrt(d) and delta1", "1/d^1.5, √(d) and δ₁"),
        ("beta_max of path/beta.onnx in [0, inf)", "beta_max of path/beta.onnx in [0, ∞)"),
    ],
)
def test_mathematics_in_words_and_names_left_alone(text: str, shown: str) -> None:
    assert prose(text) == shown


def test_only_brackets_with_two_finite_positive_ends_are_drawn() -> None:
    ends = {"m": (0.5, 0.75), "M": (1.0, None), "M2": (0.0, 0.0), "M3": (1.0, float("inf"))}
    chart = bracket_chart([(name, Bracket(low, high, None, None)) for name, (low, high) in ends.items()])
    assert chart.count('class="bar"') == 1 and "[0.5" in chart and "0.75" in chart
    assert bracket_chart([("M", Bracket(1.0, None, None, None))]) == ""


def test_a_mark_stands_for_every_certified_cell_and_for_no_other() -> None:
    layers = ("10", "20", "30", "40", "11", None, None, "41")
    bounds = tuple(None if item is None else "0.05" for item in layers)
    chart = grid_chart(Grid("toy", AXES["small"], 0.15, layers, bounds))
    # d = 8: kappa 1.2 has 30 and nothing, kappa 2 has 40 and 41; two marks more name the lines.
    assert chart.count('class="mark') == 3 + 2
    # Fewer than two powers of ten lie between them: the ends make the scale.
    assert ">30</text>" in chart and ">41</text>" in chart and chart.count('class="tick"') == 2
    assert grid_chart(Grid("toy", AXES["small"], 0.15, (None,) * 8, (None,) * 8)) == ""


@pytest.mark.parametrize(
    ("tex", "expected"),
    [
        (r"\left(a\right)^{2}", "<msup><mrow>{open}(</mo><mi>a</mi>{close})</mo></mrow><mn>2</mn></msup>"),
        (r"\left\|a\right|_{1}", "<msub><mrow>{open}‖</mo><mi>a</mi>{close}|</mo></mrow><mn>1</mn></msub>"),
        (r"\left. a \right\}", "<mrow><mi>a</mi>{close}}</mo></mrow>"),
        ("(a)", '<mrow><mo stretchy="false">(</mo><mi>a</mi><mo stretchy="false">)</mo></mrow>'),
    ],
)
def test_only_what_stands_between_left_and_right_grows_and_it_is_one_base(tex: str, expected: str) -> None:
    for word, form in (("{open}", "prefix"), ("{close}", "postfix")):
        expected = expected.replace(word, f'<mo form="{form}" fence="true">')
    assert f"<semantics>{expected}<annotation" in mathml(tex)
