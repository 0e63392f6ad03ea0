"""Sphinx's configuration of the site: Markdown in, one theme, formulas as MathML, nothing from the network."""

from __future__ import annotations

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

from certify.report.page.mathml import mathml, unknown_commands
from certify.version import __version__

project = "proof-companion"
author = "The proof-companion authors"
version = release = __version__
html_title = f"proof-companion {version}"
extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
html_theme = "furo"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_show_copyright = False
html_copy_source = False
# Excerpts would be fetched, which a browser refuses of a page on disk.
html_show_search_summary = False
html_theme_options = {"navigation_with_keys": True}
myst_heading_anchors = 4
myst_enable_extensions = ["deflist"]
# A page of a theorem starts with what is in words; a page of results may skip a level.
suppress_warnings = ["myst.header"]
nitpicky = True


def _formula(
    name: str, rawtext: str, text: str, lineno: int, inliner: Any, *_: Any, **__: Any
) -> tuple[list[nodes.Node], list[nodes.system_message]]:
    r"""The role `formula`: TeX as MathML; an error for a command that has none."""
    if unknown := unknown_commands(text):
        return [], [inliner.reporter.error(f"no MathML for {unknown} in {text}", line=lineno)]
    return [nodes.raw("", mathml(text), format="html")], []


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.add_role("formula", _formula)
