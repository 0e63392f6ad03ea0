"""The Python face: lazy, validating, and its results print, show as HTML and serialise."""

from __future__ import annotations

import doctest
import importlib
import inspect
import json
import pkgutil
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import certify
from certify import api
from certify.api.check import Result
from certify.api.constants import Constants
from certify.bounds.bracket import ConstantBrackets, Region
from certify.checking import check as checking
from certify.errors import InputError
from certify.generators.graph import Affine, Generator, Graph, Input
from certify.report.json import json_text
from tests.conftest import ROOT
from tests.records import BRACKET, result

IDENTITY = Generator("identity", Graph((Input(2), Affine(0, np.eye(2), np.zeros(2)))), 4)


def _constants() -> Constants:
    return Constants(BRACKET, BRACKET, BRACKET, BRACKET, Region(2.0), 0.5, ("a note",), generator=IDENTITY)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What `certify.check` hands to the mathematics."""
    state: dict[str, Any] = {}

    def fake(names: Sequence[str], generators: Sequence[Generator], **options: object) -> object:
        state.update(options, names=names, generators=generators)
        return result()

    monkeypatch.setattr(checking, "check", fake)
    return state


def test_every_public_name_is_there_and_no_other() -> None:
    for name in certify.__all__:
        assert getattr(certify, name) is not None
    assert list(certify.__all__) == sorted(certify.__all__)
    assert set(dir(certify)) == set(certify.__all__)
    with pytest.raises(AttributeError, match="no attribute 'chek'"):
        certify.chek  # noqa: B018 - the access is the test


@pytest.mark.parametrize("name", [info.name for info in pkgutil.iter_modules(api.__path__)])
def test_the_examples_of_a_verb_run(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module = importlib.import_module(f"certify.api.{name}")
    monkeypatch.chdir(ROOT)
    found = doctest.testmod(module)
    assert found.failed == 0
    verb = getattr(module, name, None)
    assert found.attempted >= 1 if inspect.isfunction(verb) else verb is None
    assert verb in (None, getattr(certify, name, None)), "what the package shows is the function of the file"


def test_check_takes_one_or_several_of_everything(asked: dict[str, Any]) -> None:
    found = certify.check("strong-invertibility", IDENTITY, beta="0.05", epsilon=Fraction(1, 10), region=2)
    assert asked["names"] == ["strong-invertibility"]
    assert asked["generators"] == [IDENTITY]
    assert (asked["beta"], asked["epsilon"]) == (Fraction(1, 20), Fraction(1, 10))
    assert asked["region"] == Region(2.0)
    assert found.verdict == "supported"
    certify.check(["a", "b"], [IDENTITY, "linear:d=3"])
    assert asked["names"] == ["a", "b"]
    assert [item.latent_dim for item in asked["generators"]] == [2, 3]
    assert asked["region"] == Region()
    certify.check((), IDENTITY, region=Region(1.0, (0.5, 0.5)))
    assert asked["region"] == Region(1.0, (0.5, 0.5))
    with pytest.raises(InputError, match="the centre must have 3 coordinates"):
        certify.check((), [IDENTITY, "linear:d=3"], region=Region(1.0, (0.5, 0.5)))
    assert asked["beta"] is None


def test_observations_are_checked_against_the_generator(asked: dict[str, Any], tmp_path: Path) -> None:
    certify.check((), IDENTITY, observations=np.ones(2))
    assert asked["observations"].shape == (1, 2)
    np.save(tmp_path / "x.npy", np.ones((5, 3)))
    for bad in (np.ones((5, 3)), str(tmp_path / "x.npy")):
        with pytest.raises(InputError, match="expected 2 columns"):
            certify.check((), IDENTITY, observations=bad)


@pytest.mark.parametrize(
    "options", [{"beta": 0.0}, {"epsilon": 1.0}, {"seed": -1}, {"region": -1.0}, {"beta": float("nan")}]
)
def test_bad_settings_raise_the_projects_error(asked: dict[str, Any], options: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="must be"):
        certify.check((), IDENTITY, **options)
    assert asked == {}


def test_a_result_has_every_form() -> None:
    found = Result(result().theorems, result().provenance)
    assert json.loads(json_text(found.to_dict()))["verdict"] == "supported"
    assert found.to_latex().count(r"\bottomrule") == 6
    assert "| S2 " in found.to_markdown()
    assert "<table" in found._repr_html_()
    assert "verdict: supported" in str(found)
    assert repr(found) == (
        "<strong-invertibility on linear:d=8,kappa=1.5,seed=0: supported; beta = 0.05, beta_max = 0.18543, K = 109123; "
        "print it for the steps>"
    )
    assert found.exit_code == 0


def test_constants_have_every_form() -> None:
    found = _constants()
    document = json.loads(json_text(found.to_dict()))
    assert document["generator"] == {
        "name": "identity",
        "latent_dim": 2,
        "observed_dim": 2,
        "parameters": 4,
        "sha256": IDENTITY.sha256,
        "likelihood": "gaussian",
    }
    assert document["region"] == {"kind": "ball", "radius": 2.0, "centre": None}
    assert document["constants"]["m"]["lower_evidence"]["method"] == "residual"
    assert "0.49999" in str(found)
    assert "<caption>Constants of identity</caption>" in found._repr_html_()
    assert r"\toprule" in found.to_latex()


def test_constants_keep_every_field_of_the_brackets(monkeypatch: pytest.MonkeyPatch) -> None:
    from certify.bounds import constants as bracketing

    plain = ConstantBrackets(BRACKET, BRACKET, BRACKET, BRACKET, Region(), 0.25, ("kept",))
    monkeypatch.setattr(bracketing, "constants_on_regions", lambda *arguments, **options: (plain,))
    found = certify.constants(IDENTITY)
    assert isinstance(found, ConstantBrackets)
    assert (found.seconds, found.notes, found.items()) == (0.25, ("kept",), plain.items())
    assert found.generator is IDENTITY
