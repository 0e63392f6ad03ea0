"""The circuit behind a generator: read out of the network, compared with what its name says, proved a permutation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from certify.arithmetic.balls import Real
from certify.bounds.bracket import ConstantBrackets
from certify.circuits.bijection import Bijection, decide_bijection
from certify.circuits.circuit import Circuit
from certify.circuits.extraction import ExtractionError, NotBooleanError, extract_circuit
from certify.circuits.formats.files import stored_inverse
from certify.circuits.permutation import Permutation, permutation
from certify.circuits.substitution_network import MOST_BITS, substitution_network
from certify.errors import InputError
from certify.generators.graph import Generator
from certify.proof.records import AssumptionRecord
from certify.proof.theorem import Assumption
from certify.verdict import Evidence, Verdict

MOST_ENTRIES = 1 << 22
"""Numbers in all layers of a network that is read as a circuit: half a minute."""


@dataclass(frozen=True, eq=False)
class Reading:
    """What the network computes: the circuit, the threshold of its input layer, and whether it is a permutation."""

    circuit: Circuit
    tau: Fraction
    bijection: Bijection


@lru_cache(maxsize=8)
def read(generator: Generator) -> Reading:
    """The circuit of a generator and the decision on it, found once.

    Raises as `extract_circuit`, and ExtractionError, before any work, for more than 1024 inputs or MOST_ENTRIES.
    """
    if generator.latent_dim > MOST_BITS:
        raise ExtractionError(f"{generator.latent_dim} inputs: words of at most {MOST_BITS} bits are read as circuits")
    if (entries := sum(node.width for node in generator.graph.nodes)) > MOST_ENTRIES:
        raise ExtractionError(
            f"the layers of this network have {entries} numbers, most of them carried on; networks of at most "
            f"{MOST_ENTRIES} are read as circuits: give a circuit of fewer gates or layers"
        )
    circuit, tau = extract_circuit(generator.graph)
    if circuit.inputs != len(circuit.outputs):
        unequal = f"{circuit.inputs} inputs and {len(circuit.outputs)} outputs make no permutation"
        return Reading(circuit, tau, Bijection(Verdict.REFUTED, Evidence.RIGOROUS, unequal))
    inverse = stored_inverse(generator)
    if inverse is not None and (inverse.inputs, len(inverse.outputs)) != (circuit.inputs, circuit.inputs):
        inverse = None
    return Reading(circuit, tau, decide_bijection(circuit, known=declared_permutation(generator), inverse=inverse))


def declared_permutation(generator: Generator) -> Permutation | None:
    """The permutation that the generator's specification names, None without one: a hint, never a proof."""
    head, _, tail = generator.metadata.get("specification", "").partition(":")
    settings = dict(item.split("=", 1) for item in tail.split(",") if "=" in item)
    if head not in {"permutation", "spn"}:
        return None
    try:
        bits, seed, rounds = (int(settings[name]) for name in ("bits", "seed", "rounds"))
        if head == "spn":
            return substitution_network(settings["sbox"], bits, rounds, seed)
        return permutation(settings["family"], bits, seed, rounds)
    except (InputError, KeyError, ValueError):
        # The text of a file may say anything; without a sensible hint the proof has to do without.
        return None


def boolean_network(assumption: Assumption, generator: Generator, brackets: ConstantBrackets) -> AssumptionRecord:
    """B1: the network is read back as a circuit, or it is certain that it is none."""
    try:
        reading = read(generator)
    except NotBooleanError as error:
        return _record(assumption, Verdict.REFUTED, Evidence.RIGOROUS, f"no circuit on the signs of z: {error}")
    except ExtractionError as error:
        return _record(assumption, Verdict.INCONCLUSIVE, Evidence.RIGOROUS, str(error))
    where = "z_i != 0" if reading.tau == 0 else f"|z_i| >= {float(reading.tau):.4g}"
    reason = f"read out of the network: {reading.circuit.gates} gates on the signs of z, for {where}"
    return _record(assumption, Verdict.PROVED, Evidence.RIGOROUS, reason)


def bijective_circuit(assumption: Assumption, generator: Generator, brackets: ConstantBrackets) -> AssumptionRecord:
    """B2: the circuit is a permutation; refuted by two words that collide."""
    try:
        found = read(generator).bijection
    except NotBooleanError:
        return _record(assumption, Verdict.REFUTED, Evidence.RIGOROUS, "there is no circuit (B1)")
    except ExtractionError:
        return _record(assumption, Verdict.INCONCLUSIVE, Evidence.RIGOROUS, "the circuit could not be read (B1)")
    pair = "" if found.collision is None else f": the words {found.collision[0]} and {found.collision[1]}"
    return _record(assumption, found.verdict, found.evidence, found.method + pair)


def circuit_inputs(generator: Generator, brackets: ConstantBrackets) -> Mapping[str, Real]:
    """Exact inputs of the theorem: d, n, N, the gates s of the circuit and the threshold tau."""
    reading = read(generator)
    sizes: dict[str, Real] = {"d": generator.latent_dim, "n": generator.observed_dim, "N": generator.parameters}
    return {**sizes, "s": reading.circuit.gates, "tau": reading.tau}


def _record(assumption: Assumption, verdict: Verdict, evidence: Evidence, reason: str) -> AssumptionRecord:
    return AssumptionRecord(assumption.label, assumption.statement, verdict, evidence, None, None, reason)
