"""Circuits read from and written to files by the ending of their name: .blif, .aag, .aig."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from certify.atomic import write_bytes_atomically
from certify.circuits.circuit import Circuit
from certify.circuits.formats.aiger import read_aiger, write_aiger
from certify.circuits.formats.blif import read_blif, write_blif
from certify.circuits.network import compile_circuit, parameter_count
from certify.errors import InputError
from certify.generators.graph import Generator

LARGEST_FILE = 64 * 1024 * 1024
INVERSE = "inverse"
"""Key of a generator's metadata with the inverse circuit as ASCII AIGER."""


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without the search for cycles: among millions of small objects it would find none, again and again."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@_uncollected()
def load_circuit(path: str | Path) -> Circuit:
    """The circuit of a file. Raises InputError, in one line, for a file that is absent, too large or no circuit."""
    place = Path(path)
    _ending(place)
    try:
        if place.stat().st_size > LARGEST_FILE:
            raise InputError(f"`{place}` is larger than {LARGEST_FILE} bytes")
        content = place.read_bytes()
    except OSError as error:
        raise InputError(f"`{place}` cannot be read ({error.strerror})") from error
    try:
        # Latin-1 reads every byte: comments may be in any encoding, and names are checked to be ASCII.
        return read_aiger(content) if place.suffix in {".aag", ".aig"} else read_blif(content.decode("latin-1"))
    except InputError as error:
        raise InputError(f"`{place}`: {error}") from error


@_uncollected()
def circuit_generator(path: str | Path) -> Generator:
    """The generator G(z) = P(sgn z) of a circuit file, in the form minmax. Raises InputError as `load_circuit`."""
    circuit = load_circuit(path)
    try:
        graph = compile_circuit(circuit)
    except InputError as error:
        raise InputError(f"`{path}`: {error}") from error
    return Generator(Path(path).stem, graph, parameter_count(circuit, "minmax"), {"family": "circuit"})


def with_inverse(generator: Generator, path: str | Path) -> Generator:
    """The generator with the circuit of a file as what is said to undo its permutation: a claim, not taken on trust.

    Raises InputError as `load_circuit`, and unless the numbers of its inputs and outputs are the generator's.
    """
    circuit = load_circuit(path)
    sizes, wanted = (circuit.inputs, len(circuit.outputs)), (generator.observed_dim, generator.latent_dim)
    if sizes != wanted:
        raise InputError(
            f"`inverse` {path} must take {wanted[0]} bits to {wanted[1]}; it takes {sizes[0]} to {sizes[1]}"
        )
    return replace(
        generator, metadata={**generator.metadata, INVERSE: write_aiger(circuit, binary=False).decode("ascii")}
    )


def stored_inverse(generator: Generator) -> Circuit | None:
    """The circuit that `with_inverse` stored; None without one, or where a file's own text is none."""
    try:
        return read_aiger(generator.metadata[INVERSE].encode("ascii")) if INVERSE in generator.metadata else None
    except (InputError, UnicodeEncodeError):
        return None


def save_circuit(circuit: Circuit, path: str | Path) -> None:
    """Write the circuit, whole or not at all. Raises InputError for another ending or an unwritable place."""
    place = Path(path)
    ending = _ending(place)
    content = write_blif(circuit, place.stem).encode() if ending == ".blif" else write_aiger(circuit, ending == ".aig")
    write_bytes_atomically(place, content)


def _ending(path: Path) -> str:
    if path.suffix not in {".blif", ".aag", ".aig"}:
        raise InputError(f"`{path}` must end in .blif, .aag or .aig")
    return path.suffix
