"""BLIF models as one flat list of gates: every .subckt is replaced by the tables of the model that it names.

The first model of a file is its circuit; the others stand for nothing by themselves. What could be read in more than
one way is refused: a model that the first one does not use, or that uses the first one, a terminal that is left open,
a signal that nothing defines. All of it, and the size of the result, is checked before anything is built.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain

from certify.circuits.formats.blif_models import Model, Reference
from certify.circuits.formats.definitions import definition_order
from certify.errors import InputError

LARGEST_SIZE = 10_000_000
"""Signals and marks of covers, with every model counted as often as it is used."""


@dataclass(frozen=True)
class Gate:
    """A table of the flat list: as `Table`, its sources as numbers of signals."""

    sources: tuple[int, ...]
    rows: list[str]
    value: str


@dataclass(frozen=True)
class Netlist:
    """Signals are numbers, the inputs first; `gates` has the others, `order` sources first, and `outputs` any."""

    inputs: int
    gates: Mapping[int, Gate]
    order: list[int]
    outputs: list[int]


def flatten(models: Mapping[str, Model]) -> Netlist:
    """The first model as a flat list of gates.

    Raises InputError, in one line, for models or signals that are unknown, used and not defined, defined twice, or in
    terms of themselves, for models that are not used, and for a list that would be larger than `LARGEST_SIZE`.
    """
    top = next(iter(models.values()), Model(1, ""))
    if not top.inputs or not top.outputs:
        raise InputError("BLIF: the first model has no .inputs or no .outputs")
    _check_references(models, top)
    signals = {name: _check_signals(model, models) for name, model in models.items()}
    names, gates, outputs = list(top.inputs), dict[int, Gate](), list[int]()
    waiting = [(top, dict(zip(top.inputs, range(len(names)), strict=True)))]
    while waiting:
        model, local = waiting.pop()
        fresh = [name for name in signals[model.name] if name not in local]
        local.update(zip(fresh, range(len(names), len(names) + len(fresh)), strict=True))
        names += fresh
        outputs = outputs or [local[name] for name in model.outputs]
        for table in model.tables:
            gates[local[table.output]] = Gate(tuple(local[name] for name in table.sources), table.rows, table.value)
        for reference in model.references:
            waiting.append((models[reference.model], {end: local[name] for end, name in reference.connections}))
    order, cyclic = definition_order({signal: gate.sources for signal, gate in gates.items()})
    if cyclic is not None:
        raise InputError(f"BLIF: the signal `{names[cyclic]}` depends on itself")
    return Netlist(len(top.inputs), gates, order, outputs)


def _check_references(models: Mapping[str, Model], top: Model) -> None:
    """Every reference names a model of the file, every model is used by the first, none by itself; the size fits."""
    numbers = {name: number for number, name in enumerate(models)}
    for model in models.values():
        for reference in model.references:
            if reference.model not in models:
                raise InputError(f"BLIF line {reference.line}: there is no model `{reference.model[:60]}` in this file")
    uses = {numbers[model.name]: [numbers[reference.model] for reference in model.references]
            for model in models.values()}  # fmt: skip
    order, cyclic = definition_order(uses)
    listed = list(models.values())
    if cyclic is not None:
        raise InputError(f"BLIF line {listed[cyclic].line}: the model `{listed[cyclic].name[:60]}` contains itself")
    used = set(chain.from_iterable(uses.values()))
    if 0 in used:
        raise InputError(f"BLIF: the first model, `{top.name[:60]}`, is part of another: put the whole circuit first")
    for number, model in enumerate(listed):
        # Used by one that is itself not used is not used: the first of such a chain is found here.
        if number not in used and number:
            raise InputError(f"BLIF line {model.line}: the model `{model.name[:60]}` is no part of the first one, "
                             f"`{top.name[:60]}`: give it a file of its own")  # fmt: skip
    sizes: dict[int, int] = {}
    for number in order:
        model = listed[number]
        own = len(model.inputs) + sum(1 + len(table.rows) * (1 + len(table.sources)) for table in model.tables)
        sizes[number] = own + sum(1 + sizes[inner] for inner in uses[number])
    if sizes[0] > LARGEST_SIZE:
        raise InputError(f"BLIF: the circuit has {sizes[0]} signals and marks of covers; at most {LARGEST_SIZE}")


def _check_signals(model: Model, models: Mapping[str, Model]) -> list[str]:
    """The signals of the model, each of which is defined once: an input, a table's output or an instance's."""
    for kind, names in (("input", model.inputs), ("output", model.outputs)):
        if len(set(names)) < len(names):
            twice = next(name for place, name in enumerate(names) if name in names[:place])
            raise InputError(f"BLIF line {model.line}: the {kind} `{twice[:60]}` is named twice")
    defined = [(table.line, table.output) for table in model.tables]
    used = [(table.line, name) for table in model.tables for name in table.sources]
    for reference in model.references:
        inputs = _checked_ends(reference, models[reference.model])
        for end, name in reference.connections:
            (used if end in inputs else defined).append((reference.line, name))
    known = set(model.inputs)
    for line, name in defined:
        if name in known:
            what = "input" if name in model.inputs else "signal"
            raise InputError(f"BLIF line {line}: the {what} `{name[:60]}` is defined twice")
        known.add(name)
    for line, name in chain(used, ((model.line, name) for name in model.outputs)):
        if name not in known:
            raise InputError(f"BLIF line {line}: the signal `{name[:60]}` is used and not defined")
    return list(known)


def _checked_ends(reference: Reference, inner: Model) -> set[str]:
    """The inputs of the model; each is connected once, and nothing twice or that the model does not have."""
    inputs, outputs = set(inner.inputs), set(inner.outputs)
    ends = Counter(end for end, _ in reference.connections)
    # An end that is input and output at once would be read and driven by one connection.
    once = inputs ^ outputs
    wrong = [end for end, count in ends.items() if end not in once or count > 1] + [*(inputs - ends.keys())]
    if wrong:
        raise InputError(f"BLIF line {reference.line}: each input of the model `{inner.name[:60]}` must be connected "
                         f"once, its outputs at most once; look at `{min(wrong)[:60]}`")  # fmt: skip
    return inputs
