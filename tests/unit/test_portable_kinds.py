"""Certificates of boxes, constants, circuits and formulas: what they claim is true, and what is not is refused."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from fractions import Fraction
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from scipy.integrate import quad
from scipy.special import logsumexp

import certify
from benchmarks.corrupted_certificates import checker, refusal, small_network
from benchmarks.corrupted_kinds import corruptions, made
from certify.certificates.portable.discovery import portable_kinds
from certify.certificates.portable.kinds.refutation import dimacs_clauses
from certify.circuits.drat import check_refutation
from certify.circuits.exact_synthesis import minimal_chain
from certify.circuits.hints import hinted_refutation
from certify.cli.commands.certificate import KINDS as HELP
from certify.errors import InputError

pytest.importorskip("pysat.solvers")

BOXES, TOTALS, CIRCUITS = checker("boxes"), checker("integral"), checker("circuit-size")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kinds")


@pytest.fixture(scope="module")
def documents(folder: Path) -> dict[str, tuple[dict[str, Any], bytes | None]]:
    return {document["kind"]: (document, file) for document, file in made(folder)}


def test_every_kind_is_confirmed(documents: dict[str, Any]) -> None:
    for kind, (document, file) in documents.items():
        assert refusal(checker(kind), json.dumps(document), file) == ""


@pytest.mark.parametrize("kind", ["integral", "refutation"])
def test_corrupted_certificates_are_refused(documents: dict[str, Any], kind: str) -> None:
    document, file = documents[kind]
    seen: dict[str, int] = {}
    for what, text in corruptions(document):
        seen[what] = seen.get(what, 0) + 1
        if seen[what] <= 2 and ("no number" in what or "better" in what or what.startswith("text")):
            assert refusal(checker(kind), text, file), what


def test_the_box_envelope_holds_at_points_and_its_acceptance_is_below_the_true_one(documents: dict[str, Any]) -> None:
    document, content = documents["boxes"]
    read = BOXES.Network(content)
    question = BOXES.Question(read, document)
    x = np.array([0.4, -0.2, 0.3])
    log_constant = float(Fraction(document["claims"]["log_constant"]))
    parts = [(math.exp(peak), float(mean[0]), float(S[0][0])) for peak, mean, S in question.parts]
    z = np.linspace(-12, 12, 4001)
    values = np.array([network_value(read, [point]) for point in z])
    potential = 0.5 * z**2 + ((values - x) ** 2).sum(axis=1) / (2 * 0.25)
    density = sum(peak * np.exp(-0.5 * S * (z - mean) ** 2) for peak, mean, S in parts)
    assert abs(np.trapezoid(density, z) - 1) < 1e-9
    assert (np.exp(-potential) <= math.exp(log_constant) * density * (1 + 1e-9)).all()
    truth = np.trapezoid(np.exp(-potential), z) / math.exp(log_constant)
    assert 0.9 * truth < float(Fraction(document["claims"]["acceptance"])) <= truth


@pytest.mark.parametrize(
    ("kinds", "steepness"), [(("Tanh", "Relu"), 1), (("Relu",), 1), (("Tanh",), 1), (("Tanh",), 1e3), (("Tanh",), 1e12)]
)
def test_bounds_over_boxes_hold_at_points_of_them(kinds: tuple[str, ...], steepness: float) -> None:
    """f + log rho is nowhere below `lower`, and the mean of f is not above `mean`; on small boxes both are close."""
    random = np.random.default_rng(11)
    for seed in range(6):
        network = BOXES.Network(steeper(small_network(kinds, seed, double=bool(seed % 2)), steepness))
        means, roots = random.normal(size=(3, 2)), np.tril(random.normal(size=(3, 2, 2)) + 2 * np.eye(2))
        weights, x, beta = random.uniform(0.1, 1, 3), random.normal(size=3), 0.3
        record = {
            "observation": [value.hex() for value in x], "beta": beta.hex(),
            "proposal": {
                "weights": [value.hex() for value in weights], "means": [[v.hex() for v in mean] for mean in means],
                "roots": [[[v.hex() for v in row[: i + 1]] for i, row in enumerate(abs(root))] for root in roots],
            },
        }  # fmt: skip
        question = BOXES.Question(network, record)
        for size in (3.0, 0.3, 0.01):
            centre, half = random.normal(size=2), size * random.uniform(0.2, 1, 2)
            points = centre + half * random.uniform(-1, 1, size=(400, 2)).round(1)
            values = np.array([network_value(network, point) for point in points])
            f = 0.5 * (points**2).sum(axis=1) + ((values - x) ** 2).sum(axis=1) / (2 * beta**2)
            shifted = np.einsum("jki,pjk->pji", abs(roots), points[:, None] - means)
            logs = np.log(weights / weights.sum()) + np.log(abs(roots[:, [0, 1], [0, 1]])).sum(axis=1)
            rho = logsumexp(logs - 0.5 * (shifted**2).sum(axis=2), axis=1) - math.log(2 * math.pi)
            box = [[math.floor(Fraction(float(v)) * BOXES.ONE) for v in part] for part in (centre, half)]
            lower, mean = float(question.lower(*box)), float(question.mean(*box))
            assert lower <= (f + rho).min() + 1e-9 and mean >= f.mean() - 4 * f.std() / 20 - 1e-9
            # Behind a jump both ends of it count until the box is on one side.
            assert size > 0.1 or steepness > 1 or (lower >= (f + rho).min() - 0.1 and mean <= f.mean() + 0.1)


def test_the_boxes_of_the_mass_are_cut_where_the_posterior_is_narrow(tmp_path: Path) -> None:
    path = tmp_path / "relu.onnx"
    path.write_bytes(small_network(("Relu",), 4, double=True))
    document = certify.certificate("boxes", path, [1.5, -1.0, 1.0], beta=0.1).document
    # A box whose middle says nothing of its mass is not left alone: that gave 0.66.
    assert document is not None and float(Fraction(document["claims"]["acceptance"])) > 0.8


@pytest.mark.parametrize("steepness", [1e6, 1e13])
def test_a_certificate_over_jumps_is_confirmed_and_a_better_one_is_not(tmp_path: Path, steepness: float) -> None:
    path = tmp_path / "steep.onnx"
    path.write_bytes(steeper(small_network(("Tanh",), 3, double=True, latents=1), steepness, 3.0))
    document = certify.certificate("boxes", path, [0.9, -0.7, 0.4], beta=0.3).document
    assert document is not None and refusal(BOXES, json.dumps(document), path.read_bytes()) == ""
    claims = document["claims"]
    for name, better in (("log_constant", Fraction(-3, 20)), ("acceptance", Fraction(1, 8))):
        other = {**document, "claims": {**claims, name: str(Fraction(claims[name]) + better)}}
        assert refusal(BOXES, json.dumps(other), path.read_bytes()) == "no"
    # Another jump in a file with its own digest.
    moved = steeper(path.read_bytes(), 1.0, jump=-1.0)
    other = {**document, "network": {**document["network"], "sha256": sha256(moved).hexdigest()}}
    assert refusal(BOXES, json.dumps(other), moved) == "no"


@pytest.mark.parametrize("ends", [(-1e9, 1e6), (-5.0, 1e4), (-1e4, 0.1), (31.0, 1e9), (-1e12, -33.0)])
def test_a_jump_is_left_without_a_slope(ends: tuple[float, float]) -> None:
    slope, bottom, top = BOXES.line("Tanh", *(int(end * 2**60) << 68 for end in ends))
    exact = [Fraction(math.tanh(end)) * BOXES.ONE for end in ends]
    assert bottom <= exact[0] + 2**77 and top >= exact[1] - 2**77 and top - bottom <= exact[1] - exact[0] + 2**78
    assert slope == 0 or min(abs(end) for end in ends) > 30


def steeper(network: bytes, steepness: float, jump: float = 1.0) -> bytes:
    """The network of `small_network` with its first layer's inputs and outputs multiplied."""
    model = onnx.load_from_string(network)
    for constant, factor in zip(model.graph.initializer, (steepness, steepness, jump), strict=False):
        array = numpy_helper.to_array(constant)
        constant.CopyFrom(numpy_helper.from_array((factor * array).astype(array.dtype), constant.name))
    return model.SerializeToString()


def network_value(read: Any, point: Sequence[float]) -> np.ndarray[Any, Any]:
    values = [np.array(point)]
    for node in read.nodes[1:]:
        if node[0] == "sum":
            values.append(values[node[1]] + values[node[2]])
        elif node[0] == "affine":
            weight = None if node[2] is None else np.array(node[2].rows, dtype=object) / node[2].den
            moved = values[node[1]] if weight is None else weight.astype(float) @ values[node[1]]
            values.append(moved + np.array([row[0] / node[3].den for row in node[3].rows]))
        else:
            values.append(np.tanh(values[node[1]]) if node[0] == "Tanh" else np.maximum(values[node[1]], 0.0))
    found: np.ndarray[Any, Any] = values[read.output]
    return found


@pytest.mark.parametrize("name", ["Tanh", "Relu"])
def test_lines_enclose_the_activation_over_their_range(name: str) -> None:
    random = np.random.default_rng(2)
    one = BOXES.ONE
    ends = np.sort(random.normal(size=(60, 2)) * random.choice([0.01, 1.0, 10.0, 80.0], size=(60, 1)), axis=1)
    for low, high in [*ends.tolist(), (0.0, 0.0), (-1.0, 0.0), (0.0, 2.0), (33.0, 40.0), (-90.0, -33.0)]:
        slope, bottom, top = BOXES.line(name, int(low * 2**60) << 68, int(high * 2**60) << 68)
        t = np.linspace(low, high, 200)
        rest = (np.tanh(t) if name == "Tanh" else np.maximum(t, 0.0)) - slope / one * t
        room = 1e-12 * (1 + abs(low) + abs(high))
        assert (rest >= bottom / one - room).all() and (rest <= top / one + room).all()
        # Not wider than what is attained on the grid, and a little.
        wide = rest.max() - rest.min()
        assert 0 <= slope <= one and (top - bottom) / one <= room + 1.1 * wide + 0.05 * (high - low) ** 3


def test_the_least_value_of_a_quadratic_is_not_overestimated() -> None:
    random = np.random.default_rng(3)
    for d in (1, 2, 3):
        R = random.uniform(0.1, 2, d)
        points = R * random.uniform(-1, 1, size=(4000, d)).round(2)
        for _ in range(20):
            half = random.normal(size=(d, d))
            Q, b = half + half.T, random.normal(size=d)
            exact = [[Fraction(float(x)) for x in row] for row in Q], *([Fraction(float(x)) for x in v] for v in (b, R))
            values = 0.5 * np.einsum("ki,ij,kj->k", points, Q, points) + points @ b
            assert float(BOXES.least(*exact)) <= values.min() + 1e-12


@pytest.mark.parametrize("x", [Fraction(0), Fraction(-37, 3), Fraction(5, 2), Fraction(1, 10**9), Fraction(-700)])
def test_exponentials_are_enclosed(x: Fraction) -> None:
    mpmath = pytest.importorskip("mpmath")
    with mpmath.workprec(500):
        truth = mpmath.exp(mpmath.mpf(x.numerator) / x.denominator)
        found = TOTALS.exp(TOTALS.interval(x))
        assert found.low <= truth * mpmath.mpf(2) ** 256 <= found.high and found.high - found.low < 1 << 80
        low, high = BOXES.exp(int(x * 2**128)) if x.denominator == 1 or x > 0 else BOXES.exp(0)
        assert low <= high
        if x == int(x):
            assert low <= truth * mpmath.mpf(2) ** 128 <= high


def test_integrals_are_enclosed_tightly(documents: dict[str, Any]) -> None:
    document = documents["integral"][0]
    (piece,) = document["pieces"]
    exponent = [float(Fraction(entry)) for entry in piece["exponent"]]
    truth = quad(lambda r: r * math.exp(-np.polyval(exponent[::-1], r)), 0, float(Fraction(piece["end"])))[0]
    low, high = (float(Fraction(document["claims"][name])) for name in ("lower", "upper"))
    assert low <= truth <= high <= low * (1 + 1e-6)
    pieces = [(Fraction(0), Fraction(3), [Fraction(0), Fraction(1)], [Fraction(1), Fraction(2)])]
    found = TOTALS.integral(2, pieces, 8)
    exact = quad(lambda r: r**2 * (1 + 2 * r) * math.exp(-r), 0, 3)[0]
    assert abs(found.low / TOTALS.ONE - exact) < 1e-12 and 0 <= found.high - found.low < TOTALS.ONE >> 20


def test_totals_agree_with_the_worked_example_and_shorter_claims_are_refused(documents: dict[str, Any]) -> None:
    given = "d=2,m=1,M=1.5,M2=0.25,beta=0.1,gradient=0.00623188723,residual=0.00865542625"
    document = certify.certificate("gaussian-layer", constants=given).document
    assert document is not None
    # docs/sharp.md: 0.06886 at R = 4; the best radius is no worse.
    assert 0.0680 < float(Fraction(document["claims"]["tv_bound"])) < 0.06893
    for kind in ("gaussian-layer", "langevin"):
        record = documents[kind][0]
        claim = Fraction(record["claims"]["tv_bound"]) * Fraction(99, 100)
        better = {**record, "claims": {**record["claims"], "tv_bound": str(claim)}}
        assert refusal(TOTALS, json.dumps(better), None) == "no"


@pytest.mark.parametrize("given", ["d=2", "d=2.5,m=1,M=1,M2=0,beta=1,gradient=0,residual=0", "d=2,d=2", "x"])
def test_constants_that_pose_no_problem_are_bad_input(given: str) -> None:
    with pytest.raises(certify.InputError):
        certify.certificate("langevin", constants=given)


def test_a_circuit_smaller_than_it_can_be_is_refused(documents: dict[str, Any]) -> None:
    document = documents["circuit-size"][0]
    assert document["claims"]["size"] == 5
    chain, proofs = document["chain"], document["proofs"]
    for size, wrong in (
        (4, {"proofs": proofs[:-1]}),
        (4, {"chain": {**chain, "gates": chain["gates"][:-1]}, "proofs": proofs[:-1]}),
        (6, {"chain": {**chain, "gates": [*chain["gates"], [0, 1, 8]]}}),
        (6, {"proofs": [*proofs, proofs[-1]], "chain": {**chain, "gates": [*chain["gates"], [0, 1, 8]]}}),
        (5, {"proofs": [proofs[1], proofs[0], proofs[2]]}),
        (5, {"targets": document["targets"][::-1]}),
        (True, {}),
    ):
        assert refusal(CIRCUITS, json.dumps({**document, "claims": {"size": size}, **wrong}), None)


def test_the_checker_writes_the_clauses_of_exact_synthesis() -> None:
    for inputs, targets in ((2, [6]), (3, [150, 232]), (3, [254])):
        for item in minimal_chain(inputs, targets).refutations:
            full = (1 << (1 << inputs)) - 1
            needed = sorted({entry ^ full if entry & 1 else entry for entry in targets})
            clauses, variables = CIRCUITS.chains(inputs, needed, item.gates)
            assert clauses == set(map(frozenset, item.clauses)) and variables == item.variables


def test_hints_are_kept_for_what_the_empty_clause_rests_on_alone() -> None:
    for item in minimal_chain(3, [150, 232]).refutations:
        found = hinted_refutation(item.clauses, item.proof)
        assert found is not None and check_refutation(item.clauses, item.proof).accepted
        assert len(found.steps) <= len(item.proof) + 1 and set(found.core) <= set(item.clauses)
    assert hinted_refutation([(1, 2), (-1, 2)], ["0"]) is None
    assert hinted_refutation([(1, 2), (-1, 2), (1, -2)], ["2 0", "x"]) is None
    assert hinted_refutation([(1,), (-1,)], []) is not None


def test_formulas_that_can_be_satisfied_or_are_none(tmp_path: Path) -> None:
    path = tmp_path / "formula.cnf"
    path.write_text("p cnf 2 2\n1 2 0\n-1 2 0\n", encoding="ascii")
    assert certify.certificate("refutation", formula=path).document is None
    for text in ("", "p cnf 1 1\n1\n", "p cnf 1 1\n2 0\n", "p cnf 1 2\n1 0\n", "p cnf 1 1\nx 0\n"):
        path.write_text(text, encoding="ascii")
        with pytest.raises(certify.InputError):
            dimacs_clauses(path)
        with pytest.raises(Exception):  # noqa: B017, PT011 - any exception is a refusal
            CIRCUITS.refutation({"claims": {"sha256": ""}, "proof": {}}, text.encode())


@pytest.mark.parametrize("end", ["\r", "\v", "\f", "\x1c", "\x1e", "\x85", "\0"])
def test_a_clause_in_a_comment_is_none(tmp_path: Path, end: str) -> None:
    # Python ends a line at each of these, solvers at a line feed alone: they would read one clause, which can be true.
    path = tmp_path / "formula.cnf"
    path.write_bytes(f"p cnf 1 2\nc a comment{end}-1 0\n1 0\n".encode("latin-1"))
    document = {
        "format": "portable-1", "kind": "refutation", "claims": {"sha256": sha256(path.read_bytes()).hexdigest()},
        "proof": {"core": [[1], [-1]], "steps": [{"clause": [], "hints": [0, 1]}]},
    }  # fmt: skip
    assert refusal(CIRCUITS, json.dumps(document), path.read_bytes()) == "unreadable"
    with pytest.raises(certify.InputError):
        dimacs_clauses(path)
    path.write_bytes(b"p cnf 1 2\r\nc a comment\r\n-1 0\r\n1 0\r\n")
    document["claims"] = {"sha256": sha256(path.read_bytes()).hexdigest()}
    assert refusal(CIRCUITS, json.dumps(document), path.read_bytes()) == ""


@pytest.mark.parametrize("word", ["+1", "1_0", "-0", "01", "1.0", "\N{ARABIC-INDIC DIGIT ONE}", "123456789"])
def test_other_spellings_of_a_literal_are_refused(tmp_path: Path, word: str) -> None:
    path = tmp_path / "formula.cnf"
    path.write_text(f"p cnf 10 2\n1 0\n{word} 0\n", encoding="utf-8")
    with pytest.raises(certify.InputError):
        dimacs_clauses(path)
    with pytest.raises(Exception):  # noqa: B017, PT011 - any exception is a refusal
        CIRCUITS.refutation(
            {"claims": {"sha256": sha256(path.read_bytes()).hexdigest()}, "proof": {"core": [], "steps": []}},
            path.read_bytes(),
        )


def test_a_proof_of_nothing_proves_nothing(documents: dict[str, Any]) -> None:
    document, file = documents["refutation"]
    proof = document["proof"]
    for wrong in (
        {"core": proof["core"], "steps": proof["steps"][:-1]},
        {"core": [[]], "steps": []},
        {"core": [*proof["core"], [1]], "steps": proof["steps"]},
        {"core": proof["core"], "steps": [{"clause": [], "hints": []}]},
        {"core": proof["core"], "steps": [{"clause": [], "hints": [0, 1]}]},
        {"core": proof["core"], "steps": [{"clause": [], "hints": [-1]}]},
        {"core": proof["core"], "steps": [{"clause": [1, -1], "hints": [len(proof["core"])]}]},
    ):
        assert refusal(CIRCUITS, json.dumps({**document, "proof": wrong}), file)


def test_a_row_that_is_not_there_is_named_with_those_that_are() -> None:
    rows = np.zeros((3, 8))
    with pytest.raises(InputError, match="^`index` must be an integer from 0 to 2; got 3$"):
        certify.certificate("boxes", "examples/digits/residual_d8.onnx", rows, index=3, beta="0.3")


def test_the_help_names_every_kind() -> None:
    assert set(portable_kinds()) <= set(re.findall(r"[a-z-]+", HELP))


def test_the_checkers_are_scripts(
    documents: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for kind, check in (("refutation", CIRCUITS), ("integral", TOTALS), ("circuit-size", CIRCUITS)):
        document, file = documents[kind]
        path, other = tmp_path / f"{kind}.json", tmp_path / f"{kind}.file"
        path.write_text(json.dumps(document), encoding="utf-8")
        other.write_bytes(file or b"")
        arguments = [str(path)] if file is None else [str(path), str(other)]
        assert check.main(arguments) == 0 and capsys.readouterr().out.startswith("yes: ")
        path.write_text(json.dumps({**document, "more": 1}), encoding="utf-8")
        assert check.main(arguments) == 2 and check.main([]) == 2
