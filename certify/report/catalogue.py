"""What there is: tables of the discovered theorems, generator families, activations and table formats."""

from __future__ import annotations

from pathlib import Path

from certify.discovery.registry import theorems
from certify.generators.activations import ACTIVATIONS
from certify.generators.embedded import embedded_specifications
from certify.generators.specification import families
from certify.report.discovery import table_formats
from certify.report.table import Cell, Table, columns, label_cell, text_cell


def theorems_table() -> Table:
    """The theorems by name, with title and source."""
    rows = tuple((label_cell(item.id), text_cell(item.title), text_cell(item.source)) for item in theorems().values())
    return Table("theorems", "Theorems", columns(("theorem", "title", "source")), rows)


def generators_table() -> Table:
    """The families, a row for what each is and one for each parameter, then the embedded generators."""
    rows: list[tuple[Cell, ...]] = []
    for family in families().values():
        rows.append((label_cell(family.name), label_cell(""), label_cell(""), text_cell(family.summary)))
        rows += [
            (label_cell(""), label_cell(item.name), label_cell(str(item.default)), text_cell(item.domain))
            for item in family.parameters
        ]
    rows += [
        (label_cell(Path(item).name), label_cell(""), label_cell(""), text_cell("embedded: checked when none is named"))
        for item in embedded_specifications()
    ]
    return Table("generators", "Generators", columns(("generator", "parameter", "default", "what")), tuple(rows))


def activations_table() -> Table:
    """The activations with their parameters and smoothness."""
    rows = tuple(
        (
            label_cell(item.name),
            text_cell(", ".join(f"{parameter.name}={parameter.default:g}" for parameter in item.parameters)),
            text_cell(str(item.smoothness(item.resolve()))),
        )
        for item in ACTIVATIONS.values()
    )
    return Table("activations", "Activations", columns(("activation", "parameters", "smoothness")), rows)


def formats_table() -> Table:
    """The table formats with the suffix of their files."""
    rows = tuple((label_cell(item.name), text_cell(f".{item.suffix}")) for item in table_formats().values())
    return Table("formats", "Table formats", columns(("format", "suffix")), rows)
