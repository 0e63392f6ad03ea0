"""Counts of encoders against the operators of the exported files, the closed forms of S9, and the theorem's bound."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from flint import arb

from certify.encoders.centre_plan import CentrePlan
from certify.encoders.count import EncoderCount, encoder_count
from certify.encoders.onnx_encoder import ExportOptions, onnx_encoder
from certify.encoders.program import EncoderProgram
from certify.encoders.size import shared_size, unrolled_size
from certify.errors import InputError
from certify.generators.graph import Generator
from certify.generators.specification import load_generator
from tests.encoder_models import count_operators
from theorems.gaussian_encoder.network import gaussian_encoder, products_only
from theorems.sharp_langevin.network import sharp_encoder
from theorems.strong_invertibility.network import langevin_encoder

DENSE = ("linear:d=3", "residual:d=3,width=5", "residual:d=2,width=4,depth=3")


def encoders(generator: Generator) -> list[EncoderProgram]:
    plan = CentrePlan(0.1, 3, 2, 0.0, 0.0)
    return [
        langevin_encoder(generator, 0.1, 0.2, 3, 1e-3, 4),
        langevin_encoder(generator, 0.1, 0.2, 3, 1e-3, 4, radius=1.0),
        gaussian_encoder(generator, 0.1, 0.2, 3, 2),
        gaussian_encoder(generator, 0.1, 0.2, 3, 1, products_only(arb(1), arb(300))),
        sharp_encoder(generator, 0.1, plan, np.array([0.3, 0.2]), 2.0, True),
    ]


@pytest.mark.parametrize("specification", DENSE)
def test_the_langevin_count_is_that_of_s9(specification: str) -> None:
    generator = load_generator(specification)
    count = encoder_count(langevin_encoder(generator, 0.1, 0.2, 7, 1e-3, 11))
    assert count.parameters_unrolled == count.weights_unrolled == unrolled_size(generator, 7, 11)
    assert count.parameters_shared == shared_size(generator)
    d = generator.latent_dim
    assert count.parameters_unrolled <= (2 * generator.parameters + 4 * d) * 18
    assert count.noise_inputs == 11 * d


@pytest.mark.parametrize("specification", [*DENSE, "conv:side=4", "coupling:d=4,width=4"])
@pytest.mark.parametrize("unrolled", [False, True])
def test_weights_of_the_file(specification: str, unrolled: bool) -> None:
    """Every Gemm of the file, as often as it runs, reads the weights that the program counts for affine maps."""
    generator = load_generator(specification)
    program = langevin_encoder(generator, 0.1, 0.2, 3, 1e-3, 4)
    model = onnx_encoder(program, ExportOptions(unrolled=unrolled))
    count, found = encoder_count(program), count_operators(model)
    identities = 3 * (2 * generator.latent_dim + generator.observed_dim)
    identities += 4 * (3 * generator.latent_dim + generator.observed_dim)
    # The count has the entries of sparse weights, the file the whole small matrices.
    if specification in DENSE:
        assert found.weights == count.weights_unrolled - identities
    stored = {item.name: int(np.prod(item.dims)) for item in model.graph.initializer}
    assert sum(stored[name] for name in program.constants) >= count.weights_stored
    assert all(name in stored for name in program.constants)


def test_gates_of_the_file() -> None:
    generator = load_generator("residual:d=2,width=4,depth=3")
    for program in encoders(generator):
        for unrolled in (False, True):
            found = count_operators(onnx_encoder(program, ExportOptions(unrolled=unrolled)))
            gates = encoder_count(program).gates
            # Gates of a generator of width 4: sigma' and sigma'' reuse the value of sigma, so tanh counts sigma alone.
            assert 4 * found.operators["Tanh"] == gates["tanh"]
            assert gates["tanh'"] % 4 == 0 and gates["tanh'"] > 0
            # Both divisions by a pivot's root share one Sqrt; a clipping has a sum of squares and a Sqrt of its own.
            clippings = found.operators["ReduceSum"]
            assert 2 * (found.operators["Sqrt"] - clippings) + clippings == gates.get("root", 0)


def test_the_plain_langevin_encoder_has_the_gates_of_a3() -> None:
    for specification in DENSE[1:]:
        gates = encoder_count(langevin_encoder(load_generator(specification), 0.1, 0.2, 3, 1e-3, 4)).gates
        assert set(gates) == {"tanh", "tanh'", "product"}
    products = products_only(arb(1), arb(300))
    gates = encoder_count(gaussian_encoder(load_generator(DENSE[1]), 0.1, 0.2, 3, 1, products)).gates
    assert set(gates) == {"tanh", "tanh'", "tanh''", "product"}
    exact = encoder_count(gaussian_encoder(load_generator(DENSE[1]), 0.1, 0.2, 3, 1)).gates
    assert {"root", "division"} < set(exact)


def test_depth_of_a_small_encoder_by_hand() -> None:
    # Linear G: forward 1, backward 1, so 2 a layer.
    assert encoder_count(langevin_encoder(load_generator("linear:d=3"), 0.1, 0.2, 3, 1e-3, 4)).depth == 2 * 7
    # One block x + W2 tanh(W1 x + b): forward 3, backward W2^T, product with tanh', W1^T.
    one = load_generator("residual:d=2,width=4,depth=1")
    assert encoder_count(langevin_encoder(one, 0.1, 0.2, 3, 1e-3, 4)).depth == 6 * 7


def test_counting_does_not_unroll() -> None:
    generator = load_generator("residual:d=8")
    long = encoder_count(langevin_encoder(generator, 0.1, 0.2, 10, 1e-6, 10**9))
    assert long.parameters_unrolled == unrolled_size(generator, 10, 10**9)


def test_a_wrong_count_would_be_seen() -> None:
    """One layer more or less changes every count that grows with the layers."""
    generator = load_generator(DENSE[1])
    counts: list[EncoderCount] = [
        encoder_count(langevin_encoder(generator, 0.1, 0.2, 3, 1e-3, layers)) for layers in (4, 5)
    ]
    for name in ("parameters_unrolled", "weights_unrolled", "depth", "noise_inputs", "multiply_adds"):
        assert getattr(counts[0], name) < getattr(counts[1], name)
    assert counts[0].weights_stored == counts[1].weights_stored


def test_an_endless_file_is_refused() -> None:
    program = langevin_encoder(load_generator("linear:d=2"), 0.1, 0.2, 3, 1e-3, 10**6)
    with pytest.raises(InputError, match="unrolled"):
        onnx_encoder(program, ExportOptions(unrolled=True))


def test_files_are_valid_onnx() -> None:
    generator = load_generator("residual:d=2,width=4,depth=1")
    started = langevin_encoder(generator, 0.1, 0.2, 0, 1e-3, 2, start=load_generator("linear:d=2"))
    for program in [*encoders(generator), started, langevin_encoder(generator, 0.1, 0.2, 0, 1e-3, 1)]:
        for options in (ExportOptions(), ExportOptions(unrolled=True), ExportOptions(random_normal=True)):
            onnx.checker.check_model(onnx_encoder(program, options), full_check=True)
