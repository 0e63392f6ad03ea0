"""The page of `certify report`: nothing but data in it, every formula set, and the blueprint under every statement."""

from __future__ import annotations

import itertools
import json
import math
import re
from dataclasses import replace
from fractions import Fraction
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import pytest

import certify
from certify.cli import main as cli
from certify.discovery.registry import theorems
from certify.errors import InputError
from certify.proof.records import CheckResult, ConclusionRecord
from certify.report.blueprint import CONCLUSION, Blueprint, Node, blueprint, blueprint_lines, blueprint_of
from certify.report.blueprint_svg import blueprint_svg
from certify.report.formulas import formulas_document
from certify.report.json import json_text
from certify.report.page.document import page_html
from certify.report.page.grid import AXES, Grid, certified_grid, has_grid, shown
from certify.report.page.mathml import mathml, unknown_commands
from certify.report.page.sections import script_json, sliders_html
from certify.verdict import Evidence, Verdict
from tests.pages import hostile_result
from tests.records import record, result

LINEAR = "linear:d=2,kappa=1.5,seed=0"
EMPTY = {"meta", "link", "br", "input", "rect", "path", "circle", "line"}


class _Strict(HTMLParser):
    """Every element closed in order, and what could load or run: scripts, sources, handlers, addresses."""

    def __init__(self) -> None:
        super().__init__()
        self.opened: list[str] = []
        self.scripts: list[str | None] = []
        self.outside: list[tuple[str, str | None]] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in EMPTY:
            self.opened.append(tag)
        given = dict(attrs)
        if tag == "script":
            self.scripts.append(given.get("type"))
        self.ids += [given["id"]] if given.get("id") else []  # type: ignore[list-item]
        for name, value in attrs:
            address = name in {"src", "href"} and not str(value).startswith(("#", "data:,"))
            if name.startswith("on") or address or "url(" in str(value):
                self.outside.append((name, value))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in EMPTY

    def handle_endtag(self, tag: str) -> None:
        assert self.opened.pop() == tag


def parsed(page: str) -> _Strict:
    reader = _Strict()
    reader.feed(page)
    reader.close()
    assert reader.opened == []
    return reader


@pytest.fixture(scope="module")
def page() -> str:
    return page_html(hostile_result())


def test_a_hostile_name_is_text_everywhere_and_nothing_is_loaded(page: str) -> None:
    reader = parsed(page)
    assert "<script>window.hacked" not in page and "<img" not in page
    assert reader.scripts.count(None) == 1 and set(reader.scripts) == {None, "application/json"}
    assert reader.outside == []
    assert "@import" not in page and 'http-equiv="Content-Security-Policy" content="default-src \'none\'' in page
    assert len(set(reader.ids)) == len(reader.ids)
    assert page.count("&lt;script&gt;window.hacked") >= 4


def test_data_of_a_script_cannot_end_it() -> None:
    text = script_json({"name": "</script><!--\u2028&"})
    assert "<" not in text and ">" not in text and "&" not in text and "\u2028" not in text
    assert json.loads(text) == {"name": "</script><!--\u2028&"}


def test_every_formula_of_every_theorem_is_set() -> None:
    for theorem in theorems().values():
        cells = [cell for table in formulas_document(theorem).tables for row in table.rows for cell in row]
        formulas = [item.latex for item in theorem.assumptions] + [theorem.conclusion.latex]
        for tex in (*formulas, *(cell.latex for cell in cells if cell.latex)):
            assert unknown_commands(tex) == [], tex
            parsed(mathml(tex))


@pytest.mark.parametrize(
    ("tex", "inside"),
    [
        (r"\frac{a+1}{2}", "<mfrac><mrow><mi>a</mi><mo>+</mo><mn>1</mn></mrow><mn>2</mn></mfrac>"),
        (r"x^{2}_{k}", "<msubsup><mi>x</mi><mi>k</mi><mn>2</mn></msubsup>"),
        (r"\rho_c", "<msub><mi>ρ</mi><mi>c</mi></msub>"),
        (r"\sqrt{\beta}", "<msqrt><mi>β</mi></msqrt>"),
        (r"\mathrm{burn\mbox{-}in}", '<mi mathvariant="normal">burn-in</mi>'),
        (r"a < b", "<mo>&lt;</mo>"),
        (r"\text{if <b>}", "<mtext>if\u00a0&lt;b&gt;</mtext>"),
        (r"\left. x \right|", '<mi>x</mi><mo form="postfix" fence="true">|</mo>'),
    ],
)
def test_formulas_become_the_elements_they_mean(tex: str, inside: str) -> None:
    assert inside in mathml(tex)


def test_an_unknown_command_is_named_and_not_dropped() -> None:
    assert unknown_commands(r"\evil{x}") == ["evil"]
    assert "<mtext>evil</mtext>" in mathml(r"\evil{x}")
    for broken in (r"\frac{", "^", "_", r"\sqrt[", "}", r"\left"):
        parsed(mathml(broken))


def test_the_ground_of_a_statement_is_its_weakest_ancestor() -> None:
    graph = Blueprint(
        "toy",
        (
            Node("A", "assumption", "", Verdict.PROVED, Evidence.RIGOROUS, ()),
            Node("leaf", "leaf", "", None, None, ()),
            Node("S1", "step", "", Verdict.PROVED, Evidence.KERNEL, ("A", "leaf")),
            Node("S2", "step", "", Verdict.SUPPORTED, Evidence.STATISTICAL, ("A",)),
            Node("S3", "step", "", Verdict.PROVED, Evidence.KERNEL, ("S1", "S2")),
            Node("S4", "step", "", Verdict.INCONCLUSIVE, None, ()),
            Node("S5", "step", "", Verdict.PROVED, Evidence.KERNEL, ("S1", "S4")),
        ),
    )
    assert [graph.ground(name) for name in ("S1", "S3", "S5", "leaf")] == [
        Evidence.RIGOROUS, Evidence.STATISTICAL, None, None,
    ]  # fmt: skip
    assert graph.ancestors("S3") == ("A", "leaf", "S1", "S2")
    rows = graph.layers()
    depth = {label: level for level, row in enumerate(rows) for label in row}
    assert all(depth[use] < depth[node.label] for node in graph.nodes for use in node.uses)


def test_the_blueprint_of_every_theorem_is_whole() -> None:
    for theorem in theorems().values():
        graph = blueprint_of(theorem)
        labels = [node.label for node in graph.nodes]
        assert len(set(labels)) == len(labels) and len(labels) >= len(theorem.steps) + len(theorem.assumptions)
        assert all(use in labels for node in graph.nodes for use in node.uses)
        steps = {node.label for node in graph.nodes if node.kind == "step"}
        assert steps <= set(graph.ancestors(CONCLUSION)), "the conclusion rests on every step"
        assert len(blueprint_lines(graph)) == len(labels)
        parsed(blueprint_svg(graph, standalone=True))


def test_show_prints_the_graph_and_writes_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["show", "strong-invertibility", "--graph"]) == 0
    assert "S2" in (printed := capsys.readouterr().out) and "<- S1, A1, A2" in printed
    assert cli.main(["show", "strong-invertibility", "--svg", str(tmp_path / "g.svg")]) == 0
    assert (tmp_path / "g.svg").read_text().startswith('<svg xmlns="http://www.w3.org/2000/svg"')
    assert cli.main(["show", "strong-invertibility", "--svg", str(tmp_path / "no" / "g.svg")]) == 2


def test_a_refuted_step_is_open_ground_for_what_follows() -> None:
    graph = blueprint(record(Verdict.REFUTED))
    assert graph.ground("S2") is None and graph.ground(CONCLUSION) is None
    assert "v-refuted" in blueprint_svg(graph) and blueprint(record()).ground("S2") is not None


def test_grid_values_are_certified_and_printed_on_their_side() -> None:
    theorem = theorems()["strong-invertibility"]
    grid = certified_grid(theorem, theorem.id, "small")
    assert grid is not None and len(grid.bounds) == 8
    assert all(bound is None or float(bound) <= 0.1 for bound in grid.bounds)
    cells = list(enumerate(itertools.product(*AXES["small"].values())))
    assert len(set(grid.layers)) == 8, "no two places can be confused"
    for place, (beta, d, kappa, epsilon) in (cells[1], cells[4]):
        found = _alone(str(beta), d, str(kappa), str(epsilon))
        assert grid.layers[place] == str(found.K)
        assert found.tv_bound <= float(str(grid.bounds[place])) <= found.tv_bound * (1 + 1e-3)
    assert certified_grid(theorem, theorem.id, "none") is None
    assert not has_grid(theorems()["collapse"]) and not has_grid(theorems()["gaussian-encoder"])
    parsed(sliders_html(Grid("<b>", grid.axes, 0.15, grid.layers, grid.bounds)))
    assert "M2 = 0.15, t_x = 2 (" in sliders_html(grid)
    assert "M2 = 0.15, n = d (" in sliders_html(replace(grid, defaults={"n": "d"}))


@cache
def _alone(beta: str, d: int, kappa: str, epsilon: str = "0.1") -> ConclusionRecord:
    constants = {"d": d, "m": 1, "M": kappa, "M2": "0.15"}
    found = certify.check_constants("strong-invertibility", constants, beta=beta, epsilon=epsilon)
    conclusion = found["strong-invertibility"].conclusion
    assert conclusion is not None
    return conclusion


@pytest.mark.parametrize(("d", "kappa"), [(1, "1.01"), (3, "1.21")])
def test_a_grid_value_is_never_better_than_what_is_certified_between(d: int, kappa: str) -> None:
    at = {"d": 2 if d <= 2 else 8, "kappa": "1.2" if float(kappa) <= 1.2 else "2.0"}
    asked, shown_instead = _alone("0.05", d, kappa), _alone("0.05", int(at["d"]), str(at["kappa"]))
    assert asked.K <= shown_instead.K
    assert asked.beta_max >= shown_instead.beta_max


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ({}, (None, None)),
        ({"tv_bound": math.nan, "K": 3}, (None, None)),
        ({"tv_bound": math.inf, "K": 3}, (None, None)),
        ({"tv_bound": 0.100001, "K": 3}, (None, None)),
        ({"tv_bound": 0.05, "K": math.inf}, (None, None)),
        ({"tv_bound": 0.05}, (None, "0.05001")),
        ({"tv_bound": 0.05, "K": 3.2}, ("4", "0.05001")),
        ({"tv_bound": 0.0300001, "K": 12}, ("12", "0.03001")),
    ],
)
def test_what_is_not_certified_is_no_grid_value(
    found: dict[str, float], expected: tuple[str | None, str | None]
) -> None:
    assert shown(found, Fraction(1, 10)) == expected


def test_a_thousand_observations_stay_a_small_page() -> None:
    page = page_html(hostile_result(1000))
    assert len(page.encode()) < 5e6 / 5, "five theorems of a thousand observations each are below 5 MB"
    assert page.count('<tr data-verdict="') == 1000
    parsed(page)


def test_a_saved_result_becomes_the_same_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    saved, out = tmp_path / "r.json", tmp_path / "r.html"
    saved.write_text(json_text(hostile_result().to_dict()), encoding="utf-8")
    code = cli.main(
        ["report", "--from", str(saved), "--grid", "none", "--out", str(out), "--json", str(tmp_path / "j")]
    )
    assert code == hostile_result().exit_code == 1
    assert re.search(r"wrote .*r\.html: 0\.\d+ MB, 2 checks", capsys.readouterr().out)
    parsed(out.read_text(encoding="utf-8"))
    assert json.loads((tmp_path / "j").read_text())["file"]["bytes"] == out.stat().st_size


@pytest.mark.parametrize(
    ("content", "message"), [("{", "not JSON"), ("[]", "not the JSON of"), ('{"theorems": 3}', "not the JSON of")]
)
def test_another_file_is_refused_in_one_line(content: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "r.json").write_text(content)
    with pytest.raises(InputError, match=message):
        certify.write_report(source=tmp_path / "r.json", out=tmp_path / "r.html")
    assert not (tmp_path / "r.html").exists()


def test_wrong_use_is_refused_before_work(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="leave out theorems"):
        certify.write_report("collapse", source=tmp_path / "r.json", out=tmp_path / "r.html")
    with pytest.raises(InputError, match="missing"):
        certify.write_report("collapse", out=tmp_path / "missing" / "r.html")
    with pytest.raises(InputError, match="did you mean `small`"):
        certify.write_report("collapse", out=tmp_path / "r.html", grid="smal")
    assert cli.main(["report", "--from", "x.json", "-g", LINEAR, "--out", str(tmp_path / "r.html")]) == 2


def test_a_result_of_an_unknown_theorem_has_no_statement_and_a_page() -> None:
    import dataclasses

    strange = dataclasses.replace(record(), id="somebody-elses")
    found = page_html(CheckResult((strange,), result().provenance))
    parsed(found)
    assert "somebody-elses" in found and "<h3>Statement</h3>" not in found
