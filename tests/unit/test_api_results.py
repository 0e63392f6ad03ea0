"""Results of every verb: equal where both runs found the same, and in every form."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import certify
from certify.api.shown import PASSING, Shown
from certify.errors import InputError, UnknownNameError
from certify.report.json import json_text
from tests.latex import PDFLATEX, unfit
from tests.wrong_arguments import CASE, verbs

LINEAR = "linear:d=2,kappa=1.5,seed=0"
OTHER = "linear:d=2,kappa=1.6,seed=0"
X = np.array([0.3, -0.2])
POLYAK = "examples/theorems/polyak_lojasiewicz.py"
CONSTANTS = {"d": 2, "m": 1, "M": 1.5, "M2": 0}


@pytest.fixture(scope="module")
def encoder_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("encoder") / "encoder.onnx"
    certify.encoder("gaussian-encoder", LINEAR, beta="0.1", out=path)
    return path


@pytest.fixture(scope="module")
def checked_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The JSON of a check with the certificate of one observation."""
    path = tmp_path_factory.mktemp("checked") / "checked.json"
    result = certify.check("sharp-langevin", LINEAR, beta="0.3", observations=X)
    path.write_text(json_text(result.to_dict()), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def calls(encoder_file: Path, checked_file: Path) -> dict[str, tuple[Callable[[], Any], Callable[[], Any]]]:
    """Per verb a run, and one that differs from it in an argument that matters."""
    audited = {"beta": "0.1", "count": 1, "draws": 1000, "pairs": 60}
    return {
        "audit": (
            lambda: certify.audit(encoder_file, LINEAR, **audited),
            lambda: certify.audit(encoder_file, LINEAR, **audited, seed=1),
        ),
        "certificate": (
            lambda: certify.certificate("derivatives", "examples/digits/residual_d8.onnx"),
            lambda: certify.certificate("lipschitz", "examples/digits/residual_d8.onnx"),
        ),
        "check": (
            lambda: certify.check("langevin-mixing", LINEAR, beta="0.5"),
            lambda: certify.check("langevin-mixing", LINEAR, beta="0.6"),
        ),
        "check_constants": (
            lambda: certify.check_constants("langevin-mixing", CONSTANTS, beta="0.3"),
            lambda: certify.check_constants("langevin-mixing", {**CONSTANTS, "M": 1.51}, beta="0.3"),
        ),
        "constants": (lambda: certify.constants(LINEAR), lambda: certify.constants(OTHER)),
        "diagnose": (
            lambda: certify.diagnose(LINEAR, X, beta="0.3"),
            lambda: certify.diagnose(LINEAR, X, beta="0.31"),
        ),
        "encoder": (
            lambda: certify.encoder("gaussian-encoder", LINEAR, beta="0.1"),
            lambda: certify.encoder("gaussian-encoder", LINEAR, beta="0.1001"),
        ),
        "evidence": (
            lambda: certify.evidence(LINEAR, X, beta="0.3", proposals=1000),
            lambda: certify.evidence(LINEAR, X, beta="0.31", proposals=1000),
        ),
        "new_theorem": (
            lambda: certify.new_theorem("descent-lemma"),
            lambda: certify.new_theorem("descent-lemma-2"),
        ),
        "prove": (
            lambda: certify.prove("x**2 + 1 >= 2*x"),
            lambda: certify.prove("x**2 + 1 > 2*x"),
        ),
        "replay": (
            lambda: certify.replay(CASE),
            lambda: certify.replay(CASE.with_name("injective-decoder-steps-A1-A5-gap.json")),
        ),
        "sample": (
            lambda: certify.sample(LINEAR, X, 20, beta="0.3"),
            lambda: certify.sample(LINEAR, X, 20, beta="0.3", seed=1),
        ),
        "slack": (
            lambda: certify.slack("langevin-mixing", LINEAR, beta="0.5"),
            lambda: certify.slack("langevin-mixing", LINEAR, beta="0.6"),
        ),
        "stress": (
            lambda: certify.stress(POLYAK, examples=4),
            lambda: certify.stress(POLYAK, examples=4, seed=1),
        ),
        "sweep": (
            lambda: certify.sweep("strong-invertibility", d=8, m=1, M=[1.2, 9], M2=0.15, epsilon=0.1, beta=0.05),
            lambda: certify.sweep("strong-invertibility", d=8, m=1, M=[1.2, 9], M2=0.16, epsilon=0.1, beta=0.05),
        ),
        "verify": (lambda: certify.verify(checked_file), lambda: certify.verify(checked_file, constants=True)),
        "write_report": (
            lambda: certify.write_report(source=checked_file, grid="none", out=checked_file.with_suffix(".html")),
            lambda: certify.write_report("collapse", LINEAR, grid="none", out=checked_file.with_suffix(".html")),
        ),
        "theorems": (certify.theorems, lambda: type(certify.theorems())({})),
    }


@pytest.fixture(scope="module")
def found(calls: dict[str, tuple[Callable[[], Any], Callable[[], Any]]]) -> dict[str, Any]:
    return {name: first() for name, (first, _) in calls.items()}


RESULTS = sorted(set(verbs()) - {"load_generator"})
"""Verbs whose results are shown; a verb that is added belongs here, with its two runs above."""


@pytest.mark.parametrize("verb", RESULTS)
def test_equal_runs_are_equal_and_different_ones_are_not(verb: str, calls: Any, found: dict[str, Any]) -> None:
    again, other = (run() for run in calls[verb])
    assert again is not found[verb]
    assert again == found[verb] and hash(again) == hash(found[verb])
    assert other != found[verb]
    assert found[verb] != found["constants" if verb != "constants" else "sweep"]
    assert found[verb] != object()


@pytest.mark.parametrize("verb", RESULTS)
def test_a_result_has_every_form(verb: str, found: dict[str, Any]) -> None:
    result = found[verb]
    assert isinstance(result, Shown)
    short = repr(result)
    assert short.startswith("<") and short.endswith(">") and short.count("\n") <= 1 and len(short) <= 400
    assert len(str(result)) > len(short) or verb in {"prove", "replay"}
    assert result._repr_html_().count("<table") == result._repr_html_().count("</table>") >= 1
    assert result.to_latex().count(r"\begin{") == result.to_latex().count(r"\end{") >= 1
    assert result.to_markdown().count("|") > 4
    document = json.loads(json_text(result.to_dict()))
    assert document["schema"] == 1
    frame = result.to_dataframe()
    assert len(frame) == len(result._rows()) >= 1 and len(frame.columns) >= 2


@pytest.mark.skipif(PDFLATEX is None, reason="needs pdflatex (Debian: texlive-latex-recommended)")
def test_the_tables_of_every_verb_fit_a_page(found: dict[str, Any], tmp_path: Path) -> None:
    tables = [(f"{verb}-{table.name}", table) for verb in RESULTS for table in found[verb]._tables() if table.rows]
    assert {name.partition("-")[0] for name, _ in tables} == set(RESULTS)
    assert list(unfit(tables, tmp_path)) == []


def test_what_is_passing_says_nothing_of_what_was_found(found: dict[str, Any]) -> None:
    provenance = found["check"].provenance
    assert {"started", "seconds", "platform", "packages", "command"} <= PASSING & set(provenance)
    later = type(found["check"])(found["check"].theorems, {**provenance, "started": "later", "seconds": 1e9})
    assert later == found["check"]
    other = type(found["check"])(found["check"].theorems, {**provenance, "seed": 5})
    assert other != found["check"]


def test_a_result_gives_its_records_by_name(found: dict[str, Any]) -> None:
    result = found["check"]
    record = result["langevin-mixing"]
    assert record is result.theorems[0] and list(result) == [record] and "langevin-mixing" in result
    assert record.conclusion.beta_max == record.conclusion.values["beta_max"]
    assert result["langevin-mixing", record.generator] is record
    with pytest.raises(UnknownNameError, match="did you mean `langevin-mixing`"):
        result["langevin-mixin"]
    with pytest.raises(UnknownNameError, match="unknown generator of `langevin-mixing` `linear:d=3`"):
        result["langevin-mixing", "linear:d=3"]
    with pytest.raises(AttributeError, match="did you mean `beta_max`"):
        record.conclusion.beta_mx  # noqa: B018 - the access is the test
    assert not hasattr(record.conclusion, "nothing")


def test_of_several_generators_one_is_named(found: dict[str, Any]) -> None:
    one = found["check"]["langevin-mixing"]
    other = certify.check("langevin-mixing", OTHER, beta="0.5")["langevin-mixing"]
    both = type(found["check"])((one, other), {})
    with pytest.raises(InputError, match=r'take one by result\["langevin-mixing", "linear:d=2,kappa=1.5'):
        both["langevin-mixing"]
    assert both["langevin-mixing", other.generator] is other
    assert repr(both).startswith("<") and "2 checks" in repr(both)


def test_a_frame_without_pandas_names_the_install_line(found: dict[str, Any], without_pandas: None) -> None:
    with pytest.raises(ImportError, match=r"needs `pandas`.*pip install 'proof-companion\[frames\]'"):
        found["constants"].to_dataframe()


@pytest.fixture
def without_pandas(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    import sys

    monkeypatch.setitem(sys.modules, "pandas", None)
    yield


def test_a_sweep_is_a_mapping_and_a_sample_an_array(found: dict[str, Any]) -> None:
    swept = found["sweep"]
    assert np.isfinite(swept["K"][0]) and swept["tv_bound"].shape == swept.shape == (2,)
    assert dict(swept).keys() == set(swept) and len(swept) == len(list(swept))
    with pytest.raises(LookupError, match="did you mean"):
        swept["tv_bond"]
    sampled = found["sample"]
    assert np.array_equal(np.asarray(sampled), sampled.points) and len(sampled) == 20
    frame = sampled.to_dataframe()
    assert np.array_equal(frame.to_numpy(), sampled.points)


def test_the_catalogue_gives_theorems_by_name() -> None:
    catalogue = certify.theorems()
    assert all(name in str(catalogue) and item.title in catalogue._repr_html_() for name, item in catalogue.items())
    with pytest.raises(UnknownNameError, match="did you mean `one-way`"):
        catalogue["oneway"]
