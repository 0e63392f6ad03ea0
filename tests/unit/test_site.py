"""The site has every page, its links are checked, and what is generated comes from the theorems and the docstrings."""

from __future__ import annotations

from pathlib import Path

import certify
from certify.discovery.registry import theorems
from certify.report.formulas import leaves_of
from certify.report.labels import step_labels
from tests.conftest import ROOT
from website import build, reference, theorem_pages
from website.links import broken
from website.navigation import SECTIONS


def test_the_navigation_has_every_page_of_the_documentation_once() -> None:
    listed = [name for names in SECTIONS.values() for name in names]
    assert sorted(listed) == sorted(path.stem for path in (ROOT / "docs").glob("*.md"))
    index = build._index(sorted(build._repository()))
    assert all(f"\n{name}\n" in index for name in [*listed, *theorem_pages.names(), *reference.names()])


def test_a_theorem_has_a_page_with_all_that_it_says() -> None:
    pages = theorem_pages.pages()
    for theorem in theorems().values():
        page = pages[f"theorems/{theorem.id}.md"]
        assert page.startswith(f"# {theorem.title}\n")
        assert all(f"<b>{item.label}</b>" in page for item in theorem.assumptions)
        for title in ("The proof as a graph", "Claims", "Algebra"):
            assert f"\n## {title}\n" in page
        assert ("\n## Taken from the literature\n" in page) == bool(leaves_of(theorem))
        assert all(f">{label}</th>" in page for label in step_labels(theorem).values())
        assert pages[f"theorems/{theorem.id}.svg"].startswith("<svg xmlns=")


def test_the_reference_has_the_whole_public_face() -> None:
    page = reference.pages()["reference/certify.md"]
    names = [name for name in certify.__all__ if name != "__version__"]
    assert [name for name in names if f"\n### {name}\n" not in page] == []
    assert "\n### Result\n" in page and "\n#### Result.to_latex\n" in page
    assert "<dt><code>beta</code></dt><dd>noise level &gt; 0;" in page
    assert " at 0x" not in "".join(reference.pages().values())


def test_links_that_lead_nowhere_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text('<h1 id="top">A</h1><a href="b.html#here">b</a><a href="#top">up</a>')
    (tmp_path / "b.html").write_text('<p id="here"><a href="a.html">a</a><a href="https://example.org">out</a></p>')
    assert broken(tmp_path) == []
    for text, said in (
        ('<a href="c.html">c</a>', "c.html: leads nowhere"),
        ('<a href="a.html#below">c</a>', "a.html#below: no such anchor"),
        ('<a href="../../etc/hostname">c</a>', "../../etc/hostname: leads nowhere"),
        (
            '<script src="https://example.org/x.js"></script>',
            "https://example.org/x.js: would be fetched from elsewhere",
        ),
    ):
        (tmp_path / "b.html").write_text(f'<p id="here">{text}</p>')
        assert broken(tmp_path) == [f"b.html: {said}"]


def test_links_into_the_repository_and_formulas_are_the_sites_own(tmp_path: Path) -> None:
    assert build._place("docs/theory.md") == "theory.md" and build._place("README.md") == "index.md"
    link = build._LINK.search("[x](../benchmarks/results/rejection.md#a)")
    assert link is not None
    assert build._site_link(link, "docs/rejection.md") == "](repository/benchmarks/results/rejection.md#a)"
    assert build._formulas("`$ ls $` and $M_2$") == "`$ ls $` and {formula}`M_2`"
