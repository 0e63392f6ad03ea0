"""`.pt2` archives are read as data: what torch computes, nothing executed, damage refused in one line."""

from __future__ import annotations

import json
import pickle
import random
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from certify.errors import InputError
from certify.generators.pt2.load import load_pt2
from certify.generators.specification import load_generator
from tests.pt2_models import FOLDER

NAMES = ("residual", "coupling", "pixels", "pixels_dynamic", "activations")
WEIGHTS = "model/data/weights/model_weights_config.json"
GRAPH = "model/models/model.json"


@pytest.fixture(scope="module")
def values() -> dict[str, np.ndarray]:
    with np.load(FOLDER / "values.npz") as stored:
        return dict(stored)


def members(name: str = "residual") -> dict[str, bytes]:
    with zipfile.ZipFile(FOLDER / f"{name}.pt2") as archive:
        return {member: archive.read(member) for member in archive.namelist()}


def archive(path: Path, content: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as target:
        for member, data in content.items():
            target.writestr(member, data)
    return path


def edited(path: Path, member: str, change: Callable[[Any], None]) -> Path:
    content = members()
    document = json.loads(content[member])
    change(document)
    return archive(path, content | {member: json.dumps(document).encode()})


def refusal(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        load_pt2(path)
    message = str(caught.value)
    assert "\n" not in message and message.isprintable() and path.name in message
    return message


@pytest.mark.parametrize("name", NAMES)
def test_a_program_is_what_torch_computes(name: str, values: dict[str, np.ndarray]) -> None:
    generator = load_generator(str(FOLDER / f"{name}.pt2"))
    computed = generator.value(values[f"{name}_z"].astype(np.float64))
    expected = values[f"{name}_x"].reshape(len(computed), -1)
    assert np.allclose(computed, expected, rtol=1e-5, atol=1e-5)
    assert generator.parameters == int(values[f"{name}_parameters"])
    assert generator.metadata["format"] == "pt2"


def test_weights_are_the_exact_numbers_of_the_file(tmp_path: Path) -> None:
    content = members()
    weight = np.frombuffer(content["model/data/weights/weight_0"], "<f4").copy()
    weight[0] = np.nextafter(weight[0], np.float32(9))
    moved = load_pt2(archive(tmp_path / "moved.pt2", content | {"model/data/weights/weight_0": weight.tobytes()}))
    assert moved.sha256 != load_pt2(FOLDER / "residual.pt2").sha256


def test_nothing_pickled_is_opened(tmp_path: Path) -> None:
    marker = tmp_path / "ran"

    class Payload:
        def __reduce__(self) -> tuple[object, tuple[str, ...]]:
            return Path.touch, (str(marker),)

    payload = pickle.dumps(Payload())
    sampled = archive(tmp_path / "sampled.pt2", members() | {"model/data/sample_inputs/model.pt": payload})
    assert load_pt2(sampled).latent_dim == 4

    def to_pickle(document: Any) -> None:
        next(iter(document["config"].values()))["use_pickle"] = True

    path = edited(tmp_path / "pickled.pt2", WEIGHTS, to_pickle)
    archive(path, {**members(), WEIGHTS: zipfile.ZipFile(path).read(WEIGHTS), "model/data/weights/weight_0": payload})
    assert "pickled form" in refusal(path)
    assert not marker.exists()


def test_an_operator_in_place_is_named() -> None:
    assert "relu_" in refusal(FOLDER / "in_place.pt2")


def _unknown_operator(document: Any) -> None:
    document["graph_module"]["graph"]["nodes"][1]["target"] = "torch.ops.aten.cumsum.default"


def _other_schema(document: Any) -> None:
    document["schema_version"]["major"] = 7


def _two_inputs(document: Any) -> None:
    document["graph_module"]["signature"]["input_specs"].append({"user_input": {"arg": {"as_tensor": {"name": "y"}}}})


def _not_a_number(document: Any) -> None:
    argument = document["graph_module"]["graph"]["nodes"][3]["inputs"][1]["arg"]
    argument.clear()
    argument["as_float"] = float("nan")


def _missing_tensor(document: Any) -> None:
    document["graph_module"]["graph"]["nodes"][0]["inputs"][0]["arg"]["as_tensor"]["name"] = "nowhere"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (_unknown_operator, "`torch.ops.aten.cumsum.default` is not supported; supported are abs"),
        (_other_schema, "schema 7"),
        (_two_inputs, "2 inputs"),
        (_not_a_number, "no finite number"),
        (_missing_tensor, ""),
    ],
)
def test_what_cannot_be_read_is_refused(change: Callable[[Any], None], expected: str, tmp_path: Path) -> None:
    assert expected in refusal(edited(tmp_path / "changed.pt2", GRAPH, change))


@pytest.mark.parametrize("key", ["sizes", "strides"])
def test_a_tensor_reaches_no_bytes_but_its_own(key: str, tmp_path: Path) -> None:
    def grow(document: Any) -> None:
        next(iter(document["config"].values()))["tensor_meta"][key][0]["as_int"] = 1000

    assert "does not lie within" in refusal(edited(tmp_path / "grown.pt2", WEIGHTS, grow))


def test_weights_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    content = members() | {"model/data/weights/weight_1": np.full(6, np.nan, "<f4").tobytes()}
    assert "NaN" in refusal(archive(tmp_path / "nan.pt2", content))


def test_a_member_that_claims_to_be_huge_is_not_read(tmp_path: Path) -> None:
    content = members() | {"model/data/weights/weight_0": bytes(140_000_000)}
    path = tmp_path / "huge.pt2"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for member, data in content.items():
            target.writestr(member, data)
    assert path.stat().st_size < 1_000_000
    assert "bytes; at most" in refusal(path)


def test_damaged_archives_are_refused_in_one_line(tmp_path: Path) -> None:
    choose, path, refused = random.Random(0), tmp_path / "damaged.pt2", 0
    whole = (FOLDER / "residual.pt2").read_bytes()
    for _ in range(150):
        content = bytearray(whole)
        for _ in range(choose.choice((1, 4, 30))):
            content[choose.randrange(len(content))] = choose.randrange(256)
        path.write_bytes(bytes(content[: choose.choice((len(content), choose.randrange(len(content))))]))
        refused += is_refused(path)
    assert refused > 40


def test_damaged_descriptions_are_refused_in_one_line(tmp_path: Path) -> None:
    choose, path, refused = random.Random(1), tmp_path / "damaged.pt2", 0
    for _ in range(150):
        name = choose.choice(NAMES)
        content = members(name)
        member = choose.choice((GRAPH, GRAPH, WEIGHTS))
        document = json.loads(content[member])
        damage(document, choose)
        archive(path, content | {member: json.dumps(document).encode()})
        refused += is_refused(path)
    assert refused > 25


def is_refused(path: Path) -> bool:
    try:
        load_pt2(path)
    except InputError as error:
        assert str(error).isprintable() and "\n" not in str(error)
        return True
    return False


def damage(document: Any, choose: random.Random) -> None:
    """One value, at a random place, becomes something else."""
    place = document
    while True:
        keys = list(place) if isinstance(place, dict) else range(len(place))
        key = choose.choice(list(keys))
        if not isinstance(place[key], dict | list) or not place[key] or choose.random() < 0.05:
            break
        place = place[key]
    place[key] = choose.choice((None, -1, 0, 2, 10**12, 1e308, "x", [], {}, True, [[1]], {"as_int": 10**7}))
