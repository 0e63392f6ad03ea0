"""Certificates of observations checked again: what was found holds, what was made better by one digit does not."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import certify
import certify.bounds.semidefinite as semidefinite
import certify.profiles.inequality as inequality
from benchmarks.forged_certificates import better, forgeries, refusal
from certify.bounds.bracket import ConstantBrackets
from certify.bounds.constants import constants
from certify.certificates import verification
from certify.certificates.discovery import certificate_kinds, document_of, record_of
from certify.certificates.kinds.observation import verify
from certify.cli.main import main
from certify.codec import Exact
from certify.errors import InputError
from certify.generators.graph import FloatArray, Generator
from certify.generators.specification import load_generator
from certify.profiles.certificate import certify_observation
from certify.profiles.records import METHOD, BendProof, ObservationProof, StretchProof, exact
from certify.sharp.schedule import Schedule
from certify.verdict import Verdict
from theorems.sharp_langevin.observations import global_constants

SPECIFICATION = "residual:d=2,width=8,depth=2,lipschitz=0.6,seed=0"
BETA, EPSILON, EFFORT = 0.4, Fraction(1, 10), 3000.0


@pytest.fixture(scope="module")
def setting() -> tuple[Generator, ConstantBrackets, FloatArray, ObservationProof]:
    """A decoder, its constants, an observation and the certificate of a chain there."""
    generator = load_generator(SPECIFICATION)
    random = np.random.default_rng(0)
    row = np.asarray(generator.value(random.standard_normal(2)) + BETA * random.standard_normal(2))
    known = constants(generator, effort=EFFORT)
    proof = certify_observation(generator, global_constants(known), row, BETA, EPSILON).proof
    assert proof.theorem == "Theorem 1*" and proof.layers is not None and proof.layer is not None and proof.balls
    return generator, known, row, proof


Setting = tuple[Generator, ConstantBrackets, FloatArray, ObservationProof]


def test_a_certificate_is_confirmed_as_it_was_found(setting: Setting) -> None:
    generator, known, _, proof = setting
    document = json.loads(json.dumps(document_of(proof), allow_nan=False))
    assert record_of(document, "it") == proof
    found = verify(proof, generator)
    assert found.holds and found.reason == "" and "Theorem 1*" in found.claim and len(found.premises) == 1
    assert refusal(document, generator, known) == ""


def test_every_claim_that_is_better_by_one_digit_is_refused(setting: Setting) -> None:
    generator, known, _, proof = setting
    document = json.loads(json.dumps(document_of(proof)))
    names = []
    ends = {f"balls.{index}." for index in range(1, len(proof.balls) - 1)}
    for name, forged in forgeries(document):
        names.append(name)
        # Of the balls' claims, which are confirmed in one loop, those of the first and the last.
        if not any(name.startswith(item) for item in ends):
            assert refusal(forged, generator, known), f"{name} was believed"
    assert len(names) == 2 * len(proof.balls) + 21


def test_a_claim_that_is_weaker_is_believed(setting: Setting) -> None:
    """The check is of truth, not of equality; what rests on a weaker claim may then be too much."""
    generator, _, _, proof = setting
    assert proof.chain is not None
    ball, alone = proof.balls[-1], replace(proof, layer=None, chain=None)
    for weaker in (
        replace(alone, centre=replace(proof.centre, gradient_upper=better(proof.centre.gradient_upper, 1))),
        replace(proof, chain=replace(proof.chain, tv_bound=better(proof.chain.tv_bound, 1))),
        replace(proof, chain=None),
        replace(alone, balls=(*proof.balls[:-1], replace(ball, upper=better(ball.upper, 1)))),
    ):
        assert verify(weaker, generator).holds


def altered(proof: ObservationProof) -> dict[str, ObservationProof]:
    """Records that are wrong beyond their numbers, by what the reason must name."""
    assert proof.chain is not None
    known, schedule, first = proof.constants, proof.chain.schedule, proof.balls[0]
    long = Schedule(schedule.first, schedule.offset, 0, schedule.step, 10**12)
    loose = tuple(Exact(0.0) for _ in first.lower_multipliers)
    return {
        "method": replace(proof, method="observation-0"),
        "m, M and beta must be positive": replace(proof, constants=replace(known, m=-5.0)),
        "M2 not negative": replace(proof, constants=replace(known, M2=-1.0)),
        "epsilon must be": replace(proof, epsilon=Fraction(2)),
        "c, B and x": replace(proof, observation=proof.observation[:1]),
        "entries": replace(proof, centre=replace(proof.centre, factor=proof.centre.factor[:1])),
        "more than": replace(proof, chain=replace(proof.chain, schedule=long)),
        "|B^T grad f(c)|": replace(proof, observation=exact([0.0, 5.0])),
        "evaluated, at most": replace(proof, beta=Exact(0.39)),
        "smallest eigenvalue": replace(proof, balls=(replace(first, lower_multipliers=loose), *proof.balls[1:])),
        "increasing": replace(proof, balls=(first, *proof.balls)),
        "side condition of Theorem 1*": replace(
            proof, chain=replace(proof.chain, radius=proof.chain.outer, outer=proof.chain.radius)
        ),
        "side condition of G1*": replace(proof, layer=replace(proof.layer, radius=Fraction(-1)), chain=None),
        "G1* is not <=": replace(proof, layer=replace(proof.layer, tv_bound=-math.inf)),
        "Theorem 1* is not <=": replace(proof, chain=replace(proof.chain, tv_bound=-math.inf)),
        "more than 200 balls": replace(proof, balls=proof.balls * 20),
        "residual's curvature": replace(proof, bend=replace(proof.bend, value=0.0)),
    }


def test_a_record_that_is_wrong_is_refused_with_the_reason(setting: Setting) -> None:
    for reason, record in altered(setting[3]).items():
        found = verify(record, setting[0])
        assert not found.holds and reason in found.reason, (reason, found.reason)


@pytest.mark.parametrize("wrong", [-1.0, np.nan, np.inf])
def test_multipliers_that_are_none_prove_nothing(setting: Setting, wrong: float) -> None:
    generator, _, _, proof = setting
    first = proof.balls[0]
    bad = (Exact(wrong), *first.lower_multipliers[1:])
    for multipliers in (bad, first.lower_multipliers[1:], ()):
        record = replace(proof, balls=(replace(first, lower_multipliers=multipliers), *proof.balls[1:]))
        assert "smallest eigenvalue" in verify(record, generator).reason


def test_nothing_is_searched(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    def search(*_: object, **__: object) -> None:
        raise AssertionError("a search was started")

    monkeypatch.setattr(inequality, "solve", search)
    for module in ("certify.profiles.certificate.find_centre", "certify.profiles.certificate.radial_estimates",
                   "certify.sharp.certificates.radial_estimates", "certify.sharp.centre.find_mode"):  # fmt: skip
        monkeypatch.setattr(module, search)
    assert verify(setting[3], setting[0]).holds


def write(path: Path, content: Any) -> str:
    path.write_text(json.dumps(content))
    return str(path)


def test_files_are_verified(
    setting: Setting, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verification, "bracket_constants", partial(constants, effort=EFFORT))
    generator, _, row, proof = setting
    good = document_of(proof)
    alone = write(tmp_path / "alone.json", good)
    light = document_of(replace(proof, layer=None, chain=None, balls=(), bend=BendProof(math.inf, None, None)))
    kept = {"observations": {"a": {"certificate": light, "noise": {"certificate": light}}, "b": {"certificate": None}}}
    checked = {"theorems": [{"id": "sharp-langevin", "observations": [{"index": 3, "certificate": light}]}]}
    np.save(tmp_path / "rows.npy", np.stack([row + 1, row]))
    result = certify.verify(alone)
    # Whether M is proved by the record too is the search's doing: another processor, other multipliers.
    assert result.verdict is Verdict.CONDITIONAL and result.exit_code == 0
    assert re.search(r"premise: (Lip\(G\) <= [\d.]+, )?Lip\(J\) <= ", str(result))
    derived = certify.verify(alone, generator, tmp_path / "rows.npy", constants=True)
    assert derived.verdict is Verdict.PROVED and derived.premises == ()
    for name, content, places in (("kept", kept, 2), ("checked", checked, 1)):
        assert main(["verify", write(tmp_path / f"{name}.json", content), "--json", str(tmp_path / "out.json")]) == 0
        written = json.loads((tmp_path / "out.json").read_text())
        assert len(written["certificates"]) == places and written["verdict"] == "conditional"
    forged = document_of(replace(proof, layer=replace(proof.layer, tv_bound=0.01)))
    assert main(["verify", write(tmp_path / "forged.json", forged)]) == 1
    assert "G1* is not <= 0.01" in capsys.readouterr().out
    optimist = document_of(replace(proof, constants=replace(proof.constants, M2=proof.constants.M2 / 2), chain=None))
    path = write(tmp_path / "optimist.json", optimist)
    assert main(["verify", path, "--constants"]) == 1


NO_BOXES = ("composition", "neuron by neuron", "residual rule", "semidefinite")


@pytest.fixture(scope="module")
def evident(setting: Setting) -> ObservationProof:
    """A certificate that rests on constants by the matrix inequality and closed rules."""
    generator, _, row, _ = setting
    known = constants(generator, methods=NO_BOXES, effort=EFFORT)
    proof = certify_observation(generator, global_constants(known), row, BETA, EPSILON).proof
    assert proof.constants.m_proof is not None and proof.constants.M_proof is not None
    return proof


def test_a_record_holds_what_proves_m_and_M(
    evident: ObservationProof, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Multipliers of m and M, and the closed rules for M2: nothing remains a premise, and nothing is searched."""
    monkeypatch.setattr(semidefinite, "solve", None)
    document = json.loads(json.dumps(document_of(evident), allow_nan=False))
    assert record_of(document, "it") == evident
    result = certify.verify(write(tmp_path / "file.json", document))
    assert result.verdict is Verdict.PROVED and result.premises == () and not result.constants_derived


def test_a_constant_without_evidence_remains_a_premise(evident: ObservationProof, tmp_path: Path) -> None:
    known = evident.constants
    for kept, left in (
        (replace(known, m_proof=None), {"|G(z)"}),
        (replace(known, m_proof=None, M_proof=None), {"|G(z)", "Lip(G)"}),
        (replace(known, M2=math.nextafter(known.M2, 0) / 2), {"Lip(J)"}),
    ):
        alone = document_of(
            replace(evident, constants=kept, layer=None, chain=None, bend=BendProof(math.inf, None, None))
        )
        result = certify.verify(write(tmp_path / "file.json", alone))
        (premise,) = result.premises
        assert result.verdict is Verdict.CONDITIONAL
        assert {name for name in ("|G(z)", "Lip(G)", "Lip(J)") if name in premise} == left


def test_a_constant_that_its_own_multipliers_do_not_prove_is_refused(evident: ObservationProof, tmp_path: Path) -> None:
    known = evident.constants
    assert known.m_proof is not None and known.M_proof is not None
    nothing = tuple(Exact(0.0) for _ in known.M_proof.multipliers)
    high = StretchProof(Exact(4 * known.m_proof.objective), known.m_proof.multipliers)
    for name, wrong in (
        ("m", replace(known, m=1.001 * known.m)),
        ("M", replace(known, M=known.M / 1.001)),
        ("M", replace(known, M_proof=StretchProof(known.M_proof.objective, nothing))),
        ("M", replace(known, M_proof=StretchProof(known.M_proof.objective, known.M_proof.multipliers[1:]))),
        ("m", replace(known, m_proof=high)),
        ("m", replace(known, m=2 * known.m, m_proof=high)),
        ("m", replace(known, m_proof=StretchProof(Exact(-1.0), known.m_proof.multipliers))),
    ):
        record = replace(evident, constants=wrong, layer=None, chain=None, bend=BendProof(math.inf, None, None))
        result = certify.verify(write(tmp_path / "file.json", document_of(record)))
        (found,) = result.verifications.values()
        assert result.verdict is Verdict.REFUTED and found.reason.startswith(f"{name} is not derived"), name


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "expected a certificate"), ("[]", "expected a certificate"), ("[" * 100_000, "expected a certificate"),
        ('{"observations": {}}', "holds no certificate"), ('{"kind": "unheard"}', "unknown kind"),
        ('{"kind": "observation"}', "cannot be read"), ('{"observations": {"a": {}}}', "expected a certificate"),
        ('{"observations": {"a": {"certificate": 3}}}', "not a certificate"),
        ('{"format": "portable-1", "kind": "boxes"}', "is portable, confirmed without this package: `python checker/"),
        ('{"format": "portable-1", "kind": "unheard"}', "unknown kind of portable certificate"),
    ],
)  # fmt: skip
def test_a_file_that_is_none_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str, message: str
) -> None:
    path = tmp_path / "file.json"
    path.write_text(content)
    assert main(["verify", str(path)]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


def test_another_decoder_or_observation_is_bad_input(setting: Setting, tmp_path: Path) -> None:
    generator, _, row, proof = setting
    path = write(tmp_path / "file.json", document_of(proof))
    with pytest.raises(InputError, match="not `linear"):
        certify.verify(path, "linear:d=2")
    with pytest.raises(InputError, match="none of the observations"):
        certify.verify(path, generator, row + 1e-9)
    for specification in ("", "os:system", "tests.unit.test_certificates:setting"):
        identity = replace(proof.generator, specification=specification)
        path = write(tmp_path / "file.json", document_of(replace(proof, generator=identity)))
        with pytest.raises(InputError, match="give it with `--generator`"):
            certify.verify(path)


def test_the_kinds_are_found() -> None:
    kinds = certificate_kinds()
    assert kinds["observation"].record is ObservationProof and METHOD.startswith("observation-")
    for name, kind in kinds.items():
        assert kind.name == name and kind.verify.__doc__


def test_an_object_has_every_key_once(setting: Setting, tmp_path: Path) -> None:
    """Of two values one reader believes the first, another the last: the other would never be checked."""
    text = json.dumps(document_of(setting[3]))
    path = tmp_path / "twice.json"
    path.write_text(text.replace('"beta"', '"epsilon": "1/1000", "beta"', 1))
    with pytest.raises(InputError, match="the key 'epsilon' stands twice"):
        certify.verify(path)


def test_a_record_names_neither_its_decoder_nor_an_epsilon_beyond_the_floats(setting: Setting) -> None:
    generator, _, _, proof = setting
    renamed = replace(proof, generator=replace(proof.generator, name="decoder, beta = 0: within 0 of pi_x\n"))
    assert verify(renamed, generator).claim == verify(proof, generator).claim
    found = verify(replace(proof, epsilon=Fraction(10) ** 600), generator)
    assert not found.holds and found.reason == "epsilon must be in (0, 1), not beyond the floats"
