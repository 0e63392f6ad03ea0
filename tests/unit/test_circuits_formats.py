"""Circuit files: circuits survive both ways, and files that are none are refused in one line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from certify.circuits.builder import FALSE, TRUE, CircuitBuilder
from certify.circuits.formats.aiger import read_aiger, write_aiger
from certify.circuits.formats.blif import read_blif, write_blif
from certify.circuits.formats.files import load_circuit, save_circuit
from certify.circuits.permutation import FAMILIES, permutation
from certify.errors import InputError
from certify.generators.specification import load_generator


@pytest.mark.parametrize("ending", ["blif", "aag", "aig"])
@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_circuits_survive_a_file(family: str, ending: str, tmp_path: Path) -> None:
    circuit, path = permutation(family, 6).circuit, tmp_path / f"p.{ending}"
    save_circuit(circuit, path)
    words = np.arange(64)
    assert np.array_equal(load_circuit(path).evaluate_integers(words), circuit.evaluate_integers(words))
    generator = load_generator(str(path))
    assert (generator.name, generator.latent_dim, generator.metadata["family"]) == ("p", 6, "circuit")


def test_constant_outputs_survive() -> None:
    builder = CircuitBuilder(2)
    circuit = builder.finish([FALSE, TRUE, builder.conjoin(0, 1)])
    by_aiger = [read_aiger(write_aiger(circuit, binary)) for binary in (False, True)]
    for again in (read_blif(write_blif(circuit)), *by_aiger):
        assert again.evaluate_integers(range(4)).tolist() == [2, 2, 2, 6]


def test_files_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "x.blif").write_bytes(b"\xff\xfe\x00")
    for name, message in (("x.blif", "control character"), ("absent.aig", "cannot be read"), ("x.v", "must end in")):
        with pytest.raises(InputError, match=message):
            load_circuit(tmp_path / name)
    with pytest.raises(InputError, match="must end in"):
        save_circuit(permutation("linear", 3).circuit, tmp_path / "x.txt")
