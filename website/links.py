"""The links of a built site: each leads to a file of it and to an anchor there; nothing is fetched from elsewhere."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

_FETCHED = {("script", "src"), ("img", "src"), ("link", "href"), ("iframe", "src"), ("source", "src")}
_FOLLOWED = {("a", "href"), *_FETCHED}


class _Links(HTMLParser):
    """What a page links to, what it fetches, and the anchors that it has."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[tuple[str, str]] = []
        self.anchors: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if value and name in {"id", "name"}:
                self.anchors.add(value)
            if value and (tag, name) in _FOLLOWED:
                self.links.append((tag, value))


def broken(site: Path) -> list[str]:
    """One line per link that leads nowhere, or that a browser would fetch from elsewhere; empty for a sound site."""
    site = site.resolve()
    pages = sorted(path for path in site.rglob("*.html") if path.name != "404.html")
    read = {page: _read(page) for page in pages}
    return [line for page in pages for line in _broken_on(page, site, read)]


def _broken_on(page: Path, site: Path, read: dict[Path, _Links]) -> list[str]:
    found = []
    for tag, link in read[page].links:
        parts = urlsplit(link)
        where = f"{page.relative_to(site)}: {link}"
        if parts.scheme or parts.netloc:
            if tag != "a":
                found.append(f"{where}: would be fetched from elsewhere")
            continue
        target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
        if target.is_dir():
            target /= "index.html"
        if not target.is_relative_to(site) or not target.is_file():
            found.append(f"{where}: leads nowhere")
        elif parts.fragment and target in read and unquote(parts.fragment) not in read[target].anchors:
            found.append(f"{where}: no such anchor")
    return found


def _read(page: Path) -> _Links:
    reader = _Links()
    reader.feed(page.read_text(encoding="utf-8"))
    return reader
