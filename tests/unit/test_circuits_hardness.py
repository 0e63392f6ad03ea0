"""Laws of growth, what a curve says of runs that were cut off, and when a control counts as easy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from certify.circuits.growth import fit_growth, fit_power_law
from certify.circuits.hardness import NOT_A_PROOF, Curve, Hardness, Run, _curve, measure_hardness
from certify.circuits.inverter import inverters
from certify.errors import InputError
from certify.report.hardness import hardness_tables
from certify.report.terminal import draw, render_text


def curve_of(cost: Callable[[int], float], family: str = "gf2exp", method: str = "sat", limit: float = np.inf) -> Curve:
    """Runs of a stated cost with a little spread, cut off at a limit."""
    random = np.random.default_rng(0)
    runs = []
    for bits in np.repeat(np.arange(6, 21), 4).tolist():
        spent = cost(bits) * 2.0 ** (0.1 * random.standard_normal())
        runs.append(Run(family, method, bits, min(spent, limit), 0.0, spent <= limit))
    return _curve(family, inverters()[method], runs)


def test_each_law_is_recognised_where_it_is_the_truth() -> None:
    assert curve_of(lambda n: 2.0 ** (0.5 * n)).law == "2^n"
    assert curve_of(lambda n: float(n) ** 3).law == "n^k"
    assert curve_of(lambda n: 50.0).law == "flat"


def test_with_a_wide_spread_no_law_is_claimed() -> None:
    random, bits = np.random.default_rng(1), np.repeat([6, 7, 8], 3).tolist()
    runs = [Run("gf2exp", "sat", n, 2.0 ** (n + 2 * random.standard_normal()), 0.0, True) for n in bits]
    assert _curve("gf2exp", inverters()["sat"], runs).law == "undecided"


def test_the_power_law_recovers_its_degree_and_fits_an_exponential_worse() -> None:
    bits = np.arange(4, 20)
    cubic, exponential = bits**3.0, 2.0**bits
    uncut = np.zeros(len(bits), dtype=bool)
    found = fit_power_law(bits, cubic, uncut)
    assert found.rate == pytest.approx(3.0, abs=1e-3) and found.rate_lower < 3.0 < found.rate_upper
    assert found.log_likelihood > fit_growth(bits, cubic, uncut).log_likelihood
    assert fit_power_law(bits, exponential, uncut).log_likelihood < fit_growth(bits, exponential, uncut).log_likelihood


def test_runs_that_were_cut_off_do_not_lower_the_rate() -> None:
    whole, cut = curve_of(lambda n: 2.0**n), curve_of(lambda n: 2.0**n, limit=2.0**14)
    assert whole.growth is not None and cut.growth is not None and cut.growth.censored > 0
    assert cut.growth.rate == pytest.approx(whole.growth.rate, abs=0.05)
    assert whole.largest_finished == 20 and cut.largest_finished in {13, 14}


def test_a_curve_with_too_few_finished_runs_has_no_law_and_says_why() -> None:
    found = curve_of(lambda n: 2.0**n, limit=1.0)
    assert (found.growth, found.power, found.law, found.largest_finished) == (None, None, "", None)
    assert "three finished runs" in found.reason
    hardness = Hardness((found,), {"gf2exp": {6: 10}})
    text = " ".join(render_text(draw(hardness_tables(hardness)[0]), 200).split())
    assert "three finished runs" in text and "60" in text and hardness.to_dict()["curves"][0]["growth"] is None


def test_a_control_is_easy_by_a_method_without_its_key_and_only_controls_are_asked() -> None:
    flat, steep = (lambda n: 9.0), (lambda n: 2.0**n)
    gates = {"linear": {6: 1}, "feistel": {6: 1}, "gf2exp": {6: 1}}
    found = Hardness(
        (
            curve_of(steep, "linear"),
            curve_of(flat, "linear", "structure"),
            curve_of(steep, "feistel", "brute-force"),
            curve_of(flat, "feistel"),
            curve_of(flat, "gf2exp"),
        ),
        gates,
    )
    assert found.easy_controls == {"feistel": True, "linear": False}


@pytest.mark.parametrize(("bits", "runs", "effort"), [([1, 4], 2, 1.0), ([41], 2, 1.0), ([6], 0, 1.0), ([6], 2, 0.0)])
def test_ranges_without_a_meaning_are_refused(bits: list[int], runs: int, effort: float) -> None:
    with pytest.raises(InputError, match="must be"):
        measure_hardness(["linear"], bits, runs=runs, effort=effort)


def test_units_do_not_depend_on_the_machine_and_every_result_carries_the_sentence() -> None:
    pytest.importorskip("pysat.solvers")
    found = measure_hardness(["feistel"], [4, 5], runs=2)
    assert found.to_dict()["note"] == NOT_A_PROOF
    units = {"evaluations", "conflicts", "multiplications", "gates", "systems", "words"}
    assert {curve.unit for curve in found.curves} <= units
    assert all(curve.growth is not None for curve in found.curves if curve.method != "structure")


def test_the_best_method_sets_the_pace_and_sizes_left_out_are_named() -> None:
    slow, fast = curve_of(lambda n: 2.0**n), curve_of(lambda n: 2.0 ** (n / 2), method="brute-force")
    cut = replace(slow, left_out=(19, 20))
    found = Hardness((cut, fast), {"gf2exp": {6: 10, 20: 10}}, ("cryptominisat",))
    assert found.best == {"gf2exp": fast} and found.to_dict()["best"] == {"gf2exp": "brute-force"}
    text = " ".join(render_text(draw(hardness_tables(found)[0]), 400).split())
    assert "the cheapest at 20 bits is brute-force, rate 0.50" in text
    assert "gf2exp by sat at 19, 20 bits" in text and "not installed: cryptominisat" in text
    # A method that knows a control's key is not in the race.
    keyed = Hardness((slow, curve_of(lambda n: 1.0, method="structure")), {"gf2exp": {20: 10}})
    assert keyed.best == {"gf2exp": slow}


def test_a_method_is_not_tried_at_sizes_beyond_one_where_all_its_runs_were_cut_off() -> None:
    pytest.importorskip("pysat.solvers")
    found = measure_hardness(["gf2exp"], [8, 10, 12], runs=1, effort=1e-6)
    (curve,) = (curve for curve in found.curves if curve.method == "guess-and-determine")
    assert curve.left_out == (10, 12) and {run.bits for run in curve.runs} == {8}
    assert curve.to_dict()["left_out"] == [10, 12]
