"""`make docs`: gathers the pages of the site, lets Sphinx build it with warnings as errors, and checks every link.

A page of the site is a page of docs/, the README, a theorem, a part of the reference, or any file of the repository
that one of these links to: such a file is copied, its own links followed in turn, so that no link leads out.

    python -m website.build build/site
"""

from __future__ import annotations

import posixpath
import re
import shutil
import sys
from pathlib import Path

from website import links, reference, theorem_pages
from website.navigation import SECTIONS

ROOT = Path(__file__).resolve().parent.parent
HERE = Path(__file__).resolve().parent
_LINK = re.compile(r"(\]\()(?!https?:|#|mailto:)([^)#\s]+)(#[^)\s]*)?(\))")
_FENCE = re.compile(r"(^```.*?^```)", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"(`+[^`]*`+)")
_FORMULA = re.compile(r"(?<![\\\w$])\$([^$\n]+)\$(?![\w$])")


def main(arguments: list[str]) -> int:
    """Build the site into the folder named; 0 if nothing was complained of."""
    from sphinx.cmd.build import build_main

    site = Path(arguments[0])
    pages = site.parent / f"{site.name}-pages"
    for folder in (site, pages):
        shutil.rmtree(folder, ignore_errors=True)
    gather(pages)
    if code := build_main(["-W", "--keep-going", "-q", "-E", "-b", "html", "-c", str(HERE), str(pages), str(site)]):
        return code
    found = links.broken(site)
    print(
        "\n".join(found) or f"{len(list(site.rglob('*.html')))} pages in {site}: every link and anchor leads somewhere"
    )
    return 1 if found else 0


def gather(pages: Path) -> None:
    """Write every page of the site, as Sphinx reads it, into a folder."""
    repository = _repository()
    texts = {**theorem_pages.pages(), **reference.pages(), "index.md": _index(sorted(repository))}
    for path in sorted((ROOT / "docs").glob("*.md")):
        texts[path.name] = _read(path.relative_to(ROOT).as_posix())
    for place, path in repository.items():
        if path.suffix == ".md":
            texts[place] = _read(path.relative_to(ROOT).as_posix())
        else:
            (pages / place).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, pages / place)
    for place, text in texts.items():
        (pages / place).parent.mkdir(parents=True, exist_ok=True)
        (pages / place).write_text(text, encoding="utf-8")


def _index(repository: list[str]) -> str:
    """The README with the whole navigation below it."""
    start, *rest = SECTIONS.items()
    sections = [
        start,
        ("Theorems", theorem_pages.names()),
        *rest,
        ("Reference", reference.names()),
        ("Repository", [name for name in repository if name.endswith(".md")]),
    ]
    trees = [
        "\n".join(["```{toctree}", ":hidden:", f":caption: {title}", "", *names, "```"]) for title, names in sections
    ]
    return "\n\n".join([_read("README.md"), *trees]) + "\n"


def _read(source: str) -> str:
    """A Markdown file of the repository with links of the site and formulas as roles."""
    parts = _FENCE.split((ROOT / source).read_text(encoding="utf-8"))
    parts[::2] = [_formulas(_LINK.sub(lambda link: _site_link(link, source), part)) for part in parts[::2]]
    text = "".join(parts)
    return text if re.match(r"# ", text.lstrip()) else f"# {Path(source).stem.replace('_', ' ')}\n\n{text}"


def _formulas(text: str) -> str:
    """TeX between dollar signs as the role that Sphinx knows; code is left alone."""
    parts = _CODE.split(text)
    parts[::2] = [_FORMULA.sub(r"{formula}`\1`", part) for part in parts[::2]]
    return "".join(parts)


def _site_link(link: re.Match[str], source: str) -> str:
    """A link between files of the repository as one between pages of the site."""
    target = posixpath.normpath(posixpath.join(posixpath.dirname(source), link[2]))
    to = posixpath.relpath(_place(target), posixpath.dirname(_place(source)) or ".")
    return f"{link[1]}{to}{link[3] or ''}{link[4]}"


def _place(path: str) -> str:
    """Where a file of the repository stands in the site; of a folder its README or the list of what is in it."""
    if path == "README.md":
        return "index.md"
    if (ROOT / path).is_dir():
        path = f"{path}/README.md"
    return path.removeprefix("docs/") if path.startswith("docs/") else f"repository/{path}"


def _repository() -> dict[str, Path]:
    """Files outside docs/ that a page links to, and those that these link to, by their place in the site."""
    found: dict[str, Path] = {}
    waiting = ["README.md", *(f"docs/{page.name}" for page in sorted((ROOT / "docs").glob("*.md")))]
    while waiting:
        source = waiting.pop(0)
        text = "".join(_FENCE.split((ROOT / source).read_text(encoding="utf-8"))[::2])
        for link in _LINK.finditer(text):
            target = posixpath.normpath(posixpath.join(posixpath.dirname(source), link[2]))
            place = _place(target)
            path = ROOT / (f"{target}/README.md" if (ROOT / target).is_dir() else target)
            if place.startswith("repository/") and place not in found and path.is_file():
                found[place] = path
                if path.suffix == ".md":
                    waiting.append(path.relative_to(ROOT).as_posix())
    return dict(sorted(found.items()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
