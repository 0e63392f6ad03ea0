"""Figures: both formats, the same bytes for the same numbers, what is drawn, and refusals that leave no file behind."""

from __future__ import annotations

import math
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from certify.bounds.bracket import Bracket
from certify.bounds.constants import constants
from certify.cli import main as cli
from certify.discovery.registry import load_theorem
from certify.errors import InputError, MissingExtraError
from certify.generators.specification import load_generator
from certify.proof.conclusion import settle
from certify.proof.instance import Instance
from certify.proof.records import CheckResult, StepRecord
from certify.report import figures
from certify.report.figures import mixing_figure, slack_bars, slack_figure
from certify.report.result_figures import result_figures
from certify.verdict import Verdict
from tests.generators import wave
from tests.records import claim, record, result
from theorems.langevin_mixing.curves import MixingCurves, curves_at, mixing_curves, theorem_bound

pytest.importorskip("matplotlib")

THEOREM = load_theorem("strong-invertibility")
STEPS = (20, 40, 80, 150, 250, 400, 600)
SLACK = {THEOREM.id: THEOREM.slack_steps}


def instance_of(generator: Any, epsilon: str = "0.3") -> Instance:
    brackets = constants(generator, effort=1000.0)
    setting = settle(THEOREM, generator, brackets, Fraction(1, 10), Fraction(epsilon), None, 0)
    assert setting.certificate is not None
    return Instance(THEOREM, setting.certificate, generator, brackets, setting.observations, setting.beta, 0)


@pytest.fixture(scope="module")
def curves() -> MixingCurves:
    """A curved generator on the line, at a loose epsilon: few steps."""
    return mixing_curves(instance_of(wave(1)), steps=STEPS, replicates=100)


def chain_result() -> CheckResult:
    steps = (
        StepRecord("S7", "chain", (), (claim("chain", slack=9.0),)),
        StepRecord("S7a", "contraction", (), (claim("contraction", slack=1.0),)),
        StepRecord("S7c", "moments", (), (claim("variance", slack=1.3), claim("gradient", slack=math.nan))),
        StepRecord("S7d", "exit", (), (claim("exit", slack=math.inf),)),
        StepRecord("S7e", "divergence", (), (claim("divergence", verdict=Verdict.REFUTED, slack=0.8),)),
    )
    return result(replace(record(), steps=steps), replace(record(generator="residual:d=2"), steps=steps[:3]))


def test_theory_lies_above_coupling_and_truth(curves: MixingCurves) -> None:
    assert np.all(curves.theory >= curves.truth_upper)
    assert np.all(curves.coupling_upper >= curves.truth_lower)
    assert np.all(curves.theory <= sum(curves.terms.values()) * (1 + 1e-9))
    assert curves.truth[0] > 0.2 > 0.05 > curves.truth[-1]
    # At its own number of layers the theorem gives what its certificate says.
    assert curves.steps[0] < curves.layers < curves.steps[-1]
    assert float(np.interp(curves.layers, curves.steps, curves.theory)) == pytest.approx(0.3, rel=0.1)
    assert {name.split(" (")[0] for name in curves.terms} >= {"burn-in", "discretisation"}


def test_the_bound_at_k_layers_is_the_certificates_at_its_own() -> None:
    instance = instance_of(load_generator("linear:d=2,kappa=1.5,seed=0"))
    total, terms = theorem_bound(instance, [int(instance.number("K"))])
    assert total[0] == pytest.approx(instance.certificate.distance_upper, rel=1e-12)
    assert sum(column[0] for column in terms.values()) == pytest.approx(total[0], rel=1e-9)
    doubled, parts = theorem_bound(instance, [2 * int(instance.number("K"))])
    assert parts["discretisation (S7e)"][0] == pytest.approx(math.sqrt(2) * terms["discretisation (S7e)"][0])
    assert doubled[0] != total[0]


def test_curves_need_a_known_truth_and_a_certificate() -> None:
    generator = load_generator("linear:d=2,kappa=1.5,seed=0")
    brackets = constants(generator, effort=1000.0)
    with pytest.raises(InputError, match="relaxation time is"):
        curves_at(THEOREM, generator, brackets, Fraction(1, 10), Fraction(1, 10**6))
    line = wave(1)
    known = constants(line, effort=1000.0)
    with pytest.raises(InputError, match="no curves of"):
        curves_at(THEOREM, line, known, Fraction(100))
    with pytest.raises(InputError, match="no curves of .* m is not certified there"):
        curves_at(THEOREM, line, replace(known, m=Bracket(None, None, None, None)), Fraction(100))
    flat = instance_of(generator)
    curved = load_generator("residual:d=3,width=4,depth=1,lipschitz=0.2,seed=0")
    with pytest.raises(InputError, match="d <= 2 or affine"):
        mixing_curves(replace(flat, subject=curved, observations=np.zeros((1, 3)), _shared={}))


def test_both_formats_the_same_bytes_again(curves: MixingCurves, tmp_path: Path) -> None:
    # One door writes both figures: the larger is drawn twice, the other in the test of the command.
    first, second = (mixing_figure(tmp_path / name, [curves]) for name in ("first", "second"))
    assert [path.suffix for path in first] == [".png", ".pdf"]
    assert first[0].read_bytes().startswith(b"\x89PNG") and first[1].read_bytes().startswith(b"%PDF")
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes()
        assert len(one.read_bytes()) > 5000
    assert {path.name for path in tmp_path.iterdir()} == {"first.png", "first.pdf", "second.png", "second.pdf"}


def test_every_curve_is_drawn_with_its_numbers(
    curves: MixingCurves, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[Any] = []
    monkeypatch.setattr(figures, "write_figure", lambda figure, targets: drawn.append(figure) or ())
    mixing_figure(tmp_path / "m.png", [curves])
    (axis,) = drawn[0].axes
    lines = {line.get_label(): line.get_ydata() for line in axis.get_lines()}
    assert np.array_equal(lines["truth"], curves.truth)
    assert np.array_equal(lines["the theorem's bound (certified)"], curves.theory)
    assert np.array_equal(lines["its upper end, error 0.001 per step"], curves.coupling_upper)
    legend = {text.get_text() for text in axis.get_legend().get_texts()}
    assert "ε = 0.3" in legend, "what was asked for is in sight"
    assert legend == {label for label in lines if not label.startswith("_")}


def test_bars_are_the_claims_of_the_steps_that_a_theorem_names() -> None:
    bars = slack_bars(chain_result(), SLACK)
    assert [bar.step for bar in bars] == ["S7a", "S7c", "S7d", "S7e", "S7a", "S7c"]
    assert [bar.slack for bar in bars[:4]] == [1.0, 1.3, math.inf, 0.8]
    assert bars[3].verdict is Verdict.REFUTED
    assert slack_bars(result(), SLACK) == ()


def test_refusals_leave_no_file(curves: MixingCurves, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="png or .pdf"):
        mixing_figure(tmp_path / "figure.svg", [curves])
    with pytest.raises(InputError, match="at least one"):
        mixing_figure(tmp_path / "figure.png", [])
    with pytest.raises(InputError, match="no step"):
        slack_figure(tmp_path / "figure.png", result(), SLACK)
    with pytest.raises(InputError, match="cannot write"):
        slack_figure(tmp_path / "missing" / "figure.png", chain_result(), SLACK)
    assert list(tmp_path.iterdir()) == []


def test_without_matplotlib_the_install_line_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtraError, match=r"proof-companion\[plots\]"):
        slack_figure(tmp_path / "figure.png", chain_result(), SLACK)
    assert list(tmp_path.iterdir()) == []


def test_a_result_without_a_chain_has_nothing_to_draw(tmp_path: Path) -> None:
    assert result_figures(result(), tmp_path, [THEOREM.id], [], epsilon=Fraction(3, 10)) == ()
    assert list(tmp_path.iterdir()) == []


def test_the_command_draws_and_refuses(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["check", THEOREM.id, "--figures"]
    assert cli.main([*options, str(tmp_path), "--constants", "d=2,m=1,M=1.5,M2=0"]) == 2
    assert "leave out `--figures`" in capsys.readouterr().err
    occupied = tmp_path / "file"
    occupied.write_text("")
    # The folder is looked at before the work, not after it.
    assert cli.main([*options, str(occupied)]) == 2
    assert "is not a folder" in capsys.readouterr().err
    arguments = ["--generator", "linear:d=1,kappa=1,seed=0", "--beta", "0.5", "--epsilon", "0.3"]
    assert cli.main([*options, str(tmp_path / "out"), *arguments]) == 0
    assert capsys.readouterr().out.count("figure: ") == 4
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "slack.png",
        "slack.pdf",
        "mixing.png",
        "mixing.pdf",
    }
