"""`certify.load_generator`: the map G, from a file, a family, a module of torch or what is a generator already."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from certify.api.arguments import GeneratorLike
from certify.arithmetic.arrays import FloatArray
from certify.generators.graph import BERNOULLI, GAUSSIAN, Generator
from certify.validation import one_of


def load_generator(
    specification: GeneratorLike,
    output: str | None = None,
    noise: FloatArray | Sequence[float] | str | Path | None = None,
    likelihood: str = GAUSSIAN,
    measurement: FloatArray | Sequence[Sequence[float]] | str | Path | None = None,
    inverse: str | Path | None = None,
) -> Generator:
    """The generator of a SPEC, of a `torch.nn.Module`, or the generator itself.

    A SPEC is an ONNX file, a family with parameters, or `pkg.mod:callable`. A module is exported and compared with its
    own forward pass; its attribute `latent_dim`, or its first linear layer, says how many latents it takes.

    Args:
        specification: what to load.
        output: name of the output of an ONNX file that has several.
        noise: one standard deviation s_i > 0 per output, as an array, a .npy or .csv file, or `KIND:NAME` of another
            output of the file that does not depend on the latent vector (KIND scale, log-scale, variance or
            log-variance). The generator is then G / s, beta the multiple of s, and observations are divided by s where
            they are given.
        likelihood: `gaussian`, or `bernoulli` where the outputs are logits of bits x (or their means, behind a
            sigmoid): outside A0 of the paper.
        measurement: a matrix A (n', n) through which x is observed, x' = A x + noise, as an array or a .npy or .csv
            file. The generator is then A G, observations are x', and `noise` has one entry per row of A.
        inverse: a circuit file (.blif, .aag, .aig) that is said to undo a permutation; `one-way` holds it against it.

    Raises:
        InputError: where the specification names none, the noise or the matrix is none, or logits are asked of
            a Gaussian decoder.

    >>> generator = load_generator("linear:d=2,kappa=1.5,seed=0")
    >>> generator.latent_dim, generator.observed_dim, generator.parameters
    (2, 2, 4)
    >>> load_generator("linear:d=2,kappa=1.5,seed=0", measurement=[[1.0, 1.0]]).observed_dim
    1
    """
    from certify.generators.specification import load_generator as load

    return load(
        specification, output, noise, one_of("likelihood", likelihood, [GAUSSIAN, BERNOULLI]), measurement, inverse
    )
