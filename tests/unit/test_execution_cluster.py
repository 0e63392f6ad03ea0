"""A real Dask cluster of worker processes on this machine: the same bytes, through killed workers and schedulers."""

from __future__ import annotations

import importlib
import inspect
import json
import logging
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import dask
import distributed
import pytest
from distributed.utils import get_mp_context

import certify
from benchmarks.lost_workers import session
from certify.circuits.hardness import measure_hardness
from certify.circuits.least_sizes import least_sizes
from certify.cli.groups import spread
from certify.errors import InputError
from certify.execution import connection
from certify.execution.cluster import LARGEST, WINDOW, Cluster
from certify.execution.door import Execution, Failed
from certify.execution.records import stored_documents
from certify.execution.remote import SPAN, answer, forget, receive
from certify.execution.work import FailedTasksError, Job, environment
from tests.conftest import ROOT
from tests.execution_tasks import (
    counting,
    fragile,
    growing_once,
    refusing,
    sleeping_once,
    slow_square,
    square,
    uneven,
    work_of,
)

# A library that is told to stop in the middle of everything warns of what it leaves behind.
pytestmark = pytest.mark.filterwarnings("ignore")

TASKS = range(24)
RIGHT = [square(task) for task in TASKS]


LOADED_ONCE = [
    "distributed",
    "tests.execution_tasks",
    *(f"certify.api.{name}" for name in ("audit", "check", "stress")),
]
"""What every worker of the cluster needs: one process imports it, and the workers, a dozen in turn, are its copies."""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    settings = {
        # A nanny that takes longer than 15 s to start a worker again would be given up.
        "distributed.deploy.lost-worker-timeout": "1 hour",
        "distributed.worker.multiprocessing-method": "forkserver",
    }
    with dask.config.set(settings):
        get_mp_context().set_forkserver_preload(LOADED_ONCE)
        with distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None, silence_logs=logging.CRITICAL
        ) as found:
            yield found


@pytest.fixture
def client(cluster: Any) -> Iterator[Any]:
    with distributed.Client(cluster) as found:
        yield found


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def worker_processes(client: Any) -> list[int]:
    return list(client.run(os.getpid).values())


def kill_one(client: Any, choice: random.Random) -> int:
    """Kill a random worker process that a nanny of this process holds."""
    pids = [nanny.process.pid for nanny in client.cluster.workers.values() if nanny.process and nanny.process.pid]
    pid = choice.choice(pids)
    os.kill(pid, signal.SIGKILL)
    return int(pid)


def test_the_same_bytes_as_here(client: Any, tmp_path: Path) -> None:
    with Execution("serial", tmp_path / "here") as here, Execution(client, tmp_path / "there") as there:
        assert (
            here.collect("squares", work_of(square), TASKS) == there.collect("squares", work_of(square), TASKS) == RIGHT
        )
    assert files(tmp_path / "here") == files(tmp_path / "there")
    assert client.status == "running", "a client that was given is not ours to close"
    assert client.run(lambda: len(sys.modules["certify.execution.remote"]._RECEIVED)) == dict.fromkeys(
        client.scheduler_info()["workers"], 0
    )


def test_the_work_is_sent_once_per_worker(client: Any) -> None:
    """Ten times the tasks, the same bytes of decoder: what a task carries does not hold it."""
    decoder = os.urandom(1_000_000)
    work = work_of(_with_decoder, decoder)
    assert len(work.payload) > 1_000_000
    sent: list[int] = []
    original = client.submit

    def counted(function: Any, *arguments: Any, **options: Any) -> Any:
        sent.append(len(str(arguments)))
        return original(function, *arguments, **options)

    client.submit = counted
    with Execution(client) as execution:
        assert execution.collect("squares", work, TASKS) == RIGHT
    assert len(sent) <= len(TASKS) and max(sent) < 2000


def _with_decoder(decoder: bytes, task: int) -> float:
    assert len(decoder) == 1_000_000
    return square(task)


def test_inversions_and_exact_circuits_are_those_of_one_process(client: Any) -> None:
    def costs(execution: Execution) -> list[tuple[str, str, int, float, bool]]:
        found = measure_hardness(["feistel", "linear"], [4], runs=1, effort=0.03, execution=execution)
        return [(run.family, run.method, run.bits, run.cost, run.finished) for c in found.curves for run in c.runs]

    problems = [(2, [8, 6]), (3, [150])]
    with Execution("serial") as here, Execution(client) as there:
        assert costs(here) == costs(there)
        sizes = least_sizes(problems, here)
        assert sizes == least_sizes(problems, there)
    # A half adder, and the parity of three bits.
    assert [(size.lower, size.upper) for size in sizes] == [(2, 2), (2, 2)]


def test_killed_workers_lose_and_repeat_nothing(client: Any, tmp_path: Path) -> None:
    """A worker dies after every 12 results: by count, so that it happens on every machine."""
    tasks, killed, choice, found, came = range(30), [], random.Random(0), {}, 0
    with Execution("serial", tmp_path / "here") as here, Execution(client, tmp_path / "there") as there:
        for place, item in there.map(work_of(slow_square, 0.02), tasks):
            found[place], came = item, came + 1
            if came % 12 == 0:
                with suppress(ProcessLookupError, IndexError):
                    killed.append(kill_one(client, choice))
        assert here.collect("squares", work_of(square), tasks) == [found[task] for task in tasks]
    assert came == len(tasks)
    assert killed and files(tmp_path / "here") == files(tmp_path / "there")


def test_a_task_that_kills_every_worker_is_named_and_the_others_finish(
    client: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # By default Dask gives a task up at the fourth worker that dies of it.
    monkeypatch.setattr(client.cluster.scheduler, "allowed_failures", 1)
    with Execution(client, tmp_path) as execution, pytest.raises(FailedTasksError) as caught:
        execution.collect("squares", work_of(fragile), [1, 3, 5, *range(8, 16)])
    reasons = caught.value.failures
    assert len(reasons) == 2 and "workers died" in " ".join(reasons.values())
    assert "ZeroDivisionError: five" in " ".join(reasons.values())
    assert len(list(stored_documents(tmp_path))) == 9


def test_bad_input_stops_with_its_one_line_and_leaves_the_cluster_usable(client: Any) -> None:
    with Execution(client) as execution:
        with pytest.raises(InputError, match="^row 4 is no observation$"):
            execution.collect("squares", work_of(refusing), TASKS)
        assert execution.collect("squares", work_of(square), TASKS) == RIGHT


def test_a_worker_that_hangs_is_ended_and_its_task_tried_again(client: Any, tmp_path: Path) -> None:
    with Execution(client, limit=1.0) as execution:
        assert execution.collect("squares", work_of(sleeping_once, tmp_path / "mark"), TASKS) == RIGHT


def test_a_limit_is_of_a_task_and_not_of_what_waits_beside_it(tmp_path: Path) -> None:
    """Four threads of one worker do one task at a time: the last waits longer than the limit, and is not ended."""
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=4, host="127.0.0.1", dashboard_address=None, silence_logs=logging.CRITICAL
        ) as cluster,
        distributed.Client(cluster) as client,
        Execution(client, limit=1.5) as execution,
    ):
        (pid,) = worker_processes(client)
        assert execution.collect("squares", work_of(slow_square, 0.5), range(5)) == RIGHT[:5]
        assert worker_processes(client) == [pid]


def test_short_tasks_travel_together_and_each_comes_once(client: Any) -> None:
    submitted: list[int] = []
    original = client.submit

    def counted(function: Any, digest: str, jobs: Any, *rest: Any, **options: Any) -> Any:
        submitted.append(len(jobs))
        return original(function, digest, jobs, *rest, **options)

    client.submit = counted
    tasks = range(300)
    with Execution(client) as execution:
        places = [place for place, item in execution.map(work_of(uneven), tasks) if item == square(place)]
    assert sorted(places) == list(tasks)
    assert 1 < max(submitted) <= LARGEST


def test_a_long_task_sends_the_rest_of_its_parcel_back() -> None:
    work = work_of(uneven)
    receive(work.digest, work.payload)
    jobs = [(task, None) for task in range(48, 53)]
    seconds, replies = answer(work.digest, jobs, environment(), None)
    assert seconds > SPAN and [reply[:2] for reply in replies] == [("new", "2304.1"), ("new", "2401.1")]
    forget(work.digest)


def test_a_worker_over_its_memory_is_ended_and_its_task_tried_again(tmp_path: Path) -> None:
    """Dask's nanny ends a worker that holds more than it may; what ran there runs elsewhere."""
    with (
        dask.config.set({"distributed.deploy.lost-worker-timeout": "1 hour"}),
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=1, host="127.0.0.1", dashboard_address=None, memory_limit="800MB",
            silence_logs=logging.CRITICAL,
        ) as cluster,
        distributed.Client(cluster) as client,
        Execution(client, tmp_path / "store") as execution,
    ):  # fmt: skip
        (pid,) = worker_processes(client)
        assert execution.collect("squares", work_of(growing_once, tmp_path / "mark"), range(6)) == RIGHT[:6]
        assert worker_processes(client) != [pid]
    assert len(list(stored_documents(tmp_path / "store"))) == 6


def test_what_is_kept_is_confirmed_by_the_workers(client: Any, tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    marks.mkdir()
    with Execution(client, tmp_path / "store") as execution:
        execution.collect("squares", work_of(square), TASKS[:20])
        assert execution.collect("squares", work_of(counting, marks), TASKS) == RIGHT
    assert {int(path.name.partition("-")[0]) for path in marks.iterdir()} == set(TASKS[20:])


def test_tasks_are_streamed(client: Any) -> None:
    taken = 0

    def endless() -> Iterator[int]:
        nonlocal taken
        while True:
            yield taken
            taken += 1

    with Execution(client) as execution:
        found = execution.map(work_of(square), endless())
        some = [next(found) for _ in range(300)]
        found.close()
    assert all(not isinstance(item, Failed) and item == square(place) for place, item in some)
    assert taken <= 300 + 2 * WINDOW * LARGEST


def other_version() -> tuple[tuple[str, str], ...]:
    return tuple((name, "9.9" if name == "numpy" else value) for name, value in environment())


def test_a_worker_of_another_version_is_refused_in_one_line(client: Any) -> None:
    backend = Cluster(client)
    backend._ours = other_version()
    with pytest.raises(InputError, match=r"has numpy [\d.]+ \(here 9\.9\)") as caught:
        list(backend.answers(work_of(square), iter(())))
    assert "\n" not in str(caught.value)


def test_a_worker_of_another_version_that_joins_later_is_refused_too(client: Any) -> None:
    backend = Cluster(client)
    backend._introduce(work_of(square))
    backend._ours = other_version()
    backend._introduce = lambda work: None  # type: ignore[method-assign]
    with pytest.raises(InputError, match=r"every worker of tcp://\S+ is refused, the last for numpy"):
        list(backend.answers(work_of(square), iter([Job(0, 1, None), Job(1, 2, None)])))


def test_no_worker_is_one_line() -> None:
    with (
        distributed.LocalCluster(n_workers=0, host="127.0.0.1", dashboard_address=None) as empty,
        distributed.Client(empty) as client,
        pytest.raises(InputError, match=r"no worker at tcp://127\.0\.0\.1:\d+ for 0.3 s"),
    ):
        list(Cluster(client, patience=0.3).answers(work_of(square), iter(())))


def test_no_scheduler_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "CONNECTING", 0.3)
    with pytest.raises(InputError, match="no Dask scheduler answers"), Execution("tcp://127.0.0.1:1"):
        raise AssertionError("the work has begun")


@pytest.mark.parametrize("content", ["", "# a page", "[]", '{"id": 1}', '{"address": 8786}', '{"address": "here"}'])
def test_a_file_that_no_scheduler_wrote_is_one_line(content: str, tmp_path: Path) -> None:
    file = tmp_path / "scheduler.json"
    file.write_text(content)
    with pytest.raises(InputError, match=r"scheduler\.json` is no scheduler file"), Execution(str(file)):
        raise AssertionError("the work has begun")


def test_a_scheduler_is_found_by_its_file(client: Any, tmp_path: Path) -> None:
    file = tmp_path / "scheduler.json"
    file.write_text(json.dumps({"type": "Scheduler", "address": client.scheduler.address}))
    with Execution(str(file)) as execution:
        assert execution.collect("squares", work_of(square), TASKS) == RIGHT


def test_a_cluster_of_ones_own_listens_on_loopback_and_ends() -> None:
    with Execution("local:1") as execution:
        assert execution.collect("squares", work_of(square), TASKS) == RIGHT
        backend: Any = execution._host._opened
        assert backend._client.scheduler.address.startswith("tcp://127.0.0.1:")
        (pid,) = worker_processes(backend._client)
        # Messages hold tasks: few are remembered, or the client's memory would grow with the tasks.
        streams = backend._client.cluster.scheduler.stream_comms.values()
        assert [stream.recent_message_log.maxlen for stream in streams] == [10]
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_an_interrupt_ends_the_cluster_that_was_started(tmp_path: Path) -> None:
    """To the whole group, as a terminal does it."""
    script = tmp_path / "script.py"
    script.write_text(
        # What runs in the background of a shell ignores interrupts, and so do its children.
        "import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from certify.execution.door import Execution\nfrom tests.execution_tasks import slow_square, work_of\n"
        "if __name__ == '__main__':\n"
        "    with Execution('local:2') as execution:\n"
        "        for place, _ in execution.map(work_of(slow_square, 0.05), range(100000)):\n"
        "            print(place, flush=True)\n"
    )
    child = subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        start_new_session=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert child.stdout is not None
    for _ in range(5):
        child.stdout.readline()
    assert len(session(child.pid)) >= 3
    os.killpg(child.pid, signal.SIGINT)
    child.communicate(timeout=120)
    # Python's tracker of shared resources ends when it sees that the others are gone.
    until = time.monotonic() + 60
    while session(child.pid) and time.monotonic() < until:
        time.sleep(0.05)
    assert child.returncode != 0 and session(child.pid) == []


LINEAR, ROWS = "linear:d=2,kappa=1.5,seed=0", [[0.3, -0.2], [0.1, 0.4], [-0.5, 0.2]]


def verbs(folder: Path) -> dict[str, Callable[..., Any]]:
    """Every verb of the Python face that has independent tasks."""
    file = str(folder / "encoder.onnx")
    certify.encoder("gaussian-encoder", LINEAR, beta="0.1", out=file)
    audit = {"beta": "0.1", "observations": ROWS, "draws": 1000, "pairs": 0}
    return {
        "check": partial(certify.check, "rejection-encoder", LINEAR, beta="0.3", observations=ROWS),
        "evidence": partial(certify.evidence, LINEAR, ROWS, beta="0.3", proposals=1000),
        "audit": partial(certify.audit, file, LINEAR, **audit),
        "sweep": partial(
            certify.sweep, "strong-invertibility", d=8, m=1, M=[1.2, 1.5], M2=0.15, epsilon=0.1, beta=0.05
        ),
        # A theorem about constants alone: others would have every process find which generators they admit.
        "stress": partial(certify.stress, str(ROOT / "examples" / "theorems" / "polyak_lojasiewicz.py"), examples=4),
    }


@pytest.mark.slow
def test_every_verb_takes_a_client_and_says_the_same(client: Any, tmp_path: Path) -> None:
    for name, verb in verbs(tmp_path).items():
        here, there = (verb(scheduler=scheduler).to_dict() for scheduler in ("serial", client))
        for document in (here, there):
            document.pop("provenance", None)
        assert here == there, name


@pytest.mark.parametrize("command", ["check", "evidence", "audit", "sweep", "stress", "hardness"])
def test_every_command_with_independent_tasks_has_the_option(command: str) -> None:
    module = importlib.import_module(f"certify.cli.commands.{command}")
    assert "scheduler" in inspect.signature(spread(module.run)).parameters


SERVER = """
import asyncio, sys
from distributed import Scheduler, Worker

async def serve(port):
    async with Scheduler(host="127.0.0.1", port=port, dashboard_address="127.0.0.1:0") as scheduler:
        async with Worker(scheduler.address, nthreads=1, dashboard_address="127.0.0.1:0"):
            await scheduler.finished()

asyncio.run(serve(int(sys.argv[1])))
"""


@pytest.mark.slow
def test_a_restarted_scheduler_is_given_the_rest(tmp_path: Path) -> None:
    """Scheduler and worker are killed in the middle and started again at the same address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address, started = f"tcp://127.0.0.1:{port}", []

    def start() -> None:
        started.append(
            subprocess.Popen(
                [sys.executable, "-c", SERVER, str(port)],
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                start_new_session=True,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        )

    def end() -> None:
        for process in started:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        started.clear()

    start()
    try:
        until = time.monotonic() + 60
        while time.monotonic() < until:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0):
                break
            time.sleep(0.05)
        with Execution(address, tmp_path) as execution:
            found: dict[int, Any] = {}
            for place, item in execution.map(work_of(slow_square, 0.05), range(30)):
                found[place] = item
                if len(found) == 10:
                    end()
                    start()
            assert found == {task: square(task) for task in range(30)}
        assert len(list(stored_documents(tmp_path))) == 30
    finally:
        end()
