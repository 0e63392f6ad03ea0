"""The blueprint of a proof: what each step rests on, as a graph with the state of every statement and of its ground.

Border: what is known of the statement itself. Fill: the strongest evidence that holds for a statement together with all
that it rests on, the weakest link that is; statements from the literature are cited, not checked, and weaken nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from certify.mechanization.step_proofs import step_proofs
from certify.proof.records import StepRecord, TheoremRecord
from certify.proof.theorem import Theorem
from certify.prover.proof_records import StepProof
from certify.report.labels import own_label
from certify.verdict import Evidence, Verdict, weakest_evidence

Kind = Literal["assumption", "leaf", "step", "conclusion"]
CONCLUSION = "conclusion"


@dataclass(frozen=True)
class Node:
    """A statement: its own verdict (None where nothing was checked), its own evidence, and what it rests on directly.

    A leaf, which is cited, has neither.
    """

    label: str
    kind: Kind
    title: str
    verdict: Verdict | None
    evidence: Evidence | None
    uses: tuple[str, ...]

    @property
    def premise(self) -> bool:
        """Whether it is an assumption that no generator was held against: given, and no weaker than what follows."""
        return self.kind == "assumption" and self.verdict is None

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "id": self.label,
            "kind": self.kind,
            "title": self.title,
            "verdict": None if self.verdict is None else str(self.verdict),
            "evidence": None if self.evidence is None else str(self.evidence),
            "uses": list(self.uses),
        }


@dataclass(frozen=True)
class Blueprint:
    """The graph of one theorem, at a generator or in itself; every label that a node uses is a node."""

    theorem: str
    nodes: tuple[Node, ...]

    def __getitem__(self, label: str) -> Node:
        return next(node for node in self.nodes if node.label == label)

    def ancestors(self, label: str) -> tuple[str, ...]:
        """All that a node rests on, in the order of the nodes."""
        found: set[str] = set()
        pending = list(self[label].uses)
        while pending:
            name = pending.pop()
            if name not in found:
                found.add(name)
                pending.extend(self[name].uses)
        return tuple(node.label for node in self.nodes if node.label in found)

    def ground(self, label: str) -> Evidence | None:
        """The strongest evidence that holds for the node and all that it rests on; None where one of them has none.

        Of a leaf, and of a theorem's premise where nothing was checked, None too.
        """
        chain = [self[name] for name in (label, *self.ancestors(label))]
        counted = [node for node in chain if node.kind != "leaf" and not node.premise]
        kinds = [node.evidence for node in counted if node.evidence is not None]
        return weakest_evidence(kinds) if counted and len(kinds) == len(counted) else None

    def layers(self) -> tuple[tuple[str, ...], ...]:
        """The labels by depth: each below everything that it uses, leaves just above what uses them first.

        Within a layer by the mean place of what they use, so that few lines cross.
        """
        depth = {label: 0 for label in (node.label for node in self.nodes)}
        for _ in self.nodes:
            for node in self.nodes:
                if node.uses:
                    depth[node.label] = 1 + max(depth[name] for name in node.uses)
        for node in self.nodes:
            users = [depth[other.label] for other in self.nodes if node.label in other.uses]
            if node.kind == "leaf" and users:
                depth[node.label] = max(0, min(users) - 1)
        levels = range(1 + max(depth.values(), default=0))
        rows = [[node.label for node in self.nodes if depth[node.label] == level] for level in levels]
        place: dict[str, float] = {}
        for row in rows:
            row.sort(key=lambda label: _mean(place[name] for name in self[label].uses if name in place))
            place |= {label: (index + 0.5) / len(row) for index, label in enumerate(row)}
        return tuple(tuple(row) for row in rows if row)


def blueprint(record: TheoremRecord) -> Blueprint:
    """The graph of a theorem as it was checked at a generator."""
    proofs = {step.label: step.proof for step in record.steps}
    assumptions = [
        Node(item.label, "assumption", item.statement, item.verdict, item.evidence, ()) for item in record.assumptions
    ]
    steps = [_step(item, record) for item in record.steps]
    conclusion = None if record.conclusion is None else record.conclusion.verdict
    return _graph(record.id, record.title, assumptions, steps, proofs, conclusion)


def blueprint_of(theorem: Theorem) -> Blueprint:
    """The graph of a theorem in itself: the evidence is that of the algebra, proved for all parameters."""
    proofs = step_proofs(theorem)
    assumptions = [
        Node(item.label, "assumption", item.statement, None, Evidence.ASSUMED, ()) for item in theorem.assumptions
    ]
    steps = []
    for item in theorem.steps:
        proof = proofs.get(item.label)
        proved = proof is not None and proof.verdict is Verdict.PROVED
        steps.append(
            Node(
                item.label,
                "step",
                item.title,
                Verdict.PROVED if proved else None,
                proof.evidence if proved and proof is not None else None,
                item.uses,
            )
        )
    return _graph(theorem.id, theorem.title, assumptions, steps, proofs, None)


def blueprint_lines(graph: Blueprint) -> list[str]:
    """The graph for a terminal: a line per statement, layer by layer, with what it rests on."""
    width = max(len(node.label) for node in graph.nodes)
    lines = []
    for row in graph.layers():
        for label in row:
            node = graph[label]
            state = f"{node.verdict or 'not checked'}, {_ground_text(graph, label)}"
            state = "cited" if node.kind == "leaf" else "given" if node.premise else state
            uses = f"  <- {', '.join(node.uses)}" if node.uses else ""
            lines.append(f"{label:<{width}}  {node.title} [{node.kind}: {state}]{uses}")
    return lines


def describe(graph: Blueprint, label: str) -> str:
    """One node in a sentence, for readers who do not see the picture."""
    node = graph[label]
    if node.kind == "leaf":
        return f"{label}, from the literature: {node.title}"
    rests = f"; rests on {', '.join(node.uses)}" if node.uses else ""
    return (
        f"{node.kind} {label}: {node.title}. {node.verdict or 'not checked'}; the evidence of all of it is "
        f"{_ground_text(graph, label)}{rests}"
    )


def _ground_text(graph: Blueprint, label: str) -> str:
    ground = graph.ground(label)
    return "open" if ground is None else str(ground)


def _step(step: StepRecord, record: TheoremRecord) -> Node:
    """A step has the strongest evidence it has: its algebra's for all parameters, or that of its measurement here.

    A claim that nothing was measured of, which follows from the steps it uses, is no weaker than they are.
    """
    kinds = [claim.evidence for claim in step.claims if claim.verdict.holds and claim.verdict is not Verdict.COMPOSED]
    decided = all(claim.verdict.holds for claim in step.claims)
    own = weakest_evidence(kinds) if decided and step.claims else None
    if step.proof is not None and step.proof.verdict is Verdict.PROVED and decided:
        algebra = step.proof.evidence
        own = min((item for item in (own, algebra) if item is not None), key=lambda item: item.rank, default=None)
    return Node(step.label, "step", step.title, step.verdict, own, step.uses)


def _graph(
    theorem: str,
    title: str,
    assumptions: Sequence[Node],
    steps: Sequence[Node],
    proofs: Mapping[str, StepProof | None],
    verdict: Verdict | None,
) -> Blueprint:
    """Leaves and the conclusion added; the conclusion rests on the steps that no other step uses."""
    from certify.discovery.registry import leaves

    cited = {label: proof.leaves for label, proof in proofs.items() if proof is not None}
    known = leaves()
    names = dict.fromkeys(name for found in cited.values() for name in found)
    leaf_nodes = [
        Node(name, "leaf", known[name].statement if name in known else name, None, None, ())
        for name in names
        if name not in {node.label for node in (*assumptions, *steps)}
    ]
    # A step may have the label of an assumption: it gets a key of its own, and the steps behind it mean the step.
    twice = {node.label for node in assumptions} & {node.label for node in steps}
    steps = _renamed(steps, twice)
    cited = {own_label(label) if label in twice else label: names for label, names in cited.items()}
    present = {node.label for node in (*assumptions, *leaf_nodes, *steps)}
    stepped = [
        Node(node.label, node.kind, node.title, node.verdict, node.evidence,
             tuple(name for name in dict.fromkeys((*node.uses, *cited.get(node.label, ()))) if name in present))
        for node in steps
    ]  # fmt: skip
    used = {name for node in stepped for name in node.uses}
    ends = tuple(node.label for node in (*assumptions, *stepped) if node.label not in used)
    evidence = Evidence.KERNEL if ends else Evidence.ASSUMED
    last = Node(CONCLUSION, "conclusion", title, verdict, evidence, ends)
    return Blueprint(theorem, (*assumptions, *leaf_nodes, *stepped, last))


def _renamed(steps: Sequence[Node], twice: set[str]) -> list[Node]:
    renamed: list[Node] = []
    before: dict[str, str] = {}
    for node in steps:
        uses = tuple(before.get(name, name) for name in node.uses)
        if node.label in twice:
            before[node.label] = own_label(node.label)
        renamed.append(replace(node, label=before.get(node.label, node.label), uses=uses))
    return renamed


def _mean(places: Iterable[float]) -> float:
    found = list(places)
    return sum(found) / len(found) if found else 0.5
