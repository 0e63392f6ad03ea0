"""Theorem R's encoder for typical x: its proposal's envelope, its centre's plan, its network, what is refused."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import integrate, stats

import certify
from certify import encoder
from certify.arithmetic.balls import ball, lower, precision, upper
from certify.audits.audit import model_observations
from certify.audits.typical_rejection import DeclaredProposals
from certify.bounds.bracket import ConstantBrackets
from certify.bounds.constants import constants
from certify.cli.main import main
from certify.construction.build import build_encoder
from certify.construction.built import EncoderChoice
from certify.discovery.registry import encoder_kinds, load_theorem
from certify.encoders import rejection_network
from certify.encoders.centre import Factorisation
from certify.encoders.centre_plan import CentrePlan
from certify.encoders.count import encoder_count
from certify.encoders.kind import LAYOUTS, EncoderOptions
from certify.encoders.mode_plan import ModeModel, plan_mode
from certify.errors import InputError, NotCertifiedError
from certify.generators.specification import load_generator
from certify.posteriors.mode import find_mode
from certify.posteriors.posterior import Posterior
from certify.report.encoder_files import write_encoder
from certify.sharp.gaussian_proposal import ProposalBound, ProposalChoice, best_proposal, proposal_bound
from certify.sharp.problem import closed_form_problem
from certify.verdict import Verdict
from tests.encoder_models import written
from theorems.rejection_encoder.typical import TypicalDesign, parameter_bound, typical_network

BETA = 0.1
RESIDUAL = "residual:d=2,width=6,depth=1"
LINEAR = "linear:d=2,kappa=1.5,seed=0"


@cache
def known() -> ConstantBrackets:
    return constants(load_generator(RESIDUAL), effort=2000.0)


def built(beta: str = "0.1", epsilon: str = "0.001", **options: Any) -> Any:
    """The encoder that `certify.encoder` chooses, from constants that are bounded once for the module."""
    theorem, kind = load_theorem("rejection-encoder"), encoder_kinds()["rejection-encoder"]
    return build_encoder(
        theorem, kind, load_generator(RESIDUAL), known(), Fraction(beta), Fraction(epsilon), None,
        EncoderOptions(**options), 0,
    )  # fmt: skip


@cache
def chosen(layout: str, products_only: bool) -> Any:
    return built(layout=layout, products_only=products_only)


def declared(certificate: Mapping[str, Any]) -> DeclaredProposals:
    return DeclaredProposals(
        certificate["K_gd"], certificate["descent_step"], certificate["descent_decay"], certificate["corrections"],
        certificate["factor"] == "newton-schulz", certificate["scale"], certificate["limit"], certificate["height"],
        certificate["K"],
    )  # fmt: skip


def test_a_quadratic_potential_is_enveloped_exactly() -> None:
    """With M2 = 0 and g = 0: h = 0 for sigma >= 1, p = sigma^-d P(chi_d <= R), t(R) = P(chi_d > R)."""
    with precision():
        problem = closed_form_problem(3, 1, 1, 0, 0.5, 0, 0)
        bound = proposal_bound(problem, ProposalChoice(1.25, 8.0, 5.5))
        assert bound is not None and 0.0 <= bound.height < 1e-4
        radius = 1.25 * 4.0
        assert lower(bound.acceptance) == pytest.approx(1.25**-3 * stats.chi(3).cdf(radius), rel=1e-3)
        assert stats.chi(3).sf(radius) <= upper(bound.tail) <= 1.1 * stats.chi(3).sf(radius)
        narrow = proposal_bound(problem, ProposalChoice(0.8, 8.0, 5.5))
        assert narrow is not None and narrow.height >= (0.8**-2 - 1) * (0.8 * 4.0) ** 2 / 2 - 1e-9


@pytest.mark.parametrize(("d", "M2", "scale"), [(2, 0.3, 1.3), (8, 0.15, 1.1), (4, 0.5, 1.0)])
def test_the_height_and_the_acceptance_are_on_the_safe_side(d: int, M2: float, scale: float) -> None:
    with precision():
        problem = closed_form_problem(d, 1, 1.5, M2, 0.2, 1e-3, 0.05)
        bound = proposal_bound(problem, ProposalChoice(scale, 9.0, 6.5))
        assert bound is not None
        radius = scale * math.sqrt(18.0)
        radii = np.linspace(0.0, radius, 4001)
        law = problem.law
        lowers = np.array([float(law.envelope(ball(float(r)), upper=False).mid()) for r in radii])
        uppers = np.array([float(law.envelope(ball(float(r)), upper=True).mid()) for r in radii])
    needed = float((radii**2 / (2 * scale**2) - lowers).max())
    assert needed <= bound.height <= needed + 2e-3
    inner = integrate.simpson(radii ** (d - 1) * np.exp(-uppers), x=radii)
    whole = 2 ** (d / 2 - 1) * math.gamma(d / 2) * scale**d
    exact = math.exp(-bound.height) * inner / whole
    assert lower(bound.acceptance) <= exact * (1 + 1e-9) and lower(bound.acceptance) == pytest.approx(exact, rel=1e-6)


def test_the_yardstick_of_one_gaussian() -> None:
    """d = 8, m = 1, M = 1.5, M2 = .15: 3 proposals at noise .0927, 7 or 8 at .1855; without room there is none."""
    for beta, most in ((0.0927, 3), (0.1855, 8)):
        with precision():
            problem = closed_form_problem(8, 1, 1.5, 0.15, beta, 1e-9, beta**2 * 5.3)
            choice = best_proposal(problem, 0.1)
            assert choice is not None
            bound = proposal_bound(problem, choice)
            assert bound is not None
            count = bound.proposals(Fraction("0.1"))
            assert count is not None and count <= most
            assert bound.distance(count) <= 0.1 < bound.distance(max(1, count - 1)) or count == 1
            assert bound.proposals(Fraction("1e-12")) is None


FORMS = (("sequence", False), ("parallel", True))
"""Both layouts, both ways to factorise: what follows the centre does not depend on how it was factorised."""


@pytest.mark.parametrize(("layout", "products_only"), FORMS)
def test_the_file_draws_what_the_float_sampler_draws(layout: str, products_only: bool, tmp_path: Path) -> None:
    found = chosen(layout, products_only)
    assert found.verdict is Verdict.PROVED and found.tv_bound <= 0.001
    generator, certificate = load_generator(RESIDUAL), found.certificate
    loaded = written(found.program, tmp_path)
    assert loaded.noise_shape == (certificate["K"], 4)
    for seed, x in enumerate(model_observations(generator, BETA, 2, 0)):
        noise = np.random.default_rng(seed).standard_normal((200, certificate["K"], 4))
        drawn = loaded.push(np.tile(x, (len(noise), 1)), noise)
        posterior = Posterior(generator, x, BETA)
        sampler = declared(certificate).at(posterior)
        assert sampler is not None and np.linalg.norm(sampler.centre - find_mode(posterior, np.zeros(2))) < 1e-8
        assert np.abs(drawn - sampler.run(noise)).max() <= 1e-9
        # A height that is off by 1, or a ball that is too small, accepts other proposals.
        for change in ({"height": certificate["height"] + 1.0}, {"limit": 0.5}):
            other = declared({**certificate, **change}).at(posterior)
            assert other is not None and np.abs(drawn - other.run(noise)).max() > 1e-3


def test_a_batch_of_observations_is_one_observation_after_another(tmp_path: Path) -> None:
    generator = load_generator(RESIDUAL)
    rows = model_observations(generator, BETA, 5, 1)
    for form in FORMS:
        loaded = written(chosen(*form).program, tmp_path)
        assert loaded.noise_shape is not None
        noise = np.random.default_rng(0).standard_normal((5, *loaded.noise_shape))
        together = loaded.push(rows, noise)
        alone = [loaded.push(rows[[k]], noise[[k]])[0] for k in range(5)]
        assert np.abs(together - np.array(alone)).max() <= 1e-12


@pytest.mark.parametrize(("spec", "products"), [(RESIDUAL, None), ("manifold:d=2,outputs=5,width=3", (30.0, 7))])
def test_the_count_is_below_the_bound(spec: str, products: tuple[float, int] | None) -> None:
    generator = load_generator(spec)
    with precision():
        bound = ProposalBound(0.0, ball(0.5), ball(0))
    for proposals in (1, 2, 50):
        plan = CentrePlan(0.1, 7, 3, 0.0, 0.0, 0.01)
        design = TypicalDesign(plan, Factorisation(products), ProposalChoice(1.0, 9.0, 5.0), bound, proposals)
        counts = [encoder_count(typical_network(generator, BETA, design, layout)) for layout in LAYOUTS]
        assert len({count.parameters_unrolled for count in counts}) == 1
        limit = parameter_bound(generator, design)
        assert counts[0].parameters_unrolled <= limit <= 1.6 * counts[0].parameters_unrolled
        assert counts[0].noise_inputs == 4 * proposals
    # Side by side: ceil(log2 50) levels beyond one proposal, where the loop has one for each.
    one = encoder_count(typical_network(generator, BETA, replace(design, proposals=1), "parallel")).depth
    assert counts[1].depth == one + 6 and counts[0].depth >= one + 49


def test_descent_on_f_goes_on_where_the_steps_need_not_contract_from_the_preimage(tmp_path: Path) -> None:
    """n = d at a larger noise: S6, descent on f, steps; c is as close to the mode as the plan says."""
    generator, noise = load_generator(RESIDUAL), 0.4
    found = built(str(noise), "0.1")
    certificate = found.program.certificate
    assert certificate["onward_layers"] > 0 and found.tv_bound <= 0.1
    assert found.count.parameters_unrolled <= found.program.parameter_bound
    plan = replace(
        declared(certificate), onward_layers=certificate["onward_layers"], onward_step=certificate["onward_step"],
        onward_decay=certificate["onward_decay"],
    )  # fmt: skip
    far = 0.0
    for x in model_observations(generator, noise, 5, 3):
        posterior = Posterior(generator, x, noise)
        placed, mode = plan.at(posterior), find_mode(posterior, np.zeros(2))
        assert placed is not None
        assert np.linalg.norm(placed.centre - mode) <= certificate["distance_to_mode"] + 1e-7
        # Without the second descent the same steps end elsewhere or later: it is needed, not decoration.
        early = replace(plan, onward_layers=0, corrections=1).at(posterior)
        assert early is not None
        far = max(far, float(np.linalg.norm(early.centre - mode)))
    assert far > 1e-6
    path = tmp_path / "e.onnx"
    choice = EncoderChoice(found, (found,), generator, known(), Fraction(str(noise)), Fraction("0.1"))
    write_encoder(choice, path, False, False)
    audited = certify.audit(path, generator, beta=str(noise), epsilon="0.1", count=1, seed=1, draws=1000, pairs=0)
    assert audited.observations[0].distance.upper.value <= found.tv_bound


def test_more_outputs_than_latents_are_served_and_the_descent_on_f_finds_the_mode(tmp_path: Path) -> None:
    """n > d: |r| never exceeds r_0, and c is as close to the mode, and its gradient as small, as the plan says."""
    generator = load_generator("manifold:d=2,outputs=6,width=8,bend=0.05")
    result = encoder("rejection-encoder", generator, beta="0.2", out=tmp_path / "e.onnx")
    assert result.verdict is Verdict.PROVED
    certificate = json.loads((tmp_path / "e.json").read_text())["encoder"]["certificate"]
    assert certificate["tv_bound"] == result.choice.chosen.tv_bound <= 0.1 and certificate["descent_decay"] > 0
    brackets = result.choice.brackets
    m, M, M2 = brackets.m.lower, brackets.M.upper, brackets.M2.upper
    assert m is not None and M is not None and M2 is not None
    for x in model_observations(generator, 0.2, 10, 3):
        posterior = Posterior(generator, x, 0.2)
        start = float(np.linalg.norm(posterior.residual(np.zeros(2))))
        mode = find_mode(posterior, np.zeros(2))
        with precision():
            at_mode = float(np.linalg.norm(posterior.residual(mode))) * (1 + 1e-9)
            plan = plan_mode(ModeModel(*(ball(item) for item in (m, M, M2, 0.2, start, at_mode))), 0.0)
        point = np.zeros(2)
        for _ in range(plan.descent_layers):
            pulled = generator.vector_jacobian_product(point, posterior.residual(point))
            point = point - plan.descent_step * (pulled + plan.descent_decay * point)
            assert np.linalg.norm(posterior.residual(point)) <= start * (1 + 1e-12)
        placed = DeclaredProposals(
            plan.descent_layers, plan.descent_step, plan.descent_decay, plan.corrections, False, 1.0, 9.0, 0.0, 1
        ).at(posterior)
        assert placed is not None
        assert np.linalg.norm(placed.centre - mode) <= plan.distance + 1e-7
        assert np.linalg.norm(placed.factor.T @ posterior.gradient(placed.centre)) <= plan.gradient + 1e-9
    with precision(), pytest.raises(NotCertifiedError, match="descent from 0 need not find the mode"):
        plan_mode(ModeModel(ball(m), ball(M), ball(100), ball(0.2), ball(3), ball(1)), 0.0)


def test_where_nothing_is_certified_nothing_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "e.onnx"
    command = ["encoder", "rejection-encoder", "-g", "manifold:d=2,outputs=3,width=2,bend=0.9", "--beta", "0.1"]
    assert main([*command, "--quiet", "--out", str(path)]) == 3
    assert list(tmp_path.iterdir()) == [] and "inconclusive" in capsys.readouterr().out


def test_the_parallel_form_must_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rejection_network, "LARGEST_PARALLEL", 10)
    assert built().verdict is Verdict.PROVED
    with pytest.raises(InputError, match="side by side.*`sequence`") as caught:
        built(layout="parallel")
    assert "\n" not in str(caught.value)


def test_options_of_other_kinds_are_refused() -> None:
    with pytest.raises(InputError, match="no option `projected`"):
        encoder("rejection-encoder", LINEAR, beta=BETA, projected=True)
    with pytest.raises(InputError, match="one layout"):
        encoder("gaussian-encoder", LINEAR, beta=BETA, layout="parallel")
    assert EncoderOptions().layout == "sequence"
