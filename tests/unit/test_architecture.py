"""The import arrows of docs/architecture.md, read from every import statement; and the size and weight of files."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

import pytest

from certify.discovery.registry import theorems
from certify.symbolic.model import CONSTANTS
from tests.conftest import ROOT
from theorems.model import SHARED

TYPES_ALONE = {
    # A theorem's steps are checked on an instance, and an instance is of a theorem.
    ("certify.proof.theorem", "certify.proof.instance"),
}
"""Imports under TYPE_CHECKING that close a circle, each because two types are defined through each other."""
HEAVY = {
    "arviz", "clarabel", "cvxpy", "dask", "distributed", "matplotlib", "onnxruntime", "onnxscript",
    "scs", "sklearn", "torch",
}  # fmt: skip
LONGEST_FILE = 400


def rooms() -> list[frozenset[str]]:
    """Rows of the table in docs/architecture.md, lowest first: the modules `certify.x` that live in each."""
    rows = []
    for line in (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8").splitlines():
        cells = line.split("|")
        if len(cells) > 2 and (names := re.findall(r"`(?:certify/)?([a-z_]+)(?:\.py|/)`", cells[1])):
            rows.append(frozenset(name for name in names if name != "theorems"))
    return [row for row in rows if row]


def imported_modules(source: str, package: str) -> Iterator[str]:
    """Full dotted names of what a file imports, at any depth and under TYPE_CHECKING too."""
    for module, name in imports(source):
        assert not module.startswith("."), f"relative import in {package}: spell the room out"
        yield module
        if name:
            yield f"{module}.{name}"


def violations(name: str, source: str, rows: Sequence[frozenset[str]]) -> list[str]:
    """Imports of `certify.<name>...` that point upwards, or out of `certify` into `theorems`."""
    order = {room: index for index, row in enumerate(rows) for room in row}
    found = []
    for module in imported_modules(source, name):
        parts = module.split(".")
        if parts[0] == "theorems":
            found.append(f"{name} imports {module}: certify knows no theorem")
        elif parts[0] == "certify" and len(parts) > 1 and parts[1] in order and order[parts[1]] > order[name]:
            found.append(f"{name} imports {module}: the arrow points upwards")
    return found


@cache
def imports(text: str) -> tuple[tuple[str, str], ...]:
    """(module, name) of what a file imports, at any depth and under TYPE_CHECKING too; the name is "" for `import`."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found += [(alias.name, "") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found += [("." * node.level + (node.module or ""), alias.name) for alias in node.names]
    return tuple(found)


def import_graph(texts: Mapping[str, str]) -> dict[str, set[str]]:
    """Modules that each module imports, less the edges of TYPES_ALONE.

    That a module's package is loaded before it is no edge: a package that lists its modules imports them all.
    """
    graph = {}
    for name, text in texts.items():
        found = {f"{module}.{item}" if f"{module}.{item}" in texts else module for module, item in imports(text)}
        graph[name] = {item for item in found & texts.keys() - {name} if (name, item) not in TYPES_ALONE}
    return graph


def circle(graph: Mapping[str, set[str]]) -> list[str]:
    """Modules that import each other in a ring; empty where there is none."""
    done: set[str] = set()

    def walk(name: str, path: list[str]) -> list[str]:
        if name in path:
            return path[path.index(name) :]
        if name in done:
            return []
        for other in sorted(graph[name]):
            if found := walk(other, [*path, name]):
                return found
        done.add(name)
        return []

    return next((found for name in sorted(graph) if (found := walk(name, []))), [])


def sources(folder: str) -> list[Path]:
    return sorted(path for path in (ROOT / folder).rglob("*.py") if "__pycache__" not in path.parts)


def room_of(path: Path) -> str:
    return path.relative_to(ROOT / "certify").parts[0].removesuffix(".py")


def test_the_page_places_every_room_in_order() -> None:
    placed = [room for row in rooms() for room in row]
    assert len(placed) == len(set(placed))
    assert placed.index("arithmetic") < placed.index("generators") < placed.index("proof") < placed.index("cli")
    existing = {room_of(path) for path in sources("certify")} - {"__init__", "__main__"}
    assert existing <= set(placed), f"not on the page: {sorted(existing - set(placed))}"


def test_no_import_points_upwards() -> None:
    rows = rooms()
    found = [
        violation
        for path in sources("certify")
        if room_of(path) not in {"__init__", "__main__"}
        for violation in violations(room_of(path), path.read_text(encoding="utf-8"), rows)
    ]
    assert found == []


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("arithmetic", "from certify.proof.records import ClaimRecord"),
        ("bounds", "def f():\n    import certify.report.table"),
        ("generators", "from certify import cli"),
        ("errors", "from certify.arithmetic import balls"),
        ("proof", "from certify.checking.check import check"),
        ("proof", "import theorems.strong_invertibility.statement"),
        ("proof", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from certify.report.table import Table"),
    ],
)
def test_an_upward_import_is_seen(name: str, source: str) -> None:
    assert len(violations(name, source, rooms())) >= 1


def test_a_downward_import_is_allowed() -> None:
    assert violations("proof", "from certify.bounds.bracket import Bracket\nimport numpy", rooms()) == []


def module_texts() -> dict[str, str]:
    paths = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts): path
        for folder in ("certify", "theorems")
        for path in sources(folder)
    }
    return {name.removesuffix(".__init__"): path.read_text(encoding="utf-8") for name, path in paths.items()}


def test_no_module_imports_itself_through_others() -> None:
    assert circle(import_graph(module_texts())) == []


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("certify.errors", "from certify.arithmetic.balls import ball"),
        ("certify.generators.nodes", "def f():\n    from certify.generators import derivatives"),
        ("certify.symbolic.domain", "if TYPE_CHECKING:\n    from certify.symbolic.declaration import DeclaredSymbol"),
        ("certify.generators.activations.function", "from certify.generators.activations import activation"),
    ],
)
def test_a_circle_is_seen(module: str, line: str) -> None:
    texts = module_texts()
    assert module in circle(import_graph(texts | {module: f"{texts[module]}\n{line}\n"}))


def test_every_exception_is_needed() -> None:
    texts = module_texts()
    for module, other in TYPES_ALONE:
        graph = import_graph(texts)
        graph[module].add(other)
        assert circle(graph), f"{module} -> {other} closes no circle: take it off the list"
        assert f"    from {other} import" in texts[module].partition("if TYPE_CHECKING:")[2]


def test_heavy_packages_are_imported_where_they_are_used() -> None:
    found = []
    for path in sources("certify") + sources("theorems"):
        text = path.read_text(encoding="utf-8")
        for node in ast.parse(text).body if any(name in text for name in HEAVY) else ():
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            found += [f"{path.relative_to(ROOT)}: {name}" for name in names if name.split(".")[0] in HEAVY]
    assert found == []


def test_files_stay_short() -> None:
    # A theorem is one file however long its proof; everything else is split before it swells.
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in sources("certify")}
    swollen = {str(path.relative_to(ROOT)): length for path, length in lengths.items() if length > LONGEST_FILE}
    assert swollen == {}


def test_every_folder_with_code_is_a_package() -> None:
    folders = {path.parent for folder in ("certify", "theorems") for path in sources(folder)}
    assert sorted(str(folder.relative_to(ROOT)) for folder in folders if not (folder / "__init__.py").exists()) == []


def test_every_file_says_what_it_is() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for folder in ("certify", "theorems")
        for path in sources(folder)
        if not (text := path.read_text(encoding="utf-8")).startswith('"""') and not ast.get_docstring(ast.parse(text))
    ]
    assert silent == []


HANDLING = frozenset(
    {
        "proof", "discovery", "mechanization", "checking", "sweeps", "strategies", "stress_tests", "report", "api",
        "cli",
    }
)  # fmt: skip
"""Rooms that handle theorems. What lies below cannot know one: its `mu` is a number of its own."""
CONTRACT = frozenset({"K", "K_gd", "tv_bound", "size_bound"})
"""Layers, distance and size: what every record of a conclusion may have."""
OWN_MEANING = {
    "kappa": "M/m, a ladder of the stress run",
    "start": "the method of a progress bar",
}
SPELLED = {
    "report/latex_text.py": "Greek letters by name",
    "report/encoder_files.py": "keys of a file that declares its chain, which audits read",
    "report/page/mathml.py": "Greek letters by name",
    "report/observations.py": "columns of single observations",
}
FINDERS = frozenset({"Finding", "from_interval", "from_lower_end", "from_distance", "follows"})
"""What takes the name of a claim first."""


def names_of_theorems() -> frozenset[str]:
    """Ids, labels of steps and quantities of the discovered theorems, less what they share; a letter is no name."""
    found = {name for theorem in theorems().values() for name in (theorem.id, *(step.label for step in theorem.steps))}
    found |= {quantity.name for theorem in theorems().values() for quantity in theorem.quantities}
    kept = {quantity.name for quantity in SHARED} | {symbol.name for symbol in CONSTANTS} | CONTRACT
    return frozenset(name for name in found - kept - OWN_MEANING.keys() if len(name) > 1)


def named(source: str, names: frozenset[str]) -> list[str]:
    """Strings of a file that are such names: docstrings, formats, and what a finding calls its claim are none."""
    tree = ast.parse(source)
    nodes = list(ast.walk(tree))
    aside = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    aside |= {id(part) for node in nodes if isinstance(node, ast.JoinedStr) for part in ast.walk(node)}
    for node in nodes:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in FINDERS and node.args:
            aside.add(id(node.args[0]))
    strings = [node.value for node in nodes if isinstance(node, ast.Constant) and id(node) not in aside]
    return [value for value in strings if isinstance(value, str) and value in names]


def test_certify_names_no_theorem_and_nothing_of_one() -> None:
    names = names_of_theorems()
    assert {"sharp-langevin", "S7d+", "BE", "L_Phi", "R_D", "K_newton"} <= names and not {"M2", "K", "A"} & names
    found = {
        place: seen
        for path in sources("certify")
        if room_of(path) in HANDLING
        and (place := str(path.relative_to(ROOT / "certify"))) not in SPELLED
        and (seen := named(path.read_text(encoding="utf-8"), names))
    }
    assert found == {}


@pytest.mark.parametrize(
    "source",
    [
        'kind = kinds["sharp-langevin"]',
        'radius = instance.number("R_D")',
        'step = theorem.step("S7d+")',
        'def bars(prefix: str = "BE") -> None: ...',
        'SHOWN = ("beta", "K_newton")',
    ],
)
def test_a_theorems_name_in_certify_is_seen(source: str) -> None:
    assert named(source, names_of_theorems())


def test_docstrings_formats_and_claims_are_no_names_of_a_theorem() -> None:
    source = '"""sharp-langevin"""\nFinding("tail", 0.0, 1)\nprint(f"{x:mu}")\nnames = ("M2", "tv_bound", "K")'
    assert named(source, names_of_theorems()) == []
