"""The way to a Dask cluster: one that is there, by address, file or client, or one of our own on loopback."""

from __future__ import annotations

import json
import logging
import warnings
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from certify.errors import InputError, MissingExtraError
from certify.execution.cluster import Cluster

CONNECTING = 10.0
"""Seconds for one try to reach the scheduler."""
LONGEST_FILE = 2**20
"""Bytes that are read of a scheduler file; Dask writes some hundreds."""
SHORT_LOGS = {"distributed.admin.low-level-log-length": 10}
"""Dask keeps the last 1000 messages of every connection, and with them the tasks of so many parcels."""


def connected(where: str | Any, limit: float | None) -> Cluster:
    """The cluster behind an address, a scheduler file, `local:N` or a client.

    Raises:
        MissingExtraError: without `distributed`. InputError: if nobody answers.
    """
    try:
        import dask
        from distributed import Client
        from distributed.versions import VersionMismatchWarning
    except ImportError as error:
        raise MissingExtraError("distributed", "cluster", "a Dask cluster") from error
    if isinstance(where, Client):
        if where.asynchronous:
            raise InputError("`scheduler` must be a client that waits: make it without `asynchronous=True`")
        return Cluster(where, limit=limit)
    kind, _, rest = where.partition(":")
    if kind == "local":
        count = int(rest)
        return _started(count, limit)

    def connect() -> Any:
        with warnings.catch_warnings(), dask.config.set(SHORT_LOGS):
            # What differs and matters is refused in one line of ours; Dask's table names what does not matter too.
            warnings.simplefilter("ignore", VersionMismatchWarning)
            # A scheduler that was started again has written another address.
            return Client(where if "://" in where else _address_in(Path(where)), timeout=CONNECTING)

    try:
        client = connect()
    except InputError:
        raise
    except (OSError, ValueError) as error:
        raise InputError(f"no Dask scheduler answers at `{where}`: {error}") from error
    found = Cluster(client, connect, None, limit)
    found._close = lambda: found._client.close()
    return found


def _address_in(file: Path) -> str:
    """The address that a scheduler wrote into its file. Raises InputError where there is none."""
    try:
        with file.open("rb") as stream:
            address = json.loads(stream.read(LONGEST_FILE))["address"]
    except OSError as error:
        raise InputError(f"cannot read the scheduler file `{file}`: {error.strerror}") from error
    except (ValueError, TypeError, LookupError, RecursionError):
        address = None
    if not isinstance(address, str) or "://" not in address:
        raise InputError(f"`{file}` is no scheduler file: `dask scheduler --scheduler-file` writes one")
    return address


def _started(count: int, limit: float | None) -> Cluster:
    """A cluster of our own: on loopback, without a dashboard, one thread a worker; nobody outside sees it.

    Without an address Dask serves HTTP on port 8787 all the same, and warns where another cluster has that.
    """
    import dask
    from distributed import Client, LocalCluster

    opened = ExitStack()
    # Dask gives a worker up for ever that is not back after 15 s, which a busy machine takes to start one.
    opened.enter_context(dask.config.set({"distributed.deploy.lost-worker-timeout": "1 hour", **SHORT_LOGS}))
    cluster = opened.enter_context(
        LocalCluster(
            n_workers=count, threads_per_worker=1, processes=True, host="127.0.0.1",
            dashboard_address="127.0.0.1:0", scheduler_kwargs={"dashboard": False}, silence_logs=logging.CRITICAL,
        )
    )  # fmt: skip
    return Cluster(opened.enter_context(Client(cluster)), None, opened.close, limit)
