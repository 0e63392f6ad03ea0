"""An encoder as tables: the candidates, the sizes of the one taken beside its theorem's bound, the gates."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from certify.construction.built import BuiltEncoder, EncoderChoice
from certify.generators.logits import OUTSIDE_A0
from certify.report.encoder_files import EncoderFile
from certify.report.table import (
    Cell,
    Table,
    columns,
    label_cell,
    lower_cell,
    number_cell,
    text_cell,
    upper_cell,
    verdict_cell,
    without_empty_columns,
)
from certify.report.terminal import VERDICT_STYLES, draw


def candidates_table(choice: EncoderChoice) -> Table:
    """One row per theorem: layers, parameters, distance, verdict, largest noise level (beta <=)."""
    rows = tuple(
        (
            label_cell(item.theorem),
            _integer(None if item.program is None else item.program.layers[0]),
            _integer(None if item.program is None else item.program.layers[1]),
            _integer(None if item.count is None else item.count.parameters_unrolled),
            text_cell("") if item.tv_bound is None else upper_cell(item.tv_bound, 4),
            verdict_cell(str(item.verdict)),
            text_cell("") if item.value("beta_max") is None else lower_cell(item.value("beta_max"), 4),
        )
        for item in choice.candidates
    )
    headings = ("theorem", "deterministic", "stochastic", "parameters", "TV <=", "verdict", "beta <=")
    reasons = tuple(f"{item.theorem}: {item.reason}" for item in choice.candidates if item.reason)
    table = Table(
        "encoders", "Encoders and their theorems", columns(headings, (*headings[1:5], headings[6])), rows, reasons
    )
    return without_empty_columns(table)


def size_table(built: BuiltEncoder, parameters: int) -> Table:
    """Every count of the encoder, its theorem's bound and the ratio."""
    count = built.count
    assert count is not None, "a built encoder is counted"
    bound = built.size_bound
    ratio = None if bound is None else bound / count.parameters_unrolled
    gates = ", ".join(f"{kind} {number}" for kind, number in count.gates.items()) or "none: an affine encoder"
    rows = (
        _row("parameters of the generator, N", _integer(parameters)),
        _row("parameters, unrolled", _integer(count.parameters_unrolled)),
        _row("the theorem's bound of them", text_cell("none stated") if bound is None else upper_cell(bound, 6)),
        _row("bound over count", text_cell("") if ratio is None else number_cell(ratio, digits=4)),
        _row("unrolled over N", number_cell(count.parameters_unrolled / parameters if parameters else None, digits=4)),
        _row("parameters, shared", _integer(count.parameters_shared)),
        _row("depth (affine maps and gates)", _integer(count.depth)),
        _row("width", _integer(count.width)),
        _row("noise inputs", _integer(count.noise_inputs)),
        _row("multiply-adds of one draw", _integer(count.multiply_adds)),
        _row("gates", text_cell(gates)),
    )
    return Table("size", f"Size of the encoder ({built.kind.name}: {built.kind.summary})", columns(("what", "count")),
                 rows)  # fmt: skip


def encoder_report(choice: EncoderChoice, written: EncoderFile | None) -> RenderableType:
    """The whole result for a terminal."""
    built = choice.chosen
    heading = f"Encoder of {choice.generator.name}, {choice.noise_text}, epsilon = {float(choice.epsilon):g}"
    parts: list[RenderableType] = [Text(heading, style="bold underline"), draw(candidates_table(choice))]
    if built.count is not None:
        parts.append(draw(size_table(built, choice.generator.parameters)))
    notes = [OUTSIDE_A0] if choice.noise_level is None else []
    notes += list(built.conclusion.notes) if built.conclusion is not None else []
    notes += [] if built.program is None else list(built.program.notes)
    parts += [Text(f"note: {note}", style="italic") for note in notes]
    if written is not None:
        parts.append(Text(f"written: {written.path} ({written.size} bytes), {written.sidecar}"))
        if written.agreement is not None:
            held = written.agreement
            line = f"float32: at {held.tried} noises the draws are those of float64 to {held.largest_gap:.1g}, but for "
            parts.append(Text(f"{line}at most {held.other_draws.upper:.2g} of them (error 1e-6)", style="italic"))
    parts.append(_verdict(choice))
    return Group(*parts)


def summary_line(choice: EncoderChoice) -> str:
    """The result on one line."""
    built = choice.chosen
    reason = f" ({built.reason})" if built.reason else ""
    size = "" if built.count is None else f", {built.count.parameters_unrolled} parameters unrolled"
    bound = "" if built.tv_bound is None else f", TV <= {upper_cell(built.tv_bound, 4).text}"
    outside = "; outside A0" if choice.noise_level is None else ""
    return (
        f"{built.theorem} on {choice.generator.name}: {built.kind.name}{size}{bound}: {built.verdict}{reason}{outside}"
        f"{_asking_less(choice)}"
    )


def _verdict(choice: EncoderChoice) -> Text:
    built = choice.chosen
    line = Text("verdict: ", style="bold")
    line.append(str(built.verdict), style=VERDICT_STYLES[str(built.verdict)])
    if len(choice.candidates) > 1 and built.count is None:
        line.append(" (no theorem has an encoder here; why not is said above)")
    else:
        line.append(f" ({built.reason})" if built.reason else "")
    if len(choice.candidates) > 1 and built.count is not None:
        line.append(f"; the smallest certified encoder is that of {built.theorem}" if not built.reason else "")
    line.append(_asking_less(choice))
    return line


def _asking_less(choice: EncoderChoice) -> str:
    """That a single observation asks less, where no encoder was built for every x."""
    single = any(item.kind.at_observation is not None for item in choice.candidates)
    if choice.chosen.count is not None or choice.single is not None or not single:
        return ""
    return "; the encoder of one observation asks less: give `--observations FILE` and `--index I`"


def _row(what: str, cell: Cell) -> tuple[Cell, Cell]:
    return text_cell(what), cell


def _integer(value: int | None) -> Cell:
    """A count in full: every digit of it is known."""
    return Cell("" if value is None else str(value), "number")
