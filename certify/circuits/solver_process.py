"""CaDiCaL in a process of its own: kept between questions, ended when a question takes too long."""

from __future__ import annotations

import multiprocessing
from dataclasses import dataclass
from multiprocessing.connection import Connection
from types import TracebackType
from typing import TypeAlias

from certify.circuits.cnf import SOLVER, Clause
from certify.errors import MissingExtraError

Question: TypeAlias = tuple[Clause, ...]


@dataclass(frozen=True)
class Answer:
    """`model` is None where the clauses have none; `conflicts` and `seconds` are the solver's own."""

    model: dict[int, bool] | None
    conflicts: int
    seconds: float


class SolverProcess:
    """Answers questions one at a time; use it as a context, so that its process ends."""

    def __init__(self) -> None:
        self._process: multiprocessing.process.BaseProcess | None = None
        self._connection: Connection | None = None

    def __enter__(self) -> SolverProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def ask(self, clauses: Question, seconds: float) -> Answer | None:
        """The solver's answer, None if it did not come within `seconds`. Raises MissingExtraError without PySAT."""
        try:
            import pysat.solvers  # noqa: F401
        except ImportError as error:
            raise MissingExtraError("python-sat", "sat", "inversion by SAT") from error
        if self._connection is None:
            context = multiprocessing.get_context("spawn")
            self._connection, other = context.Pipe()
            self._process = context.Process(target=_serve, args=(other,), daemon=True)
            self._process.start()
            other.close()
            self._connection.recv()
        self._connection.send(clauses)
        try:
            if self._connection.poll(seconds):
                answer: Answer = self._connection.recv()
                return answer
        except EOFError:
            pass
        self.end()
        return None

    def end(self) -> None:
        """End the process; the next question starts another."""
        if self._process is not None and self._connection is not None:
            self._process.kill()
            self._process.join()
            self._connection.close()
        self._process = self._connection = None


def _serve(connection: Connection) -> None:
    from pysat.solvers import Solver

    connection.send("ready")
    while True:
        try:
            clauses = connection.recv()
        except EOFError:
            return
        with Solver(name=SOLVER, bootstrap_with=[list(clause) for clause in clauses], use_timer=True) as solver:
            found = solver.solve()
            model = {abs(literal): literal > 0 for literal in solver.get_model()} if found else None
            connection.send(Answer(model, int(solver.accum_stats()["conflicts"]), float(solver.time())))
