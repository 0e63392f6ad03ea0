"""The door for independent tasks: order, resumption, damage, deaths, hangs, interrupts; and that there is no other."""

from __future__ import annotations

import ast
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import certify
from certify.atomic import write_bytes_atomically
from certify.cli.main import main
from certify.errors import InputError
from certify.execution.door import Execution, Failed, checked_scheduler
from certify.execution.records import open_records, stored_documents
from certify.execution.work import FailedTasksError, difference, environment
from tests.conftest import ROOT
from tests.execution_tasks import (
    counting,
    fragile,
    hanging_once,
    hungry_once,
    process,
    refusing,
    slow_square,
    square,
    work_of,
)

TASKS = range(12)
RIGHT = [square(task) for task in TASKS]


@pytest.fixture(scope="module")
def two_processes() -> Iterator[Execution]:
    with Execution("processes:2") as execution:
        yield execution


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def run(scheduler: str, folder: Path | None = None, tasks: range = TASKS) -> list[float]:
    with Execution(scheduler, folder) as execution:
        return execution.collect("squares", work_of(square), tasks)


def test_the_same_bytes_here_and_in_processes(tmp_path: Path) -> None:
    assert run("serial", tmp_path / "a") == run("processes:2", tmp_path / "b") == RIGHT
    assert files(tmp_path / "a") == files(tmp_path / "b")
    assert len(files(tmp_path / "a")) == len(TASKS) + 1


def test_folders_of_two_runs_are_merged_by_copying(tmp_path: Path) -> None:
    run("serial", tmp_path / "a", range(0, 7))
    run("serial", tmp_path / "b", range(5, 12))
    run("serial", tmp_path / "whole")
    shutil.copytree(tmp_path / "b", tmp_path / "a", dirs_exist_ok=True)
    assert files(tmp_path / "a") == files(tmp_path / "whole")
    marks = tmp_path / "marks"
    marks.mkdir()
    with Execution("serial", tmp_path / "a") as execution:
        assert execution.collect("squares", work_of(counting, marks), TASKS) == RIGHT
    assert not list(marks.iterdir())


def test_what_is_kept_is_verified_and_what_is_not_confirmed_is_computed_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run("serial", tmp_path)
    whole = files(tmp_path)
    damaged, forged, torn = sorted(tmp_path.glob("*/??/*.json"))[:3]
    damaged.write_bytes(damaged.read_bytes().replace(b".1", b".2"))
    forged.unlink()
    other = Path(shutil.copytree(tmp_path, tmp_path.with_name("other"))) / torn.relative_to(tmp_path)
    torn.write_bytes(torn.read_bytes()[:-9])
    # A record with a right digest that is another task's: only its meaning gives it away.
    write_bytes_atomically(forged, other.read_bytes())
    assert run("serial", tmp_path) == RIGHT
    assert files(tmp_path) == whole
    assert caplog.text.count("damaged") == 2 and "is not the square of" in caplog.text


def test_a_folder_holds_the_results_of_several_questions(tmp_path: Path) -> None:
    with Execution("serial", tmp_path) as execution:
        for question in ("one", "other"):
            execution.collect("squares", work_of(square, question=question), TASKS)
    assert len(list(tmp_path.glob("*/question.json"))) == 2
    assert len(list(stored_documents(tmp_path))) == 2 * len(TASKS)


def test_a_damaged_record_is_no_document(tmp_path: Path) -> None:
    run("serial", tmp_path)
    first = next(iter(sorted(tmp_path.glob("*/??/*.json"))))
    first.write_text("{}")
    with pytest.raises(InputError, match="damaged"):
        list(stored_documents(tmp_path))


def test_one_file_keeps_its_entries_in_the_order_of_the_tasks(tmp_path: Path) -> None:
    for name, scheduler in (("a.json", "serial"), ("b.json", "processes:2")):
        assert run(scheduler, tmp_path / name) == RIGHT
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    assert list(json.loads((tmp_path / "a.json").read_text())["observations"].values()) == RIGHT
    with Execution("serial", tmp_path / "a.json") as execution, pytest.raises(InputError, match="results of another"):
        execution.collect("squares", work_of(square, question="other"), TASKS)
    with pytest.raises(AssertionError, match="the results stand there"):
        open_records(tmp_path / "b.json", {"observations": 3})


@pytest.mark.parametrize("scheduler", ["serial", "processes:2"])
def test_a_task_that_fails_is_reported_with_its_case_after_the_rest_is_done(tmp_path: Path, scheduler: str) -> None:
    tasks = range(4, 12) if scheduler == "serial" else TASKS
    failing = {5, 7} if scheduler == "serial" else {3, 5, 7}
    with Execution(scheduler, tmp_path) as execution:
        with pytest.raises(FailedTasksError) as caught:
            execution.collect("squares", work_of(fragile), tasks)
        found = dict(execution.map(work_of(fragile), tasks))
    assert len(caught.value.failures) == len(failing) and f"kept in `{tmp_path}`" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert {tasks[place] for place, item in found.items() if isinstance(item, Failed)} == failing
    assert len(list(stored_documents(tmp_path))) == len(tasks) - len(failing)
    reasons = " ".join(caught.value.failures.values())
    assert "ZeroDivisionError: five (fragile" in reasons and "out of memory" in reasons
    assert ("its worker died (killed, or out of memory), 3 times" in reasons) == (scheduler != "serial")


def test_bad_input_stops_at_once_with_its_one_line(two_processes: Execution) -> None:
    with pytest.raises(InputError, match="^row 4 is no observation$"):
        two_processes.collect("squares", work_of(refusing), TASKS)
    assert two_processes.collect("squares", work_of(square), TASKS) == RIGHT


def test_a_worker_that_hangs_is_ended_and_its_task_tried_again(tmp_path: Path) -> None:
    with Execution("processes:2", limit=1.0) as execution:
        assert execution.collect("squares", work_of(hanging_once, tmp_path / "mark"), TASKS) == RIGHT
    assert (tmp_path / "mark").exists()


def test_a_worker_without_memory_is_replaced_and_its_task_tried_again(tmp_path: Path) -> None:
    with Execution("processes:1") as execution:
        assert execution.collect("squares", work_of(hungry_once, tmp_path / "mark"), TASKS) == RIGHT
    assert (tmp_path / "mark").exists()


def test_a_task_that_always_hangs_is_given_up() -> None:
    with Execution("processes:1", limit=0.2, attempts=2) as execution:
        ((_, found),) = execution.map(work_of(slow_square, 60.0), [1])
    assert isinstance(found, Failed) and found.reason == "no answer in 0.2 s, 2 times"


def test_workers_are_kept_for_the_next_work_and_end_with_the_context() -> None:
    with Execution("processes:2") as execution:
        first, second = (set(execution.collect("ids", work_of(process, question=name), TASKS)) for name in "ab")
        assert first | second and len(first | second) <= 2 and os.getpid() not in first
    assert not any(alive(pid) for pid in first | second)


def test_tasks_are_streamed_and_a_run_that_is_given_up_leaves_nothing_behind(tmp_path: Path) -> None:
    taken = 0

    def endless() -> Iterator[int]:
        nonlocal taken
        while True:
            yield taken
            taken += 1

    with Execution("processes:2", tmp_path) as execution:
        found = execution.map(work_of(square), endless())
        some = [next(found) for _ in range(40)]
        found.close()
    assert all(item == square(place) for place, item in some)
    assert taken < 60 and len(list(stored_documents(tmp_path))) >= 40


def test_a_kill_of_the_client_at_any_time_loses_nothing_that_is_kept(tmp_path: Path) -> None:
    """The client is killed in the middle, five times; what it kept is whole and is not computed again."""
    marks, store = tmp_path / "marks", tmp_path / "store"
    marks.mkdir()
    code = (
        "from pathlib import Path\nfrom certify.execution.door import Execution\n"
        "from tests.execution_tasks import counting, work_of\n"
        f"with Execution('serial', Path({str(store)!r})) as execution:\n"
        f"    execution.collect('squares', work_of(counting, Path({str(marks)!r})), range(100000))\n"
    )
    for _ in range(5):
        before = len(list(marks.iterdir()))
        child = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT)
        while len(list(marks.iterdir())) < before + 20:
            assert child.poll() is None
            time.sleep(0.005)
        child.kill()
        child.wait()
    documents = list(stored_documents(store))
    assert [found for _, found in documents if not isinstance(found, float)] == []
    # A task is computed a second time only if its client was killed between computing and keeping it.
    assert len(list(marks.iterdir())) <= len(documents) + 5


def test_an_interrupt_ends_every_process(tmp_path: Path) -> None:
    code = (
        # What runs in the background of a shell ignores interrupts, and so do its children.
        "import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from pathlib import Path\nfrom certify.execution.door import Execution\n"
        "from tests.execution_tasks import slow_square, work_of\n"
        "if __name__ == '__main__':\n"
        f"    with Execution('processes:2', Path({str(tmp_path / 'store')!r})) as execution:\n"
        "        for place, _ in execution.map(work_of(slow_square, 0.05), range(100000)):\n"
        "            print(*(worker._process.pid for worker in execution._host._opened._workers), flush=True)\n"
    )
    script = tmp_path / "script.py"
    script.write_text(code)
    child = subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert child.stdout is not None
    lines = [child.stdout.readline() for _ in range(8)]
    workers = {int(pid) for pid in lines[-1].split()}
    assert len(workers) == 2 and all(map(alive, workers))
    os.killpg(child.pid, signal.SIGINT)
    child.communicate(timeout=120)
    assert child.returncode != 0 and not any(map(alive, workers))


def test_a_full_place_is_one_line_and_what_is_there_stays_whole(tmp_path: Path) -> None:
    """A limit on the size of files stands for the disk that is full."""
    code = (
        "import resource, signal, sys\nfrom functools import partial\nfrom pathlib import Path\n"
        "from certify.errors import InputError\nfrom certify.execution.door import Execution\n"
        "from tests.execution_tasks import square, work_of\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "def tasks():\n"
        "    for task in range(20):\n"
        "        if task == 10:\n"
        "            resource.setrlimit(resource.RLIMIT_FSIZE, (40, 40))\n"
        "        yield task\n"
        f"with Execution('serial', Path({str(tmp_path)!r})) as execution:\n"
        "    try:\n"
        "        list(execution.map(work_of(square), tasks()))\n"
        "    except InputError as error:\n"
        "        sys.exit(str(error))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr.startswith("cannot write `") and done.stderr.count("\n") == 1
    assert len(list(stored_documents(tmp_path))) == 10
    assert not [path for path in tmp_path.rglob("*") if path.name.endswith(".tmp")]
    assert run("serial", tmp_path, range(20)) == [square(task) for task in range(20)]


def test_a_script_without_a_guard_is_told_so(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "from certify.execution.door import Execution\nfrom tests.execution_tasks import square, work_of\n"
        "with Execution('processes:1') as execution:\n    execution.collect('x', work_of(square), range(9))\n"
    )
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, env=environ)
    assert done.returncode == 1 and "__main__" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize("text", ["", "processes:0", "processes:many", "local", "local:-1", "no-file", "threads:2"])
def test_a_scheduler_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="processes:N"):
        checked_scheduler(text)


def test_a_limit_needs_a_worker_that_can_be_ended() -> None:
    with pytest.raises(InputError, match="task_limit"):
        Execution("serial", limit=1.0)
    with Execution(limit=60.0) as execution:
        assert os.getpid() not in execution.collect("ids", work_of(process), range(2))


SWEEP = ("sweep", "sharp-langevin", "--constants", "m=1,M=1.5,M2=0.15", "--over", "d=2:3")
CHECK = ("check", "rejection-encoder", "--generator", "linear:d=2,kappa=1.5,seed=0")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((*CHECK, "--scheduler", "processes:2"), "give `--observations` too"),
        ((*CHECK, "--task-limit", "9"), "give `--observations` too"),
        (("check", "rejection-encoder", "--constants", "d=2,m=1,M=1", "--scheduler", "serial"), "`--observations` too"),
        (("check", "strong-invertibility", *CHECK[2:], "--observations", "ROWS", "--scheduler", "serial"), "has none"),
        (("stress", "langevin-mixing", "--power", "--scheduler", "serial"), "leave out `--scheduler`"),
        (("stress", "langevin-mixing", "--processes", "2", "--scheduler", "serial"), "give one of them"),
        (("hardness", "--family", "linear", "--task-limit", "9"), "as `processes:1`"),
        ((*SWEEP, "--scheduler", "none"), "processes:N"),
    ],
)
def test_a_scheduler_that_would_do_nothing_is_refused(
    arguments: tuple[str, ...],
    says: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("rows.npy", np.zeros((2, 2)))
    assert main([item.replace("ROWS", "rows.npy") for item in arguments]) == 2
    said = capsys.readouterr().err
    assert says in said and said.count("\n") == 1


def test_from_python_too() -> None:
    with pytest.raises(InputError, match="give `observations` too"):
        certify.check("rejection-encoder", "linear:d=2,kappa=1.5,seed=0", scheduler="serial")


def test_only_text_and_clients_are_schedulers() -> None:
    with pytest.raises(InputError, match=r"dask\.distributed\.Client"):
        Execution(3)


def test_a_difference_of_environments_is_one_clause() -> None:
    ours = environment()
    assert difference(ours, ours) == "" and dict(ours)["numpy"] != "missing"
    theirs = tuple((name, "0.1" if name == "numpy" else value) for name, value in ours if name != "scipy")
    said = difference(theirs, ours)
    assert said.startswith("numpy 0.1 (here ") and "scipy missing (here " in said


PARALLEL = {"multiprocessing", "concurrent", "joblib", "pathos", "billiard", "dask", "distributed"}
ALONE = {
    "benchmarks/files_crossed.py": "a fresh process for each question, one after the other",
    "certify/sampling/workers.py": "threads over blocks of one run of chains, inside numba kernels",
}
"""Files outside `certify/execution/` that start or hold something parallel, each with what it is for."""


def parallel_imports(text: str) -> set[str]:
    forks = {"os.fork"} if "os.fork(" in text else set()
    if not any(name in text for name in PARALLEL):
        return forks
    nodes = list(ast.walk(ast.parse(text)))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    return {name for name in names if name.split(".")[0] in PARALLEL} | forks


def test_there_is_no_other_door() -> None:
    found = {
        str(path.relative_to(ROOT)): seen
        for folder in ("certify", "theorems", "benchmarks")
        for path in sorted((ROOT / folder).rglob("*.py"))
        if "execution" not in path.relative_to(ROOT).parts[:2] and (seen := parallel_imports(path.read_text()))
    }
    assert {name: seen for name, seen in found.items() if name not in ALONE} == {}
    assert found.keys() == ALONE.keys()
    assert parallel_imports("from concurrent.futures import ProcessPoolExecutor") and parallel_imports("os.fork()")
    assert parallel_imports("def f():\n    import multiprocessing.pool")


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
