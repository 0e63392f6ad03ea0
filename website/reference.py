"""The reference, made from signatures and docstrings: the public face, and the packages that a reader needs."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from html import escape
from typing import Any

FOLDER = "reference"
PACKAGES = {
    "certify.arithmetic": "Balls, matrices and roundings",
    "certify.symbolic": "Symbols, and one expression in several arithmetics",
    "certify.generators": "Generators",
    "certify.bounds": "Bounds of m, M, M2, M3",
    "certify.posteriors": "Posteriors and exact truth",
    "certify.sharp": "The sharp bounds",
    "certify.profiles": "Profiles of single observations",
    "certify.envelopes": "Envelopes and rejection",
    "certify.sampling": "Samplers and couplings",
    "certify.encoders": "Encoders",
    "certify.proof": "Theorems, steps, claims",
    "certify.report": "Tables and figures",
}
"""What has a page below the public face: packages whose names docs/ and a theorem of one's own use."""
_OWN = "certify."


def names() -> tuple[str, ...]:
    """The pages in the order of the navigation."""
    return (f"{FOLDER}/certify.md", *(f"{FOLDER}/{name}.md" for name in PACKAGES))


def pages() -> dict[str, str]:
    """Every page by its place in the site."""
    found = {f"{FOLDER}/certify.md": _face()}
    return found | {f"{FOLDER}/{name}.md": _package(name, title) for name, title in PACKAGES.items()}


def _face() -> str:
    """Everything in `certify.__all__`, verbs first, and the results that the verbs return."""
    face = importlib.import_module("certify")
    public = {name: getattr(face, name) for name in face.__all__ if name != "__version__"}
    verbs = {name: item for name, item in public.items() if inspect.isfunction(item)}
    results = {item.__name__: item for verb in verbs.values() for item in _results(verb)}
    types = {name: item for name, item in public.items() if inspect.isclass(item)}
    parts = ["# certify", _prose(inspect.getdoc(face) or "")]
    for title, items in (("Verbs", verbs), ("Results", results), ("Types", types)):
        parts += [f"## {title}", *(text for name, item in items.items() for text in _item(name, item))]
    return "\n\n".join(parts) + "\n"


def _package(name: str, title: str) -> str:
    """The public functions and classes of a package, module by module."""
    package = importlib.import_module(name)
    parts = [f"# {title}", f"`{name}`", _prose(inspect.getdoc(package) or "")]
    for module in _modules(name):
        items = {key: item for key, item in vars(module).items() if _is_public(key, item, module.__name__)}
        if items:
            parts += [f"## {module.__name__}", _prose(inspect.getdoc(module) or "")]
            parts += [text for key, item in items.items() for text in _item(key, item)]
    return "\n\n".join(parts) + "\n"


def _modules(name: str) -> Iterator[Any]:
    package = importlib.import_module(name)
    for found in sorted(pkgutil.iter_modules(package.__path__), key=lambda item: item.name):
        if not found.ispkg and not found.name.startswith("_"):
            yield importlib.import_module(f"{name}.{found.name}")


def _is_public(name: str, item: Any, module: str) -> bool:
    known = inspect.isfunction(item) or inspect.isclass(item)
    return known and not name.startswith("_") and item.__module__ == module and bool(item.__doc__)


def _results(verb: Any) -> list[Any]:
    """The class of the project that a verb returns, by the name in its signature."""
    name = str(inspect.signature(verb).return_annotation)
    found = vars(importlib.import_module(verb.__module__)).get(name)
    return [found] if inspect.isclass(found) and found.__module__.startswith(_OWN) else []


def _item(name: str, item: Any) -> list[str]:
    """Heading, signature and docstring; of a class also its public members, inherited ones included."""
    parts = [f"### {name}", _signature(name, item), _prose(inspect.getdoc(item) or "")]
    if inspect.isclass(item):
        parts += [text for key in _members(item) for text in _member(item, key)]
    return parts


def _members(item: type) -> list[str]:
    return [
        key
        for key, member in inspect.getmembers_static(item)
        if not key.startswith("_")
        and isinstance(member, (property, classmethod, staticmethod, type(_signature)))
        and any(key in vars(base) for base in item.__mro__ if base.__module__.startswith((_OWN, "theorems.")))
    ]


def _member(item: type, key: str) -> list[str]:
    member = inspect.getattr_static(item, key)
    text = inspect.getdoc(member) or ""
    if isinstance(member, property):
        return [f"#### {item.__name__}.{key}", _prose(text)]
    function = member.__func__ if isinstance(member, (classmethod, staticmethod)) else member
    return [f"#### {item.__name__}.{key}", _signature(key, function), _prose(text)]


def _signature(name: str, item: Any) -> str:
    try:
        shown = re.sub(r"((?:: |-> ))'([^']*)'", r"\1\2", str(inspect.signature(item)))
    except (TypeError, ValueError):
        return ""
    # Defaults that are objects print addresses: nothing of a page may change from one build to the next.
    shown = re.sub(r"<[^<>]* object at 0x[0-9a-f]+>|<function ([\w.<>]+) at 0x[0-9a-f]+>", r"\1...", shown)
    one = f"{name}{shown}"
    if len(one) > 100:
        one = one.replace("(", "(\n    ", 1).replace(", ", ",\n    ") if "[" not in one else _wrapped(one)
    return f"```python\n{one}\n```"


def _wrapped(text: str) -> str:
    """One argument per line: a comma at depth one ends it."""
    depth, out = 0, []
    for sign in text:
        depth += (sign in "([{") - (sign in ")]}")
        out.append(sign)
        if (depth == 1 and sign == ",") or (sign == "(" and depth == 1):
            out.append("\n   " if sign == "," else "\n    ")
    return "".join(out)


def _prose(text: str) -> str:
    """A docstring as Markdown blocks: paragraphs, sections as lists of names, what is indented as it stands."""
    blocks, example = [], False
    for block in re.split(r"\n\s*\n", text.strip()) if text.strip() else []:
        section = re.match(r"(Args|Raises|Returns|Yields):\n(.*)", block, re.DOTALL)
        example = block.lstrip().startswith(">>>") or (example and "<BLANKLINE>" in block)
        if example:
            blocks.append(f"```pycon\n{inspect.cleandoc(block)}\n```")
        elif section:
            blocks.append(_section(section[1], section[2]))
        elif all(line.startswith("    ") for line in block.splitlines()):
            blocks.append(f"<pre>{escape(inspect.cleandoc(block))}</pre>")
        elif re.search(r"^ {2,}\S|\S {3,}\S", block, re.MULTILINE):
            blocks.append(f"<pre>{escape(block)}</pre>")
        else:
            blocks.append(f"<p>{_inline(block)}</p>")
    return "\n\n".join(blocks)


def _section(title: str, body: str) -> str:
    """A section of a docstring: `name: meaning` per entry, the lines below it further in."""
    entries = re.findall(r"^(\S[^:\n]*):\s*(.*(?:\n[ \t]+.*)*)", inspect.cleandoc(body), re.MULTILINE)
    if not entries:
        return f"<p><b>{title}</b> {_inline(body)}</p>"
    rows = "".join(f"<dt><code>{escape(name)}</code></dt><dd>{_inline(text)}</dd>" for name, text in entries)
    return f'<p class="section"><b>{title}</b></p><dl class="arguments">{rows}</dl>'


def _inline(text: str) -> str:
    parts = " ".join(text.split()).split("`")
    return "".join(f"<code>{escape(part)}</code>" if index % 2 else escape(part) for index, part in enumerate(parts))
