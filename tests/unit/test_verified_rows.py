"""What tables of `certify check` say beside their certificates: compared, or said not to be verified."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import certify
from certify.certificates.discovery import kind_of, record_of
from certify.certificates.verification import LABELS, row_doubt
from certify.discovery.registry import load_theorem
from certify.errors import InputError
from certify.proof.records import ObservationRecord
from certify.verdict import Verdict
from theorems.injective_decoder.observations import better


@cache
def _checked() -> str:
    rows = [[0.4], [-0.2]]
    checked = certify.check("rejection-encoder", "residual:d=1,width=4,depth=1,seed=0", beta="0.4", observations=rows)
    return json.dumps(checked.to_dict())


def checked_table() -> dict[str, Any]:
    """A table of two proved rows, each with a largest noise of its own."""
    (table,) = json.loads(_checked())["theorems"]
    return dict(table)


@pytest.mark.parametrize("theorem", ["sharp-langevin", "rejection-encoder"])
def test_every_leaf_of_a_row_is_compared_or_said_not_to_be(theorem: str, tmp_path: Path) -> None:
    """A number that is changed is refused, one that is added is named as not verified."""
    generator = certify.load_generator("linear:d=2,kappa=1.5,seed=0")
    (table,) = certify.check(theorem, generator, beta="0.3", observations=[0.3, -0.2]).to_dict()["theorems"]
    (row,) = table["observations"]
    record = record_of(row["certificate"], "it")
    kind = kind_of(record)
    rows_say = load_theorem(theorem).conclusion.rows_say
    said = {**kind.said(record), **rows_say[kind.name](record, generator)}
    says = {**row, **row["values"]}
    assert says.keys() <= said.keys() | LABELS and row_doubt(says, said) == ""
    numbers = {name: value for name, value in says.items() if type(value) in (int, float) and name not in LABELS}
    assert len(numbers) >= 8
    for forged in (
        *({name: value * 1.5 + 1} for name, value in numbers.items()),
        {"verdict": "supported"}, {"theorem": "Theorem 2"}, {"layers": True},
    ):  # fmt: skip
        assert row_doubt({**says, **forged}, said).startswith("its row says"), forged
    path = tmp_path / "checked.json"
    added = row | {"values": row["values"] | {"measured": 1.0}}
    path.write_text(json.dumps({"theorems": [table | {"observations": [added]}]}))
    found = certify.verify(path)
    assert found.verdict is Verdict.PROVED and found.unheld_names == {theorem: ("measured",)}


def test_no_certificate_hides_another(tmp_path: Path) -> None:
    """Rows of one number, and tables of one theorem at two decoders: every certificate is looked at."""
    first, second = checked_table()["observations"]
    better = first["certificate"] | {"log_constant": first["log_constant"] - 0.1}
    forged = first | {"certificate": better, "log_constant": better["log_constant"]}
    path = tmp_path / "checked.json"

    def verified(*tables: list[dict[str, Any]]) -> Any:
        path.write_text(
            json.dumps({"theorems": [{"id": "rejection-encoder", "observations": rows} for rows in tables]})
        )
        return certify.verify(path)

    assert len(verified([first, second], [first, second]).verifications) == 2 * len(
        verified([first, second]).verifications
    )
    found = verified([forged], [first])
    assert found.verdict is Verdict.REFUTED and "table 1, rejection-encoder, observation 0" in found.verifications
    for index in (1, True, 0.0, "0", None, -1):
        with pytest.raises(InputError, match="expected the number of a row, each once"):
            verified([second, forged | {"index": index}])
    unheld = first | {"certificate": None, "largest_noise_certificate": None, "verdict": "supported", "values": {}}
    with pytest.raises(InputError, match="says supported and holds no certificate"):
        verified([second, unheld])


def test_certificates_of_one_row_are_about_one_observation_and_of_one_table_about_one_epsilon(tmp_path: Path) -> None:
    path = tmp_path / "checked.json"

    def verified(change: Callable[[dict[str, Any]], object]) -> Any:
        document = {"theorems": [checked_table()]}
        change(document["theorems"][0])
        path.write_text(json.dumps(document))
        return certify.verify(path)

    assert verified(lambda table: None).verdict is Verdict.PROVED
    found = verified(lambda table: table["conclusion"].update(epsilon=0.01))
    assert found.verdict is Verdict.REFUTED and "its row says epsilon = 0.01" in str(found)

    def exchanged(table: dict[str, Any]) -> None:
        one, other = table["observations"]
        name = "largest_noise_certificate"
        one[name], other[name] = other[name], one[name]

    with pytest.raises(InputError, match="about another observation than the certificate of its row"):
        verified(exchanged)
    with pytest.raises(InputError, match="epsilon must be in"):
        verified(lambda table: table["observations"][0]["certificate"].update(epsilon="1" + "0" * 600))


def test_a_row_of_layers_does_not_say_the_size_of_proposals() -> None:
    layers = ObservationRecord(0, Verdict.PROVED, "G1*", 1, 0.01, values={"beta": 0.1, "g": 0.0, "largest_noise": 0.2})
    values = {"beta": 0.1, "encoder_parameters": 10.0, "largest_noise": 0.4}
    proposals = ObservationRecord(0, Verdict.PROVED, "Theorem R", 2, 0.02, values=values)
    assert better(layers, proposals).values == {"beta": 0.1, "g": 0.0, "largest_noise": 0.4}
    taken = better(replace(layers, layers=3), proposals)
    assert taken.theorem == "Theorem R" and taken.values == {**values, "g": 0.0}
